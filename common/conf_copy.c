/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/conf.h"

/* Makes *text, of another configuration, one of this. NULL stays NULL. */
static int
own_text(struct arena *arena, char **text)
{
	if (*text == NULL)
		return 0;
	*text = arena_copy(arena, *text, strlen(*text));
	return *text != NULL ? 0 : -1;
}

static int
own_interfaces(struct conf *c)
{
	const struct conf_interface *from = c->interfaces;

	c->interfaces = arena_alloc(
	    c->arena, c->n_interfaces, sizeof(*c->interfaces));
	if (c->interfaces == NULL)
		return -1;
	for (size_t i = 0; i < c->n_interfaces; i++) {
		c->interfaces[i] = from[i];
		if (own_text(c->arena, &c->interfaces[i].name) == -1)
			return -1;
	}
	return 0;
}

struct conf *
conf_copy_local(const struct conf *from)
{
	struct conf *c = malloc(sizeof(*c));
	struct arena *arena;

	if (c == NULL)
		return NULL;
	*c = *from;
	c->services = NULL;
	c->n_services = 0;
	if ((c->arena = arena = arena_new()) != NULL &&
	    own_text(arena, &c->path) == 0 &&
	    own_text(arena, &c->node_name) == 0 &&
	    own_text(arena, &c->run_dir) == 0 &&
	    own_text(arena, &c->state_dir) == 0 &&
	    own_text(arena, &c->bpf_dir) == 0 &&
	    own_text(arena, &c->user) == 0 &&
	    own_text(arena, &c->announce.device) == 0 &&
	    own_text(arena, &c->announce.bird_socket) == 0 &&
	    conf_cluster_copy(&c->cluster, &from->cluster, arena) == 0 &&
	    own_interfaces(c) == 0)
		return c;
	conf_free(c);
	return NULL;
}
