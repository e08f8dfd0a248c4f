/* SPDX-License-Identifier: Apache-2.0 */
/* What `guideway table` takes and prints. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/cli.h"
#include "agent/cli/table_args.h"
#include "tests/unit/unit.h"

#define SEED "000102030405060708090a0b0c0d0e0f"

static const struct member_row {
	const char *text;
	const char *name; /* NULL: refused ... */
	const char *says; /* ... with this */
	uint16_t weight, phi;
} member_rows[] = {
    {"a", "a", NULL, 1, 256},
    {"a*5", "a", NULL, 5, 256},
    {"a@0", "a", NULL, 1, 0},
    {"a*65535@256", "a", NULL, 65535, 256},
    {"a*00007@008", "a", NULL, 7, 8},
    {"2001:db8::1*3@17", "2001:db8::1", NULL, 3, 17},
    {"web one:80", "web one:80", NULL, 1, 256},
    {"-", "-", NULL, 1, 256},
    {"", NULL, "a name is missing", 0, 0},
    {"*3", NULL, "a name is missing", 0, 0},
    {"@3", NULL, "a name is missing", 0, 0},
    {"a*", NULL, "weight from 1 to 65535", 0, 0},
    {"a*0", NULL, "weight from 1 to 65535", 0, 0},
    {"a*65536", NULL, "weight from 1 to 65535", 0, 0},
    {"a*18446744073709551617", NULL, "weight from 1 to 65535", 0, 0},
    {"a*-1", NULL, "weight from 1 to 65535", 0, 0},
    {"a*+1", NULL, "weight from 1 to 65535", 0, 0},
    {"a*1 ", NULL, "weight from 1 to 65535", 0, 0},
    {"a*1*2", NULL, "weight from 1 to 65535", 0, 0},
    {"a*@5", NULL, "weight from 1 to 65535", 0, 0},
    {"a@", NULL, "phi from 0", 0, 0},
    {"a@257", NULL, "phi from 0", 0, 0},
    {"a@-1", NULL, "phi from 0", 0, 0},
    {"a@1@2", NULL, "phi from 0", 0, 0},
    {"a@5*2", NULL, "at the end", 0, 0},
};

START_TEST(member)
{
	const struct member_row *row = &member_rows[_i];
	struct table_member m;
	struct errmsg why = {""};
	char text[64];
	int rc;

	snprintf(text, sizeof(text), "%s", row->text);
	rc = table_args_member(text, &m, &why);
	if (row->name == NULL) {
		ck_assert_int_eq(rc, -1);
		ck_assert_msg(
		    strstr(why.text, row->says) != NULL, "%s", why.text);
		return;
	}
	ck_assert_msg(rc == 0, "%s", why.text);
	ck_assert_str_eq(m.name, row->name);
	ck_assert_uint_eq(m.weight, row->weight);
	ck_assert_uint_eq(m.phi, row->phi);
}
END_TEST

static const struct size_row {
	const char *text;
	uint32_t size; /* 0: refused */
} size_rows[] = {
    {"2", 2},
    {"1024", 1024},
    {"1048576", 1048576},
    {"1", 0},
    {"0", 0},
    {"3", 0},
    {"2097152", 0},
    {"4294967298", 0},
    {"-2", 0},
    {"16x", 0},
    {" 16", 0},
    {"", 0},
};

START_TEST(size)
{
	uint32_t got = 0;
	struct errmsg why;
	int rc = table_args_size(size_rows[_i].text, &got, &why);

	ck_assert_int_eq(rc, size_rows[_i].size != 0 ? 0 : -1);
	ck_assert_uint_eq(got, size_rows[_i].size);
}
END_TEST

static const struct seed_row {
	const char *text;
	const char *says; /* NULL: good */
} seed_rows[] = {
    {SEED, NULL},
    {"000102030405060708090A0B0C0D0E0F", NULL},
    {"", "0 characters"},
    {"000102030405060708090a0b0c0d0e0", "31 characters"},
    {"000102030405060708090a0b0c0d0e0f0", "33 characters"},
    {"g00102030405060708090a0b0c0d0e0f", "digit 1"},
    {"000102030405060708090a0b0c0d0e0g", "digit 32"},
    {"0x0102030405060708090a0b0c0d0e0f", "digit 2"},
};

START_TEST(seed)
{
	uint8_t got[TABLE_SEED_LEN];
	struct errmsg why = {""};
	int rc = table_args_seed(seed_rows[_i].text, got, &why);

	ck_assert_int_eq(rc, seed_rows[_i].says == NULL ? 0 : -1);
	if (rc == 0) {
		for (uint8_t i = 0; i < TABLE_SEED_LEN; i++)
			ck_assert_uint_eq(got[i], i);
	} else {
		ck_assert_msg(strstr(why.text, seed_rows[_i].says) != NULL,
		    "%s", why.text);
	}
}
END_TEST

