#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The part `lab3` of the group `cluster`: how long three real nodes take to agree,
# in a lab of their own, while it checks its backends every half second.
# bench_cluster.c says what is measured, and how.
# CLUSTER_COMMANDS, CLUSTER_DEATHS, CLUSTER_HEALS: other numbers of rounds.
set -euo pipefail

export GUIDEWAY_LAB_PREFIX=${GUIDEWAY_LAB_PREFIX:-gw-bc-}
lab=$BENCH_TOP/deploy/lab
bench=$BENCH_BUILD/tests/bench/bench_cluster
guideway=$BENCH_BUILD/agent/guideway
commands=${CLUSTER_COMMANDS:-300}
deaths=${CLUSTER_DEATHS:-8}
heals=${CLUSTER_HEALS:-8}
work=$(mktemp -d)

say() { echo "bench: $*" >&2; }

die() {
	say "$*"
	exit 1
}

clean_up() {
	trap '' EXIT INT TERM
	local pid
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null || :
	done
	"$lab" down >/dev/null 2>&1 || :
	rm -rf "$work"
}

# figures NAME: the median and the 99th percentile of the microseconds in a file,
# one a line, as milliseconds; p99 NAME: the latter only.
figures() {
	sort -n "$2" | awk -v name="cluster.$1.lab3.ms" '
	    { us[NR] = $1 }
	    END { printf "figure %s.median %.1f ms\n", name,
		us[int((NR + 1) / 2)] / 1000 }'
	p99 "$@"
}
p99() {
	sort -n "$2" | awk -v name="cluster.$1.lab3.ms" '
	    { us[NR] = $1 }
	    END { at = int(NR * 0.99); if (at < NR * 0.99) at++
		printf "figure %s.p99 %.1f ms\n", name, us[at] / 1000 }'
}

on() { "$guideway" "${@:2}" --socket "$run/$1/run/agent.sock"; }

settle() {
	on lb1 cluster verify --timeout 30 >"$work/out" 2>&1 ||
		die "the nodes do not agree: $(tail -n 1 "$work/out")"
}

measure_command() {
	say "command: $commands changes of a weight, on each node in turn"
	settle
	"$bench" command "$commands" web 10.2.1.10 "${sockets[@]}" \
	    >"$work/command" || die "command: failed"
	figures command "$work/command"
}

# Each backend in turn: one that goes often is taken for one that flaps.
measure_death() {
	local i backend pid
	say "death: $deaths backends die"
	: >"$work/deaths"
	for ((i = 0; i < deaths; i++)); do
		backend=be$((i % 4 + 1))
		settle
		"$bench" death web "$("$lab" show "tunnel.$backend")" \
		    "${sockets[@]}" >"$work/death" &
		pid=$!
		until grep -qs ready "$work/death"; do sleep 0.01; done
		"$lab" stop "$backend" nginx
		wait "$pid" || die "death: failed"
		tail -n 1 "$work/death" >>"$work/deaths"
		"$lab" start "$backend" nginx
		until on lb1 backend list web --json |
		    jq -e 'all(.[]; .votes_up == 3)' >"$work/out"; do
			sleep 0.05
		done
	done
	# Two of three decide, so that the last may have nothing to add.
	cut -d ' ' -f 1 "$work/deaths" >"$work/last"
	cut -d ' ' -f 2 "$work/deaths" >"$work/deciding"
	p99 death "$work/last"
	p99 death_from_majority "$work/deciding"
}

alone() {
	[ "$(on lb1 cluster status --json |
	    jq '[.nodes[] | select(.heard)] | length')" = 1 ]
}

# Changes on both sides, which are to be joined.
measure_heal() {
	local i mend
	say "heal: $heals times cut off lb1, change both sides, mend"
	mend='nft delete table inet peer_lb2; nft delete table inet peer_lb3'
	: >"$work/heal"
	for ((i = 0; i < heals; i++)); do
		settle
		"$lab" cut-peer lb1
		until alone; do sleep 0.1; done
		on lb1 backend weight web 10.2.1.10 $((i + 2)) --local \
		    >"$work/out"
		on lb2 backend weight web 10.2.2.10 $((i + 2)) >"$work/out"
		"$bench" heal "${sockets[@]}" -- ip netns exec \
		    "${GUIDEWAY_LAB_PREFIX}lb1" sh -c "$mend" >>"$work/heal" ||
			die "heal: failed"
	done
	p99 heal "$work/heal"
}

trap clean_up EXIT
trap 'exit 130' INT TERM
[ "$(id -u)" = 0 ] || die "the group cluster needs root, for namespaces"
"$lab" up --build "$BENCH_BUILD" >&2
run=$("$lab" show run)
sockets=("$run"/lb{1,2,3}/run/agent.sock)
measure_command
measure_death
measure_heal
