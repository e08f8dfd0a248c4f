/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/xdp_flows.h"

#include <sys/mman.h>

#include "balancer/bpf/shared.h"
#include "balancer/io/xdp_object.h"

#define ENTRIES_LEN \
	((size_t)XDP_FLOW_BUCKETS * FLOW_BUCKET * sizeof(struct flow_entry))
_Static_assert(XDP_FLOW_BUCKETS *FLOW_BUCKET == FLOWS_DEFAULT,
    "as many as the other drivers have");

static void *
map(const struct xdp_object *o, enum xdp_map which, size_t len)
{
	void *at = mmap(
	    NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, o->maps[which], 0);

	return at == MAP_FAILED ? NULL : at;
}

int
xdp_flows_map(
    struct xdp_flows *f, const struct xdp_object *o, struct errmsg *why)
{
	f->entries = map(o, XDP_MAP_FLOWS, ENTRIES_LEN);
	f->marks = map(o, XDP_MAP_MARKS, sizeof(*f->marks));
	if (f->entries != NULL && f->marks != NULL)
		return 0;
	errmsg_sys(why, "XDP: memory of flow entries");
	xdp_flows_unmap(f);
	return -1;
}

void
xdp_flows_unmap(struct xdp_flows *f)
{
	if (f->entries != NULL)
		munmap(f->entries, ENTRIES_LEN);
	if (f->marks != NULL)
		munmap(f->marks, sizeof(*f->marks));
	*f = (struct xdp_flows){NULL, NULL};
}

void
xdp_flows_lay(const struct xdp_flows *f, struct flows *to)
{
	*to = (struct flows){
	    .entries = f->entries,
	    .bucket_mask = XDP_FLOW_BUCKETS - 1,
	    .now = f->marks->now,
	    .dirty = f->marks->dirty,
	    .overflow = f->marks->overflow,
	};
}

void
xdp_flows_set_time(const struct xdp_flows *f, uint32_t tick)
{
	__atomic_store_n(
	    &f->marks->now, tick & FLOW_TIME_MASK, __ATOMIC_RELAXED);
}
