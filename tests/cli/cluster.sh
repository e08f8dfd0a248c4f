#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# guideway cluster: the CA, the nodes' identities, pre-shared keys.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

cd "$work"
ca=$work/ca

one_line() {
	[ "$(wc -l <"$work/err")" -eq 1 ] || {
		cat "$work/err"
		fail "not one line"
	}
}

# mode FILE MODE
mode() {
	[ "$(stat -c %a "$1")" = "$2" ] || fail "mode of $1"
}

say "usage"
for command in init invite psk; do
	expect 0 guideway cluster $command --help
	says out "usage: guideway [OPTION...] cluster $command"
done
expect 2 guideway cluster
says err "there is 'cluster init NAME'"
expect 2 guideway cluster init
expect 2 guideway cluster init a b
expect 2 guideway cluster invite
expect 2 guideway cluster psk more
expect 2 guideway cluster init --days 3 a
says err "'cluster init' does not take --days"
for days in 0 3651 -1 1x '' 99999; do
	expect 2 guideway cluster invite --days="$days" lb1
	says err "--days must be 1..3650 days, got '$days'"
done

say "the CA"
expect 1 guideway cluster invite lb1 --dir "$ca"
says err "$ca/ca.pem: No such file"
one_line
expect 1 guideway cluster init 'a/b' --dir "$ca"
says err "not 'a/b'"
expect 1 guideway cluster init site1 --dir "$ca/none"
says err "$ca/none: No such file"
expect 0 guideway cluster init site1 --dir "$ca"
says out "$ca/ca.pem is the CA of cluster site1, until "
says out "guideway cluster invite NODE"
mode "$ca" 700
mode "$ca/ca.pem" 600
cp "$ca/ca.pem" "$work/ca.before"
expect 1 guideway cluster init site1 --dir "$ca"
says err "$ca/ca.pem is there already; it is kept"
one_line
cmp "$ca/ca.pem" "$work/ca.before" || fail "the CA has changed"

say "a node's identity"
expect 0 guideway cluster invite lb1 --dir "$ca"
says out "lb1.pem is the secret identity of node lb1 in cluster site1"
says out "identity.pem, for the agent's user to read: chown guideway"
says out "cluster.nodes"
[ "$(wc -l <"$work/out")" -eq 3 ] || fail "more than what it is and two steps"
mode lb1.pem 600
cp lb1.pem lb1.before
expect 1 guideway cluster invite lb1 --dir "$ca"
says err "lb1.pem is there already"
one_line
cmp lb1.pem lb1.before || fail "it was replaced"
expect 0 guideway cluster invite lb1 --dir "$ca" --force
! cmp -s lb1.pem lb1.before || fail "it was not replaced"
mode lb1.pem 600
expect 0 guideway cluster invite lb2 --dir "$ca" --out "$work/two" --days 1 --json
says out '"node": "lb2"'
says out '"cluster": "site1"'
says out "\"file\": \"$work/two\""
expect 1 guideway cluster invite lb3 --dir "$ca" --out "$work/none/lb3"
says err "$work/none/lb3"
one_line
! ls "$work"/*.pem.?????? 2>/dev/null || fail "something is left"
chmod 644 "$ca/ca.pem"
expect 1 guideway cluster invite lb4 --dir "$ca"
says err "chmod 600 it"
chmod 600 "$ca/ca.pem"

say "other programs understand it"
if command -v openssl >/dev/null; then
	sed -n '/BEGIN CERT/,$p' "$ca/ca.pem" >ca.crt
	sed -n '/BEGIN CERT/,$p' lb1.pem >chain
	for purpose in sslserver sslclient; do
		expect 0 openssl verify -x509_strict -purpose $purpose \
		    -CAfile ca.crt chain
	done
	expect 0 openssl x509 -in chain -noout -ext subjectAltName
	says out "URI:guideway://site1/lb1"
	expect 0 openssl x509 -in ca.crt -noout -checkend $((3649 * 86400))
	expect 0 openssl x509 -in chain -noout -checkend $((729 * 86400))
	expect 1 openssl x509 -in chain -noout -checkend $((731 * 86400))
fi

say "keys"
expect 0 guideway cluster psk
cp "$work/out" one
grep -qxE '[0-9a-f]{64}' one || fail "not a key: $(cat one)"
expect 0 guideway cluster psk
! cmp -s "$work/out" one || fail "the same key again"
expect 0 guideway cluster psk --json
says out '"key": "'
if [ -w /dev/full ]; then
	status=0
	guideway cluster psk >/dev/full 2>"$work/err" || status=$?
	[ "$status" -eq 1 ] || fail "a full disk is no success"
fi

say "in the configuration"
write_conf enabled
sed -i '/seed:/a\  name: site1\n  nodes: [{name: lb1, address: 10.0.0.1}]' "$conf"
expect 0 "$build/agent/guideway-agent" --config "$conf" --check -v
says out '  identity: "'
says out '    - {name: "lb1", address: "10.0.0.1", port: 7411}'
sed -i 's/name: lb1, address/name: lb2, address/' "$conf"
expect 1 "$build/agent/guideway-agent" --config "$conf" --check
says err "nodes must list this node, 'lb1', too"
say "good"
