/* SPDX-License-Identifier: Apache-2.0 */
/* A good message of each kind, with something in every field. */
#ifndef TESTS_UNIT_PEER_SAMPLES_H
#define TESTS_UNIT_PEER_SAMPLES_H

#include "agent/core/peer_message.h"

void peer_samples_setup(void);
void peer_samples_teardown(void);
extern struct peer_message peer_samples[PEER_MESSAGE_KINDS];

struct addr addr_of(const char *text);
/* A service with n registers of text_len bytes, fields 1 to n. */
struct object *service_of(
    const char *key, uint32_t seq, size_t n, size_t text_len);

#endif
