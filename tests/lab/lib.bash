# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For the tests that run in a lab: TAP, a lab of the test's own that goes
# whatever happens, and ways to send traffic. Sourced by tests/lab/*.sh.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
export GUIDEWAY_LAB_PREFIX=${GUIDEWAY_LAB_PREFIX:-gw-t-}
# Twice what it is elsewhere: routes are not to go whenever BIRD has to wait for
# a CPU.
export GUIDEWAY_LAB_BFD_MS=${GUIDEWAY_LAB_BFD_MS:-200}
work=$(mktemp -d)
# shellcheck source-path=SCRIPTDIR
. "$srcdir/tests/tap.bash"

# What runs in the background is started as "$lab" ..., so that $! is itself.
lab=$srcdir/deploy/lab
lab() { "$lab" "$@"; }
on() { lab exec "$@"; }

# One cleaning for every way to end.
clean_up() {
	local pid
	trap '' INT TERM HUP
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null || true
	done
	lab down || true
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

lab_options=() # for `lab up`

start_lab() {
	# Output goes to the log; the reason of a failure is its end.
	lab up ${GUIDEWAY_BUILD:+--build "$GUIDEWAY_BUILD"} \
	    --driver "${GUIDEWAY_LAB_DRIVER:-xdp}" "${lab_options[@]}" \
	    >"$work/up" 2>&1 && return
	cat "$work/up"
	echo "Bail out! the lab does not come up"
	exit 1
}

finish() {
	echo "1..$tap_count"
	if [ $tap_bad -gt 0 ]; then
		lab status | sed 's/^/# /' || true
		# The priorities up to "warning".
		lab logs | grep -E '^(==|<[0-4]>)' | tail -n 30 |
			sed 's/^/# /' || true
		exit 1
	fi
}

equal() {
	[ "$1" = "$2" ] || {
		echo "expected '$2', got '$1'"
		return 1
	}
}

# at_least N VALUE, at_most N VALUE, for counts.
at_least() { [ "$2" -ge "$1" ] || { echo "$2 is below $1"; return 1; }; }
at_most() { [ "$2" -le "$1" ] || { echo "$2 is above $1"; return 1; }; }

vip4=$(lab show vip4)
vip6=$(lab show vip6)
run=$(lab show run)
nodes="lb1 lb2 lb3"
backends="be1 be2 be3 be4"

# url VERSION PATH
url() {
	case $1 in
	4) echo "http://$vip4$2" ;;
	6) echo "http://[$vip6]$2" ;;
	esac
}

# get VERSION [CURL-OPTION...]: the name of the backend that answered.
get() {
	local version=$1
	shift
	on client curl -s --max-time 5 "$@" "$(url "$version" /)"
}

is_backend() { [[ " $backends " = *" $1 "* ]]; }

# many VERSION COUNT: each line the backend of one connection of its own,
# from a client port of its own.
many() {
	on client curl -s --max-time 300 -H 'Connection: close' \
	    "$(url "$1" "/?[1-$2]")"
}

# Connections one after another until end_polling, whose answers are lines in
# $work/answers; "lost" those that fail, or whose first SYN was lost, which is sent
# again after a second.
begin_polling() {
	touch "$work/polling"
	: >"$work/answers"
	while [ -e "$work/polling" ]; do
		poll >>"$work/answers" 2>&1 || echo lost >>"$work/answers"
	done &
	polling=$!
	wait_until 5 polled 1
}

poll() {
	local answer
	answer=$(get 4 --max-time 10 -w '%{time_connect}') &&
		[[ ${answer##*$'\n'} = 0.* ]] && echo "${answer%%$'\n'*}"
}

polled() { [ "$(wc -l <"$work/answers")" -ge "$1" ]; }

# After 50 more, so that late losses show, too.
end_polling() {
	wait_until 60 polled $(($(wc -l <"$work/answers") + 50))
	rm "$work/polling"
	wait "$polling"
}

lost() { grep -c lost "$work/answers" || true; }

# change COMMAND...: of the configuration. One that is not everywhere at once (exit
# status 3) gets there.
change() {
	local code=0
	"$@" || code=$?
	[ $code = 0 ] || [ $code = 3 ]
}

# What a node says of itself.
node_status() { lab guideway "$1" status --json; }

node_in_sync() {
	[ "$(node_status "$1" 2>/dev/null | jq -r .balancer.in_sync)" = true ]
}

# reason_count NODE REASON: how many packets went that way.
reason_count() { node_status "$1" | jq --arg r "$2" '.balancer.reasons[$r]'; }
