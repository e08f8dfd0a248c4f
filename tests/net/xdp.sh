#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The balancer with its xdp driver between a client and backends, in three
# network namespaces: what the program forwards, what it hands up, and that it
# loses nothing while the balancer is restarted, killed or given new states.
# Needs root. GUIDEWAY_BUILD names the build folder.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${GUIDEWAY_BUILD:-$srcdir/build}
prefix=gwx$(($$ % 10000))-
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
	umount "$work/bpf" 2>/dev/null || true
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

connect_client() {
	ip link add name "${prefix}c" netns "$client" type veth \
	    peer name in0 netns "$node"
	ip -n "$client" link set "${prefix}c" name eth0
	ip -n "$client" addr add 192.0.2.1/24 dev eth0
	ip -n "$client" addr add 2001:db8:a::1/64 dev eth0 nodad
	# As a network card does: the checksum is there when the frame is sent.
	on "$client" ethtool -K eth0 tx off >/dev/null
	ip -n "$client" link set eth0 up
	ip -n "$client" route add 203.0.113.10 via 192.0.2.2
	ip -n "$client" route add 2001:db8:113::10 via 2001:db8:a::2
	ip -n "$node" addr add 192.0.2.2/24 dev in0
	ip -n "$node" addr add 2001:db8:a::2/64 dev in0 nodad
	ip -n "$node" link set in0 up
}

connect_backend() {
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

set_up() {
	local ns
	for ns in "$client" "$node" "$backend"; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
		on "$ns" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
		    net.ipv6.conf.default.accept_dad=0
	done
	on "$node" sysctl -qw net.ipv4.ip_forward=0
	connect_client
	connect_backend
	# Seen in every mount namespace, as `ip netns exec` makes one each time.
	mkdir "$work/bpf"
	mount -t bpf bpf "$work/bpf"
}

# config NAME BACKEND...: $work/NAME.yaml.
config() {
	local name=$1 address
	local interfaces="[ { name: in0, driver: ${driver:-xdp} } ]"
	[ "${driver:-}" != pcap ] || interfaces="[ { name: in0, driver: pcap },
	    { name: out0, driver: xdp } ]"
	[ -z "${also-}" ] || interfaces="[ { name: in0, driver: xdp },
	    { name: $also, driver: xdp } ]"
	[ -z "${native-}" ] || interfaces="[
	    { name: in0, driver: xdp, xdp_mode: native },
	    { name: out0, driver: xdp, xdp_mode: native } ]"
	shift
	{
		cat <<END
node: { name: node, run_dir: $work/run, user: nobody }
balancer:
  interfaces: $interfaces
  bpf_dir: $work/bpf
announce: { agent_grace: 3, enabled: false }
cluster: { seed: 000102030405060708090a0b0c0d0e0f }
services:
  - name: web
    vips: [203.0.113.10, "2001:db8:113::10"]
    protocol: udp
    ports: [5000]
    table_size: ${table_size:-1024}
    backends:
END
		for address; do
			echo "      - address: \"$address\""
		done
		if [ -n "${more_services-}" ]; then
			seq 1 "$more_services" | awk '{
			    printf "  - name: more%d\n    vips: [198.51.%d.%d]\n",
			        $1, 100 + $1 / 250, $1 % 250 + 1
			    print "    protocol: tcp\n    ports: [80]\n" \
			        "    backends: [{address: 10.1.0.1}]" }'
		fi
	} >"$work/$name.yaml"
}

start_balancer() {
	ip netns exec "$node" "${program:-$build/balancer/guideway-balancer}" \
	    --config "$work/${1:-all}.yaml" >>"$work/log" 2>&1 &
	balancer=$!
	wait_until 10 ask status
}

end_balancer() {
	kill -"${1:-TERM}" "$balancer"
	wait "$balancer" 2>/dev/null || true
	balancer=
}

