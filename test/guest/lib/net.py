# SPDX-License-Identifier: MIT
"""A network of one's own: a namespace, taps for guests, and the host's end of them.

enter() moves the calling process into a new network namespace (and, where it is not root, into a user
namespace in which it is). Nothing is left behind: the kernel takes the namespace away with its last process, and
no name of it ever appears on the host. Addresses can therefore be the same in every test.
"""
import ctypes
import json
import os
import re
import socket
import subprocess
import time

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
HOST, GUEST, BITS = "10.0.0.1", "10.0.0.2", 24
HOST6, GUEST6 = "fd00::1", "fd00::2"


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def enter():
    """Leaves the host's network for an empty one."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | (CLONE_NEWUSER if uid else 0)):
        raise OSError(ctypes.get_errno(), "no network namespace: run as root, or allow user namespaces")
    if uid:
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", "0 %d 1" % uid)
        write("/proc/self/gid_map", "0 %d 1" % gid)
    ip("link", "set", "lo", "up")


def sysctl(name, value):
    write("/proc/sys/" + name.replace(".", "/"), value)


def tap(name="tap0", address=HOST, address6=HOST6):
    """A tap with the host's addresses on it, and QEMU's netdev for it (id n0 for tap0, n1 for tap1, ...)."""
    ip("tuntap", "add", name, "mode", "tap", "vnet_hdr")
    if address:
        ip("addr", "add", "%s/%d" % (address, BITS), "dev", name)
    if address6:
        ip("addr", "add", "%s/64" % address6, "dev", name, "nodad")
    elif os.path.exists("/proc/sys/net/ipv6"):
        sysctl("net.ipv6.conf.%s.disable_ipv6" % name, "1")
    ip("link", "set", name, "up")
    return "tap,id=n%s,ifname=%s,script=no,downscript=no" % (name[3:], name)


def echo_frames(name):
    """
    Sends every frame that a guest sends back to it, its two addresses exchanged. What is left to do to a frame (checksum,
    segments) passes both ways with it, as between two guests of one host.
    """
    SOL_PACKET, PACKET_VNET_HDR, PACKET_OUTGOING, ETH_P_ALL, HEADER = 263, 15, 4, 3, 10
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as link:
        link.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        link.bind((name, ETH_P_ALL))
        while True:
            try:
                frame, source = link.recvfrom(70000)
                if source[2] == PACKET_OUTGOING or len(frame) < HEADER + 14:
                    continue
                link.send(frame[:HEADER] + frame[HEADER + 6:HEADER + 12] + frame[HEADER:HEADER + 6] + frame[HEADER + 12:])
            except OSError:  # the cable is out, or the frame was none
                time.sleep(0.001)


def veth_server(address="10.1.0.2", ours="10.1.0.1"):
    """A second namespace behind a veth pair, as a command prefix: a peer that is a plain host."""
    holder = subprocess.Popen(["unshare", "-n", "sleep", "100000"])
    while os.readlink("/proc/%d/ns/net" % holder.pid) == os.readlink("/proc/self/ns/net"):
        time.sleep(0.01)
    ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1", "netns", str(holder.pid))
    ip("addr", "add", ours + "/24", "dev", "veth0")
    ip("link", "set", "veth0", "up")
    prefix = ["nsenter", "-t", str(holder.pid), "-n"]
    for words in ("link set lo up", "addr add %s/24 dev veth1" % address, "link set veth1 up"):
        subprocess.run(prefix + ["ip"] + words.split(), check=True)
    return holder, prefix


def counter(name, direction, which):
    """A counter of a host interface: counter("tap0", "tx", "packets")."""
    text = subprocess.run(["ip", "-j", "-s", "link", "show", "dev", name], check=True, capture_output=True).stdout
    return json.loads(text)[0]["stats64"][direction][which]


def curl(url, *words, timeout=45):
    """curl's output; raises when it fails."""
    command = ["curl", "-sS", "--noproxy", "*", "-m", str(timeout), *words, url]
    done = subprocess.run(command, capture_output=True, timeout=timeout + 5)
    if done.returncode:
        raise OSError("%s: %s" % (" ".join(command), done.stderr.decode("utf-8", "replace").strip()))
    return done.stdout


def wrk(url, connections, seconds, *words):
    """One round of wrk. Returns (requests a second, lines about errors)."""
    done = subprocess.run(["wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds, *words, url],
                          capture_output=True, text=True, timeout=seconds + 30)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    if done.returncode or rate is None:
        raise OSError("wrk: %s%s" % (done.stdout, done.stderr))
    return float(rate.group(1)), re.findall(r"^\s*(Socket errors.*|Non-2xx.*)$", done.stdout, re.M)


def metrics(address=GUEST):
    """What httpd says at /metrics, as a dictionary of numbers."""
    values = {}
    for line in curl("http://%s/metrics" % address).decode().splitlines():
        name, _, value = line.rpartition(" ")
        if name and not line.startswith("#"):
            values[name] = float(value)
    return values


def wait_for_port(address, port, guest=None, timeout=90.0):
    """Waits until a TCP connection is accepted; meanwhile reads the guest's console, so that it cannot fill up."""
    deadline = time.monotonic() + timeout
    while True:
        if guest:
            guest.read(0.0)
        try:
            socket.create_connection((address, port), 3.0).close()
            return
        except OSError as why:
            if time.monotonic() > deadline or (guest and guest.process.poll() is not None):
                raise OSError("nobody serves %s port %d: %s\n%s" % (address, port, why, guest.console if guest else "")) from None
        time.sleep(0.02)


def wait_for(condition, timeout, what):
    """Polls until condition() is true."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise OSError("no %s within %g s" % (what, timeout))
        time.sleep(0.05)
