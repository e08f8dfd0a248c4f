/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/xdp_plane.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "balancer/core/counters.h"
#include "balancer/core/fib.h"
#include "balancer/core/tables.h"
#include "balancer/io/xdp_counts.h"
#include "balancer/io/xdp_flows.h"
#include "balancer/io/xdp_grace.h"
#include "balancer/io/xdp_loader.h"
#include "balancer/io/xdp_object.h"
#include "common/forwarding.h"
#include "common/log.h"

#define COPY_NONE UINT32_MAX

/* One of the two copies in an object. */
struct copy {
	struct xdp_object *object; /* NULL: none */
	uint32_t number;
};

struct xdp_plane {
	struct copy current;
	const struct fib *fib; /* that is in it; NULL: it was taken over */
	uint32_t owner;        /* this process, in the maps */
	/* What was in force before, which packets under way may still count
	 * in; whose counters those are, and what was carried over of them. */
	struct copy left;
	struct forwarding *left_names;
	struct counters *left_taken;
	struct xdp_flows flows;
	/* An object with more room, for a state to come. */
	struct xdp_loader loader;
	struct xdp_object *larger; /* NULL: none is there yet */
	/* Backends that wait for packets under way. */
	bool *moving;
	size_t n_moving;
	/* Interfaces that packets can be redirected to. */
	uint32_t *ports;
	size_t n_ports;
	bool any_port;
	int (*replaced)(void *, struct xdp_object *, struct errmsg *);
	void *ctx;
};

/* Has another process taken the maps over? What is in them is its own then. */
static bool
superseded(const struct xdp_plane *plane)
{
	const uint32_t *owner = &plane->current.object->control->owner;

	return plane->fib != NULL &&
	    __atomic_load_n(owner, __ATOMIC_ACQUIRE) != plane->owner;
}

/* Ports ---------------------------------------------------------------- */

static bool
has_port(const struct xdp_plane *plane, uint32_t ifindex)
{
	for (size_t i = 0; i < plane->n_ports; i++) {
		if (plane->ports[i] == ifindex)
			return true;
	}
	return false;
}

static int
map_port(const struct xdp_object *o, uint32_t ifindex)
{
	struct bpf_devmap_val value = {.ifindex = ifindex};

	return bpf_map_update_elem(
	    o->maps[XDP_MAP_PORTS], &ifindex, &value, BPF_ANY);
}

/* 0, or -1: the kernel has no such interface, or there is no room. */
static int
add_port(struct xdp_plane *plane, const struct xdp_object *o, uint32_t ifindex)
{
	uint32_t *grown;

	if (has_port(plane, ifindex))
		return 0;
	grown = reallocarray(
	    plane->ports, plane->n_ports + 1, sizeof(*plane->ports));
	if (grown == NULL)
		return -1;
	plane->ports = grown;
	if (map_port(o, ifindex) != 0 ||
	    (o != plane->current.object &&
		map_port(plane->current.object, ifindex) != 0))
		return -1;
	plane->ports[plane->n_ports++] = ifindex;
	return 0;
}

/* Tables --------------------------------------------------------------- */

/* Nothing redirected is told when there is nowhere to: what the program cannot
 * send, it must not begin. */
static bool
can_send(struct xdp_plane *plane, const struct xdp_object *o,
    const struct backend_fwd *b)
{
	if (b->flags & BACKEND_REFLECT)
		return true;
	return plane->any_port ? add_port(plane, o, b->ifindex) == 0
			       : has_port(plane, b->ifindex);
}

/* A backend as the program in this object is to have it. */
static struct backend_fwd
for_program(struct xdp_plane *plane, const struct xdp_object *o,
    const struct fib *fib, size_t i)
{
	struct backend_fwd b = fib_tables(fib)->backends[i];

	if ((b.flags & BACKEND_READY) != 0 && !can_send(plane, o, &b))
		b.flags &= (uint8_t)~BACKEND_READY;
	return b;
}

