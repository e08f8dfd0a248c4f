#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who announces, when: through real BIRD, seen in the router's kernel; the router
# runs BIRD, or with ROUTER=frr FRR. Daemons
# are killed, stopped and started in all pairs; BIRD is reconfigured under way;
# nobody announces what does not forward.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/bgp.bash"

# The second speaker: what does it hear of lb1, with which communities?
heard() {
	local family=ipv4
	[[ $1 != *:* ]] || family=ipv6
	lab exec mon gobgp global rib -a $family -j |
		jq -r --arg vip "$1" --arg from "$2" '
		    to_entries[] | select(.key | startswith($vip)) |
		    .value[] | select(.attrs[] | (.nexthop // "") == $from) |
		    [.attrs[].communities // empty | .[]] | join(",")'
}
hears() { [ "$(heard "$1" "$2" | wc -l)" = 1 ]; }
hears_nothing() { [ "$(heard "$1" "$2" | wc -l)" = 0 ]; }
hears_graceful_shutdown() { [ "$(heard "$1" "$2")" = 4294901760 ]; }

birdc() { on lb1 birdc -s "$run/lb1/bird.ctl" "$@"; }

# Whatever was done, without a hand it comes to this. BGP may be back before
# BFD is; a link that is cut in between is noticed by the hold timer only.
restored() {
	comes_to_go_over 40 "lb1 lb2 lb3" && wait_until 20 all_announced lb1 &&
		wait_until 20 bfd_up
}
bfd_up() { [ "$(birdc show bfd sessions | grep -c ' Up ')" = 2 ]; }

# shellcheck disable=SC2034 # for start_lab
lab_options=(--router "${ROUTER:-bird}")
start_lab
a4=$(lab show addr4.lb1)
a6=$(lab show addr6.lb1)
check "all nodes announce both VIPs" goes_over "lb1 lb2 lb3"
check "status says so, with BIRD's word" wait_until 10 all_announced lb1
check "GoBGP hears the IPv4 VIP" wait_until 15 hears "$vip4" "$a4"
check "GoBGP hears the IPv6 VIP" wait_until 15 hears "$vip6" "$a6"

# Faults of one process. -------------------------------------------------------

slay lb1 balancer
check "balancer killed: lb1 is gone" \
    comes_to_go_over 2 "lb2 lb3"
check "... and GoBGP does not hear it either" \
    wait_until 2 hears_nothing "$vip4" "$a4"
slay lb1 bird
lab start lb1 bird
sleep 3
check "balancer dead while BIRD restarts: nothing is announced" \
    goes_over "lb2 lb3"
lab start lb1 balancer
check "balancer started: it comes back by itself" restored

signal lb1 balancer STOP
check "balancer hangs: lb1 is gone" comes_to_go_over 2 "lb2 lb3"
check "... and status says why" wait_until 3 says lb1 .why balancer
signal lb1 balancer CONT
check "balancer goes on: it comes back" restored

begin_events 4
slay lb1 agent
lab start lb1 agent
check "agent restarted: the router sees nothing" no_events
check "... and all is announced" restored

begin_events 7
signal lb1 agent STOP
sleep 4
signal lb1 agent CONT
check "agent hangs and goes on: the router sees nothing" no_events
check "... and all is announced" restored

slay lb1 bird
check "BIRD killed: lb1 is gone" comes_to_go_over 2 "lb2 lb3"
check "... and status says that BIRD is away" \
    wait_until 5 says lb1 .bird.error "bird.ctl"
lab start lb1 bird
check "BIRD started: it comes back" restored

signal lb1 bird STOP
check "BIRD hangs: lb1 is gone by BFD or the hold timer" \
    comes_to_go_over 12 "lb2 lb3"
check "... and status says that it does not answer" \
    wait_until 15 says lb1 .bird.error "does not answer"
signal lb1 bird CONT
check "BIRD goes on: it comes back" restored

on lb1 ip link set eth0 down
check "interface down: lb1 is gone" comes_to_go_over 2 "lb2 lb3"
check "... and status says why" wait_until 3 says lb1 .why eth0
on lb1 ip link set eth0 up
# The kernel has dropped what stood on the link.
on lb1 ip address replace "$a6/64" dev eth0
on lb1 ip route replace default via "${a4%.*}.1"
on lb1 ip -6 route replace default via "${a6%::*}::1"
check "interface up: it comes back" restored

# Pairs: the first is killed, then the second, and both started, in both orders.

pair() {
	local first=$1 second=$2
	slay lb1 "$first"
	slay lb1 "$second"
	comes_to_go_over "$3" "$4" || return 1
	lab start lb1 "$5"
	lab start lb1 "$6"
	restored
}
for order in "balancer agent" "agent balancer"; do
	read -r x y <<<"$order"
	check "$x and $y killed, started $order" \
	    pair "$x" "$y" 2 "lb2 lb3" "$x" "$y"
	check "$x and $y killed, started $y first" \
	    pair "$x" "$y" 2 "lb2 lb3" "$y" "$x"
done
check "balancer and BIRD killed" \
    pair balancer bird 2 "lb2 lb3" bird balancer
check "BIRD and balancer killed, balancer started first" \
    pair bird balancer 2 "lb2 lb3" balancer bird
check "agent and BIRD killed" pair agent bird 2 "lb2 lb3" agent bird
check "BIRD and agent killed, BIRD started first" \
    pair bird agent 2 "lb2 lb3" bird agent

# One stopped, the other killed.
stopped_and_killed() {
	signal lb1 "$1" STOP
	slay lb1 "$2"
	comes_to_go_over 4 "$3" || return 1
	lab start lb1 "$2"
	signal lb1 "$1" CONT
	restored
}
check "agent hangs, balancer killed: gone without the agent" \
    stopped_and_killed agent balancer "lb2 lb3"
check "balancer hangs, BIRD killed" \
    stopped_and_killed balancer bird "lb2 lb3"
check "agent hangs, BIRD killed" stopped_and_killed agent bird "lb2 lb3"

hung_then_agent_restarts() {
	signal lb1 balancer STOP
	slay lb1 agent
	lab start lb1 agent
	comes_to_go_over 8 "lb2 lb3" || return 1
	signal lb1 balancer CONT
	restored
}
check "balancer hangs, agent killed: its successor withdraws" \
    hung_then_agent_restarts

lab freeze lb1
check "node frozen: gone by BFD" comes_to_go_over 2 "lb2 lb3"
lab thaw lb1
check "node thawed: it comes back" restored
lab cut lb1
check "node cut off: gone by BFD" comes_to_go_over 2 "lb2 lb3"
lab mend lb1
check "mended: it comes back" restored

# BIRD's operator. ------------------------------------------------------------

reconfigure() {
	begin_events 3
	birdc configure
	birdc configure soft
	signal lb1 bird HUP
	no_events
}
check "BIRD reconfigured by its operator: no change at the router" reconfigure
check "drained" drain lb1
check "... lb1 is gone" comes_to_go_over 1 "lb2 lb3"
check "... and BIRD reconfigured does not bring it back" reconfigure
check "... which stays so" goes_over "lb2 lb3"
check "undrained" undrain lb1
check "... all over again" restored

# What is not ours, or not what it should be. ----------------------------------

on lb1 ip route add 203.0.113.99 dev gw0 table 177 proto 3
on lb1 ip route add 192.0.2.99 dev gw0 table 177 proto 201
check "another's route in the table is told of" \
    wait_until 5 says lb1 '[.conditions[].detail] | tostring' "protocol 3"
check "... and not announced" equal "$(hops 203.0.113.99)" ""
no_stale() { equal "$(on lb1 ip route show table 177 192.0.2.99)" ""; }
check "a stale route of ours is removed" wait_until 5 no_stale
on lb1 ip route del 203.0.113.99 table 177
on lb1 ip route del "$vip4" table 177
check "a route that somebody deletes comes back" restored
on lb1 ip link del gw0
check "a device that somebody deletes comes back" restored

# A VIP outside the prefixes that BIRD's operator lets out.
set_web() { change lab guideway lb1 service set web "$@" >"$work/out"; }
set_web "vips=$vip4,$vip6,198.18.0.1"
check "a VIP outside BIRD's prefixes: status says the likely cause" \
    wait_until 15 says lb1 '[.vips[].why] | tostring' "has not learnt it"
set_web "vips=$vip4,$vip6"
check "without it again" restored

# announce_min: with a backend too few ready, the VIPs are withdrawn.
set_web announce_min=5 announce_again=5
check "fewer ready backends than announce_min: withdrawn" \
    comes_to_go_over 5 ""
check "... and status says so" \
    wait_until 5 says lb1 '[.vips[].why] | tostring' "4 of 4 backends ready"
set_web announce_min=1 announce_again=1
check "with enough again" restored

# GRACEFUL_SHUTDOWN first, where it is asked for.
check "a drain that marks first" \
    lab guideway lb1 node drain --temporary --graceful 10
check "... GoBGP hears GRACEFUL_SHUTDOWN" \
    wait_until 2 hears_graceful_shutdown "$vip4" "$a4"
check "... the router prefers the others" comes_to_go_over 2 "lb2 lb3"
check "... and then the route is withdrawn" \
    wait_until 15 hears_nothing "$vip4" "$a4"
check "a temporary drain is undone" undrain lb1

# Nobody may reach BIRD: announced all the same, and said.
chmod 600 "$run/lb1/bird.ctl"
slay lb1 agent
lab start lb1 agent
check "a control socket that may not be opened is told of" \
    wait_until 5 says lb1 .bird.error "Permission denied"
check "... and all is announced" comes_to_go_over 5 "lb1 lb2 lb3"
finish
