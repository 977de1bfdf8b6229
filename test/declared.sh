#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every function that our C library's headers declare can be linked: configure scripts look for the declaration, and then
# a program that asks for it must link, if only to hear ENOSYS. Of newlib's own headers those are looked at that declare
# nothing of newlib's. TAP.

cd "${0%/*}/.." || exit 1
include=$PWD/libc-glue/include
build=${PITH_BUILD:-build}
pith_cc=$build/bin/pith-cc
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

{ cd "$include" && find . -name '*.h' ! -name 'newlib.h'; echo ./sched.h; echo ./libgen.h; echo ./unistd.h; } | sed 's,^\./\(.*\),#include <\1>,' | sort > "$tmp/all.c"
headers=$(wc -l < "$tmp/all.c")

# What the preprocessor leaves of files in our folder, without the bodies of inline functions and structs; of each
# declaration that has brackets, the name before the first one. "static" has a body, a typedef needs none.
"$pith_cc" -E "$tmp/all.c" | awk -v ours="\"$include/" '
	/^# / { use = index($0, ours) > 0 || /\/newlib\/include\/(sched|libgen)\.h"/; next }
	use {
		for (i = 1; i <= length($0); i++) {
			c = substr($0, i, 1)
			if (c == "{") {
				if (depth++ == 0) {
					body = text ~ /\)[ \t]*$/
					if (text ~ /extern "C"/) { depth = 0; text = "" }
				}
			} else if (c == "}") {
				if (--depth == 0 && body)
					text = ""
			} else if (depth == 0 && c == ";") {
				gsub(/__attribute__ *\(\([^;]*\)\)/, "", text)
				if (text !~ /typedef|static/ && match(text, /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)) {
					name = substr(text, RSTART, RLENGTH - 1)
					sub(/[ \t]+$/, "", name)
					print name
				}
				text = ""
			} else if (depth == 0) {
				text = text c
			}
		}
		text = text " "
	}' | sort -u > "$tmp/names"
# Of newlib's <unistd.h> what programs ask for; the rest is other systems'.
printf '%s\n' fpathconf pathconf sync ttyname ttyname_r >> "$tmp/names"
names=$(wc -l < "$tmp/names")

{
	cat "$tmp/all.c"
	sed 's/.*/#undef &/' "$tmp/names"
	echo 'void (*volatile all[])(void) = {'
	sed 's/.*/	(void (*)(void))&,/' "$tmp/names"
	echo '};'
	echo 'int main(void) { return all[0] == 0; }'
} > "$tmp/program.c"
"$pith_cc" -w -o "$tmp/program.kvm" "$tmp/program.c" > "$tmp/said" 2>&1
linked=$?

failed=0
echo 1..2
if [ "$headers" -gt 30 ] && [ "$names" -gt 200 ]; then
	echo "ok 1 - $names functions in $headers headers"
else
	echo "not ok 1 - only $names functions in $headers headers: are they read at all?"
	failed=1
fi
if [ "$linked" = 0 ]; then
	echo "ok 2 - every one of them links"
else
	echo "not ok 2 - every one of them links"
	sed -n 's/.*\(undefined reference to\) /# \1 /p; s/.*error: /# &/p' "$tmp/said" | sort -u
	failed=1
fi
exit $failed
