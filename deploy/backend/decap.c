/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "deploy/backend/decap.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deploy/backend/decap.skel.h"

#define MAX_PROGRAM_MAPS 8

struct decap {
	struct decap_bpf *skel;
};

/* One of our programs, found on an interface. */
struct attached {
	unsigned ifindex;
	enum decap_mode mode;
	uint32_t id;
	int program_fd;  /* -1: none of ours is there */
	int counters_fd; /* -1: none */
};

static int
quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0; /* what fails, we say ourselves */
}

static void
to_key(struct decap_addr *key, const struct addr *addr)
{
	_Static_assert(sizeof(*key) == sizeof(*addr), "the same form");
	memcpy(key, addr, sizeof(*key));
}

static int
fill(struct decap *decap, const struct decap_config *config)
{
	int sources = bpf_map__fd(decap->skel->maps.sources);
	int vips = bpf_map__fd(decap->skel->maps.vips);
	struct decap_source source;
	struct decap_addr vip;
	uint8_t present = 1;
	size_t i;

	for (i = 0; i < config->n_from; i++) {
		source.prefix_len = config->from[i].len;
		if (addr_is4(&config->from[i].addr))
			source.prefix_len += 96;
		to_key(&source.addr, &config->from[i].addr);
		if (bpf_map_update_elem(sources, &source, &present, 0) != 0)
			return -1;
	}
	for (i = 0; i < config->n_vips; i++) {
		to_key(&vip, &config->vips[i]);
		if (bpf_map_update_elem(vips, &vip, &present, 0) != 0)
			return -1;
	}
	return 0;
}

static int
load(struct decap *decap, const struct decap_config *config, struct errmsg *why)
{
	struct decap_bpf *skel;

	libbpf_set_print(quiet);
	if ((skel = decap->skel = decap_bpf__open()) == NULL)
		return errmsg_sys(why, "XDP program");
	if (bpf_map__set_max_entries(
		skel->maps.sources, (uint32_t)config->n_from) != 0 ||
	    bpf_map__set_max_entries(
		skel->maps.vips, (uint32_t)config->n_vips) != 0)
		return errmsg_sys(why, "XDP program: size of its tables");
	if (decap_bpf__load(skel) != 0)
		return errmsg_sys(why, "the kernel refuses the XDP program");
	if (fill(decap, config) == -1)
		return errmsg_sys(why, "XDP program: filling its tables");
	return 0;
}

struct decap *
decap_load(const struct decap_config *config, struct errmsg *why)
{
	struct decap *decap;

	if (config->n_from == 0 || config->n_vips == 0) {
		errmsg_set(why, "a VIP and a balancer's address are needed");
		return NULL;
	}
	if ((decap = calloc(1, sizeof(*decap))) == NULL) {
		errmsg_sys(why, "XDP program");
		return NULL;
	}
	if (load(decap, config, why) == -1) {
		decap_free(decap);
		return NULL;
	}
	return decap;
}

void
decap_free(struct decap *decap)
{
	if (decap == NULL)
		return;
	decap_bpf__destroy(decap->skel);
	free(decap);
}

int
decap_program_fd(const struct decap *decap)
{
	return bpf_program__fd(decap->skel->progs.guideway_decap);
}

static int
read_counters(int fd, uint64_t out[DECAP_COUNTER_COUNT])
{
	int n_cpus = libbpf_num_possible_cpus(), cpu;
	uint64_t *values;
	uint32_t i;

	memset(out, 0, DECAP_COUNTER_COUNT * sizeof(*out));
	if (n_cpus < 1 ||
	    (values = calloc((size_t)n_cpus, sizeof(*values))) == NULL)
		return -1;
	for (i = 0; i < DECAP_COUNTER_COUNT; i++) {
		if (bpf_map_lookup_elem(fd, &i, values) != 0)
			break;
		for (cpu = 0; cpu < n_cpus; cpu++)
			out[i] += values[cpu];
	}
	free(values);
	return i == DECAP_COUNTER_COUNT ? 0 : -1;
}

