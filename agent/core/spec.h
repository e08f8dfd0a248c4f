/* SPDX-License-Identifier: Apache-2.0 */
/* What the objects of the replica mean: their keys, their fields, and the
 * configuration that follows from all of them.
 *
 *   kind     key               fields
 *   service  NAME              vips, protocol, ports, table_size, oversize,
 *                              announce_min, announce_again, check, panic,
 *                              settle_time, udp_learn, tcp_idle, udp_idle,
 *                              on_down, slow_start
 *   backend  "NAME ADDRESS"    weight, state
 *   node     NAME              state
 *
 * A field is named as its key in guideway.yaml, and its text is what one would
 * write there: "203.0.113.10,2001:db8:113::10", "80,443", "draining"; a check
 * in the form of health_check_format. A field that is not there has the
 * default. */
#ifndef AGENT_CORE_SPEC_H
#define AGENT_CORE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/object.h"
#include "agent/core/replica.h"
#include "common/conf.h"
#include "common/errmsg.h"

/* Numbers on the wire and on disk: never changed, never used anew. */
enum spec_field {
	SPEC_NONE = 0,
	SPEC_VIPS = 1,
	SPEC_PROTOCOL = 2,
	SPEC_PORTS = 3,
	SPEC_TABLE_SIZE = 4,
	SPEC_OVERSIZE = 5,
	SPEC_ANNOUNCE_MIN = 6,
	SPEC_ANNOUNCE_AGAIN = 7,
	SPEC_CHECK = 8,
	SPEC_PANIC = 9,
	SPEC_SETTLE_TIME = 10,
	SPEC_UDP_LEARN = 11,
	SPEC_TCP_IDLE = 12,
	SPEC_UDP_IDLE = 13,
	SPEC_ON_DOWN = 14,
	SPEC_SLOW_START = 15,
	SPEC_WEIGHT = 32,
	SPEC_STATE = 33, /* of a backend: an intent; of a node: active,
			    draining */
};

/* NULL, SPEC_NONE: there is no such field for that kind of object. */
const char *spec_field_name(enum object_kind, uint16_t field);
enum spec_field spec_field_find(enum object_kind, const char *name, size_t len);

/* Reads "name=text" lines ('\n' between them), and gives the fields with their
 * texts in canonical form. regs: room for OBJECT_REGS_MAX; their texts are
 * taken from the arena, stamps are left 0. The number of fields, ascending, or
 * -1 with `why`: unknown or given twice, or not a text that it can have. */
struct arena;
int spec_read(enum object_kind, const char *lines, struct reg *regs,
    struct arena *, struct errmsg *why);

/* The key of a backend, of any service name, a wrong one too. NULL: out of
 * memory. */
char *spec_backend_key(
    struct arena *, const char *service, const struct addr *);

/* An object that takes no part, and why: its text cannot be read, it clashes
 * with one that is older, or its service is not there. Both are printable
 * ASCII, whatever the object has in it. */
struct spec_ignored {
	const char *what; /* "service web", "backend web 10.1.0.7" */
	const char *why;
};

struct spec_view {
	struct conf *conf; /* complete, as conf_load would give it */
	struct spec_ignored *ignored;
	size_t n_ignored;
	struct arena *arena;
};

/* The configuration in force: what concerns this node alone from `local`, and
 * services and backends from the replica. Where several objects have one key,
 * the one born last counts. What cannot be is left out, the same on every node:
 * younger objects yield to older ones. NULL: out of memory. */
struct spec_view *spec_view(const struct conf *local, const struct replica *);
void spec_view_free(struct spec_view *);

/* What is wished of a node. */
enum spec_node {
	SPEC_NODE_ACTIVE,
	SPEC_NODE_DRAINING,
	SPEC_NODE_FORCED, /* draining, and though no other node may be left */
};
const char *spec_node_name(enum spec_node); /* active, draining, forced */
enum spec_node spec_node(const struct replica *, const char *name);

/* The services and backends of a configuration file as objects. The uids depend
 * on the contents alone, and the stamps are the smallest there are: nodes that
 * read the same file make the same objects, and any command wins over it. NULL
 * with `why`: out of memory, or a list that is too long for one register. */
struct replica *spec_import(const struct conf *, struct errmsg *why);
/* Could a cluster begin with it, where it is a node's of one? -1 with `why`. */
int spec_check(const struct conf *, struct errmsg *why);

#endif
