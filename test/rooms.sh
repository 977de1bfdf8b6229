#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Who may include whom: every include of ours is written from the root, so grep sees it. The rule
# stands in docs/architecture.md; the linker's side of it is syms.sh. TAP.

cd "${0%/*}/.." || exit 1
points=0 failed=0

# $1: what is tested, $2: the lines that break it, FILE:LINE:TEXT
point() {
	points=$((points + 1))
	if [ -n "$2" ]; then
		failed=1
		echo "not ok $points - $1"
		echo "$2" | sed 's/^/# /'
	else
		echo "ok $points - $1"
	fi
}

# The includes of a room: FILE:LINE:"x/y.h" or <x/y.h>, whatever stands around them.
includes() {
	find "$1" -name '*.[chS]' -o -name '*.lds' | sort | xargs grep -nHE '^[[:space:]]*#[[:space:]]*include' 2>/dev/null |
		sed -E 's/^([^:]*:[0-9]+:)[^"<]*(["<][^">]*[">]).*/\1\2/'
}

# $1: room, $2: what its quoted includes may begin with, as an extended regular expression
quoted() {
	[ -d "$1" ] || return 0
	point "$1 includes of ours only $2" "$(includes "$1" | grep -E ':[0-9]+:"' | grep -vE ":\"($2)")"
}

quoted core 'core/'
quoted xen 'core/|xen/'
quoted kvm 'core/|kvm/'
quoted netfront 'core/|xen/|netfront/'
quoted blkfront 'core/|xen/|blkfront/'
quoted libc-glue 'core/|libc-glue/|lwip/|lwipopts\.h|arch/|netif/'

# A demo is ordinary C: its own folder's headers, by their plain names, and the C library's.
point "demos include nothing of ours" "$(includes demos | grep -E '"[^"]*/|<(core|kvm|xen|libc-glue|lwip)/')"

# The freestanding headers, which every compiler has, and Xen's public ones in xen/ alone.
freestanding='std(arg|bool|def|int|noreturn|align)\.h|limits\.h|float\.h|cpuid\.h|immintrin\.h'
for room in core kvm xen netfront blkfront; do
	[ -d "$room" ] || continue
	allowed=$freestanding
	[ "$room" = xen ] && allowed="$allowed|xen/.*"
	point "$room includes of others only what every compiler has" "$(includes "$room" | grep -E ':[0-9]+:<' | grep -vE ":<($allowed)>")"
done

point "no include goes up with .." "$(for room in core kvm xen netfront blkfront libc-glue demos test bench; do
	[ -d $room ] && includes $room | grep -F '../'; done)"

# No table of pointers, no weak symbol, no typedef of a struct, no choice by #ifdef inside a function.
rooms=$(for room in core kvm xen netfront blkfront libc-glue; do [ -d $room ] && echo $room; done)
point "no weak symbols" "$(grep -rnE '__attribute__\(\((__)?weak|#[[:space:]]*pragma[[:space:]]+weak|^[[:space:]]*\.weak' $rooms --include='*.[chS]')"
point "no typedefs of structs" "$(grep -rnE '^typedef[[:space:]]+(struct|union|enum)' $rooms --include='*.[ch]' | grep -v '^libc-glue/include/')"
point "every file names its licence" "$(find $rooms demos test bench tools -name '*.[chS]' -o -name '*.py' -o -name '*.sh' | sort | xargs grep -L 'SPDX-License-Identifier: MIT')"

# What belongs to one machine: this checkout's own path, and homes.
point "no file names a folder of this machine" "$(git grep -nI -e "$PWD/" -e "[^]a-z\"}.)]/home/[a-z]" -- . ':!test/rooms.sh' 2>/dev/null)"

echo "1..$points"
exit $failed
