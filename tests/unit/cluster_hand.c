/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the rig that looks at nodes, gives commands, and plays peers. */
#include "config.h"

#include "tests/unit/cluster_rig.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/core_impl.h"
#include "agent/peer/wire.h"
#include "balancer/core/table.h"
#include "tests/unit/unit.h"

/* Looking. */

const struct core_output *
output(int node, enum core_output_type type, size_t n)
{
	const struct core_outputs *out = nodes[node].out;

	for (size_t i = 0; i < out->n; i++)
		if (out->items[i].type == type && n-- == 0)
			return &out->items[i];
	return NULL;
}

const struct peer_message *
sent(int node, enum peer_message_kind kind, size_t n)
{
	const struct core_output *o;

	for (size_t i = 0; (o = output(node, CORE_PEER_SEND, i)) != NULL; i++)
		if (o->message->kind == kind && n-- == 0)
			return o->message;
	return NULL;
}

size_t
count_logged(int node, enum core_level level, const char *part)
{
	const struct node *n = &nodes[node];
	size_t count = 0;

	for (size_t i = 0; i < n->n_logs; i++)
		count += n->levels[i] == level &&
		    strstr(n->logs[i], part) != NULL;
	return count;
}

bool
logged(int node, enum core_level level, const char *part)
{
	return count_logged(node, level, part) > 0;
}

void
forget_logs(void)
{
	for (int i = 0; i < NODES; i++)
		nodes[i].n_logs = 0;
}

const struct control_cluster *
shown(int node)
{
	ask(node, 9999, CONTROL_CLUSTER);
	return &output(node, CORE_REPLY, 0)->reply.cluster;
}

bool
in_step(int node)
{
	return nodes[node].core != NULL &&
	    nodes[node].core->cluster.join == JOIN_IN;
}

bool
announces(int node)
{
	return nodes[node].kernel.n > 0;
}

bool
all_in_step(void)
{
	for (int i = 0; i < n_nodes; i++)
		if (!in_step(i))
			return false;
	return true;
}

bool
all_identical(void)
{
	const struct cluster *first = NULL;

	for (int i = 0; i < NODES; i++) {
		const struct cluster *cl;

		if (nodes[i].core == NULL)
			continue;
		cl = &nodes[i].core->cluster;
		if (first == NULL)
			first = cl;
		if (memcmp(cl->config, first->config, sizeof(cl->config)) !=
			0 ||
		    memcmp(cl->observed, first->observed,
			sizeof(cl->observed)) != 0 ||
		    memcmp(cl->root, first->root, sizeof(cl->root)) != 0)
			return false;
	}
	return true;
}

bool
same_config(void)
{
	return memcmp(nodes[A].core->cluster.config,
		   nodes[B].core->cluster.config, REPLICA_DIGEST_LEN) == 0;
}

/* Commands. */

static void
command(int node, uint64_t client, const struct control_request *q)
{
	node_step(node,
	    (struct core_event){
		.type = CORE_COMMAND, .client = client, .request = *q});
}

void
change_with(int node, uint64_t client, enum control_op op, const char *service,
    const char *backend, const char *fields, bool local, bool force)
{
	struct control_change c = {.op = op,
	    .is_backend = backend != NULL,
	    .local = local,
	    .force = force};
	struct control_request q = {.kind = CONTROL_CHANGE, .change = &c};

	snprintf(c.service, sizeof(c.service), "%s", service);
	snprintf(c.fields, sizeof(c.fields), "%s", fields);
	if (backend != NULL)
		ck_assert_int_eq(addr_parse(&c.backend, backend), 0);
	command(node, client, &q);
}

void
change(int node, uint64_t client, enum control_op op, const char *service,
    const char *backend, const char *fields)
{
	change_with(node, client, op, service, backend, fields, false, false);
}

void
drain(int node, uint64_t client, const char *whom, bool force)
{
	struct control_request q = {
	    .kind = CONTROL_DRAIN, .force = force, .graceful_s = 0};

	snprintf(q.node, sizeof(q.node), "%s", whom);
	command(node, client, &q);
}

void
undrain(int node, uint64_t client, const char *whom)
{
	struct control_request q = {.kind = CONTROL_UNDRAIN};

	snprintf(q.node, sizeof(q.node), "%s", whom);
	command(node, client, &q);
}

void
drain_temporarily(int node, uint64_t client)
{
	const struct control_request q = {
	    .kind = CONTROL_DRAIN, .temporary = true};

	command(node, client, &q);
}

void
ask(int node, uint64_t client, enum control_kind kind)
{
	const struct control_request q = {.kind = kind};

	command(node, client, &q);
}

/* A peer that is played by the test. */

uint64_t
call(int node, const char *vouched)
{
	uint64_t id = rig_session(node);

	node_step(node,
	    (struct core_event){
		.type = CORE_PEER_UP, .session = id, .node = vouched});
	return id;
}

struct peer_message
hello_of(int node, const char *name)
{
	const struct conf *file = nodes[node].core->file;
	struct peer_message m = {.kind = PEER_HELLO};
	struct peer_hello *h = &m.hello;
	uint8_t sum[SHA256_DIGEST_LENGTH];

	snprintf(h->cluster, sizeof(h->cluster), "prod");
	snprintf(h->node, sizeof(h->node), "%s", name);
	snprintf(h->version, sizeof(h->version), "9.9");
	h->process = 77;
	h->incarnation = 1000;
	h->proto_min = PEER_PROTO_MIN;
	h->proto_max = PEER_PROTO_MAX;
	h->wall_ms = (uint64_t)(RIG_WALL_MS + rig_now.us / 1000);
	h->table_version = TABLE_ALGO_VERSION;
	SHA256(file->seed, sizeof(file->seed), sum);
	memcpy(h->seed_print, sum, sizeof(h->seed_print));
	return m;
}

void
say(int node, uint64_t session, const struct peer_message *m)
{
	struct core_event e = {.type = CORE_PEER_MESSAGE, .session = session};
	struct errmsg why;
	size_t len;
	uint8_t *bytes = peer_pack(m, &len);

	ck_assert_ptr_nonnull(bytes);
	ck_assert_msg(
	    peer_unpack(bytes, len, &e.message, &why) == PEER_UNPACK_OK, "%s",
	    why.text);
	free(bytes);
	node_step(node, e);
}

struct peer_message
beat_like(int node, struct beat *beat)
{
	const struct cluster *cl = &nodes[node].core->cluster;
	struct peer_message m = {.kind = PEER_HEARTBEAT};

	beat->hb_seq++;
	m.heartbeat.beats = beat;
	m.heartbeat.n_beats = 1;
	memcpy(m.heartbeat.config, cl->config, REPLICA_DIGEST_LEN);
	memcpy(m.heartbeat.persisted, cl->config, REPLICA_DIGEST_LEN);
	memcpy(m.heartbeat.observed, cl->observed, REPLICA_DIGEST_LEN);
	memcpy(m.heartbeat.root, cl->root, REPLICA_DIGEST_LEN);
	m.heartbeat.installed = m.heartbeat.joined = true;
	m.heartbeat.wall_ms = (uint64_t)(RIG_WALL_MS + rig_now.us / 1000);
	return m;
}
