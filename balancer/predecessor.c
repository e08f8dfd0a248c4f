/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/predecessor.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balancer/ctl/wire_handover.h"
#include "common/frame.h"
#include "common/log.h"
#include "common/mono.h"
#include "common/unix_socket.h"

/* An answer that took longer would come from one that builds the largest of
 * tables, or hangs. */
#define PATIENCE_MS 5000
#define GONE_S      2
#define READ_LEN    (64u << 10)

struct predecessor {
	int fd;
	struct evbuffer *in, *out;
	uint64_t id; /* of the last request */
	struct forwarding *state;
	struct event *ended;
	void (*gone)(void *ctx);
	void *ctx;
};

void
predecessor_free(struct predecessor *p)
{
	if (p == NULL)
		return;
	if (p->ended != NULL)
		event_free(p->ended);
	if (p->in != NULL)
		evbuffer_free(p->in);
	if (p->out != NULL)
		evbuffer_free(p->out);
	forwarding_free(p->state);
	close(p->fd);
	free(p);
}

static int
wait_for(const struct predecessor *p, short what, struct mono until,
    struct errmsg *why)
{
	struct pollfd poll_fd = {p->fd, what, 0};
	int64_t ms = (until.us - mono_now().us) / 1000;

	if (ms > 0 && poll(&poll_fd, 1, (int)ms) == 1)
		return 0;
	return errmsg_set(why, "it does not answer");
}

static int
send_all(struct predecessor *p, struct mono until, struct errmsg *why)
{
	while (evbuffer_get_length(p->out) > 0) {
		if (wait_for(p, POLLOUT, until, why) == -1)
			return -1;
		if (evbuffer_write(p->out, p->fd) == -1 && errno != EAGAIN)
			return errmsg_sys(why, "it cannot be asked");
	}
	return 0;
}

static void
close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* What there is to read; descriptors, of which one reply has some, into fds. */
static int
read_some(struct predecessor *p, int fds[UNIX_FDS_MAX], size_t *n_fds,
    struct errmsg *why)
{
	int more[UNIX_FDS_MAX];
	char buf[READ_LEN];
	size_t n_more;
	ssize_t n = unix_receive(p->fd, buf, sizeof(buf), more, &n_more);

	if (n == -1)
		return errno == EAGAIN ? 0 : errmsg_sys(why, "it");
	if (n_more > 0) {
		close_all(fds, *n_fds);
		memcpy(fds, more, sizeof(more));
		*n_fds = n_more;
	}
	if (n == 0)
		return errmsg_set(why, "it closed the connection");
	if (evbuffer_add(p->in, buf, (size_t)n) == -1)
		return errmsg_set(why, "out of memory for its answer");
	return 0;
}

/* One request and its answer. Descriptors that came with it are in fds,
 * whatever is returned. */
static int
ask(struct predecessor *p, enum wire_kind kind, struct wire_handover *answer,
    int fds[UNIX_FDS_MAX], size_t *n_fds, struct errmsg *why)
{
	struct mono until = {mono_now().us + PATIENCE_MS * 1000};
	enum frame_result result;
	const uint8_t *data;
	size_t len;
	int r;

	*n_fds = 0;
	if (wire_put_request(p->out, ++p->id, kind) == -1)
		return errmsg_set(why, "out of memory for a request");
	if (send_all(p, until, why) == -1)
		return -1;
	while ((result = frame_next(p->in, &data, &len, why)) == FRAME_SHORT) {
		if (wait_for(p, POLLIN, until, why) == -1 ||
		    read_some(p, fds, n_fds, why) == -1)
			return -1;
	}
	if (result == FRAME_BAD)
		return -1;
	r = wire_unpack_handover(data, len, p->id, kind, answer, why);
	frame_done(p->in, len);
	return r;
}

static struct predecessor *
predecessor_new(int fd, struct errmsg *why)
{
	struct predecessor *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		close(fd);
		errmsg_set(why, "out of memory");
		return NULL;
	}
	p->fd = fd;
	p->in = evbuffer_new();
	p->out = evbuffer_new();
	if (p->in != NULL && p->out != NULL)
		return p;
	predecessor_free(p);
	errmsg_set(why, "out of memory");
	return NULL;
}

int
predecessor_find(
    const char *path, struct predecessor **found, struct errmsg *why)
{
	struct wire_handover answer;
	int fd = unix_connect(path, why), fds[UNIX_FDS_MAX];
	size_t n_fds;

	*found = NULL;
	if (fd == -1)
		return errno == ENOENT || errno == ECONNREFUSED ? 0 : -1;
	if ((*found = predecessor_new(fd, why)) == NULL)
		return -1;
	if (ask(*found, WIRE_HANDOVER, &answer, fds, &n_fds, why) == 0) {
		close_all(fds, n_fds);
		(*found)->state = answer.state;
		return 0;
	}
	close_all(fds, n_fds);
	predecessor_free(*found);
	*found = NULL;
	return -1;
}

struct forwarding *
predecessor_state(struct predecessor *p)
{
	struct forwarding *state = p->state;

	p->state = NULL;
	return state;
}

int
predecessor_take(
    struct predecessor *p, int *listener, int *device, struct errmsg *why)
{
	struct wire_handover answer;
	int fds[UNIX_FDS_MAX];
	size_t n_fds;
	int r = ask(p, WIRE_TAKE, &answer, fds, &n_fds, why);

	if (r == 0 && n_fds != (answer.device ? 2 : 1))
		r = errmsg_set(why, "it sent %zu descriptors", n_fds);
	if (r == -1) {
		close_all(fds, n_fds);
		return -1;
	}
	*listener = fds[0];
	*device = answer.device ? fds[1] : -1;
	return 0;
}

/* It has closed the connection, which it does last; or it takes too long. What
 * it says before that says nothing more. */
static void
on_ended(evutil_socket_t fd, short what, void *ctx)
{
	struct predecessor *p = ctx;
	char buf[256];
	ssize_t n = 0;

	if ((what & EV_TIMEOUT) == 0) {
		while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
			;
		if (n == -1 && errno == EAGAIN)
			return;
	} else {
		log_warnx("replace",
		    "the predecessor has not let go for %d s; it will when it "
		    "runs again",
		    GONE_S);
	}
	event_free(p->ended);
	p->ended = NULL;
	p->gone(p->ctx);
}

int
predecessor_dismiss(struct predecessor *p, struct event_base *base,
    void (*gone)(void *ctx), void *ctx, struct errmsg *why)
{
	const struct timeval wait = {GONE_S, 0};
	struct mono until = {mono_now().us + PATIENCE_MS * 1000};

	p->gone = gone;
	p->ctx = ctx;
	p->ended = event_new(base, p->fd, EV_READ | EV_PERSIST, on_ended, p);
	if (p->ended == NULL || event_add(p->ended, &wait) == -1 ||
	    wire_put_request(p->out, ++p->id, WIRE_LEAVE) == -1)
		return errmsg_set(why, "it cannot be told to let go");
	/* If it died just now, it has let go. */
	(void)send_all(p, until, NULL);
	return 0;
}
