/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/xdp_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "balancer/bpf/xdp.skel.h"
#include "common/log.h"

#define CACHE_LINE 64u

/* Small states have all this; larger ones grow from here. A program with more
 * room takes the kernel a second or two to check, which a VIP or a service more
 * should not wait for. Of the first two, a state takes four to sixteen places
 * for each port of a VIP (fib_lookup.c). Together 2 MiB, but for the counters
 * of each CPU. */
#define VIPS_MIN      16384u
#define ENDPOINTS_MIN 16384u
#define SERVICES_MIN  128u
#define BACKENDS_MIN  1024u
#define CHUNKS_MIN    16u /* 8 MiB */

/* A value of an array is no longer than this before Linux 6.8. */
#define VALUE_MAX (4u << 20)

/* Rooms ---------------------------------------------------------------- */

static uint32_t
larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint64_t
place(uint64_t *next, uint64_t n, uint64_t size)
{
	uint64_t at = *next;

	*next += (n * size + CACHE_LINE - 1) & -(uint64_t)CACHE_LINE;
	return at;
}

/* From the masks on. 0, or -1: it does not fit in a value of a map. */
static int
lay_out(struct xdp_room *r)
{
	uint64_t services = r->service_mask + UINT64_C(1);
	uint64_t backends = r->backend_mask + UINT64_C(1);
	uint64_t next = sizeof(struct xdp_head);

	r->services_at = (uint32_t)place(
	    &next, services, sizeof(struct service_fwd));
	r->vips_at = (uint32_t)place(
	    &next, r->vip_mask + UINT64_C(1), sizeof(struct vip_entry));
	r->endpoints_at = (uint32_t)place(&next, r->endpoint_mask + UINT64_C(1),
	    sizeof(struct endpoint_entry));
	r->backends_at = (uint32_t)place(
	    &next, backends, sizeof(struct backend_fwd));
	r->names_at = (uint32_t)place(&next, services, XDP_NAME_LEN);
	r->positions_at = (uint32_t)place(
	    &next, r->number_mask + UINT64_C(1), sizeof(uint16_t));
	r->numbers_at = (uint32_t)place(&next, backends, sizeof(uint16_t));
	if (next > VALUE_MAX)
		return -1;
	r->tables_len = (uint32_t)next;
	next = 0;
	place(&next, REASON_COUNT, sizeof(uint64_t));
	r->service_counts_at = (uint32_t)place(
	    &next, services, sizeof(struct xdp_count));
	r->backend_counts_at = (uint32_t)place(
	    &next, backends, sizeof(struct xdp_count));
	r->service_reasons_at = (uint32_t)place(
	    &next, services, REASON_COUNT * sizeof(uint64_t));
	r->counts_len = (uint32_t)next;
	return next > VALUE_MAX ? -1 : 0;
}

int
xdp_room_for(struct xdp_room *room, const struct tables *t,
    const struct xdp_room *least, struct errmsg *why)
{
	static const struct xdp_room small = {
	    .vip_mask = VIPS_MIN - 1,
	    .endpoint_mask = ENDPOINTS_MIN - 1,
	    .service_mask = SERVICES_MIN - 1,
	    .backend_mask = BACKENDS_MIN - 1,
	    .number_mask = BACKENDS_MIN - 1,
	    .chunk_mask = CHUNKS_MIN - 1,
	};
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 1)
		return errmsg_set(why, "XDP: the CPUs cannot be counted");
	if (least == NULL)
		least = &small;
	*room = (struct xdp_room){
	    .vip_mask = larger(t->vip_mask, least->vip_mask),
	    .endpoint_mask = larger(t->endpoint_mask, least->endpoint_mask),
	    .service_mask = larger(t->service_mask, least->service_mask),
	    .backend_mask = larger(t->backend_mask, least->backend_mask),
	    .number_mask = larger(t->number_mask, least->number_mask),
	    .chunk_mask = larger(
		t->slot_mask >> SLOTS_CHUNK_SHIFT, least->chunk_mask),
	    .cpus = (uint32_t)cpus,
	};
	if (lay_out(room) == -1)
		return errmsg_set(why,
		    "XDP: tables of %u places for endpoints and %u for "
		    "backends are more than the kernel takes",
		    room->endpoint_mask + 1, room->backend_mask + 1);
	return 0;
}

int
xdp_room_holds(const struct xdp_room *room, const struct tables *t)
{
	return t->vip_mask <= room->vip_mask &&
	    t->endpoint_mask <= room->endpoint_mask &&
	    t->service_mask <= room->service_mask &&
	    t->backend_mask <= room->backend_mask &&
	    t->number_mask <= room->number_mask &&
	    t->slot_mask >> SLOTS_CHUNK_SHIFT <= room->chunk_mask;
}

/* Objects -------------------------------------------------------------- */

/* What libbpf has to say tells developers why a program was refused. */
static int __attribute__((format(printf, 2, 0)))
to_log(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char text[1024];
	int n;

	if (level == LIBBPF_DEBUG)
		return 0;
	n = vsnprintf(text, sizeof(text), fmt, args);
	log_debug("xdp", "libbpf: %s", text);
	return n;
}

static void *
map_memory(const struct bpf_map *map, size_t *len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t value = (bpf_map__value_size(map) + 7u) & -(size_t)8;
	void *at;

	*len = (value * bpf_map__max_entries(map) + page - 1) & -page;
	at = mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_SHARED,
	    bpf_map__fd(map), 0);
	return at == MAP_FAILED ? NULL : at;
}