int
decap_counters(
    const struct decap *decap, uint64_t counters[DECAP_COUNTER_COUNT])
{
	return read_counters(bpf_map__fd(decap->skel->maps.counters), counters);
}

static uint32_t
mode_flags(enum decap_mode mode)
{
	return mode == DECAP_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
}

static const char *
mode_name(enum decap_mode mode)
{
	return mode == DECAP_NATIVE ? "native" : "generic";
}

/* The program's map of counters; -1: it has none of the form we know. */
static int
find_counters(const uint32_t *ids, uint32_t n_ids)
{
	struct bpf_map_info info;
	uint32_t len, i;
	int fd;

	for (i = 0; i < n_ids && i < MAX_PROGRAM_MAPS; i++) {
		if ((fd = bpf_map_get_fd_by_id(ids[i])) < 0)
			continue;
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 &&
		    info.type == BPF_MAP_TYPE_PERCPU_ARRAY &&
		    info.max_entries == DECAP_COUNTER_COUNT &&
		    info.value_size == sizeof(uint64_t))
			return fd;
		close(fd);
	}
	return -1;
}

/* Is program `id` ours? Then its file descriptors are kept. */
static int
open_program(struct attached *found, uint32_t id, struct errmsg *why)
{
	uint32_t map_ids[MAX_PROGRAM_MAPS] = {0}, len;
	struct bpf_prog_info info;
	int fd;

	if ((fd = bpf_prog_get_fd_by_id(id)) < 0)
		return errmsg_sys(why, "XDP program %u", id);
	memset(&info, 0, sizeof(info));
	info.nr_map_ids = MAX_PROGRAM_MAPS;
	info.map_ids = (uintptr_t)map_ids;
	len = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &len) != 0) {
		close(fd);
		return errmsg_sys(why, "XDP program %u", id);
	}
	if (strcmp(info.name, DECAP_PROGRAM_NAME) != 0) {
		close(fd);
		errmsg_set(why,
		    "has another XDP program, \"%s\" (id %u); take it off "
		    "first",
		    info.name, id);
		return 0;
	}
	found->program_fd = fd;
	found->id = id;
	found->counters_fd = find_counters(map_ids, info.nr_map_ids);
	return 1;
}

static void
attached_close(struct attached *found)
{
	if (found->program_fd != -1)
		close(found->program_fd);
	if (found->counters_fd != -1)
		close(found->counters_fd);
}

/* 1: ours is there. 0: none of ours; *why is not empty when another one's is.
 * -1 with `why`. attached_close it in any case. */
static int
attached_find(struct attached *found, const char *dev, struct errmsg *why)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct errmsg cause = {""};
	int result = 0;

	*found = (struct attached){.program_fd = -1, .counters_fd = -1};
	why->text[0] = '\0';
	if ((found->ifindex = if_nametoindex(dev)) == 0)
		return errmsg_sys(why, "interface %s", dev);
	if (bpf_xdp_query((int)found->ifindex, 0, &query) != 0)
		return errmsg_sys(why, "interface %s: XDP", dev);
	found->mode = query.drv_prog_id ? DECAP_NATIVE : DECAP_GENERIC;
	if (query.prog_id != 0)
		result = open_program(found, query.prog_id, &cause);
	else if (query.attach_mode == XDP_ATTACHED_MULTI)
		errmsg_set(&cause, "has several XDP programs");
	if (cause.text[0] != '\0')
		errmsg_set(why, "interface %s: %s", dev, cause.text);
	return result;
}

static int
attach_as(const struct attached *found, int fd, enum decap_mode mode)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	uint32_t flags = mode_flags(mode);

	if (found->program_fd == -1)
		flags |= XDP_FLAGS_UPDATE_IF_NOEXIST;
	else
		opts.old_prog_fd = found->program_fd;
	return bpf_xdp_attach((int)found->ifindex, fd, flags, &opts);
}

