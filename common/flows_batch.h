/* SPDX-License-Identifier: Apache-2.0 */
/* Flow entries, and what slots settled on, as plain values: between balancer
 * and agent, and between agents (proto/flows.proto). Numbers and positions that
 * are local to a node are not in them.
 *
 * Texts and arrays belong to the arena that the caller gave, or are borrowed by
 * whoever fills the values by hand. */
#ifndef COMMON_FLOWS_BATCH_H
#define COMMON_FLOWS_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/errmsg.h"
#include "common/forwarding.h"

#define FLOWS_BATCH_MAX 500  /* flows that are told at once */
#define FLOWS_PAGE_MAX  4096 /* of a page */
/* Slots of one message between agents, which stays well under 1 MiB; and of
 * one between agent and balancer. */
#define SETTLED_PART_MAX  32768
#define SETTLED_SLOTS_MAX (4u << 20)
/* No flow or move is older: what is, is said to be so old. Seconds. */
#define FLOWS_AGE_MAX 86400

/* struct flow_told.flags */
#define FLOW_TOLD_UDP      1u
#define FLOW_TOLD_SYN_ONLY 2u
#define FLOW_TOLD_CLOSING  4u
#define FLOW_TOLD_GUESSED  8u  /* its beginning was not seen */
#define FLOW_TOLD_ONCE     16u /* of all its packets one was */
#define FLOW_TOLD_FLAGS    31u

struct flow_told {
	uint64_t hash;    /* of the tuple */
	uint16_t backend; /* position in the batch's backends */
	uint8_t flags;    /* FLOW_TOLD_... */
	uint32_t age_s;   /* since it was last seen, <= FLOWS_AGE_MAX */
};

struct flow_service {
	const char *name; /* a valid one (forwarding_name_valid) */
	struct flow_told *flows;
	size_t n_flows;
};

struct flow_batch {
	uint64_t seed_print; /* flows_seed_print of the seed of the hashes */
	struct addr *backends;
	size_t n_backends;
	struct flow_service *services;
	size_t n_services;
};

/* A slot that moves: current says another backend. */
struct settled_slot {
	uint32_t slot;
	uint16_t backend; /* position in the batch's backends: settled */
	uint32_t age_s;   /* since the move began, <= FLOWS_AGE_MAX */
};

/* A service may come more than once in a batch: then it goes on. What no
 * service names stands. */
struct settled_service {
	const char *name;
	uint32_t table_size;        /* as of struct forwarding_service */
	struct settled_slot *slots; /* ascending */
	size_t n_slots;
};

struct settled_batch {
	uint64_t seed_print;
	struct addr *backends;
	size_t n_backends;
	struct settled_service *services;
	size_t n_services;
};

/* What still asks for a backend of a service. */
struct flow_held {
	uint64_t entries; /* that name it */
	uint64_t slots;   /* that move, and settled on it */
	uint64_t packets; /* to this backend, of all services, so far */
};

/* The first 8 bytes, little endian, of SHA-256("guideway flows" || seed). */
uint64_t flows_seed_print(const uint8_t seed[FORWARDING_SEED_LEN]);

/* How many flows, or slots, are in it. */
size_t flow_batch_count(const struct flow_batch *);
size_t settled_batch_count(const struct settled_batch *);

/* To messages that live in the arena and borrow from the values; NULL when out
 * of memory. From messages, each field checked, with at most max flows or slots
 * in all: 0, or -1 with `why`. */
struct arena;
struct Guideway__Flows__Flows;
struct Guideway__Flows__Settled;

struct Guideway__Flows__Flows *flow_batch_to_message(
    struct arena *, const struct flow_batch *);
int flow_batch_from_message(struct arena *, struct flow_batch *,
    const struct Guideway__Flows__Flows *, size_t max, struct errmsg *why);

struct Guideway__Flows__Settled *settled_batch_to_message(
    struct arena *, const struct settled_batch *);
int settled_batch_from_message(struct arena *, struct settled_batch *,
    const struct Guideway__Flows__Settled *, size_t max, struct errmsg *why);

#endif
