/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's core: its dialogue with the balancer, and operators' commands. */
#include "config.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/core_rig.h"
#include "tests/unit/unit.h"

START_TEST(connects_and_installs)
{
	const struct control_reply *r;

	load("enabled", true);
	need(CORE_DIAL);
	none(CORE_INSTALL);
	event(CORE_BALANCER_UP);
	ck_assert_uint_eq(need(CORE_INSTALL)->state->n_services, 2);
	ck_assert_uint_eq(need(CORE_INSTALL)->state->generation, 1);
	reply(installed(HONEST));
	ck_assert(!alarmed());
	none(CORE_INSTALL);
	r = status();
	ck_assert(r->node.balancer_connected);
	ck_assert(r->node.in_sync);
	ck_assert_str_eq(r->node.balancer_error, "");
	ck_assert_uint_eq(r->n_services, 2);
	ck_assert_mem_eq(r->services[0].digest, r->services[0].installed, 16);
}
END_TEST

START_TEST(nothing_configured_installs_nothing)
{
	event(CORE_TICK);
	connect_balancer();
	none(CORE_INSTALL);
	load("enabled", false);
	need(CORE_INSTALL);
}
END_TEST

START_TEST(each_change_is_sent_whole)
{
	settle();
	load("draining", false);
	ck_assert_uint_eq(need(CORE_INSTALL)->state->n_services, 1);
	ck_assert_uint_eq(need(CORE_INSTALL)->state->generation, 2);
	ck_assert_uint_eq(
	    need(CORE_INSTALL)->state->services[0].members[1].phi, 0);
	reply(installed(HONEST));
	ck_assert(!alarmed());
	load("enabled", true);
	reply(installed(HONEST));
	ck_assert(!alarmed());
}
END_TEST

/* A change of intent patches the tables that are there: of members whose
 * numbers in the table are not their positions, too. */
START_TEST(patched_tables_are_those_computed_afresh)
{
	static const char *const states[] = {
	    "draining", "enabled", "disabled", "draining", "enabled"};

	settle();
	for (size_t i = 0; i < 5; i++) {
		load(states[i], true);
		reply(installed(HONEST));
		ck_assert(!alarmed());
		none(CORE_INSTALL);
	}
}
END_TEST

START_TEST(older_install_is_not_judged)
{
	struct balancer_reply *first, *second;

	settle();
	load("draining", true);
	first = installed(WRONG_DIGEST);
	load("disabled", true);
	second = installed(HONEST);
	reply(first);
	ck_assert(!alarmed());
	reply(second);
	ck_assert(!alarmed());
	ck_assert(status()->node.in_sync == false); /* answers generation 1 */
}
END_TEST

START_TEST(refused)
{
	const struct control_reply *r;

	load("enabled", true);
	connect_balancer();
	last_install = need(CORE_INSTALL)->id;
	reply(reply_new(BALANCER_REFUSED, last_install));
	ck_assert(alarmed());
	none(CORE_INSTALL);
	r = status();
	ck_assert(!r->node.in_sync);
	ck_assert_str_eq(r->node.balancer_error, "refused: no room");
	/* Again after a pause, which grows. */
	ck_assert(!wait_for(CORE_INSTALL, 900));
	ck_assert(wait_for(CORE_INSTALL, 200));
	reply(reply_new(BALANCER_REFUSED, last_install));
	ck_assert(!wait_for(CORE_INSTALL, 1900));
	ck_assert(wait_for(CORE_INSTALL, 200));
	reply(reply_new(BALANCER_REFUSED, last_install));
	/* A new configuration does not wait. */
	load("disabled", true);
	reply(installed(HONEST));
	ck_assert(!alarmed());
}
END_TEST

/* Asked again as soon as there is room, and not before. */
START_TEST(put_off_until_there_is_room)
{
	load("enabled", true);
	connect_balancer();
	put_off();
	ck_assert(!alarmed());
	ck_assert_str_eq(status()->node.balancer_error,
	    "it puts the last change off: it makes room, or is replaced");
	ck_assert(!wait_for(CORE_INSTALL, 20000));
	pong.puts_off = false;
	ck_assert(wait_for(CORE_INSTALL, 200));
	reply(installed(HONEST));
	ck_assert(status()->node.in_sync);
	ck_assert(!wait_for(CORE_INSTALL, 1000));
}
END_TEST

/* Whatever comes first: another plan, another balancer, a refusal (0 to 2), or
 * no room in half a minute (3). */
