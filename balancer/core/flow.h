/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Flow entries, as packets see them. Only a packet whose slot has SLOT_ASK
 * (tables.h) comes here: where current and settled agree there is no state.
 *
 *     (1) flow_find    is there an entry for this flow?
 *     (2) flow_decide  where does the packet go, what is to be kept of it?
 *     (3) flow_write, flow_refresh
 *
 * Entries stand in buckets of eight, two cache lines; a flow's bucket is taken
 * from the low bits of its hash (slots are taken from the high ones). They are
 * in shared memory, for XDP on all CPUs and for processes alike, without locks.
 * An entry's key changes only while its state says BUSY, and is the flow's if
 * the state before and after it was read names the same backend. Whoever wants
 * to write an entry makes it BUSY by compare-and-swap; who loses that race
 * tries another one or does without. Two entries of one flow do no harm: the
 * first one counts, the other one ends by itself.
 *
 * A full bucket: what is quiet and has not shown to be a connection gives way.
 * A connection never does, so no flood can end one. */
#ifndef BALANCER_CORE_FLOW_H
#define BALANCER_CORE_FLOW_H

#include "balancer/core/lookup.h"

#define FLOW_BUCKET    8
#define FLOWS_SERVICES 1024 /* stable numbers of services are below */
#define FLOWS_TICK_MS  250  /* the unit of time here */
#define FLOWS_TICKS_S  (1000 / FLOWS_TICK_MS)
/* An entry that nobody is told of yet is found through a byte for so many
 * buckets. */
#define FLOWS_DIRTY_BUCKETS 8

struct flow_entry {
	uint64_t state; /* 0: free */
	uint64_t key;   /* tuple_hash */
};
_Static_assert(sizeof(struct flow_entry) == 16, "four a cache line");

/* state: bits 0-15 backend and 16-25 service, by stable number; 26-31 when it
 * was told again (sweeper.c); 32-39 flags; 40-63 when a packet was last seen,
 * in ticks, modulo 2^24 (48 days). */
#define FLOW_BACKEND(state) ((uint32_t)(state)&0xffffu)
#define FLOW_SERVICE(state) ((uint32_t)((state) >> 16) & (FLOWS_SERVICES - 1))
#define FLOW_TIME(state)    ((uint32_t)((state) >> 40))
#define FLOW_TIME_MASK      0xffffffu
#define FLOW_SERVICE_AT(n)  ((uint64_t)(n) << 16)
#define FLOW_TIME_AT(tick)  ((uint64_t)(tick) << 40)
#define FLOW_IDENTITY       0x3ffffffull /* backend and service */
#define FLOW_FLAG(n)        (1ull << (32 + (n)))
#define FLOW_BUSY           FLOW_FLAG(0) /* being written */
#define FLOW_SYN_ONLY       FLOW_FLAG(1) /* seen: nothing but SYNs */
#define FLOW_ONCE           FLOW_FLAG(2) /* seen: one packet, not a SYN */
#define FLOW_CLOSING        FLOW_FLAG(3) /* the client sent FIN or RST */
#define FLOW_UDP            FLOW_FLAG(4)
#define FLOW_FOREIGN        FLOW_FLAG(5) /* told by a peer, not seen here */
#define FLOW_TOLD           FLOW_FLAG(6) /* peers know of it as it is */
#define FLOW_GUESSED        FLOW_FLAG(7) /* its beginning was not seen */

/* What peers are told of when it changes. */
#define FLOW_STAGE (FLOW_SYN_ONLY | FLOW_ONCE | FLOW_CLOSING)

/* A SYN belongs to the entry of its tuple if that had a packet so short ago; a
 * client that uses its tuple anew is served by its second retransmission. */
#define FLOW_STRAY_TICKS (4 * FLOWS_TICKS_S)
/* What is not known to be a connection is kept so long whatever comes: a
 * handshake, with a lost packet. */
#define FLOW_QUIET_TICKS (3 * FLOWS_TICKS_S)

/* What a packet is, as far as that matters here. */
enum flow_packet {
	FLOW_PACKET_SYN, /* without ACK */
	FLOW_PACKET_TCP,
	FLOW_PACKET_TCP_END, /* FIN or RST */
	FLOW_PACKET_UDP,
};

