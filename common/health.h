/* SPDX-License-Identifier: Apache-2.0 */
/* What checks say of a backend. Operator intent is another thing with another
 * type (enum intent, common/conf.h): the two are never compared or assigned. */
#ifndef COMMON_HEALTH_H
#define COMMON_HEALTH_H

enum health {
	HEALTH_UNKNOWN, /* no verdict yet; never treated as down */
	HEALTH_UP,
	HEALTH_DOWN,
};
const char *health_name(enum health);

#endif