START_TEST(put_off_no_more)
{
	load("enabled", true);
	connect_balancer();
	put_off();
	if (_i == 0) {
		load("disabled", true);
		ck_assert_ptr_nonnull(find(CORE_INSTALL, 0));
		reply(installed(HONEST));
		ck_assert(!alarmed());
	} else if (_i == 1) {
		lost("it closed the connection");
		connect_balancer();
		reply(installed(HONEST));
		ck_assert(status()->node.in_sync);
	} else if (_i == 2) {
		pong.puts_off = false;
		ck_assert(wait_for(CORE_INSTALL, 200));
		reply(reply_new(BALANCER_REFUSED, last_install));
		ck_assert(alarmed());
		ck_assert(wait_for(CORE_INSTALL, 1200));
	} else {
		ck_assert(!wait_for(CORE_INSTALL, 29900));
		ck_assert(wait_for(CORE_INSTALL, 1300));
	}
	pong.puts_off = false;
	ck_assert(_i > 1 || !wait_for(CORE_INSTALL, 1000));
}
END_TEST

static const enum lie lies[] = {WRONG_DIGEST, MISSING, TWICE};

START_TEST(wrong_digests)
{
	const struct control_reply *r;

	load("enabled", true);
	connect_balancer();
	reply(installed(lies[_i]));
	ck_assert(alarmed());
	need(CORE_INSTALL); /* at once ... */
	reply(installed(lies[_i]));
	ck_assert(alarmed());
	none(CORE_INSTALL); /* ... then not in a loop */
	r = status();
	ck_assert(!r->node.in_sync);
	ck_assert_ptr_nonnull(strstr(r->node.balancer_error, "serve"));
	ck_assert(wait_for(CORE_INSTALL, 1100));
	reply(installed(HONEST));
	ck_assert(status()->node.in_sync);
}
END_TEST

/* The audit reads back; what is served has changed behind our back. */
START_TEST(audit)
{
	struct balancer_reply *r;
	bool audited = false;

	settle();
	while (!audited) {
		ck_assert(wait_for(CORE_ASK_STATUS, 61000));
		audited = need(CORE_ASK_STATUS)->read_back;
		if (!audited)
			answer_status(1);
	}
	ck_assert(audited);
	r = reply_new(BALANCER_STATUS, need(CORE_ASK_STATUS)->id);
	reply(r);
	ck_assert(alarmed()); /* it says nothing of any table */
	reply(installed(HONEST));
	ck_assert(status()->node.in_sync);
}
END_TEST

START_TEST(another_generation_is_served)
{
	settle();
	ck_assert(wait_for(CORE_ASK_STATUS, 6000));
	answer_status(8);
	ck_assert(alarmed());
	reply(installed(HONEST));
	ck_assert(status()->node.in_sync);
}
END_TEST

START_TEST(another_generation_in_a_pong)
{
	settle();
	pong.generation = 8;
	ck_assert(wait_for(CORE_INSTALL, 300));
	ck_assert(alarmed());
	pong.generation = 0;
	reply(installed(HONEST));
	ck_assert(status()->node.in_sync);
}
END_TEST

START_TEST(reload_failed)
{
	const struct control_reply *r;

	settle();
	step((struct core_event){
	    .type = CORE_CONFIG_FAILED, .text = "test.yaml:3:1: bad"});
	ck_assert(alarmed());
	none(CORE_INSTALL);
	r = status();
	ck_assert_str_eq(r->node.config_error, "test.yaml:3:1: bad");
	ck_assert(r->node.in_sync);
	ck_assert_uint_eq(r->n_services, 2);
	load("enabled", true);
	reply(installed(HONEST));
	command(1, CONTROL_STATUS, "");
	answer_status(2);
	ck_assert_str_eq(need(CORE_REPLY)->reply.node.config_error, "");
}
END_TEST

/* A first configuration that fails leaves nothing, and harms nothing. */
START_TEST(first_load_failed)
{
	step((struct core_event){
	    .type = CORE_CONFIG_FAILED, .text = "test.yaml: gone"});
	ck_assert_ptr_null(core_conf(core));
	lost("no such file");
	ck_assert_uint_eq(status()->n_services, 0);
	command(1, CONTROL_SERVICE, "web");
	ck_assert_int_eq(need(CORE_REPLY)->reply.kind, CONTROL_ERROR);
}
END_TEST

/* Lost while dialling (0), with the install in flight (1), refused (2), in sync
 * (3), with a status asked (4), with a trace asked (5). */
