#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Connections through changes: of backends, of nodes, of both at once, of
# neither. None may break but those of a backend that dies.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/bgp.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/cluster.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/moves.bash"

held="$MOVES_TCP TCP and $MOVES_UDP UDP"

start_lab
moves_prepare
check "$held: nothing changes, none breaks" corner_none
check "$held: backends change, none breaks" corner_backends
check "$held: nodes come and go, none breaks" corner_nodes
check "$held: both at once, none breaks" corner_both
finish
