/* SPDX-License-Identifier: Apache-2.0 */
/* The observer's memory, with a clock that only the test moves, and probes that
 * answer what the test says. */
#ifndef TESTS_UNIT_CHECKS_RIG_H
#define TESTS_UNIT_CHECKS_RIG_H

#include "agent/core/checks.h"
#include "agent/core/checks_impl.h"

#define MS       INT64_C(1000)
#define INTERVAL 2000
#define TIMEOUT  1000

extern struct checks *checks;
extern struct mono now;
extern struct health_check web, dns, via_vip; /* the last one in the tunnel */

void setup(void);
void teardown(void);

struct addr backend(uint32_t n); /* 10.x.y.z */
struct checks_target target(
    const char *service, uint32_t n, const struct health_check *);

/* What must hold inside whenever a test looks; set, next_start and result do.
 */
void walk(void);
void set(const struct checks_target *, size_t n);
void set_one(const char *service, uint32_t n, const struct health_check *);

/* Goes on to the next start, which there must be. */
struct checks_start next_start(void);
/* The next probe, whichever it is, ends so. */
void result(enum check_result);

enum health health_of(const char *service, uint32_t n);
struct checks_state state_of(const char *service, uint32_t n);

#endif