START_TEST(lost_at_each_point)
{
	const struct control_reply *r;

	load("enabled", true);
	need(CORE_DIAL);
	if (_i >= 1)
		event(CORE_BALANCER_UP);
	if (_i == 2)
		reply(reply_new(BALANCER_REFUSED, last_install));
	if (_i >= 3)
		reply(installed(HONEST));
	if (_i == 4)
		command(1, CONTROL_STATUS, "");
	if (_i == 5)
		command(1, CONTROL_TRACE, "");
	none(CORE_REPLY);
	lost("it went away");
	none(CORE_HANGUP);
	if (_i == 4) {
		ck_assert_int_eq(need(CORE_REPLY)->reply.kind, CONTROL_STATUS);
		ck_assert(!need(CORE_REPLY)->reply.node.balancer_connected);
	} else if (_i == 5) {
		ck_assert_int_eq(need(CORE_REPLY)->reply.kind, CONTROL_ERROR);
		ck_assert_ptr_nonnull(
		    strstr(need(CORE_REPLY)->reply.error, "it went away"));
	} else {
		none(CORE_REPLY);
	}
	r = status();
	ck_assert(!r->node.balancer_connected);
	ck_assert(!r->node.in_sync);
	ck_assert(!r->services[0].has_installed);
	ck_assert_str_eq(r->node.balancer_error, "it went away");
	connect_balancer();
	reply(installed(HONEST));
	ck_assert(status()->node.in_sync);
}
END_TEST

START_TEST(dials_with_growing_pauses)
{
	int64_t pauses[8];
	struct mono before;

	load("enabled", true);
	need(CORE_DIAL);
	for (int i = 0; i < 8; i++) {
		lost("no such file");
		ck_assert(i > 0 || find(CORE_LOG, 0) != NULL);
		ck_assert(i == 0 || find(CORE_LOG, 0) == NULL); /* said once */
		before = now;
		ck_assert(wait_for(CORE_DIAL, 3000));
		pauses[i] = (now.us - before.us) / 1000;
	}
	ck_assert_int_ge(pauses[0], 50);
	ck_assert_int_le(pauses[0], 100);
	ck_assert_int_ge(pauses[7], 1000);
	ck_assert_int_le(pauses[7], 2000);
	/* One that accepts and says nothing earns no quick dials. */
	event(CORE_BALANCER_UP);
	lost("it closed the connection");
	before = now;
	ck_assert(wait_for(CORE_DIAL, 3000));
	ck_assert_int_ge((now.us - before.us) / 1000, 1000);
	/* One that answers does. */
	event(CORE_BALANCER_UP);
	reply(installed(HONEST));
	lost("it closed the connection");
	before = now;
	ck_assert(wait_for(CORE_DIAL, 3000));
	ck_assert_int_le((now.us - before.us) / 1000, 100);
}
END_TEST

START_TEST(silence_is_hung_up_on)
{
	settle();
	mute = true; /* a ping is on its way */
	ck_assert(!wait_for(CORE_HANGUP, 1990));
	ck_assert(wait_for(CORE_HANGUP, 20));
	ck_assert_ptr_nonnull(
	    strstr(status()->node.balancer_error, "silent for 2.0 s"));
	mute = false;
	connect_balancer();
	reply(installed(HONEST));
	ck_assert(status()->node.in_sync);
}
END_TEST

/* Another id (0), another kind (1), nothing asked at all (2). */
START_TEST(answers_to_nothing_asked)
{
	struct balancer_reply *r;
	uint64_t id;

	settle();
	id = 1000;
	if (_i < 2) {
		command(1, CONTROL_TRACE, "");
		id = need(CORE_ASK_TRACE)->id + (_i == 0);
	}
	r = reply_new(_i == 0 ? BALANCER_TRACE : BALANCER_STATUS, id);
	reply(r);
	need(CORE_HANGUP);
	ck_assert_int_eq(find(CORE_REPLY, 0) != NULL, _i < 2);
}
END_TEST

/* A reply that was read before the connection went. */
START_TEST(late_reply_is_ignored)
{
	struct balancer_reply *r;

	settle();
	command(1, CONTROL_TRACE, "");
	r = reply_new(BALANCER_TRACE, need(CORE_ASK_TRACE)->id);
	lost("gone");
	reply(r);
	none(CORE_REPLY);
	none(CORE_HANGUP);
}
END_TEST

