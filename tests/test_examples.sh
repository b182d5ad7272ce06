#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs the example programs and checks what they print:
#
#	test_examples.sh ROOT WORDCOUNT COUNTER FRAME POOL WORDCOUNT_SLOW
#
# ROOT is the source tree (for README.md); the others are the programs, the last one the word
# count of wordcount_slow.c.  Speaks TAP.

absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }
root=$1
wordcount=$(absolute "$2")
counter=$(absolute "$3")
frame=$(absolute "$4")
pool=$(absolute "$5")
slow=$(absolute "$6")
tests=0
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-examples.XXXXXX") || exit 1
name=examples-$$
background=

clean_up() {
	for pid in $background; do kill "$pid" 2>/dev/null; done
	chmod -R u+rwX "$work" 2>/dev/null
	rm -rf "$work"
	rm -f "/dev/shm/stoa.$name" "/dev/shm/stoa.$name".*
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

# ok SENTENCE COMMAND...: the command decides.
ok() {
	sentence=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests - $sentence"
	else
		echo "not ok $tests - $sentence"
		for file in "$work/out" "$work/err"; do
			[ -s "$file" ] && head -n 20 "$file" | sed 's/^/# /'
		done
	fi
}
skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# Runs a program; its status, output and complaints are in $status, $work/out, $work/err.
run() {
	timeout 120 "$@" >"$work/out" 2>"$work/err"
	status=$?
}
prints() { [ "$status" = 0 ] && [ "$(cat "$work/out")" = "$1" ]; }
one_line() { [ "$(wc -l <"$work/err")" = 1 ]; }
fails_with_one_line() { [ "$status" = "$1" ] && [ ! -s "$work/out" ] && one_line; }

# ---- counter ----

pids=
for i in 1 2 3 4 5 6 7 8 9 10; do
	timeout 120 "$counter" "$name.counter" 20000 >>"$work/counts" &
	pids="$pids $!"
done
failed=0
for pid in $pids; do wait "$pid" || failed=$((failed + 1)); done
run "$counter" "$name.counter" 0
ok "ten processes that count by name lose no count" prints 200000
ok "the last of them sees the whole count" grep -qx 200000 "$work/counts"
ok "none of them fails" test "$failed" = 0
run "$counter" --remove "$name.counter"
ok "counter removes its segment" test "$status" = 0 -a ! -e "/dev/shm/stoa.$name.counter"
run "$counter" --remove "$name.counter"
ok "counter says so when there is nothing to remove" fails_with_one_line 1
run "$counter"
ok "counter without a name shows its usage" fails_with_one_line 2

# ---- frame ----

pids=
for i in 1 2 3; do
	timeout 120 "$frame" read "$name.frame" >"$work/frames.$i" &
	pids="$pids $!"
done
run "$frame" write "$name.frame" 200000
ok "frame writes its frames" test "$status" = 0
failed=0
for pid in $pids; do wait "$pid" || failed=$((failed + 1)); done
ok "three readers see no torn frame" test "$failed" = 0
ok "each of them has read some" test "$(grep -c '^[1-9][0-9]* frames read, 0 wrong$' "$work/frames.1" \
	"$work/frames.2" "$work/frames.3" | grep -c ':1$')" = 3
run "$frame" read "$name.frame"
ok "a reader that comes late gets the last frame" prints "1 frames read, 0 wrong"
run "$frame" remove "$name.frame"
ok "frame removes its segment" test "$status" = 0 -a ! -e "/dev/shm/stoa.$name.frame"
run "$frame" look "$name.frame"
ok "frame shows its usage" fails_with_one_line 2

# ---- pool ----

steps=$(awk 'BEGIN { for (i = 1; i <= 10000; i++)
	for (n = i; n > 1; s++) n = n % 2 ? 3 * n + 1 : n / 2; print s }')
run "$pool"
ok "a pool of four does every task" prints "10000 tasks, $steps steps, 0 workers failed"
run "$pool" 10000 1
ok "a pool of one does every task" prints "10000 tasks, $steps steps, 0 workers failed"
run "$pool" 3 20
ok "a pool of more workers than tasks does every task" prints "3 tasks, 8 steps, 0 workers failed"
run "$pool" 10 0
ok "a pool of none is an error" fails_with_one_line 1

# ---- wordcount: what it counts ----

get() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$work/out" | head -n 1; }
lengths() { grep word_lengths "$work/out"; }
# Equal to wc, and as many files counted and left out as said.
equal() {
	[ "$status" = 0 ] && grep -q '"equal": true' "$work/out" && [ "$(get files)" = "$1" ] &&
		[ "$(get left_out)" = "${2:-0}" ]
}
count() { run "$wordcount" --quiet --json "$@"; }

tree=$work/tree
mkdir -p "$tree/sub dir/deep" "$tree/empty dir"
: >"$tree/empty"
printf 'no line end' >"$tree/no line end"
printf '\n\n\n' >"$tree/lines"
printf ' \t\v\f\r ' >"$tree/spaces"
printf 'one  two\tthree\n' >"$tree/sub dir/a name
with a line end"
printf '\000\001\200\377 a\000b\n' >"$tree/sub dir/deep/bytes"
awk 'BEGIN { for (i = 0; i < 3000; i++) { for (k = 0; k < i % 29; k++) printf "x"; printf i % 7 ? " " : "\n" } }' \
	>"$tree/text"
count "$tree"
ok "totals of a tree with empty, binary and unfinished files equal those of wc" equal 7
ok "its empty, binary and unfinished files are told" \
	test "$(get empty)/$(get binary)/$(get unfinished)" = 1/1/3
for processes in "1 1" "3 1" "1 4" "5 7"; do
	set -- $processes
	count --readers "$1" --workers "$2" --chunk 64 --capacity 1 "$tree"
	ok "$1 readers and $2 workers count the same in chunks of 64 bytes, one at a time" equal 7
done
count "$tree" "$tree/text" "$tree/text"
ok "a file that is named again is counted again" equal 9
count --segment "$name.words" "$tree"
ok "a segment with a name serves as well" equal 7
ok "and its name is gone at the end" test ! -e "/dev/shm/stoa.$name.words"

head -c 3000000 /dev/urandom >"$work/random"
for chunk in 64 1000 65536 8000000; do
	count --chunk $chunk "$work/random"
	ok "totals of random bytes in chunks of $chunk equal those of wc" equal 1
	lengths >"$work/lengths.$chunk"
done
ok "the lengths of words do not depend on the chunks" test "$(sort -u "$work"/lengths.* | wc -l)" = 1

awk 'BEGIN { for (i = 0; i < 30000; i++) printf "word%d ", i; print ""; for (i = 0; i < 200000; i++) printf "w"
	printf " end\n"; for (i = 0; i < 1000; i++) printf "%0*d\n", i, i }' >"$work/long"
