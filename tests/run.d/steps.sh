# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What is built and run: cheap and telling things first, and then what takes
# long, in lanes beside each other.
# Wants: quick, builds, srcdir, second_lab, report.sh and lanes.sh.

script_timeout=420

run_steps() {
	"$srcdir/deploy/install-deps"
	one bootstrap bootstrap || return 0
	style_steps
	build_step gcc --enable-werror || return 0
	unit_step gcc
	[ "$quick" = yes ] || lane asan in_background asan_steps
	script_steps net
	[ "$quick" = yes ] || lane builds in_background other_steps
	lane pcap lab_steps pcap "$second_lab"
	lab_steps xdp "$GUIDEWAY_LAB_PREFIX"
	[ "$quick" = no ] || script_steps model sim
	lanes_join
}

# What needs nothing but the processor: one process at a time, of low priority,
# so that the networks of the other lanes run as if it were not there. It waits
# the longer itself.
in_background() {
	renice -n 19 -p "$BASHPID" >/dev/null
	export GUIDEWAY_JOBS=1 CK_TIMEOUT_MULTIPLIER=10
	script_timeout=1800
	"$@"
}

asan_steps() {
	if wanted asan/ && build_step asan CC=clang --enable-sanitizers \
	    --enable-werror; then
		unit_step asan
	fi
	script_steps model sim
}

other_steps() {
	if wanted distcheck; then
		one distcheck distcheck || true
	fi
	if wanted without-xdp; then
		build_step without-xdp --without-xdp --enable-werror || true
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
	    make -s -k -C "$dir" -j "${GUIDEWAY_JOBS:-$(nproc)}" check TESTS="${tests[*]}" \
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

# script_steps FOLDER...: every executable tests/FOLDER/*.sh that `make check`
# does not run itself: these need root and make their own namespaces.
script_steps() {
	local folder file name listed
	listed=$(make_tests "$builds/gcc")
	export GUIDEWAY_BUILD=$builds/gcc
	for folder; do
		for file in "$srcdir/tests/$folder"/*.sh; do
			name=${file#"$srcdir/tests/"}
			name=${name%.sh}
			if [ -x "$file" ] && wanted "$name" &&
			    ! grep -qx "tests/$name.sh" <<<"$listed"; then
				script "$name" "$file"
			fi
		done
	done
}

# lab_steps DRIVER PREFIX: every test in the lab, in one of that prefix, whose
# balancers have that driver.
lab_steps() {
	local file name
	export GUIDEWAY_LAB_DRIVER=$1 GUIDEWAY_LAB_PREFIX=$2
	export GUIDEWAY_BUILD=$builds/gcc
	for file in "$srcdir"/tests/lab/*.sh; do
		name=${file#"$srcdir/tests/"}
		name=${name%.sh}/$1
		if wanted "$name"; then
			script "$name" "$file"
		fi
	done
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
