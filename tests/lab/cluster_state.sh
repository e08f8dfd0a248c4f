#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # without arguments: of all nodes
# What the nodes of a cluster remember: agents are killed and started again, and
# their state files are old, gone or damaged. Routes and tables stay.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/bgp.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/cluster.bash"

state() { echo "$run/$1/state"; }
damage() { # NODE: nothing of it can be read
	local file
	for file in "$(state "$1")"/agent.state*; do
		head -c 200 /dev/urandom >"$file"
	done
}
put_state() { # FILE, as lb1's
	install -o nobody -m 600 "$1" "$(state lb1)/agent.state"
}
start_agents() { each start_agent; }
start_agent() { lab start "$1" agent; }
slay_all() {
	local node
	for node in $nodes; do
		signal "$node" agent KILL
	done
	for node in $nodes; do
		wait_until 5 gone "$node" agent
	done
}

tables() {
	gw "$1" status --json | jq -c '[.services[] | {name, digest}]'
}
as_before() { equal "$(tables "$1")" "$before"; }
answered() { grep -v lost "$work/answers" | sort -u | tr '\n' ' ' | sed 's/ $//'; }

start_lab

# Agents go and come, while a backend is down. ----------------------------------

kill_backend be2
check "a backend is down" wait_until 10 is_down be2
check "... everywhere" wait_until 5 identical
before=$(tables lb1)
begin_events 12
begin_polling
slay_all
start_agents
heals 15 "all agents killed and started"
check "... with the tables as they were" each as_before
end_polling
check "... a backend that is down has had no traffic" \
    equal "$(answered)" "be1 be3 be4"
check "... and none was lost" at_most 1 "$(lost)"
begin_polling
slay lb2 agent
lab start lb2 agent
heals 15 "one agent killed and started"
check "... with the tables as they were" each as_before
end_polling
check "... a backend that is down has had no traffic" \
    equal "$(answered)" "be1 be3 be4"
check "... and none was lost" at_most 1 "$(lost)"
check "the router has seen nothing of all that" no_events
start_backend be2
check "the backend is up again, everywhere" wait_until 10 is_up be2

# State files. ------------------------------------------------------------------

cp "$(state lb1)/agent.state" "$work/old"
change gw lb2 backend weight web "$(addr be1)" 5 >"$work/out"
change gw lb3 backend remove who "$(addr be3)" --now >"$work/out"
change gw lb1 backend remove web "$(addr be4)" --now >"$work/out"
change gw lb1 backend add web "$(addr be4)" --weight 2 >"$work/out"
as_changed() {
	everywhere web be1 weight 5 && everywhere web be4 weight 2 &&
		each has_no_backend who be3
}
check "changes from three nodes" wait_until 5 as_changed
slay lb1 agent
put_state "$work/old"
lab start lb1 agent
heals 15 "one state file is an old one"
check "... nothing comes back, and nothing is lost" as_changed
check "... and that node can change something" \
    exits 0 gw lb1 backend weight web "$(addr be4)" 3
check "... which the others take" everywhere web be4 weight 3
change gw lb1 backend weight web "$(addr be4)" 2 >"$work/out"

slay lb2 agent
find "$(state lb2)" -type f -delete
lab start lb2 agent
heals 15 "one state folder is empty"
check "... it has what the others have" as_changed
slay lb3 agent
damage lb3
lab start lb3 agent
heals 15 "one state is damaged"
check "... it has what the others have" as_changed
check "... and what was damaged is kept to be looked at" \
    ls "$(state lb3)"/agent.state.corrupt-1

# All at once. What is not known must not be announced.
mkdir "$work/saved"
cp "$(state lb1)"/agent.state "$work/saved/"
slay_all
each damage
start_agents
takes_no_part() { equal "$(view "$1" .joined)" false && waits_for_state "$1"; }
waits_for_state() {
	local waiting
	waiting=$(view "$1" .waiting)
	[[ $waiting == *"state is lost"* ]] || { echo "$waiting"; return 1; }
}
check "all states are damaged: each node says so" \
    wait_until 20 each waits_for_state
check "... nobody goes on as a new cluster" each takes_no_part
check "... and nobody announces what is not known" comes_to_go_over 5 ""
check "... and nothing can be changed" \
    exits 1 gw lb1 backend weight web "$(addr be1)" 1
slay lb1 agent
put_state "$work/saved/agent.state"
lab start lb1 agent
heals 20 "one has its state again: all go on with it"
check "..." as_changed
check "... and announce" comes_to_go_over 10 "lb1 lb2 lb3"

slay_all
for node in $nodes; do
	find "$(state "$node")" -type f -delete
done
start_agents
heals 25 "all state folders are empty: a new cluster, as the files say"
check "..." everywhere web be1 weight 1
check "... each backend of them" everywhere who be3 weight 1
check "all announce" comes_to_go_over 10 "lb1 lb2 lb3"
finish
