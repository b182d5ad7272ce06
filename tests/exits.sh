# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# To be read by the tests that are scripts: commands whose exit status is known.  $log is a file of the
# caller's own; $tests counts.

tests=0

# exits STATUS SENTENCE COMMAND...: what the command said is in $log, and shown where the status is another.
exits() {
	wanted=$1
	sentence=$2
	shift 2
	tests=$((tests + 1))
	"$@" >"$log" 2>&1
	status=$?
	if [ $status -eq "$wanted" ]; then
		echo "ok $tests - $sentence"
	else
		echo "not ok $tests - $sentence"
		echo "# exit status $status"
		tail -n 300 "$log" | sed 's/^/# /'
	fi
}
