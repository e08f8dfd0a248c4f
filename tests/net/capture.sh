#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guideway capture against the balancer under traffic, in three network
# namespaces, read by tshark: what comes, what goes, why, and that traffic does
# not suffer.
# Needs root. GUIDEWAY_BUILD names the build folder.
set -euo pipefail

srcdir=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
build=${GUIDEWAY_BUILD:-$srcdir/build}
prefix=gwc$(($$ % 10000))-
client=${prefix}client node=${prefix}node backend=${prefix}backend
work=$(mktemp -d)
socket=$work/run/balancer.sock
balancer='' capture=''
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../tap.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/tcpdump.bash"

clean_up() {
	local pid ns
	trap '' INT TERM HUP
	for pid in $(jobs -p); do
		kill -CONT "$pid" 2>/dev/null || true
		kill "$pid" 2>/dev/null || true
	done
	wait
	umount "$work/bpf" 2>/dev/null || true
	for ns in "$client" "$node" "$backend"; do
		ip netns del "$ns" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

equal() { [ "$1" = "$2" ] || { echo "expected '$2', got '$1'"; return 1; }; }

on() { ip netns exec "$@"; }

set_up() {
	local ns
	for ns in "$client" "$node" "$backend"; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
	done
	on "$node" sysctl -qw net.ipv4.ip_forward=0
	ip link add name eth0 netns "$client" type veth \
	    peer name in0 netns "$node"
	ip link add name eth0 netns "$backend" type veth \
	    peer name out0 netns "$node"
	ip -n "$client" addr add 192.0.2.1/24 dev eth0
	ip -n "$node" addr add 192.0.2.2/24 dev in0
	ip -n "$node" addr add 10.1.0.254/24 dev out0
	ip -n "$backend" addr add 10.1.0.1/24 dev eth0
	ip -n "$client" link set eth0 up
	ip -n "$node" link set in0 up
	ip -n "$node" link set out0 up
	ip -n "$backend" link set eth0 up
	ip -n "$client" route add 203.0.113.10 via 192.0.2.2
	# As a network card does: the checksum is there when the frame is sent.
	on "$client" ethtool -K eth0 tx off >/dev/null
	chmod 755 "$work"
	mkdir "$work/bpf"
}

# config DRIVER
config() {
	driver=$1
	[ "$driver" = pcap ] || mount -t bpf bpf "$work/bpf"
	cat >"$work/conf.yaml" <<END
node: { name: node, run_dir: $work/run, user: nobody }
balancer:
  interfaces: [ { name: in0, driver: $driver } ]
  bpf_dir: $work/bpf
announce: { enabled: false }
cluster: { seed: 000102030405060708090a0b0c0d0e0f }
services:
  - name: web
    vips: [203.0.113.10]
    protocol: udp
    ports: [5000]
    backends: [ { address: 10.1.0.1 } ]
  - name: other
    vips: [203.0.113.10]
    protocol: udp
    ports: [5002]
    backends: [ { address: 10.1.0.1 } ]
END
}

start_balancer() {
	ip netns exec "$node" "$build/balancer/guideway-balancer" \
	    --config "$work/conf.yaml" >>"$work/log" 2>&1 &
	balancer=$!
	wait_until 10 ask status || return 1
	ask install "$work/conf.yaml" || return 1
	wait_until 10 resolved
}

ask() { "$build/tests/net/balancer_client" "$socket" "$@"; }
resolved() { ask status | grep -q '^backend .* resolved'; }
count_of() { ask status | awk -v r="$1" '$1 == "reason" && $2 == r { print $3 }'; }
has_forwarded() { [ "$(count_of forward)" -ge "$1" ]; }
dropped_by_kernel() {
	ask status | sed -n 's/^interface in0 .* dropped \([0-9]*\).*/\1/p'
}

# send PORT COUNT RATE
send() { on "$client" "$build/tests/net/udp_blast" 203.0.113.10 "$@"; }

# The balancer's socket is found beside the agent's.
guideway() { "$build/agent/guideway" --socket "$work/run/agent.sock" "$@"; }

# begin OPTION...: a capture in the background, which has begun when this is
# done.
begin() {
	local before
	before=$(beginnings)
	"$build/agent/guideway" --socket "$work/run/agent.sock" capture \
	    --seconds 60 "$@" \
	    >"$work/out" 2>"$work/err" &
	capture=$!
	wait_until 10 more_beginnings "$before"
}
beginnings() { grep -c 'capture: begins' "$work/log" || true; }
more_beginnings() { [ "$(beginnings)" -gt "$1" ]; }

# end [SIGNAL]: of the capture, which must be in order.
end() {
	local status=0
	[ $# -eq 0 ] || kill -"$1" "$capture"
	wait "$capture" || status=$?
	equal "$status" 0
}
says() { grep -q -- "$1" "$work/err" || { cat "$work/err"; return 1; }; }

# frames FILTER [FIELD...]: of the capture file.
frames() {
	local filter=$1 field fields=()
	shift
	for field; do
		fields+=(-e "$field")
	done
	tshark -n -r "$work/file.pcapng" "${as_data[@]}" -Y "$filter" \
	    -T fields "${fields[@]}" 2>"$work/tshark" || return 1
	# What is damaged it says, and goes on.
	! grep -v '^Running as user' "$work/tshark" >&2
}
frames_are() {
	local found
	found=$(frames "$1" frame.number) || return 1
	equal "$(grep -c . <<<"$found")" "$2"
}

# The bytes of all frames, as text; of the n-th frame on.
bytes() { tcpdump -t -xx -n -r "$1" 2>/dev/null | grep '^	0x'; }

# Tests ----------------------------------------------------------------------

# fails STATUS WORDS OPTION...: of a capture; one line tells why.
fails() {
	local status=0 wanted=$1 words=$2
	shift 2
	guideway capture "$@" >"$work/out" 2>"$work/err" || status=$?
	equal "$status" "$wanted" || return 1
	equal "$(grep -c '^guideway: ' "$work/err")" 1 || return 1
	says "$words"
}

mistakes_are_told() {
	fails 2 "'drop_nothing' is no reason" --reason drop_nothing || return 1
	fails 2 "must be 1/N" --sample 0 || return 1
	fails 2 "one or the other" --json -w "$work/file.pcapng" || return 1
	fails 2 "takes no value\|too many arguments" web || return 1
	fails 1 "no service is called 'nobody'" --service nobody || return 1
	fails 1 "$work/none/file: No such file" -w "$work/none/file" || return 1
	[ ! -e "$work/file.pcapng" ]
}

no_packets_for_a_terminal() {
	script -qec "$build/agent/guideway --socket $work/run/agent.sock \
	    capture -w -" "$work/typescript" >"$work/out" </dev/null || true
	grep -q 'stdout is a terminal' "$work/out"
}

# Without a balancer no file is made, or lost.
balancer_not_there() {
	echo precious >"$work/precious"
	fails 1 "no balancer answers at $socket" -w "$work/precious" || return 1
	equal "$(cat "$work/precious")" precious
}

all_packets_both_ways() {
	local bytes_out bytes_in
	start_tcpdump "$backend"
	begin -w "$work/file.pcapng" --count 20 --sample 1/1 --snap 2000
	send 5000 20 200
	end || return 1
	says '^20 packets, 0 lost$' || return 1
	wait_until 5 dump_has 20 || return 1
	stop_tcpdump
	equal "$(stat -c %a "$work/file.pcapng")" 600 || return 1
	frames_are 'frame' 40 || return 1
	frames_are 'frame.interface_name == "in0" && frame.packet_flags_direction == 1 &&
	    ip.dst == 203.0.113.10 && !gre' 20 || return 1
	frames_are 'frame.interface_name == "out0" && frame.packet_flags_direction == 2 &&
	    gre && ip.dst == 10.1.0.1' 20 || return 1
	frames_are 'frame.comment == "forward: by the table; service web; backend 10.1.0.1"' \
	    40 || return 1
	# Both copies have one packet id, and their contents are one packet.
	equal "$(frames frame frame.packet_id | sort -n | uniq -c |
	    awk '$1 == 2' | wc -l)" 20 || return 1
	equal "$(frames 'frame.interface_name == "out0"' udp.srcport | sort)" \
	    "$(frames 'frame.interface_name == "in0"' udp.srcport | sort)" ||
	    return 1
	# Byte by byte what the backend has got.
	tshark -r "$work/file.pcapng" -Y gre -F pcap -w "$work/sent.pcap" \
	    2>/dev/null
	bytes_out=$(bytes "$work/sent.pcap") bytes_in=$(bytes "$dumped")
	[ -n "$bytes_out" ] && equal "$bytes_out" "$bytes_in"
}

short_and_one_way() {
	begin -w "$work/file.pcapng" --count 10 --snap 60 --direction out
	send 5000 10 200
	end || return 1
	frames_are 'frame' 10 || return 1
	frames_are 'frame.cap_len == 60 && frame.len == 74 && gre' 10
}

by_reason_and_service() {
	begin -w "$work/file.pcapng" --reason 'drop_*'
	send 5000 10 500
	send 5001 7 500
	wait_until 5 counted drop_no_service 7 || return 1
	end INT || return 1
	says '^7 packets, 0 lost$' || return 1
	frames_are 'frame.comment == "drop_no_service: for a VIP, no service on that port" &&
	    udp.dstport == 5001' 7 || return 1
	begin -w "$work/file.pcapng" --service other --count 5
	send 5000 10 500
	send 5002 5 500
	end || return 1
	frames_are 'udp.dstport == 5002 && frame.comment contains "service other"' 10
}
counted() { [ "$(count_of "$1")" -ge "$2" ]; }

sampled() {
	local n before
	begin -w "$work/file.pcapng" --sample 1/20 --rate 20000
	before=$(count_of forward)
	send 5000 4000 4000
	wait_until 5 has_forwarded $((before + 4000)) || return 1
	end INT || return 1
	says 'sampled 1 in [12][0-9]$' || return 1
	n=$(frames 'frame.interface_name == "in0"' frame.number | wc -l)
	echo "$n of 4000"
	[ "$n" -gt 130 ] && [ "$n" -lt 280 ]
}

into_a_pipe() {
	ip netns exec "$client" "$build/tests/net/udp_blast" \
	    203.0.113.10 5000 1000 200 &
	local sender=$!
	guideway capture --count 10 -w - 2>/dev/null |
	    tshark -n -r - -Y gre -T fields -e frame.comment >"$work/out" \
	    2>/dev/null
	kill "$sender"
	wait "$sender" || true
	equal "$(grep -c 'forward: by the table' "$work/out")" 10
}

as_lines() {
	begin --count 3
	send 5000 3 200
	end || return 1
	cat "$work/out"
	equal "$(grep -cE '^[0-9:.]{15} in0 192\.0\.2\.1:[0-9]+ -> 203\.0\.113\.10:5000 udp 50 B: forward web 10\.1\.0\.1 -> out0$' \
	    "$work/out")" 3 || return 1
	says '^3 packets, 0 lost$'
}

as_json() {
	begin --json --count 3 --reason forward
	send 5000 3 200
	end || return 1
	equal "$(jq -r '[.reason, .service, .backend, .destination_port,
	    .frames[0].interface, .frames[1].direction] | join(" ")' \
	    "$work/out" | sort | uniq -c | sed 's/^ *//')" \
	    "3 forward web 10.1.0.1 5000 in0 out"
}

