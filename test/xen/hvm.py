#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=800 flavours=hvm
"""test/xen/hvm.py -- the same images as HVM guests: from disks with Debian's GRUB on them, as tools/pith-disk makes them.

Firmware and GRUB use the emulated disk; the guest then unplugs what is emulated, so that no disk and no interface is there twice.
"""
import hashlib
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import net, tap  # noqa: E402

LIMIT = 150.0  # firmware and GRUB come first


def make_disk(image, *words):
    """BUILD/test/xen/NAME.disk, in which the command line stands too."""
    folder = os.path.join(tap.build, "test/xen")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, os.path.basename(image) + ".disk")
    subprocess.run([os.path.join(tap.source, "tools/pith-disk"), os.path.join(tap.build, image + ".xen"), path, *words], check=True)
    return os.path.basename(path), path


HOST = xl.host([], dict([make_disk("demos/hello", "one", "two words"),
                         make_disk("demos/httpd", *xl.network_words(xl.lab.Lab).split(), "--"),
                         make_disk("demos/blkcopy", "ip=off", "--", "/dev/blk1", "/dev/blk2"),
                         make_disk("test/guest/attack_crash", "ip=off", "--", "crash_read_null")]))


@tap.point("hello: prints its arguments, ends, tells its status")
def hello():
    with xl.Guest(HOST, "demos/hello", memory=64) as guest:
        assert guest.end(LIMIT) == "poweroff" and guest.exit_status() == "0", guest.console
        assert "hello, world" in guest.console and "argv[2] = two words" in guest.console, guest.console


@tap.point("httpd: serves its pages to the outside, and ends when xl asks")
def httpd():
    with xl.Guest(HOST, "demos/httpd", vifs=[xl.vif(HOST)], memory=64) as guest:
        guest.serves(80, seconds=LIMIT)
        for name in ("about.html", "bench.html"):
            with open(os.path.join(tap.source, "demos/httpd/www", name), "rb") as f:
                assert net.curl("http://%s/%s" % (HOST.address, name)) == f.read()
        metrics = net.metrics(HOST.address)
        assert metrics, "no counters"
        guest.xl("shutdown")
        assert guest.end() == "poweroff" and guest.exit_status() == "0", guest.console


@tap.point("blkcopy: from disk to disk, and dom0 finds them equal")
def blkcopy():
    one, two = HOST.job + "/one.img", HOST.job + "/two.img"
    HOST.shell("dd if=/dev/urandom of=%s bs=1M count=8 2> /dev/null; dd if=/dev/zero of=%s bs=1M count=8 2> /dev/null" % (one, two))
    # The first four are emulated as IDE disks, which cannot be read-only.
    with xl.Guest(HOST, "demos/blkcopy", disks=[xl.disk(one, 4, "r"), xl.disk(two, 5)], memory=64) as guest:
        assert guest.end(LIMIT) == "poweroff" and "checksum" in guest.console, guest.console
    sums = re.findall(r"^\w{32}", HOST.shell("sync; md5sum %s %s" % (one, two))[1], re.M)
    assert len(sums) == 2 and sums[0] == sums[1] != hashlib.md5(bytes(8 << 20)).hexdigest(), sums


@tap.point("a crash is one to xl, and the console says what and where")
def crash():
    with xl.Guest(HOST, "test/guest/attack_crash", memory=64) as guest:
        assert guest.end(LIMIT) == "crash" and "crash_read_null" in guest.console, guest.console


with HOST:
    tap.run()
