/* SPDX-License-Identifier: Apache-2.0 */
/* "ADDRESS" or "ADDRESS/LENGTH", as the operator writes VIPs and senders. */
#ifndef DEPLOY_BACKEND_PREFIX_H
#define DEPLOY_BACKEND_PREFIX_H

#include "common/addr.h"
#include "common/errmsg.h"

struct prefix {
	struct addr addr; /* no bit set behind the length */
	unsigned len;     /* 0..32 or 0..128 */
};

#define PREFIX_TEXT_MAX (ADDR_TEXT_MAX + 4)

/* 0, or -1 with `why` and *out untouched. Without a length: one address. */
int prefix_parse(struct prefix *out, const char *text, struct errmsg *why);

/* The canonical text, without the length where it is one address. */
const char *prefix_format(const struct prefix *, char buf[PREFIX_TEXT_MAX]);

#endif
