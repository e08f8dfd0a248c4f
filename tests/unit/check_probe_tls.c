/* SPDX-License-Identifier: Apache-2.0 */
/* HTTPS checks against a server of our own, in a process of its own, with a
 * certificate that is made here. */
#include "config.h"

#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/probe_rig.h"
#include "tests/unit/unit.h"

#define HERE "127.0.0.1"

static struct rig *rig;
static uint16_t port;
static pid_t child;
static char ca_file[] = "/tmp/check_probe_tls-XXXXXX";

static X509 *
make_certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	X509_EXTENSION *ext;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	    "DNS:a.example, DNS:*.b.example, IP:127.0.0.1");
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	return x;
}

/* Says which name was asked for, in the code of the answer: 201 for a.example,
 * 202 for none, 203 for another. */
static void
serve_one(SSL_CTX *ctx, int fd)
{
	static const char *const answers[] = {"HTTP/1.1 201 a\r\n\r\n",
	    "HTTP/1.1 202 none\r\n\r\n", "HTTP/1.1 203 other\r\n\r\n"};
	char request[2048];
	SSL *ssl = SSL_new(ctx);

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 &&
	    SSL_read(ssl, request, sizeof(request)) > 0) {
		const char *name = SSL_get_servername(
		    ssl, TLSEXT_NAMETYPE_host_name);
		const char *answer = answers[name == NULL ? 1
			: strcmp(name, "a.example") == 0  ? 0
							  : 2];

		SSL_write(ssl, answer, (int)strlen(answer));
		/* Until the other end is gone. */
		(void)recv(fd, request, sizeof(request), 0);
	}
	SSL_free(ssl);
	close(fd);
}

static void
serve(int listener, X509 *x, EVP_PKEY *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	SSL_CTX_use_certificate(ctx, x);
	SSL_CTX_use_PrivateKey(ctx, key);
	for (;;)
		serve_one(ctx, accept(listener, NULL, NULL));
}

/* trusted: the certificate is the system's one authority. */
static void
setup(bool trusted)
{
	static struct rig the_rig;
	struct sockaddr_in in = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = make_certificate(key);
	int fd = mkstemp(ca_file);
	FILE *out = fdopen(fd, "w");

	PEM_write_X509(out, x);
	fclose(out);
	setenv("SSL_CERT_FILE", trusted ? ca_file : "/dev/null", 1);
	setenv("SSL_CERT_DIR", "/nonexistent", 1);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, len), 0);
	ck_assert_int_eq(listen(listener, 64), 0);
	getsockname(listener, (struct sockaddr *)&in, &len);
	port = ntohs(in.sin_port);
	if ((child = fork()) == 0)
		serve(listener, x, key);
	close(listener);
	X509_free(x);
	EVP_PKEY_free(key);
	rig = &the_rig;
	rig_open(rig);
}

static void
setup_trusted(void)
{
	setup(true);
}

static void
setup_untrusted(void)
{
	setup(false);
}

static void
teardown(void)
{
	rig_close(rig);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	unlink(ca_file);
}

static void
expect(const char *host, bool insecure, unsigned code, enum probe_result result,
    const char *why)
{
	struct health_check c = rig_check(CHECK_HTTPS, port);

	c.interval_ms = c.timeout_ms = 10000;
	c.status_min = c.status_max = (uint16_t)code;
	c.insecure = insecure;
	snprintf(c.host, sizeof(c.host), "%s", host);
	rig_expect(rig, &c, HERE, result, why);
}

START_TEST(names)
{
	expect("a.example", false, 201, PROBE_OK, "");
	expect("A.Example", false, 203, PROBE_OK, "");
	expect("x.b.example", false, 203, PROBE_OK, "");
	/* The address that is asked is in the certificate, too. */
	expect("", false, 202, PROBE_OK, "");
	expect(HERE, false, 202, PROBE_OK, "");
	expect("a.example", false, 200, PROBE_FAILED, "status 201");
	expect("c.example", false, 203, PROBE_FAILED,
	    "certificate: hostname mismatch");
	expect("b.example", false, 203, PROBE_FAILED,
	    "certificate: hostname mismatch");
	expect("127.0.0.2", false, 202, PROBE_FAILED,
	    "certificate: IP address mismatch");
	expect("c.example", true, 203, PROBE_OK, "");
}
END_TEST

START_TEST(self_signed)
{
	expect("a.example", false, 201, PROBE_FAILED,
	    "certificate: self-signed certificate");
	expect("a.example", true, 201, PROBE_OK, "");
	expect("", true, 202, PROBE_OK, "");
}
END_TEST

START_TEST(many)
{
	struct health_check c = rig_check(CHECK_HTTPS, port);

	c.interval_ms = c.timeout_ms = 20000;
	snprintf(c.host, sizeof(c.host), "a.example");
	for (uint64_t id = 500; id < 500 + 50; id++)
		rig_start(rig, id, &c, HERE);
	rig_until(rig, 50, 20000);
	for (uint64_t id = 500; id < 500 + 50; id++) {
		ck_assert_uint_eq(rig->results[id].n, 1);
		ck_assert_str_eq(rig->results[id].why, "");
	}
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("probe_tls");
	TCase *trusted = tcase_create("trusted");
	TCase *untrusted = tcase_create("untrusted");

	tcase_add_checked_fixture(trusted, setup_trusted, teardown);
	tcase_add_test(trusted, names);
	tcase_add_test(trusted, many);
	suite_add_tcase(s, trusted);
	tcase_add_checked_fixture(untrusted, setup_untrusted, teardown);
	tcase_add_test(untrusted, self_signed);
	suite_add_tcase(s, untrusted);
	return s;
}

UNIT_MAIN(make_suite)
