/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's command `guideway`: one file per command, one const table of
 * them in cli.c. A command asks the agent over its socket and prints the
 * answer, for people or with --json for programs. */
#ifndef AGENT_CLI_CLI_H
#define AGENT_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "agent/core/control.h"
#include "common/addr.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_PENDING = 3, /* accepted, but not all of it has come true yet */
};

/* What a command is given: options (NULL or false: not given), arguments. */
struct cli {
	const char *socket;
	const char *config;
	const char *size;
	const char *seed;
	bool json;
	bool udp;
	bool wait;
	bool temporary;
	bool local, force, now;
	const char *graceful;
	const char *timeout;
	const char *quiet;
	const char *dir; /* of the cluster's CA */
	const char *out;
	const char *days;
	const char *weight;
	const char *state;
	/* Of capture. */
	const char *write, *count, *seconds, *sample, *rate, *snap, *service,
	    *reason, *direction;
	bool help, version;
	char **args;
	size_t n_args;
};

int cli_main(int argc, char **argv);

/* The commands. Each returns an exit status and has said why on stderr. */
int cli_cluster_init(const struct cli *);
int cli_cluster_invite(const struct cli *);
int cli_cluster_psk(const struct cli *);
int cli_backend_add(const struct cli *);
int cli_backend_disable(const struct cli *);
int cli_backend_drain(const struct cli *);
int cli_backend_enable(const struct cli *);
int cli_backend_list(const struct cli *);
int cli_backend_remove(const struct cli *);
int cli_backend_weight(const struct cli *);
int cli_capture(const struct cli *);
int cli_cluster_leave(const struct cli *);
int cli_cluster_status(const struct cli *);
int cli_cluster_verify(const struct cli *);
int cli_node_drain(const struct cli *);
int cli_node_undrain(const struct cli *);
int cli_service_add(const struct cli *);
int cli_service_list(const struct cli *);
int cli_service_remove(const struct cli *);
int cli_service_set(const struct cli *);
int cli_service_show(const struct cli *);
int cli_status(const struct cli *);
int cli_table(const struct cli *);
int cli_trace(const struct cli *);

/* "guideway: ..." on stderr; return CLI_FAILED and CLI_USAGE. */
int cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Out of memory is the end of a command. */
void cli_no_memory(void) __attribute__((noreturn));

/* Asks the agent. CLI_OK and a reply of the kind asked for, whose parts live in
 * *arena (for arena_free); or CLI_FAILED, with the reason on stderr. */
struct arena;
int cli_ask(const struct cli *, const struct control_request *,
    struct arena **arena, struct control_reply *);
/* The same, but a refusal is a reply, too: CLI_OK and kind CONTROL_ERROR. */
int cli_ask_any(const struct cli *, const struct control_request *,
    struct arena **arena, struct control_reply *);

/* Prints and frees it. */
int cli_print_json(json_t *);
/* For values that cannot be missing but for memory. */
json_t *cli_json(json_t *);

#endif
