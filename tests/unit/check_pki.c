/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/peer/pki.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include "agent/peer/identity.h"
#include "agent/peer/secret_file.h"
#include "tests/unit/unit.h"

#define DAY_S 86400

static char folder[64], ca_dir[80], ca_file[96], out[80];
static int64_t now;
static struct pki_made made;
static struct errmsg why;

static void
setup(void)
{
	strcpy(folder, "/tmp/check_pki_XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(ca_dir, sizeof(ca_dir), "%s/ca", folder);
	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", ca_dir);
	snprintf(out, sizeof(out), "%s/lb1.pem", folder);
	now = time(NULL);
	why.text[0] = '\0';
}

static void
teardown(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static void
init(void)
{
	ck_assert_msg(
	    pki_init(ca_dir, "site1", now, &made, &why) == 0, "%s", why.text);
}

static int
issue(const char *node, uint32_t days, bool force)
{
	struct pki_node n = {node, out, days, force};

	return pki_issue(ca_dir, &n, now, &made, &why);
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static size_t
count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

START_TEST(ca)
{
	struct identity id;

	init();
	ck_assert_str_eq(made.cluster, "site1");
	ck_assert_uint_eq(mode_of(ca_dir), 0700);
	ck_assert_uint_eq(mode_of(ca_file), 0600);
	ck_assert_uint_eq(count_entries(ca_dir), 1);
	ck_assert_msg(identity_load(&id, ca_file, &why) == 0, "%s", why.text);
	ck_assert_str_eq(id.name.cluster, "site1");
	ck_assert_str_eq(id.name.node, "");
	ck_assert_int_eq(X509_check_ca(id.cert), 1);
	ck_assert_int_eq(identity_ends(id.cert), now + (int64_t)3650 * DAY_S);
	ck_assert_int_eq(made.ends, now + (int64_t)3650 * DAY_S);
	ck_assert_uint_eq(
	    X509_get_key_usage(id.cert), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	ck_assert_int_eq(X509_get_pathlen(id.cert), 0);
	identity_clear(&id);
	ck_assert_int_eq(pki_init(ca_dir, "site1", now, &made, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "is there already; it is kept"));
	ck_assert_uint_eq(count_entries(ca_dir), 1);
}
END_TEST

/* Valid for both ends of a session, from five minutes ago, of this CA. */
START_TEST(node)
{
	struct identity id;
	ASN1_TIME *from;

	init();
	ck_assert_msg(issue("lb1", 7, false) == 0, "%s", why.text);
	ck_assert_uint_eq(mode_of(out), 0600);
	ck_assert_uint_eq(count_entries(folder), 2);
	ck_assert_msg(identity_load(&id, out, &why) == 0, "%s", why.text);
	ck_assert_str_eq(id.name.cluster, "site1");
	ck_assert_str_eq(id.name.node, "lb1");
	ck_assert_int_eq(sk_X509_num(id.cas), 1);
	ck_assert_int_eq(
	    X509_verify(id.cert, X509_get0_pubkey(sk_X509_value(id.cas, 0))),
	    1);
	ck_assert_int_eq(X509_check_ca(id.cert), 0);
	ck_assert_uint_eq(X509_get_key_usage(id.cert), KU_DIGITAL_SIGNATURE);
	ck_assert_uint_eq(X509_get_extended_key_usage(id.cert),
	    XKU_SSL_SERVER | XKU_SSL_CLIENT);
	ck_assert_int_eq(identity_ends(id.cert), now + (int64_t)7 * DAY_S);
	from = ASN1_TIME_set(NULL, now - 300);
	ck_assert_int_eq(
	    ASN1_TIME_compare(X509_get0_notBefore(id.cert), from), 0);
	ASN1_TIME_free(from);
	ck_assert_int_eq(EVP_PKEY_get_bits(id.key), 256);
	ck_assert(EVP_PKEY_is_a(id.key, "EC"));
	identity_clear(&id);
}
END_TEST

START_TEST(never_overwrites)
{
	char before[8192], after[8192];
	size_t len, n;
	char *text;

	init();
	ck_assert_int_eq(issue("lb1", 7, false), 0);
	text = secret_file_read(out, &len, &why);
	ck_assert_uint_lt(len, sizeof(before));
	memcpy(before, text, len);
	secret_file_forget(text, len);
	ck_assert_int_eq(issue("lb1", 7, false), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "is there already"));
	text = secret_file_read(out, &n, &why);
	memcpy(after, text, n);
	secret_file_forget(text, n);
	ck_assert_uint_eq(n, len);
	ck_assert_mem_eq(before, after, n);
	ck_assert_int_eq(issue("lb1", 7, true), 0);
	text = secret_file_read(out, &n, &why);
	ck_assert(n != len || memcmp(text, before, n) != 0);
	secret_file_forget(text, n);
	ck_assert_uint_eq(count_entries(folder), 2);
}
END_TEST

START_TEST(names)
{
	static const char *const bad[] = {"", "a/b", "a b", "a,URI:x", "\xff",
	    "1234567890123456789012345678901234567890123456789012345678901234"};

	init();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(issue(bad[i], 7, false), -1);
		ck_assert_ptr_nonnull(strstr(why.text, "the name of a node"));
		ck_assert_int_eq(
		    pki_init(folder, bad[i], now, &made, &why), -1);
		ck_assert_ptr_nonnull(
		    strstr(why.text, "the name of a cluster"));
	}
	ck_assert_int_eq(issue("12345678901234567890123456789012345678901234567"
			       "8901234567890123",
			     7, false),
	    0);
}
END_TEST

START_TEST(longer_than_the_ca)
{
	init();
	now += (int64_t)3649 * DAY_S;
	ck_assert_int_eq(issue("lb1", 1, false), 0);
	ck_assert_int_eq(issue("lb1", 2, true), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "give at most --days 1"));
}
END_TEST

START_TEST(not_a_ca)
{
	char copy[200];

	ck_assert_int_eq(issue("lb1", 7, false), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "No such file"));
	init();
	ck_assert_int_eq(issue("lb1", 7, false), 0);
	snprintf(copy, sizeof(copy), "cp %s %s", out, ca_file);
	ck_assert_int_eq(system(copy), 0);
	ck_assert_int_eq(issue("lb2", 7, true), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "not the CA of a cluster"));
}
END_TEST

