#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The file driver against its golden captures: NAME.pcap through guideway.yaml
# must give NAME.out.pcap and NAME.json, byte for byte, from a file as through
# pipes. Part of `make check`.
#
# The inputs are what tests/data/make_vectors writes. After an intended change,
# `vectors.sh --update` writes the outputs anew; look at them with tshark before
# committing them.
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
build=${GUIDEWAY_BUILD:-$PWD}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

run() { "$build/balancer/guideway-balancer" -c "$here/guideway.yaml" "$@"; }

# vector NAME [OPTION...]
vector() {
	local name=$1
	shift
	run --read "$here/$name.pcap" --write "$work/out" --json "$@" \
	    >"$work/json" || bad=1
	run --read - --write - "$@" <"$here/$name.pcap" 2>/dev/null \
	    | cat >"$work/piped" || bad=1
	if [ "$update" = yes ]; then
		cp "$work/out" "$here/$name.out.pcap"
		cp "$work/json" "$here/$name.json"
	fi
	same "$here/$name.out.pcap" "$work/out"
	same "$here/$name.out.pcap" "$work/piped"
	same "$here/$name.json" "$work/json"
}

same() {
	cmp "$1" "$2" || bad=1
}

# A capture cut short: what was whole is processed, and the exit status tells.
cut_short() {
	local status=0
	head -c 1000 "$here/flows.pcap" >"$work/cut.pcap"
	run --read "$work/cut.pcap" --write "$work/out" 2>"$work/err" ||
		status=$?
	if [ $status != 1 ] || ! grep -q 'cut short' "$work/err"; then
		echo "cut short: exit status $status"
		bad=1
	fi
	cmp -n "$(stat -c %s "$work/out")" "$work/out" "$here/flows.out.pcap" ||
		bad=1
}

case ${1-} in
--update) update=yes ;;
'') update=no ;;
*)
	echo "usage: $0 [--update]" >&2
	exit 2
	;;
esac
vector flows
vector other
vector fragments
vector icmp
vector oversize --mtu 1500
cut_short
exit $bad
