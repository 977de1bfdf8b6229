# SPDX-License-Identifier: MIT
"""The Xen lab: a real Xen with its dom0 inside QEMU, driven through a shell on a virtio-serial port.

ready() makes it from nothing and saves the running machine; resume() continues from there in half a second. Everything is in
BUILD/xen, made by the script `build` beside this file. Files go in as a tar on a read-only disk, which push() unpacks
to /job. dom0's bridge xenbr0 reaches a tap in the caller's network namespace, so a test talks to guests as to any host.

Three CPU flags matter, and without them it fails in hidden ways: QEMU 7.2 executes a PV kernel's iret with the rights of
ring 0 (-smap), reports RDTSCP as another exit (-rdtscp), and mixes up FPU state between guests (-xsave). One is for speed: it
executes `rep movsb` byte by byte, which Linux would use for every copy (-erms). Xen need not clear memory that QEMU gives it clear
(bootscrub): it would do so in each machine that resumes.
"""
import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../guest/lib"))
import net  # noqa: E402

DISK = 128 << 20
TIME_LIMIT = 1300  # of one machine, in seconds
XEN = "console=com1 com1=115200,8n1 loglvl=info guest_loglvl=all dom0_mem=%dM,max:%dM dom0_max_vcpus=1 no-real-mode spec-ctrl=no cpufreq=none bootscrub=off"

# Memory of the machine and of its dom0: an HVM guest's device model needs room in dom0.
SIZES = {"pv": (1024, 512), "hvm": (1536, 768)}


class Failed(Exception):
    pass


def command(folder, kind, run):
    """QEMU's; a saved machine goes on under the same one only. `run`: the folder of this machine's own files."""
    memory, dom0 = SIZES[kind]
    return ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,-smap,-rdtscp,-xsave,-erms", "-smp", "1", "-m", str(memory),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", folder + "/xen", "-append", XEN % (dom0, dom0),
            "-initrd", "%s/vmlinux console=hvc0 mitigations=off quiet,%s/dom0-%s.cpio" % (folder, folder, kind),
            "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no", "-device", "virtio-net-pci,netdev=n0,romfile=",
            "-device", "virtio-serial-pci", "-chardev", "socket,id=ctl,path=%s/ctl,server=on,wait=off" % run,
            "-device", "virtserialport,chardev=ctl,name=ctl",
            "-drive", "file=%s/job.img,format=raw,if=none,id=d0,readonly=on" % run, "-device", "virtio-blk-pci,drive=d0",
            "-qmp", "unix:%s/qmp,server=on,wait=off" % run, "-serial", "file:%s/serial" % run]


def die_with_parent():
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def key(folder, kind):
    """What a saved machine must agree with: the command, QEMU, and what it booted."""
    text = " ".join(command("", kind, ""))
    text += subprocess.run(["qemu-system-x86_64", "--version"], check=True, capture_output=True, text=True).stdout
    for name in ("xen", "vmlinux", "dom0-%s.cpio" % kind):
        text += "%s %d" % (name, os.stat(os.path.join(folder, name)).st_mtime_ns)
    return hashlib.sha256(text.encode()).hexdigest()


class Host:
    """What every Xen host can do that has a folder `job` for a test's files and runs a command by shell()."""

    def zeros(self, name, size):
        """A new file of zeros. Returns its path there."""
        path = "%s/%s" % (self.job, name)
        self.shell("rm -f %s; truncate -s %d %s" % (path, size, path))
        return path

    def noise(self, name, size):
        """A new file of random bytes, of whole MiB."""
        path = "%s/%s" % (self.job, name)
        self.shell("dd if=/dev/urandom of=%s bs=1M count=%d 2> /dev/null" % (path, size >> 20))
        return path


