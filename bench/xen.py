# SPDX-License-Identifier: MIT
"""bench/run's part `xen`: pith against a Linux guest of the same type under one real Xen, in the same lab and the same rounds.

TCP goes to and from dom0 (bench/client.c there), HTTP is asked for by wrk on another machine, as it were: outside of QEMU,
through dom0's bridge. The disk is a loop file in dom0. Both guests run all the time and are asked by turns. The Linux guest is
bench/linux-guest's: Debian's cloud kernel, busybox, nothing else running; its programs are the same C, static.
"""
import os
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(SOURCE, "test/xen/lab"))
import xl  # noqa: E402
import xenboot  # noqa: E402

PITH, LINUX = "10.0.2.50", "10.0.2.51"


def build_static(out, source):
    """A program for dom0, by the host's compiler."""
    subprocess.run(["cc", "-O2", "-static", "-o", out, source], check=True)
    return out


class Peers:
    """The host with both guests' images in it."""

    def __init__(self, bench):
        self.bench, self.flavour = bench, None
        more = {"client": build_static(bench.scratch + "/client", SOURCE + "/bench/client.c")}
        if bench.have_linux("xen"):
            more.update({"linux.xen": os.path.realpath(bench.linux_dir + "/vmlinuz"), "linux.initrd": bench.linux_dir + "/initrd"})
        self.linux_there = "linux.xen" in more
        blk = os.path.join(bench.build, "bench/blk.xen")
        os.makedirs(os.path.dirname(blk), exist_ok=True)
        subprocess.run([bench.build + "/bin/pith-cc", "-p", "xen", "-O2", "-o", blk, SOURCE + "/bench/blk.c"], check=True)
        more["xen-stub.xen"] = xenboot.build_stub(bench.scratch)
        self.host = xl.host(["demos/hello", "demos/httpd", "bench/blk", "test/guest/bulk", "test/guest/probe"], more, bench.build)

    def pith(self, image, words, **more):
        return xl.Guest(self.host, image, words, name="pith", flavour=self.flavour, memory=64, **more)

    def linux(self, words, **more):
        line = "console=hvc0 quiet mitigations=off pith_ip=%s/24 -- %s" % (LINUX, words)
        return xl.Guest(self.host, "linux", line, name="linux", flavour=self.flavour, memory=192,
                        extra="ramdisk='%s'" % self.host.file("linux.initrd"), **more)

    def ask(self, words, seconds=120):
        """The client's number."""
        status, said = self.host.shell("%s %s" % (self.host.file("client"), words), seconds)
        if status:
            raise xl.Ended("client %s: %s" % (words, said))
        return float(said)


def both(peers, pith, linux, ways, rounds, by_turns):
    """ways(name, address) for each guest, by turns; pith and linux start them."""
    guests, asked = [], {}
    try:
        guests.append(pith())
        asked.update(ways("pith", PITH))
        if peers.linux_there:
            guests.append(linux())
            asked.update(ways("Linux", LINUX))
        return by_turns(rounds, asked)
    except BaseException:
        for guest in guests:
            print(guest.read()[-2000:])
        raise
    finally:
        for guest in guests:
            guest.destroy()


def wait_port(guest, address, port):
    guest.serves(port, address, 60)
    return guest


def network(peers, by_turns, compare):
    host, f = peers.host, peers.flavour
    ours = "ip=%s/24 -- " % PITH
    size = peers.bench.options.megabytes << 20
    values = both(peers, lambda: wait_port(peers.pith("test/guest/bulk", ours + "9", vifs=[xl.vif(host)]), PITH, 9),
                  lambda: wait_port(peers.linux("/bin/bulk 9", vifs=[xl.vif(host, 1)]), LINUX, 9),
                  lambda name, at: {"%s %s, in" % (name, f): lambda: peers.ask("sink %s %d" % (at, size)),
                                    "%s %s, out" % (name, f): lambda: peers.ask("fill %s %d" % (at, size))}, peers.bench.options.rounds, by_turns)
    compare("xen", values, "MB/s", [("pith %s, %s" % (f, way), "Linux %s, %s" % (f, way), "at least 2") for way in ("in", "out")], 1)


def httpd(peers, by_turns, compare):
    """The same httpd in both, then the epoll server that does the least in Linux."""
    host, f = peers.host, peers.flavour

    def wrk(at):
        rate, errors = xl.net.wrk("http://%s/bench.html" % at, 16, peers.bench.options.seconds)
        if errors:
            print("        %s: %s" % (at, errors))
        return rate

    for program, label in (("/bin/httpd", "httpd"), ("/bin/server 80 612", "epoll server")):
        def ways(name, at, label=label):
            return {"%s %s, %s" % (name, f, label if name == "Linux" else "httpd"): lambda: wrk(at)}

        values = both(peers, lambda: wait_port(peers.pith("demos/httpd", "ip=%s/24 --" % PITH, vifs=[xl.vif(host)]), PITH, 80),
                      lambda program=program: wait_port(peers.linux(program, vifs=[xl.vif(host, 1)]), LINUX, 80),
                      ways, peers.bench.options.rounds, by_turns)
        compare("xen", values, "req/s", [("pith %s, httpd" % f, "Linux %s, %s" % (f, label), "at least 2")])


def ask_disk(address, words):
    with xl.socket.create_connection((address, 9), 10) as s:
        s.settimeout(120)
        s.sendall(words.encode() + b"\n")
        number = float(s.recv(64) or 0)
        if number == 0:
            raise xl.Ended("blk at %s cannot: %s" % (address, words))
        return number


def disk(peers, by_turns, compare):
    """Each has a disk of its own, a file of zeros in dom0's memory; MiB a second, or requests."""
    host, f = peers.host, peers.flavour
    kinds = (("1 MiB reads in order, 4 at a time", "scan 192 1048576 4", "MiB/s"), ("1 MiB writes in order, 4 at a time", "fill 192 1048576 4", "MiB/s"),
             ("4 KiB reads at random, 32 at a time", "read 8192 4096 32", "IOPS"))
    disks = []
    for number in range(2):
        disks.append([xl.disk("%s/bench%d.img" % (host.job, number))])
        host.shell("dd if=/dev/zero of=%s/bench%d.img bs=1M count=64 2> /dev/null" % (host.job, number))

    def ways(name, at):
        return {"%s %s, %s" % (name, f, what): lambda words=words: ask_disk(at, words) for what, words, _ in kinds}

    values = both(peers, lambda: wait_port(peers.pith("bench/blk", "ip=%s/24 -- /dev/blk0" % PITH, vifs=[xl.vif(host)], disks=disks[0]), PITH, 9),
                  lambda: wait_port(peers.linux("/bin/blk /dev/xvda", vifs=[xl.vif(host, 1)], disks=disks[1]), LINUX, 9), ways,
                  peers.bench.options.rounds, by_turns)
    for what, _, unit in kinds:
        compare("xen", {name: v for name, v in values.items() if name.endswith(what)}, unit,
                [("pith %s, %s" % (f, what), "Linux %s, %s" % (f, what), "at least 1")])


def part(bench, by_turns, compare, results):
    peers = Peers(bench)
    with peers.host:
        for peers.flavour in bench.options.flavours or [f for f in xl.FLAVOURS if f != "hvm"]:
            for test in (network, httpd, disk):
                if bench.options.only in test.__name__:
                    test(peers, by_turns, compare)
            if bench.options.only in "boot":
                xenboot.boot(peers.host, peers.flavour, bench.options.rounds, lambda what, v: results.series("xen", what, v, "ms"),
                             lambda *row: results.add("xen", *row))
