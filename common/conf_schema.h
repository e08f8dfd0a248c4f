/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the configuration file: the one table of them, as libcyaml takes
 * it, and the plain structs that libcyaml fills. conf_lint.c checks a text
 * against the table, conf_check.c makes a struct conf of the structs. A pointer
 * that is NULL is a key that was not given.
 *
 * A new key touches: this file and conf_schema.c; struct conf (conf.h), its
 * checks and default (conf_check.c, conf_cluster.c, conf_cross.c), its print
 * (conf_print.c); guideway.yaml.5, which a test holds against the table; rows
 * in check_conf.c; deploy/guideway.yaml where users should see it. */
#ifndef COMMON_CONF_SCHEMA_H
#define COMMON_CONF_SCHEMA_H

#include <stdint.h>

#include <cyaml/cyaml.h>

#include "common/conf.h"
#include "common/conf_tree.h"

struct raw_interface {
	char *name;
	enum conf_driver driver;
	enum conf_xdp_mode xdp_mode;
};

struct raw_backend {
	char *address;
	uint64_t *weight;
	enum intent state;
};

enum raw_oversize {
	RAW_OVERSIZE_FRAGMENT,
	RAW_OVERSIZE_REFUSE
};

enum raw_on_down {
	RAW_ON_DOWN_RESET,
	RAW_ON_DOWN_KEEP
};

enum raw_switch {
	RAW_TRUE,
	RAW_FALSE
};

struct raw_check {
	enum check_kind type;
	uint64_t *port, *rise, *fall;
	char *interval, *timeout; /* seconds, with decimals */
	char *host, *path, *status, *send, *expect;
	enum raw_switch *tunnel, *insecure;
};

struct raw_service {
	char *name;
	char **vips;
	uint32_t vips_count;
	int protocol; /* IPPROTO_ */
	uint64_t *ports;
	uint32_t ports_count;
	uint64_t *table_size;
	enum raw_oversize oversize;
	uint64_t *announce_min, *announce_again;
	struct raw_check *check;
	uint64_t *panic;
	uint64_t *settle_time, *udp_learn, *tcp_idle, *udp_idle,
	    *slow_start; /* seconds */
	enum raw_on_down on_down;
	struct raw_backend *backends;
	uint32_t backends_count;
};

struct raw_node {
	char *name, *run_dir, *state_dir, *user;
};

struct raw_announce {
	enum raw_switch enabled;
	char *device, *bird;
	uint64_t *table, *agent_grace, *graceful_shutdown, *drain_quiet;
};

struct raw_balancer {
	struct raw_interface *interfaces;
	uint32_t interfaces_count;
	char **encap_source;
	uint32_t encap_source_count;
	char *bpf_dir;
};

struct raw_cluster_node {
	char *name, *address;
	uint64_t *port;
};

struct raw_cluster {
	char *seed, *name, *identity, *psk;
	enum raw_switch *insecure, *share_flows;
	struct raw_cluster_node *nodes;
	uint32_t nodes_count;
};

struct raw_conf {
	struct raw_node node;
	struct raw_balancer balancer;
	struct raw_announce announce;
	struct raw_cluster cluster;
	struct raw_service *services;
	uint32_t services_count;
};

/* The whole file. */
extern const cyaml_schema_value_t conf_schema;

/* The word of a value, from the same table. "?" for none. intent_name and
 * conf_driver_name, conf_xdp_mode_name (common/conf.h) are there as well. */
const char *conf_protocol_word(int protocol);
const char *conf_oversize_word(enum raw_oversize);
const char *conf_switch_word(enum raw_switch);

/* Does the text fit the schema: keys known, given once and none missing; the
 * right kinds; numbers and words that libcyaml reads as they are meant? 0, or
 * -1 with `why`. */
int conf_lint(const struct conf_tree *, struct errmsg *why);

/* A checked configuration out of what libcyaml read. The tree is of the same
 * text and gives the places for messages. NULL with `why`. */
struct conf *conf_check(const char *path, const struct raw_conf *,
    const struct conf_tree *, struct errmsg *why);

/* A service's `check` and `panic`; its ports are there already. `place` is the
 * service. */
int conf_health(struct conf_service *, const struct raw_service *,
    const struct conf_tree *, const struct conf_node *place,
    struct errmsg *why);

/* A service's times, and `on_down`. */
int conf_moves(struct conf_service *, const struct raw_service *,
    const struct conf_tree *, const struct conf_node *place,
    struct errmsg *why);

/* Its part `cluster`, but for the seed, once node_name is known. */
int conf_cluster_check(struct conf *, const struct raw_cluster *,
    const struct conf_tree *, struct errmsg *why);

/* Its last part: does everything fit together, over all services? */
int conf_cross(
    const struct conf *, const struct conf_tree *, struct errmsg *why);

#endif
