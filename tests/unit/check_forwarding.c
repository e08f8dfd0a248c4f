/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/forwarding.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "proto/balancer.pb-c.h"
#include "tests/unit/unit.h"

static struct addr
ip(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(&a, text), 0);
	return a;
}

/* A small state, all in static storage, whose parts the tests bend. */
static struct addr backends[3];
static struct forwarding_endpoint web_endpoints[2], dns_endpoints[1];
static struct forwarding_member web_members[3], dns_members[1];
static struct forwarding_service services[2];
static struct forwarding state;

static void
setup(void)
{
	backends[0] = ip("10.0.0.1");
	backends[1] = ip("2001:db8::1");
	backends[2] = ip("10.0.0.2");
	web_endpoints[0] = (struct forwarding_endpoint){
	    ip("192.0.2.80"), 80, IPPROTO_TCP};
	web_endpoints[1] = (struct forwarding_endpoint){
	    ip("2001:db8::80"), 0, IPPROTO_TCP};
	dns_endpoints[0] = (struct forwarding_endpoint){
	    ip("192.0.2.80"), 53, IPPROTO_UDP};
	web_members[0] = (struct forwarding_member){2, 1, 256, false};
	web_members[1] = (struct forwarding_member){0, 65535, 100, false};
	web_members[2] = (struct forwarding_member){1, 7, 0, true};
	dns_members[0] = (struct forwarding_member){2, 9, 0, false};
	services[0] = (struct forwarding_service){"web", 65536, false,
	    web_endpoints, 2, web_members, 3, 0, 0, 0, 0, false};
	services[1] = (struct forwarding_service){"dns.udp-53_x", 256, true,
	    dns_endpoints, 1, dns_members, 1, 900, 30, 3600, 180, true};
	state = (struct forwarding){
	    .generation = UINT64_MAX - 1,
	    .seed = {0, 1, 2, 0xff, [15] = 9},
	    .source4 = {ip("198.18.0.0"), 16},
	    .source6 = {ip("2001:db8:18::1"), 128},
	    .backends = backends,
	    .n_backends = 3,
	    .services = services,
	    .n_services = 2,
	};
}

/* Each bends one thing of the state. */
static void
bend_nothing(void)
{
}

static void
bend_all_empty(void)
{
	state.n_services = state.n_backends = 0;
	state.source4 = state.source6 = (struct forwarding_source){0};
}

static void
bend_service_without_members(void)
{
	services[0].n_members = 0;
	services[1].n_endpoints = 0;
}

static void
bend_name_63(void)
{
	memset(services[0].name, 'x', 63);
	services[0].name[63] = '\0';
}

static void
bend_name_unterminated(void)
{
	memset(services[0].name, 'x', 64);
}

static void
bend_name_empty(void)
{
	services[0].name[0] = '\0';
}

static void
bend_name_space(void)
{
	strcpy(services[0].name, "a b");
}

static void
bend_name_twice(void)
{
	strcpy(services[1].name, "web");
}

static void
bend_table_min_less(void)
{
	services[1].table_size = 128;
}

static void
bend_table_max(void)
{
	services[0].table_size = 1u << 20;
}

static void
bend_table_max_more(void)
{
	services[0].table_size = 1u << 21;
}

static void
bend_table_no_power(void)
{
	services[0].table_size = 65537;
}

static void
bend_table_0(void)
{
	services[0].table_size = 0;
}

static void
bend_weight_0(void)
{
	web_members[1].weight = 0;
}

static void
bend_phi_257(void)
{
	web_members[1].phi = 257;
}

static void
bend_down_with_phi(void)
{
	web_members[2].phi = 1;
}

static void
bend_backend_too_far(void)
{
	web_members[0].backend = 3;
}

static void
bend_member_twice(void)
{
	web_members[2].backend = 2;
}

static void
bend_backend_twice(void)
{
	backends[2] = backends[0];
}

static void
bend_backend_none(void)
{
	memset(&backends[1], 0, sizeof(backends[1]));
}

static void
bend_backend_multicast(void)
{
	backends[1] = ip("ff02::1");
}

static void
bend_backend_is_vip(void)
{
	backends[1] = ip("192.0.2.80");
}

static void
bend_vip_broadcast(void)
{
	web_endpoints[0].vip = ip("255.255.255.255");
}

