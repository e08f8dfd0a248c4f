/* SPDX-License-Identifier: Apache-2.0 */
/* Prints each report of BIRD as lines: "report STATE ...", its sessions and
 * routes, "end". A line on stdin asks for one; with --once it asks itself, and
 * ends after the first report.
 *
 *     report ok version 2.0.12 sessions 2 routes 1 asked 3.4 ms ago
 *     session up4 established ipv4 - Established
 *     route 203.0.113.1 from kvip4 learnt exported 1
 *     end
 */
#include "config.h"

#include <err.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/bird/birdctl.h"
#include "common/mono.h"

static struct event_base *base;
static struct birdctl *ctl;
static struct event *input;
static struct mono asked;
static bool once;

static const char *
state_name(enum bird_state state)
{
	switch (state) {
	case BIRD_OK:
		return "ok";
	case BIRD_ABSENT:
		return "absent";
	case BIRD_DENIED:
		return "denied";
	case BIRD_SILENT:
		return "silent";
	case BIRD_GARBLED:
		return "garbled";
	}
	return "?";
}

static void
print_session(const struct bird_session *s)
{
	printf("session %s %s %s %s %s\n", s->name,
	    s->established ? "established" : "down", s->has4 ? "ipv4" : "-",
	    s->has6 ? "ipv6" : "-", s->info);
}

static void
print_route(const struct bird_route *r)
{
	char text[ADDR_TEXT_MAX];

	printf("route %s from %s %s exported %u\n", addr_format(&r->addr, text),
	    r->source, r->learnt ? "learnt" : "unlearnt", r->exported);
}

static void
on_report(void *ctx, struct bird_report *r)
{
	(void)ctx;
	printf("report %s version %s sessions %zu routes %zu",
	    state_name(r->state), r->version, r->n_sessions, r->n_routes);
	if (asked.us != 0)
		printf(" asked %.1f ms ago",
		    (double)(mono_now().us - asked.us) / 1000);
	printf("\n");
	if (r->state != BIRD_OK)
		printf("why %s\n", r->why);
	for (size_t i = 0; i < r->n_sessions; i++)
		print_session(&r->sessions[i]);
	for (size_t i = 0; i < r->n_routes; i++)
		print_route(&r->routes[i]);
	printf("end\n");
	fflush(stdout);
	bird_report_free(r);
	asked.us = 0;
	if (once)
		event_base_loopbreak(base);
}

static void
ask(void)
{
	asked = mono_now();
	birdctl_ask(ctl);
}

static void
on_input(evutil_socket_t fd, short what, void *ctx)
{
	char line[256];

	(void)what;
	(void)ctx;
	if (read(fd, line, sizeof(line)) > 0)
		ask();
	else
		event_del(input);
}

int
main(int argc, char *argv[])
{
	once = argc == 3 && strcmp(argv[2], "--once") == 0;
	if (argc != 2 && !once)
		errx(2, "usage: bird_client SOCKET [--once]");
	if ((base = event_base_new()) == NULL ||
	    (ctl = birdctl_new(base, argv[1], on_report, NULL)) == NULL ||
	    (input = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST,
		 on_input, NULL)) == NULL)
		errx(2, "out of memory");
	if (once)
		ask();
	else
		event_add(input, NULL);
	event_base_dispatch(base);
	event_free(input);
	birdctl_free(ctl);
	event_base_free(base);
	return 0;
}
