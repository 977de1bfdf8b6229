#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=60
"""test/docs.py -- what the documents say that a test shows is there: every test named, and every point of it that is quoted.

In a document, `NAME` "text" names a point of test/unit/NAME.c whose name has this text; `test/PATH` is a file, or a pattern that fits some.
"""
import glob
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
POINT = re.compile(r'`(\w+)` "([^"]+)"')
PATH = re.compile(r"`(test/[\w./*{},-]+)`")


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def points_of(name):
    """All strings of a test, adjacent ones joined as the compiler does."""
    return re.sub(r'"\s*"', "", text_of("test/unit/%s.c" % name)).replace('\\"', '"')


def missing_points(document):
    for name, text in POINT.findall(text_of(document)):
        if not os.path.exists(os.path.join(ROOT, "test/unit/%s.c" % name)):
            yield "%s: no test/unit/%s.c" % (document, name)
        elif text not in points_of(name):
            yield "%s: %s has no point \"%s\"" % (document, name, text)


def missing_files(document):
    for path in PATH.findall(text_of(document)):
        if not glob.glob(os.path.join(ROOT, path)):
            yield "%s: no %s" % (document, path)


def main():
    documents = ["README.md"] + sorted("docs/" + f for f in os.listdir(ROOT + "/docs") if f.endswith(".md"))
    count = sum(len(POINT.findall(text_of(d))) for d in documents)
    checks = [("every test point that a document quotes is there", [m for d in documents for m in missing_points(d)]),
              ("every test that a document names is there", [m for d in documents for m in missing_files(d)]),
              ("documents quote %d points" % count, [] if count >= 40 else ["so few? are they read at all?"])]
    for i, (what, missing) in enumerate(checks, 1):
        print("%s %d - %s" % ("not ok" if missing else "ok", i, what))
        for line in missing:
            print("# " + line)
    print("1..%d" % len(checks))
    return any(missing for _, missing in checks)


sys.exit(main())
