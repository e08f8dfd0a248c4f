/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/peer_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/peer/pki.h"
#include "tests/unit/unit.h"

#define SEED "000102030405060708090a0b0c0d0e0f"

struct event_base *rig_base;
char rig_dir[64];
struct peer_net_times rig_times;

static struct event *tick;
static bool calling;

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd, (void)what, (void)ctx;
}

void
rig_setup(void)
{
	const struct timeval ms5 = {0, 5000};

	strcpy(rig_dir, "/tmp/check_peer_XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(rig_dir));
	ck_assert_ptr_nonnull(rig_base = event_base_new());
	tick = event_new(rig_base, -1, EV_PERSIST, on_tick, NULL);
	ck_assert_int_eq(event_add(tick, &ms5), 0);
	rig_times = (struct peer_net_times){30000, 30000, 30000, 10000};
}

void
rig_teardown(void)
{
	char command[96];

	event_free(tick);
	event_base_free(rig_base);
	snprintf(command, sizeof(command), "rm -r %s", rig_dir);
	ck_assert_int_eq(system(command), 0);
}

void
rig_turn(void)
{
	event_base_loop(rig_base, EVLOOP_ONCE);
}

void
rig_run_ms(int ms)
{
	int64_t end = mono_now().us + (int64_t)ms * 1000;

	do
		rig_turn();
	while (mono_now().us < end);
}

const char *
rig_address(void)
{
	static char text[32];
	unsigned pid = (unsigned)getpid();

	snprintf(text, sizeof(text), "127.%u.%u.%u", 1 + (pid >> 14) % 200,
	    (pid >> 7) & 127, 1 + (pid & 127));
	return text;
}

const char *
rig_path(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", rig_dir, name);
	return path;
}

void
rig_ca(const char *ca, const char *cluster)
{
	struct pki_made made;
	struct errmsg why = {""};

	ck_assert_msg(
	    pki_init(rig_path(ca), cluster, time(NULL), &made, &why) == 0, "%s",
	    why.text);
}

void
rig_identity(const char *ca, const char *node, int64_t now)
{
	char dir[128], out[256];
	struct pki_node n = {node, out, 30, true};
	struct pki_made made;
	struct errmsg why = {""};

	snprintf(dir, sizeof(dir), "%s", rig_path(ca));
	snprintf(out, sizeof(out), "%s-%s.pem", dir, node);
	ck_assert_msg(
	    pki_issue(dir, &n, now, &made, &why) == 0, "%s", why.text);
}

void
rig_write(const char *name, const char *text)
{
	FILE *out = fopen(rig_path(name), "w");

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(fchmod(fileno(out), 0600), 0);
	fputs(text, out);
	ck_assert_int_eq(fclose(out), 0);
}

struct conf *
rig_conf(
    const char *node, const char *cluster, const char *nodes, const char *trust)
{
	struct errmsg why = {""};
	struct conf *conf;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	fprintf(out,
	    "node: {name: %s}\ncluster:\n  seed: " SEED
	    "\n  name: %s\n  %s\n  nodes:\n",
	    node, cluster, trust);
	for (; *nodes != '\0'; nodes++)
		fprintf(out, "    - {name: %c, address: %s, port: %d}\n",
		    *nodes, rig_address(), RIG_PORT + *nodes - 'a');
	fclose(out);
	conf = conf_parse("f", text, len, &why);
	ck_assert_msg(conf != NULL, "%s\n%s", why.text, text);
	free(text);
	return conf;
}

static void
on_up(void *ctx, uint64_t session, const char *node, bool dialled)
{
	struct side *side = ctx;

	ck_assert(!calling);
	ck_assert_uint_ne(session, 0);
	side->ups++;
	side->session = session;
	side->dialled = dialled;
	snprintf(side->node, sizeof(side->node), "%s", node);
	if (side->trust)
		peer_net_trust(side->net, session);
}

static void
on_message(void *ctx, uint64_t session, const uint8_t *data, size_t len)
{
	struct side *side = ctx;

	ck_assert(!calling);
	if (data[0] != side->next++)
		side->in_order = false;
	side->messages++;
	side->len = len;
	side->bytes += len;
	if (side->close_on_message)
		peer_net_close(side->net, session, "enough");
}

static void
on_drained(void *ctx, uint64_t session)
{
	struct side *side = ctx;

	ck_assert(!calling);
	ck_assert_uint_le(peer_net_queued(side->net, session), PEER_QUEUE_LOW);
	side->drains++;
}

static void
on_down(void *ctx, uint64_t session, const char *why)
{
	struct side *side = ctx;

	ck_assert(!calling);
	ck_assert_int_eq(
	    peer_net_send(side->net, session, (const uint8_t *)"", 1), -1);
	side->downs++;
	errmsg_set(&side->why, "%s", why);
}

static const struct peer_net_events events = {
    .up = on_up,
    .message = on_message,
    .drained = on_drained,
    .down = on_down,
};

void
side_start(struct side *side, struct conf *conf)
{
	struct errmsg why = {""};

	side->in_order = true;
	side->conf = conf;
	side->net = peer_net_new_timed(
	    rig_base, conf, &rig_times, &events, side, &why);
	ck_assert_msg(side->net != NULL, "%s", why.text);
}

void
side_stop(struct side *side)
{
	peer_net_free(side->net);
	conf_free(side->conf);
	*side = (struct side){0};
}

uint64_t
side_dial(struct side *side, const char *name, char at)
{
	static struct conf_cluster_node nodes[16];
	static char names[16][8];
	static size_t n;
	struct conf_cluster_node *to = &nodes[n % 16];
	uint64_t session;

	snprintf(names[n % 16], sizeof(names[0]), "%s", name);
	to->name = names[n++ % 16];
	ck_assert_int_eq(addr_parse(&to->addr, rig_address()), 0);
	to->port = (uint16_t)(RIG_PORT + at - 'a');
	calling = true;
	session = peer_net_dial(side->net, to);
	calling = false;
	ck_assert_uint_ne(session, 0);
	return session;
}

int
side_send(struct side *side, uint64_t session, size_t len)
{
	static uint8_t data[PEER_FRAME_MAX];
	static uint8_t n;
	int rc;

	data[0] = n;
	calling = true;
	rc = peer_net_send(side->net, session, data, len);
	calling = false;
	if (rc == 0)
		n++;
	return rc;
}

int
rig_raw(char at)
{
	return rig_raw_from(at, rig_address());
}

int
rig_raw_from(char at, const char *address)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)(RIG_PORT + at - 'a'))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(inet_pton(AF_INET, rig_address(), &sin.sin_addr), 1);
	ck_assert_int_eq(inet_pton(AF_INET, address, &from.sin_addr), 1);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	ck_assert(connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 ||
	    errno == EINPROGRESS);
	return fd;
}
