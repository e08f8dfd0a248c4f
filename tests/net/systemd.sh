#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The units under a real systemd, as process 1 of its own namespaces: what is
# started and stopped, in which order, and that the daemons work in their
# sandboxes; with packets between a client and a backend, that the balancer's
# restart costs none of them. Each daemon is the real one, with a note of when it
# starts and stops. Needs root, overlayfs and cgroup2. GUIDEWAY_BUILD names the
# build folder.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${GUIDEWAY_BUILD:-$srcdir/build}
units=$build/deploy/systemd
work=$(mktemp -d)
tree=$work/tree # laid over this machine's root, for the namespaces only
cgroup2=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
cgroup=$cgroup2/gw-systemd-$$
client=gwsd$$-client backend=gwsd$$-backend
unshare=
init=
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/watch.bash"

clean_up() {
	trap '' INT TERM HUP
	# Process 1 takes all others with it, and unshare waits for it.
	[ -z "$unshare" ] || kill -KILL "${init:-$unshare}" 2>/dev/null || true
	# shellcheck disable=SC2046 # a number each
	kill $(jobs -p) 2>/dev/null || true
	wait 2>/dev/null
	ip netns del "$client" 2>/dev/null || true
	ip netns del "$backend" 2>/dev/null || true
	if [ -d "$cgroup" ]; then
		wait_until 10 remove_cgroup || true
	fi
	rm -rf "$work"
}
remove_cgroup() { find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null; }
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# program UNIT: what it starts.
program() { sed -n 's/^ExecStart=-\{0,1\}\([^ ]*\).*/\1/p' "$units/$1.service"; }
agent=$(program guideway-agent)
balancer=$(program guideway-balancer)
command=$(program guideway-drain)

# executable FILE: the script on stdin.
executable() {
	mkdir -p "$(dirname "$tree$1")"
	cat >"$tree$1"
	chmod 755 "$tree$1"
}

