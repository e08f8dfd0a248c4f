/* SPDX-License-Identifier: Apache-2.0 */
/* Holds many flows with traffic on all of them, and counts those that break.
 *
 *	hold [-i MS] [-s SECONDS] [-n RATE] [-u FLOWS -p PORT] [-f ADDRESS]...
 *	    CONNECTIONS ADDRESS PORT [ADDRESS PORT]...
 *
 * TCP: HTTP requests one after another on each connection, whose answers must
 * be whole, in time, bear the request's token, and come from the backend that
 * answered first. UDP (-u): the same with datagrams, to PORT of the same
 * addresses. -n: besides, so many new connections a second, each for one
 * request. -f: from these addresses in turn. The flows are spread over the
 * targets.
 *
 * Each that breaks is a line on stderr. "open N" is printed when all that are
 *held have had an answer; at the end
 *(-s, SIGTERM or SIGINT) one line of JSON. Exit status 0: none broke. */
#include "config.h"

#include "tests/lab/hold.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

void
hold_die(const char *what)
{
	fprintf(stderr, "hold: %s\n", what);
	exit(2);
}

const struct target *
hold_source(const struct hold *h, const struct target *target, uint64_t number)
{
	for (size_t i = 0; i < h->n_sources; i++) {
		const struct target *t =
		    &h->sources[(number + i) % h->n_sources];
		if (t->addr.ss_family == target->addr.ss_family)
			return t;
	}
	return NULL;
}

struct timeval
hold_jitter(const struct hold *h)
{
	long us = h->interval.tv_sec * 1000000 + h->interval.tv_usec;

	us = us == 0 ? 0 : random() % us;
	return (struct timeval){us / 1000000, us % 1000000};
}

void
hold_token(const struct flow *f, char token[TOKEN_LEN + 1])
{
	snprintf(token, TOKEN_LEN + 1, "%010" PRIu32 "%010" PRIu32,
	    (uint32_t)f->number, (uint32_t)f->exchange);
}

/* All that are held have been answered. */
static void
say_open(struct hold *h)
{
	if (h->opened || h->tcp.answered < h->tcp.n ||
	    h->udp.answered < h->udp.n)
		return;
	h->opened = true;
	printf("open %zu\n", h->tcp.n + h->udp.n);
	fflush(stdout);
}

const char *
hold_answer(struct flow *f, const char *text, size_t len)
{
	char token[TOKEN_LEN + 1];
	const char *space = memchr(text, ' ', len);
	size_t name = space == NULL ? 0 : (size_t)(space - text);

	hold_token(f, token);
	if (name == 0 || name >= sizeof(f->backend) ||
	    len - name - 1 != TOKEN_LEN ||
	    memcmp(space + 1, token, TOKEN_LEN) != 0)
		return "an answer of another kind";
	f->tally->exchanges++;
	f->exchange++;
	if (f->backend[0] == '\0') {
		memcpy(f->backend, text, name);
		f->tally->answered++;
		say_open(f->hold);
	} else if (strlen(f->backend) != name ||
	    memcmp(f->backend, text, name) != 0) {
		return "another backend answered";
	}
	return NULL;
}

void
hold_begin(struct flow *f, struct hold *h, struct tally *tally, uint64_t number)
{
	*f = (struct flow){.hold = h, .tally = tally, .number = number};
	gettimeofday(&f->began, NULL);
}

static void
say_broken(const struct flow *f, const char *why)
{
	struct timeval now, age;

	gettimeofday(&now, NULL);
	timersub(&now, &f->began, &age);
	fprintf(stderr,
	    "%jd.%06ld: %s flow %" PRIu64 " of '%s', %jd.%03ld s "
	    "old, after %" PRIu64 " answers: %s\n",
	    (intmax_t)now.tv_sec, (long)now.tv_usec, f->tally->kind, f->number,
	    f->backend, (intmax_t)age.tv_sec, (long)age.tv_usec / 1000,
	    f->exchange, why);
}

void
hold_broken(struct flow *f, const char *why)
{
	struct casualty *c = f->hold->casualties;
	size_t room = sizeof(f->hold->casualties) / sizeof(*c);

	say_broken(f, why);
	if (f->tally->broken++ == 0)
		snprintf(f->tally->first_fault, sizeof(f->tally->first_fault),
		    "%s%s%s", f->backend, f->backend[0] == '\0' ? "" : ": ",
		    why);
	for (size_t i = 0; i < room; i++, c++) {
		if (c->n == 0)
			memcpy(c->backend, f->backend, sizeof(c->backend));
		if (strcmp(c->backend, f->backend) == 0) {
			c->n++;
			return;
		}
	}
}