static void
bend_protocol(void)
{
	web_endpoints[0].protocol = 132;
}

static void
bend_port_max(void)
{
	web_endpoints[0].port = 65535;
}

static void
bend_endpoint_twice(void)
{
	dns_endpoints[0] = web_endpoints[0];
}

static void
bend_endpoint_other_protocol(void)
{
	dns_endpoints[0].port = 80;
}

static void
bend_endpoint_every_port(void)
{
	dns_endpoints[0].protocol = IPPROTO_TCP;
	dns_endpoints[0].port = 0;
}

static void
bend_source4_len_7(void)
{
	state.source4 = (struct forwarding_source){ip("198.0.0.0"), 7};
}

static void
bend_source4_len_8(void)
{
	state.source4 = (struct forwarding_source){ip("198.0.0.0"), 8};
}

static void
bend_source4_len_32(void)
{
	state.source4 = (struct forwarding_source){ip("198.0.0.1"), 32};
}

static void
bend_source4_len_33(void)
{
	state.source4 = (struct forwarding_source){ip("198.0.0.1"), 33};
}

static void
bend_source4_host_bits(void)
{
	state.source4 = (struct forwarding_source){ip("198.18.0.1"), 31};
}

static void
bend_source4_is_6(void)
{
	state.source4 = state.source6;
}

static void
bend_source6_is_4(void)
{
	state.source6 = state.source4;
}

static void
bend_source6_len_129(void)
{
	state.source6.prefix_len = 129;
}

static void
bend_source6_only_len(void)
{
	memset(&state.source6.addr, 0, sizeof(state.source6.addr));
}

static void
bend_times_max(void)
{
	services[1].settle_s = services[1].udp_learn_s = 86400;
	services[1].tcp_idle_s = services[1].udp_idle_s = 86400;
}

static void
bend_settle_max_more(void)
{
	services[1].settle_s = 86401;
}

static void
bend_learn_max_more(void)
{
	services[0].udp_learn_s = UINT32_MAX;
}

static void
bend_tcp_idle_0(void)
{
	services[1].tcp_idle_s = 0;
}

static void
bend_udp_idle_0(void)
{
	services[1].udp_idle_s = 0;
}

static void
bend_nothing_settles(void)
{
	services[1].settle_s = services[1].udp_learn_s = 0;
	services[1].tcp_idle_s = services[1].udp_idle_s = 0;
}

