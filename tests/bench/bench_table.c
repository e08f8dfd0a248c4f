/* SPDX-License-Identifier: Apache-2.0 */
/* Group "table": how long a table takes, whole (table_new and table_free, all
 * that a rebuild does) and after one member's change, against the textbook;
 * and how even it is with members down. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/table.h"
#include "tests/bench/bench.h"
#include "tests/bench/textbook.h"

#define MEMBERS_MAX 1000

static char names[MEMBERS_MAX][24];
static const char *name_list[MEMBERS_MAX];
static struct table_member members[MEMBERS_MAX];
static const uint8_t seed[TABLE_SEED_LEN] = "a seed of 16 by";

static void
make_members(void)
{
	for (int i = 0; i < MEMBERS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "10.%d.%d.%d", i % 7,
		    i / 250, i % 250);
		name_list[i] = names[i];
		members[i] = (struct table_member){
		    .name = names[i], .weight = 1, .phi = TABLE_PHI_FULL};
	}
}

static double
time_ours(size_t n, uint32_t size)
{
	double start = bench_cpu_s();
	struct table *t = table_new(members, n, size, seed);

	if (t == NULL)
		bench_fail("table_new: out of memory");
	BENCH_USE(table_slots(t));
	table_free(t);
	return bench_cpu_s() - start;
}

static double
time_textbook(size_t n, uint32_t prime)
{
	double start = bench_cpu_s();
	int32_t *entry = malloc(prime * sizeof(*entry));

	if (entry == NULL ||
	    textbook_populate(name_list, n, prime, entry) == -1)
		bench_fail("textbook: out of memory");
	BENCH_USE(entry);
	free(entry);
	return bench_cpu_s() - start;
}

/* Both by turns in one run, so that both see the same machine. */
static void
measure_build(size_t n, uint32_t size, size_t runs)
{
	double ours[101], theirs[101], a, b;
	uint32_t prime = textbook_prime(size);
	char name[64];

	bench_say("table of %u slots, %zu members", size, n);
	time_ours(n, size);
	time_textbook(n, prime);
	for (size_t i = 0; i < runs; i++) {
		ours[i] = time_ours(n, size);
		theirs[i] = time_textbook(n, prime);
	}
	a = bench_median(ours, runs);
	b = bench_median(theirs, runs);
	snprintf(name, sizeof(name), "table.ms.%ux%zu", size, n);
	bench_figure(name, a * 1e3, "ms");
	snprintf(name, sizeof(name), "table.speedup.%ux%zu", size, n);
	bench_figure(name, b / a, "ratio");
}

static void
count_changed(void *ctx, uint32_t slot)
{
	uint32_t *n = ctx;

	(*n)++;
}

/* One member fails, comes back, and so on round the members; every change is
 * one patch, too short for the slow clock. */
static void
measure_patch(size_t n, uint32_t size)
{
	double us[401];
	uint32_t changed = 0;
	struct table *t = table_new(members, n, size, seed);

	bench_say("patch of one member, %u slots, %zu members", size, n);
	if (t == NULL)
		bench_fail("table_new: out of memory");
	for (size_t i = 0; i < 401; i++) {
		uint16_t x = (uint16_t)(i / 2 % n);
		uint16_t phi = i % 2 ? TABLE_PHI_FULL : 0;
		double start = bench_now_s();

		table_set_phi(t, x, phi, count_changed, &changed);
		us[i] = (bench_now_s() - start) * 1e6;
	}
	if (changed < size)
		bench_fail("the patches changed %u slots only", changed);
	bench_figure("table.patch_us.65536x100", bench_median(us, 401), "us");
	table_free(t);
}

/* The largest share over what it should be, over several sets down. */
static void
measure_imbalance(size_t n, uint32_t size, size_t down)
{
	uint32_t count[MEMBERS_MAX], most = 0;
	struct table *t = table_new(members, n, size, seed);
	char name[64];

	if (t == NULL)
		bench_fail("table_new: out of memory");
	for (size_t i = 0; i < down; i++)
		table_set_phi(t, table_index_of(t, i), 0, NULL, NULL);
	memset(count, 0, sizeof(count));
	for (uint32_t s = 0; s < size; s++)
		count[table_slots(t)[s]]++;
	for (size_t i = 0; i < n; i++)
		most = count[i] > most ? count[i] : most;
	snprintf(name, sizeof(name), "table.imbalance.down_%zu", down);
	bench_figure(name, (double)most * (double)(n - down) / size, "ratio");
	table_free(t);
}

int
main(void)
{
	static const size_t down[] = {0, 1, 10, 50};

	make_members();
	measure_build(10, 1u << 16, 61);
	measure_build(100, 1u << 16, 61);
	measure_build(1000, 1u << 16, 61);
	measure_build(1000, 1u << 20, 15);
	measure_patch(100, 1u << 16);
	bench_say("imbalance of 100 members");
	for (size_t i = 0; i < sizeof(down) / sizeof(down[0]); i++)
		measure_imbalance(100, 1u << 16, down[i]);
	return EXIT_SUCCESS;
}
