#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every backend and every node takes the share that is expected of it, and a
# flow reaches the same backend whichever node it comes through.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"
# shellcheck source-path=SCRIPTDIR
. "$srcdir/deploy/lab.d/share.sh"

connections=1500

share_of_backends() {
	local version=$1 backend bad=0
	many "$version" $connections >"$work/answers"
	at_least $connections "$(wc -l <"$work/answers")" || return 1
	for backend in $backends; do
		share_fits "$backend" "$(grep -cx "$backend" "$work/answers")" \
		    $connections 1 4 || bad=1
	done
	return $bad
}

# The router spreads; the nodes' own counters say how many connections each
# forwarded: an answer and its connection take about as many packets each.
share_of_nodes() {
	local node bad=0
	for node in $nodes; do
		forwarded "$node" >"$work/$node.before"
	done
	many "$1" $connections >/dev/null
	for node in $nodes; do
		at_least $((connections * 3 / 4)) $(($(forwarded "$node") - \
		    $(cat "$work/$node.before"))) || bad=1
	done
	return $bad
}

forwarded() { reason_count "$1" forward; }

# Each port comes through one node; every node says where it would send it.
same_backend() {
	local version=$1 port=$((20000 + $1 * 100)) node asked backend tunnel
	for node in $nodes $nodes $nodes; do
		lab route "$node"
		port=$((port + 1))
		backend=$(get "$version" --local-port $port)
		is_backend "$backend" || return 1
		tunnel=$(lab show "tunnel.$backend")
		for asked in $nodes; do
			equal "$(traced "$asked" "$version" $port)" "$tunnel" ||
				return 1
		done
	done
}

traced() {
	local client target=$vip4
	client=$(lab show "addr$2.client")
	if [ "$2" = 6 ]; then
		client=[$client]
		target=[$vip6]
	fi
	lab guideway "$1" trace --json "$client:$3" to "$target:80" |
		jq -r .backend
}

start_lab
for version in 4 6; do
	check "IPv$version: each backend gets its share" \
	    share_of_backends $version
	check "IPv$version: each node gets its share" share_of_nodes $version
done
for version in 4 6; do
	check "IPv$version: every node sends a flow to the same backend" \
	    same_backend $version
done
finish
