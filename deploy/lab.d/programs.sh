# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What runs on the hosts. Each program has $RUN/HOST/PROGRAM.pid and .log.
# Wants: builddir, or an up lab, which remembers it.

WEB_PORT=80
UDP_PORT=5353
LARGE_MB=24 # the file /large on every backend

programs_of() {
	case $1 in
	router)
		case $(router_kind) in
		frr) echo zebra bfdd bgpd ;;
		*) echo bird ;;
		esac
		;;
	mon) echo gobgpd ;;
	lb*) echo bird balancer agent ;;
	be*) echo nginx ;;
	esac
}

lab_builddir() { cat "$RUN/build"; }

# shellcheck disable=SC2034 # command is the caller's
program_command() {
	local config=$RUN/$1/guideway.yaml build frr=$RUN/$1/frr
	build=$(lab_builddir)
	[[ " $(programs_of "$1") " = *" $2 "* ]] ||
		die "no program '$2'; $1 has: $(programs_of "$1")"
	case $2 in
	nginx) command=(nginx -c "$RUN/$1/nginx.conf") ;;
	balancer)
		command=("$build/balancer/guideway-balancer" --config "$config") ;;
	agent) command=("$build/agent/guideway-agent" --config "$config") ;;
	# Its socket is for the group of the user that the agent becomes.
	bird)
		command=(bird -f -u bird -g nogroup -c "$RUN/$1/bird.conf"
		    -s "$RUN/$1/bird.ctl") ;;
	gobgpd) command=(gobgpd -f "$RUN/$1/gobgpd.toml" --log-plain) ;;
	zebra | bgpd | bfdd)
		command=("/usr/lib/frr/$2" -f /dev/null -i "$frr/$2.pid"
		    -z "$frr/zserv.api" --vty_socket "$frr" -P 0
		    --log stdout)
		[ "$2" != bfdd ] || command+=(--bfdctl "$frr/bfdd.sock")
		;;
	esac
}

# The pid of a program, nothing when it does not run. A number that was given
# to another process since is told by its namespace.
program_pid() {
	local pid ns
	{ read -r pid <"$RUN/$1/$2.pid"; } 2>/dev/null || return 0
	ns=$(stat -Lc %i "/run/netns/$PREFIX$1" 2>/dev/null) || return 0
	[ "$(stat -Lc %i "/proc/$pid/ns/net" 2>/dev/null)" = "$ns" ] ||
		return 0
	echo "$pid"
}

program_start() {
	local host=$1 program=$2 command
	host_known "$host"
	program_command "$host" "$program"
	[ -z "$(program_pid "$host" "$program")" ] || return 0
	setsid ip netns exec "$PREFIX$host" "${command[@]}" \
	    </dev/null >>"$RUN/$host/$program.log" 2>&1 9>&- &
	echo $! >"$RUN/$host/$program.pid"
	wait_for 30 "$program on $host to begin" program_began "$host" $!
	case $program in
	# The others would try again only after 10 s.
	zebra) wait_for 30 zebra test -S "$RUN/router/frr/zserv.api" ;;
	bgpd) frr_configure ||
		die "FRR does not take its configuration: $RUN/router/vtysh.log" ;;
	esac
}

# Is it in its namespace, or has it ended already? (A zombie has no exe.)
program_began() {
	! readlink "/proc/$2/exe" >/dev/null ||
		[ "$(stat -Lc %i "/proc/$2/ns/net" 2>/dev/null)" = \
		    "$(stat -Lc %i "/run/netns/$PREFIX$1")" ]
}

program_signal() {
	local host=$1 program=$2 signal=$3 pid command
	host_known "$host"
	program_command "$host" "$program"
	pid=$(program_pid "$host" "$program")
	[ -n "$pid" ] || die "$program does not run on $host"
	kill -"$signal" "$pid"
}

program_stop() {
	program_signal "$1" "$2" "$3"
	wait_for 10 "$2 on $1 to end" program_ended "$1" "$2"
}

program_ended() { [ -z "$(program_pid "$1" "$2")" ]; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
	local deadline=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		if [ $SECONDS -ge "$deadline" ]; then
			echo "lab: waited in vain for $what" >&2
			return 1
		fi
		sleep 0.05
	done
}

programs_up() {
	local host program
	for host in "${BACKENDS[@]}"; do
		[ -e "$RUN/$host/nginx.conf" ] || backend_files "$host"
		backend_accept "$host"
	done
	! is_cluster || cluster_identities
	for host in "${NODES[@]}"; do
		[ -e "$RUN/$host/guideway.yaml" ] || node_files "$host"
		[ -e "$RUN/$host/bird.conf" ] || bgp_node_files "$host"
	done
	[ -e "$RUN/router/bird.conf" ] || bgp_router_files
	[ -e "$RUN/mon/gobgpd.toml" ] || bgp_mon_files
	echo "lab: programs"
	for host in "${HOSTS[@]}"; do
		for program in $(programs_of "$host"); do
			program_start "$host" "$program"
		done
	done
	for host in "${BACKENDS[@]}"; do
		program_wait "$host" nginx backend_answers "$host"
	done
	for host in "${NODES[@]}"; do
		program_wait "$host" balancer node_ready "$host"
	done
	# Who drained a node, or routes by hand, knows what is announced; and who
	# cut one off, what it hears.
	[ ! -e "$RUN/announced" ] || return 0
	! is_cluster || program_wait lb1 agent cluster_settled
	program_wait router "$(router_kind)" bgp_spreads
	touch "$RUN/announced"
}

