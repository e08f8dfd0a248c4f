/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/cli.h"

int
main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
