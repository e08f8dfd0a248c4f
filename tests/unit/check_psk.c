/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/peer/psk.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define KEY1 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef1"
#define KEY2 "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeef2"
#define KEY3 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef3"

static const struct {
	const char *text;
	size_t n; /* keys; 0: bad, for `why` */
	const char *why;
} rows[] = {
    {KEY1, 1, NULL},
    {KEY1 "\n", 1, NULL},
    {"# one\n\n" KEY1 "\r\n# next\r\n" KEY2 "\n\n", 2, NULL},
    {"", 0, "f: no key; 'guideway cluster psk' makes one"},
    {"\n# " KEY1 "\n", 0, "f: no key; 'guideway cluster psk' makes one"},
    {KEY1 "\n" KEY2 "\n\n" KEY3 "\n", 0,
	"f:4: more than 2 keys; there is the one in use and perhaps the next"},
    {"\n" KEY1 "0\n", 0,
	"f:2: a key is 64 hexadecimal digits; 'guideway cluster psk' makes "
	"one"},
    {" " KEY1, 0,
	"f:1: a key is 64 hexadecimal digits; 'guideway cluster psk' makes "
	"one"},
    {"g0112233445566778899aabbccddeeff00112233445566778899aabbccddeef1", 0,
	"f:1: a key is 64 hexadecimal digits; 'guideway cluster psk' makes "
	"one"},
    {"00112233445566778899aabbccddeeff00112233445566778899aabbccddee:1", 0,
	"f:1: a key is 64 hexadecimal digits; 'guideway cluster psk' makes "
	"one"},
};

START_TEST(files)
{
	struct errmsg why = {""};
	struct psk psk;
	int rc = psk_parse(
	    &psk, "f", rows[_i].text, strlen(rows[_i].text), &why);

	if (rows[_i].n == 0) {
		ck_assert_int_eq(rc, -1);
		ck_assert_str_eq(why.text, rows[_i].why);
	} else {
		ck_assert_msg(rc == 0, "%s", why.text);
		ck_assert_uint_eq(psk.n, rows[_i].n);
		ck_assert_uint_eq(psk.keys[0][31], 0xf1);
		ck_assert_uint_eq(psk.keys[0][10], 0xaa);
	}
}
END_TEST

static struct psk two;

static void
setup(void)
{
	static const char text[] = KEY1 "\n" KEY2 "\n";

	ck_assert_int_eq(psk_parse(&two, "f", text, strlen(text), NULL), 0);
}

START_TEST(identities)
{
	char name[FORWARDING_NAME_MAX], text[PSK_IDENTITY_MAX];
	char node[FORWARDING_NAME_MAX];
	const uint8_t *key;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_str_ne(two.ids[0], two.ids[1]);
	for (size_t i = 0; i < 2; i++) {
		psk_identity(text, name, name, two.ids[i]);
		key = psk_find(&two, name, (const uint8_t *)text, strlen(text),
		    node, NULL);
		ck_assert_ptr_eq(key, two.keys[i]);
		ck_assert_str_eq(node, name);
	}
}
END_TEST

static const struct {
	const char *identity, *why;
} bad_identities[] = {
    {"", "its key is not of cluster site1"},
    {"site", "its key is not of cluster site1"},
    {"site1", "its key is not of cluster site1"},
    {"site12/lb1/", "its key is not of cluster site1"},
    {"site1/", "it does not name its node with its key"},
    {"site1/lb1", "it does not name its node with its key"},
    {"site1//00000000", "it does not name its node with its key"},
    {"site1/l b/00000000", "it does not name its node with its key"},
    {"site1/lb1/", "node lb1 uses a key that is not in the file"},
    {"site1/lb1/00000000", "node lb1 uses a key that is not in the file"},
};

START_TEST(bad)
{
	const char *text = bad_identities[_i].identity;
	char node[FORWARDING_NAME_MAX];
	struct errmsg why = {""};

	ck_assert_ptr_null(psk_find(
	    &two, "site1", (const uint8_t *)text, strlen(text), node, &why));
	ck_assert_str_eq(why.text, bad_identities[_i].why);
}
END_TEST

/* With any byte missing or changed it is no identity of ours; nothing beyond
 * its end is read, which sanitizers see. */
START_TEST(cut_and_changed)
{
	char text[PSK_IDENTITY_MAX], node[FORWARDING_NAME_MAX];
	size_t len;

	psk_identity(text, "site1", "lb1", two.ids[1]);
	len = strlen(text);
	for (size_t i = 0; i < len; i++) {
		uint8_t *cut = malloc(i + 1);

		memcpy(cut, text, i);
		ck_assert_ptr_null(psk_find(&two, "site1", cut, i, node, NULL));
		free(cut);
	}
	text[len - 1] ^= 1;
	ck_assert_ptr_null(
	    psk_find(&two, "site1", (const uint8_t *)text, len, node, NULL));
}
END_TEST

START_TEST(generate)
{
	char one[PSK_TEXT_MAX], other[PSK_TEXT_MAX];
	struct psk psk;

	ck_assert_int_eq(psk_generate(one), 0);
	ck_assert_int_eq(psk_generate(other), 0);
	ck_assert_str_ne(one, other);
	ck_assert_int_eq(psk_parse(&psk, "f", one, strlen(one), NULL), 0);
	psk_clear(&psk);
	ck_assert_uint_eq(psk.n, 0);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("psk");
	TCase *tc = tcase_create("psk");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test(tc, files, 0, ROWS(rows));
	tcase_add_test(tc, identities);
	tcase_add_loop_test(tc, bad, 0, ROWS(bad_identities));
	tcase_add_test(tc, cut_and_changed);
	tcase_add_test(tc, generate);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