ask() { "$build/tests/net/balancer_client" "$socket" "$@"; }
status_of() { ask status | awk -v w="$*" 'index($0, w) == 1'; }
count_of() { ask status | awk -v r="$1" '$1 == "reason" && $2 == r { print $3 }'; }
resolved() { [ "$(ask status | grep -c '^backend .* resolved')" = "$1" ]; }
logged() { grep -q -- "$1" "$work/log"; }
has_forwarded() { [ "$(count_of forward)" -ge "$1" ]; }
# Frames that came up to user space.
received() { status_of interface in0 | sed 's/.*received \([0-9]*\).*/\1/'; }
# send ADDRESS COUNT RATE
send() { on "$client" "$build/tests/net/udp_blast" "$1" 5000 "$2" "$3"; }
program_on() { ip -n "$node" -o link show dev in0 | grep -q 'prog/xdp'; }
no_program_on() { ! program_on; }

# What a veth could not deliver, since the kernel's queue behind it is full
# where it has no CPU for a fifth of a second: lost on the wire, as it were. Not
# more than a fifth of all; and none in native mode, in which a change of
# programs could be the cause.
undelivered() { on "$1" cat "/sys/class/net/$2/statistics/tx_dropped"; }
# (weight: what one counts.)
few_undelivered() {
	[ "$1" = 0 ] || echo "$1 of $2 were not delivered to $3"
	[ "$2" -gt 1000 ] && [ $(($1 * ${weight:-5})) -lt "$2" ]
}

# As fast as one core sends and forwards: some 60,000 a second.
full_speed=1000000000

# all_arrive COMMAND...: a stream of $rate packets a second while the command
# runs, of which $sent packets reach the balancer; it loses none, and none goes
# to a backend that is in no state.
sent=0 rate=$full_speed
all_arrive() {
	local sender before came went
	before=$(undelivered "$client" eth0) went=$(undelivered "$node" out0)
	watch "$backend" || return 1
	ip netns exec "$client" "$build/tests/net/udp_blast" 203.0.113.10 5000 \
	    100000000 "$rate" >"$work/sent" &
	sender=$!
	sleep 0.3
	"$@" || { kill "$sender"; return 1; }
	sleep 0.3
	kill "$sender"
	wait "$sender" || return 1
	sleep 0.3 # for what is on its way
	before=$(($(undelivered "$client" eth0) - before))
	went=$(($(undelivered "$node" out0) - went))
	sent=$(cat "$work/sent")
	few_undelivered $before "$sent" in0 || return 1
	few_undelivered $went "$sent" out0 || return 1
	sent=$((sent - before))
	came=$((sent - went))
	reached $came wrapped of_states
}
slowly() {
	local rate=5000
	"$@"
}

# Tests ----------------------------------------------------------------------

takes_xdp() {
	program_on || return 1
	status_of interface in0 | grep -q 'in0 xdp .*generic mode' ||
		{ ask status; return 1; }
}

forwards_in_the_kernel() {
	local before up
	before=$(count_of forward) up=$(received)
	watch "$backend" || return 1
	start_tcpdump "$backend" -s 128
	send 203.0.113.10 100 1000
	send 2001:db8:113::10 100 1000
	wait_until 5 has_forwarded $((before + 200)) || return 1
	reached 100 ipv4_inside ipv6_inside && reached 200 of_states || return 1
	wait_until 5 captured_both || return 1
	stop_tcpdump
	equal "$(count_of forward)" $((before + 200)) || return 1
	# Not one of them in user space.
	equal "$(received)" "$up" || return 1
	# Checksums that offload left unfinished are finished.
	dissects_well
}

# Some of each, which tshark can read.
captured_both() {
	[ "$(dissected -Y 'ip.dst == 203.0.113.10')" -ge 10 ] &&
		[ "$(dissected -Y 'ipv6.dst == 2001:db8:113::10')" -ge 10 ]
}

# Just after next hops were found, user space still does it for a moment.
comes_to_forward_in_the_kernel() {
	wait_until 2 stays_in_the_kernel && forwards_in_the_kernel
}
stays_in_the_kernel() {
	local before up
	before=$(count_of forward) up=$(received)
	send 203.0.113.10 20 10000
	send 2001:db8:113::10 20 10000
	wait_until 2 has_forwarded $((before + 40)) &&
		equal "$(received)" "$up" >/dev/null
}

passes_what_is_not_for_a_vip() {
	on "$client" ping -c 2 -i 0.2 -W 2 192.0.2.2 || return 1
	on "$client" ping -c 2 -i 0.2 -W 2 2001:db8:a::2
}

