/* SPDX-License-Identifier: Apache-2.0 */
/* What the core knows, as an operator asks for it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/core_impl.h"

static const struct report_service *
find_counters(const struct core *core, const char *name)
{
	const struct balancer_status *s;

	if (core->heard == NULL)
		return NULL;
	s = &core->heard->status;
	for (size_t i = 0; i < s->n_services; i++)
		if (strcmp(s->services[i].name, name) == 0)
			return &s->services[i];
	return NULL;
}

static int
cmp_report_backends(const void *a, const void *b)
{
	const struct report_backend *x = a, *y = b;

	return addr_cmp(&x->addr, &y->addr);
}

void
report_prepare(struct balancer_status *s)
{
	if (s->n_backends > 0)
		qsort(s->backends, s->n_backends, sizeof(*s->backends),
		    cmp_report_backends);
}

const struct report_backend *
report_find_backend(const struct core *core, const struct addr *addr)
{
	const struct report_backend key = {.addr = *addr};
	const struct balancer_status *s;

	if (core->heard == NULL || core->heard->status.n_backends == 0)
		return NULL;
	s = &core->heard->status;
	return bsearch(&key, s->backends, s->n_backends, sizeof(*s->backends),
	    cmp_report_backends);
}

static void
service_summary(const struct core *core, size_t i, struct control_service *to)
{
	const struct forwarding_service *s = &core->plan->state->services[i];
	const struct plan_service *ps = &core->plan->services[i];
	const struct report_service *counters = find_counters(core, s->name);

	to->name = s->name;
	to->endpoints = s->endpoints;
	to->n_endpoints = s->n_endpoints;
	to->table_size = s->table_size;
	memcpy(to->digest, ps->digest, sizeof(to->digest));
	to->has_installed = ps->has_served;
	memcpy(to->installed, ps->served, sizeof(to->installed));
	to->panic = core->cluster.votes->services[i].panic;
	to->configured = (uint32_t)s->n_members;
	for (size_t m = 0; m < s->n_members; m++)
		to->taking += s->members[m].phi > 0;
	if (counters != NULL) {
		to->packets = counters->packets;
		to->bytes = counters->bytes;
		to->drops = counters->drops;
		to->n_drops = counters->n_drops;
		to->moving = counters->moving;
		to->marked = counters->marked;
		to->entries = counters->entries;
		to->pinned = counters->pinned;
		to->overflow = counters->overflow;
	}
}

/* The configuration of a cluster lists services in the order of the plan; that
 * of a file may not. */
static int
fill_check(const struct core *core, size_t service, struct arena *arena,
    struct control_service *to)
{
	const struct conf *conf = core->conf;
	char text[HEALTH_CHECK_FORMAT_MAX];
	size_t i = service;

	while (strcmp(conf->services[i].name, to->name) != 0)
		i = (i + 1) % conf->n_services; /* it is there */
	health_check_format(&conf->services[i].check, text);
	to->check = arena_copy(arena, text, strlen(text));
	return to->check != NULL ? 0 : -1;
}

const char *
report_sync(const struct core *core)
{
	if (core->link != LINK_UP)
		return core->lost_why.text;
	if (core->plan == NULL)
		return "nothing is configured";
	switch (core->sync) {
	case SYNC_GOOD:
		return "";
	case SYNC_UNKNOWN:
		if (core->cluster.join != JOIN_IN)
			return core->cluster.join_why.text;
		if (!core->cluster.health_ready)
			return "the first round of checks is awaited";
		if (core->put_off)
			return "it puts the last change off: it makes room, or "
			       "is replaced";
		return "it has not yet answered to the last change";
	case SYNC_REFUSED:
	case SYNC_WRONG:
		break;
	}
	return core->sync_why.text;
}

const char *
report_node_name(const struct core *core)
{
	return core->file != NULL ? core->file->node_name : "";
}

int
report_status(const struct core *core, struct mono now, struct arena *arena,
    struct control_reply *reply)
{
	struct control_node *node = &reply->node;

	node->name = report_node_name(core);
	node->version = PACKAGE_VERSION;
	node->uptime_s = (uint64_t)(now.us - core->started.us) / 1000000;
	node->config_path = core->conf != NULL ? core->conf->path : "";
	node->config_error = core->config_error.text;
	node->balancer_connected = core->link == LINK_UP;
	node->in_sync = serves_plan(core);
	node->balancer_error = report_sync(core);
	node->balancer = core->heard != NULL ? &core->heard->status : NULL;
	node->has_flows = true;
	node->flows = core->flows.stats;
	if (core->plan == NULL)
		return 0;
	if (report_announce(core, now, arena, &reply->announce) == -1)
		return -1;
	reply->n_services = core->plan->state->n_services;
	reply->services = arena_alloc(
	    arena, reply->n_services, sizeof(*reply->services));
	if (reply->services == NULL)
		return -1;
	for (size_t i = 0; i < reply->n_services; i++) {
		service_summary(core, i, &reply->services[i]);
		if (fill_check(core, i, arena, &reply->services[i]) == -1)
			return -1;
	}
	return 0;
}