after_some_time() {
	SECONDS=0
	begin --seconds 2
	end || return 1
	[ $SECONDS -ge 1 ] && [ $SECONDS -lt 8 ] || return 1
	says '^0 packets, 0 lost$'
}

# As much as may be captured, and new states as well: not one packet is lost.
traffic_is_not_disturbed() {
	local before dropped sender i
	before=$(count_of forward) dropped=$(dropped_by_kernel)
	begin -w "$work/file.pcapng" --count 0 --sample 1/1 --rate 20000 \
	    --snap 65535
	send 5000 20000 8000 &
	sender=$!
	for ((i = 0; i < 10; i++)); do
		ask install "$work/conf.yaml" >/dev/null
		sleep 0.1
	done
	wait $sender
	wait_until 10 has_forwarded $((before + 20000)) || true
	end INT || return 1
	cat "$work/err"
	equal "$(count_of forward)" $((before + 20000)) || return 1
	equal "$(dropped_by_kernel)" "$dropped" || return 1
	equal "$(frames gre frame.number | wc -l)" \
	    "$(sed 's/ .*//' "$work/err")"
}

# It is not waited for, not cut off for being slow, and told what it missed.
reader_that_stands_still() {
	local before lost taken
	before=$(count_of forward)
	begin -w "$work/file.pcapng" --count 0 --sample 1/1 --rate 20000
	kill -STOP "$capture"
	send 5000 20000 8000
	wait_until 10 has_forwarded $((before + 20000)) || return 1
	sleep 11 # longer than a client may otherwise stand still
	kill -CONT "$capture"
	sleep 3
	send 5000 1 100
	end INT || return 1
	cat "$work/err"
	lost=$(sed 's/.*packets, \([0-9]*\) lost.*/\1/' "$work/err")
	[ "$lost" -gt 1000 ] || return 1
	# What comes in a burst beyond the rate is passed over, and not lost; of
	# many such packets only the share is told.
	taken=$(sed 's/ .*//' "$work/err")
	if grep -q sampled "$work/err"; then
		[ $((taken + lost)) -le 20001 ] &&
			[ $((taken + lost)) -gt 10000 ]
	else
		equal $((taken + lost + $(passed_over))) 20001
	fi || return 1
	# The file says so, too: with the first packet after those.
	equal "$(frames 'frame.drop_count > 0' frame.drop_count \
	    frame.interface_name)" "$lost	in0"
}

