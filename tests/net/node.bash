# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A node with the route device, between a client and a backend, in network
# namespaces: what the tests of the device share. Sourced after prefix, srcdir
# and build are set; brings tap.bash.
client=${prefix}client node=${prefix}node backend=${prefix}backend
work=$(mktemp -d)
socket=$work/run/balancer.sock
balancer='' pinger='' monitor=''
# shellcheck source-path=SCRIPTDIR
. "$srcdir/tests/tap.bash"

clean_up() {
	local pid ns
	trap '' INT TERM HUP
	for pid in $(jobs -p); do
		kill -CONT "$pid" 2>/dev/null || true
		kill -KILL "$pid" 2>/dev/null || true
	done
	wait
	for ns in "$client" "$node" "$backend"; do
		ip netns del "$ns" 2>/dev/null || true
	done
	umount "$work/bpf" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

equal() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'"; return 1; }; }
not() { ! "$@"; }
on() { ip netns exec "$@"; } # not in the background: $! would be a shell's
now_ms() { date +%s%3N; }

set_up() {
	local ns
	# Seen in every mount namespace, as `ip netns exec` makes one each time.
	mkdir "$work/bpf"
	mount -t bpf bpf "$work/bpf"
	for ns in "$client" "$node" "$backend"; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
	done
	on "$node" sysctl -qw net.ipv4.ip_forward=0
	ip link add name "${prefix}c" netns "$client" type veth \
	    peer name in0 netns "$node"
	ip -n "$client" link set "${prefix}c" name eth0
	ip -n "$client" addr add 192.0.2.1/24 dev eth0
	ip -n "$client" link set eth0 up
	ip -n "$client" route add 203.0.113.10 via 192.0.2.2
	ip -n "$node" addr add 192.0.2.2/24 dev in0
	ip -n "$node" link set in0 up
	ip link add name "${prefix}b" netns "$backend" type veth \
	    peer name out0 netns "$node"
	ip -n "$backend" link set "${prefix}b" name eth0
	ip -n "$node" addr add 10.1.0.254/24 dev out0
	ip -n "$node" link set out0 up
	ip -n "$backend" addr add 10.1.0.1/24 dev eth0
	ip -n "$backend" link set eth0 up
}

# config NAME INTERFACES ANNOUNCE: $work/NAME.yaml.
config() {
	cat >"$work/$1.yaml" <<-END
	node: { name: node, run_dir: $work/run, user: nobody }
	balancer: { interfaces: [ $2 ], bpf_dir: $work/bpf }
	announce: { $3 }
	cluster: { seed: 000102030405060708090a0b0c0d0e0f }
	services:
	  - name: web
	    vips: [203.0.113.10]
	    protocol: udp
	    ports: [5000]
	    backends: [ { address: 10.1.0.1 } ]
	END
}

# start_balancer CONFIG [COMMAND...]: started by it.
start_balancer() {
	local conf=$work/$1.yaml
	shift
	ip netns exec "$node" "$@" "$build/balancer/guideway-balancer" \
	    --config "$conf" >>"$work/log" 2>&1 &
	balancer=$!
	wait_until 10 ask ping
}

start_again() {
	kill_balancer
	start_balancer "$@"
}

kill_balancer() {
	kill -KILL "$balancer"
	wait "$balancer" 2>/dev/null || true
}

ask() { "$build/tests/net/balancer_client" "$socket" "$@"; }
install() { ask install "$work/plain.yaml" >/dev/null; }
pong_of() { ask ping | sed -n "s/^$1 //p"; }
told() { pong_of error | grep -q -- "$1"; }
logged() { grep -q -- "$1" "$work/log"; }
count_logged() { grep -c -- "$1" "$work/log" || true; }

there() { ip -n "$node" -o link show gw0 2>/dev/null | grep -q '[<,]UP[,>]'; }
gone() { ! ip -n "$node" link show gw0 >/dev/null 2>&1; }
comes() { wait_until "${1:-5}" there; }
goes() { wait_until "${1:-5}" gone; }

# As the agent writes it.
add_route() {
	ip -n "$node" route add 203.0.113.10/32 dev gw0 table 177 proto 201
	ip -n "$node" -6 route add 2001:db8:113::10/128 dev gw0 table 177 \
	    proto 201
}
routes() {
	{
		ip -n "$node" route show table 177
		ip -n "$node" -6 route show table 177
	} 2>/dev/null | grep -c 'proto 201' || true
}
has_routes() { [ "$(routes)" = "$1" ]; }

# The agent's part: one that asks all the time.
start_pinger() {
	while sleep 0.1; do
		ask ping >/dev/null 2>&1 || true
	done &
	pinger=$!
}
stop_pinger() {
	kill "$pinger"
	wait "$pinger" 2>/dev/null || true
}

# What becomes of links, with times, in $work/links.
start_monitor() {
	ip -n "$node" -ts monitor link >"$work/links" 2>&1 &
	monitor=$!
	sleep 0.2
}
stop_monitor() {
	kill "$monitor"
	wait "$monitor" 2>/dev/null || true
}

send() { on "$client" "$build/tests/net/udp_blast" 203.0.113.10 5000 "$@"; }
count_of() { ask status | awk -v r="$1" '$1 == "reason" && $2 == r { print $3 }'; }
has_forwarded() { [ "$(count_of forward)" -ge "$1" ]; }
resolved() { ask status | grep -q '^backend .* resolved'; }

forwards() {
	local before
	wait_until 10 resolved || return 1
	before=$(count_of forward)
	send 20 200
	wait_until 5 has_forwarded $((before + 20))
}
