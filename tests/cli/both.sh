#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Both processes: whichever is killed and started again, in whatever order, they
# are in sync again by themselves, and the digests are equal.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

check_in_sync() {
	until_true in_sync
	# shellcheck disable=SC2046 # two words, if all is well
	set -- $(digests)
	[ "$#" -eq 2 ] || fail "digests: $*"
	[ "$1" = "$2" ] || fail "digests differ: $*"
	digest=$1
}

write_conf

say "the agent first"
start_agent
start_balancer
check_in_sync
first=$digest
expect 0 guideway status
says out "in sync        yes"
expect 0 guideway service show web
says out "yes, the balancer serves this table"

# completes EXPECTED WORD...: the last word is the one to be completed.
completes() {
	want=$1
	shift
	got=$(PATH=$build/agent:$PATH bash -c '
		. "$0/../../deploy/completion/guideway"
		COMP_WORDS=(guideway "$@") COMP_CWORD=$#
		_guideway
		echo "${COMPREPLY[*]}"' "$(dirname "$0")" "$@")
	[ "$got" = "$want" ] || fail "'$*' is completed to '$got'"
}

say "completion"
if command -v bash >/dev/null; then
	completes web service show ""
	completes web backend drain ""
	completes "status service" s
	completes "init invite psk status verify leave" cluster ""
	completes "192.0.2.11 192.0.2.12" backend weight web ""
	completes "192.0.2.11 192.0.2.12" backend weight web 192
	completes "draining disabled" backend add web 192.0.2.13 --state d
	completes "--weight --wait" backend add web 192.0.2.13 --w
	completes "--now" service remove web --n
	completes "table_size=" service set web table
	completes "" service set web table_size = ""
	completes "drop_no_service" capture --reason drop_no_s
	completes "web" capture --service w
	completes "in out both" capture --direction ""
	completes "--seconds --service" capture -w file --se
fi

say "trace"
expect 0 guideway trace '198.51.100.9:4711 -> 203.0.113.10:80'
says out "service   web"
says out "drop_no_next_hop"
expect 0 guideway trace 198.51.100.9:0 203.0.113.10:80
says out "198.51.100.9:0 -> 203.0.113.10:80 tcp"
expect 0 guideway trace '198.51.100.9:4711->203.0.113.10:80'
slot=$(sed -n 's/^slot *//p' "$work/out")
backend=$(sed -n 's/^backend *//p' "$work/out")
# The same slot of the same table, by the command that needs no daemon.
guideway table --size 1024 --seed 000102030405060708090a0b0c0d0e0f \
    192.0.2.11 '192.0.2.12*3' | tr ' ' '\n' >"$work/slots"
position=$(sed -n "$((slot + 1))p" "$work/slots")
[ "$backend" = "192.0.2.1$((position + 1))" ] ||
    fail "slot $slot: $backend, not member $position"
expect 0 guideway trace 198.51.100.9:4711 '->' 203.0.113.10:80 --json
says out "\"slot\": $slot"
expect 0 guideway trace --udp 198.51.100.9:4711 to 203.0.113.10:80
says out "drop_no_service"
expect 0 guideway trace '[2001:db8::9]:4711' '[2001:db8:113::10]:80'
says out "backend   192.0.2.1"
expect 0 guideway trace 198.51.100.9:4711 198.51.100.1:80
says out "pass_not_vip"

say "capture"
expect 0 guideway capture --seconds 1
says err "0 packets, 0 lost"
expect 1 guideway capture --service nobody
says err "no service is called 'nobody'"

say "a change, and a bad one"
write_conf disabled
kill -HUP "$agent_pid"
until_true sh -c "'$build/agent/guideway' status | grep -q 1/2"
check_in_sync
[ "$digest" != "$first" ] || fail "the digest has not changed"
echo "nonsense: [" >"$conf"
kill -HUP "$agent_pid"
until_true sh -c "'$build/agent/guideway' status | grep -q 'last reload'"
check_in_sync
write_conf
kill -HUP "$agent_pid"
until_true sh -c "'$build/agent/guideway' status | grep -q 2/2"
check_in_sync
[ "$digest" = "$first" ] || fail "the same again gives another digest"

say "the balancer killed"
stop "$balancer_pid" KILL
until_true sh -c "'$build/agent/guideway' status | grep -q 'not connected'"
start_balancer
check_in_sync

say "the agent killed"
stop "$agent_pid" KILL
start_agent
check_in_sync

say "both killed, the balancer first"
stop "$agent_pid" KILL
stop "$balancer_pid" KILL
start_balancer
start_agent
check_in_sync

say "the balancer stopped in its tracks, then gone on"
kill -STOP "$balancer_pid"
expect 0 guideway status
expect 0 guideway status
until_true sh -c "'$build/agent/guideway' status | grep -qE 'silent|answered'"
kill -CONT "$balancer_pid"
check_in_sync
[ "$digest" = "$first" ] || fail "another digest"

say "clean ends"
stop "$agent_pid" TERM
agent_pid=''
[ "$ended" -eq 0 ] || fail "the agent ended with $ended"
stop "$balancer_pid" TERM
balancer_pid=''
[ "$ended" -eq 0 ] || fail "the balancer ended with $ended"
say "good"
