/* SPDX-License-Identifier: Apache-2.0 */
/* How a service's connections outlive changes, and how fast these are: the
 * rules of its times, for the file and for the operator's commands alike. */
#include "config.h"

#include "common/conf_schema.h"
#include "common/ramp.h"

static const struct conf_time_rule rules[CONF_TIMES] = {
    [CONF_SETTLE_TIME] = {"settle_time", 0, FORWARDING_TIME_MAX,
	FORWARDING_SETTLE_S},
    [CONF_UDP_LEARN] = {"udp_learn", 0, FORWARDING_TIME_MAX,
	FORWARDING_UDP_LEARN_S},
    [CONF_TCP_IDLE] = {"tcp_idle", 1, FORWARDING_TIME_MAX,
	FORWARDING_TCP_IDLE_S},
    [CONF_UDP_IDLE] = {"udp_idle", 1, FORWARDING_TIME_MAX,
	FORWARDING_UDP_IDLE_S},
    [CONF_SLOW_START] = {"slow_start", 0, RAMP_MAX_S, 0},
};

const struct conf_time_rule *
conf_time_rule(enum conf_time which)
{
	return &rules[which];
}

uint32_t *
conf_time(struct conf_service *s, enum conf_time which)
{
	switch (which) {
	case CONF_SETTLE_TIME:
		return &s->settle_s;
	case CONF_UDP_LEARN:
		return &s->udp_learn_s;
	case CONF_TCP_IDLE:
		return &s->tcp_idle_s;
	case CONF_UDP_IDLE:
		return &s->udp_idle_s;
	default:
		return &s->slow_start_s;
	}
}

int
conf_moves(struct conf_service *s, const struct raw_service *raw,
    const struct conf_tree *tree, const struct conf_node *place,
    struct errmsg *why)
{
	const uint64_t *const given[CONF_TIMES] = {
	    [CONF_SETTLE_TIME] = raw->settle_time,
	    [CONF_UDP_LEARN] = raw->udp_learn,
	    [CONF_TCP_IDLE] = raw->tcp_idle,
	    [CONF_UDP_IDLE] = raw->udp_idle,
	    [CONF_SLOW_START] = raw->slow_start,
	};

	s->down_keep = raw->on_down == RAW_ON_DOWN_KEEP;
	for (int i = 0; i < CONF_TIMES; i++) {
		const struct conf_time_rule *rule = &rules[i];
		uint64_t n = given[i] != NULL ? *given[i] : rule->otherwise;

		if (n < rule->least || n > rule->most)
			return conf_tree_fail(tree,
			    conf_node_place(place, rule->key), why,
			    "%s must be %u..%u seconds, got %ju", rule->key,
			    rule->least, rule->most, (uintmax_t)n);
		*conf_time(s, (enum conf_time)i) = (uint32_t)n;
	}
	return 0;
}
