# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What shall be, as lines "KIND NAME DETAILS" (guideway-backend says which).
# Wants: the options, state.

# The line of the state file for KIND NAME, if there is one.
recorded() {
	[ -f "$state" ] && awk -v kind="$1" -v name="$2" '
		$1 == kind && $2 == name { print; found = 1; exit }
		END { exit !found }' "$state"
}

# KEY at least WANTED.
plan_sysctl() {
	local now
	recorded sysctl "$1" && return
	now=$(<"/proc/sys/$1")
	[ "$now" -ge "$2" ] || echo "sysctl $1 $2 $now"
}

# Is rp_filter in force as 1 (strict) on DEV? The larger of its own value and
# that of `all` counts.
is_strict() {
	local all own
	all=$(<"/proc/sys/$CONF4/all/rp_filter")
	own=$(<"/proc/sys/$CONF4/$1/rp_filter")
	[ $((all > own ? all : own)) -eq 1 ]
}

plan_rp_filter() {
	local key=$CONF4/$1/rp_filter
	recorded sysctl "$key" && return
	! is_strict "$1" || echo "sysctl $key 2 $(<"/proc/sys/$key")"
}

plan_addr() {
	local on
	for on in $(ip -o addr show to "$1" | awk '{ print $2 }'); do
		[ "$on" = lo ] || die "$1 is on $on, which tells all its" \
			"neighbours; take it off there first"
		recorded addr "$1" && return
		say "$1 was on lo before; it stays there after down"
		return 0
	done
	echo "addr $1"
}

# A name for a GRE device: the same for the same address each time.
tunnel_name() {
	printf 'gwb%08x' "$(printf %s "$1" | cksum | cut -d' ' -f1)"
}

# One device for each sender, so that the kernel takes nobody else's packets;
# for a prefix one for any sender on our own addresses, behind the filter.
plan_tunnel() {
	local type=gre family=-4 dev own
	! is6 "$1" || type=ip6gre family=-6
	if [[ $1 != */* ]]; then
		echo "tunnel $(tunnel_name "$1") $type $1 any"
		return
	fi
	for dev in "${devs[@]}"; do
		for own in $(ip -o $family addr show dev "$dev" scope global |
		    awk '{ sub(/\/.*/, "", $4); print $4 }'); do
			echo "tunnel $(tunnel_name "$own") $type any $own"
		done
	done
}

# The room for TCP in the largest packet that a balancer can still wrap.
# Prints that for IPv4 and for IPv6; "-": no clamp.
plan_mss() {
	local room=65535 mtu dev
	case $mss in
	off) echo "- -"; return ;;
	auto) ;;
	*) echo "$mss $mss"; return ;;
	esac
	for dev in "${devs[@]}"; do
		mtu=$(ip -o link show dev "$dev" |
		    sed "s/.* mtu \([0-9]*\) .*/\1/")
		room=$((mtu < room ? mtu : room))
	done
	if $outer6; then
		room=$((room - IP6 - GRE))
	else
		room=$((room - IP4 - GRE))
	fi
	echo "$((room - IP4 - TCP)) $((room - IP6 - TCP))"
}

plan() {
	local dev text
	echo "backend is $mode $(join , "${devs[@]}") $(plan_mss)" \
	    "$(join , "${from[@]}") $(join , "${vips[@]}")"
	for dev in "${devs[@]}"; do
		plan_sysctl "$CONF4/$dev/arp_ignore" 1
		plan_sysctl "$CONF4/$dev/arp_announce" 2
		plan_rp_filter "$dev"
	done
	for text in "${vips[@]}"; do
		plan_addr "$text" || return 1
	done
	if [ "$mode" = gre ]; then
		for text in "${from[@]}"; do
			plan_tunnel "$text"
		done | awk '!seen[$0]++'
	fi
	[ "$mode" != gre ] && [ "$mss" = off ] || echo "nft $TABLE"
	[ "$mode" = gre ] || for dev in "${devs[@]}"; do
		echo "xdp $dev"
	done
}

