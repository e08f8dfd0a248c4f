/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/xdp_loader.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static void *
load(void *ctx)
{
	struct xdp_loader *l = ctx;

	l->object = xdp_object_new(&l->room, l->reuse, &l->why);
	__atomic_store_n(&l->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Signals are the packet loop's: one that came here would make the kernel begin
 * its check anew. */
static int
create(struct xdp_loader *l)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&l->thread, NULL, load, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

int
xdp_loader_begin(struct xdp_loader *l, const struct xdp_room *room,
    const int reuse[XDP_MAPS], struct errmsg *why)
{
	l->room = *room;
	memcpy(l->reuse, reuse, sizeof(l->reuse));
	l->done = false;
	errno = create(l);
	if (errno != 0)
		return errmsg_sys(why, "XDP program: a thread to load it");
	l->begun = true;
	return 0;
}

bool
xdp_loader_busy(const struct xdp_loader *l)
{
	return l->begun && !__atomic_load_n(&l->done, __ATOMIC_ACQUIRE);
}

struct xdp_object *
xdp_loader_take(struct xdp_loader *l, struct errmsg *why)
{
	struct xdp_object *taken;

	pthread_join(l->thread, NULL);
	l->begun = false;
	taken = l->object;
	l->object = NULL;
	if (taken == NULL)
		*why = l->why;
	return taken;
}
