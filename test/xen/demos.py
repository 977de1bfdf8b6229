#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=1200 flavours=pv,pvh share=0.7
"""test/xen/demos.py -- the demos as guests of a real Xen: the same programs, the same tests as on the host and under KVM.

Clients are outside of Xen: on the far side of dom0's bridge.
"""
import hashlib
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import net, tap  # noqa: E402

WWW = os.path.join(tap.source, "demos/httpd/www")

# Test, demo and port.
SERVERS = (("httpd", "httpd", 80), ("httpd_parser", "httpd", 80), ("echo", "echo", 7))

HOST = xl.host(["demos/hello", "demos/echo", "demos/httpd", "demos/blkcopy"])


@tap.point("hello: prints its arguments, ends, tells its status")
def hello():
    with xl.Guest(HOST, "demos/hello", "one 'two words'") as guest:
        assert guest.end() == "poweroff" and guest.exit_status() == "0", guest.read()
        assert "hello, world" in guest.console and "argv[2] = two words" in guest.console, guest.console


def check(test, demo, port):
    path = os.path.join(tap.source, "test/demos", test + ".py")
    with xl.Guest(HOST, "demos/" + demo, xl.network_words(HOST) + "--", [xl.vif(HOST)], memory=64) as guest:
        guest.serves(port)
        done = subprocess.run([path, "--server", "%s:%d" % (HOST.address, port)], capture_output=True, text=True, timeout=400)
        wrong = re.findall(r"^not ok.*(?:\n#.*)*", done.stdout, re.M)
        plan = re.search(r"^1\.\.(\d+)$", done.stdout, re.M)
        assert plan and done.returncode == 0 and not wrong, "\n".join(wrong) + done.stdout[-2000:] + done.stderr + guest.read()[-2000:]
        tap.note("%s: %s points" % (test, plan.group(1)))


for test_ in SERVERS:
    tap.point("test/demos/%s.py against a guest" % test_[0])(lambda t=test_: check(*t))


@tap.point("httpd: curl gets every page as it is, by IPv4 and IPv6, and what the machine is")
def pages():
    with xl.Guest(HOST, "demos/httpd", xl.network_words(HOST) + "--", [xl.vif(HOST)], memory=64) as guest:
        guest.serves(80)
        for name in sorted(os.listdir(WWW)):
            with open(os.path.join(WWW, name), "rb") as f:
                want = f.read()
            for address in (HOST.address, "[%s]" % HOST.address6):
                got = net.curl("http://%s/%s" % (address, name))
                assert got == want, "%s from %s: %d bytes for %d" % (name, address, len(got), len(want))
        told = json.loads(net.curl("http://%s/status.json" % HOST.address))
        under_tcg = HOST.shell("grep -q 'QEMU TCG' /proc/cpuinfo")[0] == 0
        assert told["accelerator"] == ("tcg" if under_tcg else "xen"), told


@tap.point("blkcopy: dom0 finds the same bytes and the same checksum")
def blkcopy():
    one, two = HOST.noise("one.img", 16 << 20), HOST.zeros("two.img", 16 << 20)
    with xl.Guest(HOST, "demos/blkcopy", "ip=off -- /dev/blk0 /dev/blk1", disks=[xl.disk(one, 0, "r"), xl.disk(two, 1)], memory=64) as guest:
        assert guest.end(180) == "poweroff" and "checksum" in guest.read(), guest.read()
    sums = re.findall(r"^\w{32}", HOST.shell("sync; md5sum %s %s" % (one, two))[1], re.M)
    assert len(sums) == 2 and sums[0] == sums[1] != hashlib.md5(bytes(16 << 20)).hexdigest(), sums


with HOST:
    tap.run()
