/* SPDX-License-Identifier: Apache-2.0 */
/* The file driver: a capture file in, a capture file out. No privileges, no
 * agent, nothing of this machine in the result: the same input and
 * configuration give the same bytes everywhere.
 *
 * Time is that of the packets. Frames go back the way they came, with the MAC
 * addresses exchanged, since there are no neighbours to ask. */
#ifndef BALANCER_IO_FILE_H
#define BALANCER_IO_FILE_H

#include <stdint.h>

#include "balancer/serving.h"
#include "common/errmsg.h"

#define FILE_MTU_UNLIMITED 65535 /* the longest IP packet */

struct file_job {
	const char *read;  /* a path, or "-" */
	const char *write; /* a path, or "-" */
	uint32_t mtu;      /* of every link */
};

/* Takes the whole file through. 0; -1 with `why`: the input ends early or is
 * not a capture, or the output cannot be written. Whatever was read before that
 * has been processed, counted and, if possible, written. */
int file_run(struct serving *, const struct file_job *, struct errmsg *why);

#endif
