#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=800 flavours=pv,pvh
"""test/xen/disks.py -- blkcopy through blkfront and Linux' blkback: what a guest writes is what dom0 reads.

The same command on the host and in the guest must print the same (but for speed), and dom0's md5sum must be that of the
host's file.
"""
import hashlib
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import tap  # noqa: E402

HOST = xl.host(["demos/blkcopy"])
DISK = HOST.job + "/disk.img"


def make(path, size):
    """A file of zeros in dom0."""
    HOST.shell("rm -f %s; dd if=/dev/zero of=%s bs=512 count=%d 2> /dev/null" % (path, path, size // 512))


def in_guest(words, *disks):
    """Runs blkcopy in a guest. Returns (status, console without speeds)."""
    with xl.Guest(HOST, "demos/blkcopy", "ip=off -- " + words, disks=disks, memory=128) as guest:
        how = guest.end(90)
        assert how == "poweroff", "%s: %s" % (how, guest.console)
        return int(guest.exit_status()), re.sub(r"^speed .*\n", "", guest.console, flags=re.M)


def on_host(words):
    done = subprocess.run([tap.demo("blkcopy", ".host"), *words.split()], capture_output=True, text=True)
    return done.returncode, re.sub(r"^speed .*\n", "", done.stdout + done.stderr, flags=re.M)


def md5(path):
    return HOST.shell("sync; md5sum " + path, 60)[1].split()[0]


def same(words, size):
    """The same run on the host and in a guest: the same words, the same bytes."""
    with tempfile.NamedTemporaryFile() as here:
        here.truncate(size)
        host = on_host("%s %s" % (words, here.name))
        make(DISK, size)
        guest = in_guest("%s /dev/blk0" % words, xl.disk(DISK))
        assert host[0] == 0, host
        assert guest == (host[0], host[1].replace(here.name, "/dev/blk0")), "host:\n%s\nguest:\n%s" % (host, guest)
        with open(here.name, "rb") as f:
            assert hashlib.md5(f.read()).hexdigest() == md5(DISK), "the disks differ"


@tap.point("a pattern, in order")
def sequential():
    same("-s 16M", 16 << 20)


@tap.point("in random order, one sector at a time")
def random_order():
    same("-s 1M -b 512 -r -q 16 -S 7", 4 << 20)


@tap.point("large requests, and many at once")
def large():
    same("-s 32M -b 8M -q 4", 32 << 20)
    same("-s 8M -b 4K -q 256 -r", 8 << 20)


@tap.point("a disk whose size is no multiple of the block")
def odd_size():
    same("-b 64K", (3 << 20) + 512)


@tap.point("two disks: a copy is the same, to blkcopy and to dom0")
def two():
    one, other = HOST.job + "/one.img", HOST.job + "/two.img"
    HOST.shell("dd if=/dev/urandom of=%s bs=1M count=8 2> /dev/null" % one)
    make(other, 8 << 20)
    status, said = in_guest("/dev/blk0 /dev/blk1", xl.disk(one, 0, "r"), xl.disk(other, 1))
    assert status == 0 and md5(one) == md5(other), said


@tap.point("what was written is there for the next guest, read-only too")
def next_guest():
    make(DISK, 4 << 20)
    assert in_guest("-S 11 /dev/blk0", xl.disk(DISK))[0] == 0
    assert in_guest("-S 11 -c /dev/blk0", xl.disk(DISK, 0, "r"))[0] == 0
    status, said = in_guest("-S 12 -c /dev/blk0", xl.disk(DISK))
    assert status != 0 and "mismatch" in said, said


@tap.point("a disk that is read-only cannot be written, and the program is told")
def read_only():
    make(DISK, 1 << 20)
    before = md5(DISK)
    status, said = in_guest("/dev/blk0", xl.disk(DISK, 0, "r"))
    assert status != 0 and re.search("[Rr]ead-only", said), said
    assert md5(DISK) == before


@tap.point("eight disks")
def eight():
    paths = ["%s/disk%d.img" % (HOST.job, n) for n in range(8)]
    for n, path in enumerate(paths):
        make(path, (n + 1) << 20)
    status, said = in_guest("-s 1M /dev/blk7", *(xl.disk(p, n) for n, p in enumerate(paths)))
    assert status == 0, said


with HOST:
    tap.run()
