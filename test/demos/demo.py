# SPDX-License-Identifier: MIT
"""What the tests of the demos share: a program built under sanitizers, a server to talk to, a small HTTP client.

Every test takes --server HOST:PORT and then talks to a server that runs already, a guest as a rule; without
it the demo is built for the host with ASan and UBSan (CC says by which compiler) and started. --program PATH
starts that program instead. Points that need options or files of their own exist only for a server of their own.
"""
import argparse
import atexit
import glob
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "test/guest/lib"))
import tap  # noqa: E402

SANITIZE = ["-g", "-O1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
WARN = ["-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wvla", "-Werror"]
WRAPPED = "read pread send recv writev sendmsg sendfile malloc calloc realloc epoll_wait open".split()

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--server", metavar="HOST:PORT", help="talk to this server")
parser.add_argument("--program", metavar="PATH", help="start this program")
parser.add_argument("--faults", choices=("short", "memory", "none"), help="trouble from faults.c, by PITH_SEED")
options = parser.parse_args()
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
folder = tempfile.mkdtemp(prefix="pith-demos-")
atexit.register(shutil.rmtree, folder, ignore_errors=True)


def build(name):
    """The program to test."""
    if options.program:
        return os.path.abspath(options.program)
    program = os.path.join(folder, name)
    sources, link = sorted(glob.glob(os.path.join(SOURCE, "demos", name, "*.c"))), ["-lpthread"]
    if options.faults:
        sources.append(os.path.join(SOURCE, "test/demos/faults.c"))
        link += ["-Wl,--wrap=" + call for call in WRAPPED]
        os.environ["PITH_FAULTS"] = "%s:%d" % (options.faults, tap.seed)
    subprocess.run([os.environ.get("CC", "cc"), *WARN, *SANITIZE, "-o", program, *sources, *link], check=True)
    return program


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A server, ours or another's. `local` says whether it was started here."""

    def __init__(self, name=None, *arguments, cwd=None):
        self.local = name is not None
        if not self.local:
            host, _, port = options.server.rpartition(":")
            self.host, self.port = host.strip("[]"), int(port)
            return
        self.host, self.port, self.log = "127.0.0.1", free_port(), tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([name, "-p", str(self.port), *arguments], stdout=self.log, stderr=subprocess.STDOUT, cwd=cwd)
        atexit.register(self.kill)
        deadline = time.monotonic() + 60
        while "port" not in self.output():
            assert self.process.poll() is None and time.monotonic() < deadline, self.output()
            time.sleep(0.01)

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, number=signal.SIGTERM):
        """Asks for an end. Returns (exit status, output)."""
        self.process.send_signal(number)
        return self.process.wait(60), self.output()

    def socket(self, timeout=30):
        s = socket.create_connection((self.host, self.port), timeout)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s


class Response:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def __getitem__(self, name):
        return self.fields.get(name.lower())


class Client:
    """One connection. What is read goes no further than the response that is asked for."""

    def __init__(self, server, timeout=30):
        self.socket, self.data = server.socket(timeout), b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))
        return self

    def more(self):
        chunk = self.socket.recv(65536)
        self.data += chunk
        return chunk

    def response(self, head=False):
        """The next response; None when the connection ends before one begins."""
        while b"\r\n\r\n" not in self.data:
            if not self.more():
                assert not self.data, "connection ended inside a head: %r" % self.data
                return None
        text, _, self.data = self.data.partition(b"\r\n\r\n")
        first, *lines = text.decode("latin-1").split("\r\n")
        assert first.startswith("HTTP/1.1 ") and first[12:13] == " ", "status line: %r" % first
        fields = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            assert colon and name.lower() not in fields, "field: %r" % line
            fields[name.lower()] = value
        status = int(first[9:12])
        length = 0 if head or status in (204, 304) else int(fields["content-length"])
        while len(self.data) < length:
            assert self.more(), "connection ended inside a body"
        body, self.data = self.data[:length], self.data[length:]
        return Response(status, fields, body)

    def ended(self):
        """Whether the server closes, and says nothing more before."""
        try:
            return not self.data and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False


def get(path, *fields, method="GET", version="HTTP/1.1"):
    """A request as text."""
    return "%s %s %s\r\nHost: test\r\n%s\r\n" % (method, path, version, "".join(f + "\r\n" for f in fields))


def ask(server, *arguments, **more):
    """One request on a connection of its own."""
    with Client(server) as c:
        return c.send(get(*arguments, **more)).response(more.get("method") == "HEAD")
