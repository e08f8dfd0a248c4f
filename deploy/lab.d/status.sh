# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the lab shows of itself.

lab_status() {
	local host program pid line vip
	if [ ! -e "$RUN/up" ]; then
		echo "The lab is down. Start it: $0 up"
		return 1
	fi
	echo "Lab $PREFIX  VIPs $VIP4 $VIP6  build $(lab_builddir)"
	echo
	printf '%-8s %-15s %-20s %s\n' HOST IPv4 IPv6 RUNS
	for host in "${HOSTS[@]}"; do
		line=
		for program in $(programs_of "$host"); do
			pid=$(program_pid "$host" "$program")
			line+="$program ${pid:-DOWN}  "
		done
		[[ $host != lb* ]] || line+=$(status_node "$host")
		if [ "$host" = router ]; then
			printf '%-8s %-15s %-20s %s\n' router "" "" "$line"
			continue
		fi
		printf '%-8s %-15s %-20s %s\n' "$host" "$(addr4 "$host")" \
		    "$(addr6 "$host")" "$line"
	done
	echo
	for vip in "$VIP4" "$VIP6"; do
		printf '%-16s goes over %s\n' "$vip" "$(bgp_next_hops "$vip")"
	done
	! is_cluster || status_cluster
}

# As each node sees it.
status_cluster() {
	local host
	echo
	for host in "${NODES[@]}"; do
		printf '%-8s cluster %s\n' "$host" "$(guideway "$host" status \
		    2>/dev/null | sed -n 's/^cluster  *//p')"
	done
	cluster_cuts
}

# Does the node serve what its agent computed, and which tables are they?
status_node() {
	guideway "$1" status --json 2>/dev/null | jq -r '
	    (if .balancer.in_sync then "in sync: " else "NOT IN SYNC: " end) +
	    ([.services[] | .name + " " + .digest[:8]] | join(", ")) +
	    "  announces " + ([.announce.vips[]? |
		select(.state == "announced")] | length | tostring)' ||
		echo "its agent does not answer"
}

lab_show() {
	local host
	case $1 in
	vip4) echo "$VIP4" ;;
	vip6) echo "$VIP6" ;;
	run) echo "$RUN" ;;
	hosts) echo "${HOSTS[*]}" ;;
	router) router_kind ;;
	hops.*) bgp_next_hops "${1#hops.}" ;;
	build) lab_builddir ;;
	addr4.* | addr6.* | tunnel.*)
		host=${1#*.}
		host_known "$host"
		case $1 in
		addr4.*) addr4 "$host" ;;
		addr6.*) addr6 "$host" ;;
		tunnel.*) tunnel_addr "$host" ;;
		esac
		;;
	pid.*.*)
		host=${1#pid.}
		program_pid "${host%%.*}" "${host#*.}"
		;;
	*) die "show: no '$1'; see '$0 help'" ;;
	esac
}
