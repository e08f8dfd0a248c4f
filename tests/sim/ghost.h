/* SPDX-License-Identifier: Apache-2.0 */
/* What an observer of the whole cluster remembers, and no node can. */
#ifndef TESTS_SIM_GHOST_H
#define TESTS_SIM_GHOST_H

#include "agent/core/replica.h"

struct ghost;

struct ghost *ghost_new(void);
void ghost_free(struct ghost *);

/* An operator has removed it, anywhere, ever. */
void ghost_remove(struct ghost *, struct uid);
bool ghost_was_removed(const struct ghost *, struct uid);

/* The first object that is seen with an uid is what it stands for: is this the
 * same? */
bool ghost_same_object(struct ghost *, const struct object *);

/* The tables that were first seen with this configuration and these
 * observations. */
const uint8_t *ghost_root(struct ghost *, const uint8_t *config,
    const uint8_t *observed, const uint8_t *root);

/* What one command has done, by what it is known by. */
struct promise_set {
	struct uid uid;
	uint16_t field;
	uint64_t hlc;
};

struct promise {
	struct uid *adds, *removes;
	struct promise_set *sets;
	size_t n_adds, n_removes, n_sets;
};

struct promise *promise_new(const struct delta *);
void promise_free(struct promise *);

#endif
