# SPDX-License-Identifier: MIT
"""A bad cable between a guest and a tap: it loses, doubles, delays, reorders and corrupts frames, from a seed.

Frames pass through this process, one at a time and without offloads, so the guest's own checksums
and segmentation are at work too. `wire.netdev` is what the guest's NIC is attached to. The probabilities may be
changed while it runs; `frames` counts what came to each end.
"""
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import threading
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 0x0002, 0x1000


class Wire:
    def __init__(self, name="tap0", seed=1):
        self.loss = self.corrupt = self.double = self.reorder = 0.0
        self.delay = 0.0
        self.frames = [0, 0]
        self.random, self.late, self.count = random.Random(seed), [], 0
        self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ours.setblocking(False)
        self.netdev = "dgram,id=n0,local.type=fd,local.str=%d" % self.theirs.fileno()
        threading.Thread(target=self.run, daemon=True).start()

    def carry(self, frame, end):
        """Decides what becomes of a frame that came to an end (0: from the tap, 1: from the guest)."""
        self.frames[end] += 1
        if self.random.random() < self.loss:
            return
        if self.random.random() < self.corrupt:
            at = self.random.randrange(len(frame))
            frame = frame[:at] + bytes([frame[at] ^ 1 << self.random.randrange(8)]) + frame[at + 1:]
        copies = 2 if self.random.random() < self.double else 1
        for _ in range(copies):
            due = time.monotonic() + self.delay
            if self.random.random() < self.reorder:
                due += 0.003
            self.count += 1
            heapq.heappush(self.late, (due, self.count, end, frame))

    def deliver(self):
        """Sends what is due. A full queue on the other side loses frames, as cables do."""
        while self.late and self.late[0][0] <= time.monotonic():
            _, _, end, frame = heapq.heappop(self.late)
            try:
                if end == 0:
                    self.ours.send(frame)
                else:
                    os.write(self.tap, frame)
            except OSError:
                pass

    def run(self):
        while True:
            wait = max(0.0, self.late[0][0] - time.monotonic()) if self.late else None
            ready, _, _ = select.select([self.tap, self.ours], [], [], wait)
            for end in ready:
                try:
                    if end is self.ours:
                        self.carry(self.ours.recv(65536), 1)
                    else:
                        self.carry(os.read(self.tap, 65536), 0)
                except OSError:
                    pass
            self.deliver()
