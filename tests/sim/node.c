/* SPDX-License-Identifier: Apache-2.0 */
/* One node: the edges of its agent, as daemon.c has them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/sim/sim.h"

/* In a tenth of a second. Far more than it has to do. */
#define TICKS_MAX 400

struct mono
node_mono(const struct sim *sim, const struct node *node)
{
	int64_t t = sim->now_us;

	return (struct mono){node->mono_base_us + t +
	    t / 1000000 * node->drift_ppm +
	    t % 1000000 * node->drift_ppm / 1000000};
}

/* The world's time at which the node's clock says so, or a little later. */
static int64_t
world_us(const struct sim *sim, const struct node *node, struct mono m)
{
	int64_t wait = m.us - node_mono(sim, node).us;

	return sim->now_us + wait - wait / 1000000 * node->drift_ppm + 1;
}

uint64_t
node_wall_ms(const struct sim *sim, const struct node *node)
{
	return UINT64_C(1800000000000) + (uint64_t)(sim->now_us / 1000) +
	    (uint64_t)node->wall_ms;
}

void
node_init(struct sim *sim, int id)
{
	struct node *node = &sim->nodes[id];

	node->id = id;
	node->powered = true;
	snprintf(node->name, sizeof(node->name), "n%02d", id);
	node->mono_base_us = rng_between(&sim->fault, 1, 1000) * SIM_S;
	if (sim->faults & FAULT_CLOCK) {
		node->drift_ppm = (int)rng_between(&sim->fault, -200, 200);
		node->wall_ms = rng_chance(&sim->fault, 300)
		    ? rng_between(&sim->fault, -3600000, 3600000)
		    : rng_between(&sim->fault, -500, 500);
	}
	if (sim->faults & FAULT_FILE)
		node->file = (int)rng_below(&sim->fault, 3);
	node->out = core_outputs_new();
	GW_ASSERT(node->out != NULL);
	balancer_start(sim, node);
}

void
node_clear(struct node *node)
{
	core_free(node->core);
	core_outputs_free(node->out);
	replica_free(node->last);
	disk_clear(&node->disk);
	balancer_clear(node);
}

static size_t
put_services(
    const struct sim *sim, const struct node *node, char *text, size_t room)
{
	int services = sim->n_services > 0 ? sim->n_services : 2;
	int backends = sim->n_backends > 0 ? sim->n_backends : 3;
	size_t n = 0;

	for (int s = 0; s < services; s++) {
		n += (size_t)snprintf(text + n, room - n,
		    "  - name: s%d\n    vips: [203.0.%d.%d]\n"
		    "    protocol: tcp\n    ports: [80]\n"
		    "    table_size: %d\n%s"
		    "    backends:\n",
		    s, 113 + s / 250, s % 250 + 1, backends > 200 ? 16384 : 256,
		    backends > 200 ? "" : "    check: {type: tcp}\n");
		for (int b = 1; b <= backends + (node->file == 1); b++)
			n += (size_t)snprintf(text + n, room - n,
			    "      - address: 10.%d.%d.%d\n"
			    "        weight: %d\n",
			    s + 1, b / 250, b % 250,
			    node->file == 2 && b == 1 ? 3 : 1);
	}
	return n;
}

struct conf *
node_conf(const struct sim *sim, const struct node *node)
{
	size_t room = 65536 +
	    (size_t)sim->n_services * (size_t)(sim->n_backends + 4) * 100,
	       n;
	char *text = malloc(room);
	struct conf *conf;
	struct errmsg why;

	GW_ASSERT(text != NULL);
	n = (size_t)snprintf(text, room,
	    "node: {name: %s}\nannounce: {enabled: true, drain_quiet: 2}\n"
	    "cluster:\n  seed: 000102030405060708090a0b0c0d0e0f\n"
	    "  name: sim\n  insecure: true\n  nodes:\n",
	    node->name);
	for (int i = 0; i < sim->n; i++)
		n += (size_t)snprintf(text + n, room - n,
		    "    - {name: n%02d, address: 127.0.0.%d}\n", i, i + 1);
	n += (size_t)snprintf(text + n, room - n, "services:\n");
	n += put_services(sim, node, text + n, room - n);
	GW_ASSERT(n < room);
	conf = conf_parse("sim.yaml", text, n, &why);
	if (conf == NULL)
		fatalx("sim", "%s", why.text);
	free(text);
	return conf;
}

