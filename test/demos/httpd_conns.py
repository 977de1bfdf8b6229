#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600
"""test/demos/httpd_conns.py -- whom httpd serves, and for how long.

Many connections, slow and half-closed ones; timeouts, the connection limit, no descriptors, an end in good order.
"""
import json
import os
import resource
import socket
import subprocess
import threading
import time

import demo
from demo import Client, ask, get, tap
from httpd_root import BENCH, LARGE, SMALL, ours, program, root, server

# ---- connections ----

@tap.point("1000 requests on one connection; 500 of them in one write")
def test_keep_alive():
    with Client(server) as c:
        for _ in range(500):
            assert c.send(get("/bench.html")).response().body == BENCH
        c.send(get("/bench.html") * 500)
        for _ in range(500):
            assert c.response().body == BENCH


@tap.point("1000 connections at once")
def test_many_connections():
    clients = [Client(server, 30) for _ in range(1000)]
    for c in clients:
        c.send(get("/bench.html"))
    for c in clients:
        assert c.response().body == BENCH
    for c in clients:
        c.send(get("/bench.html", "Connection: close"))
    for c in clients:
        assert c.response().body == BENCH and c.ended()
        c.socket.close()


def small_buffers(to=None):
    """A client that takes little at a time."""
    c, to = Client.__new__(Client), to or server
    c.socket, c.data = socket.socket(socket.AF_INET6 if ":" in to.host else socket.AF_INET), b""
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    c.socket.settimeout(20)
    c.socket.connect((to.host, to.port))
    return c


