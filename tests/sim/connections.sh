#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tens of thousands of connections through a cluster of eight balancers whose
# backends and nodes change all the time; see connections.c. GUIDEWAY_BUILD
# names the build folder.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
exec "${GUIDEWAY_BUILD:-$srcdir/build}/tests/sim/connections" "$@"
