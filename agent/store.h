/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's state file: what outlives a restart of the agent, a crash and a
 * power cut. In one directory, for one process at a time:
 *
 *     agent.state             the state
 *     agent.state.prev        the one before it, should that be damaged
 *     agent.state.corrupt-N   damaged files, kept for somebody to look at
 *     agent.state.new, agent.state.prev.new   of a save under way or cut off
 *
 * A file:
 *
 *      0  "GWSTATE1"
 *      8  version, 4 bytes, big endian: 2 with a replica, so that an agent
 *         that would lose it leaves the file alone, or else 1
 *     12  length of the payload, 8 bytes, big endian
 *     20  SHA-256 of the payload
 *     52  payload: guideway.state.State (proto/state.proto)
 *
 * A node whose state is lost must not pass for a new one, which would announce
 * what its operator had drained: therefore only a directory without a trace of
 * any state is a first start. */
#ifndef AGENT_STORE_H
#define AGENT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/replica.h"
#include "common/errmsg.h"

#define STORE_HEADER_LEN 52
/* A replica of 20,000 objects at some 150 bytes takes a fifth of this, and the
 * largest there may be (REPLICA_SIZE_MAX) fits. */
#define STORE_FILE_MAX (16u << 20)
/* How many damaged files are kept: the first ones and the latest. */
#define STORE_CORRUPT_MAX 5

struct store_state {
	bool draining; /* the operator's intent for this node */
	uint64_t incarnation;
	uint64_t synced_ms; /* wall clock of the last time the node was in step
			       with a peer; 0: never */
	struct replica *replica; /* NULL: none */
};

/* Frees the replica, and leaves the default. */
void store_state_clear(struct store_state *);

enum store_result {
	STORE_LOADED,
	STORE_NONE,   /* a first start; the state is the default */
	STORE_FORMER, /* damaged or missing: the one before it was taken, and
			 so the latest change may be undone */
	STORE_LOST,   /* there is or was a state, but nothing that can be
			 taken; the state is the default: be careful */
};

/* Loads the state of `dir`, whose replica is then the caller's; STORE_FORMER
 * and STORE_LOST fill `why`. A damaged file is renamed (see above). One that
 * cannot be read, or is of a newer version, may be all right: it stays as it
 * is, and so does the answer STORE_LOST, until somebody has mended that or
 * moved the file away. */
enum store_result store_load(
    const char *dir, struct store_state *, struct errmsg *why);

/* Makes this the state, of which nothing is kept here, the one that every later
 * load finds, whatever happens: returns 0 when it is on the disk. Otherwise -1
 * with `why`, and a load finds what it would have found before. Creates `dir`
 * where only that is missing. Does not replace a file that cannot be read or is
 * of a newer version. Blocks for as long as the disk takes. */
int store_save(const char *dir, const struct store_state *, struct errmsg *why);

/* What the bytes of a file are worth. */
enum store_file {
	STORE_FILE_GOOD,
	STORE_FILE_ABSENT,  /* never from store_decode */
	STORE_FILE_DAMAGED, /* not what was written */
	STORE_FILE_OPAQUE,  /* may be what was written, but cannot be read */
};

/* Takes a file apart. With STORE_FILE_GOOD the replica is the caller's; what
 * was in *state is lost. All else fills `why`, and leaves the state alone. */
enum store_file store_decode(
    const uint8_t *data, size_t len, struct store_state *, struct errmsg *why);

/* The bytes of a file, to be freed. NULL: out of memory. */
uint8_t *store_encode(const struct store_state *, size_t *len);

#endif
