/* SPDX-License-Identifier: Apache-2.0 */
/* The TUN device of tunnel.h, with the routes into it and the rules that lead
 * marked packets there. */
#ifndef AGENT_PROBE_TUNNEL_DEVICE_H
#define AGENT_PROBE_TUNNEL_DEVICE_H

#include <stdbool.h>

#include "common/errmsg.h"

#define TUNNEL_DEVICE "gw-probe"
#define TUNNEL_MTU    1500
/* One number for the mark of packets and the routing table, and the rule's
 * place: before all rules of others, since it takes nothing of theirs. */
#define TUNNEL_MARK     0x67770001
#define TUNNEL_TABLE    0x67770001
#define TUNNEL_PRIORITY 177

struct tunnel_device;

/* Opens what it is made with; without the right to, tunnel_device_up says so.
 * NULL: out of memory, or of files. */
struct tunnel_device *tunnel_device_new(void);
void tunnel_device_free(struct tunnel_device *);

/* Makes all of it; it is down. Needs CAP_NET_ADMIN. 0, or -1 with `why`. */
int tunnel_device_up(struct tunnel_device *, struct errmsg *why);
/* All of it goes again. */
void tunnel_device_down(struct tunnel_device *);
bool tunnel_device_is_up(const struct tunnel_device *);
int tunnel_device_fd(const struct tunnel_device *);

#endif
