#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=180 machines=q35,pc
"""test/guest/grub.py -- the same image started by GRUB (multiboot 1) from a CD that the test makes: arguments and a module too.

And by QEMU in machines that the other tests do not use: other firmware, other buses, no ACPI.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import archive  # noqa: E402
import machine  # noqa: E402
import tap  # noqa: E402

# Firmware in ring 0 is slow where KVM emulates it: give GRUB its time.
LIMIT = 60.0 if tap.accel == "tcg" else 120.0
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


def boots(arguments_, **options):
    with machine.Guest(PROBE, "ip=off -- exit 11", accel=tap.accel, arguments=arguments_, **options) as guest:
        assert guest.wait(LIMIT) == 11, guest.console


@tap.point("with the firmware that the machine comes with")
def own_firmware():
    boots(["-machine", tap.machine])


@tap.point("with qboot")
def qboot():
    boots(["-machine", tap.machine, "-bios", "qboot.rom"])


@tap.point("microvm in its other forms: without ACPI, with PCIe, without option ROMs, without the legacy devices")
def microvms():
    for form in ("acpi=off", "pcie=on", "x-option-roms=off", "pit=off,pic=off", "rtc=on", "auto-kernel-cmdline=off"):
        boots(["-machine", "microvm," + form])


@tap.point("with a network and a disk on microvm's PCIe bus")
def microvm_pcie():
    with machine.Scratch() as scratch:
        path = scratch.file("disk", size=1 << 20)
        arguments_ = ["-machine", "microvm,pcie=on", "-drive", "if=none,format=raw,id=d0,file=" + path, "-device", "virtio-blk-pci,drive=d0"]
        with machine.Guest(tap.demo("blkcopy"), "ip=off -- /dev/blk0", accel=tap.accel, arguments=arguments_) as guest:
            assert guest.wait(LIMIT) == 0, guest.console


@tap.point("with devices in the machine that are not ours")
def crowd():
    strangers = ("VGA", "e1000", "ahci", "qemu-xhci", "virtio-balloon-pci", "virtio-serial-pci", "virtio-scsi-pci", "pvpanic-pci", "ich9-intel-hda")
    boots(["-machine", tap.machine, "-bios", "qboot.rom"] + [word for name in strangers for word in ("-device", name)])


@tap.point("a disk behind a bridge, as libvirt attaches it")
def behind_bridge():
    bridge = "pcie-root-port,id=b0,chassis=1" if tap.machine == "q35" else "pci-bridge,id=b0,chassis_nr=1"
    with machine.Scratch() as scratch:
        path = scratch.file("disk", size=1 << 20)
        arguments_ = ["-machine", tap.machine, "-device", bridge, "-drive", "if=none,format=raw,id=d0,file=" + path]
        arguments_ += ["-device", "virtio-blk-pci,drive=d0,bus=b0" + (",addr=1" if tap.machine == "pc" else "")]
        with machine.Guest(tap.demo("blkcopy"), "ip=off -- /dev/blk0", accel=tap.accel, arguments=arguments_) as guest:
            assert guest.wait(LIMIT) == 0, guest.console


@tap.point("two CPUs: the second stays asleep")
def two_cpus():
    boots(["-machine", tap.machine, "-bios", "qboot.rom", "-smp", "2"])


tap.run()
