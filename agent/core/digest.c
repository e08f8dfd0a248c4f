/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/digest.h"

#include <string.h>

#include <openssl/evp.h>

#include "common/log.h"

EVP_MD_CTX *
digest_begin(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
		return ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}

void
digest_bytes(EVP_MD_CTX *d, const void *bytes, size_t len)
{
	GW_ASSERT(EVP_DigestUpdate(d, bytes, len) == 1);
}

void
digest_number(EVP_MD_CTX *d, uint64_t n)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(n >> (56 - 8 * i));
	digest_bytes(d, bytes, sizeof(bytes));
}

void
digest_text(EVP_MD_CTX *d, const char *text, size_t len)
{
	digest_number(d, len);
	digest_bytes(d, text, len);
}

void
digest_end(EVP_MD_CTX *d, uint8_t out[DIGEST_LEN])
{
	uint8_t sum[EVP_MAX_MD_SIZE];

	GW_ASSERT(EVP_DigestFinal_ex(d, sum, NULL) == 1);
	memcpy(out, sum, DIGEST_LEN);
	digest_drop(d);
}

void
digest_drop(EVP_MD_CTX *d)
{
	EVP_MD_CTX_free(d);
}
