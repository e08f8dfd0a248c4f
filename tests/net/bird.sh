#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the agent reads back from a real BIRD that learns from a kernel table and
# tells another real BIRD, in two network namespaces. Needs root and bird2.
# GUIDEWAY_BUILD names the build folder.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${GUIDEWAY_BUILD:-$srcdir/build}
client=$build/tests/net/bird_client
prefix=gwr$(($$ % 10000))-
node=${prefix}node peer=${prefix}peer
work=$(mktemp -d)
table=177
bird=
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.bash"

clean_up() {
	local pid ns
	trap '' INT TERM HUP
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null || true
		kill -CONT "$pid" 2>/dev/null || true
	done
	wait
	for ns in "$node" "$peer"; do
		ip netns del "$ns" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

equal() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'"; return 1; }; }

on() { ip netns exec "$@"; }

set_up() {
	local ns
	for ns in "$node" "$peer"; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
		on "$ns" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
		    net.ipv6.conf.default.accept_dad=0
	done
	ip link add name eth0 netns "$node" type veth \
	    peer name eth0 netns "$peer"
	ip -n "$node" addr add 198.51.100.11/24 dev eth0
	ip -n "$node" addr add 2001:db8:1::11/64 dev eth0 nodad
	ip -n "$peer" addr add 198.51.100.1/24 dev eth0
	ip -n "$peer" addr add 2001:db8:1::1/64 dev eth0 nodad
	ip -n "$node" link set eth0 up
	ip -n "$peer" link set eth0 up
	# As the balancer's: the VIPs' routes lead there.
	ip -n "$node" tuntap add mode tun name gw0
	ip -n "$node" link set gw0 up
	node_config 'accept' >"$work/node.conf"
	node_config 'if net = 203.0.113.1/32 then reject; accept' \
	    >"$work/soft.conf"
	peer_config >"$work/peer.conf"
}

# node_config FILTER: what up4 exports through.
node_config() {
	cat <<END
router id 198.51.100.11;
protocol device { scan time 1; }
ipv4 table vip4;
ipv6 table vip6;
protocol kernel kvip4 { kernel table $table; learn; scan time 5;
	netlink rx buffer 16777216;
	ipv4 { table vip4; export none; import where
	    krt_source ~ [201, 202] && net ~ [203.0.112.0/20{32,32}]; }; }
protocol kernel kvip6 { kernel table $table; learn; scan time 5;
	netlink rx buffer 16777216;
	ipv6 { table vip6; export none; import where
	    krt_source ~ [201, 202] && net ~ [2001:db8:100::/64{128,128}]; }; }
# A route that is not to a host.
protocol static { ipv4 { table vip4; }; route 192.0.2.0/24 blackhole; }
filter out4 { $1; }
template bgp up { local as 65010; hold time 9; graceful restart off;
	connect delay time 1; connect retry time 2; error wait time 1, 4; }
protocol bgp up4 from up { neighbor 198.51.100.1 as 65000;
	ipv4 { table vip4; import none; export filter out4; next hop self; }; }
protocol bgp 'up-6' from up { neighbor 2001:db8:1::1 as 65000;
	ipv6 { table vip6; import none; export all; next hop self; }; }
protocol bgp nobody from up { neighbor 198.51.100.99 as 65000;
	ipv4 { table vip4; import none; export all; }; }
END
}

peer_config() {
	cat <<END
router id 198.51.100.1;
protocol device { scan time 1; }
template bgp node { local as 65000; hold time 9; graceful restart off;
	connect delay time 1; connect retry time 2; error wait time 1, 4; }
protocol bgp n4 from node { neighbor 198.51.100.11 as 65010;
	ipv4 { import all; export none; }; }
protocol bgp n6 from node { neighbor 2001:db8:1::11 as 65010;
	ipv6 { import all; export none; }; }
END
}

# start_bird NAMESPACE NAME: its process is $!.
start_bird() {
	ip netns exec "$1" bird -f -c "$work/$2.conf" -s "$work/$2.ctl" \
	    >>"$work/$2.log" 2>&1 &
}

start_node() {
	start_bird "$node" node
	bird=$!
}

# node_cli COMMAND..., peer_cli COMMAND...
node_cli() { birdc -s "$work/node.ctl" "$@"; }
peer_cli() { birdc -s "$work/peer.ctl" "$@"; }

# A client that stays: reports go to a file, a line on its stdin asks for one.
start_watch() {
	mkfifo "$work/ask"
	"$client" "$work/node.ctl" <"$work/ask" >"$work/reports" \
	    2>"$work/log" &
	exec {ask}>"$work/ask"
}

reports() { grep -c '^end' "$work/reports" || true; }
more_reports() { [ "$(reports)" -gt "$1" ]; }

# The last report that is complete.
report() {
	awk '/^report/ { text = "" } { text = text $0 "\n" }
	    /^end/ { last = text } END { printf "%s", last }' "$work/reports"
}

# ask: for a new one, and prints it.
ask() {
	local before
	before=$(reports)
	echo >&"$ask"
	wait_until 15 more_reports "$before"
	report
}

# says PATTERN: in the last report, answers PATTERN: in a new one.
says() { grep -q -- "^$1" <<<"$(report)"; }
answers() { grep -q -- "^$1" <<<"$(ask)"; }
answers_not() { ! answers "$1"; }
state_is() { says "report $1 "; }

add() { ip -n "$node" route add "$1" dev gw0 table $table proto "$2"; }
del() { ip -n "$node" route del "$1" table $table; }

peer_has() { grep -q -- "^$1" <<<"$(peer_cli show route)"; }

# Tests ----------------------------------------------------------------------

comes() {
	start_watch
	wait_until 5 state_is absent || return 1
	start_bird "$peer" peer
	start_node
	wait_until 5 state_is 'ok version 2.[0-9.]*' || return 1
	wait_until 20 answers 'session up4 established ipv4 - Established' ||
		return 1
	wait_until 20 answers 'session up-6 established - ipv6 Established' ||
		return 1
	answers 'session nobody down ipv4 - '
}

learns_and_exports() {
	add 203.0.113.1/32 201
	add 203.0.113.2/32 202
	add 2001:db8:100::1/128 201
	wait_until 5 answers 'route 203.0.113.1 from kvip4 learnt exported 1' ||
		return 1
	wait_until 5 answers 'route 203.0.113.2 from kvip4 learnt exported 1' ||
		return 1
	wait_until 5 answers \
	    'route 2001:db8:100::1 from kvip6 learnt exported 1' || return 1
	wait_until 5 peer_has 203.0.113.1/32
}

leaves_others() {
	add 198.18.0.1/32 201    # no VIP
	add 203.0.113.3/32 33    # not written by us
	add 203.0.113.128/25 201 # not a host
	add 203.0.113.4/32 201   # good, and seen after the others
	wait_until 5 answers 'route 203.0.113.4 from kvip4 learnt exported 1' ||
		return 1
	equal "$(ask | grep -c ^route)" 4
}

withdraws() {
	del 203.0.113.4/32
	wait_until 5 answers_not 'route 203.0.113.4 '
}

# `configure soft` changes a filter, and withdraws nothing: the neighbour has
# the route until it is told.
tells_what_the_neighbour_has() {
	node_cli configure soft "\"$work/soft.conf\"" || return 1
	answers 'route 203.0.113.1 from kvip4 learnt exported 1' || return 1
	peer_has 203.0.113.1/32 || return 1
	node_cli reload out up4 || return 1
	wait_until 5 answers 'route 203.0.113.1 from kvip4 learnt exported 0' ||
		return 1
	node_cli configure "\"$work/node.conf\"" || return 1
	wait_until 5 answers 'route 203.0.113.1 from kvip4 learnt exported 1'
}

follows_the_neighbour() {
	peer_cli disable n4 '"for work"' || return 1
	wait_until 10 answers 'session up4 down ipv4 - ' || return 1
	answers 'route 203.0.113.1 from kvip4 learnt exported 0' || return 1
	answers 'route 2001:db8:100::1 from kvip6 learnt exported 1' || return 1
	peer_cli enable n4 || return 1
	wait_until 20 answers 'route 203.0.113.1 from kvip4 learnt exported 1'
}

denied() {
	local built=$work/bird_client
	chmod 755 "$work"
	cp "$client" "$built"
	setpriv --reuid nobody --regid nogroup --clear-groups \
	    "$built" "$work/node.ctl" --once \
	    >"$work/denied" 2>&1
	grep -q '^report denied ' "$work/denied" || return 1
	grep -q "^why .*Permission denied; add the agent's user" "$work/denied"
}

killed_and_started() {
	kill -KILL "$bird"
	wait "$bird" || true
	wait_until 5 state_is absent || return 1
	says 'why .*Connection refused; start BIRD' || return 1
	start_node
	wait_until 5 state_is ok || return 1
	wait_until 20 answers 'route 203.0.113.1 from kvip4 learnt exported 1'
}

ended_and_started() {
	kill -TERM "$bird"
	wait "$bird" || true
	wait_until 5 state_is absent || return 1
	says 'why .*No such file or directory; start BIRD' || return 1
	start_node
	wait_until 5 state_is ok
}

# Nobody asks, and it is found; it is said once, and again when asked.
stopped_and_continued() {
	local before
	kill -STOP "$bird"
	wait_until 10 state_is silent || return 1
	before=$(reports)
	answers 'report silent ' || return 1
	# It is tried again in that time, and is no news.
	sleep 6
	equal "$(reports)" $((before + 1)) || return 1
	kill -CONT "$bird"
	wait_until 10 state_is ok || return 1
	wait_until 20 answers 'route 203.0.113.1 from kvip4 learnt exported 1'
}

exported() { [ "$(ask | grep -c '^route .* learnt exported 1$')" = "$1" ]; }

reads_many() {
	seq 0 999 | awk -v table=$table '{
	    printf "route add 203.0.%d.%d/32 dev gw0 table %d proto 201\n",
		116 + $1 / 250, $1 % 250, table
	    printf "route add 2001:db8:100::2:%x/128 dev gw0 table %d proto 201\n",
		$1, table }' >"$work/routes"
	ip -n "$node" -batch "$work/routes"
	wait_until 20 exported 2003
}

logs_are_quiet() {
	if grep -E 'Sanitizer|runtime error' "$work/log"; then
		return 1
	fi
	[ ! -s "$work/node.log" ] || ! grep -i 'too long\|CLI' "$work/node.log"
}

set_up
check "BIRD comes, and its sessions" comes
check "routes in the table are learnt and exported" learns_and_exports
check "what the import filter refuses is not" leaves_others
check "a route that is removed goes" withdraws
check "tells what the neighbour has, not what a filter says" \
    tells_what_the_neighbour_has
check "a session that goes and comes" follows_the_neighbour
check "a socket that we may not open" denied
check "killed: absent; started: read again" killed_and_started
check "ended: absent; started: read again" ended_and_started
check "stopped: silent; continued: read again" stopped_and_continued
check "1000 + 1000 routes are read" reads_many
for _ in 1 2 3; do
	ask | sed -n 's/^report/# report/p'
done
check "quiet logs" logs_are_quiet
echo "1..$tap_count"
[ $tap_bad -eq 0 ] || { sed "s/^/# /" "$work"/*log; exit 1; }
