/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes compare instead of the thing itself: SHA-256 over its canonical
 * form, cut to 128 bits. Numbers go in big endian, texts behind their length.
 *
 * Only digest_begin can fail, for lack of memory; so a caller that must not
 * fail later begins early. */
#ifndef AGENT_CORE_DIGEST_H
#define AGENT_CORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#define DIGEST_LEN 16

EVP_MD_CTX *digest_begin(void); /* NULL: out of memory */
void digest_bytes(EVP_MD_CTX *, const void *, size_t len);
void digest_number(EVP_MD_CTX *, uint64_t);
void digest_text(EVP_MD_CTX *, const char *, size_t len);
/* The result; and it is gone. */
void digest_end(EVP_MD_CTX *, uint8_t out[DIGEST_LEN]);
void digest_drop(EVP_MD_CTX *); /* without a result; NULL is fine */

#endif
