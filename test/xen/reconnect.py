#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=1200 flavours=pv,pvh share=0.5
"""test/xen/reconnect.py -- Linux' backends are taken away from under a running guest and come back, after its seal."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import net, tap  # noqa: E402

HOST = xl.host(["demos/httpd", "demos/blkcopy"])
BACK = "/local/domain/0/backend/"


def rebind(kind, device, script=False):
    """What a reloaded driver does; script: and what its hotplug script says later than 5 s."""
    name = device.replace("/", "-")
    words = "cd /sys/bus/xen-backend/drivers/%s && echo %s-%s > unbind && sleep 1 && echo %s-%s > bind && sleep 1" % (kind, kind, name, kind, name)
    if script:
        vif = "vif%s" % device.replace("/", ".")
        words += " && sleep 5 && brctl addif %s %s && ip link set %s up && xenstore-write %s%s/%s/hotplug-status connected && sleep 1" % (
            HOST.bridge, vif, vif, BACK, kind, device)
    status, said = HOST.shell(words)
    assert status == 0, said


@tap.point("netback goes and comes back late, twice: the server serves on, by IPv4 and IPv6")
def netback():
    with xl.Guest(HOST, "demos/httpd", xl.network_words(HOST) + "--", [xl.vif(HOST)], memory=64) as guest:
        guest.serves(80)
        for _ in range(2):
            rebind("vif", guest.domid + "/0", True)
            for address in (HOST.address, "[%s]" % HOST.address6):
                assert len(net.curl("http://%s/bench.html" % address)) == 612, guest.read()
        assert "broken" not in guest.read(), guest.console


@tap.point("blkback goes and comes while a disk is written and checked: nothing is lost")
def blkback():
    image = HOST.zeros("reconnect.img", 64 << 20)
    with xl.Guest(HOST, "demos/blkcopy", "ip=off -- -b 4K -q 32 /dev/blk0", [], [xl.disk(image)], memory=64) as guest:
        time.sleep(0.2)
        rebind("vbd", guest.domid + "/51712")
        rebind("vbd", guest.domid + "/51712")
        guest.expect("checksum", 180)
        assert guest.end() == "poweroff" and "blk0: down" in guest.read() and "broken" not in guest.console, guest.console


with HOST:
    tap.run()
