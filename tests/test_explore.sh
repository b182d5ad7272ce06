#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The explorer's memory is C11's, its search leaves nothing out, the library withstands it; and it can fail:
# known mistakes, planted defects and weakened orders are found, and found again by the line that it prints.
#
#	test_explore.sh STOA-EXPLORE
#
# Speaks TAP.

explore=$1
log=$(mktemp "${TMPDIR:-/tmp}/stoa-explore.XXXXXX") || exit 1
trap 'rm -f "$log"' EXIT
trap 'exit 1' INT TERM HUP
. "$(dirname "$0")/exits.sh"

# finds SENTENCE SCENARIO OPTION...: with the options it fails, and the printed line fails again.
finds() {
	sentence=$1
	shift
	exits 1 "$sentence: found" "$explore" "$@"
	replay=$(sed -n 's/^ *replay: stoa-explore //p' "$log" | head -n 1)
	eval "set -- $replay"
	exits 1 "$sentence: found again by the line that replays it" "$explore" "$@"
}

echo 1..67

exits 0 'litmus shapes have exactly the outcomes of C11' "$explore" litmus/
exits 0 'and the same without the reduction' "$explore" litmus/ --no-reduction
exits 0 'the reduction loses no outcome of random programs' "$explore" --self-test --executions 200
exits 0 'the simulated kernel tells what a kernel does' "$explore" kernel/
exits 0 'and the same without the reduction' "$explore" kernel/ --no-reduction
exits 0 'known mistakes are found' "$explore" broken/
exits 0 'and without the reduction' "$explore" broken/ --no-reduction
exits 0 'with their cure they are not' "$explore" fixed/
exits 0 'the exchange ring answers as a queue does' "$explore" xring/
exits 0 'nothing is lost by a death and no block is in two places' "$explore" crash/
exits 0 'what is given back is taken once, and seen as held until then' "$explore" orphan/
exits 0 'the SPSC ring keeps order, also over deaths' "$explore" ring/cap ring/take ring/blocks ring/sender \
	ring/receiver
exits 0 'a drain loses nothing' "$explore" ring/drain ring/own-fences
exits 0 'struct values are whole' "$explore" value/
exits 0 "who comes, leaves, dies and is reaped is in nobody else's way" "$explore" participant/come participant/two \
	participant/one participant/reap participant/goer participant/doubt participant/ask
exits 0 'a name in the directory means a whole object' "$explore" directory/
exits 0 'whole queues close, and lose no message and no handle' "$explore" queue/
exits 0 'no wake-up is lost' "$explore" event/

finds 'an intent written after the exchange' crash/push --defect 1
finds 'an intent dropped' crash/pop --defect 2
finds 'an acknowledgement dropped' crash/pop --defect 3
finds "a reaper's plain store" crash/orphan/reapers --defect 4
finds 'a reaper that does not say where it is' participant/reapers --defect 5
finds 'a redelivery that does not advance the lap' crash/pop --defect 6
finds 'a reader that does not look at the generation' value/1w1r --defect 7

finds 'a queue that is closed while a lease is open' queue/lease/return --defect 39
finds "a dead one's place for one that stays taken" queue/relay/receiver --defect 40
finds 'a lease that its receiver forgets' queue/lease/close --defect 41

# site SCENARIO FILE OPERATION: FILE:LINE of an operation, as compilers count lines.
site() {
	"$explore" "$1" --sites | sed -n "s|.*/\($2:[0-9]*\) $3\$|\1|p" | head -n 1
}
offer=$(site xring/1p1c/cap2 xring_short.h 'xring_offer cas_seq')
finds 'a push that does not release' xring/1p1c/cap2 --weaken "$offer:acquire"
finds 'a push that is not sequentially consistent' xring/1p1c/cap2 --weaken "$offer:acq_rel"
publish=$(site ring/cap2 ring_send.c 'publish store_rel')
finds 'a tail that does not release' ring/cap2 --weaken "$publish:relaxed"
begin=$(site value/1w1r value_cell_write.c 'cell_begin fence_rel')
finds 'a writer without its fence' value/1w1r --weaken "$begin:relaxed"
finds 'an operation is known by its name' xring/1p1c/cap2 --weaken 'xring_offer/cas_seq#1:acquire'
exits 2 'an operation that nobody reaches is refused' "$explore" xring/1p1c/cap2 --weaken 'xring_offer/cas_seq#9:acquire'
exits 0 'each order of struct values is needed, or known not to be' "$explore" --mutants value/ --only value_cell
exits 0 'each order of event words is' "$explore" --mutants event/ --only event.c --jobs 1
exits 1 'an order that nobody notices is told' "$explore" --mutants value/2w --only value_cell --json

finds 'random search: a defect' crash/pop --random --defect 2
finds 'PCT: a defect' crash/pop --pct 3 --defect 3
finds 'bounded search: a defect' crash/pop --bounded --preemptions 1 --stale 0 --defect 2
exits 0 'bounded search within its bounds' "$explore" xring/2p2c/cap1 --bounded --preemptions 1 --stale 1

exits 0 'the scenarios are listed' "$explore" list
exits 0 'help is given' "$explore" --help
exits 2 'an unknown scenario is refused' "$explore" no/such/scenario
exits 2 'an unknown option is refused' "$explore" litmus/mp --no-such-option
exits 2 'a number below zero is refused' "$explore" litmus/mp --pct -1
exits 2 'two ways to search are refused' "$explore" litmus/mp --random --bounded
exits 2 'a schedule of nonsense is refused' "$explore" litmus/mp --schedule '?'
exits 0 'stoa-stress explore does the same' "$(dirname "$explore")/stoa-stress" explore litmus/
