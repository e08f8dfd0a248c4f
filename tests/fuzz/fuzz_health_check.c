/* SPDX-License-Identifier: Apache-2.0 */
/* A health check as text: what is taken is valid, and its canonical form is
 * read as the same. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/health_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char out[HEALTH_CHECK_FORMAT_MAX], again[HEALTH_CHECK_FORMAT_MAX];
	struct health_check c;
	struct errmsg why = {""};

	if (health_check_parse((const char *)data, len, &c, &why) == -1) {
		if (strncmp(why.text, "check: ", 7) != 0)
			abort();
		return 0;
	}
	if (health_check_validate(&c, NULL) == -1)
		abort();
	health_check_format(&c, out);
	if (health_check_parse(out, strlen(out), &c, NULL) == -1)
		abort();
	health_check_format(&c, again);
	if (strcmp(out, again) != 0)
		abort();
	return 0;
}
