/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the kernel's table say what the agent announces.
 *
 * A VIP that is announced is a host route by the device that the balancer holds
 * while it forwards. BIRD learns the table, and the kernel drops the routes
 * with the device, so that a dead balancer's VIPs are withdrawn whatever else
 * is alive. The routes themselves forward nothing: no rule points at the table.
 *
 * What is true is what the kernel says when it is asked; its notices only tell
 * when to ask. Once routes_set has said what is wanted, everything of ours that
 * differs from it is put right: what somebody else deleted or changed, and what
 * failed before. That, and reading the table, is done a few times a second at
 * most, and never takes more than a twentieth of a processor, so that a fight
 * with another program does no harm.
 *
 * When the device goes, the wanted set becomes empty by itself: another device
 * means another balancer, which may not be ready. Nothing is added before
 * routes_set is called again.
 *
 * Only a change of ours needs a privilege: CAP_NET_ADMIN. */
#ifndef AGENT_BIRD_ROUTES_H
#define AGENT_BIRD_ROUTES_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/vip_routes.h"
#include "common/errmsg.h"

struct event_base;
struct routes;

/* Reads device and table, so that routes_get is right at once, and hears of
 * what changes from then on. Writes nothing before routes_set, and so adopts
 * what it finds. The device need not exist; it is up when it is enabled and has
 * a carrier, which a TUN device has while somebody holds it.
 *
 * `changed` is called from the event loop only, once for many changes, when
 * what routes_get says is another thing by somebody else's doing or by a
 * failure: the device came, went or is another one; a route of ours was deleted
 * or changed, though it is back by then; a foreign one came or went; something
 * could not be written, or could after all. It may call routes_set.
 *
 * Copies the name. NULL with `why`. */
struct routes *routes_new(struct event_base *, const char *device,
    uint32_t table, void (*changed)(void *ctx), void *ctx, struct errmsg *why);

/* Leaves the routes as they are. NULL is fine. */
void routes_free(struct routes *);

/* Borrowed until the event loop runs on, or routes_set. */
const struct vip_routes *routes_get(const struct routes *);

/* The whole of what is wanted, sorted by addr_cmp, each VIP once; copied. Does
 * at once what differs from it: adds, deletes, replaces in one step where only
 * the mark differs. Deletes what is ours in the table on other devices too.
 * routes_get tells what became of it; what failed is tried again every few
 * seconds.
 *
 * When the device is not there, or went or came without `changed` having been
 * called since, nothing is added: the caller did not know. */
void routes_set(struct routes *, const struct vip_route_entry *, size_t n);

#endif
