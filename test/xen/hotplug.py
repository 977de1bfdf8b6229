#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=400 flavours=pv,pvh share=0.7
"""test/xen/hotplug.py -- devices, memory and vCPUs that change under a running guest, by xl, while it serves and checks itself."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import net, tap  # noqa: E402

CYCLES = int(os.environ.get("PITH_CYCLES", "6"))  # of a disk and an interface each; a cycle takes some 3 s
HOST = xl.host(["test/guest/hotplug", "demos/httpd"])
OTHER, MORE = (HOST.address.rpartition(".")[0] + last for last in (".53", ".54"))
DISK, SECOND = HOST.job + "/hot0.img", HOST.job + "/hot1.img"


def serves_on():
    """Answers come again, and from now on each must."""
    guest.serves(80)
    done = load.done
    net.wait_for(lambda: load.done > done + 2, 60, "answers")
    load.away = False


def ask(path):
    assert net.curl("http://%s%s" % (HOST.address, path)) == b"ok\n"


class Load(threading.Thread):
    """Asks the guest again and again. `done` counts answers; while `away` a question may fail."""

    def __init__(self):
        super().__init__(daemon=True)
        self.done, self.failed, self.away, self.over, self.turn = 0, [], False, False, threading.Lock()

    def run(self):
        while not self.over:
            try:
                with self.turn:
                    ask("/")
                self.done += 1
                time.sleep(0.02)
            except Exception as why:  # noqa: BLE001
                if not self.away:
                    self.failed.append(repr(why))
                time.sleep(0.05)


def shell(words, seconds=180):
    status, said = HOST.shell("(%s\n)" % words, seconds)
    assert status == 0, said
    return said


def counts():
    """Guest.counts() while nobody asks and no memory is held."""
    with load.turn:
        ask("/quiet")
        now = guest.counts()
        ask("/loud")
    return now


def check_leaks(before, cycles, seconds=60):
    """Nothing may be more than it was, nor pages fewer: but for less than one a cycle, which are a pool's that has had more to do."""
    end = time.monotonic() + seconds
    while True:
        now = counts()
        lost = [k for k in now if (now[k] > before[k] if k != "pages" else now[k] <= before[k] - cycles)]
        if not lost or time.monotonic() > end:
            break
        time.sleep(2)
    tap.note(", ".join("%s %d" % (k, before[k]) + (" -> %d" % now[k] if now[k] != before[k] else "") for k in now))
    assert not lost, (before, now)


shell("dd if=/dev/zero of=%s bs=1M count=8 2> /dev/null; dd if=/dev/zero of=%s bs=1M count=4 2> /dev/null" % (DISK, SECOND))
line = xl.network_words(HOST) + "ip1=%s/%d pith.log=info pith.hotplug=2M -- 12000" % (OTHER, HOST.bits)
guest = xl.Guest(HOST, "test/guest/hotplug", line, [xl.vif(HOST)], [xl.disk(DISK)], memory=64, extra="vcpus=1\nmaxvcpus=2\nmaxmem=64")
load = Load()


@tap.point("it serves, and uses its disk")
def begin():
    guest.expect("blk0: 8388608 bytes")
    guest.serves(80)
    load.start()


@tap.point("a disk that grows: the program sees it")
def resize():
    back = "/local/domain/0/backend/vbd/%s/51712" % guest.domid
    loop = shell("xenstore-read %s/node" % back).strip()
    shell("dd if=/dev/zero of=%s bs=1M count=0 seek=16 2> /dev/null; losetup -c %s && xenstore-write %s/state 4 || true" % (DISK, loop, back))
    guest.expect("blk0: 16777216 bytes")


@tap.point("MTU and carrier")
def link():
    front = "/local/domain/%s/device/vif/0" % guest.domid
    shell("xenstore-write %s/mtu 1400" % front)
    guest.expect("nic0: mtu 1400")
    shell("xenstore-write %s/mtu 1500" % front)
    guest.expect("nic0: mtu 1500")
    load.away = True
    shell("xenstore-write /local/domain/0/backend/vif/%s/0/carrier 0" % guest.domid)
    guest.expect("nic0: carrier lost")
    shell("xenstore-write /local/domain/0/backend/vif/%s/0/carrier 1" % guest.domid)
    guest.expect("nic0: carrier is back")
    serves_on()
    vif = "vif%s.0" % guest.domid
    shell("ip link set %s down && sleep 1 && ip link set %s up" % (vif, vif))  # netback stops: nothing passes, and the guest is not told
    serves_on()


@tap.point("xl mem-set down and up while it allocates")
def memory():
    shell("xl mem-set %s 48m" % guest.name)
    guest.expect("balloon: the host has 16384 of")
    assert int(shell("xl list %s | tail -1" % guest.name).split()[2]) <= 49
    shell("xl mem-set %s 64m" % guest.name)
    guest.expect("balloon: the host has 0 of")
    assert int(shell("xl list %s | tail -1" % guest.name).split()[2]) >= 64


