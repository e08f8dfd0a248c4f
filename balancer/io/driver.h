/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver is: a way to take frames off one interface. Each is a whole
 * file behind this interface; ports.c chooses, opens, watches and reopens. */
#ifndef BALANCER_IO_DRIVER_H
#define BALANCER_IO_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "balancer/core/forward.h"
#include "common/errmsg.h"
#include "common/forwarding.h"

struct event_base;
struct tx;
struct xdp;

/* What every driver works with. */
struct driver_env {
	struct event_base *base;
	struct forwarder *forwarder; /* its fib is switched between events */
	struct tx *tx;
	struct xdp *xdp;    /* NULL: none */
	const char *no_xdp; /* why */
};

/* Whose interface it is. */
struct driver_link {
	const char *name;
	uint32_t ifindex;
	uint32_t mtu;
	/* The interface cannot be used any more; the handle must be closed. The
	 * driver's last act, since it is freed by this. */
	void (*failed)(void *ctx, const char *why);
	void *ctx;
};

struct driver_count {
	uint64_t received; /* frames handed to us */
	uint64_t dropped;  /* by the kernel, for want of room */
};

struct driver_handle;

struct driver {
	const char *name;
	/* Why `auto` takes it. */
	const char *merit;
	/* It forwards on when this process is gone, until the next one takes
	 * over, or for ten seconds at least. */
	bool outlives;
	/* Takes frames from now on that are for a VIP of `state`. NULL with
	 * `why`. Keeps env; copies link. */
	struct driver_handle *(*open)(const struct driver_env *env,
	    const struct driver_link *link, const struct forwarding *state,
	    struct errmsg *why);
	void (*close)(struct driver_handle *);
	/* The VIPs are others now. No frame may be missed meanwhile. 0, or -1
	 * with `why`. */
	int (*set_state)(struct driver_handle *, const struct forwarding *,
	    struct errmsg *why);
	void (*set_mtu)(struct driver_handle *, uint32_t mtu);
	/* Since it was opened. Called at least once a minute. */
	void (*count)(struct driver_handle *, struct driver_count *);
	/* How it does that here; NULL: there is nothing to say. */
	const char *(*detail)(const struct driver_handle *);
};

extern const struct driver driver_xdp;
extern const struct driver driver_pcap;

#endif
