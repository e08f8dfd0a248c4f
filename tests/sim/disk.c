/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of the state file, as store.c leaves it: what it does is taken as
 * one step that may be cut off, and check_store_crash has each of the steps.
 * What is in the files are the bytes that store_wire.c makes. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/sim/sim.h"

static void
image_clear(struct image *i)
{
	free(i->data);
	*i = (struct image){NULL, 0};
}

static struct image
image_copy(const struct image *i)
{
	struct image copy = {NULL, 0};

	if (i->data == NULL)
		return copy;
	copy.data = malloc(i->len + 1);
	GW_ASSERT(copy.data != NULL);
	memcpy(copy.data, i->data, i->len);
	copy.len = i->len;
	return copy;
}

static void
image_move(struct image *to, struct image *from)
{
	free(to->data);
	*to = *from;
	*from = (struct image){NULL, 0};
}

void
disk_clear(struct disk *d)
{
	image_clear(&d->current);
	image_clear(&d->former);
	image_clear(&d->old);
	image_clear(&d->unsure);
	image_clear(&d->next);
	replica_free(d->durable);
	replica_free(d->coming);
	*d = (struct disk){0};
}

/* The new file is in its place. */
static void
finish(struct disk *d)
{
	image_move(&d->former, &d->current);
	image_move(&d->current, &d->next);
	image_clear(&d->unsure);
	replica_free(d->durable);
	d->durable = d->coming;
	d->coming = NULL;
	d->busy = false;
}

static void
give_up(struct disk *d)
{
	image_clear(&d->next);
	replica_free(d->coming);
	d->coming = NULL;
	d->busy = false;
}

static void
fire_saved(struct sim *sim, struct event *e)
{
	struct node *node = &sim->nodes[e->node];
	struct disk *d = &node->disk;
	struct core_event told = {.type = CORE_PERSISTED};

	if (d->next.data == NULL) {
		give_up(d);
		told.text = "no memory for the state";
	} else if (!sim->healed && (sim->faults & FAULT_EIO) &&
	    rng_chance(&sim->disk, 40)) {
		if (rng_chance(&sim->disk, 300))
			image_move(&d->unsure, &d->next);
		give_up(d);
		told.text = "input/output error";
	} else if (sim->options.planted == PLANTED_EARLY_ACK) {
		give_up(d);
	} else {
		finish(d);
	}
	node_step(sim, node, &told);
}

void
disk_save(struct sim *sim, struct node *node, const struct core_state *s)
{
	const struct store_state state = {.draining = s->draining,
	    .incarnation = s->incarnation,
	    .synced_ms = s->synced_ms,
	    .replica = s->replica};
	struct disk *d = &node->disk;
	int64_t takes = rng_between(&sim->disk, 1, 5) * SIM_MS;

	if (d->busy) {
		sim_fail(sim, "%s writes twice at once", node->name);
		return;
	}
	if (rng_chance(&sim->disk, 20))
		takes = rng_between(&sim->disk, 50, 500) * SIM_MS;
	d->busy = true;
	if (node->starving)
		alloc_arm(&sim->memory, 200);
	d->next.data = store_encode(&state, &d->next.len);
	alloc_disarm();
	d->coming = s->replica != NULL ? replica_copy(s->replica)
				       : replica_new();
	GW_ASSERT(d->coming != NULL);
	if (d->next.data != NULL)
		sim_trace(sim, d->next.data, d->next.len);
	sim_put(sim, sim->now_us + takes, fire_saved, node->id, node->life, 0,
	    0, NULL);
}

/* After a power cut each name stands for one of the files that it was given
 * since the folder was last confirmed. */
void
disk_cut(struct sim *sim, struct node *node, bool power)
{
	struct disk *d = &node->disk;

	if (power && d->unsure.data != NULL && rng_chance(&sim->disk, 500)) {
		image_move(&d->current, &d->unsure);
		d->undone = true;
		d->tampered_us = sim->now_us;
	}
	if (!d->busy)
		return;
	if (d->next.data != NULL && rng_chance(&sim->disk, 500)) {
		finish(d);
		return;
	}
	if (d->current.data != NULL && rng_chance(&sim->disk, 500)) {
		image_clear(&d->former);
		d->former = image_copy(&d->current);
	}
	give_up(d);
}

