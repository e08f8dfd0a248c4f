/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the balancer. A state that is taken is made ready for packets
 * too: whatever passes the checks must be servable. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "balancer/ctl/wire.h"
#include "balancer/core/fib.h"

/* Tables beyond this only take time. */
#define SLOTS_MAX (1u << 14)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
serve(struct wire_request *request)
{
	struct fib *fib;
	struct errmsg why;

	for (size_t i = 0; i < request->install->n_services; i++) {
		if (request->install->services[i].table_size > SLOTS_MAX)
			return;
	}
	if ((fib = fib_new(request->install, NULL, 0, &why)) == NULL)
		return;
	request->install = NULL;
	fib_free(fib);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_request request;
	struct errmsg why = {""};

	if (wire_unpack_request(data, size, &request, &why) == -1) {
		if (why.text[0] == '\0')
			abort();
	} else if (request.kind == WIRE_INSTALL)
		serve(&request);
	wire_request_clear(&request);
	return 0;
}
