/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster's own CA, and the certificates of its nodes; ECDSA with P-256.
 *
 * The CA is DIR/ca.pem, its key and certificate in one file, so that there is
 * never one without the other. It belongs on no node: only `invite` needs it.
 * A node's identity is one file as well: its private key, its certificate,
 * which is good for both ends of a session, and the CA's certificate. */
#ifndef AGENT_PEER_PKI_H
#define AGENT_PEER_PKI_H

#include <stdbool.h>
#include <stdint.h>

#include "common/errmsg.h"

#define PKI_CA_DIR  SYSCONFDIR "/guideway/ca"
#define PKI_CA_FILE "ca.pem"

#define PKI_CA_DAYS      3650
#define PKI_DAYS_DEFAULT 730
#define PKI_DAYS_MAX     3650

struct pki_node {
	const char *node; /* its name */
	const char *out;  /* the file to write */
	uint32_t days;    /* 1..PKI_DAYS_MAX */
	bool force;       /* replace `out` */
};

/* What was made, for people. */
struct pki_made {
	char cluster[64];
	int64_t ends; /* seconds since 1970 */
};

/* Makes the CA, and dir (0700) where that is missing; never replaces one.
 * now: seconds since 1970. 0, or -1 with `why`. */
int pki_init(const char *dir, const char *cluster, int64_t now,
    struct pki_made *, struct errmsg *why);

/* Makes a node's identity. */
int pki_issue(const char *dir, const struct pki_node *, int64_t now,
    struct pki_made *, struct errmsg *why);

#endif
