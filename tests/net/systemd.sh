#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The units under a real systemd, as process 1 of its own namespaces: what is
# started and stopped, in which order, and that the daemons work in their
# sandboxes. Each daemon is the real one behind a script that notes down when it
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
unshare=
init=
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.bash"

clean_up() {
	trap '' INT TERM HUP
	# Process 1 takes all others with it, and unshare waits for it.
	[ -z "$unshare" ] || kill -KILL "${init:-$unshare}" 2>/dev/null || true
	wait 2>/dev/null
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
	behind "$balancer" "$build/balancer/guideway-balancer"
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
	services:
	  - name: web
	    vips: [203.0.113.10]
	    protocol: tcp
	    ports: [80]
	    backends: [ { address: 192.0.2.11 } ]
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
	for node in dev run tmp var/lib; do
		mount -t tmpfs -o mode=755 tmpfs "$root/$node"
	done
	for node in null zero full random urandom; do
		touch "$root/dev/$node"
		mount -o bind "/dev/$node" "$root/dev/$node"
	done
	mkdir "$root/dev/pts" "$root/dev/shm" "$root/old"
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
find_init() { init=$(pgrep -P "$unshare") && [ -n "$init" ]; }

inside() { nsenter -t "$init" -a -- "$@"; }
on_unit() { inside systemctl "$@"; }

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
# Of the machine's shutdown, the part that stops units.
check "a shutdown drains first" \
    then_happens "$stop" on_unit start --no-block shutdown.target
check "and stops BIRD after the agent" bird_after_agent

echo "1..$tap_count"
[ "$tap_bad" -eq 0 ]
