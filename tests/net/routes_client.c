/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent does with routes, for tests without one:
 *
 *   routes_client hold DEVICE         makes a TUN device and holds it, as the
 *                                     balancer does
 *   routes_client run DEVICE TABLE    takes commands from its input, a line
 * each:
 *
 *     set VIP=MARK ...    these routes and no others; MARK is 201 or 202
 *     fill N MARK         N of each family, and no others
 *     get                 what there is
 *
 * Each is answered with one line: microseconds that it took, device, number of
 * routes with either mark, the routes when they are few, foreign ones, error.
 * Each call of `changed` is told of in the log. */
#include "config.h"

#include <err.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/bird/routes.h"
#include "common/log.h"
#include "common/mono.h"

#define FEW      8
#define FILL_MAX 10000

static struct routes *routes;

static void
hold(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (strlen(name) >= sizeof(ifr.ifr_name))
		errx(1, "%s: too long", name);
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	if (fd == -1 || ioctl(fd, TUNSETIFF, &ifr) == -1)
		err(1, "/dev/net/tun: %s", name);
	if (s == -1 || ioctl(s, SIOCGIFFLAGS, &ifr) == -1)
		err(1, "%s", name);
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &ifr) == -1)
		err(1, "%s: up", name);
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}

static void
print_state(FILE *to)
{
	const struct vip_routes *v = routes_get(routes);
	char text[ADDR_TEXT_MAX];
	size_t active = 0;

	for (size_t i = 0; i < v->n; i++)
		active += v->entries[i].route == VIP_ROUTE_ACTIVE;
	if (v->device)
		fprintf(to, "device=%" PRIu32, v->ifindex);
	else
		fprintf(to, "device=none");
	fprintf(to, " active=%zu draining=%zu", active, v->n - active);
	for (size_t i = 0; i < v->n && v->n <= FEW; i++)
		fprintf(to, " %s=%d", addr_format(&v->entries[i].vip, text),
		    (int)v->entries[i].route);
	fprintf(to, " foreign=%zu", v->foreign);
	if (v->foreign > 0)
		fprintf(to, "/%s/%u", addr_format(&v->a_foreign, text),
		    v->foreign_protocol);
	fprintf(to, " error=%s\n", v->error);
	fflush(to);
}

static void
on_changed(void *ctx)
{
	fprintf(stderr, "changed: ");
	print_state(stderr);
}

static int
cmp(const void *a, const void *b)
{
	const struct vip_route_entry *x = a, *y = b;

	return addr_cmp(&x->vip, &y->vip);
}

static size_t
parse_set(char *text, struct vip_route_entry *e, size_t max)
{
	char *word, *mark;
	size_t n = 0;

	while ((word = strsep(&text, " ")) != NULL && n < max) {
		if ((mark = strchr(word, '=')) == NULL)
			continue;
		*mark++ = '\0';
		if (addr_parse(&e[n].vip, word) == -1)
			errx(2, "%s: no address", word);
		e[n++].route = (enum vip_route)atoi(mark);
	}
	qsort(e, n, sizeof(*e), cmp);
	return n;
}

static size_t
fill(unsigned each, enum vip_route mark, struct vip_route_entry *e)
{
	char vip[64];

	for (unsigned i = 0; i < each; i++) {
		snprintf(vip, sizeof(vip), "203.0.%u.%u", i / 256, i % 256);
		addr_parse(&e[2 * i].vip, vip);
		snprintf(vip, sizeof(vip), "2001:db8:100::%x", i + 1);
		addr_parse(&e[2 * i + 1].vip, vip);
		e[2 * i].route = e[2 * i + 1].route = mark;
	}
	qsort(e, 2 * each, sizeof(*e), cmp);
	return 2 * each;
}

static void
command(char *line)
{
	static struct vip_route_entry e[2 * FILL_MAX];
	struct mono start;
	unsigned each;
	size_t n = 0;
	int mark;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "fill %u %d", &each, &mark) == 2 && each <= FILL_MAX)
		n = fill(each, (enum vip_route)mark, e);
	else if (strncmp(line, "set", 3) == 0)
		n = parse_set(line + 3, e, FILL_MAX);
	else if (strcmp(line, "get") != 0)
		errx(2, "%s: no such command", line);
	start = mono_now();
	if (strcmp(line, "get") != 0)
		routes_set(routes, e, n);
	printf("us=%" PRId64 " ", mono_now().us - start.us);
	print_state(stdout);
}

/* One line a turn; the test waits for each answer, so that no second one is in
 * the buffer. */
static void
on_input(evutil_socket_t fd, short what, void *ctx)
{
	char line[4096];

	if (fgets(line, sizeof(line), stdin) != NULL)
		command(line);
	else
		event_base_loopbreak(ctx);
}

static void
run(const char *device, uint32_t table)
{
	struct event_base *base = event_base_new();
	struct event *input;
	struct errmsg why;

	log_init("routes_client", false, NULL);
	routes = routes_new(base, device, table, on_changed, NULL, &why);
	if (routes == NULL)
		errx(1, "%s", why.text);
	input = event_new(
	    base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, base);
	event_add(input, NULL);
	event_base_dispatch(base);
	event_free(input);
	routes_free(routes);
	event_base_free(base);
	libevent_global_shutdown();
}

int
main(int argc, char *argv[])
{
	if (argc == 3 && strcmp(argv[1], "hold") == 0)
		hold(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "run") == 0)
		run(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
	else
		errx(2, "usage: routes_client hold DEVICE | run DEVICE TABLE");
	return 0;
}