START_TEST(whole)
{
	struct table_member m[3] = {
	    {"a", 1, 256}, {"b", 1, 256}, {"a", 1, 256}};
	struct errmsg why = {""};

	ck_assert_int_eq(table_args_check(m, 2, 2, &why), 0);
	ck_assert_int_eq(table_args_check(m, 3, 4, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "'a' is there twice"));
	m[2].name = "c";
	ck_assert_int_eq(table_args_check(m, 3, 4, &why), 0);
	ck_assert_int_eq(table_args_check(m, 3, 2, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "larger --size"));
	ck_assert_int_eq(
	    table_args_check(m, TABLE_MEMBERS_MAX + 1, 1 << 20, &why), -1);
}
END_TEST

/* Runs the command with standard output in a file; the text in `text`. */
static int
run(char **argv, int argc, char *text, size_t room)
{
	FILE *f = tmpfile();
	int saved, status;
	size_t len;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	ck_assert_int_ne(dup2(fileno(f), STDOUT_FILENO), -1);
	status = cli_main(argc, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(f);
	len = fread(text, 1, room - 1, f);
	text[len] = '\0';
	fclose(f);
	return status;
}

/* Each slot names the position on the command line, whatever the order there,
 * and agrees with the table function. Options stand before, after, between. */
static const char *const orders[][9] = {
    {"guideway", "table", "--size", "64", "--seed", SEED, "one*3", "two@100",
	"2001:db8::1"},
    {"guideway", "table", "2001:db8::1", "--seed=" SEED, "two@100", "--size",
	"64", "one*3", "--"},
    {"guideway", "--size=64", "table", "two@100", "2001:db8::1", "--seed", SEED,
	"--", "one*3"},
};
static const char *const order_names[][3] = {{"one", "two", "2001:db8::1"},
    {"2001:db8::1", "two", "one"}, {"two", "2001:db8::1", "one"}};

START_TEST(prints_positions)
{
	struct table_member m[3];
	uint8_t key[TABLE_SEED_LEN];
	struct table *t;
	char *argv[10] = {NULL}, text[1024], expected[1024], *at = expected;
	char copies[9][64];

	for (uint8_t i = 0; i < TABLE_SEED_LEN; i++)
		key[i] = i;
	for (size_t i = 0; i < 3; i++) {
		const char *name = order_names[_i][i];

		m[i] = (struct table_member){name,
		    strcmp(name, "one") == 0 ? 3 : 1,
		    strcmp(name, "two") == 0 ? 100 : 256};
	}
	t = table_new(m, 3, 64, key);
	ck_assert_ptr_nonnull(t);
	for (uint32_t i = 0; i < 64; i++)
		at += sprintf(at, "%zu%s",
		    table_position_of(t, table_slots(t)[i]),
		    i == 63 ? "\n" : " ");
	table_free(t);
	for (int i = 0; i < 9; i++) {
		snprintf(copies[i], sizeof(copies[i]), "%s", orders[_i][i]);
		argv[i] = copies[i];
	}
	ck_assert_int_eq(run(argv, 9, text, sizeof(text)), CLI_OK);
	ck_assert_str_eq(text, expected);
}
END_TEST

static const char *const wrong[][8] = {
    {"guideway", "table", "--size", "64", "a", "b"},
    {"guideway", "table", "--seed", SEED, "a", "b"},
    {"guideway", "table", "--size", "64", "--seed", SEED},
    {"guideway", "table", "--size", "63", "--seed", SEED, "a"},
    {"guideway", "table", "--size", "64", "--seed", "12", "a"},
    {"guideway", "table", "--size", "64", "--seed", SEED, "a*0"},
    {"guideway", "table", "--size", "64", "--seed", SEED, "a", "a*2"},
    {"guideway", "table", "--sizes", "64", "--seed", SEED, "a"},
    {"guideway", "table", "--size=64", "--seed"},
    {"guideway", "table", "--size=64", "--seed", SEED, "--udp", "a"},
    {"guideway", "table", "--size=64", "--seed", SEED, "--json=1", "a"},
    {"guideway", "tables"},
    {"guideway", "service"},
    {"guideway"},
};

START_TEST(wrong_usage)
{
	char *argv[9] = {NULL}, text[4096];
	char copies[8][64];
	int argc = 0;

	for (; argc < 8 && wrong[_i][argc] != NULL; argc++) {
		snprintf(
		    copies[argc], sizeof(copies[0]), "%s", wrong[_i][argc]);
		argv[argc] = copies[argc];
	}
	ck_assert_int_eq(run(argv, argc, text, sizeof(text)), CLI_USAGE);
	ck_assert_str_eq(text, "");
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("cli_table");
	TCase *tc = tcase_create("cli_table");

	tcase_add_loop_test(tc, member, 0, ROWS(member_rows));
	tcase_add_loop_test(tc, size, 0, ROWS(size_rows));
	tcase_add_loop_test(tc, seed, 0, ROWS(seed_rows));
	tcase_add_test(tc, whole);
	tcase_add_loop_test(tc, prints_positions, 0, ROWS(orders));
	tcase_add_loop_test(tc, wrong_usage, 0, ROWS(wrong));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
