# SPDX-License-Identifier: MIT
"""blkcopy on the host beside blkcopy in a guest: for the tests of disks under QEMU and under Xen.

Both must print the same (but for speed) and leave the same bytes.
"""
import re
import subprocess

import tap

# What both do: a point's name, and its runs as (arguments, bytes of the disk).
RUNS = {
    "a pattern, in order": [("-s 16M", 16 << 20)],
    "in random order, one sector at a time": [("-s 1M -b 512 -r -q 16 -S 7", 4 << 20)],
    "large requests, and many at once": [("-s 32M -b 8M -q 4", 32 << 20), ("-s 8M -b 4K -q 256 -r", 8 << 20)],
    "a disk whose size is no multiple of the block": [("-b 64K", (3 << 20) + 512)],
}


def said(console):
    """What it printed, but for the speeds."""
    return re.sub(r"^speed .*\n", "", console, flags=re.M)


def on_host(words):
    """Returns (status, what it said)."""
    done = subprocess.run([tap.demo("blkcopy", ".host"), *words.split()], capture_output=True, text=True)
    return done.returncode, said(done.stdout + done.stderr)


def agree(words, here, guest):
    """The same words on a file here must come to what the guest's run on its first disk came to."""
    host = on_host("%s %s" % (words, here))
    assert host[0] == 0, host
    assert guest == (host[0], host[1].replace(here, "/dev/blk0")), "host:\n%s\nguest:\n%s" % (host, guest)


def points(same):
    """A point for each of RUNS: same(words, size) makes both runs and compares."""
    for name, runs in RUNS.items():
        tap.point(name)(lambda r=runs: [same(*run) for run in r])
