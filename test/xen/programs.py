#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=800 flavours=pv,pvh
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


def judge(program, line="ip=off", **more):
    """Runs a program that prints TAP. Returns how many points it passed."""
    with xl.Guest(HOST, "test/guest/" + program, line + " PITH_SEED=%d" % tap.seed, memory=64, **more) as guest:
        how, said = guest.end(90), guest.read()
        plan = re.findall(r"^1\.\.(\d+)", said, re.M)
        points, wrong = len(re.findall(r"^ok ", said, re.M)), re.findall(r"^not ok .*", said, re.M)
        tap.note("%s: %d points" % (program, points))
        assert how == "poweroff" and plan == [str(points)] and not wrong and guest.exit_status() == "0", \
            "%s, status %s, %d of %s points:\n%s" % (how, guest.exit_status(), points, plan, said[-4000:])


for name_ in PROGRAMS:
    tap.point("guest/" + name_)(lambda n=name_: judge(n))


@tap.point("guest/libc_disk, on a disk")
def disk():
    HOST.shell("dd if=/dev/zero of=%s/disk.img bs=1M count=8 2> /dev/null" % HOST.job)
    judge("libc_disk", disks=[xl.disk(HOST.job + "/disk.img")])


@tap.point("contract: the platform")
def plat():
    judge("contract_plat_contract")


@tap.point("contract: disks")
def blk():
    HOST.shell("dd if=/dev/zero of=%s/disk.img bs=1M count=8 2> /dev/null" % HOST.job)
    judge("contract_blk_contract", disks=[xl.disk(HOST.job + "/disk.img")])


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
        how, said = guest.end(60), guest.read()
        assert how == "crash" and len(re.findall(r"^ok ", said, re.M)) >= 16 and "not ok" not in said, "%s:\n%s" % (how, said)
        assert "domain_crash" in HOST.shell("xl dmesg | tail -n 40")[1]


with HOST:
    tap.run()
