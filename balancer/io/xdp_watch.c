/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/xdp_watch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/io/xdp_object.h"

struct xdp_watch {
	struct event_base *base;
	struct xdp_watch_handler handler;
	struct tap_wish wish;
	const struct xdp_object *object; /* NULL: none yet */
	struct ring_buffer *ring;
	struct event *readable;
	uint64_t over, lost; /* of that object, as told before */
	uint64_t stale;      /* of a state before; lost, too */
	uint8_t in[XDP_TAP_LINK + XDP_TAP_DATA];
};

/* The packet as it came: its link header, and what the frame now ends with. */
static void
rebuild(struct xdp_watch *w, const struct xdp_tapped *t, struct tap_copy *in)
{
	uint32_t body = t->len > t->inner_at ? t->len - t->inner_at : 0;

	in->data = w->in;
	in->len = t->link_len + body;
	in->wire_len = t->link_len + t->wire_len - t->inner_at;
	in->ifindex = t->ifindex;
	memcpy(w->in, t->link, t->link_len);
	memcpy(w->in + t->link_len, t->data + t->inner_at, body);
}

static int
on_record(void *ctx, void *record, size_t len)
{
	const struct xdp_tapped *t = record;
	struct xdp_watch *w = ctx;
	struct tap_offer o = {.time_ns = t->time_ns,
	    .weight = t->weight,
	    .reason = (enum reason)t->reason,
	    .service = t->service,
	    .backend = t->backend};

	/* A program that is being replaced may still be at work. */
	if (t->copy != w->object->control->copy) {
		w->stale++;
		return 0;
	}
	rebuild(w, t, &o.in);
	if (t->out_ifindex != 0)
		o.out = (struct tap_copy){
		    t->data, t->len, t->wire_len, t->out_ifindex};
	w->handler.offer(w->handler.ctx, &o);
	return 0;
}

void
xdp_watch_drain(struct xdp_watch *w)
{
	if (w->ring != NULL)
		(void)ring_buffer__consume(w->ring);
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	xdp_watch_drain(ctx);
}

static int
sum_cpus(const struct xdp_object *o, uint64_t *over, uint64_t *lost)
{
	struct xdp_tap_cpu *cpus = calloc(o->room.cpus, sizeof(*cpus));
	uint32_t zero = 0;
	int r = -1;

	if (cpus != NULL &&
	    bpf_map_lookup_elem(o->tap_cpus, &zero, cpus) == 0) {
		*over = *lost = 0;
		for (uint32_t i = 0; i < o->room.cpus; i++) {
			*over += cpus[i].over;
			*lost += cpus[i].lost;
		}
		r = 0;
	}
	free(cpus);
	return r;
}

/* A record stands for `every` packets: those besides it were passed over. */
static void
tell_missed(struct xdp_watch *w)
{
	uint64_t over, lost, missed;

	if (sum_cpus(w->object, &over, &lost) == -1)
		return;
	missed = lost - w->lost + w->stale;
	w->handler.missed(w->handler.ctx,
	    over - w->over + missed * (w->wish.every - 1), missed);
	w->over = over;
	w->lost = lost;
	w->stale = 0;
}

/* All that was shown up to now. */
static void
hand_over(struct xdp_watch *w)
{
	if (w->object == NULL || w->wish.every == 0)
		return;
	xdp_watch_drain(w);
	tell_missed(w);
}

/* `every` last: it is what the program looks at. */
static void
write_wish(const struct xdp_watch *w)
{
	struct xdp_tap *tap = w->object->tap;

	tap->snap = w->wish.snap < XDP_TAP_DATA ? w->wish.snap : XDP_TAP_DATA;
	/* The headers in front of the client's packet count as well. */
	if (tap->snap > 0 && tap->snap + 64 <= XDP_TAP_DATA)
		tap->snap += 64;
	tap->reasons = (uint32_t)w->wish.reasons;
	tap->service = w->wish.service;
	__atomic_store_n(
	    &tap->every, w->ring != NULL ? w->wish.every : 0, __ATOMIC_RELEASE);
}

void
xdp_watch_wish(struct xdp_watch *w, const struct tap_wish *wish)
{
	hand_over(w);
	w->wish = *wish;
	if (w->object != NULL)
		write_wish(w);
}

static void
close_ring(struct xdp_watch *w)
{
	if (w->readable != NULL)
		event_free(w->readable);
	w->readable = NULL;
	ring_buffer__free(w->ring);
	w->ring = NULL;
	w->over = w->lost = 0;
}

int
xdp_watch_object(
    struct xdp_watch *w, const struct xdp_object *o, struct errmsg *why)
{
	if (o == w->object)
		return 0;
	hand_over(w);
	close_ring(w);
	w->object = o;
	w->ring = ring_buffer__new(o->tapped, on_record, w, NULL);
	if (w->ring == NULL)
		return errmsg_sys(why, "XDP: the ring of captured packets");
	w->readable = event_new(w->base, ring_buffer__epoll_fd(w->ring),
	    EV_READ | EV_PERSIST, on_readable, w);
	if (w->readable == NULL || event_add(w->readable, NULL) == -1) {
		close_ring(w);
		return errmsg_set(why, "XDP: cannot add an event");
	}
	write_wish(w);
	return 0;
}

struct xdp_watch *
xdp_watch_new(struct event_base *base, const struct xdp_watch_handler *handler)
{
	struct xdp_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->base = base;
	w->handler = *handler;
	return w;
}

void
xdp_watch_free(struct xdp_watch *w)
{
	if (w == NULL)
		return;
	/* The program outlives us. */
	if (w->object != NULL)
		w->object->tap->every = 0;
	close_ring(w);
	free(w);
}
