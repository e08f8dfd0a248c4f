/* SPDX-License-Identifier: Apache-2.0 */
/* The program's place on one interface: a bpf_link, pinned so that the program
 * stays when the process ends. */
#ifndef BALANCER_IO_XDP_LINK_H
#define BALANCER_IO_XDP_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/errmsg.h"

struct xdp_link {
	int fd; /* -1: none */
	uint32_t ifindex;
	bool native;
	struct errmsg why_mode; /* "" or why not native */
};

/* The program on the interface; or, where a link of ours is pinned for it, that
 * link, with the program that it has. A program of somebody else's is left
 * alone: -1 with `why`. */
int xdp_link_open(struct xdp_link *, const char *dir, const char *name,
    uint32_t ifindex, enum conf_xdp_mode, int program, struct errmsg *why);

/* In place of the program that it has, at once. 0, or -1 with errno. */
int xdp_link_replace(const struct xdp_link *, int program);

/* Lets go of it; what is pinned stays. */
void xdp_link_close(struct xdp_link *);

/* The highest number below `below` of a program on a link that is pinned in
 * `dir`; 0: there is none. The link of an interface that was down keeps the
 * program that it had; and one that is new has the newest, which has no state
 * yet. */
uint32_t xdp_link_pinned_program(const char *dir, uint32_t below);

/* Takes the program off every interface whose link is pinned in `dir`, but
 * those that `keep` (may be NULL) says yes to; tells `told` of each. The number
 * of them, or -1 with `why`: not of all. */
int xdp_link_take_off(const char *dir,
    bool (*keep)(void *ctx, const char *name),
    void (*told)(void *ctx, const char *name), void *ctx, struct errmsg *why);

#endif
