#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds, runs all tests, and says in one line how it went; exit status 1 where anything failed.
# $MESON_TEST_ARGS goes to `meson test`.
set -eu

build=${BUILD:-build}
cd "$(dirname "$0")/.."

scripts/build.sh tests
status=0
# shellcheck disable=SC2086
meson test -C "$build" --no-rebuild --print-errorlogs ${MESON_TEST_ARGS:-} || status=1
echo
scripts/count-tests.py "$build/meson-logs/testlog.json" || status=1
exit $status
