/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/cluster_rig.h"

#include <stdio.h>
#include <string.h>

#include "agent/core/core_impl.h"
#include "agent/peer/net.h"
#include "agent/peer/wire.h"
#include "balancer/core/table.h"
#include "tests/unit/unit.h"

#define LATENCY_US 1000
#define SESSIONS   4096
#define FLIGHTS    4096
/* A core that wants to be woken at once, again and again, has gone wild. */
#define SPINS_MAX 300

#define USUAL \
	"services:\n" \
	"- {name: web, vips: [203.0.113.10], protocol: tcp, ports: [80],\n" \
	"   table_size: 256, check: {type: tcp, port: 80},\n" \
	"   backends: [{address: 10.1.0.1}, {address: 10.1.0.2},\n" \
	"              {address: 10.1.0.3}, {address: 10.1.0.4}]}\n"

/* One end of a session. */
struct end {
	int node, other; /* -1: played by the test */
	uint64_t other_id;
	bool open;
	size_t queued; /* bytes under way to the other end */
	bool refused;  /* one, since it was drained */
};

enum flight_kind {
	UP,
	DOWN,
	MESSAGE,
};

/* Something on its way to the end of a session. */
struct flight {
	enum flight_kind kind;
	int64_t at_us;
	uint64_t session;
	bool dialled;
	const char *text;
	uint8_t *bytes;
	size_t len;
};

struct node nodes[NODES];
struct mono rig_now;
int n_nodes;
void (*rig_around)(int, bool);

static struct end ends[SESSIONS]; /* by session */
static uint64_t n_ends;
static struct flight flights[FLIGHTS]; /* in order of time */
static size_t n_flights;
static bool parted[NODES][NODES];
static uint64_t entropy;

static const char *const names[NODES] = {"a", "b", "c"};

void
rig_setup(void)
{
	rig_now = (struct mono){1000000000};
	n_nodes = NODES;
	rig_around = NULL;
	n_ends = 1;
	n_flights = 0;
	entropy = 7;
	memset(parted, 0, sizeof(parted));
	memset(nodes, 0, sizeof(nodes));
	for (int i = 0; i < NODES; i++) {
		struct node *n = &nodes[i];

		n->name = names[i];
		n->balancer = true;
		n->out = core_outputs_new();
		ck_assert_ptr_nonnull(n->out);
		n->kernel = (struct vip_routes){
		    .entries = n->stands, .error = ""};
	}
}

static void
drop_flight(size_t i)
{
	free(flights[i].bytes);
	n_flights--;
	memmove(
	    &flights[i], &flights[i + 1], (n_flights - i) * sizeof(flights[0]));
}

static void
clear_event(struct core_event *e)
{
	balancer_reply_free(e->reply);
	flow_reply_free(e->flow_reply);
	peer_message_free(e->message);
}

void
rig_teardown(void)
{
	for (int i = 0; i < NODES; i++) {
		stop(i);
		core_outputs_free(nodes[i].out);
		ghost_flows_clear(&nodes[i].flows);
		replica_free(nodes[i].disk.replica);
	}
	while (n_flights > 0)
		drop_flight(0);
}

static void
fly(struct flight f)
{
	ck_assert_uint_lt(n_flights, FLIGHTS);
	f.at_us = rig_now.us + LATENCY_US;
	flights[n_flights++] = f;
}

static uint64_t
new_end(int node, int other)
{
	ck_assert_uint_lt(n_ends, SESSIONS);
	ends[n_ends] = (struct end){.node = node, .other = other, .open = true};
	return n_ends++;
}

uint64_t
rig_session(int node)
{
	return new_end(node, -1);
}

static struct core_event *
follow_up(int node, enum core_event_type type)
{
	struct node *n = &nodes[node];

	ck_assert_uint_lt(n->n_queue, RIG_QUEUE);
	n->queue[n->n_queue] = (struct core_event){.type = type};
	return &n->queue[n->n_queue++];
}

/* Sessions. */

