#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Either daemon is killed and started again under traffic: connections that
# are open live on, what comes after works, and nobody has to help.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"

# A slow download over one node, so that it lasts over the restart.
begin_transfer() {
	on client curl -s --max-time 60 --limit-rate 8M -D "$work/head" \
	    -o "$work/down" "$(url "$1" /large)" &
	transfer=$!
	wait_until 10 has_begun
}

has_begun() { [ "$(stat -c %s "$work/down" 2>/dev/null || echo 0)" -gt 1000000 ]; }

transfer_survived() {
	local backend
	wait "$transfer" || return 1
	backend=$(sed -n 's/^X-Backend: *\([a-z0-9]*\).*/\1/p' "$work/head")
	cmp "$work/down" "$run/$backend/www/large" || return 1
	rm -f "$work/down"
}

answers() { is_backend "$(get "$1")"; }

start_lab
lab route lb1
for version in 4 6; do
	begin_transfer $version
	lab stop lb1 agent KILL
	check "IPv$version: serves without its agent" answers $version
	lab start lb1 agent
	check "IPv$version: a new agent finds the balancer in sync" \
	    wait_until 10 node_in_sync lb1
	check "IPv$version: the transfer outlived the agent" transfer_survived

	begin_transfer $version
	lab stop lb1 balancer KILL
	lab start lb1 balancer
	check "IPv$version: a new balancer gets its state by itself" \
	    wait_until 10 node_in_sync lb1
	check "IPv$version: the transfer outlived the balancer" \
	    transfer_survived
	check "IPv$version: new connections work" answers $version
done

begin_polling
lab stop lb1 agent KILL
lab start lb1 agent
wait_until 10 node_in_sync lb1
end_polling
check "no connection was lost while the agent restarted" equal "$(lost)" 0

begin_polling
lab stop lb1 balancer KILL
lab start lb1 balancer
wait_until 10 node_in_sync lb1
end_polling
# A SYN that is lost costs its connection a second: that of the moment, and
# one more while it starts on a busy machine.
check "only the moment of the balancer's restart was lost" at_most 2 "$(lost)"

begin_transfer 4
lab stop lb1 agent KILL
lab stop lb1 balancer KILL
lab start lb1 agent
lab start lb1 balancer
check "both at once: in sync again" wait_until 10 node_in_sync lb1
check "both at once: the transfer lives" transfer_survived
finish
