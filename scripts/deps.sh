#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs what is missing: deps.sh [build | tests]
#
# "build" needs a compiler, meson, ninja, pkg-config and the headers of Concurrency Kit; "tests" needs cmocka
# and Python's headers, pytest, NumPy, Cython, jansson and ncurses besides.  Where all is there this asks nobody and
# takes no time.  Else it installs everything at once, and scdoc, which the manual pages need: as root, or by sudo
# where that asks no password; or it prints the one line to run, and fails.
#
# jansson and ncurses make the command stoa whole.  "build" does without them where they are missing, as it may ask
# nobody; but where it installs anything it installs them, too.  Some tests need a program of their own; where that
# cannot be had they are skipped, and say so.
set -eu

need=${1:-tests}
compiler=${CC:-cc}
packages='gcc libc6-dev meson ninja-build pkg-config libck-dev libcmocka-dev scdoc libjansson-dev libncurses-dev'
python_packages='python3-dev python3-pytest python3-numpy cython3'
test_packages='g++ groff-base valgrind cmake abigail-tools'
[ "$need" = build ] || packages="$packages $python_packages $test_packages"

has() {
	command -v "$1" >/dev/null 2>&1
}

# A header is found by compiling: that holds on any distribution.
has_header() {
	printf '%s\n' "$@" | sed 's/.*/#include <&>/' | $compiler -E -x c - >/dev/null 2>&1
}

# The Python that runs meson, which is the one that the package is built for.
has_python() {
	python=$(sed -n '1s/^#! *\([^ ]*python[^ ]*\).*/\1/p' "$(command -v meson)")
	"${python:-python3}" -c 'import pytest, numpy, sysconfig, sys, os
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' 2>/dev/null && has cython3
}

missing() {
	has "${compiler%% *}" && has_header stdio.h && has meson && has ninja && has pkg-config &&
		has_header ck_pr.h || return 0
	[ "$need" = build ] || {
		has_header stdarg.h stddef.h stdint.h setjmp.h cmocka.h && has_python && has_header jansson.h &&
			has_header ncurses.h
	} || return 0
	return 1
}

# What single tests need: a build or a test run goes without.
wanting() {
	[ "$need" = tests ] || return 1
	has g++ && has groff && has valgrind && has cmake && has abidiff && return 1
	return 0
}

install() {
	echo "stoa: installing $packages"
	# A fresh machine has no package lists, an old one has stale ones: fetch them when it does not go
	# without.
	for lists in kept fetched; do
		if [ $lists = fetched ]; then
			echo 'stoa: fetching the package lists'
			$root apt-get update -qq >"$log" 2>&1 || break
		fi
		# shellcheck disable=SC2086
		$root $noninteractive apt-get install -y -qq --no-install-recommends $packages \
			</dev/null >"$log" 2>&1 && return 0
	done
	! $required || cat "$log" >&2
	return 1
}

missing || wanting || exit 0
missing && required=true || required=false

if ! has apt-get; then
	$required || exit 0
	echo "stoa: please install a C compiler, meson, ninja, pkg-config, Concurrency Kit and cmocka" >&2
	exit 1
fi
noninteractive='env DEBIAN_FRONTEND=noninteractive'
if [ "$(id -u)" = 0 ]; then
	root=
elif has sudo && sudo -n true 2>/dev/null; then
	root='sudo -n'
else
	$required || exit 0
	echo "stoa: something is missing; please run: sudo apt-get install $packages" >&2
	exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! install; then
	if $required; then
		echo "stoa: apt-get could not install what is missing" >&2
		exit 1
	fi
	echo "stoa: some tests will be skipped: apt-get could not install all of $test_packages" >&2
	exit 0
fi
if missing; then
	echo "stoa: something is still missing after: apt-get install $packages" >&2
	exit 1
fi