# A program that does not come up says why in its log.
program_wait() {
	local host=$1 program=$2
	shift 2
	wait_for 60 "$program on $host" "$@" 2>/dev/null && return
	tail -n 5 "$RUN/$host"/*.log >&2
	die "$host: $program does not come up (its log is above)"
}

# The host takes GRE from the nodes for the VIPs, as a real backend does.
backend_accept() {
	local host=$1 node from=()
	for node in "${NODES[@]}"; do
		from+=(--from "$(addr4 "$node")" --from "$(addr6 "$node")")
	done
	host_do "$host" "$(lab_builddir)/deploy/backend/guideway-backend" up \
	    --dev eth0 --vip "$VIP4" --vip "$VIP6" "${from[@]}" \
	    --mss "$MSS" --state-dir "$RUN/$host/backend" \
	    >>"$RUN/$host/backend.log" 2>&1 9>&- && return
	tail -n 5 "$RUN/$host/backend.log" >&2
	die "$host: guideway-backend failed"
}

backend_answers() {
	[ "$(host_do "$1" curl -s --max-time 1 \
	    "http://$(addr4 "$1"):$WEB_PORT/")" = "$1" ]
}

backend_files() {
	local host=$1 dir=$RUN/$1
	mkdir -p "$dir/www" "$dir/upload" "$dir/temp"
	head -c "${LARGE_MB}M" /dev/urandom >"$dir/www/large"
	chown www-data: "$dir/upload" "$dir/temp"
	cat >"$dir/nginx.conf" <<-END
	daemon off;
	user www-data;
	worker_processes 1;
	pid $dir/nginx.own.pid;
	error_log $dir/nginx.log;
	load_module /usr/lib/nginx/modules/ngx_stream_module.so;
	worker_rlimit_nofile 65536;
	events { worker_connections 32768; }
	http {
		access_log off;
		keepalive_requests 1000000;
		keepalive_timeout 600s;
		default_type application/octet-stream;
		client_max_body_size 0;
		client_body_temp_path $dir/temp/body;
		proxy_temp_path $dir/temp/proxy;
		fastcgi_temp_path $dir/temp/fastcgi;
		uwsgi_temp_path $dir/temp/uwsgi;
		scgi_temp_path $dir/temp/scgi;
		server {
			listen $WEB_PORT reuseport;
			listen [::]:$WEB_PORT reuseport;
			add_header X-Backend $host always;
			location = / {
				default_type text/plain;
				return 200 "$host\n";
			}
			location = /echo {
				default_type text/plain;
				return 200 "$host \$args\n";
			}
			location /large { root $dir/www; }
			location /upload/ {
				root $dir;
				dav_methods PUT DELETE;
			}
		}
	}
	stream {
		server {
			listen $UDP_PORT udp reuseport;
			listen [::]:$UDP_PORT udp reuseport;
			return "$host\n";
		}
	}
	END
}

# The services of the lab, the same on every node: in a cluster, what it begins
# with. Half of the backends are named by their IPv4 address, half by IPv6, so
# that all four ways to put one version into the other are used.
node_files() {
	local host=$1 dir=$RUN/$1
	mkdir -p "$dir/run" "$dir/state" "$dir/bpf"
	chown nobody "$dir/state"
	# Here, since each program on a host has mounts of its own.
	mountpoint -q "$dir/bpf" || mount -t bpf bpf "$dir/bpf"
	cat >"$dir/guideway.yaml" <<-END
	node:
	  name: $host
	  run_dir: $dir/run
	  state_dir: $dir/state
	  user: nobody
	announce:
	  bird: $dir/bird.ctl
	  drain_quiet: 2
	$(cluster_conf "$host")
	balancer:
	  interfaces:
	    - name: eth0
	      driver: $(<"$RUN/driver")
	  bpf_dir: $dir/bpf
	services:
	  - name: web
	    vips: [$VIP4, "$VIP6"]
	    protocol: tcp
	    ports: [$WEB_PORT]
	$(cluster_check "type: http")
	    backends:
	$(node_backends)
	  - name: who
	    vips: [$VIP4, "$VIP6"]
	    protocol: udp
	    ports: [$UDP_PORT]
	$(cluster_check "type: tcp, port: $WEB_PORT")
	    backends:
	$(node_backends)
	END
}

node_backends() {
	local host
	for host in "${BACKENDS[@]}"; do
		echo "      - address: \"$(tunnel_addr "$host")\""
	done
}

# Where the tunnel to a backend ends.
tunnel_addr() {
	case $1 in
	be1 | be2) addr4 "$1" ;;
	*) addr6 "$1" ;;
	esac
}

# guideway NODE ARGUMENT...: the operator's command, on a node.
guideway() {
	local host=$1
	shift
	host_do "$host" "$(lab_builddir)/agent/guideway" "$@" \
	    --socket "$RUN/$host/run/agent.sock"
}

# Ready: it serves what its agent computed, and knows the way to each backend.
node_ready() {
	[ "$(guideway "$1" status --json 2>/dev/null |
		jq -r .balancer.in_sync)" = true ] &&
		[ "$(guideway "$1" service show web --json 2>/dev/null |
			jq -r '.members | all(.resolved)')" = true ]
}