START_TEST(trace_is_relayed_and_answered_once)
{
	const struct core_output *o;
	uint64_t first, second;

	settle();
	command(1, CONTROL_TRACE, "");
	o = need(CORE_ASK_TRACE);
	ck_assert_uint_eq(o->trace.protocol, IPPROTO_TCP);
	first = o->id;
	command(2, CONTROL_TRACE, "");
	second = need(CORE_ASK_TRACE)->id;
	reply(reply_new(BALANCER_TRACE, first));
	o = need(CORE_REPLY);
	ck_assert_uint_eq(o->client, 1);
	ck_assert_int_eq(o->reply.kind, CONTROL_TRACE);
	ck_assert_str_eq(o->reply.trace.reason, "drop_no_service");
	reply(reply_new(BALANCER_REFUSED, second));
	o = need(CORE_REPLY);
	ck_assert_uint_eq(o->client, 2);
	ck_assert_int_eq(o->reply.kind, CONTROL_ERROR);
	ck_assert_str_eq(o->reply.error, "no room");
	ck_assert(!wait_for(CORE_REPLY, 3000));
}
END_TEST

START_TEST(client_gone_gets_nothing)
{
	uint64_t first, second;

	settle();
	command(1, CONTROL_TRACE, "");
	first = need(CORE_ASK_TRACE)->id;
	command(2, CONTROL_TRACE, "");
	second = need(CORE_ASK_TRACE)->id;
	step((struct core_event){.type = CORE_CLIENT_GONE, .client = 1});
	step((struct core_event){.type = CORE_CLIENT_GONE, .client = 77});
	reply(reply_new(BALANCER_TRACE, first));
	none(CORE_REPLY);
	none(CORE_HANGUP);
	reply(reply_new(BALANCER_TRACE, second));
	ck_assert_uint_eq(need(CORE_REPLY)->client, 2);
}
END_TEST

START_TEST(command_does_not_wait_for_ever)
{
	load("enabled", true);
	connect_balancer(); /* and nothing is answered */
	now.us += 1500000;
	command(1, CONTROL_STATUS, "");
	ck_assert(wait_for(CORE_REPLY, 2000));
	ck_assert_int_eq(need(CORE_REPLY)->reply.kind, CONTROL_STATUS);
	ck_assert(!need(CORE_REPLY)->reply.node.in_sync);
}
END_TEST

START_TEST(service_members)
{
	const struct control_reply *r;
	struct balancer_reply *b;
	struct report_backend *backends;
	uint32_t slots = 0;

	settle();
	command(1, CONTROL_SERVICE, "web");
	b = reply_new(BALANCER_STATUS, need(CORE_ASK_STATUS)->id);
	backends = arena_alloc(b->arena, 2, sizeof(*backends));
	addr_parse(&backends[0].addr, "10.1.0.2");
	addr_parse(&backends[1].addr, "10.1.0.1");
	backends[0].packets = 22;
	backends[1].packets = 11;
	backends[0].interface = backends[1].interface = "eth1";
	b->status.backends = backends;
	b->status.n_backends = 2;
	reply(b);
	r = &need(CORE_REPLY)->reply;
	ck_assert_int_eq(r->kind, CONTROL_SERVICE);
	ck_assert_uint_eq(r->services->n_members, 2);
	ck_assert_uint_eq(r->services->members[0].packets, 11);
	ck_assert_uint_eq(r->services->members[1].packets, 22);
	ck_assert_uint_eq(r->services->members[1].weight, 3);
	ck_assert_str_eq(r->services->members[1].intent, "enabled");
	ck_assert_str_eq(r->services->members[1].health, "unknown");
	for (size_t i = 0; i < 2; i++)
		slots += r->services->members[i].slots;
	ck_assert_uint_eq(slots, 256);
	ck_assert_uint_eq(r->services->members[1].slots, 192);
	command(1, CONTROL_SERVICE, "nothing");
	ck_assert_int_eq(need(CORE_REPLY)->reply.kind, CONTROL_ERROR);
	none(CORE_ASK_STATUS);
}
END_TEST

START_TEST(more_commands_than_room)
{
	settle();
	for (uint64_t i = 1; i <= CORE_PENDING_MAX; i++) {
		command(i, CONTROL_TRACE, "");
		none(CORE_REPLY);
	}
	command(1000, CONTROL_TRACE, "");
	ck_assert_uint_eq(need(CORE_REPLY)->client, 1000);
	ck_assert_int_eq(need(CORE_REPLY)->reply.kind, CONTROL_ERROR);
	lost("gone"); /* all are answered in one step */
	for (size_t i = 0; i < CORE_PENDING_MAX; i++)
		ck_assert_uint_eq(find(CORE_REPLY, i)->client, i + 1);
	ck_assert_ptr_null(find(CORE_REPLY, CORE_PENDING_MAX));
}
END_TEST

