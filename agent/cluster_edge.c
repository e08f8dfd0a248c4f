/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cluster_edge.h"

#include <stdlib.h>
#include <string.h>

#include "agent/peer/net.h"
#include "agent/peer/wire.h"
#include "agent/probe/probe.h"
#include "common/log.h"

struct cluster_edge {
	struct conf *conf;    /* of this node; sessions borrow from it */
	struct peer_net *net; /* NULL: no cluster */
	struct prober *prober;
	cluster_edge_event_cb tell;
	void *ctx;
	/* The message that was packed last: it goes to many. */
	const struct peer_message *packed;
	uint8_t *bytes;
	size_t len;
};

static void
on_up(void *ctx, uint64_t session, const char *node, bool dialled)
{
	struct cluster_edge *e = ctx;

	e->tell(e->ctx,
	    (struct core_event){.type = CORE_PEER_UP,
		.session = session,
		.node = node,
		.dialled = dialled});
}

static void
on_message(void *ctx, uint64_t session, const uint8_t *data, size_t len)
{
	struct cluster_edge *e = ctx;
	struct core_event event = {
	    .type = CORE_PEER_MESSAGE, .session = session};
	struct errmsg why;

	switch (peer_unpack(data, len, &event.message, &why)) {
	case PEER_UNPACK_OK:
		break;
	case PEER_UNPACK_UNKNOWN:
		return;
	case PEER_UNPACK_NO_MEMORY:
		log_warnx("peer", "a message is dropped: %s", why.text);
		return; /* heartbeats show what is missing */
	case PEER_UNPACK_MALFORMED:
		event.type = CORE_PEER_MALFORMED;
		event.text = why.text;
		break;
	}
	e->tell(e->ctx, event);
}

static void
on_drained(void *ctx, uint64_t session)
{
	struct cluster_edge *e = ctx;

	e->tell(e->ctx,
	    (struct core_event){.type = CORE_PEER_DRAINED, .session = session});
}

static void
on_down(void *ctx, uint64_t session, const char *why)
{
	struct cluster_edge *e = ctx;

	e->tell(e->ctx,
	    (struct core_event){
		.type = CORE_PEER_DOWN, .session = session, .text = why});
}

static void
on_refused(void *ctx, const char *node, const char *why)
{
	struct cluster_edge *e = ctx;

	e->tell(e->ctx,
	    (struct core_event){
		.type = CORE_PEER_REFUSED, .node = node, .text = why});
}

static const struct peer_net_events net_events = {
    .up = on_up,
    .message = on_message,
    .drained = on_drained,
    .down = on_down,
    .refused = on_refused,
};

static enum check_result
result_of(enum probe_result result)
{
	return result == PROBE_OK    ? CHECK_OK
	    : result == PROBE_FAILED ? CHECK_FAILED
				     : CHECK_UNABLE;
}

static void
on_probe(void *ctx, uint64_t id, enum probe_result result, const char *why)
{
	struct cluster_edge *e = ctx;

	e->tell(e->ctx,
	    (struct core_event){.type = CORE_PROBE_RESULT,
		.id = id,
		.result = result_of(result),
		.text = why});
}

struct cluster_edge *
cluster_edge_new(struct event_base *base, const struct conf *conf,
    cluster_edge_event_cb tell, void *ctx, struct errmsg *why)
{
	struct cluster_edge *e = calloc(1, sizeof(*e));

	if (e == NULL || (e->conf = conf_copy_local(conf)) == NULL) {
		errmsg_set(why, "out of memory");
		cluster_edge_free(e);
		return NULL;
	}
	e->tell = tell;
	e->ctx = ctx;
	if ((e->prober = prober_new(base, on_probe, e, why)) != NULL &&
	    (e->conf->cluster.name == NULL ||
		(e->net = peer_net_new(base, e->conf, &net_events, e, why)) !=
		    NULL))
		return e;
	cluster_edge_free(e);
	return NULL;
}

void
cluster_edge_free(struct cluster_edge *e)
{
	if (e == NULL)
		return;
	if (e->net != NULL)
		peer_net_free(e->net);
	if (e->prober != NULL)
		prober_free(e->prober);
	free(e->bytes);
	conf_free(e->conf);
	free(e);
}