static int
node_of(const char *name)
{
	for (int i = 0; i < NODES; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

static void
close_end(uint64_t session)
{
	ends[session].open = false;
	for (size_t i = 0; i < n_flights;)
		if (flights[i].session == session)
			drop_flight(i);
		else
			i++;
}

static void
dial(int node, const struct core_output *o)
{
	int other = node_of(o->node->name);
	uint64_t id, far;
	struct core_event *e;

	nodes[node].dials++;
	if (nodes[node].no_peers_dialled)
		return;
	id = new_end(node, other);
	e = follow_up(node, CORE_PEER_DIALLED);
	e->node = names[other];
	e->session = id;
	if (nodes[other].core == NULL || parted[node][other]) {
		fly((struct flight){
		    .kind = DOWN, .session = id, .text = "refused"});
		return;
	}
	far = new_end(other, node);
	ends[id].other_id = far;
	ends[far].other_id = id;
	fly((struct flight){.kind = UP, .session = id, .dialled = true});
	fly((struct flight){.kind = UP, .session = far});
}

static void
send_message(int node, const struct core_output *o)
{
	struct end *e = &ends[o->session];
	struct flight f = {.kind = MESSAGE, .session = e->other_id};
	size_t max = nodes[node].queue_max;

	nodes[node].told[o->message->kind]++;
	e->refused |= max > 0 && e->queued > max;
	if (nodes[node].crowded && o->message->kind == PEER_FLOW_BATCH) {
		struct core_event *next = follow_up(
		    node, CORE_PEER_FLOWS_DROPPED);

		next->session = o->session;
		next->n = flow_batch_count(&o->message->flow_batch.flows);
		return;
	}
	if (nodes[node].full || e->refused) {
		follow_up(node, CORE_PEER_FULL)->session = o->session;
		return;
	}
	f.bytes = peer_pack(o->message, &f.len);
	ck_assert_ptr_nonnull(f.bytes);
	ck_assert_uint_le(f.len, PEER_FRAME_MAX);
	if (!e->open || e->other == -1 || !ends[f.session].open ||
	    parted[node][e->other] ||
	    (nodes[e->other].drops & BIT(o->message->kind)) != 0) {
		free(f.bytes);
		return;
	}
	e->queued += f.len;
	fly(f);
}

static void
close_session(const struct core_output *o)
{
	struct end *e = &ends[o->session];

	if (!e->open)
		return;
	close_end(o->session);
	if (e->other != -1 && ends[e->other_id].open)
		fly((struct flight){.kind = DOWN,
		    .session = e->other_id,
		    .text = "the other side closed it"});
}

/* What was queued has gone out. */
static void
drain_queue(const struct flight *f)
{
	uint64_t id = ends[f->session].other_id;
	struct end *from = &ends[id];

	from->queued -= f->len;
	if (!from->open || !from->refused ||
	    from->queued > nodes[from->node].queue_max / 4)
		return;
	from->refused = false;
	follow_up(from->node, CORE_PEER_DRAINED)->session = id;
}

static void
land(void)
{
	struct flight f = flights[0];
	struct end *e = &ends[f.session];
	struct core_event event = {.session = f.session, .text = f.text};
	struct errmsg why;

	n_flights--;
	memmove(&flights[0], &flights[1], n_flights * sizeof(flights[0]));
	if (f.kind == MESSAGE)
		drain_queue(&f);
	if (e->open && nodes[e->node].core != NULL) {
		event.type = f.kind == UP ? CORE_PEER_UP
		    : f.kind == DOWN      ? CORE_PEER_DOWN
					  : CORE_PEER_MESSAGE;
		event.node = f.kind == UP ? names[e->other] : "";
		event.dialled = f.dialled;
		if (f.kind == DOWN)
			e->open = false;
		if (f.kind == MESSAGE) {
			ck_assert_msg(
			    peer_unpack(f.bytes, f.len, &event.message, &why) ==
				PEER_UNPACK_OK,
			    "%s", why.text);
			nodes[e->node].heard[event.message->kind]++;
		}
		node_step(e->node, event);
	}
	free(f.bytes);
}

void
cut(int node, int other)
{
	for (uint64_t id = 1; id < n_ends; id++) {
		struct end *e = &ends[id];

		if (!e->open ||
		    !((e->node == node && e->other == other) ||
			(e->node == other && e->other == node)))
			continue;
		close_end(id);
		e->open = true; /* it hears of that */
		fly((struct flight){
		    .kind = DOWN, .session = id, .text = "reset"});
	}
}

void
part(int node, int other, bool apart)
{
	parted[node][other] = parted[other][node] = apart;
}

/* The balancer, the kernel, probes. */

static struct balancer_reply *
reply_new(enum balancer_reply_kind kind, uint64_t id)
{
	struct arena *arena = arena_new();
	struct balancer_reply *r = arena_alloc(arena, 1, sizeof(*r));

	r->arena = arena;
	r->kind = kind;
	r->id = id;
	r->status.version = "1";
	return r;
}

static void
digest_service(const struct forwarding *f, const struct forwarding_service *s,
    uint8_t digest[REPORT_DIGEST_LEN])
{
	struct table_member *m = calloc(s->n_members + 1, sizeof(*m));
	char(*texts)[ADDR_TEXT_MAX] = calloc(s->n_members + 1, sizeof(*texts));
	struct table *t;

	for (size_t i = 0; i < s->n_members; i++)
		m[i] = (struct table_member){
		    .name = addr_format(
			&f->backends[s->members[i].backend], texts[i]),
		    .weight = s->members[i].weight,
		    .phi = s->members[i].phi};
	if (s->n_members > 0) {
		t = table_new(m, s->n_members, s->table_size, f->seed);
		ck_assert_ptr_nonnull(t);
		table_digest(t, NULL, digest);
		table_free(t);
	}
	free(m);
	free(texts);
}

static uint8_t
last_octet(const struct addr *a)
{
	size_t len;
	const uint8_t *bytes = addr_bytes(a, &len);

	return bytes[len - 1];
}

static void
install(int node, const struct core_output *o)
{
	const struct forwarding *f = o->state;
	struct node *n = &nodes[node];
	struct balancer_reply *r = reply_new(BALANCER_INSTALLED, o->id);
	struct report_digest *tables = arena_alloc(
	    r->arena, f->n_services, sizeof(*tables));

	n->generation = f->generation;
	n->n_installs++;
	n->n_serves = 0;
	memset(n->phi, 0, sizeof(n->phi));
	for (size_t i = 0; i < f->n_services; i++) {
		const struct forwarding_service *s = &f->services[i];

		tables[i].service = arena_copy(
		    r->arena, s->name, strlen(s->name));
		digest_service(f, s, tables[i].digest);
		for (size_t j = 0; j < s->n_members; j++)
			n->phi[last_octet(
			    &f->backends[s->members[j].backend])] =
			    s->members[j].phi;
	}
	for (size_t i = 0; i < f->n_backends && i < RIG_OCTETS; i++)
		n->serves[n->n_serves++] = (struct report_backend){
		    .addr = f->backends[i], .interface = "", .resolved = true};
	r->tables = tables;
	r->n_tables = f->n_services;
	follow_up(node, CORE_BALANCER_REPLY)->reply = r;
}

static void
answer_status(int node, const struct core_output *o)
{
	struct node *n = &nodes[node];
	struct balancer_reply *r = reply_new(BALANCER_STATUS, o->id);

	r->status.generation = n->generation;
	r->status.backends = arena_alloc(
	    r->arena, n->n_serves, sizeof(*n->serves));
	memcpy(r->status.backends, n->serves, n->n_serves * sizeof(*n->serves));
	r->status.n_backends = n->n_serves;
	follow_up(node, CORE_BALANCER_REPLY)->reply = r;
}

static void
answer_ping(int node, const struct core_output *o)
{
	struct balancer_reply *r = reply_new(BALANCER_PONG, o->id);

	r->pong = (struct balancer_pong){.device = true,
	    .device_name = "gw0",
	    .device_error = "",
	    .has_settled = true,
	    .generation = nodes[node].generation};
	ghost_flows_digest(&nodes[node].flows, r->pong.settled);
	follow_up(node, CORE_BALANCER_REPLY)->reply = r;
}

static void
dial_flows(int node)
{
	nodes[node].flows.follow_id = 0;
	if (nodes[node].balancer && !nodes[node].flows_refused)
		follow_up(node, CORE_FLOWS_UP);
	else
		follow_up(node, CORE_FLOWS_LOST)->text = "refused";
}

static uint64_t
print_of(int node)
{
	return flows_seed_print(nodes[node].core->plan->state->seed);
}

static void
ask_flows(int node, const struct core_output *o)
{
	struct flow_reply *r;

	if (nodes[node].flows_silent)
		return;
	r = ghost_flows_answer(
	    &nodes[node].flows, print_of(node), o->id, o->flow_request);
	if (o->flow_request->what == FLOW_FOLLOW)
		flow_reply_free(r);
	else
		follow_up(node, CORE_FLOWS_REPLY)->flow_reply = r;
}

void
tell_flows_as(int node, uint8_t flags)
{
	struct flow_reply *r;

	while ((r = ghost_flows_tell(&nodes[node].flows, print_of(node))) !=
	    NULL) {
		for (size_t i = 0; i < r->flows.n_services; i++)
			for (size_t j = 0; j < r->flows.services[i].n_flows;
			     j++)
				r->flows.services[i].flows[j].flags = flags;
		node_step(node,
		    (struct core_event){
			.type = CORE_FLOWS_REPLY, .flow_reply = r});
	}
}

void
tell_flows(int node)
{
	tell_flows_as(node, 0);
}

void
restart_balancer(int node)
{
	ghost_flows_clear(&nodes[node].flows);
	node_step(node,
	    (struct core_event){.type = CORE_FLOWS_LOST, .text = "reset"});
	node_step(node,
	    (struct core_event){.type = CORE_BALANCER_LOST, .text = "reset"});
}

static void
dial_balancer(int node)
{
	if (nodes[node].balancer)
		follow_up(node, CORE_BALANCER_UP);
	else
		follow_up(node, CORE_BALANCER_LOST)->text = "refused";
}

static void
set_routes(int node, const struct core_output *o)
{
	struct node *n = &nodes[node];

	ck_assert_uint_le(o->n_routes, 8);
	if (o->n_routes > 0)
		memcpy(n->stands, o->routes, o->n_routes * sizeof(*o->routes));
	n->kernel.n = o->n_routes;
	follow_up(node, CORE_ROUTES)->routes = &n->kernel;
}

static void
probe(int node, const struct core_output *o)
{
	struct core_event *e;

	if (nodes[node].probes_silent)
		return;
	e = follow_up(node, CORE_PROBE_RESULT);
	e->id = o->id;
	e->result = nodes[node].sees[last_octet(&o->probe.backend)];
	e->text = "no answer";
}

/* The disk. */

static void
persist(int node, const struct core_output *o)
{
	struct node *n = &nodes[node];

	ck_assert_msg(n->writing.replica == NULL, "two writes at once");
	n->writing = *o->state_file;
	n->writing.replica = replica_copy(o->state_file->replica);
	ck_assert_ptr_nonnull(n->writing.replica);
	if (!n->disk_slow)
		disk_done(node, n->disk_error);
}

void
disk_done(int node, const char *error)
{
	struct node *n = &nodes[node];

	ck_assert_msg(n->writing.replica != NULL, "nothing is written");
	if (error == NULL) {
		replica_free(n->disk.replica);
		n->disk = n->writing;
		n->n_writes++;
	} else {
		replica_free(n->writing.replica);
	}
	n->writing.replica = NULL;
	follow_up(node, CORE_PERSISTED)->text = error;
}

/* What comes of a step. */

static void
keep_log(struct node *n, const struct core_output *o)
{
	if (n->n_logs == RIG_LOGS)
		return;
	n->levels[n->n_logs] = o->level;
	snprintf(n->logs[n->n_logs++], RIG_TEXT, "%.250s", o->text.text);
	if (getenv("RIG_VERBOSE") != NULL)
		fprintf(stderr, "%8.3f %s %d %s\n",
		    (double)(rig_now.us - 1000000000) / 1e6, n->name, o->level,
		    o->text.text);
}

static void
keep_reply(struct node *n, const struct core_output *o)
{
	const struct control_outcome *c = &o->reply.outcome;
	size_t len = 0;

	n->client = o->client;
	n->reply = o->reply;
	n->n_replies++;
	snprintf(n->error, sizeof(n->error), "%s",
	    o->reply.error != NULL ? o->reply.error : "");
	n->held = (struct flow_held){0};
	n->held_known = n->held_nodes = 0;
	for (size_t i = 0;
	     o->reply.kind == CONTROL_HELD && i < o->reply.held.n_nodes; i++) {
		const struct control_held_node *h = &o->reply.held.nodes[i];

		n->held_nodes++;
		n->held_known += h->known;
		if (h->held.entries > n->held.entries)
			n->held.entries = h->held.entries;
		if (h->held.slots > n->held.slots)
			n->held.slots = h->held.slots;
	}
	n->missing[0] = '\0';
	for (size_t i = 0; i < c->n_missing; i++)
		len += (size_t)snprintf(n->missing + len,
		    sizeof(n->missing) - len, "%s%s: %s", i > 0 ? "; " : "",
		    c->missing[i].node, c->missing[i].why);
}

static void
carry_out(int node, const struct core_output *o)
{
	switch (o->type) {
	case CORE_DIAL:
		dial_balancer(node);
		break;
	case CORE_INSTALL:
		install(node, o);
		break;
	case CORE_ASK_STATUS:
		answer_status(node, o);
		break;
	case CORE_PING:
		answer_ping(node, o);
		break;
	case CORE_PERSIST:
		persist(node, o);
		break;
	case CORE_SET_ROUTES:
		set_routes(node, o);
		break;
	case CORE_PEER_DIAL:
		dial(node, o);
		break;
	case CORE_PEER_SEND:
		send_message(node, o);
		break;
	case CORE_PEER_CLOSE:
		close_session(o);
		break;
	case CORE_PROBE_START:
		probe(node, o);
		break;
	case CORE_FLOWS_DIAL:
		dial_flows(node);
		break;
	case CORE_FLOWS_ASK:
		ask_flows(node, o);
		break;
	case CORE_REPLY:
		keep_reply(&nodes[node], o);
		break;
	case CORE_LOG:
		keep_log(&nodes[node], o);
		break;
	case CORE_HANGUP:
	case CORE_FLOWS_HANGUP:
	case CORE_ASK_TRACE:
	case CORE_ASK_BIRD:
	case CORE_PEER_TRUST:
	case CORE_PROBE_CANCEL:
		break;
	}
}

void
node_step(int node, struct core_event event)
{
	struct node *n = &nodes[node];

	event.wall_ms = (uint64_t)(RIG_WALL_MS + rig_now.us / 1000 +
	    n->wall_ms);
	if (rig_around != NULL)
		rig_around(node, true);
	core_step(n->core, rig_now, &event, n->out);
	if (rig_around != NULL)
		rig_around(node, false);
	for (size_t i = 0; i < n->out->n; i++)
		carry_out(node, &n->out->items[i]);
}

void
node_event(int node, enum core_event_type type)
{
	node_step(node, (struct core_event){.type = type});
}

/* Time. */

static bool
do_queued(void)
{
	for (int i = 0; i < NODES; i++) {
		struct node *n = &nodes[i];
		struct core_event e;

		if (n->n_queue == 0)
			continue;
		e = n->queue[0];
		n->n_queue--;
		memmove(&n->queue[0], &n->queue[1],
		    n->n_queue * sizeof(n->queue[0]));
		node_step(i, e);
		return true;
	}
	return false;
}

/* The next node that wants to be woken; -1: none runs. */
static int
next_awake(struct mono *at)
{
	int next = -1;

	*at = (struct mono){INT64_MAX};
	for (int i = 0; i < NODES; i++) {
		struct mono t;

		if (nodes[i].core == NULL)
			continue;
		t = core_wakeup(nodes[i].core);
		if (next == -1 || t.us < at->us) {
			next = i;
			*at = t;
		}
	}
	return next;
}

/* Something happens, no later than `end`. false: nothing does. */
static bool
go_on(struct mono end)
{
	static int spins;
	struct mono at;
	int node;

	if (do_queued())
		return true;
	node = next_awake(&at);
	if (n_flights > 0 && flights[0].at_us <= at.us &&
	    flights[0].at_us <= end.us) {
		if (flights[0].at_us > rig_now.us)
			rig_now.us = flights[0].at_us;
		land();
		return true;
	}
	if (node == -1 || at.us > end.us)
		return false;
	spins = at.us > rig_now.us ? 0 : spins + 1;
	ck_assert_msg(spins < SPINS_MAX, "%s does not rest", nodes[node].name);
	if (at.us > rig_now.us)
		rig_now = at;
	node_event(node, CORE_TICK);
	return true;
}

void
run(int64_t ms)
{
	struct mono end = {rig_now.us + ms * 1000};

	while (go_on(end))
		;
	if (end.us > rig_now.us)
		rig_now = end;
}

bool
run_until(bool (*so)(void), int64_t ms)
{
	struct mono end = {rig_now.us + ms * 1000};

	while (!so())
		if (!go_on(end)) {
			rig_now = end;
			return so();
		}
	return true;
}

/* Lives. */

struct conf *
rig_conf(int node)
{
	char text[8192], list[512] = "";
	const struct node *n = &nodes[node];
	struct errmsg why;
	struct conf *conf;
	size_t len = 0;

	for (int i = 0; i < n_nodes; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len,
		    "%s{name: %s, address: 127.0.0.%d}", i > 0 ? ", " : "",
		    names[i], i + 1);
	snprintf(text, sizeof(text),
	    "node: {name: %s, user: nobody}\n"
	    "balancer: {interfaces: [{name: eth0}], "
	    "encap_source: [10.9.0.%d/32]}\n"
	    "cluster: {seed: 000102030405060708090a0b0c0d0e0f, name: prod,\n"
	    "  insecure: true, share_flows: %s, nodes: [%s]}\n%s%s",
	    n->name, node + 1, n->unshared ? "false" : "true", list,
	    n->extra != NULL ? n->extra : "",
	    n->services != NULL ? n->services : USUAL);
	conf = conf_parse("test.yaml", text, strlen(text), &why);
	ck_assert_msg(conf != NULL, "%s", why.text);
	return conf;
}

void
start(int node)
{
	struct node *n = &nodes[node];
	struct core_state state = n->disk;

	ck_assert_ptr_null(n->core);
	n->core = core_new(rig_now, entropy++);
	ck_assert_ptr_nonnull(n->core);
	n->generation = 0;
	node_step(node,
	    (struct core_event){
		.type = CORE_CONFIG_LOADED, .conf = rig_conf(node)});
	if (state.replica != NULL) {
		state.replica = replica_copy(state.replica);
		ck_assert_ptr_nonnull(state.replica);
	}
	n->kernel.device = n->balancer;
	n->kernel.ifindex = 7;
	node_step(node,
	    (struct core_event){.type = CORE_STATE_LOADED, .state = &state});
	follow_up(node, CORE_ROUTES)->routes = &n->kernel;
}

void
start_all(void)
{
	for (int i = 0; i < n_nodes; i++)
		start(i);
}

void
stop(int node)
{
	struct node *n = &nodes[node];

	for (size_t i = 0; i < n->n_queue; i++)
		clear_event(&n->queue[i]);
	n->n_queue = 0;
	for (uint64_t id = 1; id < n_ends; id++)
		if (ends[id].open && ends[id].node == node) {
			close_end(id);
			if (ends[id].other != -1 &&
			    ends[ends[id].other_id].open)
				fly((struct flight){.kind = DOWN,
				    .session = ends[id].other_id,
				    .text = "reset"});
		}
	core_outputs_clear(n->out);
	core_free(n->core);
	n->core = NULL;
	replica_free(n->writing.replica);
	n->writing.replica = NULL;
}

void
settled(void)
{
	start_all();
	run(12000);
	for (int i = 0; i < n_nodes; i++) {
		ck_assert_msg(in_step(i), "%s is not in step: %s",
		    nodes[i].name, shown(i)->waiting);
		ck_assert_msg(
		    announces(i), "%s does not announce", nodes[i].name);
	}
	ck_assert(all_identical());
	forget_logs();
}

void
ask_held(int node, uint64_t client, const char *backend)
{
	struct core_event e = {.type = CORE_COMMAND, .client = client};

	e.request.kind = CONTROL_HELD;
	strcpy(e.request.service, "web");
	addr_parse(&e.request.backend, backend);
	node_step(node, e);
}
