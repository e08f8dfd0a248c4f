/* SPDX-License-Identifier: Apache-2.0 */
/* Several agents' ends of peer sessions in one process and one event loop, over
 * loopback: node a has the first port, b the second, and so on. The address is
 * made of the process id, so that tests do not meet. */
#ifndef TESTS_UNIT_PEER_RIG_H
#define TESTS_UNIT_PEER_RIG_H

#include "agent/peer/net.h"
#include "common/mono.h"

#define RIG_PORT 7411 /* node a's */

/* One end, and what it was told. */
struct side {
	struct conf *conf;
	struct peer_net *net;
	unsigned ups, downs, messages, drains;
	uint64_t session; /* of the last `up` */
	char node[FORWARDING_NAME_MAX];
	bool dialled;
	struct errmsg why; /* of the last `down` */
	size_t len;        /* of the last message ... */
	size_t bytes;      /* ... and of all */
	bool in_order;     /* each begins with a byte one more than the last */
	uint8_t next;
	/* What it does. */
	bool trust;            /* at once */
	bool close_on_message; /* after the first */
};

extern struct event_base *rig_base;
extern char rig_dir[64];
extern struct peer_net_times rig_times; /* long, unless a test says else */

void rig_setup(void);
void rig_teardown(void);
const char *rig_address(void);

/* rig_dir/NAME */
const char *rig_path(const char *name);

/* Makes the CA rig_dir/CA of a cluster, and a node's identity
 * rig_dir/CA-NODE.pem, for 30 days from `now`. */
void rig_ca(const char *ca, const char *cluster);
void rig_identity(const char *ca, const char *node, int64_t now);
void rig_write(const char *name, const char *text);

/* Parses a configuration of the node: cluster.nodes are those of `nodes`, one
 * letter each; trust is a line such as "insecure: true". */
struct conf *rig_conf(const char *node, const char *cluster, const char *nodes,
    const char *trust);

/* Begins to listen. NULL times: rig_times. */
void side_start(struct side *, struct conf *);
void side_stop(struct side *);
/* Dials the address of node `at`, as the node of that name. */
uint64_t side_dial(struct side *, const char *name, char at);
/* One message of so many bytes; its first is counted up from 0. */
int side_send(struct side *, uint64_t session, size_t len);

/* A socket, non-blocking, that is connected or about to be. */
int rig_raw(char at);
int rig_raw_from(char at, const char *address);

#define RIG_WAIT_US 20000000

/* Runs the loop until it is true. */
#define UNTIL(cond) \
	do { \
		int64_t end_ = mono_now().us + RIG_WAIT_US; \
		while (!(cond)) { \
			ck_assert_msg(mono_now().us < end_, \
			    "not within 20 s: %s", #cond); \
			rig_turn(); \
		} \
	} while (0)
void rig_turn(void);
void rig_run_ms(int ms);

#endif
