#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The race hunt: builds, and runs its programs.
#
#	stress.sh                            the short form of all, some minutes
#	stress.sh ARGUMENT OF stoa-stress    such as step --all, or storm --deaths 100000, or list
#
# Exit status: 0 everything held, 1 something did not, 2 it could not be tried.
set -eu

build=${BUILD:-build}
cd "$(dirname "$0")/.."

scripts/build.sh
[ $# -eq 0 ] || exec "$build/stress/stoa-stress" "$@"

# What did not hold is worse than what could not be tried: only the step suite needs ptrace(2).
worst=0
try() {
	program=$build/stress/$1
	shift
	status=0
	"$program" "$@" || status=$?
	[ $status -le 2 ] || exit $status # interrupted
	[ $status -eq 0 ] || [ $worst -eq 1 ] || worst=$status
}
try stoa-explore
try stoa-stress step --quick
try stoa-stress storm --seconds 60
try stoa-history run --seconds 1
try stoa-stress mutate --defects
exit $worst
