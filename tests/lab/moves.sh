#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Connections through changes: of backends, of nodes, of both at once, of
# neither. None may break but those of a backend that dies.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/bgp.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/cluster.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/moves.bash"

# HTTP as others speak it, meanwhile: keep-alive, as fast as the machine has time
# for it, and downloads that take longer than a move.
downloads=6

# next_port_to BACKEND: sets `port` to the next one whose connections go there
# now, by what a node says of it.
port=9000 # below those that the client takes by itself
next_port_to() {
	local client address
	client=$(lab show addr4.client)
	address=$(addr "$1")
	port=$((port + 1))
	until [ "$(gw lb1 trace --json "$client:$port" to "$vip4:80" |
	    jq -r .backend)" = "$address" ]; do
		[ $((++port)) -lt 9999 ] || return 1
	done
}

begin_http() {
	local i
	nice -n 19 ip netns exec "${GUIDEWAY_LAB_PREFIX}client" \
	    wrk -t 1 -c 4 -d 300 \
	    --timeout 15 "$(url 4 /)" >"$work/wrk" 2>&1 &
	wrk=$!
	for ((i = 0; i < downloads; i++)); do
		next_port_to be$((i % 3 + 1)) || return 1
		ip netns exec "${GUIDEWAY_LAB_PREFIX}client" curl -s \
		    --max-time 90 --limit-rate 1M -D "$work/head.$i" \
		    --local-port $port -o "$work/large.$i" "$(url 4 /large)" &
		curls[i]=$!
	done
}

keep_alive() {
	kill -INT "$wrk"
	wait "$wrk" || true
	cat "$work/wrk"
	at_least 1000 "$(awk '/requests in/ { print $1 }' "$work/wrk")" &&
		! grep -q 'Socket errors\|Non-2xx' "$work/wrk"
}

downloaded() {
	local i backend seen=
	for ((i = 0; i < downloads; i++)); do
		wait "${curls[i]}" || { echo "download $i: curl: $?"; return 1; }
		backend=$(sed -n 's/^X-Backend: *\([a-z0-9]*\).*/\1/p' \
		    "$work/head.$i")
		cmp "$work/large.$i" "$run/$backend/www/large" || return 1
		seen+="$backend "
	done
	echo "from $seen"
	[[ $seen = *be1* && $seen = *be2* && $seen = *be3* ]]
}

# Each SYN of a flood is a flow to be remembered while its slot moves.
flooded() {
	ip -n "${GUIDEWAY_LAB_PREFIX}router" route add blackhole 198.18.0.0/15
	hold_begin flooded 200 50 || return 1
	each_service drain be1 || return 1
	on client "$tools/syn_flood" "$vip4" 80 "$flood_rate" 4 >"$work/flood" &
	flood=$!
	pause
	# Some begin in the middle of it.
	hold_begin amid 100 50 || return 1
	each_service enable be1 || return 1
	wait $flood || return 1
	hold_end flooded && hold_end amid || return 1
	at_least $((flood_rate * 2)) "$(<"$work/flood")"
}
flood_rate=${MOVES_FLOOD:-10000}

# What it left is within bounds.
remembered() {
	local node sum=0
	for node in $nodes; do
		gw "$node" service show web
		at_most 262144 "$(figure web entries "$node")" || return 1
		sum=$((sum + $(figure web entries "$node")))
	done
	at_least 1000 $sum
}

held="$MOVES_TCP TCP and $MOVES_UDP UDP"

start_lab
moves_prepare
check "$held: nothing changes, none breaks" corner_none
check "$held: backends change, none breaks" corner_backends
check "$held: nodes come and go, none breaks" corner_nodes
check "HTTP clients begin" begin_http
check "$held: both at once, none breaks" corner_both
check "... nor does keep-alive as fast as it goes" keep_alive
check "... and downloads from each backend arrive whole" downloaded
check "a SYN flood while slots move breaks none" flooded
check "... and what it leaves is within bounds" remembered
finish
