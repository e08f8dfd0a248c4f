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
#include "balancer/io/xdp_grace.h"
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
	const struct fib *fib;    /* that is in it; NULL: none yet */
	struct counters *counted; /* by copies before it; laid out for fib */
	/* What was in force before, which packets under way may still count
	 * in; and whose counters those are. */
	struct copy left;
	struct forwarding *left_names;
	/* Backends that wait for packets under way. */
	bool *moving;
	size_t n_moving;
	/* Interfaces that packets can be redirected to. */
	uint32_t *ports;
	size_t n_ports;
	bool any_port;
	int (*replaced)(void *, int, struct errmsg *);
	void *ctx;
};

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

	return bpf_map_update_elem(o->ports, &ifindex, &value, BPF_ANY);
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

static void
write_tables(const struct copy *to, const struct tables *t)
{
	const struct xdp_room *room = &to->object->room;
	uint8_t *base = xdp_object_tables(to->object, to->number);
	struct xdp_head *head = (struct xdp_head *)base;

	head->keys = *t->keys;
	head->vip_mask = t->vip_mask;
	head->endpoint_mask = t->endpoint_mask;
	memcpy(base + room->vips_at, t->vips,
	    ((size_t)t->vip_mask + 1) * sizeof(*t->vips));
	memcpy(base + room->endpoints_at, t->endpoints,
	    ((size_t)t->endpoint_mask + 1) * sizeof(*t->endpoints));
	memcpy(base + room->services_at, t->services,
	    ((size_t)t->service_mask + 1) * sizeof(*t->services));
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
	for (uint32_t cpu = 0; cpu < to->object->room.cpus; cpu++)
		memset(xdp_object_counts(to->object, cpu, to->number), 0,
		    to->object->room.counts_len);
}

/* Counters ------------------------------------------------------------- */

static void
add_block(struct counters *to, const struct xdp_room *room, const uint8_t *from)
{
	const uint64_t *reasons = (const uint64_t *)from;
	const struct xdp_count *services = (const struct xdp_count *)(from +
	    room->service_counts_at);
	const struct xdp_count *backends = (const struct xdp_count *)(from +
	    room->backend_counts_at);
	const uint64_t(*service_reasons)[REASON_COUNT] =
	    (const uint64_t(*)[REASON_COUNT])(from + room->service_reasons_at);

	for (int r = 0; r < REASON_COUNT; r++)
		to->reasons[r] += reasons[r];
	for (size_t i = 0; i < to->n_services; i++) {
		uint64_t packets = services[i].packets;

		for (int r = 0; r < REASON_COUNT; r++)
			to->service_reasons[i][r] += service_reasons[i][r];
		to->services[i].packets += packets;
		to->services[i].bytes += services[i].bytes;
		to->service_reasons[i][REASON_FORWARD] += packets;
		to->reasons[REASON_FORWARD] += packets;
	}
	for (size_t i = 0; i < to->n_backends; i++) {
		to->backends[i].packets += backends[i].packets;
		to->backends[i].bytes += backends[i].bytes;
	}
}

/* `to` is laid out for the state that the copy is of. */
static void
add_copy(struct counters *to, const struct copy *from)
{
	for (uint32_t cpu = 0; cpu < from->object->room.cpus; cpu++)
		add_block(to, &from->object->room,
		    xdp_object_counts(from->object, cpu, from->number));
}

static void
add_counters(struct counters *to, const struct counters *from)
{
	for (int r = 0; r < REASON_COUNT; r++)
		to->reasons[r] += from->reasons[r];
	for (size_t i = 0; i < to->n_services; i++) {
		to->services[i].packets += from->services[i].packets;
		to->services[i].bytes += from->services[i].bytes;
		for (int r = 0; r < REASON_COUNT; r++)
			to->service_reasons[i][r] +=
			    from->service_reasons[i][r];
	}
	for (size_t i = 0; i < to->n_backends; i++) {
		to->backends[i].packets += from->backends[i].packets;
		to->backends[i].bytes += from->backends[i].bytes;
	}
}