# What the program does not do itself: answered by user space, counted once.
hands_up_the_rest() {
	local before
	before=$(count_of reply_echo)
	on "$client" ping -c 3 -i 0.2 -W 2 203.0.113.10 || return 1
	equal "$(count_of reply_echo)" $((before + 3))
}

drops_unknown_port() {
	local before up
	before=$(count_of drop_no_service) up=$(received)
	on "$client" "$build/tests/net/udp_blast" 203.0.113.10 5001 5 100
	wait_until 5 counted_beyond drop_no_service $((before + 4)) || return 1
	equal "$(count_of drop_no_service)" $((before + 5)) || return 1
	equal "$(received)" "$up"
}

new_states() {
	local i
	for ((i = 0; i < $1; i++)); do
		ask install "$work/two.yaml" >/dev/null || return 1
		ask install "$work/all.yaml" >/dev/null || return 1
	done
}

# States that the loaded program has no room for, and back.
new_rooms() {
	local larger
	for larger in large larger; do
		install_while_pinging "$larger" || return 1
		ask install "$work/all.yaml" >/dev/null || return 1
		sleep 0.2
	done
}
# User space answers while the kernel checks the next program, for half a second
# and longer: not one ping waits for the most of it.
install_while_pinging() {
	local pinger begun took slowest lost last sent
	ip netns exec "$client" ping -i 0.01 203.0.113.10 >"$work/ping" &
	pinger=$!
	sleep 0.1
	begun=$(date +%s%3N)
	ask install "$work/$1.yaml" >/dev/null || { kill $pinger; return 1; }
	took=$(($(date +%s%3N) - begun))
	sleep 0.1
	kill -INT $pinger
	wait $pinger || true
	slowest=$(sed -n 's,^rtt.*/\([0-9]*\)\.[0-9]*/[0-9.]* ms.*,\1,p' "$work/ping")
	# Those after the last that was answered may have been on their way.
	read -r sent last lost < <(awk -F '[= ]' '/icmp_seq/ {
	    answered += !seen[$6]++; if ($6 > last) last = $6 }
	    / received/ { print $1, last + 0, last - answered }' "$work/ping")
	tail -n 2 "$work/ping"
	echo "the install took $took ms; $lost of the first $last are lost"
	[ "$lost" -le 1 ] && [ $((last * 2)) -gt "$sent" ] &&
		[ $((slowest * 2)) -lt $took ]
}

# restart SIGNAL
restart() {
	local before
	before=$(count_of forward)
	end_balancer "$1"
	program_on || { echo "the program is gone"; return 1; }
	sleep 0.3
	start_balancer
	ask install "$work/all.yaml" >/dev/null
	has_forwarded "$before" || { echo "it had forwarded $before"; return 1; }
	sleep 0.3
}

# A third of the slots move: they ask the flow table, of which the program
# leaves packets to its twin.
slots_move() {
	ask install "$work/two.yaml" >/dev/null &&
		ask install "$work/all.yaml" >/dev/null
}

counts_go_on() {
	local before
	slots_move || return 1
	before=$(count_of forward)
	all_arrive restart TERM || return 1
	equal "$(count_of forward)" $((before + sent))
}

killed() {
	local before
	slots_move || return 1
	before=$(count_of forward)
	all_arrive restart KILL || return 1
	equal "$(count_of forward)" $((before + sent))
}

says_it_serves() { grep -q 'serves' "$work/successor"; }

# --replace; the one that ran ends. What user space counts meanwhile is counted
# once, whoever it is that does.
replace() {
	local before i pinger
	ip netns exec "$client" ping -q -i 0.02 203.0.113.10 >"$work/ping" &
	pinger=$!
	for ((i = 0; i < 3; i++)); do
		: >"$work/successor"
		ip netns exec "$node" "$build/balancer/guideway-balancer" \
		    --config "$work/all.yaml" --replace \
		    >"$work/successor" 2>&1 &
		before=$balancer balancer=$!
		wait_until 10 says_it_serves ||
			{ cat "$work/successor"; return 1; }
		wait "$before" || return 1
	done
	kill -INT $pinger
	wait "$pinger" || true
	cat "$work/ping"
	awk '/ received/ { most = $4 * 10 >= $1 * 9 } END { exit !most }' "$work/ping"
}

