#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=1200 flavours=pv,pvh share=0.6
"""test/xen/bad.py -- configurations that cannot work: each ends, or goes on without, and says why in one clear line."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import tap  # noqa: E402

HOST = xl.host(["demos/hello", "demos/httpd", "demos/blkcopy"])
DISK = HOST.zeros("disk.img", 1 << 20)


@tap.point("no vif: the server says that it has the loopback only")
def no_vif():
    with xl.Guest(HOST, "demos/httpd", xl.network_words(HOST)) as guest:
        guest.expect("^.*no network interface.*$")


@tap.point("no disk: the program is told, and ends")
def no_disk():
    with xl.Guest(HOST, "demos/blkcopy", "ip=off -- /dev/blk0") as guest:
        assert guest.end() == "poweroff" and guest.exit_status() not in ("", "0"), guest.console
        assert re.search("^.*/dev/blk0: no such disk", guest.console, re.M), guest.console


@tap.point("a bridge that is down: no address, and that is said after 10 s")
def bridge_down():
    HOST.shell("ip link add pithdown type bridge || brctl addbr pithdown; ip link set pithdown down")
    try:
        with xl.Guest(HOST, "demos/httpd", "", [xl.vif(HOST, bridge="pithdown")], memory=64) as guest:
            guest.expect("^nic0: no answer to DHCP")
    finally:
        HOST.shell("ip link set pithdown down; ip link del pithdown || brctl delbr pithdown")


@tap.point("a bridge that is not there: xl says so, and nothing is left")
def no_bridge():
    with xl.Guest(HOST, "demos/httpd", "", [xl.vif(HOST, bridge="nobridge")], memory=64, must=False) as guest:
        assert guest.status != 0 and "nobridge" in guest.said or "hotplug" in guest.said, guest.said
        guest.gone(60)


@tap.point("the least memory, and with less: one line by xl or by the guest")
def little_memory():
    least = None
    for memory in (1, 2, 3, 4, 5, 6, 8, 12, 16, 20, 24, 32):
        with xl.Guest(HOST, "demos/hello", "ip=off", memory=memory, must=False) as guest:
            if guest.status == 0 and guest.end() == "poweroff" and guest.exit_status() == "0":
                least = memory
                break
            why = (guest.said + HOST.shell("cat /var/log/xen/xl-%s.log 2> /dev/null" % guest.name)[1] if guest.status else guest.console)
            words = [line for line in why.splitlines() if re.search("memory|[Mm]emory|xc_dom|too small", line)]
            tap.note("memory=%d: %s" % (memory, words[0] if words else "?"))
            assert words or guest.status, "no word on it: %s" % why
    tap.note("the least memory for hello as %s: %s MiB" % (xl.FLAVOUR, least))
    assert least and least <= (4 if xl.FLAVOUR == "pv" else 32), least


def changed(image, line, change, pattern, **devices):
    """A guest before whose start something in xenstore is changed. It must say why it does without the device."""
    with xl.Guest(HOST, image, line, memory=64, start=False, **devices) as guest:
        status, said = HOST.shell(change.replace("$N", guest.domid))
        assert status == 0, said
        guest.xl("unpause")
        guest.expect(pattern)


@tap.point("a key that may not be read: the disk's and the interface's")
def unreadable():
    changed("demos/blkcopy", "ip=off -- /dev/blk0", "xenstore-chmod /local/domain/$N/device/vbd/51712/backend n0",
            "^xenbus: .*/backend may not be read", disks=[xl.disk(DISK)])
    changed("demos/blkcopy", "ip=off -- /dev/blk0", "xenstore-chmod /local/domain/0/backend/vbd/$N/51712/max-ring-page-order n0",
            "^xenbus: .*/max-ring-page-order may not be read", disks=[xl.disk(DISK)])
    changed("demos/httpd", xl.network_words(HOST), "xenstore-chmod /local/domain/$N/device/vif/0/mac n0",
            "^xenbus: .*/mac may not be read", vifs=[xl.vif(HOST)])


@tap.point("keys that are missing or nonsense")
def nonsense():
    changed("demos/httpd", xl.network_words(HOST), "xenstore-rm /local/domain/$N/device/vif/0/mac", "^nic0: .*has no MAC address$", vifs=[xl.vif(HOST)])
    changed("demos/httpd", xl.network_words(HOST), "xenstore-write /local/domain/$N/device/vif/0/backend nowhere",
            "^(xenbus|nic0): .*(backend|device/vif/0).*$", vifs=[xl.vif(HOST)])


@tap.point("a disk that cannot be opened: xl says so")
def no_file():
    with xl.Guest(HOST, "demos/blkcopy", "ip=off -- /dev/blk0", disks=[xl.disk(HOST.job + "/nothing.img")], must=False) as guest:
        assert guest.status != 0 and "nothing.img" in guest.said, guest.said


with HOST:
    tap.run()
