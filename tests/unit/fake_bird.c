/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/fake_bird.h"

#include <check.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/unix_socket.h"
#include "tests/unit/bird_samples.h"

#define DRIP_US   5000
#define ASKED_MAX 4096

struct caller {
	TAILQ_ENTRY(caller) entry;
	struct fake_bird *bird;
	struct bufferevent *bev;
	struct evbuffer *rest; /* of the reply, still to be sent */
	struct event *more;
	enum fake_fault fault; /* of this reply */
	unsigned n_commands;
};

struct fake_bird {
	struct event_base *base;
	char *path;
	const struct fake_plan *plan;
	struct evconnlistener *listener;
	TAILQ_HEAD(, caller) callers;
	char *asked[ASKED_MAX];
	unsigned n_asked, n_connected;
	bool said_one;
};

static const struct {
	const char *command, *reply;
} replies[] = {
    {"restrict", sample_restricted},
    {"show status", sample_status},
    {"show protocols all", sample_protocols},
    {"show route exported 'up4' ", sample_exported_up4},
    {"show route exported 'up.both-1' ", sample_exported_both},
    {"show route table 'vip4' ", sample_table_vip4},
    {"show route table 'vip6' ", sample_table_vip6},
};

static bool
begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static void
caller_free(struct caller *c)
{
	TAILQ_REMOVE(&c->bird->callers, c, entry);
	bufferevent_free(c->bev);
	evbuffer_free(c->rest);
	event_free(c->more);
	free(c);
}

/* Another piece of the reply. */
static void
on_more(evutil_socket_t fd, short what, void *ctx)
{
	const struct timeval drip = {0, DRIP_US}, now = {0, 0};
	struct caller *c = ctx;
	const struct fake_plan *plan = c->bird->plan;
	size_t left = evbuffer_get_length(c->rest), n;
	char *data;

	(void)fd;
	(void)what;
	n = plan->piece > 0 && plan->piece < left ? plan->piece : left;
	data = (char *)evbuffer_pullup(c->rest, -1);
	bufferevent_write(c->bev, data, n);
	evbuffer_drain(c->rest, n);
	if (n < left) {
		evtimer_add(c->more, &now);
	} else if (c->fault == FAKE_DRIPS) {
		evbuffer_add(c->rest, strchr(plan->text, '\0') - 1, 1);
		evtimer_add(c->more, &drip);
	}
}

static void
begin_reply(struct caller *c, const char *reply)
{
	const struct fake_plan *plan = c->bird->plan;
	size_t len = strlen(reply);

	if (plan->noise)
		evbuffer_add_printf(c->rest, "+<INFO> noise\n");
	for (size_t i = 0; i < len; i++) {
		evbuffer_add(c->rest, &reply[i], 1);
		if (plan->noise && reply[i] == '\n' && i + 1 < len)
			evbuffer_add_printf(c->rest, "+1007-noise\n");
	}
	if (len > 0)
		on_more(-1, 0, c);
}

static enum fake_fault
fault_at(struct fake_bird *bird, const char *command)
{
	const struct fake_plan *plan = bird->plan;

	if (plan->fault == FAKE_NONE ||
	    (plan->at[0] == '\0') != (command[0] == '\0') ||
	    !begins(command, plan->at))
		return FAKE_NONE;
	if (plan->fault == FAKE_SAYS_ONE && bird->said_one)
		return FAKE_NONE;
	bird->said_one = true;
	return plan->fault;
}

/* Past the bufferevent, which would drop what it has not sent yet. */
static void
say_last(struct caller *c, const char *text, size_t len)
{
	int fd = bufferevent_getfd(c->bev);

	if (len > 0 && write(fd, text, len) == -1)
		ck_assert_int_eq(errno, EPIPE);
	caller_free(c);
}

/* May free the caller. */
static void
answer(struct caller *c, const char *command, const char *reply)
{
	const struct fake_plan *plan = c->bird->plan;
	size_t half = strlen(reply) / 2;

	c->fault = fault_at(c->bird, command);
	switch (c->fault) {
	case FAKE_NONE:
		begin_reply(c, reply);
		break;
	case FAKE_SAYS:
	case FAKE_SAYS_ONE:
	case FAKE_DRIPS:
		begin_reply(c, plan->text);
		break;
	case FAKE_SILENCE:
		break;
	case FAKE_ENDLESS:
		bufferevent_write(c->bev, plan->text, strlen(plan->text));
		break;
	case FAKE_HALF:
		bufferevent_write(c->bev, reply, half);
		break;
	case FAKE_ENDS:
		say_last(c, reply, 0);
		break;
	case FAKE_BREAKS:
		say_last(c, reply, half);
		break;
	}
}

