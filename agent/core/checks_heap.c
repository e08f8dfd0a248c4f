/* SPDX-License-Identifier: Apache-2.0 */
/* The binary heap of what is due next. */
#include "config.h"

#include "agent/core/checks_impl.h"

static int64_t
at(const struct probe_set *s, size_t pos)
{
	return s->probes[s->heap[pos]].memory.at.us;
}

static void
put(struct probe_set *s, size_t pos, uint32_t probe)
{
	s->heap[pos] = probe;
	s->probes[probe].heap_pos = (uint32_t)pos;
	s->heap_steps++;
}

static void
swap(struct probe_set *s, size_t a, size_t b)
{
	uint32_t probe = s->heap[a];

	put(s, a, s->heap[b]);
	put(s, b, probe);
}

static void
sift_up(struct probe_set *s, size_t pos)
{
	while (pos > 0 && at(s, pos) < at(s, (pos - 1) / 2)) {
		swap(s, pos, (pos - 1) / 2);
		pos = (pos - 1) / 2;
	}
}

static void
sift_down(struct probe_set *s, size_t pos)
{
	for (;;) {
		size_t least = pos, left = 2 * pos + 1;

		if (left < s->n && at(s, left) < at(s, least))
			least = left;
		if (left + 1 < s->n && at(s, left + 1) < at(s, least))
			least = left + 1;
		if (least == pos)
			return;
		swap(s, pos, least);
		pos = least;
	}
}

void
probe_heap_init(struct probe_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		put(s, i, (uint32_t)i);
	for (size_t i = s->n / 2; i-- > 0;)
		sift_down(s, i);
}

void
probe_heap_fix(struct probe_set *s, struct probe *p)
{
	sift_up(s, p->heap_pos);
	sift_down(s, p->heap_pos);
}
