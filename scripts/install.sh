#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs into $DESTDIR$PREFIX what $BUILD has, or removes it again: install.sh [--remove]
#
# meson remembers what the last installation made.  When that lay over an earlier one it made no directories: those are
# remembered here.
set -eu

build=${BUILD:-build}
prefix=${PREFIX:-/usr/local}
cd "$(dirname "$0")/.."

case ${DESTDIR:-} in
'' | /*) ;;
*) DESTDIR=$PWD/$DESTDIR ;; # meson would take it as below the build directory
esac

# Without dpkg-dev meson would choose lib64, where Debian's loader and pkg-config do not look.
libdir=
if [ -e /etc/debian_version ]; then
	libdir=-Dlibdir=lib
fi

log=$build/meson-logs/install-log.txt
directories=$build/meson-logs/install-directories.txt

quietly() {
	if ! out=$("$@" 2>&1); then
		printf '%s\n' "$out" >&2
		exit 1
	fi
}

remove_directories() {
	[ -e "$directories" ] || return 0
	sort -ru "$directories" | while IFS= read -r directory; do
		rmdir "$directory" 2>/dev/null || : # not ours alone
	done
}

if [ "${1:-}" = --remove ]; then
	if [ ! -f "$log" ]; then
		echo "stoa: $build/ does not remember an installation; nothing was removed" >&2
		exit 1
	fi
	package=$(sed -n 's,/stoa/__init__\.py$,/stoa,p' "$log")
	quietly ninja -C "$build" uninstall
	[ -z "$package" ] || rm -rf "$package/__pycache__" # what Python compiled there
	remove_directories
	rm -f "$log" "$directories"
	echo "stoa: removed what was installed from $build/"
else
	scripts/build.sh
	quietly meson configure "$build" -Dprefix="$prefix" $libdir
	quietly env DESTDIR="${DESTDIR:-}" meson install -C "$build"
	while IFS= read -r made; do
		[ ! -d "$made" ] || [ -L "$made" ] || printf '%s\n' "$made"
	done <"$log" >>"$directories"
	echo "stoa: installed into ${DESTDIR:-}$prefix"
fi
# The loader's cache; a staged or a private installation has no part in it.
if [ -z "${DESTDIR:-}" ] && [ "$(id -u)" = 0 ] && command -v ldconfig >/dev/null; then
	ldconfig
fi
