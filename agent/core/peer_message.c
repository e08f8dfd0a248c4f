/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/peer_message.h"

#include "common/arena.h"

static void
unref_all(struct object **objects, size_t n)
{
	for (size_t i = 0; i < n; i++)
		object_unref(objects[i]);
}

/* The message lives in its arena as well. */
void
peer_message_free(struct peer_message *m)
{
	if (m == NULL)
		return;
	if (m->kind == PEER_DELTA)
		unref_all(m->delta.adds, m->delta.n_adds);
	if (m->kind == PEER_FULL_CHUNK)
		unref_all(m->full_chunk.objects, m->full_chunk.n_objects);
	if (m->arena != NULL)
		arena_free(m->arena);
}
