#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=480 machines=all share=0.2
"""test/guest/ends.py -- how a machine ends when the host asks, and what is left when it is killed."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import machine  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402

net.enter()
NETDEV = net.tap()


def server(*more):
    guest = machine.Guest(tap.demo("httpd"), "ip=%s/%d" % (net.GUEST, net.BITS), tap.machine, tap.accel,
                          devices=machine.nic(tap.machine, NETDEV) + machine.rng(tap.machine) + list(more))
    net.wait_for_port(net.GUEST, 80, guest)
    return guest


@tap.point("the power button stops a server in good order")
def power_button():
    with server() as guest:
        assert len(net.curl("http://%s/bench.html" % net.GUEST)) == 612
        guest.press_power()
        assert guest.wait() == 0, guest.console


@tap.point("the power button ends a program that sleeps, with SIGTERM's status")
def sleeper():
    with machine.Guest(tap.image("probe"), "ip=off -- sleep 60 1", tap.machine, tap.accel) as guest:
        guest.expect("sleeping")
        time.sleep(0.3)
        guest.press_power()
        assert guest.wait() == (128 + signal.SIGTERM) & 127, guest.console


@tap.point("a machine that is killed leaves nothing behind: the next one serves at once")
def killed():
    with server() as guest:
        request = subprocess.Popen(["curl", "-s", "--noproxy", "*", "-m", "5", "http://%s/status" % net.GUEST], stdout=subprocess.DEVNULL)
        guest.kill()
        request.wait(60)
    with server():
        assert len(net.curl("http://%s/bench.html" % net.GUEST)) == 612


@tap.point("a server survives its cable being pulled and put back")
def cable():
    with server() as guest:
        guest.ask("set_link", name="n0", up=False)
        time.sleep(0.5)
        guest.ask("set_link", name="n0", up=True)
        time.sleep(0.5)
        assert len(net.curl("http://%s/bench.html" % net.GUEST)) == 612, guest.console


@tap.point("a reset restarts the machine when the host lets it")
def reset():
    with server() as guest:
        guest.ask("set-action", reboot="reset")
        start = len(guest.console)
        guest.ask("system_reset")
        guest.expect("httpd", start=start)
        net.wait_for_port(net.GUEST, 80, guest)
        assert len(net.curl("http://%s/bench.html" % net.GUEST)) == 612


tap.run()
