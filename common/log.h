/* SPDX-License-Identifier: Apache-2.0 */
/* Logging for the two daemons: to stderr, in a form that systemd's journal
 * takes priorities from, or with times when stderr is a terminal.
 *
 * `token` names the module ("nexthop"). The `x` forms do not append
 * strerror(errno). errno is preserved. What a remote can trigger is logged
 * through a bucket (log_limited), or only counted; the packet path has
 * counters, not logs. */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_PRINTF __attribute__((format(printf, 2, 3)))

/* program: for the prefix. debug: log_debug prints; only for token `only`
 * when that is not NULL. Keeps both pointers. */
void log_init(const char *program, bool debug, const char *only);

void log_warn(const char *token, const char *fmt, ...) LOG_PRINTF;
void log_warnx(const char *token, const char *fmt, ...) LOG_PRINTF;
void log_info(const char *token, const char *fmt, ...) LOG_PRINTF;
void log_debug(const char *token, const char *fmt, ...) LOG_PRINTF;

/* Ends the process with status 1. Only before the loop starts, or on a broken
 * invariant. */
void fatal(const char *token, const char *fmt, ...) LOG_PRINTF
    __attribute__((noreturn));
void fatalx(const char *token, const char *fmt, ...) LOG_PRINTF
    __attribute__((noreturn));

/* A bucket of 5 messages that refills one a second; `static` at the place of
 * use. true: log now, after *swallowed messages that were not. */
struct log_bucket {
	int64_t filled_us;
	uint32_t used;
	uint32_t swallowed;
};
bool log_limited(struct log_bucket *, int64_t now_us, uint32_t *swallowed);

/* States an invariant; stays on in release. Never checks input. */
#define GW_ASSERT(cond) \
	do { \
		if (__builtin_expect(!(cond), 0)) \
			fatalx( \
			    "assert", "%s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)

#endif
