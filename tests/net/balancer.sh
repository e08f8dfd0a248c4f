#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The balancer with its pcap driver between a client and backends, in three
# network namespaces: what it forwards, what it survives, what it leaves behind.
# Needs root. GUIDEWAY_BUILD names the build folder.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${GUIDEWAY_BUILD:-$srcdir/build}
prefix=gwb$(($$ % 10000))-
client=${prefix}client node=${prefix}node backend=${prefix}backend
work=$(mktemp -d)
socket=$work/run/balancer.sock
balancer=
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/watch.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/tcpdump.bash"

clean_up() {
	local pid ns
	trap '' INT TERM HUP
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null || true
	done
	wait
	for ns in "$client" "$node" "$backend"; do
		ip netns del "$ns" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

equal() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'"; return 1; }; }

on() { ip netns exec "$@"; }

connect_links() {
	ip link add name "${prefix}c" netns "$client" type veth \
	    peer name in0 netns "$node"
	ip -n "$client" link set "${prefix}c" name eth0
	ip -n "$client" addr add 192.0.2.1/24 dev eth0
	ip -n "$client" addr add 2001:db8:a::1/64 dev eth0 nodad
	ip -n "$client" link set eth0 up
	ip -n "$client" route add 203.0.113.10 via 192.0.2.2
	ip -n "$client" route add 2001:db8:113::10 via 2001:db8:a::2
	ip -n "$node" addr add 192.0.2.2/24 dev in0
	ip -n "$node" addr add 2001:db8:a::2/64 dev in0 nodad
	ip -n "$node" link set in0 up
}

set_up() {
	local ns
	for ns in "$client" "$node" "$backend"; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
		on "$ns" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
		    net.ipv6.conf.default.accept_dad=0
	done
	on "$node" sysctl -qw net.ipv4.ip_forward=0
	connect_links
	ip link add name "${prefix}b" netns "$backend" type veth \
	    peer name out0 netns "$node"
	ip -n "$backend" link set "${prefix}b" name eth0
	ip -n "$node" addr add 10.1.0.254/24 dev out0
	ip -n "$node" addr add 2001:db8:1::ff/64 dev out0 nodad
	ip -n "$node" link set out0 up
	ip -n "$backend" addr add 10.1.0.1/24 dev eth0
	ip -n "$backend" addr add 10.1.0.2/24 dev eth0
	ip -n "$backend" addr add 2001:db8:1::1/64 dev eth0 nodad
	ip -n "$backend" link set eth0 up
}

# config NAME BACKEND...: $work/NAME.yaml.
config() {
	local name=$1 address
	shift
	{
		cat <<END
node: { name: node, run_dir: $work/run, user: nobody }
balancer: { interfaces: [ { name: in0, driver: pcap } ] }
cluster: { seed: 000102030405060708090a0b0c0d0e0f }
services:
  - name: web
    vips: [203.0.113.10, "2001:db8:113::10"]
    protocol: udp
    ports: [5000]
    backends:
END
		for address; do
			echo "      - address: \"$address\""
		done
	} >"$work/$name.yaml"
}

start_balancer() {
	ip netns exec "$node" "$build/balancer/guideway-balancer" \
	    --config "$work/all.yaml" >>"$work/log" 2>&1 &
	balancer=$!
	wait_until 10 ask status
}

ask() { "$build/tests/net/balancer_client" "$socket" "$@"; }
status_of() { ask status | awk -v w="$*" 'index($0, w) == 1'; }
count_of() { ask status | awk -v r="$1" '$1 == "reason" && $2 == r { print $3 }'; }
resolved() { [ "$(ask status | grep -c '^backend .* resolved')" = "$1" ]; }
logged() { grep -q -- "$1" "$work/log"; }

# send ADDRESS COUNT RATE
send() { on "$client" "$build/tests/net/udp_blast" "$1" 5000 "$2" "$3"; }

frames_are() { equal "$(dissected -Y "$1")" "$2"; }

forwards() {
	local before after
	before=$(count_of forward)
	send "$1" 20 200
	wait_until 5 has_forwarded $((before + 20)) && return
	after=$(count_of forward)
	echo "$((after - before)) of 20 packets were forwarded"
	return 1
}
has_forwarded() { [ "$(count_of forward)" -ge "$1" ]; }

# Tests ----------------------------------------------------------------------

forwards_over_both_versions() {
	start_tcpdump "$backend"
	forwards 203.0.113.10 || return 1
	forwards 2001:db8:113::10 || return 1
	wait_until 5 dump_has 40 || return 1
	stop_tcpdump
	frames_are 'gre && udp.dstport == 5000' 40 || return 1
	frames_are 'ip.dst == 203.0.113.10' 20 || return 1
	frames_are 'ipv6.dst == 2001:db8:113::10' 20 || return 1
	# Sent over veth, whose offload leaves UDP checksums to be finished.
	dissects_well
}

passes_what_is_not_for_a_vip() {
	on "$client" ping -c 2 -i 0.2 -W 2 192.0.2.2 || return 1
	on "$client" ping -c 2 -i 0.2 -W 2 2001:db8:a::2
}

drops_unknown_port() {
	local before
	before=$(count_of drop_no_service)
	on "$client" "$build/tests/net/udp_blast" 203.0.113.10 5001 5 100
	wait_until 5 counted drop_no_service $((before + 5))
}
counted() { [ "$(count_of "$1")" -ge "$2" ]; }

# Two states in turn, thirty times, while packets flow: not one is lost.
new_states_lose_nothing() {
	local before dropped i
	before=$(count_of forward)
	watch "$backend" || return 1
	send 203.0.113.10 8000 4000 &
	sender=$!
	for ((i = 0; i < 15; i++)); do
		ask install "$work/two.yaml" >/dev/null
		sleep 0.03
		ask install "$work/all.yaml" >/dev/null
		sleep 0.03
	done
	wait $sender
	wait_until 5 has_forwarded $((before + 8000)) || true
	equal "$(($(count_of forward) - before))" 8000 || return 1
	dropped=$(status_of interface in0 | sed 's/.* dropped \([0-9]*\).*/\1/')
	equal "$dropped" 0 || return 1
	reached 8000 wrapped of_states
}

bad_state_is_refused() {
	local before
	before=$(ask install "$work/all.yaml")
	if ask break "$work/two.yaml" >"$work/answer"; then
		echo "taken"
		return 1
	fi
	grep -q '^refused: service web: table size' "$work/answer" || return 1
	resolved 3 || return 1
	forwards 203.0.113.10 || return 1
	equal "$(ask install "$work/all.yaml")" "$before"
}

bad_clients_harm_nothing() {
	local i silent=()
	head -c 100000 /dev/urandom | ask send || true
	printf 'GET / HTTP/1.0\r\n\r\n' | ask send
	for ((i = 0; i < 20; i++)); do
		ask silent 30 &
		silent+=($!)
	done
	sleep 0.3
	forwards 203.0.113.10 || return 1
	kill "${silent[@]}"
	wait "${silent[@]}" 2>/dev/null || true
}

mac_of() {
	status_of "backend $1 " | awk '{ print $NF }'
}
mac_is() { [ "$(mac_of "$1")" = "$2" ]; }

follows_a_new_mac() {
	local new=$watched_mac
	ip -n "$backend" link set eth0 address "$new"
	# It tells its neighbours, as an address that moves does.
	on "$backend" ping -c 1 -W 1 -I 10.1.0.1 10.1.0.254 || true
	on "$backend" ip neigh flush dev eth0
	on "$backend" ping -c 1 -W 1 -I 10.1.0.2 10.1.0.254 || true
	on "$backend" ping -c 1 -W 1 2001:db8:1::ff || true
	wait_until 10 mac_is 10.1.0.1 "$new" || return 1
	wait_until 10 mac_is 10.1.0.2 "$new" || return 1
	wait_until 10 mac_is 2001:db8:1::1 "$new" || return 1
	watch "$backend" || return 1
	forwards 203.0.113.10 && reached 20 wrapped to_mac
}

follows_a_deleted_neighbour() {
	ip -n "$node" neigh flush dev out0
	wait_until 5 resolved 3 || return 1
	forwards 203.0.113.10
}

follows_a_new_route() {
	ip -n "$node" route add unreachable 10.1.0.2/32
	wait_until 5 resolved 2 || return 1
	ip -n "$node" route del unreachable 10.1.0.2/32
	wait_until 5 resolved 3
}

# So much happens while it does not listen that the kernel has to drop notices:
# among them the one that matters.
reads_all_again() {
	kill -STOP "$balancer"
	seq 0 29999 | awk '{ printf "route add 10.99.%d.%d/32 dev out0\n",
	    $1 / 250, $1 % 250 }' >"$work/routes"
	ip -n "$node" -batch "$work/routes"
	ip -n "$node" route add unreachable 10.1.0.2/32
	kill -CONT "$balancer"
	wait_until 10 resolved 2 || return 1
	logged 'notices were lost' || return 1
	ip -n "$node" route del unreachable 10.1.0.2/32
	sed -i 's/ add / del /' "$work/routes"
	ip -n "$node" -batch "$work/routes"
	wait_until 10 resolved 3 || return 1
	forwards 203.0.113.10
}

