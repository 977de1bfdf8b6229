# SPDX-License-Identifier: MIT
"""Starts a guest under QEMU, talks with its console and its monitor, and tells how it ended.

For test/run, test/guest/* and bench/*. A Guest never outlives the process that made it by more than its time limit: it
is in the caller's process group, which test/run kills, and `with Guest(...)` kills it at the end of the block.
"""
import json
import os
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import time

# QEMU's arguments for each machine that the tests know.
MACHINES = {
    "q35": ["-machine", "q35", "-bios", "qboot.rom"],
    "pc": ["-machine", "pc"],
    "microvm": ["-machine", "microvm"],
    "microvm-modern": ["-machine", "microvm", "-global", "virtio-mmio.force-legacy=false"],
}

# What an image for Xen is started as (xl.cfg's type=).
FLAVOURS = ("pv", "pvh", "hvm")

# A KVM that emulates ring 0 knows fewer MSRs than the host's CPU model promises, hence -arch-capabilities.
ACCELS = {
    "tcg": ["-accel", "tcg", "-cpu", "max"],
    "kvm": ["-accel", "kvm", "-cpu", "host,-arch-capabilities"],
}

QEMU = os.environ.get("PITH_QEMU", "qemu-system-x86_64")
EXIT_DEVICE = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]


class Ended(Exception):
    """The guest ended, or said nothing in time, while something else was expected of it."""


def device(machine, kind):
    """The name of a virtio device on a machine: microvm has MMIO transports only."""
    return "virtio-%s-%s" % (kind, "device" if machine.startswith("microvm") else "pci")


def nic(machine, netdev, options=""):
    """Arguments for one virtio-net on a netdev, whose id must be n0, n1, ..."""
    ident = re.search(r"\bid=(\w+)", netdev).group(1)
    return ["-netdev", netdev, "-device", "%s,netdev=%s%s" % (device(machine, "net"), ident, options)]


def disk(machine, path, options="", drive=""):
    """Arguments for one virtio-blk on a raw file."""
    ident = "d%x" % (abs(hash(path)) & 0xffff)
    return ["-drive", "if=none,format=raw,id=%s,file=%s%s" % (ident, path, drive),
            "-device", "%s,drive=%s%s" % (device(machine, "blk"), ident, options)]


def rng(machine):
    return ["-device", device(machine, "rng")]


def machine_arguments(machine, accel):
    """pc's own firmware takes ten seconds where KVM emulates ring 0: it is tested under TCG and by grub.py."""
    return MACHINES[machine] + (["-bios", "qboot.rom"] if (machine, accel) == ("pc", "kvm") else [])


