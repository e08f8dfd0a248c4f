# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# BGP in the lab: BIRD on each node; BIRD or FRR on the router; GoBGP on `mon`,
# which hears what each node announces and forwards nothing. Configurations are
# those of deploy/bird, with what differs from node to node filled in.

MON_AS=65099
# One more prefix of each version, for tests with many VIPs.
VIPS4='[ 203.0.113.0\/24{32,32}, 10.77.0.0\/16{32,32} ]'

# How often BFD is heard; a node that is silent three times as long is gone. Of
# use to who runs more than one lab on few cores.
BFD_MS=${GUIDEWAY_LAB_BFD_MS:-100}

# bgp_is_set FILE: or the files of deploy/bird are written in another way by now.
bgp_is_set() {
	grep -q "interval $BFD_MS\( ms\|$\)" "$1" || die "$1: no BFD interval"
}

router_kind() { cat "$RUN/router/kind"; }

bgp_node_files() {
	local host=$1 dir=$RUN/$1
	sed -e "s/^router id [^;]*;/router id $(addr4 "$host");/" \
	    -e "s/^define ROUTER4 .*/define ROUTER4 = $(net4 "$host")1;/" \
	    -e "s/^define ROUTER6 .*/define ROUTER6 = $(net6 "$host")1;/" \
	    -e "s/^define VIPS4 .*/define VIPS4 = $VIPS4;/" \
	    -e "s/interval 100 ms;/interval $BFD_MS ms;/" \
	    "$srcdir/deploy/bird/node.conf" >"$dir/bird.conf"
	bgp_is_set "$dir/bird.conf"
	cat >>"$dir/bird.conf" <<-END
	# The monitor of the lab is behind the router, without BFD.
	template bgp monitor from upstream { multihop 3; bfd off; }
	protocol bgp mon4 from monitor {
		neighbor $(addr4 mon) as $MON_AS;
		source address $(addr4 "$host");
		ipv4 { table vip4; import none; export filter vip_out;
			next hop self; };
	}
	protocol bgp mon6 from monitor {
		neighbor $(addr6 mon) as $MON_AS;
		source address $(addr6 "$host");
		ipv6 { table vip6; import none; export filter vip_out;
			next hop self; };
	}
	END
}

bgp_router_files() {
	local dir=$RUN/router
	sed -e "s/^define VIPS4 .*/define VIPS4 = $VIPS4;/" \
	    -e "s/interval 100 ms;/interval $BFD_MS ms;/" \
	    "$srcdir/deploy/bird/router-bird.conf" >"$dir/bird.conf"
	sed -e 's/^ip prefix-list VIPS4 .*/&\
ip prefix-list VIPS4 seq 6 permit 10.77.0.0\/16 ge 32/' \
	    -e "s/transmit-interval 100$/transmit-interval $BFD_MS/" \
	    -e "s/receive-interval 100$/receive-interval $BFD_MS/" \
	    "$srcdir/deploy/bird/router-frr.conf" >"$dir/frr.conf"
	bgp_is_set "$dir/bird.conf"
	bgp_is_set "$dir/frr.conf"
	mkdir -p "$dir/frr"
	: >"$dir/frr/vtysh.conf"
	chown -R frr:frr "$dir/frr"
}

bgp_mon_files() {
	local host address dir=$RUN/mon
	{
		printf '[global.config]\nas = %s\nrouter-id = "%s"\n' \
		    $MON_AS "$(addr4 mon)"
		for host in "${NODES[@]}"; do
			for address in "$(addr4 "$host")" "$(addr6 "$host")"; do
				bgp_mon_neighbor "$address"
			done
		done
	} >"$dir/gobgpd.toml"
}

bgp_mon_neighbor() {
	local family=ipv4-unicast
	[[ $1 != *:* ]] || family=ipv6-unicast
	cat <<-END
	[[neighbors]]
	[neighbors.config]
	neighbor-address = "$1"
	peer-as = 65010
	[neighbors.transport.config]
	passive-mode = true
	[neighbors.ebgp-multihop.config]
	enabled = true
	multihop-ttl = 3
	[[neighbors.afi-safis]]
	[neighbors.afi-safis.config]
	afi-safi-name = "$family"
	END
}

# FRR's daemons start empty; vtysh gives them their configuration.
frr_configure() {
	wait_for 30 "FRR on the router" frr_answers 2>/dev/null &&
		host_do router vtysh --vty_socket "$RUN/router/frr" \
		    -f "$RUN/router/frr.conf" >>"$RUN/router/vtysh.log" 2>&1
}

frr_answers() {
	host_do router vtysh --vty_socket "$RUN/router/frr" \
	    -d bgpd -c 'show version' >/dev/null 2>&1 &&
		host_do router vtysh --vty_socket "$RUN/router/frr" \
		    -d bfdd -c 'show version' >/dev/null 2>&1 &&
		host_do router vtysh --vty_socket "$RUN/router/frr" \
		    -d zebra -c 'show version' >/dev/null 2>&1
}

# The nodes that the router's kernel spreads a VIP over, in order.
bgp_next_hops() {
	local family=-4
	[[ $1 != *:* ]] || family=-6
	ip -n "${PREFIX}router" $family -j route show "$1" |
		jq -r '[.[] | if .nexthops then .nexthops[].dev else .dev end] |
		    unique | join(" ")'
}

bgp_spreads() {
	[ "$(bgp_next_hops "$VIP4")" = "${NODES[*]}" ] &&
		[ "$(bgp_next_hops "$VIP6")" = "${NODES[*]}" ]
}

# Everything on a node's link is lost from now on, both ways, and nobody is
# told. At the router's end, so that raw packets are lost, too.
bgp_cut() {
	host_do router nft -f - <<-END
	table netdev cut_$1 {
		chain in {
			type filter hook ingress device "$1" priority -500;
			policy drop;
		}
		chain out {
			type filter hook egress device "$1" priority -500;
			policy drop;
		}
	}
	END
}

bgp_mend() { host_do router nft delete table netdev "cut_$1"; }

host_signal_all() {
	local pid
	for pid in $(ip netns pids "$PREFIX$1"); do
		kill -"$2" "$pid" 2>/dev/null || true
	done
}