losses() { grep -c 'notices were lost' "$work/log" || true; }
more_losses() { [ "$(losses)" -gt "$1" ]; }

# The link goes down, notices overflow, it comes up again: the notices that did
# get through tell of the past, and must not be believed after reading all.
believes_no_old_notices() {
	local before
	before=$(losses)
	kill -STOP "$balancer"
	ip -n "$node" link set out0 down
	seq 0 29999 | awk '{ printf "route add unreachable 10.99.%d.%d/32\n",
	    $1 / 250, $1 % 250 }' >"$work/routes"
	ip -n "$node" -batch "$work/routes"
	ip -n "$node" link set out0 up
	ip -n "$node" addr replace 2001:db8:1::ff/64 dev out0 nodad
	kill -CONT "$balancer"
	wait_until 10 more_losses "$before" || return 1
	sleep 1 # for what is left to be read
	sed -i 's/ add / del /' "$work/routes"
	ip -n "$node" -batch "$work/routes"
	wait_until 10 resolved 3 || return 1
	forwards 203.0.113.10
}

# The backends' link goes down: counted, not crashed; and all is well after.
egress_down_and_up() {
	local before
	ip -n "$node" link set out0 down
	wait_until 5 resolved 0 || return 1
	before=$(count_of drop_no_next_hop)
	send 203.0.113.10 10 200
	wait_until 5 counted drop_no_next_hop $((before + 10)) || return 1
	ip -n "$node" link set out0 up
	ip -n "$node" addr replace 2001:db8:1::ff/64 dev out0 nodad
	wait_until 10 resolved 3 || return 1
	forwards 203.0.113.10
}

