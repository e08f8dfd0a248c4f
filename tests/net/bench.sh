#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The benchmark groups xdp and pps, in moments: that they measure what they
# should, not how fast it is. The balancer that pps runs is the peer of xdp.
# Needs root. GUIDEWAY_BUILD names the build folder.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${GUIDEWAY_BUILD:-$srcdir/build}
export BENCH_BUILD=$build BENCH_TOP=$srcdir
export PPS_PREFIX=gwp$(($$ % 10000))-
work=$(mktemp -d)
pps=
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.bash"

clean_up() {
	trap '' INT TERM HUP
	stop_pps || true
	umount "$work/bpf" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# start_pps RUNS SECONDS
start_pps() {
	PPS_PAIRS=$1 PPS_SECONDS=$2 "$srcdir/tests/bench/groups/pps" \
	    >"$work/pps" 2>"$work/pps.err" &
	pps=$!
}

end_pps() {
	local pid=$pps
	pps=
	wait "$pid" || { cat "$work/pps.err"; return 1; }
}

stop_pps() {
	[ -z "$pps" ] || { kill "$pps" && ! end_pps; }
}

# figures FILE NAME...: each is there once, and a number.
figures() {
	local file=$1 name
	shift
	for name; do
		[ "$(grep -Ec "^figure $name -?[0-9.e+-]+ [a-z/]+\$" "$file")" = 1 ] || {
			echo "no figure $name in:"
			cat "$file"
			return 1
		}
	done
}

no_namespace() {
	! ip netns list | grep "$PPS_PREFIX"
}

measures_packets() {
	start_pps 2 0.02
	end_pps && figures "$work/pps" pps.redirect pps.balancer \
	    pps.vs_redirect pps.vs_redirect_all && no_namespace
}

# Under way when it has found that the balancer forwards.
under_way() { grep -q 'times' "$work/pps.err" || ! kill -0 "$pps"; }

# The program that is on the interface now, unless it is the other one's turn.
pin_balancer() {
	local id
	id=$(ip -n "${PPS_PREFIX}lb" -j link show dev in |
	    jq '.[0].xdp.prog.id')
	bpftool -j prog show id "$id" | jq -e '.name == "guideway_xdp"' &&
		bpftool prog pin id "$id" "$work/bpf/peer"
}

measures_with_peer() {
	BENCH_ROUNDS=1 BENCH_PACKETS=65536 BENCH_PEERS=self=$work/bpf/peer \
	    "$srcdir/tests/bench/groups/xdp" >"$work/xdp" 2>"$work/xdp.err" ||
		{ tail -n 5 "$work/xdp.err"; return 1; }
}

has_all_figures() {
	figures "$work/xdp" xdp.insns xdp.vs_smallest_encap \
	    xdp.over_encap_ns.{flows_{1,1024,65536,1048576},syn_flood,udp} \
	    xdp.over_encap_ns.{ipv6_flows_65536,services_{100,1000}} \
	    xdp.load.over_encap_ns.services_1000 xdp.over_pass_ns.not_ours
}

# It has one service, for TCP over IPv4.
has_peer_figures() {
	figures "$work/xdp" xdp.peer.self.over_encap_ns.flows_{1,1048576} \
	    xdp.peer.self.over_pass_ns.not_ours &&
		! grep 'peer.*\(udp\|ipv6\|services\)' "$work/xdp" &&
		grep -q 'udp: without self' "$work/xdp.err"
}

refuses_peer() {
	! BENCH_PEERS=none=$work/none "$srcdir/tests/bench/groups/xdp" \
	    >"$work/out" 2>&1 && grep "none: $work/none: No such file" "$work/out"
}

stops() {
	stop_pps && no_namespace
}

mkdir "$work/bpf"
mount -t bpf bpf "$work/bpf"
check "pps: all packets arrive, with either program" measures_packets
start_pps 10000 0.01
check "pps: under way" wait_until 40 under_way
check "xdp: a program is pinned" wait_until 20 pin_balancer
check "xdp: forwards each flow's own packets, over all backends" \
    measures_with_peer
check "xdp: prints all figures" has_all_figures
check "xdp: a pinned program runs beside, as far as it serves" has_peer_figures
check "xdp: a peer that is not there is an error" refuses_peer
check "pps: cleans up when it is interrupted" stops
echo "1..$tap_count"
[ "$tap_bad" = 0 ]
