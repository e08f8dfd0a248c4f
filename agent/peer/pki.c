/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/peer/pki.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "agent/peer/identity.h"
#include "agent/peer/secret_file.h"
#include "common/log.h"

#define DAY_S 86400
/* For nodes whose clocks are behind. */
#define BACKDATED_S 300

#define URI_MAX (sizeof("URI:guideway:///") + 2 * FORWARDING_NAME_MAX)

_Static_assert(
    sizeof(((struct pki_made *)NULL)->cluster) == FORWARDING_NAME_MAX,
    "a name");

/* What goes into a certificate beside its keys. */
struct subject {
	const char *cluster, *node; /* node NULL: the CA */
	int64_t from, to;
};

struct extension {
	int nid;
	const char *value;
};

static const struct extension ca_extensions[] = {
    {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
    {NID_key_usage, "critical,keyCertSign,cRLSign"},
    {NID_subject_key_identifier, "hash"},
};

static const struct extension node_extensions[] = {
    {NID_basic_constraints, "critical,CA:FALSE"},
    {NID_key_usage, "critical,digitalSignature"},
    {NID_ext_key_usage, "serverAuth,clientAuth"},
    {NID_subject_key_identifier, "hash"},
    {NID_authority_key_identifier, "keyid:always"},
};

static int
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	int rc;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	if ((ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value)) == NULL)
		return -1;
	rc = X509_add_ext(cert, ext, -1) == 1 ? 0 : -1;
	X509_EXTENSION_free(ext);
	return rc;
}

/* Names are checked before: none has a character that means something in the
 * text of an extension. */
static int
add_extensions(X509 *cert, X509 *issuer, const struct subject *s)
{
	const struct extension *list = s->node != NULL ? node_extensions
						       : ca_extensions;
	size_t n = s->node != NULL
	    ? sizeof(node_extensions) / sizeof(*node_extensions)
	    : sizeof(ca_extensions) / sizeof(*ca_extensions);
	char uri[URI_MAX];

	snprintf(uri, sizeof(uri), "URI:guideway://%s%s%s", s->cluster,
	    s->node != NULL ? "/" : "", s->node != NULL ? s->node : "");
	for (size_t i = 0; i < n; i++)
		if (add_extension(cert, issuer, list[i].nid, list[i].value) ==
		    -1)
			return -1;
	return add_extension(cert, issuer, NID_subject_alt_name, uri);
}

static int
set_serial(X509 *cert)
{
	uint8_t bytes[16];
	BIGNUM *n;
	int rc = -1;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -1;
	bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and of full length */
	if ((n = BN_bin2bn(bytes, sizeof(bytes), NULL)) == NULL)
		return -1;
	if (BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL)
		rc = 0;
	BN_free(n);
	return rc;
}

static int
add_entry(X509_NAME *name, const char *field, const char *text)
{
	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
		   (const uint8_t *)text, -1, -1, 0) == 1
	    ? 0
	    : -1;
}

static int
set_subject(X509 *cert, const struct subject *s)
{
	X509_NAME *name = X509_get_subject_name(cert);

	if (add_entry(name, "O", s->cluster) == -1)
		return -1;
	return add_entry(
	    name, "CN", s->node != NULL ? s->node : "Guideway cluster CA");
}

static int
fill(X509 *cert, X509 *issuer, const struct subject *s, EVP_PKEY *key)
{
	if (X509_set_version(cert, X509_VERSION_3) != 1 ||
	    set_serial(cert) == -1 || set_subject(cert, s) == -1 ||
	    X509_set_issuer_name(cert, X509_get_subject_name(issuer)) != 1 ||
	    ASN1_TIME_set(X509_getm_notBefore(cert), s->from) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(cert), s->to) == NULL ||
	    X509_set_pubkey(cert, key) != 1)
		return -1;
	return add_extensions(cert, issuer, s);
}

