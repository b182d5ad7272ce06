#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The figures: builds stoa-bench beside whichever peers can be had, runs it, and writes a report.
#
#	bench.sh                            everything, stoa run included, in under ten minutes
#	bench.sh ARGUMENT OF stoa-bench     such as --sections spsc,rtt, or --threads
#
# The peers come from the distribution's packages; what cannot be installed is left out, and named in the report.
# The report lies in $BUILD/bench/report.md, with its plots, and beside it all samples, in bench.json.
# Exit status: 0 measured, 1 a check of the data failed, 2 it could not be tried.
set -eu

build=${BUILD:-build}
cd "$(dirname "$0")/.."
case $build in /*) ;; *) build=$PWD/$build ;; esac

packages='g++ libboost-dev libdpdk-dev libzmq3-dev gnuplot-nox parallel'

has_peers() {
	command -v g++ >/dev/null 2>&1 && command -v gnuplot >/dev/null 2>&1 &&
		command -v parallel >/dev/null 2>&1 && pkg-config --exists libdpdk libzmq 2>/dev/null &&
		echo '#include <boost/version.hpp>' | g++ -E -x c++ - >/dev/null 2>&1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# Each for itself, so that one that is missing does not keep the others away.
install_peers() {
	command -v apt-get >/dev/null 2>&1 || return 0
	[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || return 0
	echo "stoa: installing $packages"
	for package in $packages; do
		as_root apt-get install -y -qq --no-install-recommends "$package" </dev/null >/dev/null 2>&1 && continue
		[ -n "${fetched:-}" ] || as_root apt-get update -qq >/dev/null 2>&1 || true
		fetched=1
		as_root apt-get install -y -qq --no-install-recommends "$package" </dev/null >/dev/null 2>&1 ||
			echo "stoa: $package could not be installed: the bench goes without it" >&2
	done
}

known=$(has_peers && echo yes || echo no)
[ "$known" = yes ] || install_peers
has_peers || echo "stoa: some peers are missing; to have them all: sudo apt-get install $packages" >&2

BUILD=$build scripts/build.sh
# What was not there when this directory was set up may be there now; meson remembers that it was not.
[ "$known" = yes ] || meson configure "$build" --clearcache
echo "stoa: building the bench; the peers in C++ take a minute"
ninja -C "$build" bench/stoa-bench >"$build/bench.txt" 2>&1 || { cat "$build/bench.txt" >&2; exit 2; }

# A report is of one run: the last one's does not stay where this one fails.
rm -f "$build"/bench/report.md "$build"/bench/bench.json "$build"/bench/*.svg "$build"/bench/*.png
status=0
"$build/bench/stoa-bench" --json "$build/bench/bench.json" "$@" || status=$?
[ ! -f "$build/bench/bench.json" ] || echo "The report: $(bench/plot "$build/bench/bench.json" "$build/bench")"
# stoa run is a part of everything, where the command was built.
if [ $# = 0 ] && [ -x "$build/tools/stoa" ]; then
	echo
	bench/pool.py "$build/tools/stoa" || status=$?
fi
exit $status
