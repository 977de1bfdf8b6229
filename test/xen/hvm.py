#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=1200 flavours=hvm share=0.7
"""test/xen/hvm.py -- the same images as HVM guests: from disks with Debian's GRUB on them, as tools/pith-disk makes them.

Firmware and GRUB use the emulated disk; the guest then unplugs what is emulated, so that no disk and no interface is there twice.
That is an IDE disk by default, and an AHCI one, which stays, where no other disk is needed.
"""
import hashlib
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import net, tap  # noqa: E402

LIMIT = 360.0  # firmware and GRUB come first


HOST = xl.host([], dict([xl.boot_disk("demos/hello", "one", "two words"),
                         xl.boot_disk("demos/httpd", *xl.network_words(xl.lab.Lab).split(), "--"),
                         xl.boot_disk("demos/blkcopy", "ip=off", "--", "/dev/blk1", "/dev/blk2"),
                         xl.boot_disk("test/guest/attack_crash", "ip=off", "--", "crash_read_null")]))


@tap.point("hello: prints its arguments, ends, tells its status")
def hello():
    with xl.Guest(HOST, "demos/hello", memory=64, extra=xl.QUICK_DISK) as guest:
        assert guest.end(LIMIT) == "poweroff" and guest.exit_status() == "0", guest.console
        assert "hello, world" in guest.console and "argv[2] = two words" in guest.console, guest.console


def move(guest, words, then):
    """While it is migrated what Xen writes and what the guest writes for Xen must arrive: else channels fire without end."""
    status, said = HOST.shell(words.format(guest.name, HOST.job), 300)
    assert status == 0, said
    guest.attach(then)
    guest.serves(80)
    assert len(net.curl("http://%s/bench.html" % HOST.address)) == 612
    assert "for nothing" not in guest.read() and "broken" not in guest.console, guest.console[-2000:]


@tap.point("httpd: serves its pages to the outside, is saved, restored and migrated, and ends when xl asks")
def httpd():
    with xl.Guest(HOST, "demos/httpd", vifs=[xl.vif(HOST)], memory=64) as guest:
        guest.serves(80, seconds=LIMIT)
        for name in ("about.html", "bench.html"):
            with open(os.path.join(tap.source, "demos/httpd/www", name), "rb") as f:
                assert net.curl("http://%s/%s" % (HOST.address, name)) == f.read()
        metrics = net.metrics(HOST.address)
        assert metrics, "no counters"
        move(guest, "xl save {0} {1}/saved && xl restore -p {1}/saved && rm {1}/saved", "xl unpause " + guest.name)
        move(guest, "xl migrate -s '' {0} 'xl migrate-receive'", "true")
        guest.xl("shutdown")
        assert guest.end() == "poweroff" and guest.exit_status() == "0", guest.console


@tap.point("blkcopy: from disk to disk, and dom0 finds them equal")
def blkcopy():
    one, two = HOST.noise("one.img", 8 << 20), HOST.zeros("two.img", 8 << 20)
    # The first four are emulated as IDE disks, which cannot be read-only.
    with xl.Guest(HOST, "demos/blkcopy", disks=[xl.disk(one, 4, "r"), xl.disk(two, 5)], memory=64) as guest:
        assert guest.end(LIMIT) == "poweroff" and "checksum" in guest.console, guest.console
    sums = re.findall(r"^\w{32}", HOST.shell("sync; md5sum %s %s" % (one, two))[1], re.M)
    assert len(sums) == 2 and sums[0] == sums[1] != hashlib.md5(bytes(8 << 20)).hexdigest(), sums


@tap.point("a crash is one to xl, and the console says what and where")
def crash():
    with xl.Guest(HOST, "test/guest/attack_crash", memory=64, extra=xl.QUICK_DISK) as guest:
        assert guest.end(LIMIT) == "crash" and "crash_read_null" in guest.console, guest.console


with HOST:
    tap.run()
