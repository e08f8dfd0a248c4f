/* SPDX-License-Identifier: Apache-2.0 */
/* The hash of flows: spread evenly over slots, keyed, sensitive to each bit. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "balancer/core/tuple_hash.h"
#include "tests/unit/unit.h"

static const struct hash_keys keys = {
    .tuple = {0x9e3779b9, 0x7f4a7c15, 0xf39cc060, 0x5cedc834, 0x1082276b,
	0xf3a27251, 0xf86c6a11, 0xd0c18e95, 0x2767f0b1, 0x53d27b7f},
    .vip = {0x0347045b5bf1827fu, 0x01886f0928403003u},
    .endpoint = 0xeb44accab455d165u};

struct tuple {
	uint32_t source[4], destination[4];
	be32 ports;
	uint8_t protocol;
	bool is6;
};

static uint64_t
hash(const struct hash_keys *k, const struct tuple *t)
{
	return tuple_hash(
	    k, t->source, t->destination, t->ports, t->protocol, t->is6);
}

static struct tuple
sample(bool is6)
{
	struct tuple t = {{0, 0, BE32(0xffff), BE32(0xc6336409)},
	    {0, 0, BE32(0xffff), BE32(0xcb00710a)}, BE32(0x12670050), 6, is6};

	if (is6) {
		t.source[0] = t.destination[0] = BE32(0x20010db8);
		t.source[2] = t.destination[2] = 0;
	}
	return t;
}

/* A plain computation of the definition, with the finaliser spelt out. */
START_TEST(definition)
{
	struct tuple t = sample(_i);
	uint32_t m[10] = {t.source[0], t.destination[0], t.source[1],
	    t.destination[1], t.source[2], t.destination[2], t.source[3],
	    t.ports, t.destination[3], LE32(6)};
	uint64_t sum = 0;

	for (int i = _i ? 0 : 6; i < 10; i += 2)
		sum += (uint64_t)(uint32_t)(LE32(m[i]) + keys.tuple[i]) *
		    (uint32_t)(LE32(m[i + 1]) + keys.tuple[i + 1]);
	sum ^= sum >> 30;
	sum *= 0xbf58476d1ce4e5b9u;
	sum ^= sum >> 27;
	sum *= 0x94d049bb133111ebu;
	sum ^= sum >> 31;
	ck_assert_uint_eq(hash(&keys, &t), sum);
}
END_TEST

/* The same on every machine and in every release, or nodes would disagree. */
START_TEST(golden)
{
	struct tuple t = sample(_i);
	static const uint64_t expected[] = {
	    0x4f198e0e14f175feu, 0x343a06b04e44a3e1u};

	ck_assert_uint_eq(hash(&keys, &t), expected[_i]);
}
END_TEST

/* chi^2 over 2^k slots, by the top bits, of flows that differ in little. For
 * 1023 degrees of freedom 1250 is passed once in 10^6 times by chance. */
#define SLOTS 1024
#define FLOWS (64 * SLOTS)

static void
vary(struct tuple *t, int how, uint32_t i)
{
	switch (how) {
	case 0: /* one client, all ports */
		t->ports = BE32((i & 0xffff) << 16 | 80);
		break;
	case 1: /* neighbouring clients, one port */
		t->source[3] = BE32(0x0a000000 + i);
		break;
	case 2: /* clients in steps of 256 */
		t->source[3] = BE32(0x0a000000 + (i << 8));
		break;
	case 3: /* address and port go up together */
		t->source[3] = BE32(0x0a000000 + i);
		t->ports = BE32((i & 0xffff) << 16 | 80);
		break;
	case 4: /* ... and against each other */
		t->source[3] = BE32(0x0a000000 + i);
		t->ports = BE32((~i & 0xffff) << 16 | 80);
		break;
	case 5: /* a /64 each */
		t->source[1] = BE32(i);
		break;
	default: /* within a /64 */
		t->source[2] = BE32(i);
	}
}

START_TEST(uniform)
{
	uint32_t count[SLOTS] = {0};
	double chi2 = 0, expected = (double)FLOWS / SLOTS;

	for (uint32_t i = 0; i < FLOWS; i++) {
		struct tuple t = sample(_i >= 5);

		vary(&t, _i, i);
		count[hash(&keys, &t) >> 54]++;
	}
	for (size_t i = 0; i < SLOTS; i++)
		chi2 += (count[i] - expected) * (count[i] - expected) /
		    expected;
	ck_assert_msg(chi2 < 1250, "chi^2 is %.0f", chi2);
}
END_TEST

/* Other keys, other slots: about one flow in SLOTS stays. */
START_TEST(keyed)
{
	struct hash_keys other = keys;
	struct tuple t = sample(false);
	unsigned int same = 0;

	other.tuple[6] ^= 1u << _i;
	for (uint32_t i = 0; i < FLOWS; i++) {
		vary(&t, 1, i);
		if (hash(&keys, &t) >> 54 == hash(&other, &t) >> 54)
			same++;
	}
	ck_assert_uint_lt(same, 4 * FLOWS / SLOTS);
}
END_TEST

/* Each bit of a tuple changes about half of the hash. */
START_TEST(avalanche)
{
	struct tuple t = sample(true), flipped;
	unsigned int bits = 0, n = 0;

	for (size_t bit = 0; bit < 8 * 36; bit++, n++) {
		flipped = t;
		((uint8_t *)&flipped)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		bits += (unsigned int)__builtin_popcountll(
		    hash(&keys, &t) ^ hash(&keys, &flipped));
	}
	ck_assert_uint_gt(bits, 29 * n);
	ck_assert_uint_lt(bits, 35 * n);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("tuple_hash");
	TCase *tc = tcase_create("tuple_hash");

	tcase_add_loop_test(tc, definition, 0, 2);
	tcase_add_loop_test(tc, golden, 0, 2);
	tcase_add_loop_test(tc, uniform, 0, 7);
	tcase_add_loop_test(tc, keyed, 0, 32);
	tcase_add_test(tc, avalanche);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
