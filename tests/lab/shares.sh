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

# The same client port through one node and another. The server closes, so
# that the client's port is free again at once.
same_backend() {
	local version=$1 port first node answer
	for port in 20001 20002 20003 20004 20005 20006 20007 20008; do
		first=
		for node in $nodes; do
			lab route "$node"
			answer=$(get "$version" --local-port $port \
			    -H 'Connection: close')
			is_backend "$answer" || return 1
			equal "$answer" "${first:=$answer}" || return 1
		done
	done
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
