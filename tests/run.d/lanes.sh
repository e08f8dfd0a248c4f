# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Lanes: parts of the run that go on beside each other, since most of what is
# tested with real routers waits, and compilers do not. Each is a shell of its
# own; what it counts is added when it is joined.
# Wants: logs, report.sh.

lanes=()

# lane NAME COMMAND...: begins one. Its lines come between those of the others;
# each names its test.
lane() {
	local name=$1
	shift
	(
		passed=0 failed=0 skipped=0 lanes=()
		trap 'lane_stop' TERM INT HUP
		trap 'echo "$passed $failed $skipped" >"$logs/lane-$name"' EXIT
		"$@"
	) &
	lanes+=("$name:$!")
}

# Ends what runs in this lane; its process group is not ours.
lane_stop() {
	if [ -n "$child" ]; then
		kill -TERM -- "-$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
	fi
	exit 143
}

# Waits for all of them.
lanes_join() {
	local entry counts
	for entry in "${lanes[@]}"; do
		wait "${entry#*:}" || true
		if read -ra counts <"$logs/lane-${entry%%:*}"; then
			passed=$((passed + counts[0]))
			failed=$((failed + counts[1]))
			skipped=$((skipped + counts[2]))
		else
			record_fail "${entry%%:*}: ended early"
		fi
	done
	lanes=()
}

lanes_kill() {
	local entry
	for entry in "${lanes[@]}"; do
		kill -TERM "${entry#*:}" 2>/dev/null || true
	done
	for entry in "${lanes[@]}"; do
		wait "${entry#*:}" 2>/dev/null || true
	done
}
