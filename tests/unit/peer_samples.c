/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/peer_samples.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define WRITER UINT64_C(0xfedcba9876543210)
#define HLC    (UINT64_C(1700000000000) << 16)

struct peer_message peer_samples[PEER_MESSAGE_KINDS];

static const struct beat beats[] = {
    {"lb2", 1700000000000, 77, 5, false},
    {"lb1", 1700000000001, 1, 0, true},
    {"lb3", FRESHNESS_INCARNATION_MAX, FRESHNESS_INCARNATION_MAX,
	FRESHNESS_INCARNATION_MAX, false},
};

/* IPv6 on both sides of IPv4. */
static struct peer_observed_entry entries[] = {
    {.service = "dns", .health = HEALTH_UP},
    {.service = "dns", .health = HEALTH_DOWN},
    {.service = "dns", .health = HEALTH_UNKNOWN},
    {.service = "dns", .health = HEALTH_UP},
    {.service = "web", .health = HEALTH_DOWN},
};
static const char *const backends[] = {
    "::1", "10.0.0.1", "10.0.0.2", "2001:db8::1", "10.0.0.1"};

static struct object *objects[2];
static struct uid removes[] = {{WRITER, 9}, {1, UINT32_MAX}};
static struct delta_set sets[] = {
    {{WRITER, 1}, {7, 5, {HLC, WRITER}, "drain"}},
    {{WRITER, 1}, {OBJECT_FIELD_MAX, 0, {HLC_MAX, 0}, ""}},
};
static const struct seen vv[] = {{1, UINT32_MAX}, {WRITER, 12}};
static const char names[][FORWARDING_NAME_MAX] = {"lb1", "lb3"};

struct addr
addr_of(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(&a, text), 0);
	return a;
}

struct object *
service_of(const char *key, uint32_t seq, size_t n, size_t text_len)
{
	static char text[OBJECT_TEXT_MAX + 1];
	struct reg regs[OBJECT_REGS_MAX];
	struct object *o;

	ck_assert(n <= OBJECT_REGS_MAX && text_len <= OBJECT_TEXT_MAX);
	memset(text, 'x', OBJECT_TEXT_MAX);
	for (size_t i = 0; i < n; i++)
		regs[i] = (struct reg){(uint16_t)(i + 1), (uint16_t)text_len,
		    {HLC_MAX, WRITER}, text};
	o = object_new(OBJECT_SERVICE, (struct uid){WRITER, seq}, HLC_MAX, key,
	    strlen(key), regs, n);
	ck_assert_ptr_nonnull(o);
	ck_assert(object_valid(o));
	return o;
}

static void
make_objects(void)
{
	/* A field of a later version is as good as any. */
	const struct reg regs[] = {
	    {1, 5, {HLC, WRITER}, "65536"},
	    {1000, 15, {HLC + 1, 7}, "from the future"},
	};

	objects[0] = object_new(
	    OBJECT_SERVICE, (struct uid){WRITER, 10}, HLC, "web", 3, regs, 2);
	objects[1] = object_new(
	    OBJECT_NODE, (struct uid){WRITER, 11}, HLC_MAX, "lb1", 3, NULL, 0);
	ck_assert(objects[0] != NULL && objects[1] != NULL);
}

static void
sample_hello(struct peer_hello *h)
{
	*h = (struct peer_hello){
	    .cluster = "prod",
	    .node = "lb2",
	    .process = WRITER,
	    .incarnation = 1700000000000,
	    .proto_min = 1,
	    .proto_max = 3,
	    .wall_ms = 1700000000123,
	    .table_version = 2,
	    .seed_print = {1, 2, 3, 4, 5, 6, 7, 8},
	    .version = "1.0.0-rc1+g1234567",
	};
}

static void
sample_heartbeat(struct peer_heartbeat *h)
{
	*h = (struct peer_heartbeat){
	    .beats = beats,
	    .n_beats = ROWS(beats),
	    .installed = true,
	    .joined = true,
	    .announcing = true,
	    .draining = true,
	    .wall_ms = HLC_MAX >> 16,
	};
	memset(h->config, 'c', sizeof(h->config));
	memset(h->persisted, 'p', sizeof(h->persisted));
	memset(h->observed, 'o', sizeof(h->observed));
	memset(h->root, 'r', sizeof(h->root));
}