/* The names alone, by which counters are carried over. */
static struct forwarding *
names_of(const struct forwarding *state)
{
	struct forwarding *names = forwarding_new();

	if (names == NULL)
		return NULL;
	names->services = calloc(
	    state->n_services + 1, sizeof(*names->services));
	names->backends = calloc(
	    state->n_backends + 1, sizeof(*names->backends));
	if (names->services == NULL || names->backends == NULL) {
		forwarding_free(names);
		return NULL;
	}
	names->n_services = state->n_services;
	names->n_backends = state->n_backends;
	for (size_t i = 0; i < state->n_services; i++)
		memcpy(names->services[i].name, state->services[i].name,
		    sizeof(names->services[i].name));
	memcpy(names->backends, state->backends,
	    state->n_backends * sizeof(*names->backends));
	return names;
}

/* What was left counts no more: takes over what it counted. 0, or -1: out of
 * memory, and nothing has changed. */
static int
take_left_counters(struct xdp_plane *plane)
{
	struct counters *then = counters_new(plane->left_names, NULL, NULL);
	struct counters *now = NULL;

	if (then != NULL) {
		add_copy(then, &plane->left);
		now = counters_new(
		    fib_state(plane->fib), then, plane->left_names);
	}
	counters_free(then);
	if (now == NULL)
		return -1;
	add_counters(plane->counted, now);
	counters_free(now);
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
	plane->left_names = NULL;
}

/* 0, or -1 with `why`: as before. */
static int
settle(struct xdp_plane *plane, struct errmsg *why)
{
	if (!xdp_plane_unsettled(plane))
		return 0;
	if (xdp_grace(why) == -1)
		return -1;
	move_backends(plane);
	if (plane->left.object == NULL)
		return 0;
	if (plane->left_names != NULL && take_left_counters(plane) == -1)
		return errmsg_set(why, "XDP: counters: out of memory");
	forget_left(plane);
	return 0;
}

bool
xdp_plane_unsettled(const struct xdp_plane *plane)
{
	return plane->left.object != NULL || plane->n_moving > 0;
}

void
xdp_plane_settle(struct xdp_plane *plane)
{
	struct errmsg why;

	if (settle(plane, &why) == -1)
		log_warnx("xdp", "%s", why.text);
}

/* States --------------------------------------------------------------- */

/* Another object, ready but for the state. NULL with `why`. */
static struct xdp_object *
larger_object(
    struct xdp_plane *plane, const struct xdp_room *room, struct errmsg *why)
{
	const struct xdp_control *from = plane->current.object->control;
	struct xdp_object *o = xdp_object_new(room, why);

	if (o == NULL)
		return NULL;
	o->control->mtu = from->mtu;
	o->control->expires = from->expires;
	o->control->lease = from->lease;
	/* An interface that has gone is a next hop no more. */
	for (size_t i = 0; i < plane->n_ports; i++)
		(void)map_port(o, plane->ports[i]);
	return o;
}

/* Where the next state is to be written. */
static int
make_room(struct xdp_plane *plane, const struct tables *t, struct copy *next,
    struct errmsg *why)
{
	const struct copy *now = &plane->current;
	struct xdp_room room;

	if (xdp_room_holds(&now->object->room, t)) {
		*next = (struct copy){now->object, now->number ^ 1};
		return 0;
	}
	if (xdp_room_for(&room, t, &now->object->room, why) == -1)
		return -1;
	*next = (struct copy){larger_object(plane, &room, why), 0};
	return next->object == NULL ? -1 : 0;
}

