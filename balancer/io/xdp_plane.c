/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/xdp_plane.h"

#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "balancer/core/counters.h"
#include "balancer/core/fib.h"
#include "balancer/core/tables.h"
#include "balancer/io/xdp_copy.h"
#include "balancer/io/xdp_counts.h"
#include "balancer/io/xdp_flows.h"
#include "balancer/io/xdp_grace.h"
#include "balancer/io/xdp_larger.h"
#include "balancer/io/xdp_object.h"
#include "common/forwarding.h"
#include "common/log.h"

struct xdp_plane {
	struct xdp_copy current;
	const struct fib *fib; /* that is in it; NULL: none of ours yet */
	bool taken;            /* the first object, from another process */
	uint32_t owner;        /* this process, in the maps */
	uint32_t mtu;          /* for the program; there when they are ours */
	/* What was in force before, which packets under way may still count
	 * in; whose counters those are, and what was carried over of them. */
	struct xdp_copy left;
	struct forwarding *left_names;
	struct counters *left_taken;
	struct xdp_flows flows;
	struct xdp_larger larger; /* for a state to come */
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

/* All that a copy is, but for what makes it the one in force. */
static void
write_copy(
    struct xdp_plane *plane, const struct xdp_copy *to, const struct fib *fib)
{
	struct backend_fwd *backends = xdp_object_backends(
	    to->object, to->number);

