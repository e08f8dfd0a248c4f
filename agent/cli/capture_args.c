/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/capture_args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/args.h"
#include "balancer/core/counters.h"

static int
read_number(const char *option, const char *text, uint32_t min, uint32_t max,
    uint32_t *out, struct errmsg *why)
{
	unsigned long v;
	char *end;

	if (text == NULL)
		return 0;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    v < min || v > max)
		return errmsg_set(why, "--%s must be %u..%u, got '%s'", option,
		    min, max, text);
	*out = (uint32_t)v;
	return 0;
}

/* "1/64", or "64" for short. */
static int
read_sample(const char *text, uint32_t *out, struct errmsg *why)
{
	const char *number = text;

	if (text == NULL)
		return 0;
	if (strncmp(text, "1/", 2) == 0)
		number += 2;
	if (read_number("sample", number, 1, CAPTURE_SAMPLE_MAX, out, why) == 0)
		return 0;
	return errmsg_set(why,
	    "--sample must be 1/N, such as 1/64, with N up to %d, got '%s'",
	    CAPTURE_SAMPLE_MAX, text);
}

static int
read_direction(const char *text, struct capture_query *q, struct errmsg *why)
{
	bool both = text == NULL || strcmp(text, "both") == 0;

	q->in = both || strcmp(text, "in") == 0;
	q->out = both || strcmp(text, "out") == 0;
	if (q->in || q->out)
		return 0;
	return errmsg_set(
	    why, "--direction must be in, out or both, got '%s'", text);
}

/* Is it the whole name, or all of it up to a '*' at the end? */
static bool
fits(const char *name, const char *pattern, size_t len)
{
	if (len > 0 && pattern[len - 1] == '*')
		return strncmp(name, pattern, len - 1) == 0;
	return strlen(name) == len && strncmp(name, pattern, len) == 0;
}

static int
add_reasons(struct capture_args *args, bool wanted[REASON_COUNT],
    const char *pattern, size_t len, struct errmsg *why)
{
	bool found = false;

	for (int i = 0; i < REASON_COUNT; i++) {
		const char *name = reason_name((enum reason)i);

		if (!fits(name, pattern, len))
			continue;
		found = true;
		if (!wanted[i])
			args->reasons[args->query.n_reasons++] = name;
		wanted[i] = true;
	}
	if (found)
		return 0;
	return errmsg_set(why,
	    "--reason: '%.*s' is no reason; guideway-balancer(8) lists them, "
	    "such as drop_no_service, drop_*",
	    (int)len, pattern);
}

_Static_assert(
    REASON_COUNT <= CAPTURE_REASONS_MAX, "all of them may be asked for");

/* "drop_no_service,reply_*" */
static int
read_reasons(const char *text, struct capture_args *args, struct errmsg *why)
{
	bool wanted[REASON_COUNT] = {false};
	size_t len;

	args->query.reasons = args->reasons;
	while (text != NULL) {
		len = strcspn(text, ",");
		if (add_reasons(args, wanted, text, len, why) == -1)
			return -1;
		text = text[len] == ',' ? text + len + 1 : NULL;
	}
	return 0;
}

static int
read_service(const char *text, const char **service, struct errmsg *why)
{
	char name[FORWARDING_NAME_MAX];

	*service = text == NULL ? "" : text;
	return text == NULL ? 0 : args_service(text, name, why);
}

int
capture_args_read(
    const struct cli *cli, struct capture_args *args, struct errmsg *why)
{
	struct capture_query *q = &args->query;

	memset(args, 0, sizeof(*args));
	args->count = CAPTURE_COUNT;
	q->rate = CAPTURE_RATE;
	q->snap = CAPTURE_SNAP;
	if (read_number(
		"count", cli->count, 0, UINT32_MAX, &args->count, why) == -1 ||
	    args_seconds("seconds", cli->seconds, ARGS_TIMEOUT_MAX, 0,
		&args->seconds, why) == -1 ||
	    read_number(
		"rate", cli->rate, 1, CAPTURE_RATE_MAX, &q->rate, why) == -1 ||
	    read_number("snap", cli->snap, CAPTURE_SNAP_MIN, CAPTURE_SNAP_MAX,
		&q->snap, why) == -1)
		return -1;
	if (read_sample(cli->sample, &q->sample, why) == -1 ||
	    read_direction(cli->direction, q, why) == -1 ||
	    read_service(cli->service, &q->service, why) == -1)
		return -1;
	return read_reasons(cli->reason, args, why);
}
