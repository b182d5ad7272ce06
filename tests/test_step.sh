#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The step suite holds, and it can fail: each defect that is planted in src/defect.h makes it.
#
#	test_step.sh STOA-STRESS STOA-STRESS-WITH-DEFECTS
#
# Speaks TAP.

step=$1
defective=$2
log=$(mktemp "${TMPDIR:-/tmp}/stoa-step.XXXXXX") || exit 1
trap 'rm -f "$log"' EXIT
trap 'exit 1' INT TERM HUP
. "$(dirname "$0")/exits.sh"

# holds SENTENCE NUMBER SCENARIO: it fails with the defect, the printed line replays that, and without it holds.
holds() {
	exits 1 "$1 is found" "$defective" step "$3" --defect "$2"
	replay=$(sed -n 's/^ *replay: stoa-stress //p' "$log" | head -n 1)
	# shellcheck disable=SC2086 # the line is words
	exits 1 "$1 is found again by the line that replays it" "$defective" $replay --defect "$2"
	exits 0 'without it the scenario holds' "$defective" step "$3"
}

# A machine may forbid ptrace: then nothing can be said here.
if ! "$step" step spsc/push/empty/cap1/holds2/size24 >"$log" 2>&1 && grep -q 'could not get ready' "$log"; then
	echo '1..0 # SKIP ptrace(2) is not permitted'
	exit 0
fi

echo 1..46

holds 'an intent written after the exchange' 1 mpmc/push/one/cap2/holds2/size24
holds 'an intent dropped' 2 mpmc/take+release/one/cap2/holds2/size24
holds 'an acknowledgement dropped' 3 spmc/pop/one/cap2/holds2/size24
holds "a reaper's plain store" 4 mpmc/pop/one/cap2/holds2/size24/reaper
holds 'a hazard that is not published' 5 mpmc/push/one/cap2/holds2/size24/reaper
holds 'a redelivery that does not advance the lap' 6 spmc/take+release/one/cap2/holds2/size24
holds 'a reader that does not look at the generation' 7 value/value_load/one/size40
holds "a reaper's plain store to a permit" 8 sync/semaphore_wait/one/cap3/returns/reaper
holds 'a permit given back behind the eyes of others' 9 sync/semaphore_wait/one/cap3/returns/cycle
holds "a reaper's plain store to a lock" 10 sync/lock_acquire/free/reaper
holds 'an arrival taken back unnoticed' 11 sync/barrier_wait/last/cap2/pop
holds 'a round that ends with the dead' 12 sync/barrier_wait/wounded/cap2

exits 0 'every operation withstands death and stopping at any instruction' \
	"$step" step --quick --seconds 60 --seed 1
exits 0 'the scenarios are listed' "$step" list
exits 0 'the version is told' "$step" --version
exits 0 'help is given' "$step" --help
exits 2 'an unknown scenario is refused' "$step" step no/such/scenario
exits 2 'an unknown option is refused' "$step" step --no-such-option
exits 2 'a defect that is not built in is refused' "$step" step --defect 1
exits 2 'a run that is interrupted says so' timeout --preserve-status -s INT 2 "$step" step
exits 2 'a number that is none is refused' "$step" step --kill -1
exits 2 'so is one that is too large' "$step" step --seed 18446744073709551616