/* Why a packet goes where it goes. */
enum flow_rule {
	FLOW_RULE_STANDING, /* its slot asks nobody */
	FLOW_RULE_ENTRY,    /* as its entry says */
	FLOW_RULE_NEW,      /* to current: a new flow */
	FLOW_RULE_SETTLED,  /* to settled: an older flow */
};

/* Where one flow's entry may be, and the time. User space and BPF each make it
 * on their own. */
struct flow_place {
	struct flow_entry *bucket; /* FLOW_BUCKET of them */
	uint8_t *dirty;            /* set when there is something to tell */
	uint64_t *overflow;        /* [FLOWS_SERVICES]: found no room */
	uint32_t now;              /* tick */
};

/* How often something is tried when others write the same entries. */
#define FLOW_TRIES 3

/* BPF has no loads with acquire. Loads from an address that depends on what was
 * loaded before are in order on all machines, and an exchange is a barrier.
 *
 * FLOW_HIDE: the verifier follows each way through eight entries. The compiler
 * for BPF, which has no conditional moves, makes branches of whatever it
 * recognises as a condition. */
#ifdef __bpf__
#define FLOW_LOAD(p)         (*(const volatile uint64_t *)(p))
#define FLOW_STORE_KEY(p, v) (*(volatile uint64_t *)(p) = (v))
#define FLOW_PUBLISH(p, v)   ((void)__sync_lock_test_and_set(p, v))
#define FLOW_SWAP(p, from, to) \
	(__sync_val_compare_and_swap(p, from, to) == (from))
#define FLOW_MARK(dirty) (*(volatile uint8_t *)(dirty) = 1)
#define FLOW_NOTHING_OF(v) \
	({ \
		uint64_t v_ = (v); \
		__asm__ volatile("%0 &= 0" : "+r"(v_)); \
		v_; \
	})
#define FLOW_HIDE(v) BARRIER_VAR(v)
#else
#define FLOW_HIDE(v)           ((void)0)
#define FLOW_LOAD(p)           __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define FLOW_STORE_KEY(p, v)   __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define FLOW_PUBLISH(p, v)     __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define FLOW_SWAP(p, from, to) __sync_bool_compare_and_swap(p, from, to)
#define FLOW_MARK(dirty)       __atomic_store_n(dirty, 1, __ATOMIC_RELEASE)
#define FLOW_NOTHING_OF(v)     0
#endif

CORE_INLINE enum flow_packet
flow_packet(uint8_t protocol, uint8_t tcp_flags)
{
	if (protocol != PROTOCOL_TCP)
		return FLOW_PACKET_UDP;
	if ((tcp_flags & (PARSE_TCP_FIN | PARSE_TCP_RST)) != 0)
		return FLOW_PACKET_TCP_END;
	return (tcp_flags & (PARSE_TCP_SYN | PARSE_TCP_ACK)) == PARSE_TCP_SYN
	    ? FLOW_PACKET_SYN
	    : FLOW_PACKET_TCP;
}

/* In ticks. A time that seems to lie ahead, on a CPU whose clock is behind, is
 * now. */
CORE_INLINE uint32_t
flow_age(uint64_t state, uint32_t now)
{
	uint32_t age = (now - FLOW_TIME(state)) & FLOW_TIME_MASK;

	return age > FLOW_TIME_MASK / 2 ? 0 : age;
}

/* (1) -------------------------------------------------------------------- */

/* The state of entry `at`, 0 if it is not this key's. */
CORE_INLINE uint64_t
flow_read(const struct flow_entry *bucket, uint32_t at, uint64_t key)
{
	const struct flow_entry *e = &bucket[at & (FLOW_BUCKET - 1)];
	uint64_t before, after, found;

	before = FLOW_LOAD(&e->state);
	for (uint32_t i = 0; i < FLOW_TRIES; i++) {
		found = FLOW_LOAD(&e->key + FLOW_NOTHING_OF(before));
		if (found != key)
			break;
		after = FLOW_LOAD(&e->state + FLOW_NOTHING_OF(found));
		if (((before ^ after) & (FLOW_IDENTITY | FLOW_BUSY)) == 0)
			return (after & FLOW_BUSY) == 0 ? after : 0;
		before = after;
	}
	return 0;
}

/* 1 if v is 0, else 0; with no branch, see FLOW_HIDE. */
CORE_INLINE uint32_t
flow_is_zero(uint64_t v)
{
	uint64_t negative = 0 - v;

	FLOW_HIDE(negative);
	return 1 - (uint32_t)((v | negative) >> 63);
}

