# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What is built and run, in order: cheap and telling things first.
# Wants: quick, builds, srcdir, and report.sh.

script_timeout=420

run_steps() {
	"$srcdir/deploy/install-deps"
	one bootstrap bootstrap || return 0
	style_steps
	build_step gcc --enable-werror || return 0
	unit_step gcc
	script_steps
	[ "$quick" = no ] || return 0
	if wanted asan/ && build_step asan CC=clang --enable-sanitizers \
	    --enable-werror; then
		unit_step asan
	fi
	if wanted without-xdp; then
		build_step without-xdp --without-xdp --enable-werror || true
	fi
	if wanted distcheck; then
		one distcheck distcheck || true
	fi
	if wanted fuzz; then
		one fuzz as_owner "$srcdir/tests/fuzz/run" --seconds 10 \
		    --build "$builds/fuzz" || true
	fi
}

bootstrap() {
	as_owner mkdir -p "$builds" && build_bootstrap
}

# build_step NAME CONFIGURE-ARGUMENT...: a build of its own, tests included.
build_step() {
	local name=$1
	shift
	one "$name/build" build_one "$builds/$name" "$@"
}

build_one() {
	build_configure "$@" && build_make "$1" -k all &&
		build_make "$1" -k check TESTS=
}

# unit_step BUILD: its `make check`, each program's tests counted from the
# TAP file that check writes beside its log.
unit_step() {
	local dir=$builds/$1 tests=() test
	for test in $(make_tests "$dir"); do
		! wanted "$1/${test#tests/}" || tests+=("$test")
	done
	[ ${#tests[@]} -gt 0 ] || return 0
	echo "# $1: make check, ${#tests[@]} programs ..."
	for test in "${tests[@]}"; do
		rm -f "$dir/$test".{tap,trs,log}
	done
	# The name is expanded by the shell that runs the test.
	# shellcheck disable=SC2016
	in_group as_owner env UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	    make -s -k -C "$dir" -j "$(nproc)" check TESTS="${tests[*]}" \
	    TESTS_ENVIRONMENT='CK_TAP_LOG_FILE_NAME=$$b.tap' \
	    >"$logs/$1-check" 2>&1 || true
	for test in "${tests[@]}"; do
		unit_result "$1/${test#tests/}" "$dir/${test%.sh}"
	done
}

# The tests of a build, as its Makefile knows them.
make_tests() {
	printf '%s\n' 'include Makefile' 'print-tests:' \
	    "	@printf '%s\\n' \$(TESTS)" |
		as_owner make -s -C "$1" -f - print-tests
}

# unit_result NAME BASE: from what the harness and the program wrote.
unit_result() {
	local name=$1 base=$2 result
	result=$(sed -n 's/^:test-result: *//p' "$base.trs" 2>/dev/null || true)
	if [ -s "$base.tap" ]; then
		tap_file "$name" "$base.tap" "$([ "$result" = PASS ]; echo $?)" ||
			record_fail "$name" "$base.log"
	elif [ "$result" = PASS ]; then
		record_pass "$name"
	elif [ "$result" = SKIP ]; then
		record_skip "$name" "$(tail -n 1 "$base.log")"
	else
		record_fail "$name" "$base.log"
	fi
}

# Every executable tests/*/*.sh that `make check` does not run itself: these
# need root and make their own namespaces.
script_steps() {
	local file name listed
	listed=$(make_tests "$builds/gcc")
	for file in "$srcdir"/tests/*/*.sh; do
		name=${file#"$srcdir/tests/"}
		name=${name%.sh}
		if [ -x "$file" ] && wanted "$name" &&
		    ! grep -qx "tests/$name.sh" <<<"$listed"; then
			script_in_turn "$name" "$file"
		fi
	done
}

# Those in the lab with XDP; those that are about packets with the pcap driver
# too.
script_in_turn() {
	export GUIDEWAY_BUILD=$builds/gcc
	case $1 in
	lab/*) GUIDEWAY_LAB_DRIVER=xdp script "$1/xdp" "$2" ;;
	*) script "$1" "$2" ;;
	esac
	case $1 in
	lab/http | lab/moves_cluster | lab/reload | lab/restart | lab/shares | \
	    lab/transfer)
		GUIDEWAY_LAB_DRIVER=pcap script "$1/pcap" "$2"
		;;
	esac
}

style_steps() {
	if wanted style/clang-format; then
		one style/clang-format style_c || true
	fi
	if wanted style/shellcheck; then
		one style/shellcheck style_shell || true
	fi
	if wanted style/mandoc; then
		one style/mandoc style_man || true
	fi
}

# The files of the project: what git knows, or, in a tarball, all there are.
sources() {
	(cd "$srcdir" && { as_owner git ls-files 2>/dev/null ||
		find . -path './build*' -prune -o -type f -print; })
}

style_c() {
	(cd "$srcdir" && sources | grep '\.[ch]$' |
		xargs clang-format --dry-run -Werror)
}

style_shell() {
	(cd "$srcdir" && sources | while read -r file; do
		case $(head -c 64 "$file" 2>/dev/null | tr -d '\0') in
		'#!/bin/sh'* | '#!/bin/bash'*) printf '%s\n' "$file" ;;
		esac
	done | xargs shellcheck -x)
}

style_man() {
	(cd "$srcdir" && sources | { grep '\.[1-9]$' || true; } |
		xargs --no-run-if-empty mandoc -T lint -W warning)
}

distcheck() {
	build_make "$builds/gcc" distcheck
}
