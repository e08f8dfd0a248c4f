/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/fake_agent.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "agent/cli/cli.h"
#include "agent/ctl/wire.h"
#include "common/frame.h"
#include "common/unix_socket.h"
#include "tests/unit/unit.h"

#define ARGS_MAX 32

static char dir[64], path[80], asked_path[80];
static pid_t agent;

static const struct control_reply *
answer(const struct fake_answer *answers, size_t n, enum control_kind to)
{
	static size_t given[CONTROL_HELD + 1];
	const struct control_reply *last = NULL;
	size_t seen = 0;

	for (size_t i = 0; i < n; i++) {
		if (answers[i].to != to)
			continue;
		last = &answers[i].reply;
		if (seen++ == given[to])
			break;
	}
	given[to]++;
	return last;
}

static void
describe_change(const struct control_change *c, char *to, size_t size)
{
	static const char *const ops[] = {"add", "set", "remove"};
	char addr[ADDR_TEXT_MAX], fields[CONTROL_FIELDS_MAX];

	strcpy(fields, c->fields);
	for (char *p = fields; (p = strchr(p, '\n')) != NULL;)
		*p = ';';
	snprintf(to, size, "change %s %s%s%s%s%s%s%s\n", ops[c->op], c->service,
	    c->is_backend ? " " : "",
	    c->is_backend ? addr_format(&c->backend, addr) : "",
	    fields[0] != '\0' ? " " : "", fields, c->local ? " local" : "",
	    c->force ? " force" : "");
}

static void
note(FILE *to, const struct control_request *q)
{
	static const char *const names[] = {[CONTROL_STATUS] = "status",
	    [CONTROL_SERVICE] = "service",
	    [CONTROL_DRAIN] = "drain",
	    [CONTROL_UNDRAIN] = "undrain",
	    [CONTROL_CLUSTER] = "cluster",
	    [CONTROL_LEAVE] = "leave"};
	static char before[CLI_TEXT_MAX];
	char line[CLI_TEXT_MAX], addr[ADDR_TEXT_MAX];

	if (q->kind == CONTROL_CHANGE)
		describe_change(q->change, line, sizeof(line));
	else if (q->kind == CONTROL_SERVICE)
		snprintf(line, sizeof(line), "service %s\n", q->service);
	else if (q->kind == CONTROL_HELD)
		snprintf(line, sizeof(line), "held %s %s\n", q->service,
		    addr_format(&q->backend, addr));
	else
		snprintf(line, sizeof(line), "%s%s%s%s\n", names[q->kind],
		    q->node[0] != '\0' ? " " : "", q->node,
		    q->force ? " force" : "");
	if (strcmp(line, before) != 0)
		fputs(line, to);
	strcpy(before, line);
	fflush(to);
}

static void
serve(int client, const struct fake_answer *answers, size_t n, FILE *asked)
{
	static struct control_change change;
	struct evbuffer *in = evbuffer_new(), *out = evbuffer_new();
	const struct control_reply *reply;
	struct control_request q;
	const uint8_t *data;
	struct errmsg why;
	size_t len;

	while (frame_next(in, &data, &len, &why) == FRAME_SHORT)
		if (evbuffer_read(in, client, -1) <= 0)
			goto out;
	if (ctl_wire_get_request(&q, &change, data, len, &why) == -1)
		goto out;
	note(asked, &q);
	if ((reply = answer(answers, n, q.kind)) == NULL ||
	    ctl_wire_put_reply(out, reply) == -1)
		goto out;
	while (evbuffer_get_length(out) > 0)
		if (evbuffer_write(out, client) <= 0)
			break;
out:
	evbuffer_free(in);
	evbuffer_free(out);
	close(client);
}

static void __attribute__((noreturn))
run_agent(int fd, const struct fake_answer *answers, size_t n)
{
	FILE *asked = fopen(asked_path, "w");
	int client;

	/* A test that fails does not come to stop it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (asked == NULL)
		_exit(1);
	for (;;)
		if ((client = accept(fd, NULL, NULL)) != -1)
			serve(client, answers, n, asked);
}

void
fake_agent_stop(void)
{
	if (agent == 0)
		return;
	kill(agent, SIGKILL);
	waitpid(agent, NULL, 0);
	agent = 0;
	unlink(path);
	unlink(asked_path);
	rmdir(dir);
}

void
fake_agent_start(const struct fake_answer *answers, size_t n)
{
	struct errmsg why;
	int fd;

	fake_agent_stop();
	strcpy(dir, "/tmp/gw-agent.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/agent.sock", dir);
	snprintf(asked_path, sizeof(asked_path), "%s/asked", dir);
	ck_assert_msg((fd = unix_listen(path, &why)) != -1, "%s", why.text);
	ck_assert_int_ne(agent = fork(), -1);
	if (agent == 0)
		run_agent(fd, answers, n);
	close(fd);
}

static void
read_back(FILE *f, char to[CLI_TEXT_MAX])
{
	size_t len;

	rewind(f);
	len = fread(to, 1, CLI_TEXT_MAX - 1, f);
	to[len] = '\0';
	fclose(f);
}

static void
read_asked(char to[CLI_TEXT_MAX])
{
	FILE *f = fopen(asked_path, "r");

	to[0] = '\0';
	if (f != NULL)
		read_back(f, to);
}

/* Standard output and standard error in files while the command runs. */
static int
run_captured(int argc, char **argv, FILE *out, FILE *err)
{
	int saved[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)}, status;

	fflush(stdout);
	fflush(stderr);
	ck_assert_int_ne(dup2(fileno(out), STDOUT_FILENO), -1);
	ck_assert_int_ne(dup2(fileno(err), STDERR_FILENO), -1);
	status = cli_main(argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(saved[0], STDOUT_FILENO);
	dup2(saved[1], STDERR_FILENO);
	close(saved[0]);
	close(saved[1]);
	return status;
}

void
cli_run(struct cli_run *run, const char *args)
{
	static char name[] = "guideway", option[] = "--socket";
	char copy[1024], *argv[ARGS_MAX] = {name, option, path}, *save = NULL;
	FILE *out = tmpfile(), *err = tmpfile();
	int argc = 3;

	ck_assert(out != NULL && err != NULL);
	snprintf(copy, sizeof(copy), "%s", args);
	for (char *arg = strtok_r(copy, "|", &save); arg != NULL;
	     arg = strtok_r(NULL, "|", &save)) {
		ck_assert_int_lt(argc, ARGS_MAX - 1);
		argv[argc++] = arg;
	}
	run->status = run_captured(argc, argv, out, err);
	read_back(out, run->out);
	read_back(err, run->err);
	read_asked(run->asked);
}