/* clang-format off */
static const struct {
	void (*bend)(void);
	const char *error; /* NULL: valid */
} check_rows[] = {
	{bend_nothing, NULL},
	{bend_all_empty, NULL},
	{bend_service_without_members, NULL},
	{bend_name_63, NULL},
	{bend_name_unterminated, "a service name must be 1..63 letters, "
	    "digits, '.', '_' or '-'"},
	{bend_name_empty, "a service name must be 1..63 letters, digits, '.', "
	    "'_' or '-'"},
	{bend_name_space, "a service name must be 1..63 letters, digits, '.', "
	    "'_' or '-'"},
	{bend_name_twice, "service web is there twice"},
	{bend_table_min_less, "service dns.udp-53_x: table size must be a "
	    "power of two, 256..1048576, got 128"},
	{bend_table_max, NULL},
	{bend_table_max_more, "service web: table size must be a power of two, "
	    "256..1048576, got 2097152"},
	{bend_table_no_power, "service web: table size must be a power of two, "
	    "256..1048576, got 65537"},
	{bend_table_0, "service web: table size must be a power of two, "
	    "256..1048576, got 0"},
	{bend_times_max, NULL},
	{bend_nothing_settles, NULL},
	{bend_settle_max_more, "service dns.udp-53_x: settle_time must be "
	    "0..86400 seconds, got 86401"},
	{bend_learn_max_more, "service web: udp_learn must be 0..86400 "
	    "seconds, got 4294967295"},
	{bend_tcp_idle_0, "service dns.udp-53_x: tcp_idle must be 1..86400 "
	    "seconds, got 0"},
	{bend_udp_idle_0, "service dns.udp-53_x: udp_idle must be 1..86400 "
	    "seconds, got 0"},
	{bend_weight_0, "service web: member 1: weight must be 1..65535, got "
	    "0"},
	{bend_phi_257, "service web: member 1: phi must be 0..256, got 257"},
	{bend_down_with_phi, "service web: member 2 is down with phi 1; it "
	    "must be 0"},
	{bend_backend_too_far, "service web: member 0: backend 3 of 3"},
	{bend_member_twice, "service web: member 2: backend 2 is a member "
	    "already"},
	{bend_backend_twice, "backend 10.0.0.1 is listed twice"},
	{bend_backend_none, "backend 1: :: is not a unicast address"},
	{bend_backend_multicast, "backend 1: ff02::1 is not a unicast "
	    "address"},
	{bend_backend_is_vip, "192.0.2.80 is a VIP and a backend"},
	{bend_vip_broadcast, "service web: VIP 255.255.255.255 is not a "
	    "unicast address"},
	{bend_protocol, "service web: protocol must be 6 (TCP) or 17 (UDP), "
	    "got 132"},
	{bend_port_max, NULL},
	{bend_endpoint_twice, "VIP 192.0.2.80, protocol 6, port 80 is there "
	    "twice"},
	{bend_endpoint_other_protocol, NULL},
	{bend_endpoint_every_port, NULL},
	{bend_source4_len_7, "IPv4 encapsulation source: prefix length must be "
	    "8..32, got 7"},
	{bend_source4_len_8, NULL},
	{bend_source4_len_32, NULL},
	{bend_source4_len_33, "IPv4 encapsulation source: prefix length must "
	    "be 8..32, got 33"},
	{bend_source4_host_bits, "IPv4 encapsulation source: bits are set "
	    "after the first 31; give the prefix itself, or one address"},
	{bend_source4_is_6, "IPv4 encapsulation source: not a unicast IPv4 "
	    "address"},
	{bend_source6_is_4, "IPv6 encapsulation source: not a unicast IPv6 "
	    "address"},
	{bend_source6_len_129, "IPv6 encapsulation source: prefix length must "
	    "be 8..128, got 129"},
	{bend_source6_only_len, "IPv6 encapsulation source: a prefix length "
	    "without an address"},
};
/* clang-format on */

START_TEST(check)
{
	struct errmsg why = {""};

	check_rows[_i].bend();
	if (check_rows[_i].error == NULL) {
		ck_assert_msg(
		    forwarding_check(&state, &why) == 0, "%s", why.text);
		return;
	}
	ck_assert_int_eq(forwarding_check(&state, &why), -1);
	ck_assert_str_eq(why.text, check_rows[_i].error);
	ck_assert_int_eq(forwarding_check(&state, NULL), -1);
}
END_TEST

static void
assert_same(const struct forwarding *f, const struct forwarding *g)
{
	ck_assert_uint_eq(f->generation, g->generation);
	ck_assert_mem_eq(f->seed, g->seed, sizeof(f->seed));
	ck_assert_mem_eq(&f->source4, &g->source4, sizeof(f->source4));
	ck_assert_mem_eq(&f->source6, &g->source6, sizeof(f->source6));
	ck_assert_uint_eq(f->n_backends, g->n_backends);
	for (size_t i = 0; i < f->n_backends; i++)
		ck_assert_int_eq(addr_cmp(&f->backends[i], &g->backends[i]), 0);
	ck_assert_uint_eq(f->n_services, g->n_services);
	for (size_t i = 0; i < f->n_services; i++) {
		const struct forwarding_service *s = &f->services[i];
		const struct forwarding_service *t = &g->services[i];

		ck_assert_str_eq(s->name, t->name);
		ck_assert_uint_eq(s->table_size, t->table_size);
		ck_assert_int_eq(s->refuse_oversize, t->refuse_oversize);
		ck_assert_uint_eq(s->settle_s, t->settle_s);
		ck_assert_uint_eq(s->udp_learn_s, t->udp_learn_s);
		ck_assert_uint_eq(s->tcp_idle_s, t->tcp_idle_s);
		ck_assert_uint_eq(s->udp_idle_s, t->udp_idle_s);
		ck_assert_int_eq(s->down_keep, t->down_keep);
		ck_assert_uint_eq(s->n_endpoints, t->n_endpoints);
		for (size_t j = 0; j < s->n_endpoints; j++)
			ck_assert_int_eq(
			    forwarding_endpoint_cmp(
				&s->endpoints[j], &t->endpoints[j]),
			    0);
		ck_assert_uint_eq(s->n_members, t->n_members);
		for (size_t j = 0; j < s->n_members; j++) {
			const struct forwarding_member *m = &s->members[j];
			const struct forwarding_member *n = &t->members[j];

			ck_assert_uint_eq(m->backend, n->backend);
			ck_assert_uint_eq(m->weight, n->weight);
			ck_assert_uint_eq(m->phi, n->phi);
			ck_assert_int_eq(m->down, n->down);
		}
	}
}

