/* SPDX-License-Identifier: Apache-2.0 */
/* State files as a bad disk may hand them back: there is a reason in one line,
 * or a state that survives being written again. Each input is read as it is,
 * and once more behind a good header, which no mutation would hit upon. */
#include "config.h"

#include <endian.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(bool good)
{
	if (!good)
		abort();
}

static void
check_same(const struct replica *a, const struct replica *b)
{
	uint8_t a_digest[REPLICA_DIGEST_LEN], b_digest[REPLICA_DIGEST_LEN];

	check((a == NULL) == (b == NULL));
	if (a == NULL)
		return;
	check(replica_check(a, NULL) == 0 && replica_check(b, NULL) == 0);
	check(a->hlc == b->hlc && a->n_vv == b->n_vv);
	check(replica_digest(a, a_digest) == 0);
	check(replica_digest(b, b_digest) == 0);
	check(memcmp(a_digest, b_digest, sizeof(a_digest)) == 0);
}

static void
check_again(const struct store_state *state)
{
	struct store_state again = {.draining = !state->draining};
	size_t len;
	uint8_t *data = store_encode(state, &len);

	check(data != NULL);
	check(store_decode(data, len, &again, NULL) == STORE_FILE_GOOD);
	check(again.draining == state->draining);
	check(again.incarnation == state->incarnation);
	check(again.synced_ms == state->synced_ms);
	check_same(again.replica, state->replica);
	store_state_clear(&again);
	free(data);
}

static void
decode(const uint8_t *data, size_t len)
{
	struct store_state state = {.draining = true};
	struct errmsg why = {""};
	enum store_file file = store_decode(data, len, &state, &why);

	if (file == STORE_FILE_GOOD) {
		check(why.text[0] == '\0');
		check_again(&state);
		store_state_clear(&state);
		return;
	}
	check(file == STORE_FILE_DAMAGED || file == STORE_FILE_OPAQUE);
	check(state.draining && state.replica == NULL);
	check(why.text[0] != '\0' && strchr(why.text, '\n') == NULL);
}

/* Magic, version and length of the file, and its checksum. */
static void
seal(uint8_t *file, size_t len)
{
	uint64_t payload_len = htobe64(len - STORE_HEADER_LEN);

	memcpy(file, "GWSTATE1\0\0\0\2", 12);
	memcpy(file + 12, &payload_len, sizeof(payload_len));
	check(EVP_Digest(file + STORE_HEADER_LEN, len - STORE_HEADER_LEN,
		  file + 20, NULL, EVP_sha256(), NULL) == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *file;

	decode(data, len);
	if (len < STORE_HEADER_LEN)
		return 0;
	check((file = malloc(len)) != NULL);
	memcpy(file, data, len);
	seal(file, len);
	decode(file, len);
	free(file);
	return 0;
}
