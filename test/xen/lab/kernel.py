#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kernel.py -- makes a distribution's kernel fit for a quick dom0.

  kernel.py unpack BZIMAGE OUT      the ELF kernel inside, without the zeros that end it
  kernel.py modules FOLDER NAME...  files of these modules and of what they need, in the order in which to load them

Xen can unpack the kernel itself, but under emulation that takes seconds. The zeros are bss, which a loader clears anyway.
"""
import lzma
import os
import re
import struct
import sys
import zlib


def payload(image):
    """The compressed kernel: Linux' boot protocol, header fields setup_sects, payload_offset, payload_length."""
    setup = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup + 1) * 512 + offset
    return image[start:start + length]


def unpack(path, out):
    packed = payload(open(path, "rb").read())
    if packed[:6] == b"\xfd7zXZ\0":
        elf = lzma.LZMADecompressor().decompress(packed)
    elif packed[:2] == b"\x1f\x8b":
        elf = zlib.decompressobj(31).decompress(packed)
    else:
        sys.exit("kernel.py: %s: compressed in a way that is not known here" % path)
    open(out, "wb").write(trim(bytearray(elf)))


def trim(elf):
    """Cuts the zeros off the last segment, and the section table, which lay behind them."""
    headers, = struct.unpack_from("<Q", elf, 32)
    count, = struct.unpack_from("<H", elf, 56)
    last = max(headers + 56 * i for i in range(count) if struct.unpack_from("<I", elf, headers + 56 * i)[0] == 1)
    offset, = struct.unpack_from("<Q", elf, last + 8)
    size, = struct.unpack_from("<Q", elf, last + 32)
    used = (len(bytes(elf[offset:offset + size]).rstrip(b"\0")) + 4095) & ~4095
    used = min(used, size)
    struct.pack_into("<Q", elf, last + 32, used)
    struct.pack_into("<Q", elf, 40, 0)
    struct.pack_into("<HHH", elf, 58, 64, 0, 0)
    return elf[:offset + used]


def modules(folder, names):
    files = {}
    for where, _, found in os.walk(folder):
        for name in found:
            if name.endswith(".ko"):
                files[name[:-3].replace("-", "_")] = os.path.join(where, name)
    order = []

    def add(name):
        path = files.get(name.replace("-", "_"))
        if not path or path in order:  # built in, or there already
            return
        needs = re.search(rb"\0depends=([^\0]*)\0", open(path, "rb").read())
        for other in (needs.group(1).decode().split(",") if needs else []):
            add(other)
        order.append(path)

    for name in names:
        add(name)
    print("\n".join(order))


if __name__ == "__main__":
    if sys.argv[1] == "unpack":
        unpack(sys.argv[2], sys.argv[3])
    else:
        modules(sys.argv[2], sys.argv[3:])
