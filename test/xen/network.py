#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=800 flavours=pv,pvh
"""test/xen/network.py -- netfront against Linux' netback: bytes both ways and checked, many connections, two interfaces."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import net, tap  # noqa: E402
from bulk_client import Client, draw  # noqa: E402

MEGABYTES, CONNECTIONS, WARM_UP, AT_ONCE = 16, 10000, 1000, 64
SETTLE = 150.0  # longer than TIME_WAIT

LOAD = tap.host_program("lib/load")
HOST = xl.host(["demos/httpd", "test/guest/bulk"])
readings = {}


def bulk():
    return xl.Guest(HOST, "test/guest/bulk", xl.network_words(HOST) + "-- 9", [xl.vif(HOST)], memory=64)


def rate(what, bytes_, start):
    tap.note("%s: %.0f MB/s" % (what, bytes_ / 1e6 / (time.monotonic() - start)))


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
        client, start = Client(HOST.address), time.monotonic()
        for _ in range(200):
            client.get(1)
        client.close()
        each = (time.monotonic() - start) / 200
        tap.note("%.1f ms each" % (each * 1e3))
        assert each < 0.05, "%.0f ms each" % (each * 1e3)


def load(guest, count):
    """Runs the load. Returns its counts."""
    done = subprocess.run([LOAD, HOST.address, "80", str(count), str(AT_ONCE)], capture_output=True, text=True, timeout=300)
    tap.note(done.stdout + done.stderr)
    counts = re.match(r"answered (\d+) reset (\d+) failed (\d+)", done.stdout)
    assert counts, "the load ended with %d: %s" % (done.returncode, guest.read()[-2000:])
    return [int(n) for n in counts.groups()]


def counters():
    """Every number that must come back: what is in use of lwIP's pools, its connections, lent frames, free memory."""
    metrics = net.metrics(HOST.address)
    found = {name: value for name, value in metrics.items() if re.match(r"pith_lwip_(\w+_(used|lent|waiting)|tcp_connections|tcp_time_wait)$", name)}
    assert len(found) > 5, "no counters of the stack in /metrics: %s" % sorted(metrics)
    return dict(found, free=metrics["pith_memory_free_bytes"])


def settled(before=None):
    """The counters once no connection but the one that asks is left and, the second time, once they are what they were."""
    deadline = time.monotonic() + SETTLE
    while True:
        now = counters()
        if (now["pith_lwip_tcp_pcb_used"] <= 1 and now == (before or now)) or time.monotonic() > deadline:
            return now
        time.sleep(2.0)


@tap.point("%d connections, ended in every way there is: each answered or reset, and nothing is left of them" % CONNECTIONS)
def many():
    with xl.Guest(HOST, "demos/httpd", xl.network_words(HOST) + "--", [xl.vif(HOST)], memory=64) as guest:
        guest.serves(80)
        assert load(guest, WARM_UP)[2] == 0
        before = settled()
        answered, reset, failed = load(guest, CONNECTIONS)
        assert failed == 0 and answered + reset == CONNECTIONS, "%d failed" % failed
        after = settled(before)
        moved = {k: (v, after.get(k)) for k, v in before.items() if after.get(k) != v}
        assert not moved, "before and after: %s" % moved
        assert len(net.curl("http://%s/bench.html" % HOST.address)) == 612


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


with HOST:
    tap.run()
