#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=420 machines=q35,microvm accel=tcg
"""test/guest/load.py -- 100,000 connections to httpd, ended in every way there is, and nothing is left of them.

Counters of memory, of lwIP's pools and of its connections are read from httpd's /metrics, before and after; a first few thousand connections come before the first reading, so that what is kept for good is there. Counts must be equal. Free memory is counted in pages, of which malloc() keeps what it has not trimmed: one lost byte a connection is less than that, the smallest lost block a connection is 25 times as much.
"""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import machine  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402

CONNECTIONS, WARM_UP, AT_ONCE = 100000, 4000, 64
SETTLE = 150.0  # longer than TIME_WAIT
UNTRIMMED = (128 + 4) * 1024  # what malloc() keeps at its end, to a whole page

net.enter()
net.sysctl("net.ipv4.ip_local_port_range", "1024 65000")
net.sysctl("net.ipv4.tcp_tw_reuse", "1")
LOAD = tap.host_program("lib/load")
GUEST = machine.Guest(tap.demo("httpd"), "ip=%s/%d" % (net.GUEST, net.BITS), tap.machine, tap.accel,
                      devices=machine.nic(tap.machine, net.tap()) + machine.rng(tap.machine))
readings = {}


def load(count):
    """Runs the load. Returns its counts."""
    done = subprocess.run([LOAD, net.GUEST, "80", str(count), str(AT_ONCE)], capture_output=True, text=True, timeout=300)
    GUEST.read(0.0)
    tap.note(done.stdout + done.stderr)
    counts = re.match(r"answered (\d+) reset (\d+) failed (\d+)", done.stdout)
    assert counts, "the load ended with %d: %s" % (done.returncode, GUEST.console[-2000:])
    return [int(n) for n in counts.groups()]


def counters():
    """Every number that must come back: what is in use of lwIP's pools, its connections, lent frames, free memory."""
    metrics = net.metrics()
    found = {name: value for name, value in metrics.items() if re.match(r"pith_lwip_(\w+_(used|lent|waiting)|tcp_connections|tcp_time_wait)$", name)}
    assert len(found) > 5, "no counters of the stack in /metrics: %s" % sorted(metrics)
    return dict(found, free=metrics["pith_memory_free_bytes"])


def moved(now):
    """The counters that are not what they were, as (before, now)."""
    return {name: (was, now.get(name)) for name, was in readings["before"].items()
            if now.get(name) != was and (name != "free" or was - now[name] > UNTRIMMED)}


def settled():
    """The counters once no connection but the one that asks is left and, the second time, once they are what they were."""
    deadline = time.monotonic() + SETTLE
    while True:
        now = counters()
        quiet = now["pith_lwip_tcp_pcb_used"] <= 1 and not ("before" in readings and moved(now))
        if quiet or time.monotonic() > deadline:
            return now
        time.sleep(2.0)


@tap.point("a first %d connections" % WARM_UP)
def warm_up():
    net.wait_for_port(net.GUEST, 80, GUEST)
    assert load(WARM_UP)[2] == 0
    readings["before"] = settled()


@tap.point("%d connections, each answered or reset" % CONNECTIONS)
def many():
    answered, reset, failed = load(CONNECTIONS)
    assert failed == 0 and answered + reset == CONNECTIONS, "%d failed" % failed


@tap.point("pools, connections and memory are back where they were")
def back():
    lost = moved(settled())
    assert not lost, "before and after: %s" % lost


@tap.point("and the server serves")
def serves():
    assert len(net.curl("http://%s/bench.html" % net.GUEST)) == 612


try:
    tap.run()
finally:
    tap.note(GUEST.console[-2000:])
    GUEST.kill()
