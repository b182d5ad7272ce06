#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# stoa-stress mutate: planted defects are found, and where nothing is planted nothing is.  stoa-stress replay:
# what was found is found again.
#
#	test_mutate.sh STOA-STRESS STOA-STRESS-WITH-DEFECTS
#
# Speaks TAP.

stress=$1
defective=$2
explore=$(dirname "$stress")/stoa-explore
log=$(mktemp "${TMPDIR:-/tmp}/stoa-mutate.XXXXXX") || exit 1
trap 'rm -f "$log" "$log.said"' EXIT
trap 'exit 1' INT TERM HUP
. "$(dirname "$0")/exits.sh"

# A machine may forbid ptrace, and a build with a sanitizer has no explorer.
steps=yes
"$stress" step spsc/push/empty/cap1/holds2/size24 >"$log" 2>&1 || ! grep -q 'could not get ready\|not supported' "$log" || steps=
[ -x "$explore" ] || explore=

skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP there is no $2 here"
}

# explored STATUS SENTENCE COMMAND..., stepped STATUS SENTENCE COMMAND...: where there is what it takes.
explored() { if [ "$explore" ]; then exits "$@"; else skip "$2" explorer; fi; }
stepped() { if [ "$steps" ]; then exits "$@"; else skip "$2" ptrace; fi; }

# The command's output has all of the words.
says() {
	words=$1
	shift
	"$@" >"$log.said" 2>&1
	status=$?
	cat "$log.said"
	for word in $words; do
		grep -q -e "$word" "$log.said" || return 99
	done
	return $status
}
lists() { [ "$("$stress" mutate list | grep -c '^ *[0-9]* [A-Z]')" -ge "$1" ]; }

echo 1..29

exits 0 'at least 100 defects are listed' lists 100
explored 0 'planted in the exchange ring and its slots, they are found' \
	"$stress" mutate INTENT_DROPPED SAME_LAP CATCH_UP_FAR RETAKE_STORE HELD_MOVING --seconds 60
explored 0 'in the SPSC ring' "$stress" mutate TAIL_EARLY DRAIN_UNLOOKED SUCCESSOR_FAR --seconds 60
explored 0 'in values and event words' "$stress" mutate GENERATION_LEFT WAKE_UNCOUNTED ANNOUNCE_STORE --seconds 60
stepped 0 'in queues' "$stress" mutate SOLE_KEPT LEASE_FORGOTTEN --seconds 60
stepped 0 'in events and locks' "$stress" mutate CLEAR_STORE OWNER_DIED_UNTOLD LOCK_UNINSPECTED --seconds 60
stepped 0 'among participants' "$stress" mutate IDENTITY_LATE LEFT_UNSETTLED --seconds 60
stepped 0 'in the directory' "$stress" mutate NAME_TWICE LINKED_UNSEEN --seconds 60
explored 0 'in the short ways of both rings' \
	"$stress" mutate SIZES_LATE LEASE_PASSED RUN_TAIL_EARLY RUN_RELEASED_EARLY ORPHANS_PASSED CLOSING_PASSED \
	--seconds 60
stepped 0 'and where they are a child'"'"'s, or every hold is reserved' \
	"$stress" mutate RESERVED_PASSED FORK_UNSEEN --seconds 60
explored 0 'in what somebody reads that moves on' \
	"$stress" mutate SIZE_BELIEVED SCAN_ORPHAN DISCARD_KEPT SENDERS_ONCE EPOCH_LATE UPDATE_UNLOOKED --seconds 60
explored 0 'what nothing can notice survives, and why is told' \
	says 'survived,.as.expected:.what 0.survived,.1.as.expected' "$stress" mutate SCAN_ORDER --seconds 1
explored 0 'without hints, too' "$stress" mutate INTENT_DROPPED --no-hints --seconds 60
stepped 0 'a defect is known by its number, and what found it is told' \
	says 'OWNER_DIED_UNTOLD killed lock_acquire' "$stress" mutate \
	"$("$stress" mutate list | sed -n 's/^ *\([0-9]*\) OWNER_DIED_UNTOLD .*/\1/p')" --seconds 60
explored 0 'in JSON as well' \
	says '"fate":."found" "program":."explore" "replay":."stoa-explore "survived":.0' \
	"$stress" mutate intent_dropped --json --seconds 60

explored 0 'where nothing is planted the explorer finds nothing' "$explore" crash/pop --defect 0
stepped 0 'and the step suite neither' "$defective" step sync/lock_acquire/free --defect 0
exits 2 'a run that is interrupted says so' \
	timeout --preserve-status -s INT 2 "$stress" mutate --defects --no-hints --jobs 1
exits 0 'help is given' "$stress" mutate --help
exits 2 'there is no defect 0' "$stress" mutate 0
exits 2 'an unknown defect is refused' "$stress" mutate NO_SUCH_DEFECT
exits 2 'an unknown option is refused' "$stress" mutate --no-such-option
exits 2 'a number that is none is refused' "$stress" mutate --seconds many
exits 2 'orders are not defects' "$stress" mutate --orders INTENT_DROPPED

found() { "$explore" crash/pop --defect 2; }
[ -z "$explore" ] || found >"$log.said" 2>&1
explored 1 'what was found is found again by its line' \
	"$stress" replay "$(sed -n 's/^ *//; /^replay: /p' "$log.said")"
explored 1 'and in what was said' "$stress" replay "$log.said"
replays() { "$stress" replay <"$log.said"; }
explored 1 'and from the standard input' replays
exits 2 'other programs are not run' "$stress" replay rm -rf /nowhere
exits 0 'how to replay is told' "$stress" replay --help