/* What check accepts comes back from the wire as it was; what it refuses is
 * refused there too. */
START_TEST(round_trip)
{
	struct errmsg why = {""};
	struct forwarding *f;
	uint8_t *data;
	size_t len;

	check_rows[_i].bend();
	if (check_rows[_i].bend == bend_name_unterminated)
		return; /* no C string to pack */
	data = forwarding_pack(&state, &len);
	ck_assert_ptr_nonnull(data);
	f = forwarding_unpack(data, len, &why);
	free(data);
	ck_assert_msg(
	    (f != NULL) == (check_rows[_i].error == NULL), "%s", why.text);
	ck_assert_msg(f != NULL || why.text[0] != '\0', "no reason");
	if (f != NULL)
		assert_same(f, &state);
	forwarding_free(f);
}
END_TEST

/* No cut of a good message crashes; what a cut leaves is whole or refused. */
START_TEST(cut_at_every_byte)
{
	uint8_t *data, *exact;
	size_t len, accepted = 0;

	data = forwarding_pack(&state, &len);
	for (size_t cut = 0; cut < len; cut++) {
		struct errmsg why = {""};
		struct forwarding *f;

		exact = malloc(cut + 1);
		memcpy(exact, data, cut);
		f = forwarding_unpack(exact, cut, &why);
		ck_assert_msg(f != NULL || why.text[0] != '\0', "%zu", cut);
		accepted += f != NULL;
		forwarding_free(f);
		free(exact);
	}
	/* Protobuf cannot tell a cut between two fields (frames can): after the
	 * seed, each source with its length, each backend, the first service.
	 */
	ck_assert_uint_eq(accepted, 7);
	free(data);
}
END_TEST

/* Values that our structs cannot hold exist only on the wire. */
enum {
	WIRE_SEED,
	WIRE_SEED_LONG,
	WIRE_NO_SEED,
	WIRE_BACKEND_5_BYTES,
	WIRE_BACKEND_MAPPED,
	WIRE_SOURCE_3_BYTES,
	WIRE_SOURCE_LEN_288,
	WIRE_NAME_64,
	WIRE_NAME_NUL,
	WIRE_NAME_EMPTY,
	WIRE_MEMBER_65536,
	WIRE_WEIGHT_65537,
	WIRE_PHI_257,
	WIRE_PROTOCOL_262,
	WIRE_PORT_65616,
	WIRE_VIP_EMPTY,
	WIRE_ROWS
};

static const char *const wire_errors[WIRE_ROWS] = {
    [WIRE_SEED] = "a seed of 15 bytes; 16 expected",
    [WIRE_SEED_LONG] = "a seed of 17 bytes; 16 expected",
    [WIRE_NO_SEED] = "a seed of 0 bytes; 16 expected",
    [WIRE_BACKEND_5_BYTES] = "backend: 5 bytes are not an IP address",
    [WIRE_BACKEND_MAPPED] = "backend: 16 bytes are not an IP address",
    [WIRE_SOURCE_3_BYTES] =
	"encapsulation source: 3 bytes are not an IP address",
    [WIRE_SOURCE_LEN_288] = "prefix length 288 is over 128",
    [WIRE_NAME_64] = "a service with a bad name",
    [WIRE_NAME_NUL] = "a service with a bad name",
    [WIRE_NAME_EMPTY] = "a service with a bad name",
    [WIRE_MEMBER_65536] = "backend 65536 is over 65535",
    [WIRE_WEIGHT_65537] = "weight 65537 is over 65535",
    [WIRE_PHI_257] = "phi 257 is over 256",
    [WIRE_PROTOCOL_262] = "protocol 262 is over 255",
    [WIRE_PORT_65616] = "port 65616 is over 65535",
    [WIRE_VIP_EMPTY] = "VIP: 0 bytes are not an IP address",
};