/* Whose time has come, and does not go. */
static void
say_never_done(struct sim *sim, struct node *node)
{
	const struct core *core = node->core;
	const struct {
		const char *what;
		struct mono at;
	} parts[] = {{"link", link_wakeup(core)}, {"peers", peers_wakeup(core)},
	    {"sync", sync_wakeup(core)}, {"grant", grant_wakeup(core)},
	    {"change", change_wakeup(core)}, {"observe", observe_wakeup(core)},
	    {"cluster", cluster_wakeup(core)},
	    {"command", command_wakeup(core)}, {"flows", flows_wakeup(core)},
	    {"announce", announce_wakeup(core)}};
	const char *what = "";

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].at.us <= node_mono(sim, node).us &&
		    what[0] == '\0')
			what = parts[i].what;
	sim_fail(sim, "%s: it is never done: %s", node->name, what);
}

static void
fire_tick(struct sim *sim, struct event *e)
{
	struct node *node = &sim->nodes[e->node];

	if (e->a != node->tick)
		return;
	node->tick_at_us = INT64_MAX;
	if (sim->now_us >= node->ticks_since_us + 100 * SIM_MS) {
		node->ticks_since_us = sim->now_us;
		node->ticks = 0;
	}
	if (++node->ticks > TICKS_MAX)
		say_never_done(sim, node);
	node_step(sim, node, &(struct core_event){.type = CORE_TICK});
}

static void
schedule(struct sim *sim, struct node *node)
{
	struct mono wake = core_wakeup(node->core);
	int64_t at;

	if (wake.us == INT64_MAX)
		return;
	if (wake.us < 0)
		say_never_done(sim, node);
	at = sim->now_us + 1;
	if (wake.us > node_mono(sim, node).us)
		at = world_us(sim, node, wake);
	/* A tick too many does no harm, and costs less than another one each
	 * time. */
	if (node->tick_at_us != INT64_MAX && at >= node->tick_at_us &&
	    at < node->tick_at_us + 100)
		return;
	node->tick_at_us = at;
	sim_put(
	    sim, at, fire_tick, node->id, node->life, ++node->tick, 0, NULL);
}

static void
write_log(struct sim *sim, struct node *node, const struct core_output *o)
{
	sim_say(sim, node, "%s %s",
	    o->level == CORE_INFO          ? "info"
		: o->level == CORE_WARNING ? "warn"
					   : "ALARM",
	    o->text.text);
}

static void
carry_out(struct sim *sim, struct node *node, const struct core_output *o)
{
	sim_trace_u64(sim, (uint64_t)node->id << 8 | (uint64_t)o->type);
	check_output(sim, node, o);
	if (balancer_output(sim, node, o))
		return;
	switch (o->type) {
	case CORE_PERSIST:
		disk_save(sim, node, o->state_file);
		break;
	case CORE_PEER_DIAL:
		net_dial(sim, node, o->node->name);
		break;
	case CORE_PEER_SEND:
		net_send(sim, node, o->session, o->message);
		break;
	case CORE_PEER_TRUST:
		net_trust(sim, node, o->session);
		break;
	case CORE_PEER_CLOSE:
		sim_say(sim, node, "close %llu: %s",
		    (unsigned long long)o->session, o->text.text);
		net_close(sim, node, o->session);
		break;
	case CORE_PROBE_START:
		workload_probe(sim, node, o);
		break;
	case CORE_REPLY:
		if (sim->options.planted == PLANTED_MUTE && o->client % 7 == 0)
			break;
		workload_reply(sim, node, o->client, &o->reply);
		break;
	case CORE_LOG:
		write_log(sim, node, o);
		break;
	default:
		break;
	}
}

