# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The hosts of the lab, their addresses, links and routes. Every address is a
# private or documentation one; all of them live in the namespaces only.
# shellcheck disable=SC2034 # used by deploy/lab and the other parts

PREFIX=${GUIDEWAY_LAB_PREFIX:-gw-}
RUN=/run/guideway-lab/${PREFIX%-}
case $PREFIX in
*[!a-z0-9-]* | -* | '' | ?????????????*)
	echo "GUIDEWAY_LAB_PREFIX: up to 12 of a-z, 0-9 and -" >&2
	exit 2
	;;
esac

NODES=(lb1 lb2 lb3)
BACKENDS=(be1 be2 be3 be4)
EDGES=(client mon "${NODES[@]}" "${BACKENDS[@]}") # each has one link, eth0
HOSTS=(router "${EDGES[@]}")

VIP4=203.0.113.10
VIP6=2001:db8:f::10

# net4 HOST, net6 HOST: the link between it and the router, up to the host
# part; the router is 1 there, the host is 10.
net4() {
	case $1 in
	client) echo 198.51.100. ;;
	mon) echo 10.3.1. ;;
	lb*) echo "10.1.${1#lb}." ;;
	be*) echo "10.2.${1#be}." ;;
	esac
}
net6() {
	case $1 in
	client) echo 2001:db8:c:: ;;
	mon) echo 2001:db8:3:: ;;
	lb*) echo "2001:db8:1:${1#lb}::" ;;
	be*) echo "2001:db8:2:${1#be}::" ;;
	esac
}
addr4() { echo "$(net4 "$1")10"; }
addr6() { echo "$(net6 "$1")10"; }

topology_up() {
	local host

	for host in "${HOSTS[@]}"; do
		host_up "$host"
	done
	for host in "${EDGES[@]}"; do
		link_up "$host"
	done
	# A router, which spreads each flow by its ports too and answers for
	# nothing else.
	host_sysctl router \
	    net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
	    net.ipv4.fib_multipath_hash_policy=1 \
	    net.ipv6.fib_multipath_hash_policy=1
	# The XDP program on a backend without a GRE device wants whole
	# checksums, and veth has the sender leave them for the receiver.
	for host in "${BACKENDS[@]}"; do
		host_do router ethtool -K "$host" tx off >/dev/null
	done
}

# link_up HOST: made inside the namespaces, so that the host never sees it.
link_up() {
	local host=$1

	ip -n "$PREFIX$host" link add eth0 type veth \
	    peer name "$host" netns "${PREFIX}router"
	ip -n "${PREFIX}router" address add "$(net4 "$host")1/24" dev "$host"
	ip -n "${PREFIX}router" address add "$(net6 "$host")1/64" dev "$host"
	ip -n "${PREFIX}router" link set "$host" up
	ip -n "$PREFIX$host" address add "$(addr4 "$host")/24" dev eth0
	ip -n "$PREFIX$host" address add "$(addr6 "$host")/64" dev eth0
	ip -n "$PREFIX$host" link set eth0 up
	ip -n "$PREFIX$host" route add default via "$(net4 "$host")1"
	ip -n "$PREFIX$host" route add default via "$(net6 "$host")1"
}

# topology_route NODE...: routes of the router's own to the VIPs, which win over
# those that it has from BGP; without a node, none.
topology_route() {
	local host hops4=() hops6=()

	if [ $# -eq 0 ]; then
		ip -n "${PREFIX}router" route del "$VIP4/32" metric 0 proto static \
		    2>/dev/null || true
		ip -n "${PREFIX}router" route del "$VIP6/128" metric 1 \
		    proto static 2>/dev/null || true
		return
	fi
	for host; do
		[[ " ${NODES[*]} " = *" $host "* ]] ||
			die "route: '$host' is none of ${NODES[*]}"
		hops4+=(nexthop via "$(addr4 "$host")" dev "$host")
		hops6+=(nexthop via "$(addr6 "$host")" dev "$host")
	done
	ip -n "${PREFIX}router" route replace "$VIP4/32" metric 0 proto static \
	    "${hops4[@]}"
	ip -n "${PREFIX}router" route replace "$VIP6/128" metric 1 proto static \
	    "${hops6[@]}"
}