static int
switch_to(struct xdp_plane *plane, const struct copy *next, struct errmsg *why)
{
	struct xdp_object *o = next->object;

	__atomic_store_n(&o->control->copy, next->number, __ATOMIC_RELEASE);
	if (o == plane->current.object || plane->replaced == NULL)
		return 0;
	return plane->replaced(plane->ctx, o->program, why);
}

/* What an install needs besides its copy. */
struct preparation {
	struct counters *counted;
	struct forwarding *names; /* of what will be left */
	bool *moving;
};

static int
prepare(const struct xdp_plane *plane, const struct forwarding *state,
    struct preparation *p, struct errmsg *why)
{
	const struct forwarding *old = plane->fib == NULL
	    ? NULL
	    : fib_state(plane->fib);

	p->counted = counters_new(state, plane->counted, old);
	p->names = old == NULL ? NULL : names_of(old);
	p->moving = calloc(state->n_backends + 1, sizeof(*p->moving));
	if (p->counted != NULL && (old == NULL || p->names != NULL) &&
	    p->moving != NULL)
		return 0;
	return errmsg_set(why, "XDP: counters: out of memory");
}

static void
discard(struct preparation *p)
{
	counters_free(p->counted);
	forwarding_free(p->names);
	free(p->moving);
}

int
xdp_plane_install(
    struct xdp_plane *plane, const struct fib *fib, struct errmsg *why)
{
	struct copy next = {NULL, 0};
	struct preparation p;

	if (settle(plane, why) == -1)
		return -1;
	if (prepare(plane, fib_state(fib), &p, why) == -1 ||
	    make_room(plane, fib_tables(fib), &next, why) == -1)
		goto fail;
	write_copy(plane, &next, fib);
	if (switch_to(plane, &next, why) == -1)
		goto fail;
	counters_free(plane->counted);
	free(plane->moving);
	plane->left = plane->current;
	plane->left_names = p.names;
	plane->current = next;
	plane->fib = fib;
	plane->counted = p.counted;
	plane->moving = p.moving;
	return 0;
fail:
	if (next.object != plane->current.object)
		xdp_object_free(next.object);
	discard(&p);
	return -1;
}

void
xdp_plane_set_next_hop(struct xdp_plane *plane, size_t i)
{
	struct backend_fwd *now = xdp_object_backends(
	    plane->current.object, plane->current.number);
	struct backend_fwd b = for_program(
	    plane, plane->current.object, plane->fib, i);

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

	o->control->lease = seconds * jiffies_per_second();
	if (bpf_prog_test_run_opts(o->renew, &opts) != 0)
		return errmsg_sys(why, "XDP: renewing the lease");
	return 0;
}

void
xdp_plane_count(struct xdp_plane *plane, struct counters *to)
{
	xdp_plane_settle(plane);
	if (plane->fib == NULL)
		return;
	add_counters(to, plane->counted);
	add_copy(to, &plane->current);
}

int
xdp_plane_program(const struct xdp_plane *plane)
{
	return plane->current.object->program;
}

void
xdp_plane_on_replaced(struct xdp_plane *plane,
    int (*replaced)(void *, int, struct errmsg *), void *ctx)
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
xdp_plane_new(const char *pin_dir, struct errmsg *why)
{
	static const struct tables nothing;
	struct xdp_plane *plane = calloc(1, sizeof(*plane));
	struct xdp_room room;

	if (plane == NULL) {
		errmsg_sys(why, "XDP");
		return NULL;
	}
	plane->any_port = true;
	if (xdp_room_for(&room, &nothing, NULL, why) == -1 ||
	    (plane->current.object = xdp_object_new(&room, why)) == NULL) {
		xdp_plane_free(plane);
		return NULL;
	}
	write_empty(&plane->current);
	return plane;
}

void
xdp_plane_free(struct xdp_plane *plane)
{
	if (plane == NULL)
		return;
	forget_left(plane);
	xdp_object_free(plane->current.object);
	counters_free(plane->counted);
	free(plane->moving);
	free(plane->ports);
	free(plane);
}