# behind FILE PROGRAM: a script that is FILE, with PROGRAM behind it.
behind() {
	executable "$1.real" <"$2"
	executable "$1" <<-'END'
	#!/bin/sh
	name=${0##*/}
	trap 'kill $!; wait $!; echo "$name stops"; exit 0' TERM
	echo "$name starts"
	"$0.real" "$@" &
	wait $!
	END
}

make_programs() {
	behind "$agent" "$build/agent/guideway-agent"
	# What the service manager keeps for it is for the process it starts.
	executable "$balancer" <"$build/balancer/guideway-balancer"
	behind /bird/bird "$(command -v bird)"
	printf '%s\n' 'router id 192.0.2.1;' 'protocol device {}' \
	    >"$tree/bird/bird.conf"
	executable "$command.real" <"$build/agent/guideway"
	executable "$command" <<-'END'
	#!/bin/sh
	[ ! -e /drain-hangs ] || { echo "$2 hangs"; exec sleep 1000; }
	"$0.real" status >/dev/null || { echo "$2: no agent"; exit 1; }
	"$0.real" "$@" >/dev/null || { echo "$2 fails"; exit 1; }
	echo "$*"
	END
}

make_config() {
	local file
	file=$(sed -n 's/^ExecStart=.*--config //p' \
	    "$units/guideway-agent.service")
	mkdir -p "$(dirname "$tree$file")"
	cat >"$tree$file" <<-'END'
	node: { name: lb1 }
	cluster: { seed: 000102030405060708090a0b0c0d0e0f }
	balancer: { interfaces: [ { name: in0 } ] }
	announce: { bird: /bird/bird.ctl }
	services:
	  - name: web
	    vips: [203.0.113.10]
	    protocol: udp
	    ports: [5000]
	    backends: [ { address: 10.1.0.1 } ]
	END
}

# unit NAME LINE...: one of ours, beside those that are tested.
unit() {
	mkdir -p "$(dirname "$tree/units/$1")"
	printf '%s\n' "${@:2}" >"$tree/units/$1"
}

# Nothing of this machine's own is started: only what is here is a unit.
make_units() {
	local name
	mkdir -p "$tree/units"
	cp "$units"/guideway-{agent,balancer,drain}.service \
	    "$srcdir/deploy/systemd/guideway.target" "$tree/units"
	cp "$units/guideway.tmpfiles" "$tree/guideway.tmpfiles"
	cp "$srcdir/deploy/systemd/guideway.sysusers" "$tree/guideway.sysusers"
	for name in sysinit basic shutdown network; do
		unit $name.target '[Unit]' DefaultDependencies=no
	done
	unit default.target '[Unit]' 'Wants=guideway.target bird.service'
	unit bird.service '[Service]' \
	    'ExecStart=/bird/bird -f -c /bird/bird.conf -s /bird/bird.ctl'
	for name in guideway-{agent,balancer,drain} bird; do
		unit "$name.service.d/trace.conf" '[Service]' NotifyAccess=all \
		    StandardOutput=append:/trace StandardError=append:/errors
	done
	unit guideway-balancer.service.d/notes.conf '[Service]' \
	    'ExecStartPre=/bin/echo guideway-balancer starts' \
	    'ExecStopPost=/bin/echo guideway-balancer stops'
}

# Process 1 of the namespaces: makes its root, then is systemd.
become_init() {
	local root=$1/fs/root node
	mkdir "$1/fs"
	mount -t tmpfs tmpfs "$1/fs"
	mkdir "$root" "$1/fs/upper" "$1/fs/work"
	mount -t overlay -o \
	    "lowerdir=/,upperdir=$1/fs/upper,workdir=$1/fs/work" overlay "$root"
	cp -a "$1/tree/." "$root"
	mount -t proc proc "$root/proc"
	# Settings there are the whole machine's.
	mount -o bind "$root/proc/sys" "$root/proc/sys"
	mount -o remount,bind,ro "$root/proc/sys"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
	mount -t bpf -o mode=700 bpf "$root/sys/fs/bpf" # as systemd would
	for node in dev run tmp var/lib; do
		mount -t tmpfs -o mode=755 tmpfs "$root/$node"
	done
	for node in null zero full random urandom; do
		touch "$root/dev/$node"
		mount -o bind "/dev/$node" "$root/dev/$node"
	done
	mkdir "$root/dev/net" "$root/dev/pts" "$root/dev/shm" "$root/old"
	touch "$root/dev/net/tun"
	mount -o bind /dev/net/tun "$root/dev/net/tun"
	mount -t devpts -o newinstance devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	cd "$root"
	pivot_root . old
	umount -l old
	systemd-sysusers /guideway.sysusers
	systemd-tmpfiles --create /guideway.tmpfiles
	exec env -i container=test SYSTEMD_UNIT_PATH=/units \
	    PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
}

# It must not run but in a cgroup of its own, which is the root of those it sees.
boot() {
	mkdir "$cgroup" || return 1
	(
		echo "$BASHPID" >"$cgroup/cgroup.procs" || exit 1
		exec unshare --mount --pid --net --uts --ipc --cgroup --fork \
		    --kill-child bash -euc \
		    "$(declare -f become_init); become_init $work"
	) >"$work/log" 2>&1 &
	unshare=$!
	wait_until 10 find_init || return 1
	root=/proc/$init/root
	trace=$root/trace
}

inside() { nsenter -t "$init" -a -- "$@"; }
on_unit() { inside systemctl "$@"; }

# A client on the node's in0 and a backend on its out0.
connect() {
	inside ip link set lo up
	ip netns add "$client"
	ip netns add "$backend"
	ip link add name eth0 netns "$client" type veth \
	    peer name in0 netns "$init"
	ip link add name eth0 netns "$backend" type veth \
	    peer name out0 netns "$init"
	# As a network card does: the checksum is there when the frame is sent.
	ip netns exec "$client" ethtool -K eth0 tx off >/dev/null
	ip -n "$client" addr add 192.0.2.1/24 dev eth0
	ip -n "$client" link set eth0 up
	ip -n "$client" route add 203.0.113.10 via 192.0.2.2
	ip -n "$backend" addr add 10.1.0.1/24 dev eth0
	ip -n "$backend" link set eth0 up
	inside ip addr add 192.0.2.2/24 dev in0
	inside ip addr add 10.1.0.254/24 dev out0
	inside ip link set in0 up
	inside ip link set out0 up
}

find_init() { init=$(pgrep -P "$unshare") && [ -n "$init" ]; }


# What has happened since the last time, without what is BIRD's.
traced() { grep -v '^bird' "$trace" || true; }
is_traced() {
	[ "$(on_unit list-jobs 2>&1)" = "No jobs running." ] &&
		[ "$(traced)" = "$1" ]
}
happens() {
	wait_until 20 is_traced "$1" 2>/dev/null && return
	printf '%s\n' "expected:" "$1" "but there was:"
	cat "$trace"
	on_unit list-units --no-pager --no-legend 'guideway*'
	tail -n 20 "$root/errors"
	return 1
}

# then_happens EXPECTED COMMAND...
then_happens() {
	local expected=$1
	shift
	truncate -s 0 "$trace"
	"$@" || true
	happens "$expected"
}

start="guideway-balancer starts
guideway-agent starts
node undrain --temporary"
stop="node drain --temporary --wait --quiet 3 --timeout 30
guideway-agent stops
guideway-balancer stops"
agent_again="guideway-agent stops
guideway-agent starts"
balancer_again="guideway-balancer stops
guideway-balancer starts"
no_agent="drain: no agent
guideway-balancer stops"

state_directory() {
	[ "$(inside stat -c '%a %U' /var/lib/guideway)" = "750 guideway" ]
}

# For the whole of a drain with its own limit, and not much longer.
limits_fit() {
	local limit
	limit=$(sed -n 's/^ExecStop=.*--timeout //p' \
	    "$units/guideway-drain.service")
	[ "$(on_unit show -p TimeoutStopUSec guideway-drain)" = \
	    "TimeoutStopUSec=$((limit + 5))s" ]
}

kill_agent() { on_unit kill -s KILL --kill-who=all guideway-agent; }

without_agent() {
	on_unit stop guideway-agent
	on_unit restart guideway-drain
	on_unit is-active guideway-drain
}

# The drain stands still; its limit is shortened for that.
limit=units/guideway-drain.service.d/limit.conf
hanging_drain() {
	touch "$root/drain-hangs"
	printf '%s\n' '[Service]' TimeoutStopSec=1 >"$root/$limit"
	on_unit daemon-reload
	on_unit stop guideway.target
}
restore_drain() {
	rm "$root/drain-hangs" "$root/$limit"
	on_unit daemon-reload
	on_unit start guideway.target
}

# Packets --------------------------------------------------------------------

balancer_pid() { on_unit show -P MainPID guideway-balancer; }
ask() { "$build/tests/net/balancer_client" "$root/run/guideway/balancer.sock" "$@"; }
forwards_by_xdp() {
	ask status >"$work/status"
	grep '^interface' "$work/status"
	grep -q '^interface in0 xdp' "$work/status" &&
		grep -q '^backend .* resolved' "$work/status"
}
announces() { inside ip route show table 177 | grep -q 203.0.113.10; }

# Of all that it had to start with.
has_let_go() {
	awk '$1 == "CapEff:" || $1 == "CapPrm:" || $1 == "NoNewPrivs:" {
		print $1, $2 }' "/proc/$(inside_pid)/status" >"$work/kept"
	printf '%s\n' 'CapPrm: 000000c000003000' 'CapEff: 000000c000003000' \
	    'NoNewPrivs: 1' | diff - "$work/kept" || return 1
	[ "$(inside stat -c %U "/proc/$(balancer_pid)")" = guideway ]
}
# The balancer's process as this side knows it.
inside_pid() {
	local pid
	pid=$(balancer_pid)
	grep -l "^NSpid:.*[[:space:]]$pid\$" /proc/[0-9]*/status 2>/dev/null |
	while read -r file; do
		if [ "$(stat -L -c %i "${file%status}ns/pid")" = \
		    "$(stat -L -c %i "/proc/$init/ns/pid")" ]; then
			echo "$file" | cut -d / -f 3
		fi
	done
}

