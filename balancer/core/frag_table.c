/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/frag_table.h"
#include "balancer/core/siphash.h"
#include "common/addr.h"

#define WAYS 8 /* choices of one set, all compared */

#define CHOICES_DEFAULT   1024
#define CHOICES_MAX       (1u << 20)
#define HELD_DEFAULT      64
#define HELD_MAX          4096
#define HELD_EACH_DEFAULT 4
#define HELD_LEN_DEFAULT  9216 /* of the usual jumbo frame */
#define HELD_LEN_MAX      65535

#define LIFE4_US 30000000
#define LIFE6_US 60000000
#define HELD_US  1000000

/* The bytes of a key: hashed and compared as they stand in memory. */
#define KEY_LEN 37
_Static_assert(offsetof(struct frag_key, protocol) == KEY_LEN - 1,
    "a key without padding before its last field");
_Static_assert(FRAG_KEY_LEN == SIPHASH_KEY_LEN, "the key of the hash");

struct choice {
	struct frag_key key;
	struct frag_choice to;
	uint64_t generation;
	int64_t learned_us;
	int64_t expires_us; /* at or before now: free */
};

struct held {
	struct frag_key key;
	uint64_t hash;
	uint64_t serial; /* in the order they came; 0: free */
	int64_t since_us;
	struct frag_held packet; /* its bytes are the table's own */
};

struct frag_table {
	uint8_t key[SIPHASH_KEY_LEN];
	struct frag_limits limits;
	struct choice *choices; /* limits.choices, in sets of WAYS */
	struct held *held;      /* limits.held */
	uint8_t *bytes;         /* held_max_len for each of them */
	uint32_t n_held;
	uint64_t last_serial;
	uint64_t lost;
};

static bool
same_key(const struct frag_key *a, const struct frag_key *b)
{
	return memcmp(a, b, KEY_LEN) == 0;
}

static uint64_t
hash_key(const struct frag_table *t, const struct frag_key *key)
{
	return siphash24(t->key, key, KEY_LEN);
}

/* Fills in defaults: false if a limit is beyond reason. */
static bool
complete_limits(struct frag_limits *l)
{
	uint32_t sets = 1;

	if (l->choices == 0)
		l->choices = CHOICES_DEFAULT;
	if (l->held == 0)
		l->held = HELD_DEFAULT;
	if (l->held_each == 0)
		l->held_each = HELD_EACH_DEFAULT;
	if (l->held_max_len == 0)
		l->held_max_len = HELD_LEN_DEFAULT;
	if (l->choices > CHOICES_MAX || l->held > HELD_MAX ||
	    l->held_max_len > HELD_LEN_MAX)
		return false;
	while (sets * WAYS < l->choices)
		sets *= 2;
	l->choices = sets * WAYS;
	return true;
}

