/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/xdp_counts.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/counters.h"
#include "common/forwarding.h"

_Static_assert(XDP_NAME_LEN == FORWARDING_NAME_MAX, "names fit");

/* One block of counters, and what it consists of. */
struct block {
	uint64_t *reasons;
	struct xdp_count *services, *backends;
	uint64_t (*service_reasons)[REASON_COUNT];
};

static struct block
block_of(const struct xdp_object *o, uint32_t cpu, uint32_t copy)
{
	const struct xdp_room *room = &o->room;
	uint8_t *at = o->counts +
	    ((size_t)cpu * XDP_COPIES + copy) * room->counts_len;

	return (struct block){
	    (uint64_t *)at,
	    (struct xdp_count *)(at + room->service_counts_at),
	    (struct xdp_count *)(at + room->backend_counts_at),
	    (uint64_t(*)[REASON_COUNT])(at + room->service_reasons_at),
	};
}

struct forwarding *
xdp_counts_names(const struct xdp_object *o, uint32_t copy)
{
	const uint8_t *base = xdp_object_tables(o, copy);
	const struct xdp_head *head = (const struct xdp_head *)base;
	const struct backend_fwd *backends = xdp_object_backends(o, copy);
	struct forwarding *names = forwarding_new();

	if (names == NULL || head->n_services > o->room.service_mask + 1 ||
	    head->n_backends > o->room.backend_mask + 1)
		goto fail;
	names->services = calloc(
	    head->n_services + 1, sizeof(*names->services));
	names->backends = calloc(
	    head->n_backends + 1, sizeof(*names->backends));
	if (names->services == NULL || names->backends == NULL)
		goto fail;
	names->n_services = head->n_services;
	names->n_backends = head->n_backends;
	for (size_t i = 0; i < names->n_services; i++)
		memcpy(names->services[i].name,
		    base + o->room.names_at + i * XDP_NAME_LEN,
		    XDP_NAME_LEN - 1);
	for (size_t i = 0; i < names->n_backends; i++)
		memcpy(&names->backends[i], backends[i].destination,
		    sizeof(names->backends[i]));
	return names;
fail:
	forwarding_free(names);
	return NULL;
}

void
xdp_counts_set_names(
    struct xdp_object *o, uint32_t copy, const struct forwarding *state)
{
	uint8_t *base = xdp_object_tables(o, copy);
	struct xdp_head *head = (struct xdp_head *)base;

	head->n_services = (uint32_t)state->n_services;
	head->n_backends = (uint32_t)state->n_backends;
	for (size_t i = 0; i < state->n_services; i++)
		memcpy(base + o->room.names_at + i * XDP_NAME_LEN,
		    state->services[i].name, XDP_NAME_LEN);
}

static void
add_block(struct counters *to, const struct block *from)
{
	for (int r = 0; r < REASON_COUNT; r++)
		to->reasons[r] += from->reasons[r];
	for (size_t i = 0; i < to->n_services; i++) {
		uint64_t packets = from->services[i].packets;

		for (int r = 0; r < REASON_COUNT; r++)
			to->service_reasons[i][r] +=
			    from->service_reasons[i][r];
		to->services[i].packets += packets;
		to->services[i].bytes += from->services[i].bytes;
		to->service_reasons[i][REASON_FORWARD] += packets;
		to->reasons[REASON_FORWARD] += packets;
	}
	for (size_t i = 0; i < to->n_backends; i++) {
		to->backends[i].packets += from->backends[i].packets;
		to->backends[i].bytes += from->backends[i].bytes;
	}
}

void
xdp_counts_add(struct counters *to, const struct xdp_object *o, uint32_t copy)
{
	for (uint32_t cpu = 0; cpu <= o->room.cpus; cpu++) {
		struct block block = block_of(o, cpu, copy);

		add_block(to, &block);
	}
}

bool
xdp_counts_fit(
    const struct xdp_object *o, uint32_t copy, const struct counters *c)
{
	const struct xdp_head *head = (const struct xdp_head *)
	    xdp_object_tables(o, copy);

	return head->n_services == c->n_services &&
	    head->n_backends == c->n_backends;
}

/* While one process takes over from another, both enter what they have. */
static void
enter(uint64_t *to, uint64_t n)
{
	if (n != 0)
		(void)__atomic_add_fetch(to, n, __ATOMIC_RELAXED);
}

void
xdp_counts_enter(
    struct xdp_object *o, uint32_t copy, const struct counters *more)
{
	struct block ledger = block_of(o, o->room.cpus, copy);

	for (int r = 0; r < REASON_COUNT; r++)
		enter(&ledger.reasons[r], more->reasons[r]);
	for (size_t i = 0; i < more->n_services; i++) {
		uint64_t packets = more->services[i].packets;

		for (int r = 0; r < REASON_COUNT; r++)
			enter(&ledger.service_reasons[i][r],
			    more->service_reasons[i][r]);
		enter(&ledger.services[i].packets, packets);
		enter(&ledger.services[i].bytes, more->services[i].bytes);
		/* These follow from the services' packets (add_block). */
		enter(&ledger.service_reasons[i][REASON_FORWARD], -packets);
		enter(&ledger.reasons[REASON_FORWARD], -packets);
	}
	for (size_t i = 0; i < more->n_backends; i++) {
		enter(&ledger.backends[i].packets, more->backends[i].packets);
		enter(&ledger.backends[i].bytes, more->backends[i].bytes);
	}
}

void
xdp_counts_begin(
    struct xdp_object *o, uint32_t copy, const struct counters *ledger)
{
	for (uint32_t cpu = 0; cpu <= o->room.cpus; cpu++)
		memset(block_of(o, cpu, copy).reasons, 0, o->room.counts_len);
	xdp_counts_enter(o, copy, ledger);
}
