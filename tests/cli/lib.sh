# SPDX-License-Identifier: Apache-2.0
# What the tests of the command and the daemons share: a folder of their own,
# daemons started and stopped by their pids only, waiting with a deadline. None
# of it needs privileges: the balancer has no interfaces here.
set -eu

# Where the programs are built: make check runs us in the build tree.
build=$PWD
work=$(mktemp -d "${TMPDIR:-/tmp}/gw-cli.XXXXXX")
conf=$work/guideway.yaml
agent_pid='' balancer_pid=''
export GUIDEWAY_SOCKET="$work/run/agent.sock"

# Kills what is still ours.
cleanup() {
	status=$?
	trap - EXIT INT TERM
	for pid in $agent_pid $balancer_pid; do
		kill -9 "$pid" 2>/dev/null || :
	done
	if [ "$status" -ne 0 ]; then
		tail -n 20 "$work"/*.log 2>/dev/null || :
	fi
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() {
	echo "-- $*"
}

fail() {
	echo "FAIL: $*"
	exit 1
}

guideway() {
	"$build/agent/guideway" "$@"
}

# expect STATUS COMMAND...: runs it, its output in $work/out and $work/err.
expect() {
	want=$1
	shift
	got=0
	"$@" >"$work/out" 2>"$work/err" || got=$?
	[ "$got" -eq "$want" ] || {
		cat "$work/out" "$work/err"
		fail "'$*' gave $got instead of $want"
	}
}

# says FILE TEXT
says() {
	grep -qF -- "$2" "$work/$1" || {
		cat "$work/$1"
		fail "'$2' is not in $1"
	}
}

# until COMMAND...: at most 10 s.
until_true() {
	tries=100
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "not within 10 s: $*"
		sleep 0.1
	done
}

# write_conf [BACKEND-STATE]
write_conf() {
	cat >"$conf.new" <<END
node:
  name: lb1
  run_dir: $work/run
  state_dir: $work/state
  user: $(id -un)
# Nothing of a Guideway or BIRD that this machine may really run.
announce:
  device: gw-none
  table: 4000000177
  bird: $work/bird.ctl
  drain_quiet: 3
cluster:
  seed: 000102030405060708090a0b0c0d0e0f
services:
  - name: web
    vips: [203.0.113.10, "2001:db8:113::10"]
    protocol: tcp
    ports: [80]
    table_size: 1024
    backends:
      - address: 192.0.2.11
      - address: 192.0.2.12
        weight: 3
        state: ${1:-enabled}
END
	mv "$conf.new" "$conf"
}

start_agent() {
	"$build/agent/guideway-agent" --config "$conf" 2>>"$work/agent.log" &
	agent_pid=$!
	until_true guideway status
}

start_balancer() {
	"$build/balancer/guideway-balancer" --config "$conf" \
	    2>>"$work/balancer.log" &
	balancer_pid=$!
}

# stop PID SIGNAL: its exit status in $ended.
stop() {
	kill -"$2" "$1"
	ended=0
	wait "$1" || ended=$?
}

in_sync() {
	guideway status --json | grep -q '"in_sync": true,$' &&
	    ! guideway status --json | grep -q '"in_sync": false,$'
}

# The digest that the agent computes and the one that the balancer serves.
digests() {
	guideway service show web --json |
	    sed -n 's/^  "\(digest\|installed_digest\)": "\(.*\)",$/\2/p'
}
