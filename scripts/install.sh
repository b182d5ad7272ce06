#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs into $DESTDIR$PREFIX what $BUILD has, or removes it again: install.sh [--remove]
set -eu

build=${BUILD:-build}
prefix=${PREFIX:-/usr/local}
cd "$(dirname "$0")/.."

# Without dpkg-dev meson would choose lib64, where Debian's loader and pkg-config do not look.
libdir=
if [ -e /etc/debian_version ]; then
	libdir=-Dlibdir=lib
fi

quietly() {
	if ! out=$("$@" 2>&1); then
		printf '%s\n' "$out" >&2
		exit 1
	fi
}

if [ "${1:-}" = --remove ]; then
	if [ ! -f "$build/meson-logs/install-log.txt" ]; then
		echo "stoa: $build/ does not remember an installation; nothing was removed" >&2
		exit 1
	fi
	package=$(sed -n 's,/stoa/__init__\.py$,/stoa,p' "$build/meson-logs/install-log.txt")
	quietly ninja -C "$build" uninstall
	if [ -n "$package" ] && [ -d "$package" ]; then # what Python compiled there
		rm -rf "$package/__pycache__"
		rmdir "$package" 2>/dev/null || :
	fi
	echo "stoa: removed what was installed from $build/"
else
	scripts/build.sh
	quietly meson configure "$build" -Dprefix="$prefix" $libdir
	quietly env DESTDIR="${DESTDIR:-}" meson install -C "$build"
	echo "stoa: installed into ${DESTDIR:-}$prefix"
fi
# The loader's cache; a staged or a private installation has no part in it.
if [ -z "${DESTDIR:-}" ] && [ "$(id -u)" = 0 ] && command -v ldconfig >/dev/null; then
	ldconfig
fi
