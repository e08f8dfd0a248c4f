#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Draining nodes breaks no connection, is remembered, and scales with the number
# of VIPs; with BIRD upstream, and with FRR.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/bgp.bash"

rounds=50
held=200

# Every node in turn is drained and brought back.
drained_in_turn() {
	local i node
	begin_hold $held || return 1
	for ((i = 0; i < $1; i++)); do
		node=lb$((i % 3 + 1))
		if ! drain $node >"$work/out" || ! undrain $node >"$work/out"
		then
			cat "$work/out"
			return 1
		fi
	done
	end_hold
}

two_at_once() {
	local first second
	begin_hold $held || return 1
	drain lb1 &
	first=$!
	drain lb2 &
	second=$!
	wait $first && wait $second && comes_to_go_over 5 lb3 || return 1
	sleep 1
	undrain lb1 && undrain lb2 || return 1
	end_hold
}

forwards_until_quiet() {
	lab route lb2
	begin_hold 20 || return 1
	lab guideway lb2 node drain --wait --timeout 4 >"$work/out" &&
		{ echo "drained under traffic"; return 1; }
	equal "$(announce lb2 .drain.phase)" withdrawn || return 1
	end_hold || return 1
	lab route
	lab guideway lb2 node drain --wait --timeout 20 || return 1
	equal "$(announce lb2 .drain.phase)" drained
}

remembered() {
	lab stop lb1 agent KILL
	lab stop lb1 balancer KILL
	lab start lb1 balancer
	lab start lb1 agent
	wait_until 10 node_in_sync lb1
	sleep 3
	goes_over "lb2 lb3" && equal "$(announce lb1 .drain.operator)" true
}

not_remembered() {
	lab guideway lb1 node drain --temporary
	comes_to_go_over 5 "lb2 lb3" || return 1
	lab stop lb1 agent
	lab start lb1 agent
	comes_to_go_over 10 "lb1 lb2 lb3"
}

refused_for_nobody() {
	! lab guideway lb1 node drain lb9 2>"$work/err" &&
		grep -q "no node is called 'lb9'" "$work/err"
}

refused_unwritten() {
	# Nobody can write there, not even root.
	mv "$run/lb1/state" "$run/lb1/state.away"
	: >"$run/lb1/state"
	! drain lb1 2>"$work/err" || return 1
	cat "$work/err"
	rm "$run/lb1/state"
	mv "$run/lb1/state.away" "$run/lb1/state"
	goes_over "lb1 lb2 lb3"
}

# many_vips N: so many VIPs of each IP version, a hundred in a service: all
# values of one together have some 8192 characters.
many_vips() {
	local i vips=
	for ((i = 0; i < $1; i++)); do
		printf -v vips '%s10.77.%d.%d,2001:db8:f:1::%x,' "$vips" \
		    $((i / 250)) $((i % 250 + 1)) $((i + 1))
		[ $((i % 100)) = 99 ] || [ $((i + 1)) = "$1" ] || continue
		lab guideway lb1 service add "many$((i / 100))" --wait \
		    --timeout 60 protocol=tcp ports=80 table_size=256 announce_min=0 \
		    "vips=${vips%,}" || return 1
		vips=
	done
}

no_many_vips() {
	local i
	for ((i = 0; i * 100 < $1; i++)); do
		change lab guideway lb1 service remove "many$i" || return 1
	done
}

routes_of_many() {
	{
		ip -n "${GUIDEWAY_LAB_PREFIX}router" route show root 10.77.0.0/16
		ip -n "${GUIDEWAY_LAB_PREFIX}router" -6 route show \
		    root 2001:db8:f:1::/64
	} | grep -c 'dev lb1' || true
}
has_many() { equal "$(routes_of_many)" "$1"; }

many_come_and_go() {
	many_vips "$1" || return 1
	wait_until 20 has_many $((2 * $1)) || return 1
	drain lb1 || return 1
	wait_until 5 has_many 0 || return 1
	undrain lb1 || return 1
	wait_until 10 has_many $((2 * $1)) || return 1
	no_many_vips "$1" || return 1
	wait_until 10 has_many 0
}

for router in bird frr; do
	lab down
	# shellcheck disable=SC2034 # for start_lab
	lab_options=(--router "$router")
	start_lab
	check "$router: $rounds drains under $held connections break none" \
	    drained_in_turn $rounds
	check "$router: two nodes drained at once break none" two_at_once
	for n in 1 100 1000; do
		check "$router: $n VIPs of each IP version come and go" \
		    many_come_and_go $n
	done
done

check "a drained node forwards until no traffic comes, and says so" \
    forwards_until_quiet
check "... and comes back" undrain lb2
check "drained" drain lb1
check "a drain survives the restart of all daemons" remembered
check "... and is undone" undrain lb1
check "a temporary one does not" not_remembered
check "a drain of a node that there is not is refused" refused_for_nobody
check "what cannot be remembered is not done" refused_unwritten
finish
