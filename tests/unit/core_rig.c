/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/core_rig.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "balancer/core/table.h"
#include "tests/unit/unit.h"

#define SEED "cluster:\n  seed: 000102030405060708090a0b0c0d0e0f\n"
#define WEB \
	"services:\n" \
	"  - name: web\n" \
	"    vips: [203.0.113.10]\n" \
	"    protocol: tcp\n" \
	"    ports: [80]\n" \
	"    table_size: 256\n" \
	"    backends:\n" \
	"      - address: 10.1.0.1\n" \
	"      - address: 10.1.0.2\n" \
	"        state: %s\n" \
	"        weight: 3\n"
#define DNS \
	"  - name: dns\n" \
	"    vips: [203.0.113.10]\n" \
	"    protocol: udp\n" \
	"    ports: [53]\n" \
	"    table_size: 256\n" \
	"    backends:\n" \
	"      - address: 10.1.0.2\n" \
	"      - address: 10.1.0.3\n" \
	"        state: %s\n" \
	"      - address: 10.1.0.4\n" \
	"      - address: 10.1.0.5\n"

struct core *core;
struct core_outputs *out;
struct mono now;
uint64_t last_install;
uint64_t last_generation;
uint64_t status_id;
struct report_digest last_tables[2];
size_t last_n_tables;
bool mute;
struct balancer_pong pong;

/* Pings not answered yet, the oldest first. */
static uint64_t pings[16];
static size_t n_pings;

void
setup(void)
{
	now = (struct mono){1000000000};
	mute = false;
	n_pings = 0;
	status_id = 0;
	last_generation = 0;
	pong = (struct balancer_pong){.device_name = "gw0", .device_error = ""};
	core = core_new(now, 7);
	out = core_outputs_new();
	ck_assert_ptr_nonnull(core);
	ck_assert_ptr_nonnull(out);
}

void
teardown(void)
{
	core_outputs_free(out);
	core_free(core);
}

/* The n-th output of this type, or NULL. */
const struct core_output *
find(enum core_output_type type, size_t n)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->items[i].type == type && n-- == 0)
			return &out->items[i];
	return NULL;
}

const struct core_output *
need(enum core_output_type type)
{
	const struct core_output *o = find(type, 0);

	ck_assert_msg(o != NULL, "no output of type %d", type);
	ck_assert_msg(find(type, 1) == NULL, "two outputs of type %d", type);
	return o;
}

void
none(enum core_output_type type)
{
	ck_assert_msg(find(type, 0) == NULL, "an output of type %d", type);
}

bool
alarmed(void)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->items[i].type == CORE_LOG &&
		    out->items[i].level == CORE_ALARM)
			return true;
	return false;
}

void
step(struct core_event event)
{
	core_step(core, now, &event, out);
	if (find(CORE_INSTALL, 0) != NULL) {
		last_install = need(CORE_INSTALL)->id;
		last_generation = need(CORE_INSTALL)->state->generation;
	}
	if (find(CORE_PING, 0) != NULL && n_pings < 16)
		pings[n_pings++] = need(CORE_PING)->id;
	if (find(CORE_ASK_STATUS, 0) != NULL)
		status_id = find(CORE_ASK_STATUS, 0)->id;
	if (find(CORE_HANGUP, 0) != NULL || event.type == CORE_BALANCER_LOST)
		n_pings = status_id = 0;
}

void
answer_pings(uint64_t before)
{
	struct balancer_reply *r;
	uint64_t id;

	while (n_pings > 0 && pings[0] < before) {
		id = pings[0];
		memmove(pings, pings + 1, --n_pings * sizeof(*pings));
		r = reply_new(BALANCER_PONG, id);
		r->pong = pong;
		if (r->pong.generation == 0)
			r->pong.generation = last_generation;
		step((struct core_event){
		    .type = CORE_BALANCER_REPLY, .reply = r});
	}
}

void
event(enum core_event_type type)
{
	step((struct core_event){.type = type});
}

void
lost(const char *why)
{
	step((struct core_event){.type = CORE_BALANCER_LOST, .text = why});
}

/* Time passes, in ticks as the core wants them, until there is an output of
 * this type. At most `ms`. */
bool
wait_for(enum core_output_type type, int64_t ms)
{
	struct mono end = {now.us + ms * 1000}, next;

	for (;;) {
		next = core_wakeup(core);
		if (next.us > end.us)
			break;
		now.us = next.us > now.us ? next.us : now.us + 1;
		event(CORE_TICK);
		if (find(type, 0) != NULL)
			return true;
		if (mute || n_pings == 0 || status_id != 0)
			continue;
		answer_pings(UINT64_MAX);
		if (find(type, 0) != NULL)
			return true;
	}
	now = end;
	event(CORE_TICK);
	return find(type, 0) != NULL;
}