class Lab(Host):
    """One running machine. `kind`: pv, or hvm with device models in its dom0."""

    job = "/job"
    address, gateway, outside, bits = "10.0.2.50", "10.0.2.1", "10.0.2.3", 24
    address6, outside6 = "fd00::50", "fd00::3"
    bridge = "xenbr0"

    def __init__(self, folder, kind, files=None, incoming=None):
        self.run = os.path.join(folder, "run.%d" % os.getpid())
        shutil.rmtree(self.run, ignore_errors=True)
        os.makedirs(self.run)
        self.disk = self.path("job.img")
        self.used = self.make_disk(files or {})
        self.qmp_file, self.ctl, self.buffer = None, None, b""
        with open(self.path("errors"), "wb") as errors:
            line = ["timeout", str(TIME_LIMIT)] + command(folder, kind, self.run) + (["-incoming", "exec:cat " + incoming] if incoming else [])
            self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stderr=errors, preexec_fn=die_with_parent)

    def path(self, name):
        return os.path.join(self.run, name)

    def make_disk(self, files):
        """A tar of the files (name in /job: path here), then zeros up to a fixed size, which a snapshot needs."""
        with tarfile.open(self.disk, "w") as tar:
            for name, source in files.items():
                tar.add(source, name)
        used = os.path.getsize(self.disk)
        if used > DISK:
            raise Failed("%d MB are too many for the lab's disk" % (used >> 20))
        os.truncate(self.disk, DISK)
        return used

    def ended(self, what):
        """An exception with what QEMU and Xen said last."""
        said = "".join("%s\n" % open(self.path(n), errors="replace").read()[-2000:] for n in ("errors", "serial") if os.path.exists(self.path(n)))
        return Failed("%s; the machine says:\n%s" % (what, said))

    def connect(self, name):
        for _ in range(1000):
            link = socket.socket(socket.AF_UNIX)
            try:
                # The path may be longer than a socket's address can be.
                here = os.open(self.run, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    link.connect("/proc/self/fd/%d/%s" % (here, name))
                finally:
                    os.close(here)
                return link
            except OSError:
                link.close()
                if self.process.poll() is not None:
                    break
                time.sleep(0.01)
        raise self.ended("QEMU has ended")

    def qmp(self, command, **arguments):
        if not self.qmp_file:
            self.qmp_file = self.connect("qmp").makefile("rw")
            self.qmp_file.readline()
            self.qmp("qmp_capabilities")
        self.qmp_file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.qmp_file.flush()
        while True:
            answer = json.loads(self.qmp_file.readline() or '{"error": "QEMU has ended"}')
            if "error" in answer:
                raise self.ended(str(answer["error"]))
            if "return" in answer:
                return answer["return"]

    def shell(self, command, seconds=180):
        """Runs a command in dom0. Returns its status and output."""
        self.ctl = self.ctl or self.connect("ctl")
        mark = b"@@%d:" % time.time_ns()
        end = time.monotonic() + seconds
        self.ctl.sendall(b"{ " + command.encode() + b"\n} < /dev/null 2>&1; echo \"" + mark + b"$?@\"\n")
        while mark not in self.buffer or b"@" not in self.buffer.split(mark)[1]:
            self.ctl.settimeout(max(0.01, end - time.monotonic()))
            try:
                data = self.ctl.recv(65536)
            except TimeoutError:
                raise self.ended("no answer in %d s to: %s" % (seconds, command)) from None
            if not data:
                raise self.ended("dom0's shell is gone")
            self.buffer += data
        output, rest = self.buffer.split(mark, 1)
        status, self.buffer = rest.split(b"@", 1)
        self.buffer = self.buffer.lstrip(b"\r\n")
        return int(status), output.decode("latin1").replace("\r", "")

    def push(self):
        blocks = (self.used + 65535) // 65536
        status, said = self.shell("blockdev --flushbufs /dev/vda; dd if=/dev/vda bs=64k count=%d 2>/dev/null | tar -xf - -C /job" % blocks)
        if status:
            raise Failed("files do not arrive: " + said)

    def file(self, name):
        """Where a file is that resume() was given."""
        return "/job/" + name

    def wait_serial(self, text, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if os.path.exists(self.path("serial")) and text in open(self.path("serial"), errors="replace").read():
                return
            time.sleep(0.05)
        raise self.ended("no %r on the serial line" % text)

    def save(self, snapshot):
        self.qmp("stop")
        self.qmp("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self.qmp("migrate", uri="exec:cat > %s" % snapshot)
        while self.qmp("query-migrate").get("status") not in ("completed", "failed"):
            time.sleep(0.05)
        if self.qmp("query-migrate")["status"] != "completed":
            raise self.ended("the machine cannot be saved")

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.run, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def network():
    """A namespace of the caller's own with the tap that leads to dom0's bridge. Once for each process."""
    net.enter()
    net.tap(address=None, address6=Lab.outside6)
    net.ip("addr", "add", "%s/%d" % (Lab.outside, Lab.bits), "dev", "tap0")


def clean_runs(folder):
    """What processes left that were killed."""
    for name in os.listdir(folder):
        pid = name.partition(".")[2]
        if name.startswith("run.") and pid.isdigit() and not os.path.exists("/proc/" + pid):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def ready(build, kind="pv"):
    """Makes the lab where it is not there, or is of another day's parts. Returns its folder. One process at a time does it."""
    folder = os.path.join(os.path.abspath(build), "xen")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clean_runs(folder)
        made = subprocess.run([HERE + "/build", folder, kind], capture_output=True, text=True)
        if made.returncode:
            raise Failed("the lab cannot be built:\n%s%s" % (made.stdout, made.stderr))
        snapshot = os.path.join(folder, "snapshot-" + kind)
        if os.path.exists(snapshot + ".key") and open(snapshot + ".key").read() == key(folder, kind):
            return folder
        with Lab(folder, kind) as lab:
            lab.wait_serial("dom0: ready", 300)
            lab.shell("sync; echo 3 > /proc/sys/vm/drop_caches")
            lab.save(snapshot)
        with open(snapshot + ".key", "w") as f:
            f.write(key(folder, kind))
    return folder


def resume(build, files, kind="pv"):
    """A running lab with files (name: path here) in /job. network() was called before."""
    folder = ready(build, kind)
    lab = Lab(folder, kind, files, os.path.join(folder, "snapshot-" + kind))
    try:
        while lab.qmp("query-status")["status"] == "inmigrate":
            time.sleep(0.01)
        lab.qmp("cont")
        lab.shell("date -u -s @%d" % time.time())  # Xen's guests see it too
        lab.push()
    except BaseException:
        lab.close()
        raise
    return lab
