/* SPDX-License-Identifier: Apache-2.0 */
/* Services whose backends come, go, drain, fail and are reweighed at random, as
 * forwarding states. */
#ifndef TESTS_UNIT_MOVES_RIG_H
#define TESTS_UNIT_MOVES_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/forwarding.h"

#define BACKENDS 9
#define SERVICES 3
#define SIZE     256u /* slots of each */
#define SHIFT    56
#define SETTLE_S 60
#define LEARN_S  5

enum life {
	ABSENT,
	UP,
	DRAINING,
	DOWN
};

/* What the operator and the checks have made of it. */
struct world {
	struct {
		enum life life[BACKENDS];
		uint16_t weight[BACKENDS];
		bool there, keep;
	} services[SERVICES];
	bool reversed; /* the order of backends in the state */
};

extern uint64_t random_state;
uint32_t random_below(uint32_t n);

/* Two of the services are there, with five backends each, all up. */
void world_init(struct world *);
void world_change(struct world *); /* at random */
/* May connections of this service stay with this backend? */
bool world_alive(const struct world *, size_t service, size_t backend);
/* Backends that no service has are not in it, so that positions change. */
struct forwarding *world_state(const struct world *);

struct addr backend_addr(size_t backend);
size_t backend_index(const struct addr *);

/* Position of service i in the state, SIZE_MAX: not there. */
size_t service_position(const struct forwarding *, size_t i);

#endif