static enum store_file
examine(const struct image *i, struct store_state *state, struct errmsg *why)
{
	if (i->data == NULL)
		return STORE_FILE_ABSENT;
	return store_decode(i->data, i->len, state, why);
}

static void
forget_durable(struct disk *d, const struct replica *now)
{
	replica_free(d->durable);
	d->durable = now != NULL ? replica_copy(now) : replica_new();
	GW_ASSERT(d->durable != NULL);
	d->undone = false;
}

/* What was saved is what is loaded, unless it has been tampered with. */
static void
check_whole(struct sim *sim, struct node *node, const struct store_state *s)
{
	struct disk *d = &node->disk;
	uint8_t was[REPLICA_DIGEST_LEN] = {0}, is[REPLICA_DIGEST_LEN] = {0};

	if (d->durable == NULL || s->replica == NULL)
		return;
	replica_digest(d->durable, was);
	replica_digest(s->replica, is);
	if (memcmp(was, is, sizeof(is)) == 0)
		return;
	if (!d->undone)
		sim_fail(
		    sim, "%s loads another state than it saved", node->name);
}

/* The order in which store_load looks. */
enum store_result
disk_load(struct sim *sim, struct node *node, struct store_state *state,
    struct errmsg *why)
{
	struct disk *d = &node->disk;
	enum store_result result;
	enum store_file file;

	*state = (struct store_state){0};
	image_clear(&d->unsure);
	file = examine(&d->current, state, why);
	if (file == STORE_FILE_GOOD) {
		check_whole(sim, node, state);
		forget_durable(d, state->replica);
		return STORE_LOADED;
	}
	image_clear(&d->current);
	if (file == STORE_FILE_ABSENT && d->former.data == NULL)
		result = STORE_NONE;
	else if (examine(&d->former, state, why) == STORE_FILE_GOOD)
		result = STORE_FORMER;
	else
		result = STORE_LOST;
	if (result == STORE_LOST) {
		image_clear(&d->former);
		errmsg_set(why, "all files are damaged");
	}
	forget_durable(d, state->replica);
	return result;
}

/* Something changes what is in a file: it is cut off, or a bit flips. */
void
disk_rot(struct sim *sim, struct node *node)
{
	struct disk *d = &node->disk;
	struct image *i = rng_chance(&sim->disk, 800) ? &d->current
						      : &d->former;

	if (i->data == NULL || i->len == 0)
		return;
	sim_say(sim, node, "its state rots");
	if (rng_chance(&sim->disk, 500))
		i->len = rng_below(&sim->disk, i->len);
	else
		i->data[rng_below(&sim->disk, i->len)] ^= (uint8_t)(1
		    << rng_below(&sim->disk, 8));
	d->undone = true;
	d->tampered_us = sim->now_us;
}

void
disk_keep(struct node *node)
{
	image_clear(&node->disk.old);
	node->disk.old = image_copy(&node->disk.current);
}

void
disk_rollback(struct sim *sim, struct node *node)
{
	struct disk *d = &node->disk;

	if (d->old.data == NULL)
		return;
	sim_say(sim, node, "its state is an older one");
	image_clear(&d->current);
	d->current = image_copy(&d->old);
	image_clear(&d->former);
	d->undone = true;
	d->tampered_us = sim->now_us;
}

void
disk_lose(struct sim *sim, struct node *node)
{
	struct image old = node->disk.old;

	sim_say(sim, node, "its disk is a new one");
	node->disk.old = (struct image){NULL, 0};
	disk_clear(&node->disk);
	node->disk.old = old;
	node->disk.undone = true;
	node->disk.tampered_us = sim->now_us;
}
