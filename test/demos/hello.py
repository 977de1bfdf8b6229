#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""test/demos/hello.py -- hello says what it was started with, in the words that an image must say too."""
import subprocess

import demo
from demo import tap

program = demo.build("hello")


@tap.point("hello, world and the arguments")
def test_hello():
    for arguments in ((), ("a",), ("a b", "", "--c=d", "\u00e4")):
        text = subprocess.run([program, *arguments], capture_output=True, text=True, check=True, timeout=60).stdout
        want = "hello, world\nargc = %d\n" % (len(arguments) + 1) + "".join("argv[%d] = %s\n" % (k, a) for k, a in enumerate(arguments, 1))
        assert text == want, text


@tap.point("a full disk is an error")
def test_full():
    with open("/dev/full", "w") as full:
        assert subprocess.run([program], stdout=full, timeout=60).returncode == 1


tap.run()
