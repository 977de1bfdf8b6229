#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600 machines=all
"""test/guest/damage.py -- machines that lack something and command lines that make no sense.

Each must be said in one clear line on the console, and the guest either goes on without or ends with a failure: no
crash, no hang, nothing silent.
"""
import os
import random
import re
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import archive  # noqa: E402
import machine  # noqa: E402
import tap  # noqa: E402

PROBE = tap.image("probe")
CRASHED = re.compile(r"^pith: (page fault|general protection|invalid opcode|.* in the exception handler)|gate: fault upon fault", re.M)


def run(append, image=PROBE, timeout=120.0, **options):
    """Boots. Whatever happens, it must not be an exception."""
    status, console = machine.run(image, timeout, append=append, machine=tap.machine, accel=tap.accel, **options)
    assert not CRASHED.search(console), "it crashed:\n" + console
    return status, console


def says(pattern, console):
    assert re.search(pattern, console, re.M | re.I), "no line with '%s' in:\n%s" % (pattern, console)


def one_nic():
    return machine.nic(tap.machine, "user,id=n0,restrict=on")


# A wrong option and the word that its message must have.
OPTIONS = {
    "ip=1.2.3": "ip=", "ip=1.2.3.4/33": "ip=", "ip=hello": "ip=", "ip=": "ip", "ip=300.1.1.1/24": "ip=",
    "ip=10.0.0.2/24 gw=x": "gw=", "ip=10.0.0.2/24 dns=nobody": "dns=", "pith.log=loud ip=off": "pith.log=loud",
    "pith.stack=1 ip=off": "pith.stack=1", "pith.stack=lots ip=off": "pith.stack=lots", "pith.nonsense=1 ip=off": "pith.nonsense", "ip6=zz ip=off": "ip6=", "mtu=9 ip=off": "mtu=",
}


def check_option(option, word):
    status, console = run("%s -- loopback" % option, image=tap.image("net_probe"), devices=one_nic(), timeout=180)
    says(re.escape(word), console)
    assert status == 0 and "answer: to myself" in console, "the program did not run: status %s\n%s" % (status, console)


for option_, word_ in OPTIONS.items():
    tap.point("a wrong option: %s" % option_)(lambda o=option_, w=word_: check_option(o, w))


@tap.point("a quote that is not closed is said, and the rest still ends well")
def open_quote():
    status, console = run("ip=off -- words 'never closed")
    says("quote", console)
    assert status != "off", console


@tap.point("a command line longer than 4095 bytes is cut, and that is said")
def long_line():
    _, console = run("ip=off -- words " + "x" * 5000)
    says("command line", console)


@tap.point("control characters and bytes above 127 on the command line")
def odd_bytes():
    status, console = run("ip=off -- words \x01\x7f\u00e4\u20ac")
    assert status == 0, console


@tap.point("an empty command line")
def empty_line():
    assert run("", timeout=180)[0] == 2


@tap.point("a thousand words")
def many_words():
    status, console = run("ip=off -- words " + " ".join("w%d" % i for i in range(800)))
    assert status == 0 and "word 801: [w799]" in console, console[-2000:]


@tap.point("no network interface")
def no_nic():
    status, console = run("pith.log=info -- loopback", image=tap.image("net_probe"), timeout=180)
    assert status == 0 and "answer: to myself" in console, console
    says(r"no network|no nic|no interface", console)


@tap.point("httpd without a network interface says so and does not hang")
def httpd_no_nic():
    with machine.Guest(tap.demo("httpd"), "pith.log=info", tap.machine, tap.accel) as guest:
        guest.expect(r"(?i)no network|no nic|nic0|network|httpd")


@tap.point("no disk")
def no_disk():
    status, console = run("ip=off -- stat /dev/blk0")
    says(r"/dev/blk0: .*no such", console)
    status, console = run("ip=off -- /dev/blk0", image=tap.demo("blkcopy"))
    says(r"blk0", console)
    assert status not in (0, "off"), status


@tap.point("a disk that cannot be written")
def read_only():
    with machine.Scratch() as scratch:
        path = scratch.file("disk", size=1 << 20)
        status, console = run("ip=off -- -s 512K /dev/blk0", image=tap.demo("blkcopy"), devices=machine.disk(tap.machine, path, drive=",readonly=on"))
        says(r"read-only|EROFS|permission", console)
        assert status not in (0, "off"), status