static void
bend_message(Guideway__Balancer__ForwardingState *m, int row)
{
	static uint8_t bytes[64];

	memset(bytes, 'x', sizeof(bytes));
	switch (row) {
	case WIRE_SEED:
		m->seed.len = 15;
		break;
	case WIRE_SEED_LONG:
		m->seed = (ProtobufCBinaryData){17, bytes};
		break;
	case WIRE_NO_SEED:
		m->seed.len = 0;
		break;
	case WIRE_BACKEND_5_BYTES:
		m->backends[1].len = 5;
		break;
	case WIRE_BACKEND_MAPPED:
		memcpy(bytes, state.backends[0].bytes, 16);
		m->backends[1] = (ProtobufCBinaryData){16, bytes};
		break;
	case WIRE_SOURCE_3_BYTES:
		m->encap_source4.len = 3;
		break;
	case WIRE_SOURCE_LEN_288:
		m->encap_source4_len = 256 + 32;
		break;
	case WIRE_NAME_64:
		m->services[0]->name = (ProtobufCBinaryData){64, bytes};
		break;
	case WIRE_NAME_NUL:
		bytes[1] = '\0';
		m->services[0]->name = (ProtobufCBinaryData){3, bytes};
		break;
	case WIRE_NAME_EMPTY:
		m->services[0]->name.len = 0;
		break;
	case WIRE_MEMBER_65536:
		m->services[0]->members[0]->backend = 65536;
		break;
	case WIRE_WEIGHT_65537:
		m->services[0]->members[0]->weight = 65537;
		break;
	case WIRE_PHI_257:
		m->services[0]->members[0]->phi = 257;
		break;
	case WIRE_PROTOCOL_262:
		m->services[0]->endpoints[0]->protocol = 256 + IPPROTO_TCP;
		break;
	case WIRE_PORT_65616:
		m->services[0]->endpoints[0]->port = 65536 + 80;
		break;
	case WIRE_VIP_EMPTY:
		m->services[0]->endpoints[0]->vip.len = 0;
		break;
	default:
		ck_abort_msg("row %d", row);
	}
}

START_TEST(bad_message)
{
	struct arena *arena = arena_new();
	Guideway__Balancer__ForwardingState *m = forwarding_to_message(
	    arena, &state);
	struct errmsg why = {""};
	uint8_t data[1024];
	size_t len;

	ck_assert_ptr_nonnull(m);
	bend_message(m, _i);
	ck_assert_ptr_null(forwarding_from_message(m, &why));
	ck_assert_str_eq(why.text, wire_errors[_i]);
	len = guideway__balancer__forwarding_state__get_packed_size(m);
	ck_assert_uint_le(len, sizeof(data));
	guideway__balancer__forwarding_state__pack(m, data);
	memset(&why, 0, sizeof(why));
	ck_assert_ptr_null(forwarding_unpack(data, len, &why));
	ck_assert_str_eq(why.text, wire_errors[_i]);
	arena_free(arena);
}
END_TEST

/* n times the two bytes of an empty backend, service, or (inside one service)
 * endpoint or member. Some 90 bytes of memory for two on the wire. */
START_TEST(bomb)
{
	static const uint8_t fields[] = {7 << 3 | 2, 8 << 3 | 2};
	size_t n = 1u << 20, len = 2 * n;
	uint8_t *data = malloc(len);
	struct errmsg why = {""};

	for (size_t i = 0; i < len; i += 2) {
		data[i] = fields[_i];
		data[i + 1] = 0;
	}
	ck_assert_ptr_null(forwarding_unpack(data, len, &why));
	ck_assert_ptr_nonnull(strstr(why.text, "bytes are not a forwarding"));
	free(data);
}
END_TEST

/* Counts at the limit pass, one more does not; the largest honest states fit
 * in the budget of their message, draining ones too, whose members are few
 * bytes each. */
