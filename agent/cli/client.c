/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the agent over its socket, and what other connections have in
 * common with that. */
#include "config.h"

#include "agent/cli/client.h"

#include <errno.h>
#include <event2/buffer.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/ctl/wire.h"
#include "common/arena.h"
#include "common/conf.h"
#include "common/frame.h"
#include "common/unix_socket.h"

/* The agent itself waits no longer than 2 s for the balancer. */
#define ANSWER_MS 10000
#define AGENT     "agent"

static char *
copy(const char *text)
{
	char *p = strdup(text);

	if (p == NULL)
		cli_no_memory();
	return p;
}

char *
client_find_socket(const struct cli *cli)
{
	const char *path = cli->socket;
	struct errmsg why;
	struct conf *conf;
	char *found;

	if (path == NULL && cli->config == NULL)
		path = getenv("GUIDEWAY_SOCKET");
	if (path != NULL && path[0] != '\0')
		return copy(path);
	conf = conf_load(cli->config != NULL ? cli->config : CONF_PATH, &why);
	if (conf == NULL && cli->config != NULL) {
		cli_error("%s", why.text);
		return NULL;
	}
	/* Without a readable one the default is as good a guess as any. */
	if (asprintf(&found, "%s/agent.sock",
		conf != NULL ? conf->run_dir : RUNDIR) == -1)
		cli_no_memory();
	conf_free(conf);
	return found;
}

int
client_dial(const char *path, const char *daemon)
{
	struct errmsg why;
	int fd = unix_connect(path, &why);

	if (fd != -1)
		return fd;
	if (errno == EACCES)
		cli_error("%s: permission denied; run it as root or as a "
			  "member of the group " UNIX_SOCKET_GROUP,
		    path);
	else if (errno == ENOENT || errno == ECONNREFUSED)
		cli_error("no %s answers at %s; start it with 'systemctl "
			  "start guideway-%s', or name the agent's socket with "
			  "--socket",
		    daemon, path, daemon);
	else
		cli_error("%s", why.text);
	return -1;
}

static int
wait_for(int fd, short events, const char *path, const char *daemon)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, 1, ANSWER_MS);
	while (n == -1 && errno == EINTR);
	if (n == 1)
		return 0;
	cli_error("%s: the %s does not answer; see its log", path, daemon);
	return -1;
}

static void
say_closed(const char *path, const char *daemon)
{
	cli_error("%s: the %s closed the connection without an answer; try "
		  "again, or see its log",
	    path, daemon);
}

int
client_send(int fd, struct evbuffer *out, const char *path, const char *daemon)
{
	ssize_t n;

	while (evbuffer_get_length(out) > 0) {
		if (wait_for(fd, POLLOUT, path, daemon) == -1)
			return -1;
		n = send(fd, evbuffer_pullup(out, -1), evbuffer_get_length(out),
		    MSG_NOSIGNAL);
		if (n != -1) {
			evbuffer_drain(out, (size_t)n);
		} else if (errno != EAGAIN && errno != EINTR) {
			say_closed(path, daemon);
			return -1;
		}
	}
	return 0;
}

/* Reads until one reply is there and takes it apart. */
static int
receive(
    int fd, struct arena *arena, struct control_reply *reply, const char *path)
{
	struct evbuffer *in = evbuffer_new();
	enum frame_result result;
	const uint8_t *data;
	struct errmsg why;
	size_t len;
	int n, rc = -1;

	if (in == NULL)
		cli_no_memory();
	while ((result = frame_next(in, &data, &len, &why)) == FRAME_SHORT) {
		if (wait_for(fd, POLLIN, path, AGENT) == -1)
			goto out;
		if ((n = evbuffer_read(in, fd, -1)) == 0 ||
		    (n == -1 && errno != EAGAIN)) {
			say_closed(path, AGENT);
			goto out;
		}
	}
	if (result == FRAME_OK)
		rc = ctl_wire_get_reply(arena, reply, data, len, &why);
	if (rc == -1)
		cli_error("%s: %s", path, why.text);
out:
	evbuffer_free(in);
	return rc;
}

static int
exchange(const char *path, const struct control_request *request,
    struct arena *arena, struct control_reply *reply)
{
	struct evbuffer *out;
	int fd = client_dial(path, AGENT), rc = -1;

	if (fd == -1)
		return -1;
	if ((out = evbuffer_new()) == NULL ||
	    ctl_wire_put_request(out, request) == -1)
		cli_no_memory();
	if (client_send(fd, out, path, AGENT) == 0)
		rc = receive(fd, arena, reply, path);
	evbuffer_free(out);
	close(fd);
	return rc;
}

int
cli_ask_any(const struct cli *cli, const struct control_request *request,
    struct arena **arena, struct control_reply *reply)
{
	char *path = client_find_socket(cli);
	int rc = -1;

	if (path == NULL)
		return CLI_FAILED;
	if ((*arena = arena_new()) == NULL)
		cli_no_memory();
	rc = exchange(path, request, *arena, reply);
	if (rc == 0 && reply->kind != CONTROL_ERROR &&
	    reply->kind != request->kind)
		rc = cli_error("%s: the answer is to another question", path);
	free(path);
	if (rc == 0)
		return CLI_OK;
	arena_free(*arena);
	return CLI_FAILED;
}

int
cli_ask(const struct cli *cli, const struct control_request *request,
    struct arena **arena, struct control_reply *reply)
{
	if (cli_ask_any(cli, request, arena, reply) != CLI_OK)
		return CLI_FAILED;
	if (reply->kind != CONTROL_ERROR)
		return CLI_OK;
	cli_error("%s", reply->error);
	arena_free(*arena);
	return CLI_FAILED;
}
