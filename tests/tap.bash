# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What test scripts say and how they wait, for all of them. Wants: work, a folder.
tap_count=0 tap_bad=0

# check WHAT COMMAND...: one test.
check() {
	local what=$1
	shift
	tap_count=$((tap_count + 1))
	if "$@" >"$work/check" 2>&1; then
		echo "ok $tap_count - $what"
	else
		echo "not ok $tap_count - $what"
		echo "# failed: $*"
		# What was waited for may have said the same many times.
		uniq "$work/check" | tail -n 30 | sed 's/^/#   /'
		tap_bad=$((tap_bad + 1))
	fi
}

# wait_until SECONDS COMMAND...: until the command succeeds. Other work on the
# machine may take as long again, and the last look comes after that.
wait_until() {
	local end=$((SECONDS + 1 + 2 * $1)) last=
	shift
	until "$@"; do
		[ -z "$last" ] || return 1
		[ $SECONDS -lt $end ] || last=yes
		sleep 0.05
	done
}