ends() { [ "$(balancer_pid)" != "$1" ] && on_unit is-active -q guideway-balancer; }
in_step() {
	inside "$command.real" status --json 2>/dev/null |
	    grep -q '"in_sync": *true'
}

# nothing_lost COMMAND...: which ends the balancer and brings it back, while
# packets come. All arrive, and nothing is heard of the routes.
nothing_lost() {
	local sender monitor before
	before=$(balancer_pid)
	inside ip -ts monitor route link >"$work/events" 2>&1 &
	monitor=$!
	watch "$backend" || return 1
	ip netns exec "$client" "$build/tests/net/udp_blast" 203.0.113.10 5000 \
	    100000000 2500 >"$work/sent" &
	sender=$!
	sleep 0.5
	{ "$@" && wait_until 5 ends "$before" && wait_until 5 in_step; } || {
		inside "$command.real" status
		kill $sender $monitor
		return 1
	}
	kill $sender
	wait $sender || return 1
	sleep 1.5 # the agent tells of a fault after a second
	kill $monitor
	wait $monitor
	if grep gw0 "$work/events"; then return 1; fi
	reached "$(<"$work/sent")" wrapped
}
restart_balancer() { on_unit restart guideway-balancer; }
kill_balancer() { on_unit kill -s KILL --kill-who=all guideway-balancer; }

