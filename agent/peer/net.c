/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/peer/net.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/peer/identity.h"
#include "agent/peer/net_impl.h"
#include "agent/peer/sock.h"
#include "common/arena.h"

/* Of all nodes twice, while a newer session replaces an older one, and more. */
#define SESSIONS_MAX 256
/* In one turn of the loop, and in a second from addresses that are no node's;
 * a TLS handshake takes some 0.2 ms. */
#define ACCEPT_BATCH  16
#define FOREIGN_MAX   100
#define SECOND_US     1000000
#define DAY_S         86400
#define ENDS_SOON_S   (30 * DAY_S)
#define ACCEPT_WAIT_S 1

static const struct peer_net_times default_times = {
    .secure = 5000,
    .hello = 5000,
    .stall = 10000,
    .flush = 1000,
};

/* The node whose address that is; NULL: none. */
static const struct conf_cluster_node *
find_node(const struct peer_net *net, const struct addr *a)
{
	const struct conf_cluster *c = &net->cluster;

	for (size_t i = 0; i < c->n_nodes; i++)
		if (addr_cmp(&c->nodes[i].addr, a) == 0)
			return &c->nodes[i];
	return NULL;
}

void
peer_net_refuse(struct peer_net *net, const struct addr *from, const char *why)
{
	const struct conf_cluster_node *node = find_node(net, from);
	char text[ADDR_TEXT_MAX];
	uint32_t swallowed;

	if (node != NULL && net->events->refused != NULL)
		net->events->refused(net->ctx, node->name, why);
	net->n_refused++;
	errmsg_set(&net->last_refused, "%s: %s", addr_format(from, text), why);
	if (!log_limited(&net->refused_bucket, mono_now().us, &swallowed))
		return;
	log_warnx("peer", "refused a session from %s: %s%s", text, why,
	    swallowed > 0 ? " (and others before)" : "");
}

static size_t
count_strangers(const struct peer_net *net, const struct addr *from)
{
	const struct session *s;
	size_t n = 0;

	TAILQ_FOREACH (s, &net->sessions, entry)
		n += session_is_stranger(s) &&
		    (from == NULL || addr_cmp(&s->from, from) == 0);
	return n;
}

/* The list has the oldest first, so the first of the most is the oldest. */
static void
make_room(struct peer_net *net)
{
	struct session *s, *victim = NULL;
	size_t n, most = 0;

	if (count_strangers(net, NULL) < PEER_STRANGERS_MAX)
		return;
	TAILQ_FOREACH (s, &net->sessions, entry) {
		if (!session_is_stranger(s))
			continue;
		if ((n = count_strangers(net, &s->from)) > most) {
			most = n;
			victim = s;
		}
	}
	GW_ASSERT(victim != NULL);
	session_end(victim,
	    "too many that have proven nothing; this is the "
	    "oldest from its address");
}

/* Strangers must not take the time that the nodes need. */
static bool
is_too_often(struct peer_net *net, const struct addr *from)
{
	struct mono now;

	if (find_node(net, from) != NULL)
		return false;
	now = mono_now();
	if (now.us - net->foreign_since.us >= SECOND_US) {
		net->foreign_since = now;
		net->foreign = 0;
	}
	return net->foreign++ >= FOREIGN_MAX;
}

static void
take(struct peer_net *net, int fd, const struct addr *from)
{
	const char *why = NULL;

	if (net->n_sessions >= SESSIONS_MAX)
		why = "too many sessions";
	else if (is_too_often(net, from))
		why = "too often, from an address that is no node's";
	if (why != NULL) {
		close(fd);
		peer_net_refuse(net, from, why);
		return;
	}
	make_room(net);
	if (session_accept(net, fd, from) == NULL)
		peer_net_refuse(net, from, "out of memory");
}

/* Out of descriptors, most likely: the listener stays readable, and trying
 * again at once would keep the loop from all else. */
static void
pause_accepting(struct peer_net *net)
{
	const struct timeval wait = {ACCEPT_WAIT_S, 0};
	uint32_t swallowed;
	int saved = errno;

	event_del(net->accepting);
	event_add(net->resume, &wait);
	errno = saved;
	if (log_limited(&net->accept_bucket, mono_now().us, &swallowed))
		log_warn("peer", "cannot accept sessions, trying again");
}