# What both capture for a moment is answered twice, and counted twice. ping does
# not count what arrives when it ends.
replaced() {
	local before echoes
	before=$(count_of forward) echoes=$(count_of reply_echo)
	watch "$client"
	all_arrive replace || return 1
	equal "$(count_of forward)" $((before + sent)) || return 1
	equal "$(count_of reply_echo)" \
	    $((echoes + $(watched echo_replies "$client")))
}

# Maps of another layout: they cannot be taken over, and nothing is lost all the
# same.
other_layout() {
	local map
	sleep 0.3
	end_balancer TERM
	map=$(echo "$work"/bpf/maps-*/control)
	"$build/tests/net/xdp_layout" "$map" || return 1
	start_balancer
	logged 'pinned by another release' || return 1
	ask install "$work/all.yaml" >/dev/null || return 1
	sleep 0.3
}

mac_of() { status_of "backend $1 " | awk '{ print $NF }'; }
mac_is() { [ "$(mac_of "$1")" = "$2" ]; }

follows_a_new_mac() {
	local new=$watched_mac
	ip -n "$backend" link set eth0 address "$new"
	on "$backend" ip neigh flush dev eth0
	on "$backend" ping -c 1 -W 1 -I 10.1.0.1 10.1.0.254 || true
	on "$backend" ip neigh flush dev eth0
	on "$backend" ping -c 1 -W 1 -I 10.1.0.2 10.1.0.254 || true
	on "$backend" ping -c 1 -W 1 2001:db8:1::ff || true
	wait_until 10 mac_is 10.1.0.1 "$new" || return 1
	wait_until 10 mac_is 10.1.0.2 "$new" || return 1
	wait_until 10 mac_is 2001:db8:1::1 "$new" || return 1
	comes_to_forward_in_the_kernel && reached 200 wrapped to_mac
}

# Without a next hop the program hands up, and user space counts.
counted_beyond() { [ "$(count_of "$1")" -gt "$2" ]; }

no_next_hop_is_counted() {
	local before
	ip -n "$node" link set out0 down
	wait_until 5 resolved 0 || return 1
	before=$(count_of drop_no_next_hop)
	send 203.0.113.10 10 200
	wait_until 5 counted_beyond drop_no_next_hop $((before + 9)) || return 1
	ip -n "$node" link set out0 up
	ip -n "$node" addr replace 2001:db8:1::ff/64 dev out0 nodad
	wait_until 10 resolved 3 || return 1
	comes_to_forward_in_the_kernel
}

backends_link_made_anew() {
	ip -n "$node" link del out0
	wait_until 5 resolved 0 || return 1
	connect_backend
	wait_until 10 resolved 3 || return 1
	comes_to_forward_in_the_kernel
}

ingress_open() { ! status_of interface in0 | grep -q 'waiting for it'; }
ingress_waits() { ! ingress_open; }

ingress_made_anew() {
	ip -n "$node" link del in0
	wait_until 5 ingress_waits || return 1
	connect_client
	wait_until 5 ingress_open || return 1
	comes_to_forward_in_the_kernel
}

# Its balancer is gone for good: all passes, after agent_grace or 20 s.
lease_runs_out() {
	end_balancer KILL
	watch "$backend" || return 1
	send 203.0.113.10 100 1000
	reached 100 wrapped || return 1
	sleep 21
	send 203.0.113.10 100 1000
	sleep 0.5
	reached 100 wrapped || return 1
	start_balancer
	ask install "$work/all.yaml" >/dev/null
	comes_to_forward_in_the_kernel
}

detach() {
	on "$node" "$build/balancer/guideway-balancer" \
	    --config "$work/all.yaml" --detach
}

detaches() {
	end_balancer TERM
	# By somebody who may not.
	chmod 755 "$work"
	! on "$node" setpriv --reuid=daemon --clear-groups \
	    "$build/balancer/guideway-balancer" --config "$work/all.yaml" \
	    --detach >"$work/detach" 2>&1 || return 1
	grep 'link-in0: Operation not permitted' "$work/detach" || return 1
	program_on || return 1
	# Of a release that had a map more.
	mkdir "$work/bpf/maps-1"
	ln "$work"/bpf/maps-*/control "$work/bpf/maps-1/more" || return 1
	equal "$(detach)" "in0: XDP program taken off" || return 1
	no_program_on || return 1
	equal "$(find "$work/bpf" -name "link-*" -o -name "maps-*")" "" || return 1
	detach | grep -q 'no XDP program is attached'
}

