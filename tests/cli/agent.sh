#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# guideway-agent and guideway without a balancer: usage, exit codes, messages,
# reload, the operator's socket.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

agent=$build/agent/guideway-agent

say "usage"
expect 0 "$agent" --help
says out "usage: guideway-agent"
expect 0 "$agent" --version
expect 2 "$agent" --nonsense
expect 2 "$agent" argument
expect 2 "$agent" -v
for command in status "service show" table trace capture \
    "backend list" "backend add" "backend remove" "backend weight" \
    "backend drain" "backend enable" "backend disable" \
    "service list" "service add" "service set" "service remove" \
    "cluster status" "cluster verify" "cluster leave" \
    "node drain" "node undrain"; do
	expect 0 guideway --help
	says out "$command"
	# shellcheck disable=SC2086 # two words are two arguments
	expect 0 guideway $command --help
	says out "usage: guideway [OPTION...] $command"
done
expect 2 guideway
expect 2 guideway frobnicate
expect 2 guideway status more
expect 2 guideway service show
expect 2 guideway service
says err "service show NAME"
expect 2 guideway service show 'a/b'
expect 2 guideway backend
says err "'backend list [SERVICE]', 'backend add SERVICE ADDRESS'"
[ "$(wc -l <"$work/err")" -eq 1 ] || fail "more than one line"
expect 2 guideway backend add web
says err "usage: guideway backend add SERVICE ADDRESS"
expect 2 guideway backend add web 192.0.2
says err "'192.0.2' is no IPv4 or IPv6 address"
expect 2 guideway backend list --now
says err "'backend list' does not take --now"
expect 2 guideway service set web
expect 2 guideway service set web ports
says err "KEY=VALUE is needed"
expect 2 guideway cluster status lb1
expect 2 guideway cluster verify --wait
expect 2 guideway cluster verify --timeout soon
says err "--timeout must be 0..86400 seconds, got 'soon'"
expect 2 guideway trace 198.51.100.9:1

say "nobody there"
expect 1 guideway status
says err "no agent answers at $GUIDEWAY_SOCKET"
[ "$(wc -l <"$work/err")" -eq 1 ] || fail "more than one line"
expect 1 guideway --config "$work/none.yaml" --socket "$work/none" status
says err "$work/none"
expect 1 guideway --config "$work/none.yaml" status
says err "none.yaml"

say "--check"
write_conf
expect 0 "$agent" --config "$conf" --check
says out "good"
expect 0 "$agent" --config "$conf" --check -v
cp "$work/out" "$work/canonical.yaml"
expect 0 "$agent" --config "$work/canonical.yaml" --check -v
cmp "$work/out" "$work/canonical.yaml" || fail "the canonical form is none"
if [ -w /dev/full ]; then
	status=0
	"$agent" --config "$conf" --check -v >/dev/full 2>"$work/err" ||
	    status=$?
	[ "$status" -eq 1 ] || fail "a full disk is no success"
fi
sed 's/weight: 3/weight: 70000/' "$conf" >"$work/bad.yaml"
expect 1 "$agent" --config "$work/bad.yaml" --check
says err "bad.yaml:23:17: "
[ "$(wc -l <"$work/err")" -eq 1 ] || fail "more than one line"
expect 1 "$agent" --config "$work/bad.yaml"
expect 1 "$agent" --config "$work/none.yaml" --check
says err "none.yaml"

say "running"
start_agent
expect 0 guideway status
says out "node           lb1"
says out "not connected"
says out "in sync        no"
says out "203.0.113.10:80/tcp"
says out "[2001:db8:113::10]:80/tcp"
says out "2/2"
expect 0 env GUIDEWAY_SOCKET="$work/none" "$build/agent/guideway" \
    --config "$conf" status --json
says out '"connected": false'
expect 0 guideway service show web
says out "192.0.2.12"
says out "75.00 %"
expect 0 guideway --json service show web
says out '"slots": 768'
says out '"health": "unknown"'
says out '"resolved": null'
says out '"interface": null'
expect 1 guideway service show mail
says err "no service is called 'mail'"
expect 1 guideway trace 198.51.100.9:4711 to 203.0.113.10:80
says err "balancer is not connected"
[ "$(stat -c %a "$GUIDEWAY_SOCKET")" = 660 ] || fail "mode of the socket"
say "without a cluster the file rules"
expect 0 guideway service list
says out "203.0.113.10:80/tcp"
expect 0 guideway backend list
says out "192.0.2.12"
expect 0 guideway backend list web --json
says out '"service": "web"'
expect 1 guideway backend list mail
says err "no service is called 'mail'"
expect 0 guideway status
! grep -q "^cluster" "$work/out" || fail "a cluster, and there is none"
for command in "cluster status" "cluster verify" "cluster leave" \
    "backend drain web 192.0.2.11" "backend add web 192.0.2.13" \
    "backend remove web 192.0.2.11 --now" "service remove web --now" \
    "service set web ports=81"; do
	# shellcheck disable=SC2086 # so many arguments
	expect 1 guideway $command
	says err "this node is in no cluster"
	[ "$(wc -l <"$work/err")" -eq 1 ] || fail "more than one line"
done
expect 1 guideway service remove web
says err "service web has 2 backends that take traffic"
expect 1 guideway backend remove web 192.0.2.99
says err "service web has no backend 192.0.2.99"

case $(guideway status) in
*"$(printf '\033')"*) fail "colour, and no terminal" ;;
esac

say "a second agent is refused, and does no harm"
expect 1 "$agent" --config "$conf"
says err "another process listens"
expect 0 guideway status