static struct forwarding *
many(size_t n_backends, size_t n_services, size_t members, size_t endpoints)
{
	struct forwarding *f = forwarding_new();

	f->n_backends = n_backends;
	f->backends = calloc(n_backends + 1, sizeof(*f->backends));
	for (size_t i = 0; i < n_backends; i++) {
		uint8_t b[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};

		addr_from_bytes(&f->backends[i], b, sizeof(b));
	}
	f->n_services = n_services;
	f->services = calloc(n_services + 1, sizeof(*f->services));
	for (size_t i = 0; i < n_services; i++) {
		struct forwarding_service *s = &f->services[i];

		snprintf(s->name, sizeof(s->name), "s%zu", i);
		s->table_size = 65536;
		s->n_members = members;
		s->members = calloc(members + 1, sizeof(*s->members));
		for (size_t j = 0; j < members; j++)
			s->members[j] = (struct forwarding_member){
			    .backend = (uint16_t)j, .weight = 1};
		s->n_endpoints = endpoints;
		s->endpoints = calloc(endpoints + 1, sizeof(*s->endpoints));
		for (size_t j = 0; j < endpoints; j++) {
			uint8_t b[4] = {192, 0, (uint8_t)(i >> 8), (uint8_t)i};

			addr_from_bytes(&s->endpoints[j].vip, b, sizeof(b));
			s->endpoints[j].port = (uint16_t)(j + 1);
			s->endpoints[j].protocol = IPPROTO_TCP;
		}
	}
	return f;
}

/* clang-format off */
static const struct {
	size_t n_backends, n_services, members, endpoints;
	const char *error;
} many_rows[] = {
	{32000, 1, 32000, 1, NULL},
	{32001, 1, 1, 1, "32001 backends and 1 services; at most 32000 and "
	    "1024 are possible"},
	{100, 1024, 100, 4, NULL},
	{2000, 1024, 2000, 4, NULL},
	{1, 1025, 1, 1, "1 backends and 1025 services; at most 32000 and 1024 "
	    "are possible"},
	{1, 1, 1, 4096, NULL},
	{1, 1, 1, 4097, "service s0: 4097 endpoints and 1 members; at most "
	    "4096 and 32000 are possible"},
	{1, 2, 1, 2049, "more than 4096 endpoints (VIP, protocol and port)"},
};
/* clang-format on */

START_TEST(counts)
{
	struct errmsg why = {""};
	struct forwarding *f = many(many_rows[_i].n_backends,
	    many_rows[_i].n_services, many_rows[_i].members,
	    many_rows[_i].endpoints);
	bool valid = many_rows[_i].error == NULL;
	struct forwarding *back;
	uint8_t *data;
	size_t len;

	ck_assert_int_eq(forwarding_check(f, &why), valid ? 0 : -1);
	data = forwarding_pack(f, &len);
	back = forwarding_unpack(data, len, &why);
	if (valid) {
		ck_assert_msg(back != NULL, "%s", why.text);
		ck_assert_uint_eq(
		    back->services[0].n_members, many_rows[_i].members);
	} else {
		ck_assert_ptr_null(back);
		ck_assert_str_eq(why.text, many_rows[_i].error);
	}
	free(data);
	forwarding_free(back);
	forwarding_free(f);
}
END_TEST

START_TEST(members_over_table)
{
	struct forwarding *f = many(257, 1, 257, 1);
	struct errmsg why = {""};

	f->services[0].table_size = 256;
	ck_assert_int_eq(forwarding_check(f, &why), -1);
	ck_assert_str_eq(
	    why.text, "service s0: 257 members in a table of 256 slots");
	f->services[0].n_members = 256;
	ck_assert_int_eq(forwarding_check(f, &why), 0);
	forwarding_free(f);
}
END_TEST

START_TEST(free_of_nothing)
{
	forwarding_free(NULL);
	forwarding_free(forwarding_new());
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("forwarding");
	TCase *tc = tcase_create("forwarding");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, check, 0, ROWS(check_rows));
	tcase_add_loop_test(tc, round_trip, 0, ROWS(check_rows));
	tcase_add_test(tc, cut_at_every_byte);
	tcase_add_loop_test(tc, bad_message, 0, WIRE_ROWS);
	tcase_add_loop_test(tc, bomb, 0, 2);
	tcase_add_loop_test(tc, counts, 0, ROWS(many_rows));
	tcase_add_test(tc, members_over_table);
	tcase_add_test(tc, free_of_nothing);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
