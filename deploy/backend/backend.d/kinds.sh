# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Applying, undoing and checking each kind of line. apply_KIND makes it so,
# also where it is so already; undo_KIND takes it away, also where it is gone;
# check_KIND says whether it is there. apply_backend comes first and sets what
# the others work with: p_mode, p_devs, p_mss4, p_mss6, p_from, p_vips.
# Wants: plan.sh, run, say, is6, join, decap, TABLE.
#

apply_backend() {
	p_mode=$2 p_mss4=$4 p_mss6=$5
	IFS=, read -ra p_devs <<<"$3"
	IFS=, read -ra p_from <<<"$6"
	IFS=, read -ra p_vips <<<"$7"
}
undo_backend() { :; }

write_sysctl() {
	printf '%s\n' "$2" >"/proc/sys/$1"
}

apply_sysctl() {
	run write_sysctl "$1" "$2"
}
undo_sysctl() {
	check_sysctl "$@" || return 0 # the interface is gone, or not our value
	run write_sysctl "$1" "$3"
}
check_sysctl() {
	[ -f "/proc/sys/$1" ] && [ "$(<"/proc/sys/$1")" = "$2" ]
}

apply_addr() {
	if is6 "$1"; then
		run ip addr replace "$1/128" dev lo nodad preferred_lft 0
	else
		run ip addr replace "$1/32" dev lo scope host
	fi
}
undo_addr() {
	check_addr "$1" || return 0
	run ip addr del "$1/$(is6 "$1" && echo 128 || echo 32)" dev lo
}
check_addr() {
	[ -n "$(ip -o addr show dev lo to "$1")" ]
}

# addrgenmode none: no address, so the device itself sends nothing. Answers to
# what comes out of it leave elsewhere: a strict rp_filter would drop it all. (A
# device not made yet, as in a dry run, has what `default` says.)
apply_tunnel() {
	local like=$1
	check_tunnel "$1" || run ip link add "$1" type "$2" \
	    remote "$3" local "$4" ttl 64 || return 1
	check_tunnel "$1" || like=default
	! is_strict "$like" ||
		run write_sysctl "$CONF4/$1/rp_filter" 2 || return 1
	run ip link set "$1" addrgenmode none &&
		run ip link set "$1" up
}
undo_tunnel() {
	! check_tunnel "$1" || run ip link del "$1"
}
check_tunnel() {
	[ -d "/proc/sys/$CONF4/$1" ]
}

apply_nft() {
	if $dry_run; then
		printf 'nft -f - <<END\n%s\nEND\n' "$(nft_table)"
	else
		nft_table | nft -f -
	fi
}
undo_nft() {
	! check_nft || run nft delete table inet "$TABLE"
}
check_nft() {
	nft list table inet "$TABLE" >/dev/null 2>&1
}

# nft_set NAME TYPE WORDS...: nothing for no words.
nft_set() {
	local name=$1 type=$2
	shift 2
	[ $# -eq 0 ] || printf '\tset %s { type %s; flags interval; %s }\n' \
	    "$name" "$type" "elements = { $(join , "$@") }"
}

# The whole table, in one transaction with the removal of the former one.
nft_table() {
	local text v4=() v6=() f4=() f6=() wide=false
	for text in "${p_vips[@]}"; do
		if is6 "$text"; then v6+=("$text"); else v4+=("$text"); fi
	done
	for text in "${p_from[@]}"; do
		if is6 "$text"; then f6+=("$text"); else f4+=("$text"); fi
		[[ $text != */* ]] || wide=true
	done
	echo "table inet $TABLE"
	echo "delete table inet $TABLE"
	echo "table inet $TABLE {"
	nft_set vips4 ipv4_addr "${v4[@]}"
	nft_set vips6 ipv6_addr "${v6[@]}"
	nft_mss ${#v4[@]} ${#v6[@]}
	if [ "$p_mode" = gre ]; then
		nft_set from4 ipv4_addr "${f4[@]}"
		nft_set from6 ipv6_addr "${f6[@]}"
		nft_tunnel ${#v4[@]} ${#v6[@]}
		! $wide || nft_senders ${#f4[@]} ${#f6[@]}
	fi
	echo "}"
}

# How many VIPs are IPv4, IPv6. nft never makes an MSS larger.
nft_mss() {
	local flags='tcp flags & syn == syn tcp option maxseg size set'
	[ "$p_mss4" != - ] || return 0
	echo "	chain mss {"
	echo "		type filter hook output priority mangle;"
	[ "$1" = 0 ] || echo "		ip saddr @vips4 $flags $p_mss4"
	[ "$2" = 0 ] || echo "		ip6 saddr @vips6 $flags $p_mss6"
	echo "	}"
}

# Out of the tunnels come packets for VIPs, and nothing else.
nft_tunnel() {
	echo "	counter not_vip { }"
	echo "	chain tunnel {"
	echo "		type filter hook prerouting priority raw;"
	echo "		iifname != \"gwb*\" accept"
	[ "$1" = 0 ] || echo "		ip daddr @vips4 accept"
	[ "$2" = 0 ] || echo "		ip6 daddr @vips6 accept"
	echo "		counter name not_vip drop"
	echo "	}"
}

# With a device that takes any sender, GRE is for the balancers alone. Protocol
# 47 is GRE; its name needs a file that a minimal Debian lacks, /etc/protocols.
nft_senders() {
	echo "	counter stranger { }"
	echo "	chain senders {"
	echo "		type filter hook input priority filter;"
	echo "		meta l4proto != 47 accept"
	[ "$1" = 0 ] || echo "		ip saddr @from4 accept"
	[ "$2" = 0 ] || echo "		ip6 saddr @from6 accept"
	echo "		counter name stranger drop"
	echo "	}"
}

apply_xdp() {
	local args=(--dev "$1") text xdp=${p_mode#xdp}
	[ -z "$xdp" ] || args+=(--mode "${xdp#-}")
	for text in "${p_from[@]}"; do
		args+=(--from "$text")
	done
	for text in "${p_vips[@]}"; do
		args+=(--vip "$text")
	done
	if $dry_run; then
		run "$decap" attach "${args[@]}"
	else
		xdp=$("$decap" attach "${args[@]}") || return 1
		say "$1: XDP in $xdp mode"
	fi
}
undo_xdp() {
	[ ! -d "/proc/sys/$CONF4/$1" ] || run "$decap" detach --dev "$1"
}
check_xdp() {
	"$decap" status --dev "$1" >/dev/null 2>&1
}