ingress_waits() { status_of interface in0 | grep -q 'waiting for it'; }
ingress_open() { ! ingress_waits; }

ingress_down_and_up() {
	ip -n "$node" link set in0 down
	wait_until 5 ingress_waits || return 1
	ip -n "$node" link set in0 up
	ip -n "$node" addr replace 2001:db8:a::2/64 dev in0 nodad
	wait_until 5 ingress_open || return 1
	forwards 203.0.113.10
}

ingress_deleted_and_made_anew() {
	ip -n "$node" link del in0
	wait_until 5 ingress_waits || return 1
	connect_links
	wait_until 5 ingress_open || return 1
	forwards 203.0.113.10 || return 1
	forwards 2001:db8:113::10
}

# As over a trunk: one tag, which the kernel takes off and libpcap puts back,
# and two. The packet: 198.51.100.1:4000 to 203.0.113.10:5000, UDP, "guideway".
forwards_tagged() {
	local mac before tag packet=45000024000040004011d489c6336401cb00710a0fa01388
	packet+=001000006775696465776179
	mac=$(on "$node" cat /sys/class/net/in0/address)
	for tag in 81000007 88a8000981000007; do
		before=$(count_of forward)
		on "$client" "$build/tests/net/send_frame" eth0 \
		    "${mac//:/}020000000001${tag}0800$packet" 5
		wait_until 5 has_forwarded $((before + 5)) || return 1
	done
}

# A switch that floods must not make two nodes forward one packet.
leaves_frames_of_others() {
	local before packet=45000024000040004011d489c6336401cb00710a0fa01388
	packet+=001000006775696465776179
	before=$(count_of forward)
	ip -n "$node" link set in0 promisc on
	on "$client" "$build/tests/net/send_frame" eth0 \
	    "02000000aaaa0200000000010800$packet" 5
	forwards 203.0.113.10 || return 1
	ip -n "$node" link set in0 promisc off
	equal "$(count_of forward)" $((before + 20))
}

warns_of_ip_forward() {
	on "$node" sysctl -qw net.ipv4.conf.in0.forwarding=1
	wait_until 5 logged 'the kernel forwards as well' || return 1
	status_of interface in0 | grep -q 'the kernel forwards as well'
	on "$node" sysctl -qw net.ipv4.conf.in0.forwarding=0
}

warns_of_local_vip() {
	ip -n "$node" addr add 203.0.113.10/32 dev lo
	ask install "$work/all.yaml" >/dev/null
	ip -n "$node" addr del 203.0.113.10/32 dev lo
	logged 'VIP 203.0.113.10 is an address of this node'
}

