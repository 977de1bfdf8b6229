#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=300
"""test/demos/httpd.py -- what httpd serves, to whom, and for how long.

Files, ranges, conditions, dates, the pages of numbers; many connections, slow and half-closed ones;
timeouts, the connection limit, an end in good order.
"""
import email.utils
import json
import os
import re
import resource
import socket
import subprocess
import threading
import time

import demo
from demo import Client, ask, get, tap

LARGE = os.urandom(1 << 20) * 3
SMALL = {"/empty.txt": b"", "/16384.bin": b"k" * 16384, "/16385.bin": b"l" * 16385, "/sub/index.html": b"index", "/sp ace.txt": b"blank",
         "/100%.txt": b"percent", "/\u00fc.txt": b"umlaut", "/.hidden": b"secret", "/.well-known/x": b"known", "/none": b"no ending", "/A.HTML": b"upper"}
MTIME = 1700000000
ETAG = '"%x-%x"'
local = not demo.options.server


def make_root():
    root = os.path.join(demo.folder, "root")
    for path, body in {**SMALL, "/large.bin": LARGE}.items():
        name = root + path
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as f:
            f.write(body)
        os.utime(name, (MTIME, MTIME))
    for name in ("bench.html", "style.css"):
        with open(os.path.join(demo.SOURCE, "demos/httpd/www", name), "rb") as f, open(os.path.join(root, name), "wb") as g:
            g.write(f.read())
        os.utime(os.path.join(root, name), (MTIME, MTIME))
    os.mkfifo(root + "/fifo")
    os.symlink("bench.html", root + "/link.html")
    os.mkdir(root + "/bare")
    with open(root + "/secret.txt", "w") as f:
        f.write("x")
    os.chmod(root + "/secret.txt", 0)
    return root


root = make_root() if local else os.path.join(demo.SOURCE, "demos/httpd/www")
program = demo.build("httpd") if local else None
server = demo.Server(program, "-d", root, "-c", "1500") if local else demo.Server()
with open(os.path.join(root, "bench.html"), "rb") as f:
    BENCH = f.read()


def ours(description):
    """A point that needs files, options or a process of ours."""
    return tap.point(description) if local else lambda f: f


def status(*arguments, **more):
    return ask(server, *arguments, **more).status


# ---- files ----

@tap.point("a file: its bytes, type, length, tag, dates")
def test_file():
    r = ask(server, "/bench.html")
    assert r.status == 200 and r.body == BENCH and len(BENCH) == 612
    assert r["content-type"] == "text/html; charset=utf-8" and r["content-length"] == "612" and r["accept-ranges"] == "bytes"
    assert re.fullmatch(r'"[0-9a-f]+-264"', r["etag"]), r["etag"]
    for name in ("date", "last-modified"):
        parsed = email.utils.parsedate_to_datetime(r[name])
        assert email.utils.format_datetime(parsed, usegmt=True) == r[name], r[name]
    now = email.utils.parsedate_to_datetime(r["date"]).timestamp()
    assert abs(now - time.time()) < 3, r["date"]
    assert ask(server, "/style.css")["content-type"] == "text/css; charset=utf-8"


