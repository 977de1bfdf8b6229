#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=1200 flavours=pv,pvh share=0.6
"""test/xen/ends.py -- what xl does to a running guest, what a guest's end looks like to xl, and its console from dom0."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import net, tap  # noqa: E402

HOST = xl.host(["demos/hello", "demos/httpd", "test/guest/probe", "test/guest/attack_crash"])


def httpd(**more):
    guest = xl.Guest(HOST, "demos/httpd", xl.network_words(HOST) + "--", [xl.vif(HOST)], memory=64, **more)
    guest.serves(80)
    return guest


def probe(words, **more):
    return xl.Guest(HOST, "test/guest/probe", "ip=off -- " + words, **more)


def page():
    return len(net.curl("http://%s/bench.html" % HOST.address)) == 612


@tap.point("main()'s status is in xenstore, and a power-off is one whatever it says")
def status():
    for number in (0, 9):
        with probe("exit %d" % number) as guest:
            assert guest.end() == "poweroff" and guest.exit_status() == str(number), guest.console


@tap.point("on_poweroff=destroy: the domain is gone by itself")
def gone():
    with probe("exit 0", extra="on_poweroff='destroy'") as guest:
        guest.gone()


@tap.point("xl shutdown ends a server in good order")
def shutdown():
    with httpd() as guest:
        guest.xl("shutdown")
        assert guest.end() == "poweroff" and guest.exit_status() == "0", guest.console


@tap.point("xl shutdown ends a program that sleeps, with SIGTERM's status")
def sleeper():
    with probe("sleep 60 1") as guest:
        guest.expect("sleeping")
        guest.xl("shutdown")
        assert guest.end() == "poweroff" and guest.exit_status() == "143", "%s: %s" % (guest.exit_status(), guest.console)


@tap.point("xl pause stops a server, xl unpause lets it go on where it was")
def pause():
    with httpd() as guest:
        assert page()
        guest.xl("pause")
        try:
            net.curl("http://%s/bench.html" % HOST.address, timeout=2)
            raise AssertionError("a paused guest answers")
        except OSError:
            pass
        guest.xl("unpause")
        assert page()
        for _ in range(5):
            guest.xl("pause")
            guest.xl("unpause")
        assert page() and guest.state() == ""


@tap.point("a pause is no time for the program's sleep to be wrong by more than it")
def pause_time():
    with probe("sleep 3 30") as guest:
        guest.expect("sleeping")
        start = time.monotonic()
        guest.xl("pause")
        time.sleep(1.0)
        guest.xl("unpause")
        pause = time.monotonic() - start
        slept = float(guest.expect(r"slept: ([\d.]+)").group(1))
        assert 2.9 <= slept < 7.0 + pause, "%.1f s for 3, of which %.1f were a pause" % (slept, pause)
        wall = int(guest.expect(r"time: (\d+)").group(1))
        assert abs(wall - time.time()) < 15, "the time of day is off by %d s" % (wall - time.time())


@tap.point("xl reboot makes a new domain, which serves the same")
def reboot():
    with httpd() as guest:
        before = guest.domid
        guest.xl("reboot")
        guest.renewed()
        guest.serves(80)
        assert page() and guest.domid != before


@tap.point("a crash is one to xl, and the console says what and where")
def crash():
    with xl.Guest(HOST, "test/guest/attack_crash", "ip=off -- crash_read_null", memory=64) as guest:
        assert guest.end() == "crash", guest.read()
        assert re.search("page fault: read of an unmapped page at 0000000000000000", guest.console), guest.console
        assert re.search(r"^pith: .*\bcrash_read_null\b", guest.console, re.M), guest.console


@tap.point("on_crash=destroy and on_crash=restart do what they say")
def on_crash():
    with xl.Guest(HOST, "test/guest/attack_crash", "ip=off -- crash_undefined", memory=64, extra="on_crash='destroy'") as guest:
        guest.gone()
    with probe("sleep 60 600", extra="on_crash='restart'") as guest:  # one that sleeps again, so that it has a domain when it is destroyed
        guest.expect("sleeping")
        seen = len(guest.console)
        HOST.shell("xl sysrq %s c" % guest.name)
        guest.renewed()
        guest.expect("sleeping", start=seen)


@tap.point("abort() is a crash to xl")
def abort():
    with xl.Guest(HOST, "test/guest/attack_crash", "ip=off -- crash_abort", memory=64) as guest:
        assert guest.end() == "crash", guest.console


@tap.point("xl sysrq: a crash that was asked for")
def sysrq():
    with probe("sleep 60 600") as guest:
        guest.expect("sleeping")
        HOST.shell("xl sysrq %s c" % guest.name)
        assert guest.end() == "crash" and "sysrq" in guest.console, guest.console


@tap.point("what is typed at the console is read, line by line")
def console():
    with probe("lines") as guest:
        guest.expect("type")
        for line in ("first", "a longer second one, with 'quotes'", "x" * 300):
            guest.send(line + "\r")
            guest.expect(r"line: \[%s\]" % re.escape(line))
        guest.send("end\r")
        assert guest.end() == "poweroff" and "done" in guest.console, guest.console


@tap.point("a console that nobody reads holds nobody up, and one that is read gets it all")
def much():
    with probe("print 20000") as guest:
        assert guest.end(180) == "poweroff", guest.console[-500:]
        tap.note("%d bytes" % len(guest.console))


@tap.point("guests that are destroyed leave nothing in dom0, and all of their memory comes back")
def nothing_left():
    def state():
        return HOST.shell("xl info | grep free_memory; xl list | wc -l; ls /sys/class/net | grep -c vif; losetup -a | wc -l")[1]

    disk = HOST.zeros("disk.img", 1 << 20)
    before = None
    for _ in range(4):
        with httpd(disks=[xl.disk(disk)]):
            assert page()
        if before is None:
            time.sleep(1.0)
            before = state()
    net.wait_for(lambda: state() == before, 60, "return to\n%s, it is\n%s" % (before, state()))


with HOST:
    tap.run()