@tap.point("a disk of no sectors, of one, and of an odd number of bytes")
def odd_disks():
    with machine.Scratch() as scratch:
        for size in (0, 512, 513, 1536, 4096 + 512):
            path = scratch.file("disk%d" % size, size=size)
            status, console = run("ip=off -- stat /dev/blk0", devices=machine.disk(tap.machine, path))
            assert status == 0, console
            says(r"/dev/blk0: (mode|.*no such)", console)


@tap.point("a disk whose every request fails")
def failing_disk():
    devices = ["-drive", "if=none,format=raw,id=bad,file.driver=blkdebug,file.image.driver=null-co,file.image.size=1M,file.inject-error.0.event=none"
               ",file.inject-error.0.errno=5", "-device", "%s,drive=bad,rerror=report,werror=report" % machine.device(tap.machine, "blk")]
    status, console = run("ip=off -- -s 512K /dev/blk0", image=tap.demo("blkcopy"), devices=devices)
    says(r"I/O error|EIO|i/o", console)
    assert status not in (0, "off"), status


def image_end(image):
    """The address behind the last byte that an image is loaded to: with less memory it is not there at all."""
    with open(image, "rb") as f:
        head = f.read(4096)
    offset, size, count = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
    segments = [struct.unpack_from("<IIQQQQQ", head, offset + n * size) for n in range(count)]
    return max(s[4] + s[6] for s in segments if s[0] == 1)


def least_memory(image, append, works, **options):
    """
    Halves the interval between too little and enough, in KiB. What is too little must say so. SeaBIOS works in the
    last 300 KiB of memory while it loads: an image that reaches there is not what runs.
    """
    low, high = (image_end(image) >> 10) + (384 if (tap.machine, tap.accel) == ("pc", "tcg") else 0), 16 << 10
    while high - low > 64:
        middle = (low + high) // 2
        try:
            fine, console = works(middle, image, append, options)
        except machine.Ended as why:
            fine, console = False, str(why)
        if fine:
            high = middle
        else:
            low = middle
            tap.note("%d KiB: %s" % (middle, " / ".join(console.strip().splitlines()[-2:])))
    return high


def ends_well(kib, image, append, options):
    status, console = machine.run(image, 20, append=append, machine=tap.machine, accel=tap.accel, memory="%dK" % kib, **options)
    assert status == 0 or re.search("memory", console), "%d KiB: status %s and no word about memory:\n%s" % (kib, status, console)
    return status == 0, console


@tap.point("too little memory is said, down to the least that the machine takes; hello needs at most 2 MiB on microvm")
def little_memory():
    least = least_memory(tap.demo("hello"), "", ends_well)
    tap.note("hello needs %d KiB" % least)
    assert least <= (2048 if tap.machine.startswith("microvm") else 4096), "%d KiB" % least


@tap.point("an archive as boot module, ustar and cpio, is seen under /")
def module():
    with machine.Scratch() as scratch:
        tar = scratch.file("a.tar", archive.ustar([("hello.txt", b"from the archive\n"), ("dir/deep.txt", b"deeper\n")]))
        status, console = run("ip=off -- cat /hello.txt /dir/deep.txt", initrd=tar)
        assert (status, console) == (0, "from the archive\ndeeper\n"), console
        cpio = archive.newc([("one", 0o100644, b"in cpio\n")])
        status, console = run("ip=off -- cat /one", initrd=scratch.file("a.cpio", cpio))
        assert (status, console) == (0, "in cpio\n"), console


@tap.point("an archive that is cut off, empty, or no archive, is said and the program runs")
def bad_archives():
    whole = archive.ustar([("hello.txt", b"from the archive\n" * 100), ("other.txt", b"x" * 3000)])
    cases = {"cut": whole[:2600], "head": whole[:300], "noise": random.Random(tap.seed).randbytes(4096), "sum": whole[:150] + b"77" + whole[152:],
             "size": whole[:124] + b"77777777777\0" + whole[136:]}
    with machine.Scratch() as scratch:
        for name, data in cases.items():
            status, console = run("ip=off -- exit 6", initrd=scratch.file(name, data))
            assert status == 6, "%s: %s" % (name, console)
            says("archive|module", console)


tap.run()
