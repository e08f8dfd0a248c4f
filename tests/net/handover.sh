#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A balancer takes over from the one that runs (--replace): the route device and
# the routes on it stand, no packet is lost, and whoever asks is answered. Where
# it cannot be done the one that runs goes on. Needs root. GUIDEWAY_BUILD names
# the build folder.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${GUIDEWAY_BUILD:-$srcdir/build}
prefix=gwh$(($$ % 10000))-
successor='' agent=''
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/node.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/tcpdump.bash"

# begin_successor CONFIG: --replace, in the background.
begin_successor() {
	: >"$work/successor"
	ip netns exec "$node" "$build/balancer/guideway-balancer" \
	    --config "$work/$1.yaml" --replace >"$work/successor" 2>&1 &
	successor=$!
}

says_it_serves() { grep -q 'serves' "$work/successor"; }

# replace CONFIG: and the one that ran has ended well.
replace() {
	local before=$balancer status=0
	begin_successor "$1"
	wait_until 10 says_it_serves || { cat "$work/successor"; return 1; }
	cat "$work/successor" >>"$work/log"
	wait "$before" || status=$?
	balancer=$successor
	equal $status 0 && grep -q 'a successor has taken over' "$work/log"
}

# Routes and links, in $work/events: those that concern the device.
begin_events() {
	ip -n "$node" -ts monitor route link >"$work/events" 2>&1 &
	monitor=$!
	sleep 0.3
}
no_events() {
	kill "$monitor"
	wait "$monitor" 2>/dev/null || true
	not grep gw0 "$work/events"
}

index() { on "$node" cat /sys/class/net/gw0/ifindex; }
inode() { stat -c %i "$socket"; }

starts_with_nobody_to_replace() {
	begin_successor plain
	wait_until 10 says_it_serves || return 1
	balancer=$successor
	ask ping
}

state_and_device_are_taken_over() {
	local index inode
	install
	ask status | grep -q '^interface in0 xdp' || { ask status; return 1; }
	add_route
	forwards || return 1
	index=$(index) inode=$(inode)
	begin_events
	replace plain || return 1
	sleep 0.6 # it has looked at the device, twice
	no_events || return 1
	equal "$(routes)" 2 || return 1
	equal "$(index)" "$index" || return 1
	equal "$(inode)" "$inode" || return 1
	equal "$(pong_of generation)" 7 || return 1
	equal "$(pong_of device)" 'gw0 yes' || return 1
	forwards
}

is_unprivileged() {
	equal "$(stat -c %U "/proc/$balancer")" nobody || return 1
	equal "$(awk '$1 == "CapEff:" { print $2 }' \
	    "/proc/$balancer/status")" 000000c000003000
}

# What leaves the node: a line for each packet of the client's.
begin_capture() { start_tcpdump "$backend" --immediate-mode -s 128; }
end_capture() {
	sleep 0.3
	stop_tcpdump
	# The client's sockets number their packets.
	dissect -Y 'udp.dstport == 5000' -T fields \
	    -E occurrence=l -e udp.srcport -e ip.id >"$work/out"
}

# replaced_under_traffic TIMES: what was lost, and what came twice.
replaced_under_traffic() {
	local sender count=$(($1 * 1000)) arrived i
	begin_capture || return 1
	begin_events
	send $count 1000 &
	sender=$!
	for ((i = 0; i < $1; i++)); do
		sleep 0.3
		replace plain || return 1
	done
	wait "$sender"
	end_capture
	no_events || return 1
	arrived=$(sort -u "$work/out" | wc -l)
	twice=$(($(wc -l <"$work/out") - arrived))
	echo "$1 times replaced, $count packets:" \
	    "$((count - arrived)) lost, $twice twice" | tee "$work/measured"
	equal "$arrived" $count || return 1
	# Some ten milliseconds each, were this machine busy.
	[ "$twice" -le $(($1 * 50)) ]
}

# goes_on ROUTES: the balancer that was to be replaced.
goes_on() {
	kill -0 "$balancer" || return 1
	equal "$(routes)" 2 || return 1
	equal "$(pong_of device)" 'gw0 yes' || return 1
	has_its_program || return 1
	forwards
}
has_its_program() {
	[ ! -e "$build/balancer/bpf/xdp.skel.h" ] ||
		ip -n "$node" -d link show in0 | grep 'prog/xdp'
}

# fails_with TEXT CONFIG: the successor.
fails_with() {
	local status=0
	begin_events
	begin_successor "$2"
	wait "$successor" || status=$?
	no_events || return 1
	equal $status 1 || return 1
	grep -q -- "not replaced, and goes on.*$1" "$work/successor" || {
		cat "$work/successor"
		return 1
	}
}

a_less_fit_successor_fails() {
	fails_with 'this one would not: no interface is up (nosuch0' nosuch && goes_on
}

a_stopped_one_is_not_replaced() {
	local r=0
	kill -STOP "$balancer"
	fails_with 'does not answer' plain || r=1
	kill -CONT "$balancer"
	[ $r = 0 ] && goes_on
}