static void
on_command(struct caller *c, const char *command)
{
	struct fake_bird *bird = c->bird;

	ck_assert_uint_lt(strlen(command), 512);
	ck_assert_msg((c->n_commands == 0) == begins(command, "restrict"),
	    "%u: %s", c->n_commands, command);
	ck_assert_msg(evbuffer_get_length(c->rest) == 0,
	    "\"%s\" before the reply was complete", command);
	c->n_commands++;
	ck_assert_uint_lt(bird->n_asked, ASKED_MAX);
	bird->asked[bird->n_asked++] = strdup(command);
	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++)
		if (begins(command, replies[i].command)) {
			answer(c, command, replies[i].reply);
			return;
		}
	ck_abort_msg("asked \"%s\"", command);
}

static void
on_read(struct bufferevent *bev, void *ctx)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	char *command = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF);

	if (command == NULL)
		return;
	ck_assert_msg(evbuffer_get_length(in) == 0,
	    "something after \"%s\" before its reply", command);
	on_command(ctx, command);
	free(command);
}

static void
on_write(struct bufferevent *bev, void *ctx)
{
	struct caller *c = ctx;

	if (c->fault == FAKE_ENDLESS)
		for (int i = 0; i < 1000; i++)
			bufferevent_write(bev, c->bird->plan->text,
			    strlen(c->bird->plan->text));
}

static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	(void)bev;
	(void)what;
	caller_free(ctx);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *sa, int len, void *ctx)
{
	struct fake_bird *bird = ctx;
	struct caller *c = calloc(1, sizeof(*c));

	(void)listener;
	(void)sa;
	(void)len;
	ck_assert_ptr_nonnull(c);
	c->bird = bird;
	c->bev = bufferevent_socket_new(bird->base, fd, BEV_OPT_CLOSE_ON_FREE);
	c->rest = evbuffer_new();
	c->more = evtimer_new(bird->base, on_more, c);
	TAILQ_INSERT_TAIL(&bird->callers, c, entry);
	bird->n_connected++;
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	answer(c, "", sample_greeting);
}

struct fake_bird *
fake_bird_new(struct event_base *base, const char *path, int fd,
    const struct fake_plan *plan)
{
	struct fake_bird *bird = calloc(1, sizeof(*bird));
	struct errmsg why = {""};

	if (fd == -1)
		fd = unix_listen(path, &why);
	signal(SIGPIPE, SIG_IGN); /* as every program with sockets does */
	ck_assert_ptr_nonnull(bird);
	ck_assert_msg(fd != -1, "%s", why.text);
	bird->base = base;
	bird->path = strdup(path);
	bird->plan = plan;
	TAILQ_INIT(&bird->callers);
	bird->listener = evconnlistener_new(
	    base, on_accept, bird, LEV_OPT_CLOSE_ON_FREE, 0, fd);
	ck_assert_ptr_nonnull(bird->listener);
	return bird;
}

void
fake_bird_hang_up(struct fake_bird *bird)
{
	struct caller *c;

	while ((c = TAILQ_FIRST(&bird->callers)) != NULL)
		caller_free(c);
}

void
fake_bird_free(struct fake_bird *bird)
{
	if (bird == NULL)
		return;
	unlink(bird->path);
	evconnlistener_free(bird->listener);
	fake_bird_hang_up(bird);
	for (unsigned i = 0; i < bird->n_asked; i++)
		free(bird->asked[i]);
	free(bird->path);
	free(bird);
}

void
fake_bird_say(struct fake_bird *bird, const char *text)
{
	struct caller *c;

	TAILQ_FOREACH (c, &bird->callers, entry)
		bufferevent_write(c->bev, text, strlen(text));
}

unsigned
fake_bird_asked(const struct fake_bird *bird, const char *command)
{
	unsigned n = 0;

	for (unsigned i = 0; i < bird->n_asked; i++)
		n += begins(bird->asked[i], command);
	return n;
}

unsigned
fake_bird_connected(const struct fake_bird *bird)
{
	return bird->n_connected;
}