/* ca NULL: signed by itself. */
static X509 *
make_cert(const struct identity *ca, const struct subject *s, EVP_PKEY *key)
{
	X509 *cert = X509_new();

	if (cert == NULL)
		return NULL;
	if (fill(cert, ca != NULL ? ca->cert : cert, s, key) == -1 ||
	    X509_sign(cert, ca != NULL ? ca->key : key, EVP_sha256()) == 0) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

static int
write_pem(const char *path, EVP_PKEY *key, X509 *cert, X509 *ca, bool force,
    struct errmsg *why)
{
	BIO *mem = BIO_new(BIO_s_secmem());
	char *text;
	long len;
	int rc = -1;

	if (mem == NULL ||
	    PEM_write_bio_PrivateKey(mem, key, NULL, NULL, 0, NULL, NULL) !=
		1 ||
	    PEM_write_bio_X509(mem, cert) != 1 ||
	    (ca != NULL && PEM_write_bio_X509(mem, ca) != 1) ||
	    (len = BIO_get_mem_data(mem, &text)) <= 0)
		identity_fail(why, "%s: cannot be put together", path);
	else
		rc = secret_file_write(path, text, (size_t)len, force, why);
	BIO_free(mem);
	return rc;
}

/* A new key, its certificate, and the file of both. */
static int
make(const char *path, const struct identity *ca, const struct subject *s,
    bool force, struct errmsg *why)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key != NULL ? make_cert(ca, s, key) : NULL;
	int rc = -1;

	if (cert == NULL)
		identity_fail(why, "%s: cannot make a certificate", path);
	else
		rc = write_pem(
		    path, key, cert, ca != NULL ? ca->cert : NULL, force, why);
	X509_free(cert);
	EVP_PKEY_free(key);
	return rc;
}

static int
check_name(const char *name, const char *what, struct errmsg *why)
{
	if (forwarding_name_valid(name, strlen(name)))
		return 0;
	return errmsg_set(why,
	    "the name of a %s is 1 to %d letters, digits, '.', '_' or '-', "
	    "not '%.64s'",
	    what, FORWARDING_NAME_MAX - 1, name);
}

static int
ca_path(char path[PATH_MAX], const char *dir, struct errmsg *why)
{
	if (snprintf(path, PATH_MAX, "%s/" PKI_CA_FILE, dir) < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return errmsg_sys(why, "%.64s...", dir);
}

int
pki_init(const char *dir, const char *cluster, int64_t now,
    struct pki_made *made, struct errmsg *why)
{
	struct subject s = {cluster, NULL, now - BACKDATED_S,
	    now + (int64_t)PKI_CA_DAYS * DAY_S};
	char path[PATH_MAX];

	if (check_name(cluster, "cluster", why) == -1 ||
	    ca_path(path, dir, why) == -1)
		return -1;
	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		return errmsg_sys(why, "%s", dir);
	if (make(path, NULL, &s, false, why) == -1)
		return -1;
	snprintf(made->cluster, sizeof(made->cluster), "%s", cluster);
	made->ends = s.to;
	return 0;
}

static int
check_ca(const struct identity *ca, const char *path, int64_t now, int64_t to,
    struct errmsg *why)
{
	int64_t ends = identity_ends(ca->cert);
	char day[IDENTITY_DAY_MAX];

	if (ca->name.node[0] != '\0' || X509_check_ca(ca->cert) != 1)
		return errmsg_set(why, "%s: not the CA of a cluster", path);
	if (to > ends)
		return errmsg_set(why,
		    "%s: the CA ends on %s, before the certificate would; give "
		    "at most --days %jd",
		    path, identity_day(ends, day),
		    (intmax_t)(ends > now ? (ends - now) / DAY_S : 0));
	return 0;
}

int
pki_issue(const char *dir, const struct pki_node *node, int64_t now,
    struct pki_made *made, struct errmsg *why)
{
	struct subject s = {NULL, node->node, now - BACKDATED_S,
	    now + (int64_t)node->days * DAY_S};
	char path[PATH_MAX];
	struct identity ca;
	int rc;

	GW_ASSERT(node->days >= 1 && node->days <= PKI_DAYS_MAX);
	if (check_name(node->node, "node", why) == -1 ||
	    ca_path(path, dir, why) == -1 ||
	    identity_load(&ca, path, why) == -1)
		return -1;
	s.cluster = ca.name.cluster;
	rc = check_ca(&ca, path, now, s.to, why);
	if (rc == 0)
		rc = make(node->out, &ca, &s, node->force, why);
	if (rc == 0) {
		snprintf(made->cluster, sizeof(made->cluster), "%s", s.cluster);
		made->ends = s.to;
	}
	identity_clear(&ca);
	return rc;
}
