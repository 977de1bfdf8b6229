#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=600 machines=q35,pc
"""test/guest/forms.py -- machines in forms that the other tests do not use: other firmware, other buses, no ACPI, strangers.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import machine  # noqa: E402
import tap  # noqa: E402

# Firmware in ring 0 is slow where KVM emulates it.
LIMIT = 60.0 if tap.accel == "tcg" else 120.0
PROBE = tap.image("probe")


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
