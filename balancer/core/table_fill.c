/* SPDX-License-Identifier: Apache-2.0 */
/* The Maglev fill: members take turns at the next free slot of their walks. */
#include "config.h"

#include "balancer/core/table_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FREE UINT16_MAX /* over any member number */

int
table_fill(struct fill_walk *walks, uint32_t n, uint32_t size, uint16_t *base,
    uint16_t *turns)
{
	uint32_t rounds = (size + n - 1) / n, mask = size - 1, turn = 0;

	memset(base, 0xff, size * sizeof(*base));
	for (uint32_t round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < n; i++) {
			struct fill_walk *w = &walks[i];

			w->acc += w->quota;
			for (; w->acc >= rounds; w->acc -= rounds) {
				while (base[w->pos] != FREE)
					w->pos = (w->pos + w->skip) & mask;
				base[w->pos] = (uint16_t)i;
				turns[turn++] = (uint16_t)i;
				w->pos = (w->pos + w->skip) & mask;
			}
		}
	}
	return 0;
}

static uint32_t
gcd(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t r = a % b;

		a = b;
		b = r;
	}
	return a;
}

int
table_fill_pairs(
    const struct table_walk *walks, size_t n, uint32_t size, uint16_t *slots)
{
	uint32_t *pos, filled = 0;

	if (n == 0 || n > TABLE_MEMBERS_MAX || size < TABLE_SIZE_MIN ||
	    size > TABLE_SIZE_MAX) {
		errno = EINVAL;
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (walks[i].offset < size && walks[i].skip < size &&
		    gcd(walks[i].skip, size) == 1)
			continue;
		errno = EINVAL; /* such a walk does not come by every slot */
		return -1;
	}
	if ((pos = malloc(n * sizeof(*pos))) == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		pos[i] = walks[i].offset;
	memset(slots, 0xff, size * sizeof(*slots));
	for (size_t i = 0; filled < size; i = i + 1 < n ? i + 1 : 0) {
		while (slots[pos[i]] != FREE)
			pos[i] = (pos[i] + walks[i].skip) % size;
		slots[pos[i]] = (uint16_t)i;
		filled++;
	}
	free(pos);
	return 0;
}