# Somebody else's program stays; auto takes the other driver, and says why.
foreign_is_left_alone() {
	ip -n "$node" link set dev in0 xdpgeneric obj "$work/pass.o" sec xdp ||
		return 1
	start_balancer
	status_of interface in0 | grep -q 'has another XDP program' || return 1
	end_balancer TERM
	start_balancer auto
	status_of interface in0 | grep 'in0 pcap' |
		grep -q 'has another XDP program' || return 1
	program_on || return 1
	end_balancer TERM
	ip -n "$node" link set dev in0 xdpgeneric off
}

goes_on_with_auto() {
	start_balancer
	program_on || return 1
	end_balancer TERM
	start_balancer auto
	program_on || return 1
	end_balancer TERM
}

# The newest program, on a link of its own, and with no state when it ends; and
# the link of an interface that is down, which keeps the program of the balancer
# before last: there are maps of neither.
several_programs() {
	local before
	start_again all || return 1
	wait_until 10 resolved 3 || return 1
	send 203.0.113.10 100 1000
	wait_until 5 has_forwarded 100 || return 1
	before=$(count_of forward)
	end_balancer TERM
	ip -n "$node" link add also0 up type veth peer also1 || return 1
	ip -n "$node" link set also1 up
	start_balancer also || return 1
	[ -e "$work/bpf/link-also0" ] || return 1
	start_again also || return 1
	equal "$(count_of forward)" "$before" || return 1
	ip -n "$node" link set also0 down
	start_again also && start_again also || return 1
	equal "$(count_of forward)" "$before" || return 1
	ip -n "$node" link del also0
	end_balancer TERM
}
# What the former user has pinned is the next one's to remove; where a link leads
# that it may have put there is not.
runs_as_another_user() {
	sed 's/user: nobody/user: root/' "$work/all.yaml" >"$work/root.yaml"
	start_again root || return 1
	equal "$(owners)" root || return 1
	mkdir "$work/elsewhere" && touch "$work/elsewhere/file" || return 1
	ln -s "$work/elsewhere" "$work/bpf/maps-1" || return 1
	start_again all || return 1
	equal "$(owners)" nobody || return 1
	equal "$(stat -c %U "$work/elsewhere" "$work/elsewhere/file" | uniq)" root ||
		return 1
	end_balancer TERM
	detach >/dev/null
	[ -e "$work/elsewhere/file" ]
}
owners() { stat -c %U "$work"/bpf/link-* "$work"/bpf/maps-[0-9][0-9]* | uniq; }
start_again() {
	[ -z "$balancer" ] || end_balancer TERM
	start_balancer "$1" && ask install "$work/all.yaml" >/dev/null
}

# What the configuration gives to another driver loses its program, with the
# first state and not before.
is_taken_off() {
	local before
	start_balancer
	ask install "$work/all.yaml" >/dev/null
	end_balancer TERM
	start_balancer pcap
	program_on || return 1
	ask install "$work/pcap.yaml" >/dev/null
	no_program_on || return 1
	wait_until 10 resolved 3 || return 1
	before=$(count_of forward)
	send 203.0.113.10 20 200
	wait_until 5 has_forwarded $((before + 20)) || return 1
	end_balancer TERM
}

