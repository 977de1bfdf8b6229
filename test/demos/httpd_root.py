# SPDX-License-Identifier: MIT
"""What httpd.py and httpd_conns.py share: a root with files of all kinds, and the server that serves it."""
import os

import demo
from demo import ask, tap

LARGE = os.urandom(1 << 20) * 3
SMALL = {"/empty.txt": b"", "/16384.bin": b"k" * 16384, "/16385.bin": b"l" * 16385, "/sub/index.html": b"index", "/sp ace.txt": b"blank",
         "/100%.txt": b"percent", "/\u00fc.txt": b"umlaut", "/.hidden": b"secret", "/.well-known/x": b"known", "/none": b"no ending", "/A.HTML": b"upper"}
MTIME = 1700000000
ETAG = '"%x-%x"'
local = not demo.options.server


def make_root():
    root = os.path.join(demo.folder, "root")
    for path, body in {**SMALL, "/large.bin": LARGE}.items():
        name = root + path
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as f:
            f.write(body)
        os.utime(name, (MTIME, MTIME))
    for name in ("bench.html", "style.css"):
        with open(os.path.join(demo.SOURCE, "demos/httpd/www", name), "rb") as f, open(os.path.join(root, name), "wb") as g:
            g.write(f.read())
        os.utime(os.path.join(root, name), (MTIME, MTIME))
    os.mkfifo(root + "/fifo")
    os.symlink("bench.html", root + "/link.html")
    os.mkdir(root + "/bare")
    with open(root + "/secret.txt", "w") as f:
        f.write("x")
    os.chmod(root + "/secret.txt", 0)
    return root


root = make_root() if local else os.path.join(demo.SOURCE, "demos/httpd/www")
program = demo.build("httpd") if local else None
server = demo.Server(program, "-d", root, "-c", "1500") if local else demo.Server()
with open(os.path.join(root, "bench.html"), "rb") as f:
    BENCH = f.read()


def ours(description):
    """A point that needs files, options or a process of ours."""
    return tap.point(description) if local else lambda f: f


def status(*arguments, **more):
    return ask(server, *arguments, **more).status
