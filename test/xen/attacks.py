#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600 flavours=pv,pvh,hvm
"""test/xen/attacks.py -- what an attacker in the program can do, and a program that dies, under a real Xen.

The programs are those of test/guest/attack_*.c; they know where they run. On PV a stack that cannot take the frame of
an exception ends the domain without a word from the guest: Xen says so in its own log, and that is expected here.
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import tap  # noqa: E402

PV, HVM = xl.FLAVOUR == "pv", xl.FLAVOUR == "hvm"
PROGRAMS = ["attack_%s" % n for n in ("cpu", "memory", "ports", "early", "gate")]
LINE = "ip=off PITH_SEED=%d" % tap.seed


def make_disk(program):
    """An HVM guest comes from a disk with its command line. Its crashes are a PVH guest's: hvm.py has one."""
    folder = os.path.join(tap.build, "test/xen")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, program + ".disk")
    subprocess.run([os.path.join(tap.source, "tools/pith-disk"), "%s/test/guest/%s.xen" % (tap.build, program), path, *LINE.split()], check=True)
    return os.path.basename(path), path


HOST = xl.host([] if HVM else ["test/guest/" + n for n in PROGRAMS + ["attack_crash"]], dict(make_disk(n) for n in PROGRAMS) if HVM else None)

# Case: what the report says, and in which function; "" stands for the case's own name, None for none. Some of attack_crash.py's.
CASES = {
    "crash_read_null": ("page fault: read of an unmapped page at 0000000000000000", ""),
    "crash_run_data": ("page fault: execute of a protected page", ""),
    "crash_port": ("general protection", ""),
    "crash_smash": ("stack smashed|stack smashing", ""),
    "crash_stack": ("page fault: write of an unmapped page", "crash_recursion"),
    "crash_no_stack": ("page fault: write of|stack fault", ""),
    "crash_in_resume": ("page fault: execute of an unmapped page", None),
    "crash_without_text": ("gate: fault upon fault", None),
    "crash_without_trap_stack": ("gate: fault upon fault", None),
}
XENS_WORD = {"crash_stack", "crash_no_stack", "crash_without_trap_stack"}  # on PV
SILENT = {"crash_without_text"}  # on PV the domain's crash is all there is: nobody is left who could print


def attacks(program):
    with xl.Guest(HOST, "test/guest/" + program, LINE, memory=64) as guest:
        how, said = guest.end(120), guest.read()
        plan = re.findall(r"^1\.\.(\d+)", said, re.M)
        points, wrong = len(re.findall(r"^ok ", said, re.M)), re.findall(r"^not ok .*", said, re.M)
        tap.note("%s: %d points, %d of them say what is otherwise here" % (program, points, said.count("# SKIP") + said.count("PV cannot stop")))
        assert how == "poweroff" and plan == [str(points)] and not wrong, "%s, %d of %s points:\n%s" % (how, points, plan, said[-4000:])


def crash(case, message, function):
    with xl.Guest(HOST, "test/guest/attack_crash", "ip=off -- " + case, memory=64) as guest:
        how, said = guest.end(30), guest.read()
        log = HOST.shell("xl dmesg | tail -n 60")[1]
        assert how == "crash" and "still alive" not in said, "%s:\n%s\n%s" % (how, said, log)
        if PV and case in XENS_WORD:
            assert re.search(r"domain_crash|Unhandled|Triple", log), "Xen says nothing:\n" + log
        elif not (PV and case in SILENT):
            assert re.search(message, said + log), "the report lacks '%s':\n%s\n%s" % (message, said, log)
            assert function is None or re.search(r"^pith: .*\b%s\b" % (function or case), said, re.M), "no function name:\n" + said


for name_ in PROGRAMS:
    tap.point("guest/" + name_)(lambda n=name_: attacks(n))
for case_, (message_, function_) in CASES.items() if not HVM else ():
    tap.point("%s is reported" % case_.replace("_", " "))(lambda c=case_, m=message_, f=function_: crash(c, m, f))

with HOST:
    tap.run()