/* All ones if flag is 1, 0 if it is 0. */
CORE_INLINE uint32_t
flow_mask(uint32_t flag)
{
	uint32_t mask = 0 - flag;

	FLOW_HIDE(mask);
	return mask;
}

/* The state of the flow's entry, and which of the bucket it is; 0: none. */
CORE_INLINE uint64_t
flow_find(const struct flow_entry *bucket, uint64_t key, uint32_t *at)
{
	uint32_t found = FLOW_BUCKET;
	uint64_t state;

	/* The first one with this key, free ones left out. */
	for (uint32_t i = FLOW_BUCKET; i-- > 0;) {
		uint32_t mask = flow_mask(
		    flow_is_zero(FLOW_LOAD(&bucket[i].key) ^ key) &
		    (1 - flow_is_zero(FLOW_LOAD(&bucket[i].state))));

		found = (found & ~mask) | (i & mask);
	}
	*at = FLOW_BUCKET;
	if (LIKELY(found == FLOW_BUCKET))
		return 0;
	if ((state = flow_read(bucket, found, key)) != 0)
		*at = found;
	return state;
}

/* (2) -------------------------------------------------------------------- */

/* What a decision depends on. */
struct flow_facts {
	uint64_t state; /* of an entry whose backend is there; 0: none */
	uint32_t now;
	uint8_t packet; /* enum flow_packet */
	bool moving;    /* settled is not current */
	bool edge;      /* SETTLED_EDGE */
};

enum flow_act {
	FLOW_LEAVE,
	FLOW_REFRESH,
	FLOW_WRITE,
};

struct flow_decision {
	uint8_t rule;   /* enum flow_rule; never STANDING */
	uint8_t act;    /* enum flow_act */
	uint64_t state; /* REFRESH: the new one. WRITE: flags and time */
};

/* The state after one more packet. Peers are told when it has become a
 * connection, when it comes here from another node, and when it ends. */
CORE_INLINE uint64_t
flow_seen(uint64_t state, uint8_t packet, uint32_t now)
{
	uint64_t next = state & ~(FLOW_FOREIGN | FLOW_TIME_AT(FLOW_TIME_MASK));

	/* It is this node's from now on; who told of it may have forgotten. */
	if ((state & FLOW_FOREIGN) != 0)
		next &= ~FLOW_TOLD;
	next |= FLOW_TIME_AT(now & FLOW_TIME_MASK);
	/* A SYN shows nothing of what is there, see FLOW_STRAY_TICKS. */
	if (packet == FLOW_PACKET_SYN)
		return (state & FLOW_SYN_ONLY) != 0 ? next : state;
	next &= ~(FLOW_SYN_ONLY | FLOW_ONCE);
	if (packet == FLOW_PACKET_TCP_END)
		next |= FLOW_CLOSING;
	if (((next ^ state) & FLOW_STAGE) != 0)
		next &= ~FLOW_TOLD;
	return next;
}

/* May this SYN be of the flow that has the entry? */
CORE_INLINE bool
flow_is_stray(uint64_t state, uint32_t now)
{
	return (state & FLOW_SYN_ONLY) != 0 ||
	    ((state & FLOW_CLOSING) == 0 &&
		flow_age(state, now) < FLOW_STRAY_TICKS);
}

CORE_INLINE struct flow_decision
flow_decide(struct flow_facts f)
{
	struct flow_decision d = {FLOW_RULE_SETTLED, FLOW_LEAVE, 0};

	if (f.state != 0 &&
	    (f.packet != FLOW_PACKET_SYN || flow_is_stray(f.state, f.now))) {
		d.rule = FLOW_RULE_ENTRY;
		d.state = flow_seen(f.state, f.packet, f.now);
		d.act = d.state != f.state ? FLOW_REFRESH : FLOW_LEAVE;
		return d;
	}
	d.state = FLOW_TIME_AT(f.now & FLOW_TIME_MASK);
	switch (f.packet) {
	case FLOW_PACKET_SYN:
		d.rule = FLOW_RULE_NEW;
		d.state |= FLOW_SYN_ONLY;
		break;
	case FLOW_PACKET_UDP:
		if (f.moving && !f.edge)
			d.rule = FLOW_RULE_NEW;
		d.state |= FLOW_ONCE | FLOW_UDP | FLOW_GUESSED;
		break;
	case FLOW_PACKET_TCP_END:
		d.state |= FLOW_CLOSING | FLOW_ONCE | FLOW_GUESSED;
		break;
	default:
		d.state |= FLOW_ONCE | FLOW_GUESSED;
	}
	/* Else the slot asks only because other flows of it have entries. An
	 * entry that is there is written over in any case: it would be found
	 * again. */
	if (f.moving || f.edge || f.state != 0)
		d.act = FLOW_WRITE;
	return d;
}

