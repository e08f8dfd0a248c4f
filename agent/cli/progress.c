/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/args.h"

#define LOOK_EVERY_US 100000
/* A line that the terminal breaks in two cannot be cleared. */
#define HINT_MAX 80

void
progress_begin(struct progress *p, const struct cli *cli, uint32_t patience_s)
{
	memset(p, 0, sizeof(*p));
	p->silent = cli->json;
	p->terminal = isatty(STDOUT_FILENO) == 1;
	p->patience_s = patience_s;
	p->begun = mono_now();
}

bool
progress_over(const struct progress *p)
{
	return p->patience_s != ARGS_FOREVER &&
	    mono_now().us - p->begun.us >= (int64_t)p->patience_s * 1000000;
}

void
progress_pause(void)
{
	usleep(LOOK_EVERY_US);
}

int
progress_until(struct progress *p, progress_look *look, void *ctx)
{
	int status;
	bool last;

	for (;;) {
		last = progress_over(p);
		status = look(ctx, last);
		if (status != CLI_PENDING)
			return status;
		if (last)
			break;
		progress_pause();
	}
	cli_error("accepted, but not done within %u s", p->patience_s);
	return CLI_PENDING;
}

void
progress_line(struct progress *p, const char *line, bool last)
{
	if (p->silent)
		return;
	if (p->terminal)
		printf("\r%s\033[K%s", line, last ? "\n" : "");
	else if (strcmp(line, p->said) != 0)
		puts(line);
	fflush(stdout);
	snprintf(p->said, sizeof(p->said), "%s", line);
}

void
progress_hint(struct progress *p, const char *fmt, ...)
{
	va_list ap;

	if (p->silent || !p->terminal)
		return;
	va_start(ap, fmt);
	vsnprintf(p->said, HINT_MAX, fmt, ap);
	va_end(ap);
	printf("\r%s\033[K", p->said);
	fflush(stdout);
}

void
progress_clear(struct progress *p)
{
	if (p->terminal && p->said[0] != '\0')
		printf("\r\033[K");
	p->said[0] = '\0';
}
