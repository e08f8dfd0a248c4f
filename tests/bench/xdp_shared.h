/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the BPF programs of group "xdp" share with the program that runs them,
 * beside flows.h. */
#ifndef TESTS_BENCH_XDP_SHARED_H
#define TESTS_BENCH_XDP_SHARED_H

#include <stdint.h>

#define XDP_TALLY_BACKENDS 2048
#define XDP_OUTER_LEN      38 /* link, IPv4, GRE */

/* What became of the packets that were given to a target. */
struct xdp_tally {
	uint32_t first_backend; /* IPv4 address, host byte order */
	uint64_t same_length;
	uint64_t wrapped; /* in GRE over IPv4, what was given */
	uint64_t other;
	uint64_t backends[XDP_TALLY_BACKENDS]; /* of the wrapped ones */
};

/* What the programs to compare with write. */
struct xdp_outer {
	uint8_t bytes[XDP_OUTER_LEN + 2]; /* IPv4 length and checksum 0 */
	uint32_t sum;                     /* unfolded, of the IPv4 header */
	uint32_t words;                   /* of memory to load from */
};

#endif
