/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4, 64 bits (Aumasson and Bernstein, INDOCRYPT 2012): a keyed hash
 * that nobody without the key can aim at. The key is the cluster's seed. */
#ifndef BALANCER_CORE_SIPHASH_H
#define BALANCER_CORE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_LEN 16

uint64_t siphash24(
    const uint8_t key[SIPHASH_KEY_LEN], const void *data, size_t len);

#endif
