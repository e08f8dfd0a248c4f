# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What is there now, for people and as JSON.
# Wants: kinds.sh, state, json, EXIT_DOWN.

# "COUNTER PACKETS" a line, of the filter.
nft_counters() {
	nft list counters table inet "$TABLE" 2>/dev/null | awk '
		$1 == "counter" { name = $2 }
		$1 == "packets" { print name, $2 }'
}

# {"NAME":N,...} of lines "NAME N".
json_numbers() {
	awk '{ printf "%s\"%s\":%s", (NR > 1 ? "," : "{"), $1, $2 }
		END { print (NR ? "}" : "{}") }'
}

# ["A","B"] of words that need no escaping.
json_words() {
	[ $# -eq 0 ] || printf '"%s"\n' "$@" | paste -sd, | tr -d '\n'
}

# One object a device: mode and program beside the counters.
json_xdp() {
	local dev lines first=true
	for dev in "${p_devs[@]}"; do
		lines=$("$decap" status --dev "$dev" 2>/dev/null) || continue
		$first || printf ,
		first=false
		printf '{"interface":"%s","mode":"%s","program":%s,' "$dev" \
		    "$(awk '$1 == "mode" { print $2 }' <<<"$lines")" \
		    "$(awk '$1 == "program" { print $2 }' <<<"$lines")"
		printf '"counters":%s}' \
		    "$(awk 'NR > 2' <<<"$lines" | json_numbers)"
	done
}

show_json() {
	printf '{"up":true,"mode":"%s","interfaces":[%s],"vips":[%s],' \
	    "$p_mode" "$(json_words "${p_devs[@]}")" \
	    "$(json_words "${p_vips[@]}")"
	printf '"from":[%s],"mss":{"ipv4":%s,"ipv6":%s},"xdp":[%s],' \
	    "$(json_words "${p_from[@]}")" "${p_mss4/#-/null}" \
	    "${p_mss6/#-/null}" "$([[ $p_mode = gre ]] || json_xdp)"
	printf '"filter":%s,"missing":[%s]}\n' \
	    "$(nft_counters | json_numbers)" "$(json_words "$@")"
}

show_text() {
	local dev thing
	echo "mode        $p_mode"
	echo "interfaces  ${p_devs[*]}"
	echo "VIPs        ${p_vips[*]}"
	echo "balancers   ${p_from[*]}"
	echo "MSS         IPv4 ${p_mss4/#-/off}, IPv6 ${p_mss6/#-/off}"
	[ "$p_mode" = gre ] || for dev in "${p_devs[@]}"; do
		"$decap" status --dev "$dev" | awk -v dev="$dev" '
			NR == 1 { mode = $2; next }
			NR == 2 { printf "XDP         %s: %s, program %s\n",
				dev, mode, $2; next }
			{ printf "  %-16s%s\n", $1, $2 }' || true
	done
	nft_counters | awk '{ printf "filter      %-16s%s\n", $1, $2 }'
	for thing; do
		echo "MISSING     $thing; up again puts it back"
	done
}

status() {
	local kind name rest missing=()
	if [ ! -s "$state" ]; then
		if $json; then
			echo '{"up":false}'
		else
			echo "down"
		fi
		exit "$EXIT_DOWN"
	fi
	while read -r kind name rest <&8; do
		# shellcheck disable=SC2086
		case $kind in
		backend) apply_backend "$name" $rest ;;
		*) "check_$kind" "$name" $rest || missing+=("$kind $name") ;;
		esac
	done 8<"$state"
	if $json; then
		show_json "${missing[@]}"
	else
		show_text "${missing[@]}"
	fi
	[ ${#missing[@]} -eq 0 ]
}

