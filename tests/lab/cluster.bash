# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2120 # without arguments: of all nodes
# What the tests of the cluster share. Sourced after lib.bash and bgp.bash.

guideway=${GUIDEWAY_BUILD:-$srcdir/build}/agent/guideway

# gw NODE ARGUMENT...: the command on a node. The agent's socket is a file, so
# that it needs no namespace, and is quick enough to look on with.
gw() { "$guideway" "${@:2}" --socket "$run/$1/run/agent.sock"; }

# each COMMAND [ARGUMENT...]: with a node's name as the last argument, for all.
each() {
	local node
	for node in $nodes; do
		"$@" "$node" || return 1
	done
}

# The cluster as a node sees it: what jq's filter makes of that.
view() { gw "$1" cluster status --json | jq -r "$2"; }

# identical [NODE...]: are these (all) connected to each other, in step, and do
# all of them say that all of them serve the same tables?
identical() {
	local node all=${*:-$nodes}
	for node in $all; do
		gw "$node" cluster status --json || return 1
	done 2>/dev/null | jq -s -e --arg all "$all" '
	    ($all | split(" ")) as $all |
	    map(.nodes |= map(select(.connected))) |
	    all(.[]; .joined and .verified and
		($all - [.nodes[].name] == [])) and
	    ([.[].nodes[] | .root_digest, .config_digest] |
		unique | length) == 2' >/dev/null
}

# same_tables [NODE...]: byte for byte, as their balancers have read them back.
same_tables() {
	local node
	for node in ${*:-$nodes}; do
		gw "$node" status --json |
			jq -c '[.services[] | {name, installed_digest}]'
	done | sort -u | { read -r _ && ! read -r _; }
}

now_ms() { echo "$((${EPOCHREALTIME/./} / 1000))"; }

# heals SECONDS WHAT [NODE...]: a test: after what has just happened these
# (all) come to serve the same, in about so long. Says how long it took.
heals() {
	local begun
	begun=$(now_ms)
	check "$2" wait_until "$1" identical "${@:3}"
	echo "#   after $(($(now_ms) - begun)) ms"
	check "... byte for byte" same_tables "${@:3}"
}

# What a node has of a backend: field SERVICE BACKEND FIELD NODE.
field() {
	gw "$4" backend list "$1" --json | jq -r --arg address \
	    "$(lab show "tunnel.$2")" --arg field "$3" \
	    '.[] | select(.address == $address) | .[$field]'
}
has_field() { equal "$(field "$1" "$2" "$3" "$5")" "$4"; }
# everywhere SERVICE BACKEND FIELD VALUE: on all nodes.
everywhere() { each has_field "$@"; }
has_no_backend() { equal "$(field "$1" "$2" weight "$3")" ""; }

kill_backend() { lab stop "$1" nginx; }
start_backend() { lab start "$1" nginx; }
has_health() { everywhere web "$1" health "$2" && everywhere who "$1" health "$2"; }
is_down() { has_health "$1" down; }
is_up() { has_health "$1" up; }

# Who answers new connections.
answering() {
	many 4 200 >"$work/many"
	at_least 200 "$(grep -c '^be' "$work/many")" || return 1
	sort -u "$work/many" | tr '\n' ' ' | sed 's/ $//'
}
answer() { equal "$(answering)" "$1"; }

# Ends `code` with the status of a command.
exits() {
	local wanted=$1 code=0
	shift
	"$@" >"$work/said" 2>&1 || code=$?
	cat "$work/said"
	equal "$code" "$wanted"
}
said() { grep -q -- "$1" "$work/said" || { cat "$work/said"; return 1; }; }

addr() { lab show "tunnel.$1"; }

# trouble NODE OTHER TEXT: does a node say that of another in its status?
trouble() {
	[[ $(view "$1" ".nodes[] | select(.name == \"$2\") |
	    .trouble + (.lacks // \"\")") == *"$3"* ]] || {
		view "$1" '.nodes[] | {name, trouble, lacks}'
		return 1
	}
}
