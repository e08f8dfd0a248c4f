/* SPDX-License-Identifier: Apache-2.0 */
/* What flows_batch.c and flows_settled.c share. */
#ifndef COMMON_FLOWS_FIELDS_H
#define COMMON_FLOWS_FIELDS_H

#include "common/fields.h"

ProtobufCBinaryData *flows_backends_pack(
    struct arena *, const struct addr *, size_t n); /* NULL: out of memory */
struct addr *flows_backends_read(
    struct fields *, const ProtobufCBinaryData *, size_t *n);
const char *flows_name_read(struct fields *, const ProtobufCBinaryData *);
uint32_t flows_age(uint32_t age_s); /* within bounds */

#endif
