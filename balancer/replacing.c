/* SPDX-License-Identifier: Apache-2.0 */
/* The balancer's socket, and taking over from the balancer that had it. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "balancer/announce.h"
#include "balancer/ctl/server.h"
#include "balancer/io/ports.h"
#include "balancer/live_impl.h"
#include "balancer/predecessor.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/unix_socket.h"

static int
name_socket(struct live *live, const char *run_dir, struct errmsg *why)
{
	int n = snprintf(live->socket_path, sizeof(live->socket_path),
	    "%s/balancer.sock", run_dir);

	if (n >= 0 && (size_t)n < sizeof(live->socket_path))
		return 0;
	return errmsg_set(why,
	    "%s/balancer.sock: too long for a socket; set a shorter run_dir",
	    run_dir);
}

static int
serve_socket(struct live *live, int fd, struct errmsg *why)
{
	const struct server_handler handler = {live_answer, live_left, live};

	live->listens = true;
	live->server = server_new(live->base, fd, &handler, why);
	return live->server == NULL ? -1 : 0;
}

static int
listen_on(struct live *live, const char *user, struct errmsg *why)
{
	int fd = unix_listen(live->socket_path, why);

	if (fd == -1 || serve_socket(live, fd, why) == -1)
		return -1;
	unix_give(live->socket_path, user);
	return 0;
}

void
live_ready(const struct live *live)
{
	log_info("main", "%s serves %s", PACKAGE_STRING, live->socket_path);
	notify("READY=1");
}

/* The device must not go because we are less fit than who held it until now. */
static int
take_device(struct live *live, int device, struct errmsg *why)
{
	struct errmsg cause;

	if (device == -1)
		return 0;
	if (live->announce == NULL) {
		close(device); /* nothing is to be announced any more */
		return 0;
	}
	if (ports_fit(live->ports, &cause) == -1) {
		close(device);
		return errmsg_set(why,
		    "it forwards, and this one would not: %.400s", cause.text);
	}
	announce_take_over(live->announce, device, false);
	return 0;
}

static void
on_predecessor_gone(void *ctx)
{
	struct live *live = ctx;
	struct errmsg why;
	int fd = live->listener;

	predecessor_free(live->predecessor);
	live->predecessor = NULL;
	live->listener = -1;
	if (serve_socket(live, fd, &why) == 0)
		live_ready(live);
	else
		live_end(live, why.text);
}

/* Everything is ready: from serve() on both forward, until the predecessor has
 * heard that it is dismissed. */
static int
replace(struct live *live, struct errmsg *why)
{
	struct forwarding *state = predecessor_state(live->predecessor);
	int device;

	if (predecessor_take(
		live->predecessor, &live->listener, &device, why) == -1 ||
	    take_device(live, device, why) == -1) {
		forwarding_free(state);
		return -1;
	}
	live->waits = true;
	if (state != NULL && live_serve(live, state, why) == -1)
		return -1;
	live->waits = false;
	return predecessor_dismiss(
	    live->predecessor, live->base, on_predecessor_gone, live, why);
}

static int
not_replaced(const struct live *live, struct errmsg *why)
{
	struct errmsg cause = *why;

	return errmsg_set(why,
	    "%s: the balancer there is not replaced, and goes on: %.400s",
	    live->socket_path, cause.text);
}

/* Finds the predecessor that is to be replaced, or listens. Before anything
 * that a living balancer would notice. */
int
live_claim_socket(struct live *live, const struct conf *conf, bool replaces,
    struct errmsg *why)
{
	if (name_socket(live, conf->run_dir, why) == -1)
		return -1;
	if (replaces &&
	    predecessor_find(live->socket_path, &live->predecessor, why) == -1)
		return not_replaced(live, why);
	return live->predecessor != NULL ? 0 : listen_on(live, conf->user, why);
}

int
live_take_over(struct live *live, struct errmsg *why)
{
	if (live->predecessor == NULL) {
		live_ready(live);
		return 0;
	}
	return replace(live, why) == -1 ? not_replaced(live, why) : 0;
}
