#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=360
"""test/demos/echo.py -- what comes back from echo is what was sent: by TCP and UDP, much of it, from many at once."""
import hashlib
import os
import random
import select
import socket
import struct
import threading
import time

import demo
from demo import tap

local = not demo.options.server
server = demo.Server(demo.build("echo")) if local else demo.Server()
family = socket.AF_INET6 if ":" in server.host else socket.AF_INET


def read_all(s, n):
    data = bytearray()
    while len(data) < n:
        chunk = s.recv(65536)
        assert chunk, "ended after %d of %d bytes" % (len(data), n)
        data += chunk
    return bytes(data)


@tap.point("TCP: a line, a byte, another line")
def test_line():
    with server.socket() as s:
        for text in (b"hello\n", b"x", b"\0\xff\r\n" * 100):
            s.sendall(text)
            assert read_all(s, len(text)) == text


def stream(n, pause=0.0, receive=None):
    """Sends n bytes while reading them back, then closes our half; all must come back, and then the end."""
    rng, s = random.Random(n), server.socket(30)
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    sent, got, count = hashlib.sha256(), hashlib.sha256(), 0

    def send():
        left = n
        while left:
            chunk = rng.randbytes(min(left, rng.randint(1, 65536)))
            s.sendall(chunk)
            sent.update(chunk)
            left -= len(chunk)
        s.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    time.sleep(pause)
    while chunk := s.recv(65536):
        got.update(chunk)
        count += len(chunk)
    sender.join()
    s.close()
    assert count == n and sent.digest() == got.digest(), "%d of %d bytes" % (count, n)


@tap.point("TCP: 8 MB, and the end after our half is closed")
def test_stream():
    stream(8 << 20)


@tap.point("TCP: a reader that sleeps at first gets it all")
def test_slow():
    stream(1 << 20, pause=1.0, receive=16384)


@tap.point("TCP: half-closed at once, with and without data")
def test_half():
    for text in (b"", b"x", b"y" * 100000):
        with server.socket() as s:
            s.sendall(text)
            s.shutdown(socket.SHUT_WR)
            assert read_all(s, len(text)) == text and s.recv(1) == b""


@tap.point("TCP: 500 connections at once, each with its own bytes")
def test_many():
    sockets = [server.socket(30) for _ in range(500)]
    for k, s in enumerate(sockets):
        s.sendall(b"%d " % k * 50)
    for k, s in enumerate(sockets):
        want = b"%d " % k * 50
        assert read_all(s, len(want)) == want
    for s in sockets:
        s.close()


@tap.point("TCP: who goes away in the middle disturbs nobody")
def test_reset():
    with server.socket() as other:
        for _ in range(50):
            s = server.socket()
            s.sendall(b"z" * 100000)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        other.sendall(b"still here")
        assert read_all(other, 10) == b"still here"


@tap.point("TCP: who sends for ever and reads nothing is held back")
def test_stuck():
    with server.socket() as s:
        s.setblocking(False)
        total, idle = 0, 0
        while idle < 5 and total < 64 << 20:
            if select.select([], [s], [], 0.1)[1]:
                total += s.send(b"w" * 65536)
                idle = 0
            else:
                idle += 1
        assert total < 64 << 20, "it took 64 MB and more"
        test_line()


@tap.point("UDP: datagrams of every size")
def test_udp():
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.connect((server.host, server.port))
        for n in (0, 1, 2, 511, 1400, 1472, *([9000, 65507] if local else [])):
            text = os.urandom(n)
            for _ in range(5):  # a datagram may be lost
                s.send(text)
                try:
                    got = s.recv(65536)
                    break
                except socket.timeout:
                    got = None
            assert got == text, "%d bytes" % n


@tap.point("UDP: no answer to low ports, where other echo services live")
def test_udp_low():
    try:
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.bind(("", 1023))
    except PermissionError:
        tap.note("not allowed to use a low port here")
        return
    with s:
        s.settimeout(0.5)
        s.sendto(b"x", (server.host, server.port))
        try:
            s.recv(10)
        except socket.timeout:
            return
    raise AssertionError("it answered")


if local:
    @tap.point("IPv6: TCP and UDP")
    def test_ipv6():
        if not os.path.exists("/proc/net/if_inet6"):
            tap.note("this machine has no IPv6")
            return
        with socket.create_connection(("::1", server.port), 5) as s:
            s.sendall(b"six")
            assert read_all(s, 3) == b"six"
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.settimeout(2)
            s.sendto(b"six", ("::1", server.port))
            assert s.recv(10) == b"six"

    @tap.point("it stops when asked, and the sanitizers have nothing to say")
    def test_stop():
        code, output = server.stop()
        assert code == 0 and output.count("\n") == 1, output

tap.run()
