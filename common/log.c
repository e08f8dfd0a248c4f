/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define BUCKET_SIZE      5
#define BUCKET_REFILL_US 1000000

static struct {
	const char *program;
	const char *only;
	bool debug;
	bool terminal;
} log_state = {.program = "guideway"};

void
log_init(const char *program, bool debug, const char *only)
{
	log_state.program = program;
	log_state.debug = debug;
	log_state.only = only;
	log_state.terminal = isatty(STDERR_FILENO) == 1;
}

/* One write per line, so that lines of two processes never mix. */
__attribute__((format(printf, 4, 0))) static void
emit(int priority, const char *token, int error, const char *fmt, va_list ap)
{
	int saved = errno;
	char text[1024], line[1200], when[32] = "";
	struct timespec now;
	struct tm tm;

	vsnprintf(text, sizeof(text), fmt, ap);
	if (log_state.terminal) {
		clock_gettime(CLOCK_REALTIME, &now);
		localtime_r(&now.tv_sec, &tm);
		strftime(when, sizeof(when), "%H:%M:%S ", &tm);
	} else {
		/* sd-daemon(3): a priority in angle brackets. */
		snprintf(when, sizeof(when), "<%d>", priority);
	}
	snprintf(line, sizeof(line), "%s%s: %s: %s%s%s\n", when,
	    log_state.program, token, text, error != 0 ? ": " : "",
	    error != 0 ? strerror(error) : "");
	if (write(STDERR_FILENO, line, strlen(line)) == -1) {
		/* Nowhere left to say it. */
	}
	errno = saved;
}

#define EMIT(priority, error) \
	do { \
		va_list ap; \
		va_start(ap, fmt); \
		emit(priority, token, error, fmt, ap); \
		va_end(ap); \
	} while (0)

void
log_warn(const char *token, const char *fmt, ...)
{
	EMIT(LOG_WARNING, errno);
}

void
log_warnx(const char *token, const char *fmt, ...)
{
	EMIT(LOG_WARNING, 0);
}

void
log_info(const char *token, const char *fmt, ...)
{
	EMIT(LOG_INFO, 0);
}

void
log_debug(const char *token, const char *fmt, ...)
{
	if (!log_state.debug)
		return;
	if (log_state.only != NULL && strcmp(log_state.only, token) != 0)
		return;
	EMIT(LOG_DEBUG, 0);
}

void
fatal(const char *token, const char *fmt, ...)
{
	EMIT(LOG_CRIT, errno);
	exit(1);
}

void
fatalx(const char *token, const char *fmt, ...)
{
	EMIT(LOG_CRIT, 0);
	exit(1);
}

bool
log_limited(struct log_bucket *b, int64_t now_us, uint32_t *swallowed)
{
	int64_t refill = (now_us - b->filled_us) / BUCKET_REFILL_US;

	if (refill > 0) {
		b->used = refill >= b->used ? 0 : b->used - (uint32_t)refill;
		b->filled_us += refill * BUCKET_REFILL_US;
	}
	if (b->used >= BUCKET_SIZE) {
		b->swallowed++;
		return false;
	}
	b->used++;
	*swallowed = b->swallowed;
	b->swallowed = 0;
	return true;
}