passed_over() {
	local n
	n=$(sed -n 's/.* \([0-9]*\) passed over$/\1/p' "$work/err")
	echo "${n:-0}"
}

four_at_a_time() {
	local pids=() i
	for ((i = 0; i < 4; i++)); do
		begin --count 0
		pids+=("$capture")
	done
	fails 1 '4 captures are under way already' || return 1
	kill -INT "${pids[@]}"
	for i in "${pids[@]}"; do
		wait "$i" || return 1
	done
	begin --count 1
	send 5000 1 100
	end
}

killed_readers_leave_no_trace() {
	begin --count 0
	kill -KILL "$capture"
	wait "$capture" || true
	wait_until 5 all_ended || return 1
	send 5000 10 200
}
all_ended() {
	equal "$(grep -c 'capture: ends' "$work/log")" "$(beginnings)"
}

balancer_ends() {
	local status=0
	begin -w "$work/file.pcapng" --count 0
	send 5000 10 200
	wait_until 5 file_has_begun || return 1
	kill -TERM "$balancer"
	wait "$balancer" || return 1
	wait "$capture" || status=$?
	equal $status 1 || return 1
	says 'the balancer ended the capture' || return 1
	frames_are frame 20 || return 1
	! grep -E 'Sanitizer|runtime error' "$work/log"
}
file_has_begun() { [ "$(stat -c %s "$work/file.pcapng")" -gt 2000 ]; }

