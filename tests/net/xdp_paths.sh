#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The packet path in the kernel against the one in user space, frame by frame,
# by BPF_PROG_TEST_RUN: needs root, which `make check` does not have.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
unit=${GUIDEWAY_BUILD:-$srcdir/build}/tests/unit
tap=$(mktemp)
trap 'rm -f "$tap"' EXIT

status=0
for program in check_xdp check_xdp_inputs; do
	CK_TAP_LOG_FILE_NAME=$tap srcdir=$srcdir "$unit/$program" || status=1
	# A program that died says less than it promised.
	grep -E '^(not )?ok ' "$tap" || echo "not ok 1 - $program says nothing"
	: >"$tap"
done
exit $status