static void
on_accept(evutil_socket_t listener, short what, void *ctx)
{
	struct peer_net *net = ctx;
	struct addr from;
	int fd;

	(void)what;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		if ((fd = sock_accept(listener, &from)) != -1)
			take(net, fd, &from);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno == EMFILE || errno == ENFILE ||
		    errno == ENOBUFS || errno == ENOMEM) {
			pause_accepting(net);
			return;
		}
		/* The others are of that one connection. */
	}
}

static void
on_resume(evutil_socket_t fd, short what, void *ctx)
{
	struct peer_net *net = ctx;

	(void)fd, (void)what;
	event_add(net->accepting, NULL);
}

static void
on_look_at_certificate(evutil_socket_t fd, short what, void *ctx)
{
	struct peer_net *net = ctx;
	int64_t ends = tls_ends(net->tls), now = time(NULL);
	char day[IDENTITY_DAY_MAX];

	(void)fd, (void)what;
	if (ends - now >= ENDS_SOON_S)
		return;
	log_warnx("peer",
	    "%s: this node's certificate %s on %s; make another one with "
	    "'guideway cluster invite %s', and reload the agent",
	    net->cluster.identity, ends > now ? "ends" : "has ended",
	    identity_day(ends, day), net->node);
}

static int
start(struct peer_net *net)
{
	const struct timeval day = {DAY_S, 0};

	net->accepting = event_new(
	    net->base, net->listener, EV_READ | EV_PERSIST, on_accept, net);
	net->resume = event_new(net->base, -1, 0, on_resume, net);
	if (net->accepting == NULL || net->resume == NULL ||
	    event_add(net->accepting, NULL) == -1)
		return -1;
	if (net->cluster.trust != CONF_TRUST_CERTIFICATES)
		return 0;
	on_look_at_certificate(-1, 0, net);
	net->look_at_certificate = event_new(
	    net->base, -1, EV_PERSIST, on_look_at_certificate, net);
	if (net->look_at_certificate == NULL)
		return -1;
	return event_add(net->look_at_certificate, &day);
}

/* Replaces the copy of the configuration; nothing changes where that fails. */
static int
take_conf(struct peer_net *net, const struct conf *conf, struct errmsg *why)
{
	struct arena *arena = arena_new();
	struct conf_cluster cluster;

	if (arena == NULL ||
	    conf_cluster_copy(&cluster, &conf->cluster, arena) == -1) {
		arena_free(arena);
		return errmsg_set(why, "peer sessions: out of memory");
	}
	arena_free(net->arena);
	net->arena = arena;
	net->cluster = cluster;
	net->self = conf_cluster_node(&net->cluster, net->node);
	GW_ASSERT(net->self != NULL);
	return 0;
}

struct peer_net *
peer_net_new_timed(struct event_base *base, const struct conf *conf,
    const struct peer_net_times *times, const struct peer_net_events *events,
    void *ctx, struct errmsg *why)
{
	struct peer_net *net = calloc(1, sizeof(*net));

	if (net == NULL) {
		errmsg_set(why, "peer sessions: out of memory");
		return NULL;
	}
	*net = (struct peer_net){.base = base,
	    .events = events,
	    .ctx = ctx,
	    .times = *times,
	    .listener = -1};
	TAILQ_INIT(&net->sessions);
	snprintf(net->node, sizeof(net->node), "%s", conf->node_name);
	if (take_conf(net, conf, why) == -1)
		goto fail;
	if (net->cluster.trust != CONF_TRUST_NONE &&
	    (net->tls = tls_new(&net->cluster, net->node, why)) == NULL)
		goto fail;
	if ((net->listener = sock_listen(net->self, why)) == -1)
		goto fail;
	if (start(net) == 0)
		return net;
	errmsg_set(why, "peer sessions: out of memory");
fail:
	peer_net_free(net);
	return NULL;
}

