#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# `make install` as an ordinary user has it, in a home of its own whose name has a space; programs linked with what is
# there by pkg-config, by hand and by CMake; and `make uninstall`, after which the home is as it was:
#
#	test_linking.sh ROOT COMPILER [ARGUMENT ...]
#
# Speaks TAP.

root=$1
shift
here=$(dirname "$0")
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-linking.XXXXXX") || exit 1
log=$work/log
home="$work/a home"
prefix="$home/.local"

clean_up() { rm -rf "$work"; }
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

# Whatever make or who called it has set is theirs.
unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS DESTDIR LD_LIBRARY_PATH CMAKE_PREFIX_PATH
unset PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR

# shellcheck source=tests/exits.sh
. "$here/exits.sh"
skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# ---- the user ----

mkdir -p "$home/.local/lib" "$home/.config"
echo mine >"$home/.config/file"
user=
if [ "$(id -u)" = 0 ]; then
	user='setpriv --reuid=65534 --regid=65534 --clear-groups'
	chmod 755 "$work"
	chown -R 65534:65534 "$home"
	mkdir "$work/build" "$work/stage"
	chown 65534:65534 "$work" "$work/build" "$work/stage"
	$user test -r "$root/meson.build" -a -x "$root/scripts" 2>/dev/null || user=
fi

make_stoa() {
	$user env HOME="$home" CC="$compiler" PYTHONDONTWRITEBYTECODE=1 \
		MESON_ARGS='-Dbuildtype=plain -Dtests=disabled -Dstress=disabled -Dbench=disabled -Dexamples=disabled' \
		make --no-print-directory -C "$root" BUILD="$work/build" "$@"
}
compiler=$*
listing() { (cd "$home" && find . | sort); }
listing >"$work/before"

echo 1..26

# ---- installed ----

exits 0 'make install puts it into the home of its user' make_stoa install PREFIX="$prefix"
libdir=$prefix/lib
chain() {
	[ "$(readlink "$libdir/libstoa.so")" = libstoa.so.0 ] &&
		[ "$(readlink "$libdir/libstoa.so.0")" = libstoa.so.0.1.0 ] && [ -f "$libdir/libstoa.so.0.1.0" ] &&
		readelf -d "$libdir/libstoa.so" | grep -F 'soname: [libstoa.so.0]'
}
exits 0 'the shared library has its soname, and the two names that lead to it' chain
needs_libc_alone() { ! readelf -d "$libdir/libstoa.so" | grep NEEDED | grep -v -e '\[libc\.so' -e '\[ld-linux'; }
exits 0 'it needs libc, and nothing else' needs_libc_alone
exits 0 'a second installation over the first' make_stoa install PREFIX="$prefix"

# ---- linked ----

cat >"$work/program.c" <<'END'
#include <stdio.h>
#include <string.h>

#include <stoa.h>

int main(void)
{
	struct stoa_segment *segment;
	struct stoa_value *value;
	int64_t number = 0;

	if (stoa_segment_create(NULL, NULL, &segment) || stoa_value_create(segment, "number", NULL, &value) ||
	    stoa_value_add_i64(value, 42) || stoa_value_load_i64(value, &number))
		return 1;
	printf("%d\n", (int)number);
	return strcmp(stoa_version(), STOA_VERSION_STRING) != 0;
}
END
cp "$work/program.c" "$work/program.cc"
PKG_CONFIG_PATH=$libdir/pkgconfig
export PKG_CONFIG_PATH

# The flags quote the space.
compile() {
	program=$1
	shift
	eval "$compiler -o '$work/$program' '$work/program.c' $*"
}
says_42() { [ "$(LD_LIBRARY_PATH=$libdir "$@")" = 42 ]; }
says_42_alone() { [ "$(env -u LD_LIBRARY_PATH "$@")" = 42 ]; }
needs_stoa() { readelf -d "$1" | grep -F '[libstoa.so.0]'; }
needs_no_stoa() { ! needs_stoa "$1"; }

exits 0 'pkg-config links with the shared library' compile shared "$(pkg-config --cflags --libs stoa)"
exits 0 'which the program needs by its soname' needs_stoa "$work/shared"
exits 0 'and finds' says_42 "$work/shared"

if echo 'int main(void) { return 0; }' | $compiler -static -x c - -o "$work/probe" 2>/dev/null; then
	exits 0 'pkg-config --static links a program that needs no library' \
		compile static -static "$(pkg-config --static --cflags --libs stoa)"
	exits 0 'which runs' says_42_alone "$work/static"
else
	skip 'pkg-config --static links a program that needs no library' 'no static libc'
	skip 'which runs' 'no static libc'
fi
exits 0 'libstoa.a alone, and -pthread, make a program' \
	compile alone "$(pkg-config --cflags stoa) '$libdir/libstoa.a' -pthread"
exits 0 'which needs no libstoa.so' needs_no_stoa "$work/alone"
exits 0 'and runs' says_42_alone "$work/alone"
names_stoa_alone() {
	[ -z "$(pkg-config --print-requires stoa)$(pkg-config --print-requires-private stoa)" ] &&
		[ "$(pkg-config --static --libs-only-l stoa | tr -d ' ')" = -lstoa ] &&
		! pkg-config --static --cflags --libs stoa | grep -w ck
}
exits 0 'pkg-config names stoa, and nothing that only its makers need' names_stoa_alone

