#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The device that routes to VIPs stand on: there while the balancer forwards,
# and gone with everything on it when it does not, however that comes about. A
# client, a node and a backend, in network namespaces. Needs root.
# GUIDEWAY_BUILD names the build folder.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${GUIDEWAY_BUILD:-$srcdir/build}
prefix=gwd$(($$ % 10000))-
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/node.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/tcpdump.bash"

# Tests ----------------------------------------------------------------------

absent_without_a_state() {
	sleep 0.6 # two looks at it
	gone || return 1
	equal "$(pong_of device)" 'gw0 no' || return 1
	told 'no agent has installed a state'
}

comes_with_a_state() {
	install
	there || return 1
	equal "$(pong_of device)" 'gw0 yes' || return 1
	equal "$(pong_of error)" ''
}

# The kernel has no address to send from: nothing goes into it by itself.
has_no_address() {
	equal "$(ip -n "$node" -o addr show dev gw0)" '' || return 1
	equal "$(on "$node" cat /sys/class/net/gw0/statistics/tx_packets \
	    /sys/class/net/gw0/statistics/tx_dropped | xargs)" '0 0'
}

# A program that is started, now or one day, must not keep the device alive.
is_closed_on_exec() {
	local fd fds=0
	for fd in "/proc/$balancer/fd/"*; do
		[ "$(readlink "$fd")" = /dev/net/tun ] || continue
		fds=$((fds + 1))
		(($(awk '/^flags/ { print $2 }' \
		    "/proc/$balancer/fdinfo/${fd##*/}") & 02000000)) || return 1
	done
	equal $fds 1
}

counts_packets_for_vips() {
	local before after
	before=$(pong_of vip_packets)
	forwards || return 1
	on "$client" "$build/tests/net/udp_blast" 203.0.113.10 5001 5 200
	on "$client" ping -c 1 -W 1 192.0.2.2 || return 1
	wait_until 5 has_dropped 5 || return 1
	after=$(pong_of vip_packets)
	equal $((after - before)) 25
}
has_dropped() { [ "$(count_of drop_no_service)" -ge "$1" ]; }

version_is_not() { [ "$(pong_of next_hops_version)" != "$1" ]; }

tells_of_next_hops() {
	local before
	before=$(pong_of next_hops_version)
	sleep 0.3
	equal "$(pong_of next_hops_version)" "$before" || return 1
	ip -n "$node" route add unreachable 10.1.0.1/32
	wait_until 5 version_is_not "$before" || return 1
	before=$(pong_of next_hops_version)
	ip -n "$node" route del unreachable 10.1.0.1/32
	wait_until 5 version_is_not "$before" || return 1
	before=$(pong_of next_hops_version)
	install
	version_is_not "$before"
}

goes_when_killed() {
	add_route
	equal "$(routes)" 2 || return 1
	kill_balancer
	goes || return 1
	equal "$(routes)" 0 || return 1
	start_balancer plain || return 1
	gone
}

stays_when_stopped() {
	install
	add_route
	start_monitor
	kill -STOP "$balancer"
	sleep 1
	there && has_routes 2 || return 1
	kill -CONT "$balancer"
	sleep 0.6
	stop_monitor
	has_routes 2 || return 1
	not grep 'Deleted.*gw0' "$work/links"
}

follows_the_interface() {
	ip -n "$node" link set in0 down
	goes || return 1
	told in0 || return 1
	logged 'gw0.*in0' || return 1
	ip -n "$node" link set in0 up
	comes || return 1
	# And without a carrier.
	ip -n "$client" link set eth0 down
	goes || return 1
	ip -n "$client" link set eth0 up
	ip -n "$client" route replace 203.0.113.10 via 192.0.2.2
	comes || return 1
	forwards
}

# An interface that packets may come in through, and get lost.
follows_each_interface() {
	local holder
	start_again two || return 1
	install
	there || return 1
	# No Ethernet, so no driver for it.
	ip netns exec "$node" "$build/tests/net/routes_client" hold raw0 &
	holder=$!
	goes || return 1
	told 'raw0.*Ethernet' || return 1
	ip -n "$node" link set raw0 down
	comes || return 1
	ip -n "$node" link set raw0 up
	goes || return 1
	kill "$holder"
	wait "$holder" || true
	comes
}

