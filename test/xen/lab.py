# SPDX-License-Identifier: MIT
"""The Xen lab: a real Xen with its dom0 inside QEMU, driven through a shell on a virtio-serial port.

boot() starts it from nothing and saves the machine, resume() continues from there in half a second. Everything is in
BUILD/xen, made by test/xen/build. Files go in as a tar on a read-only disk, which push() unpacks to /job.

Three CPU flags matter, and without them it fails in hidden ways: QEMU 7.2 executes a PV kernel's iret with the rights of
ring 0 (-smap), reports RDTSCP as another exit (-rdtscp), and mixes up FPU state between guests (-xsave).
"""
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time

DISK = 128 << 20
XEN = "console=com1 com1=115200,8n1 loglvl=info guest_loglvl=all dom0_mem=512M,max:512M dom0_max_vcpus=1 " \
      "no-real-mode spec-ctrl=no cpufreq=none"


class Failed(Exception):
    pass


class Lab:
    def __init__(self, build, job=None, incoming=None, forward=""):
        self.folder = os.path.join(os.path.abspath(build), "xen")
        self.run = os.path.join(self.folder, "run.%d" % os.getpid())
        shutil.rmtree(self.run, ignore_errors=True)
        os.makedirs(self.run)
        self.disk = os.path.join(self.run, "job.img")
        self.used = self.make_disk(job or {})
        self.qmp_file, self.buffer = None, b""
        self.process = subprocess.Popen(self.command(incoming, forward), stdin=subprocess.DEVNULL)

    def path(self, name):
        return os.path.join(self.run, name)

    def make_disk(self, job):
        """A tar of the files in job (name in /job: path here, or text), then zeros up to a fixed size, which a snapshot needs."""
        with tarfile.open(self.disk, "w") as tar:
            for name, source in job.items():
                if isinstance(source, str):
                    tar.add(source, name)
        used = os.path.getsize(self.disk)
        os.truncate(self.disk, DISK)
        return used

    def command(self, incoming, forward):
        f = self.folder
        line = ["timeout", "600", "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,-smap,-rdtscp,-xsave", "-smp", "1", "-m", "1024",
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", f + "/xen", "-append", XEN,
                "-initrd", "%s/vmlinux console=hvc0 mitigations=off quiet,%s/dom0.cpio" % (f, f),
                "-netdev", "user,id=n0" + forward, "-device", "virtio-net-pci,netdev=n0,romfile=",
                "-device", "virtio-serial-pci", "-chardev", "socket,id=ctl,path=%s,server=on,wait=off" % self.path("ctl"),
                "-device", "virtserialport,chardev=ctl,name=ctl",
                "-drive", "file=%s,format=raw,if=none,id=d0,readonly=on" % self.disk, "-device", "virtio-blk-pci,drive=d0",
                "-qmp", "unix:%s,server=on,wait=off" % self.path("qmp"), "-serial", "file:" + self.path("serial")]
        return line + (["-incoming", "exec:cat " + incoming] if incoming else [])

    def connect(self, name):
        for _ in range(1000):
            try:
                link = socket.socket(socket.AF_UNIX)
                link.connect(self.path(name))
                return link
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.01)
        raise Failed("QEMU has ended")

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
                raise Failed(str(answer["error"]))
            if "return" in answer:
                return answer["return"]

    def shell(self, command, seconds=60):
        """Runs a command in dom0. Returns its status and output."""
        if not hasattr(self, "ctl"):
            self.ctl = self.connect("ctl")
        mark = b"@@%d:" % time.time_ns()
        end = time.monotonic() + seconds
        self.ctl.sendall(b"{ " + command.encode() + b"\n} < /dev/null 2>&1; echo \"" + mark + b"$?@\"\n")
        while mark not in self.buffer or b"@" not in self.buffer.split(mark)[1]:
            self.ctl.settimeout(max(0.01, end - time.monotonic()))
            try:
                data = self.ctl.recv(65536)
            except TimeoutError:
                raise Failed("no answer in %d s to: %s" % (seconds, command))
            if not data:
                raise Failed("dom0's shell is gone")
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

    def wait_serial(self, text, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if os.path.exists(self.path("serial")) and text in open(self.path("serial"), errors="replace").read():
                return
            time.sleep(0.05)
        raise Failed("no %r on the serial line; it ends with:\n%s" % (text, open(self.path("serial"), errors="replace").read()[-2000:]))

    def save(self, snapshot):
        self.qmp("stop")
        self.qmp("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self.qmp("migrate", uri="exec:cat > %s.new" % snapshot)
        while self.qmp("query-migrate").get("status") not in ("completed", "failed"):
            time.sleep(0.05)
        os.rename(snapshot + ".new", snapshot)

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.run, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def boot(build):
    """From nothing to a saved machine; nothing to do where there is one."""
    snapshot = os.path.join(os.path.abspath(build), "xen/snapshot")
    if os.path.exists(snapshot) and os.path.getmtime(snapshot) > os.path.getmtime(os.path.dirname(snapshot) + "/dom0.cpio"):
        return
    with Lab(build) as lab:
        lab.wait_serial("dom0: ready", 120)
        lab.shell("sync; echo 3 > /proc/sys/vm/drop_caches")
        lab.save(snapshot)


def resume(build, job, forward=""):
    """A running lab with the files of job in /job."""
    lab = Lab(build, job, os.path.join(os.path.abspath(build), "xen/snapshot"), forward)
    try:
        while lab.qmp("query-status")["status"] == "inmigrate":
            time.sleep(0.01)
        lab.qmp("cont")
        lab.push()
    except BaseException:
        lab.close()
        raise
    return lab