/* Chunks of slots are numbered from those of copy 0 on. */
static void
write_endpoints(
    struct endpoint_entry *e, const struct tables *t, uint32_t first_chunk)
{
	for (size_t i = 0; i <= t->endpoint_mask; i++) {
		e[i] = t->endpoints[i];
		e[i].chunk += first_chunk;
	}
}

static void
write_tables(const struct copy *to, const struct tables *t)
{
	const struct xdp_room *room = &to->object->room;
	uint8_t *base = xdp_object_tables(to->object, to->number);
	struct xdp_head *head = (struct xdp_head *)base;

	head->copy = to->number;
	head->keys = *t->keys;
	head->vip_mask = t->vip_mask;
	head->endpoint_mask = t->endpoint_mask;
	memcpy(base + room->vips_at, t->vips,
	    ((size_t)t->vip_mask + 1) * sizeof(*t->vips));
	write_endpoints((struct endpoint_entry *)(base + room->endpoints_at), t,
	    to->number * (room->chunk_mask + 1));
	memcpy(base + room->services_at, t->services,
	    ((size_t)t->service_mask + 1) * sizeof(*t->services));
	/* Numbers that this state does not know, and entries may. */
	memset(base + room->positions_at, 0xff,
	    ((size_t)room->number_mask + 1) * sizeof(*t->positions));
	memcpy(base + room->positions_at, t->positions,
	    ((size_t)t->number_mask + 1) * sizeof(*t->positions));
	memcpy(base + room->numbers_at, t->numbers,
	    ((size_t)t->backend_mask + 1) * sizeof(*t->numbers));
	memcpy(xdp_object_settled(to->object, to->number), t->settled,
	    ((size_t)t->slot_mask + 1) * sizeof(*t->settled));
	memcpy(xdp_object_slots(to->object, to->number), t->slots,
	    ((size_t)t->slot_mask + 1) * sizeof(*t->slots));
}

/* All that a copy is, but for what makes it the one in force. */
static void
write_copy(
    struct xdp_plane *plane, const struct copy *to, const struct fib *fib)
{
	struct backend_fwd *backends = xdp_object_backends(
	    to->object, to->number);

	write_tables(to, fib_tables(fib));
	for (size_t i = 0; i < fib_state(fib)->n_backends; i++)
		backends[i] = for_program(plane, to->object, fib, i);
	xdp_counts_set_names(to->object, to->number, fib_state(fib));
}

/* Counters ------------------------------------------------------------- */

/* All that a copy has counted, for its own state; NULL: out of memory. */
static struct counters *
counters_of(const struct copy *copy, const struct forwarding *names)
{
	struct counters *c = counters_new(names, NULL, NULL);

	if (c != NULL)
		xdp_counts_add(c, copy->object, copy->number);
	return c;
}

static void
subtract(struct counter *from, const struct counter *what, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		from[i].packets -= what[i].packets;
		from[i].bytes -= what[i].bytes;
	}
}

/* What was left counts no more: enters what it has counted since it was left.
 * 0, or -1: out of memory, and nothing has changed. */
static int
take_late_counters(struct xdp_plane *plane)
{
	const struct counters *taken = plane->left_taken;
	struct counters *late = counters_of(&plane->left, plane->left_names);
	struct counters *ours = NULL;

	if (late == NULL)
		return -1;
	for (int r = 0; r < REASON_COUNT; r++)
		late->reasons[r] -= taken->reasons[r];
	for (size_t i = 0; i < late->n_services; i++)
		for (int r = 0; r < REASON_COUNT; r++)
			late->service_reasons[i][r] -=
			    taken->service_reasons[i][r];
	subtract(late->services, taken->services, late->n_services);
	subtract(late->backends, taken->backends, late->n_backends);
	ours = counters_new(fib_state(plane->fib), late, plane->left_names);
	counters_free(late);
	if (ours == NULL)
		return -1;
	xdp_counts_enter(plane->current.object, plane->current.number, ours);
	counters_free(ours);
	return 0;
}

