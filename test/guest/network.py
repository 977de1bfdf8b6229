#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600 machines=q35,microvm share=0.2
"""test/guest/network.py -- addresses, names, and the host's own tools against a guest on a tap.

ip=, DHCP (dnsmasq in the test's namespace), IPv6, ping, DNS, TCP and UDP from the guest outwards, curl and wrk inwards.
"""
import os
import re
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import machine  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402

net.enter()
NETDEV = net.tap()
STATIC = "ip=%s/%d gw=%s dns=%s" % (net.GUEST, net.BITS, net.HOST, net.HOST)


def guest(image, append, **options):
    return machine.Guest(image, append, tap.machine, tap.accel, devices=machine.nic(tap.machine, NETDEV, ",mac=52:54:00:12:34:56") +
                         machine.rng(tap.machine), **options)


def probe(words, before=STATIC, timeout=120.0):
    with guest(tap.image("net_probe"), "%s -- %s" % (before, words)) as g:
        status = g.wait(timeout)
        return status, g.console


def quiet(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, "%s: %s%s" % (" ".join(command), done.stdout, done.stderr)
    return done.stdout


class Names:
    """dnsmasq, for DHCP, router advertisements and DNS, as long as the block lasts."""

    def __init__(self, *options):
        self.command = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--interface=tap0", "--bind-interfaces",
                        "--user=root", "--group=root", "--leasefile-ro", "--pid-file=", "--log-facility=/dev/null",
                        "--address=/four.test/10.0.0.77", "--address=/six.test/fd00::77", "--host-record=both.test,10.0.0.78,fd00::78",
                        "--local=/test/", *options]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(0.3)
        assert self.process.poll() is None, self.process.stderr.read()
        return self

    def __exit__(self, *_exception):
        self.process.kill()
        self.process.wait()


