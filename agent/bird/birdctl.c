/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/bird/birdctl.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/bird/failure.h"
#include "agent/bird/reading.h"
#include "agent/bird/show.h"
#include "common/log.h"
#include "common/mono.h"
#include "common/unix_socket.h"

/* Who reconfigures BIRD more often than that is no operator. */
#define RECONFIGURED_MAX 5

/* What is awaited. */
enum phase {
	AWAY, /* nothing: not connected */
	GREETING,
	RESTRICTED,
	IDLE, /* nothing: connected, and nothing was asked */
	STATUS,
	READING,
};

struct birdctl {
	struct event_base *base;
	char *path;
	struct birdctl_times times;
	birdctl_report report;
	void *ctx;

	enum phase phase;
	struct bufferevent *bev; /* NULL: AWAY */
	struct reply reply;
	struct reading *reading; /* NULL: not READING */
	unsigned reconfigured;   /* how often during this reading */
	char version[SHOW_VERSION_MAX];

	bool wanted;         /* a whole reading is to be begun */
	bool owed;           /* somebody asked for it: a failure is told, too */
	struct mono dialled; /* when it was last tried to connect */
	struct mono busy;    /* since when others wait there; 0: they do not */

	struct mono begun;     /* the reading was */
	struct event *go;      /* connects, or begins a reading */
	struct event *look;    /* asks for the status */
	struct event *silence; /* no byte came for too long */
	struct event *whole;   /* what is under way takes too long */

	bool told;           /* the last report is this one: */
	struct failure last; /* state BIRD_OK: it was none */
};

static void
after(struct event *event, unsigned ms)
{
	const struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	if (evtimer_add(event, &tv) == -1)
		log_warnx("bird", "out of memory for a timer");
}

static int64_t
ms_since(struct mono then)
{
	return (mono_now().us - then.us) / 1000;
}

/* Connects at once; but `least` after the last time, or who hangs up on us, or
 * asks us whenever we fail, would make a busy loop of it. */
static void
dial_soon(struct birdctl *b, unsigned least)
{
	int64_t ms = ms_since(b->dialled);

	after(b->go, ms < least ? least - (unsigned)ms : 0);
}

static void
hang_up(struct birdctl *b)
{
	evtimer_del(b->go);
	evtimer_del(b->look);
	evtimer_del(b->silence);
	evtimer_del(b->whole);
	if (b->bev != NULL)
		bufferevent_free(b->bev);
	b->bev = NULL;
	reading_free(b->reading);
	b->reading = NULL;
	b->phase = AWAY;
}

/* Once for each change; but they can follow each other as fast as somebody at
 * the other end likes. */
static void
say(const struct birdctl *b, const struct failure *failure)
{
	static struct log_bucket bucket;
	uint32_t swallowed;

	if (!log_limited(&bucket, mono_now().us, &swallowed))
		return;
	if (swallowed > 0)
		log_warnx("bird", "%u changes were not logged", swallowed);
	if (failure != NULL)
		log_warnx("bird", "%s", failure->why.text);
	else
		log_info("bird", "%s: BIRD %s answers", b->path, b->version);
}

/* Without memory for a report it is told the next time, which comes: whoever
 * has failed is tried again. */
static void
tell(struct birdctl *b, const struct failure *failure)
{
	bool changed = !b->told || !failure_equal(failure, &b->last);
	struct bird_report *report;

	if (changed)
		say(b, failure);
	if (!changed && !b->owed)
		return;
	if ((report = failure_report(failure)) == NULL) {
		b->told = false;
		return;
	}
	b->told = true;
	b->last = *failure;
	b->owed = false;
	b->report(b->ctx, report);
}

/* Hangs up, to try again later. Calls out as its last act. */
static void
fail(struct birdctl *b, struct failure failure)
{
	bool nobody = failure.state == BIRD_ABSENT ||
	    failure.state == BIRD_DENIED;

	hang_up(b);
	after(b->go, nobody ? b->times.retry : b->times.pause);
	tell(b, &failure);
}

static void
fail_stranger(struct birdctl *b, const char *what)
{
	fail(b, failure_stranger(b->path, what));
}

static void
fail_memory(struct birdctl *b)
{
	fail(b, failure_reading(b->path, "out of memory"));
}

/* It is asked something, or is to greet us: now it has to answer. */
static void
await(struct birdctl *b, enum phase phase)
{
	b->phase = phase;
	after(b->silence, b->times.silence);
}

