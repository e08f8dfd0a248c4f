#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is installed fits together: programs, units, folders and manual pages
# name the same places, whatever the prefix.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

root=$work/root
make -s install DESTDIR="$root" >"$work/out" 2>&1 || {
	cat "$work/out"
	fail "make install"
}

installed() {
	find "$root" -name "$1" -type f | grep . || fail "no $1 is installed"
}

agent_unit=$(installed guideway-agent.service)
balancer_unit=$(installed guideway-balancer.service)
drain_unit=$(installed guideway-drain.service)
# What the programs take when they are told nothing.
config=$("$build/agent/guideway-agent" --help |
    sed -n 's/.*--config FILE  instead of //p')
write_conf enabled
sed -i '/run_dir/d; /state_dir/d' "$conf"
default() {
	"$build/agent/guideway-agent" --config "$conf" --check -v |
	    sed -n "s/^  $1: \"\(.*\)\"\$/\1/p"
}
run_dir=$(default run_dir)
state_dir=$(default state_dir)
bpf_dir=$(default bpf_dir)

say "units"
for unit in "$agent_unit" "$balancer_unit" "$drain_unit"; do
	sed -n 's/^Exec[A-Za-z]*=-\{0,1\}\([^ ]*guideway[^ ]*\).*/\1/p' \
	    "$unit" >"$work/programs"
	[ -s "$work/programs" ] || fail "$unit starts nothing"
	while read -r program; do
		[ -x "$root$program" ] || fail "$unit: no $program"
	done <"$work/programs"
done
for unit in "$agent_unit" "$balancer_unit"; do
	grep -q "^ExecStart=.* --config $config\$" "$unit" ||
	    fail "$unit does not read $config"
	grep -qx "ReadWritePaths=$run_dir" "$unit" ||
	    fail "$unit cannot write to $run_dir"
done

# Where there is systemd, it says what it does not understand of them.
verify_units() {
	mkdir "$work/units"
	for unit in "${agent_unit%/*}"/guideway*; do
		sed "s|^\(Exec[A-Za-z]*=-\{0,1\}\)\(/[^ ]*guideway\)|\1$root\2|" \
		    "$unit" >"$work/units/${unit##*/}"
	done
	systemd-analyze verify --man=no "$work/units"/* >"$work/out" 2>&1 ||
	    echo "guideway: verify failed" >>"$work/out"
	! grep guideway "$work/out" || fail "systemd complains about units"
}
if command -v systemd-analyze >/dev/null; then
	say "systemd reads the units"
	verify_units
fi

say "folders"
tmpfiles=$(find "$root" -path '*/tmpfiles.d/guideway.conf')
grep -q "^d $run_dir 0755 guideway guideway " "$tmpfiles" ||
    fail "nobody makes $run_dir"
grep -q "^d $bpf_dir 0700 guideway guideway " "$tmpfiles" ||
    fail "nobody makes $bpf_dir"
grep -qx "ReadWritePaths=-$bpf_dir" "$balancer_unit" ||
    fail "$balancer_unit cannot write to $bpf_dir"
grep -q "^z $config 0640 root guideway " "$tmpfiles" ||
    fail "everybody may read $config"

say "manual pages"
for page in guideway-agent.8 guideway-balancer.8; do
	grep -qF "$config" "$(installed $page)" || fail "$page: not $config"
done
for page in guideway.8 guideway-agent.8 guideway-balancer.8 guideway.yaml.5; do
	grep -qF "$run_dir" "$(installed $page)" || fail "$page: not $run_dir"
done
grep -qF "$state_dir" "$(installed guideway.yaml.5)" ||
    fail "guideway.yaml.5: not $state_dir"
say "good"
