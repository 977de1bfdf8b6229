#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600 machines=all
"""test/guest/disks.py -- blkcopy on disks of every kind: what a guest writes is what the host reads, and the other way round.

The same command on the host and in the guest must print the same (but for speed) and leave the same bytes.
"""
import filecmp
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import blkcopy  # noqa: E402
import machine  # noqa: E402
import tap  # noqa: E402


def in_guest(words, disks, options="", drive="", timeout=180):
    """Runs blkcopy in a guest on the given files. Returns (status, console without speeds)."""
    devices = [word for path in disks for word in machine.disk(tap.machine, path, options, drive)]
    status, console = machine.run(tap.demo("blkcopy"), timeout, append="ip=off -- " + words, machine=tap.machine, accel=tap.accel,
                                  memory="128M", devices=devices)
    return status, blkcopy.said(console)


def same(words, size, **options):
    """The same run on the host and in a guest, then the guest's disk checked by the host."""
    with machine.Scratch() as scratch:
        here, there = scratch.file("here", size=size), scratch.file("there", size=size)
        blkcopy.agree(words, here, in_guest("%s /dev/blk0" % words, [there], **options))
        assert filecmp.cmp(here, there, shallow=False), "the disks differ"


blkcopy.points(same)


@tap.point("a disk with sectors of 4096 bytes")
def big_sectors():
    same("-s 4M -b 64K", 8 << 20, options=",logical_block_size=4096,physical_block_size=4096")


@tap.point("queues of 2 and of 1024, segments of one")
def queue_sizes():
    for options in (",queue-size=4", ",queue-size=1024", ",queue-size=8,seg-max-adjust=on"):
        same("-s 4M -b 128K -q 32", 4 << 20, options=options)


@tap.point("without indirect descriptors, without event indices, without both")
def without_features():
    for options in (",indirect_desc=off", ",event_idx=off", ",indirect_desc=off,event_idx=off"):
        same("-s 4M -q 64 -b 4K", 4 << 20, options=options)


@tap.point("what the host wrote is read, and a copy is the same")
def copy():
    with machine.Scratch() as scratch:
        source, target = scratch.file("source", random.Random(tap.seed).randbytes(8 << 20)), scratch.file("target", size=8 << 20)
        status, console = in_guest("/dev/blk0 /dev/blk1", [source, target])
        assert status == 0, console
        assert filecmp.cmp(source, target, shallow=False), "the copy differs"
        assert blkcopy.on_host("-c %s %s" % (source, target))[0] == 0


@tap.point("what was written survives the machine")
def survives():
    with machine.Scratch() as scratch:
        path = scratch.file("disk", size=4 << 20)
        assert in_guest("-S 11 /dev/blk0", [path])[0] == 0
        assert in_guest("-S 11 -c /dev/blk0", [path])[0] == 0
        status, console = in_guest("-S 12 -c /dev/blk0", [path])
        assert status != 0 and "mismatch" in console, console


@tap.point("a disk that grows while it is used")
def grows():
    with machine.Scratch() as scratch:
        path = scratch.file("disk", size=4 << 20)
        devices = machine.disk(tap.machine, path)
        drive = re.search(r"id=(\w+)", devices[1]).group(1)
        with machine.Guest(tap.demo("blkcopy"), "ip=off -- -s 4M -b 512 /dev/blk0", tap.machine, tap.accel, devices=devices) as guest:
            guest.expect("blkcopy: /dev/blk0")
            guest.ask("block_resize", device=drive, size=8 << 20)
            assert guest.wait(180) == 0, guest.console


@tap.point("eight disks")
def eight():
    with machine.Scratch() as scratch:
        count = 2 if tap.machine.startswith("microvm") else 8
        paths = [scratch.file("disk%d" % n, size=(n + 1) << 20) for n in range(count)]
        names = sorted(machine.device(tap.machine, "blk") for _ in paths)
        assert len(names) == count
        status, console = in_guest("-s 1M /dev/blk%d" % (count - 1), paths)
        assert status == 0, console


tap.run()