static int
size_maps(struct xdp_bpf *skel, const struct xdp_room *room)
{
	/* Slots, and settled. */
	uint32_t chunks = 2 * XDP_COPIES * (room->chunk_mask + 1);

	return bpf_map__set_value_size(skel->maps.tables, room->tables_len) ||
	    bpf_map__set_max_entries(skel->maps.slots, chunks) ||
	    bpf_map__set_value_size(skel->maps.counts, room->counts_len) ||
	    bpf_map__set_max_entries(
		skel->maps.counts, XDP_COPIES * (room->cpus + 1));
}

static void
list_maps(const struct xdp_bpf *skel, struct bpf_map *maps[XDP_MAPS])
{
	maps[XDP_MAP_CONTROL] = skel->maps.bss;
	maps[XDP_MAP_TABLES] = skel->maps.tables;
	maps[XDP_MAP_SLOTS] = skel->maps.slots;
	maps[XDP_MAP_COUNTS] = skel->maps.counts;
	maps[XDP_MAP_PORTS] = skel->maps.ports;
	maps[XDP_MAP_FLOWS] = skel->maps.flows;
	maps[XDP_MAP_MARKS] = skel->maps.marks;
}

/* With the maps of another object; the descriptors stay the caller's. */
static int
reuse_maps(struct bpf_map *maps[XDP_MAPS], const int fds[XDP_MAPS])
{
	for (int i = 0; i < XDP_MAPS; i++) {
		if (fds[i] != -1 && bpf_map__reuse_fd(maps[i], fds[i]) != 0)
			return -1;
	}
	return 0;
}

static int
map_all(struct xdp_object *o, struct bpf_map *maps[XDP_MAPS])
{
	for (int i = 0; i < XDP_MAPS; i++)
		o->maps[i] = bpf_map__fd(maps[i]);
	o->maps[XDP_MAP_TWIN] = bpf_map__fd(o->skel->maps.twin);
	o->program = bpf_program__fd(o->skel->progs.guideway_xdp);
	o->renew = bpf_program__fd(o->skel->progs.guideway_renew);
	o->control = &o->skel->bss->control;
	o->tap = &o->skel->data_tap->tap;
	o->tapped = bpf_map__fd(o->skel->maps.tapped);
	o->tap_cpus = bpf_map__fd(o->skel->maps.tap_cpus);
	o->tables = map_memory(maps[XDP_MAP_TABLES], &o->tables_len);
	o->slots = map_memory(maps[XDP_MAP_SLOTS], &o->slots_len);
	o->counts = map_memory(maps[XDP_MAP_COUNTS], &o->counts_len);
	return o->tables == NULL || o->slots == NULL || o->counts == NULL ? -1
									  : 0;
}

static int
open_object(struct xdp_object *o, const struct xdp_room *room,
    const int reuse[XDP_MAPS], struct errmsg *why)
{
	struct bpf_map *maps[XDP_MAPS];
	struct xdp_bpf *skel;

	libbpf_set_print(to_log);
	if ((skel = o->skel = xdp_bpf__open()) == NULL)
		return errmsg_sys(why, "XDP program");
	list_maps(skel, maps);
	skel->rodata->room = o->room = *room;
	if (size_maps(skel, room) != 0 ||
	    (reuse != NULL && reuse_maps(maps, reuse) != 0))
		return errmsg_sys(why, "XDP program: maps");
	if (xdp_bpf__load(skel) != 0)
		return errmsg_sys(why, "XDP program: the kernel refuses it");
	if (map_all(o, maps) == -1)
		return errmsg_sys(why, "XDP program: memory of its maps");
	if (reuse != NULL && reuse[XDP_MAP_CONTROL] != -1)
		return 0;
	o->control->layout = XDP_LAYOUT;
	o->control->room = *room;
	o->control->mtu = UINT32_MAX;
	return 0;
}

struct xdp_object *
xdp_object_new(
    const struct xdp_room *room, const int reuse[XDP_MAPS], struct errmsg *why)
{
	struct xdp_object *o = calloc(1, sizeof(*o));

	if (o == NULL) {
		errmsg_sys(why, "XDP program");
		return NULL;
	}
	if (open_object(o, room, reuse, why) == -1) {
		xdp_object_free(o);
		return NULL;
	}
	return o;
}

void
xdp_object_free(struct xdp_object *o)
{
	if (o == NULL)
		return;
	if (o->tables != NULL)
		munmap(o->tables, o->tables_len);
	if (o->slots != NULL)
		munmap(o->slots, o->slots_len);
	if (o->counts != NULL)
		munmap(o->counts, o->counts_len);
	xdp_bpf__destroy(o->skel);
	free(o);
}

uint8_t *
xdp_object_tables(const struct xdp_object *o, uint32_t copy)
{
	return o->tables + (size_t)copy * o->room.tables_len;
}

uint16_t *
xdp_object_slots(const struct xdp_object *o, uint32_t copy)
{
	size_t chunks = (size_t)o->room.chunk_mask + 1;

	return (uint16_t *)o->slots + copy * chunks * SLOTS_CHUNK;
}

uint16_t *
xdp_object_settled(const struct xdp_object *o, uint32_t copy)
{
	return xdp_object_slots(o, XDP_COPIES + copy);
}

struct backend_fwd *
xdp_object_backends(const struct xdp_object *o, uint32_t copy)
{
	return (struct backend_fwd *)(xdp_object_tables(o, copy) +
	    o->room.backends_at);
}
