/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/capture.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "balancer/core/sampler.h"
#include "balancer/core/tables.h"
#include "balancer/core/tap.h"
#include "balancer/ctl/wire.h"
#include "common/log.h"
#include "common/mono.h"

/* What one batch sent, kept until it is known why: 32 GRO frames of full size
 * are some 1,500 frames. With a long snap not all of that fits. */
#define SENT_MAX   2048
#define SENT_BYTES (1u << 20)
/* How often shares follow the traffic, and in how many of these turns readers
 * get totals. */
#define TURN_US      100000
#define TOTALS_TURNS 10

/* The beginning of a frame that went out. */
struct sent {
	size_t input;
	uint32_t ifindex, wire_len, len;
	size_t at; /* in bytes */
};

/* One reader. */
struct session {
	struct evbuffer *out; /* NULL: there is none */
	uint64_t id;
	struct capture_query query; /* its texts are not kept, but for ... */
	char service[FORWARDING_NAME_MAX];
	uint32_t position; /* ... of that service; TABLES_NONE: not served */
	uint64_t reasons;  /* a bit for each that is wanted */
	struct sampler sampler;
	struct capture_totals totals;
	uint64_t number;
};

struct capture {
	struct tap tap; /* first: the tap is this */
	struct capture_env env;
	struct session sessions[CAPTURES_MAX];
	size_t n;
	struct event *tick;
	unsigned turns;
	uint64_t seed;
	/* The batch under way. */
	struct mono now; /* 0: not asked yet */
	uint64_t now_ns;
	uint32_t snap; /* the longest that anybody wants */
	struct sent sent[SENT_MAX];
	size_t n_sent, next_sent, used;
	bool overflowed;
	uint8_t *bytes;
	struct captured_frame frames[CAPTURE_FRAMES_MAX];
};

_Static_assert(REASON_COUNT <= 64, "a bit for each reason");

/* Packets -------------------------------------------------------------- */

static void
on_sent(struct tap *tap, const uint8_t *data, size_t len, uint32_t ifindex,
    size_t input)
{
	struct capture *c = (struct capture *)tap;
	uint32_t kept = len < c->snap ? (uint32_t)len : c->snap;

	if (c->n_sent == SENT_MAX || SENT_BYTES - c->used < kept) {
		c->overflowed = true;
		return;
	}
	c->sent[c->n_sent++] = (struct sent){
	    input, ifindex, (uint32_t)len, kept, c->used};
	memcpy(c->bytes + c->used, data, kept);
	c->used += kept;
}

static void
ask_clocks(struct capture *c)
{
	struct timespec t;

	if (c->now.us != 0)
		return;
	c->now = mono_now();
	clock_gettime(CLOCK_REALTIME, &t);
	c->now_ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool
wants(const struct session *s, const struct tap_packet *p, size_t n_sent)
{
	return (s->reasons >> p->reason & 1) != 0 &&
	    (s->service[0] == '\0' ||
		(p->service != TABLES_NONE && p->service == s->position)) &&
	    (s->query.in || n_sent > 0);
}

static const char *
name_interface(const struct capture *c, uint32_t ifindex)
{
	const char *name = c->env.interface_name(c->env.ctx, ifindex);

	return name == NULL ? "" : name;
}

/* Returns how many there are; the last may be missing. */
static size_t
fill_frames(struct capture *c, const struct session *s,
    const struct frame *frame, const struct sent *sent, size_t n_sent)
{
	struct captured_frame *to = c->frames;
	uint32_t snap = s->query.snap;

	if (s->query.in)
		*to++ = (struct captured_frame){false,
		    name_interface(c, frame->ifindex), frame->wire_len,
		    frame->data, frame->len < snap ? frame->len : snap};
	if (!s->query.out)
		return (size_t)(to - c->frames);
	for (size_t i = 0; i < n_sent; i++) {
		if (to == c->frames + CAPTURE_FRAMES_MAX)
			break;
		*to++ = (struct captured_frame){true,
		    name_interface(c, sent[i].ifindex), sent[i].wire_len,
		    c->bytes + sent[i].at,
		    sent[i].len < snap ? sent[i].len : snap};
	}
	return (size_t)(to - c->frames);
}

static void
show(struct capture *c, struct session *s, const struct tap_packet *p,
    const struct sent *sent, size_t n_sent)
{
	const struct forwarding *f = serving_state(c->env.serving);
	struct captured shown = {.has_packet = true};
	struct captured_packet *packet = &shown.packet;

	packet->number = ++s->number;
	if (evbuffer_get_length(s->out) >= CAPTURE_QUEUE_LEN) {
		s->totals.lost++;
		return;
	}
	packet->time_ns = c->now_ns;
	packet->reason = reason_name(p->reason);
	packet->service = "";
	if (p->service < f->n_services)
		packet->service = f->services[p->service].name;
	if (p->backend < f->n_backends)
		packet->backend = f->backends[p->backend];
	packet->frames = c->frames;
	packet->n_frames = fill_frames(c, s, p->frame, sent, n_sent);
	s->totals.taken++;
	shown.totals = s->totals;
	if (wire_put_captured(s->out, s->id, &shown) == -1) {
		s->totals.taken--;
		s->totals.lost++;
	}
}

/* To each reader who wants it. */
static void
offer(struct capture *c, const struct tap_packet *p, uint32_t weight,
    const struct sent *sent, size_t n_sent)
{
	ask_clocks(c);
	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		struct session *s = &c->sessions[i];

		if (s->out == NULL || !wants(s, p, n_sent))
			continue;
		s->totals.seen += weight;
		if (sampler_take(&s->sampler, weight, c->now.us))
			show(c, s, p, sent, n_sent);
	}
}