int
cluster_edge_reconf(
    struct cluster_edge *e, const struct conf *conf, struct errmsg *why)
{
	struct conf *copy = conf_copy_local(conf);

	if (copy == NULL)
		return errmsg_set(why, "%s: out of memory", conf->path);
	if (e->net != NULL && peer_net_reconf(e->net, copy, why) == -1) {
		conf_free(copy);
		return -1;
	}
	conf_free(e->conf);
	e->conf = copy;
	return 0;
}

static void
dial(struct cluster_edge *e, const struct core_output *o,
    struct core_event *next)
{
	const struct conf_cluster_node *node = conf_cluster_node(
	    &e->conf->cluster, o->node->name);

	GW_ASSERT(node != NULL); /* the core's file is the edge's */
	next->type = CORE_PEER_DIALLED;
	next->node = node->name;
	next->session = peer_net_dial(e->net, node);
}

static bool
pack(struct cluster_edge *e, const struct peer_message *m)
{
	if (e->packed == m)
		return e->bytes != NULL;
	free(e->bytes);
	e->bytes = peer_pack(m, &e->len);
	e->packed = m;
	return e->bytes != NULL;
}

/* Flow notices leave room in the queue for all else, which must not wait for
 * long, and go without when there is not enough. */
static bool
is_crowded(const struct cluster_edge *e, const struct core_output *o)
{
	return o->message->kind == PEER_FLOW_BATCH &&
	    peer_net_queued(e->net, o->session) > PEER_QUEUE_LOW;
}

static bool
send_message(struct cluster_edge *e, const struct core_output *o,
    struct core_event *next)
{
	if (is_crowded(e, o)) {
		next->type = CORE_PEER_FLOWS_DROPPED;
		next->session = o->session;
		next->n = flow_batch_count(&o->message->flow_batch.flows);
		return true;
	}
	if (!pack(e, o->message)) {
		log_warnx("peer", "out of memory: a message is not sent");
		return false; /* heartbeats show what is missing */
	}
	/* There will never be room for it, so that nothing would follow on a
	 * CORE_PEER_FULL. */
	if (e->len > PEER_FRAME_MAX) {
		log_warnx("alarm",
		    "peer: a message of %zu bytes is not sent; %u are the most "
		    "that another node takes",
		    e->len, PEER_FRAME_MAX);
		return false;
	}
	if (peer_net_send(e->net, o->session, e->bytes, e->len) == 0)
		return false;
	next->type = CORE_PEER_FULL;
	next->session = o->session;
	return true;
}

static bool
start_probe(struct cluster_edge *e, const struct core_output *o,
    struct core_event *next)
{
	const struct probe_target target = {.backend = o->probe.backend,
	    .vip = o->probe.vip,
	    .check = o->probe.check,
	    .source = addr_is4(&o->probe.backend) ? e->conf->source4
						  : e->conf->source6};

	if (prober_start(e->prober, o->id, &target) == 0)
		return false;
	next->type = CORE_PROBE_RESULT;
	next->id = o->id;
	next->result = CHECK_UNABLE;
	next->text = "out of memory";
	return true;
}

void
cluster_edge_begin(struct cluster_edge *e)
{
	e->packed = NULL;
}

bool
cluster_edge_do(struct cluster_edge *e, const struct core_output *o,
    struct core_event *next)
{
	*next = (struct core_event){0};
	switch (o->type) {
	case CORE_PEER_DIAL:
		dial(e, o, next);
		return true;
	case CORE_PEER_SEND:
		return send_message(e, o, next);
	case CORE_PEER_TRUST:
		peer_net_trust(e->net, o->session);
		return false;
	case CORE_PEER_CLOSE:
		peer_net_close(e->net, o->session, o->text.text);
		return false;
	case CORE_PROBE_START:
		return start_probe(e, o, next);
	case CORE_PROBE_CANCEL:
		prober_cancel(e->prober, o->id);
		return false;
	default:
		return false;
	}
}
