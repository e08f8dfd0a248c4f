#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks the models of this folder with Spin: each must be searched to its end
# without an error, and each fault that can be seeded must be found. Works in a
# temporary folder and leaves nothing.
set -euo pipefail

usage() {
	cat <<'END'
usage: tests/model/run [--deep] [--memory MB]

Checks the models with Spin: a minute and 500 MB. --deep: bigger bounds too, in
20 minutes and 6 GB. --memory: what one search may take (default 1000, with
--deep 8000); one that needs more fails.
END
}

die() {
	printf 'tests/model/run: %s\n' "$*" >&2
	exit 2
}

srcdir=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
deep=no memory=''
while [ $# -gt 0 ]; do
	case $1 in
	--deep) deep=yes ;;
	--memory) [ $# -ge 2 ] || die "--memory needs a number"
		memory=$2; shift ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done
table=24 # log2 of the slots of Spin's hash table
if [ $deep = yes ]; then
	table=26
	memory=${memory:-8000}
fi
memory=${memory:-1000}
case $memory in
*[!0-9]* | 0) die "--memory: a whole number of 1 or more, got '$memory'" ;;
esac
if ! command -v spin >/dev/null; then
	echo "1..0 # SKIP spin is not installed"
	exit 77
fi

work=$(mktemp -d)
pan=''
# shellcheck source-path=SCRIPTDIR
. "$srcdir/../tap.bash"

clean_up() {
	trap '' INT TERM HUP
	[ -z "$pan" ] || kill "$pan" 2>/dev/null || true
	wait
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# search OPTIMIZE MODEL -D...: leaves what Spin, the compiler and the search
# said in $work/said. A search that is cut short says so itself.
search() {
	local optimize=$1 model=$2
	shift 2
	rm -f "$work"/pan* "$work/$model.pml.trail"
	cp "$srcdir/$model.pml" "$work"
	# All that a step does it does at once, so there is nothing to reduce.
	(cd "$work" && spin -a "$@" "$model.pml" && "${CC:-cc}" "$optimize" -w \
	    -DSAFETY -DNOREDUCE -DMEMLIM="$memory" -o pan pan.c) \
	    >"$work/said" 2>&1 || return 0
	(cd "$work" && exec ./pan -m10000 -w$table) >>"$work/said" 2>&1 &
	pan=$!
	wait "$pan" || true
	pan=''
}

states() {
	awk '/ states, stored/ { n = $1 } END { printf "%d", n }' "$work/said"
}

# All there is was looked at.
is_exhausted() {
	grep -q '^Full statespace search' "$work/said" &&
		grep -q 'assertion violations.*+' "$work/said" &&
		grep -q 'errors: 0$' "$work/said" &&
		! grep -Eiq 'not completed|too small|MEMLIM|out of memory' \
		    "$work/said"
}

# The steps to an error, when there is one.
show_steps() {
	local model=$1
	shift
	cat "$work/said"
	[ ! -e "$work/$model.pml.trail" ] ||
		(cd "$work" && spin -t -T -B "$@" "$model.pml" 2>&1)
	return 1
}

finds_nothing() { is_exhausted || show_steps "$@"; }

finds_an_error() {
	cat "$work/said"
	grep -Eq '^pan:[0-9]+: assertion violated' "$work/said" &&
		grep -q 'errors: 1$' "$work/said"
}

# holds MODEL [-D...]: the model as it is
holds() {
	local model=$1 start=$SECONDS
	search -O2 "$@"
	check "$model${2:+ ${*:2}} holds: $(states) states" finds_nothing "$@"
	echo "# $((SECONDS - start)) s"
}

# faults MODEL NAME...: each has to be found, in less than compiling well takes
faults() {
	local model=$1 fault
	shift
	for fault; do
		search -O0 "$model" "-D$fault"
		check "$model $fault is found: $(states) states" finds_an_error
	done
}

holds replication
faults replication TOMBSTONE_GC NOGAP PARTIAL REUSE REIMPORT NEWIMPORT REACH
holds drain
holds drain -DNODES=4 -DMIN=2 -DYIELDS=0
faults drain NAIVE REGRANT STALE KEEP EARLY CLING COUNTER REACH
if [ $deep = yes ]; then
	holds drain -DCOMMANDS=10 -DCRASHES=2 -DYIELDS=0
	holds drain -DYIELDS=2
	holds replication -DOPS=2 -DSEQS=3
	holds replication -DOPS=4 -DLIVES=1
	holds replication -DOPS=3 -DLIVES=3
	holds replication -DOPS=4
fi
echo "1..$tap_count"
[ $tap_bad -eq 0 ]
