#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=480 machines=q35,pc accel=tcg
"""test/guest/grub.py -- the same image started by GRUB (multiboot 1) from a CD that the test makes: arguments and a module too.

Under TCG only: a firmware and a GRUB in ring 0 take minutes where KVM emulates it, and are not what is tested.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import archive  # noqa: E402
import machine  # noqa: E402
import tap  # noqa: E402

LIMIT = 60.0
PROBE = tap.image("probe")


def make_cd(scratch, config, files):
    """A bootable CD with GRUB, its configuration and files under /boot."""
    root = os.path.join(scratch.path, "cd")
    os.makedirs(root + "/boot/grub")
    with open(root + "/boot/grub/grub.cfg", "w") as f:
        f.write("set timeout=0\nserial --unit=0\nmenuentry pith {\n%s\n}\n" % config)
    for name, data in files.items():
        with open(os.path.join(root, "boot", name), "wb") as f:
            f.write(data)
    path = os.path.join(scratch.path, "cd.iso")
    subprocess.run(["grub-mkrescue", "-o", path, root, "--", "-volid", "PITH"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return path


def boot_cd(path):
    """GRUB needs the machine's own firmware."""
    with machine.Guest(None, machine=tap.machine, accel=tap.accel, arguments=["-machine", tap.machine, "-boot", "d", "-cdrom", path]) as guest:
        return guest.wait(LIMIT), guest.console


def read(path):
    with open(path, "rb") as f:
        return f.read()


@tap.point("GRUB starts an image and hands its arguments over")
def arguments():
    with machine.Scratch() as scratch:
        cd = make_cd(scratch, "multiboot /boot/probe ip=off NAME=value -- words one 'two words'", {"probe": read(PROBE)})
        status, console = boot_cd(cd)
        assert status == 0, "status %s: %s" % (status, console)
        for line in ("word 1: [words]", "word 2: [one]", "word 3: [two words]", "environment: [NAME=value]"):
            assert line in console, console


@tap.point("GRUB hands a module over")
def module():
    with machine.Scratch() as scratch:
        tar = archive.ustar([("hello.txt", b"from GRUB's module\n")])
        cd = make_cd(scratch, "multiboot /boot/probe ip=off -- cat /hello.txt /proc/pith\nmodule /boot/a.tar", {"probe": read(PROBE), "a.tar": tar})
        status, console = boot_cd(cd)
        assert status == 0 and "from GRUB's module" in console and "boot: multiboot" in console, "status %s: %s" % (status, console)


@tap.point("exit status and crash reports come through as elsewhere")
def status():
    with machine.Scratch() as scratch:
        assert boot_cd(make_cd(scratch, "multiboot /boot/probe ip=off -- exit 9", {"probe": read(PROBE)}))[0] == 9


tap.run()
