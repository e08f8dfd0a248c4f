/* SPDX-License-Identifier: Apache-2.0 */
/* A protobuf-c allocator that gives out a fixed budget and no more.
 *
 * protobuf-c can be made to allocate some 90 times the size of a message (one
 * object per two-byte empty submessage). An honest message needs up to 20 times
 * its size: a member of a forwarding state is 6 bytes on the wire, 48 in
 * memory, and up to 64 more while its service is scanned. With a budget of 24
 * times the message plus 64 KiB every bomb is refused and every honest message
 * passes (tests/unit/check_forwarding.c holds the largest against it). */
#ifndef COMMON_BUDGET_H
#define COMMON_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

struct budget {
	ProtobufCAllocator allocator; /* pass &budget.allocator */
	size_t left;
	bool no_memory; /* it was the machine that had none left */
};

/* For a message of len bytes. Holds no memory of its own. What it allocates
 * must be freed through it as well, while it lives. */
void budget_init(struct budget *, size_t len);

#endif
