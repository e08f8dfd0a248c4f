/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/probe/dns_message.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"

#define HEADER_LEN 12
#define LABEL_MAX  63

/* In the second 16 bits of the header. */
#define FLAG_RESPONSE 0x80 /* of the first byte */
#define OPCODE        0x78
#define FLAG_RD       0x01
#define RCODE         0x0f /* of the second */

static const uint8_t type_a_class_in[] = {0, 1, 0, 1};

static size_t
put_name(uint8_t *out, const char *name)
{
	size_t n = 0;

	while (*name != '\0') {
		size_t label = strcspn(name, ".");

		if (label == 0) /* the root by itself */
			break;
		GW_ASSERT(label <= LABEL_MAX && n + 1 + label < 255);
		out[n++] = (uint8_t)label;
		memcpy(out + n, name, label);
		n += label;
		name += label;
		if (*name == '.')
			name++;
	}
	out[n++] = 0;
	return n;
}

size_t
dns_query_format(const char *name, uint16_t id, uint8_t out[DNS_QUERY_MAX])
{
	size_t n = HEADER_LEN;

	memset(out, 0, HEADER_LEN);
	out[0] = (uint8_t)(id >> 8);
	out[1] = (uint8_t)id;
	out[2] = FLAG_RD;
	out[5] = 1; /* one question */
	n += put_name(out + n, name);
	memcpy(out + n, type_a_class_in, sizeof(type_a_class_in));
	return n + sizeof(type_a_class_in);
}

/* Names are the same whatever the case; of the other bytes in a question, those
 * of a length are no letters, and those of type and class are checked so, too:
 * none of ours is a letter. */
static int
fold(int c)
{
	return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
}

static int
same_question(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (fold(a[i]) != fold(b[i]))
			return 0;
	return 1;
}

/* A server that cannot read the question need not repeat it. */
int
dns_answer_rcode(
    const uint8_t *answer, size_t len, const uint8_t *query, size_t query_len)
{
	int rcode, questions;

	if (len < HEADER_LEN || memcmp(answer, query, 2) != 0 ||
	    (answer[2] & (FLAG_RESPONSE | OPCODE)) != FLAG_RESPONSE)
		return -1;
	rcode = answer[3] & RCODE;
	questions = answer[4] << 8 | answer[5];
	if (questions == 0 && rcode != 0)
		return rcode;
	if (questions != 1 || len < query_len ||
	    !same_question(answer + HEADER_LEN, query + HEADER_LEN,
		query_len - HEADER_LEN))
		return -1;
	return rcode;
}

const char *
dns_rcode_format(int rcode, char buf[DNS_RCODE_TEXT_MAX])
{
	static const char *const names[] = {
	    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};

	if (rcode >= 0 && (size_t)rcode < sizeof(names) / sizeof(names[0]))
		snprintf(buf, DNS_RCODE_TEXT_MAX, "%s", names[rcode]);
	else
		snprintf(buf, DNS_RCODE_TEXT_MAX, "RCODE %d", rcode);
	return buf;
}
