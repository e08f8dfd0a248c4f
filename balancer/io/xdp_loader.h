/* SPDX-License-Identifier: Apache-2.0 */
/* Loads an XDP object beside the packet loop: the kernel checks the program for
 * a second or more, and nobody is to wait for that. One at a time. */
#ifndef BALANCER_IO_XDP_LOADER_H
#define BALANCER_IO_XDP_LOADER_H

#include <pthread.h>
#include <stdbool.h>

#include "balancer/io/xdp_object.h"
#include "common/errmsg.h"

/* All zero at first. */
struct xdp_loader {
	pthread_t thread;
	bool begun;
	bool done; /* set by the thread, last */
	struct xdp_room room;
	int reuse[XDP_MAPS];
	struct xdp_object *object; /* NULL: why */
	struct errmsg why;
};

/* Begins, as xdp_object_new; the descriptors in `reuse` must stay until the
 * object is taken, and nothing may have been begun before. 0, or -1 with
 * `why`. */
int xdp_loader_begin(struct xdp_loader *, const struct xdp_room *,
    const int reuse[XDP_MAPS], struct errmsg *why);

/* Has something been begun and not been taken, and is it not there yet? */
bool xdp_loader_busy(const struct xdp_loader *);

/* What was begun, waited for. NULL with `why`: the kernel refuses it; another
 * may begin. */
struct xdp_object *xdp_loader_take(struct xdp_loader *, struct errmsg *why);

#endif
