#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=900 flavours=pv,pvh share=0.8 first
"""test/xen/save.py -- xl save, restore and migrate under a connection that carries data both ways and a disk that is written.

The guest is test/guest/moved.c. Every word that arrives is counted and must be the next one, on both sides; the guest reads back what
it writes to its disk; its clocks are compared with dom0's.
"""
import fcntl
import os
import re
import socket
import struct
import sys
import termios
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import tap  # noqa: E402

CYCLES, MIGRATIONS = 20, 10
WALL_NS = 50e6
ASKED, ENOUGH = 20, 4000  # times at each look, no more after an answer within so many microseconds
WORDS = 4096
MAC = bytes.fromhex("00163e000050")
ALL_NODES = socket.inet_pton(socket.AF_INET6, "ff02::1")
IMAGE = "/job/saved"
DISK = 1 << 20

HOST = xl.host(["test/guest/moved"], {"moment": tap.host_program("lib/moment", "-static")})


class Traffic(threading.Thread):
    """One connection, for as long as it lives: takes the guest's words and sends 128 of its own every 20 ms.

    What this side has under way when the guest is taken away it sends again later and later, as TCP does: up to as long again as
    the guest was away. So mostly nothing is, see quiet().
    """

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_connection((HOST.address, 9), 20)
        self.socket.settimeout(None)
        self.taken, self.sent, self.why, self.stop, self.paused = 0, 0, None, False, False
        self.start()
        threading.Thread(target=self.give, daemon=True).start()

    def run(self):
        left, want = b"", struct.Struct("<%dQ" % WORDS)
        try:
            while not self.stop:
                data = self.socket.recv(1 << 18)
                if not data:
                    raise EOFError("the guest has closed")
                left += data
                while len(left) >= want.size:
                    assert left[:want.size] == want.pack(*range(self.taken, self.taken + WORDS)), "other words than were sent, after %d" % self.taken
                    self.taken += WORDS
                    left = left[want.size:]
        except Exception as why:  # said where it is looked at
            self.why = why

    def give(self):
        try:
            while not self.stop:
                if self.paused:
                    time.sleep(0.02)
                    continue
                self.socket.sendall(struct.pack("<128Q", *range(self.sent, self.sent + 128)))
                self.sent += 128
                time.sleep(0.02)
        except OSError as why:
            self.why = self.why or why

    def quiet(self):
        """Sends no more, until goes_on(), and waits until the guest has everything."""
        self.paused, end = True, time.monotonic() + 60
        while struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"    "))[0] and time.monotonic() < end:
            time.sleep(0.02)

    def goes_on(self, guest, seconds=120):
        """Waits until words have passed that were sent after now."""
        self.paused = False
        goal, end = self.taken + 16 * WORDS, time.monotonic() + seconds
        while self.taken < goal:
            assert self.why is None, "the connection has ended: %r\n%s" % (self.why, guest.read()[-2000:])
            assert time.monotonic() < end, "nothing passes any more:\n%s" % guest.read()[-2000:]
            time.sleep(0.02)

    def close(self):
        self.stop = True
        self.socket.close()


def status():
    """What the guest says of itself, and dom0's time in ns just before and just after: of ASKED answers the one that took least."""
    code, said = HOST.shell("%s %s 10 %d %d" % (HOST.file("moment"), HOST.address, ASKED, ENOUGH))
    words = said.split()
    assert code == 0 and len(words) == 20, said
    return {k: v if k == "random" else int(v) for k, v in zip(words[::2], words[1::2])}


def wall_error(now):
    """The most by which the wall clock can be wrong: it was read between dom0's two, and is no further away than the farther of them."""
    return max(abs(now["wall"] - now["before"]), abs(now["after"] - now["wall"]))


def status_proven(seconds=30):
    """status() with a wall_error() that is small enough. One that is not may be a busy host's: a clock that is wrong never gets there."""
    end = time.monotonic() + seconds
    while True:
        now = status()
        if wall_error(now) < WALL_NS or time.monotonic() > end:
            return now
        time.sleep(0.2)


class Judge:
    """What must hold after each cycle, whatever happened."""

    def __init__(self):
        self.mono, self.passes, self.words, self.off, self.randoms = 0, 0, 0, 0, set()

    def look(self, guest):
        now = status_proven()
        self.off = max(self.off, wall_error(now))
        assert now["mono"] > self.mono and now["back"] == 0, "the clock goes back: %s" % now
        assert wall_error(now) < WALL_NS, "the wall clock may be %.1f ms from dom0's: %s" % (wall_error(now) / 1e6, now)
        assert now["wrong"] == 0 and now["errors"] == 0, "%s\n%s" % (now, guest.read()[-2000:])
        assert now["random"] not in self.randoms
        self.randoms.add(now["random"])
        moved = now["passes"] > self.passes and now["words"] > self.words
        self.mono, self.passes, self.words = now["mono"], now["passes"], now["words"]
        return moved

    def clock(self):
        return "the wall clock was never more than %.1f ms from dom0's" % (self.off / 1e6)

    def goes_on(self, guest, seconds=180):
        """The disk is written and words arrive, since the last look."""
        end = time.monotonic() + seconds
        while not self.look(guest):
            assert time.monotonic() < end, "the disk or what we send stands still:\n%s" % guest.read()[-2000:]
            time.sleep(0.1)


