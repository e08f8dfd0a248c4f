/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the XDP program decap.bpf.c on an interface, and takes it off.
 *
 * It is attached by netlink, not by a pinned bpf_link: what netlink attaches
 * stays with the interface until somebody takes it off, needs no bpffs, and
 * thus also works under `ip netns exec`, where a mount (and any pin in it) ends
 * with the command. Replacing is atomic all the same: the kernel is told which
 * program we expect to replace. The program is known by its name, so no state
 * is kept here; another one's program is never replaced or taken off.
 *
 * Built without XDP, every function fails and says so (decap_none.c). */
#ifndef DEPLOY_BACKEND_DECAP_H
#define DEPLOY_BACKEND_DECAP_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/errmsg.h"
#include "deploy/backend/decap_shared.h"
#include "deploy/backend/prefix.h"

enum decap_mode {
	DECAP_AUTO,    /* native where it is safe and works, else generic */
	DECAP_NATIVE,  /* in the driver */
	DECAP_GENERIC, /* in the kernel, for any driver */
};

struct decap_config {
	const struct prefix *from; /* whose GRE is unwrapped */
	size_t n_from;
	const struct addr *vips;
	size_t n_vips;
};

struct decap_status {
	enum decap_mode mode; /* never DECAP_AUTO */
	uint32_t program_id;
	uint64_t counters[DECAP_COUNTER_COUNT];
};

struct decap;

/* The program, loaded with its tables, attached nowhere. NULL with `why`. */
struct decap *decap_load(const struct decap_config *, struct errmsg *why);
void decap_free(struct decap *); /* an attachment stays */
int decap_program_fd(const struct decap *);

/* Of all CPUs together. 0, or -1 with errno. */
int decap_counters(
    const struct decap *, uint64_t counters[DECAP_COUNTER_COUNT]);

/* In place of our former program, whose counters go on. *got says which mode
 * it became. -1 with `why`: all is as before. */
int decap_attach(struct decap *, const char *dev, enum decap_mode want,
    enum decap_mode *got, struct errmsg *why);

/* 1: taken off; 0: there was none of ours; -1 with `why`. */
int decap_detach(const char *dev, struct errmsg *why);

/* 1: attached, *status filled; 0: none of ours there; -1 with `why`. */
int decap_query(
    const char *dev, struct decap_status *status, struct errmsg *why);

#endif
