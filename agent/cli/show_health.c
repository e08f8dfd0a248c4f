/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/show.h"

const char *
show_health(const struct control_member *m, char buf[SHOW_HEALTH_MAX])
{
	uint32_t all = m->votes_up + m->votes_down;
	bool down = strcmp(m->health, "down") == 0;

	if (all == 0)
		snprintf(buf, SHOW_HEALTH_MAX, "%.40s", m->health);
	else
		snprintf(buf, SHOW_HEALTH_MAX, "%.40s %u/%u", m->health,
		    down ? m->votes_down : m->votes_up, all);
	return buf;
}

enum style
show_health_style(const struct control_member *m)
{
	return strcmp(m->health, "down") == 0 ? STYLE_BAD
	    : strcmp(m->health, "up") == 0    ? STYLE_GOOD
					      : STYLE_PLAIN;
}

const char *
show_health_why(const struct control_member *m, char buf[SHOW_WHY_MAX])
{
	bool same = strcmp(m->own, m->health) == 0;
	char since[UNIT_TEXT_MAX];

	buf[0] = '\0';
	unit_seconds(m->own_since_s, since);
	if (strcmp(m->own, "down") == 0 || strcmp(m->own, "flapping") == 0)
		snprintf(buf, SHOW_WHY_MAX, "%s%.40s%s%.300s%sfor %s",
		    same ? "" : "here ", same ? "" : m->own, same ? "" : ": ",
		    m->own_why, m->own_why[0] != '\0' ? ", " : "", since);
	else if (strcmp(m->health, "down") == 0 && m->own[0] != '\0')
		snprintf(buf, SHOW_WHY_MAX,
		    "here %.40s for %s, but the other nodes outvote it", m->own,
		    since);
	return buf;
}
