# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A host of the lab: a network namespace, and a folder $RUN/HOST for its
# configuration, pids, logs and sockets.

host_known() {
	[[ " ${HOSTS[*]} " = *" $1 "* ]] ||
		die "no host '$1'; there are: ${HOSTS[*]}"
	host_is_up "$1" || die "the lab is not up: $0 up"
}

host_is_up() { [ -e "/run/netns/$PREFIX$1" ]; }

host_up() {
	ip netns add "$PREFIX$1"
	mkdir -p "$RUN/$1"
	ip -n "$PREFIX$1" link set lo up
	# Set what counts, since a new namespace copies some from the host.
	# Addresses are usable at once: nobody else is on these links.
	host_sysctl "$1" \
	    net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 \
	    net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
	    net.ipv6.conf.all.disable_ipv6=0 \
	    net.ipv6.conf.default.disable_ipv6=0 \
	    net.ipv6.conf.default.accept_dad=0 \
	    net.ipv6.conf.default.accept_ra=0
}

# Everything that runs in the namespace goes, whoever started it, then the
# namespace with its links.
host_clear() {
	local pid deadline=$((SECONDS + 5)) signal=TERM

	while host_is_up "$1" && [ -n "$(ip netns pids "$PREFIX$1")" ]; do
		for pid in $(ip netns pids "$PREFIX$1"); do
			kill -"$signal" "$pid" 2>/dev/null || true
		done
		[ $SECONDS -lt $deadline ] || signal=KILL
		sleep 0.05
	done
	! host_is_up "$1" || ip netns del "$PREFIX$1"
	! mountpoint -q "$RUN/$1/bpf" || umount "$RUN/$1/bpf"
}

host_do() {
	local host=$1
	shift
	ip netns exec "$PREFIX$host" "$@"
}

host_sysctl() {
	local host=$1
	shift
	host_do "$host" sysctl -q -w "$@"
}
