#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sends captures through `guideway-balancer --read --write` and lets tshark, a
# dissector that others wrote, judge what comes out: nothing malformed, each
# checksum right, GRE and its addresses as configured, and in it what went in.
# Run by `make check` from the top of the build tree. No root, no network.
set -eu

srcdir=${srcdir:-.}
balancer=balancer/guideway-balancer
traffic=tests/vectors/traffic
config=$srcdir/tests/vectors/dissect.yaml
failed=0

for tool in tshark editcap mergecap; do
	command -v "$tool" >/dev/null || {
		echo "$tool is missing: install tshark"
		exit 77
	}
done
for program in $balancer $traffic; do
	[ -x "$program" ] || {
		echo "$program: not built; run make check at the top"
		exit 99
	}
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 99' HUP INT TERM
# Neither the user's preferences nor his home count.
export HOME="$dir" XDG_CONFIG_HOME="$dir"

fail()
{
	echo "FAIL: $*"
	failed=1
}

# expect WHAT GOT WANTED
expect()
{
	if [ "$2" = "$3" ]; then
		echo "ok: $1: $2"
	else
		fail "$1: got $2, wanted $3"
	fi
}

# dissect FILE: what tshark finds in it, as a table FILE.txt with a header; it
# verifies every checksum. (What is in the datagrams is no DNS.)
dissect()
{
	fields='frame.number frame.len eth.type frame.protocols
	    ip.checksum.status tcp.checksum.status udp.checksum.status
	    icmp.checksum.status icmpv6.checksum.status
	    gre.flags_and_version gre.proto
	    ip.src ip.dst ip.proto ip.ttl ip.flags.df ip.id
	    ipv6.src ipv6.dst ipv6.nxt ipv6.hlim ipv6.flow ipv6.fraghdr.ident
	    tcp.srcport tcp.dstport tcp.seq tcp.nxtseq tcp.len
	    tcp.analysis.flags udp.dstport udp.length
	    icmp.type icmp.code icmp.mtu icmp.resp_to
	    icmpv6.type icmpv6.mtu icmpv6.resp_to'
	# shellcheck disable=SC2046,SC2086
	tshark -n -r "$1" -o ip.check_checksum:TRUE \
	    -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE \
	    -o ip.defragment:TRUE -o ipv6.defragment:TRUE \
	    -o tcp.relative_sequence_numbers:FALSE --disable-protocol dns \
	    -T fields -E header=y $(printf -- '-e %s ' $fields) \
	    >"$1.txt" 2>"$dir/stderr" ||
		fail "tshark $1: $(cat "$dir/stderr")"
}

# ask FILE AWK-RULES: over the table of FILE. all(NAME): a field's values, outer
# headers first; first(NAME), last(NAME): one of them.
ask()
{
	awk -F '\t' '
	function all(name) {
		if (!(name in column)) {
			print "no field " name
			exit
		}
		return $column[name]
	}
	function first(name, values) {
		split(all(name), values, ",")
		return values[1]
	}
	function last(name, values) {
		return values[split(all(name), values, ",")]
	}
	function wrong(name) {
		return all(name ".checksum.status") ~ /(^|,)0(,|$)/
	}
	# Of a packet quoted in an ICMP error, cut, tshark cannot know the
	# checksum, and says that it is wrong.
	function broken() {
		if (all("frame.protocols") ~ /malformed/ || wrong("ip") ||
		    wrong("icmp") || wrong("icmpv6"))
			return 1
		return all("frame.protocols") !~ /:icmp/ &&
		    (wrong("tcp") || wrong("udp"))
	}
	# Version 0 without options, its protocol that of what is inside, from
	# an address of the prefix to a backend, TTL and DF or flow label.
	function gre_as_configured(inside) {
		inside = all("gre.proto") == "0x86dd" ? "ipv6" : "ip"
		if (all("gre.flags_and_version") != "0x0000" ||
		    all("gre.proto") !~ /^0x(0800|86dd)$/ ||
		    all("frame.protocols") !~ (":gre:" inside "(:|$)"))
			return 0
		if (all("frame.protocols") ~ /ethertype:ip:gre/)
			return first("ip.src") ~ /^198\.18\./ &&
			    first("ip.dst") ~ /^10\.1\.0\.[123]$/ &&
			    first("ip.proto") == 47 &&
			    first("ip.ttl") == 64 &&
			    first("ip.flags.df") ~ /1|True/
		return first("ipv6.src") ~ /^2001:db8:18:/ &&
		    first("ipv6.dst") ~ /^2001:db8:b::[12]$/ &&
		    first("ipv6.nxt") == 47 && first("ipv6.hlim") == 64 &&
		    first("ipv6.flow") !~ /^0x0*$/
	}
	NR == 1 {
		for (i = 1; i <= NF; i++)
			column[$i] = i
		next
	}
	'"$2" "$1.txt"
}

