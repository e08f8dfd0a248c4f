#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guideway-backend in a namespace: what it makes of a host, what then reaches
# a real web server on the VIP, and that it leaves the host as it was. The
# balancer is gre_tun. Prints TAP; needs root.
set -euo pipefail
export LC_ALL=C

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${GUIDEWAY_BUILD:-$srcdir/build}
backend=$build/deploy/backend/guideway-backend
C=gwt-backend-$$-c B=gwt-backend-$$-b # client with balancer, backend
work=$(mktemp -d)
state=$work/state
children=()
n=0 failed=0

VIP4=203.0.113.10 VIP6=2001:db8:100::10 OTHER4=203.0.113.20
UP=(up --state-dir "$state" --dev eth0)
FROM=(--from 10.9.0.1 --from fd09::1)
VIPS=(--vip "$VIP4" --vip 2001:DB8:100:0::10)

# What runs in the background is started with `ip netns exec` itself, which
# becomes the program: a function would leave its shell in between.
clean_up() {
	local pid
	for pid in "${children[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	wait
	ip netns del "$C" 2>/dev/null || true
	ip netns del "$B" 2>/dev/null || true
	rm -rf "$work"
}

skip_all() {
	echo "1..0 # SKIP $*"
	exit 77
}

# is TEXT COMMAND...: does it succeed? What it says is shown when it does not.
is() {
	local text=$1 status=0
	shift
	n=$((n + 1))
	"$@" >"$work/said" 2>&1 || status=$?
	if [ "$status" = 0 ]; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
		printf '#   %s: exit status %s\n' "$*" "$status"
		sed 's/^/#   /' "$work/said"
		failed=$((failed + 1))
	fi
}

# exits STATUS COMMAND...; refuses PATTERN STATUS COMMAND...
exits() {
	local want=$1 got=0
	shift
	"$@" || got=$?
	[ "$got" = "$want" ] || { echo "exit status $got, not $want"; false; }
}
refuses() {
	local pattern=$1
	shift
	exits "$@" 2>&1 | tee "$work/refusal" && grep -q "$pattern" "$work/refusal"
}

not() { ! "$@"; }
on_c() { ip netns exec "$C" "$@"; }
on_b() { ip netns exec "$B" "$@"; }

# within SECONDS COMMAND...: until it succeeds.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# Everything of the host that guideway-backend could touch.
snapshot() {
	on_b bash -c '
		grep -rs . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf |
			grep -v stable_secret | sort
		ip -o addr | sed "s/\\\\.*//"
		ip -o -d link | sed "s/prog.xdp id .*/prog/"; ip rule; ip -6 rule
		ip route show table all; ip -6 route show table all
		nft list ruleset' >"$1"
}

topology() {
	local ns
	for ns in "$C" "$B"; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
		on_c true
		ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
		    net.ipv6.conf.default.accept_dad=0
	done
	ip -n "$B" link add eth0 type veth peer name c0 netns "$C"
	for ns in 1 3; do # 3 is a stranger
		ip -n "$C" addr add 10.9.0.$ns/24 dev c0
		ip -n "$C" addr add fd09::$ns/64 dev c0 nodad
	done
	ip -n "$B" addr add 10.9.0.2/24 dev eth0
	ip -n "$B" addr add fd09::2/64 dev eth0 nodad
	ip -n "$C" link set c0 up
	ip -n "$B" link set eth0 up
	ip -n "$B" route add default via 10.9.0.1
	ip -n "$B" route add default via fd09::1
	# What a host may have set, and must get back.
	on_b sysctl -qw net.ipv4.conf.all.rp_filter=1 \
	    net.ipv4.conf.eth0.rp_filter=0
	on_c sysctl -qw net.ipv4.conf.all.rp_filter=0 \
	    net.ipv4.conf.c0.rp_filter=0 net.ipv6.conf.c0.accept_ra=0
	within 20 ping_hosts || skip_all "the two namespaces do not connect"
}

ping_hosts() {
	on_c ping -qc1 -W5 10.9.0.2 && on_c ping -qc1 -W5 fd09::2
}

# tunnel NAME LOCAL REMOTE: a balancer's sending half.
tunnel() {
	ip netns exec "$C" "$build/tests/net/gre_tun" "$@" >"$work/$1.out" &
	children+=($!)
	within 5 grep -q ready "$work/$1.out"
	ip -n "$C" link set "$1" up
}

# through TUNNEL: packets for the VIPs go into it.
through() {
	local vip
	for vip in "$VIP4" $OTHER4 203.0.113.99; do
		ip -n "$C" route replace "$vip" dev "$1" src 10.9.0.1
	done
	ip -n "$C" -6 route replace $VIP6 dev "$1" src fd09::1
}

