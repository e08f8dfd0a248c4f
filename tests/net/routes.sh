#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The agent's routes in a real kernel: what stands in the table, and that it
# gets there without a route missing for a moment, whatever happens to device
# and table meanwhile. Needs root. GUIDEWAY_BUILD names the build folder.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${GUIDEWAY_BUILD:-$srcdir/build}
program=$build/tests/net/routes_client
ns=gwr$(($$ % 10000))
work=$(mktemp -d)
log=$work/log
client='' holder='' monitor='' markers=0
V4=203.0.113.1 V6=2001:db8:100::1
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.bash"

clean_up() {
	local pid
	trap '' INT TERM HUP
	for pid in $(jobs -p); do
		kill -CONT "$pid" 2>/dev/null || true
		kill "$pid" 2>/dev/null || true
	done
	wait
	ip netns del "$ns" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap '' PIPE # a client that is no more is for the tests to find

equal() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'"; return 1; }; }
on() { ip netns exec "$ns" "$@"; }
route() { ip -n "$ns" route "$@"; }

# The device, as the balancer has it.
start_holder() {
	: >"$work/holder"
	ip netns exec "$ns" "$program" hold gw0 >"$work/holder" \
	    8>&- 9<&- &
	holder=$!
	wait_until 5 grep -q ready "$work/holder"
}

stop_holder() {
	kill -KILL "$holder"
	wait "$holder" 2>/dev/null || true
}

ifindex() { on cat /sys/class/net/gw0/ifindex; }

# start_client [COMMAND...]: run by it; its table is 177 or $table.
start_client() {
	rm -f "$work/in" "$work/out"
	mkfifo "$work/in" "$work/out"
	ip netns exec "$ns" "$@" "$program" run gw0 "${table:-177}" \
	    <"$work/in" >"$work/out" 2>>"$log" &
	client=$!
	exec 8>"$work/in" 9<"$work/out"
}

stop_client() {
	exec 8>&- 9<&-
	wait "$client"
}

# ask COMMAND: prints the answer, without the time it took.
ask() {
	local answer
	echo "$*" >&8
	read -r -t 20 answer <&9 || { echo "no answer"; return 1; }
	echo "${answer#us=* }"
}

# time_of COMMAND: in microseconds.
time_of() {
	local answer
	echo "$*" >&8
	read -r -t 20 answer <&9
	answer=${answer#us=}
	echo "${answer%% *}"
}

says() {
	local said
	said=$(ask "$1")
	grep -Eq -- "$2" <<<"$said" && return
	echo "'$1' says '$said', not '$2'"
	return 1
}

# All of the table, both families.
show_table() {
	route show table "${table:-177}"
	ip -n "$ns" -6 route show table "${table:-177}"
}

# table_has "203.0.113.1 201,...": destinations and protocols, sorted as text.
table_has() {
	equal "$(show_table 2>/dev/null |
	    sed -n 's/^\([^ ]*\) .*proto \([^ ]*\).*/\1 \2/p' | sort |
	    paste -sd,)" "$1"
}

# soon COMMAND...: within some seconds; what it says is shown when it does not.
soon() { wait_until 10 "$@" >/dev/null 2>&1 || "$@"; }

changes() { grep -c '^changed' "$log" || true; }
told_more() { [ "$(changes)" -gt "$1" ]; }

# The kernel's route events, from here to a marker in another table, which is not
# that of the beginning, since some of those may come late.
start_monitor() {
	: >"$work/events"
	ip netns exec "$ns" stdbuf -oL ip monitor route >>"$work/events" \
	    8>&- 9<&- &
	monitor=$!
	wait_until 5 marked 99
	: >"$work/events"
}

# marked TABLE
marked() {
	markers=$((markers + 1))
	route add "192.0.2.$((markers % 250))" dev lo table "$1" 2>/dev/null ||
		true
	grep -q "table $1" "$work/events"
}

stop_monitor() {
	wait_until 5 marked 98
	kill "$monitor"
	wait "$monitor" 2>/dev/null || true
	grep 'table 177' "$work/events" >"$work/events.177" || true
}

events_are() { equal "$(wc -l <"$work/events.177")" "$1"; }
not() { ! "$@"; }

# Tests ----------------------------------------------------------------------

# A successor finds what its predecessor left: the router sees nothing.
adopts() {
	route add $V4 dev gw0 table 177 proto 201
	route add $V6 dev gw0 table 177 proto 202
	start_monitor
	start_client
	says get "device=$(ifindex) active=1 draining=1 $V4=201 $V6=202 foreign=0 error=$" ||
		return 1
	says "set $V4=201 $V6=202" "active=1 draining=1" || return 1
	stop_monitor
	events_are 0
}

adds_both_families() {
	says "set $V4=201 203.0.113.2=202 $V6=201 2001:db8:100::2=202" \
	    "active=2 draining=2 .* error=$" || return 1
	table_has "2001:db8:100::1 201,2001:db8:100::2 202,203.0.113.1 201,203.0.113.2 202" ||
		return 1
	route show table 177 | grep -q "^$V4 dev gw0 proto 201 scope link" ||
		return 1
	# No rule points there: nothing is forwarded by it.
	equal "$(on ip route get $V4 2>&1)" \
	    "RTNETLINK answers: Network is unreachable"
}

marks_without_a_gap() {
	start_monitor
	ask "set $V4=202 203.0.113.2=201 $V6=202 2001:db8:100::2=201" || return 1
	ask "set $V4=201 203.0.113.2=202 $V6=201 2001:db8:100::2=202" || return 1
	stop_monitor
	not grep Deleted "$work/events.177" || return 1
	events_are 8 || return 1
	table_has "2001:db8:100::1 201,2001:db8:100::2 202,203.0.113.1 201,203.0.113.2 202"
}

deletes() {
	ask "set $V4=201"
	table_has "$V4 201" || return 1
	ask set
	table_has ""
}

own_changes_are_no_news() {
	local before
	before=$(changes)
	ask "set $V4=201 $V6=201"
	ask "set $V4=202"
	ask "set $V4=201 $V6=201"
	sleep 0.5
	equal "$(changes)" "$before"
}

removes_what_is_stale() {
	stop_client
	route add 203.0.113.50 dev gw0 table 177 proto 201
	route add 203.0.113.51 dev eth0 table 177 proto 202
	route add blackhole 203.0.113.52 table 177 proto 201
	route add $V4 dev eth0 metric 7 table 177 proto 201
	route append $V4 dev gw0 table 177 proto 202
	route add 203.0.113.64/28 dev gw0 table 177 proto 201
	route add 203.0.113.53 nexthop dev gw0 nexthop dev eth0 table 177 \
	    proto 201
	route add 2001:db8:100::51 dev eth0 table 177 proto 201
	route add 2001:db8:100::52 dev gw0 metric 7 table 177 proto 202
	route add blackhole 2001:db8:100::53 table 177 proto 201
	start_monitor
	start_client
	says get "active=3 draining=0 $V4=201 203.0.113.50=201 $V6=201" ||
		return 1
	says "set $V4=201 $V6=201" "active=2 draining=0 .* error=$" || return 1
	stop_monitor
	table_has "2001:db8:100::1 201,203.0.113.1 201" || return 1
	# The good ones were left alone.
	not grep -v Deleted "$work/events.177" || return 1
	not grep "$V6" "$work/events.177"
}

leaves_foreign_alone() {
	local before
	before=$(changes)
	route add 198.51.100.1 dev eth0 table 177 proto static
	soon told_more "$before" || return 1
	says get "foreign=1/198.51.100.1/4" || return 1
	ip -n "$ns" -6 route add default dev eth0 table 177 proto bird
	soon told_more $((before + 1)) || return 1
	says "set $V4=201" "foreign=2/198.51.100.1/4 error=$" || return 1
	route show table 177 | grep -q 198.51.100.1 || return 1
	route del 198.51.100.1 table 177
	ip -n "$ns" -6 route del default table 177
	soon says get foreign=0
}

# Another program's route where ours must go: named, not overwritten; and once
# it is gone, ours comes by itself.
foreign_in_the_way() {
	local vip
	for vip in 203.0.113.3 2001:db8:100::3; do
		route add $vip dev gw0 table 177 proto static
		says "set $V4=201 $vip=201" \
		    "error=$vip: another program has a route to it in table 177" ||
			return 1
		table_has "$vip static,$V4 201" ||
			table_has "$V4 201,$vip static" || return 1
		route del "$vip" table 177
		soon says get "active=2 .* foreign=0 error=$" || return 1
		ask "set $V4=201"
	done
}

deleted_by_somebody() {
	local before
	ask "set $V4=201 $V6=202"
	for vip in $V4 $V6; do
		sleep 0.3
		before=$(changes)
		route del "$vip" table 177
		soon table_has "$V6 202,$V4 201" || return 1
		soon told_more "$before" || return 1
	done
	grep -q "another program changed 1 of our routes, as that to $V6" "$log"
}

marked_by_somebody() {
	route replace $V4 dev gw0 table 177 proto 202
	soon table_has "$V6 202,$V4 201" || return 1
	ip -n "$ns" -6 route flush table 177
	soon table_has "$V6 202,$V4 201" || return 1
	# And one that we do not want.
	route add 203.0.113.77 dev gw0 table 177 proto 201
	soon table_has "$V6 202,$V4 201"
}

# Two seconds of it: put back some ten times, not thousands. A look at the table
# that takes long, on a busy machine, puts the next one off by twenty times that.
a_fight_is_slow() {
	local end before
	before=$(changes)
	end=$((SECONDS + 2))
	while [ $SECONDS -lt $end ] || {
		! told_more $((before + 2)) && [ $SECONDS -lt $((end + 20)) ]; }; do
		route del $V4 table 177 2>/dev/null || true
	done
	before=$(($(changes) - before))
	echo "put back $before times"
	[ "$before" -ge 3 ] && [ "$before" -le 16 ] || return 1
	soon table_has "$V6 202,$V4 201"
}

device_deleted_and_made_anew() {
	local before
	before=$(changes)
	stop_holder
	soon told_more "$before" || return 1
	says get "device=none active=0 draining=0 foreign=0 error=$" || return 1
	says "set $V4=201" "device=none active=0 draining=0 foreign=0 error=$" ||
		return 1
	before=$(changes)
	start_holder
	soon told_more "$before" || return 1
	says get "device=$(ifindex) active=0 draining=0" || return 1
	sleep 0.5
	table_has "" || return 1
	says "set $V4=201 $V6=201" "active=2" || return 1
	table_has "$V6 201,$V4 201"
}

# ... while we were not looking: the new device gets nothing by itself.
device_exchanged() {
	local before
	before=$(changes)
	kill -STOP "$client"
	stop_holder
	start_holder
	kill -CONT "$client"
	soon told_more "$before" || return 1
	says get "device=$(ifindex) active=0 draining=0 .*error=$" || return 1
	sleep 0.5
	table_has "" || return 1
	says "set $V4=201 $V6=201" "active=2" || return 1
	table_has "$V6 201,$V4 201"
}

# ... and what is set before it was told of the exchange is void.
set_for_the_former_device() {
	local before answer
	before=$(changes)
	kill -STOP "$client"
	stop_holder
	start_holder
	echo "set $V4=201 203.0.113.2=201" >&8
	kill -CONT "$client"
	read -r -t 5 answer <&9
	grep -q "device=$(ifindex) active=0 draining=0" <<<"$answer" || {
		echo "$answer"
		return 1
	}
	soon told_more "$before" || return 1
	says "set $V4=201 $V6=201" "active=2" || return 1
	table_has "$V6 201,$V4 201"
}

device_down_and_up() {
	local before
	before=$(changes)
	ip -n "$ns" link set gw0 down
	soon told_more "$before" || return 1
	says get "device=none active=0 draining=0 .*error=$" || return 1
	says "set $V4=201" "device=none active=0 .*error=$" || return 1
	before=$(changes)
	ip -n "$ns" link set gw0 up
	soon told_more "$before" || return 1
	says get "device=$(ifindex) active=0 draining=0 .*error=$" || return 1
	says "set $V4=201 $V6=201" "active=2" || return 1
	table_has "$V6 201,$V4 201"
}

# Not a fault of anybody: it went, and so did its routes.
device_gone_while_writing() {
	local i answer
	for ((i = 0; i < 10; i++)); do
		echo "fill 10000 $((201 + i % 2))" >&8
		sleep "0.0$((RANDOM % 5))"
		stop_holder
		read -r -t 10 answer <&9
		grep -q 'error=$' <<<"$answer" || { echo "$answer"; return 1; }
		soon says get "device=none active=0 draining=0 .*error=$" ||
			return 1
		table_has "" || return 1
		start_holder
		soon says get "device=$(ifindex) active=0" || return 1
	done
	says "set $V4=201 $V6=201" "active=2" || return 1
	table_has "$V6 201,$V4 201"
}

# A device that nobody holds: it stays, and the routes with it, so that they
# must be deleted.
device_without_holder() {
	stop_holder
	ip -n "$ns" tuntap add gw0 mode tun
	ip -n "$ns" link set gw0 up
	sleep 0.3
	says get "device=none" || return 1
	start_holder
	soon says get "device=$(ifindex) active=0" || return 1
	says "set $V4=201 $V6=201" "active=2" || return 1
	stop_holder
	soon says get "device=none active=0" || return 1
	soon table_has "" || return 1
	ip -n "$ns" link del gw0
	start_holder
	soon says get "device=$(ifindex)" || return 1
	says "set $V4=201 $V6=201" "active=2"
}

device_renamed() {
	ip -n "$ns" link set gw0 down
	ip -n "$ns" link set gw0 name gw9
	ip -n "$ns" link set gw9 up
	soon says get "device=none active=0 draining=0" || return 1
	ip -n "$ns" link set gw9 down
	ip -n "$ns" link set gw9 name gw0
	ip -n "$ns" link set gw0 up
	soon says get "device=$(ifindex) active=0" || return 1
	says "set $V4=201 $V6=201" "active=2"
}

# More notices than the kernel keeps, and among those lost one that counts.
notices_lost() {
	ask "set $V4=201 $V6=201"
	kill -STOP "$client"
	seq 0 29999 | awk '{ printf "route add 10.99.%d.%d/32 dev eth0 table 177\n",
	    $1 / 250, $1 % 250 }' >"$work/routes"
	ip -n "$ns" -batch "$work/routes"
	route del $V4 table 177
	kill -CONT "$client"
	wait_until 10 has_route "$V4.*proto 201" || return 1
	grep -q 'reading all again' "$log" || return 1
	says get foreign=30000 || return 1
	sed -i 's/ add / del /' "$work/routes"
	ip -n "$ns" -batch "$work/routes"
	wait_until 20 says get foreign=0
}
has_route() { route show table 177 | grep -q "$1"; }