/* Native XDP on veth forgets that a packet's checksum is still to be finished
 * (CHECKSUM_PARTIAL), so that TCP from the peer, other than the balancers'
 * traffic, is dropped as corrupt. Real interfaces never show that. */
static bool
native_is_safe(const char *dev)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq ifr = {.ifr_data = (char *)&info};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool known;

	if (fd == -1)
		return false;
	strncpy(ifr.ifr_name, dev, sizeof(ifr.ifr_name) - 1);
	known = ioctl(fd, SIOCETHTOOL, &ifr) == 0;
	close(fd);
	return known && strcmp(info.driver, "veth") != 0;
}

/* The kernel takes one mode at a time on an interface: a change of mode, which
 * only a mode asked for by name can be, leaves a gap. */
static int
take_off(struct attached *found, const char *dev, struct errmsg *why)
{
	LIBBPF_OPTS(
	    bpf_xdp_attach_opts, opts, .old_prog_fd = found->program_fd);

	if (bpf_xdp_detach(
		(int)found->ifindex, mode_flags(found->mode), &opts) != 0)
		return errmsg_sys(why,
		    "interface %s: taking the %s XDP program off", dev,
		    mode_name(found->mode));
	close(found->program_fd);
	found->program_fd = -1;
	return 0;
}

static void
carry_counters(const struct decap *decap, const struct attached *found)
{
	int to = bpf_map__fd(decap->skel->maps.counters);
	int n_cpus = libbpf_num_possible_cpus();
	uint64_t *values;
	uint32_t i;

	if (found->counters_fd == -1 || n_cpus < 1 ||
	    (values = calloc((size_t)n_cpus, sizeof(*values))) == NULL)
		return; /* they begin at 0 then */
	for (i = 0; i < DECAP_COUNTER_COUNT; i++)
		if (bpf_map_lookup_elem(found->counters_fd, &i, values) == 0)
			bpf_map_update_elem(to, &i, values, 0);
	free(values);
}

int
decap_attach(struct decap *decap, const char *dev, enum decap_mode want,
    enum decap_mode *got, struct errmsg *why)
{
	int fd = decap_program_fd(decap), result = -1;
	struct attached found;
	struct errmsg local;

	if (why == NULL)
		why = &local;
	if (attached_find(&found, dev, why) == -1 || why->text[0] != '\0')
		goto out;
	carry_counters(decap, &found);
	*got = want;
	if (want == DECAP_AUTO && found.program_fd != -1)
		*got = found.mode;
	else if (want == DECAP_AUTO)
		*got = native_is_safe(dev) ? DECAP_NATIVE : DECAP_GENERIC;
	if (found.program_fd != -1 && *got != found.mode &&
	    take_off(&found, dev, why) == -1)
		goto out;
	result = attach_as(&found, fd, *got);
	if (result != 0 && want == DECAP_AUTO && found.program_fd == -1) {
		*got = DECAP_GENERIC;
		result = attach_as(&found, fd, *got);
	}
	if (result != 0)
		result = errmsg_sys(why, "interface %s: attaching %s XDP", dev,
		    mode_name(*got));
out:
	attached_close(&found);
	return result;
}

int
decap_detach(const char *dev, struct errmsg *why)
{
	struct attached found;
	struct errmsg local;
	int result;

	if (why == NULL)
		why = &local;
	result = attached_find(&found, dev, why);
	if (result == 1 && take_off(&found, dev, why) == -1)
		result = -1;
	attached_close(&found);
	return result;
}

int
decap_query(const char *dev, struct decap_status *status, struct errmsg *why)
{
	struct attached found;
	struct errmsg local;
	int result;

	if (why == NULL)
		why = &local;
	result = attached_find(&found, dev, why);
	if (result == 1) {
		status->mode = found.mode;
		status->program_id = found.id;
		if (read_counters(found.counters_fd, status->counters) == -1)
			result = errmsg_sys(why, "interface %s: counters", dev);
	}
	attached_close(&found);
	return result;
}