static void
ask(struct birdctl *b, enum phase phase, const char *command)
{
	struct evbuffer *out = bufferevent_get_output(b->bev);

	if (evbuffer_add_printf(out, "%s\n", command) == -1)
		fail_memory(b);
	else
		await(b, phase);
}

static void
rest(struct birdctl *b)
{
	b->phase = IDLE;
	evtimer_del(b->silence);
	evtimer_del(b->whole);
}

static void
begin_reading(struct birdctl *b)
{
	b->begun = mono_now();
	reading_free(b->reading);
	if ((b->reading = reading_new()) == NULL)
		fail_memory(b);
	else
		ask(b, READING, reading_command(b->reading));
}

/* Nothing is under way. */
static void
next(struct birdctl *b)
{
	if (!b->wanted) {
		rest(b);
		return;
	}
	b->wanted = false;
	b->reconfigured = 0;
	after(b->whole, b->times.whole);
	begin_reading(b);
}

static void
finish_reading(struct birdctl *b)
{
	struct bird_report *r = reading_report(b->reading, b->version);

	if (r == NULL) {
		fail_memory(b);
		return;
	}
	r->begun = b->begun;
	reading_free(b->reading);
	b->reading = NULL;
	if (!b->told || b->last.state != BIRD_OK)
		say(b, NULL);
	b->told = true;
	b->last.state = BIRD_OK;
	/* Who asked in the meantime is owed the next one. */
	b->owed = b->wanted;
	b->report(b->ctx, r);
	next(b);
}

static void
read_line(struct birdctl *b, const struct reply_line *line)
{
	const char *command;
	struct errmsg why;

	switch (reading_line(b->reading, line, &why)) {
	case READING_BAD:
		fail(b, failure_reading(b->path, why.text));
		return;
	case READING_AGAIN:
		if (++b->reconfigured > RECONFIGURED_MAX)
			fail(b,
			    failure_reading(
				b->path, "it is reconfigured all the time"));
		else
			begin_reading(b);
		return;
	case READING_ON:
		break;
	}
	if (!line->last)
		return;
	if ((command = reading_command(b->reading)) != NULL)
		ask(b, READING, command);
	else
		finish_reading(b);
}

static void
on_line(struct birdctl *b, const struct reply_line *line)
{
	switch (b->phase) {
	case GREETING:
		show_version(line->text, b->version);
		if (line->code == REPLY_CODE_GREETING && line->last)
			ask(b, RESTRICTED, "restrict");
		else
			fail_stranger(b, "it does not greet as BIRD does");
		break;
	case RESTRICTED:
		if (line->code >= REPLY_CODE_FAILED)
			fail_stranger(b, "it does not know \"restrict\"");
		else if (line->last)
			next(b);
		break;
	case STATUS:
		if (line->last) /* what it says is all the same */
			next(b);
		break;
	case READING:
		read_line(b, line);
		break;
	case AWAY:
	case IDLE:
		fail_stranger(b, "it speaks without being asked");
		break;
	}
}

/* Any of the lines may end the connection. */
static void
take(struct birdctl *b, const char *data, size_t len)
{
	const struct bufferevent *bev = b->bev;
	struct reply_line line;
	struct errmsg why;

	while (b->bev == bev)
		switch (reply_next(&b->reply, &data, &len, &line, &why)) {
		case REPLY_SHORT:
			return;
		case REPLY_LINE:
			on_line(b, &line);
			break;
		case REPLY_BAD:
			fail_stranger(b, why.text);
			break;
		}
}

static void
on_read(struct bufferevent *bev, void *ctx)
{
	struct birdctl *b = ctx;
	char data[4096];
	size_t len;

	while (b->bev == bev &&
	    (len = bufferevent_read(bev, data, sizeof(data))) > 0)
		take(b, data, len);
	if (b->bev == bev && b->phase != IDLE)
		after(b->silence, b->times.silence);
}

/* BIRD has gone, or a stranger has had enough of us: whoever is there tells. */
static void
on_half_way(struct birdctl *b)
{
	struct errmsg why;
	int fd = unix_connect(b->path, &why);

	if (fd == -1 && errno != EAGAIN) {
		fail(b, failure_connect(errno, &why));
		return;
	}
	if (fd != -1)
		close(fd);
	fail_stranger(b, "it closes the connection half way");
}

/* The connection is closed. While nothing was being answered that is BIRD's
 * right, and no failure yet. */
static void
on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct birdctl *b = ctx;

	(void)bev;
	(void)what;
	if (b->phase != IDLE) {
		on_half_way(b);
		return;
	}
	hang_up(b);
	dial_soon(b, b->times.retry);
}