say "what speaks another language"
if command -v socat >/dev/null; then
	printf '\000\000\000\004junk' | socat -t 2 - \
	    "UNIX-CONNECT:$GUIDEWAY_SOCKET" >/dev/null || :
	printf '\377\377\377\377' | socat -t 2 - \
	    "UNIX-CONNECT:$GUIDEWAY_SOCKET" >/dev/null || :
fi
expect 0 guideway status

say "reload"
digest=$(digests)
write_conf draining
kill -HUP "$agent_pid"
until_true sh -c "'$build/agent/guideway' status | grep -q 1/2"
[ "$(digests)" != "$digest" ] || fail "the digest has not changed"
digest=$(digests)
cp "$work/bad.yaml" "$conf"
kill -HUP "$agent_pid"
until_true sh -c "'$build/agent/guideway' status | grep -q 'last reload'"
expect 0 guideway status
says out ":23:17: "
says out "1/2"
[ "$(digests)" = "$digest" ] || fail "a bad file has changed something"
write_conf
sed -i "s|run_dir: .*|run_dir: $work/elsewhere|" "$conf"
kill -HUP "$agent_pid"
until_true sh -c "'$build/agent/guideway' status | grep -q 'run_dir has changed'"
write_conf
kill -HUP "$agent_pid"
until_true sh -c "! '$build/agent/guideway' status | grep -q 'last reload'"
echo 'balancer: {interfaces: [{name: eth0}]}' >>"$conf"
kill -HUP "$agent_pid"
until_true grep -q "interfaces has changed; restart" "$work/agent.log"

say "a clean end"
stop "$agent_pid" TERM
agent_pid=''
[ "$ended" -eq 0 ] || fail "ended with $ended"
[ ! -e "$GUIDEWAY_SOCKET" ] || fail "the socket is left"

say "a socket left by one that was killed is replaced"
start_agent
stop "$agent_pid" KILL
[ -e "$GUIDEWAY_SOCKET" ] || fail "expected it to be left"
start_agent
stop "$agent_pid" TERM
agent_pid=''

say "draining a node"
start_agent
expect 2 guideway node
says err "there is 'node drain"
expect 2 guideway node drain a b
expect 2 guideway node drain --timeout 3
says err "go with --wait"
expect 2 guideway node drain --graceful 3601
says err "0..3600 seconds, got '3601'"
expect 2 guideway node drain a/b
expect 2 guideway node undrain --graceful 3
expect 1 guideway node drain lb2
says err "this is node 'lb1'"
expect 0 guideway node drain lb1
says out "lb1: withdrawn, still forwarding"
expect 0 guideway node drain --wait --timeout 30
says out "lb1: drained, no packet for a VIP for"
expect 0 guideway status
says out "intent: draining, as the operator said"
expect 0 guideway node drain --json
says out '"gone": true'
stop "$agent_pid" KILL
start_agent
expect 0 guideway status --json
says out '"operator": true'
expect 0 guideway node undrain
expect 0 guideway status
! grep -q draining "$work/out" || fail "it is still drained"
expect 3 guideway node undrain --wait --timeout 1
says err "not done within 1 s"
expect 0 guideway node drain --temporary
stop "$agent_pid" TERM
start_agent
expect 0 guideway status --json
says out '"temporary": false'
stop "$agent_pid" TERM

say "a state file that is damaged drains the node, and is kept"
for file in "$work"/state/*; do
	echo nonsense >"$file"
done
start_agent
expect 0 guideway status
says out "draining, as the operator said"
expect 0 guideway node undrain
stop "$agent_pid" TERM
agent_pid=''
[ -n "$(find "$work/state" -name '*corrupt*')" ] || fail "it is not kept"

say "announcing nothing"
sed 's/^announce:/&\n  enabled: false/' "$conf" >"$conf.new"
mv "$conf.new" "$conf"
start_agent
expect 0 guideway status
says out "announcing     no: announce.enabled is false"
expect 1 guideway node drain
says err "announces nothing"
stop "$agent_pid" TERM
agent_pid=''
write_conf enabled

say "table"
seed=000102030405060708090a0b0c0d0e0f
expect 0 guideway table --size 1024 --seed $seed backend-0 backend-1 backend-2
[ "$(cut -d' ' -f1-8 "$work/out")" = "0 1 0 2 2 0 1 2" ] ||
    fail "golden: $(cut -d' ' -f1-8 "$work/out")"
[ "$(wc -l <"$work/out") $(wc -w <"$work/out")" = "1 1024" ] || fail "its form"
expect 0 guideway table backend-2 backend-1 --size=1024 backend-0 --seed=$seed
[ "$(cut -d' ' -f1-8 "$work/out")" = "2 1 2 0 0 2 1 0" ] || fail "the order"
expect 0 guideway table --size 1024 --seed $seed backend-0 backend-1 backend-2@0
! grep -qw 2 "$work/out" || fail "one with phi 0 has slots"
expect 0 guideway table --size 16 --seed $seed --json 'a b:c*2' d@7
says out '"name": "a b:c"'
says out '"phi": 7'
expect 2 guideway table --size 16 --seed $seed --json "$(printf '\377')"
says err "UTF-8"
expect 2 guideway table --size 12 --seed $seed a
says err "power of two"
expect 2 guideway table --size 16 --seed 00 a
says err "32 hex digits"
expect 2 guideway table --size 16 --seed $seed a a
says err "'a' is there twice"
if [ -w /dev/full ]; then
	status=0
	guideway table --size 65536 --seed $seed a >/dev/full 2>"$work/err" ||
	    status=$?
	[ "$status" -eq 1 ] || fail "a full disk is no success"
fi
say "good"
