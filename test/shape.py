#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
# test/run: timeout=180
"""test/shape.py -- the style budget: how long functions and files are, how much is said, how far a name reaches.

Each point is one number of the budget; what is over it is named as FILE:LINE. Functions come from
universal-ctags, comments from a small lexer here. `test/shape.py -v` also lists the longest.
"""
import os
import re
import subprocess
import sys

ROOMS = ["core", "kvm", "xen", "netfront", "blkfront", "libc-glue"]
OTHERS = ["demos", "test", "bench"]
# Names that others prescribe: the doors, which several rooms define, and the C library's and lwIP's.
DOORS = ["core/plat.h", "core/nic.h", "core/blk.h", "core/x86/gate.h"]
LIBC = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libc.so.6"]

FUNCTION_MEDIAN, FUNCTION_P95, FUNCTION_MAX = 12, 45, 60
FILE_MAX, COMMENTS, REACH, IFS, NAMES = 500, (20, 30), 10, 2.0, 95

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def sources(folders, endings=(".c", ".h")):
    found = []
    for folder in folders:
        for where, _, files in os.walk(folder):
            found += [os.path.join(where, f) for f in files if f.endswith(endings)]
    return sorted(found)


def text_of(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def functions(paths):
    """(length, file, line, name, static) of each function."""
    out = subprocess.run(["ctags", "--languages=C", "--langmap=C:.c", "--kinds-C=f", "--fields=nefK", "-f", "-", "--sort=no", *paths],
                         capture_output=True, text=True, check=True).stdout if paths else ""
    found = []
    for line in out.splitlines():
        columns = line.split("\t")
        fields = dict(c.split(":", 1) for c in columns[3:] if ":" in c)
        if "end" in fields:
            first = int(fields["line"])
            found.append((int(fields["end"]) - first + 1, columns[1], first, columns[0], "file" in fields))
    return found


def lines_of_kind(path):
    """(lines with code, lines with a comment, lines with #if). What a file opens with, licence and purpose, counts as neither."""
    text = re.sub(r"\A(\s*/\*.*?\*/)+", "", text_of(path), flags=re.S)
    comment = [False] * (text.count("\n") + 2)
    bare = list(text)
    for token in TOKEN.finditer(text):
        if token.group()[0] != "/":
            continue
        first = text.count("\n", 0, token.start())
        for number, part in enumerate(token.group().split("\n")):
            comment[first + number] = bool(part.strip())
        for i in range(token.start(), token.end()):
            bare[i] = bare[i] if bare[i] == "\n" else " "
    code = [line for line in "".join(bare).split("\n") if line.strip()]
    return len(code), sum(comment), sum(1 for line in code if re.match(r"\s*#\s*if", line))


def percentile(values, percent):
    values = sorted(values)
    return values[round(percent / 100 * (len(values) - 1))] if values else 0


def reach(path, seen):
    """Adds every header of ours that path includes, directly or not. The C library's own, which programs include, are no room's."""
    for name in INCLUDE.findall(text_of(path)):
        for candidate in (name, os.path.join("libc-glue/lwip", name)):
            if os.path.exists(candidate) and candidate not in seen:
                seen.add(candidate)
                reach(candidate, seen)
    return seen


def prescribed():
    """Names that a file may define although it is called otherwise."""
    names = set()
    for path in DOORS:
        if os.path.exists(path):
            names |= set(re.findall(r"\b([a-z]\w+)\(", text_of(path)))
    for path in LIBC:
        if os.path.exists(path):
            out = subprocess.run(["nm", "-D", "--defined-only", path], capture_output=True, text=True).stdout
            names |= {line.split()[2].split("@")[0] for line in out.splitlines() if len(line.split()) == 3}
    return names


def misnamed(found):
    """(share of exported names that begin with their file's name, the others as FILE:LINE NAME)."""
    known, wrong, count = prescribed(), [], 0
    for _, path, line, name, static in found:
        if static or name in known or name.startswith("_") or name == "main":
            continue
        count += 1
        stem = re.sub(r"[^a-z0-9]", "", os.path.basename(path)[:-2].lower())
        if not re.sub(r"[^a-z0-9]", "", name.lower()).startswith(stem):
            wrong.append("%s:%d %s" % (path, line, name))
    return 100 - 100 * len(wrong) / max(1, count), wrong


class Budget:
    """Prints TAP: one point for each number."""

    def __init__(self):
        self.points, self.failed = 0, 0

    def check(self, fine, what, over=()):
        self.points += 1
        print("%s %d - %s" % ("ok" if fine else "not ok", self.points, what))
        if not fine:
            self.failed += 1
            for line in over:
                print("#   %s" % line)


def main():
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    budget, rooms, others = Budget(), sources(ROOMS), sources(OTHERS)
    in_rooms = functions([p for p in rooms if p.endswith(".c")])
    everywhere = in_rooms + functions([p for p in others if p.endswith(".c")])
    lengths = [f[0] for f in in_rooms]
    print("1..8")
    middle, long = percentile(lengths, 50), percentile(lengths, 95)
    budget.check(middle <= FUNCTION_MEDIAN, "half of the functions have at most %d lines: %d" % (FUNCTION_MEDIAN, middle))
    over = ["%s:%d %s has %d" % (p, line, n, size) for size, p, line, n, _ in sorted(in_rooms, reverse=True) if size > FUNCTION_P95]
    budget.check(long <= FUNCTION_P95, "95 %% of the functions have at most %d lines: %d" % (FUNCTION_P95, long), over)
    over = ["%s:%d %s has %d" % (p, line, n, size) for size, p, line, n, _ in everywhere if size > FUNCTION_MAX]
    budget.check(not over, "no function has more than %d lines" % FUNCTION_MAX, over)
    sizes = [(text_of(p).count("\n"), p) for p in rooms + others]
    over = ["%s:1 has %d" % (p, n) for n, p in sizes if n > FILE_MAX]
    budget.check(not over, "no file has more than %d lines" % FILE_MAX, over)
    kinds = [lines_of_kind(p) for p in rooms]
    code, comments = sum(k[0] for k in kinds), sum(k[1] for k in kinds)
    share = round(100 * comments / max(1, code + comments))
    budget.check(COMMENTS[0] <= share <= COMMENTS[1], "comments are %d to %d %% of the lines: %d %%" % (*COMMENTS, share))
    guards = sum(1 for p in rooms if p.endswith(".h"))
    ifs = 1000 * max(0, sum(k[2] for k in kinds) - guards) / max(1, code)
    budget.check(ifs <= IFS, "at most %g #if in 1000 lines: %.1f" % (IFS, ifs))
    far = [(len(reach(p, set())), p) for p in rooms if p.endswith(".c")]
    over = ["%s:1 reaches %d" % (p, n) for n, p in far if n > REACH]
    budget.check(not over, "no .c reaches more than %d of our headers" % REACH, over)
    named, wrong = misnamed(in_rooms)
    budget.check(named >= NAMES, "%d %% of the exported names begin with their file's name: %.0f %%" % (NAMES, named), wrong)
    if "-v" in sys.argv:
        for size, path, line, name, _ in sorted(in_rooms, reverse=True)[:10]:
            print("# %s:%d %s has %d" % (path, line, name, size))
        for path, kind in zip(rooms, kinds):
            print("# %s: %d %% comments" % (path, 100 * kind[1] / max(1, kind[0] + kind[1])))
    return 1 if budget.failed else 0


if __name__ == "__main__":
    sys.exit(main())
