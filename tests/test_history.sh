#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Real histories hold, and errors in real histories are found: a queue that errs (the wrapper of
# stress/history_wrap.h), and a defect of the library (src/defect.h).
#
#	test_history.sh STOA-HISTORY STOA-HISTORY-WITH-DEFECTS
#
# Speaks TAP.

history=$1
defective=$2
where=$(mktemp -d "${TMPDIR:-/tmp}/stoa-history.XXXXXX") || exit 1
trap 'rm -rf "$where"' EXIT
trap 'exit 1' INT TERM HUP
log=$where/log
. "$(dirname "$0")/exits.sh"

# holds SENTENCE SCENARIO...: one round each, short, with a stamp for each call, and one with a stamp for 16.  The
# logs are short, too: a machine's speed does not matter.
holds() {
	what=$1
	shift
	for every in 1 16; do
		exits 0 "$what, stamped every $every" "$history" run "$@" --seconds 0 --capacity 3 --round-ms 20 \
			--calls 5000 --seed 1 --stamp-every $every --save "$where/bad"
	done
}

# errs SENTENCE NUMBER: plays until it is found, and finds it again in the file.
errs() {
	exits 1 "$1 is found" "$defective" run queue/mpmc/pop --capacity 3 --seconds 60 --round-ms 20 --seed 1 \
		--stamp-every 1 --lie "$2" --save "$where/bad"
	exits 1 "$1 is found where 16 calls share a stamp" "$defective" run queue/mpmc/pop --capacity 3 --seconds 60 \
		--round-ms 20 --seed 1 --stamp-every 16 --lie "$2" --save "$where/bad"
	exits 1 "$1 is found again in the saved history" "$defective" check "$where/bad"
}

# refuses WHAT ARGUMENT...: one line on stderr, with WHAT in it.
refuses() {
	what=$1
	shift
	exits 2 "refused: $*" "$history" "$@"
	tests=$((tests + 1))
	if [ "$(wc -l <"$log")" -eq 1 ] && grep -q -e "$what" "$log"; then
		echo "ok $tests - and a line says why"
	else
		echo "not ok $tests - and a line says why"
		sed 's/^/# /' "$log"
	fi
}

echo 1..102

holds 'queues of many senders and receivers hold' queue/mpmc/pop queue/mpmc/batch queue/mpmc/wait queue/mpmc/lease \
	queue/mpmc/pack
holds 'queues of one sender hold' queue/spmc/pop queue/spmc/batch queue/spmc/lease
holds 'queues of one receiver hold' queue/mpsc/pop queue/mpsc/batch queue/mpsc/lease
holds 'the SPSC ring holds' queue/spsc/pop queue/spsc/batch queue/spsc/wait queue/spsc/lease
holds 'queues hold while processes are stopped and killed' queue/mpmc/stop queue/mpmc/kill queue/spsc/kill \
	queue/spmc/kill-discard queue/mpsc/kill-pop
holds 'values and arrays hold' value/i64 value/i64-count value/b64 value/b1024 array/cells array/ranges
holds 'values and arrays hold while processes are killed' i64-kill b64-kill ranges-kill
holds 'lock and semaphore hold' sync/lock sync/semaphore sync/lock-kill sync/semaphore-kill

errs 'two messages that have changed places' 1
errs 'a message handed out twice' 2
errs 'a lost message' 3
errs 'a false "empty"' 4
errs 'a false "full"' 5
errs 'a message that was not sent' 6
errs 'a torn message' 7

exits 1 'an acknowledgement dropped by the library is found' \
	"$defective" run queue/mpmc/kill --seconds 120 --seed 1 --defect 3 --stamp-every 1 --save "$where/bad"
exits 1 'and where 64 calls share a stamp' \
	"$defective" run queue/mpmc/kill --seconds 120 --seed 1 --defect 3 --stamp-every 64 --save "$where/bad"
exits 2 'a file that is no history is refused' "$history" check "$log"
exits 0 'stoa-stress run does the same' "$(dirname "$history")/stoa-stress" run queue/spsc/pop --seconds 1
exits 0 'what the writing down costs is told' "$history" cost queue/spsc/pop --seconds 0 --round-ms 5

for option in processes threads capacity stamp-every; do
	for value in 0 -1 18446744073709551616 '' words 1.5; do
		refuses "--$option is a whole number from 1 to" run queue/spsc/pop "--$option" "$value"
	done
done
refuses 'seconds is a number from 0 to 10000000' run --seconds nan
refuses '--seed is a whole number' run --seed -1
refuses 'requires an argument' run --seconds
refuses 'no-such-option' run --no-such-option
refuses "no scenario has the name 'no/such'" run queue/spsc/pop no/such
refuses '256 at most' run --processes 64 --threads 64
