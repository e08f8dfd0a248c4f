/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the BPF programs of group "pps" share with the program that runs them,
 * beside flows.h. */
#ifndef TESTS_BENCH_PPS_SHARED_H
#define TESTS_BENCH_PPS_SHARED_H

#include "balancer/core/types.h"

#define PPS_CPUS 256

/* What is to arrive. Addresses are in host byte order unless their type says
 * otherwise. */
struct pps_expected {
	uint8_t link[12]; /* MACs that the redirecting program writes */
	uint32_t frame_len;
	be32 destination;
	uint32_t first_source, n_sources;
	uint32_t first_backend, n_backends;
	be16 outer_len; /* total length of the outer IPv4 header; 0: none */
	uint8_t look;   /* into frames; else their length alone is counted */
};

/* One of each CPU, in a cache line of its own. */
struct pps_count {
	uint64_t right, wrong;
	uint64_t pad[6];
};

#endif
