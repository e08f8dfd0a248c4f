/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/xdp_grace.h"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The system call for an update of a map of maps returns when no program uses
 * the old inner map any more, so it waits for exactly what we wait for. */
int
xdp_grace_by_map(struct errmsg *why)
{
	uint32_t key = 0;
	int inner, outer = -1, r = -1;

	inner = bpf_map_create(
	    BPF_MAP_TYPE_ARRAY, NULL, sizeof(key), sizeof(key), 1, NULL);
	if (inner >= 0) {
		LIBBPF_OPTS(
		    bpf_map_create_opts, opts, .inner_map_fd = (uint32_t)inner);
		outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, NULL,
		    sizeof(key), sizeof(inner), 1, &opts);
	}
	if (outer >= 0 && bpf_map_update_elem(outer, &key, &inner, 0) == 0)
		r = 0;
	if (r == -1)
		errmsg_sys(why, "XDP: no way to wait for packets under way");
	if (outer >= 0)
		close(outer);
	if (inner >= 0)
		close(inner);
	return r;
}

/* membarrier is synchronize_rcu() itself, but not to be had on a kernel with
 * nohz_full CPUs. */
int
xdp_grace(struct errmsg *why)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0)
		return 0;
	return xdp_grace_by_map(why);
}