static int
cmp_members(const void *a, const void *b)
{
	const struct control_member *x = a, *y = b;

	return addr_cmp(&x->addr, &y->addr);
}

/* The view puts members in ascending order of their addresses. */
static void
fill_intents(const struct core *core, struct control_service *to)
{
	const struct conf_service *s = core->conf->services;
	struct control_member key, *found;

	while (strcmp(s->name, to->name) != 0)
		s++; /* the plan has no service that is not configured */
	for (size_t i = 0; i < s->n_backends; i++) {
		key.addr = s->backends[i].addr;
		found = bsearch(&key, to->members, to->n_members,
		    sizeof(*to->members), cmp_members);
		if (found != NULL)
			found->intent = intent_name(s->backends[i].intent);
	}
}

static void
fill_health(
    const struct core *core, const char *service, struct control_member *to)
{
	const struct votes *votes = core->cluster.votes;
	const struct view_health health = votes_health(votes);
	const struct view_verdict key = {service, to->addr, HEALTH_UNKNOWN};
	const struct view_verdict *found;

	to->health = health_name(view_health_of(&health, service, &to->addr));
	to->own = to->own_why = "";
	if (votes->n == 0 ||
	    (found = bsearch(&key, votes->verdicts, votes->n, sizeof(key),
		 view_verdict_cmp)) == NULL)
		return;
	to->votes_up = votes->tallies[found - votes->verdicts].up;
	to->votes_down = votes->tallies[found - votes->verdicts].down;
}

/* What this node itself observes. */
static int
fill_own(const struct core *core, struct mono now, struct arena *arena,
    struct control_service *to)
{
	const struct checks *checks = core->cluster.checks;
	struct checks_state s;
	struct control_member key, *found;

	for (size_t i = 0; i < checks_count(checks); i++) {
		checks_get(checks, i, &s);
		if (strcmp(s.service, to->name) != 0)
			continue;
		key.addr = s.backend;
		found = bsearch(&key, to->members, to->n_members,
		    sizeof(*to->members), cmp_members);
		if (found == NULL)
			continue;
		found->own = s.flapping ? "flapping" : health_name(s.health);
		/* The checks may be others before this step is over. */
		found->own_why = arena_copy(arena, s.why, strlen(s.why));
		if (found->own_why == NULL)
			return -1;
		found->own_since_s = (uint64_t)(now.us - s.since.us) / 1000000;
	}
	return 0;
}

static void
member(const struct core *core, size_t service, size_t i,
    struct control_member *to)
{
	const struct forwarding *f = core->plan->state;
	const struct forwarding_service *s = &f->services[service];
	const struct report_backend *b;

	to->addr = f->backends[s->members[i].backend];
	to->weight = s->members[i].weight;
	to->phi = s->members[i].phi;
	to->slots = core->plan->services[service].slots[i];
	to->intent = "";
	fill_health(core, s->name, to);
	to->interface = "";
	if ((b = report_find_backend(core, &to->addr)) == NULL)
		return;
	to->packets = b->packets;
	to->bytes = b->bytes;
	to->resolved = b->resolved;
	to->interface = b->interface;
	to->has_mac = b->has_mac;
	memcpy(to->mac, b->mac, sizeof(to->mac));
}

int
report_service(const struct core *core, struct mono now, const char *name,
    struct arena *arena, struct control_reply *reply)
{
	const struct forwarding *f = core->plan->state;
	struct control_service *to = arena_alloc(
	    arena, 1, sizeof(*reply->services));
	size_t i = 0;

	if (to == NULL)
		return -1;
	while (strcmp(f->services[i].name, name) != 0)
		i++; /* the caller has seen that it is there */
	reply->services = to;
	reply->n_services = 1;
	service_summary(core, i, to);
	to->n_members = f->services[i].n_members;
	to->members = arena_alloc(arena, to->n_members, sizeof(*to->members));
	if (to->members == NULL)
		return -1;
	for (size_t m = 0; m < to->n_members; m++)
		member(core, i, m, &to->members[m]);
	fill_intents(core, to);
	if (fill_own(core, now, arena, to) == -1)
		return -1;
	return fill_check(core, i, arena, to);
}