/* Settling ------------------------------------------------------------- */

/* The 16 bytes around the flags last: they say that the rest can be used. */
static void
write_backend(struct backend_fwd *to, const struct backend_fwd *b)
{
	uint64_t words[8];

	_Static_assert(offsetof(struct backend_fwd, flags) / 8 == 1,
	    "the flags are in the second word");
	memcpy(words, b, sizeof(words));
	for (size_t i = 0; i < 8; i++) {
		if (i != 1)
			__atomic_store_n(
			    (uint64_t *)to + i, words[i], __ATOMIC_RELAXED);
	}
	__atomic_store_n((uint64_t *)to + 1, words[1], __ATOMIC_RELEASE);
}

static void
move_backends(struct xdp_plane *plane)
{
	struct backend_fwd *backends = xdp_object_backends(
	    plane->current.object, plane->current.number);

	for (size_t i = 0; plane->n_moving > 0; i++) {
		struct backend_fwd b;

		if (!plane->moving[i])
			continue;
		b = for_program(plane, plane->current.object, plane->fib, i);
		write_backend(&backends[i], &b);
		plane->moving[i] = false;
		plane->n_moving--;
	}
}

static void
forget_left(struct xdp_plane *plane)
{
	if (plane->left.object != plane->current.object)
		xdp_object_free(plane->left.object);
	plane->left.object = NULL;
	forwarding_free(plane->left_names);
	counters_free(plane->left_taken);
	plane->left_names = NULL;
	plane->left_taken = NULL;
}

/* 0, or -1 with `why`: as before. */
static int
settle(struct xdp_plane *plane, struct errmsg *why)
{
	if (superseded(plane))
		return errmsg_set(why, "XDP: another process has taken over");
	if (!xdp_plane_unsettled(plane))
		return 0;
	if (xdp_grace(why) == -1)
		return -1;
	move_backends(plane);
	if (plane->left.object == NULL)
		return 0;
	if (take_late_counters(plane) == -1)
		return errmsg_set(why, "XDP: counters: out of memory");
	forget_left(plane);
	return 0;
}

bool
xdp_plane_unsettled(const struct xdp_plane *plane)
{
	return !superseded(plane) &&
	    (plane->left.object != NULL || plane->n_moving > 0);
}

void
xdp_plane_settle(struct xdp_plane *plane)
{
	struct errmsg why;

	if (xdp_plane_unsettled(plane) && settle(plane, &why) == -1)
		log_warnx("xdp", "%s", why.text);
}

/* States --------------------------------------------------------------- */

/* What was begun is there; or the kernel refuses it: -1 with `why`. */
static int
take_larger(struct xdp_plane *plane, struct errmsg *why)
{
	xdp_object_free(plane->larger);
	plane->larger = xdp_loader_take(&plane->loader, why);
	return plane->larger == NULL ? -1 : 0;
}

/* With the flow entries of what is in force. */
static int
begin_larger(
    struct xdp_plane *plane, const struct tables *t, struct errmsg *why)
{
	const struct xdp_object *now = plane->current.object;
	struct xdp_room room;
	int reuse[XDP_MAPS];

	for (int i = 0; i < XDP_MAPS; i++)
		reuse[i] = i == XDP_MAP_FLOWS || i == XDP_MAP_MARKS
		    ? now->maps[i]
		    : -1;
	if (xdp_room_for(&room, t, &now->room, why) == -1)
		return -1;
	return xdp_loader_begin(&plane->loader, &room, reuse, why);
}

static int
put_off(struct errmsg *why)
{
	(void)errmsg_set(
	    why, "XDP: the kernel checks a program with room for it");
	return XDP_PLANE_LATER;
}

int
xdp_plane_make_room(
    struct xdp_plane *plane, const struct fib *fib, struct errmsg *why)
{
	const struct tables *t = fib_tables(fib);

