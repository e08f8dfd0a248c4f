#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Connections that are open stay with their backend while backends are drained,
# come back and are reweighed, and while the balancer is killed meanwhile; over one
# node, and over several that change as well.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/bgp.bash"

held=200
settle=10 # s

address() { lab show "tunnel.$1"; }
set_backend() {
	change lab guideway lb1 backend "$1" web "$(address "$2")" "${@:3}"
}
# figure FIELD [NODE]
figure() { lab guideway "${2:-lb1}" service show web --json | jq ".$1"; }
moves() { at_least 1 "$(figure slots_moving)"; }
stands() { equal "$(figure slots_moving "$@")" 0; }
all_stand() { stands lb1 && stands lb2 && stands lb3; }
nothing_is_kept() {
	stands && equal "$(figure slots_marked)" 0 &&
		equal "$(figure entries)" 0
}

each_in_turn() {
	local backend
	begin_hold $held || return 1
	for backend in $backends; do
		set_backend drain "$backend" >/dev/null || return 1
		wait_until 5 moves || return 1
		sleep 0.5
		set_backend enable "$backend" >/dev/null || return 1
		sleep 0.5
	done
	end_hold
}

several_at_once() {
	local weight
	begin_hold $held || return 1
	set_backend drain be1 >/dev/null || return 1
	set_backend drain be3 >/dev/null || return 1
	for weight in 7 2 1; do
		set_backend weight be2 $weight >/dev/null || return 1
		sleep 0.5
	done
	set_backend enable be3 >/dev/null || return 1
	set_backend enable be1 >/dev/null || return 1
	end_hold
}

# Nothing new goes to a drained backend; what is open outlives the move.
beyond_the_move() {
	begin_hold $held || return 1
	set_backend drain be1 >/dev/null || return 1
	! many 4 100 | grep be1 || return 1
	wait_until $((settle + 5)) stands || return 1
	sleep 1
	at_least 1 "$(figure entries_pinned)" || return 1
	end_hold || return 1
	set_backend enable be1 >/dev/null || return 1
}

restarted() {
	local begun
	begin_hold $held || return 1
	begun=$SECONDS
	set_backend drain be2 >/dev/null || return 1
	sleep 1
	lab stop lb1 balancer KILL
	lab start lb1 balancer
	wait_until 10 node_in_sync lb1 || return 1
	# On a busy machine it may not be back before the move is over.
	[ $((SECONDS - begun)) -ge $((settle - 1)) ] ||
		wait_until 1 moves || return 1
	set_backend enable be2 >/dev/null || return 1
	sleep 0.5
	lab stop lb1 balancer KILL
	lab start lb1 balancer
	wait_until 10 node_in_sync lb1 || return 1
	end_hold
}

# A backend that is down: its connections end, no other does.
resets() {
	set_backend disable be4 >/dev/null || return 1
	! many 4 100 | grep be4 || return 1
	set_backend enable be4 >/dev/null || return 1
}

# The router spreads packets over other nodes than a moment ago, with and without
# a change of backends.
over_other_nodes() {
	local backend
	# None of them begins where slots move: it could change its node before
	# that has heard of it.
	wait_until $((settle + 10)) all_stand || return 1
	lab route lb1 lb2 lb3
	begin_hold $held || return 1
	for backend in $backends; do
		[ "$1" = nodes ] ||
			set_backend drain "$backend" >/dev/null || return 1
		lab route lb1 lb2
		sleep 0.5
		lab route lb3
		sleep 0.5
		[ "$1" = nodes ] ||
			set_backend enable "$backend" >/dev/null || return 1
		lab route lb2 lb3
		sleep 0.5
		lab route lb1 lb2 lb3
		sleep 0.5
	done
	end_hold
}

start_lab
lab route lb1
change lab guideway lb1 service set web settle_time=$settle \
    tcp_idle=60 >/dev/null
check "each backend drained and enabled breaks none of $held" each_in_turn
check "several drained, and weights changed, break none" several_at_once
check "a drain outlives settle_time" beyond_the_move
check "a balancer killed in the middle breaks none" restarted
check "a disabled backend gets nothing" resets
check "other nodes break none" over_other_nodes nodes
check "other nodes and other backends at once break none" over_other_nodes both
lab route lb1
check "when all have ended nothing is kept" wait_until 120 nothing_is_kept
finish
