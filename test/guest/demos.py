#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600 machines=q35,microvm-modern share=0.6
"""test/guest/demos.py -- the demos' own tests, which pass on the host, against the same demos in a guest.

Each test of test/demos that takes --server runs here once more, with the guest behind a tap.
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import machine  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402

# Test and demo, its port, and the guest's arguments.
SERVERS = {"httpd": ("httpd", 80, ""), "httpd_parser": ("httpd", 80, ""), "echo": ("echo", 7, "")}

net.enter()
NETDEV = net.tap()


def check(test, demo, port, words):
    path = os.path.join(tap.source, "test/demos", test + ".py")
    with machine.Guest(tap.demo(demo), "ip=%s/%d gw=%s ip6=%s/64 -- %s" % (net.GUEST, net.BITS, net.HOST, net.GUEST6, words), tap.machine, tap.accel,
                       devices=machine.nic(tap.machine, NETDEV) + machine.rng(tap.machine)) as guest:
        net.wait_for_port(net.GUEST, port, guest)
        done = subprocess.run([path, "--server", "%s:%d" % (net.GUEST, port)], capture_output=True, text=True, timeout=550)
        guest.read(0.0)
        wrong = re.findall(r"^not ok.*(?:\n#.*)*", done.stdout, re.M)
        plan = re.search(r"^1\.\.(\d+)$", done.stdout, re.M)
        assert plan and done.returncode == 0 and not wrong, "\n".join(wrong) + done.stderr + guest.console[-2000:]
        tap.note("%s: %s points" % (test, plan.group(1)))


for test_, (demo_, port_, words_) in SERVERS.items():
    tap.point("test/demos/%s.py against a guest" % test_)(lambda a=(test_, demo_, port_, words_): check(*a))

tap.run()
