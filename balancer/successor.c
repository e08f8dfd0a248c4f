/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/successor.h"

#include <stdlib.h>
#include <unistd.h>

#include "balancer/ctl/server.h"
#include "balancer/ctl/wire_handover.h"
#include "common/log.h"

/* Whoever may use the socket may tell us what to forward; whoever holds the
 * device's descriptor can send packets into this host. */
static bool
is_trusted(const struct wire_request *request)
{
	return request->uid == 0 || request->uid == geteuid();
}

bool
successor_is_let_in(const struct successor *s, const struct server *server)
{
	return s->client != 0 && server_serves(server, s->client);
}

/* NULL: the successor may be given all; or why not. */
static const char *
obstacle(const struct successor *s, const struct successor_share *share,
    const struct wire_request *request)
{
	bool is_it = s->client == request->client;

	if (!is_trusted(request))
		return "only root and the user that this balancer runs as may "
		       "replace it";
	/* It would start another one when this one is gone. */
	if (getenv("NOTIFY_SOCKET") != NULL)
		return "a service manager runs this balancer: restart its unit "
		       "instead";
	if (share->ending)
		return "it is ending";
	if (request->kind != WIRE_HANDOVER && !is_it)
		return "ask for a handover first";
	if (!is_it && successor_is_let_in(s, share->server))
		return "another successor is being let in";
	return NULL;
}

int
successor_answer(struct successor *s, const struct successor_share *share,
    struct wire_request *request, struct evbuffer *out, bool *leave)
{
	const char *why = obstacle(s, share, request);

	*leave = false;
	if (why != NULL) {
		log_warnx("replace", "a successor is refused: %s", why);
		return wire_put_refused(out, request->id, why);
	}
	switch (request->kind) {
	case WIRE_HANDOVER:
		s->client = request->client;
		log_info("replace", "a successor asks for the state");
		return wire_put_handover(out, request->id, share->state);
	case WIRE_TAKE:
		request->pass[request->n_pass++] = server_listener(
		    share->server);
		if (share->device != -1)
			request->pass[request->n_pass++] = share->device;
		return wire_put_taken(out, request->id, share->device != -1);
	case WIRE_LEAVE:
		*leave = true;
		return wire_put_left(out, request->id);
	default:
		return -1;
	}
}