index() { on "$node" cat /sys/class/net/gw0/ifindex; }
index_is_not() { there && [ "$(index)" != "$1" ]; }

# Whoever it was: routes on it are lost, so that it has to come anew.
comes_again_when_deleted() {
	local before
	before=$(index)
	ip -n "$node" link del gw0
	wait_until 5 index_is_not "$before" || return 1
	logged 'gw0.*somebody else'
}

comes_again_when_set_down() {
	local before
	before=$(index)
	ip -n "$node" link set gw0 down
	wait_until 5 index_is_not "$before" || return 1
	equal "$(pong_of device)" 'gw0 yes'
}

goes_without_an_agent() {
	local since
	start_again short || return 1
	since=$(now_ms)
	install
	there || return 1
	goes || return 1
	[ $(($(now_ms) - since)) -ge 3000 ] || return 1
	logged 'gw0.*no agent' || return 1
	# Any request will do.
	ask status >/dev/null
	comes 5 || return 1
	start_pinger
	sleep 5
	there
}

# It did not listen meanwhile; that is no reason to tell routers of it.
silence_while_stopped_does_not_count() {
	start_monitor
	kill -STOP "$balancer"
	sleep 6
	kill -CONT "$balancer"
	sleep 0.8
	stop_monitor
	stop_pinger
	not grep 'Deleted.*gw0' "$work/links"
}

# somebody_has COMMAND...: a device of that name, until it is given up.
somebody_has() {
	kill_balancer
	goes || return 1
	ip -n "$node" "$@"
	start_balancer plain || return 1
	install
	equal "$(pong_of device)" 'gw0 no' || return 1
	told "gw0.*somebody else's" || return 1
	forwards || return 1
	equal "$(count_logged "gw0.*somebody else's")" "$((before + 1))" ||
	    return 1
	ip -n "$node" link del gw0
	comes || return 1
	equal "$(pong_of device)" 'gw0 yes'
}

takes_the_name_when_it_is_free() {
	local before
	before=$(count_logged "gw0.*somebody else's")
	somebody_has link add gw0 type veth peer name gw1
}

# Attached to, it would outlive us, and the routes with it.
takes_no_device_that_stays() {
	local before
	before=$(count_logged "gw0.*somebody else's")
	somebody_has tuntap add gw0 mode tun
}

bad_start_is_survived() {
	# shellcheck disable=SC2016 # for that shell
	start_again plain sh -c \
	    'mount -t tmpfs tmpfs /dev/net && exec "$@"' sh || return 1
	logged '/dev/net/tun' || return 1
	install
	told '/dev/net/tun' || return 1
	gone || return 1
	forwards || return 1
	nsenter -m -t "$balancer" mknod -m 666 /dev/net/tun c 10 200
	comes || return 1
	equal "$(pong_of error)" ''
}

none_is_made() {
	local reason=$2
	start_again "$1" || return 1
	install
	sleep 0.3
	gone || return 1
	told "$reason"
}

has_ended() { ! kill -0 "$balancer" 2>/dev/null; }

# The moment of the deletion, as seconds since 1970.
deleted_at() {
	local stamp
	stamp=$(sed -n 's/^\[\(.*\)\] *Deleted.*gw0.*/\1/p' "$work/links" | tail -1)
	[ -n "$stamp" ] || return 1
	date -d "$stamp" +%s.%N
}

sent_after() { dissected -Y "gre && frame.time_epoch > $1"; }

