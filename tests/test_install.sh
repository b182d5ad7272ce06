#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs the library into a directory of its own, and links programs with it as any user would:
#
#	test_install.sh BUILD COMPILER [ARGUMENT ...]
#
# Speaks TAP.

build=$1
shift
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-install.XXXXXX") || exit 1
name=install-$$
tests=0

# What `make uninstall` goes by: put away meanwhile.
log=$build/meson-logs/install-log.txt
[ ! -e "$log" ] || mv "$log" "$log.saved"

clean_up() {
	rm -rf "$work" "$log"
	[ ! -e "$log.saved" ] || mv "$log.saved" "$log"
	rm -f "/dev/shm/stoa.$name"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

# ok SENTENCE COMMAND...: the command decides.
ok() {
	sentence=$1
	shift
	tests=$((tests + 1))
	if "$@" >"$work/log" 2>&1; then
		echo "ok $tests - $sentence"
	else
		echo "not ok $tests - $sentence"
		sed 's/^/# /' "$work/log"
	fi
}

# has OPTION VALUE: how the build is configured; what is disabled is not there to be installed.
has() { meson introspect --buildoptions "$build" | grep -q "\"name\": \"$1\", \"value\": $2"; }
skip() {
	reason=$1
	shift
	for sentence; do
		tests=$((tests + 1))
		echo "ok $tests - $sentence # SKIP $reason"
	done
}

echo 1..15

ok 'the library installs' meson install -C "$build" --no-rebuild --destdir "$work/root"
PKG_CONFIG_SYSROOT_DIR=$work/root
PKG_CONFIG_LIBDIR=$(dirname "$(find "$work/root" -name stoa.pc)")
export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR

cat >"$work/send.c" <<'END'
#include <stoa.h>

int main(int argc, char **argv)
{
	struct stoa_segment *segment;
	struct stoa_queue *queue;
	struct stoa_sender *sender;

	(void)argc;
	if (stoa_segment_create(argv[1], NULL, &segment) || stoa_queue_create(segment, "words", NULL, &queue) ||
	    stoa_sender_open(queue, &sender))
		return 1;
	for (; argv[2]; argv++)
		if (stoa_sender_send(sender, argv[2], 5, NULL))
			return 2;
	return stoa_queue_shutdown(queue, STOA_DRAIN);
}
END
cat >"$work/receive.c" <<'END'
#include <stdio.h>
#include <stoa.h>

int main(int argc, char **argv)
{
	struct stoa_segment *segment;
	struct stoa_queue *queue;
	struct stoa_receiver *receiver;
	char word[64];
	size_t size;
	int rc;

	(void)argc;
	if (stoa_segment_open(argv[1], 0, &segment) || stoa_queue_open(segment, "words", NULL, &queue) ||
	    stoa_receiver_open(queue, &receiver))
		return 1;
	while (!(rc = stoa_receiver_recv(receiver, word, sizeof word, &size, NULL)))
		printf("%.*s\n", (int)size, word);
	return rc != STOA_CLOSED || stoa_segment_unlink(argv[1]);
}
END

compile() {
	program=$1
	shift
	# shellcheck disable=SC2046
	"$@" -o "$work/$program" "$work/$program.c" $(pkg-config --cflags --libs stoa)
}
ok 'a program links with what pkg-config says' compile send "$@"
ok 'and another' compile receive "$@"

LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name libstoa.so)")
export LD_LIBRARY_PATH
ok 'one sends by name' "$work/send" "$name" hello there
received() { [ "$("$work/receive" "$name")" = "$(printf 'hello\nthere')" ]; }
ok 'the other, which starts when the first is gone, receives' received
no_name_left() { [ ! -e "/dev/shm/stoa.$name" ]; }
ok 'and nothing is left' no_name_left

# Hidden names would clash with those of a program.
its_own_names() {
	nm -g --defined-only "$LD_LIBRARY_PATH/libstoa.a" | awk 'NF == 3 && $3 !~ /^stoa_/ { print; others = 1 } END { exit others }'
}
own_names='all global names of the static library begin with stoa_'
if ! command -v objcopy >/dev/null || has b_lto true; then
	skip 'no objcopy, or link-time optimization' "$own_names"
else
	ok "$own_names" its_own_names
fi

# Those with planted defects are not for calling by hand, and stoa-stress knows where they are.
finds='the race hunt finds its programs where they are installed'
if has stress '"disabled"'; then
	skip 'built without it' "$finds" 'all of them'
else
	installed=$(find "$work/root" -path '*/bin/stoa-stress')
	ok "$finds" "$installed" replay stoa-stress-defective --version
	ok 'all of them' "$installed" replay stoa-history-defective --help
fi

pages=$(cd "$build" && find docs/man -name '*.1' 2>/dev/null)
pages_installed() {
	for page in $pages; do
		[ -s "$(find "$work/root" -path "*/man/man1/${page##*/}")" ] || { echo "no $page"; return 1; }
		[ -x "$(find "$work/root" -path "*/bin/$(basename "$page" .1)")" ] || return 1
	done
}
if [ -n "$pages" ]; then
	ok 'each program has its manual page' pages_installed
else
	skip 'built without them' 'each program has its manual page'
fi

# The Python package, where there is one.
package=$(find "$work/root" -path '*/stoa/__init__.py')
prefix=$(meson introspect --buildoptions "$build" | grep -o '"prefix", "value": "[^"]*"' | cut -d'"' -f6)
python() { PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=${package%/stoa/__init__.py} "${PYTHON:-python3}" "$@"; }
python_imports() {
	[ "$(python -c 'import stoa; v = stoa.Value("i", 41); v += 1; print(v.value, stoa.__file__)')" = "42 $package" ]
}
python_looks_there() {
	directory=${package#"$work/root"}
	case $prefix in
	/usr | /usr/local) python -c 'import site, sys; sys.exit(sys.argv[1] not in site.getsitepackages())' "${directory%/stoa/__init__.py}" ;;
	*) case $directory in "$prefix"/lib/python3*) ;; *) return 1 ;; esac ;;
	esac
}
python_finds_the_library() {
	library=$(find "$work/root" -name 'libstoa.so.0' | head -n 1)
	paths=$(readelf -d "${package%/__init__.py}/_stoa.abi3.so" | grep -E 'RPATH|RUNPATH')
	if [ "$prefix" = /usr ]; then
		[ -z "$paths" ] # where every loader looks
	else
		printf '%s\n' "$paths" | grep -F "[$(dirname "${library#"$work/root"}")]"
	fi
}
if [ -n "$package" ]; then
	ok 'Python imports the package' python_imports
	ok 'it looks where it was put' python_looks_there
	ok 'and the extension finds the library where that will be' python_finds_the_library
else
	skip 'built without it' 'Python imports the package' 'it looks where it was put' \
		'and the extension finds the library where that will be'
fi

uninstall() { (cd "$build" && meson --internal uninstall); }
ok 'all of it can be removed' uninstall
nothing_left() { [ ! -e "$work/root" ] || [ -z "$(find "$work/root" -mindepth 1 | tee /dev/stderr)" ]; }
ok 'and then nothing is left, no directory either' nothing_left
