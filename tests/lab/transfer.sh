#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Large transfers arrive as they were sent: with the MSS clamp of the backends,
# and without it, where full-size packets no longer fit the tunnel and the
# balancer has to tell the client; with offloads, so that merged packets come.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"

megabytes=24

sum() { sha256sum "$1" | cut -d ' ' -f 1; }

download() {
	local backend
	on client curl -s --max-time 60 -D "$work/head" \
	    -o "$work/down" "$(url "$1" /large)" || return 1
	backend=$(sed -n 's/^X-Backend: *\([a-z0-9]*\).*/\1/p' "$work/head")
	equal "$(sum "$work/down")" "$(sum "$run/$backend/www/large")"
}

upload() {
	local backend
	on client curl -s --max-time 60 -D "$work/head" \
	    -T "$work/upload" "$(url "$1" /upload/file)" || return 1
	backend=$(sed -n 's/^X-Backend: *\([a-z0-9]*\).*/\1/p' "$work/head")
	equal "$(sum "$run/$backend/upload/file")" "$(sum "$work/upload")" ||
		return 1
	rm "$run/$backend/upload/file"
}

both_ways() {
	local version
	for version in 4 6; do
		check "$1: download over IPv$version" download $version
		check "$1: upload over IPv$version" upload $version
	done
}

client_offload() {
	on client ethtool -K eth0 tso "$1" gso "$1" tx "$1" >/dev/null
}

# The sum of a reason over all nodes.
counted() {
	local node sum=0
	for node in $nodes; do
		sum=$((sum + $(reason_count "$node" "$1")))
	done
	echo $sum
}

dd if=/dev/urandom of="$work/upload" bs=1M count=$megabytes status=none
start_lab
both_ways "MSS clamped"
check "merged packets were segmented again" \
    at_least 1 "$(counted forward_segmented)"
client_offload off
both_ways "MSS clamped, no offloads"
client_offload on
lab up --mss off >/dev/null
both_ways "no clamp"
client_offload off
# Else what the client has learned about the path would do.
on client ip route flush cache
on client ip -6 route flush cache
both_ways "no clamp, no offloads"
check "the client was told that its packets are too big" \
    at_least 2 "$(counted reply_too_big)"
finish
