# SPDX-License-Identifier: MIT
"""Archives as tar (ustar) and cpio (newc) write them, made from what is given: for boot modules and initial RAM disks."""
import struct


def ustar(files):
    """files: (name, data)."""
    out = b""
    for name, data in files:
        head = struct.pack("100s8s8s8s12s12s8s1s100s6s2s32s32s8s8s155s12x", name.encode(), b"0000644\0", b"0000000\0", b"0000000\0",
                           b"%011o\0" % len(data), b"00000000000\0", b" " * 8, b"0", b"", b"ustar\0", b"00", b"", b"", b"", b"", b"")
        head = head[:148] + b"%06o\0 " % sum(head) + head[156:]
        out += head + data + bytes(-len(data) % 512)
    return out + bytes(1024)


def newc(files):
    """files: (name, mode, data); a folder's data is empty."""
    out = bytearray()
    for number, (name, mode, data) in enumerate(files + [("TRAILER!!!", 0, b"")], 1):
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name.encode()) + 1, 0]
        out += b"070701" + b"".join(b"%08x" % x for x in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)
