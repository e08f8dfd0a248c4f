/* SPDX-License-Identifier: Apache-2.0 */
/* How the backends of a service are checked, as a plain value: what the
 * configuration says, what nodes replicate and what a prober runs. Two checks
 * with equal bytes in canonical form (health_check_format) are the same check.
 */
#ifndef COMMON_HEALTH_CHECK_H
#define COMMON_HEALTH_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

enum check_kind {
	CHECK_NONE, /* not checked: its backends count as up */
	CHECK_TCP,  /* the connection is made */
	CHECK_HTTP,
	CHECK_HTTPS,
	CHECK_UDP,  /* `send` is answered with what begins with `expect` */
	CHECK_DNS,  /* `host` is asked for; an answer without SERVFAIL, ... */
	CHECK_ICMP, /* echo */
};
const char *health_check_kind_name(enum check_kind); /* none, tcp, http, ... */

#define CHECK_TEXT_MAX 256 /* with the NUL */

struct health_check {
	enum check_kind kind;
	uint16_t port; /* host order; 0 for ICMP only */
	/* To the VIP through GRE, exactly as production traffic: finds a
	 * backend that does not unwrap or has no VIP. */
	bool tunnel;
	uint32_t interval_ms; /* 100..3600000, default 2000 */
	uint32_t timeout_ms;  /* 10..interval, default half the interval */
	uint8_t rise, fall;   /* 1..100, defaults 2 and 3 */
	/* HTTP, HTTPS: Host and SNI, "": the address. DNS: the name asked
	 * for. */
	char host[CHECK_TEXT_MAX];
	char path[CHECK_TEXT_MAX];       /* HTTP(S): default "/" */
	uint16_t status_min, status_max; /* HTTP(S): default 200..399 */
	bool insecure;                   /* HTTPS: take any certificate */
	char send[CHECK_TEXT_MAX];       /* UDP: what is sent, text */
	char expect[CHECK_TEXT_MAX]; /* UDP: the answer begins with it; "": any
				      */
};

/* Sets every field to its default. */
void health_check_init(struct health_check *, enum check_kind);

/* Does the key of guideway.yaml count for the kind? */
bool health_check_has(enum check_kind, const char *key);

/* Is it within the bounds above, and whole for its kind? 0, or -1 with `why`:
 * "check: KEY ...", so that the caller can find the place. */
int health_check_validate(const struct health_check *, struct errmsg *why);

/* The canonical form of a valid one, one line of printable text, e.g.
 * "http port=80 path=/ status=200-399 interval=2000 timeout=1000 rise=2
 * fall=3". Every field that counts for the kind is there, in a fixed order, but
 * for texts that are empty and switches that are off; texts are
 * percent-encoded. format(parse(x)) == x for every x in it. */
#define HEALTH_CHECK_FORMAT_MAX 4096
void health_check_format(
    const struct health_check *, char out[HEALTH_CHECK_FORMAT_MAX]);

/* From the canonical form, or from what an operator would write: the kind, then
 * KEY=VALUE in any order, each once, and what is not there has its default.
 * Validates as well. 0, or -1 with `why`. */
int health_check_parse(
    const char *text, size_t len, struct health_check *, struct errmsg *why);

#endif
