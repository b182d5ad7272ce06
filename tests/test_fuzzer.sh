#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Some inputs that libFuzzer makes: test_fuzzer.sh FUZZ_LIBFUZZER.  Speaks TAP.
#
# One that does harm is kept in the working directory, as libFuzzer's last lines tell.

runs=2000

echo 1..1
if out=$("$1" -seed=1 -runs=$runs -max_len=1024 -len_control=0 2>&1); then
	echo "ok 1 - $runs inputs that libFuzzer makes do no harm"
else
	printf '%s\n' "$out" | sed 's/^/# /'
	echo "not ok 1 - $runs inputs that libFuzzer makes do no harm"
fi
