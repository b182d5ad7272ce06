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

# holds SENTENCE SCENARIO...: one round each, short.  The logs are short, too: a machine's speed does not matter.
holds() {
	sentence=$1
	shift
	exits 0 "$sentence" "$history" run "$@" --seconds 0 --capacity 3 --round-ms 20 --calls 5000 --seed 1 --save "$where/bad"
}

# errs SENTENCE NUMBER: plays until it is found, and finds it again in the file.
errs() {
	exits 1 "$1 is found" "$defective" run queue/mpmc/pop --capacity 3 --seconds 60 --round-ms 20 --seed 1 \
		--lie "$2" --save "$where/bad"
	exits 1 "$1 is found again in the saved history" "$defective" check "$where/bad"
}

echo 1..25

holds 'queues of many senders and receivers hold' queue/mpmc/pop queue/mpmc/batch queue/mpmc/wait queue/mpmc/lease
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
	"$defective" run queue/mpmc/kill --seconds 120 --seed 1 --defect 3 --save "$where/bad"
exits 2 'a file that is no history is refused' "$history" check "$log"
exits 0 'stoa-stress run does the same' "$(dirname "$history")/stoa-stress" run queue/spsc/pop --seconds 1
