/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lab/hold.h"

/* UDP repeats nothing: an exchange without an answer is tried again with the
 * next, and only so many in a row mean that the flow is broken. */
#define SILENT_MAX 5

struct udp_flow {
	struct flow flow;
	struct event *readable, *next;
	int fd;
	bool waiting;
	unsigned silent; /* exchanges in a row without an answer */
};

static struct udp_flow *flows;
static size_t n_flows;

static void
end_flow(struct udp_flow *f)
{
	if (f->readable != NULL)
		event_free(f->readable);
	if (f->next != NULL)
		event_free(f->next);
	f->readable = NULL;
	f->next = NULL;
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
}

static void
broken(struct udp_flow *f, const char *why)
{
	hold_broken(&f->flow, why);
	end_flow(f);
}

static void
ask(evutil_socket_t fd, short what, void *ctx)
{
	struct udp_flow *f = ctx;
	char token[TOKEN_LEN + 1];

	if (f->waiting && ++f->silent == SILENT_MAX) {
		broken(f, "no answer in time");
		return;
	}
	hold_token(&f->flow, token);
	(void)send(f->fd, token, TOKEN_LEN, 0);
	f->waiting = true;
	evtimer_add(f->next, &f->flow.hold->interval);
}

/* Is it an answer to what was asked before, from the same backend? That says
 * nothing any more: what was asked twice may be answered twice. */
static bool
is_late(const struct udp_flow *f, const char *text, size_t len)
{
	const size_t number = TOKEN_LEN / 2, name = strlen(f->flow.backend);
	char token[TOKEN_LEN + 1];

	if (name == 0 || len != name + 1 + TOKEN_LEN ||
	    memcmp(text, f->flow.backend, name) != 0)
		return false;
	text += name + 1;
	hold_token(&f->flow, token);
	return memcmp(text, token, number) == 0 &&
	    memcmp(text + number, token + number, number) < 0;
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct udp_flow *f = ctx;
	char text[256];
	const char *why;
	ssize_t n;

	while ((n = recv(fd, text, sizeof(text), MSG_DONTWAIT)) >= 0) {
		if (is_late(f, text, (size_t)n))
			continue;
		f->waiting = false;
		f->silent = 0;
		why = hold_answer(&f->flow, text, (size_t)n);
		if (why != NULL) {
			broken(f, why);
			return;
		}
	}
	/* A port that is closed for a moment is one answer missed. */
}

static void
open_flow(struct hold *h, struct udp_flow *f, uint64_t number)
{
	const struct target *to = &h->udp_targets[number % h->n_targets];
	const struct target *from = hold_source(h, to, number / h->n_targets);
	struct timeval first = hold_jitter(h);

	hold_begin(&f->flow, h, &h->udp, number);
	f->fd = socket(
	    to->addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f->fd == -1 ||
	    (from != NULL &&
		bind(f->fd, (const struct sockaddr *)&from->addr, from->len) ==
		    -1) ||
	    connect(f->fd, (const struct sockaddr *)&to->addr, to->len) == -1)
		hold_die("cannot send datagrams");
	f->readable = event_new(
	    h->base, f->fd, EV_READ | EV_PERSIST, on_readable, f);
	f->next = evtimer_new(h->base, ask, f);
	if (f->readable == NULL || f->next == NULL ||
	    event_add(f->readable, NULL) == -1 ||
	    evtimer_add(f->next, &first) == -1)
		hold_die("out of memory");
}

void
hold_udp(struct hold *h, size_t n)
{
	h->udp.n = n_flows = n;
	if ((flows = calloc(n + 1, sizeof(*flows))) == NULL)
		hold_die("out of memory");
	for (size_t i = 0; i < n; i++)
		open_flow(h, &flows[i], i);
}

void
hold_udp_end(void)
{
	for (size_t i = 0; i < n_flows; i++)
		end_flow(&flows[i]);
	free(flows);
}
