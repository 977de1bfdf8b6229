#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600
"""test/demos/httpd_faults.py -- httpd when every call moves less than asked for, and when memory runs out.

The first three points are the other tests of httpd once more, with faults.c between it and its C library. The
fourth draws requests and connections (PITH_SEED) while one allocation in six fails: any answer is fine but a
wrong one, and at the end the sanitizers must have nothing to say.
"""
import json
import os
import random
import re
import subprocess
import sys

import demo
from demo import Client, ask, get, tap

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = demo.SOURCE + "/demos/httpd/www"
BENCH = open(ROOT + "/bench.html", "rb").read()


def again(script):
    def test():
        r = subprocess.run([sys.executable, "-B", os.path.join(HERE, script), "--faults", "short"], capture_output=True, text=True)
        if r.returncode:
            tap.note("\n".join(line for line in (r.stdout + r.stderr).splitlines() if not line.startswith("ok ")))
        assert r.returncode == 0, "%s failed" % script
    return test


tap.point("short reads and writes: the requests of httpd_parser.py")(again("httpd_parser.py"))
tap.point("short reads and writes: the files of httpd.py")(again("httpd.py"))
tap.point("short reads and writes: the connections of httpd_conns.py")(again("httpd_conns.py"))


def talk(rng, server):
    """One connection with a few requests, some cut, some with bodies, some for pages made at once."""
    with Client(server, 20) as c:
        for _ in range(rng.randint(1, 8)):
            path = rng.choice(["/bench.html", "/style.css", "/status.json", "/metrics", "/", "/nothing", "/about.html"])
            fields = rng.choice([[], [], ["Range: bytes=5-20"], ["Content-Length: 3"], ["Connection: close"], ["If-None-Match: *"]])
            request = get(path, *fields) + ("abc" if "Content-Length: 3" in fields else "")
            cut = rng.randrange(len(request))
            c.send(request[:cut])
            c.send(request[cut:])
            r = c.response()
            if r is None:
                return "none"
            assert r.status in (200, 206, 304, 404, 503), r.status
            if path == "/bench.html" and r.status == 200:
                assert r.body == BENCH
            if r["connection"] == "close":
                return str(r.status)
    return "open"


@tap.point("one allocation in six fails: 503 or an end, never a wrong answer, never a crash")
def test_memory():
    demo.options.faults = "memory"
    server = demo.Server(demo.build("httpd"), "-d", ROOT)
    rng, ends = random.Random(tap.seed), {}
    for _ in range(1500):
        try:
            end = talk(rng, server)
        except (ConnectionResetError, BrokenPipeError):
            end = "reset"
        ends[end] = ends.get(end, 0) + 1
    tap.note("how connections ended: %s" % ends)
    assert ends.get("503") and ends.get("open") and ends.get("none", 0) + ends.get("reset", 0)
    code, output = server.stop()
    assert code == 0 and output.count("\n") == 1, output


@tap.point("what an image says of itself is on the page, in JSON, in the metrics; what is odd in it does no harm")
def test_image():
    folder = os.path.join(demo.folder, "proc")
    os.makedirs(folder + "/net")
    for name, text in (("pith", "platform: kvm\nodd\nmachine: <b>\"q35\"\naccelerator: tcg\nclock:\tkvmclock\nboot: pvh\nmore: x\n"),
                       ("boot", "start 100\nodd\nmemory 1250\ndevices 900\nmain 20000\n" + "x 30000\n" * 30), ("uptime", "12.34 5.00\n"),
                       ("meminfo", "MemTotal:        5120 kB\nMemFree:         2048 kB\nOther: 1\n"),
                       ("net/lwip", "arena_used 17\nodd\nTCP-PCB_used 18446744073709551615\nx y\n z 1\n"),
                       ("net/dev", "Inter-|   Receive\n face |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n")):
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)
    demo.options.faults, os.environ["PITH_PROC"] = "none", folder
    server = demo.Server(demo.build("httpd"), "-d", ROOT + "//")
    s = json.loads(ask(server, "/status.json").body)
    assert (s["platform"], s["machine"], s["accelerator"], s["clock"], s["entry"]) == ("kvm", "?b??q35?", "tcg", "kvmclock", "pvh"), s
    assert s["boot"][:4] == [{"name": n, "us": us} for n, us in (("start", 100), ("memory", 1150), ("devices", 0), ("main", 18750))], s["boot"]
    assert len(s["boot"]) == 16 and s["memory"] == {"total": 5120 << 10, "free": 2048 << 10} and s["machine_uptime"] == 12.34
    assert s["net"] == [{"name": "eth0", "rx_bytes": 1, "rx_packets": 2, "tx_bytes": 9, "tx_packets": 10}]
    text = ask(server, "/metrics").body.decode()
    assert [line for line in text.splitlines() if line.startswith("pith_lwip_")] == ["pith_lwip_arena_used 17", "pith_lwip_tcp_pcb_used 18446744073709551615"]
    for line in ('pith_info{platform="kvm",machine="?b??q35?",accelerator="tcg",clock="kvmclock",boot="pvh"} 1',
                 'pith_boot_phase_seconds{phase="1_memory"} 0.001150', "pith_memory_free_bytes 2097152", 'pith_network_transmit_packets_total{device="eth0"} 10'):
        assert line in text.splitlines(), line
    page = ask(server, "/").body.decode()
    assert json.loads(re.search(r"id='first'>\n(.*?)\n</script>", page, re.S).group(1))["boot"] == s["boot"]
    assert server.stop()[0] == 0


tap.run()