/* Anything may come in any order. Every command is answered once unless its
 * client has gone; the core asks for ticks no faster than it must; and two
 * cores fed the same say the same. */
struct walk {
	uint64_t random;
	uint64_t open[2000]; /* per client: answers still owed */
	uint64_t clients;
	struct core_output asks[512];
	size_t n_asks;
	bool dialling, up, persisting;
	uint64_t trace; /* of what was said */
};

static uint64_t
draw(struct walk *w, uint64_t below)
{
	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	return (w->random >> 33) % below;
}

static void
note(struct walk *w)
{
	for (size_t i = 0; i < out->n; i++) {
		const struct core_output *o = &out->items[i];

		w->trace = w->trace * 31 + (uint64_t)o->type * 7 + o->id;
		switch (o->type) {
		case CORE_DIAL:
			ck_assert(!w->dialling && !w->up);
			w->dialling = true;
			break;
		case CORE_HANGUP:
			ck_assert(w->up);
			w->up = false;
			w->n_asks = 0;
			break;
		case CORE_INSTALL:
		case CORE_ASK_STATUS:
		case CORE_ASK_TRACE:
		case CORE_PING:
			ck_assert(w->up);
			ck_assert_uint_lt(w->n_asks, 512);
			w->asks[w->n_asks++] = *o;
			break;
		case CORE_REPLY:
			ck_assert_uint_eq(w->open[o->client], 1);
			w->open[o->client] = 0;
			break;
		case CORE_PERSIST:
			ck_assert(!w->persisting);
			w->persisting = true;
			break;
		case CORE_SET_ROUTES:
			for (size_t r = 0; r < o->n_routes; r++)
				w->trace = w->trace * 31 +
				    (uint64_t)o->routes[r].route;
			break;
		case CORE_FLOWS_DIAL: /* which has a rig of its own */
		case CORE_FLOWS_HANGUP:
		case CORE_FLOWS_ASK:
		case CORE_PEER_DIAL:
		case CORE_PEER_SEND:
		case CORE_PEER_TRUST:
		case CORE_PEER_CLOSE:
		case CORE_PROBE_START:
		case CORE_PROBE_CANCEL:
			ck_abort_msg("there is no cluster");
		case CORE_ASK_BIRD:
		case CORE_LOG:
			break;
		}
	}
}

static void
walk_answer(struct walk *w)
{
	const struct core_output *o = &w->asks[0];
	enum balancer_reply_kind kind = o->type == CORE_INSTALL
	    ? BALANCER_INSTALLED
	    : o->type == CORE_ASK_TRACE ? BALANCER_TRACE
	    : o->type == CORE_PING      ? BALANCER_PONG
					: BALANCER_STATUS;
	struct balancer_reply *r;
	uint64_t id = o->id;

	if (w->n_asks == 0)
		return;
	if (draw(w, 10) == 0)
		kind = (enum balancer_reply_kind)draw(w, 6);
	if (draw(w, 30) == 0)
		id++;
	memmove(w->asks, w->asks + 1, --w->n_asks * sizeof(*w->asks));
	r = reply_new(kind, id);
	r->pong = (struct balancer_pong){.generation = last_generation,
	    .next_hops_version = draw(w, 3),
	    .device = draw(w, 4) != 0,
	    .puts_off = draw(w, 4) == 0,
	    .device_name = "gw0",
	    .device_error = ""};
	reply(r);
}

static void
walk_kernel(struct walk *w)
{
	static struct vip_route_entry entry = {.route = VIP_ROUTE_ACTIVE};
	const struct vip_routes routes = {.device = draw(w, 4) != 0,
	    .ifindex = (uint32_t)draw(w, 3),
	    .entries = &entry,
	    .n = draw(w, 2),
	    .error = draw(w, 8) == 0 ? "denied" : ""};

	addr_parse(&entry.vip, "203.0.113.10");
	step((struct core_event){.type = CORE_ROUTES, .routes = &routes});
}