def stuff(client, request, most):
    """Sends requests and reads nothing until the server takes no more. Returns how many were begun, and the rest of the last."""
    client.socket.setblocking(False)
    sent, idle = 0, 0
    while idle < 5 and sent < most * len(request):
        at = sent % len(request)
        try:
            sent += client.socket.send((request[at:] + request * 100).encode())
            idle = 0
        except BlockingIOError:
            idle += 1
            time.sleep(0.05)
    client.socket.settimeout(20)
    return -(-sent // len(request)), request[(sent - 1) % len(request) + 1:]


@tap.point("readers that do not read hold up nobody, and get it all in the end")
def test_slow_readers():
    slow = [small_buffers() for _ in range(3)]
    owed = [stuff(c, get("/bench.html"), 20000) for c in slow]
    tap.note("answers owed: %s" % [n for n, _ in owed])
    start = time.monotonic()
    for _ in range(50):
        assert ask(server, "/bench.html").body == BENCH
    assert time.monotonic() - start < 5
    for c, (n, rest) in zip(slow, owed):
        for k in range(n):
            if k == n - 1:
                c.send(rest)  # not before: the server reads nothing as long as nobody reads its answers
            r = c.response()
            assert r and r.body == BENCH, "answer %d of %d" % (k, n)
        c.socket.close()


@ours("large files to slow readers, and to one that goes away")
def test_large_slow():
    slow = [small_buffers() for _ in range(5)]
    for c in slow:
        c.send(get("/large.bin") + get("/16385.bin") + get("/bench.html"))
    slow.pop().socket.close()
    for c in slow:
        assert c.response().body == LARGE and c.response().body == SMALL["/16385.bin"] and c.response().body == BENCH
        c.send(get("/bench.html") + get("/16385.bin") + get("/style.css"))  # a head that waits for its file, behind another answer
        assert c.response().body == BENCH and c.response().body == SMALL["/16385.bin"] and c.response().status == 200
        c.socket.close()


@ours("a large file that shrinks on the way ends the connection")
def test_shrink():
    with open(root + "/shrink.bin", "wb") as f:
        f.write(LARGE * 4)
    c = small_buffers()
    c.send(get("/shrink.bin"))
    c.more()
    os.truncate(root + "/shrink.bin", 1000)
    try:
        while c.more():
            pass
    except ConnectionResetError:
        pass
    assert len(c.data) < len(LARGE) * 4
    c.socket.close()
    assert ask(server, "/bench.html").body == BENCH


@tap.point("a client that closes its half gets its answers")
def test_half_close():
    with Client(server) as c:
        c.send(get("/bench.html") * 20)
        c.socket.shutdown(socket.SHUT_WR)
        for _ in range(20):
            assert c.response().body == BENCH
        assert c.ended()


@tap.point("an answer to a body that is refused is not lost to a reset")
def test_linger():
    with Client(server) as c:
        c.send(get("/bench.html", "Content-Length: 200000", method="POST") + "x" * 100000)
        time.sleep(0.2)
        c.send("x" * 100000)
        r = c.response()
        assert r.status == 413 and c.ended()


@tap.point("a date is of this second, on a kept page too")
def test_dates():
    with Client(server) as c:
        first = c.send(get("/bench.html")).response()["date"]
        time.sleep(1.2)
        second = c.send(get("/bench.html")).response()["date"]
    assert first != second, first


# ---- servers of our own ----

@ours("timeouts: 408 inside a request, a quiet end between two, nothing for who never speaks")
def test_timeouts():
    own = demo.Server(program, "-d", root, "-t", "1", "-k", "2", "-w", "2")
    silent, half, body, idle = Client(own), Client(own), Client(own), Client(own)
    start = time.monotonic()
    half.send("GET / HT")
    body.send(get("/bench.html", "Content-Length: 10", method="POST") + "abc")
    assert idle.send(get("/bench.html")).response().status == 200
    for c in (half, body):
        r = c.response()
        assert r.status == 408 and r["connection"] == "close" and c.ended()
    assert silent.ended() and 1 <= time.monotonic() - start < 3.5
    assert idle.ended() and 2 <= time.monotonic() - start < 4.5
    drip = Client(own)  # bytes that trickle in do not put the end off
    start = time.monotonic()
    try:
        for ch in get("/bench.html", "X: " + "y" * 200):
            drip.send(ch)
            time.sleep(0.05)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert time.monotonic() - start < 5
    slow = small_buffers(own)
    slow.send(get("/large.bin") * 20)
    time.sleep(4.5)
    slow.socket.settimeout(5)
    try:
        while slow.more():
            pass
        short = len(slow.data)
    except ConnectionResetError:
        short = 0
    assert short < 20 * len(LARGE), "a reader that never reads is kept for ever"
    assert json.loads(ask(own, "/status.json").body)["connections"]["timeouts"] >= 4
    assert own.stop()[0] == 0


@ours("at the connection limit the longest idle one goes; if all are busy, 503")
def test_limit():
    own = demo.Server(program, "-d", root, "-c", "4")
    idle = [Client(own) for _ in range(4)]
    for c in idle:
        assert c.send(get("/bench.html")).response().status == 200
        time.sleep(0.02)
    new = Client(own)
    assert new.send(get("/bench.html")).response().status == 200 and idle[0].ended()
    for c in idle[1:] + [new]:
        c.send("GET /")
    time.sleep(0.1)
    late = Client(own)
    if not demo.options.faults:  # the one write of this answer is not tried again
        r = late.response()
        assert r.status == 503 and r["retry-after"] and late.ended()
    for c in idle[1:] + [new]:
        assert c.send("bench.html HTTP/1.1\r\nHost: x\r\n\r\n").response().body == BENCH
    assert own.stop()[0] == 0


@ours("SIGTERM: what is being served is served, idle connections end, nobody new comes in")
def test_stop():
    own = demo.Server(program, "-d", root)
    idle, half, busy = Client(own), Client(own), small_buffers(own)
    assert idle.send(get("/bench.html")).response().status == 200
    half.send("GET /bench.html HTTP/1.1\r\n")
    busy.send(get("/large.bin"))
    busy.more()
    result = []
    stopper = threading.Thread(target=lambda: result.append(own.stop()))
    stopper.start()
    assert idle.ended()
    try:
        Client(own).socket.close()
        raise AssertionError("somebody new came in")
    except ConnectionRefusedError:
        pass
    r = half.send("Host: x\r\n\r\n").response()
    assert r.body == BENCH and r["connection"] == "close" and half.ended()
    assert busy.response().body == LARGE and busy.ended()
    stopper.join(15)
    assert result and result[0][0] == 0, result


@ours("with no descriptor left it waits, and goes on")
def test_no_descriptors():
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, old[1]))
    try:
        own = demo.Server(program, "-d", root)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)
    clients = [Client(own) for _ in range(100)]
    time.sleep(0.3)
    spent = cpu(own.process.pid)
    time.sleep(1)
    assert cpu(own.process.pid) - spent < 0.5, "it does not sleep"
    for c in clients[:60]:
        c.socket.close()
    for c in clients[60:]:
        assert c.send(get("/bench.html")).response().status in (200, 503)
        c.socket.close()
    assert ask(own, "/bench.html").status == 200 and own.stop()[0] == 0


def cpu(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@ours("wrong options are refused by name")
def test_options():
    for arguments, word in ((["-p", "0"], "-p"), (["-p", "70000"], "-p"), (["-c", "x"], "-c"), (["-t", "-1"], "-t"), (["--nonsense"], "usage"),
                            (["-d", "/nonexistent"], "/nonexistent"), (["extra"], "usage"), ([], "www"), (["-p"], "usage"), (["--port=x"], "-p"), (["--dir"], "usage")):
        r = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=10, cwd="/")
        assert r.returncode in (1, 2) and word in r.stderr, "%s: %s" % (arguments, r)
    r = subprocess.run([program, "-d", root, "-p", str(server.port)], capture_output=True, text=True, timeout=10)
    assert r.returncode == 1 and "port %d" % server.port in r.stderr
    r = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=10)
    assert r.returncode == 0 and "--dir=DIR" in r.stdout


@ours("IPv6")
def test_ipv6():
    if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
        tap.note("this machine has no IPv6")
        return
    with socket.create_connection(("::1", server.port), 5) as s:
        s.sendall(get("/bench.html", "Connection: close").encode())
        data = b""
        while chunk := s.recv(65536):
            data += chunk
    assert data.endswith(BENCH)


@ours("it stops in good order, and the sanitizers have nothing to say")
def test_end():
    code, output = server.stop()
    assert code == 0 and output.count("\n") == 1, output


tap.run()