for chunk in 64 101 4096; do
	count --chunk $chunk "$work/long"
	ok "lines and words longer than a chunk of $chunk bytes are counted once" equal 1
	ok "so are their lengths" test "$(lengths)" = " \"word_lengths\": [$(
		tr -s ' \n' '\n\n' <"$work/long" | awk '{ n = length($0); h[n > 16 ? 16 : n]++ }
			END { for (i = 1; i <= 16; i++) printf "%s%d", (i > 1 ? ", " : ""), h[i] }')],"
done

# ---- wordcount: what it is given ----

mkdir "$work/none"
count "$work/none"
ok "no files give totals of 0" equal 0
ok "and no words" test "$(get words)" = 0
count "$tree" "$work/vanished"
ok "a file that is not there is left out and reported" equal 7 1
run "$wordcount" --quiet "$work/vanished"
ok "with the reason" grep -q "vanished: No such file or directory" "$work/out"
mkdir "$work/odd"
cp "$tree/text" "$work/odd/text"
mkfifo "$work/odd/fifo"
ln -s ../odd "$work/odd/loop"
ln -s loop2 "$work/odd/loop2"
ln -s text "$work/odd/link"
count "$work/odd"
ok "a FIFO is left out, symbolic links are not followed" equal 1 1
count "$work/odd/link"
ok "a symbolic link that is named is followed" equal 1
count "$work/odd/loop2"
ok "a symbolic link to itself is reported" equal 0 1
cp "$work/odd/text" "$work/odd/-"
cp "$work/odd/text" "$work/odd/-x"
here=$PWD
cd "$work/odd" || exit 1
count -- - -x
cd "$here" || exit 1
ok "names that begin with a dash are names" equal 2
rm "$work/odd/-" "$work/odd/-x"
mkdir "$work/packed"
cp "$tree/text" "$work/packed/text"
cp "$tree/text" "$work/packed/text.gz"
printf '\037\213\010\000 not really' >"$work/packed/by its bytes"
count "$work/packed"
ok "compressed files in a directory are left alone" equal 1
ok "and told" test "$(get compressed)" = 2
count "$work/packed/text.gz"
ok "a compressed file that is named is counted" equal 1
if [ -s /proc/version ] || [ ! -r /proc/version ]; then
	skip "a file that has more bytes than its size is left out" "no /proc/version of size 0"
else
	count "$tree" /proc/version
	ok "a file that has more bytes than its size is left out" equal 7 1
