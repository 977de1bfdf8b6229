#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600 machines=all
"""test/guest/bulk.py -- bytes through TCP, both ways, checked: what arrives is what was sent.

bulk.kvm behind a tap, where the host offers checksums and segmentation; sizes around segments and windows, several
connections at once, a small MTU, a peer that reads slowly. bad_wire.py does the same over a bad cable.
"""
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import machine  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402
from bulk_client import Client, draw  # noqa: E402

# Native ring 3 is far faster than TCG: move more there.
MEGABYTES = 96 if tap.accel == "kvm" else 32


net.enter()
NETDEV = net.tap()
GUEST = machine.Guest(tap.image("bulk"), "ip=%s/%d gw=%s -- 9" % (net.GUEST, net.BITS, net.HOST), tap.machine, tap.accel,
                      devices=machine.nic(tap.machine, NETDEV) + machine.rng(tap.machine))


@tap.point("the guest listens")
def listens():
    GUEST.expect("bulk: listening")


@tap.point("sizes around bytes, segments and windows, both ways")
def sizes():
    client = Client()
    for size in (1, 2, 3, 1447, 1448, 1449, 1460, 1461, 4096, 65535, 65536, 65537, 262143, 262144, 262145):
        client.put(draw.randbytes(size))
        client.get(size)
    client.close()


def rate(what, bytes_, start):
    tap.note("%s: %.0f MB/s" % (what, bytes_ / 1e6 / (time.monotonic() - start)))


@tap.point("%d MiB into the guest" % MEGABYTES)
def into():
    client, data, start = Client(), draw.randbytes(MEGABYTES << 20), time.monotonic()
    client.put(data)
    rate("in", len(data), start)
    client.close()


@tap.point("%d MiB out of the guest" % MEGABYTES)
def out():
    client, start = Client(), time.monotonic()
    client.get(MEGABYTES << 20)
    rate("out", MEGABYTES << 20, start)
    client.close()


def together(count, action):
    """Runs action(number) in threads; raises what the first of them raised."""
    wrong = []

    def run(number):
        try:
            action(number)
        except Exception as why:
            wrong.append(why)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]


@tap.point("eight connections at once, in and out")
def at_once():
    def one(number):
        client = Client()
        if number % 2:
            client.get(2 << 20)
        else:
            client.put(random.Random(number).randbytes(2 << 20))
        client.close()
    together(8, one)


@tap.point("a peer that reads slowly")
def slow_reader():
    client = Client(receive_buffer=4096)
    client.get(256 << 10, pause=0.02)
    client.close()


@tap.point("a path with a small MTU")
def small_mtu():
    net.ip("route", "change", "10.0.0.0/24", "dev", "tap0", "src", net.HOST, "advmss", "536")
    try:
        client = Client()
        client.put(draw.randbytes(1 << 20))
        client.get(1 << 20)
        client.close()
    finally:
        net.ip("route", "change", "10.0.0.0/24", "dev", "tap0", "src", net.HOST)


@tap.point("connections cut off in the middle leave the guest serving")
def cut_off():
    for number in range(40):
        client = Client()
        if number % 2:
            client.socket.sendall(b"put 1000000\n" + bytes(5000))
        else:
            client.socket.sendall(b"get 10000000 5\n")
            client.file.read(1000)
        if number % 4 < 2:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    client = Client()
    client.put(b"still here")
    client.close()


@tap.point("the guest is idle when nobody talks")
def idle():
    time.sleep(1.0)
    before = GUEST.cpu_seconds()
    time.sleep(2.0)
    used = GUEST.cpu_seconds() - before
    assert used < 0.3, "%.2f s of CPU time in 2 s" % used


try:
    tap.run()
finally:
    tap.note(GUEST.console[-2000:])
    GUEST.kill()
