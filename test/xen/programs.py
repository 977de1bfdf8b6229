#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=1200 flavours=pv,pvh share=0.7
"""test/xen/programs.py -- the contracts, and every guest program that judges itself, under a real Xen.

Each guest is one point: it must end in good order and print as many `ok` as it planned.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import tap  # noqa: E402

PROGRAMS = "libc_file libc_malloc libc_proc libc_signal libc_stdio libc_thread libc_time".split()
STATION, STATION_MAC = "10.0.2.15", "00:16:3e:00:00:15"  # the address of test/contract/station.h

HOST = xl.host(["test/guest/" + n for n in PROGRAMS + ["libc_disk"] + ["contract_%s_contract" % c for c in ("plat", "blk", "nic", "thread")]])


# What a program may skip under Xen: behind netback there is a bridge, and no peer that sends frames back as they are.
LAWFUL = {"contract_nic_contract": "offload: .*nobody sends it back"}


def judge(program, line="ip=off", **more):
    """Runs a program that prints TAP."""
    with xl.Guest(HOST, "test/guest/" + program, line + " PITH_SEED=%d" % tap.seed, memory=64, **more) as guest:
        tap.note("%s: %s" % (program, guest.judged(270, LAWFUL.get(program))))


for name_ in PROGRAMS:
    tap.point("guest/" + name_)(lambda n=name_: judge(n))


@tap.point("guest/libc_disk, on a disk")
def disk():
    judge("libc_disk", disks=[xl.disk(HOST.zeros("disk.img", 8 << 20))])


@tap.point("contract: the platform")
def plat():
    judge("contract_plat_contract")


@tap.point("contract: disks")
def blk():
    judge("contract_blk_contract", disks=[xl.disk(HOST.zeros("disk.img", 8 << 20))])


@tap.point("contract: network interfaces")
def nic():
    HOST.shell("ip route replace %s/32 dev %s; arp -s %s %s || ip neigh replace %s lladdr %s dev %s" %
               (STATION, HOST.bridge, STATION, STATION_MAC, STATION, STATION_MAC, HOST.bridge))
    judge("contract_nic_contract", "ip=off peer=" + HOST.gateway, vifs=["mac=%s,bridge=%s" % (STATION_MAC, HOST.bridge)])


@tap.point("contract: threads" + (", and Xen ends a guest whose stack runs out" if xl.FLAVOUR == "pv" else ""))
def thread():
    if xl.FLAVOUR != "pv":
        return judge("contract_thread_contract")
    # Xen puts an exception's frame on the stack that was in use, and has no other for a PV guest: no fault can be handled there.
    with xl.Guest(HOST, "test/guest/contract_thread_contract", "ip=off", memory=64) as guest:
        how, said = guest.end(270), guest.read()
        assert how == "crash" and len(re.findall(r"^ok ", said, re.M)) >= 16 and "not ok" not in said, "%s:\n%s" % (how, said)
        assert "domain_crash" in HOST.shell("xl dmesg | tail -n 40")[1]


with HOST:
    tap.run()
