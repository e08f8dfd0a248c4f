# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The nodes of the lab as a cluster: identities, the part of their files that
# is about it, and faults of the links between their agents. The agents speak
# over the nodes' IPv4 addresses, each on a link of its own, so that the router
# forwards what they say; `cut NODE` takes that along, `cut-peer` nothing else.

CLUSTER=lab
CLUSTER_PORT=7411 # the default
SEED=000102030405060708090a0b0c0d0e0f

is_cluster() { [ ! -e "$RUN/standalone" ]; }

# The command for what needs no agent, so it runs here.
guideway_offline() { "$(lab_builddir)/agent/guideway" "$@" >/dev/null; }

# Every node's identity, made as an operator would. The CA stays in $RUN/ca.
cluster_identities() {
	local node
	[ -e "$RUN/ca" ] || guideway_offline cluster init --dir "$RUN/ca" \
	    "$CLUSTER"
	for node in "${NODES[@]}"; do
		[ -e "$RUN/$node/identity.pem" ] || cluster_invite "$node"
	done
}

# cluster_invite NODE [OPTION...]: only for the user that its agent becomes.
cluster_invite() {
	guideway_offline cluster invite --dir "$RUN/ca" \
	    --out "$RUN/$1/identity.pem" "${@:2}" "$1"
	chown nobody "$RUN/$1/identity.pem"
}

cluster_conf() {
	local node
	echo "cluster:"
	echo "  seed: $SEED"
	is_cluster || return 0
	echo "  name: $CLUSTER"
	echo "  identity: $RUN/$1/identity.pem"
	echo "  nodes:"
	for node in "${NODES[@]}"; do
		echo "    - {name: $node, address: $(addr4 "$node")}"
	done
}

# How a service is checked. Short, so that tests and people need not wait.
cluster_check() {
	local check=$1
	is_cluster || return 0
	[ ! -e "$RUN/tunnel_checks" ] || check+=", tunnel: true"
	echo "    check: {$check, interval: 0.5, timeout: 0.4}"
}

# Do all nodes hear each other, and serve the same tables?
cluster_settled() {
	local node
	for node in "${NODES[@]}"; do
		[ "$(guideway "$node" cluster status --json 2>/dev/null |
			jq '.joined and .verified and
			    ([.nodes[].connected] | all)')" = true ] || return 1
	done
}

# The links between agents. ----------------------------------------------------

# cluster_cut NODE [OTHER] [in|out|both]: what NODE hears from OTHER's agent, or
# from all, or what it says to them, is lost, and nobody is told.
cluster_cut() {
	local node=$1 way=both other others=()
	shift
	for other; do
		case $other in
		in | out | both) way=$other ;;
		*) others+=("$other") ;;
		esac
	done
	cluster_others "$node" "${others[@]}"
	for other in "${others[@]}"; do
		cluster_cut_one "$node" "$other" "$way"
	done
}

# Sets `others` to those that are meant: the one given, or all.
cluster_others() {
	local node=$1 other
	[[ " ${NODES[*]} " = *" $node "* ]] ||
		die "'$node' is none of ${NODES[*]}"
	shift
	others=("$@")
	[ $# -gt 0 ] || for other in "${NODES[@]}"; do
		[ "$other" = "$node" ] || others+=("$other")
	done
	for other in "${others[@]}"; do
		[[ " ${NODES[*]} " = *" $other "* && $other != "$node" ]] ||
			die "'$other' is no other node; there are: ${NODES[*]}"
	done
}

cluster_cut_one() {
	local node=$1 other=$2 way=$3 from to
	from="ip saddr $(addr4 "$other") tcp"
	to="ip daddr $(addr4 "$other") tcp"
	cluster_mend "$node" "$other"
	{
		echo "table inet peer_$other {"
		if [ "$way" != out ]; then
			echo "chain in { type filter hook input priority -10;"
			echo "$from sport $CLUSTER_PORT drop"
			echo "$from dport $CLUSTER_PORT drop; }"
		fi
		if [ "$way" != in ]; then
			echo "chain out { type filter hook output priority -10;"
			echo "$to sport $CLUSTER_PORT drop"
			echo "$to dport $CLUSTER_PORT drop; }"
		fi
		echo "}"
	} | host_do "$node" nft -f -
}

# cluster_mend [NODE [OTHER]]: what was cut there, or everywhere.
cluster_mend() {
	local node other others nodes=("${NODES[@]}")
	[ $# -eq 0 ] || nodes=("$1")
	for node in "${nodes[@]}"; do
		cluster_others "$node" "${@:2}"
		for other in "${others[@]}"; do
			host_do "$node" nft delete table inet "peer_$other" \
			    2>/dev/null || true
		done
	done
}

# What is cut now, as words.
cluster_cuts() {
	local node
	for node in "${NODES[@]}"; do
		host_do "$node" nft -j list chains 2>/dev/null |
			jq -r --arg node "$node" '.nftables[].chain |
			    select(. and (.table | startswith("peer_"))) |
			    $node + (if .name == "in" then " does not hear "
				else " does not reach " end) + .table[5:]'
	done
}
