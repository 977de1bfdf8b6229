#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=120 machines=q35,microvm
"""test/guest/change.py -- what a host changes under a running guest: its memory by virtio-balloon, its cable by set_link.

Bytes go in and out over TCP all the while, each of them checked.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import machine  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402
from bulk_client import Client, draw  # noqa: E402

MIB = 1 << 20

net.enter()
NETDEV = net.tap()
GUEST = machine.Guest(tap.image("saved"), "ip=%s/%d gw=%s" % (net.GUEST, net.BITS, net.HOST), tap.machine, tap.accel, memory="64M",
                      devices=machine.nic(tap.machine, NETDEV, ",id=nic") + ["-device", machine.device(tap.machine, "balloon")])


def transfer():
    client = Client()
    client.get(4 * MIB)
    client.put(draw.randbytes(MIB))
    client.close()


def actual():
    return GUEST.ask("query-balloon")["actual"] // MIB


@tap.point("the balloon takes half of the memory and gives it back, five times, and all of it is asked for in vain")
def balloon():
    net.wait_for_port(net.GUEST, 9, GUEST)
    for _ in range(5):
        GUEST.ask("balloon", value=32 * MIB)
        transfer()
        net.wait_for(lambda: actual() == 32, 10, "balloon of 32 MiB, it is at %d" % actual())
        transfer()
        GUEST.ask("balloon", value=64 * MIB)
        net.wait_for(lambda: actual() == 64, 10, "end of the balloon, it is at %d" % actual())
    GUEST.ask("balloon", value=1 * MIB)
    time.sleep(2.0)
    least = actual()
    tap.note("%d MiB of 64 are left" % least)
    transfer()
    GUEST.ask("balloon", value=64 * MIB)
    net.wait_for(lambda: actual() == 64, 10, "end of the balloon")
    transfer()
    assert 1 < least < 32, "%d MiB are left" % least


@tap.point("the cable is pulled in the middle of a transfer, and put in again")
def cable():
    client = Client()
    client.socket.sendall(b"get %d 77\n" % (64 * MIB))
    for _ in range(3):
        GUEST.ask("set_link", name="nic", up=False)
        time.sleep(1.5)
        GUEST.ask("set_link", name="nic", up=True)
        time.sleep(0.3)
    left = 64 * MIB
    while left:
        piece = client.file.read(min(left, 1 << 20))
        assert piece, "%d bytes are missing" % left
        left -= len(piece)
    assert len(client.file.readline()) == 9
    client.close()
    transfer()


try:
    tap.run()
finally:
    tap.note(GUEST.console[-2000:])
    GUEST.kill()