static void
on_decided(struct tap *tap, const struct tap_packet *p, size_t input)
{
	struct capture *c = (struct capture *)tap;
	const struct sent *sent = &c->sent[c->next_sent];
	size_t n_sent = 0;

	while (
	    c->next_sent < c->n_sent && c->sent[c->next_sent].input == input) {
		c->next_sent++;
		n_sent++;
	}
	offer(c, p, 1, sent, n_sent);
}

static void
on_done(struct tap *tap)
{
	struct capture *c = (struct capture *)tap;

	for (size_t i = 0; c->overflowed && i < CAPTURES_MAX; i++)
		c->sessions[i].totals.lost++;
	c->overflowed = false;
	c->now.us = 0;
	c->n_sent = c->next_sent = c->used = 0;
}

void
capture_offer(struct capture *c, const struct tap_offer *o)
{
	const struct frame frame = {
	    o->in.data, o->in.len, o->in.wire_len, o->in.ifindex, 0};
	const struct tap_packet packet = {
	    &frame, o->reason, o->service, o->backend};
	size_t n_sent = o->out.ifindex != 0 ? 1 : 0;
	struct sent sent = {.ifindex = o->out.ifindex,
	    .wire_len = o->out.wire_len,
	    .len = o->out.len};

	if (n_sent > 0)
		memcpy(c->bytes, o->out.data, o->out.len);
	ask_clocks(c);
	c->now_ns -= (uint64_t)c->now.us * 1000 - o->time_ns;
	offer(c, &packet, o->weight, &sent, n_sent);
	c->now.us = 0;
}

void
capture_missed(struct capture *c, uint64_t over, uint64_t lost)
{
	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		c->sessions[i].totals.seen += over + lost;
		c->sessions[i].totals.lost += lost;
		sampler_pass(&c->sessions[i].sampler, over);
	}
}

/* Wishes ---------------------------------------------------------------- */

/* All that anybody wants: as large a share as the one who wants most. */
static struct tap_wish
sum_wishes(const struct capture *c)
{
	struct tap_wish w = {0};

	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		const struct session *s = &c->sessions[i];
		bool first = w.every == 0;
		uint32_t service = s->service[0] != '\0' &&
			s->position != TABLES_NONE
		    ? s->position
		    : TABLES_NONE;

		if (s->out == NULL)
			continue;
		if (first || s->sampler.every < w.every)
			w.every = s->sampler.every;
		if (s->query.snap > w.snap)
			w.snap = s->query.snap;
		w.reasons |= s->reasons;
		w.service = first || w.service == service ? service
							  : TABLES_NONE;
	}
	return w;
}

static void
tell_wish(struct capture *c)
{
	struct tap_wish w = sum_wishes(c);

	c->env.wish(c->env.ctx, &w);
}

/* Readers -------------------------------------------------------------- */

static int
put_totals(struct session *s)
{
	const struct captured totals = {.totals = s->totals};

	return wire_put_captured(s->out, s->id, &totals);
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct capture *c = ctx;
	bool totals = ++c->turns % TOTALS_TURNS == 0;

	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		struct session *s = &c->sessions[i];

		if (s->out == NULL)
			continue;
		sampler_tick(&s->sampler, mono_now().us);
		if (totals && evbuffer_get_length(s->out) < CAPTURE_QUEUE_LEN)
			(void)put_totals(s);
	}
	tell_wish(c);
}

static uint32_t
find_service(const struct forwarding *f, const char *name)
{
	for (size_t i = 0; i < f->n_services; i++) {
		if (strcmp(f->services[i].name, name) == 0)
			return (uint32_t)i;
	}
	return TABLES_NONE;
}

/* The host's own traffic is nobody's business, unless it is asked for. */
static uint64_t
all_for_vips(void)
{
	return (((uint64_t)1 << REASON_COUNT) - 1) &
	    ~((uint64_t)1 << REASON_PASS_NOT_IP |
		(uint64_t)1 << REASON_PASS_NOT_VIP |
		(uint64_t)1 << REASON_PASS_MALFORMED);
}

