/* SPDX-License-Identifier: Apache-2.0 */
/* Inside hold: flows that are kept busy, and what is counted of them. */
#ifndef TESTS_LAB_HOLD_H
#define TESTS_LAB_HOLD_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define TARGETS_MAX  8
#define SOURCES_MAX  32
#define NAME_MAX_LEN 64
/* Each exchange carries a token of its own: ten digits of the flow, ten of the
 * exchange. */
#define TOKEN_LEN 20
/* TCP repeats what is lost; this is more than a few repetitions take. */
#define ANSWER_S 15

struct target {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* What became of the flows of one kind. */
struct tally {
	const char *kind;
	size_t n, answered, broken;
	unsigned long exchanges;
	char first_fault[128];
};

/* Broken flows by the backend that they had. */
struct casualty {
	char backend[NAME_MAX_LEN];
	size_t n;
};

struct hold {
	struct event_base *base;
	struct target targets[TARGETS_MAX], udp_targets[TARGETS_MAX];
	size_t n_targets;
	struct target sources[SOURCES_MAX];
	size_t n_sources;
	struct timeval interval;
	unsigned new_per_s;
	struct tally tcp, udp, fresh;
	struct casualty casualties[TARGETS_MAX * 4];
	bool opened;
};

/* One flow: what is known of its other end, and of what is awaited. */
struct flow {
	struct hold *hold;
	struct tally *tally;
	char backend[NAME_MAX_LEN]; /* "": none has answered yet */
	uint64_t number, exchange;
	struct timeval began;
};

void hold_die(const char *what) __attribute__((noreturn));

/* An address of the same family as the target's to send from; NULL: whatever
 * the kernel takes. */
const struct target *hold_source(
    const struct hold *, const struct target *, uint64_t number);

/* A random part of the interval, so that flows do not speak all at once. */
struct timeval hold_jitter(const struct hold *);

void hold_token(const struct flow *, char token[TOKEN_LEN + 1]);

/* Takes "NAME TOKEN" for the answer to the flow's exchange. NULL: it is; else
 * what is wrong with it. */
const char *hold_answer(struct flow *, const char *text, size_t len);

/* Of a flow that is about to be opened. */
void hold_begin(struct flow *, struct hold *, struct tally *, uint64_t number);

/* Counts it, and says when and how old it was; the caller ends it. */
void hold_broken(struct flow *, const char *why);

/* TCP: `n` that stay, and new_per_s that come and go. UDP: `n` that stay. */
void hold_tcp(struct hold *, size_t n);
void hold_udp(struct hold *, size_t n);
void hold_tcp_end(void);
void hold_udp_end(void);

#endif
