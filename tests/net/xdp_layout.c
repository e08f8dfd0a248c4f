/* SPDX-License-Identifier: Apache-2.0 */
/* xdp_layout MAP: makes pinned maps those of another release, for tests of an
 * upgrade. */
#include "config.h"

#include <bpf/bpf.h>
#include <err.h>
#include <stdint.h>

#include "balancer/bpf/shared.h"

int
main(int argc, char *argv[])
{
	struct xdp_control control;
	uint32_t key = 0;
	int fd;

	if (argc != 2)
		errx(2, "usage: xdp_layout MAP");
	if ((fd = bpf_obj_get(argv[1])) < 0 ||
	    bpf_map_lookup_elem(fd, &key, &control) != 0)
		err(1, "%s", argv[1]);
	control.layout++;
	if (bpf_map_update_elem(fd, &key, &control, 0) != 0)
		err(1, "%s", argv[1]);
	return 0;
}
