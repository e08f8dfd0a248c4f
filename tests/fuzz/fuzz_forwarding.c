/* SPDX-License-Identifier: Apache-2.0 */
/* The forwarding state as a message: refused with a reason of one line, or a
 * state that is valid and packs to bytes that unpack to the same. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/forwarding.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct errmsg why = {""};
	struct forwarding *f = forwarding_unpack(data, len, &why), *again;
	uint8_t *packed, *second;
	size_t packed_len, second_len;

	if (f == NULL) {
		if (why.text[0] == '\0' || strchr(why.text, '\n') != NULL)
			abort();
		return 0;
	}
	if (forwarding_check(f, &why) == -1 ||
	    (packed = forwarding_pack(f, &packed_len)) == NULL ||
	    (again = forwarding_unpack(packed, packed_len, &why)) == NULL ||
	    (second = forwarding_pack(again, &second_len)) == NULL ||
	    packed_len != second_len || memcmp(packed, second, packed_len) != 0)
		abort();
	free(packed);
	free(second);
	forwarding_free(f);
	forwarding_free(again);
	return 0;
}
