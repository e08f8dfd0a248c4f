/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/peer/identity.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "agent/peer/secret_file.h"

#define SCHEME     "guideway://"
#define SCHEME_LEN (sizeof(SCHEME) - 1)
#define CAS_MAX    8

int
identity_fail(struct errmsg *why, const char *fmt, ...)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	struct errmsg what;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what.text, sizeof(what.text), fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return errmsg_set(why, "%s: %s", what.text,
	    reason != NULL ? reason : "OpenSSL cannot say why");
}

static int
take_name(char out[FORWARDING_NAME_MAX], const char *text, size_t len)
{
	if (!forwarding_name_valid(text, len))
		return -1;
	memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

int
identity_parse_uri(
    struct identity_name *out, const char *uri, size_t len, struct errmsg *why)
{
	const char *at = uri + SCHEME_LEN, *slash;
	size_t left;

	*out = (struct identity_name){0};
	if (len <= SCHEME_LEN || memcmp(uri, SCHEME, SCHEME_LEN) != 0)
		return errmsg_set(why, "its name is no guideway:// URI");
	left = len - SCHEME_LEN;
	slash = memchr(at, '/', left);
	if (take_name(out->cluster, at,
		slash != NULL ? (size_t)(slash - at) : left) == -1 ||
	    (slash != NULL &&
		take_name(out->node, slash + 1,
		    left - (size_t)(slash + 1 - at)) == -1))
		return errmsg_set(
		    why, "its name is not of the form " SCHEME "CLUSTER/NODE");
	return 0;
}

/* Our URI among the names, or NULL: there is none, or there are several, of
 * which nobody could say which one counts. */
static const ASN1_IA5STRING *
find_uri(const GENERAL_NAMES *names)
{
	const ASN1_IA5STRING *found = NULL;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_URI)
			continue;
		if (found != NULL)
			return NULL;
		found = name->d.uniformResourceIdentifier;
	}
	return found;
}

int
identity_name_of(
    struct identity_name *out, const X509 *cert, struct errmsg *why)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(
	    cert, NID_subject_alt_name, NULL, NULL);
	const ASN1_IA5STRING *uri = names != NULL ? find_uri(names) : NULL;
	int rc = -1;

	if (uri == NULL)
		errmsg_set(why, "it does not have one URI as its name");
	else
		rc = identity_parse_uri(out,
		    (const char *)ASN1_STRING_get0_data(uri),
		    (size_t)ASN1_STRING_length(uri), why);
	GENERAL_NAMES_free(names);
	return rc;
}

int64_t
identity_ends(const X509 *cert)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
		return 0;
	return timegm(&tm);
}

const char *
identity_day(int64_t s, char buf[IDENTITY_DAY_MAX])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(buf, IDENTITY_DAY_MAX, "%Y-%m-%d", &tm) == 0)
		snprintf(buf, IDENTITY_DAY_MAX, "?");
	return buf;
}

/* Never asks at a terminal: daemons have none. */
static int
no_passphrase(char *buf, int size, int writing, void *ctx)
{
	(void)buf, (void)size, (void)writing, (void)ctx;
	return -1;
}

static int
read_cas(struct identity *out, BIO *in, const char *path, struct errmsg *why)
{
	X509 *ca;

	if ((out->cas = sk_X509_new_null()) == NULL)
		return errmsg_set(why, "%s: out of memory", path);
	while (
	    (ca = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL) {
		if (sk_X509_num(out->cas) == CAS_MAX ||
		    sk_X509_push(out->cas, ca) == 0) {
			X509_free(ca);
			return errmsg_set(why,
			    "%s: more than %d CA certificates", path, CAS_MAX);
		}
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return identity_fail(why, "%s: a CA certificate", path);
	ERR_clear_error();
	return 0;
}

static int
read_parts(struct identity *out, BIO *in, const char *path, struct errmsg *why)
{
	struct errmsg cause;

	out->key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
	if (out->key == NULL)
		return identity_fail(
		    why, "%s: no private key without a passphrase", path);
	out->cert = PEM_read_bio_X509(in, NULL, no_passphrase, NULL);
	if (out->cert == NULL)
		return identity_fail(
		    why, "%s: no certificate behind the key", path);
	if (X509_check_private_key(out->cert, out->key) != 1)
		return identity_fail(why,
		    "%s: key and certificate do not belong together", path);
	if (identity_name_of(&out->name, out->cert, &cause) == -1)
		return errmsg_set(
		    why, "%s: the certificate: %s", path, cause.text);
	return read_cas(out, in, path, why);
}

int
identity_load(struct identity *out, const char *path, struct errmsg *why)
{
	size_t len;
	char *text = secret_file_read(path, &len, why);
	BIO *in;
	int rc = -1;

	*out = (struct identity){0};
	if (text == NULL)
		return -1;
	ERR_clear_error();
	if ((in = BIO_new_mem_buf(text, (int)len)) == NULL)
		errmsg_set(why, "%s: out of memory", path);
	else
		rc = read_parts(out, in, path, why);
	BIO_free(in);
	secret_file_forget(text, len);
	if (rc == -1)
		identity_clear(out);
	return rc;
}

void
identity_clear(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->cert);
	sk_X509_pop_free(id->cas, X509_free);
	*id = (struct identity){0};
}
