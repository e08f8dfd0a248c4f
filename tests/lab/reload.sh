#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Without a cluster a new configuration takes effect by SIGHUP under traffic; a
# bad one changes nothing and says what is wrong.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"

config=$run/lb1/guideway.yaml

seen() {
	many 4 200 | sort -u | tr '\n' ' ' | sed 's/ $//'
}

sees_backends() { equal "$(seen)" "$1"; }

without_be4() {
	grep -vF "address: \"$(lab show tunnel.be4)\"" "$work/good.yaml"
}

config_error() {
	node_status lb1 | jq -r '.config_error // ""'
}

says_error() { [[ "$(config_error)" == *guideway.yaml:*:* ]]; }
says_none() { [ -z "$(config_error)" ]; }

# shellcheck disable=SC2034 # for start_lab
lab_options=(--standalone)
start_lab
lab route lb1
cp "$config" "$work/good.yaml"
check "all backends serve" sees_backends "be1 be2 be3 be4"

begin_polling
without_be4 >"$config"
lab reload lb1 agent
check "a backend taken out of the file gets nothing new" \
    wait_until 5 sees_backends "be1 be2 be3"

for bad in 'services: [' 'services: nonsense' ''; do
	printf '%s\n' "$bad" >"$config"
	lab reload lb1 agent
	check "a bad configuration is named with its place ('$bad')" \
	    wait_until 5 says_error
	check "... and the last good one goes on" \
	    sees_backends "be1 be2 be3"
	without_be4 >"$config"
	lab reload lb1 agent
	check "... until there is a good one" wait_until 5 says_none
done

cp "$work/good.yaml" "$config"
lab reload lb1 agent
check "the good one again: all backends" \
    wait_until 5 sees_backends "be1 be2 be3 be4"
check "... and the error is gone" says_none
end_polling
# One that was open to the backend taken out is answered by another.
check "no new connection was lost over all that" at_most 1 "$(lost)"
finish