web_server() {
	mkdir -p "$work/www" "$work/temp"
	chmod 755 "$work"
	echo backend >"$work/www/index.html"
	cat >"$work/nginx.conf" <<-END
	daemon off; pid $work/nginx.pid; error_log $work/nginx.log;
	user root; worker_processes 1;
	events { }
	http {
		access_log off;
		client_body_temp_path $work/temp;
		proxy_temp_path $work/temp; fastcgi_temp_path $work/temp;
		uwsgi_temp_path $work/temp; scgi_temp_path $work/temp;
		server {
			listen 80; listen [::]:80; root $work/www;
			client_max_body_size 16m; dav_methods PUT;
		}
	}
	END
	ip netns exec "$B" nginx -e "$work/nginx.log" -c "$work/nginx.conf" &
	children+=($!)
	within 20 fetch 10.9.0.2 || skip_all "nginx does not answer"
}

fetch() {
	[ "$(on_c curl -gsS --max-time 2 "http://$1/")" = backend ]
}

upload() {
	head -c 3M /dev/urandom >"$work/data"
	on_c curl -gsS --max-time 10 -T "$work/data" "http://$1/up" &&
		cmp "$work/data" "$work/www/up"
}

status_json() {
	on_b "$backend" status --state-dir "$state" --json
}

# counter NAME: of the XDP program.
counter() {
	status_json | jq ".xdp[0].counters.$1"
}

# rises NAME COMMAND...: COMMAND fails, and the counter says why.
rises() {
	local before
	before=$(counter "$1")
	! "${@:2}" || return 1
	[ "$(counter "$1")" -gt "$before" ]
}

# synack_mss ADDRESS MSS FILTER: does the server tell the client this MSS?
synack_mss() {
	local pid
	rm -f "$work/tcpdump"
	ip netns exec "$C" timeout 10 tcpdump -lnvi c0 -c 1 "src host $1 and $3" \
	    >"$work/synack" 2>"$work/tcpdump" &
	pid=$!
	within 5 grep -q 'listening on' "$work/tcpdump"
	if [[ $1 == *:* ]]; then fetch "[$1]"; else fetch "$1"; fi
	wait $pid
	grep -o 'mss [0-9]*' "$work/synack"
	grep -q "mss $2," "$work/synack"
}

test_usage() {
	is "no command is refused" exits 2 "$backend"
	is "--version" "$backend" --version
	is "--help names every option" "$backend" --help
	local line
	while read -r line; do
		# shellcheck disable=SC2086
		is "refused: $line" refuses . 2 on_b "$backend" \
		    ${line//STATE/"--state-dir $state"}
	done <<-END
	up STATE --dev eth0 --vip 203.0.113.10
	up STATE --dev eth0 --from 10.9.0.1
	up STATE --vip 203.0.113.10 --from 10.9.0.1
	up STATE --dev eth0 --vip 203.0.113.0/24 --from 10.9.0.1
	up STATE --dev eth0 --vip 203.0.113.300 --from 10.9.0.1
	up STATE --dev eth0 --vip 203.0.113.10 --from 10.9.0.1/24
	up STATE --dev eth0 --vip 203.0.113.10 --from 0.0.0.0/0
	up STATE --dev eth0 --vip 203.0.113.10 --from ::/0
	up STATE --dev eth0 --vip 203.0.113.10 --from 10.9.0.1 --mss 535
	up STATE --dev eth0 --vip 203.0.113.10 --from 10.9.0.1 --mss 14x
	up STATE --dev eth0 --vip 203.0.113.10 --from 10.9.0.1 --mode tc
	up STATE --dev eth0 --vip 203.0.113.10 --from 10.9.0.1 --colour red
	up STATE --dev eth0;reboot --vip 203.0.113.10 --from 10.9.0.1
	up STATE --config /dev/null --dev eth0
	down STATE --dev eth0
	down STATE extra
	sideways
	END
	is "a file that is not there" refuses 'cannot be read' 1 \
	    on_b "$backend" up --state-dir "$state" --config "$work/none"
	is "an interface that is not there" refuses 'no such interface' 1 \
	    on_b "$backend" up --state-dir "$state" --dev eth7 "${VIPS[@]}" \
	    "${FROM[@]}"
	is "nothing is left of all that" not test -e "$state"
}

test_dry_run() {
	snapshot "$work/before"
	is "--dry-run of mode gre" on_b "$backend" "${UP[@]}" "${VIPS[@]}" \
	    "${FROM[@]}" --mode gre --dry-run
	cp "$work/said" "$work/plan"
	is "one device for each sender" grep -qx \
	    'ip link add gwb[0-9a-f]* type gre remote 10.9.0.1 local any ttl 64' \
	    "$work/plan"
	is "... for IPv6 too" grep -qx \
	    'ip link add gwb[0-9a-f]* type ip6gre remote fd09::1 local any ttl 64' \
	    "$work/plan"
	is "... which a strict rp_filter does not close" grep -qx \
	    'write_sysctl net/ipv4/conf/gwb[0-9a-f]*/rp_filter 2' "$work/plan"
	sed -n '/^nft -f -/,/^END$/p' "$work/plan" | sed '1d;$d' >"$work/nft"
	is "the kernel takes the filter" on_b nft -c -f "$work/nft"
	on_b "$backend" "${UP[@]}" "${VIPS[@]}" --from 10.9.0.0/25 \
	    --from fd09::/64 --mode gre --dry-run >"$work/plan"
	is "a prefix: a device for any sender" grep -qx \
	    'ip link add gwb[0-9a-f]* type gre remote any local 10.9.0.2 ttl 64' \
	    "$work/plan"
	sed -n '/^nft -f -/,/^END$/p' "$work/plan" | sed '1d;$d' >"$work/nft"
	is "... behind a filter of senders" grep -q 'ip saddr @from4' "$work/nft"
	is "... which the kernel takes" on_b nft -c -f "$work/nft"
	snapshot "$work/after"
	is "nothing was changed" diff "$work/before" "$work/after"
	is "no state was written" not test -e "$state"
}

test_up() {
	snapshot "$work/before"
	is "status says down" exits 3 on_b "$backend" status --state-dir "$state"
	is "up" on_b "$backend" "${UP[@]}" "${VIPS[@]}" "${FROM[@]}" --mode xdp
	is "status says up" on_b "$backend" status --state-dir "$state"
	is "status --json is JSON that says so" jq -e '.up and .mode == "xdp" and
		.vips == ["203.0.113.10","2001:db8:100::10"] and
		.xdp[0].mode == "generic" and .missing == []' \
	    <(status_json)
	is "rp_filter is loose on eth0 alone" test "2 1" = "$(on_b sysctl -n \
	    net.ipv4.conf.eth0.rp_filter net.ipv4.conf.all.rp_filter | xargs)"
}

test_traffic() {
	local outer
	for outer in 4 6; do
		through tun$outer
		is "IPv4 in IPv$outer reaches the server" fetch $VIP4
		is "IPv6 in IPv$outer reaches the server" fetch "[$VIP6]"
		is "full-size packets, IPv4 in IPv$outer" upload $VIP4
		is "full-size packets, IPv6 in IPv$outer" upload "[$VIP6]"
	done
	# 1500 - 40 - 4 - 20 - 20, since there is an IPv6 sender; - 40 for IPv6.
	is "the SYN-ACK of the IPv4 VIP carries the MSS" \
	    synack_mss $VIP4 1416 'tcp[13] & 18 = 18'
	is "the SYN-ACK of the IPv6 VIP carries the MSS" \
	    synack_mss $VIP6 1396 'ip6[53] & 18 = 18'
	is "that of another address does not" \
	    synack_mss 10.9.0.2 1460 'tcp[13] & 18 = 18'
	is "GRE for another address is dropped" rises not_vip fetch 203.0.113.99
	through tunx
	is "GRE from a stranger is left to the kernel" rises stranger \
	    fetch $VIP4
	is "... and refused by it, with IPv6 inside too" rises stranger \
	    fetch "[$VIP6]"
	through tun4
}

test_neighbours() {
	ip -n "$C" route replace "$VIP4" dev c0
	ip -n "$C" -6 route replace $VIP6 dev c0
	on_c ping -qc1 -W1 $VIP4 >/dev/null || true
	on_c ping -qc1 -W1 $VIP6 >/dev/null || true
	is "nobody answers ARP for the VIP" not grep -q lladdr \
	    <(ip -n "$C" neigh show to $VIP4)
	is "nobody answers neighbour solicitations for the VIP" \
	    not grep -q lladdr <(ip -n "$C" neigh show to $VIP6)
	ip -n "$C" neigh flush dev c0
	through tun4
	ping_hosts >"$work/ping" # lest the client ask first, and tell who it is
	ip -n "$B" neigh flush dev eth0
	is "a server that must find its way back does" fetch $VIP4
	is "... without telling the VIP to its neighbours" \
	    not grep -q . <(ip -n "$C" neigh show to $VIP4)
}

test_own_traffic() {
	is "the host's own ping is untouched" ping_hosts
	is "its own TCP is, over IPv4" upload 10.9.0.2
	is "... and IPv6" upload '[fd09::2]'
	# Through an interface without addresses the host takes any it has.
	ip -n "$B" link add br0 type bridge
	ip -n "$B" link set br0 up
	ip -n "$B" route add 192.0.2.0/24 dev br0
	ip -n "$B" route add 2001:db8:101::/48 dev br0
	is "the host does not speak as the VIP, IPv4" \
	    grep -q 'src 10.9.0.2' <(ip -n "$B" route get 192.0.2.1)
	is "... and IPv6" \
	    grep -q 'src fd09::2' <(ip -n "$B" route get 2001:db8:101::1)
	ip -n "$B" link del br0
}

program_id() { status_json | jq .xdp[0].program; }

test_again() {
	local id before loss
	id=$(program_id)
	before=$(counter decapsulated)
	ip netns exec "$C" ping -q -i 0.01 -c 200 -W 1 $VIP4 >"$work/ping" &
	children+=($!)
	is "up again" on_b "$backend" "${UP[@]}" "${VIPS[@]}" "${FROM[@]}" \
	    --mode xdp
	is "... with a new program" not test "$id" = "$(program_id)"
	is "... whose counters go on" test "$(counter decapsulated)" -ge "$before"
	wait "${children[-1]}" || true
	loss=$(grep -o '[0-9.]*% packet loss' "$work/ping")
	is "... without losing a packet" test "$loss" = "0% packet loss"
	is "up with another VIP" on_b "$backend" "${UP[@]}" "${FROM[@]}" \
	    --vip $OTHER4 --vip $VIP6 --mode xdp
	is "the new one is served" fetch $OTHER4
	is "the former one is not" rises not_vip fetch $VIP4
	is "... and is off the host" not grep -q . \
	    <(ip -n "$B" addr show to $VIP4)
	is "up in native mode" on_b "$backend" "${UP[@]}" "${VIPS[@]}" \
	    "${FROM[@]}" --mode xdp-native
	is "status says native" jq -e '.xdp[0].mode == "native"' <(status_json)
	on_c ethtool -K c0 tx off >/dev/null
	is "native mode serves" fetch $VIP4
	is "native mode serves IPv6" fetch "[$VIP6]"
	on_c ethtool -K c0 tx on >/dev/null
	is "a clamp by number, and prefixes" on_b "$backend" "${UP[@]}" \
	    "${VIPS[@]}" --from 10.9.0.0/31 --from fd09::/127 --mss 1200 \
	    --mode xdp-generic
	is "both work" synack_mss $VIP4 1200 'tcp[13] & 18 = 18'
	is "without a clamp" on_b "$backend" "${UP[@]}" "${VIPS[@]}" \
	    "${FROM[@]}" --mss off
	is "... there is no table" not on_b nft list table inet guideway_backend
}

test_repair() {
	on_b ip addr del $VIP4/32 dev lo
	is "status sees what is missing" exits 1 on_b "$backend" status \
	    --state-dir "$state"
	is "... and names it" jq -e ".missing == [\"addr $VIP4\"]" \
	    <(status_json || true)
	is "up repairs it" on_b "$backend" "${UP[@]}" "${VIPS[@]}" "${FROM[@]}" \
	    --mode xdp
	is "it serves again" fetch $VIP4
}

# with_nft COMMANDS: an nft that does what COMMANDS say.
with_nft() {
	mkdir -p "$work/bin"
	printf '#!/bin/sh\n%s\n' "$1" >"$work/bin/nft"
	chmod +x "$work/bin/nft"
}

test_roll_back() {
	local pid
	snapshot "$work/up"
	status_json | jq 'del(.xdp[].program, .xdp[].counters)' >"$work/up.json"
	with_nft 'grep -q 20 && { echo "nft: no" >&2; exit 1; } || exit 0'
	is "a VIP that neighbours would learn is refused" \
	    refuses 'is on eth0' 1 on_b "$backend" "${UP[@]}" "${FROM[@]}" \
	    --vip 10.9.0.2
	is "a step that fails ends it" refuses 'undoing' 1 on_b env \
	    PATH="$work/bin:$PATH" "$backend" "${UP[@]}" "${FROM[@]}" \
	    --vip $OTHER4
	snapshot "$work/after"
	is "... and all is as it was" diff "$work/up" "$work/after"
	is "... in the status, too" diff "$work/up.json" <(status_json |
	    jq 'del(.xdp[].program, .xdp[].counters)')
	is "... and serves" fetch $VIP4
	# Native XDP takes no such packets; by then the generic program is off.
	ip -n "$C" link set c0 mtu 9000
	is "the last step fails" refuses 'undoing' 1 on_b "$backend" \
	    "${UP[@]}" "${FROM[@]}" --vip $OTHER4 --mode xdp-native
	ip -n "$C" link set c0 mtu 1500
	snapshot "$work/after"
	is "... and all is as it was, the program too" \
	    diff "$work/up" "$work/after"
	is "... and serves as before" fetch $VIP4
	with_nft "touch $work/waiting; sleep 5; exit 0"
	ip netns exec "$B" env PATH="$work/bin:$PATH" "$backend" "${UP[@]}" \
	    "${FROM[@]}" --vip $OTHER4 >/dev/null 2>&1 &
	pid=$!
	within 5 test -e "$work/waiting"
	kill "$pid"
	is "a signal in the middle ends it" exits 1 wait "$pid"
	snapshot "$work/after"
	is "... and all is as it was again" diff "$work/up" "$work/after"
}

test_down() {
	is "down --dry-run" on_b "$backend" down --state-dir "$state" --dry-run
	snapshot "$work/after"
	is "... changes nothing" diff "$work/up" "$work/after"
	is "down" on_b "$backend" down --state-dir "$state"
	snapshot "$work/after"
	is "the host is as it was before" diff "$work/before" "$work/after"
	is "no state is left" not test -e "$state"
	is "down again" on_b "$backend" down --state-dir "$state"
	is "the host itself still answers" fetch 10.9.0.2
}

test_foreign() {
	on_b ip addr add $OTHER4/32 dev lo
	on_b sysctl -qw net.ipv4.conf.eth0.arp_ignore=2
	snapshot "$work/before"
	is "up where some of it was there before" on_b "$backend" "${UP[@]}" \
	    "${VIPS[@]}" --vip $OTHER4 "${FROM[@]}" --mode xdp
	is "down leaves that" on_b "$backend" down --state-dir "$state"
	snapshot "$work/after"
	is "... as it was" diff "$work/before" "$work/after"
	sed 's/guideway_decap/somebody_elses/g' \
	    "$build/deploy/backend/decap.bpf.o" >"$work/other.o"
	on_b ip link set dev eth0 xdpgeneric obj "$work/other.o" sec xdp
	is "another's XDP program is not replaced" refuses 'another XDP program' \
	    1 on_b "$backend" "${UP[@]}" "${VIPS[@]}" "${FROM[@]}" --mode xdp
	is "... but stays" grep -q xdpgeneric <(ip -n "$B" link show eth0)
	on_b ip link set dev eth0 xdpgeneric off
	snapshot "$work/after"
	is "... and nothing else was done" diff "$work/before" "$work/after"
}

test_config() {
	cat >"$work/backend.conf" <<-END
	# A comment.
	dev eth0
	vip $VIP4 $VIP6   # two of them
	from 10.9.0.1
	mss off
	END
	is "up from a file" on_b "$backend" up --config "$work/backend.conf" \
	    --state-dir "$state"
	is "... serves" fetch $VIP4
	echo "vipp 203.0.113.1" >>"$work/backend.conf"
	is "a wrong line is named" refuses 'backend.conf:6: no option' 1 on_b \
	    "$backend" up --config "$work/backend.conf" --state-dir "$state"
	is "the sample's options are known" on_b "$backend" up --dry-run \
	    --config <(sed 's/^#\([a-z].*\)/\1/' \
	    "$srcdir/deploy/backend/backend.conf") --state-dir "$work/none"
	ip -n "$B" link del eth0
	is "down when the interface is gone" on_b "$backend" down \
	    --state-dir "$state"
	is "... leaves no VIP" not grep -q . <(ip -n "$B" addr show to $VIP4)
}

[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -x "$build/tests/net/check_decap" ] ||
	skip_all "$build has no XDP program; make check builds it"
for tool in nginx curl jq tcpdump nft ethtool; do
	command -v $tool >/dev/null || skip_all "$tool is missing"
done
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
is "the XDP program, packet by packet (check_decap)" \
    "$build/tests/net/check_decap"
topology
test_usage
test_dry_run
tunnel tun4 10.9.0.1 10.9.0.2
tunnel tun6 fd09::1 fd09::2
tunnel tunx 10.9.0.3 10.9.0.2
web_server
test_up
test_traffic
test_neighbours
test_own_traffic
test_again
test_repair
test_roll_back
test_down
test_foreign
test_config
echo "1..$n"
[ "$failed" = 0 ]
