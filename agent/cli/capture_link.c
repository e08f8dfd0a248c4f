/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/capture_link.h"

#include <errno.h>
#include <event2/buffer.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/cli/client.h"
#include "common/arena.h"
#include "common/budget.h"
#include "common/fields.h"
#include "common/frame.h"
#include "common/mono.h"
#include "proto/balancer.pb-c.h"

/* For the first reply, for the next totals, which come each second, and for
 * what is under way at the end. */
#define PATIENCE_US 10000000

typedef Guideway__Balancer__Request MsgRequest;
typedef Guideway__Balancer__Reply MsgReply;

struct capture_link {
	char *path;
	int fd;
	struct evbuffer *in;
	size_t message_len; /* of the one that was given out last */
	struct arena *arena;
	bool begun, ending, waits;
	int64_t heard_us, end_us; /* end_us 0: never */
};

static volatile sig_atomic_t told_to_end;

static void
on_signal(int number)
{
	told_to_end = 1;
}

/* One ends the capture in good order; the next ends the process. */
static void
take_signals(void)
{
	const struct sigaction action = {
	    .sa_handler = on_signal, .sa_flags = SA_RESETHAND};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* Nothing more is asked; the last totals come, and the connection ends. */
static void
end(struct capture_link *l)
{
	if (!l->ending)
		(void)shutdown(l->fd, SHUT_WR);
	l->ending = true;
	l->heard_us = mono_now().us;
}

static enum capture_next
fail(const struct capture_link *l, const char *why)
{
	cli_error("%s: %s", l->path, why);
	return CAPTURE_NEXT_FAILED;
}

static int
ask(struct capture_link *l, const struct capture_query *query)
{
	MsgRequest m = GUIDEWAY__BALANCER__REQUEST__INIT;
	struct evbuffer *out = evbuffer_new();
	struct arena *arena = arena_new();
	int r;

	if (out == NULL || arena == NULL)
		cli_no_memory();
	m.body_case = GUIDEWAY__BALANCER__REQUEST__BODY_CAPTURE;
	m.capture = capture_query_to_message(arena, query);
	if (m.capture == NULL || message_put(out, &m.base) == -1)
		cli_no_memory();
	r = client_send(l->fd, out, l->path, "balancer");
	arena_free(arena);
	evbuffer_free(out);
	return r;
}

static enum capture_next
read_reply(struct capture_link *l, const MsgReply *m, struct captured *captured)
{
	struct errmsg why;
	struct fields f = {.arena = l->arena, .why = &why};

	switch (m->body_case) {
	case GUIDEWAY__BALANCER__REPLY__BODY_CAPTURED:
		l->begun = true;
		if (captured_from_message(
			l->arena, captured, m->captured, &why) == -1)
			return fail(l, why.text);
		return CAPTURE_NEXT_SOME;
	case GUIDEWAY__BALANCER__REPLY__BODY_REFUSED:
		cli_error("%s", fields_text(&f, &m->refused->why, "refused"));
		return CAPTURE_NEXT_FAILED;
	default:
		return fail(l, "the answer is to another question");
	}
}

static enum capture_next
take(struct capture_link *l, const uint8_t *data, size_t len,
    struct captured *captured)
{
	enum capture_next next;
	struct budget budget;
	MsgReply *m;

	budget_init(&budget, len);
	m = guideway__balancer__reply__unpack(&budget.allocator, len, data);
	if (m == NULL)
		return fail(l, "a reply that cannot be decoded");
	arena_free(l->arena);
	if ((l->arena = arena_new()) == NULL)
		cli_no_memory();
	next = read_reply(l, m, captured);
	guideway__balancer__reply__free_unpacked(m, &budget.allocator);
	return next;
}

/* A signal that comes just before it waits is seen when the next totals come.
 */
static int
ms_to_wait(const struct capture_link *l, int64_t now)
{
	int64_t until = l->heard_us + PATIENCE_US;

	if (!l->ending && l->end_us != 0 && l->end_us < until)
		until = l->end_us;
	return until > now ? (int)((until - now) / 1000) + 1 : 0;
}

/* Until there is more to read, or it is time to end. */
static enum capture_next
wait_and_read(struct capture_link *l)
{
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	int n = poll(&p, 1, ms_to_wait(l, mono_now().us));
	int64_t now = mono_now().us;

	if (!l->ending &&
	    (told_to_end != 0 || (l->end_us != 0 && now >= l->end_us)))
		end(l);
	if (n == -1 && errno != EINTR)
		return fail(l, strerror(errno));
	if (n <= 0 && now - l->heard_us >= PATIENCE_US)
		return fail(l, "the balancer does not answer; see its log");
	if (n <= 0)
		return CAPTURE_NEXT_NONE_YET;
	n = evbuffer_read(l->in, l->fd, -1);
	l->heard_us = now;
	if (n > 0 || (n == -1 && errno == EAGAIN))
		return CAPTURE_NEXT_NONE_YET;
	if (l->ending)
		return CAPTURE_NEXT_END;
	return fail(l, "the balancer ended the capture; see its log");
}

enum capture_next
capture_link_next(struct capture_link *l, struct captured *captured)
{
	enum capture_next next;
	const uint8_t *data;
	struct errmsg why;
	size_t len;

	if (l->message_len > 0)
		frame_done(l->in, l->message_len);
	l->message_len = 0;
	for (;;) {
		switch (frame_next(l->in, &data, &len, &why)) {
		case FRAME_OK:
			l->waits = false;
			l->message_len = len;
			return take(l, data, len, captured);
		case FRAME_BAD:
			return fail(l, why.text);
		case FRAME_SHORT:
			break;
		}
		if (!l->waits) {
			l->waits = true;
			return CAPTURE_NEXT_NONE_YET;
		}
		if ((next = wait_and_read(l)) != CAPTURE_NEXT_NONE_YET)
			return next;
	}
}

/* The balancer's socket stands beside the agent's. */
static char *
find_socket(const struct cli *cli)
{
	char *agent = client_find_socket(cli), *path;
	const char *slash;
	int dir_len = 0;

	if (agent == NULL)
		return NULL;
	if ((slash = strrchr(agent, '/')) != NULL)
		dir_len = (int)(slash + 1 - agent);
	if (asprintf(&path, "%.*sbalancer.sock", dir_len, agent) == -1)
		cli_no_memory();
	free(agent);
	return path;
}

struct capture_link *
capture_link_new(
    const struct cli *cli, const struct capture_query *query, uint32_t seconds)
{
	struct capture_link *l = calloc(1, sizeof(*l));

	if (l == NULL || (l->in = evbuffer_new()) == NULL)
		cli_no_memory();
	l->fd = -1;
	if ((l->path = find_socket(cli)) == NULL ||
	    (l->fd = client_dial(l->path, "balancer")) == -1 ||
	    ask(l, query) == -1) {
		capture_link_free(l);
		return NULL;
	}
	take_signals();
	l->heard_us = mono_now().us;
	if (seconds > 0)
		l->end_us = l->heard_us + (int64_t)seconds * 1000000;
	return l;
}

void
capture_link_free(struct capture_link *l)
{
	if (l == NULL)
		return;
	if (l->fd != -1)
		close(l->fd);
	arena_free(l->arena);
	evbuffer_free(l->in);
	free(l->path);
	free(l);
}
