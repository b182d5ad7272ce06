#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The storms hold, they can fail, and they leave nothing behind.
#
#	test_storm.sh STOA-STRESS STOA-STRESS-WITH-DEFECTS
#
# Speaks TAP.

stress=$1
defective=$2
log=$(mktemp "${TMPDIR:-/tmp}/stoa-storm.XXXXXX") || exit 1
pid=
trap 'rm -f "$log"' EXIT
trap '[ -z "$pid" ] || kill -KILL "$pid"; exit 1' INT TERM HUP
tests=0

# check SENTENCE COMMAND...: what the log has to do with it is shown where it fails.
check() {
	sentence=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests - $sentence"
	else
		echo "not ok $tests - $sentence"
		sed 's/^/# /' "$log"
	fi
}

# gives STATUS COMMAND...
gives() {
	wanted=$1
	shift
	"$@" >"$log" 2>&1
	status=$?
	[ $status -eq "$wanted" ] || echo "exit status $status" >>"$log"
	[ $status -eq "$wanted" ]
}

said() {
	grep -q "$1" "$log"
}

# What a process is known by: its number may soon be another's.
identity() {
	stat=$(cat "/proc/$1/stat" 2>/dev/null) && echo "$1:$(echo "${stat##*) }" | cut -d ' ' -f 20)"
}

# Children of a process, be they stopped or zombies.
children() {
	for child in $(grep -l "^PPid:[[:space:]]$1\$" /proc/[0-9]*/status 2>/dev/null | cut -d / -f 3); do
		identity "$child"
	done
}

# await COMMAND...: until it is true; 30 s are enough.
await() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || return 1
		sleep 0.1
	done
}

has_children() {
	[ "$(children "$1" | wc -l)" -ge "$2" ]
}

# Gone, or waits for whoever it was given to; stopped ones are neither.
gone() {
	for child in "$@"; do
		[ "$(identity "${child%:*}")" = "$child" ] || continue
		case $(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/${child%:*}/status" 2>/dev/null) in
		'' | Z | X) ;;
		*)
			echo "still there: $(cat "/proc/${child%:*}/stat")" >"$log"
			return 1
			;;
		esac
	done
}

# The status is 2 where it was cut short.
interrupted() {
	kill "-$1" "$pid"
	wait "$pid"
	status=$?
	pid=
	[ $status -eq 2 ] && said '^storm: interrupted'
}

begin() {
	"$stress" storm --seconds 600 "$@" >"$log" 2>&1 &
	pid=$!
	await has_children "$pid" 3 # of eight, many are dying at any moment
}

echo 1..21

check 'every message, update and permit is there after a storm' \
	gives 0 "$stress" storm --seconds 9 --seed 1
check 'the verdict is told' said '^storm: passed: [1-9]'
check 'a single pair holds' gives 0 "$stress" storm --seconds 3 --seed 2 spsc/cap8/redeliver/both
check 'what is discarded is counted' gives 0 "$stress" storm --deaths 300 --seed 3 mpmc/cap3/discard/kill
check 'it goes on until so many have died' said '^storm: passed: .* [3-9][0-9][0-9] deaths'
check 'more processes may take part' \
	gives 0 "$stress" storm --seconds 3 --seed 4 --processes 16 mpmc/cap2/redeliver/both
check 'a line for each round is JSON' gives 0 "$stress" storm --json --seconds 2 --seed 5 spmc/cap2/redeliver
check 'and one for all' said '^{"verdict": "passed", .*}$'

check 'an intent dropped is found' \
	gives 1 "$defective" storm --seconds 60 --defect 2 mpmc/cap2/redeliver/both
check 'and the line that replays it is told' said 'replay: stoa-stress storm mpmc/cap2/redeliver/both --seed [0-9]'
check 'a redelivery that does not advance the lap is found' \
	gives 1 "$defective" storm --seconds 60 --defect 6 mpmc/cap2/redeliver/both

begin mpmc/cap3/redeliver/both
check 'a storm that is interrupted says what was done' interrupted INT
begin mpmc/cap3/redeliver/both
# shellcheck disable=SC2046 # numbers
set -- $(children "$pid")
check 'one that is told to end does so' interrupted TERM
check 'and none of its processes is left' await gone "$@"
begin mpmc/cap3/redeliver/both
# shellcheck disable=SC2046 # numbers
set -- $(children "$pid")
kill -KILL "$pid"
pid=
check 'nor where their parent was killed' await gone "$@"

check 'the scenarios are listed' gives 0 "$stress" list
check 'and storms are among them' said '^storm/spsc/cap1024/discard/stop$'
check 'an unknown scenario is refused' gives 2 "$stress" storm no/such/scenario
check 'an unknown option is refused' gives 2 "$stress" storm --no-such-option
check 'a number that is none is refused' gives 2 "$stress" storm --processes 0x8
check 'and a line says why' said 'processes is a whole number from 6 to 32'
