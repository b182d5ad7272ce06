#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs what is missing, sets up $BUILD and builds: build.sh [build | tests]
#
# Quiet where all goes well.  $MESON_ARGS goes to the first `meson setup`.  With "tests" the tests are built, too,
# also where an earlier set-up had to do without cmocka.
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
elif find /var/lib/dpkg/status -newer "$build/build.ninja" 2>/dev/null | grep -q .; then
	# Packages came or went: what is optional may be there now.
	quietly meson setup --reconfigure "$build"
fi
echo "stoa: building in $build/"
quietly ninja -C "$build"
if [ "$need" = tests ] && [ ! -x "$build/tests/test_os" ]; then
	quietly meson configure "$build" -Dtests=enabled
	quietly ninja -C "$build"
fi
