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
check_again(const struct store_state *state)
{
	struct store_state again = {!state->draining};
	size_t len;
	uint8_t *data = store_encode(state, &len);

	check(data != NULL);
	check(store_decode(data, len, &again, NULL) == STORE_FILE_GOOD);
	check(again.draining == state->draining);
	free(data);
}

static void
decode(const uint8_t *data, size_t len)
{
	struct store_state state = {true};
	struct errmsg why = {""};
	enum store_file file = store_decode(data, len, &state, &why);

	if (file == STORE_FILE_GOOD) {
		check(why.text[0] == '\0');
		check_again(&state);
		return;
	}
	check(file == STORE_FILE_DAMAGED || file == STORE_FILE_OPAQUE);
	check(state.draining);
	check(why.text[0] != '\0' && strchr(why.text, '\n') == NULL);
}

/* Magic, version and length of the file, and its checksum. */
static void
seal(uint8_t *file, size_t len)
{
	uint64_t payload_len = htobe64(len - STORE_HEADER_LEN);

	memcpy(file, "GWSTATE1\0\0\0\1", 12);
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
