# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the tests of announcing share. Sourced after lib.bash.

tools=${GUIDEWAY_BUILD:-$srcdir/build}/tests/lab

hops() { lab show "hops.$1"; }
goes_over() {
	equal "$(hops "$vip4")" "$1" && equal "$(hops "$vip6")" "$1"
}
comes_to_go_over() { wait_until "$1" goes_over "$2"; }

drain() { lab guideway "$1" node drain; }
undrain() { lab guideway "$1" node undrain --wait --timeout 20; }

announce() { node_status "$1" | jq -r ".announce | $2"; }
# says NODE EXPRESSION TEXT: is the text in what status says there?
says() { [[ $(announce "$1" "$2") == *"$3"* ]]; }
all_announced() {
	[ "$(announce "$1" '[.vips[] | select(.state != "announced" or .wrong
	    or (.checked | not))] | length' 2>/dev/null)" = 0 ]
}

signal() {
	local pid
	pid=$(lab show "pid.$1.$2")
	[ -n "$pid" ] && kill -"$3" "$pid"
}

gone() { [ -z "$(lab show "pid.$1.$2")" ]; }

# Ends it the hard way, and waits until its process is no more.
slay() {
	signal "$1" "$2" KILL
	wait_until 5 gone "$1" "$2"
}

# Counts changes of the router's routes until no_events, for SECONDS at least.
begin_events() {
	rm -f "$work/watching"
	ip netns exec "${GUIDEWAY_LAB_PREFIX}router" "$tools/route_watch" \
	    -e "$1" >"$work/events" 2>"$work/watching" &
	events=$!
	wait_until 5 grep -qs ready "$work/watching"
}

no_events() {
	kill "$events"
	wait "$events"
	equal "$(cat "$work/events")" 0
}

# Connections with traffic on them, until end_hold.
begin_hold() {
	rm -f "$work/held" # of one before, that says "open" already
	ip netns exec "${GUIDEWAY_LAB_PREFIX}client" "$tools/hold" -i 200 "$1" \
	    "$vip4" 80 "$vip6" 80 >"$work/held" 2>&1 &
	holding=$!
	wait_until 15 grep -qs ^open "$work/held" || { end_hold; return 1; }
}

end_hold() {
	kill "$holding"
	wait "$holding" || true
	# Which broke, after what, how old; then the report.
	grep -v '^open' "$work/held" | tail -n 10
	[ "$(tail -n 1 "$work/held" | jq .broken)" = 0 ]
}
