/* SPDX-License-Identifier: Apache-2.0 */
/* The file of pre-shared keys: a line with 64 hexadecimal digits, the key to
 * call others with, and perhaps a second one, which is accepted as well, so
 * that a key can be changed node by node. Empty lines and lines that begin with
 * '#' do not count.
 *
 * The identity that goes with a key over the wire, in the clear, is
 * CLUSTER/NODE/ID; ID tells the keys of a file apart and is 32 bits of a hash,
 * which is nothing to guess a random key of 256 bits from. */
#ifndef AGENT_PEER_PSK_H
#define AGENT_PEER_PSK_H

#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "common/forwarding.h"

#define PSK_LEN          32
#define PSK_KEYS         2
#define PSK_TEXT_MAX     (2 * PSK_LEN + 1)
#define PSK_ID_LEN       8
#define PSK_IDENTITY_MAX (2 * FORWARDING_NAME_MAX + PSK_ID_LEN + 1)

struct psk {
	uint8_t keys[PSK_KEYS][PSK_LEN];
	char ids[PSK_KEYS][PSK_ID_LEN + 1];
	size_t n;
};

int psk_parse(struct psk *, const char *path, const char *text, size_t len,
    struct errmsg *why);
int psk_load(struct psk *, const char *path, struct errmsg *why);
void psk_clear(struct psk *); /* overwrites */

/* A fresh random key as its line, without the newline. 0, or -1: no random
 * bytes are to be had. */
int psk_generate(char text[PSK_TEXT_MAX]);

void psk_identity(char out[PSK_IDENTITY_MAX], const char *cluster,
    const char *node, const char *id);

/* Takes an identity off the wire apart: the key that it asks for, and the node
 * that it claims to come from. NULL with `why`: another cluster, no such key,
 * or no identity of ours at all. */
const uint8_t *psk_find(const struct psk *, const char *cluster,
    const uint8_t *identity, size_t len, char node[FORWARDING_NAME_MAX],
    struct errmsg *why);

#endif
