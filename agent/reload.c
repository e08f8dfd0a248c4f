/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/reload.h"

#include <string.h>

static bool
same_interfaces(const struct conf *a, const struct conf *b)
{
	if (a->n_interfaces != b->n_interfaces)
		return false;
	for (size_t i = 0; i < a->n_interfaces; i++)
		if (strcmp(a->interfaces[i].name, b->interfaces[i].name) != 0 ||
		    a->interfaces[i].driver != b->interfaces[i].driver)
			return false;
	return true;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

const char *
reload_fixed_key(const struct conf *a, const struct conf *b)
{
	const struct conf_announce *x = &a->announce, *y = &b->announce;

	if (!same_text(a->cluster.name, b->cluster.name))
		return "cluster.name";
	if (a->cluster.name != NULL && strcmp(a->node_name, b->node_name) != 0)
		return "node.name";
	return strcmp(a->run_dir, b->run_dir) != 0        ? "node.run_dir"
	    : strcmp(a->state_dir, b->state_dir) != 0     ? "node.state_dir"
	    : x->enabled != y->enabled                    ? "announce.enabled"
	    : strcmp(x->device, y->device) != 0           ? "announce.device"
	    : x->table != y->table                        ? "announce.table"
	    : strcmp(x->bird_socket, y->bird_socket) != 0 ? "announce.bird"
							  : NULL;
}

const char *
reload_balancer_key(const struct conf *a, const struct conf *b)
{
	return !same_interfaces(a, b) ? "balancer.interfaces"
	    : a->announce.agent_grace_s != b->announce.agent_grace_s
	    ? "announce.agent_grace"
	    : NULL;
}
