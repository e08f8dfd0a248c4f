/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of HTTPS checks. The authorities are the system's, as they were when the
 * first such check ran. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/param.h>

#include "agent/probe/probe_impl.h"

/* Release: between two checks of a busy node the buffers of thousands of
 * connections would add up. */
static SSL_CTX *
make_context(void)
{
	static const unsigned char http11[] = "\x08http/1.1";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* No session is used again: each check is to see a whole handshake. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_default_verify_paths(ctx) == 1 &&
	    SSL_CTX_set_alpn_protos(ctx, http11, sizeof(http11) - 1) == 0)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

/* A literal address is no server name (RFC 6066, 3), and is looked for in
 * another part of the certificate. */
static bool
name_server(struct probe *p, SSL *ssl)
{
	char text[ADDR_TEXT_MAX];
	const char *host = p->check.host;
	struct addr literal;

	if (host[0] == '\0')
		host = addr_format(&p->dest, text);
	if (addr_parse(&literal, host) == 0)
		return X509_VERIFY_PARAM_set1_ip_asc(
			   SSL_get0_param(ssl), host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, host) == 1 &&
	    SSL_set1_host(ssl, host) == 1;
}

int
tls_start(struct probe *p)
{
	struct prober *pr = p->prober;
	SSL *ssl = NULL;

	ERR_clear_error();
	if ((pr->tls != NULL || (pr->tls = make_context()) != NULL) &&
	    (ssl = SSL_new(pr->tls)) != NULL && SSL_set_fd(ssl, p->fd) == 1 &&
	    name_server(p, ssl)) {
		SSL_set_verify(ssl,
		    p->check.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
		    NULL);
		SSL_set_connect_state(ssl);
		p->http.ssl = ssl;
		return 0;
	}
	SSL_free(ssl);
	probe_settle(p, PROBE_UNABLE, "on this node: TLS cannot be set up");
	return -1;
}

/* A certificate first: what the library says of it is "certificate verify
 * failed" whatever the reason. */
static void
settle_fault(struct probe *p, const char *doing)
{
	long verdict = SSL_get_verify_result(p->http.ssl);
	unsigned long fault = ERR_peek_error();
	const char *reason = fault != 0 ? ERR_reason_error_string(fault) : NULL;

	if (!p->check.insecure && verdict != X509_V_OK)
		probe_settle(p, PROBE_FAILED, "certificate: %s",
		    X509_verify_cert_error_string(verdict));
	else
		probe_settle(p, PROBE_FAILED, "TLS %s: %s", doing,
		    reason != NULL ? reason : "failed");
}

/* After a call of the library that returned r <= 0: -1, or 0 at the end of what
 * is to be read. */
static ssize_t
after(struct probe *p, int r, int error, const char *doing, short *what)
{
	*what = 0;
	switch (SSL_get_error(p->http.ssl, r)) {
	case SSL_ERROR_WANT_READ:
		*what = EV_READ;
		break;
	case SSL_ERROR_WANT_WRITE:
		*what = EV_WRITE;
		break;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		if (error == 0)
			probe_settle(p, PROBE_FAILED,
			    "connection closed in the TLS %s", doing);
		else
			probe_settle_errno(p, error);
		break;
	default:
		settle_fault(p, doing);
		break;
	}
	ERR_clear_error();
	errno = EAGAIN;
	return -1;
}

ssize_t
tls_handshake(struct probe *p, short *what)
{
	int r;

	ERR_clear_error();
	errno = 0;
	if ((r = SSL_do_handshake(p->http.ssl)) == 1)
		return 1;
	if (after(p, r, errno, "handshake", what) == 0)
		probe_settle(
		    p, PROBE_FAILED, "connection closed in the TLS handshake");
	return -1;
}

ssize_t
tls_read(struct probe *p, void *data, size_t len, short *what)
{
	int r;

	ERR_clear_error();
	errno = 0;
	r = SSL_read(p->http.ssl, data, (int)MIN(len, INT_MAX));
	return r > 0 ? r : after(p, r, errno, "answer", what);
}

ssize_t
tls_write(struct probe *p, const void *data, size_t len, short *what)
{
	int r;

	ERR_clear_error();
	errno = 0;
	r = SSL_write(p->http.ssl, data, (int)MIN(len, INT_MAX));
	if (r > 0)
		return r;
	if (after(p, r, errno, "request", what) == 0)
		probe_settle(
		    p, PROBE_FAILED, "connection closed before the request");
	return -1;
}

void
tls_end(struct probe *p)
{
	SSL_free(p->http.ssl);
	p->http.ssl = NULL;
}
