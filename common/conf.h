/* SPDX-License-Identifier: Apache-2.0 */
/* /etc/guideway/guideway.yaml, read with libcyaml into plain values.
 *
 * Both daemons read the same file. It is parsed, then checked as a whole; what
 * is wrong is said as "PATH:LINE:COLUMN: what, and what to do". Nothing is
 * half loaded: conf_load gives a complete, checked configuration or NULL.
 * guideway.yaml(5) documents each key; the schema in conf_schema.c is the only
 * other place that lists them. */
#ifndef COMMON_CONF_H
#define COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/errmsg.h"
#include "common/forwarding.h"
#include "common/health_check.h"

#define CONF_PATH SYSCONFDIR "/guideway/guideway.yaml"

#define CONF_IDENTITY_PATH SYSCONFDIR "/guideway/identity.pem"

#define CONF_SIZE_MAX       (8u << 20) /* bytes of the file */
#define CONF_INTERFACES_MAX 64
#define CONF_BPF_DIR        "/sys/fs/bpf/guideway" /* default of balancer.bpf_dir */
#define CONF_USER           "guideway" /* default of node.user, where it exists */

#define CONF_CLUSTER_NODES_MAX 64
#define CONF_CLUSTER_PORT      7411

/* Operator intent; health is another thing, with another type. */
enum intent {
	INTENT_ENABLED,
	INTENT_DRAINING, /* takes nothing new, keeps what it has */
	INTENT_DISABLED, /* takes nothing, its flows go elsewhere */
};
const char *intent_name(enum intent);

enum conf_driver {
	CONF_DRIVER_AUTO,
	CONF_DRIVER_XDP,
	CONF_DRIVER_PCAP
};

const char *conf_driver_name(enum conf_driver);

/* Where the XDP program runs: in the network card's driver, before the kernel
 * has made anything of the frame; or behind it, on any interface. */
enum conf_xdp_mode {
	CONF_XDP_MODE_AUTO, /* native where it works */
	CONF_XDP_MODE_NATIVE,
	CONF_XDP_MODE_GENERIC
};

const char *conf_xdp_mode_name(enum conf_xdp_mode);

struct conf_interface {
	char *name;
	enum conf_driver driver;
	enum conf_xdp_mode xdp_mode;
};

struct conf_backend {
	struct addr addr;
	uint16_t weight;
	enum intent intent;
	/* By the wall clock: when it was last told to take its share, which
	 * begins its ramp; 0: long ago. */
	uint64_t since_ms;
};

struct conf_service {
	char *name;
	struct addr *vips;
	size_t n_vips;
	uint8_t protocol;
	uint16_t *ports; /* none: every port */
	size_t n_ports;
	uint32_t table_size;
	bool refuse_oversize;
	struct conf_backend *backends;
	size_t n_backends;
	/* With fewer ready backends its VIPs are withdrawn (0: never for that),
	 * and with so many announced again; the second is not less. */
	uint16_t announce_min, announce_again;
	struct health_check
	    check; /* kind CHECK_NONE: its backends are not checked */
	/* With a smaller share of its backends up (per cent), all of them are
	 * used: then the checks are more likely wrong than the backends. */
	uint8_t panic_percent;
	/* As in struct forwarding_service. */
	uint32_t settle_s, udp_learn_s, tcp_idle_s, udp_idle_s;
	bool down_keep;
	/* Of a backend that is new: ramp.h. 0: none. */
	uint32_t slow_start_s;
};

/* A service's times: key, and what it may be, in seconds. */
enum conf_time {
	CONF_SETTLE_TIME,
	CONF_UDP_LEARN,
	CONF_TCP_IDLE,
	CONF_UDP_IDLE,
	CONF_SLOW_START,
	CONF_TIMES
};
struct conf_time_rule {
	const char *key;
	uint32_t least, most, otherwise;
};
const struct conf_time_rule *conf_time_rule(enum conf_time);
uint32_t *conf_time(struct conf_service *, enum conf_time);

/* What is done when a backend is down; `keep` is down_keep. */
const char *conf_on_down_word(bool keep);

/* How the node makes its VIPs known to routers. */
struct conf_announce {
	bool enabled;
	char *device;      /* the TUN device that the routes stand on */
	uint32_t table;    /* the kernel's table that BIRD learns from */
	char *bird_socket; /* BIRD's control socket */
	/* After so long without an agent the balancer withdraws by itself. */
	uint32_t agent_grace_s;
	/* A drain marks the routes with GRACEFUL_SHUTDOWN (RFC 8326) for so
	 * long before it withdraws them. */
	uint32_t graceful_shutdown_s;
	/* A drained node goes on forwarding until nothing has come for so
	 * long. */
	uint32_t drain_quiet_s;
};

/* How the agents of the nodes know each other. */
enum conf_trust {
	CONF_TRUST_CERTIFICATES, /* mutual TLS 1.3 */
	CONF_TRUST_PSK,          /* TLS 1.3 with a key that all share */
	CONF_TRUST_NONE,         /* plaintext; loopback only */
};

struct arena;

struct conf_cluster_node {
	char *name;
	struct addr addr;
	uint16_t port; /* host order */
};

/* The cluster this node is in. Without a name there is none: then the file
 * rules alone over services and backends. With one, it gives only the first
 * contents of what the nodes replicate. */
struct conf_cluster {
	char *name; /* NULL: no cluster */
	enum conf_trust trust;
	char *identity; /* CERTIFICATES: PEM file, key + certificate + CA */
	char *psk;      /* PSK: file with the current key, and maybe the next */
	struct conf_cluster_node *nodes; /* all, this one too; by name */
	size_t n_nodes;
	/* Nothing is told to other nodes of the connections here, nor taken
	 * from them: share_flows is false. */
	bool flows_unshared;
};

/* Its node of that name, or NULL. With conf.node_name: this node. */
const struct conf_cluster_node *conf_cluster_node(
    const struct conf_cluster *, const char *name);

/* A copy whose parts are in the arena. 0, or -1: out of memory. */
int conf_cluster_copy(
    struct conf_cluster *out, const struct conf_cluster *, struct arena *);

struct conf {
	char *path;
	char *node_name;
	char *run_dir; /* sockets: RUN_DIR/balancer.sock, RUN_DIR/agent.sock */
	char *state_dir; /* what survives restarts */
	char *bpf_dir;   /* on a bpffs: what goes on without the balancer */
	char *user;      /* whom the daemons become; NULL: stay who they are */
	struct arena *arena; /* holds all that the pointers here point at */
	uint8_t seed[FORWARDING_SEED_LEN];
	struct forwarding_source source4, source6;
	struct conf_announce announce;
	struct conf_cluster cluster;
	struct conf_interface *interfaces;
	size_t n_interfaces;
	struct conf_service *services;
	size_t n_services;
};

/* NULL with `why`, which begins with "PATH:LINE:COLUMN: " where there is a
 * place to show. conf_parse takes the text itself (for tests and fuzzing);
 * path only names it. */
struct conf *conf_load(const char *path, struct errmsg *why);
struct conf *conf_parse(
    const char *path, const char *text, size_t len, struct errmsg *why);
void conf_free(struct conf *);

/* All of it but the services, in memory of its own. NULL: out of memory. */
struct conf *conf_copy_local(const struct conf *);

/* The configuration in canonical form, every default written out;
 * print(parse(print(c))) == print(c). malloc'd, or NULL: out of memory. */
char *conf_print(const struct conf *);

#endif
