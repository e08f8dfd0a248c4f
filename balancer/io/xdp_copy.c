/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/xdp_copy.h"

#include <stddef.h>
#include <string.h>

#include "balancer/core/tables.h"
#include "balancer/io/xdp_object.h"

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

void
xdp_copy_write_tables(const struct xdp_copy *to, const struct tables *t)
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

void
xdp_copy_write_empty(const struct xdp_copy *to)
{
	uint8_t *base = xdp_object_tables(to->object, to->number);

	memset(base + to->object->room.vips_at, 0xff, sizeof(struct vip_entry));
}

/* One range of words, each by a store of its own. */
static void
copy_words(uint16_t *to, const uint16_t *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELEASE);
}

void
xdp_copy_store_slots(const struct xdp_copy *to, const struct tables *t,
    uint32_t first, uint32_t n)
{
	copy_words(xdp_object_settled(to->object, to->number) + first,
	    t->settled + first, n);
	copy_words(xdp_object_slots(to->object, to->number) + first,
	    t->slots + first, n);
}

/* The word with the flags last: they say that the rest can be used. */
void
xdp_copy_store_backend(
    const struct xdp_copy *copy, size_t i, const struct backend_fwd *b)
{
	struct backend_fwd *backends = xdp_object_backends(
	    copy->object, copy->number);
	uint64_t *to = (uint64_t *)&backends[i];
	uint64_t words[8];

	_Static_assert(offsetof(struct backend_fwd, flags) / 8 == 1,
	    "the flags are in the second word");
	memcpy(words, b, sizeof(words));
	for (size_t w = 0; w < 8; w++) {
		if (w != 1)
			__atomic_store_n(&to[w], words[w], __ATOMIC_RELAXED);
	}
	__atomic_store_n(&to[1], words[1], __ATOMIC_RELEASE);
}