class Ear:
    """Hears what the guest's interface says to everybody."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))  # ETH_P_ALL
        self.socket.bind((xl.outside_device(HOST), 0))
        self.socket.setblocking(False)

    def frames(self):
        while True:
            try:
                frame = self.socket.recv(2048)
            except BlockingIOError:
                return
            if frame[6:12] == MAC:
                yield frame

    def heard(self, seconds=20):
        """Waits for a gratuitous ARP and an unsolicited neighbour advertisement of the guest's addresses."""
        wanted, end = {"arp", "na"}, time.monotonic() + seconds
        address, address6 = socket.inet_aton(HOST.address), socket.inet_pton(socket.AF_INET6, HOST.address6)
        while wanted and time.monotonic() < end:
            for f in self.frames():
                if f[12:14] == b"\x08\x06" and f[28:32] == f[38:42] == address:
                    wanted.discard("arp")
                if f[12:14] == b"\x86\xdd" and f[54:55] == b"\x88" and f[62:78] == address6 and f[38:54] == ALL_NODES:
                    wanted.discard("na")
            time.sleep(0.05)
        assert not wanted, "not heard: %s" % wanted


def guest(disk=True):
    disks = [xl.disk("%s/moved.img" % HOST.job)] if disk else []
    HOST.shell("rm -f %s/moved.img; truncate -s %d %s/moved.img" % (HOST.job, DISK, HOST.job))
    # Restored page by page, a small PVH guest needs more page tables of Xen's than xl reckons with.
    g = xl.Guest(HOST, "test/guest/moved", xl.network_words(HOST) + "pith.log=info --", [xl.vif(HOST)], disks, memory=24, extra="shadow_memory=8")
    g.expect("moved: ready")
    g.serves(10)
    return g


def restore(g):
    code, said = HOST.shell("xl restore -p %s" % IMAGE, 100)
    assert code == 0, said
    g.attach("xl unpause " + g.name)


def save(g, *words):
    code, said = HOST.shell("xl save %s %s %s" % (" ".join(words), g.name, IMAGE), 100)
    assert code == 0, "%s\n%s" % (said, g.read()[-2000:])


def under_traffic(times, move):
    """Has the guest moved so often. Every fifth time something is on its way to it then."""
    with guest() as g:
        traffic, judge, start = Traffic(), Judge(), time.monotonic()
        for n in range(times):
            traffic.goes_on(g)
            if n % 5:
                traffic.quiet()
            move(g)
            traffic.goes_on(g)
            judge.goes_on(g)
        tap.note("%d times in %.0f s, %.1f MB of words, %d passes over the disk, %s" %
                 (times, time.monotonic() - start, traffic.taken * 8 / 1e6, judge.passes, judge.clock()))
        traffic.close()
        assert "broken" not in g.read(), g.console


def save_and_restore(g):
    save(g)
    restore(g)


@tap.point("saved and restored %d times under traffic: no word is lost or changed, the disk is right, no clock goes back" % CYCLES)
def cycles():
    under_traffic(CYCLES, save_and_restore)


@tap.point("a suspend that is cancelled (xl save -c), 5 times: the guest goes on as it was")
def cancelled():
    with guest() as g:
        traffic, judge = Traffic(), Judge()
        for _ in range(5):
            traffic.goes_on(g)
            save(g, "-c")
            traffic.goes_on(g)
            judge.goes_on(g)
        assert g.read().count("the suspend was cancelled") == 5 and "nic0: down" not in g.console, g.console
        traffic.close()


@tap.point("two guests that were restored from one image share no random number, and say to the network where they are")
def twins():
    with guest(disk=False) as g:
        seen = set()
        g.expect("nic0: " + HOST.address6)  # nobody else has it, which takes a moment to find out
        save(g)
        for _ in range(2):
            ear = Ear()
            restore(g)
            ear.heard()
            g.serves(10)
            seen |= {status()["random"] for _ in range(3)}
            g.destroy()
        assert len(seen) == 6, seen


def migrate(g):
    return HOST.shell("xl migrate -s '' %s 'xl migrate-receive'" % g.name, 100)


def migrate_here(g):
    code, said = migrate(g)
    assert code == 0, "%s\n%s" % (said, g.read()[-2000:])
    g.attach()


if xl.FLAVOUR == "pvh":
    @tap.point("migrated live to the same host, %d times, under traffic" % MIGRATIONS)
    def migrations():
        under_traffic(MIGRATIONS, migrate_here)
else:
    @tap.point("live migration of PV: refused by a Xen without shadow paging, and the guest goes on")
    def migrations():
        with guest() as g:
            traffic, judge = Traffic(), Judge()
            code, said = migrate(g)
            assert code == 0 or re.search("logdirty|log dirty", said), said
            if code == 0:
                g.attach()
            traffic.goes_on(g)
            judge.goes_on(g)
            traffic.close()


with HOST:
    tap.run()
