/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives the process, as names in a folder of a bpffs:
 *
 *     link-IFNAME   the program's place on an interface
 *     maps-ID/      the maps of program ID: one name each
 *
 * A link says which program it is of, so that what is on the interfaces is the
 * only truth there is: maps that no link leads to are rubbish. */
#ifndef BALANCER_IO_XDP_PIN_H
#define BALANCER_IO_XDP_PIN_H

#include <stdint.h>

#include "common/errmsg.h"

struct xdp_object;

/* Opens the folder, made and given to `user` (may be NULL), on a bpffs that is
 * mounted for it if need be; what is pinned there is given as well. Its file
 * descriptor, or -1 with `why`.
 *
 * Its parents may be closed to who we become: systemd mounts /sys/fs/bpf for
 * root alone. The others here take the path that leads through the descriptor,
 * XDP_PIN_PATH. */
#define XDP_PIN_PATH "/proc/self/fd/%d"
int xdp_pin_open(const char *dir, const char *user, struct errmsg *why);

/* The object's maps, under its program's number. 0, or -1 with `why`. */
int xdp_pin_maps(
    const char *dir, const struct xdp_object *, struct errmsg *why);

/* A new program over the maps of program `id`. NULL with `why`: they are not
 * there, or of another layout. */
struct xdp_object *xdp_pin_take(
    const char *dir, uint32_t id, struct errmsg *why);

/* All maps but those of this program (0: of none). */
void xdp_pin_clean(const char *dir, uint32_t but);

/* The number of a program; 0: it cannot be told. */
uint32_t xdp_pin_program_id(int program);

#endif
