#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The race hunt, short form: builds, and lets stoa-stress try every operation for some minutes.
#
#	stress.sh [ARGUMENT OF stoa-stress step ...]      such as --all, or --seconds 60
#
# Exit status: 0 everything held, 1 something did not, 2 it could not be tried.
set -eu

build=${BUILD:-build}
cd "$(dirname "$0")/.."

scripts/build.sh
[ $# -gt 0 ] || set -- --quick
exec "$build/stress/stoa-stress" step "$@"
