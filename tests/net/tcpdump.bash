# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The wrapped packets that reach eth0 of a namespace, as tcpdump writes them and
# tshark reads them. A busy machine makes it miss some: to count, see watch.bash.
# Sourced after tap.bash.

tcpdump='' dumped=''

# start_tcpdump NAMESPACE [OPTION...]: into $work/out.pcap, until stop_tcpdump.
start_tcpdump() {
	dumped=$work/out.pcap
	rm -f "$dumped" "$work/tcpdump"
	ip netns exec "$1" tcpdump -U -B 16384 -i eth0 -w "$dumped" "${@:2}" \
	    'ip proto 47 or ip6 proto 47' 2>"$work/tcpdump" &
	tcpdump=$!
	wait_until 10 grep -qs listening "$work/tcpdump"
}
stop_tcpdump() {
	kill "$tcpdump"
	wait "$tcpdump" || true
}

# For tshark: what the clients send is data. A client's port may be one that it
# knows a protocol by, of which the data is a malformed packet.
as_data=(-d udp.port==5000,data)

# dissect OPTION...: what tshark says of the dump.
dissect() { tshark -n -r "$dumped" "${as_data[@]}" "$@" 2>/dev/null; }
dissected() { dissect "$@" | wc -l; }
dump_has() { [ "$(dissected -Y gre)" -ge "$1" ]; }

# All of them are well formed, with good checksums.
dissects_well() {
	local bad
	bad=$(dissect -o udp.check_checksum:TRUE -o ip.check_checksum:TRUE \
	    -Y '_ws.malformed || ip.checksum.status == 0 ||
	    udp.checksum.status == 0') || return 1
	[ -z "$bad" ] || { echo "not well formed: $bad"; return 1; }
}