# count FILE AWK-CONDITION
count()
{
	ask "$1" "$2 { n++ } END { print n + 0 }"
}

# forward NAME ARGUMENT...: traffic NAME through the balancer, twice, and what
# holds for all that comes out. Sets in and out.
forward()
{
	in=$dir/$1.in out=$dir/$1.out name=$1
	shift
	$traffic "$name" >"$in"
	for file in "$out" "$out.again"; do
		$balancer --config "$config" --read "$in" --write "$file" "$@" \
		    2>"$dir/stderr" || fail "$name: $(cat "$dir/stderr")"
	done
	cmp "$out" "$out.again" || fail "$name: not the same bytes each time"
	dissect "$in"
	dissect "$out"
	expect "$name: broken before" "$(count "$in" 'broken()')" 0
	expect "$name: broken after" "$(count "$out" 'broken()')" 0
	expect "$name: GRE as configured" \
	    "$(count "$out" 'gre_as_configured()')" \
	    "$(count "$out" 'all("gre.proto") != ""')"
}

# cut_front FILE AWK-CONDITION LENGTH RESULT: these frames, without their first
# LENGTH bytes
cut_front()
{
	frames=$(ask "$1" "$2 { print all(\"frame.number\") }")
	# shellcheck disable=SC2086
	{ editcap -r "$1" "$dir/some" $frames &&
		editcap -F pcap -L -C "$3" -T rawip "$dir/some" "$4"; } \
	    2>"$dir/stderr" || fail "editcap: $(cat "$dir/stderr")"
	n=$(echo "$frames" | grep -c .)
}

# Packets that fit: each comes out once, in order, at its time, in GRE, and not
# a bit of it is changed. Others are left out.
check_whole()
{
	forward whole
	vip='(first("ip.dst") == "203.0.113.10" ||
	    first("ipv6.dst") == "2001:db8:100::10")'
	total=0
	# The type of the link header tells how many tags it has.
	for link in '0x(0800|86dd):14' 0x8100:18 0x88a8:22; do
		tag="all(\"eth.type\") ~ /^${link%:*}/" len=${link#*:}
		same "over IPv4, link header of $len" \
		    "$tag && $vip && all(\"tcp.dstport\") == 80" "$len" \
		    "$tag && first(\"ip.dst\") ~ /^10\./" $((len + 24))
		same "over IPv6, link header of $len" \
		    "$tag && $vip && (all(\"tcp.dstport\") == 443 ||
			all(\"udp.dstport\") == 53)" "$len" \
		    "$tag && first(\"ipv6.dst\") ~ /^2001:db8:b:/" $((len + 44))
	done
	expect "whole: nothing but these" "$(count "$out" 1)" "$total"
}

# same WHAT CONDITION-IN LENGTH-IN CONDITION-OUT LENGTH-OUT: are these the same
# packets at the same times, and some?
same()
{
	cut_front "$in" "$2" "$3" "$dir/before"
	cut_front "$out" "$4" "$5" "$dir/after"
	total=$((total + n))
	if [ "$n" -gt 0 ] && cmp "$dir/before" "$dir/after"; then
		echo "ok: whole: $1: $n packets unchanged"
	else
		fail "whole: $1: not the packets that went in"
	fi
}

# What is too long, in pieces: all of them fit, and tshark's own reassembly
# finds them complete.
check_oversize()
{
	forward oversize --mtu 1500
	expect "oversize: frames beyond 1,514 bytes" \
	    "$(count "$out" 'all("frame.len") > 1514')" 0
	streams='all("tcp.len") != "" {
		port = all("tcp.srcport")
		bytes[port] += all("tcp.len")
		if (!(port in from))
			from[port] = all("tcp.seq")
		to[port] = all("tcp.nxtseq")
	}
	END {
		for (port in bytes)
			print port, bytes[port], from[port], to[port]
	}'
	expect "oversize: bytes of each stream, and its sequence numbers" \
	    "$(ask "$out" "$streams" | sort)" "$(ask "$in" "$streams" | sort)"
	expect "oversize: gaps and overlaps" \
	    "$(count "$out" 'all("tcp.analysis.flags") != ""')" 0
	expect "oversize: checksums of segments verified" \
	    "$(count "$out" 'all("tcp.checksum.status") == 1')" \
	    "$(count "$out" 'all("tcp.len") != ""')"
	datagrams='all("udp.checksum.status") == 1 { print all("udp.length") }'
	expect "oversize: datagrams verified, and their lengths" \
	    "$(ask "$out" "$datagrams")" "$(ask "$in" "$datagrams")"
}

