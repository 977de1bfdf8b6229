# SPDX-License-Identifier: MIT
"""bench/run's part `xen`, boot: from xl create's return to the first line of main, against an assembler guest in the same rounds.

Clocks are dom0's, in steps of 10 ms; what a series says is its median. The guest's own account is /proc/boot.
"""
import os
import re
import statistics
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(SOURCE, "test/xen/lab"))
import xl  # noqa: E402

# Prints when xl create returned and when the line was there, in seconds. xenconsoled, not we, reads the console: nothing else runs.
SCRIPT = """
(up() { cut -d' ' -f1 /proc/uptime; }
rm -f %(log)s
a=$(up); xl create -q %(config)s || exit 1; b=$(up)
n=0; until grep -q '%(line)s' %(log)s 2> /dev/null; do n=$((n + 1)); [ $n -lt 1000 ] || exit 2; usleep 5000; done
c=$(up); echo "$a $b $c"
xl destroy %(name)s > /dev/null 2>&1 || :)
"""


def build_stub(folder):
    path = os.path.join(folder, "xen-stub.xen")
    subprocess.run(["cc", "-I", SOURCE, "-nostdlib", "-static", "-no-pie", "-Wl,-N,-Ttext=0x100000,-e,pv,--build-id=none,--no-warn-rwx-segments", "-o", path,
                    os.path.join(SOURCE, "bench/xen-stub.S")], check=True)
    return path


def once(host, image, line, flavour, words="", devices=""):
    """One boot. Returns (seconds that xl create took, seconds from its return to the line)."""
    name, config = "boot", host.job + "/boot.cfg"
    text = "name='%s'\ntype='%s'\nkernel='%s'\nmemory=32\ntsc_mode='native'\ncmdline=\"%s\"\n%s" % (name, flavour, host.file(image), words, devices)
    host.shell("cat > %s <<'EOF'\n%s\nEOF" % (config, text))
    status, said = host.shell(SCRIPT % {"log": "/var/log/xen/guest-%s.log" % name, "config": config, "line": line, "name": name})
    if status:
        raise xl.Ended("%s as %s does not say '%s': %s" % (image, flavour, line, said))
    begun, created, seen = map(float, said.split()[-3:])
    return created - begun, seen - created


def own_account(host, flavour):
    """The guest's phases in microseconds, with a vif and a vbd."""
    host.shell("dd if=/dev/zero of=%s/boot.img bs=1M count=1 2> /dev/null" % host.job)
    with xl.Guest(host, "test/guest/probe", xl.network_words(host) + "-- cat /proc/boot", [xl.vif(host)], [xl.disk(host.job + "/boot.img")],
                  flavour=flavour) as guest:
        guest.end()
        return {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)$", guest.console, re.M)}


def boot(host, flavour, rounds, series, add):
    """series(what, milliseconds) returns a median; add(what, value, unit, limit) records one number."""
    devices = "vif=['%s']\ndisk=['%s']\n" % (xl.vif(host), xl.disk(host.job + "/boot.img"))
    times = {"stub": [], "hello": [], "hello, vif and vbd": []}
    own_account(host, flavour)  # makes the disk, warms up
    for _ in range(rounds):
        times["stub"].append(once(host, "xen-stub.xen", "stub: first line", flavour)[1])
        times["hello"].append(once(host, "hello.xen", "hello, world", flavour, "ip=off")[1])
        times["hello, vif and vbd"].append(once(host, "hello.xen", "hello, world", flavour, xl.network_words(host), devices)[1])
    medians = {what: series("%s, %s: create's return to first line" % (what, flavour), [1e3 * t for t in values]) for what, values in times.items()}
    add("hello above stub, %s" % flavour, round(statistics.median(times["hello"]) * 1e3 - statistics.median(times["stub"]) * 1e3), "ms", "at most 100")
    phases = own_account(host, flavour)
    if "devices" in phases:
        add("of it in the handshake with the backends, %s" % flavour, round((phases["devices"] - phases["core"]) / 1e3), "ms", "")
    return medians


def main():
    """By itself: bench/xenboot.py [ROUNDS], PITH_BUILD as for the tests."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    folder = os.path.join(xl.tap.build, "bench")
    os.makedirs(folder, exist_ok=True)

    def series(what, values):
        print("%-60s %5.0f ms  [%.0f to %.0f, %d rounds]" % (what, statistics.median(values), min(values), max(values), len(values)), flush=True)
        return statistics.median(values)

    with xl.host(["demos/hello", "test/guest/probe"], {"xen-stub.xen": build_stub(folder)}) as host:
        for flavour in ("pv", "pvh"):
            boot(host, flavour, rounds, series, lambda *row: print("%-60s %5s %s  %s" % row, flush=True))


if __name__ == "__main__":
    main()