static void
on_end(evutil_socket_t fd, short what, void *ctx)
{
	struct hold *h = ctx;

	(void)fd;
	(void)what;
	event_base_loopbreak(h->base);
}

static struct target
target(const char *address, const char *port)
{
	struct target t = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&t.addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&t.addr;
	uint16_t port_be = htons((uint16_t)atoi(port));

	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = port_be;
		t.len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = port_be;
		t.len = sizeof(*v6);
	} else {
		hold_die("an address must be IPv4 or IPv6");
	}
	return t;
}

struct options {
	struct timeval end;
	size_t connections, udp;
	const char *udp_port;
};

static void
parse_option(struct hold *h, struct options *o, int option)
{
	switch (option) {
	case 'i':
		h->interval = (struct timeval){
		    atoi(optarg) / 1000, atoi(optarg) % 1000 * 1000};
		break;
	case 's':
		o->end.tv_sec = atoi(optarg);
		break;
	case 'n':
		h->new_per_s = (unsigned)atoi(optarg);
		break;
	case 'u':
		o->udp = (size_t)atoi(optarg);
		break;
	case 'p':
		o->udp_port = optarg;
		break;
	case 'f':
		if (h->n_sources == SOURCES_MAX)
			hold_die("too many addresses to send from");
		h->sources[h->n_sources++] = target(optarg, "0");
		break;
	default:
		exit(2);
	}
}

static void
parse(struct hold *h, struct options *o, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "i:s:n:u:p:f:")) != -1)
		parse_option(h, o, option);
	argc -= optind;
	argv += optind;
	if (argc < 3 || argc % 2 == 0 || argc > 1 + 2 * TARGETS_MAX ||
	    atoi(argv[0]) < 0)
		hold_die("usage: hold [-i MS] [-s SECONDS] [-n RATE] "
			 "[-u FLOWS -p PORT] [-f ADDRESS]... CONNECTIONS "
			 "ADDRESS PORT [ADDRESS PORT]...");
	o->connections = (size_t)atoi(argv[0]);
	for (int i = 1; i < argc; i += 2) {
		h->udp_targets[h->n_targets] = target(argv[i], o->udp_port);
		h->targets[h->n_targets++] = target(argv[i], argv[i + 1]);
	}
}

static void
run(struct hold *h, const struct options *o)
{
	struct event *events[3] = {
	    evsignal_new(h->base, SIGTERM, on_end, h),
	    evsignal_new(h->base, SIGINT, on_end, h),
	    evtimer_new(h->base, on_end, h),
	};

	for (int i = 0; i < 3; i++) {
		if (events[i] == NULL)
			hold_die("out of memory");
		if (i < 2 || o->end.tv_sec > 0)
			event_add(events[i], i < 2 ? NULL : &o->end);
	}
	hold_tcp(h, o->connections);
	hold_udp(h, o->udp);
	event_base_dispatch(h->base);
	for (int i = 0; i < 3; i++)
		event_free(events[i]);
	hold_tcp_end();
	hold_udp_end();
}

static void
report_tally(const struct tally *t)
{
	printf(", \"%s\": {\"flows\": %zu, \"answered\": %zu, \"exchanges\": "
	       "%lu, \"broken\": %zu, \"first_fault\": \"%s\"}",
	    t->kind, t->n, t->answered, t->exchanges, t->broken,
	    t->first_fault);
}

/* "broken" is of all that were held. */
static void
report(const struct hold *h)
{
	const struct casualty *c = h->casualties;
	size_t room = sizeof(h->casualties) / sizeof(*c);

	printf("{\"connections\": %zu, \"broken\": %zu, \"broken_of\": {",
	    h->tcp.n + h->udp.n, h->tcp.broken + h->udp.broken);
	for (size_t i = 0; i < room && c[i].n > 0; i++)
		printf(
		    "%s\"%s\": %zu", i == 0 ? "" : ", ", c[i].backend, c[i].n);
	printf("}");
	report_tally(&h->tcp);
	report_tally(&h->udp);
	report_tally(&h->fresh);
	printf("}\n");
}

/* A descriptor for each flow. */
static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int
main(int argc, char **argv)
{
	struct hold h = {.interval = {0, 100000},
	    .tcp.kind = "tcp",
	    .udp.kind = "udp",
	    .fresh.kind = "new"};
	struct options o = {.udp_port = "0"};

	signal(SIGPIPE, SIG_IGN);
	parse(&h, &o, argc, argv);
	raise_limit();
	if ((h.base = event_base_new()) == NULL)
		hold_die("out of memory");
	run(&h, &o);
	report(&h);
	event_base_free(h.base);
	return h.opened && h.tcp.broken + h.udp.broken + h.fresh.broken == 0
	    ? 0
	    : 1;
}
