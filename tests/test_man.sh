#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Compares a manual page with what its program says of itself, and looks whether it can be shown:
#
#	test_man.sh SOURCE PAGE PROGRAM
#
# Speaks TAP.

source=$1
page=$2
program=$3
name=$(basename "$page" .1)
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-man.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
tests=0

# same SENTENCE: $work/page and $work/help are the same, and not empty.
same() {
	tests=$((tests + 1))
	if diff "$work/help" "$work/page" >"$work/log" && [ -s "$work/help" ]; then
		echo "ok $tests - $1"
	else
		echo "not ok $tests - $1"
		sed 's/^</# only in --help:/; s/^>/# only in the page:/; /^#/!d' "$work/log"
	fi
}

options() {
	grep -oE -e '--[a-z][a-z-]*' | sort -u
}

# Of the lines on how the program is called: the word behind its name, where it is no option and no operand.
commands() {
	sed -n "s/^\(usage:\)\{0,1\} *$name \([a-z][a-z]*\).*/\2/p" | sort -u
}

echo 1..3

# Commands that say so have a --help of their own.
"$program" --help >"$work/usage"
for command in $(grep -e '; --help$' "$work/usage" | commands); do
	"$program" "$command" --help
done >"$work/more"
cat "$work/usage" "$work/more" | options >"$work/help"
echo '--help' >>"$work/help"
sort -u -o "$work/help" "$work/help"
options <"$source" >"$work/page"
same "the page of $name has the options that --help has, and no others"

commands <"$work/usage" >"$work/help"
sed -n '/^# SYNOPSIS/,/^# DESCRIPTION/s/\*//gp' "$source" | commands >"$work/page"
same 'and the commands'

tests=$((tests + 1))
if ! command -v groff >/dev/null 2>&1; then
	echo "ok $tests - it is shown without a warning # SKIP groff is missing"
elif groff -man -Tutf8 -ww "$page" >"$work/shown" 2>"$work/log" && [ ! -s "$work/log" ] && [ -s "$work/shown" ]; then
	echo "ok $tests - it is shown without a warning"
else
	echo "not ok $tests - it is shown without a warning"
	sed 's/^/# /' "$work/log"
fi
