# SPDX-License-Identifier: MIT
"""Many connections to a guest's httpd by load.c, and whether anything is left of them.

Counters of memory, of lwIP's pools and of its connections are read from httpd's /metrics before and after; a first few
connections come before the first reading, so that what is kept for good is there. Counts must be equal. Free memory is counted in
pages, of which malloc() keeps what it has not trimmed: of 100,000 connections that is one lost byte each, and the smallest
lost block is 25 times as much.
"""
import re
import subprocess
import time

import net
import tap

AT_ONCE = 64
SETTLE = 300.0  # much longer than TIME_WAIT
UNTRIMMED = (128 + 4) * 1024  # what malloc() keeps at its end, to a whole page
COUNTERS = re.compile(r"pith_lwip_(\w+_(used|lent|waiting)|tcp_connections|tcp_time_wait)$")


class Server:
    """A guest that serves on port 80. said(): the end of its console."""

    def __init__(self, address, said):
        self.address, self.said, self.before = address, said, None
        self.program = tap.host_program("lib/load")

    def load(self, count):
        """Runs the load, in which no connection may fail. Each was answered or reset then."""
        done = subprocess.run([self.program, self.address, "80", str(count), str(AT_ONCE)], capture_output=True, text=True, timeout=1100)
        tap.note(done.stdout + done.stderr)
        counts = re.match(r"answered (\d+) reset (\d+) failed (\d+)", done.stdout)
        assert counts, "the load ended with %d: %s" % (done.returncode, self.said())
        answered, reset, failed = [int(n) for n in counts.groups()]
        assert failed == 0 and answered + reset == count, "%d failed: %s" % (failed, self.said())

    def counters(self):
        """Every number that must come back: what is in use of lwIP's pools, its connections, lent frames, free memory."""
        metrics = net.metrics(self.address)
        found = {name: value for name, value in metrics.items() if COUNTERS.match(name)}
        assert len(found) > 5, "no counters of the stack in /metrics: %s" % sorted(metrics)
        return dict(found, free=metrics["pith_memory_free_bytes"])

    def moved(self, now):
        """The counters that are not what they were, as (before, now)."""
        return {name: (was, now.get(name)) for name, was in (self.before or {}).items()
                if now.get(name) != was and (name != "free" or was - now[name] > UNTRIMMED)}

    def settled(self):
        """The counters once no connection but the one that asks is left and, the second time, once they are what they were."""
        deadline = time.monotonic() + SETTLE
        while True:
            now = self.counters()
            if (now["pith_lwip_tcp_pcb_used"] <= 1 and not self.moved(now)) or time.monotonic() > deadline:
                return now
            time.sleep(2.0)

    def take_first(self):
        """The first reading."""
        self.before = self.settled()

    def check_back(self):
        """The second reading is the first, and it serves."""
        lost = self.moved(self.settled())
        assert not lost, "before and after: %s" % lost
        assert len(net.curl("http://%s/bench.html" % self.address)) == 612
