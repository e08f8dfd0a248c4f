/* SPDX-License-Identifier: Apache-2.0 */
/* An agent that answers as a test wants, for the command to ask: whole outputs
 * are compared, and what was asked. */
#ifndef TESTS_UNIT_FAKE_AGENT_H
#define TESTS_UNIT_FAKE_AGENT_H

#include <stddef.h>

#include "agent/core/control.h"

/* The answers to requests of one kind are given in their order; the last one
 * again and again. */
struct fake_answer {
	enum control_kind to;
	struct control_reply reply;
};

/* In a process of its own, in place of the one before. Borrows the answers for
 * the time of the call. */
void fake_agent_start(const struct fake_answer *, size_t n);
/* Copes with one that was not started. */
void fake_agent_stop(void);

#define CLI_TEXT_MAX 16384
struct cli_run {
	int status;
	char out[CLI_TEXT_MAX], err[CLI_TEXT_MAX];
	/* What the agent was asked, a line each: "change set web 10.1.0.7
	 * weight=2", with " local", " force" after. Of requests that are the
	 * same in a row only the first. */
	char asked[CLI_TEXT_MAX];
};

/* Runs "guideway ARG|ARG|..." against the agent that was started. */
void cli_run(struct cli_run *, const char *args);

#endif
