/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/sim/heap.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/log.h"

static bool
before(const struct event *a, const struct event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

void
heap_put(struct heap *h, struct event e)
{
	size_t i = h->n++;

	if (h->n > h->room) {
		h->room = h->room == 0 ? 1024 : h->room * 2;
		h->events = realloc(h->events, h->room * sizeof(*h->events));
		GW_ASSERT(h->events != NULL);
	}
	e.seq = ++h->seq;
	while (i > 0 && before(&e, &h->events[(i - 1) / 2])) {
		h->events[i] = h->events[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	h->events[i] = e;
}

struct event
heap_take(struct heap *h)
{
	struct event first = h->events[0], last = h->events[--h->n];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n &&
		    before(&h->events[child + 1], &h->events[child]))
			child++;
		if (!before(&h->events[child], &last))
			break;
		h->events[i] = h->events[child];
		i = child;
	}
	if (h->n > 0)
		h->events[i] = last;
	return first;
}

void
heap_clear(struct heap *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->events[i].data);
	free(h->events);
	*h = (struct heap){0};
}
