#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # without arguments: of all nodes
# The cluster when nodes do not hear each other, hang, or start again: each part
# serves on and can be changed, and all agree again when it is over.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/bgp.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/cluster.bash"

# hears NODE COUNT: nodes that it hears, with itself; talks_to likewise.
hears() { equal "$(view "$1" '[.nodes[] | select(.heard)] | length')" "$2"; }
talks_to() {
	equal "$(view "$1" '[.nodes[] | select(.connected) | .name] |
	    join(" ")')" "$2"
}
hears_all() { hears "$1" 3; }
apart() { hears lb1 1 && hears lb2 2 && hears lb3 2; }
# The same tables, whoever tells whom.
agree() {
	local node
	for node in $nodes; do
		view "$node" '.nodes[] | select(.self) |
		    .root_digest + .config_digest'
	done | sort -u | { read -r _ && ! read -r _; }
}

# Cut off both ways. ------------------------------------------------------------

start_lab
change gw lb1 backend remove web "$(addr be4)" --now >"$work/out"
begin_polling
lab cut-peer lb1
check "lb1 is cut off from the others: each side notices" wait_until 10 apart
check "... and the two of the other side are as one" identical lb2 lb3
check "a change on lb1 is on its disk alone" \
    exits 3 gw lb1 backend weight web "$(addr be1)" 2
check "... which it says" said "no other node is heard\\|not heard"
check "a change on lb2 is done there and on lb3" \
    exits 0 gw lb2 backend weight web "$(addr be2)" 3
check "... and it says of how many" said "2 of 3"
# The same backend, on both sides; and one that only one side removes.
change gw lb1 backend add web "$(addr be4)" --weight 2 --local >"$work/out"
change gw lb3 backend add web "$(addr be4)" --weight 4 >"$work/out"
change gw lb1 backend remove who "$(addr be3)" --now --local >"$work/out"
change gw lb2 backend weight who "$(addr be3)" 9 >"$work/out"
end_polling
check "traffic over both sides did not notice" at_most 2 "$(lost)"
check "the router sees all nodes" goes_over "lb1 lb2 lb3"
kill_backend be1
check "both sides find a dead backend" wait_until 10 is_down be1
start_backend be1
check "... and that it is back" wait_until 10 is_up be1
lab mend-peer
heals 25 "mended: all agree"
check "... on the change of the one side" everywhere web be1 weight 2
check "... and of the other" everywhere web be2 weight 3
check "... a backend of both sides is there once, as added last" \
    everywhere web be4 weight 4
check "... and one that was removed is gone" each has_no_backend who be3
check "... which can be added again" \
    exits 0 gw lb3 backend add who "$(addr be3)"

# One way only. -----------------------------------------------------------------

weight=10
for way in in out; do
	lab cut-peer lb1 $way
	check "lb1 is cut off one way ($way): each side notices" \
	    wait_until 15 apart
	weight=$((weight + 2))
	change gw lb1 backend weight web "$(addr be1)" $weight --local >"$work/out"
	change gw lb2 backend weight web "$(addr be2)" $weight >"$work/out"
	check "... and serves" answer "be1 be2 be3 be4"
	lab mend-peer
	heals 25 "mended: all agree"
	check "... on both changes" everywhere web be1 weight $weight
	check "... and" everywhere web be2 weight $weight
done

# Two of three links: everybody hears everybody, through lb3. -------------------

no_link() { talks_to lb1 "lb1 lb3" && talks_to lb2 "lb2 lb3"; }
lab cut-peer lb1 lb2
check "the link between lb1 and lb2 is cut: they notice" wait_until 10 no_link
check "... and hear of each other" each hears_all
check "a change on lb1 says who is not connected" \
    exits 3 gw lb1 backend weight web "$(addr be1)" 1
check "... and comes to be everywhere" wait_until 10 agree
check "..." everywhere web be1 weight 1
kill_backend be3
check "a dead backend is down everywhere" wait_until 10 is_down be3
check "... by three votes" wait_until 5 everywhere web be3 votes_down 3
start_backend be3
check "... and comes back" wait_until 10 is_up be3
lab mend-peer
heals 25 "mended: all are connected again"

# An agent that hangs. ----------------------------------------------------------

begin_events 14
signal lb2 agent STOP
# Within the five seconds that a change waits it may be given up.
waits() {
	gw lb1 backend weight web "$(addr be1)" 3 >"$work/said" 2>&1
	said "lb2: \|2 of 3"
}
check "a change while lb2's agent hangs waits, or is done without it" waits
check "... once it is not heard any more" \
    exits 0 gw lb3 backend weight web "$(addr be2)" 4
signal lb2 agent CONT
heals 15 "it goes on: all agree"
check "... on what it has missed" everywhere web be2 weight 4
check "... and the router has seen nothing" no_events
finish
