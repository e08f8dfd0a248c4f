/* SPDX-License-Identifier: Apache-2.0 */
/* The XDP half of the balancer: the plane, its places on interfaces, and what
 * of both outlives the process. The driver (driver_xdp) opens one interface of
 * it; the rest is told here what changes.
 *
 * Built without XDP, xdp_new fails and says so, and nothing else is called. */
#ifndef BALANCER_IO_XDP_H
#define BALANCER_IO_XDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/errmsg.h"

struct counters;
struct tap_wish;
struct event_base;
struct fib;
struct flows;
struct forwarding;
struct xdp;
struct xdp_watch_handler;

/* Takes over what a balancer before this one has left in conf->bpf_dir. The
 * first state takes the program off interfaces that the configuration does not
 * give to it any more. NULL with `why`. Both are borrowed. */
struct xdp *xdp_new(
    const struct conf *, struct event_base *, struct errmsg *why);

/* The program stays where it is. */
void xdp_free(struct xdp *);

/* Serves this fib, which must live until the next is installed. 0, or -1 with
 * `why`: serves as before. */
int xdp_install(struct xdp *, const struct fib *, struct errmsg *why);

/* As xdp_plane_make_room; xdp_install waits where it says `later`. */
int xdp_make_room(
    struct xdp *, const struct fib *, bool *later, struct errmsg *why);
bool xdp_makes_room(const struct xdp *);

/* The flow entries, which the program has in common with this process and those
 * after it. */
void xdp_flows(const struct xdp *, struct flows *);

/* Every tick of FLOWS_TICK_MS or more often, and when slots of the fib that is
 * served have changed. */
void xdp_follow(struct xdp *, struct fib *, uint32_t now);

/* Of the installed fib. */
void xdp_set_next_hop(struct xdp *, size_t backend);

/* Links came, went or changed. */
void xdp_check_links(struct xdp *);

/* Once a second: the lease. Takes over what `counters`, laid out for the
 * installed state, has counted, and leaves zeros. */
void xdp_tick(struct xdp *, struct counters *);

/* The process ends: as above, and nothing that stays is touched from now on,
 * whatever is closed. */
void xdp_leave(struct xdp *, struct counters *);

/* Adds what was counted, up to now and for the installed state. */
void xdp_count(struct xdp *, struct counters *to);

/* Shows packets, as wished (xdp_watch.h). The handler is copied; -1 with `why`:
 * captures will not see what is forwarded in the kernel. */
int xdp_watch(
    struct xdp *, const struct xdp_watch_handler *, struct errmsg *why);
void xdp_wish(struct xdp *, const struct tap_wish *);

/* Takes the program off all interfaces, and forgets what is pinned in `dir`;
 * says on stdout from which. 0, or -1 with `why`. */
int xdp_detach(const char *dir, struct errmsg *why);

#endif