static void
on_silence(evutil_socket_t fd, short what, void *ctx)
{
	struct birdctl *b = ctx;

	(void)fd;
	(void)what;
	fail(b, failure_silent(b->path, b->times.silence));
}

static void
on_whole(evutil_socket_t fd, short what, void *ctx)
{
	struct birdctl *b = ctx;

	(void)fd;
	(void)what;
	fail(b, failure_silent(b->path, b->times.whole));
}

/* BIRD 2.0.12 can lose a wake-up when it starts and then leaves its first
 * updates unsent for 3 s; anything that comes in here wakes it. */
static void
on_look(evutil_socket_t fd, short what, void *ctx)
{
	struct birdctl *b = ctx;
	bool fresh = ms_since(b->dialled) < b->times.wake_for;

	(void)fd;
	(void)what;
	after(b->look, fresh ? b->times.wake : b->times.look);
	if (b->phase != IDLE)
		return;
	after(b->whole, b->times.whole);
	ask(b, STATUS, "show status");
}

static void
connected(struct birdctl *b, int fd)
{
	b->bev = bufferevent_socket_new(b->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (b->bev == NULL) {
		close(fd);
		fail_memory(b);
		return;
	}
	bufferevent_setcb(b->bev, on_read, NULL, on_event, b);
	if (bufferevent_enable(b->bev, EV_READ | EV_WRITE) == -1) {
		fail_memory(b);
		return;
	}
	reply_init(&b->reply);
	b->version[0] = '\0';
	b->wanted = true;
	after(b->look, b->times.wake);
	after(b->whole, b->times.whole);
	await(b, GREETING);
}

/* Others wait to be accepted. BIRD takes 8 at a time and is quick: soon there
 * is room, or it hangs. */
static void
busy(struct birdctl *b)
{
	if (b->busy.us == 0)
		b->busy = b->dialled;
	if (ms_since(b->busy) < b->times.busy_max) {
		after(b->go, b->times.busy_retry);
		return;
	}
	b->busy.us = 0;
	fail(b, failure_silent(b->path, b->times.busy_max));
}

static void
dial(struct birdctl *b)
{
	struct errmsg why;
	int fd;

	b->dialled = mono_now();
	fd = unix_connect(b->path, &why);
	if (fd == -1 && errno == EAGAIN) {
		busy(b);
		return;
	}
	b->busy.us = 0;
	if (fd == -1)
		fail(b, failure_connect(errno, &why));
	else
		connected(b, fd);
}

static void
on_go(evutil_socket_t fd, short what, void *ctx)
{
	struct birdctl *b = ctx;

	(void)fd;
	(void)what;
	if (b->phase == AWAY)
		dial(b);
	else if (b->phase == IDLE)
		next(b);
}

struct birdctl *
birdctl_new_timed(struct event_base *base, const char *path,
    const struct birdctl_times *times, birdctl_report report, void *ctx)
{
	struct birdctl *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->base = base;
	b->times = *times;
	b->report = report;
	b->ctx = ctx;
	if ((b->path = strdup(path)) == NULL ||
	    (b->go = evtimer_new(base, on_go, b)) == NULL ||
	    (b->look = evtimer_new(base, on_look, b)) == NULL ||
	    (b->silence = evtimer_new(base, on_silence, b)) == NULL ||
	    (b->whole = evtimer_new(base, on_whole, b)) == NULL) {
		birdctl_free(b);
		return NULL;
	}
	after(b->go, 0);
	return b;
}

struct birdctl *
birdctl_new(
    struct event_base *base, const char *path, birdctl_report report, void *ctx)
{
	static const struct birdctl_times times = {
	    .retry = 500,
	    .busy_retry = 50,
	    .busy_max = 2000,
	    .silence = 2000,
	    .whole = 10000,
	    .pause = 3000,
	    .wake = 100,
	    .wake_for = 3000,
	    .look = 1000,
	};

	return birdctl_new_timed(base, path, &times, report, ctx);
}

static void
free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

void
birdctl_free(struct birdctl *b)
{
	if (b == NULL)
		return;
	if (b->bev != NULL)
		bufferevent_free(b->bev);
	reading_free(b->reading);
	free_event(b->go);
	free_event(b->look);
	free_event(b->silence);
	free_event(b->whole);
	free(b->path);
	free(b);
}

void
birdctl_ask(struct birdctl *b)
{
	b->wanted = true;
	b->owed = true;
	if (b->phase == AWAY)
		dial_soon(b, b->times.busy_retry);
	else if (b->phase == IDLE)
		after(b->go, 0);
}