	if (xdp_room_holds(&plane->current.object->room, t))
		return 0;
	if (xdp_loader_busy(&plane->loader))
		return put_off(why);
	if (plane->loader.begun && take_larger(plane, why) == -1)
		return -1;
	if (plane->larger != NULL && xdp_room_holds(&plane->larger->room, t))
		return 0;
	return begin_larger(plane, t, why) == -1 ? -1 : put_off(why);
}

bool
xdp_plane_makes_room(const struct xdp_plane *plane)
{
	return xdp_loader_busy(&plane->loader);
}

/* Waits for it. */
static int
await_room(struct xdp_plane *plane, const struct fib *fib, struct errmsg *why)
{
	int r;

	while ((r = xdp_plane_make_room(plane, fib, why)) == XDP_PLANE_LATER) {
		if (take_larger(plane, why) == -1)
			return -1;
	}
	return r;
}

/* Ready but for the state. */
static void
equip_larger(struct xdp_plane *plane)
{
	const struct xdp_control *from = plane->current.object->control;
	struct xdp_object *o = plane->larger;

	o->control->mtu = from->mtu;
	o->control->expires = from->expires;
	o->control->lease = from->lease;
	o->control->owner = from->owner;
	/* An interface that has gone is a next hop no more. */
	for (size_t i = 0; i < plane->n_ports; i++)
		(void)map_port(o, plane->ports[i]);
}

/* Where the next state is to be written. */
static struct copy
find_room(struct xdp_plane *plane, const struct tables *t)
{
	const struct copy *now = &plane->current;

	if (xdp_room_holds(&now->object->room, t))
		return (struct copy){now->object, now->number ^ 1};
	equip_larger(plane);
	return (struct copy){plane->larger, 0};
}

/* One that nobody wants any more; one that is being loaded goes later. */
static void
drop_larger(struct xdp_plane *plane)
{
	struct errmsg ignored;

	if (plane->loader.begun && !xdp_loader_busy(&plane->loader))
		(void)take_larger(plane, &ignored);
	xdp_object_free(plane->larger);
	plane->larger = NULL;
}

static int
switch_to(struct xdp_plane *plane, const struct copy *next, struct errmsg *why)
{
	struct xdp_object *o = next->object;

	__atomic_store_n(&o->control->copy, next->number, __ATOMIC_RELEASE);
	if ((o == plane->current.object && plane->fib != NULL) ||
	    plane->replaced == NULL)
		return 0;
	return plane->replaced(plane->ctx, o, why);
}

/* What an install needs besides its copy. */
struct preparation {
	struct forwarding *names; /* of what will be left */
	struct counters *taken;   /* that it has counted up to now */
	struct counters *ledger;  /* the same, for the new state */
	bool *moving;
};

static int
prepare(const struct xdp_plane *plane, const struct forwarding *state,
    struct preparation *p, struct errmsg *why)
{
	const struct copy *now = &plane->current;

	memset(p, 0, sizeof(*p));
	p->names = xdp_counts_names(now->object, now->number);
	if (p->names != NULL)
		p->taken = counters_of(now, p->names);
	if (p->taken != NULL)
		p->ledger = counters_new(state, p->taken, p->names);
	p->moving = calloc(state->n_backends + 1, sizeof(*p->moving));
	if (p->ledger != NULL && p->moving != NULL)
		return 0;
	return errmsg_set(why, "XDP: counters: out of memory");
}

static void
discard(struct preparation *p)
{
	forwarding_free(p->names);
	counters_free(p->taken);
	counters_free(p->ledger);
	free(p->moving);
}

/* From now on what is in the maps is this process's own. */
static void
own(struct xdp_plane *plane, struct xdp_object *next)
{
	plane->owner = __atomic_add_fetch(
	    &plane->current.object->control->owner, 1, __ATOMIC_RELEASE);
	next->control->owner = plane->owner;
}

