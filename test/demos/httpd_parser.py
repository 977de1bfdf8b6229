#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600
"""test/demos/httpd_parser.py -- requests as they must not be, and what httpd must say to each.

A table of raw requests with the statuses that come back and whether the connection then stays. Each is sent
whole, cut at every byte, and byte by byte; all that leave the connection open are sent in a row at once; and
then thousands of damaged ones (PITH_SEED), after which the server must be as before. A server that was not started here
runs the same code as one that was: it gets some of the cuts and of the damaged ones, drawn anew each time.
"""
import random
import time

import demo
from demo import Client, get, tap

H = "Host: test\r\n"
OPEN, CLOSED = True, False
LONG = "x" * 8100
rng = random.Random(tap.seed)
TABLE = [
    # name, request, statuses, what becomes of the connection
    ("a plain request", get("/bench.html"), [200], OPEN),
    ("HTTP/1.0", "GET /bench.html HTTP/1.0\r\n\r\n", [200], CLOSED),
    ("HTTP/1.0 that asks to stay", "GET /bench.html HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", [200], OPEN),
    ("HTTP/1.7 is HTTP/1.1", "GET /bench.html HTTP/1.7\r\n" + H + "\r\n", [200], OPEN),
    ("Connection: close", get("/bench.html", "Connection: close"), [200], CLOSED),
    ("Connection: Close, in a list", get("/bench.html", "Connection: foo , Close"), [200], CLOSED),
    ("close wins over keep-alive", get("/bench.html", "Connection: keep-alive", "Connection: close", "Connection: keep-alive"), [200], CLOSED),
    ("empty lines before a request", "\r\n\r\n" + get("/bench.html"), [200], OPEN),
    ("two requests in a row", get("/bench.html") + get("/style.css"), [200, 200], OPEN),
    ("nothing after Connection: close counts", get("/bench.html", "Connection: close") + get("/bench.html"), [200], CLOSED),
    ("absolute form", get("http://example.org/bench.html"), [200], OPEN),
    ("absolute form with https", get("https://example.org/bench.html"), [200], OPEN),
    ("absolute form without a path", get("http://example.org"), [200], OPEN),
    ("absolute form with a query only", get("HTTP://example.org?x"), [200], OPEN),
    ("a query", get("/bench.html?a=b&c=%zz"), [200], OPEN),
    ("percent-encoding", get("/%62ench%2ehtml"), [200], OPEN),
    ("OPTIONS *", get("*", method="OPTIONS"), [204], OPEN),
    ("OPTIONS of a path", get("/bench.html", method="OPTIONS"), [204], OPEN),
    ("not found", get("/nothing"), [404], OPEN),
    ("not found, with a slash", get("/bench.html/"), [404], OPEN),
    ("methods that are not offered", get("/bench.html", method="DELETE"), [405], OPEN),
    ("CONNECT", "CONNECT example.org:443 HTTP/1.1\r\n" + H + "\r\n", [405], OPEN),
    ("POST without a body", get("/bench.html", method="POST"), [405], OPEN),
    ("POST with a body", get("/bench.html", "Content-Length: 5", method="POST") + "hello", [405], OPEN),
    ("a body that looks like a request", get("/bench.html", "Content-Length: 27", method="POST") + "GET /smuggled HTTP/1.1\r\n\r\nx" + get("/bench.html"), [405, 200], OPEN),
    ("a GET with a body", get("/bench.html", "Content-Length: 3") + "abc" + get("/style.css"), [200, 200], OPEN),
    ("a length of 0", get("/bench.html", "Content-Length: 0"), [200], OPEN),
    ("a chunked body", get("/bench.html", "Transfer-Encoding: chunked", method="POST") + "5\r\nhello\r\n0\r\n\r\n", [405], OPEN),
    ("chunks with extensions and trailers", get("/bench.html", "Transfer-Encoding: Chunked") + "5;a=\"b\"\r\nhello\r\n00A\r\n0123456789\r\n0;x\r\nTrailer: y\r\nZ: \r\n\r\n" + get("/style.css"), [200, 200], OPEN),
    ("Expect with no body", get("/bench.html", "Expect: 100-continue"), [200], OPEN),
    ("Expect in HTTP/1.0 means nothing", "GET /bench.html HTTP/1.0\r\nExpect: wonders\r\n\r\n", [200], CLOSED),
    ("Expect with a body gets its answer at once", get("/bench.html", "Expect: 100-Continue", "Content-Length: 5", method="PUT"), [405], CLOSED),
    ("white space around a value", "GET /bench.html HTTP/1.1\r\nHost: \t test \t\r\nX:\r\n\r\n", [200], OPEN),
    ("names in any case", "GET /bench.html HTTP/1.1\r\nhOsT: test\r\ncOnNeCtIoN: cLoSe\r\n\r\n", [200], CLOSED),
    ("an empty Host", "GET /bench.html HTTP/1.1\r\nHost:\r\n\r\n", [200], OPEN),
    ("an IPv6 Host", "GET /bench.html HTTP/1.1\r\nHost: [fd00::1]:80\r\n\r\n", [200], OPEN),
    ("obs-text in a value", "GET /bench.html HTTP/1.1\r\nHost: x\r\nX-Y: \xe4\xf6\xff\r\n\r\n", [200], OPEN),
    ("a long target", get("/" + LONG[:7990]), [404], OPEN),
    ("100 fields", get("/bench.html", *["X: y"] * 99), [200], OPEN),
    # 400: what is ambiguous is refused, and nothing behind it is believed
    ("no Host", "GET /bench.html HTTP/1.1\r\n\r\n" + get("/bench.html"), [400], CLOSED),
    ("two Hosts", "GET /bench.html HTTP/1.1\r\n" + H + H + "\r\n", [400], CLOSED),
    ("two Hosts in HTTP/1.0", "GET /bench.html HTTP/1.0\r\n" + H + H + "\r\n", [400], CLOSED),
    ("Host with a blank", "GET /bench.html HTTP/1.1\r\nHost: a b\r\n\r\n", [400], CLOSED),
    ("Host with a user", "GET /bench.html HTTP/1.1\r\nHost: a@b\r\n\r\n", [400], CLOSED),
    ("Host with a bad port", "GET /bench.html HTTP/1.1\r\nHost: a:8o\r\n\r\n", [400], CLOSED),
    ("Host with half a bracket", "GET /bench.html HTTP/1.1\r\nHost: [::1\r\n\r\n", [400], CLOSED),
    ("Host with text behind a bracket", "GET /bench.html HTTP/1.1\r\nHost: [::1]x:80\r\n\r\n", [400], CLOSED),
    ("white space before the colon", "GET /bench.html HTTP/1.1\r\nHost : test\r\n\r\n", [400], CLOSED),
    ("a folded line", "GET /bench.html HTTP/1.1\r\n" + H + "X: a\r\n b\r\n\r\n", [400], CLOSED),
    ("a folded line first", "GET /bench.html HTTP/1.1\r\n X: a\r\n" + H + "\r\n", [400], CLOSED),
    ("a line without a colon", "GET /bench.html HTTP/1.1\r\n" + H + "nonsense\r\n\r\n", [400], CLOSED),
    ("an empty name", "GET /bench.html HTTP/1.1\r\n" + H + ": x\r\n\r\n", [400], CLOSED),
    ("a name that is no token", "GET /bench.html HTTP/1.1\r\n" + H + "X(Y): x\r\n\r\n", [400], CLOSED),
    ("bare LF", "GET /bench.html HTTP/1.1\n" + H + "\r\n", [400], CLOSED),
    ("bare LF after a field", "GET /bench.html HTTP/1.1\r\nHost: test\n\r\n", [400], CLOSED),
    ("bare LF at the end", "GET /bench.html HTTP/1.1\r\n" + H + "\n", [400], CLOSED),
    ("bare CR in a value", "GET /bench.html HTTP/1.1\r\n" + H + "X: a\rb\r\n\r\n", [400], CLOSED),
    ("NUL in a value", "GET /bench.html HTTP/1.1\r\n" + H + "X: a\0b\r\n\r\n", [400], CLOSED),
    ("NUL in the target", "GET /bench.html\0 HTTP/1.1\r\n" + H + "\r\n", [400], CLOSED),
    ("CR in the target", "GET /bench\r.html HTTP/1.1\r\n" + H + "\r\n", [400], CLOSED),
    ("bytes beyond ASCII in the target", "GET /\xe4 HTTP/1.1\r\n" + H + "\r\n", [400], CLOSED),
    ("a fragment in the target", "GET /bench.html#x HTTP/1.1\r\n" + H + "\r\n", [400], CLOSED),
    ("two blanks", "GET  /bench.html HTTP/1.1\r\n" + H + "\r\n", [400], CLOSED),
    ("a blank behind the version", "GET /bench.html HTTP/1.1 \r\n" + H + "\r\n", [400], CLOSED),
    ("a tab for a blank", "GET\t/bench.html HTTP/1.1\r\n" + H + "\r\n", [400], CLOSED),
    ("no version", "GET /bench.html\r\n\r\n", [400], CLOSED),
    ("half a version", "GET /bench.html HTTP/1\r\n" + H + "\r\n", [400], CLOSED),
    ("a version of another protocol", "GET /bench.html HTTX/1.1\r\n" + H + "\r\n", [400], CLOSED),
    ("a lower-case version", "GET /bench.html http/1.1\r\n" + H + "\r\n", [400], CLOSED),
    ("a version of two digits", "GET /bench.html HTTP/1.10\r\n" + H + "\r\n", [400], CLOSED),
    ("a blank before the method", " GET /bench.html HTTP/1.1\r\n" + H + "\r\n", [400], CLOSED),
    ("a method that is no token", "G:T /bench.html HTTP/1.1\r\n" + H + "\r\n", [400], CLOSED),
    ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400], CLOSED),
    ("two lengths that differ", get("/bench.html", "Content-Length: 5", "Content-Length: 6") + "hello", [400], CLOSED),
    ("two lengths that agree", get("/bench.html", "Content-Length: 5", "Content-Length: 5") + "hello", [400], CLOSED),
    ("a list of lengths", get("/bench.html", "Content-Length: 5, 5") + "hello", [400], CLOSED),
    ("a length with a sign", get("/bench.html", "Content-Length: +5") + "hello", [400], CLOSED),
    ("a negative length", get("/bench.html", "Content-Length: -1"), [400], CLOSED),
    ("a hexadecimal length", get("/bench.html", "Content-Length: 0x5") + "hello", [400], CLOSED),
    ("an empty length", get("/bench.html", "Content-Length:"), [400], CLOSED),
    ("a length beyond 64 bits", get("/bench.html", "Content-Length: 18446744073709551617"), [400], CLOSED),
    ("a length and chunks", get("/bench.html", "Content-Length: 3", "Transfer-Encoding: chunked") + "0\r\n\r\n", [400], CLOSED),
    ("chunks and a length", get("/bench.html", "Transfer-Encoding: chunked", "Content-Length: 3") + "0\r\n\r\n", [400], CLOSED),
    ("chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400], CLOSED),
    ("chunked twice", get("/", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n", [400], CLOSED),
    ("chunked, but not last", get("/", "Transfer-Encoding: chunked, gzip"), [400], CLOSED),
    ("a coding like chunked", get("/", "Transfer-Encoding: xchunked"), [400], CLOSED),
    ("an empty coding", get("/", "Transfer-Encoding:"), [400], CLOSED),
    ("identity", get("/", "Transfer-Encoding: identity"), [400], CLOSED),
    ("gzip, chunked", get("/", "Transfer-Encoding: gzip, chunked"), [501], CLOSED),
    ("a chunk without a size", get("/bench.html", "Transfer-Encoding: chunked") + "\r\nhello", [400], CLOSED),
    ("a chunk size with 0x", get("/bench.html", "Transfer-Encoding: chunked") + "0x5\r\nhello\r\n", [400], CLOSED),
    ("a chunk size with a blank", get("/bench.html", "Transfer-Encoding: chunked") + "5 \r\nhello\r\n", [400], CLOSED),
    ("a chunk line with bare LF", get("/bench.html", "Transfer-Encoding: chunked") + "5\nhello\r\n", [400], CLOSED),
    ("an extension with bare LF", get("/bench.html", "Transfer-Encoding: chunked") + "5;x\nhello\r\n", [400], CLOSED),
    ("a chunk longer than it says", get("/bench.html", "Transfer-Encoding: chunked") + "4\r\nhello\r\n0\r\n\r\n", [400], CLOSED),
    ("a folded trailer", get("/bench.html", "Transfer-Encoding: chunked") + "0\r\nA: b\r\n c\r\n\r\n", [400], CLOSED),
    # targets
    ("a target that is no path", get("bench.html"), [400], OPEN),
    ("* for GET", get("*"), [400], OPEN),
    ("..", get("/../bench.html"), [400], OPEN),
    (".. behind a name", get("/x/../bench.html"), [400], OPEN),
    (".. encoded", get("/%2e%2e/bench.html"), [400], OPEN),
    (".. and its slash encoded", get("/..%2fbench.html"), [400], OPEN),
    (".. at the end", get("/.."), [400], OPEN),
    (".", get("/./bench.html"), [400], OPEN),
    (".. encoded twice is a name", get("/%252e%252e/bench.html"), [404], OPEN),
    (".. in absolute form", get("http://x/../../etc/passwd"), [400], OPEN),
    ("a backslash is nothing special", get("/..%5c..%5cetc"), [404], OPEN),
    ("NUL encoded", get("/bench.html%00.txt"), [400], OPEN),
    ("half an escape", get("/bench.html%2"), [400], OPEN),
    ("an escape that is none", get("/%zz"), [400], OPEN),
    ("two slashes", get("//bench.html"), [404], OPEN),
    ("a hidden file", get("/.bench.html"), [404], OPEN),
    ("a path longer than any file's", get("/" + "a/" * 1000), [404], OPEN),
    ("devices are no documents", get("/dev/null"), [404], OPEN),
    ("counters are no documents", get("/proc/version"), [404], OPEN),
    # limits
    ("a body that is too large", get("/bench.html", "Content-Length: 65537", method="POST"), [413], CLOSED),
    ("chunks that are too large", get("/bench.html", "Transfer-Encoding: chunked", method="POST") + "10001\r\n", [413], CLOSED),
    ("a chunk size beyond 64 bits", get("/bench.html", "Transfer-Encoding: chunked", method="POST") + "fffffffffffffffff\r\n", [413], CLOSED),
    ("a target that is too long", get("/" + LONG), [414], CLOSED),
    ("another expectation", get("/bench.html", "Expect: wonders"), [417], CLOSED),
    ("a field that is too long", get("/bench.html", "X: " + "y" * 17000), [431], CLOSED),
    ("a field name that is too long", get("/bench.html", "y" * 17000 + ": x"), [431], CLOSED),
    ("101 fields", get("/bench.html", *["X: y"] * 100), [431], CLOSED),
    ("many long fields", get("/bench.html", *["X: " + "y" * 500] * 40), [431], CLOSED),
    ("an unknown method", get("/bench.html", method="BREW"), [501], CLOSED),
    ("a lower-case method", get("/bench.html", method="get"), [501], CLOSED),
    ("an endless method", "A" * 20000, [501], CLOSED),
    ("HTTP/2.0", "GET /bench.html HTTP/2.0\r\n" + H + "\r\n", [505], CLOSED),
    ("HTTP/0.9 by its number", "GET /bench.html HTTP/0.9\r\n" + H + "\r\n", [505], CLOSED),
    ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [501], CLOSED),
]


def expect(client, statuses, stays, what):
    """Reads the answers and finds out what became of the connection."""
    got = []
    for _ in statuses:
        r = client.response()
        got.append(r and r.status)
        if r and r.status == 405:
            assert r["allow"] == "GET, HEAD, OPTIONS", r.fields
        if r and not stays and len(got) == len(statuses):
            assert r["connection"] == "close", "%s: %s" % (what, r.fields)
    assert got == statuses, "%s: %s, not %s" % (what, got, statuses)
    if stays:
        r = client.send(get("/bench.html")).response()
        assert r and r.status == 200 and len(r.body) == 612, "%s: the connection did not stay" % what
    else:
        assert client.ended(), "%s: the connection did not end" % what


def cuts(request):
    """Where to cut a request: everywhere, if it is short."""
    n = len(request)
    return range(1, n) if n < 400 and server.local else sorted(rng.sample(range(1, n), min(n - 1, 40 if server.local else 8)))


def whole(name, request, statuses, stays):
    def test():
        with Client(server) as c:
            expect(c.send(request), statuses, stays, name)
    return test


def send_pieces(client, request, points, pause=0.0):
    """A server that has answered and closed may refuse the rest: its answer counts."""
    try:
        for a, b in zip([0, *points], [*points, len(request)]):
            client.send(request[a:b])
            if pause:
                time.sleep(pause)
    except (ConnectionResetError, BrokenPipeError):
        pass


for row in TABLE:
    tap.point("%s: %s" % (row[0], " ".join(map(str, row[2]))))(whole(*row))


@tap.point("cut anywhere, every request comes to the same")
def test_cuts():
    for name, request, statuses, stays in TABLE:
        clients = []
        for cut in cuts(request):
            clients.append((Client(server), cut))
            send_pieces(clients[-1][0], request[:cut], [])
        time.sleep(0.02)  # now each server side has read the first part, and nothing else
        for c, cut in clients:
            send_pieces(c, request[cut:], [])
            with c:
                expect(c, statuses, stays, "%s, cut at %d" % (name, cut))


@tap.point("byte by byte, every request comes to the same")
def test_bytes():
    for name, request, statuses, stays in TABLE if server.local else rng.sample(TABLE, 40):
        if len(request) < 1000:
            with Client(server) as c:
                send_pieces(c, request, range(1, len(request)))
                expect(c, statuses, stays, name)


@tap.point("all that leave the connection open, in one write, are answered in order")
def test_pipeline():
    rows = [r for r in TABLE if r[3]]
    with Client(server) as c:
        c.send("".join(r[1] for r in rows))
        for name, _, statuses, _ in rows:
            for status in statuses:
                r = c.response()
                assert r and r.status == status, "%s: %s, not %d" % (name, r and r.status, status)
        expect(c, [], OPEN, "afterwards")


def damage(request):
    """A request with something wrong in it."""
    data = bytearray(request.encode("latin-1"))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        kind = rng.randrange(5)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at:at + rng.randint(1, 8)]
        elif kind == 2:
            data[at:at] = bytes(rng.choice(b"\r\n \t:/%.\0\xff0aAf,;\"") for _ in range(rng.randint(1, 6)))
        elif kind == 3:
            data[at:at] = data[rng.randrange(len(data)):][:rng.randint(1, 40)]
        else:
            data[at:] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 60)))
        if not data:
            data = bytearray(b"\r\n")
    return bytes(data)


@tap.point("damaged requests do no harm")
def test_garbage():
    requests = [r[1] for r in TABLE if len(r[1]) < 2000]
    for _ in range(300 if server.local else 60):
        clients = [Client(server) for _ in range(10)]
        for c in clients:
            send_pieces(c, damage(rng.choice(requests)), [])
            c.socket.shutdown(1)
        for c in clients:
            try:
                while c.more():
                    pass
            except ConnectionResetError:
                pass
            assert not c.data or c.data.startswith(b"HTTP/1.1 "), c.data[:60]
            c.socket.close()
    with Client(server) as c:
        expect(c, [], OPEN, "afterwards")


tap.note("seed %d" % tap.seed)
if demo.options.server:
    server = demo.Server()
else:
    server = demo.Server(demo.build("httpd"), "-d", demo.SOURCE + "/demos/httpd/www")

    @tap.point("it stops in good order, and the sanitizers have nothing to say")
    def test_stop():
        code, output = server.stop()
        assert code == 0 and output.count("\n") == 1, output

tap.run()
