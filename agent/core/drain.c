/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/core/drain.h"

const char *
drain_phase_name(enum drain_phase phase)
{
	switch (phase) {
	case DRAIN_OFF:
		return "off";
	case DRAIN_MARKED:
		return "marked";
	case DRAIN_WITHDRAWN:
		return "withdrawn";
	case DRAIN_QUIET:
		return "drained";
	}
	return "?";
}

static struct mono
after_s(struct mono t, uint32_t s)
{
	return (struct mono){t.us + (int64_t)s * 1000000};
}

void
drain_begin(struct drain *d, struct mono now, uint32_t graceful_s)
{
	if (!drain_wanted(d)) {
		d->phase = DRAIN_OFF;
		return;
	}
	/* A second wish, or a longer grace, brings no route back. */
	if (d->phase != DRAIN_OFF && d->phase != DRAIN_MARKED)
		return;
	d->phase = graceful_s > 0 ? DRAIN_MARKED : DRAIN_WITHDRAWN;
	d->marked_until = after_s(now, graceful_s);
	d->quiet_since = now;
}

void
drain_count(struct drain *d, struct mono now, uint64_t vip_packets)
{
	if (d->vip_packets != vip_packets)
		d->quiet_since = now;
	d->vip_packets = vip_packets;
}

void
drain_step(struct drain *d, struct mono now, bool gone, uint32_t quiet_s)
{
	if (d->phase == DRAIN_MARKED && now.us >= d->marked_until.us) {
		d->phase = DRAIN_WITHDRAWN;
		d->quiet_since = now;
	}
	if (d->phase == DRAIN_WITHDRAWN && !gone)
		d->quiet_since = now; /* what is announced brings traffic */
	if (d->phase == DRAIN_WITHDRAWN || d->phase == DRAIN_QUIET)
		d->phase = now.us >= after_s(d->quiet_since, quiet_s).us
		    ? DRAIN_QUIET
		    : DRAIN_WITHDRAWN;
}

struct mono
drain_wakeup(const struct drain *d, uint32_t quiet_s)
{
	switch (d->phase) {
	case DRAIN_MARKED:
		return d->marked_until;
	case DRAIN_WITHDRAWN:
		return after_s(d->quiet_since, quiet_s);
	case DRAIN_OFF:
	case DRAIN_QUIET:
		break;
	}
	return (struct mono){INT64_MAX};
}
