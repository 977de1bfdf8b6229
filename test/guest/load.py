#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=900 machines=q35,microvm accel=tcg share=0.4
"""test/guest/load.py -- 100,000 connections to httpd, ended in every way there is, and nothing is left of them (lib/many.py)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import machine  # noqa: E402
import many  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402

CONNECTIONS, WARM_UP = 100000, 4000

net.enter()
net.sysctl("net.ipv4.ip_local_port_range", "1024 65000")
net.sysctl("net.ipv4.tcp_tw_reuse", "1")
GUEST = machine.Guest(tap.demo("httpd"), "ip=%s/%d" % (net.GUEST, net.BITS), tap.machine, tap.accel,
                      devices=machine.nic(tap.machine, net.tap()) + machine.rng(tap.machine))


def said():
    GUEST.read(0.0)
    return GUEST.console[-2000:]


SERVER = many.Server(net.GUEST, said)


@tap.point("a first %d connections" % WARM_UP)
def warm_up():
    net.wait_for_port(net.GUEST, 80, GUEST)
    SERVER.load(WARM_UP)
    SERVER.take_first()


@tap.point("%d connections, each answered or reset" % CONNECTIONS)
def load():
    SERVER.load(CONNECTIONS)
    said()


@tap.point("pools, connections and memory are back where they were, and the server serves")
def back():
    SERVER.check_back()


try:
    tap.run()
finally:
    tap.note(GUEST.console[-2000:])
    GUEST.kill()