	xdp_copy_write_tables(to, fib_tables(fib));
	for (size_t i = 0; i < fib_state(fib)->n_backends; i++)
		backends[i] = for_program(plane, to->object, fib, i);
	xdp_counts_set_names(to->object, to->number, fib_state(fib));
}

/* Counters ------------------------------------------------------------- */

/* All that a copy has counted, for its own state; NULL: out of memory. */
static struct counters *
counters_of(const struct xdp_copy *copy, const struct forwarding *names)
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

static void
move_backends(struct xdp_plane *plane)
{
	for (size_t i = 0; plane->n_moving > 0; i++) {
		struct backend_fwd b;

		if (!plane->moving[i])
			continue;
		b = for_program(plane, plane->current.object, plane->fib, i);
		xdp_copy_store_backend(&plane->current, i, &b);
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

int
xdp_plane_make_room(struct xdp_plane *plane, const struct fib *fib, bool *later,
    struct errmsg *why)
{
	const struct tables *t = fib_tables(fib);
	struct xdp_larger *larger = &plane->larger;

	*later = false;
	if (xdp_room_holds(&plane->current.object->room, t))
		return 0;
	if (!xdp_larger_busy(larger)) {
		if (xdp_larger_await(larger, why) == -1) /* it is there */
			return -1;
		if (xdp_larger_holds(larger, t))
			return 0;
		if (xdp_larger_begin(larger, plane->current.object, t, why) ==
		    -1)
			return -1;
	}
	*later = true;
	return errmsg_set(
	    why, "XDP: the kernel checks a program with room for it");
}

bool
xdp_plane_makes_room(const struct xdp_plane *plane)
{
	return xdp_larger_busy(&plane->larger);
}

/* Waits for it. */
static int
await_room(struct xdp_plane *plane, const struct fib *fib, struct errmsg *why)
{
	bool later;

	while (xdp_plane_make_room(plane, fib, &later, why) == -1) {
		if (!later || xdp_larger_await(&plane->larger, why) == -1)
			return -1;
	}
	return 0;
}

/* An object with more room: ready but for the state. */
static void
equip(const struct xdp_plane *plane, struct xdp_object *o)
{
	const struct xdp_control *from = plane->current.object->control;

	o->control->mtu = plane->mtu;
	o->control->expires = from->expires;
	o->control->lease = from->lease;
	o->control->owner = from->owner;
	/* An interface that has gone is a next hop no more. */
	for (size_t i = 0; i < plane->n_ports; i++)
		(void)map_port(o, plane->ports[i]);
}

/* Where the next state is to be written. */
static struct xdp_copy
find_room(const struct xdp_plane *plane, const struct tables *t)
{
	const struct xdp_copy *now = &plane->current;

	if (xdp_room_holds(&now->object->room, t))
		return (struct xdp_copy){now->object, now->number ^ 1};
	return (struct xdp_copy){plane->larger.object, 0};
}

static void
put_in_force(const struct xdp_copy *c)
{
	__atomic_store_n(
	    &c->object->control->copy, c->number, __ATOMIC_RELEASE);
}

/* From now on what is in the maps is this process's own. */
static void
own(struct xdp_plane *plane, struct xdp_object *next)
{
	plane->owner = __atomic_add_fetch(
	    &plane->current.object->control->owner, 1, __ATOMIC_RELEASE);
	next->control->owner = plane->owner;
	next->control->mtu = plane->mtu;
}

/* 0, or -1 with `why`: what was in force is so again. */
static int
switch_to(
    struct xdp_plane *plane, const struct xdp_copy *next, struct errmsg *why)
{
	struct xdp_object *o = next->object;
	bool first = plane->fib == NULL, here = o == plane->current.object;
	/* By another process, which goes on with its state if the place of our
	 * program is refused, or if we are killed meanwhile: ours comes first.
	 */
	bool in_use = first && here && plane->taken;

	if (!in_use)
		put_in_force(next);
	if ((first || !here) && plane->replaced != NULL &&
	    plane->replaced(plane->ctx, o, why) == -1) {
		if (here && !in_use)
			put_in_force(&plane->current);
		return -1;
	}
	if (first)
		own(plane, o);
	if (in_use)
		put_in_force(next);
	return 0;
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
	const struct xdp_copy *now = &plane->current;

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

/* It is in force: what was is left. */
static void
commit(struct xdp_plane *plane, const struct xdp_copy *next,
    const struct fib *fib, struct preparation *p)
{
	counters_free(p->ledger);
	free(plane->moving);
	plane->left = plane->current;
	plane->left_names = p->names;
	plane->left_taken = p->taken;
	plane->moving = p->moving;
	plane->current = *next;
	if (next->object == plane->larger.object)
		(void)xdp_larger_take(&plane->larger);
	xdp_larger_drop(&plane->larger);
	plane->fib = fib;
}

/* Of maps that were taken over: who had them may have switched since they were
 * opened, and packets may still read what was in force before. 0, or -1 with
 * `why`. */
static int
look_again(struct xdp_plane *plane, struct errmsg *why)
{
	struct xdp_copy *now = &plane->current;

	if (plane->fib != NULL)
		return 0;
	now->number = __atomic_load_n(
			  &now->object->control->copy, __ATOMIC_ACQUIRE) &
	    (XDP_COPIES - 1);
	return xdp_grace(why);
}

int
xdp_plane_install(
    struct xdp_plane *plane, const struct fib *fib, struct errmsg *why)
{
	struct preparation p;
	struct xdp_copy next;

	if (settle(plane, why) == -1 || await_room(plane, fib, why) == -1 ||
	    look_again(plane, why) == -1)
		return -1;
	if (prepare(plane, fib_state(fib), &p, why) == -1)
		goto fail;
	next = find_room(plane, fib_tables(fib));
	if (next.object != plane->current.object)
		equip(plane, next.object);
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

static void
copy_changed(void *ctx, uint32_t first, uint32_t n)
{
	const struct xdp_plane *plane = ctx;

	xdp_copy_store_slots(&plane->current, fib_tables(plane->fib), first, n);
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
		xdp_copy_store_backend(&plane->current, i, &b);
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
	plane->mtu = mtu;
	/* What was taken over is another's until the first install. */
	if ((plane->fib != NULL || !plane->taken) && !superseded(plane))
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
		plane->current = (struct xdp_copy){
		    taken, taken->control->copy & (XDP_COPIES - 1)};
		plane->taken = true;
		plane->mtu = taken->control->mtu;
		return plane;
	}
	if (xdp_room_for(&room, &nothing, NULL, why) == -1 ||
	    (plane->current.object = xdp_object_new(&room, NULL, why)) ==
		NULL ||
	    xdp_flows_map(&plane->flows, plane->current.object, why) == -1) {
		xdp_plane_free(plane);
		return NULL;
	}
	xdp_copy_write_empty(&plane->current);
	plane->mtu = plane->current.object->control->mtu;
	return plane;
}

void
xdp_plane_free(struct xdp_plane *plane)
{
	if (plane == NULL)
		return;
	forget_left(plane);
	xdp_larger_clear(&plane->larger);
	xdp_object_free(plane->current.object);
	xdp_flows_unmap(&plane->flows);
	free(plane->moving);
	free(plane->ports);
	free(plane);
}
