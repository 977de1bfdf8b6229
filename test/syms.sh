#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The linker's proof of the room rule: what core.a wants and does not have itself is named in the doors,
# and a platform's object shows the doors' names and no other. TAP.

set -f
cd "${0%/*}/.."
lib=${PITH_BUILD:-build}/lib/pith
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
points=0 failed=0

# Names of functions and variables that the headers declare, one a line.
declared() { sed 's,/\*.*,,; s,//.*,,' "$@" | grep -o '\<[a-z_0-9]*(\|\<[a-z_0-9]*\[\?\]\?;' | tr -d '();[]' | sort -u; }

# $1: what is tested, $2: a file that must be empty
point() {
	points=$((points + 1))
	if [ -s "$2" ]; then
		failed=1
		echo "not ok $points - $1"
		sed 's/^/# /' "$2"
	else
		echo "ok $points - $1"
	fi
}

undefined() { nm -u "$@" | awk '$1 == "U" { print $2 }' | sort -u; }
defined() { nm --defined-only -g "$@" | awk 'NF == 3 { print $3 }' | sort -u; }

# What a compiler has builtins for and may call, the stack protector's two, and the way into the program.
printf '%s\n' memcmp memcpy memmove memset strcmp strlen __stack_chk_fail __stack_chk_guard core_main > "$tmp/always"

# The doors, and switch.h, which is the CPU's half of thread.c.
{ declared core/plat.h core/nic.h core/blk.h core/x86/gate.h core/x86/switch.h; cat "$tmp/always"; } | sort -u > "$tmp/doors"
undefined "$lib/core.a" > "$tmp/wants"
defined "$lib/core.a" > "$tmp/has"
comm -23 "$tmp/wants" "$tmp/has" | comm -23 - "$tmp/doors" > "$tmp/beyond"
point "core.a wants nothing but the doors" "$tmp/beyond"

declared core/plat.h core/nic.h core/blk.h | grep '^plat_\|^nic_\|^blk_' > "$tmp/names"
# A platform with guests that begin in ring 3 defines gate.h too, and where its own gate arrives.
{ declared core/x86/gate.h; echo hvm_boot; } > "$tmp/more"
sort -u "$tmp/names" "$tmp/more" > "$tmp/allowed"
for object in $(set +f; ls "$lib"/*/*.o | grep -v '/gate\.o$\|/start\.o$'); do
	name=${object##*/}
	defined "$object" > "$tmp/exports"
	case $name in xen.o) may=allowed ;; *) may=names ;; esac
	comm -23 "$tmp/exports" "$tmp/$may" > "$tmp/beyond"
	point "$name shows nothing but the doors" "$tmp/beyond"
	comm -13 "$tmp/exports" "$tmp/names" > "$tmp/lacks"
	point "$name has every name of the doors" "$tmp/lacks"
done
echo "1..$points"
exit $failed
