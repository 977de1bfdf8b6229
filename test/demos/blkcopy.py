#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=360
"""test/demos/blkcopy.py -- blkcopy on files: what it writes, that it finds every damage, and what it says."""
import os
import re
import subprocess

import demo
from demo import tap

program = demo.build("blkcopy")


def disk(name, size=1 << 20):
    path = os.path.join(demo.folder, name)
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def run(*arguments, code=0):
    """What it prints, without the lines that differ from run to run."""
    r = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=180)
    assert r.returncode == code, "%s: status %d\n%s%s" % (arguments, r.returncode, r.stdout, r.stderr)
    return "".join(line for line in (r.stdout + r.stderr).splitlines(True) if not line.startswith("speed "))


def sum_of(text):
    return re.search(r"^checksum ([0-9a-f]{16})$", text, re.M).group(1)


def poke(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 0x40]))


@tap.point("writes, reads back in both orders, and says so")
def test_plain():
    text = run(disk("a"))
    assert re.fullmatch(r"blkcopy: \S+: 1048576 bytes, block 65536, 8 in flight, seed 1\n"
                        r"write: 16 blocks, 1048576 bytes, sequential, ok\n"
                        r"check: 16 blocks, 1048576 bytes, sequential, ok\n"
                        r"check: 16 blocks, 1048576 bytes, random, ok\n"
                        r"checksum 15268965b42787e6\n", text), text


@tap.point("block size, depth and order change nothing on the disk")
def test_same():
    path = disk("a", 1000000)
    sums = set()
    contents = set()
    for block, depth, order in ((65536, 1, []), (512, 3, ["-r"]), (4096, 64, []), (1 << 20, 2, ["-r"]), (1536, 7, ["-r"])):
        sums.add(sum_of(run("-b", block, "-q", depth, *order, path)))
        with open(path, "rb") as f:
            contents.add(f.read())
    assert len(sums) == 1 and len(contents) == 1, sums
    assert sum_of(run("-S", 2, path)) not in sums


@tap.point("every byte counts: damage anywhere is found at its place")
def test_damage():
    path = disk("a", 300001)
    run(path)
    for at in (0, 1, 511, 65535, 65536, 131072 + 7, 300000):
        poke(path, at)
        text = run("-c", "-q", 1, path, code=1)
        assert "offset %d: mismatch" % at in text and "check: failed" in text, text
        poke(path, at)
    assert "ok" in run("-c", path)


@tap.point("blocks that changed places are found")
def test_swap():
    path = disk("a")
    run(path)
    with open(path, "r+b") as f:
        data = f.read()
        f.seek(0)
        f.write(data[4096:8192] + data[:4096])
    assert "offset 0: mismatch" in run("-c", "-q", 1, path, code=1)


@tap.point("copies to a second disk, and finds damage there")
def test_copy():
    a, b = disk("a", 700000), disk("b", 800000)
    want = sum_of(run(a))
    text = run("-b", 4096, "-q", 16, a, b)
    assert "copy: 171 blocks, 700000 bytes, sequential, ok" in text and sum_of(text) == want, text
    with open(a, "rb") as f, open(b, "rb") as g:
        assert f.read() == g.read(700000)
    poke(b, 123456)
    assert "offset 123456: mismatch" in run("-c", a, b, code=1)
    assert sum_of(run("-r", a, b)) == want
    assert "has 300000 bytes only" in run(a, disk("c", 300000), code=1)


@tap.point("no disk, a read-only one, one too small, nonsense: each its own message")
def test_messages():
    a = disk("a")
    assert "no such disk" in run(demo.folder + "/none", code=1)
    assert "has 1048576 bytes only" in run("-s", "2M", a, code=1)
    assert "has 0 bytes only" in run(disk("empty", 0), code=1)
    os.chmod(a, 0o444)
    drop = ["setpriv", "--reuid", "65534", "--clear-groups"] if not os.geteuid() else []
    os.chmod(demo.folder, 0o755)
    r = subprocess.run([*drop, program, a], capture_output=True, text=True, timeout=60)
    assert r.returncode == 1 and "the disk is read-only" in r.stderr, r
    for arguments, word in (((), "which disk"), ((a, a, a), "too many"), (("-b", "100", a), "-b takes"), (("-b", "32M", a), "-b takes"),
                            (("-q", "0", a), "-q takes"), (("-q", "257", a), "-q takes"), (("-s", "0", a), "-s takes"), (("-s", "1x", a), "-s takes"),
                            (("-s", "99999999999G", a), "-s takes"), (("-S", "x", a), "-S takes"), (("-z", a), "usage")):
        assert word in run(*arguments, code=2), arguments
    assert "usage" in run("--help")


tap.run()
