/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of what agents say to each other: guideway.cluster.Envelope
 * (proto/cluster.proto), without the length before it. protobuf's types stop
 * here.
 *
 * Whatever comes is hostile. What is taken is within the bounds of
 * peer_message.h and object.h, and further:
 *   - names are valid (forwarding_name_valid), texts printable ASCII;
 *   - incarnations and their sequences are at most FRESHNESS_INCARNATION_MAX,
 *     stamps at most HLC_MAX, and wall clocks what a stamp can hold;
 *   - lists are ascending without duplicates: beats by node behind the sender's
 *     own, observations by service and backend, what is seen by writer, a
 *     chunk's objects by uid, what is pulled by node. Those of a delta are in
 *     any order.
 * A value that is not within these bounds must not be packed: it would be
 * refused, and end the session. */
#ifndef AGENT_PEER_WIRE_H
#define AGENT_PEER_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/peer_message.h"
#include "common/errmsg.h"

enum peer_unpack_result {
	PEER_UNPACK_OK,
	PEER_UNPACK_MALFORMED, /* the session must end */
	PEER_UNPACK_UNKNOWN,   /* an optional message of a later version: skip
				  it */
	PEER_UNPACK_NO_MEMORY, /* the peer is not to blame */
};

/* To be freed with free(). NULL: out of memory. */
uint8_t *peer_pack(const struct peer_message *, size_t *len);

/* OK: *out is to be freed with peer_message_free. All else fills `why`, and
 * *out is NULL. */
enum peer_unpack_result peer_unpack(const uint8_t *data, size_t len,
    struct peer_message **out, struct errmsg *why);

#endif