/* Cut anywhere, a file is refused with a reason, or is whole but for the CA's
 * certificate. */
START_TEST(cut_at_every_byte)
{
	char *text, path[96];
	struct identity id;
	size_t len, good = 0;

	init();
	ck_assert_int_eq(issue("lb1", 7, false), 0);
	text = secret_file_read(out, &len, &why);
	snprintf(path, sizeof(path), "%s/cut", folder);
	for (size_t cut = 0; cut < len; cut++) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		ck_assert_int_eq(write(fd, text, cut), (ssize_t)cut);
		close(fd);
		why.text[0] = '\0';
		if (identity_load(&id, path, &why) == -1) {
			ck_assert_msg(
			    strncmp(why.text, path, strlen(path)) == 0, "%s",
			    why.text);
			ck_assert_ptr_null(id.key);
			continue;
		}
		good++;
		ck_assert_str_eq(id.name.node, "lb1");
		identity_clear(&id);
	}
	ck_assert_uint_gt(good, 0);
	ck_assert_uint_lt(good, len / 2);
	secret_file_forget(text, len);
}
END_TEST

START_TEST(open_to_everybody)
{
	struct identity id;

	init();
	ck_assert_int_eq(issue("lb1", 7, false), 0);
	ck_assert_int_eq(chmod(out, 0604), 0);
	ck_assert_int_eq(identity_load(&id, out, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "chmod 600 it"));
	ck_assert_int_eq(chmod(out, 0640), 0);
	ck_assert_int_eq(identity_load(&id, out, &why), 0);
	identity_clear(&id);
	ck_assert_int_eq(identity_load(&id, folder, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "not a regular file"));
	ck_assert_int_eq(identity_load(&id, "/nonexistent", &why), -1);
}
END_TEST

static const struct {
	const char *uri, *cluster, *node; /* cluster NULL: bad */
} uris[] = {
    {"guideway://site1/lb1", "site1", "lb1"},
    {"guideway://site1", "site1", ""},
    {"guideway://", NULL, NULL},
    {"guideway:///lb1", NULL, NULL},
    {"guideway://site1/", NULL, NULL},
    {"guideway://site1/lb1/", NULL, NULL},
    {"guideway://site1/lb1/x", NULL, NULL},
    {"guideway://site1//lb1", NULL, NULL},
    {"guideway://si te1/lb1", NULL, NULL},
    {"Guideway://site1/lb1", NULL, NULL},
    {"guidewayx//site1/lb1", NULL, NULL},
    {"https://site1/lb1", NULL, NULL},
    {"", NULL, NULL},
};

START_TEST(uri)
{
	size_t len = strlen(uris[_i].uri);
	struct identity_name name;
	int rc = identity_parse_uri(&name, uris[_i].uri, len, &why);

	if (uris[_i].cluster == NULL) {
		ck_assert_int_eq(rc, -1);
		return;
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_str_eq(name.cluster, uris[_i].cluster);
	ck_assert_str_eq(name.node, uris[_i].node);
	/* A NUL ends nothing. */
	ck_assert_int_eq(
	    identity_parse_uri(&name, uris[_i].uri, len + 1, &why), -1);
}
END_TEST

START_TEST(days)
{
	char buf[IDENTITY_DAY_MAX];

	ck_assert_str_eq(identity_day(0, buf), "1970-01-01");
	ck_assert_str_eq(identity_day(1900000000, buf), "2030-03-17");
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("pki");
	TCase *tc = tcase_create("pki");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, ca);
	tcase_add_test(tc, node);
	tcase_add_test(tc, never_overwrites);
	tcase_add_test(tc, names);
	tcase_add_test(tc, longer_than_the_ca);
	tcase_add_test(tc, not_a_ca);
	tcase_add_test(tc, cut_at_every_byte);
	tcase_add_test(tc, open_to_everybody);
	tcase_add_loop_test(tc, uri, 0, ROWS(uris));
	tcase_add_test(tc, days);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
