/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes compare: SHA-256 over the members and the slots. The context is
 * made with the table, so that here nothing is left to fail. */
#include "config.h"

#include "balancer/core/table_impl.h"

#include <openssl/evp.h>
#include <string.h>

#include "common/log.h"

int
table_digest_init(struct table *t)
{
	t->sha256 = EVP_MD_CTX_new();
	return t->sha256 != NULL &&
		EVP_DigestInit_ex(t->sha256, EVP_sha256(), NULL) == 1
	    ? 0
	    : -1;
}

static void
put(const struct table *t, const void *data, size_t len)
{
	GW_ASSERT(EVP_DigestUpdate(t->sha256, data, len) == 1);
}

static void
put16(const struct table *t, uint16_t x)
{
	const uint8_t bytes[] = {(uint8_t)(x >> 8), (uint8_t)x};

	put(t, bytes, sizeof(bytes));
}

static void
put32(const struct table *t, uint32_t x)
{
	put16(t, (uint16_t)(x >> 16));
	put16(t, (uint16_t)x);
}

static void
put_slots(const struct table *t, const uint16_t *slots)
{
	uint8_t chunk[4096];
	uint32_t n;

	for (uint32_t s = 0; s < t->size; s += n) {
		n = t->size - s;
		if (n > sizeof(chunk) / 2)
			n = sizeof(chunk) / 2;
		for (uint32_t i = 0; i < n; i++) {
			chunk[2 * i] = (uint8_t)(slots[s + i] >> 8);
			chunk[2 * i + 1] = (uint8_t)slots[s + i];
		}
		put(t, chunk, 2 * (size_t)n);
	}
}

void
table_digest(const struct table *t, const uint16_t *slots,
    uint8_t digest[TABLE_DIGEST_LEN])
{
	uint8_t whole[EVP_MAX_MD_SIZE];

	GW_ASSERT(EVP_DigestInit_ex(t->sha256, NULL, NULL) == 1);
	put32(t, TABLE_ALGO_VERSION);
	put32(t, t->size);
	put32(t, t->n);
	for (uint32_t i = 0; i < t->n; i++) {
		const struct table_entry *e = &t->entries[i];

		put32(t, e->name_len);
		put(t, t->names + e->name, e->name_len);
		put16(t, e->weight);
		put16(t, e->phi);
	}
	put_slots(t, slots != NULL ? slots : t->slots);
	GW_ASSERT(EVP_DigestFinal_ex(t->sha256, whole, NULL) == 1);
	memcpy(digest, whole, TABLE_DIGEST_LEN);
}