struct peer_net *
peer_net_new(struct event_base *base, const struct conf *conf,
    const struct peer_net_events *events, void *ctx, struct errmsg *why)
{
	return peer_net_new_timed(base, conf, &default_times, events, ctx, why);
}

/* What cannot change under sessions that are there; NULL: nothing of it has. */
static const char *
find_fixed_change(const struct peer_net *net, const struct conf *conf)
{
	const struct conf_cluster *c = &conf->cluster;
	const struct conf_cluster_node *self;

	if (c->name == NULL || strcmp(c->name, net->cluster.name) != 0)
		return "cluster.name";
	if (strcmp(conf->node_name, net->node) != 0)
		return "node.name";
	if (c->trust != net->cluster.trust)
		return "the way to trust in cluster";
	self = conf_cluster_node(c, conf->node_name);
	if (self == NULL || addr_cmp(&self->addr, &net->self->addr) != 0 ||
	    self->port != net->self->port)
		return "this node's address in cluster.nodes";
	return NULL;
}

static void
reload_keys(struct peer_net *net)
{
	struct errmsg why;
	struct tls *tls;

	if (net->cluster.trust == CONF_TRUST_NONE)
		return;
	if ((tls = tls_new(&net->cluster, net->node, &why)) == NULL) {
		log_warnx("peer", "%s; the keys in use stay until a restart",
		    why.text);
		return;
	}
	tls_unref(net->tls);
	net->tls = tls;
}

int
peer_net_reconf(
    struct peer_net *net, const struct conf *conf, struct errmsg *why)
{
	const char *fixed = find_fixed_change(net, conf);
	struct session *s;

	if (fixed != NULL)
		return errmsg_set(
		    why, "%s has changed; restart the agent for that", fixed);
	if (take_conf(net, conf, why) == -1)
		return -1;
	reload_keys(net);
	TAILQ_FOREACH (s, &net->sessions, entry)
		session_look_again(s);
	return 0;
}

void
peer_net_free(struct peer_net *net)
{
	struct event *events[3];

	if (net == NULL)
		return;
	while (!TAILQ_EMPTY(&net->sessions))
		session_drop(TAILQ_FIRST(&net->sessions));
	events[0] = net->accepting;
	events[1] = net->resume;
	events[2] = net->look_at_certificate;
	for (size_t i = 0; i < 3; i++)
		if (events[i] != NULL)
			event_free(events[i]);
	if (net->listener != -1)
		close(net->listener);
	tls_unref(net->tls);
	arena_free(net->arena);
	free(net);
}

static struct session *
find(const struct peer_net *net, uint64_t id)
{
	struct session *s;

	TAILQ_FOREACH (s, &net->sessions, entry)
		if (s->id == id)
			return s;
	return NULL;
}

uint64_t
peer_net_dial(struct peer_net *net, const struct conf_cluster_node *to)
{
	struct errmsg cause = {""};
	int fd = sock_dial(net->self, to, &cause);
	struct session *s = session_dial(net, to, fd, &cause);

	return s != NULL ? s->id : 0;
}

int
peer_net_send(
    struct peer_net *net, uint64_t id, const uint8_t *data, size_t len)
{
	struct session *s = find(net, id);

	GW_ASSERT(len >= 1 && len <= PEER_FRAME_MAX);
	return s != NULL ? session_send(s, data, len) : -1;
}

void
peer_net_trust(struct peer_net *net, uint64_t id)
{
	struct session *s = find(net, id);

	if (s != NULL)
		session_trust(s);
}

void
peer_net_close(struct peer_net *net, uint64_t id, const char *why)
{
	struct session *s = find(net, id);

	if (s == NULL || s->closed)
		return;
	log_debug("peer", "session %ju is closed: %s", (uintmax_t)id, why);
	session_close(s);
}

size_t
peer_net_queued(const struct peer_net *net, uint64_t id)
{
	const struct session *s = find(net, id);

	return s != NULL ? session_queued(s) : 0;
}

uint64_t
peer_net_refused(const struct peer_net *net, struct errmsg *last)
{
	if (last != NULL)
		*last = net->last_refused;
	return net->n_refused;
}