withdraws_and_still_forwards() {
	local since deleted ended status=0
	start_again plain || return 1
	install
	add_route
	forwards || return 1
	start_tcpdump "$backend" --immediate-mode -s 128 || return 1
	start_monitor
	send 2000 1000 &
	sender=$!
	sleep 0.3
	since=$(date +%s.%N)
	kill -TERM "$balancer"
	goes 2 || return 1
	equal "$(routes)" 0 || return 1
	told ending || return 1
	wait "$balancer" || status=$?
	ended=$(date +%s.%N)
	wait $sender
	sleep 0.3
	stop_tcpdump
	stop_monitor
	equal $status 0 || return 1
	deleted=$(deleted_at) || return 1
	echo "TERM at $since, deleted at $deleted, ended at $ended," \
	    "$(sent_after "$deleted") packets after it was deleted"
	# The device goes at once, and a second after that the balancer.
	awk -v a="$since" -v b="$deleted" -v c="$ended" \
	    'BEGIN { exit !(c - b > 0.6 && c - b > b - a) }' || return 1
	# 1000 a second for a second, for as long as the blast lasts and both have
	# the CPU.
	[ "$(sent_after "$deleted")" -ge 200 ]
}

# any_of_5 COMMAND...: whose status is 2 where all went well, but not as quickly as
# it does where the machine is not busy.
any_of_5() {
	local status=2
	for _ in 1 2 3 4 5; do
		[ $status != 2 ] || { status=0; "$@" || status=$?; }
	done
	return $status
}

second_signal_ends_it() {
	local since
	start_balancer plain || return 1
	install
	there || return 1
	since=$(now_ms)
	kill -INT "$balancer"
	goes || return 1
	kill -TERM "$balancer"
	wait "$balancer" || return 1
	[ $(($(now_ms) - since)) -lt 950 ] || return 2
}

ends_at_once_when_nothing_was_announced() {
	local since
	start_balancer plain || return 1
	since=$(now_ms)
	kill -TERM "$balancer"
	wait "$balancer" || return 1
	[ $(($(now_ms) - since)) -lt 950 ] || return 2
}

is_in_the_dump() {
	kill -USR1 "$balancer"
	wait_until 5 logged 'announce: gw0: is there'
}

nothing_is_wrong_in_the_log() { not grep -E 'Sanitizer|runtime error' "$work/log"; }

set_up
config plain '{ name: in0 }' ''
config two '{ name: in0 }, { name: raw0 }' ''
config short '{ name: in0 }' 'agent_grace: 3'
config off '{ name: in0 }' 'enabled: false'
config none '' ''
chmod 755 "$work"
check "starts" start_balancer plain
check "no device before there is a state" absent_without_a_state
check "comes with a state" comes_with_a_state
check "is silent" has_no_address
check "is closed on exec" is_closed_on_exec
check "packets for VIPs are counted" counts_packets_for_vips
check "next hops that come and go are told of" tells_of_next_hops
check "SIGUSR1 tells of it" is_in_the_dump
check "SIGKILL: gone, and all routes on it" goes_when_killed
check "SIGSTOP: stays" stays_when_stopped
check "an interface down, and without a carrier: gone, and back" follows_the_interface
check "an interface that is up and cannot be served: gone" follows_each_interface
check "deleted by somebody else: comes again" comes_again_when_deleted
check "set down by somebody else: comes again" comes_again_when_set_down
check "no agent for agent_grace: gone, and back" goes_without_an_agent
check "SIGSTOP for longer than agent_grace: stays" silence_while_stopped_does_not_count
check "somebody else's name: told of, taken when free" takes_the_name_when_it_is_free
check "a TUN device that is there is left alone" takes_no_device_that_stays
check "no /dev/net/tun: forwards, and makes it when it can" bad_start_is_survived
check "announce.enabled: false" none_is_made off 'announce.enabled'
check "no interfaces" none_is_made none 'no interfaces'
check "SIGTERM: gone at once, forwards for a second" withdraws_and_still_forwards
check "a second signal ends it" any_of_5 second_signal_ends_it
check "nothing announced: ends at once" any_of_5 ends_at_once_when_nothing_was_announced
check "the log is clean" nothing_is_wrong_in_the_log
echo "1..$tap_count"
[ $tap_bad -eq 0 ] || { sed 's/^/# /' "$work/log"; exit 1; }
