# SPDX-License-Identifier: MIT
"""Guests of a Xen host, by its xl: for test/xen/*.py and bench/run.

  host = xl.host(["demos/hello", ...])          the lab, or with PITH_XEN=local this machine
  with xl.Guest(host, "demos/hello", "words") as g:
      g.expect("hello, world"); assert g.end() == "poweroff"

A guest that has ended stays for its end to be looked at, until the block ends. Its console is read from the pty that
xenconsoled gives it, and what is typed goes there too: so it works on any host, whatever its daemon logs.
"""
import os
import re
import shlex
import socket
import subprocess
import sys
import time

import lab
import local

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../guest/lib"))
import net  # noqa: E402
from machine import FLAVOURS  # noqa: E402,F401
import tap  # noqa: E402

FLAVOUR = os.environ.get("PITH_MACHINE") or "pv"
ENDS = {"0": "poweroff", "1": "reboot", "2": "suspend", "3": "crash", "4": "watchdog"}

QUICK_DISK = "hdtype='ahci'"  # for an HVM guest: firmware reads an IDE disk word by word, each an exit to the device model


class Ended(Exception):
    """A guest did not do in time what was expected of it."""


def host(images, more=None, build=None):
    """A Xen host with these images (demos/NAME, test/guest/NAME) and other files (name: path here)."""
    build = build or tap.build
    files = {os.path.basename(i) + ".xen": os.path.join(build, i + ".xen") for i in images}
    if os.environ.get("PITH_XEN") == "local":
        return local.Local(dict(files, **(more or {})))
    lab.network()
    return lab.resume(build, dict(files, **(more or {})), "hvm" if FLAVOUR == "hvm" else "pv")


def boot_disk(image, *words):
    """BUILD/test/xen/NAME.disk, from which an HVM guest comes, and in which its command line stands. Returns (name, path)."""
    folder = os.path.join(tap.build, "test/xen")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, os.path.basename(image) + ".disk")
    subprocess.run([os.path.join(tap.source, "tools/pith-disk"), os.path.join(tap.build, image + ".xen"), path, *words], check=True)
    return os.path.basename(path), path


def vif(host, number=0, bridge=None, more=""):
    """The line for an interface: 00:16:3e:00:00:50 is ADDRESS's, so that nobody's ARP table goes stale."""
    return "mac=00:16:3e:00:00:%02x,bridge=%s%s" % (0x50 + number, bridge or host.bridge, more)


def disk(path, number=0, mode="rw"):
    return "%s,raw,xvd%c,%s" % (path, ord("a") + number, mode)


def network_words(host):
    """What a guest with one vif is told on its command line."""
    return "ip=%s/%d gw=%s ip6=%s/64 " % (host.address, host.bits, host.gateway, host.address6)


def outside_device(host):
    """The interface by which a test reaches guests."""
    return host.bridge if isinstance(host, local.Local) else "tap0"


