# SPDX-License-Identifier: MIT
"""TAP for test scripts: each function marked @point is one point, run in the order of the file.

A point fails when it raises; assert with a message is the usual way. `run()` prints the plan first, so
that a script that dies on the way is seen.
"""
import os
import subprocess
import sys
import time
import traceback

SLOW = 2.0  # a point's seconds from which on they are noted

points = []
machine = os.environ.get("PITH_MACHINE") or "q35"
accel = os.environ.get("PITH_ACCEL") or "tcg"
build = os.environ.get("PITH_BUILD") or "build"
source = os.environ.get("PITH_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
seed = int(os.environ.get("PITH_SEED") or "1")


def point(description):
    """Marks a function as one point of the plan."""
    def mark(function):
        points.append((description, function))
        return function
    return mark


def demo(name, suffix=".kvm"):
    return os.path.join(build, "demos", name + suffix)


def image(name):
    return os.path.join(build, "test/guest", name + ".kvm")


def host_program(name, *flags):
    """A guest program built by the host's compiler, to compare with."""
    program, code = os.path.join(build, "test/guest", os.path.basename(name) + ".host"), os.path.join(source, "test/guest", name + ".c")
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(code):
        new = "%s.%d" % (program, os.getpid())
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-I", source, "-o", new, code, "-lpthread", *flags], check=True)
        os.rename(new, program)
    return program


def note(text):
    """A diagnostic line: shown with the output, not counted."""
    for line in str(text).splitlines():
        print("# " + line)
    sys.stdout.flush()


def run():
    """Runs every point and exits: 0 when all passed."""
    failed = 0
    print("1..%d" % len(points))
    for number, (description, function) in enumerate(points, 1):
        start = time.monotonic()
        try:
            function()
            print("ok %d - %s" % (number, description))
        except Exception:
            failed += 1
            print("not ok %d - %s" % (number, description))
            note(traceback.format_exc())
        if time.monotonic() - start > SLOW:
            note("%.1f s" % (time.monotonic() - start))
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
