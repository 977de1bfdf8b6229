#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What a user meets before the first image runs: configure's refusals, pith-cc as another program's CC, make install and
# uninstall, make dist. Builds nothing of pith itself. TAP.
# test/run: timeout=300

cd "${0%/*}/.." || exit 1
source=$PWD
build=${PITH_BUILD:-$source/build}
if [ -f "$build/Makefile" ]; then where=$build; else where=$source; fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
points=0 failed=0
# Under `make check` the flags are its own (-rR): an ordinary Makefile needs make's built-in rules.
unset MAKEFLAGS MFLAGS MAKELEVEL

# $1: what is tested; the rest is a command that must succeed
point() {
	name=$1
	shift
	points=$((points + 1))
	if "$@" > "$tmp/said" 2>&1; then
		echo "ok $points - $name"
	else
		failed=1
		echo "not ok $points - $name"
		sed 's/^/# /' "$tmp/said"
	fi
}

# A command must fail and name something: $1 is what, the rest is the command.
refuses() {
	what=$1
	shift
	! "$@" > "$tmp/out" 2>&1 || { echo "it did not fail"; return 1; }
	grep -q -e "$what" "$tmp/out" || { cat "$tmp/out"; return 1; }
}

# ---- configure ----

mkdir "$tmp/conf" "$tmp/with space"
cd "$tmp/conf" || exit 1
for option in --enable-nonsense --prefix prefix=/x --with-xen=/x FOO=1 nonsense --enable-debug=maybe; do
	point "configure refuses $option" refuses "configure: $option:" "$source/configure" "$option"
done
point "configure refuses a relative prefix" refuses "prefix=here" "$source/configure" --prefix=here
point "configure refuses a source that is not there" refuses "with-newlib=/nowhere" "$source/configure" --with-newlib=/nowhere
point "configure refuses a tree that is not lwIP" refuses "has no src/include" "$source/configure" --with-lwip="$tmp/conf"
point "configure refuses a quote" refuses "CFLAGS" "$source/configure" "CFLAGS=-DX='1'"
point "configure names a compiler that is not there" refuses "CC=nocc" "$source/configure" CC=nocc
point "configure refuses a folder with a blank in its name" sh -c 'cd "$1" && ! "$2/configure"' - "$tmp/with space" "$source"
point "configure --help" sh -c '"$1/configure" --help | grep -q -e --install-deps' - "$source"
point "configure left nothing" test -z "$(find "$tmp/conf" -name Makefile)"

# ---- install, and a program with a Makefile of its own ----

cd "$tmp" || exit 1
point "make install" make -s -C "$where" install DESTDIR="$tmp/root"
bin=$(dirname "$(find "$tmp/root" -name pith-cc)")
mkdir program program/files
cd program || exit 1
cat > Makefile <<'EOF'
CFLAGS = -O2 -Wall -Wextra -Werror
greet: main.o libwords.a
	$(CC) $(LDFLAGS) -o $@ main.o -L. -lwords -lm
libwords.a: words.o
	ar rcs $@ words.o