# What is in force is what it goes on from: until it is gone no other state is.
a_successor_that_hangs_holds_states_up() {
	local hanging
	"$build/tests/net/balancer_client" "$socket" hang 60 &
	hanging=$!
	wait_until 5 puts_off yes || return 1
	not timeout 1 "$build/tests/net/balancer_client" "$socket" \
	    install "$work/plain.yaml" || return 1
	goes_on || return 1
	kill "$hanging"
	wait "$hanging" || true
	wait_until 5 puts_off no || return 1
	install && goes_on
}
puts_off() { [ "$(pong_of puts_off)" = "$1" ]; }

# Killed at any point before it has told the other one to leave, and after it.
killed_successors_do_no_harm() {
	local i served
	for i in 01 02 04 06 08 10 15 20 30; do
		begin_events
		begin_successor plain
		sleep 0.$i
		served=no
		kill -KILL "$successor"
		wait "$successor" 2>/dev/null || true
		! grep -q 'services' "$work/successor" || served=yes
		if [ $served = yes ]; then
			# It may have told: then it was the balancer.
			kill "$monitor"
			start_over || return 1
			continue
		fi
		no_events || return 1
		goes_on || return 1
	done
}
start_over() {
	kill -KILL "$balancer" 2>/dev/null || true
	wait "$balancer" 2>/dev/null || true
	goes || return 1
	start_balancer plain || return 1
	install
	comes 5 || return 1
	add_route
}

without_the_option_it_is_refused() {
	! on "$node" timeout 10 "$build/balancer/guideway-balancer" \
	    --config "$work/plain.yaml" >"$work/second" 2>&1 || return 1
	grep -q 'another process listens there' "$work/second" || return 1
	goes_on
}

nobody_else_holds_the_device() {
	kill_balancer
	goes || return 1
	equal "$(routes)" 0
}

state_without_a_device_is_taken_over() {
	ip -n "$node" link set in0 down
	start_balancer plain || return 1
	install
	gone || return 1
	replace plain || return 1
	gone || return 1
	equal "$(pong_of generation)" 7 || return 1
	ip -n "$node" link set in0 up
	comes 5
}

nothing_is_taken_over_where_nothing_is() {
	start_again plain || return 1
	replace plain || return 1
	wait_until 2 told 'no agent has installed a state' || return 1
	gone || return 1
	install
	comes 5
}

# The whole of it, with an agent.
announced() { has_routes 1; }
in_step() {
	"$build/agent/guideway" status --json 2>/dev/null |
	    jq -e .balancer.in_sync >/dev/null
}
agent_sees_no_reason() {
	start_again plain || return 1
	export GUIDEWAY_SOCKET=$work/run/agent.sock
	ip netns exec "$node" "$build/agent/guideway-agent" \
	    --config "$work/plain.yaml" >>"$work/log" 2>&1 &
	agent=$!
	wait_until 20 announced || return 1
	begin_events
	for _ in 1 2 3; do
		replace plain || return 1
		wait_until 5 in_step || return 1
	done
	sleep 1.5 # a fault is told of after a second
	no_events || return 1
	announced
}

withdraws_as_before() {
	kill -TERM "$balancer"
	goes 2 || return 1
	equal "$(routes)" 0 || return 1
	wait "$balancer" || return 1
	kill "$agent"
	wait "$agent" || true
}

nothing_is_wrong_in_the_log() { not grep -E 'Sanitizer|runtime error' "$work/log"; }

set_up
config plain '{ name: in0 }' "bird: $work/nosuch.ctl"
config nosuch '{ name: nosuch0 }' ''
chmod 755 "$work"
check "nobody to replace: starts" starts_with_nobody_to_replace
check "takes over state, socket, device; routes stand" state_and_device_are_taken_over
check "with no more privileges than before" is_unprivileged
check "under traffic: no packet lost, no route event" replaced_under_traffic 5
sed 's/^/# /' "$work/measured" 2>/dev/null || true
check "a successor that is less fit fails, the other goes on" a_less_fit_successor_fails
check "one that is stopped is not replaced" a_stopped_one_is_not_replaced
check "one that hangs holds new states up" a_successor_that_hangs_holds_states_up
check "a successor that is killed does no harm" killed_successors_do_no_harm
check "without --replace it is refused" without_the_option_it_is_refused
check "killed: the device goes, nobody else holds it" nobody_else_holds_the_device
check "a state without a device is taken over, too" state_without_a_device_is_taken_over
check "nothing served: nothing is taken over" nothing_is_taken_over_where_nothing_is
check "an agent lets the routes stand" agent_sees_no_reason
check "SIGTERM withdraws at once" withdraws_as_before
check "the log is clean" nothing_is_wrong_in_the_log
echo "1..$tap_count"
[ $tap_bad -eq 0 ] || { sed 's/^/# /' "$work/log"; exit 1; }