@tap.point("xl vcpu-set: one line")
def vcpus():
    shell("xl vcpu-set --ignore-host %s 2" % guest.name)
    guest.expect("xen: 2 vCPUs are there, one is used")
    shell("xl vcpu-set %s 1" % guest.name)


# Steps in dom0's own shell: each asked from outside would cost a second. A device is there when both sides say 4, Connected.
CYCLE = """
f=/local/domain/%(domid)s/device
state() { xenstore-read $f/$1/state 2> /dev/null || echo 0; }
until_is() { t=0; while [ "$(state $1)" != $2 ] && [ $t -lt 1000 ]; do usleep 20000; t=$((t + 1)); done; [ $t -lt 1000 ] || { echo "$1 is $(state $1), not $2"; exit 1; }; }
xl block-attach %(name)s %(disk)s && xl network-attach %(name)s %(vif)s || exit 1
until_is vbd/51728 4; until_is vif/1 4
xl block-detach %(name)s xvdb && xl network-detach %(name)s 1 || exit 1
until_is vbd/51728 0; until_is vif/1 0
"""


@tap.point("a second disk and a second interface come and go, %d times under load" % CYCLES)
def cycles():
    words = {"domid": guest.domid, "name": guest.name, "disk": xl.disk(SECOND, 1), "vif": " ".join(xl.vif(HOST, 3).split(","))}
    shell(CYCLE % words)  # the first leaves what is kept for a device of this number
    before, done = counts(), load.done
    for _ in range(CYCLES - 1):
        shell(CYCLE % words)
    assert load.done > done + CYCLES, load.done - done
    check_leaks(before, CYCLES - 1)
    said = guest.read()
    for what in ("blk1: 4194304 bytes", "blk1: No such device", "nic1: up,", "nic1: taken away"):
        assert said.count(what) == CYCLES, (what, said)


# A vif holds its module, and one that is loaded again waits for what the hotplug script says.
RELOAD = """
cd /sys/bus/xen-backend/drivers
echo vif-%(domid)s-0 > vif/unbind && echo vbd-%(domid)s-51712 > vbd/unbind && rmmod xen_netback && rmmod xen_blkback && sleep 1 || exit 1
for m in $(grep -E 'net-?back|blk-?back' /mod/order); do insmod /mod/$m || exit 1; done
sleep 1
brctl addif %(bridge)s vif%(domid)s.0 && ip link set vif%(domid)s.0 up && xenstore-write /local/domain/0/backend/vif/%(domid)s/0/hotplug-status connected
"""


def written(guest):
    """blkback's count: one that is loaded again may take up the rings as they are, and the guest never knows."""
    return int(shell("cat /sys/bus/xen-backend/devices/vbd-%s-51712/statistics/wr_req" % guest.domid))


@tap.point("both backend modules are unloaded and loaded: it serves on, and nothing on the disk is lost")
def modules():
    start, load.away = len(guest.read()), True
    shell(RELOAD % {"domid": guest.domid, "bridge": HOST.bridge})
    guest.expect("nic0: up,", start=start)
    serves_on()
    writes = written(guest)
    time.sleep(1)
    assert written(guest) > writes and "broken" not in guest.read(), guest.console


@tap.point("its only interface and disk go and come back")
def first():
    load.away = True
    shell("xl network-detach %s 0; xl block-detach %s xvda" % (guest.name, guest.name))
    guest.expect("blk0: No such device")
    start = len(guest.read())
    shell("xl network-attach %s %s; xl block-attach %s %s" % (guest.name, " ".join(xl.vif(HOST).split(",")), guest.name, xl.disk(DISK)))
    guest.expect("blk0: 16777216 bytes", start=start)
    serves_on()


@tap.point("maxmem above memory: what is not there is never used")
def pod():
    with xl.Guest(HOST, "demos/httpd", "ip=%s/%d pith.log=info --" % (MORE, HOST.bits), [xl.vif(HOST, 4)], memory=32, extra="maxmem=96", name="pith-more") as more:
        more.serves(80, MORE)
        if xl.FLAVOUR == "pvh":
            more.expect("balloon: the host has 65536 of")
        assert len(net.curl("http://%s/bench.html" % MORE)) == 612


@tap.point("all of it was in order")
def end():
    load.over = True
    load.join()
    guest.xl("shutdown")
    assert guest.end() == "poweroff" and guest.exit_status() == "0", guest.console
    assert not load.failed and "wrong" not in guest.console and "broken" not in guest.console, (load.failed, guest.console)
    tap.note("%d answers" % load.done)


with HOST, guest:
    tap.run()
