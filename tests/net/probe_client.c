/* SPDX-License-Identifier: Apache-2.0 */
/* probe_client [-d] [-k] [-r N] [-s SOURCE/LEN]... [BACKEND VIP CHECK]...
 *
 * Runs the checks, all at once, and prints the result of each in their order:
 * "OK", "FAILED why", "UNABLE why". VIP: "-" for none. CHECK: in canonical
 * form. -s: the outer source of its IP version. -d: privileges are let go of as
 * the agent does. -k: stays, with all it has made, until it is killed. */
#include "config.h"

#include <err.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/probe/probe.h"
#include "common/log.h"
#include "common/privilege.h"

#define CHECKS_MAX 4096

static struct result {
	enum probe_result result;
	char why[160];
} results[CHECKS_MAX];
static size_t n_checks, n_results;
static struct event_base *base;
static struct forwarding_source source4, source6;

static void
on_result(void *ctx, uint64_t id, enum probe_result result, const char *why)
{
	(void)ctx;
	results[id].result = result;
	snprintf(results[id].why, sizeof(results[id].why), "%s", why);
	/* The resets that follow have to go through the tunnel. */
	if (++n_results == n_checks)
		event_base_loopexit(base, &(struct timeval){0, 50000});
}

static struct addr
read_addr(const char *text)
{
	struct addr a;

	if (addr_parse(&a, text) == -1)
		errx(2, "%s: no address", text);
	return a;
}

static void
read_source(char *text)
{
	char *slash = strchr(text, '/');
	struct forwarding_source s;

	if (slash != NULL)
		*slash = '\0';
	s.addr = read_addr(text);
	s.prefix_len = slash != NULL ? (uint8_t)atoi(slash + 1)
	    : addr_is4(&s.addr)      ? 32
				     : 128;
	*(addr_is4(&s.addr) ? &source4 : &source6) = s;
}

static void
start(struct prober *prober, char **words)
{
	struct health_check check;
	struct probe_target target = {.check = &check};
	struct addr vip;
	struct errmsg why;

	target.backend = read_addr(words[0]);
	if (strcmp(words[1], "-") != 0) {
		vip = read_addr(words[1]);
		target.vip = &vip;
	}
	target.source = addr_is4(&target.backend) ? source4 : source6;
	if (health_check_parse(words[2], strlen(words[2]), &check, &why) == -1)
		errx(2, "%s", why.text);
	if (prober_start(prober, n_checks++, &target) == -1)
		errx(1, "out of memory");
}

static void
print_results(void)
{
	static const char *const names[] = {
	    [PROBE_OK] = "OK",
	    [PROBE_FAILED] = "FAILED ",
	    [PROBE_UNABLE] = "UNABLE ",
	};

	for (size_t i = 0; i < n_checks; i++)
		printf("%s%s\n", names[results[i].result], results[i].why);
	fflush(stdout);
}

static void
pass_time(unsigned ms)
{
	event_base_loopexit(base, &(struct timeval){0, (suseconds_t)ms * 1000});
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
}

static void
run_round(struct prober *prober, char **words, int n)
{
	n_checks = n_results = 0;
	for (int i = 0; i < n; i++)
		start(prober, words + (ptrdiff_t)3 * i);
	if (n > 0)
		event_base_dispatch(base);
	print_results();
}

int
main(int argc, char **argv)
{
	struct prober *prober;
	struct errmsg why;
	bool drop = false, keep = false;
	int c, rounds = 1;

	log_init("probe_client", false, NULL);
	while ((c = getopt(argc, argv, "dkr:s:")) != -1)
		if (c == 'd')
			drop = true;
		else if (c == 'k')
			keep = true;
		else if (c == 'r')
			rounds = atoi(optarg);
		else if (c == 's')
			read_source(optarg);
		else
			return 2;
	if ((argc - optind) % 3 != 0 || (argc - optind) / 3 > CHECKS_MAX)
		errx(2, "usage: probe_client [BACKEND VIP CHECK]...");
	base = event_base_new();
	if ((prober = prober_new(base, on_result, NULL, &why)) == NULL)
		errx(1, "%s", why.text);
	if (drop && privilege_drop("nobody", PRIVILEGE_NET_ADMIN, &why) == -1)
		errx(1, "%s", why.text);
	for (int round = 0; round < rounds; round++) {
		if (round > 0)
			pass_time(500);
		run_round(prober, argv + optind, (argc - optind) / 3);
	}
	while (keep)
		pause();
	prober_free(prober);
	event_base_free(base);
	return 0;
}
