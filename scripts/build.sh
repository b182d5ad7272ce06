#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs what is missing, sets up $BUILD and builds: build.sh [build | tests]
#
# Quiet where all goes well.  $MESON_ARGS goes to the first `meson setup`.  With "tests" the tests are built, too,
# also where an earlier set-up had to do without cmocka or Python's headers.
set -eu

need=${1:-build}
build=${BUILD:-build}
cd "$(dirname "$0")/.."

scripts/deps.sh "$need"

quietly() {
	log=$build.log
	if "$@" >"$log" 2>&1; then
		rm -f "$log"
	else
		cat "$log" >&2
		rm -f "$log"
		exit 1
	fi
}

if [ ! -f "$build/build.ninja" ]; then
	echo "stoa: setting up $build/"
	# shellcheck disable=SC2086
	quietly meson setup "$build" ${MESON_ARGS:-}
fi
echo "stoa: building in $build/"
quietly ninja -C "$build"
if [ "$need" = tests ] && { [ ! -x "$build/tests/test_os" ] || [ ! -e "$build/python/stoa/_stoa.abi3.so" ]; }; then
	quietly meson configure "$build" -Dtests=enabled
	quietly ninja -C "$build"
fi
