# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The four corners: connections with traffic on them while backends change, while
# nodes come and go, both at once, and neither. Sourced after lib.bash, bgp.bash
# and cluster.bash.
#
# MOVES_TCP, MOVES_UDP: how many are held; MOVES_NEW: new ones a second;
# MOVES_EVERY: ms from an answer to the next request on each.
: "${MOVES_TCP:=500}" "${MOVES_UDP:=200}" "${MOVES_NEW:=50}" "${MOVES_EVERY:=500}"

# Longer than a TCP connection is silent while a node that died is noticed.
settle=8 learn=4
moving_services="web echo"
echo_port=7

# What the lab lacks: more clients, and UDP that gives back what it got.
moves_prepare() {
	local i backend
	client_addresses=()
	for i in {11..18}; do
		ip -n "${GUIDEWAY_LAB_PREFIX}client" address add \
		    "198.51.100.$i/24" dev eth0
		ip -n "${GUIDEWAY_LAB_PREFIX}client" address add \
		    "2001:db8:c::$i/64" dev eth0
		client_addresses+=(-f "198.51.100.$i" -f "2001:db8:c::$i")
	done
	ip netns exec "${GUIDEWAY_LAB_PREFIX}client" sysctl -q -w \
	    net.ipv4.ip_local_port_range='10000 65000'
	for backend in $backends; do
		start_echo "$backend"
	done
	change gw lb1 service set web settle_time=$settle tcp_idle=60 >/dev/null
	change gw lb1 service add echo "vips=$vip4,$vip6" protocol=udp \
	    ports=$echo_port "check=tcp port=80 interval=500 timeout=400" \
	    settle_time=$settle udp_learn=$learn udp_idle=20 \
	    announce_min=0 >/dev/null # it has no backends yet
	for backend in $backends; do
		change gw lb1 backend add echo "$(addr "$backend")" >/dev/null
	done
	# be4 joins in the middle of what follows.
	each_service remove be4 --now
	wait_until 20 prepared
}
prepared() {
	local backend
	for backend in be1 be2 be3; do
		service_health "$backend" up || return 1
	done >/dev/null
	serving "$moving_services" && each all_announced && each stands &&
		goes_over "lb1 lb2 lb3" >/dev/null
}

# Do all nodes serve these, in step?
serving() { identical && each serves_all "$1"; }
serves_all() {
	gw "$2" status --json | jq -e --arg all "$1" \
	    '($all | split(" ")) - [.services[].name] == []' >/dev/null
}

start_echo() {
	ip netns exec "$GUIDEWAY_LAB_PREFIX$1" "$tools/udp_echo" "$1" \
	    "$vip4" $echo_port "$vip6" $echo_port 2>"$work/echo.$1" &
	echo $! >"$work/echo.$1.pid"
}
stop_echo() { kill "$(<"$work/echo.$1.pid")"; }

# each_service COMMAND BACKEND [ARGUMENT...]: of the backend, in all services. By
# way of lb1, whose agent is not restarted in any corner.
# One that a node is too busy to take at once (3) is done all the same.
each_service() {
	local service
	echo "$EPOCHREALTIME: $*" >>"$work/changes"
	for service in $moving_services; do
		gw lb1 backend "$1" "$service" "$(addr "$2")" "${@:3}" \
		    >>"$work/changes" 2>&1 || [ $? = 3 ] ||
			say_last "$@" || return 1
	done
}
say_last() {
	echo "$*: $(tail -n 1 "$work/changes")"
	return 1
}

# figure SERVICE FIELD NODE, and what is made of it.
figure() { gw "$3" service show "$1" --json | jq ".$2"; }
# Where there is a second table.
moving() { [ "$settle" = 0 ] || at_least 1 "$(figure web slots_moving "${1:-lb1}")"; }
stands() { equal "$(figure web slots_moving "$1")" 0 >/dev/null; }

# hold_begin NAME [TCP UDP NEW]: in the background, until hold_end NAME. Each has
# a descriptor, so that nothing has to be polled while it lasts.
declare -A holding_pid=()
hold_begin() {
	local name=$1 tcp=${2:-$MOVES_TCP} udp=${3:-$MOVES_UDP}
	rm -f "$work/held.$name" # of one before, that says "open" already
	ip netns exec "${GUIDEWAY_LAB_PREFIX}client" "$tools/hold" \
	    -i "$MOVES_EVERY" -n "${4:-$MOVES_NEW}" -u "$udp" -p $echo_port \
	    "${client_addresses[@]}" "$tcp" "$vip4" 80 "$vip6" 80 \
	    >"$work/held.$name" 2>&1 &
	holding_pid[$name]=$!
	wait_until 30 grep -qs ^open "$work/held.$name" || {
		echo "$name: not all of them opened"
		kill "${holding_pid[$name]}"
		wait "${holding_pid[$name]}" || true
		hold_report "$name"
		return 1
	}
}

