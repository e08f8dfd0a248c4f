/* SPDX-License-Identifier: Apache-2.0 */
/* One loaded XDP program with its maps in our memory: the part of the plane
 * that libbpf is for. Made for a certain room, which never changes. */
#ifndef BALANCER_IO_XDP_OBJECT_H
#define BALANCER_IO_XDP_OBJECT_H

#include <stddef.h>
#include <stdint.h>

#include "balancer/bpf/shared.h"
#include "balancer/bpf/tap.h"
#include "common/errmsg.h"

struct tables;
struct xdp_bpf;

enum xdp_map {
	XDP_MAP_CONTROL, /* struct xdp_control */
	XDP_MAP_TABLES,
	XDP_MAP_SLOTS,
	XDP_MAP_COUNTS,
	XDP_MAP_PORTS,
	XDP_MAP_FLOWS, /* these two: xdp_flows.h */
	XDP_MAP_MARKS,
	XDP_MAPS, /* all of these may be those of the object before */
	/* Leads to the object's second program for as long as somebody has it
	 * open or it is pinned. */
	XDP_MAP_TWIN = XDP_MAPS,
	XDP_PINNED
};

struct xdp_object {
	struct xdp_bpf *skel;
	int program, renew; /* file descriptors */
	int maps[XDP_PINNED];
	struct xdp_control *control;
	/* This object's own, always: its tap, the ring that it fills, and its
	 * state of each CPU. */
	struct xdp_tap *tap;
	int tapped, tap_cpus;
	struct xdp_room room;
	/* Memory-mapped. */
	uint8_t *tables, *slots, *counts;
	size_t tables_len, slots_len, counts_len;
};

/* The least room that the tables of a state fit in, each part at least as large
 * as in `least` (may be NULL). 0, or -1 with `why`: more than the kernel can
 * have. */
int xdp_room_for(struct xdp_room *, const struct tables *,
    const struct xdp_room *least, struct errmsg *why);
/* Do they fit in it? */
int xdp_room_holds(const struct xdp_room *, const struct tables *);

/* Loads the program, with maps of its own, all zero; or with `reuse`, those of
 * another object with this room and layout (the descriptors stay the caller's):
 * all, or those that are not -1. NULL with `why`. */
struct xdp_object *xdp_object_new(
    const struct xdp_room *, const int reuse[XDP_MAPS], struct errmsg *why);
void xdp_object_free(struct xdp_object *);

/* Where a copy's tables and slots are, to be written. */
uint8_t *xdp_object_tables(const struct xdp_object *, uint32_t copy);
uint16_t *xdp_object_slots(const struct xdp_object *, uint32_t copy);
uint16_t *xdp_object_settled(const struct xdp_object *, uint32_t copy);
struct backend_fwd *xdp_object_backends(
    const struct xdp_object *, uint32_t copy);

#endif
