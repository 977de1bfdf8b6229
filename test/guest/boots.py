#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600 machines=all
"""test/guest/boots.py -- an image boots on a machine in each of its forms, and what comes in and goes out of it is right.

Words and environment, exit status, console, files, memory, sleep, randomness: the same program as on the host.
"""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import machine  # noqa: E402
import tap  # noqa: E402

PROBE = tap.image("probe")


def probe(words, timeout=90.0, before="ip=off", **options):
    """Runs the probe with words behind `--`. Returns (status, console)."""
    return machine.run(PROBE, timeout, append="%s -- %s" % (before, words), machine=tap.machine, accel=tap.accel, **options)


def is_on(line, console):
    assert re.search("^%s$" % re.escape(line), console, re.M), "no line '%s' in:\n%s" % (line, console)


@tap.point("hello prints what it prints on the host")
def hello():
    host = subprocess.run([tap.demo("hello", ".host"), "a", "b c"], capture_output=True, text=True, check=True).stdout
    status, console = machine.run(tap.demo("hello"), append="-- a 'b c'", machine=tap.machine, accel=tap.accel)
    assert console == host, "host:\n%s\nguest:\n%s" % (host, console)
    assert status == 0, "status %s" % status


@tap.point("words are quoted as a shell quotes them")
def words():
    _, console = probe("""words one 'two  words' "three \\" four" five\\ six '' a=b --help ip=1.2.3.4""")
    for number, word in enumerate(["words", "one", "two  words", 'three " four', "five six", "", "a=b", "--help", "ip=1.2.3.4"], 1):
        is_on("word %d: [%s]" % (number, word), console)
    assert "word 10" not in console, console


@tap.point("without -- what is not ours is an argument")
def no_separator():
    _, console = machine.run(PROBE, append="ip=off pith.log=err words Hello", machine=tap.machine, accel=tap.accel)
    is_on("word 1: [words]", console)
    is_on("word 2: [Hello]", console)
    assert "word 3" not in console, console


@tap.point("NAME=value goes into the environment, the last one wins")
def environment():
    _, console = probe("words", before="ip=off FIRST=1 SECOND='two words' FIRST=again EMPTY=")
    for line in ("FIRST=again", "SECOND=two words", "EMPTY="):
        is_on("environment: [%s]" % line, console)
    assert "FIRST=1" not in console, console


@tap.point("exit status reaches the host")
def statuses():
    for status in (0, 1, 2, 42, 127):
        told = probe("exit %d" % status)[0]
        assert told == status, "exit(%d) told %s" % (status, told)


@tap.point("exit() in a thread flushes and ends the machine")
def thread_exit():
    status, console = probe("thread-exit 7")
    assert (status, console.strip()) == (7, "unflushed"), "status %s: %s" % (status, console)


@tap.point("without the exit device the machine powers off")
def power_off():
    assert probe("exit 5", exit_device=False)[0] == "off"


@tap.point("thousands of lines arrive whole and in order")
def lines():
    count = 2000 if tap.accel == "kvm" else 5000  # a port access may cost 30 us there
    status, console = probe("print %d" % count, timeout=180)
    expected = "".join("%d of %d: the quick brown fox jumps over the lazy dog\n" % (i, count) for i in range(count))
    assert status == 0 and console == expected, "status %s, %d of %d bytes" % (status, len(console), len(expected))


@tap.point("what is typed on the console is read, line by line")
def typed():
    with machine.Guest(PROBE, "ip=off -- lines", tap.machine, tap.accel) as guest:
        guest.expect("type")
        for line in ("hello", "two words", "x" * 200):
            guest.send(line + "\n")
            guest.expect(r"line: \[%s\]" % line)
        guest.send("a\nb\nc\nend\n")
        assert guest.wait() == 0
        for line in ("line: [a]", "line: [b]", "line: [c]", "done"):  # what is typed is echoed in between
            assert line in guest.console, guest.console


def sleep_once():
    """A sleep of 3 s: by the guest's clock, by ours, and what CPU time it took."""
    with machine.Guest(PROBE, "ip=off -- sleep 3 30", tap.machine, tap.accel) as guest:
        guest.expect("sleeping")
        start, used = time.monotonic(), guest.cpu_seconds()
        guest.expect("slept:")
        passed, used = time.monotonic() - start, guest.cpu_seconds() - used
        slept = float(guest.expect(r"slept: ([\d.]+)").group(1))
        assert guest.wait() == 0
    assert slept > 2.95, "slept %g s of 3 by its own clock" % slept
    return slept, passed, used


