/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a replica as protobuf messages, for the wire and for the state
 * file. Only wire files include this. */
#ifndef AGENT_PEER_WIRE_OBJECT_H
#define AGENT_PEER_WIRE_OBJECT_H

#include "agent/core/replica.h"
#include "common/fields.h"
#include "proto/cluster.pb-c.h"

/* Borrow the texts. NULL: out of memory. */
Guideway__Cluster__Register *reg_pack(struct arena *, const struct reg *);
Guideway__Cluster__Object **objects_pack(
    struct arena *, struct object *const *, size_t n);
Guideway__Cluster__Seen **seen_pack(
    struct arena *, const struct seen *, size_t n);

/* Into *out, with the text in the arena. */
void reg_unpack(struct fields *, struct reg *out,
    const Guideway__Cluster__Register *, const char *what);

/* Adds valid objects, with a reference each, to the *n_out there are in out,
 * which has room for all. The first fault ends it. */
void objects_unpack(struct fields *, struct object **out, size_t *n_out,
    Guideway__Cluster__Object *const *, size_t n, const char *what);

/* Into out, which has room for all: ascending by writer. */
void seen_unpack(struct fields *, struct seen *out,
    Guideway__Cluster__Seen *const *, size_t n, const char *what);

/* A replica of its own; it passes replica_check. NULL: see the fields. */
Guideway__Cluster__Replica *replica_pack(
    struct arena *, const struct replica *);
struct replica *replica_unpack(
    struct fields *, const Guideway__Cluster__Replica *);

#endif
