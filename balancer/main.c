/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/balancer.h"

int
main(int argc, char *argv[])
{
	return balancer_main(argc, argv);
}
