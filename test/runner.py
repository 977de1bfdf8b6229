#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=300
"""test/runner.py -- the runner itself: what must fail does fail, and the closing line counts right.

A build folder is made up whose unit tests are small scripts, each wrong in one way.
"""
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "guest/lib"))
import tap  # noqa: E402

# Name: script, and what (passed, failed, skipped) it must count as.
CASES = {
    "good": ("echo 1..2; echo ok 1; echo ok 2 - two", (2, 0, 0)),
    "plan_last": ("echo ok 1; echo ok 2; echo 1..2", (2, 0, 0)),
    "not_ok": ("echo 1..2; echo ok 1; echo not ok 2 - wrong; exit 1", (1, 2, 0)),
    "dies_early": ("echo 1..5; echo ok 1; exit 0", (1, 1, 0)),
    "dies_by_signal": ("echo 1..1; echo ok 1; kill -SEGV $$", (1, 1, 0)),
    "says_nothing": ("exit 0", (0, 1, 0)),
    "no_plan": ("echo ok 1", (1, 1, 0)),
    "two_plans": ("echo 1..1; echo ok 1; echo 1..1", (1, 1, 0)),
    "more_than_planned": ("echo 1..1; echo ok 1; echo ok 2", (2, 1, 0)),
    "bad_status": ("echo 1..1; echo ok 1; exit 3", (1, 1, 0)),
    "bails_out": ("echo 1..1; echo ok 1; echo 'Bail out! no reason'; exit 0", (1, 1, 0)),
    "skips": ("echo 1..2; echo ok 1; echo 'ok 2 # SKIP not here'", (1, 0, 1)),
    "unfinished_line": ("echo 1..1; printf 'ok 1'", (1, 0, 0)),
    "much_output": ("echo 1..1; yes | head -c 20000000; echo; echo ok 1", (0, 1, 0)),
    "leaves_a_child": ("sleep 77.125 & echo 1..1; echo ok 1", (1, 1, 0)),
}


def run(folder, *words, **environment):
    env = {k: v for k, v in os.environ.items() if not k.startswith("PITH_")}
    return subprocess.run([HERE + "/run", "--build", folder, "--accel", "tcg", *words], capture_output=True, text=True, timeout=180, env=dict(env, **environment))


def make(folder, cases):
    os.makedirs(folder + "/test/unit")
    for name, (script, _) in cases.items():
        path = os.path.join(folder, "test/unit", name)
        with open(path, "w") as f:
            f.write("#!/bin/sh\n%s\n" % script)
        os.chmod(path, 0o755)


def last_line(done):
    return done.stdout.splitlines()[-1]


def sleepers_left(seconds):
    """Are there any still? A killed process takes its moment to go."""
    for _ in range(100):
        if not sleepers(seconds):
            return False
        time.sleep(0.02)
    return True