fi
(while :; do echo more; done >>"$work/odd/growing") &
growing=$!
background="$background $growing"
count "$work/odd"
kill "$growing"
wait "$growing" 2>/dev/null
ok "a file that grows meanwhile is left out, and the rest is compared" equal 1 2

mkdir -m 755 "$work/locked"
cp "$tree/text" "$work/locked/open"
cp "$tree/text" "$work/locked/closed"
mkdir "$work/locked/closed dir"
chmod 000 "$work/locked/closed" "$work/locked/closed dir"
chmod 755 "$work"
if [ "$(id -u)" != 0 ]; then
	count "$work/locked"
	ok "unreadable files and directories are left out" equal 1 2
elif setpriv --reuid 65534 --regid 65534 --clear-groups "$wordcount" --version >/dev/null 2>&1; then
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$wordcount" --quiet --json "$work/locked"
	ok "unreadable files and directories are left out" equal 1 2
else
	skip "unreadable files and directories are left out" "root reads everything, and nobody cannot run it"
fi

# ---- wordcount: how it answers ----

for arguments in "--readers 0" "--workers x" "--chunk" "--chunk 63" "--capacity -1" "--nonsense" \
	"--chunk 99999999999999999999" "--kill -1" "--kill 10001" "--seed x"; do
	run "$wordcount" $arguments
	ok "wordcount $arguments is a usage error" fails_with_one_line 2
done
run "$wordcount" --help
ok "--help goes to the output" test "$status" = 0 -a -s "$work/out" -a ! -s "$work/err"
run "$wordcount" --version
ok "--version too" test "$status" = 0 -a "$(grep -c '^wordcount (stoa [0-9.]*)$' "$work/out")" = 1
run "$wordcount" "$tree"
ok "the table says that all totals are equal" grep -q ': all totals are equal$' "$work/out"
ok "its totals are in plain digits" grep -Eqx "bytes +$(find "$tree" -type f -exec cat {} + | wc -c)" "$work/out"
ok "progress without a terminal is a few plain lines" test "$(wc -l <"$work/err")" -le 4 -a "$status" = 0
timeout 60 "$wordcount" --quiet "$tree" >/dev/full 2>"$work/err"
status=$?
ok "an output that takes nothing is an error" test "$status" = 1
mkdir "$work/bin"
printf '#!/bin/sh\necho 1 2 3 total\n' >"$work/bin/wc"
chmod +x "$work/bin/wc"
run env PATH="$work/bin:$PATH" "$wordcount" --quiet --json "$tree"
ok "totals that are not those of wc end with status 1" test "$status" = 1 -a \
	"$(grep -c '"equal": false' "$work/out")" = 1
run env PATH=/nonexistent "$wordcount" --quiet "$tree"
ok "so does a wc that cannot run" test "$status" = 1 -a "$(grep -c 'no comparison' "$work/out")" = 1
run "$wordcount" --quiet --no-wc "$tree"
ok "--no-wc compares nothing" test "$status" = 0 -a "$(grep -c 'wc' "$work/out")" = 0
"$counter" "$name.taken" >/dev/null
run "$wordcount" --segment "$name.taken" "$tree"
ok "a segment of somebody else is not touched" fails_with_one_line 1
run "$counter" "$name.taken"
ok "and keeps what it holds" prints 2
"$counter" --remove "$name.taken"

# ---- wordcount: signals and deaths ----

# Processes of this test that still run: their arguments have its directory in them.
left() { grep -l -a "$work/[h]uge" /proc/[0-9]*/cmdline 2>/dev/null; }
none_left() {
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ -z "$(left)" ] && return 0
		sleep 0.2
	done
	return 1
}
start() {
	"$wordcount" --quiet --json --chunk 1048576 --segment "$name.huge" "$@" >"$work/out" 2>"$work/err" &
	parent=$!
	background="$background $parent"
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
		[ -e "/dev/shm/stoa.$name.huge" ] && [ "$(left | wc -l)" -ge 3 ] && break
		sleep 0.2
	done
}

printf '#!/bin/sh\n: >%s\nexec sleep 60\n' "$work/wc-runs" >"$work/bin/wc"
PATH="$work/bin:$PATH" "$wordcount" --quiet "$tree" >"$work/out" 2>"$work/err" &
parent=$!
background="$background $parent"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
	[ -e "$work/wc-runs" ] && break
	sleep 0.2
done
sleep 0.2
kill -INT $parent
wait $parent
status=$?
ok "SIGINT while wc runs ends wordcount, too" fails_with_one_line 130

