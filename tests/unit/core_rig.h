/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's core, driven by hand: a clock that only the test moves, a
 * balancer that answers what the test says. Pings are answered by themselves,
 * with `pong`, unless `mute`. */
#ifndef TESTS_UNIT_CORE_RIG_H
#define TESTS_UNIT_CORE_RIG_H

#include "agent/core/core.h"

extern struct core *core;
extern struct core_outputs *out;
extern struct mono now;
extern uint64_t last_install;    /* id of the newest CORE_INSTALL ... */
extern uint64_t last_generation; /* ... and of its state */
extern uint64_t status_id;       /* asked and not answered; 0: none */
extern struct report_digest last_tables[2]; /* that installed() told of */
extern size_t last_n_tables;
extern bool mute;
extern struct balancer_pong pong; /* generation 0: the last installed */

void setup(void);
void teardown(void);

/* The n-th output of this type, or NULL; the only one; there is none. */
const struct core_output *find(enum core_output_type, size_t n);
const struct core_output *need(enum core_output_type);
void none(enum core_output_type);
bool alarmed(void);

void step(struct core_event);
void event(enum core_event_type);
void lost(const char *why);

/* Time passes, in ticks as the core wants them, until there is an output of
 * this type. At most `ms`. */
bool wait_for(enum core_output_type, int64_t ms);

/* A configuration of service web, and dns; one backend of each in `state`. */
void load(const char *state, bool dns);

struct balancer_reply *reply_new(enum balancer_reply_kind, uint64_t id);
/* A balancer answers in order: pings before it are answered first. */
void reply(struct balancer_reply *);
void answer_pings(uint64_t before);

enum lie {
	HONEST,
	WRONG_DIGEST,
	MISSING,
	TWICE, /* one more than there are */
};

/* The answer to the CORE_INSTALL among the outputs. */
struct balancer_reply *installed(enum lie);

/* The balancer puts off the CORE_INSTALL among the outputs, and makes room from
 * now on. */
void put_off(void);

/* Until the balancer is connected; the install is among the outputs. */
void connect_balancer(void);
/* Answers the CORE_ASK_STATUS among the outputs. */
void answer_status(uint64_t generation);
/* Connected and in sync, nothing in flight. */
void settle(void);

void command(uint64_t client, enum control_kind, const char *service);
/* What `guideway status` would say now. */
const struct control_reply *status(void);

#endif
