/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of checks: shared by its files, and by its test. */
#ifndef AGENT_CORE_CHECKS_IMPL_H
#define AGENT_CORE_CHECKS_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/checks.h"
#include "agent/core/checks_judge.h"
#include "common/addr.h"
#include "common/forwarding.h"
#include "common/health_check.h"
#include "common/mono.h"

#define PROBES_NO_SLOT UINT32_MAX

/* What is kept of a probe when the set changes. */
struct probe_memory {
	struct judge judge;
	uint64_t id; /* 0: not under way */
	struct mono started;
	struct mono at; /* next start; under way: when it is given up */
	int64_t took_us;
	bool unable;
	char why[CHECKS_WHY_MAX];
};

struct probe {
	struct addr backend;
	struct addr vip; /* none: not through the tunnel */
	const struct health_check *check;
	uint32_t slot;     /* set->slots[slot] is this probe */
	uint32_t heap_pos; /* set->heap[heap_pos] is this probe */
	struct probe_memory memory;
};

/* One backend of one service: which probe speaks for it. */
struct probe_use {
	char service[FORWARDING_NAME_MAX];
	struct addr backend;
	uint32_t probe;
};

/* One set, built aside and then put in place of the one before. */
struct probe_set {
	struct health_check *checks; /* the distinct ones, ascending */
	size_t n_checks;
	struct probe *probes; /* ascending by probe_cmp */
	size_t n;
	struct probe_use *uses; /* ascending by service, backend */
	size_t n_uses;
	uint32_t *heap; /* n probes by memory.at, the least first */
	/* An id is (serial << 32 | slot): slots outlive changes of the set, in
	 * which probes move. At least n. */
	uint32_t *slots;
	size_t n_slots;
	uint64_t heap_steps; /* the work done; for the test */
};

struct checks {
	struct probe_set *set;
	uint64_t random;
	uint32_t serial;
	uint64_t version;
	size_t n_unknown;    /* probes without a result */
	uint64_t *cancelled; /* ids; room for every probe */
	size_t n_cancelled, max_cancelled;
};

/* By what is asked first, then by how often and how it is judged. */
int check_cmp(const struct health_check *, const struct health_check *);

/* By backend, VIP, check. */
int probe_cmp(const struct probe *, const struct probe *);
/* The same without how often, and how it is judged. */
int probe_question_cmp(const struct probe *, const struct probe *);

/* Without memory and heap order; slots for at least min_slots. NULL: out of
 * memory. */
struct probe_set *probe_set_new(
    const struct checks_target *, size_t n, size_t min_slots);
void probe_set_free(struct probe_set *);

void probe_heap_init(struct probe_set *);
/* memory.at of the probe has changed. */
void probe_heap_fix(struct probe_set *, struct probe *);

/* When a probe starts first, and when again. */
struct mono checks_first_start(
    struct checks *, struct mono now, const struct health_check *);
struct mono checks_next_start(
    struct checks *, struct mono started, const struct health_check *);

#endif
