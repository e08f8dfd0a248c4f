/* SPDX-License-Identifier: Apache-2.0 */
/* What flows_batch.c and flows_settled.c share, and the same for who reads more
 * than that from a message. Only wire files include this. */
#ifndef COMMON_FLOWS_FIELDS_H
#define COMMON_FLOWS_FIELDS_H

#include "common/fields.h"
#include "common/flows_batch.h"
#include "proto/flows.pb-c.h"

ProtobufCBinaryData *flows_backends_pack(
    struct arena *, const struct addr *, size_t n); /* NULL: out of memory */
struct addr *flows_backends_read(
    struct fields *, const ProtobufCBinaryData *, size_t *n);
const char *flows_name_read(struct fields *, const ProtobufCBinaryData *);
uint32_t flows_age(uint32_t age_s); /* within bounds */

/* As flow_batch_from_message and settled_batch_from_message; faults are in the
 * fields. */
void flow_batch_read(struct fields *, struct flow_batch *,
    const Guideway__Flows__Flows *, size_t max);
void settled_batch_read(struct fields *, struct settled_batch *,
    const Guideway__Flows__Settled *, size_t max);

#endif
