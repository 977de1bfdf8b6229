#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=1200 flavours=pv,pvh share=0.7
"""test/xen/disks.py -- blkcopy through blkfront and Linux' blkback: what a guest writes is what dom0 reads.

The same command on the host and in the guest must print the same (but for speed), and dom0's md5sum must be that of the
host's file.
"""
import hashlib
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import tap  # noqa: E402
import blkcopy  # noqa: E402

HOST = xl.host(["demos/blkcopy"])
DISK = HOST.job + "/disk.img"


def in_guest(words, *disks):
    """Runs blkcopy in a guest. Returns (status, console without speeds)."""
    with xl.Guest(HOST, "demos/blkcopy", "ip=off -- " + words, disks=disks, memory=128) as guest:
        how = guest.end(270)
        assert how == "poweroff", "%s: %s" % (how, guest.console)
        return int(guest.exit_status()), blkcopy.said(guest.console)


def md5(path):
    return HOST.shell("sync; md5sum " + path, 180)[1].split()[0]


def same(words, size):
    """The same run on the host and in a guest: the same words, the same bytes."""
    with tempfile.NamedTemporaryFile() as here:
        here.truncate(size)
        HOST.zeros("disk.img", size)
        blkcopy.agree(words, here.name, in_guest("%s /dev/blk0" % words, xl.disk(DISK)))
        with open(here.name, "rb") as f:
            assert hashlib.md5(f.read()).hexdigest() == md5(DISK), "the disks differ"


blkcopy.points(same)


@tap.point("two disks: a copy is the same, to blkcopy and to dom0")
def two():
    one, other = HOST.noise("one.img", 8 << 20), HOST.zeros("two.img", 8 << 20)
    status, said = in_guest("/dev/blk0 /dev/blk1", xl.disk(one, 0, "r"), xl.disk(other, 1))
    assert status == 0 and md5(one) == md5(other), said


@tap.point("what was written is there for the next guest, read-only too")
def next_guest():
    HOST.zeros("disk.img", 4 << 20)
    assert in_guest("-S 11 /dev/blk0", xl.disk(DISK))[0] == 0
    assert in_guest("-S 11 -c /dev/blk0", xl.disk(DISK, 0, "r"))[0] == 0
    status, said = in_guest("-S 12 -c /dev/blk0", xl.disk(DISK))
    assert status != 0 and "mismatch" in said, said


@tap.point("a disk that is read-only cannot be written, and the program is told")
def read_only():
    HOST.zeros("disk.img", 1 << 20)
    before = md5(DISK)
    status, said = in_guest("/dev/blk0", xl.disk(DISK, 0, "r"))
    assert status != 0 and re.search("[Rr]ead-only", said), said
    assert md5(DISK) == before


@tap.point("eight disks")
def eight():
    paths = [HOST.zeros("disk%d.img" % n, (n + 1) << 20) for n in range(8)]
    status, said = in_guest("-s 1M /dev/blk7", *(xl.disk(p, n) for n, p in enumerate(paths)))
    assert status == 0, said


with HOST:
    tap.run()
