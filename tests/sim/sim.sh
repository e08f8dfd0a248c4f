#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A cluster of simulated nodes, of which anything goes wrong: the seeds that
# once found something, 2000 others, and agents with a fault each of which must
# be found. GUIDEWAY_BUILD names the build folder.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
export GUIDEWAY_BUILD=${GUIDEWAY_BUILD:-$srcdir/build}
run=$srcdir/tests/sim/run
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.bash"

caught() { grep "^ok - planted $1 caught " "$work/planted"; }

check "seeds that once found something" "$run" --seeds 0
check "2000 seeds" "$run" --seeds 2000
"$run" --planted >"$work/planted" || true
sed 's/^/# /' "$work/planted"
names=$(sed -n 's/^.*ok - planted \([a-z_]*\) .*/\1/p' "$work/planted")
check "there are faulty agents" test -n "$names"
for name in $names; do
	check "found: $name" caught "$name"
done
echo "1..$tap_count"
[ $tap_bad -eq 0 ]
