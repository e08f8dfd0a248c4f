#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The lab itself: up and down any number of times, interrupted anywhere, two at
# once, and the host is afterwards as it was before.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"

# What the lab must not touch. Lifetimes and counters change by themselves, and
# namespaces of others are not ours to judge.
host_state() {
	ip netns list | grep "^$GUIDEWAY_LAB_PREFIX" || true
	ip -o link | sed 's/ qlen.*//'
	ip -o address | sed 's/valid_lft.*//'
	for family in -4 -6; do
		ip $family route show table all | sed 's/ expires [0-9]*sec//'
		ip $family rule
		ip $family neighbour | grep -v FAILED | cut -d ' ' -f 1-3 |
			grep -F -e 10.1. -e 10.2. -e 198.51. -e 203.0. \
			-e 2001:db8: || true
	done
	sysctl -a 2>/dev/null |
		grep -E '^net\.(ipv4|ipv6|core)\.' |
		grep -vE 'stable_secret|_count|fs_stats|fastopen_key'
	nft list ruleset 2>/dev/null
	ls -d "$run" "$run.lock" 2>/dev/null || true
}

unchanged() {
	host_state >"$work/after"
	diff "$work/before" "$work/after"
}

works() { is_backend "$(get 4)" && is_backend "$(get 6)"; }

no_lab_address_from_here() {
	local address
	for address in "$vip4" "$vip6" "$(lab show addr4.be1)" \
	    "$(lab show addr6.lb1)"; do
		! ping -n -q -c 1 -W 0.3 "$address" || return 1
	done
}

# A capture holds the packets that passed, and ends when it is told to.
capture_works() {
	local pid
	"$lab" pcap client eth0 "$work/capture.pcap" icmp 2>"$work/capture" &
	pid=$!
	wait_until 10 grep -q 'listening on' "$work/capture" || return 1
	on client ping -n -q -c 2 -i 0.1 -W 5 "$(lab show addr4.be1)"
	wait_until 10 has_packets 4 || true
	kill $pid
	wait $pid || true
	equal "$(packets)" 4
}
packets() { tcpdump -n -r "$work/capture.pcap" 2>/dev/null | wc -l; }
has_packets() { [ "$(packets)" -ge "$1" ]; }

second_lab() (
	export GUIDEWAY_LAB_PREFIX=${GUIDEWAY_LAB_PREFIX%-}b-
	trap 'lab down' EXIT
	start_lab && works && lab down &&
		! ip netns list | grep "^$GUIDEWAY_LAB_PREFIX"
)

# Interrupts `up` after a number of milliseconds.
interrupted() {
	local signal=$1 pid seconds
	seconds=$(printf '%d.%03d' $(($2 / 1000)) $(($2 % 1000)))
	"$lab" up ${GUIDEWAY_BUILD:+--build "$GUIDEWAY_BUILD"} \
	    >"$work/interrupted" 2>&1 &
	pid=$!
	read -r -t "$seconds" <>"$work/never" || true
	kill -"$signal" $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
	# It had the lock, but had not begun.
	[ -s "$work/interrupted" ] || rm -f "$run.lock"
}

mkfifo "$work/never"
ip netns list >/dev/null
host_state >"$work/before"

start_lab
check "works" works
check "no address of it is reachable from the host" no_lab_address_from_here
check "status says what there is" lab status
pid=$(lab show pid.lb1.balancer)
check "up again succeeds" start_lab
check "... and leaves what runs alone" \
    equal "$(lab show pid.lb1.balancer)" "$pid"
check "a capture is written where it is asked for" capture_works
check "a second lab beside it works and goes" second_lab
check "... and the first still works" works
check "down" lab down
check "the host is as it was" unchanged
check "down again succeeds" lab down
start_lab
check "up after down works" works
lab down

for ms in 50 150 300 450 600 800 1000 1500; do
	interrupted TERM $ms
	if [ -e "$run/up" ] && grep -q 'lab: up' "$work/interrupted"; then
		lab down # it was faster than we
	fi
	check "interrupted after $ms ms: nothing is left" unchanged
done
interrupted KILL 400
start_lab
check "up after a killed up works" works
lab down
check "the host is as it was, in the end" unchanged
finish