# Senders are told, from the VIP, what gets through.
check_refused()
{
	forward refused --mtu 1500
	expect "refused: answers" "$(count "$out" 1)" "$(count "$in" 1)"
	expect "refused: what senders are told" "$(ask "$out" '
	first("icmp.type") != "" {
		print first("ip.src"), first("ip.dst"), all("icmp.type"),
		    all("icmp.code"), all("icmp.mtu"),
		    all("icmp.checksum.status")
	}
	all("icmpv6.type") != "" {
		print first("ipv6.src"), first("ipv6.dst"), all("icmpv6.type"),
		    all("icmpv6.mtu"), all("icmpv6.checksum.status")
	}' | LC_ALL=C sort | uniq -c | sed 's/^ *//')" "\
6 2001:db8:100::10 2001:db8:c::9 2 1456 1
3 2001:db8:100::10 2001:db8:c::9 2 1476 1
3 203.0.113.10 198.51.100.9 3 4 1456 1
6 203.0.113.10 198.51.100.9 3 4 1476 1"
}

# tshark pairs a reply with its request by addresses, identifier and sequence.
check_echo()
{
	forward echo
	both=$dir/both
	{ editcap -t 0.0001 "$out" "$dir/later" &&
		mergecap -w "$both" "$in" "$dir/later"; } 2>"$dir/stderr" ||
		fail "editcap, mergecap: $(cat "$dir/stderr")"
	dissect "$both"
	expect "echo: replies to a request" "$(count "$both" \
	    'all("icmp.resp_to") != "" || all("icmpv6.resp_to") != ""')" \
	    "$(count "$in" 1)"
	expect "echo: nothing else" "$(count "$out" 1)" "$(count "$in" 1)"
}

# All of a datagram to one backend, in whatever order its fragments come.
check_fragments()
{
	forward fragments
	right='all("udp.checksum.status") == 1'
	expect "fragments: all sent on" \
	    "$(count "$out" 'all("gre.proto") != ""')" "$(count "$in" 1)"
	expect "fragments: datagrams complete and right" \
	    "$(count "$out" "$right")" "$(count "$in" "$right")"
	expect "fragments: backends" "$(ask "$out" \
	    '{ print first("ipv6.dst") }' | sort -u | wc -l)" 2
	expect "fragments: datagrams with more than one backend" \
	    "$(ask "$out" '{
		print all("gre.proto") last("ip.id") last("ipv6.fraghdr.ident"),
		    first("ipv6.dst")
	    }' | sort -u | cut -d ' ' -f 1 | uniq -d | wc -l)" 0
}

# What is kept as golden output (vectors.sh) must be right as well.
check_golden()
{
	for golden in "$srcdir"/tests/vectors/*.out.pcap; do
		name=$(basename "$golden")
		cp "$golden" "$dir/$name"
		dissect "$dir/$name"
		expect "$name: broken" "$(count "$dir/$name" 'broken()')" 0
	done
}

check_golden
check_whole
check_oversize
check_refused
check_echo
check_fragments
exit "$failed"
