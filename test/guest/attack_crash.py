#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600 machines=q35,microvm
"""test/guest/attack_crash.py -- a program that dies must be seen to die.

Each case of attack_crash.c boots a machine of its own. It must end by itself and soon, name the exception and the function
it happened in (by name, from the image's own table), and tell the host of a failure.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import crashes  # noqa: E402
import machine  # noqa: E402
import tap  # noqa: E402

LIMIT = 40.0
CRASH = 127  # what is left of 255 in QEMU's exit status


def boot(case, timeout=LIMIT):
    return machine.run(tap.image("attack_crash"), timeout, append="ip=off -- %s" % case, machine=tap.machine, accel=tap.accel,
                       devices=machine.rng(tap.machine))


def check(case):
    status, console = boot(case)
    lacking = crashes.lacking(case, console)
    assert not lacking and status == CRASH, "%s, the host was told %s:\n%s" % (lacking, status, console)


for case_ in crashes.CASES:
    tap.point("%s is reported" % case_.replace("_", " "))(lambda c=case_: check(c))


@tap.point("abort() tells the host of a failure")
def aborted():
    status, console = boot("crash_abort")
    assert status not in (0, "off"), "status %s: %s" % (status, console)


@tap.point("a reset through the gate ends the machine")
def reset():
    assert boot("crash_reset")[0] == "off"


@tap.point("a thread that never lets go ends with its machine")
def spin():
    guest = machine.Guest(tap.image("attack_crash"), "ip=off -- crash_spin", tap.machine, tap.accel)
    with guest:
        guest.expect("spinning")
    assert guest.process.returncode is not None


tap.run()