# What docs/linking.md says, in a directory whose name needs no quotes.
block() { # block FENCE: what the first one of that language has
	sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{ /^\`\`\`/d; p; }" "$root/docs/linking.md"
}
by_hand() {
	sed -n '/^## With make/,/^Where/s/^    //p' "$root/docs/linking.md" >"$work/commands"
	[ "$(grep -c '^cc ' "$work/commands")" = 3 ] || return 1
	ln -s "$prefix" "$work/linked" && mkdir "$work/pc"
	sed "s,^prefix=.*,prefix=$work/linked," "$libdir/pkgconfig/stoa.pc" >"$work/pc/stoa.pc"
	(
		cd "$work" && PKG_CONFIG_PATH=$work/pc && cc() { command $compiler "$@"; }
		set -ex
		. ./commands
		says_42_alone ./a.out
	)
}
if [ -x "$work/probe" ]; then
	exits 0 'the commands of docs/linking.md link, too' by_hand
else
	skip 'the commands of docs/linking.md link, too' 'no static libc'
fi

# ---- CMake ----

mkdir "$work/project"
cat >"$work/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.13)
project(user C CXX)

foreach(too_much 0.2 1 0.2...1 0.0...<0.1)
  find_package(stoa ${too_much} CONFIG QUIET)
  if(stoa_FOUND)
    message(FATAL_ERROR "stoa ${stoa_VERSION} says that it is ${too_much}")
  endif()
endforeach()
find_package(stoa CONFIG QUIET COMPONENTS portico)
if(stoa_FOUND)
  message(FATAL_ERROR "stoa says that it has a portico")
endif()
find_package(stoa 0.0...<1 CONFIG REQUIRED)
find_package(stoa 0.1.0 EXACT CONFIG REQUIRED)
find_package(stoa 0.1 CONFIG REQUIRED)
if(NOT stoa_VERSION STREQUAL "0.1.0")
  message(FATAL_ERROR "version ${stoa_VERSION}")
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_EXTENSIONS OFF)
add_compile_options(-Wall -Wextra -Wpedantic -Werror)
add_executable(shared ../program.c)
target_link_libraries(shared PRIVATE stoa::stoa)
add_executable(static ../program.c)
target_link_libraries(static PRIVATE stoa::stoa_static)
add_executable(shared_cc ../program.cc)
target_link_libraries(shared_cc PRIVATE stoa::stoa)
add_executable(static_cc ../program.cc)
target_link_libraries(static_cc PRIVATE stoa::stoa_static)
END
cmake_project() {
	cmake -S "$work/project" -B "$work/$1" -DCMAKE_PREFIX_PATH="$2" && cmake --build "$work/$1"
}
cmake_programs() {
	build=$work/$1
	for program in shared static shared_cc static_cc; do
		says_42_alone "$build/$program" || return 1
		case $program in
		shared*) needs_stoa "$build/$program" ;;
		static*) needs_no_stoa "$build/$program" ;;
		esac || return 1
	done
}
moved() {
	mkdir "$work/moved"
	cp -R "$libdir" "$prefix/include" "$work/moved"
}
only_static() {
	rm "$work/moved/lib/"libstoa.so*
	cmake_project static_only "$work/moved" || return 1
	needs_no_stoa "$work/static_only/shared" && says_42_alone "$work/static_only/shared"
}
neither() {
	rm "$work/moved/lib/libstoa.a"
	cmake_project neither "$work/moved"
}
documented() {
	mkdir "$work/documented" && cp "$work/program.c" "$work/documented" &&
		block cmake >"$work/documented/CMakeLists.txt" &&
		cmake -S "$work/documented" -B "$work/documented/build" -DCMAKE_PREFIX_PATH="$prefix" &&
		cmake --build "$work/documented/build" && says_42_alone "$work/documented/build/program"
}
set -- 'CMake finds the package, and links C and C++ with both libraries' 'the programs need the library that they name' \
	'the project of docs/linking.md works' 'the package was copied' 'CMake finds it at its new place' 'and takes nothing from the old one' \
	'where there is the static library alone, that is stoa::stoa' 'where there is none, the package is not found'
if command -v cmake >/dev/null && command -v c++ >/dev/null; then
	exits 0 "$1" cmake_project build_cmake "$prefix"
	exits 0 "$2" cmake_programs build_cmake
	exits 0 "$3" documented
	exits 0 "$4" moved
	exits 0 "$5" cmake_project build_moved "$work/moved"
	exits 1 "$6" grep -rFq "$prefix" "$work/build_moved/CMakeFiles/shared.dir" "$work/build_moved/CMakeFiles/static.dir"
	exits 0 "$7" only_static
	exits 1 "$8" neither
else
	for sentence; do
		skip "$sentence" 'no CMake, or no C++ compiler'
	done
fi

# ---- removed ----

package=$(find "$prefix" -path '*/stoa/__init__.py')
python_leaves_something() {
	PYTHONPATH=${package%/stoa/__init__.py} PYTHONDONTWRITEBYTECODE='' $user "${PYTHON:-python3}" -c 'import stoa' &&
		[ -d "${package%/__init__.py}/__pycache__" ]
}
if [ -n "$package" ]; then
	exits 0 'Python compiles what it imports from there' python_leaves_something
else
	skip 'Python compiles what it imports from there' 'built without the Python package'
fi
exits 0 'make uninstall' make_stoa uninstall PREFIX="$prefix"
as_before() { listing | diff "$work/before" -; }
exits 0 'leaves each file and each directory as before, and nothing else' as_before
stage() {
	make_stoa install PREFIX=/usr DESTDIR="$work/stage" && [ -f "$work/stage/usr/include/stoa.h" ] &&
		make_stoa uninstall PREFIX=/usr DESTDIR="$work/stage" && [ -z "$(ls -A "$work/stage")" ]
}
exits 0 'so it is with a DESTDIR' stage