class Guest:
    """A domain, created at once, destroyed at the end of the block."""

    def __init__(self, host, image, line="", vifs=(), disks=(), memory=32, extra="", name="pith-test", flavour=None, start=True,
                 must=True):
        self.host, self.name, self.flavour, self.console, self.domid = host, name, flavour or FLAVOUR, "", None
        self.log = "%s/%s.log" % (host.job, name)
        self.config = "%s/%s.cfg" % (host.job, name)
        if self.flavour == "hvm":  # the command line is GRUB's then
            disks = [host.file(os.path.basename(image) + ".disk") + ",raw,hda,rw", *disks]
            start_words = ["vga='none'", "vnc=0", "boot='c'"]
        else:
            start_words = ["kernel='%s'" % host.file(os.path.basename(image) + ".xen"), "cmdline=\"%s\"" % line]
        text = ["name='%s'" % name, "type='%s'" % self.flavour, "memory=%s" % memory, "tsc_mode='native'", *start_words, "vif=[%s]" % ",".join("'%s'" % v for v in vifs),
                "disk=[%s]" % ",".join("'%s'" % d for d in disks), "on_poweroff='preserve'", "on_reboot='restart'", "on_crash='preserve'", extra]
        self.status, self.said = host.shell("rm -f %s; cat > %s <<'EOF'\n%s\nEOF\nxl create -q -p %s" % (self.log, self.config, "\n".join(text), self.config), 360)
        if self.status == 0:
            self.attach("xl unpause " + name if start else "true")
        elif must:
            raise Ended("xl create: %s" % self.said)

    def attach(self, then="true"):
        """Reads the console from now on; again after a reboot, which makes a new domain."""
        tty = "$(xenstore-read /local/domain/$i/console/tty)"
        _, said = self.host.shell("i=$(xl domid %s) && t=%s && echo $i && { cat $t >> %s 2> /dev/null & } && %s" % (self.name, tty, self.log, then))
        self.domid = said.strip()

    def read(self):
        self.console = self.host.shell("cat " + self.log)[1].replace("\r", "")
        return self.console

    def tries(self, seconds):
        """Steps of waiting: True for the last one, in time or once the guest has ended. xl takes the CPU from the guest: ask it seldom."""
        deadline, pause, asked = time.monotonic() + seconds, 0.05, time.monotonic()
        while True:
            yield False
            now = time.monotonic()
            if now - asked > 1.0 or now > deadline:
                asked = now
                if now > deadline or self.state() != "":
                    yield True
                    return
            time.sleep(pause)
            pause = min(pause * 1.3, 0.5)

    def expect(self, pattern, seconds=90.0, start=0):
        """Waits until the console says it behind character start."""
        for last in self.tries(seconds):
            found = re.compile(pattern, re.M).search(self.read(), start)
            if found:
                return found
            if last:
                raise Ended("no '%s' on the console, the guest is %s:\n%s" % (pattern, self.state() or "running", self.console[-3000:]))

    def serves(self, port, address=None, seconds=90.0):
        """Waits until it takes a connection."""
        for last in self.tries(seconds):
            try:
                socket.create_connection((address or self.host.address, port), 1.0).close()
                return
            except OSError as why:
                if last:
                    raise Ended("nobody serves port %d: %s; the guest is %s:\n%s" % (port, why, self.state() or "running", self.read()[-3000:])) from None

    def send(self, text):
        """Types text on the console."""
        self.host.shell("printf %%s %s > $(xenstore-read /local/domain/%s/console/tty)" % (shlex.quote(text), self.domid))

    def state(self):
        """"" while it runs; how it ended (ENDS), "gone" when xl knows it no more."""
        out = self.host.shell("xl list -v %s 2> /dev/null" % self.name)[1].splitlines()
        fields = out[-1].split() if len(out) > 1 else []
        return "gone" if not fields else ENDS.get(fields[7], "?") if "s" in fields[4] else ""

    def end(self, seconds=90.0):
        """Waits for its end. Returns how it ended."""
        for last in self.tries(seconds):
            state = self.state() if last or self.exit_status() else ""
            if state:
                time.sleep(0.05)
                self.read()
                return state
            if last:
                raise Ended("still running after %g s:\n%s" % (seconds, self.read()[-3000:]))

    def gone(self, seconds=90.0):
        """Waits until xl knows it no more; before that it may still be seen as one that has ended."""
        net.wait_for(lambda: self.state() == "gone", seconds, "end of the domain")

    def renewed(self, seconds=90.0):
        """Waits for the domain that xl makes in its place, and reads that one's console from then on."""
        before = self.domid
        net.wait_for(lambda: self.host.shell("xl domid %s 2> /dev/null" % self.name)[1].strip() not in ("", before), seconds, "new domain")
        self.attach()

    def judged(self, seconds, lawful=None, status="0"):
        """
        Waits for the end of a program that prints TAP, which must be in good order, each planned point ok. A skip is none
        unless `lawful` matches its line. Returns what to note of it.
        """
        how, said = self.end(seconds), self.read()
        plan, points = re.findall(r"^1\.\.(\d+)", said, re.M), re.findall(r"^ok .*", said, re.M)
        skips = [p for p in points if "# SKIP" in p]
        wrong = re.findall(r"^not ok .*", said, re.M) + ["not allowed here: " + s for s in skips if not (lawful and re.search(lawful, s))]
        if how != "poweroff" or plan != [str(len(points))] or wrong or self.exit_status() != status:
            raise Ended("%s, status %s, %d of %s points\n%s\n%s" % (how, self.exit_status(), len(points), plan, "\n".join(wrong), said[-4000:]))
        return "%d passed, %d skipped" % (len(points) - len(skips), len(skips)) + "".join("\n" + s for s in skips)

    def counts(self):
        """
        What could leak. Inside: what it says of its pages, grants, event channels and watches, by `xl sysrq`. Outside: its nodes in
        xenstore, and what Xen says of its channels and of those of its grants that somebody has mapped.
        """
        start = len(self.read())
        self.host.shell("xl sysrq %s m; xl debug-keys eg" % self.name)
        said = self.expect(r"xen: (\d+) pages free, (\d+) grants, (\d+) parked, (\d+) event channels, (\d+) watches", start=start)
        now = dict(zip(("pages", "grants", "parked", "channels", "watches"), map(int, said.groups())))
        seen = self.host.shell("xl dmesg")[1].rpartition("dumping event-channel info")[2]
        channels = re.search(r"channel information for domain %s:(.*?)(channel information|gnttab_usage)" % self.domid, seen, re.S)
        grants = re.search(r"grant-table for remote d%s\b(.*?)(grant-table for|print_all \])" % self.domid, seen, re.S)
        if not channels or not grants:
            raise Ended("xl debug-keys says nothing of the guest: %s" % seen)
        now["channels of Xen's"] = len(re.findall(r" \d+ \[\d/\d/", channels.group(1)))
        now["mapped"] = len(re.findall(r"\[0x\w+\]", grants.group(1)))
        now["nodes"] = len(self.host.shell("xenstore-ls /local/domain/%s" % self.domid)[1].splitlines())
        return now

    def exit_status(self):
        """What main() returned, or exit() was told; "" when it told nobody."""
        return self.host.shell("xenstore-read /local/domain/%s/data/exit-status 2> /dev/null" % self.domid)[1].strip()

    def xl(self, *words, seconds=180):
        """An xl command on this guest, which must succeed."""
        status, said = self.host.shell("xl %s %s" % (" ".join(words), self.name), seconds)
        if status:
            raise Ended("xl %s: %s" % (" ".join(words), said))
        return said

    def destroy(self):
        """Until the name is free: xl may be busy with this domain's end just then, and refuse."""
        self.host.shell("i=0; while [ $((i += 1)) -lt 30 ] && xl domid {0} > /dev/null 2>&1; do xl destroy {0} 2> /dev/null || sleep 0.5; done".format(self.name))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.destroy()