static void
walk_bird(struct walk *w)
{
	struct arena *arena = arena_new();
	struct bird_report *r = arena_alloc(arena, 1, sizeof(*r));

	*r = (struct bird_report){.arena = arena,
	    .begun = now,
	    .state = (enum bird_state)draw(w, 5),
	    .why = "it is away",
	    .version = "2"};
	step((struct core_event){.type = CORE_BIRD, .bird = r});
}

static void
walk_step(struct walk *w)
{
	static const char *const states[] = {"enabled", "draining", "disabled"};

	switch (draw(w, 12)) {
	case 0:
		load(states[draw(w, 3)], draw(w, 2) == 0);
		break;
	case 1:
		if (draw(w, 4) != 0 || !w->up)
			return;
		w->up = false;
		w->n_asks = 0;
		lost("gone");
		break;
	case 2:
	case 3:
		if (!w->dialling)
			return;
		w->dialling = false;
		w->up = draw(w, 2) == 0;
		if (w->up)
			event(CORE_BALANCER_UP);
		else
			lost("refused");
		break;
	case 4:
		w->open[++w->clients] = 1;
		command(w->clients,
		    (enum control_kind)(CONTROL_STATUS + draw(w, 5)),
		    draw(w, 2) == 0 ? "web" : "dns");
		break;
	case 5:
		if (w->clients == 0)
			return;
		w->open[w->clients] = 0;
		step((struct core_event){
		    .type = CORE_CLIENT_GONE, .client = w->clients});
		break;
	case 6:
		now.us += (int64_t)draw(w, 3000000);
		event(CORE_TICK);
		break;
	case 7:
		walk_kernel(w);
		break;
	case 8:
		walk_bird(w);
		break;
	case 9:
		if (!w->persisting)
			return;
		w->persisting = false;
		step((struct core_event){.type = CORE_PERSISTED,
		    .text = draw(w, 3) == 0 ? "disk full" : NULL});
		break;
	default:
		if (w->n_asks == 0)
			return;
		walk_answer(w);
		break;
	}
	note(w);
	ck_assert_int_gt(core_wakeup(core).us, now.us);
}

static uint64_t
walk(uint64_t seed)
{
	static struct walk w;

	memset(&w, 0, sizeof(w));
	w.random = seed;
	mute = true; /* pings are answered here */
	for (int i = 0; i < 2000; i++)
		walk_step(&w);
	if (w.persisting) {
		step((struct core_event){.type = CORE_PERSISTED});
		note(&w);
	}
	now.us += 3000000; /* nobody waits longer */
	event(CORE_TICK);
	note(&w);
	for (uint64_t c = 1; c <= w.clients; c++)
		ck_assert_msg(w.open[c] == 0, "seed %llu: client %llu waits",
		    (unsigned long long)seed, (unsigned long long)c);
	return w.trace;
}

START_TEST(anything_in_any_order)
{
	uint64_t first = walk((uint64_t)_i + 1), second;

	teardown();
	setup();
	second = walk((uint64_t)_i + 1);
	ck_assert_uint_eq(first, second);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("core");
	TCase *tc = tcase_create("core");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, connects_and_installs);
	tcase_add_test(tc, nothing_configured_installs_nothing);
	tcase_add_test(tc, each_change_is_sent_whole);
	tcase_add_test(tc, patched_tables_are_those_computed_afresh);
	tcase_add_test(tc, older_install_is_not_judged);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, put_off_until_there_is_room);
	tcase_add_loop_test(tc, put_off_no_more, 0, 4);
	tcase_add_loop_test(tc, wrong_digests, 0, ROWS(lies));
	tcase_add_test(tc, audit);
	tcase_add_test(tc, another_generation_is_served);
	tcase_add_test(tc, another_generation_in_a_pong);
	tcase_add_test(tc, reload_failed);
	tcase_add_test(tc, first_load_failed);
	tcase_add_loop_test(tc, lost_at_each_point, 0, 6);
	tcase_add_test(tc, dials_with_growing_pauses);
	tcase_add_test(tc, silence_is_hung_up_on);
	tcase_add_loop_test(tc, answers_to_nothing_asked, 0, 3);
	tcase_add_test(tc, late_reply_is_ignored);
	tcase_add_test(tc, trace_is_relayed_and_answered_once);
	tcase_add_test(tc, client_gone_gets_nothing);
	tcase_add_test(tc, command_does_not_wait_for_ever);
	tcase_add_test(tc, service_members);
	tcase_add_test(tc, more_commands_than_room);
	tcase_add_loop_test(tc, anything_in_any_order, 0, 40);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