/* (3) -------------------------------------------------------------------- */

/* How readily an entry gives way, 0: not at all. A free one first, then of what
 * is quiet: CLOSING, SYN_ONLY, ONCE. */
CORE_INLINE uint32_t
flow_rank(uint64_t state, uint32_t now)
{
	/* Quiet for so long that this is not negative, in 24 bits; nor is a
	 * time ahead of now. */
	uint32_t over = now - FLOW_TIME(state) - FLOW_QUIET_TICKS;
	uint32_t quiet = ~over >> 23 & ~(uint32_t)(state >> 32) & 1;
	uint32_t flags = (uint32_t)(state >> 33) & 7;

	_Static_assert(FLOW_BUSY == 1ull << 32 && FLOW_SYN_ONLY == 1ull << 33 &&
		FLOW_ONCE == 1ull << 34 && FLOW_CLOSING == 1ull << 35,
	    "in this order");
	flags = (flags & 4) | (flags & 1) << 1 | (flags >> 1 & 1);
	return flow_is_zero(state) << 3 | (flags & flow_mask(quiet));
}

/* Which entry gives way, and its state; FLOW_BUCKET: none. Among equals the key
 * decides, so that nobody knows whose goes first. */
CORE_INLINE uint32_t
flow_victim(const struct flow_entry *bucket, uint64_t key, uint32_t now,
    uint64_t *state)
{
	uint32_t turn = (uint32_t)(key >> 32), best = 0;

	for (uint32_t i = 0; i < FLOW_BUCKET; i++) {
		uint32_t rank = flow_rank(FLOW_LOAD(&bucket[i].state), now);
		uint32_t score = rank << 3 | ((i + turn) & (FLOW_BUCKET - 1));
		uint32_t mask = flow_mask((best - score) >> 31);

		best = (best & ~mask) | (score & mask);
	}
	if (best < FLOW_BUCKET)
		return FLOW_BUCKET;
	best = (best - turn) & (FLOW_BUCKET - 1);
	/* It may have changed. */
	*state = FLOW_LOAD(&bucket[best].state);
	return flow_rank(*state, now) != 0 ? best : FLOW_BUCKET;
}

/* Entry `at`, another flow's or nobody's and `from` so far, becomes this key's.
 */
CORE_INLINE bool
flow_put(struct flow_entry *bucket, uint32_t at, uint64_t from, uint64_t key,
    uint64_t to)
{
	struct flow_entry *e = &bucket[at & (FLOW_BUCKET - 1)];

	if (!FLOW_SWAP(&e->state, from, from | FLOW_BUSY))
		return false;
	FLOW_STORE_KEY(&e->key, key);
	FLOW_PUBLISH(&e->state, to);
	return true;
}

/* Writes an entry of which there is none so far. False: there is no room. */
CORE_INLINE bool
flow_insert(const struct flow_place *place, uint64_t key, uint64_t state)
{
	for (uint32_t i = 0; i < FLOW_TRIES; i++) {
		uint64_t from = 0;
		uint32_t at = flow_victim(
		    place->bucket, key, place->now, &from);

		if (at == FLOW_BUCKET)
			return false;
		if (flow_put(place->bucket, at, from, key, state))
			return true;
	}
	return false;
}

/* Entry `at` has a new state, and keeps its key. */
CORE_INLINE bool
flow_change(struct flow_entry *bucket, uint32_t at, uint64_t from, uint64_t to)
{
	return FLOW_SWAP(&bucket[at & (FLOW_BUCKET - 1)].state, from, to);
}

/* Whatever goes wrong here costs a tick of time. */
CORE_INLINE void
flow_refresh(
    const struct flow_place *place, uint32_t at, uint64_t from, uint64_t to)
{
	if (flow_change(place->bucket, at, from, to) &&
	    ((from ^ to) & FLOW_STAGE) != 0)
		FLOW_MARK(place->dirty);
}

