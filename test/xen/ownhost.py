#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=1200 flavours=pv share=0.8
"""test/xen/ownhost.py -- make check-xen XEN=local: the same tests on a Xen host as it is, by its own xl.

Where there is no xl it must say so and fail. The lab's dom0 is a Xen host too: with this machine's Python and a few tests beside
its own xl and shell it runs one of them there, and knows nothing of the lab.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab"))
import xl  # noqa: E402
from xl import tap  # noqa: E402

TEST = "programs"
LEFT_OUT = re.compile(r"^(test|idlelib|tkinter|turtledemo|ensurepip|lib2to3|site-packages|config-.*|pydoc_data|unittest|distutils)$")
LIBRARY = os.path.dirname(os.__file__)
PYTHON = os.path.realpath(sys.executable)


def libraries(path):
    said = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    return re.findall(r"=> (/\S+)", said)


def python_files():
    """The interpreter, its modules, and every library that these are linked with."""
    home, modules = "python/lib/" + os.path.basename(LIBRARY), os.path.join(LIBRARY, "lib-dynload")
    files = {"python/bin/python3": PYTHON}
    for name in os.listdir(LIBRARY):
        if not LEFT_OUT.match(name):
            files["%s/%s" % (home, name)] = os.path.join(LIBRARY, name)
    wanted = [os.path.join(modules, m) for m in os.listdir(modules) if re.match("_(ctypes|hashlib|socket|ssl|json|struct|random|posix|lzma|bz2)", m)]
    for path in [PYTHON] + wanted:
        files.update({"python/so/" + os.path.basename(lib): os.path.realpath(lib) for lib in libraries(path)})
    return files


def test_files():
    files = {"source/test/" + f: os.path.join(tap.source, "test", f) for f in ("xen", "guest/lib")}
    folder = os.path.join(tap.build, "test/guest")
    files.update({"build/test/guest/" + f: os.path.join(folder, f) for f in os.listdir(folder) if f.endswith(".xen")})
    return files


@tap.point("without an xl: one line that says so, and a failure")
def refusal():
    path = ":".join(p for p in os.environ["PATH"].split(":") if not os.path.exists(p + "/xl"))
    with tempfile.TemporaryDirectory() as folder:  # its log is not that of the job of this name
        os.makedirs(folder + "/demos")
        os.symlink(os.path.join(os.path.abspath(tap.build), "demos/hello.xen"), folder + "/demos/hello.xen")
        run = [os.path.join(tap.source, "test/run"), "--build", folder, "--accel", "tcg", "--xen", "local", "-k", "^xen/bad@pv$"]
        done = subprocess.run(run, capture_output=True, text=True, timeout=180, env=dict(os.environ, PATH=path))
    assert done.returncode == 1 and "XEN=local: this machine has no xl" in done.stdout, done.stdout + done.stderr


@tap.point("in a dom0, by its own xl: %s.py passes" % TEST)
def dom0():
    with xl.host([], dict(python_files(), **test_files())) as host:
        words = "PITH_XEN=local PITH_MACHINE=pv PITH_BUILD=/job/build PITH_SOURCE=/job/source PYTHONHOME=/job/python LD_LIBRARY_PATH=/job/python/so"
        status, said = host.shell("cd /job/source && env %s /job/python/bin/python3 -B test/xen/%s.py" % (words, TEST), 1000)
        good = re.findall("^ok ", said, re.M)
        plan = re.search(r"^1\.\.(\d+)", said, re.M)
        assert status == 0 and plan and len(good) == int(plan.group(1)) and "not ok" not in said, said
        tap.note("%d points" % len(good))
        assert host.shell("ls /sys/class/net | grep -c pithbr0; xl list | wc -l")[1].split() == ["0", "2"], "something is left"


tap.run()
