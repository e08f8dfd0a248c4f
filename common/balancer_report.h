/* SPDX-License-Identifier: Apache-2.0 */
/* What a balancer tells about itself, as plain values: its status, and which
 * way a packet would take. The balancer fills them, the agent reads and relays
 * them, the operator's command shows them.
 *
 * Texts and arrays belong to the arena that the caller gave, or are borrowed by
 * whoever fills the values by hand. */
#ifndef COMMON_BALANCER_REPORT_H
#define COMMON_BALANCER_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/errmsg.h"

#define REPORT_DIGEST_LEN 16
#define REPORT_MAC_LEN    6

struct report_digest {
	const char *service;
	uint8_t digest[REPORT_DIGEST_LEN];
};

struct report_interface {
	const char *name;
	const char *driver;
	const char *detail;
	uint64_t received, dropped, sent, send_errors;
};

struct report_counter {
	const char *name;
	uint64_t packets;
};

struct report_service {
	const char *name;
	uint64_t packets, bytes;
	struct report_counter *drops;
	size_t n_drops;
	/* Slots that move, and that ask the flow table; entries in it, those
	 * that keep a flow from where new ones go, and that found no room. */
	uint64_t moving, marked, entries, pinned, overflow;
};

struct report_backend {
	struct addr addr;
	uint64_t packets, bytes;
	bool resolved;
	bool has_mac;
	uint8_t mac[REPORT_MAC_LEN];
	const char *interface; /* "": no next hop */
};

struct balancer_status {
	uint64_t pid, uptime_s, generation;
	const char *version;
	struct report_digest *tables;
	size_t n_tables;
	struct report_interface *interfaces;
	size_t n_interfaces;
	struct report_counter *reasons;
	size_t n_reasons;
	struct report_service *services;
	size_t n_services;
	struct report_backend *backends;
	size_t n_backends;
};

/* The short answer to "are you well?". */
struct balancer_pong {
	uint64_t generation; /* that is served */
	uint64_t
	    vip_packets; /* for any VIP since the start, forwarded or not */
	/* Another one whenever the next hop of a backend comes or goes. */
	uint64_t next_hops_version;
	bool device; /* the route device is there */
	const char *device_name;
	const char *device_error; /* why it is not; "" when it is */
	bool has_settled;
	/* A digest of what moving slots settled on; zeros: all stand. */
	uint8_t settled[REPORT_DIGEST_LEN];
	bool puts_off; /* states: it makes room for one, or is replaced */
};

struct trace_query {
	struct addr source, destination;
	uint16_t source_port, destination_port;
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
};

struct trace_answer {
	const char *reason; /* as in balancer/core/reason.h */
	bool chosen;        /* these three are set */
	const char *service;
	uint32_t slot;
	struct addr backend;
	bool forwarded;           /* all of it is set */
	struct addr encap_source; /* none: no next hop yet */
	const char *rule;         /* why this backend; "": not said */
	struct addr settled;      /* where an older flow goes that is not known;
				   * none: the same way */
	const char *interface;    /* "": no next hop yet */
	bool has_mac;
	uint8_t mac[REPORT_MAC_LEN];
};

/* Parts of several messages. pack: n messages that live in the arena and borrow
 * from the values; NULL when out of memory. read: the values, each checked, and
 * *n, which is 0 after a fault (common/fields.h). */
struct arena;
struct fields;
struct Guideway__Balancer__TableDigest;
struct Guideway__Balancer__Counter;

struct Guideway__Balancer__TableDigest **report_digests_pack(
    struct arena *, const struct report_digest *, size_t n);
struct report_digest *report_digests_read(struct fields *, size_t *n,
    struct Guideway__Balancer__TableDigest *const *, const char *what);
struct Guideway__Balancer__Counter **report_counters_pack(
    struct arena *, const struct report_counter *, size_t n);
struct report_counter *report_counters_read(struct fields *, size_t *n,
    struct Guideway__Balancer__Counter *const *, const char *what);

/* To messages that live in the arena and borrow from the values; NULL when out
 * of memory. From messages, each field checked: 0, or -1 with `why`. */
struct Guideway__Balancer__Status;
struct Guideway__Balancer__Pong;
struct Guideway__Balancer__TraceRequest;
struct Guideway__Balancer__TraceReply;

struct Guideway__Balancer__Status *balancer_status_to_message(
    struct arena *, const struct balancer_status *);
int balancer_status_from_message(struct arena *, struct balancer_status *,
    const struct Guideway__Balancer__Status *, struct errmsg *why);

struct Guideway__Balancer__Pong *balancer_pong_to_message(
    struct arena *, const struct balancer_pong *);
int balancer_pong_from_message(struct arena *, struct balancer_pong *,
    const struct Guideway__Balancer__Pong *, struct errmsg *why);

struct Guideway__Balancer__TraceRequest *trace_query_to_message(
    struct arena *, const struct trace_query *);
int trace_query_from_message(struct trace_query *,
    const struct Guideway__Balancer__TraceRequest *, struct errmsg *why);

struct Guideway__Balancer__TraceReply *trace_answer_to_message(
    struct arena *, const struct trace_answer *);
int trace_answer_from_message(struct arena *, struct trace_answer *,
    const struct Guideway__Balancer__TraceReply *, struct errmsg *why);

#endif
