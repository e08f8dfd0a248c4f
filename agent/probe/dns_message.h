/* SPDX-License-Identifier: Apache-2.0 */
/* The two DNS messages of a check (RFC 1035, section 4): a query for the A
 * records of a name, and what matters of the answer. Pure. */
#ifndef AGENT_PROBE_DNS_MESSAGE_H
#define AGENT_PROBE_DNS_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

/* Header, name, type and class. */
#define DNS_QUERY_MAX (12 + 255 + 4)

/* name: as health_check_validate lets it through. Returns the length. */
size_t dns_query_format(
    const char *name, uint16_t id, uint8_t out[DNS_QUERY_MAX]);

/* The answer's RCODE, 0..15, or -1: this is no answer to that query. */
int dns_answer_rcode(
    const uint8_t *answer, size_t len, const uint8_t *query, size_t query_len);

/* "NXDOMAIN"; "RCODE 11" for what has no name here. Returns buf. */
#define DNS_RCODE_TEXT_MAX 16
const char *dns_rcode_format(int rcode, char buf[DNS_RCODE_TEXT_MAX]);

#endif
