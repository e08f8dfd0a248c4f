# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Counts of what reaches eth0 of a namespace: wrapped packets, and a VIP's echo
# replies. A capture would miss some where the machine is busy. Sourced after
# tap.bash.
#
# wrapped: all; of_states: to the addresses that backends have in these tests;
# ipv4_inside, ipv6_inside; to_mac: to watched_mac. echo_replies.

watching= # which one
watched_mac=02:00:5e:00:00:77

# watch NAMESPACE: from now on. It is the one that is asked about.
watch() {
	watching=$1
	ip netns exec "$watching" nft -f - <<-END
	table netdev watch
	delete table netdev watch
	table netdev watch {
		counter wrapped { }
		counter of_states { }
		counter ipv4_inside { }
		counter ipv6_inside { }
		counter to_mac { }
		counter echo_replies { }
		chain in {
			type filter hook ingress device eth0 priority 0;
			meta l4proto gre counter name wrapped
			ip protocol gre ip daddr { 10.1.0.1, 10.1.0.2 } counter name of_states
			ip6 nexthdr gre ip6 daddr 2001:db8:1::1 counter name of_states
			meta l4proto gre @th,16,16 0x0800 counter name ipv4_inside
			meta l4proto gre @th,16,16 0x86dd counter name ipv6_inside
			meta l4proto gre ether daddr $watched_mac counter name to_mac
			ip saddr 203.0.113.10 icmp type echo-reply counter name echo_replies
		}
	}
	END
}

# watched COUNTER [NAMESPACE]: up to now; of another one that is watched.
watched() {
	ip netns exec "${2:-$watching}" nft -j list counters table netdev watch |
		jq ".nftables[].counter? | select(.name == \"$1\") | .packets"
}

# reached COUNT COUNTER...: are there so many, in a moment, and no more?
reached() {
	local counter arrived
	wait_until 5 reaches "$2" "$1" || true
	sleep 0.2
	for counter in "${@:2}"; do
		arrived=$(watched "$counter")
		[ "$arrived" = "$1" ] ||
			{ echo "$counter: $arrived of $1"; return 1; }
	done
}
reaches() { [ "$(watched "$1")" -ge "$2" ]; }
