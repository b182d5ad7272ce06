#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The binary interface of the library, beside that which was released, by abidiff (Debian: abigail-tools):
#
#	test_abi.sh LIBSTOA.SO           speaks TAP
#	test_abi.sh --dump LIBSTOA.SO    writes tests/abi/libstoa-0.abi anew: at a release, or when functions came
#
# Two dumps are compared, not a dump and a library, as both then went the same way: so it does not matter which
# compiler built the library, and with which backend and optimization.

abi=$(dirname "$0")/abi
released=$abi/libstoa-0.abi

# Without the place where it was built.
dump() {
	abidw --suppressions "$abi/private.ini" --drop-private-types --exported-interfaces-only --drop-undefined-syms \
		--no-show-locs --no-corpus-path --no-comp-dir-path --no-elf-needed --no-write-default-sizes \
		--no-parameter-names "$1" >"$2.raw" &&
		sed "s, path='[^']*/src/, path='src/," "$2.raw" >"$2" && rm "$2.raw"
}

if [ "$1" = --dump ]; then
	dump "$2" "$released.new" && mv "$released.new" "$released"
	exit
fi

library=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-abi.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

sentence='programs that were linked with a release run with this library'
skip() {
	echo "ok 1 - $sentence # SKIP $1"
	exit 0
}

echo 1..1
command -v abidw >/dev/null && command -v abidiff >/dev/null || skip 'abidiff is not installed'
readelf -S "$library" | grep -q debug_info || skip 'the library was built without what debuggers read'
dump "$library" "$work/now.abi" && abidiff "$work/now.abi" "$work/now.abi" >/dev/null 2>&1 ||
	skip 'this abidiff cannot read what its abidw wrote'

# What came since is no matter: check_symbols.py knows it.
if abidiff --no-added-syms --suppressions "$abi/growth.ini" "$released" "$work/now.abi" >"$work/log" 2>&1; then
	echo "ok 1 - $sentence"
else
	echo "not ok 1 - $sentence"
	sed 's/^/# /' "$work/log"
fi