# Another table, as busy as one with a full feed: it is not even woken up.
other_tables_are_nobodys_business() {
	local before woken
	sleep 0.5
	before=$(changes)
	woken=$(wakeups)
	seq 0 19999 | awk '{ printf "route add 10.98.%d.%d/32 dev eth0 table 100\n",
	    $1 / 250, $1 % 250 }' >"$work/routes"
	ip -n "$ns" -batch "$work/routes"
	sed -i 's/ add / del /' "$work/routes"
	ip -n "$ns" -batch "$work/routes"
	woken=$(($(wakeups) - woken))
	echo "woken $woken times"
	[ "$woken" -le 2 ] || return 1
	equal "$(changes)" "$before"
}
wakeups() {
	awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$client/status"
}

count() { show_table | grep -c "proto $1 "; }

# 1000 of each family: added, marked, marked again, left as they are, deleted.
many() {
	local before us command
	ask set
	before=$(changes)
	for command in "fill 1000 201" "fill 1000 202" "fill 1000 201" \
	    "fill 1000 201" "set"; do
		us=$(time_of "$command")
		echo "$command: $us us" >>"$work/times"
		[ "$us" -lt "${ROUTES_MAX_US:-1000000}" ] || {
			echo "$command took $us us"
			return 1
		}
		[ "$command" = set ] || equal "$(count "${command##* }")" 2000 ||
			return 1
	done
	table_has "" || return 1
	sleep 0.5
	equal "$(changes)" "$before"
}

# All of them flushed by somebody.
many_put_back() {
	ask "fill 1000 201"
	ip -n "$ns" route flush table 177
	ip -n "$ns" -6 route flush table 177
	soon equal_count 2000 || return 1
	ask set
	table_has ""
}
equal_count() { [ "$(count 201)" = "$1" ]; }

# When it ends, the routes stay: a dead agent changes nothing.
leaves_routes_when_it_ends() {
	ask "set $V4=201 $V6=202"
	stop_client
	table_has "$V6 202,$V4 201"
}

needs_net_admin() {
	local before
	start_client setpriv --reuid nobody --clear-groups --bounding-set -all
	says get "active=1 draining=1 .*error=$" || return 1
	says "set $V4=201 $V6=202" "error=$" || return 1
	before=$(changes)
	says "set $V4=202" "active=1 draining=1 .*error=may not change routes: CAP_NET_ADMIN is missing" ||
		return 1
	soon told_more "$before" || return 1
	sleep 0.3
	equal "$(changes)" $((before + 1)) || return 1
	table_has "$V6 202,$V4 201" || return 1
	# It hears of everything nevertheless.
	route del $V4 table 177
	soon says get "active=0 draining=1" || return 1
	stop_holder
	soon says get "device=none" || return 1
	stop_client
}

# Its number does not fit where the kernel filters notices.
a_large_table() {
	local table=1177
	start_holder
	start_client
	ask "set $V4=201 $V6=202" || return 1
	table_has "$V6 202,$V4 201" || return 1
	route add 192.0.2.7 dev eth0 table 1178 proto 201
	route del $V4 table 1177
	soon table_has "$V6 202,$V4 201" || return 1
	says get "active=1 draining=1" || return 1
	has_no_ipv6 || return 1
	stop_client
}

# IPv4 goes on, and it is said what is wrong.
has_no_ipv6() {
	on sysctl -qw net.ipv6.conf.gw0.disable_ipv6=1
	soon says get "error=$V6: IPv6 is off on gw0" || return 1
	says get "active=1 draining=0" || return 1
	on sysctl -qw net.ipv6.conf.gw0.disable_ipv6=0
	wait_until 8 says get "active=1 draining=1 .*error=$" || return 1
	ip -n "$ns" link set gw0 mtu 1000
	soon says get "active=1 draining=0 .*error=$V6: gw0 takes no such" ||
		return 1
	ip -n "$ns" link set gw0 mtu 1500
	wait_until 8 says get "active=1 draining=1 .*error=$"
}

no_complaints() {
	not grep -E 'Sanitizer|runtime error' "$log"
}

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root"
	exit 77
fi
ip netns add "$ns"
ip -n "$ns" link set lo up
ip -n "$ns" link add eth0 type veth peer name eth1
ip -n "$ns" link set eth0 up
ip -n "$ns" link set eth1 up
touch "$log"
check "the device is held" start_holder
check "adopts what it finds, without a route event" adopts
check "adds routes of both families" adds_both_families
check "marks them without a gap" marks_without_a_gap
check "deletes them" deletes
check "its own changes are no news" own_changes_are_no_news
check "removes what is stale, and nothing else" removes_what_is_stale
check "leaves foreign routes alone, and tells of them" leaves_foreign_alone
check "a foreign route in the way" foreign_in_the_way
check "puts back what somebody deleted" deleted_by_somebody
check "puts right what somebody marked, flushed, added" marked_by_somebody
check "a fight with another program is slow" a_fight_is_slow
check "the device deleted and made anew" device_deleted_and_made_anew
check "the device exchanged unnoticed" device_exchanged
check "what was meant for the former device" set_for_the_former_device
check "the device down and up" device_down_and_up
check "the device gone while routes are written" device_gone_while_writing
check "a device that nobody holds" device_without_holder
check "the device renamed" device_renamed
check "reads all again when notices were lost" notices_lost
check "other tables are nobody's business" other_tables_are_nobodys_business
check "1000 + 1000 routes" many
check "1000 + 1000 routes put back" many_put_back
check "leaves the routes when it ends" leaves_routes_when_it_ends
check "says that CAP_NET_ADMIN is missing" needs_net_admin
check "a table above 255, and IPv6 off" a_large_table
check "no sanitizer complained" no_complaints
sed 's/^/# /' "$work/times"
echo "1..$tap_count"
[ $tap_bad -eq 0 ] || { sed 's/^/# /' "$log"; exit 1; }