static void
sample_replica(struct peer_message *s)
{
	s[PEER_DELTA].delta = (struct delta){
	    objects, 2, removes, ROWS(removes), sets, ROWS(sets), HLC};
	s[PEER_FULL_BEGIN].full_begin = (struct peer_full_begin){
	    UINT64_MAX, vv, ROWS(vv), REPLICA_OBJECTS_MAX, HLC_MAX};
	s[PEER_FULL_CHUNK].full_chunk = (struct peer_full_chunk){
	    UINT64_MAX, REPLICA_OBJECTS_MAX - 1, objects, 2};
	s[PEER_FULL_END].full_end = (struct peer_full_end){
	    UINT64_MAX, REPLICA_OBJECTS_MAX, "0123456789abcde"};
}

static struct addr flow_backend;
static struct flow_told flows[] = {
    {1, 0, 0, 0}, {UINT64_MAX, 0, FLOW_TOLD_FLAGS, FLOWS_AGE_MAX}};
static struct flow_service flow_service = {"web", flows, 2};
static struct settled_slot slots[] = {{0, 0, 1}, {255, 0, 900}};
static struct settled_service settled_service = {"web", 256, slots, 2};

static void
sample_flows(struct peer_message *s)
{
	const struct flow_batch batch = {
	    WRITER, &flow_backend, 1, &flow_service, 1};
	const struct settled_batch settled = {
	    WRITER, &flow_backend, 1, &settled_service, 1};

	flow_backend = addr_of("2001:db8::1");
	s[PEER_FLOW_BATCH].flow_batch = (struct peer_flow_batch){7, batch};
	s[PEER_FLOW_BEAT].flow_beat = (struct peer_flow_beat){
	    UINT64_MAX, true, true, "0123456789abcde"};
	s[PEER_FLOW_MARK].flow_mark = (struct peer_flow_mark){9, true};
	s[PEER_FLOW_PULL].flow_pull = (struct peer_flow_pull){
	    WRITER, true, UINT32_MAX};
	s[PEER_FLOW_PAGE].flow_page = (struct peer_flow_page){
	    WRITER, false, batch, 4096, true};
	s[PEER_FLOW_SETTLED].flow_settled = (struct peer_flow_settled){
	    WRITER, false, settled, 1, true};
	s[PEER_HELD_ASK].held_ask = (struct peer_held_ask){
	    3, "web", flow_backend};
	s[PEER_HELD_ANSWER].held_answer = (struct peer_held_answer){
	    3, true, {1, 2, UINT64_MAX}};
}

void
peer_samples_setup(void)
{
	struct peer_message *s = peer_samples;

	memset(s, 0, sizeof(peer_samples));
	for (int i = 0; i < PEER_MESSAGE_KINDS; i++)
		s[i].kind = (enum peer_message_kind)i;
	make_objects();
	for (int i = 0; i < ROWS(entries); i++)
		entries[i].backend = addr_of(backends[i]);
	sample_hello(&s[PEER_HELLO].hello);
	sample_heartbeat(&s[PEER_HEARTBEAT].heartbeat);
	s[PEER_OBSERVED].observed = (struct peer_observed){
	    beats[0], entries, ROWS(entries)};
	sample_replica(s);
	s[PEER_PULL].pull = (struct peer_pull){true, names, ROWS(names)};
	s[PEER_DRAIN_ASK].drain_ask = (struct peer_drain_ask){WRITER, true};
	s[PEER_DRAIN_GRANT].drain_grant = (struct peer_drain_grant){
	    WRITER, false, GRANT_REFUSED_DRAINING};
	s[PEER_GOODBYE].goodbye = GOODBYE_LEAVING;
	s[PEER_ERROR].error = (struct peer_error){
	    PEER_ERROR_SILENT, "nothing was heard ~"};
	sample_flows(s);
}

void
peer_samples_teardown(void)
{
	object_unref(objects[0]);
	object_unref(objects[1]);
}
