#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600 machines=q35,microvm share=0.6
"""test/guest/bad_wire.py -- TCP over a cable that loses, doubles, delays, reorders and corrupts frames.

Without offloads: the guest computes and checks every checksum itself. What arrives must be what was sent,
only later; and the guest must be as well afterwards as before.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import machine  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402
from bulk_client import Client, draw  # noqa: E402
from wire import Wire  # noqa: E402

net.enter()
WIRE = Wire("tap0", tap.seed)
net.ip("addr", "add", "%s/%d" % (net.HOST, net.BITS), "dev", "tap0")
net.ip("link", "set", "tap0", "up")
GUEST = machine.Guest(tap.image("bulk"), "ip=%s/%d -- 9" % (net.GUEST, net.BITS), tap.machine, tap.accel,
                      devices=machine.nic(tap.machine, WIRE.netdev) + machine.rng(tap.machine))


def both_ways(size, **faults):
    """Moves size bytes each way while the wire has the given faults."""
    for name, value in faults.items():
        setattr(WIRE, name, value)
    try:
        client = Client()
        client.put(draw.randbytes(size))
        client.get(size)
        client.close()
    finally:
        WIRE.loss = WIRE.corrupt = WIRE.double = WIRE.reorder = WIRE.delay = 0.0


@tap.point("a good cable without offloads")
def good():
    GUEST.expect("bulk: listening")
    both_ways(8 << 20)


@tap.point("frames are lost")
def lost():
    both_ways(1 << 20, loss=0.02)


@tap.point("frames come twice")
def doubled():
    both_ways(2 << 20, double=0.1)


@tap.point("frames come out of order")
def reordered():
    both_ways(2 << 20, reorder=0.1)


@tap.point("frames come late")
def delayed():
    both_ways(4 << 20, delay=0.02)


@tap.point("bits are turned over: a checksum finds each")
def corrupted():
    both_ways(1 << 20, corrupt=0.02)


@tap.point("all of it at once")
def everything():
    both_ways(512 << 10, loss=0.01, double=0.02, reorder=0.05, corrupt=0.01, delay=0.005)


@tap.point("and the cable is good again")
def good_again():
    both_ways(8 << 20)
    tap.note("frames: %d to the guest, %d from it" % tuple(WIRE.frames))


try:
    tap.run()
finally:
    tap.note(GUEST.console[-2000:])
    GUEST.kill()