void
node_step(struct sim *sim, struct node *node, struct core_event *event)
{
	bool starve = node->starving && (sim->faults & FAULT_MEMORY);

	event->wall_ms = node_wall_ms(sim, node);
	sim_trace_u64(sim, (uint64_t)sim->now_us);
	sim_trace_u64(sim, (uint64_t)node->id << 8 | (uint64_t)event->type);
	check_before(sim, node, event);
	planted_node = node;
	if (starve)
		alloc_arm(&sim->memory, 200);
	core_step(node->core, node_mono(sim, node), event, node->out);
	alloc_disarm();
	planted_node = NULL;
	sim->result.steps++;
	if (node->out->n > sim->result.most_outputs)
		sim->result.most_outputs = node->out->n;
	check_after(sim, node);
	for (size_t i = 0; i < node->out->n && !sim->failed; i++)
		carry_out(sim, node, &node->out->items[i]);
	schedule(sim, node);
}

static void
fire_start_again(struct sim *sim, struct event *e)
{
	node_start(sim, &sim->nodes[e->node]);
}

/* As a new agent does: the file, the past, the routes. */
static bool
tell_the_past(struct sim *sim, struct node *node)
{
	struct store_state stored;
	struct errmsg why = {""};
	enum store_result result = disk_load(sim, node, &stored, &why);
	bool whole = result == STORE_LOADED || result == STORE_NONE;
	const struct core_state state = {.draining = stored.draining,
	    .lost = result == STORE_LOST,
	    .incarnation = stored.incarnation,
	    .synced_ms = stored.synced_ms,
	    .replica = stored.replica};

	sim_say(sim, node, "starts: life %llu, state %s",
	    (unsigned long long)node->life,
	    result == STORE_LOADED     ? "loaded"
		: result == STORE_NONE ? "none"
				       : why.text);
	node_step(sim, node,
	    &(struct core_event){
		.type = CORE_CONFIG_LOADED, .conf = node_conf(sim, node)});
	node_step(sim, node,
	    &(struct core_event){.type = CORE_STATE_LOADED,
		.state = &state,
		.text = whole ? NULL : why.text});
	kernel_tell(sim, node);
	return core_begun(node->core);
}

void
node_start(struct sim *sim, struct node *node)
{
	if (node->core != NULL)
		return;
	node->powered = true;
	node->life++;
	node->core = core_new(node_mono(sim, node), rng_next(&sim->fault) | 1);
	GW_ASSERT(node->core != NULL);
	node->tick_at_us = INT64_MAX;
	planted_started(sim, node);
	check_loaded(sim, node);
	if (!node->served.running)
		balancer_start(sim, node);
	net_node_back(sim, node);
	if (tell_the_past(sim, node) || sim->failed)
		return;
	node_crash(sim, node, false); /* and is started again */
	sim_put(sim, sim->now_us + 100 * SIM_MS, fire_start_again, node->id, 0,
	    0, 0, NULL);
}

/* power: of the whole node; else only the agent ends. */
void
node_crash(struct sim *sim, struct node *node, bool power)
{
	if (node->core != NULL) {
		sim_say(sim, node, "%s", power ? "power is cut" : "crashes");
		core_outputs_clear(node->out);
		core_free(node->core);
		node->core = NULL;
		workload_node_gone(sim, node);
		balancer_agent_gone(node);
		node->life++;
		net_node_gone(sim, node, power);
	}
	replica_free(node->last);
	node->last = NULL;
	disk_cut(sim, node, power);
	if (power) {
		node->powered = false;
		balancer_crash(sim, node);
	}
	sim->moved = true;
}

void
node_reload(struct sim *sim, struct node *node)
{
	if (node->core != NULL)
		node_step(sim, node,
		    &(struct core_event){.type = CORE_CONFIG_LOADED,
			.conf = node_conf(sim, node)});
}