main.o words.o: words.h
EOF
echo 'const char *word(int n);' > words.h
printf '#include "words.h"\nconst char *word(int n) { return n ? "world" : "hello"; }\n' > words.c
cat > main.c <<'EOF'
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "words.h"
#ifndef __pith__
#error not pith
#endif
int main(int argc, char **argv)
{
	char line[80] = "nothing";
	FILE *f = argc > 2 ? fopen(argv[2], "r") : NULL;

	if (f && !fgets(line, sizeof line, f))
		return 1;
	printf("%s %s, %s: %.3f %s\n", word(0), word(1), argc > 1 ? argv[1] : "?", sqrt(2.0), line);
	return argc > 1 ? atoi(argv[1]) : 1;
}
EOF
point "make CC=pith-cc" make -s CC="$bin/pith-cc"
point "an image is an ELF program" sh -c 'file=$(od -An -tx4 -N4 greet); test "$file" = " 464c457f"'
run() { timeout 60 "$bin/pith-run" --accel=tcg --nic=none --timeout=30 "$@"; }
runs() {
	want=$1
	shift
	run "$@" < /dev/null > out 2>&1
	status=$?
	cat out
	[ $status = "$want" ]
}
point "pith-run tells its status" runs 7 greet 7
point "its output" grep -q 'hello world, 7: 1.414 nothing' out
point "another machine" runs 0 -M q35 greet 0
echo "from a file" > files/text
point "pith-cc --archive=DIR, several sources at once" "$bin/pith-cc" -O2 -g -o greet2 --archive=files main.c words.c
point "the file is there" sh -c '"$@" < /dev/null | grep -q "from a file"' - "$bin/pith-run" --accel=tcg --nic=none --timeout=30 greet2 0 /text
point "debug information stands beside the image" sh -c 'nm greet2.debug > /dev/null && readelf -S greet2.debug | grep -q debug_info && ! readelf -S greet2 | grep -q debug_info'
cp greet2 greet1
point "the same image again" sh -c '"$@" && cmp greet1 greet2' - "$bin/pith-cc" -O2 -g -o greet2 --archive=files main.c words.c
point "pith-cc -E" sh -c '"$1" -E main.c | grep -q "int main"' - "$bin/pith-cc"
point "pith-cc -S" sh -c '"$1" -S -O2 -o - words.c | grep -q "^word:"' - "$bin/pith-cc"
point "pith-cc -MM" sh -c '"$1" -MM main.c | grep -q "main.o: main.c words.h"' - "$bin/pith-cc"
point "pith-cc takes blanks and quotes" sh -c '"$@" && test -f "a b.o"' - "$bin/pith-cc" '-DX="a b"' -c -o 'a b.o' words.c
for option in -shared -fsanitize=address -m32 "-p nowhere" --archive=nowhere; do
	point "pith-cc refuses $option" refuses "^pith-cc: .*${option#-p }" "$bin/pith-cc" $option -o x main.c words.c
done
point "pith-cc fails where the compiler does" refuses "error" "$bin/pith-cc" -Dmain=5 -o x main.c
point "pith-cc names what is missing" refuses 'word' "$bin/pith-cc" -o x main.c
point "and leaves no output" test ! -e x
point "pith-run refuses what is no option" refuses "pith-run: --nonsense:" "$bin/pith-run" --nonsense greet
point "pith-run refuses what is no image" refuses "nowhere" "$bin/pith-run" nowhere
point "pith-run --dry-run" sh -c '"$1" --dry-run --accel=tcg --port 8080:80 greet 2>&1 | grep -q hostfwd=tcp:127.0.0.1:8080-:80' - "$bin/pith-run"
point "pith-disk makes a disk that a BIOS boots" "$bin/pith-disk" greet d.disk 7 'two words'
boots() {
	timeout 60 qemu-system-x86_64 -accel tcg -M pc -m 64 -nodefaults -display none -no-reboot -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 \
		-drive file=d.disk,format=raw < /dev/null > out 2>&1
	test $? = 15 && grep -q 'hello world, 7: ' out || { cat out; return 1; }
}
point "and GRUB on it starts the image with its arguments" boots
cp d.disk e.disk
point "the same disk again" sh -c '"$@" && cmp d.disk e.disk' - "$bin/pith-disk" greet d.disk 7 'two words'
point "pith-disk refuses what is no image" refuses "nowhere: no such file" "$bin/pith-disk" nowhere d.disk
point "make uninstall" make -s -C "$where" uninstall DESTDIR="$tmp/root"
point "nothing is left" test -z "$(find "$tmp/root" -type f)"

# ---- dist ----

if git -C "$source" rev-parse --git-dir > /dev/null 2>&1; then
	same() { sums=$(make -s -C "$where" dist && sleep 1 && make -s -C "$where" dist); set -- $sums; [ -n "$1" ] && [ "$1" = "$3" ]; }
	point "make dist gives the same bytes twice" same
fi
echo "1..$points"
exit $failed