struct frag_table *
frag_table_new(
    const uint8_t key[FRAG_KEY_LEN], const struct frag_limits *limits)
{
	struct frag_limits l = {0};
	struct frag_table *t;
	uint32_t i;

	if (limits != NULL)
		l = *limits;
	if (!complete_limits(&l)) {
		errno = EINVAL;
		return NULL;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	memcpy(t->key, key, sizeof(t->key));
	t->limits = l;
	t->choices = calloc(l.choices, sizeof(*t->choices));
	t->held = calloc(l.held, sizeof(*t->held));
	t->bytes = calloc(l.held, l.held_max_len);
	if (t->choices == NULL || t->held == NULL || t->bytes == NULL) {
		frag_table_free(t);
		errno = ENOMEM;
		return NULL;
	}
	for (i = 0; i < l.held; i++)
		t->held[i].packet.l3 = t->bytes + (size_t)i * l.held_max_len;
	frag_table_flush(t);
	return t;
}

void
frag_table_free(struct frag_table *t)
{
	if (t == NULL)
		return;
	free(t->bytes);
	free(t->held);
	free(t->choices);
	free(t);
}

void
frag_table_flush(struct frag_table *t)
{
	uint32_t i;

	for (i = 0; i < t->limits.choices; i++) {
		t->choices[i].learned_us = INT64_MIN;
		t->choices[i].expires_us = INT64_MIN;
	}
}

static struct choice *
set_of(const struct frag_table *t, const struct frag_key *key)
{
	uint32_t sets = t->limits.choices / WAYS;

	return t->choices + (hash_key(t, key) & (sets - 1)) * WAYS;
}

static int64_t
lifetime(const struct frag_key *key)
{
	struct addr destination;

	memcpy(destination.bytes, key->destination, sizeof(destination.bytes));
	return addr_is4(&destination) ? LIFE4_US : LIFE6_US;
}

void
frag_table_learn(struct frag_table *t, const struct frag_key *key,
    struct frag_choice to, uint64_t generation, int64_t now_us)
{
	struct choice *set = set_of(t, key), *victim = set;
	int i;

	/* Age, not what is left of its life, so that IPv6, which lives longer,
	 * cannot push out IPv4 before its turn */
	for (i = 0; i < WAYS; i++) {
		if (same_key(&set[i].key, key)) {
			victim = &set[i];
			break;
		}
		if (set[i].learned_us < victim->learned_us)
			victim = &set[i];
	}
	victim->key = *key;
	victim->to = to;
	victim->generation = generation;
	victim->learned_us = now_us;
	victim->expires_us = now_us + lifetime(key);
}

bool
frag_table_find(const struct frag_table *t, const struct frag_key *key,
    uint64_t generation, int64_t now_us, struct frag_choice *to)
{
	const struct choice *set = set_of(t, key);
	int i;

	for (i = 0; i < WAYS; i++) {
		if (!same_key(&set[i].key, key))
			continue;
		if (set[i].expires_us <= now_us ||
		    set[i].generation != generation)
			return false;
		*to = set[i].to;
		return true;
	}
	return false;
}

static void
give_up(struct frag_table *t, struct held *h)
{
	h->serial = 0;
	t->n_held--;
	t->lost++;
}

static void
expire_held(struct frag_table *t, int64_t now_us)
{
	uint32_t i;

	for (i = 0; i < t->limits.held && t->n_held > 0; i++) {
		struct held *h = &t->held[i];

		if (h->serial != 0 && now_us - h->since_us >= HELD_US)
			give_up(t, h);
	}
}

bool
frag_table_hold(struct frag_table *t, const struct frag_key *key,
    const struct frag_held *packet, int64_t now_us)
{
	uint64_t hash = hash_key(t, key);
	struct held *place = t->held;
	uint8_t *bytes;
	uint32_t i, same = 0;

	if (packet->len > t->limits.held_max_len)
		return false;
	expire_held(t, now_us);
	for (i = 0; i < t->limits.held; i++) {
		struct held *h = &t->held[i];

		if (h->serial != 0 && h->hash == hash && same_key(&h->key, key))
			same++;
		if (h->serial < place->serial)
			place = h;
	}
	if (same >= t->limits.held_each)
		return false;
	if (place->serial != 0)
		give_up(t, place);

	bytes = t->bytes + (size_t)(place - t->held) * t->limits.held_max_len;
	memcpy(bytes, packet->l3, packet->len);
	place->key = *key;
	place->hash = hash;
	place->serial = ++t->last_serial;
	place->since_us = now_us;
	place->packet = *packet;
	place->packet.l3 = bytes;
	t->n_held++;
	return true;
}

bool
frag_table_take(struct frag_table *t, const struct frag_key *key,
    int64_t now_us, struct frag_held *packet)
{
	struct held *first = NULL;
	uint64_t hash;
	uint32_t i;

	expire_held(t, now_us);
	if (t->n_held == 0)
		return false;
	hash = hash_key(t, key);
	for (i = 0; i < t->limits.held; i++) {
		struct held *h = &t->held[i];

		if (h->serial == 0 || h->hash != hash ||
		    !same_key(&h->key, key))
			continue;
		if (first == NULL || h->serial < first->serial)
			first = h;
	}
	if (first == NULL)
		return false;
	*packet = first->packet;
	first->serial = 0;
	t->n_held--;
	return true;
}

uint64_t
frag_table_lost(struct frag_table *t, int64_t now_us)
{
	uint64_t lost;

	expire_held(t, now_us);
	lost = t->lost;
	t->lost = 0;
	return lost;
}
