#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Health checks in a real kernel: echo, hosts and routes that are not there, and
# the tunnel, to two real backends with the same VIPs on one network, of which
# each must be the one that answers. Needs root and XDP. GUIDEWAY_BUILD names the
# build folder.
set -euo pipefail
export LC_ALL=C

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${GUIDEWAY_BUILD:-$srcdir/build}
program=$build/tests/net/probe_client
backend=$build/deploy/backend/guideway-backend
prefix=gwp$(($$ % 10000))
C=$prefix-c S=$prefix-s B1=$prefix-1 B2=$prefix-2 # node, switch, backends
VIP4=203.0.113.10 VIP6=2001:db8:100::10
TABLE=1735852033 # and mark
TIMES='interval=20000 timeout=10000 rise=2 fall=3'
SHORT='interval=2000 timeout=1000 rise=2 fall=3'
work=$(mktemp -d)
children=()
with=() # what the client is run by
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.bash"

clean_up() {
	local pid ns
	trap '' INT TERM HUP
	for pid in "${children[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	wait
	for ns in "$C" "$S" "$B1" "$B2"; do
		ip netns del "$ns" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

skip() {
	echo "$*"
	exit 77
}

on_c() { ip netns exec "$C" "$@"; }
not() { ! "$@"; }

# host NS NUMBER: on the switch, as 10.9.0.NUMBER and fd09::NUMBER.
host() {
	ip -n "$1" link add eth0 type veth peer name "p$2" netns "$S"
	ip -n "$S" link set "p$2" master br0 up
	ip -n "$1" addr add "10.9.0.$2/24" dev eth0
	ip -n "$1" addr add "fd09::$2/64" dev eth0 nodad
	ip -n "$1" link set eth0 up
}

topology() {
	local ns
	for ns in "$C" "$S" "$B1" "$B2"; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
		ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
		    net.ipv6.conf.default.accept_dad=0 \
		    net.ipv4.icmp_ratelimit=0
	done
	ip -n "$S" link add br0 type bridge
	ip -n "$S" link set br0 up
	host "$C" 1
	host "$B1" 11
	host "$B2" 12
	# As on many hosts; the route to the VIP goes where its answers come from.
	on_c sysctl -qw net.ipv4.conf.all.rp_filter=1
	ip -n "$C" route add default via 10.9.0.254
	ip -n "$C" route add default via fd09::254
}

# background NS COMMAND...
background() {
	ip netns exec "$@" >>"$work/log" 2>&1 &
	children+=($!)
}

# A web server that says which one it is, and what else is asked for.
servers() { # NS STATUS
	local dir=$work/$2
	mkdir "$dir"
	cat >"$dir/nginx.conf" <<-END
	daemon off; pid $dir/pid; error_log $dir/error.log;
	user root; worker_processes 1;
	events { }
	http {
		access_log $dir/access.log;
		client_body_temp_path $dir; proxy_temp_path $dir;
		fastcgi_temp_path $dir; uwsgi_temp_path $dir;
		scgi_temp_path $dir;
		server {
			listen 80; listen [::]:80;
			location / { return $2; }
		}
	}
	END
	background "$1" nginx -e "$dir/error.log" -c "$dir/nginx.conf"
	background "$1" socat "UDP4-RECVFROM:7,bind=$VIP4,fork" EXEC:cat
	background "$1" socat "UDP6-RECVFROM:7,bind=[$VIP6],fork" EXEC:cat
	background "$1" socat "TCP4-LISTEN:81,bind=$VIP4,fork,reuseaddr" EXEC:cat
}

backend_up() { # NS
	ip netns exec "$1" "$backend" up --state-dir "$work/state-$1" \
	    --dev eth0 --vip $VIP4 --vip $VIP6 --from 10.9.0.1 \
	    --from fd09::1 --from 198.18.0.0/16 --mode xdp
}
backend_down() {
	ip netns exec "$1" "$backend" down --state-dir "$work/state-$1"
}

http() { echo "http port=80${2:+ tunnel=yes} path=/ status=$1-$1 $TIMES"; }

# says EXPECTED ARGUMENT...: the client's results, one a line.
says() {
	local said
	said=$(on_c "${with[@]}" "$program" "${@:2}")
	[ "$said" = "$1" ] || { echo "expected '$1', got '$said'"; return 1; }
}

# Every backend in turn, each with its own answer.
interleaved() {
	local args=() i
	for ((i = 0; i < 100; i++)); do
		args+=(10.9.0.11 "$VIP4" "$(http 201 tunnel)")
		args+=(fd09::12 "$VIP4" "$(http 202 tunnel)")
		args+=(10.9.0.12 "$VIP6" "$(http 202 tunnel)")
		args+=(fd09::11 "$VIP6" "$(http 201 tunnel)")
	done
	[ "$(on_c "$program" "${args[@]}" | sort | uniq -c | xargs)" = "400 OK" ]
}

nothing_left() {
	local rules
	rules=$(ip -n "$C" rule; ip -n "$C" -6 rule)
	not grep fwmark <<<"$rules" && not grep gw-probe <(ip -n "$C" link) &&
		not grep $TABLE <(ip -n "$C" route show table all) &&
		not grep $TABLE <(ip -n "$C" -6 route show table all)
}

# none_established NS PORT
none_established() {
	[ -z "$(ip netns exec "$1" ss -Htn state established "sport = :$2")" ]
}

# While one runs: the device and the rules. Killed, it leaves the rules.
killed() {
	on_c "$program" -k 10.9.0.11 $VIP4 "$(http 201 tunnel)" >"$work/kept" &
	local pid=$!
	children+=("$pid")
	wait_until 5 grep -qs OK "$work/kept" || return 1
	grep gw-probe <(ip -n "$C" link) || return 1
	grep fwmark <(ip -n "$C" rule) || return 1
	pid=$(pgrep -P "$pid" || echo "$pid")
	kill -KILL "$pid"
	wait_until 5 no_device || return 1
	grep fwmark <(ip -n "$C" rule)
}
no_device() { ! ip -n "$C" link show gw-probe >/dev/null 2>&1; }

# Deleted under it between two rounds, and set down: the device is made anew.
comes_back() { # COMMAND...
	rm -f "$work/rounds"
	on_c "$program" -r 6 10.9.0.11 $VIP4 "$(http 201 tunnel)" \
	    >"$work/rounds" &
	children+=($!)
	wait_until 5 grep -qs OK "$work/rounds" || return 1
	on_c "$@" || return 1
	wait "${children[-1]}"
	[ "$(tail -n 1 "$work/rounds")" = OK ] || { cat "$work/rounds"; return 1; }
}

# A marked packet without the device goes nowhere, not to the VIP otherwise.
marked_is_unreachable() {
	local said
	said=$(ip -n "$C" route get $VIP4 mark $((TABLE)) 2>&1 || true)
	grep -iq 'unreachable\|no route' <<<"$said" || { echo "$said"; return 1; }
}

[ "$(id -u)" = 0 ] || skip "needs root"
[ -x "$build/tests/net/check_decap" ] || skip "$build has no XDP program"
for tool in nginx socat ss setpriv; do
	command -v $tool >/dev/null || skip "$tool is missing"
done
topology
for ns in "$B1" "$B2"; do
	backend_up "$ns" >"$work/up" 2>&1 || { cat "$work/up"; exit 99; }
done
servers "$B1" 201
servers "$B2" 202
wait_until 10 says OK 10.9.0.11 - "$(http 201)" >/dev/null
wait_until 10 says OK 10.9.0.12 - "$(http 202)" >/dev/null

check "echo, IPv4 and IPv6" says "OK
OK" 10.9.0.11 - "icmp $TIMES" fd09::12 - "icmp $TIMES"
check "echo without an answer" says "FAILED no answer in 300 ms" 10.9.0.99 - \
    "icmp interval=2000 timeout=300 rise=2 fall=3"
check "a host that is not there" says "FAILED no connection in 300 ms" \
    10.9.0.99 - "tcp port=80 interval=2000 timeout=300 rise=2 fall=3"
check "a host that the network knows not to be there" \
    says "FAILED no route to host" 10.9.0.99 - \
    "tcp port=80 interval=20000 timeout=9000 rise=2 fall=3"
ip -n "$C" route add unreachable 192.0.2.0/24
ip -n "$C" route add unreachable 2001:db8:2::/48
check "no route, TCP, UDP and echo" says "FAILED no route to host
FAILED no route to host
FAILED no route to host" \
    192.0.2.1 - "tcp port=80 $TIMES" 192.0.2.1 - "udp port=7 send=x $TIMES" \
    2001:db8:2::1 - "icmp $TIMES"

check "HTTP through the tunnel, to one backend and the other" says "OK
FAILED status 202" 10.9.0.11 $VIP4 "$(http 201 tunnel)" \
    10.9.0.12 $VIP4 "$(http 201 tunnel)"
check "all combinations of IPv4 and IPv6, four hundred at once" interleaved
check "TCP" says OK 10.9.0.11 $VIP4 "tcp port=80 tunnel=yes $TIMES"
check "... to a closed port" says "FAILED connection refused" 10.9.0.11 $VIP4 \
    "tcp port=82 tunnel=yes $TIMES"
check "UDP, over IPv4 and IPv6" says "OK
OK" 10.9.0.11 $VIP4 "udp port=7 tunnel=yes send=abc expect=ab $TIMES" \
    10.9.0.12 $VIP6 "udp port=7 tunnel=yes send=abc expect=ab $TIMES"
check "echo, in all combinations" says "OK
OK
OK
OK" 10.9.0.11 $VIP4 "icmp tunnel=yes $TIMES" \
    10.9.0.12 $VIP6 "icmp tunnel=yes $TIMES" \
    fd09::11 $VIP4 "icmp tunnel=yes $TIMES" \
    fd09::12 $VIP6 "icmp tunnel=yes $TIMES"
check "from a prefix of outer sources" says "OK
OK" -s 198.18.0.0/16 10.9.0.11 $VIP4 "$(http 201 tunnel)" \
    10.9.0.12 $VIP6 "icmp tunnel=yes $TIMES"
check "from a source that the backend does not take" \
    says "FAILED no connection in 1000 ms" -s 10.9.0.77 10.9.0.11 $VIP4 \
    "$(TIMES=$SHORT http 201 tunnel)"
check "a connection that is given up ends at the backend, too" \
    says "FAILED the answer is not HTTP" 10.9.0.11 $VIP4 \
    "http port=81 tunnel=yes path=/ status=200-399 $TIMES"
check "... soon" wait_until 2 none_established "$B1" 81
check "nothing is left of it" nothing_left
check "privileges are let go of after the start" says "OK
OK
OK" -d 10.9.0.11 $VIP4 "$(http 201 tunnel)" 10.9.0.12 - "icmp $TIMES" \
    10.9.0.12 $VIP6 "icmp tunnel=yes $TIMES"

check "device and rules are there; killed, it leaves the rules" killed
check "... by which marked packets go nowhere" marked_is_unreachable
check "... and the next one takes over" says OK 10.9.0.11 $VIP4 \
    "$(http 201 tunnel)"
check "... and takes away" nothing_left

ip -n "$C" -6 route del default
check "no address of ours for the VIP is no fault of the backend" says \
    "UNABLE on this node: no address to ask the VIP from: Network is unreachable
UNABLE on this node: no address to ask the VIP from: Network is unreachable
OK" 10.9.0.11 $VIP6 "$(http 201 tunnel)" 10.9.0.11 $VIP6 \
    "icmp tunnel=yes $TIMES" fd09::11 $VIP6 "$(http 201 tunnel)"
ip -n "$C" route add default via fd09::254

check "a deleted device comes back" comes_back ip link del gw-probe
check "one that was set down does" comes_back ip link set gw-probe down
check "nothing is left of them either" nothing_left

with=(setpriv --bounding-set=-net_raw)
check "without CAP_NET_RAW it says so" says \
    "UNABLE on this node: ICMP needs CAP_NET_RAW at the start: Operation not permitted
UNABLE on this node: the tunnel needs CAP_NET_RAW at the start: Operation not permitted
OK" 10.9.0.11 - "icmp $TIMES" 10.9.0.11 $VIP4 "$(http 201 tunnel)" \
    10.9.0.11 - "$(http 201)"
with=()

check "a backend that does not unwrap any more" backend_down "$B2"
check "... is found through the tunnel only" says \
    "FAILED no connection in 1000 ms
OK" 10.9.0.12 $VIP4 "$(TIMES=$SHORT http 202 tunnel)" 10.9.0.12 - "$(http 202)"
check "the other one is as before" says OK 10.9.0.11 $VIP4 "$(http 201 tunnel)"

echo "1..$tap_count"
[ "$tap_bad" -eq 0 ]