in_the_kernel() {
	ask status | grep '^interface in0 xdp .*(configured; [a-z]* mode'
}

# A fragmented packet is nothing for the program in the kernel: the user-space
# path shows it, once.
handed_up() {
	begin -w "$work/file.pcapng" --count 2 --seconds 10
	on "$client" "$build/tests/net/send_frame" eth0 "$(to_web 2000 f489)" 1
	on "$client" "$build/tests/net/send_frame" eth0 "$(to_web 4000 d489)" 1
	end || return 1
	frames_are 'frame.comment contains "forward: by the table; service web"' 4
}
# to_web FLAGS SUM: 198.51.100.1:4000 to 203.0.113.10:5000, UDP, "guideway", with
# these flags and offset, and the header's checksum for them.
to_web() {
	printf '%s0200000000010800450000240000%s4011%s' \
	    "$(on "$node" cat /sys/class/net/in0/address | tr -d :)" "$1" "$2"
	printf 'c6336401cb00710a0fa01388001000006775696465776179'
}

set_up
config pcap
check "no balancer: said, and no file touched" balancer_not_there
check "the balancer starts" start_balancer
check "mistakes are told" mistakes_are_told
check "no packets for a terminal" no_packets_for_a_terminal
check "packets as they came and as they left" all_packets_both_ways
check "the beginning of frames, one way" short_and_one_way
check "by reason, by service" by_reason_and_service
check "one in so many" sampled
check "into a pipe" into_a_pipe
check "as lines" as_lines
check "as JSON" as_json
check "for some time" after_some_time
check "traffic is not disturbed" traffic_is_not_disturbed
check "a reader that stands still" reader_that_stands_still
check "four at a time" four_at_a_time
check "readers that are killed" killed_readers_leave_no_trace
check "the balancer ends" balancer_ends
if [ -e "$build/balancer/bpf/xdp.skel.h" ]; then
	config xdp
	check "XDP: the balancer starts" start_balancer
	check "XDP: forwards in the kernel" in_the_kernel
	check "XDP: packets as they came and as they left" all_packets_both_ways
	check "XDP: the beginning of frames, one way" short_and_one_way
	check "XDP: by reason, by service" by_reason_and_service
	check "XDP: one in so many" sampled
	check "XDP: as lines" as_lines
	check "XDP: what is handed up, once" handed_up
	check "XDP: traffic is not disturbed" traffic_is_not_disturbed
	check "XDP: a reader that stands still" reader_that_stands_still
	check "XDP: the balancer ends" balancer_ends
fi
echo "1..$tap_count"
[ $tap_bad -eq 0 ] || { sed 's/^/# /' "$work/log"; exit 1; }
