/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a state file. They are checked from the outside in: whose file,
 * of which version, whole, and only then what it says. */
#include "config.h"

#include "agent/store.h"

#include <endian.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "agent/peer/wire_object.h"
#include "common/arena.h"
#include "common/budget.h"
#include "proto/state.pb-c.h"

typedef Guideway__State__State MsgState;
typedef Guideway__Cluster__Replica MsgReplica;

#define MAGIC          "GWSTATE1"
#define MAGIC_LEN      8
#define FORMAT_PLAIN   1
#define FORMAT_REPLICA 2
#define SHA256_LEN     32

/* Offsets; the picture is in store.h. */
#define AT_VERSION 8
#define AT_LENGTH  12
#define AT_SHA256  20
_Static_assert(STORE_HEADER_LEN == AT_SHA256 + SHA256_LEN, "header");

static uint32_t
get32(const uint8_t *p)
{
	uint32_t big;

	memcpy(&big, p, sizeof(big));
	return be32toh(big);
}

static uint64_t
get64(const uint8_t *p)
{
	uint64_t big;

	memcpy(&big, p, sizeof(big));
	return be64toh(big);
}

static bool
sha256(const uint8_t *data, size_t len, uint8_t digest[SHA256_LEN])
{
	return EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) == 1;
}

static enum store_file
damaged(struct errmsg *why, const char *what)
{
	errmsg_set(why, "%s", what);
	return STORE_FILE_DAMAGED;
}

static enum store_file
opaque(struct errmsg *why, const char *what)
{
	errmsg_set(why, "%s", what);
	return STORE_FILE_OPAQUE;
}

static enum store_file
check_version(uint32_t version, struct errmsg *why)
{
	if (version == FORMAT_PLAIN || version == FORMAT_REPLICA)
		return STORE_FILE_GOOD;
	if (version < FORMAT_PLAIN)
		return damaged(why, "of no known version");
	errmsg_set(why,
	    "written by a newer Guideway (its version is %u, this agent reads "
	    "%d): start that one, or move the file away",
	    version, FORMAT_REPLICA);
	return STORE_FILE_OPAQUE;
}

/* All that can be told without the payload's meaning. */
static enum store_file
check_whole(const uint8_t *data, size_t len, struct errmsg *why)
{
	uint8_t digest[SHA256_LEN];
	enum store_file file;

	if (memcmp(data, MAGIC, len < MAGIC_LEN ? len : MAGIC_LEN) != 0)
		return damaged(why, "not a state file of Guideway");
	if (len < AT_LENGTH)
		return damaged(why, "cut short");
	/* Only what comes before it is the same in each version. */
	file = check_version(get32(data + AT_VERSION), why);
	if (file != STORE_FILE_GOOD)
		return file;
	if (len < STORE_HEADER_LEN)
		return damaged(why, "cut short");
	if (len > STORE_FILE_MAX ||
	    get64(data + AT_LENGTH) != len - STORE_HEADER_LEN)
		return damaged(why, "not as long as it says");
	if (!sha256(data + STORE_HEADER_LEN, len - STORE_HEADER_LEN, digest))
		return opaque(why, "no memory for its checksum");
	if (memcmp(data + AT_SHA256, digest, SHA256_LEN) != 0)
		return damaged(why, "its checksum is wrong");
	return STORE_FILE_GOOD;
}

void
store_state_clear(struct store_state *state)
{
	replica_free(state->replica);
	*state = (struct store_state){0};
}

/* A file with the right checksum and a bad replica was written by a faulty
 * program, or for somebody who is up to something. */
static enum store_file
read_replica(struct replica **out, const MsgReplica *m, struct errmsg *why)
{
	struct errmsg cause;
	struct fields f = {.why = &cause};

	*out = NULL;
	if (m == NULL || (*out = replica_unpack(&f, m)) != NULL)
		return STORE_FILE_GOOD;
	errmsg_set(why, "its configuration cannot be taken: %s", cause.text);
	return f.no_memory ? STORE_FILE_OPAQUE : STORE_FILE_DAMAGED;
}

static enum store_file
read_state(struct store_state *state, const MsgState *m, struct errmsg *why)
{
	struct replica *replica;
	enum store_file file = read_replica(&replica, m->replica, why);

	if (file == STORE_FILE_GOOD)
		*state = (struct store_state){
		    .draining = m->draining,
		    .incarnation = m->incarnation,
		    .synced_ms = m->synced_ms,
		    .replica = replica,
		};
	return file;
}

enum store_file
store_decode(const uint8_t *data, size_t len, struct store_state *state,
    struct errmsg *why)
{
	enum store_file file = check_whole(data, len, why);
	struct budget budget;
	MsgState *m;

	if (file != STORE_FILE_GOOD)
		return file;
	data += STORE_HEADER_LEN;
	len -= STORE_HEADER_LEN;
	budget_init(&budget, len);
	m = guideway__state__state__unpack(&budget.allocator, len, data);
	/* Not damaged, for these are the bytes that were written: there is no
	 * memory, or another program has its own idea of this format. */
	if (m == NULL)
		return opaque(why, "its content cannot be decoded");
	file = read_state(state, m, why);
	guideway__state__state__free_unpacked(m, &budget.allocator);
	return file;
}

static void
put_header(uint8_t *data, uint32_t format, size_t payload_len)
{
	uint32_t version = htobe32(format);
	uint64_t length = htobe64(payload_len);

	memcpy(data, MAGIC, MAGIC_LEN);
	memcpy(data + AT_VERSION, &version, sizeof(version));
	memcpy(data + AT_LENGTH, &length, sizeof(length));
}

static uint8_t *
seal(const MsgState *m, size_t *len)
{
	size_t payload_len = guideway__state__state__get_packed_size(m);
	uint8_t *data;

	*len = STORE_HEADER_LEN + payload_len;
	if ((data = malloc(*len)) == NULL)
		return NULL;
	put_header(data, m->replica != NULL ? FORMAT_REPLICA : FORMAT_PLAIN,
	    payload_len);
	guideway__state__state__pack(m, data + STORE_HEADER_LEN);
	if (sha256(data + STORE_HEADER_LEN, payload_len, data + AT_SHA256))
		return data;
	free(data);
	return NULL;
}

uint8_t *
store_encode(const struct store_state *state, size_t *len)
{
	MsgState m = GUIDEWAY__STATE__STATE__INIT;
	struct arena *arena = arena_new();
	uint8_t *data = NULL;

	m.draining = state->draining;
	m.incarnation = state->incarnation;
	m.synced_ms = state->synced_ms;
	if (arena != NULL && state->replica != NULL)
		m.replica = replica_pack(arena, state->replica);
	if (arena != NULL && (m.replica != NULL) == (state->replica != NULL))
		data = seal(&m, len);
	arena_free(arena);
	return data;
}
