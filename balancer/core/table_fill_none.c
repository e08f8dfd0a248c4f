/* SPDX-License-Identifier: Apache-2.0 */
/* For processors that table_fill_avx2.c is not for. */
#include "config.h"

#include <stddef.h>

#include "balancer/core/table_impl.h"

static bool
never(void)
{
	return false;
}

const struct fill_kind fill_simd = {"none", never, NULL};