static int
find_reason(uint64_t *reasons, const char *name, struct errmsg *why)
{
	for (int i = 0; i < REASON_COUNT; i++) {
		if (strcmp(reason_name((enum reason)i), name) == 0) {
			*reasons |= (uint64_t)1 << i;
			return 0;
		}
	}
	return errmsg_set(why, "the balancer has no reason '%s'", name);
}

/* What the query names must be there. */
static int
session_init(struct session *s, const struct capture_query *q,
    const struct forwarding *f, struct errmsg *why)
{
	memset(s, 0, sizeof(*s));
	s->query = *q;
	snprintf(s->service, sizeof(s->service), "%s", q->service);
	s->position = find_service(f, s->service);
	if (s->service[0] != '\0' && s->position == TABLES_NONE)
		return errmsg_set(why, "no service is called '%s'", s->service);
	if (q->n_reasons == 0)
		s->reasons = all_for_vips();
	for (size_t i = 0; i < q->n_reasons; i++)
		if (find_reason(&s->reasons, q->reasons[i], why) == -1)
			return -1;
	return 0;
}

static struct session *
find_session(struct capture *c, const struct evbuffer *out)
{
	for (size_t i = 0; i < CAPTURES_MAX; i++)
		if (c->sessions[i].out == out)
			return &c->sessions[i];
	return NULL;
}

/* After a reader came or went. */
static void
attach(struct capture *c)
{
	const struct timeval turn = {0, TURN_US};

	c->snap = 0;
	for (size_t i = 0; i < CAPTURES_MAX; i++) {
		const struct session *s = &c->sessions[i];

		if (s->out != NULL && s->query.out && s->query.snap > c->snap)
			c->snap = s->query.snap;
	}
	c->env.serving->forwarder.tap = c->n > 0 ? &c->tap : NULL;
	if (c->n > 0)
		event_add(c->tick, &turn);
	else
		event_del(c->tick);
	tell_wish(c);
}

int
capture_begin(struct capture *c, const struct capture_query *q, uint64_t id,
    struct evbuffer *out, struct errmsg *why)
{
	struct session *s, new;

	if (find_session(c, out) != NULL)
		return errmsg_set(
		    why, "there is a capture on this connection already");
	if ((s = find_session(c, NULL)) == NULL)
		return errmsg_set(why,
		    "%d captures are under way already, and no more can be: "
		    "end one of them",
		    CAPTURES_MAX);
	if (session_init(&new, q, serving_state(c->env.serving), why) == -1)
		return -1;
	new.out = out;
	new.id = id;
	c->seed += 0x9e3779b97f4a7c15ull;
	sampler_init(&new.sampler, q->sample, q->rate, c->seed, mono_now().us);
	if (put_totals(&new) == -1)
		return errmsg_set(why, "out of memory for a capture");
	*s = new;
	c->n++;
	attach(c);
	log_info("capture", "begins: up to %u packets a second of %s%s",
	    q->rate, s->service[0] != '\0' ? "service " : "all services",
	    s->service);
	return 0;
}

void
capture_end(struct capture *c, struct evbuffer *out)
{
	struct session *s = find_session(c, out);

	if (s == NULL || out == NULL)
		return;
	/* Whatever is still on its way here. */
	tell_wish(c);
	(void)put_totals(s);
	log_info("capture", "ends: %llu packets, %llu lost",
	    (unsigned long long)s->totals.taken,
	    (unsigned long long)s->totals.lost);
	s->out = NULL;
	c->n--;
	attach(c);
}

void
capture_installed(struct capture *c)
{
	const struct forwarding *f = serving_state(c->env.serving);

	for (size_t i = 0; i < CAPTURES_MAX; i++)
		c->sessions[i].position = find_service(
		    f, c->sessions[i].service);
	tell_wish(c);
}

struct capture *
capture_new(const struct capture_env *env, struct errmsg *why)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		errmsg_sys(why, "captures");
		return NULL;
	}
	c->tap = (struct tap){on_sent, on_decided, on_done};
	c->env = *env;
	c->bytes = malloc(SENT_BYTES);
	c->tick = event_new(env->base, -1, EV_PERSIST, on_tick, c);
	if (c->bytes != NULL && c->tick != NULL &&
	    getrandom(&c->seed, sizeof(c->seed), 0) == sizeof(c->seed))
		return c;
	errmsg_set(why, "captures: out of memory");
	capture_free(c);
	return NULL;
}

void
capture_free(struct capture *c)
{
	if (c == NULL)
		return;
	c->env.serving->forwarder.tap = NULL;
	if (c->tick != NULL)
		event_free(c->tick);
	free(c->bytes);
	free(c);
}
