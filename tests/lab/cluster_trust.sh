#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2119 # without arguments: of all nodes
# Who is let into the cluster, and what those that are not are told; and checks
# that go through the tunnel, which find what others do not.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/bgp.bash"
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/cluster.bash"

# shellcheck disable=SC2034 # for start_lab
lab_options=(--tunnel-checks)
start_lab
config=$run/lb3/guideway.yaml
identity=$run/lb3/identity.pem
cp "$config" "$work/config"
cp "$identity" "$work/identity"

restart_lb3() {
	signal lb3 agent KILL
	wait_until 5 gone lb3 agent
	lab start lb3 agent
}

is_out() { equal "$(view lb1 '.nodes[2].connected')" false; }
# refused WHAT TEXT OTHER-TEXT: lb3 is started as it is now, and not let in.
# Both sides say why: lb1 of lb3, and lb3 of lb1.
refused() {
	restart_lb3
	check "$1: it is not let in" wait_until 10 is_out
	check "... lb1 says why" wait_until 12 trouble lb1 lb3 "$2"
	check "... and lb3 itself" wait_until 12 trouble lb3 lb1 "$3"
	check "... the others agree" wait_until 10 identical lb1 lb2
	cp "$work/config" "$config"
	cp "$work/identity" "$identity"
	chown nobody "$identity"
}

sed -i 's/seed: 0001/seed: 0002/' "$config"
refused "another seed" "cluster.seed" "cluster.seed"

# It has no identity for that, so that it does not even start.
sed -i 's/name: lab/name: other/' "$config"
slay lb3 agent
lab start lb3 agent
check "another cluster's name: the agent does not start" \
    wait_until 5 gone lb3 agent
check "... and says that its identity is of this one" \
    grep -q "identity.pem.*lab" "$run/lb3/agent.log"
cp "$work/config" "$config"
lab start lb3 agent

# Another cluster of the same name.
"$guideway" cluster init --dir "$work/ca" lab >"$work/out"
"$guideway" cluster invite --dir "$work/ca" --out "$work/other.pem" lb3 \
    >"$work/out"
cat "$work/other.pem" >"$identity"
refused "a certificate of another CA" "certificate" "certificate"

# One as `cluster invite` makes it, but that was good in 2020.
expired_identity() {
	local dir=$work/expired
	mkdir -p "$dir/new"
	: >"$dir/index"
	cat >"$dir/config" <<-END
	[ca]
	default_ca = lab
	[lab]
	database = $dir/index
	new_certs_dir = $dir/new
	rand_serial = yes
	default_md = sha256
	policy = any
	x509_extensions = node
	[any]
	commonName = optional
	[node]
	subjectAltName = critical, URI:guideway://lab/lb3
	extendedKeyUsage = serverAuth, clientAuth
	keyUsage = critical, digitalSignature
	basicConstraints = critical, CA:FALSE
	END
	openssl req -new -key "$work/identity" -subj /CN=lb3 \
	    -out "$dir/request"
	openssl ca -batch -notext -config "$dir/config" -in "$dir/request" \
	    -cert "$run/ca/ca.pem" -keyfile "$run/ca/ca.pem" \
	    -startdate 20200101000000Z -enddate 20200201000000Z \
	    -out "$dir/certificate"
	{
		openssl pkey -in "$work/identity"
		cat "$dir/certificate"
		openssl x509 -in "$run/ca/ca.pem"
	} >"$identity"
}
check "an expired certificate is made" expired_identity
refused "an expired certificate" "expired" "expired"

restart_lb3
heals 15 "with its own again it is part of it"

# A file that others may read is refused before anything is at stake.
chmod 644 "$identity"
slay lb3 agent
: >"$run/lb3/agent.log"
lab start lb3 agent
check "an identity that others may read: the agent does not start" \
    wait_until 5 gone lb3 agent
check "... and says which file" grep -q "$identity" "$run/lb3/agent.log"
chmod 600 "$identity"
lab start lb3 agent
heals 15 "the right mode again"

# Checks through the tunnel. ----------------------------------------------------

on be2 ip address del "$vip4/32" dev "$(on be2 ip -j address show |
	jq -r --arg vip "$vip4" '.[] | select(.addr_info[].local == $vip) |
	    .ifname')"
direct() { equal "$(on be2 curl -s --max-time 1 "http://$(addr be2)/")" be2; }
check "be2 answers itself" direct
check "... but lacks the VIP: it is down everywhere" wait_until 10 is_down be2
check "... and traffic avoids it" answer "be1 be3 be4"
lab up >"$work/out" 2>&1 # puts backends in order
check "with the VIP it comes back" wait_until 10 is_up be2
heals 5 "the tables are the same"
finish
