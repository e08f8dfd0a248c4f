#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Open connections over three nodes, while backends change, while nodes come and
# go, and while both do at the same time: none breaks. The router hands
# connections to nodes that did not see them begin.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/bgp.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/cluster.bash"

held=300
settle=20 # s

set_backend() { change gw lb1 backend "$1" web "$(addr "$2")" "${@:3}" >/dev/null; }
notices() { gw "$1" status --json | jq ".flows.$2"; }

drain_node() {
	exits 0 gw "$1" node drain && comes_to_go_over 5 "$2"
}
undrain_node() {
	exits 0 gw "$1" node undrain --wait --timeout 20 &&
		comes_to_go_over 5 "lb1 lb2 lb3"
}

nothing_changes() {
	begin_hold $held || return 1
	sleep 2
	end_hold
}

backend_comes_and_goes() {
	begin_hold $held || return 1
	set_backend drain be1 || return 1
	sleep 1
	set_backend enable be1 || return 1
	sleep 1
	end_hold
}

node_comes_and_goes() {
	begin_hold $held || return 1
	drain_node lb2 "lb1 lb3" && sleep 1 && undrain_node lb2 && sleep 1 &&
		end_hold
}

# Connections that began in a slot that moves, and then change their node.
both() {
	set_backend drain be1 || return 1
	begin_hold $held || return 1
	drain_node lb2 "lb1 lb3" || return 1
	set_backend enable be1 || return 1
	sleep 1
	undrain_node lb2 || return 1
	sleep 1
	end_hold
}

both_again_and_again() {
	local node backend=1
	begin_hold $held || return 1
	for node in $nodes; do
		set_backend drain be$backend || return 1
		exits 0 gw "$node" node drain || return 1
		set_backend enable be$backend || return 1
		backend=$((backend + 1))
		set_backend drain be$backend || return 1
		undrain_node "$node" || return 1
		set_backend enable be$backend || return 1
	done
	sleep 1
	end_hold
}

# A node that begins anew knows what the others know before it has traffic.
node_restarts() {
	set_backend drain be2 || return 1
	begin_hold $held || return 1
	drain_node lb3 "lb1 lb2" || return 1
	lab stop lb3 agent
	lab stop lb3 balancer
	rm -f "$run/lb3/run/moves" "$run/lb3/run/flows"
	lab start lb3 balancer
	lab start lb3 agent
	wait_until 20 identical || return 1
	undrain_node lb3 || return 1
	sleep 1
	end_hold || return 1
	set_backend enable be2 || return 1
}

all_learn() {
	local node
	for node in $nodes; do
		at_least 1 "$(notices "$node" taken)" || return 1
		equal "$(notices "$node" dropped)" 0 || return 1
		equal "$(notices "$node" unlearnt)" 0 || return 1
	done
}

# Not before the last connection that needs it has ended, wherever that is.
drain_waits() {
	begin_hold $held || return 1
	exits 3 gw lb1 backend drain web "$(addr be3)" --wait --timeout 3 &&
		said "still ask for it" || return 1
	end_hold || return 1
	exits 0 gw lb2 backend drain web "$(addr be3)" --wait \
	    --timeout $((settle + 100)) && said "nothing asks for it any more"
	set_backend enable be3 || return 1
}

start_lab
check "all nodes serve the same" wait_until 20 identical
check "... and announce" comes_to_go_over 10 "lb1 lb2 lb3"
change gw lb1 service set web settle_time=$settle tcp_idle=60 >/dev/null
check "nothing changes: none of $held breaks" nothing_changes
check "a backend is drained, and comes back" backend_comes_and_goes
check "a node is drained, and comes back" node_comes_and_goes
check "both at once" both
check "both, again and again" both_again_and_again
check "a node that begins anew" node_restarts
check "all have learnt from each other, and nothing was lost" all_learn
check "backend drain --wait says when nothing asks for it" drain_waits
finish
