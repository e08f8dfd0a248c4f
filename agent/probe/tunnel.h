/* SPDX-License-Identifier: Apache-2.0 */
/* Checks through the tunnel: what the kernel sends to a VIP goes to one
 * backend, in GRE, exactly as the balancer sends clients' packets.
 *
 *   socket, bound to OWN:PORT, marked, connected to the VIP
 *     -> rule (TUNNEL_MARK) -> table -> TUN device gw-probe
 *     -> here: by version, protocol and PORT, the backend's outer header
 *     -> raw socket -> network -> the backend unwraps, and answers OWN:PORT
 *     -> the kernel's socket, like any packet
 *
 * So the kernel does TCP, and we put a header in front. Only marked sockets see
 * the table. Without the device its last route is "unreachable": a marked
 * packet never goes to the VIP by another way, where another backend might
 * answer in this one's place.
 *
 * The VIP must be on no interface of this node: the local table comes first.
 * And where rp_filter is 1, the answers, which come from the VIP, pass only on
 * the interface of the node's route to the VIP. */
#ifndef AGENT_PROBE_TUNNEL_H
#define AGENT_PROBE_TUNNEL_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/errmsg.h"
#include "common/forwarding.h"

struct event_base;
struct tunnel;
struct tunnel_flow;

struct tunnel_flow_key {
	struct addr vip, own;
	uint16_t port; /* own */
	uint8_t protocol;
};

/* Opens raw sockets and what the device is made with, which comes with
 * tunnel_up. NULL: out of memory, or of files. */
struct tunnel *tunnel_new(struct event_base *);
void tunnel_free(struct tunnel *);

/* Makes the device, its routes and rules, unless they are there. 0, or -1 with
 * `why`. */
int tunnel_up(struct tunnel *, struct errmsg *why);
/* Something is wrong with it: tunnel_up makes it anew. */
void tunnel_down(struct tunnel *);

/* What the socket sends goes into the device. 0, or -1 with errno. */
int tunnel_mark(int fd);

/* Packets of this key go to the backend. source as in probe_target. After the
 * close they do so a little longer, for what the kernel still has to say. NULL
 * with errno. */
struct tunnel_flow *tunnel_open(struct tunnel *, const struct tunnel_flow_key *,
    const struct addr *backend, const struct forwarding_source *source);
void tunnel_close(struct tunnel *, struct tunnel_flow *);

/* One IP packet, at once. 0, or -1 with errno. */
int tunnel_send(struct tunnel *, const struct addr *backend,
    const struct forwarding_source *source, const uint8_t *packet, size_t len);

#endif