@tap.point("a sleep takes its time and no CPU")
def sleeps():
    tried = []
    while len(tried) < 4:  # a busy host can be late, a wrong clock is wrong each time
        slept, passed, used = sleep_once()
        if slept < 3.6 and abs(passed - slept) < 0.3 and used < 0.5:
            return
        tried.append("%g s by its clock, %g s by ours, %g s of CPU time" % (slept, passed, used))
    raise AssertionError("a sleep of 3 s, each time wrong: " + "; ".join(tried))


@tap.point("the calendar clock is right")
def calendar():
    _, console = probe("sleep 0")
    told = int(re.search(r"time: (\d+)", console).group(1))
    assert abs(told - time.time()) < 30, "time %d, here %d" % (told, time.time())


@tap.point("memory can be taken to the last piece and given back")
def memory():
    status, console = probe("memory 65536", memory="32M", timeout=180)
    assert status == 0, console
    taken = int(re.search(r"round 0: (\d+)", console).group(1)) * 65536
    assert taken > 24 << 20, "only %d KiB of 32 MiB: %s" % (taken >> 10, console)


def much_memory():
    status, console = probe("memory 67108864", memory="5G", timeout=240)
    assert status == 0, console
    assert int(re.search(r"round 0: (\d+)", console).group(1)) * 64 > 4500, console


# Where memory is depends on the machine, not on what runs it; and the host must find 5 GiB of its own each time.
if tap.accel == "tcg":
    tap.point("more than 4 GiB of memory can be used")(much_memory)


@tap.point("threads, locks and floating point across switches")
def threads():
    host = subprocess.run([tap.host_program("probe"), "threads", "20"], capture_output=True, text=True).stdout
    status, console = probe("threads 20", timeout=180)
    assert status == 0 and console == host, "host: %s, guest: %s" % (host, console)


@tap.point("random numbers come and differ")
def randomness():
    with_device = [probe("random", devices=machine.rng(tap.machine))[1] for _ in range(2)]
    without = [probe("random")[1] for _ in range(2)]
    all_ = [re.search(r"random: ([0-9a-f]{64})", c) for c in with_device + without]
    assert all(all_) and len({m.group(1) for m in all_}) == 4, "%s %s" % (with_device, without)


@tap.point("no randomness is said, not made up")
def no_randomness():
    status, console = probe("random", cpu="qemu64")
    if tap.accel == "kvm" and status == 0:
        tap.note("this KVM does not hide RDRAND")
        return
    assert status == 1 and "random: " in console and not re.search(r"random: [0-9a-f]{64}", console), console


@tap.point("a CPU without FSGSBASE, XSAVE, SMEP or RDRAND")
def old_cpu():
    status, console = probe("threads 4", cpu="qemu64", timeout=180)
    assert status == 0, console


@tap.point("boot phases are in /proc/boot, the machine in /proc/pith")
def proc_files():
    _, console = probe("cat /proc/boot /proc/pith /proc/meminfo /proc/uptime /proc/version")
    phases = re.findall(r"^(\w+) (\d+)$", console, re.M)
    assert len(phases) >= 2, console
    for line in ("platform: kvm", "machine: %s" % tap.machine.split("-")[0], "accelerator: %s" % tap.accel, "boot: pvh"):
        is_on(line, console)
    assert "MemTotal:" in console and "MemFree:" in console, console


@tap.point("the machine can be stopped and continued")
def stop_and_go():
    with machine.Guest(PROBE, "ip=off -- sleep 2 20", tap.machine, tap.accel) as guest:
        guest.expect("sleeping")
        guest.ask("stop")
        time.sleep(1.0)
        guest.ask("cont")
        assert guest.wait() == 0, guest.console


@tap.point("an NMI is masked, or reported: never a hang")
def nmi():
    with machine.Guest(PROBE, "ip=off -- sleep 2 3", tap.machine, tap.accel) as guest:
        guest.expect("sleeping")
        guest.ask_last("inject-nmi")
        status = guest.wait()
        assert status == 0 or (status == 127 and re.search("NMI|gate:", guest.console)), "status %s: %s" % (status, guest.console)


tap.run()
