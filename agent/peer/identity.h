/* SPDX-License-Identifier: Apache-2.0 */
/* Who a certificate says its holder is: node NODE of cluster CLUSTER, in the
 * one URI guideway://CLUSTER/NODE of its subjectAltName; a cluster's CA has
 * guideway://CLUSTER. And files in PEM that hold a private key, its
 * certificate, and the CAs to trust. */
#ifndef AGENT_PEER_IDENTITY_H
#define AGENT_PEER_IDENTITY_H

#include <stdint.h>

#include <openssl/x509.h>

#include "common/errmsg.h"
#include "common/forwarding.h"

struct identity_name {
	char cluster[FORWARDING_NAME_MAX];
	char node[FORWARDING_NAME_MAX]; /* "": a CA */
};

struct identity {
	EVP_PKEY *key;
	X509 *cert;
	STACK_OF(X509) * cas;
	struct identity_name name;
};

/* "guideway://CLUSTER/NODE" and nothing else. 0, or -1. */
int identity_parse_uri(
    struct identity_name *, const char *uri, size_t len, struct errmsg *why);

/* Of the certificate. 0, or -1: it has none, or more than one. */
int identity_name_of(struct identity_name *, const X509 *, struct errmsg *why);

/* Reads a file: the key, its certificate, and any number of CA certificates.
 * They fit together, and the certificate has a name. 0, or -1 and nothing to
 * clear. */
int identity_load(struct identity *, const char *path, struct errmsg *why);
void identity_clear(struct identity *);

/* Seconds since 1970 at which it ends. */
int64_t identity_ends(const X509 *);

/* Day of such a time, in UTC. Returns buf. */
#define IDENTITY_DAY_MAX 16
const char *identity_day(int64_t s, char buf[IDENTITY_DAY_MAX]);

/* `why` with what OpenSSL said last appended; empties its queue. Returns -1. */
int identity_fail(struct errmsg *why, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