# hold_end NAME [BACKEND...]: none but those of these may have broken, and of the
# new ones no more than `unborn`. The report stays in $work/held.NAME.
hold_end() {
	local name=$1
	shift
	kill "${holding_pid[$name]}"
	wait "${holding_pid[$name]}" || true
	unset "holding_pid[$name]"
	# When, after what, and how old they were.
	grep -v '^[{o]' "$work/held.$name" | tail -n 10 || true
	hold_report "$name"
	equal "$(hold_broken "$name" "$*")" 0 &&
		at_most "$unborn" "$(hold_unborn "$name")"
}
hold_report() { tail -n 1 "$work/held.$1"; }
# Those that were answered once, then not.
hold_broken() {
	hold_report "$1" | jq --arg but "$2" '($but | split(" ") + [""]) as $but |
	    [.broken_of | to_entries[] |
		select(.key as $key | $but | index($key) | not) | .value] |
	    add // 0'
}
# Those that were never answered: sent to a backend that had just died; or begun
# in a slot that moves, in the few milliseconds before the router moved them to a
# node that had not heard of them yet.
hold_unborn() { hold_report "$1" | jq '.broken_of[""] // 0'; }
unborn=0

# The corners: each a row of steps that all have to succeed. ---------------------

# A failure is easier to find when it is known what came before it.
step() { echo "$EPOCHREALTIME: $*" | tee -a "$work/changes"; }

# So long is each state looked at.
pause() { sleep "${MOVES_PAUSE:-1}"; }

planned_backends() {
	each_service drain be1 || return 1
	wait_until 3 moving || return 1
	pause
	each_service add be4 || return 1
	pause
	each_service weight be2 3 || return 1
	each_service enable be1 || return 1
	pause
	each_service drain be2 && each_service weight be2 1 || return 1
	pause
	each_service enable be2 || return 1
	each_service drain be4 || return 1
	pause
	# Its connections were short ones.
	each_service remove be4 --now || return 1
	pause
}

# One that dies takes along its own, and nobody else's; and those that began
# while it was away stay where they are when it comes back.
failing_backend() {
	lab stop be3 nginx
	stop_echo be3
	wait_until 10 service_health be3 down || return 1
	hold_begin meanwhile 100 50 10 || return 1
	start_echo be3
	lab start be3 nginx
	wait_until 10 service_health be3 up || return 1
	pause
	hold_end meanwhile
}
service_health() {
	everywhere web "$1" health "$2" && everywhere echo "$1" health "$2"
}

moves_end() { wait_until $((settle + 15)) each stands; }

drain_nodes() {
	local node
	for node in $nodes; do
		step "drain $node"
		gw "$node" node drain >>"$work/changes" 2>&1 ||
			say_last drain "$node" || return 1
		step "$node is drained"
		pause
		gw "$node" node undrain --wait --timeout 20 \
		    >>"$work/changes" 2>&1 ||
			say_last undrain "$node" || return 1
	done
}

restart() {
	step "restart $*"
	lab stop "$1" "$2" "$3" && lab start "$1" "$2"
	wait_until 15 node_is_back "$1" || { echo "$1: not in sync"; return 1; }
}
node_is_back() { node_in_sync "$1" && all_announced "$1"; }

restart_programs() {
	restart lb1 balancer TERM && restart lb2 agent TERM &&
		restart lb2 balancer KILL && restart lb3 agent KILL
}

# A node of which nothing is left, which comes back.
lose_node() {
	local program
	step "lose $1"
	lab cut "$1"
	for program in agent balancer bird; do
		lab stop "$1" $program KILL
	done
	wait_until 10 goes_without "$1" || { echo "still over $1"; return 1; }
	pause
	step "bring back $1"
	lab mend "$1"
	for program in bird balancer agent; do
		lab start "$1" $program
	done
	wait_until 30 node_is_back "$1" || { echo "$1: not back"; return 1; }
}
goes_without() {
	[[ " $(hops "$vip4") " != *" $1 "* && " $(hops "$vip6") " != *" $1 "* ]]
}

all_nodes() { drain_nodes && restart_programs && lose_node lb3; }

corner_none() {
	hold_begin none || return 1
	sleep "${MOVES_NONE:-5}"
	hold_end none
}

corner_backends() {
	hold_begin backends || return 1
	planned_backends || return 1
	moves_end || { echo "moves do not end"; return 1; }
	failing_backend || return 1
	# For as long as nobody knows that it is dead.
	unborn=$((MOVES_NEW * 2)) hold_end backends be3
}

corner_nodes() {
	moves_end || { echo "moves do not end"; return 1; }
	hold_begin nodes || return 1
	all_nodes || return 1
	hold_end nodes
}

# Backends change for as long as nodes do. Half of the connections begin in slots
# that move already.
corner_both() {
	local changing done=$work/nodes_done bad=0
	rm -f "$done"
	hold_begin before $((MOVES_TCP / 2)) $((MOVES_UDP / 2)) || return 1
	each_service drain be2 || return 1
	each_service weight be1 4 || return 1
	hold_begin amid $((MOVES_TCP / 2)) $((MOVES_UDP / 2)) || return 1
	each_service enable be2 || return 1
	each_service weight be1 1 || return 1
	{
		all_nodes >"$work/both.nodes" 2>&1
		echo $? >"$done"
	} &
	changing=$!
	until [ -e "$done" ]; do
		planned_backends || { echo "backends: failed"; bad=1; break; }
	done
	wait $changing
	cat "$work/both.nodes"
	equal "$(<"$done")" 0 || bad=1
	# Twelve times the router spreads them anew.
	unborn=$((MOVES_NEW / 5)) hold_end before || bad=1
	unborn=$((MOVES_NEW / 5)) hold_end amid || bad=1
	return $bad
}
