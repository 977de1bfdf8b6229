#!/bin/sh
# SPDX-License-Identifier: MIT
#
# newlib.sh SOURCE OUT HEADER - unpacks and builds newlib's libc.a and libm.a.
#
# SOURCE is a tarball or a source tree, neither of which is changed; OUT gets include/ and lib/, in one step at the end, so that
# whoever uses them meanwhile has the old ones. Every file is compiled with -include HEADER. CC and CFLAGS come from
# Makefile.in. Only newlib's own folder is configured: no libgloss (libc-glue takes its place), no
# documentation, no multilib. The host triplet's last part is unknown to newlib on purpose: it then
# takes nothing of a system's own, and calls read(), write(), sbrk() ... by their plain names.

set -e
case $1 in /*) source=$1 ;; *) source=$PWD/$1 ;; esac
mkdir -p "$2"

# One at a time, and not again when nothing changed that matters.
exec 9> "$2/lock"
flock 9
key=$(cat "$0" "$3"; echo "$1 $CC $CFLAGS"; [ -d "$source" ] || sha256sum "$source")
if [ "$key" = "$(cat "$2/key" 2> /dev/null)" ] && [ -f "$2/lib/libc.a" ]; then
	touch "$2/lib/libc.a"
	exit 0
fi

CFLAGS="$CFLAGS -include $3 -w"
cd "$2"
rm -rf src work stage key
mkdir work stage

if [ -f "$source" ]; then
	mkdir src
	# Documents and other machines' code are half of the tarball and of no use here.
	tar -xf "$source" -C src --strip-components=1 --exclude='libgloss/*/*' --exclude='newlib/testsuite' --exclude='newlib/iconvdata'
else
	cp -R "$source" src
fi

cd work
# The answers which configure may not find out by running a program.
../src/newlib/configure --host=x86_64-pith-elf --build=x86_64-pc-linux-gnu --prefix=/ \
	--disable-multilib --disable-dependency-tracking \
	--enable-newlib-multithread --enable-newlib-retargetable-locking \
	--enable-newlib-io-c99-formats --enable-newlib-io-long-long --enable-newlib-io-long-double \
	--enable-newlib-long-time_t --enable-newlib-reent-check-verify=no \
	CC="$CC" CFLAGS="$CFLAGS" CC_FOR_BUILD="${HOSTCC:-cc}" AR="${AR:-ar}" RANLIB="${RANLIB:-ranlib}" \
	AS="${AS:-as}" READELF=readelf ACLOCAL=: AUTOCONF=: AUTOHEADER=: AUTOMAKE=: MAKEINFO=: > ../configure.log 2>&1 ||
	{ tail -n 20 ../configure.log >&2; exit 1; }

# Formatted I/O and number conversion are large and never the hot path: for size. ldtoa.c is the only file of stdlib that
# calls sprintf, for an exponent: from core/fmt.c, because newlib's would bring the other half of stdio into every image with a printf.
cat > exponent.h <<'EOF'
#include <stdio.h>
int fmt_format(char *, __SIZE_TYPE__, const char *, ...);
#define sprintf(s, ...) fmt_format(s, 16, __VA_ARGS__)
EOF
small() {
	dir=$1
	shift
	${MAKE:-make} -C "libc/$dir" CC="$CC -I$PWD/targ-include -I$PWD/../src/newlib/libc/include" CFLAGS="$CFLAGS -Os $*"
}

{
	${MAKE:-make} stmp-targ-include && small stdio && small stdlib -include "$PWD/exponent.h" && small locale && ${MAKE:-make}
} > ../make.log 2>&1 || { grep -m 20 -i 'error' ../make.log >&2; exit 1; }
${MAKE:-make} install DESTDIR="$PWD/../stage" > ../install.log 2>&1 || { tail -n 20 ../install.log >&2; exit 1; }
cd ..
rm -rf include lib
mv stage/x86_64-pith-elf/include stage/x86_64-pith-elf/lib .
rm -rf stage work
printf '%s\n' "$key" > key