tells_the_way() {
	"$build/balancer/guideway-balancer" --version
	ask trace 192.0.2.1 203.0.113.10 80 | grep -q '^drop_no_service' || return 1
	ask trace 192.0.2.1 203.0.113.11 80 | grep -q '^pass_not_vip'
}

second_is_refused() {
	local status=0
	on "$node" "$build/balancer/guideway-balancer" \
	    --config "$work/all.yaml" >"$work/second" 2>&1 || status=$?
	equal $status 1 || return 1
	grep -q 'stop it first' "$work/second" || return 1
	forwards 203.0.113.10
}

has_let_go() {
	local proc=/proc/$balancer/status
	equal "$(awk '/^Uid/ { print $2, $3, $4 }' "$proc")" \
	    "$(id -u nobody) $(id -u nobody) $(id -u nobody)" || return 1
	equal "$(awk '/^CapEff/ { print $2 }' "$proc")" 0000000000003000 || return 1
	equal "$(awk '/^CapPrm/ { print $2 }' "$proc")" 0000000000003000 || return 1
	equal "$(awk '/^NoNewPrivs/ { print $2 }' "$proc")" 1 || return 1
	# An agent that became the same user gets in.
	equal "$(stat -c '%U %a' "$socket")" "nobody 660"
}

needs_capabilities() {
	local status=0
	on "$node" setpriv --reuid nobody --clear-groups --bounding-set -all \
	    "$build/balancer/guideway-balancer" --config "$work/all.yaml" \
	    >"$work/denied" 2>&1 || status=$?
	equal $status 1 || return 1
	equal "$(wc -l <"$work/denied")" 1 || return 1
	grep -q 'CAP_NET_ADMIN is missing' "$work/denied"
}

signals_are_harmless() {
	kill -HUP "$balancer"
	kill -USR1 "$balancer"
	wait_until 5 logged 'counters: forward' || return 1
	logged SIGHUP || return 1
	forwards 203.0.113.10
}

killed_and_started_again() {
	kill -KILL "$balancer"
	wait "$balancer" || true
	[ -S "$socket" ] || return 1
	start_balancer
	# Nothing forwards before a state comes.
	equal "$(count_of forward)" 0 || return 1
	send 203.0.113.10 5 200
	equal "$(count_of forward)" 0 || return 1
	ask install "$work/all.yaml" >/dev/null
	wait_until 10 resolved 3 || return 1
	forwards 203.0.113.10
}

ends_cleanly() {
	local status=0
	kill -TERM "$balancer"
	wait "$balancer" || status=$?
	equal $status 0 || return 1
	if grep -E 'Sanitizer|runtime error' "$work/log"; then
		return 1
	fi
}

set_up
config all 10.1.0.1 10.1.0.2 2001:db8:1::1
config two 10.1.0.1 10.1.0.2
chmod 755 "$work"
check "starts and serves its socket" start_balancer
check "takes a state, digest read back" ask install "$work/all.yaml"
check "finds its backends" wait_until 10 resolved 3
check "forwards in GRE, IPv4 and IPv6" forwards_over_both_versions
check "leaves what is not for a VIP to the host" passes_what_is_not_for_a_vip
check "drops and counts what is for no service" drops_unknown_port
check "a new state loses no packet" new_states_lose_nothing
check "a bad state is refused, the good one serves" bad_state_is_refused
check "silent and raving clients harm nothing" bad_clients_harm_nothing
check "follows a neighbour's new MAC" follows_a_new_mac
check "resolves again what was flushed" follows_a_deleted_neighbour
check "follows routes" follows_a_new_route
check "reads all again when notices were lost" reads_all_again
check "believes no notice from before that" believes_no_old_notices
check "the link to the backends down and up" egress_down_and_up
check "the client's link down and up" ingress_down_and_up
check "the client's link deleted and made anew" ingress_deleted_and_made_anew
check "takes VLAN-tagged frames" forwards_tagged
check "leaves frames for other hosts alone" leaves_frames_of_others
check "warns of a kernel that forwards too" warns_of_ip_forward
check "warns of a VIP that is an address of the node" warns_of_local_vip
check "tells which way a flow goes" tells_the_way
check "a second one is refused" second_is_refused
check "is another user, with two capabilities" has_let_go
check "says which capability is missing" needs_capabilities
check "SIGHUP and SIGUSR1" signals_are_harmless
check "killed and started again" killed_and_started_again
check "SIGTERM ends it cleanly" ends_cleanly
echo "1..$tap_count"
[ $tap_bad -eq 0 ] || { sed 's/^/# /' "$work/log"; exit 1; }
