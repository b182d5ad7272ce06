#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# stoa as a subproject of two others: one in C that wants all of it in its program, and one in C++ that names it in a
# wrap and installs it beside its program:
#
#	test_subproject.sh ROOT
#
# What they say of stoa in their meson.build, and the wrap, is what docs/linking.md has.
#
# Speaks TAP.  The compilers are those that meson finds, or $CC and $CXX.

root=$1
here=$(dirname "$0")
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-subproject.XXXXXX") || exit 1
log=$work/log

clean_up() { rm -rf "$work"; }
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

unset DESTDIR LD_LIBRARY_PATH PKG_CONFIG_PATH

# shellcheck source=tests/exits.sh
. "$here/exits.sh"

block() { # block FENCE: what docs/linking.md has in that language
	sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{ /^\`\`\`/d; p; }" "$root/docs/linking.md"
}

echo 1..12

mkdir -p "$work/one/subprojects" "$work/other/subprojects"
cat >"$work/one/program.c" <<'END'
#include <stdio.h>

#include <stoa.h>

int main(void)
{
	struct stoa_segment *segment;
	int rc = stoa_segment_create(NULL, NULL, &segment);

	printf("%s\n", stoa_version());
	return rc != 0;
}
END
cp "$work/one/program.c" "$work/other/program.cc"

# ---- in C, static ----

ln -s "$root" "$work/one/subprojects/stoa"
{
	echo "project('one', 'c', default_options: ['c_std=c11', 'warning_level=3', 'werror=true', 'default_library=static'])"
	block meson
} >"$work/one/meson.build"

# set_up PROJECT [ARGUMENT ...]
set_up() {
	project=$1
	shift
	meson setup --force-fallback-for=stoa --prefix=/usr --libdir=lib -Dbuildtype=plain "$@" \
		"$work/$project/build" "$work/$project"
}
targets() {
	meson introspect --targets "$work/$1/build" | grep -o '"type": "[^"]*"' | sort | cut -d'"' -f4 | tr '\n' ,
}
built() { [ "$(targets "$1" | tee /dev/stderr)" = "$2" ]; }
runs() { [ "$("$@")" = 0.1.0 ]; }
needs_stoa() { readelf -d "$1" | grep -F '[libstoa.so.0]'; }
install_it() { meson install --no-rebuild -C "$work/$1/build" --destdir "$work/$1/root"; }
installed() {
	(cd "$work/$1/root" && find . ! -type d | sort) >"$work/list"
	printf '%s\n' "$2" | diff - "$work/list"
}

exits 0 'a project in C takes stoa for a fallback, with all warnings as errors' set_up one -Dstoa:warning_level=3
exits 0 'its static library is built, and nothing else of it' built one 'executable,static library,'
exits 0 'it compiles' ninja -C "$work/one/build"
exits 0 'the program runs' runs "$work/one/build/program"
exits 1 'and needs no libstoa.so' needs_stoa "$work/one/build/program"
exits 0 'installed, it' install_it one
exits 0 'is there alone' installed one ./usr/bin/program

# ---- in C++, shared, by a wrap ----

ln -s "$root" "$work/other/subprojects/stoa"
block ini >"$work/other/subprojects/stoa.wrap"
cat >"$work/other/meson.build" <<'END'
project('other', 'cpp', default_options: ['cpp_std=c++17'])
executable('program', 'program.cc', dependencies: dependency('stoa', version: '>=0.1'), install: true)
END
if command -v "${CXX:-c++}" >/dev/null; then
	exits 0 'a project in C++ finds stoa by its wrap' set_up other
	exits 0 'it compiles' ninja -C "$work/other/build"
	exits 0 'installed, it' install_it other
	exits 0 'has the shared library beside it, and no more' installed other './usr/bin/program
./usr/lib/libstoa.so
./usr/lib/libstoa.so.0
./usr/lib/libstoa.so.0.1.0'
	exits 0 'with which it runs' runs env LD_LIBRARY_PATH="$work/other/root/usr/lib" "$work/other/root/usr/bin/program"
else
	while [ $tests -lt 12 ]; do
		tests=$((tests + 1))
		echo "ok $tests - a project in C++ # SKIP no C++ compiler"
	done
fi
