#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=1200 flavours=pv,pvh,hvm share=0.7
"""test/xen/attacks.py -- what an attacker in the program can do, and a program that dies, under a real Xen.

The programs are those of test/guest/attack_*.c; they know where they run. On PV a stack that cannot take the frame of
an exception ends the domain without a word from the guest: Xen says so in its own log, and that is expected here.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import tap  # noqa: E402
import crashes  # noqa: E402

PV, HVM = xl.FLAVOUR == "pv", xl.FLAVOUR == "hvm"
PROGRAMS = ["attack_%s" % n for n in ("cpu", "memory", "ports", "early", "gate")]
LINE = "ip=off PITH_SEED=%d" % tap.seed


# HVM's crashes are a PVH guest's: hvm.py has one.
DISKS = dict(xl.boot_disk("test/guest/" + n, *LINE.split()) for n in PROGRAMS) if HVM else None
HOST = xl.host([] if HVM else ["test/guest/" + n for n in PROGRAMS + ["attack_crash"]], DISKS)

# Of attack_crash.py's: what differs from machine to machine.
CASES = ["crash_" + n for n in "read_null run_data port smash stack no_stack in_resume without_text without_trap_stack".split()]
XENS_WORD = {"crash_stack", "crash_no_stack", "crash_without_trap_stack"}  # on PV
SILENT = {"crash_without_text"}  # on PV the domain's crash is all there is: nobody is left who could print


def attacks(program):
    with xl.Guest(HOST, "test/guest/" + program, LINE, memory=64, extra=xl.QUICK_DISK if HVM else "") as guest:
        what = guest.judged(360, "on PV|there is no gate on PV" if PV else None)
        tap.note("%s: %s" % (program, what + "".join("\n" + s for s in re.findall("^ok .*PV cannot stop.*", guest.console, re.M))))


def crash(case):
    with xl.Guest(HOST, "test/guest/attack_crash", "ip=off -- " + case, memory=64) as guest:
        how, said = guest.end(90), guest.read()
        log = HOST.shell("xl dmesg | tail -n 60")[1]
        assert how == "crash" and "still alive" not in said, "%s:\n%s\n%s" % (how, said, log)
        if PV and case in XENS_WORD:
            assert re.search(r"domain_crash|Unhandled|Triple", log), "Xen says nothing:\n" + log
        elif not (PV and case in SILENT):
            lacking = crashes.lacking(case, said + log)
            assert not lacking, "%s:\n%s\n%s" % (lacking, said, log)


for name_ in PROGRAMS:
    tap.point("guest/" + name_)(lambda n=name_: attacks(n))
for case_ in CASES if not HVM else ():
    tap.point("%s is reported" % case_.replace("_", " "))(lambda c=case_: crash(c))

with HOST:
    tap.run()