class Guest:
    """A running guest. `console` is everything it has printed so far."""

    def __init__(self, image, append="", machine="q35", accel="tcg", memory="64M", devices=(), initrd=None, cpu=None,
                 arguments=None, paused=False, exit_device=True):
        where, self.monitor = socket.socketpair()
        self.console, self.events, self.started = "", [], time.monotonic()
        self.command = [QEMU] + (arguments if arguments is not None else machine_arguments(machine, accel)) + list(ACCELS[accel])
        if cpu:
            self.command += ["-cpu", cpu]
        self.command += ["-m", str(memory), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                         "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
                         "-chardev", "socket,id=monitor,fd=%d" % where.fileno(), "-mon", "chardev=monitor,mode=control"]
        self.command += EXIT_DEVICE if exit_device else []
        self.command += ["-kernel", image, "-append", append] if image else []
        self.command += ["-initrd", initrd] if initrd else []
        self.command += ["-S"] if paused else []
        self.command += list(devices)
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        pass_fds=[where.fileno()] + fds_in(devices))
        where.close()
        self.monitor_text, self.monitor_ready = b"", False

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.kill()

    def read(self, timeout):
        """Takes what the console has. False at its end."""
        select = selectors.DefaultSelector()
        select.register(self.process.stdout, selectors.EVENT_READ)
        if not select.select(max(timeout, 0)):
            return True
        data = os.read(self.process.stdout.fileno(), 65536)
        self.console += data.decode("utf-8", "replace").replace("\r", "")
        return bool(data)

    def expect(self, pattern, timeout=90.0, start=0):
        """Waits for a match of pattern on the console behind character start; raises Ended without one."""
        deadline, open_ = time.monotonic() + timeout, True
        while True:
            found = re.compile(pattern, re.M).search(self.console, start)
            if found:
                return found
            if not open_:
                raise Ended("the guest ended before '%s':\n%s" % (pattern, self.console[-3000:]))
            if time.monotonic() > deadline:
                raise Ended("no '%s' within %g s:\n%s" % (pattern, timeout, self.console[-3000:]))
            open_ = self.read(min(0.5, deadline - time.monotonic()))

    def send(self, text):
        """Types text on the console."""
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait(self, timeout=90.0):
        """
        Waits for the machine's end. Returns the guest's status as the exit device told it, or "off" for a power-off or
        reset without one. Raises Ended when it still runs, or when QEMU itself failed.
        """
        deadline = time.monotonic() + timeout
        while self.read(min(0.5, deadline - time.monotonic())):
            if time.monotonic() > deadline:
                raise Ended("still running after %g s:\n%s" % (timeout, self.console[-3000:]))
        code = self.process.wait(60)
        if code == 0:
            return "off"
        if code & 1 and code > 0 and not (code == 1 and self.qemu_failed()):
            return code >> 1
        raise Ended("QEMU ended with %d:\n%s%s" % (code, self.console[-3000:], self.said()))

    def said(self):
        """What QEMU itself had to say."""
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")

    def qemu_failed(self):
        """QEMU exits with 1 when it cannot start, as it does when a guest tells it 0."""
        return not self.console and any(line and "warning:" not in line for line in self.said().splitlines())

    def ask(self, command, timeout=60.0, **arguments):
        """A QMP command and its answer."""
        if not self.monitor_ready:
            self.monitor_ready = True
            self.ask("qmp_capabilities")
        self.monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self.monitor.settimeout(timeout)
        while True:
            line, newline, rest = self.monitor_text.partition(b"\n")
            if not newline:
                chunk = receive(self.monitor)
                if not chunk:
                    raise Ended("the monitor closed")
                self.monitor_text += chunk
                continue
            self.monitor_text, message = rest, json.loads(line)
            if "error" in message:
                raise Ended("%s: %s" % (command, message["error"].get("desc")))
            if "return" in message:
                return message["return"]
            self.events.append(message)

    def ask_last(self, command):
        """A command that may end the guest: that can be gone before QEMU has answered."""
        self.ask("query-status")
        try:
            self.ask(command)
        except Ended:
            pass

    def press_power(self):
        self.ask_last("system_powerdown")

    def cpu_seconds(self):
        """CPU time that QEMU has used so far: an idle guest uses next to none."""
        with open("/proc/%d/stat" % self.process.pid) as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.monitor, self.errors):
            try:
                stream.close()
            except OSError:
                pass


def receive(connection):
    """What has come; nothing once the other side is gone."""
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def fds_in(arguments):
    """The file descriptors that QEMU is told to inherit by its arguments."""
    return [int(n) for a in arguments for n in re.findall(r"local\.type=fd,local\.str=(\d+)", a)]


def run(image, timeout=90.0, **options):
    """Boots an image and waits for its end. Returns (status, console)."""
    with Guest(image, **options) as guest:
        status = guest.wait(timeout)
        return status, guest.console


def kvm_trial(image):
    """Why guests cannot run under KVM here, or None: a small guest has five seconds to print something and end well."""
    if not os.path.exists("/dev/kvm"):
        return "no /dev/kvm"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "no permission for /dev/kvm"
    if not os.path.exists(image):
        return "KVM was not tried, %s is not built" % image
    try:
        status, console = run(image, 5.0, machine="microvm", accel="kvm")
    except Ended as why:
        return "the trial under KVM failed: %s" % str(why).splitlines()[0]
    return None if status == 0 and console.strip() else "the trial under KVM ended with %s" % status


class Scratch:
    """A temporary folder, gone at the end of the block."""

    def __init__(self):
        self.path = None

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="pith-test.")
        return self

    def __exit__(self, *_exception):
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, name, data=b"", size=None):
        """A file with data, or of size zero bytes. Returns its path."""
        path = os.path.join(self.path, name)
        with open(path, "wb") as f:
            f.write(data)
            if size is not None:
                f.truncate(size)
        return path