truncate -s 30G "$work/huge"
for signal in INT TERM; do
	[ $signal = INT ] && expected=130 || expected=143
	start "$work/huge"
	kill -$signal $parent
	wait $parent
	status=$?
	ok "SIG$signal ends wordcount with status $expected" test $status = $expected
	ok "no process is left after SIG$signal" none_left
	ok "nor anything in /dev/shm" test ! -e "/dev/shm/stoa.$name.huge"
done
start "$work/huge"
kill -KILL $parent
wait $parent 2>/dev/null
ok "a parent that is killed takes its children along" none_left
rm -f "/dev/shm/stoa.$name.huge" "$work/huge"

children() { cat "/proc/$1/task/$1/children" 2>/dev/null; }
if [ -e "/proc/$$/task/$$/children" ]; then
	mkdir "$work/huge"
	i=0
	while [ $i -lt 200 ]; do cat "$work/random" "$work/long"; i=$((i + 1)); done | head -c 100000000 >"$work/huge/text"
	timeout 120 "$wordcount" --quiet --json --readers 2 --workers 3 --chunk 16384 "$work/huge" "$work/huge" \
		"$work/huge" "$work/huge" "$work/huge" >"$work/out" 2>"$work/err" &
	waiter=$!
	background="$background $waiter"
	killed=0
	sleep 0.05
	parent=$(children $waiter)
	for i in 1 2 3 4 5 6 7 8; do
		sleep 0.05
		set -- $(children $parent)
		[ $# -ge 5 ] || continue
		shift $((i % 5))
		kill -KILL "$1" 2>/dev/null && killed=$((killed + 1))
	done
	wait $waiter
	status=$?
	ok "killed readers and workers ($killed of them) are replaced, and all totals are exact" equal 5
	ok "each replacement is told" test "$(get replaced)" -gt 0 -a \
		"$(grep -c 'was killed by signal 9: replaced$' "$work/err")" = "$(get replaced)"
else
	skip "killed readers and workers are replaced, and all totals are exact" "no list of children in /proc"
	skip "each replacement is told" "no list of children in /proc"
fi

# ---- wordcount --kill ----

# All kills were made, and the totals are as without any.
unharmed() { equal 7 && [ "$(get kills)" = "$1" ] && [ "$(lengths)" = "$undisturbed" ]; }
get_or_0() { get "$1" | grep . || echo 0; }
count "$tree"
undisturbed=$(lengths)
dead_readers=0
dead_workers=0
for seed in 1 2 3 4 5 6 7 8 9 10 11 12; do
	[ $((seed % 2)) = 0 ] && program=$wordcount || program=$slow
	run "$program" --quiet --json --kill 50 --seed $seed \
		--readers $((seed % 3 + 1)) --workers $((seed % 5 + 1)) \
		--chunk $((256 << seed % 3)) --capacity $((1 << seed % 4)) "$tree"
	ok "50 kills with seed $seed leave all totals as they are" unharmed 50
	dead_readers=$((dead_readers + $(get_or_0 killed_readers)))
	dead_workers=$((dead_workers + $(get_or_0 killed_workers)))
done
ok "all of them are told, readers and workers" \
	test $((dead_readers + dead_workers)) = 600 -a $dead_readers -gt 0 -a $dead_workers -gt 0
count --kill 20 --workers 1 "$work/odd/text"
ok "one chunk is enough work for 20 kills" test "$status" = 0 -a "$(get kills)" = 20
ok "since it is not counted before, but redelivered" test "$(get_or_0 redelivered)" -gt 0
run "$wordcount" --quiet --kill 3 --seed 4294967295 "$tree"
ok "the table tells how many were killed" grep -Eqx "killed +3  \(.* readers, .* workers; .*\)" "$work/out"
ok "and the seed" grep -q '^--kill 3 --seed 4294967295 ' "$work/out"
run "$wordcount" --quiet --kill 3 "$tree/empty"
ok "where there is no work it says that nobody was killed" \
	test "$status" = 0 -a "$(grep -Ec '^not killed +3  ' "$work/out")" = 1
printf '#!/bin/sh\necho 1 2 3 total\n' >"$work/bin/wc"
run env PATH="$work/bin:$PATH" "$wordcount" --quiet --kill 3 "$tree"
ok "totals that differ after kills end with status 1" test "$status" = 1 -a \
	"$(grep -c 'NOT EQUAL' "$work/out")" = 1

# ---- README ----

sed -n '/README: begin/,/README: end/{/README:/!p;}' "$root/examples/counter.c" >"$work/snippet"
sed -n '/^```c$/,/^```$/{/^```/!p;}' "$root/README.md" >"$work/shown"
ok "the README shows what is compiled" test -s "$work/snippet" -a "$(cat "$work/snippet")" = "$(
	sed -n "1,$(wc -l <"$work/snippet")p" "$work/shown")"

echo "1..$tests"