@ours("files of every kind of name and size")
def test_names():
    paths = {"/empty.txt": "/empty.txt", "/16384.bin": "/16384.bin", "/16385.bin": "/16385.bin", "/sub/": "/sub/index.html",
             "/sub/index.html": "/sub/index.html", "/sp%20ace.txt": "/sp ace.txt", "/100%25.txt": "/100%.txt", "/%C3%BC.txt": "/\u00fc.txt",
             "/.well-known/x": "/.well-known/x", "/none": "/none", "/A.HTML": "/A.HTML"}
    for _ in range(2):  # from disk, then from memory
        for path, name in paths.items():
            r = ask(server, path)
            assert r.status == 200 and r.body == SMALL[name], "%s: %d" % (path, r.status)
    assert ask(server, "/none")["content-type"] == "application/octet-stream"
    assert ask(server, "/A.HTML")["content-type"].startswith("text/html")
    assert ask(server, "/link.html").body == BENCH
    r = ask(server, "/large.bin")
    assert r.status == 200 and r.body == LARGE
    assert r["etag"] == ETAG % (MTIME, len(LARGE)) and r["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"


@ours("what is no file: FIFOs, bare folders, hidden and forbidden ones")
def test_no_files():
    assert status("/fifo") == 404 and status("/bare/") == 404 and status("/.hidden") == 404 and status("/.well-known/y") == 404
    if os.geteuid():
        assert status("/secret.txt") == 403
    r = ask(server, "/sub?x=1")
    assert r.status == 301 and r["location"] == "/sub/", r.fields
    assert status("/sub/index.html/") == 404


@ours("a file that changes is served as it is now")
def test_change():
    for k in range(3):
        with open(root + "/changing.txt", "w") as f:
            f.write("version %d" % k)
        time.sleep(1.1)  # a kept file is looked at once a second
        assert ask(server, "/changing.txt").body == b"version %d" % k
    os.remove(root + "/changing.txt")
    time.sleep(1.1)
    assert status("/changing.txt") == 404


@ours("more files than are kept in memory")
def test_many_files():
    os.mkdir(root + "/many")
    for k in range(300):
        with open(root + "/many/%d.txt" % k, "w") as f:
            f.write("file %d" % k * (k + 1))
    for k in [*range(300), *range(0, 300, 7)]:
        assert ask(server, "/many/%d.txt" % k).body.decode() == "file %d" % k * (k + 1)


@tap.point("HEAD has the fields of GET and no body")
def test_head():
    for path in ("/bench.html", "/style.css", "/nothing", "/metrics", *(["/large.bin", "/sub"] if local else [])):
        with Client(server) as c:
            g = c.send(get(path)).response()
            h = c.send(get(path, method="HEAD")).response(head=True)
            assert c.send(get("/bench.html")).response().body == BENCH, path
        for r in (g, h):
            del r.fields["date"]
            if path == "/metrics":
                del r.fields["content-length"]
        assert g.status == h.status and g.fields == h.fields, "%s: %s %s" % (path, g.fields, h.fields)


# ---- ranges and conditions ----

@tap.point("one range: 206; beyond the end: 416; anything else: the whole")
def test_ranges():
    files = [("/bench.html", BENCH)] + ([("/large.bin", LARGE), ("/16385.bin", SMALL["/16385.bin"])] if local else [])
    for path, body in files:
        n = len(body)
        for value, first, last in (("0-0", 0, 0), ("0-", 0, n - 1), ("10-19", 10, 19), ("-1", n - 1, n - 1), ("-%d" % (n + 5), 0, n - 1),
                                   ("%d-" % (n - 1), n - 1, n - 1), ("5-99999999999999999999", 5, n - 1), ("0-%d" % n, 0, n - 1)):
            r = ask(server, path, "Range: bytes=" + value)
            assert r.status == 206 and r.body == body[first:last + 1], "%s %s: %d" % (path, value, r.status)
            assert r["content-range"] == "bytes %d-%d/%d" % (first, last, n), r.fields
        for value in ("%d-" % n, "%d-%d" % (n, n + 1), "-0", "99999999999999999999-"):
            r = ask(server, path, "Range: bytes=" + value)
            assert r.status == 416 and r["content-range"] == "bytes */%d" % n, "%s %s: %d" % (path, value, r.status)
        for value in ("bytes=2-1", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "bytes 0-1", "lines=0-1", "bytes=1", "bytes=0-1x", "bytes=--1"):
            r = ask(server, path, "Range: " + value)
            assert r.status == 200 and r.body == body, "%s %s: %d" % (path, value, r.status)
        r = ask(server, path, "Range: Bytes=0-3")
        assert r.status == 206 and r.body == body[:4]
        assert status(path, "Range: bytes=0-3", method="HEAD") == 200


@ours("an empty file has no ranges")
def test_empty_range():
    assert status("/empty.txt", "Range: bytes=0-") == 416 and status("/empty.txt", "Range: bytes=-5") == 416


@tap.point("conditions: 304 and 412, in the order of RFC 9110")
def test_conditions():
    r = ask(server, "/bench.html")
    tag, date = r["etag"], r["last-modified"]
    t = email.utils.parsedate_to_datetime(date).timestamp()
    older, newer = (email.utils.formatdate(t + d, usegmt=True) for d in (-1, 1))
    tm = time.gmtime(t)
    rows = [
        (304, "If-None-Match: " + tag), (304, "If-None-Match: W/" + tag), (304, 'If-None-Match: "a", , %s , "b"' % tag), (304, "If-None-Match: *"),
        (200, 'If-None-Match: "x"'), (200, "If-None-Match: " + tag.strip('"')), (200, 'If-None-Match: "x"', "If-Modified-Since: " + date),
        (304, "If-Modified-Since: " + date), (304, "If-Modified-Since: " + newer), (200, "If-Modified-Since: " + older),
        (304, "If-Modified-Since: " + time.strftime("%A, %d-%b-%y %H:%M:%S GMT", tm)), (304, "If-Modified-Since: " + time.asctime(tm)),
        (304, "If-Modified-Since: Mon Nov  7 22:13:20 2050"), (200, "If-Modified-Since: Mon, 07 Nix 2050 22:13:20 GMT"),
        (200, "If-Modified-Since: Mon, 0x Nov 2050 22:13:20 GMT"), (304, "If-Modified-Since: Monday, 07-Nov-50 22:13:20 GMT"),
        (200, "If-Modified-Since: yesterday"), (200, "If-Modified-Since: Tue, 99 Nov 2033 22:13:20 GMT"), (200, "If-Modified-Since:"),
        (200, "If-Match: " + tag), (200, "If-Match: *"), (412, 'If-Match: "x"'), (412, "If-Match: W/" + tag), (412, 'If-Match: "x"', "If-None-Match: " + tag),
        (200, "If-Unmodified-Since: " + date), (412, "If-Unmodified-Since: " + older), (200, "If-Unmodified-Since: " + newer), (200, "If-Match: " + tag, "If-Unmodified-Since: " + older),
        (206, "Range: bytes=0-1", "If-Range: " + tag), (206, "Range: bytes=0-1", "If-Range: " + date), (200, "Range: bytes=0-1", 'If-Range: "x"'),
        (200, "Range: bytes=0-1", "If-Range: W/" + tag), (200, "Range: bytes=0-1", "If-Range: " + newer), (200, "If-Range: " + tag),
        (304, "Range: bytes=0-1", "If-None-Match: " + tag),
    ]
    for want, *fields in rows:
        for method in ("GET", "HEAD") if want != 206 else ("GET",):
            with Client(server) as c:
                r = c.send(get("/bench.html", *fields, method=method)).response(method == "HEAD")
                assert r.status == want, "%s %s: %d" % (method, fields, r.status)
                assert want != 304 or (r["etag"] == tag and not r["content-length"])
                assert c.send(get("/bench.html")).response().body == BENCH, "the connection after %s" % fields


# ---- the pages of numbers ----

@tap.point("/status.json is JSON, and its counters count")
def test_json():
    with Client(server) as c:
        a, b = (json.loads(c.send(get("/nothing") + get("/status.json")).response() and c.response().body) for _ in range(2))
    assert b["requests"] - a["requests"] >= 2 and b["responses"]["4xx"] - a["responses"]["4xx"] >= 1
    assert b["bytes"]["in"] > a["bytes"]["in"] and b["bytes"]["out"] > a["bytes"]["out"] and b["connections"]["open"] >= 1
    assert b["uptime"] >= a["uptime"] and set(b["memory"]) == {"total", "free"} and b["platform"]
    assert isinstance(b["boot"], list) and isinstance(b["net"], list)


SAMPLE = re.compile(r'([a-z_:][a-z0-9_:]*)(?:\{([a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*)\})? (-?[0-9.]+(?:e[-+]?\d+)?)')


@tap.point("/metrics is Prometheus text 0.0.4: HELP, TYPE, samples of a family together, no sample twice")
def test_metrics():
    r = ask(server, "/metrics")
    assert r["content-type"] == "text/plain; version=0.0.4; charset=utf-8" and r.body.endswith(b"\n")
    family, kinds, seen = None, {}, set()
    for line in r.body.decode().splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
            assert family not in kinds and len(line.split()) > 3, line
            kinds[family] = None
        elif line.startswith("# TYPE "):
            assert line.split()[2] == family and kinds[family] is None, line
            kinds[family] = line.split()[3]
        else:
            m = SAMPLE.fullmatch(line)
            assert m and m.group(1) == family and (m.group(1), m.group(2)) not in seen, line
            assert kinds[family] in ("counter", "gauge") and (kinds[family] == "counter") == family.endswith("_total"), line
            seen.add((m.group(1), m.group(2)))
    assert all(k.startswith(("pith_", "process_")) for k in kinds) and "pith_http_requests_total" in kinds


@tap.point("/ is a page that needs nothing from elsewhere")
def test_page():
    for path in ("/", "/status"):
        r = ask(server, path)
        text = r.body.decode()
        assert r.status == 200 and r["content-type"].startswith("text/html") and r["cache-control"] == "no-store"
        assert "default-src 'none'" in r["content-security-policy"]
        assert not re.search(r"(src|href)='(https?:)?//", text), "something from elsewhere"
        for part in ("<!doctype html>", "lang='en'", "name='viewport'", "prefers-color-scheme: dark", "<noscript>", "/status.json"):
            assert part in text, part
        json.loads(re.search(r"id='first'>\n(.*?)\n</script>", text, re.S).group(1))


@ours("a root with an index.html of its own")
def test_index():
    with open(root + "/index.html", "w") as f:
        f.write("mine")
    assert ask(server, "/").body == b"mine" and b"pith" in ask(server, "/status").body
    os.remove(root + "/index.html")
    time.sleep(1.1)
    assert b"pith" in ask(server, "/").body


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
    r = late.response()
    if not demo.options.faults:  # the one write of this answer is not tried again
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
