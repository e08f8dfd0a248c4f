/* SPDX-License-Identifier: Apache-2.0 */
/* Writes captured packets as pcapng (draft-ietf-opsawg-pcapng), little endian
 * on every machine: an interface block when an interface first shows, a packet
 * block for each frame, statistics at the end. All frames of one packet have
 * the same epb_packetid; the comment says what became of it and why. */
#ifndef AGENT_CLI_PCAPNG_H
#define AGENT_CLI_PCAPNG_H

#include <stdint.h>
#include <stdio.h>

#include "common/captured.h"

struct pcapng;

/* Borrows `to`. Faults are left to ferror(to). NULL: out of memory. */
struct pcapng *pcapng_new(FILE *to, uint32_t snap);
void pcapng_free(struct pcapng *);

/* `lost` since the capture began; what has been lost since the last packet is
 * noted as dropped before this one. -1: out of memory, nothing written. */
int pcapng_put(struct pcapng *, const struct captured_packet *, uint64_t lost);

/* The statistics. `end_ns`: when the capture ended, since 1970, UTC. */
void pcapng_end(struct pcapng *, uint64_t lost, uint64_t end_ns);

#endif