/* All three -------------------------------------------------------------- */

/* The position of the backend with this stable number. Those of entries may be
 * beyond the array: they outlive it. */
CORE_INLINE uint32_t
flow_position(const struct tables *t, uint32_t number)
{
	return number > t->number_mask ? FLOWS_NO_BACKEND
				       : t->positions[number & t->number_mask];
}

/* What is known of a packet and its flow's entry. */
struct flow_case {
	struct flow_decision d;
	uint64_t found;   /* state as it is; 0: there is no entry */
	uint32_t at;      /* of the bucket */
	uint32_t backend; /* where it goes, ... */
	uint32_t settled; /* ... and where it could; positions */
	uint32_t service; /* stable number */
};

/* Where a packet goes whose slot asks; writes nothing. */
CORE_INLINE void
flow_ask(const struct tables *t, const struct flow_place *place,
    const struct route *route, enum flow_packet packet, struct flow_case *c)
{
	uint32_t current = t->slots[route->slot & t->slot_mask] &
	    SLOT_BACKEND_MASK;
	uint32_t settled = t->settled[route->slot & t->slot_mask];
	uint32_t position = FLOWS_NO_BACKEND;
	struct flow_facts facts = {
	    .now = place->now,
	    .packet = (uint8_t)packet,
	    .edge = (settled & SETTLED_EDGE) != 0,
	};

	c->settled = settled & SLOT_BACKEND_MASK;
	c->service = t->services[route->service & t->service_mask].number &
	    (FLOWS_SERVICES - 1);
	c->found = flow_find(place->bucket, route->hash, &c->at);
	/* A port may have come to another service, with other backends. */
	if (c->found != 0 && FLOW_SERVICE(c->found) == c->service)
		position = flow_position(t, FLOW_BACKEND(c->found));
	facts.moving = c->settled != current;
	facts.state = position != FLOWS_NO_BACKEND ? c->found : 0;
	c->d = flow_decide(facts);
	c->backend = c->d.rule == FLOW_RULE_ENTRY ? position
	    : c->d.rule == FLOW_RULE_NEW          ? current
						  : c->settled;
}

/* False: somebody else wrote the entry meanwhile, it is to be asked again. */
CORE_INLINE bool
flow_keep(const struct tables *t, const struct flow_place *place, uint64_t key,
    struct flow_case *c)
{
	if (LIKELY(c->d.act == FLOW_REFRESH))
		flow_refresh(place, c->at, c->found, c->d.state);
	if (LIKELY(c->d.act != FLOW_WRITE))
		return true;
	c->d.state |= FLOW_SERVICE_AT(c->service) |
	    t->numbers[c->backend & t->backend_mask];
	if (c->at < FLOW_BUCKET) {
		if (!flow_change(place->bucket, c->at, c->found, c->d.state))
			return false;
	} else if (!flow_insert(place, key, c->d.state)) {
		/* Without an entry the next packets of a flow that begins go to
		 * settled, so this one does as well. */
		if ((c->d.state & FLOW_SYN_ONLY) != 0)
			c->backend = c->settled;
		__sync_fetch_and_add(&place->overflow[c->service], 1);
		return true;
	}
	FLOW_MARK(place->dirty);
	return true;
}

/* The position of the backend for a whole packet whose slot asks; what has to
 * be remembered is. */
CORE_INLINE uint32_t
flow_choose_at(const struct tables *t, const struct flow_place *place,
    const struct route *route, enum flow_packet packet)
{
	struct flow_case c;

	for (uint32_t i = 0; i < FLOW_TRIES; i++) {
		flow_ask(t, place, route, packet, &c);
		if (LIKELY(flow_keep(t, place, route->hash, &c)))
			break;
	}
	return c.backend;
}

/* The same, but nothing is written: for what is no packet of the flow itself
 * (fragments, ICMP errors, traces). */
CORE_INLINE uint32_t
flow_look_at(const struct tables *t, const struct flow_place *place,
    const struct route *route, enum flow_packet packet, enum flow_rule *rule)
{
	struct flow_case c;

	flow_ask(t, place, route, packet, &c);
	*rule = (enum flow_rule)c.d.rule;
	return c.backend;
}

#endif
