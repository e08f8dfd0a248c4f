/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/peer/psk.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "agent/peer/secret_file.h"
#include "common/log.h"

#define ID_LABEL "guideway psk id"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int
parse_key(uint8_t key[PSK_LEN], const char *text, size_t len)
{
	if (len != (size_t)2 * PSK_LEN)
		return -1;
	for (size_t i = 0; i < PSK_LEN; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);

		if (high == -1 || low == -1)
			return -1;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static void
set_id(char id[PSK_ID_LEN + 1], const uint8_t key[PSK_LEN])
{
	uint8_t in[sizeof(ID_LABEL) + PSK_LEN], hash[EVP_MAX_MD_SIZE];

	memcpy(in, ID_LABEL, sizeof(ID_LABEL));
	memcpy(in + sizeof(ID_LABEL), key, PSK_LEN);
	GW_ASSERT(
	    EVP_Digest(in, sizeof(in), hash, NULL, EVP_sha256(), NULL) == 1);
	OPENSSL_cleanse(in, sizeof(in));
	snprintf(id, PSK_ID_LEN + 1, "%02x%02x%02x%02x", hash[0], hash[1],
	    hash[2], hash[3]);
}

static int
take_line(struct psk *psk, const char *path, size_t line, const char *text,
    size_t len, struct errmsg *why)
{
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (len == 0 || text[0] == '#')
		return 0;
	if (psk->n == PSK_KEYS)
		return errmsg_set(why,
		    "%s:%zu: more than %d keys; there is the one in use and "
		    "perhaps the next",
		    path, line, PSK_KEYS);
	if (parse_key(psk->keys[psk->n], text, len) == -1)
		return errmsg_set(why,
		    "%s:%zu: a key is %d hexadecimal digits; 'guideway cluster "
		    "psk' makes one",
		    path, line, 2 * PSK_LEN);
	set_id(psk->ids[psk->n], psk->keys[psk->n]);
	psk->n++;
	return 0;
}

int
psk_parse(struct psk *psk, const char *path, const char *text, size_t len,
    struct errmsg *why)
{
	const char *end = text + len, *next;
	size_t line = 0;

	*psk = (struct psk){0};
	for (; text < end; text = next) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline != NULL ? newline : end) - text);

		next = newline != NULL ? newline + 1 : end;
		if (take_line(psk, path, ++line, text, n, why) == -1)
			return -1;
	}
	if (psk->n == 0)
		return errmsg_set(
		    why, "%s: no key; 'guideway cluster psk' makes one", path);
	return 0;
}

int
psk_load(struct psk *psk, const char *path, struct errmsg *why)
{
	size_t len;
	char *text = secret_file_read(path, &len, why);
	int rc;

	if (text == NULL)
		return -1;
	rc = psk_parse(psk, path, text, len, why);
	secret_file_forget(text, len);
	return rc;
}

void
psk_clear(struct psk *psk)
{
	OPENSSL_cleanse(psk, sizeof(*psk));
}

int
psk_generate(char text[PSK_TEXT_MAX])
{
	uint8_t key[PSK_LEN];

	if (RAND_priv_bytes(key, sizeof(key)) != 1)
		return -1;
	for (size_t i = 0; i < PSK_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", key[i]);
	OPENSSL_cleanse(key, sizeof(key));
	return 0;
}

void
psk_identity(char out[PSK_IDENTITY_MAX], const char *cluster, const char *node,
    const char *id)
{
	int n = snprintf(out, PSK_IDENTITY_MAX, "%s/%s/%s", cluster, node, id);

	GW_ASSERT(n > 0 && n < PSK_IDENTITY_MAX);
}

const uint8_t *
psk_find(const struct psk *psk, const char *cluster, const uint8_t *identity,
    size_t len, char node[FORWARDING_NAME_MAX], struct errmsg *why)
{
	const char *text = (const char *)identity, *end = text + len, *id;
	size_t cluster_len = strlen(cluster), node_len;

	if (len <= cluster_len || memcmp(text, cluster, cluster_len) != 0 ||
	    text[cluster_len] != '/') {
		errmsg_set(why, "its key is not of cluster %s", cluster);
		return NULL;
	}
	text += cluster_len + 1;
	id = memchr(text, '/', (size_t)(end - text));
	node_len = id != NULL ? (size_t)(id - text) : 0;
	if (id == NULL || !forwarding_name_valid(text, node_len)) {
		errmsg_set(why, "it does not name its node with its key");
		return NULL;
	}
	memcpy(node, text, node_len);
	node[node_len] = '\0';
	for (size_t i = 0; i < psk->n; i++)
		if ((size_t)(end - id - 1) == PSK_ID_LEN &&
		    memcmp(id + 1, psk->ids[i], PSK_ID_LEN) == 0)
			return psk->keys[i];
	errmsg_set(why, "node %s uses a key that is not in the file", node);
	return NULL;
}
