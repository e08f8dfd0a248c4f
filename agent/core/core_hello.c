/* SPDX-License-Identifier: Apache-2.0 */
/* How sessions begin: each side says who it is, and one that does not fit is
 * told why, and let go. */
#include "config.h"

#include <string.h>

#include <openssl/sha.h>

#include "agent/core/core_impl.h"
#include "balancer/core/table.h"

/* A session is not given up for another with the same name while it was heard
 * so lately. */
#define ALIVE_MS 2000

static void
print_seed(const struct core *core, uint8_t print[PEER_PRINT_LEN])
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256(core->file->seed, sizeof(core->file->seed), sum);
	memcpy(print, sum, PEER_PRINT_LEN);
}

void
hello_say(struct core *core, uint64_t session, struct core_outputs *out)
{
	struct peer_message *m = peer_message_put(out, PEER_HELLO);
	struct peer_hello *h;

	if (m == NULL)
		return;
	h = &m->hello;
	text_copy(h->cluster, sizeof(h->cluster), core->file->cluster.name);
	text_copy(h->node, sizeof(h->node), core->file->node_name);
	text_copy(h->version, sizeof(h->version), PACKAGE_VERSION);
	h->process = core->cluster.process;
	h->incarnation = freshness_own(core->cluster.fresh)->incarnation;
	h->proto_min = PEER_PROTO_MIN;
	h->proto_max = PEER_PROTO_MAX;
	h->wall_ms = core->cluster.wall_ms;
	h->table_version = TABLE_ALGO_VERSION;
	print_seed(core, h->seed_print);
	peer_send_over(session, m, out);
}

/* What speaks against it, with the code; false: nothing. */
static bool
unacceptable(const struct core *core, const struct peer_hello *h,
    const char *vouched, enum peer_error_code *code, struct errmsg *why)
{
	uint8_t print[PEER_PRINT_LEN];

	print_seed(core, print);
	*code = PEER_ERROR_CLUSTER;
	if (strcmp(h->cluster, core->file->cluster.name) != 0)
		return errmsg_set(why, "it is of cluster %s, this is %s",
			   h->cluster, core->file->cluster.name) == -1;
	*code = PEER_ERROR_NODE;
	if (vouched[0] != '\0' && strcmp(vouched, h->node) != 0)
		return errmsg_set(why,
			   "it says that it is %s, but its certificate is of "
			   "%s",
			   h->node, vouched) == -1;
	*code = PEER_ERROR_VERSION;
	if (h->proto_max < PEER_PROTO_MIN || h->proto_min > PEER_PROTO_MAX)
		return errmsg_set(why,
			   "it speaks versions %u to %u of the protocol, this "
			   "node %u to %u",
			   h->proto_min, h->proto_max, PEER_PROTO_MIN,
			   PEER_PROTO_MAX) == -1;
	if (h->table_version != TABLE_ALGO_VERSION)
		return errmsg_set(why,
			   "it computes tables by version %u, this node by %u",
			   h->table_version, TABLE_ALGO_VERSION) == -1;
	*code = PEER_ERROR_SEED;
	if (memcmp(h->seed_print, print, sizeof(print)) != 0)
		return errmsg_set(why,
			   "its cluster.seed is not that of this node; all "
			   "nodes need the same") == -1;
	return false;
}

/* Likewise who is not to call, or not now. */
static bool
uncalled_for(const struct core *core, struct mono now, uint64_t session,
    bool called, const struct peer_hello *h, enum peer_error_code *code,
    struct errmsg *why)
{
	const struct peer *p = peer_find_const(core, h->node);

	*code = PEER_ERROR_NODE;
	if (strcmp(h->node, core->file->node_name) == 0)
		return errmsg_set(why, "this node has the same name") == -1;
	if (p == NULL)
		return errmsg_set(why, "the configuration has no such node") ==
		    -1;
	if (called && strcmp(h->node, core->file->node_name) > 0)
		return errmsg_set(why, "it is for the other side to dial") ==
		    -1;
	*code = PEER_ERROR_DUPLICATE;
	if (p->state == PEER_TALKING && p->session != session &&
	    p->hello.process != h->process &&
	    !reached(now, after_ms(p->heard_at, ALIVE_MS)))
		return errmsg_set(why, "another process has this name") == -1;
	return false;
}

/* The peer that says hello over a session. NULL: it has been refused. */
static struct peer *
recognize(struct core *core, struct mono now, uint64_t session,
    const char *vouched, bool called, const struct peer_hello *h,
    struct errmsg *why, struct core_outputs *out)
{
	enum peer_error_code code;
	struct peer *p = peer_find(core, h->node);

	if (unacceptable(core, h, vouched, &code, why) ||
	    uncalled_for(core, now, session, called, h, &code, why)) {
		/* To the log only what is new. */
		if (p == NULL || strcmp(p->trouble.text, why->text) != 0)
			core_say(out, CORE_ALARM, "node %s: refused: %s",
			    vouched[0] != '\0' ? vouched : h->node, why->text);
		peer_refuse(session, code, why->text, out);
		return NULL;
	}
	if (p->state != PEER_TALKING || p->session == session)
		return p;
	peer_close(p->session, "replaced by a newer session", out);
	peer_lose(core, now, p, "replaced by a newer session", out);
	return p;
}

static void
begin_talking(struct core *core, struct mono now, struct peer *p,
    uint64_t session, const struct peer_hello *h, struct core_outputs *out)
{
	sync_forget(p);
	p->state = PEER_TALKING;
	p->session = session;
	p->dial_pause_ms = PEER_DIAL_PAUSE_MIN_MS;
	p->trouble.text[0] = '\0';
	p->told = false;
	p->heard_at = now;
	p->hello = *h;
	p->clock_ms = (int64_t)(h->wall_ms - core->cluster.wall_ms);
	p->beat_heard = p->stuck = p->owes_full = false;
	p->config_differs = p->root_differs = (struct mono){INT64_MAX};
	p->differs_told = CORE_INFO;
	p->pulled_at = (struct mono){now.us - 3600 * 1000000LL};
	p->last_sync = 0;
	p->granted = false;
	core_put(out, CORE_PEER_TRUST)->session = session;
	core_say(out, CORE_INFO, "node %s: connected", p->node->name);
	/* The record first, else the beat makes it be asked for. */
	sync_send_own(core, p, out);
	beat_send(core, now, p, out);
	flows_peer_up(core, p, out);
}

void
hello_of_guest(struct core *core, struct mono now, struct guest *g,
    const struct peer_hello *h, struct core_outputs *out)
{
	const struct guest guest = *g;
	struct errmsg why;
	struct peer *p;

	peer_drop_guest(core, g);
	p = recognize(core, now, guest.session, guest.node, true, h, &why, out);
	if (p != NULL) {
		begin_talking(core, now, p, guest.session, h, out);
		return;
	}
	/* What the status shows, if it was that node. */
	p = peer_find(core, h->node);
	if (p != NULL && p->state == PEER_AWAY &&
	    (guest.node[0] == '\0' || strcmp(guest.node, h->node) == 0))
		p->trouble = why;
}

void
hello_of_dialled(struct core *core, struct mono now, struct peer *p,
    const struct peer_hello *h, struct core_outputs *out)
{
	struct errmsg why;

	/* Whom we dialled is whom we want, whatever vouches for it. */
	if (recognize(
		core, now, p->session, p->node->name, false, h, &why, out) == p)
		begin_talking(core, now, p, p->session, h, out);
	else
		peer_lose_for_long(core, now, p, why.text, out);
}
