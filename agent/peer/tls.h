/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.3 between the agents of a cluster: what is trusted, and who it is.
 *
 * With certificates both sides prove theirs. It must be of the CA in our own
 * identity file, name our cluster, and a node that is not ourselves: a session
 * with oneself is somebody who reflects it. Who calls also demands the node
 * that it called. Whether a node is still one of the cluster is for the caller
 * to look at.
 *
 * With a pre-shared key (an external PSK of RFC 8446, always with a fresh
 * Diffie-Hellman exchange) the one who calls says which node it is, and all who
 * hold the key can say so; so nobody's name is passed on. Calls that come from
 * ourselves, by their identity, are refused: RFC 9257, section 4.1.
 *
 * There is no resumption, no early data, no earlier version. */
#ifndef AGENT_PEER_TLS_H
#define AGENT_PEER_TLS_H

#include <stdint.h>

#include <openssl/ssl.h>

#include "common/conf.h"

struct tls;

/* What one session learns of its peer; lives as long as its SSL. */
struct tls_peer {
	char dialled[FORWARDING_NAME_MAX]; /* the node we call; "": it calls */
	char node[FORWARDING_NAME_MAX];    /* proven, once it is up; or "" */
	struct errmsg why;                 /* of a refusal of ours; or "" */
};

/* With the files that the cluster names; its trust is not CONF_TRUST_NONE.
 * `node` is this one. Keeps nothing of what it is given. Counted: what is new
 * has one owner. */
struct tls *tls_new(
    const struct conf_cluster *, const char *node, struct errmsg *why);
struct tls *tls_ref(struct tls *); /* NULL is fine, as below */
void tls_unref(struct tls *);

/* A side of a session, which must hold a reference as long as its handshake
 * may go on; NULL: out of memory. */
SSL *tls_open(struct tls *, struct tls_peer *);

/* When our own certificate ends, in seconds since 1970; INT64_MAX without
 * one. */
int64_t tls_ends(const struct tls *);

/* Why a session has failed, for people: our own refusal, else what OpenSSL
 * says by this error of its queue, which may be 0. */
void tls_explain(const struct tls_peer *, unsigned long error, struct errmsg *);

#endif
