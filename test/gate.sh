#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The gates' size and words: at most 250 instructions of an image run in ring 0, all of them plain integer ones (a host that
# emulates ring 0 knows no others), and the image's segments give no address the right to be written and run. TAP.

cd "${0%/*}/.." || exit 1
build=${PITH_BUILD:-build}
points=0 failed=0

# $1: what is tested, $2: the lines that break it
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

# One mnemonic a line. Padding between the stubs (int3) and the multiboot header behind the code are no instructions that run.
# Code of the 32-bit part is decoded as 64-bit code here, which may miscount a few one-byte inc and dec.
text() {
	objdump -d -j .gate.text --no-show-raw-insn "$gate" | awk -F '\t' 'NF >= 2 { print $2 }'
}

for gate in "$build"/lib/pith/*/gate.o; do
	platform=${gate%/*}
	platform=${platform##*/}
	[ -f "$gate" ] || { echo "1..1"; echo "not ok 1 - $gate is not built"; exit 1; }
	count=$(text | grep -vcE '^(int3|nop|\(bad\)|data16)')
	point "$platform: the gate has at most 250 instructions" "$([ "$count" -le 250 ] || echo "it has $count")"
	echo "# $count instructions"
	point "$platform: the gate was disassembled" "$([ "$count" -ge 50 ] || echo "only $count instructions")"
	point "$platform: only integer registers" "$(text | grep -E '%(xmm|ymm|zmm|mm[0-7]|st|k[0-7])')"
	point "$platform: no instruction that hosts which emulate ring 0 lack" "$(text |
		grep -E '^(invpcid|xgetbv|rdtscp|fwait|f[a-z]|xsave|xrstor|cmpxchg16b|ldmxcsr|stmxcsr|popcnt|tzcnt|lzcnt|crc32|lar|lsl|stac|clac|monitor|mwait|int |swapgs|rep|v|movbe)' | grep -vE '^vmm?call')"
done

images=$(find "$build/demos" -name '*.kvm' -o -name '*.xen' 2>/dev/null | sort)
point "no segment of a program is writable and executable" "$(for image in $images; do
	readelf -lW "$image" | awk -v image="$image" '/LOAD/ && $7 ~ /W/ && /RWE/ && $3 != "0x0000000000100000" { print image ": " $0 }'; done)"
echo "1..$points"
exit $failed
