/* SPDX-License-Identifier: Apache-2.0 */
/* The packet path in the kernel: the XDP program, and the tables it reads.
 * It knows nothing of interfaces; the xdp driver attaches it (xdp_link.h).
 *
 * There are two copies of the tables in memory that the program and this
 * process share, and one word says which is in force. A new state is written
 * into the other and switched in by one store: a packet meets the old state or
 * the new one, whole. Sizes are constants of the loaded program; a state that
 * does not fit gets a program with more room, which takes the place of the one
 * before it, in one step on each interface. The kernel checks such a program
 * for a second or more, which can go on beside the thread that has the plane
 * (xdp_plane_make_room).
 *
 * The program forwards whole TCP and UDP packets and drops what the path drops.
 * All else it hands up untouched, and who hands up does not count: the
 * user-space path, which sees those frames and no others, counts them.
 *
 * It forwards for as long as its lease is renewed, and passes all frames after
 * that: nobody would tell it of a neighbour that has moved.
 *
 * Of two processes that have the same maps, that which has installed a state
 * last writes; the one before it only enters what it has counted, and refuses
 * states.
 *
 * To be used by one thread. Needs CAP_BPF and CAP_NET_ADMIN. */
#ifndef BALANCER_IO_XDP_PLANE_H
#define BALANCER_IO_XDP_PLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

struct counters;
struct fib;
struct flows;
struct xdp_object;
struct xdp_plane;

/* Loads the program with the least room, for an empty state; or goes on with
 * the object that another process made and left (`taken`, owned on success).
 * NULL with `why`. */
struct xdp_plane *xdp_plane_new(struct xdp_object *taken, struct errmsg *why);

/* What is pinned or attached stays and goes on. */
void xdp_plane_free(struct xdp_plane *);

/* Forwards by this fib from now on, which must live until the next install.
 * 0, or -1 with `why`: nothing has changed. Waits for room where there is none.
 */
int xdp_plane_install(
    struct xdp_plane *, const struct fib *, struct errmsg *why);

/* Is there room for this fib? 0: so there is, and an install of it does not
 * wait. -1 with `why`: there is none; `later`: but it is being made, in another
 * thread, until xdp_plane_makes_room is false; then to be asked again. */
int xdp_plane_make_room(
    struct xdp_plane *, const struct fib *, bool *later, struct errmsg *why);
bool xdp_plane_makes_room(const struct xdp_plane *);

/* The program's flow entries, whatever is installed; they live as long as the
 * plane. */
void xdp_plane_flows(const struct xdp_plane *, struct flows *);

/* Time has passed, in ticks: the program's clock. What has changed of the slots
 * of the installed fib in place changes for it, too (fib_changes). */
void xdp_plane_follow(struct xdp_plane *, struct fib *, uint32_t now);

/* A backend of the installed fib has another next hop, as the fib says. One
 * that moves to another interface is handed up for a moment: until
 * xdp_plane_settle. */
void xdp_plane_set_next_hop(struct xdp_plane *, size_t backend);

/* Completes what xdp_plane_set_next_hop began. May wait for packets under way,
 * some 10 ms. */
void xdp_plane_settle(struct xdp_plane *);
bool xdp_plane_unsettled(const struct xdp_plane *);

/* Packets longer than this (from the IP header on) were merged on their way,
 * and are handed up: the least MTU of the interfaces. At first: no limit. */
void xdp_plane_set_mtu(struct xdp_plane *, uint32_t mtu);

/* Forwards for `seconds` more. It is not forwarding before the first call. */
int xdp_plane_renew(struct xdp_plane *, unsigned seconds, struct errmsg *why);

/* Adds what the program has counted to `to`, laid out for the installed state.
 * It is carried over from state to state, and from process to process with what
 * is pinned. */
void xdp_plane_count(struct xdp_plane *, struct counters *to);

/* Counts these as well, laid out for the installed state: what the user-space
 * path has counted then is kept with the rest. Nothing before the first install
 * (xdp_plane_serves). */
void xdp_plane_enter(struct xdp_plane *, const struct counters *more);
bool xdp_plane_serves(const struct xdp_plane *);

/* Where packets may be redirected to. At first to any interface (`any`), which
 * generic mode allows; else to those that were named alone, and packets for
 * other backends are handed up. Names them anew, since the kernel takes those
 * that vanish off its map: to be called when links have changed. */
void xdp_plane_allow_ports(struct xdp_plane *, bool any);
void xdp_plane_check_ports(
    struct xdp_plane *, const uint32_t *ifindexes, size_t n);

/* The program: to attach, or to run on packets with BPF_PROG_TEST_RUN. It is
 * another one after an install that needed more room, and after the first
 * install of a plane that was taken over: `replaced` is called with it when it
 * is ready, and has put it where the old one is, all or nothing, when it
 * returns 0; -1 with `why` refuses the install. */
int xdp_plane_program(const struct xdp_plane *);
struct xdp_object *xdp_plane_object(const struct xdp_plane *);
void xdp_plane_on_replaced(struct xdp_plane *,
    int (*replaced)(void *ctx, struct xdp_object *, struct errmsg *why),
    void *ctx);

#endif
