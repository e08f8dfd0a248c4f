/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/peer/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "agent/peer/identity.h"
#include "agent/peer/psk.h"
#include "common/log.h"

/* A certificate of ours has some 500 bytes, and there are two of them. */
#define CERTS_SIZE_MAX 8192

/* The one whose hash the pre-shared keys go with. */
static const uint8_t psk_cipher[2] = {0x13, 0x02};

/* OpenSSL wants one to let a session with a pre-shared key verify anything. */
static const uint8_t session_context[] = "guideway";

struct tls {
	unsigned refs;
	char cluster[FORWARDING_NAME_MAX], node[FORWARDING_NAME_MAX];
	SSL_CTX *ctx;
	int64_t ends;
	struct psk psk;
	char psk_identity[PSK_IDENTITY_MAX];
};

static const struct tls *
tls_of(const SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static int
check_name(const struct tls *tls, const struct tls_peer *peer,
    const struct identity_name *name, struct errmsg *why)
{
	if (name->node[0] == '\0')
		return errmsg_set(why, "its certificate is a CA's");
	if (strcmp(name->cluster, tls->cluster) != 0)
		return errmsg_set(why,
		    "its certificate is of cluster %s, not of %s",
		    name->cluster, tls->cluster);
	if (strcmp(name->node, tls->node) == 0)
		return errmsg_set(why,
		    "its certificate is our own, of node %s: a reflected "
		    "session, or the same identity on two machines",
		    name->node);
	if (peer->dialled[0] != '\0' && strcmp(name->node, peer->dialled) != 0)
		return errmsg_set(why,
		    "its certificate is of node %s, not of %s; see the "
		    "addresses of cluster.nodes",
		    name->node, peer->dialled);
	return 0;
}

/* Called for each certificate of the chain, from the CA's down to the peer's;
 * the peer has proven to have the key only when the handshake is done. */
static int
on_verify(int good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
	    store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_peer *peer = SSL_get_app_data(ssl);
	struct identity_name name;
	struct errmsg cause;

	if (!good) {
		errmsg_set(&peer->why, "its certificate: %s",
		    X509_verify_cert_error_string(
			X509_STORE_CTX_get_error(store)));
		return 0;
	}
	if (X509_STORE_CTX_get_error_depth(store) > 0)
		return 1;
	if (identity_name_of(
		&name, X509_STORE_CTX_get_current_cert(store), &cause) == -1)
		errmsg_set(&peer->why, "its certificate: %s", cause.text);
	else if (check_name(tls_of(ssl), peer, &name, &peer->why) == 0) {
		memcpy(peer->node, name.node, sizeof(peer->node));
		return 1;
	}
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

/* NULL: out of memory. */
static SSL_SESSION *
psk_session(SSL *ssl, const uint8_t key[PSK_LEN])
{
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, psk_cipher);
	SSL_SESSION *session = SSL_SESSION_new();

	if (session != NULL && cipher != NULL &&
	    SSL_SESSION_set1_master_key(session, key, PSK_LEN) == 1 &&
	    SSL_SESSION_set_cipher(session, cipher) == 1 &&
	    SSL_SESSION_set1_id_context(
		session, session_context, sizeof(session_context)) == 1 &&
	    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1)
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

/* OpenSSL takes the session; the identity stays ours. */
static int
on_psk_call(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *len,
    SSL_SESSION **session)
{
	const struct tls *tls = tls_of(ssl);

	(void)md; /* the only cipher decides it */
	*session = psk_session(ssl, tls->psk.keys[0]);
	*id = (const unsigned char *)tls->psk_identity;
	*len = strlen(tls->psk_identity);
	return *session != NULL;
}

/* Without a session and without a certificate OpenSSL ends it. */
static int
on_psk_called(
    SSL *ssl, const unsigned char *identity, size_t len, SSL_SESSION **session)
{
	const struct tls *tls = tls_of(ssl);
	struct tls_peer *peer = SSL_get_app_data(ssl);
	char node[FORWARDING_NAME_MAX];
	const uint8_t *key;

	*session = NULL;
	key = psk_find(
	    &tls->psk, tls->cluster, identity, len, node, &peer->why);
	if (key == NULL)
		return 1;
	if (strcmp(node, tls->node) == 0) {
		errmsg_set(&peer->why,
		    "it says that it is this node, %s: a reflected session, or "
		    "the same node.name on two machines",
		    node);
		return 1;
	}
	*session = psk_session(ssl, key);
	return *session != NULL;
}

static int
set_up(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	/* A read takes one record, whatever it is: a flood of key updates does
	 * not keep the loop. */
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_max_cert_list(ctx, CERTS_SIZE_MAX);
	SSL_CTX_set_verify(
	    ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
	SSL_CTX_set_verify_depth(ctx, 1);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
		SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
		SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384") == 1 &&
		SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1 &&
		SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
		SSL_CTX_set_session_id_context(
		    ctx, session_context, sizeof(session_context)) == 1
	    ? 0
	    : -1;
}

static int
check_identity(const struct tls *tls, const struct identity *id,
    const char *path, struct errmsg *why)
{
	if (strcmp(id->name.cluster, tls->cluster) != 0 ||
	    strcmp(id->name.node, tls->node) != 0)
		return errmsg_set(why,
		    "%s: the certificate is of node '%s' in cluster '%s', but "
		    "this is node '%s' in cluster '%s'",
		    path, id->name.node, id->name.cluster, tls->node,
		    tls->cluster);
	for (int i = 0; i < sk_X509_num(id->cas); i++)
		if (X509_verify(id->cert,
			X509_get0_pubkey(sk_X509_value(id->cas, i))) == 1)
			return 0;
	ERR_clear_error();
	return errmsg_set(
	    why, "%s: the certificate is not of the CA that follows it", path);
}

static int
use_identity(struct tls *tls, const struct identity *id, const char *path,
    struct errmsg *why)
{
	X509_STORE *store = SSL_CTX_get_cert_store(tls->ctx);

	for (int i = 0; i < sk_X509_num(id->cas); i++)
		if (X509_STORE_add_cert(store, sk_X509_value(id->cas, i)) != 1)
			return identity_fail(why, "%s: a CA certificate", path);
	if (SSL_CTX_use_certificate(tls->ctx, id->cert) != 1 ||
	    SSL_CTX_use_PrivateKey(tls->ctx, id->key) != 1)
		return identity_fail(why, "%s: cannot be used", path);
	/* The other side has the CA already. */
	SSL_CTX_set_mode(tls->ctx, SSL_MODE_NO_AUTO_CHAIN);
	tls->ends = identity_ends(id->cert);
	return 0;
}

static int
load_identity(struct tls *tls, const char *path, struct errmsg *why)
{
	struct identity id;
	int rc;

	if (identity_load(&id, path, why) == -1)
		return -1;
	rc = check_identity(tls, &id, path, why);
	if (rc == 0)
		rc = use_identity(tls, &id, path, why);
	identity_clear(&id);
	return rc;
}

static int
load_psk(struct tls *tls, const char *path, struct errmsg *why)
{
	if (psk_load(&tls->psk, path, why) == -1)
		return -1;
	psk_identity(
	    tls->psk_identity, tls->cluster, tls->node, tls->psk.ids[0]);
	SSL_CTX_set_psk_use_session_callback(tls->ctx, on_psk_call);
	SSL_CTX_set_psk_find_session_callback(tls->ctx, on_psk_called);
	return 0;
}

struct tls *
tls_new(
    const struct conf_cluster *cluster, const char *node, struct errmsg *why)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	int rc;

	GW_ASSERT(cluster->trust != CONF_TRUST_NONE);
	if (tls == NULL) {
		errmsg_set(why, "TLS: out of memory");
		return NULL;
	}
	tls->refs = 1;
	tls->ends = INT64_MAX;
	snprintf(tls->cluster, sizeof(tls->cluster), "%s", cluster->name);
	snprintf(tls->node, sizeof(tls->node), "%s", node);
	tls->ctx = SSL_CTX_new(TLS_method());
	if (tls->ctx == NULL || set_up(tls->ctx) == -1) {
		identity_fail(why, "TLS");
		goto fail;
	}
	SSL_CTX_set_app_data(tls->ctx, tls);
	rc = cluster->trust == CONF_TRUST_PSK
	    ? load_psk(tls, cluster->psk, why)
	    : load_identity(tls, cluster->identity, why);
	if (rc == 0)
		return tls;
fail:
	tls_unref(tls);
	return NULL;
}

struct tls *
tls_ref(struct tls *tls)
{
	if (tls != NULL)
		tls->refs++;
	return tls;
}

void
tls_unref(struct tls *tls)
{
	if (tls == NULL || --tls->refs > 0)
		return;
	SSL_CTX_free(tls->ctx);
	psk_clear(&tls->psk);
	free(tls);
}

SSL *
tls_open(struct tls *tls, struct tls_peer *peer)
{
	SSL *ssl = SSL_new(tls->ctx);

	ERR_clear_error();
	if (ssl != NULL)
		SSL_set_app_data(ssl, peer);
	return ssl;
}

int64_t
tls_ends(const struct tls *tls)
{
	return tls->ends;
}

/* What the other side has against our certificate, if that is what it says. */
static const char *
objection(unsigned long error)
{
	int alert = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;

	if (ERR_GET_LIB(error) != ERR_LIB_SSL)
		return NULL;
	switch (alert) {
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
		return SSL_alert_desc_string_long(alert);
	default:
		return NULL;
	}
}

void
tls_explain(
    const struct tls_peer *peer, unsigned long error, struct errmsg *out)
{
	const char *reason = ERR_reason_error_string(error);
	const char *against = objection(error);

	if (peer->why.text[0] != '\0')
		*out = peer->why;
	else if (error == 0 ||
	    ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		errmsg_set(out, "it closed the connection");
	else if (against != NULL)
		errmsg_set(out,
		    "it does not accept this node's certificate: %s", against);
	else
		errmsg_set(
		    out, "TLS: %s", reason != NULL ? reason : "unknown error");
}
