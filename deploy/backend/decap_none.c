/* SPDX-License-Identifier: Apache-2.0 */
/* For a build without XDP: there is no program to attach. */
#include "config.h"

#include "deploy/backend/decap.h"

#include <errno.h>

#define NO_XDP "this build has no XDP; configure --with-xdp says what it needs"

struct decap *
decap_load(const struct decap_config *config, struct errmsg *why)
{
	errmsg_set(why, NO_XDP);
	return NULL;
}

void
decap_free(struct decap *decap)
{
}

int
decap_program_fd(const struct decap *decap)
{
	return -1;
}

int
decap_counters(
    const struct decap *decap, uint64_t counters[DECAP_COUNTER_COUNT])
{
	errno = ENOSYS;
	return -1;
}

int
decap_attach(struct decap *decap, const char *dev, enum decap_mode want,
    enum decap_mode *got, struct errmsg *why)
{
	return errmsg_set(why, NO_XDP);
}

int
decap_detach(const char *dev, struct errmsg *why)
{
	return errmsg_set(why, NO_XDP);
}

int
decap_query(const char *dev, struct decap_status *status, struct errmsg *why)
{
	return errmsg_set(why, NO_XDP);
}
