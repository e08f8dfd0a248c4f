#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The agent started as root: what it lets go of, and that it then still does all
# it has to. Needs root. GUIDEWAY_BUILD names the build folder.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${GUIDEWAY_BUILD:-$srcdir/build}
work=$(mktemp -d)
conf=$work/guideway.yaml
export GUIDEWAY_SOCKET=$work/run/agent.sock
agent=''
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.bash"

clean_up() {
	local pid
	trap '' INT TERM HUP
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null || true
	done
	wait
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

equal() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'"; return 1; }; }
guideway() { "$build/agent/guideway" "$@"; }
status_says() { guideway status | grep -Eq "$1"; }
answers() { guideway status >/dev/null 2>&1; }

# write_conf [STATE]
write_conf() {
	cat >"$conf.new" <<-END
	node: { name: node, run_dir: $work/run, user: nobody }
	cluster: { seed: 000102030405060708090a0b0c0d0e0f }
	services:
	  - name: web
	    vips: [203.0.113.10]
	    protocol: tcp
	    ports: [80]
	    table_size: 1024
	    backends:
	      - { address: 10.1.0.1 }
	      - { address: 10.1.0.2, state: ${1:-enabled} }
	END
	mv "$conf.new" "$conf"
}

start_agent() {
	"$@" "$build/agent/guideway-agent" --config "$conf" >>"$work/log" 2>&1 &
	agent=$!
	wait_until 5 answers
}

stop_agent() {
	local status=0
	kill -TERM "$agent"
	wait "$agent" || status=$?
	equal $status 0
}

of_process() { awk -v k="$1:" '$1 == k { print $2 }' "/proc/$agent/status"; }

has_let_go() {
	local uid
	uid=$(id -u nobody)
	equal "$(awk '/^Uid/ { print $2, $3, $4 }' "/proc/$agent/status")" \
	    "$uid $uid $uid" || return 1
	equal "$(of_process CapEff)" 0000000000001000 || return 1
	equal "$(of_process CapPrm)" 0000000000001000 || return 1
	equal "$(of_process CapInh)" 0000000000000000 || return 1
	equal "$(of_process CapAmb)" 0000000000000000 || return 1
	equal "$(of_process NoNewPrivs)" 1
}

# Made while it was root: its group is what lets the operator in.
socket_is_right() {
	local group=root
	if getent group guideway >/dev/null; then
		group=guideway
	fi
	equal "$(stat -c '%U %G %a' "$GUIDEWAY_SOCKET")" "root $group 660"
}

reloads() {
	write_conf draining
	kill -HUP "$agent"
	wait_until 5 status_says 1/2
}

reaches_the_balancer() {
	"$build/balancer/guideway-balancer" --config "$conf" \
	    >>"$work/balancer" 2>&1 &
	wait_until 10 status_says 'in sync +yes'
}

# It may not remove its socket; the next one replaces it.
ends_and_starts_again() {
	stop_agent || return 1
	[ -S "$GUIDEWAY_SOCKET" ] || return 1
	start_agent || return 1
	wait_until 10 status_says 'in sync +yes' || return 1
	stop_agent
}

# As systemd does it: somebody else with the capability, for this program alone.
keeps_what_it_is_given() {
	chown nobody "$work/run"
	rm -f "$GUIDEWAY_SOCKET"
	start_agent setpriv --reuid nobody --clear-groups \
	    --inh-caps +net_admin,+net_raw --ambient-caps +net_admin,+net_raw ||
		return 1
	has_let_go || return 1
	stop_agent || return 1
	[ ! -e "$GUIDEWAY_SOCKET" ]
}

goes_on_without() {
	start_agent setpriv --reuid nobody --clear-groups --bounding-set -all ||
		return 1
	equal "$(of_process CapPrm)" 0000000000000000 || return 1
	stop_agent
}

no_such_user() {
	local status=0
	sed -i 's/user: nobody/user: nobody-at-all/' "$conf"
	"$build/agent/guideway-agent" --config "$conf" >"$work/refused" 2>&1 ||
		status=$?
	equal $status 1 || return 1
	grep -q 'user nobody-at-all: there is none' "$work/refused" || return 1
	[ ! -e "$GUIDEWAY_SOCKET" ]
}

no_complaints() {
	if grep -E 'Sanitizer|runtime error' "$work/log"; then
		return 1
	fi
}

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 77
fi
chmod 755 "$work"
write_conf
check "starts as root" start_agent
check "is another user, with one capability" has_let_go
check "its socket has the operators' group and no others" socket_is_right
check "reads its configuration again" reloads
check "reaches a balancer that is the same user" reaches_the_balancer
check "ends, and the next one starts in its place" ends_and_starts_again
check "started as somebody with capabilities, keeps one" keeps_what_it_is_given
check "started as somebody without any, goes on" goes_on_without
check "a user that does not exist is refused" no_such_user
check "no sanitizer complained" no_complaints
echo "1..$tap_count"
[ $tap_bad -eq 0 ] || { sed 's/^/# /' "$work/log"; exit 1; }