def sleepers(seconds):
    """Pids of `sleep SECONDS` processes."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                if f.read() == b"sleep\0%s\0" % seconds.encode():
                    found.append(pid)
        except OSError:
            pass
    return found


def check(name):
    script, counts = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        make(folder, {name: (script, counts)})
        done = run(folder, "-k", "^unit/")
        assert last_line(done) == "%d passed, %d failed, %d skipped" % counts, done.stdout
        assert done.returncode == (1 if counts[1] else 0), done.returncode
        assert not counts[1] or "unit/" + name in done.stdout
        assert not sleepers_left("77.125"), "a process was left"


for name_ in CASES:
    tap.point("a test that is '%s' counts right" % name_.replace("_", " "))(lambda n=name_: check(n))


def load():
    """test/run as a module."""
    loader = importlib.machinery.SourceFileLoader("runner", HERE + "/run")
    runner = importlib.util.module_from_spec(importlib.util.spec_from_loader("runner", loader))
    loader.exec_module(runner)
    return runner


@tap.point("side by side runs what the shares allow, each job once, and one that takes more than there is")
def shares():
    runner, lock, now, most, told = load(), threading.Lock(), [], [], []

    def run(job):
        with lock:
            now.append(job.share)
            most.append(sum(now))
        time.sleep(0.05)
        with lock:
            now.remove(job.share)
        return job.name

    jobs = [runner.Job("unit/%d" % n, [], 1, share=s) for n, s in enumerate([1, 0.5, 0.25, 0.25, 0.25, 0.25, 1, 0.5, 3, 0.5])]
    runner.side_by_side(jobs, 2, run, lambda job, outcome: told.append((job.name, outcome)))
    assert sorted(told) == sorted((j.name, j.name) for j in jobs), told
    assert [m for m in most if m > 2] == [3] and 2 in most, most


@tap.point("a test that hangs is ended in time, and what it started too")
def hangs():
    runner = load()
    start, sleep = time.monotonic(), "78.%06d" % os.getpid()  # nobody else's
    job = runner.Job("unit/hangs", ["/bin/sh", "-c", "echo 1..1; echo ok 1; sleep %s & sleep %s" % (sleep, sleep)], 1)
    outcome = runner.execute(job, runner.Children(), dict(os.environ))
    assert time.monotonic() - start < 20 and any("still running" in w for w in outcome.wrong), outcome.wrong
    assert not sleepers_left(sleep), "a process was left"


@tap.point("the sums of several tests add up, and their output is kept")
def sums():
    with tempfile.TemporaryDirectory() as folder:
        make(folder, {n: CASES[n] for n in ("good", "skips", "not_ok")})
        done = run(folder, "-k", "^unit/")
        assert last_line(done) == "4 passed, 2 failed, 1 skipped", done.stdout
        assert "not ok 2 - wrong" in open(folder + "/test/log/unit-not_ok.log").read()


@tap.point("what the user asked to skip is skipped and counted")
def skip():
    with tempfile.TemporaryDirectory() as folder:
        make(folder, {n: CASES[n] for n in ("good", "not_ok")})
        done = run(folder, "-k", "^unit/", PITH_SKIP="not_ok")
        assert last_line(done) == "2 passed, 0 failed, 1 skipped" and done.returncode == 0, done.stdout


@tap.point("nothing to run is a failure, a wrong option too")
def nothing():
    with tempfile.TemporaryDirectory() as folder:
        make(folder, {})
        assert run(folder, "-k", "^unit/").returncode == 1
        assert run(folder, "--machine", "vax").returncode == 2
        assert run(folder, "--accel", "abacus").returncode == 2


@tap.point("images for KVM boot on machines, those for Xen as what xl makes")
def kinds():
    with tempfile.TemporaryDirectory() as folder:
        for path in ("test/guest/some.kvm", "test/guest/some.xen", "demos/hello.xen"):
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            with open(os.path.join(folder, path), "w") as f:
                os.fchmod(f.fileno(), 0o755)
        jobs = run(folder, "--list").stdout.split()
        assert "guest/some@microvm.kvm" in jobs and "xen/hvm@hvm" in jobs, jobs
        assert not [j for j in jobs if ("@pv" in j or "@hvm" in j) and not j.startswith("xen/")], jobs
        assert not [j for j in jobs if j.startswith("xen/") and "." in j], jobs


@tap.point("a fuzz target that runs nothing, too little or not all of its corpus, or that ends badly, fails")
def fuzz():
    says = "case \"$*\" in *-runs=0*) echo 'INFO: %d files found in x'; echo 'stat::number_of_executed_units: %d';; " \
        "*) echo 'stat::number_of_executed_units: %d'; exit %d;; esac"
    for words, good in ((999, 999, 100000, 0), True), ((999, 999, 3, 0), False), ((1, 1, 100000, 0), False), ((0, 0, 0, 0), False), ((999, 999, 100000, 77), False):
        with tempfile.TemporaryDirectory() as folder:
            make(folder, {})
            os.makedirs(folder + "/test/fuzz")
            with open(folder + "/test/fuzz/cmdline", "w") as f:
                os.fchmod(f.fileno(), 0o755)
                f.write("#!/bin/sh\n%s\n" % (says % words))
            done = run(folder, "-k", "^fuzz/")
            assert (done.returncode == 0) == good and "fuzz/cmdline" in done.stdout, done.stdout


@tap.point("every script says what it is, and can be run")
def scripts():
    for folder in (HERE, HERE + "/guest", HERE + "/demos", HERE + "/xen"):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if name.endswith((".py", ".sh")) and os.access(path, os.X_OK):
                text = open(path, encoding="utf-8").read()
                assert text.startswith("#!") and "SPDX-License-Identifier: MIT" in text, path


tap.run()
