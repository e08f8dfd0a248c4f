/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation failures, by the linker's --wrap: those of the agent's own code,
 * not of the libraries that it uses. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "tests/sim/sim.h"

static struct rng *stream; /* NULL: not armed */
static uint64_t odds;

void
alloc_arm(struct rng *rng, uint64_t one_in)
{
	stream = one_in > 0 ? rng : NULL;
	odds = one_in;
}

void
alloc_disarm(void)
{
	stream = NULL;
}

static bool
fails(void)
{
	return stream != NULL && rng_below(stream, odds) == 0;
}

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_reallocarray(void *, size_t, size_t);
char *__real_strdup(const char *);
char *__real_strndup(const char *, size_t);
EVP_MD_CTX *__real_EVP_MD_CTX_new(void);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void *__wrap_reallocarray(void *, size_t, size_t);
char *__wrap_strdup(const char *);
char *__wrap_strndup(const char *, size_t);
EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void);

void *
__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *
__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

char *
__wrap_strndup(const char *s, size_t n)
{
	return fails() ? NULL : __real_strndup(s, n);
}

EVP_MD_CTX *
__wrap_EVP_MD_CTX_new(void)
{
	return fails() ? NULL : __real_EVP_MD_CTX_new();
}
