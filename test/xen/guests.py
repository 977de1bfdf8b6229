#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""guests.py -- the demos and the contracts as PV guests of a real Xen, created by the real xl. TAP.

  PITH_BUILD=BUILD test/xen/guests.py [PATTERN]      points whose name matches

Takes BUILD/demos/NAME.xen and BUILD/test/guest/contract_NAME.xen. The first run makes the lab (test/xen/build, lab.py).
"""
import glob
import hashlib
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import lab as xenlab  # noqa: E402

BUILD = os.path.abspath(os.environ.get("PITH_BUILD", "build"))
WWW = os.path.join(HERE, "../../demos/httpd/www")
IP = "10.0.2.50"
NIC = "vif=['mac=00:16:3e:00:00:50,bridge=xenbr0']\n"
ADDRESS = "ip=%s/24,gw=10.0.2.1 " % IP
points = failures = 0


def point(good, name, said=""):
    global points, failures
    points += 1
    failures += not good
    print("%sok %d - %s" % ("" if good else "not ", points, name), flush=True)
    for line in [] if good else said.splitlines()[-40:]:
        print("# " + line)


class Guest:
    """A domain: created at once, destroyed at the end."""

    def __init__(self, lab, image, line="", extra="", memory=32, name="g"):
        self.lab, self.name = lab, name
        text = "name='%s'\ntype='pv'\nkernel='/job/%s.xen'\nmemory=%d\ntsc_mode='native'\ncmdline=\"%s\"\non_poweroff='destroy'\n" \
               "on_reboot='restart'\non_crash='preserve'\n%s" % (name, image, memory, line, extra)
        lab.shell("rm -f /var/log/xen/guest-%s.log; cat > /job/%s.cfg <<'E'\n%s\nE" % (name, name, text))
        self.status, self.said = lab.shell("xl create -q /job/%s.cfg" % name)

    def log(self):
        return self.lab.shell("cat /var/log/xen/guest-%s.log" % self.name)[1]

    def wait(self, pattern, seconds=15):
        """Until the console says it. Whether it does."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if re.search(pattern, self.log(), re.M):
                return True
            time.sleep(0.1)
        return False

    def state(self):
        """xl's letters, "" when it is gone."""
        out = self.lab.shell("xl list %s 2> /dev/null" % self.name)[1].splitlines()
        return out[-1].split()[4] if len(out) > 1 else ""

    def wait_end(self, seconds=20):
        """Until it is gone or crashed. The state then: "" for gone, which is a clean end."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.state()
            if state == "" or "c" in state:
                return state
            time.sleep(0.1)
        return "still there"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lab.shell("xl destroy %s; arp -d %s" % (self.name, IP))


def hello(lab):
    with Guest(lab, "hello", "a 'b c'") as g:
        end = g.wait_end()
        point(end == "" and "hello, world" in g.log() and "argc = 3" in g.log(), "hello: prints its arguments and ends", g.said + g.log() + end)
    for memory in (4, 8, 16):
        with Guest(lab, "hello", memory=memory) as g:
            end = g.wait_end()
            if end == "" and "hello, world" in g.log():
                point(True, "hello: the least memory is at most %d MiB" % memory)
                return
    point(False, "hello: in 16 MiB")


def contract(lab, name, line="", extra=""):
    with Guest(lab, "contract_%s_contract" % name, line, extra, memory=64) as g:
        end = g.wait_end(60)
        said = g.log()
        plan = re.search(r"^1\.\.(\d+)", said, re.M)
        good = len(re.findall(r"^ok ", said, re.M))
        point(end == "" and plan and good == int(plan.group(1)), "contract: %s, %d points" % (name, good), said + end)


def contracts(lab):
    lab.shell("dd if=/dev/zero of=/job/disk.img bs=1M count=8 2>/dev/null; arp -s 10.0.2.15 00:16:3e:00:00:15")
    contract(lab, "plat")
    contract(lab, "blk", extra="disk=['/job/disk.img,raw,xvda,rw']\n")
    contract(lab, "nic", "peer=10.0.2.1", "vif=['mac=00:16:3e:00:00:15,bridge=xenbr0']\n")


def guard(lab):
    """No frame can be pushed on a stack that ran into its guard page: Xen ends the domain and says why."""
    with Guest(lab, "contract_thread_contract", memory=64) as g:
        end = g.wait_end(40)
        said = lab.shell("xl dmesg | tail -30")[1]
        point("c" in end and "ok 16 " in g.log() and "domain_crash" in said, "guard page: a stack that overflows ends the domain, Xen says so",
              g.log() + said + end)


def blkcopy(lab):
    lab.shell("dd if=/dev/zero of=/job/disk.img bs=1M count=32 2>/dev/null")
    disk = "disk=['/job/disk.img,raw,xvda,%s']\n"
    with Guest(lab, "blkcopy", "ip=off -- /dev/blk0", disk % "rw", 64) as g:
        end = g.wait_end(60)
        point(end == "" and "checksum" in g.log(), "blkcopy: writes and checks a loop file", g.log() + end)
    with Guest(lab, "blkcopy", "ip=off -- -c /dev/blk0", disk % "r", 64) as g:
        end = g.wait_end(60)
        point(end == "" and "checksum" in g.log(), "blkcopy: a second guest finds the same, read-only", g.log() + end)
    lab.shell("cp /job/disk.img /job/disk2.img; dd if=/dev/zero of=/job/disk2.img bs=1M count=32 conv=notrunc 2>/dev/null")
    two = "disk=['/job/disk.img,raw,xvda,rw','/job/disk2.img,raw,xvdb,rw']\n"
    with Guest(lab, "blkcopy", "ip=off -- /dev/blk0 /dev/blk1", two, 64) as g:
        end = g.wait_end(60)
        same = lab.shell("cmp /job/disk.img /job/disk2.img && echo same")[1]
        point(end == "" and "same" in same, "blkcopy: two disks, and dom0 finds them equal", g.said + g.log() + end + same)


def httpd(lab):
    with Guest(lab, "httpd", ADDRESS + "pith.log=info --", NIC, 64) as g:
        up = g.wait("^httpd: port 80")
        page = lab.shell("wget -q -O - http://%s/" % IP)[1]
        point(up and page.startswith("<!doctype html>") and page.rstrip().endswith("</script>"), "httpd: serves its page to dom0", g.log() + page)
        for name in sorted(os.listdir(WWW)):
            got = lab.shell("wget -q -O - http://%s/%s | md5sum" % (IP, name))[1].split()[0]
            want = hashlib.md5(open(os.path.join(WWW, name), "rb").read()).hexdigest()
            point(got == want, "httpd: %s arrives as it is" % name, g.log())
        many = lab.shell("i=0; while [ $i -lt 200 ]; do wget -q -O /dev/null http://%s/ || break; i=$((i+1)); done; echo $i" % IP, 120)[1]
        point(many.strip() == "200", "httpd: 200 connections one after the other", many + g.log())
        lab.shell("xl pause g; usleep 300000; xl unpause g")
        again = lab.shell("wget -q -O - http://%s/" % IP)[1]
        point(again.rstrip().endswith("</script>"), "httpd: after pause and unpause", g.log())
        lab.shell("xl shutdown g")
        end = g.wait_end()
        point(end == "", "httpd: xl shutdown ends it in order", g.log() + end)


def reboot(lab):
    with Guest(lab, "httpd", ADDRESS + "pith.log=info --", NIC, 64) as g:
        first = g.wait("^httpd: port 80")
        before = lab.shell("xl domid g")[1]
        lab.shell("xl reboot g")
        for _ in range(100):
            after = lab.shell("xl domid g 2>/dev/null")[1]
            if after.strip() and after != before:
                break
            time.sleep(0.1)
        served = lab.shell("for i in 1 2 3 4 5; do wget -q -O - http://%s/ > /dev/null && echo served && break; sleep 1; done" % IP, 60)[1]
        point(first and after != before and "served" in served, "xl reboot: a new domain serves the same page", g.log() + before + after)


def bad(lab):
    with Guest(lab, "httpd", ADDRESS + "--") as g:
        point(g.wait("no network interface"), "no vif: says so", g.log())
    with Guest(lab, "blkcopy", "ip=off -- /dev/blk0") as g:
        point(g.wait("blk0") and g.wait_end() == "", "no disk: says so and ends", g.log())


def main():
    pattern = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    images = glob.glob(BUILD + "/demos/*.xen") + glob.glob(BUILD + "/test/guest/contract_*.xen")
    subprocess.run([HERE + "/build", BUILD], check=True)
    xenlab.boot(BUILD)
    with xenlab.resume(BUILD, {os.path.basename(p): p for p in images}) as lab:
        for test in (hello, contracts, guard, blkcopy, httpd, reboot, bad):
            if pattern.search(test.__name__):
                test(lab)
    print("1..%d" % points)
    return failures != 0


sys.exit(main())
