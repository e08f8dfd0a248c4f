# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Building from a clone or a tarball, for the lab, the demo and the tests.
# Wants: srcdir (absolute).

# Root who builds in somebody's clone must not leave root's files there (and
# git refuses to look into it): the build runs as the owner of the source.
as_owner() {
	local uid gid
	uid=$(stat -c %u "$srcdir")
	gid=$(stat -c %g "$srcdir")
	if [ "$(id -u)" = 0 ] && [ "$uid" != 0 ]; then
		setpriv --reuid "$uid" --regid "$gid" --clear-groups -- "$@"
	else
		"$@"
	fi
}

# A clone has no configure; a tarball does.
build_bootstrap() {
	[ "$srcdir/configure" -nt "$srcdir/configure.ac" ] && return
	echo "build: autoreconf"
	(cd "$srcdir" && as_owner autoreconf -fi) >&2
}

# build_configure DIR ARGUMENT...: once; make reconfigures when it has to.
build_configure() {
	local dir=$1
	shift
	[ -e "$dir/config.status" ] && return
	if [ -e "$srcdir/config.status" ]; then
		echo "build: $srcdir itself is configured;" \
		    "run 'make distclean' there first" >&2
		return 1
	fi
	as_owner mkdir -p "$dir"
	echo "build: configure $*"
	(cd "$dir" && as_owner "$srcdir/configure" -q "$@") >&2
}

build_make() {
	local dir=$1
	shift
	echo "build: make${*:+ $*}"
	as_owner make -s -C "$dir" -j "${GUIDEWAY_JOBS:-$(nproc)}" "$@" >&2
}

build_is_there() {
	[ -x "$1/balancer/guideway-balancer" ] &&
		[ -x "$1/agent/guideway-agent" ]
}

# build_find [DIR]: sets builddir to DIR, to the newest build there is, or to
# a new one in SOURCE/build.
build_find() {
	local dir
	builddir=
	if [ -n "${1:-}" ]; then
		builddir=$(realpath -m -- "$1")
		build_is_there "$builddir" && return
		echo "build: no programs in $builddir" >&2
		return 1
	fi
	for dir in "$srcdir"/build*/ "$srcdir"/; do
		dir=${dir%/}
		build_is_there "$dir" || continue
		if [ -z "$builddir" ] || [ "$dir/balancer/guideway-balancer" \
		    -nt "$builddir/balancer/guideway-balancer" ]; then
			builddir=$dir
		fi
	done
	[ -n "$builddir" ] && return
	builddir=$srcdir/build
	build_bootstrap && build_configure "$builddir" && build_make "$builddir"
}
