/* SPDX-License-Identifier: Apache-2.0 */
/* The whole forwarding state as plain values: what the agent computes and the
 * balancer installs. Order never matters to the result; positions only link
 * members to backends within one state.
 *
 * One owner; built by view_forwarding (common/view.h), forwarding_unpack or by
 * hand (malloc'd arrays), freed whole by forwarding_free. */
#ifndef COMMON_FORWARDING_H
#define COMMON_FORWARDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/errmsg.h"

#define FORWARDING_MAX_SERVICES  1024
#define FORWARDING_MAX_BACKENDS  32000 /* u16 slots with one bit to spare */
#define FORWARDING_MAX_ENDPOINTS 4096  /* of all services together */
#define FORWARDING_NAME_MAX      64    /* with the NUL */
#define FORWARDING_SEED_LEN      16
#define FORWARDING_TABLE_MIN     (1u << 8)
#define FORWARDING_TABLE_MAX     (1u << 20)
#define FORWARDING_TABLE_DEFAULT (1u << 16)
#define FORWARDING_PHI_FULL      256
#define FORWARDING_TIME_MAX      86400u
#define FORWARDING_SETTLE_S      900 /* defaults */
#define FORWARDING_UDP_LEARN_S   30
#define FORWARDING_TCP_IDLE_S    3600
#define FORWARDING_UDP_IDLE_S    180
/* The first byte is fixed, so the whole prefix is unicast when its first
 * address is. */
#define FORWARDING_SOURCE_LEN_MIN 8

/* Where traffic is taken. port is in host byte order; 0 means every port. */
struct forwarding_endpoint {
	struct addr vip;
	uint16_t port;
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
};

struct forwarding_member {
	uint16_t backend; /* position in forwarding.backends */
	uint16_t weight;  /* 1..65535 */
	uint16_t phi;     /* 0..256: how much of its share it takes */
	bool down;        /* its flows are dead; phi is 0 then */
};

struct forwarding_service {
	char name[FORWARDING_NAME_MAX];
	uint32_t table_size; /* M: a power of two, TABLE_MIN..TABLE_MAX */
	bool refuse_oversize;
	struct forwarding_endpoint *endpoints;
	size_t n_endpoints;
	struct forwarding_member *members;
	size_t n_members;
	/* How connections outlive a change of the table. settle_s 0: not at
	 * all, they go where the table says at once. */
	uint32_t settle_s;    /* 0..FORWARDING_TIME_MAX, as the others */
	uint32_t udp_learn_s; /* UDP that is not known goes where it went */
	uint32_t tcp_idle_s;  /* 1..: silent for longer, it is forgotten */
	uint32_t udp_idle_s;
	bool down_keep; /* down is treated as draining */
};

/* The outer source: one address, or a prefix whose host bits carry flow
 * entropy (32/128: one address). addr none: the route's preferred source. */
struct forwarding_source {
	struct addr addr;
	uint8_t prefix_len;
};

struct forwarding {
	uint64_t generation; /* local to this node */
	uint8_t seed[FORWARDING_SEED_LEN];
	struct forwarding_source source4, source6;
	struct addr *backends;
	size_t n_backends;
	struct forwarding_service *services;
	size_t n_services;
};

struct forwarding *forwarding_new(void); /* empty; NULL: out of memory */
void forwarding_free(struct forwarding *);
/* NULL: out of memory. */
struct forwarding *forwarding_copy(const struct forwarding *);

/* Is it whole and within bounds: counts, names unique and valid, endpoints
 * unique (no service's VIP+protocol+port twice), VIPs and backends unicast and
 * never the same address, members unique per service, weights, phi, table
 * sizes, down only with phi 0, at most table_size members, times? A service
 * without members is valid: it has no backend. 0, or -1 with `why`. */
int forwarding_check(const struct forwarding *, struct errmsg *why);

/* The parts of it that others ask for by themselves. A name: 1 to
 * FORWARDING_NAME_MAX - 1 of A-Z a-z 0-9 '.' '_' '-'. A source: none, or
 * unicast of the family wanted with no bit set after the prefix. */
bool forwarding_name_valid(const char *name, size_t len);
int forwarding_check_source(
    const struct forwarding_source *, bool want4, struct errmsg *why);

/* Is the address one that packets of this source may bear? */
bool forwarding_source_covers(
    const struct forwarding_source *, const struct addr *);

/* The canonical order: by VIP, protocol, port. */
int forwarding_endpoint_cmp(
    const struct forwarding_endpoint *, const struct forwarding_endpoint *);

/* The protobuf message guideway.balancer.ForwardingState, by itself. pack:
 * malloc'd bytes and *len, or NULL when out of memory. unpack: checks each
 * field and then the whole (forwarding_check); NULL with `why`. Memory used is
 * bounded by a multiple of len. */
uint8_t *forwarding_pack(const struct forwarding *, size_t *len);
struct forwarding *forwarding_unpack(
    const uint8_t *data, size_t len, struct errmsg *why);

/* The same for callers that hold the generated message already. What is made
 * from values lives in the arena and borrows from the values; NULL when out of
 * memory. */
struct arena;
struct Guideway__Balancer__ForwardingState;
struct Guideway__Balancer__Endpoint;
struct Guideway__Balancer__ForwardingState *forwarding_to_message(
    struct arena *, const struct forwarding *);
struct Guideway__Balancer__Endpoint **forwarding_endpoints_pack(
    struct arena *, const struct forwarding_endpoint *, size_t n);
struct forwarding *forwarding_from_message(
    const struct Guideway__Balancer__ForwardingState *, struct errmsg *why);

#endif