/* It is in force: what was is left. */
static void
commit(struct xdp_plane *plane, const struct copy *next, const struct fib *fib,
    struct preparation *p)
{
	counters_free(p->ledger);
	free(plane->moving);
	if (plane->fib == NULL)
		own(plane, next->object);
	plane->left = plane->current;
	plane->left_names = p->names;
	plane->left_taken = p->taken;
	plane->moving = p->moving;
	plane->current = *next;
	if (next->object == plane->larger)
		plane->larger = NULL;
	drop_larger(plane);
	plane->fib = fib;
}

int
xdp_plane_install(
    struct xdp_plane *plane, const struct fib *fib, struct errmsg *why)
{
	struct preparation p;
	struct copy next;

	if (settle(plane, why) == -1 || await_room(plane, fib, why) == -1)
		return -1;
	if (prepare(plane, fib_state(fib), &p, why) == -1)
		goto fail;
	next = find_room(plane, fib_tables(fib));
	write_copy(plane, &next, fib);
	xdp_counts_begin(next.object, next.number, p.ledger);
	if (switch_to(plane, &next, why) == -1)
		goto fail;
	commit(plane, &next, fib, &p);
	return 0;
fail:
	discard(&p);
	return -1;
}

/* One range of words, each by a store of its own. */
static void
copy_words(uint16_t *to, const uint16_t *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELEASE);
}

static void
copy_changed(void *ctx, uint32_t first, uint32_t n)
{
	const struct xdp_plane *plane = ctx;
	const struct tables *t = fib_tables(plane->fib);
	const struct copy *c = &plane->current;

	copy_words(xdp_object_settled(c->object, c->number) + first,
	    t->settled + first, n);
	copy_words(xdp_object_slots(c->object, c->number) + first,
	    t->slots + first, n);
}

void
xdp_plane_follow(struct xdp_plane *plane, struct fib *fib, uint32_t now)
{
	if (superseded(plane))
		return;
	xdp_flows_set_time(&plane->flows, now);
	if (plane->fib == fib)
		fib_changes(fib, copy_changed, plane);
}

void
xdp_plane_flows(const struct xdp_plane *plane, struct flows *to)
{
	xdp_flows_lay(&plane->flows, to);
}

void
xdp_plane_set_next_hop(struct xdp_plane *plane, size_t i)
{
	struct backend_fwd *now = xdp_object_backends(
	    plane->current.object, plane->current.number);
	struct backend_fwd b;

	if (superseded(plane))
		return;
	b = for_program(plane, plane->current.object, plane->fib, i);
	now += i;
	/* The neighbour's address alone is one store. */
	if (memcmp((uint8_t *)now + 8, (uint8_t *)&b + 8, sizeof(b) - 8) == 0) {
		uint64_t first;

		memcpy(&first, &b, sizeof(first));
		__atomic_store_n((uint64_t *)now, first, __ATOMIC_RELAXED);
		return;
	}
	if (plane->moving[i])
		return;
	if ((now->flags & BACKEND_READY) == 0) {
		write_backend(now, &b);
		return;
	}
	__atomic_and_fetch(
	    &now->flags, (uint8_t)~BACKEND_READY, __ATOMIC_RELAXED);
	plane->moving[i] = true;
	plane->n_moving++;
}

void
xdp_plane_set_mtu(struct xdp_plane *plane, uint32_t mtu)
{
	if (!superseded(plane))
		plane->current.object->control->mtu = mtu;
}

/* Ticks of the kernel in a second: what the coarse clock advances by. */
static uint64_t
jiffies_per_second(void)
{
	struct timespec tick = {0, 0};

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == -1 ||
	    tick.tv_nsec == 0)
		return 100; /* no kernel has fewer */
	return (uint64_t)(1000000000 / tick.tv_nsec);
}

