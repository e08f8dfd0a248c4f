# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Counting and showing what the tests say.
# Wants: pattern, logs, srcdir.

passed=0 failed=0 skipped=0

# wanted NAME: did the user ask for it?
wanted() {
	# shellcheck disable=SC2053 # a pattern on purpose
	[ -z "$pattern" ] || [[ $1 == *$pattern* ]]
}

record_pass() {
	passed=$((passed + ${2:-1}))
	echo "ok - $1${2:+ ($2 tests)}"
}

# record_fail NAME [LOG]: with the part of the log that matters: what a
# compiler calls errors, and the end.
record_fail() {
	failed=$((failed + 1))
	echo "not ok - $1"
	[ -z "${2:-}" ] || [ ! -e "$2" ] || show_log "$2"
}

record_skip() {
	skipped=$((skipped + 1))
	echo "ok - $1 # SKIP ${2:-without a reason}"
}

show_log() {
	{ grep -E -A 3 '(error|Error|warning): |: failed |\*\*\* ' "$1" | head -n 20 || true; } |
		sed 's/^/#   /'
	tail -n 25 "$1" | sed 's/^/#   /'
}

# in_group COMMAND...: a program or function in a process group of its own,
# which clean_up can end; a trap of ours runs at once, since we only wait.
in_group() {
	local status=0
	set -m
	"$@" </dev/null 3>&- &
	child=$!
	set +m
	wait "$child" || status=$?
	child=
	return $status
}

# one NAME COMMAND...: a whole command as one test.
one() {
	local name=$1 log=$logs/${1//\//-} start=$SECONDS
	shift
	echo "# $name ..."
	if in_group "$@" >"$log" 2>&1; then
		record_pass "$name, $((SECONDS - start)) s"
	else
		record_fail "$name" "$log"
		return 1
	fi
}

# tap_file NAME FILE STATUS: a program's results from its TAP file; `STATUS`
# is what it exited with. A program that died says so by fewer lines.
tap_file() {
	local name=$1 file=$2 status=$3 ok bad
	ok=$(grep -c '^ok ' "$file" || true)
	bad=$(grep -c '^not ok ' "$file" || true)
	[ "$ok" -eq 0 ] || record_pass "$name" "$ok"
	if [ "$bad" -gt 0 ]; then
		failed=$((failed + bad))
		grep '^not ok ' "$file" | sed "s|^not ok [0-9]* -|& $name:|"
	elif [ "$status" != 0 ]; then
		return 1
	fi
}

# --foreground: timeout must not make a group of its own.
script_show() {
	set -o pipefail
	timeout --foreground -k 20 "$script_timeout" "$2" 2>&1 | tee "$3" |
		sed -u -n "s|^ok [0-9]*\( -\)\{0,1\}|ok - $1:|p
		    s|^not ok [0-9]*\( -\)\{0,1\}|not ok - $1:|p"
}

# script NAME FILE: a test program in TAP, shown line by line as it runs.
script() {
	local name=$1 file=$2 log=$logs/${1//\//-} status=0 start=$SECONDS
	local bad
	echo "# $name ..."
	in_group script_show "$name" "$file" "$log" || status=$?
	passed=$((passed + $(grep '^ok ' "$log" | grep -vc '# SKIP' || true)))
	skipped=$((skipped + $(grep -c '^ok .*# SKIP' "$log" || true)))
	bad=$(grep -c '^not ok ' "$log" || true)
	failed=$((failed + bad))
	if [ "$status" = 77 ]; then
		record_skip "$name" "$(tail -n 1 "$log")"
	elif [ "$status" != 0 ] && [ "$bad" -eq 0 ]; then
		record_fail "$name (exit status $status)" "$log"
	elif [ "$bad" -gt 0 ]; then
		show_log "$log"
	elif ! grep -q '^ok ' "$log"; then
		record_fail "$name (ran no test)" "$log"
	fi
	echo "# $name: $((SECONDS - start)) s"
}

report_end() {
	[ "$failed" -eq 0 ] || echo "# logs: $logs"
	if [ $((passed + failed + skipped)) -eq 0 ]; then
		failed=1
		echo "# no test has '$pattern' in its name"
	fi
	reported=yes
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ] && [ "$skipped" -eq 0 ]
}
