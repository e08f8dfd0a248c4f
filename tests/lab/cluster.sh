#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # without arguments: of all nodes
# Three nodes as one cluster: what is said on one is in force on all, health
# decides the same everywhere, under traffic, and the last node does not drain.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/bgp.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/cluster.bash"

# Of a command that exits with 0, all of it has come true, at once; and the nodes
# have told each other in a moment.
done_everywhere() {
	local node=$1
	shift
	exits 0 gw "$node" "$@" && said "done on all 3 nodes" && same_tables &&
		wait_until 5 identical
}

all_verify() { each verifies; }
verifies() { exits 0 gw "$1" cluster verify --timeout 5; }

set_in_turn() {
	local weight=2 node
	for node in $nodes; do
		done_everywhere "$node" backend weight web "$(addr be1)" \
		    $weight && everywhere web be1 weight $weight || return 1
		weight=$((weight + 1))
	done
	done_everywhere lb1 backend weight web "$(addr be1)" 1
}

service_comes_and_goes() {
	done_everywhere lb2 service add extra "vips=$vip4" protocol=tcp \
	    ports=8080 announce_min=0 'check=tcp port=80' &&
		exits 0 gw lb3 backend add extra "$(addr be2)" &&
		said "done on all 3 nodes" && everywhere extra be2 weight 1 &&
		wait_until 5 everywhere extra be2 health up &&
		wait_until 5 identical || return 1
	exits 1 gw lb1 service remove extra || return 1
	done_everywhere lb1 service remove extra --now &&
		exits 1 gw lb2 service show extra
}

# refuses TEXT ARGUMENT...: with a reason, and nothing has changed.
refuses() {
	local before text=$1
	shift
	before=$(view lb1 '.nodes[0].config_digest')
	exits 1 gw lb1 "$@" && said "$text" &&
		equal "$(view lb1 '.nodes[0].config_digest')" "$before" &&
		identical
}

# In one command each, from different nodes, at the same moment.
at_the_same_time() {
	local i pids=() bad=0
	for i in 1 2 3; do
		gw "lb$i" backend weight web "$(addr be2)" $((i + 1)) \
		    >"$work/same$i" 2>&1 &
		pids+=($!)
		gw "lb$i" backend weight web "$(addr be3)" $((i + 1)) \
		    >"$work/other$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || bad=$?
	done
	cat "$work"/same? "$work"/other?
	equal $bad 0 && wait_until 5 identical || return 1
	done_everywhere lb1 backend weight web "$(addr be2)" 1 &&
		done_everywhere lb1 backend weight web "$(addr be3)" 1
}

start_lab
check "three nodes are a cluster with the same tables" \
    wait_until 5 identical
check "... byte for byte" same_tables
check "... and each verifies it" all_verify
check "status says so, too" \
    equal "$(gw lb2 status --json | jq .cluster.verified)" true
check "a change on each node is in force on all when it is done" set_in_turn
check "a service comes and goes, from three nodes" service_comes_and_goes
check "changes at the same moment: all agree" at_the_same_time
check "--local does not wait" \
    exits 0 gw lb1 backend weight web "$(addr be1)" 5 --local
heals 5 "... and all have it all the same"
check "... on each node" everywhere web be1 weight 5
check "an unknown service is refused" \
    refuses "no service is called" backend add nothing 10.2.1.10
check "a backend that is there is refused" \
    refuses "there already" backend add web "$(addr be1)"
check "a backend that is not there is refused" \
    refuses "no backend" backend weight web 10.2.9.9 1
check "a VIP as backend is refused" refuses "VIP" backend add web "$vip4"
check "weight 0 is refused" \
    refuses "1..65535" backend weight web "$(addr be1)" 0
check "a VIP, port and protocol of another service are refused" \
    refuses "" service add more "vips=$vip4" protocol=tcp ports=80

# Health. -----------------------------------------------------------------------

kill_backend be1
check "a dead backend is down on all nodes" wait_until 10 is_down be1
heals 5 "the tables are the same"
check "... and traffic avoids it" answer "be2 be3 be4"
start_backend be1
check "it comes back, everywhere" wait_until 10 is_up be1
heals 5 "the tables are the same"
check "... and has its traffic" answer "be1 be2 be3 be4"

# By hand, with traffic. --------------------------------------------------------

begin_polling
check "weight" done_everywhere lb1 backend weight web "$(addr be4)" 3
check "drain" done_everywhere lb2 backend drain web "$(addr be4)"
check "... takes nothing new" answer "be1 be2 be3"
check "enable" done_everywhere lb3 backend enable web "$(addr be4)"
check "... takes its share" answer "be1 be2 be3 be4"
check "disable" done_everywhere lb1 backend disable web "$(addr be4)"
check "... takes nothing" answer "be1 be2 be3"
check "remove, once it is silent" \
    done_everywhere lb2 backend remove web "$(addr be4)" --quiet 1
check "... is gone on all nodes" each has_no_backend web be4
check "add" exits 0 gw lb3 backend add web "$(addr be4)"
check "... is checked, and takes its share" wait_until 10 answer \
    "be1 be2 be3 be4"
end_polling
# Of what is open in the moment that a slot moves, one may be lost.
check "no connection was lost over all that" at_most 2 "$(lost)"
heals 5 "after that all have the same tables"

# Nodes. ------------------------------------------------------------------------

check "lb2 is drained from lb1" \
    exits 0 gw lb1 node drain lb2
check "... the router sees it" comes_to_go_over 2 "lb1 lb3"
check "... and undrained from lb3" \
    exits 0 gw lb3 node undrain lb2 --wait --timeout 20
check "... the router sees it" comes_to_go_over 5 "lb1 lb2 lb3"

drained_at_once() {
	local node pids=() codes=
	for node in $nodes; do
		gw "$node" node drain >"$work/drain.$node" 2>&1 &
		pids+=($!)
	done
	for node in "${pids[@]}"; do
		wait "$node" || codes+="$? "
	done
	cat "$work"/drain.lb?
	# Those that left need not have done so at once.
	equal "$codes" "3 " || return 1
	[ "$(hops "$vip4" | wc -w)" = 1 ] && [ "$(hops "$vip6" | wc -w)" = 1 ]
}
check "all three are drained at once: one goes on announcing" drained_at_once
last=$(hops "$vip4")
check "... says why" says "$last" .why "not to be drained"
sleep 2
check "... and it is still the same later" goes_over "$last"
check "... with --force it goes, too" exits 0 gw "$last" node drain --force
check "... nobody announces" comes_to_go_over 2 ""
undrained() { exits 0 gw "$1" node undrain --wait --timeout 20; }
check "all are undrained" each undrained
check "... the router sees it" comes_to_go_over 5 "lb1 lb2 lb3"

check "lb3 leaves" exits 0 gw lb3 cluster leave --wait --timeout 20
check "... the router sees it" comes_to_go_over 2 "lb1 lb2"
votes() { [ "$(field web be1 votes_up lb1)" = "$1" ]; }
check "... and its vote counts no more" wait_until 5 votes 2
heals 5 "the others have the same tables" lb1 lb2
check "... and a change is done without it" \
    exits 0 gw lb1 backend weight web "$(addr be1)" 2
lab stop lb3 agent
lab start lb3 agent
heals 20 "started again, it is part of it"
check "... announces" comes_to_go_over 10 "lb1 lb2 lb3"
check "... and votes" wait_until 5 votes 3
check "... with what it has missed" everywhere web be1 weight 2
finish
