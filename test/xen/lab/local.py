# SPDX-License-Identifier: MIT
"""A Xen host as it is: this machine's own xl, a bridge of our own, nothing else. The other class that xl.py drives; lab.py is the first.

Nothing of the host is changed but for that bridge and the domains, and both are gone at the end. Needs root, as xl does.
"""
import os
import shutil
import subprocess
import tempfile

from lab import Failed, Host


class Local(Host):
    address, gateway, outside, bits = "10.213.77.50", "10.213.77.1", "10.213.77.1", 24
    address6, outside6 = "fd77::50", "fd77::1"
    bridge = "pithbr0"

    def __init__(self, files):
        self.files = files
        why = self.refusal()
        if why:
            raise Failed(why)
        self.job = tempfile.mkdtemp(prefix="pith-xen.")
        for words in ("link add {0} type bridge", "addr add {1}/{2} dev {0}", "-6 addr add {3}/64 dev {0}", "link set {0} up"):
            self.run_or_fail("ip " + words.format(self.bridge, self.gateway, self.bits, self.outside6))

    def refusal(self):
        """Why this machine is no Xen host."""
        if not shutil.which("xl"):
            return "XEN=local: this machine has no xl (Debian: xen-utils)"
        status, said = self.shell("xl info")
        if status:
            return "XEN=local: xl info fails: %s" % (said.strip().splitlines() or ["says nothing"])[-1]
        if os.path.exists("/sys/class/net/" + self.bridge):
            return "XEN=local: there is a %s already: another run, or one that was killed (ip link del %s)" % (self.bridge, self.bridge)
        return None

    def shell(self, command, seconds=180):
        """Runs a command. Returns its status and output."""
        try:
            done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed("no answer in %d s to: %s" % (seconds, command)) from None
        return done.returncode, done.stdout.decode("latin1")

    def run_or_fail(self, command):
        status, said = self.shell(command)
        if status:
            raise Failed("%s: %s" % (command, said))

    def file(self, name):
        return os.path.abspath(self.files[name])

    def close(self):
        self.shell("ip link del " + self.bridge)
        shutil.rmtree(self.job, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
