/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may send: it is refused for a reason in one line, or it is a
 * message that is packed, and read again, the same. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/peer/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(bool good)
{
	if (!good)
		abort();
}

/* What was taken keeps the promises that the core relies on. */
static void
check_objects(struct object *const *objects, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(object_valid(objects[i]) && objects[i]->refs == 1);
}

static void
check_values(const struct peer_message *m)
{
	if (m->kind == PEER_DELTA)
		check_objects(m->delta.adds, m->delta.n_adds);
	if (m->kind == PEER_FULL_CHUNK)
		check_objects(m->full_chunk.objects, m->full_chunk.n_objects);
	if (m->kind == PEER_HEARTBEAT)
		check(m->heartbeat.n_beats >= 1 &&
		    m->heartbeat.n_beats <= FRESHNESS_MAX);
	if (m->kind == PEER_OBSERVED)
		for (size_t i = 0; i < m->observed.n_entries; i++)
			check(m->observed.entries[i].service[0] != '\0');
}

static void
check_again(const struct peer_message *m)
{
	size_t len, again_len;
	uint8_t *data = peer_pack(m, &len), *again_data;
	struct peer_message *again;

	check(data != NULL);
	check(peer_unpack(data, len, &again, NULL) == PEER_UNPACK_OK);
	check(again->kind == m->kind);
	again_data = peer_pack(again, &again_len);
	check(again_data != NULL && again_len == len);
	check(memcmp(again_data, data, len) == 0);
	peer_message_free(again);
	free(again_data);
	free(data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct peer_message *m;
	struct errmsg why = {""};
	enum peer_unpack_result result = peer_unpack(data, len, &m, &why);

	check((result == PEER_UNPACK_OK) == (m != NULL));
	check((m == NULL) == (why.text[0] != '\0'));
	check(strchr(why.text, '\n') == NULL);
	if (m == NULL) {
		check(result == PEER_UNPACK_MALFORMED ||
		    result == PEER_UNPACK_UNKNOWN);
		return 0;
	}
	check_values(m);
	check_again(m);
	peer_message_free(m);
	return 0;
}
