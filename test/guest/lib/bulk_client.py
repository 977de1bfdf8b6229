# SPDX-License-Identifier: MIT
"""The host's end of bulk.c: every byte that passes is summed on both sides."""
import random
import socket
import time
import zlib

import net
import tap

PORT = 9
draw = random.Random(tap.seed)


class Client:
    """One connection to bulk."""

    def __init__(self, address=net.GUEST, receive_buffer=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(180)
        self.socket.connect((address, PORT))
        self.file = self.socket.makefile("rb")

    def put(self, data):
        self.socket.sendall(b"put %d\n" % len(data))
        self.socket.sendall(data)
        answer = self.file.readline()
        assert answer == b"%08x\n" % zlib.crc32(data), "put %d: answer %r" % (len(data), answer)

    def get(self, size, pause=0.0):
        self.socket.sendall(b"get %d %d\n" % (size, draw.getrandbits(40) + 1))
        crc, left = 0, size
        while left:
            piece = self.file.read(min(left, 1 << 16))
            assert piece, "get %d: %d bytes are missing" % (size, left)
            crc, left = zlib.crc32(piece, crc), left - len(piece)
            time.sleep(pause)
        answer = self.file.readline()
        assert answer == b"%08x\n" % crc, "get %d: sum %08x, the guest's is %r" % (size, crc, answer)

    def close(self):
        self.file.close()
        self.socket.close()