static struct conf *
make_conf(const char *state, bool dns)
{
	char text[2048];
	struct errmsg why;
	struct conf *conf;

	if (dns)
		snprintf(text, sizeof(text), SEED WEB DNS, state, state);
	else
		snprintf(text, sizeof(text), SEED WEB, state);
	conf = conf_parse("test.yaml", text, strlen(text), &why);
	ck_assert_msg(conf != NULL, "%s", why.text);
	return conf;
}

void
load(const char *state, bool dns)
{
	step((struct core_event){
	    .type = CORE_CONFIG_LOADED, .conf = make_conf(state, dns)});
}

struct balancer_reply *
reply_new(enum balancer_reply_kind kind, uint64_t id)
{
	struct arena *arena = arena_new();
	struct balancer_reply *r = arena_alloc(arena, 1, sizeof(*r));

	r->arena = arena;
	r->kind = kind;
	r->id = id;
	r->refusal = "no room";
	r->status.version = "1";
	r->status.generation = 1;
	r->trace.reason = "drop_no_service";
	r->trace.service = r->trace.interface = "";
	return r;
}

void
reply(struct balancer_reply *r)
{
	if (r->id == status_id)
		status_id = 0;
	if (!mute)
		answer_pings(r->id);
	step((struct core_event){.type = CORE_BALANCER_REPLY, .reply = r});
}

void
put_off(void)
{
	last_install = need(CORE_INSTALL)->id;
	pong.puts_off = true;
	reply(reply_new(BALANCER_LATER, last_install));
}

/* What a balancer that does its work serves: computed here by itself. */
static struct report_digest *
digests_of(struct arena *arena, const struct forwarding *f)
{
	struct report_digest *d = arena_alloc(arena, f->n_services, sizeof(*d));

	for (size_t i = 0; i < f->n_services; i++) {
		const struct forwarding_service *s = &f->services[i];
		struct table_member m[8];
		char names[8][ADDR_TEXT_MAX];
		struct table *t;

		for (size_t j = 0; j < s->n_members; j++)
			m[j] = (struct table_member){
			    .name = addr_format(
				&f->backends[s->members[j].backend], names[j]),
			    .weight = s->members[j].weight,
			    .phi = s->members[j].phi};
		t = table_new(m, s->n_members, s->table_size, f->seed);
		ck_assert_ptr_nonnull(t);
		table_digest(t, NULL, d[i].digest);
		table_free(t);
		d[i].service = arena_copy(arena, s->name, strlen(s->name));
	}
	return d;
}

/* The answer to the CORE_INSTALL among the outputs. */
struct balancer_reply *
installed(enum lie lie)
{
	const struct core_output *o = need(CORE_INSTALL);
	struct balancer_reply *r = reply_new(BALANCER_INSTALLED, o->id);
	size_t n = o->state->n_services;
	struct report_digest *d = digests_of(r->arena, o->state);

	r->tables = arena_alloc(r->arena, n + 1, sizeof(*d));
	memcpy(r->tables, d, n * sizeof(*d));
	r->tables[n] = d[0];
	r->n_tables = n;
	for (last_n_tables = 0; last_n_tables < n; last_n_tables++) {
		last_tables[last_n_tables] = d[last_n_tables];
		last_tables[last_n_tables].service = last_n_tables == 0 && n > 1
		    ? "dns"
		    : "web";
	}
	if (lie == WRONG_DIGEST)
		r->tables[n - 1].digest[15] ^= 1;
	else if (lie == MISSING)
		r->n_tables--;
	else if (lie == TWICE)
		r->n_tables++;
	return r;
}

/* Until the balancer is connected; the install is among the outputs. */
void
connect_balancer(void)
{
	if (find(CORE_DIAL, 0) == NULL)
		ck_assert(wait_for(CORE_DIAL, 3000));
	event(CORE_BALANCER_UP);
}

/* Answers what is asked while time passes: the balancer lives. */
void
answer_status(uint64_t generation)
{
	struct balancer_reply *r = reply_new(
	    BALANCER_STATUS, need(CORE_ASK_STATUS)->id);

	r->status.generation = generation;
	reply(r);
}

/* Connected and in sync, nothing in flight. */
void
settle(void)
{
	load("enabled", true);
	connect_balancer();
	reply(installed(HONEST));
	ck_assert(!alarmed());
}

void
command(uint64_t client, enum control_kind kind, const char *service)
{
	struct core_event e = {.type = CORE_COMMAND, .client = client};

	e.request.kind = kind;
	snprintf(e.request.service, sizeof(e.request.service), "%s", service);
	e.request.trace.protocol = IPPROTO_TCP;
	addr_parse(&e.request.trace.source, "198.51.100.9");
	addr_parse(&e.request.trace.destination, "203.0.113.10");
	step(e);
}

/* What `guideway status` would say now. */
const struct control_reply *
status(void)
{
	const struct core_output *o;

	command(99, CONTROL_STATUS, "");
	if (find(CORE_REPLY, 0) == NULL)
		answer_status(1);
	o = need(CORE_REPLY);
	ck_assert_uint_eq(o->client, 99);
	ck_assert_int_eq(o->reply.kind, CONTROL_STATUS);
	return &o->reply;
}
