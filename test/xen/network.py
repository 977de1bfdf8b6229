#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=1200 flavours=pv,pvh share=0.4 first
"""test/xen/network.py -- netfront against Linux' netback: bytes both ways and checked, many connections, two interfaces.

The server that gets the many has an address of its own and stays: while its TIME-WAITs run out, other guests are looked at.
"""
import contextlib
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import net, tap  # noqa: E402
from bulk_client import Client, draw  # noqa: E402
import many  # noqa: E402

MEGABYTES, WARM_UP = 16, 1000
CONNECTIONS = int(os.environ.get("PITH_CONNECTIONS", "10000"))

HOST = xl.host(["demos/httpd", "test/guest/bulk"])
LOADED = HOST.address.rpartition(".")[0] + ".52"
stack = contextlib.ExitStack()


def bulk():
    return xl.Guest(HOST, "test/guest/bulk", xl.network_words(HOST) + "-- 9", [xl.vif(HOST)], memory=64)


def rate(what, bytes_, start):
    tap.note("%s: %.0f MB/s" % (what, bytes_ / 1e6 / (time.monotonic() - start)))


@tap.point("a first %d connections, ended in every way there is" % WARM_UP)
def warm_up():
    line = "ip=%s/%d gw=%s --" % (LOADED, HOST.bits, HOST.gateway)
    guest = stack.enter_context(xl.Guest(HOST, "demos/httpd", line, [xl.vif(HOST, 2)], memory=64, name="pith-loaded"))
    guest.serves(80, LOADED)
    warm_up.guest, warm_up.server = guest, many.Server(LOADED, lambda: guest.read()[-2000:])
    warm_up.server.load(WARM_UP)


@tap.point("%d MiB each way, and sizes around segments: what arrives is what was sent" % MEGABYTES)
def both_ways():
    with bulk() as guest:
        guest.expect("bulk: listening")
        guest.serves(9)
        client = Client(HOST.address)
        for size in (1, 2, 1447, 1448, 1449, 4096, 65535, 65536, 65537, 262145):
            client.put(draw.randbytes(size))
            client.get(size)
        data, start = draw.randbytes(MEGABYTES << 20), time.monotonic()
        client.put(data)
        rate("in", len(data), start)
        start = time.monotonic()
        client.get(MEGABYTES << 20)
        rate("out", MEGABYTES << 20, start)
        client.close()


@tap.point("one request after the other is answered at once")
def latency():
    with bulk() as guest:
        guest.serves(9)
        client, times = Client(HOST.address), []
        for _ in range(200):
            start = time.monotonic()
            client.get(1)
            times.append(time.monotonic() - start)
        client.close()
        quick, median, slow = statistics.quantiles(times)
        tap.note("%.1f ms each, a quarter of them quicker than %.1f, a quarter slower than %.1f" % (median * 1e3, quick * 1e3, slow * 1e3))
        assert quick < 0.05, "%.0f ms each" % (median * 1e3)  # an answer that waits for a timer always does; a busy host is late now and then


def outside():
    """What else could leak; of memory many.py knows more."""
    counts = warm_up.guest.counts()
    del counts["pages"]
    return counts


@tap.point("%d connections: each answered or reset" % CONNECTIONS)
def connections():
    warm_up.server.take_first()
    warm_up.counts = outside()
    warm_up.server.load(CONNECTIONS)


@tap.point("two interfaces: each has its address, pages come by both")
def two():
    line = "ip=%s/%d,gw=%s ip1=10.1.0.2/24 --" % (HOST.address, HOST.bits, HOST.gateway)
    with xl.Guest(HOST, "demos/httpd", line, [xl.vif(HOST), xl.vif(HOST, 1)], memory=64) as guest:
        guest.serves(80)
        net.ip("addr", "add", "10.1.0.3/24", "dev", xl.outside_device(HOST))
        try:
            guest.serves(80, "10.1.0.2")
            for address in (HOST.address, "10.1.0.2"):
                assert len(net.curl("http://%s/bench.html" % address)) == 612
        finally:
            net.ip("addr", "del", "10.1.0.3/24", "dev", xl.outside_device(HOST))


@tap.point("nothing is left of the connections, and the server serves")
def back():
    warm_up.server.check_back()
    assert outside() == warm_up.counts, (outside(), warm_up.counts)
    tap.note("%s\n%s" % (warm_up.server.before, warm_up.counts))


with HOST, stack:
    tap.run()
