/* SPDX-License-Identifier: Apache-2.0 */
/* Whole L3 packets given to all that takes them apart: segmentation,
 * fragmentation, ICMP, checksums. The first byte says what is put right before,
 * so that the fuzzer need not guess checksums; the next two, the length that
 * pieces must fit. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/core/checksum.h"
#include "balancer/core/icmp.h"
#include "balancer/core/l3.h"
#include "balancer/core/oversize.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum {
	REPAIR_LENGTH = 1,
	REPAIR_HEADER = 2,
	REPAIR_TCP = 4,
	REPAIR_ICMP = 8,
	MAKE_PARTIAL = 16,
};

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
put_sum(uint8_t *at, be16 sum)
{
	memcpy(at, &sum, sizeof(sum));
}

/* Puts right the checksum at offset `field` of the upper layer. */
static void
repair_upper(uint8_t *l3, const struct l3 *p, uint32_t field, bool partial)
{
	uint32_t l4_len = p->total - p->l4;

	if (l4_len < field + 2)
		return;
	put_sum(l3 + p->l4 + field, 0);
	if (p->version == 4 && p->protocol == L3_PROTO_ICMP)
		put_sum(l3 + p->l4 + field, checksum_of(l3 + p->l4, l4_len));
	else if (partial)
		put_sum(l3 + p->l4 + field,
		    checksum_fold(p->version == 4
			    ? checksum_pseudo4(
				  l3 + 12, p->protocol, (uint16_t)l4_len)
			    : checksum_pseudo6(l3 + 8, p->protocol, l4_len)));
	else
		put_sum(l3 + p->l4 + field,
		    checksum_end(
			checksum_upper(l3, p->l4, p->protocol, l4_len)));
}

static void
repair(uint8_t *l3, size_t len, uint8_t how)
{
	struct l3 p;

	if (len < L3_IP6_HEAD)
		return;
	if (how & REPAIR_LENGTH && l3[0] >> 4 == 4)
		l3_put16(l3 + 2, (uint32_t)len);
	else if (how & REPAIR_LENGTH)
		l3_put16(l3 + 4, (uint32_t)len - L3_IP6_HEAD);
	if (!l3_read(&p, l3, len))
		return;
	if (how & REPAIR_HEADER && p.version == 4) {
		put_sum(l3 + 10, 0);
		put_sum(l3 + 10, checksum_of(l3, p.l4));
	}
	if (how & REPAIR_TCP && p.protocol == L3_PROTO_TCP)
		repair_upper(l3, &p, 16, how & MAKE_PARTIAL);
	if (how & REPAIR_ICMP &&
	    p.protocol == (p.version == 4 ? L3_PROTO_ICMP : L3_PROTO_ICMP6))
		repair_upper(l3, &p, 2, false);
}

/* Each piece fits, is well-formed, and together they are all the data. */
static void
check_pieces(struct oversize *it, const uint8_t *l3)
{
	uint32_t room = it->max_len < it->total ? it->max_len : it->total;
	uint32_t shared = 0, want = it->total - it->data;
	uint8_t *out = malloc(room);
	struct checksum_found found;
	struct l3 p;
	size_t len;

	check(out != NULL);
	while ((len = oversize_next(it, out, room)) > 0) {
		check(len <= it->max_len && l3_read(&p, out, len));
		check(p.total == len);
		if (it->segments) {
			uint32_t head = it->data;

			checksum_check(out, len, &found);
			check(found.state == CHECKSUM_GOOD);
			check(memcmp(out + head, l3 + it->data + shared,
				  len - head) == 0);
			shared += (uint32_t)len - head;
		} else {
			check(checksum_of(out, p.l4) == 0);
			check(p.frag_from == it->from + shared);
			shared += (uint32_t)len - p.l4;
			check(p.more || (shared == want && !it->more));
		}
	}
	check(shared == want);
	free(out);
}

static void
check_icmp(const uint8_t *l3, size_t len, uint32_t mtu)
{
	uint8_t *out = malloc(len + ICMP_ERROR_MAX);
	struct l3 p;
	size_t n;

	check(out != NULL);
	if (icmp_echo_reply(l3, len, out, len, &n) == ICMP_OK)
		check(n <= len && l3_read(&p, out, n) && p.total == n);
	if (icmp_too_big(l3, len, mtu, out, ICMP_ERROR_MAX, &n) == ICMP_OK)
		check(
		    n <= ICMP_ERROR_MAX && l3_read(&p, out, n) && p.total == n);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct oversize it;
	uint8_t *l3;
	uint32_t max_len;

	if (len < 3 || len > 65600)
		return 0;
	max_len = l3_get16(data + 1);
	len -= 3;
	check((l3 = malloc(len > 0 ? len : 1)) != NULL);
	memcpy(l3, data + 3, len);
	repair(l3, len, data[0]);

	if (oversize_segment_init(&it, l3, len, max_len) == OVERSIZE_OK)
		check_pieces(&it, l3);
	if (oversize_fragment_init(&it, l3, len, max_len, data[0] & 1) ==
	    OVERSIZE_OK)
		check_pieces(&it, l3);
	check_icmp(l3, len, max_len);
	if (checksum_finish(l3, len))
		check(!checksum_finish(l3, len));
	free(l3);
	return 0;
}
