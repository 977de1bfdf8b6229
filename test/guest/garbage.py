#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=900 machines=q35,microvm
"""test/guest/garbage.py -- a million frames of garbage, in all, into a web server that must go on serving.

First over a link without offloads that loses nothing, then over the tap, where the host's kernel adds what it thinks
of checksums. In between and afterwards a page is fetched, and free memory is compared with what it was before.
"""
import contextlib
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import garbage  # noqa: E402
import machine  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402
from wire import Wire  # noqa: E402

# The million once: making frames takes this script longer than the guest has with them, and the guest's code is everywhere the same.
MILLION, MORE = (1000000, 100000) if (tap.machine, tap.accel) == ("q35", "tcg") else (200000, 50000)
MAC = "52:54:00:12:34:56"
RAW_MAC = bytes.fromhex(MAC.replace(":", ""))

net.enter()


def server(netdev):
    guest = machine.Guest(tap.demo("httpd"), "ip=%s/%d ip6=%s/64 -- -c 200" % (net.GUEST, net.BITS, net.GUEST6), tap.machine, tap.accel,
                          devices=machine.nic(tap.machine, netdev, ",mac=" + MAC) + machine.rng(tap.machine))
    net.wait_for_port(net.GUEST, 80, guest)
    return guest


def free_kib():
    return net.metrics()["pith_memory_free_bytes"] / 1024


def still_serves(guest):
    guest.read(0.0)
    assert guest.process.poll() is None, "the guest ended:\n" + guest.console[-3000:]
    net.ip("neigh", "flush", "dev", "tap0")
    page = net.curl("http://%s/bench.html" % net.GUEST, "--retry", "5", "--retry-all-errors", timeout=60)
    assert len(page) == 612, "%d bytes" % len(page)


def settles(before, guest):
    """Memory comes back as connections and fragments that never were complete time out."""
    deadline = time.monotonic() + 300
    while free_kib() + 64 < before:
        if time.monotonic() > deadline:
            raise AssertionError("free memory was %d KiB and is %d KiB" % (before, free_kib()))
        time.sleep(2.0)
    still_serves(guest)


@tap.point("%d frames over a link that loses none" % MILLION)
def million():
    wire = Wire("tap0", tap.seed)
    net.ip("addr", "add", "%s/%d" % (net.HOST, net.BITS), "dev", "tap0")
    net.ip("link", "set", "tap0", "up")
    with server(wire.netdev) as guest:
        before, start = free_kib(), time.monotonic()
        wire.ours.setblocking(True)
        wire.ours.settimeout(90)
        with watched(guest):
            for number, frame in enumerate(garbage.frames(tap.seed, RAW_MAC, MILLION)):
                wire.ours.send(frame or b"\0")
                if number % 100000 == 99999:
                    still_serves(guest)
        tap.note("%.0f frames a second" % (MILLION / (time.monotonic() - start)))
        settles(before, guest)


@contextlib.contextmanager
def watched(guest):
    """Its console is read meanwhile: a guest that says much must not be held up."""
    stop = threading.Event()

    def run():
        while not stop.is_set() and guest.read(0.2):
            pass

    reader = threading.Thread(target=run, daemon=True)
    reader.start()
    try:
        yield
    finally:
        stop.set()
        reader.join()


@tap.point("%d more over a tap, with offloads" % MORE)
def over_tap():
    net.ip("link", "del", "tap0")
    netdev = net.tap()
    with server(netdev) as guest, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind(("tap0", 0))
        before = free_kib()
        sent = net.counter("tap0", "tx", "packets")
        with watched(guest):
            for frame in garbage.frames(tap.seed + 1, RAW_MAC, MORE):
                try:
                    raw.send(frame)
                except OSError:  # too short for the kernel, or its queue is full
                    time.sleep(0.0005)
        sent = net.counter("tap0", "tx", "packets") - sent
        tap.note("%d reached the guest" % sent)
        assert sent > MORE // 4
        settles(before, guest)


tap.run()
