/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon makes of the core's outputs for the cluster, as far as no
 * other node is needed. */
#include "config.h"

#include "agent/cluster_edge.h"

#include <event2/event.h>
#include <string.h>

#include "agent/peer/net.h"
#include "tests/unit/unit.h"

static const char text[] =
    "node: {name: a, user: nobody}\n"
    "balancer: {interfaces: [{name: eth0}], encap_source: [10.9.0.1]}\n"
    "cluster: {seed: 000102030405060708090a0b0c0d0e0f}\n"
    "services:\n"
    "- {name: web, vips: [192.0.2.1], protocol: tcp, ports: [80],\n"
    "   backends: [{address: 10.1.0.1}]}\n";

static struct event_base *base;
static struct cluster_edge *edge;

static void
told(void *ctx, struct core_event e)
{
	(void)ctx;
	ck_abort_msg("event %d", e.type);
}

static void
setup(void)
{
	struct errmsg why;
	struct conf *conf = conf_parse("f", text, sizeof(text) - 1, &why);

	ck_assert_msg(conf != NULL, "%s", why.text);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	edge = cluster_edge_new(base, conf, told, NULL, &why);
	ck_assert_msg(edge != NULL, "%s", why.text);
	conf_free(conf);
}

static void
teardown(void)
{
	cluster_edge_free(edge);
	event_base_free(base);
	libevent_global_shutdown();
}

/* To say that the queue is full would be to wait for an event that never
 * comes. */
START_TEST(message_too_long)
{
	static char value[OBJECT_TEXT_MAX + 1];
	struct reg regs[OBJECT_REGS_MAX];
	struct object *o;
	struct peer_message m = {
	    .kind = PEER_FULL_CHUNK, .full_chunk = {.objects = &o}};
	const struct core_output out = {
	    .type = CORE_PEER_SEND, .session = 7, .message = &m};
	struct core_event next;

	memset(value, 'x', OBJECT_TEXT_MAX);
	for (uint16_t i = 0; i < OBJECT_REGS_MAX; i++)
		regs[i] = (struct reg){
		    (uint16_t)(i + 1), OBJECT_TEXT_MAX, {1, 1}, value};
	o = object_new(
	    OBJECT_NODE, (struct uid){1, 1}, 1, "n", 1, regs, OBJECT_REGS_MAX);
	ck_assert_uint_gt(object_size(o), PEER_FRAME_MAX);
	m.full_chunk.n_objects = 1;
	cluster_edge_begin(edge);
	ck_assert(!cluster_edge_do(edge, &out, &next));
	ck_assert(!cluster_edge_do(edge, &out, &next)); /* packed already */
	object_unref(o);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("cluster_edge");
	TCase *tc = tcase_create("edge");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, message_too_long);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
