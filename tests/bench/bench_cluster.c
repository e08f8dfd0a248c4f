/* SPDX-License-Identifier: Apache-2.0 */
/* How long until all nodes of a running cluster agree, as their agents say over
 * their sockets; asked by this one process, all in turn, every millisecond.
 *
 * To agree: all are connected to each other and in step, and have the same
 * configuration, observations and tables, which their balancers serve.
 *
 *   command ROUNDS SERVICE BACKEND SOCKET...
 *       sets the backend's weight, on one node after the other; prints of each
 *       round the microseconds from the command to agreement
 *   death SERVICE BACKEND SOCKET...
 *       says "ready", and when the backend is out of all tables prints the
 *       microseconds to agreement on that, from the last node's verdict (0:
 *       they agreed before) and from the one that decides
 *   heal SOCKET... -- COMMAND...
 *       the microseconds from the start of the command to agreement */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/cli/cli.h"
#include "common/arena.h"
#include "tests/bench/bench.h"

#define NODES_MAX 8
#define POLL_NS   1000000
#define GIVE_UP_S 60

static struct cli nodes[NODES_MAX];
static size_t n_nodes;

/* Digests of a node, and is it in step with all others? */
struct view {
	bool settled;
	uint8_t config[REPORT_DIGEST_LEN], observed[REPORT_DIGEST_LEN],
	    root[REPORT_DIGEST_LEN];
};

static struct arena *
ask(const struct cli *node, const struct control_request *q,
    struct control_reply *reply)
{
	struct arena *arena;

	if (cli_ask(node, q, &arena, reply) != CLI_OK)
		bench_fail("%s: no answer", node->socket);
	return arena;
}

static void
look(const struct cli *node, struct view *v)
{
	const struct control_request q = {.kind = CONTROL_CLUSTER};
	struct control_reply reply;
	struct arena *arena = ask(node, &q, &reply);
	const struct control_cluster *c = &reply.cluster;

	*v = (struct view){.settled = c->joined && c->identical};
	for (size_t i = 0; i < c->n_nodes; i++) {
		const struct control_cluster_node *n = &c->nodes[i];

		v->settled = v->settled && n->connected && n->joined &&
		    n->installed;
		if (!n->self)
			continue;
		memcpy(v->config, n->config, sizeof(v->config));
		memcpy(v->observed, n->observed, sizeof(v->observed));
		memcpy(v->root, n->root, sizeof(v->root));
	}
	arena_free(arena);
}

static bool
agree(void)
{
	struct view first, v;

	look(&nodes[0], &first);
	if (!first.settled)
		return false;
	for (size_t i = 1; i < n_nodes; i++) {
		look(&nodes[i], &v);
		if (memcmp(&v, &first, sizeof(v)) != 0)
			return false;
	}
	return true;
}

static void
breathe(double since)
{
	const struct timespec pause = {0, POLL_NS};

	if (bench_now_s() - since > GIVE_UP_S)
		bench_fail("no agreement within %d s", GIVE_UP_S);
	nanosleep(&pause, NULL);
}

static void
wait_agreement(void)
{
	double begun = bench_now_s();

	while (!agree())
		breathe(begun);
}

static void
print_us(double from, double to)
{
	printf("%.0f", to > from ? (to - from) * 1e6 : 0);
}

static void
parse_backend(const char *text, struct addr *out)
{
	if (addr_parse(out, text) == -1)
		bench_fail("%s is no address", text);
}

static void
command(int rounds, const char *service, const char *backend)
{
	struct control_change change = {.op = CONTROL_SET, .is_backend = true};
	const struct control_request q = {
	    .kind = CONTROL_CHANGE, .change = &change};
	struct control_reply reply;
	double begun;

	snprintf(change.service, sizeof(change.service), "%s", service);
	parse_backend(backend, &change.backend);
	wait_agreement();
	for (int i = 0; i < rounds; i++) {
		snprintf(change.fields, sizeof(change.fields), "weight=%d",
		    1 + i % 7);
		begun = bench_now_s();
		arena_free(ask(&nodes[(size_t)i % n_nodes], &q, &reply));
		while (!agree())
			breathe(begun);
		print_us(begun, bench_now_s());
		printf("\n");
	}
}

/* What a node finds of a backend, and what counts in its tables. */
static void
look_at_backend(const struct cli *node, const char *service,
    const struct addr *backend, size_t *own_down, size_t *down)
{
	struct control_request q = {.kind = CONTROL_SERVICE};
	struct control_reply reply;
	struct arena *arena;

	snprintf(q.service, sizeof(q.service), "%s", service);
	arena = ask(node, &q, &reply);
	for (size_t i = 0; i < reply.services[0].n_members; i++) {
		const struct control_member *m = &reply.services[0].members[i];

		if (addr_cmp(&m->addr, backend) != 0)
			continue;
		*own_down += strcmp(m->own, "down") == 0;
		*down += strcmp(m->health, "down") == 0 && m->phi == 0;
	}
	arena_free(arena);
}

static void
death(const char *service, const char *text)
{
	double begun = bench_now_s(), verdicts[NODES_MAX] = {0}, agreed = 0;
	size_t fallen = 0, own_down, down;
	struct addr backend;

	parse_backend(text, &backend);
	printf("ready\n");
	fflush(stdout);
	while (fallen < n_nodes || agreed == 0) {
		own_down = down = 0;
		for (size_t i = 0; i < n_nodes; i++)
			look_at_backend(
			    &nodes[i], service, &backend, &own_down, &down);
		while (fallen < own_down)
			verdicts[fallen++] = bench_now_s();
		if (agreed == 0 && down == n_nodes && agree())
			agreed = bench_now_s();
		breathe(begun);
	}
	print_us(verdicts[n_nodes - 1], agreed);
	printf(" ");
	print_us(verdicts[n_nodes / 2], agreed);
	printf("\n");
}

static void
heal(char **argv)
{
	double begun = bench_now_s();
	pid_t child = fork();
	int status;

	if (child == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (child == -1 || waitpid(child, &status, 0) != child || status != 0)
		bench_fail("%s failed", argv[0]);
	while (!agree())
		breathe(begun);
	print_us(begun, bench_now_s());
	printf("\n");
}

/* Returns the number of arguments that are sockets. */
static int
take_sockets(char **argv)
{
	while (argv[n_nodes] != NULL && strcmp(argv[n_nodes], "--") != 0) {
		if (n_nodes == NODES_MAX)
			bench_fail("at most %d nodes", NODES_MAX);
		nodes[n_nodes] = (struct cli){.socket = argv[n_nodes]};
		n_nodes++;
	}
	if (n_nodes == 0)
		bench_fail("no sockets are given");
	return (int)n_nodes;
}

int
main(int argc, char **argv)
{
	int n;

	if (argc > 5 && strcmp(argv[1], "command") == 0) {
		take_sockets(argv + 5);
		command(atoi(argv[2]), argv[3], argv[4]);
	} else if (argc > 4 && strcmp(argv[1], "death") == 0) {
		take_sockets(argv + 4);
		death(argv[2], argv[3]);
	} else if (argc > 4 && strcmp(argv[1], "heal") == 0) {
		n = take_sockets(argv + 2);
		if (argc < n + 4)
			bench_fail("no command is given");
		heal(argv + 2 + n + 1);
	} else {
		bench_fail("command, death or heal; see the source");
	}
	return EXIT_SUCCESS;
}
