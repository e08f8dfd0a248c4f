#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The first thing that must work: HTTP, UDP and ping to the VIPs through each
# node, and everything that is not for a VIP as if there were no balancer.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"

answers_http() { is_backend "$(get "$1")"; }

# bash knows UDP by itself, and this ends with the answer.
answers_udp() {
	local vip=vip$1
	# shellcheck disable=SC2016 # expanded in the client
	is_backend "$(on client bash -c '
	    exec 5<>"/dev/udp/$1/5353"
	    echo who >&5
	    timeout 10 head -n 1 <&5' udp "${!vip}")"
}

# Too long for a link: in fragments, which have to meet at one backend again.
# The first over IPv6 is lost, since its sender has to be told to make them
# smaller.
answers_fragmented() {
	local target
	case $1 in
	4) target=UDP4:$vip4:5353 ;;
	6) target=UDP6:[$vip6]:5353 ;;
	esac
	is_backend "$(head -c 4000 /dev/zero |
		on client socat -b 8192 -t 1 - "$target")"
}

answers_ping() { on client ping -n -q -c 3 -i 0.1 -W 5 "$1"; }

# A session to the node itself, as ssh is: both ways, over a while.
answers_session() {
	local target=$1 listen=$2 answer
	"$lab" exec lb1 socat "$listen",fork,reuseaddr PIPE &
	wait_until 5 listens lb1 2222
	answer=$(for i in 1 2 3 4 5; do echo "line $i"; sleep 0.1; done |
	    on client socat -t 10 - "$target")
	kill %%
	wait %% || true
	equal "$answer" "$(printf 'line %s\n' 1 2 3 4 5)"
}

listens() { on "$1" ss -Hltn "sport = $2" | grep -q .; }

# Nothing serves the port: no answer, but the node says why.
unknown_port_dropped() {
	local before
	before=$(reason_count lb1 drop_no_service)
	! on client curl -s --max-time 1 "http://$vip4:81/" || return 1
	at_least $((before + 1)) "$(reason_count lb1 drop_no_service)"
}

start_lab
for node in $nodes; do
	lab route "$node"
	for version in 4 6; do
		check "$node: HTTP over IPv$version" answers_http $version
		check "$node: UDP over IPv$version" answers_udp $version
		check "$node: UDP in fragments over IPv$version" \
		    wait_until 10 answers_fragmented $version
	done
	check "$node: the IPv4 VIP answers a ping" answers_ping "$vip4"
	check "$node: the IPv6 VIP answers a ping" answers_ping "$vip6"
	check "$node: a ping to itself passes (IPv4)" \
	    answers_ping "$(lab show "addr4.$node")"
	check "$node: a ping to itself passes (IPv6)" \
	    answers_ping "$(lab show "addr6.$node")"
done
check "a session with a node passes (IPv4)" answers_session \
    "TCP4:$(lab show addr4.lb1):2222" TCP4-LISTEN:2222
check "a session with a node passes (IPv6)" answers_session \
    "TCP6:[$(lab show addr6.lb1)]:2222" TCP6-LISTEN:2222
lab route lb1
check "a port without a service is dropped, and counted" unknown_port_dropped
finish
