/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: whatever the text, there is an error that names the file,
 * or a configuration that prints to what reads as itself and from which a valid
 * forwarding state follows. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Two outcomes of the same text must not differ. */
static void
check_printed(const char *printed)
{
	struct conf *again = conf_parse("f", printed, strlen(printed), NULL);
	char *second = again != NULL ? conf_print(again) : NULL;

	if (second == NULL || strcmp(printed, second) != 0)
		abort();
	free(second);
	conf_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct errmsg why = {""};
	struct conf *conf = conf_parse("f", (const char *)data, len, &why);
	struct forwarding *f;
	char *printed;

	if (conf == NULL) {
		if (strncmp(why.text, "f:", 2) != 0 ||
		    strchr(why.text, '\n') != NULL)
			abort();
		return 0;
	}
	if ((printed = conf_print(conf)) == NULL ||
	    (f = view_forwarding(conf, NULL, 0, 1)) == NULL ||
	    forwarding_check(f, &why) == -1)
		abort();
	check_printed(printed);
	forwarding_free(f);
	free(printed);
	conf_free(conf);
	return 0;
}
