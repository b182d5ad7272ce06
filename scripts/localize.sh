#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Makes one object of the static library that was installed, in which what is hidden is local: localize.sh LIBRARY
# OBJCOPY COMPILER [ARGUMENT ...]
#
# A static library has no symbol map: a program with a function of its own by the name of one that files of the library
# share could not be linked with it.
set -eu

library=$MESON_INSTALL_DESTDIR_PREFIX/$1
objcopy=$2
shift 2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$@" -r -nostdlib -o "$work/stoa.o" -Wl,--whole-archive "$library" -Wl,--no-whole-archive
"$objcopy" --localize-hidden "$work/stoa.o"
ar rcsD "$work/libstoa.a" "$work/stoa.o"
cat "$work/libstoa.a" >"$library" # its mode stays