no_device() { ! inside ip link show gw0 2>/dev/null; }
withdraws() {
	on_unit stop guideway-balancer
	wait_until 3 no_device
}
comes_back() {
	on_unit start guideway-balancer
	wait_until 10 announces
}

# For the agent's routes are withdrawn by it.
bird_after_agent() {
	sed -n '/guideway-agent stops/,$p' "$trace" | grep -x 'bird stops'
}

if [ ! -x /lib/systemd/systemd ] || [ -z "$cgroup2" ]; then
	echo "needs systemd and a mounted cgroup2"
	exit 77
fi
make_programs
make_config
make_units
boot || { cat "$work/log"; exit 1; }
connect

check "a start brings the daemons up, then undrains" \
    wait_until 20 is_traced "$start"
check "the agent has its folder for the state" state_directory
check "a drain may take as long as it says" limits_fit
check "stopping the target drains first" \
    then_happens "$stop" on_unit stop guideway.target
check "starting it undrains" \
    then_happens "$start" on_unit start guideway.target
check "restarting the agent is no drain" \
    then_happens "$agent_again" on_unit restart guideway-agent
check "restarting the balancer is no drain" \
    then_happens "$balancer_again" on_unit restart guideway-balancer
check "a killed agent is back, without a drain" \
    then_happens "guideway-agent starts" kill_agent
check "restarting the target drains and comes back" \
    then_happens "$stop
$start" on_unit restart guideway.target
check "without an agent the drain's unit is up all the same" without_agent
check "a drain that fails does not keep the rest from stopping" \
    then_happens "$no_agent" on_unit stop guideway.target
check "and shows as failed" on_unit is-failed guideway-drain
check "but can be started again" \
    then_happens "$start" on_unit start guideway.target
check "a drain that hangs does not keep the rest from stopping" \
    then_happens "drain hangs
guideway-agent stops
guideway-balancer stops" hanging_drain
check "a start after that" then_happens "$start" restore_drain
check "packets are forwarded by XDP" wait_until 10 forwards_by_xdp
check "VIPs are announced" wait_until 10 announces
check "the balancer has let go of privileges" has_let_go
check "restarted: no packet lost, no route event" nothing_lost restart_balancer
check "killed: no packet lost, no route event" nothing_lost kill_balancer
check "stopped: withdraws" withdraws
check "started: announces again" comes_back
# Of the machine's shutdown, the part that stops units.
check "a shutdown drains first" \
    then_happens "$stop" on_unit start --no-block shutdown.target
check "and stops BIRD after the agent" bird_after_agent

echo "1..$tap_count"
[ "$tap_bad" -eq 0 ]
