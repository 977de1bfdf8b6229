#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600
"""test/demos/httpd.py -- what httpd serves: files, ranges, conditions, dates, the pages of numbers."""
import email.utils
import json
import os
import re
import time

from demo import Client, ask, get, tap
from httpd_root import BENCH, ETAG, LARGE, MTIME, SMALL, local, ours, root, server, status

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
    assert abs(now - time.time()) < 15, r["date"]
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


@ours("it stops in good order, and the sanitizers have nothing to say")
def test_end():
    code, output = server.stop()
    assert code == 0 and output.count("\n") == 1, output


tap.run()