int
xdp_plane_renew(struct xdp_plane *plane, unsigned seconds, struct errmsg *why)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct xdp_object *o = plane->current.object;

	if (superseded(plane))
		return 0;
	o->control->lease = seconds * jiffies_per_second();
	if (bpf_prog_test_run_opts(o->renew, &opts) != 0)
		return errmsg_sys(why, "XDP: renewing the lease");
	return 0;
}

void
xdp_plane_count(struct xdp_plane *plane, struct counters *to)
{
	xdp_plane_settle(plane);
	if (plane->fib != NULL)
		xdp_counts_add(
		    to, plane->current.object, plane->current.number);
}

void
xdp_plane_enter(struct xdp_plane *plane, const struct counters *more)
{
	struct xdp_object *o = plane->current.object;
	uint32_t number = plane->current.number;

	if (plane->fib == NULL)
		return;
	/* A successor began with our state: what was counted here to the end
	 * belongs to what it has in force. */
	if (superseded(plane)) {
		number = o->control->copy & (XDP_COPIES - 1);
		if (!xdp_counts_fit(o, number, more))
			return;
	}
	xdp_counts_enter(o, number, more);
}

bool
xdp_plane_serves(const struct xdp_plane *plane)
{
	return plane->fib != NULL;
}

void
xdp_plane_allow_ports(struct xdp_plane *plane, bool any)
{
	plane->any_port = any;
}

void
xdp_plane_check_ports(
    struct xdp_plane *plane, const uint32_t *ifindexes, size_t n)
{
	if (superseded(plane))
		return;
	plane->n_ports = 0;
	for (size_t i = 0; i < n; i++)
		(void)add_port(plane, plane->current.object, ifindexes[i]);
	for (size_t i = 0;
	     plane->fib != NULL && i < fib_state(plane->fib)->n_backends; i++)
		xdp_plane_set_next_hop(plane, i);
}

struct xdp_object *
xdp_plane_object(const struct xdp_plane *plane)
{
	return plane->current.object;
}

int
xdp_plane_program(const struct xdp_plane *plane)
{
	return plane->current.object->program;
}

void
xdp_plane_on_replaced(struct xdp_plane *plane,
    int (*replaced)(void *, struct xdp_object *, struct errmsg *), void *ctx)
{
	plane->replaced = replaced;
	plane->ctx = ctx;
}

/* Life ----------------------------------------------------------------- */

/* No address is a VIP. */
static void
write_empty(const struct copy *to)
{
	uint8_t *base = xdp_object_tables(to->object, to->number);

	memset(base + to->object->room.vips_at, 0xff, sizeof(struct vip_entry));
}

struct xdp_plane *
xdp_plane_new(struct xdp_object *taken, struct errmsg *why)
{
	static const struct tables nothing;
	struct xdp_plane *plane = calloc(1, sizeof(*plane));
	struct xdp_room room;

	if (plane == NULL) {
		errmsg_sys(why, "XDP");
		return NULL;
	}
	plane->any_port = true;
	if (taken != NULL) {
		if (xdp_flows_map(&plane->flows, taken, why) == -1) {
			free(plane);
			return NULL;
		}
		plane->current = (struct copy){
		    taken, taken->control->copy & (XDP_COPIES - 1)};
		return plane;
	}
	if (xdp_room_for(&room, &nothing, NULL, why) == -1 ||
	    (plane->current.object = xdp_object_new(&room, NULL, why)) ==
		NULL ||
	    xdp_flows_map(&plane->flows, plane->current.object, why) == -1) {
		xdp_plane_free(plane);
		return NULL;
	}
	write_empty(&plane->current);
	return plane;
}

void
xdp_plane_free(struct xdp_plane *plane)
{
	struct errmsg ignored;

	if (plane == NULL)
		return;
	forget_left(plane);
	if (plane->loader.begun)
		(void)take_larger(plane, &ignored); /* waits for it */
	xdp_object_free(plane->larger);
	xdp_object_free(plane->current.object);
	xdp_flows_unmap(&plane->flows);
	free(plane->moving);
	free(plane->ports);
	free(plane);
}
