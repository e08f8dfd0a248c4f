/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/health.h"

const char *
health_name(enum health health)
{
	switch (health) {
	case HEALTH_UNKNOWN:
		return "unknown";
	case HEALTH_UP:
		return "up";
	case HEALTH_DOWN:
		return "down";
	}
	return "?";
}
