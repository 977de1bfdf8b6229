# SPDX-License-Identifier: MIT
"""Frames that no honest machine sends, from a seed: from pure noise to packets that are right but for one field.

Most are almost right, because those get furthest: checksums are valid more often than not, addresses
are the guest's, ports are open ones. `frames(seed, mac, count)` yields them.
"""
import random
import struct

GUEST, HOST = b"\x0a\x00\x00\x02", b"\x0a\x00\x00\x01"
GUEST6, HOST6 = bytes.fromhex("fd" + "00" * 14 + "02"), bytes.fromhex("fd" + "00" * 14 + "01")
PORTS = (80, 68, 53, 7, 0, 65535, 546)
LENGTHS = (0, 1, 7, 20, 60, 200, 576, 1200, 1472)


def checksum(data):
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


class Maker:
    def __init__(self, seed, mac):
        self.random, self.mac = random.Random(seed), mac
        self.noise = self.random.randbytes(1 << 16)

    def bytes(self, count):
        at = self.random.randrange(len(self.noise) - count)
        return self.noise[at:at + count]

    def pick(self, *choices):
        return choices[self.random.randrange(len(choices))]

    def ethernet(self, kind, body):
        to = self.pick(self.mac, self.mac, b"\xff" * 6, b"\x01\x00\x5e\x00\x00\x01", b"\x33\x33\x00\x00\x00\x01", self.bytes(6))
        return to + b"\x02\x00\x00\x00\x00\x01" + struct.pack("!H", kind) + body

    def ipv4(self, protocol, body):
        r = self.random.random()
        options = self.bytes(4 * self.random.randrange(11)) if r < 0.1 else b""
        length = 20 + len(options) + len(body) if r > 0.05 else self.random.randrange(65536)
        fragment = self.random.randrange(65536) if r > 0.9 else self.pick(0, 0x4000, 0x2000)
        first = 0x40 | (5 + len(options) // 4) if r > 0.03 else self.random.randrange(256)
        source = self.pick(HOST, HOST, GUEST, b"\x7f\0\0\1", b"\xff\xff\xff\xff", b"\0\0\0\0", self.bytes(4))
        head = struct.pack("!BBHHHBBH4s4s", first, 0, length, self.random.randrange(65536), fragment, self.pick(64, 64, 1, 0), protocol, 0, source,
                           self.pick(GUEST, GUEST, GUEST, b"\x0a\0\0\xff", b"\xff\xff\xff\xff", self.bytes(4))) + options
        if r < 0.95:
            head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        return self.ethernet(0x0800, head + body)

    def ipv6(self, protocol, body):
        length = len(body) if self.random.random() > 0.1 else self.random.randrange(65536)
        extra = self.pick(b"", b"", bytes([protocol, self.random.randrange(4)]) + self.bytes(6 + 8 * self.random.randrange(3)))
        first = self.pick(0, 43, 44, 51, 60) if extra else protocol
        head = struct.pack("!IHBB", 6 << 28, (length + len(extra)) & 0xffff, first, self.pick(255, 64, 1, 0))
        to = self.pick(GUEST6, GUEST6, bytes.fromhex("ff02" + "00" * 13 + "01"), self.bytes(16))
        return self.ethernet(0x86dd, head + self.pick(HOST6, bytes(16), self.bytes(16)) + to + extra + body)

    def transport(self, protocol, segment, at, version):
        """Fills in the checksum most of the time, so that the packet gets past it."""
        if self.random.random() < 0.8:
            if version == 4:
                pseudo = HOST + GUEST + struct.pack("!HH", protocol, len(segment))
            else:
                pseudo = HOST6 + GUEST6 + struct.pack("!II", len(segment), protocol)
            if protocol == 1:
                pseudo = b""
            segment = segment[:at] + b"\0\0" + segment[at + 2:]
            segment = segment[:at] + struct.pack("!H", checksum(pseudo + segment)) + segment[at + 2:]
        return segment

    def tcp(self, version):
        offset = self.pick(5, 5, 5, 6, 10, 15, 0, 4)
        options = self.bytes(max(0, offset - 5) * 4)
        flags = self.pick(2, 0x10, 0x18, 1, 4, 0x12, 0x14, 0, 0x3f, self.random.randrange(256))
        segment = struct.pack("!HHIIBBHHH", self.random.randrange(65536), self.pick(*PORTS), self.random.getrandbits(32), self.random.getrandbits(32),
                              offset << 4, flags, self.random.randrange(65536), 0, self.random.randrange(65536))
        return 6, self.transport(6, segment + options + self.bytes(self.pick(*LENGTHS[:6])), 16, version)

    def udp(self, version):
        body = self.bytes(self.pick(*LENGTHS))
        length = 8 + len(body) if self.random.random() > 0.1 else self.random.randrange(65536)
        return 17, self.transport(17, struct.pack("!HHHH", self.pick(53, 67, 547, 1000), self.pick(*PORTS), length, 0) + body, 6, version)

    def icmp(self, version):
        kinds = (0, 3, 4, 5, 8, 11, 13, 17) if version == 4 else (1, 2, 3, 4, 128, 130, 131, 133, 134, 135, 136, 137)
        body = bytes([self.pick(*kinds), self.pick(0, 0, 1, 4)]) + b"\0\0" + self.bytes(self.pick(*LENGTHS[1:]))
        return (1 if version == 4 else 58), self.transport(1 if version == 4 else 58, body, 2, version)

    def arp(self):
        return self.ethernet(0x0806, struct.pack("!HHBBH", self.pick(1, 1, 1, 7), self.pick(0x0800, 0x0800, 0x86dd), self.pick(6, 6, 0, 255),
                                                 self.pick(4, 4, 16), self.pick(1, 2, 3, 0)) + self.bytes(self.pick(20, 20, 3, 0, 40)))

    def frame(self):
        r = self.random.random()
        if r < 0.04:
            return self.bytes(self.pick(0, 1, 13, 14, 15, 60, 1514))
        if r < 0.08:
            return self.ethernet(self.pick(0x8100, 0x88a8, 0x0800, 0x86dd, 0x05dc, 0, 0xffff), self.bytes(self.pick(*LENGTHS)))
        if r < 0.13:
            return self.arp()
        version = 4 if r < 0.7 else 6
        protocol, body = self.pick(self.tcp, self.tcp, self.udp, self.icmp)(version)
        if self.random.random() < 0.05:
            protocol = self.random.randrange(256)
        made = self.ipv4(protocol, body) if version == 4 else self.ipv6(protocol, body)
        return made[:self.random.randrange(len(made))] if self.random.random() < 0.05 else made


def frames(seed, mac, count):
    maker = Maker(seed, mac)
    for _ in range(count):
        yield maker.frame()[:1514]