# Frames that come back or go on: nothing on veth passes them but for a program
# at its other end.
natively() {
	detach >/dev/null
	ip -n "$client" link set dev eth0 xdpdrv obj "$work/pass.o" sec xdp ||
		return 1
	ip -n "$backend" link set dev eth0 xdpdrv obj "$work/pass.o" sec xdp ||
		return 1
	start_balancer native
	ask install "$work/native.yaml" >/dev/null
	wait_until 10 resolved 3 || return 1
	status_of interface in0 | grep -q 'in0 xdp .*native mode' ||
		{ ask status; return 1; }
	comes_to_forward_in_the_kernel || return 1
	passes_what_is_not_for_a_vip || return 1
	hands_up_the_rest
}
restart_natively() {
	end_balancer "$1"
	program_on || return 1
	sleep 0.3
	start_balancer native
	ask install "$work/native.yaml" >/dev/null
}
restarted_natively() {
	local before
	before=$(count_of forward)
	weight=1000000 slowly all_arrive restart_natively "$1" || return 1
	equal "$(count_of forward)" $((before + sent))
}
# Backends behind the interface that the clients are behind, too: XDP_TX.
sends_back() {
	local before up
	ip -n "$client" addr add 10.2.0.1/24 dev eth0
	ip -n "$node" addr add 10.2.0.254/24 dev in0
	ask install "$work/back.yaml" >/dev/null || return 1
	wait_until 10 resolved 1 && wait_until 2 stays_in_the_kernel || return 1
	before=$(count_of forward) up=$(received)
	watch "$client" || return 1
	send 203.0.113.10 100 1000
	wait_until 5 has_forwarded $((before + 100)) || return 1
	equal "$(received)" "$up" || return 1
	reached 100 wrapped
}
no_longer_natively() {
	end_balancer TERM
	detach >/dev/null
	ip -n "$client" link set dev eth0 xdpdrv off
	ip -n "$backend" link set dev eth0 xdpdrv off
}

leaves_nothing() {
	detach >/dev/null
	no_program_on
}

set_up
config all 10.1.0.1 10.1.0.2 2001:db8:1::1
config two 10.1.0.2 2001:db8:1::1
native=yes config native 10.1.0.1 10.1.0.2 2001:db8:1::1
native=yes config back 10.2.0.1
also=also0 config also 10.1.0.1 10.1.0.2 2001:db8:1::1
driver=auto config auto 10.1.0.1 10.1.0.2 2001:db8:1::1
driver=pcap config pcap 10.1.0.1 10.1.0.2 2001:db8:1::1
table_size=262144 more_services=200 config large 10.1.0.1 2001:db8:1::1
table_size=262144 more_services=300 config larger 10.1.0.1 2001:db8:1::1
printf '%s\n' '#include <linux/bpf.h>' '#include <bpf/bpf_helpers.h>' \
    'SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }' \
    'char l[] SEC("license") = "GPL";' >"$work/pass.c"
clang -target bpf -O2 -idirafter "/usr/include/$(gcc -print-multiarch)" \
    -c "$work/pass.c" -o "$work/pass.o"

start_balancer >"$work/start" 2>&1
ask install "$work/all.yaml" >/dev/null
wait_until 10 resolved 3
check "takes XDP, in generic mode on veth" takes_xdp
check "forwards both IP versions in the kernel" comes_to_forward_in_the_kernel
check "passes what is not for a VIP" passes_what_is_not_for_a_vip
check "user space does the rest, counted once" hands_up_the_rest
check "drops an unknown port in the kernel" drops_unknown_port
check "1,000 states in a row at full speed lose nothing" \
    all_arrive new_states 500
check "a program with more room loses nothing and holds nothing up" \
    slowly all_arrive new_rooms
check "at full speed: a restart loses nothing and counts go on" counts_go_on
check "at full speed: killed: nothing is lost and counts go on" killed
check "at full speed: replaced: nothing is lost, nothing counted twice" replaced
check "at full speed: another layout loses nothing" all_arrive other_layout
check "follows a new MAC" follows_a_new_mac
check "no next hop is counted" no_next_hop_is_counted
check "the backends' link deleted and made anew" backends_link_made_anew
check "the clients' link deleted and made anew" ingress_made_anew
check "the lease runs out" lease_runs_out
check "--detach takes it off" detaches
check "another's program is left alone" foreign_is_left_alone
check "goes on with the driver left to choice" goes_on_with_auto
check "counts go on where links have several programs" several_programs
check "runs as another user" runs_as_another_user
check "goes on with another driver" is_taken_off
check "native mode: redirects to another interface" natively
check "native mode: a restart loses nothing" restarted_natively TERM
check "native mode: killed: nothing is lost" restarted_natively KILL
check "native mode: back through the same interface" sends_back
no_longer_natively
check "leaves nothing behind" leaves_nothing
echo "1..$tap_count"
[ "$tap_bad" = 0 ]
