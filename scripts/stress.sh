#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The race hunt: builds, and runs stoa-stress.
#
#	stress.sh                            the short form, some minutes: step --quick, then storm --seconds 60
#	stress.sh ARGUMENT OF stoa-stress    such as step --all, or storm --deaths 100000, or list
#
# Exit status: 0 everything held, 1 something did not, 2 it could not be tried.
set -eu

build=${BUILD:-build}
cd "$(dirname "$0")/.."

scripts/build.sh
stress=$build/stress/stoa-stress
[ $# -eq 0 ] || exec "$stress" "$@"

# What did not hold is worse than what could not be tried: the storms need no ptrace(2).
worst=0
try() {
	status=0
	"$stress" "$@" || status=$?
	[ $status -le 2 ] || exit $status # interrupted
	[ $status -eq 0 ] || [ $worst -eq 1 ] || worst=$status
}
try step --quick
try storm --seconds 60
exit $worst