class Echo:
    """A TCP and a UDP port of the host that answer in capitals."""

    def __enter__(self):
        self.tcp = socket.create_server((net.HOST, 5000))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((net.HOST, 5000))
        threading.Thread(target=self.serve_tcp, daemon=True).start()
        threading.Thread(target=self.serve_udp, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self.tcp.close()
        self.udp.close()

    def serve_tcp(self):
        try:
            while True:
                peer, _ = self.tcp.accept()
                peer.sendall(peer.recv(4096).upper())
                peer.close()
        except OSError:
            pass

    def serve_udp(self):
        try:
            while True:
                data, address = self.udp.recvfrom(4096)
                self.udp.sendto(data.upper(), address)
        except OSError:
            pass


@tap.point("ip= is the guest's address")
def static():
    status, console = probe("self")
    assert status == 0 and "self: %s port" % net.GUEST in console, console


@tap.point("ping, small and in fragments, over IPv4 and IPv6")
def pings():
    with guest(tap.demo("httpd"), STATIC + " ip6=%s/64" % net.GUEST6) as g:
        net.wait_for_port(net.GUEST, 80, g)
        quiet("ping", "-q", "-c", "20", "-i", "0.02", "-W", "2", net.GUEST)
        quiet("ping", "-q", "-c", "5", "-i", "0.1", "-W", "2", "-s", "4000", net.GUEST)
        quiet("ping", "-q", "-c", "5", "-i", "0.1", "-W", "2", "fe80::5054:ff:fe12:3456%tap0")
        quiet("ping", "-q", "-c", "5", "-i", "0.1", "-W", "2", net.GUEST6)
        quiet("ping", "-q", "-c", "5", "-i", "0.1", "-W", "2", "-s", "4000", net.GUEST6)


@tap.point("curl over IPv4 and IPv6, a page and what is not there")
def curls():
    with guest(tap.demo("httpd"), STATIC + " ip6=%s/64" % net.GUEST6) as g:
        net.wait_for_port(net.GUEST, 80, g)
        assert len(net.curl("http://%s/bench.html" % net.GUEST)) == 612
        assert len(net.curl("http://[%s]/bench.html" % net.GUEST6)) == 612
        assert b" 404 " in net.curl("http://%s/nothing" % net.GUEST, "-i").splitlines()[0]


@tap.point("wrk, 1 and 16 and 100 connections, without an error")
def wrk():
    with guest(tap.demo("httpd"), STATIC) as g:
        net.wait_for_port(net.GUEST, 80, g)
        for connections in (1, 16, 100):
            rate, errors = net.wrk("http://%s/bench.html" % net.GUEST, connections, 2)
            tap.note("%d connections: %.0f requests a second" % (connections, rate))
            assert not errors and rate > 100, "%s, %.0f a second" % (errors, rate)


@tap.point("DHCP gives address, router and name server")
def dhcp():
    with Names("--dhcp-range=10.0.0.100,10.0.0.120,255.255.255.0,1h", "--dhcp-option=3,%s" % net.HOST, "--dhcp-option=6,%s" % net.HOST):
        status, console = probe("self", before="")
        assert status == 0 and re.search(r"self: 10\.0\.0\.1[012]\d port", console), console
        status, console = probe("resolve four.test", before="ip=dhcp")
        assert status == 0 and "address: 10.0.0.77 port 0" in console, console


@tap.point("a server behind DHCP is reached")
def dhcp_server():
    with Names("--dhcp-range=10.0.0.100,10.0.0.120,255.255.255.0,1h", "--dhcp-host=52:54:00:12:34:56,10.0.0.110"):
        with guest(tap.demo("httpd"), "") as g:
            net.wait_for_port("10.0.0.110", 80, g)
            assert len(net.curl("http://10.0.0.110/bench.html")) == 612


@tap.point("no DHCP server: it is said, and the program runs")
def no_dhcp():
    status, console = probe("loopback", before="") # waits for no address
    assert status == 0 and "answer: to myself" in console, console
    with guest(tap.demo("httpd"), "") as g:
        g.expect("nic0: no answer to DHCP for 10 s")


@tap.point("names: IPv4, IPv6, both, none, and numbers")
def names():
    with Names():
        before = STATIC + " ip6=%s/64" % net.GUEST6
        for words, expected in (("four.test 80", ["address: 10.0.0.77 port 80"]), ("six.test", ["address: fd00::77 port 0"]),
                                ("both.test", ["address: 10.0.0.78 port 0"]), ("10.1.2.3 http", ["address: 10.1.2.3 port 80"]),
                                ("fd00::5", ["address: fd00::5 port 0"]), ("localhost", ["address: 127.0.0.1 port 0"])):
            status, console = probe("resolve " + words, before)
            assert status == 0 and all(line in console for line in expected), "%s: %s" % (words, console)
        status, console = probe("resolve nothing.test", before)
        assert status == 1 and "resolve: " in console, console


@tap.point("no name server answers: an error in bounded time")
def no_dns():
    start = time.monotonic()
    status, console = probe("resolve four.test")
    assert status == 1 and "resolve: " in console, console
    assert time.monotonic() - start < 45


@tap.point("TCP and UDP from the guest, by address and by name")
def outward():
    with Names("--address=/host.test/%s" % net.HOST), Echo():
        for words in ("tcp %s 5000 hello" % net.HOST, "udp %s 5000 hello" % net.HOST, "tcp host.test 5000 hello"):
            status, console = probe(words)
            assert status == 0 and "answer: HELLO" in console, "%s: %s" % (words, console)


@tap.point("a port that nobody serves is refused at once, a host that is not there after a while")
def refused():
    status, console = probe("tcp %s 5999 hello" % net.HOST)
    assert status == 1 and re.search(r"connect: .*refused.* after 0\.\d s", console, re.I), console
    status, console = probe("tcp 10.0.0.99 80 hello", timeout=240)
    assert status == 1 and "connect: " in console, console


@tap.point("loopback needs no interface")
def loopback():
    status, console = probe("loopback", before="ip=off")
    assert status == 0 and "answer: to myself" in console, console


@tap.point("two interfaces: both are there, and each answers")
def two():
    second = net.tap("tap1", "10.0.1.1", None)
    with machine.Guest(tap.demo("httpd"), STATIC, tap.machine, tap.accel, devices=machine.nic(tap.machine, NETDEV) + machine.nic(tap.machine, second)) as g:
        net.wait_for_port(net.GUEST, 80, g)
        assert len(net.curl("http://%s/bench.html" % net.GUEST)) == 612


@tap.point("a router advertises an IPv6 prefix, and the guest takes an address of it")
def advertised():
    with Names("--enable-ra", "--dhcp-range=fd00::,ra-only,64,1h"):
        with guest(tap.demo("httpd"), STATIC) as g:
            net.wait_for_port(net.GUEST, 80, g)
            net.wait_for(lambda: subprocess.run(["ping", "-q", "-c", "1", "-W", "1", "fd00::5054:ff:fe12:3456"],
                                                capture_output=True).returncode == 0, 60, "answer from the advertised address")


tap.run()
