/* SPDX-License-Identifier: Apache-2.0 */
/* What a load makes of a directory: of each kind of damage, and of files that
 * it cannot or must not take. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/store_dir.h"
#include "tests/unit/unit.h"

ssize_t __real_read(int, void *, size_t);
ssize_t __wrap_read(int, void *, size_t);

static bool disk_broken;

ssize_t
__wrap_read(int fd, void *data, size_t len)
{
	if (!disk_broken)
		return __real_read(fd, data, len);
	errno = EIO;
	return -1;
}

static bool
says(const char *text)
{
	return strstr(why.text, text) != NULL;
}

/* The format, byte by byte: it must never change. */
static const struct {
	struct image image;
	bool draining;
} golden[] = {
    {{"GWSTATE1"
      "\0\0\0\1"
      "\0\0\0\0\0\0\0\2"
      "\xfb\x8d\xa7\xeb\x5b\x1b\x39\x9e\x73\x21\x17\x9d\xac\x9e\x9f\x65"
      "\x77\x3d\x73\x31\xe1\xe3\x05\x54\xe3\x91\x1e\x43\x25\xe1\xef\x19"
      "\x08\x01",
	 54},
	true},
    {{"GWSTATE1"
      "\0\0\0\1"
      "\0\0\0\0\0\0\0\0"
      "\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24"
      "\x27\xae\x41\xe4\x64\x9b\x93\x4c\xa4\x95\x99\x1b\x78\x52\xb8\x55",
	 52},
	false},
};

START_TEST(format)
{
	store_dir_empty();
	put(CURRENT, &golden[_i].image);
	loads(STORE_LOADED, golden[_i].draining);
	saved(golden[_i].draining);
	ck_assert(holds(CURRENT, &golden[_i].image));
}
END_TEST

START_TEST(round_trip)
{
	struct stat st;

	loads(STORE_NONE, false);
	saved(true);
	loads(STORE_LOADED, true);
	saved(false);
	loads(STORE_LOADED, false);
	ck_assert_int_eq(stat(store_dir, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0750);
	ck_assert_int_eq(stat(path_of(CURRENT), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(first_starts)
{
	const struct image image = image_of(true);

	loads(STORE_NONE, false);
	store_dir_empty();
	loads(STORE_NONE, false);
	/* A first save that was cut off was never confirmed to anybody. */
	put(CURRENT_NEW, &image);
	loads(STORE_NONE, false);
}
END_TEST

START_TEST(keeps_the_one_before)
{
	const struct image first = image_of(true), second = image_of(false);

	saved(true);
	ck_assert(!present(FORMER));
	saved(false);
	ck_assert(holds(FORMER, &first) && holds(CURRENT, &second));
	saved(true);
	ck_assert(holds(FORMER, &second) && holds(CURRENT, &first));
	ck_assert(!present(CURRENT_NEW) && !present(FORMER_NEW));
}
END_TEST

/* With a predecessor that says the opposite. */
static void
put_both(const struct image *current, bool former_draining)
{
	const struct image former = image_of(former_draining);

	store_dir_empty();
	put(FORMER, &former);
	put(CURRENT, current);
}

static void
is_former(const struct image *damaged)
{
	put_both(damaged, true);
	loads(STORE_FORMER, true);
	ck_assert(says(CORRUPT "1") && says("the state before it"));
	ck_assert(holds(CORRUPT "1", damaged) && !present(CURRENT));
	loads(STORE_FORMER, true); /* and again */
	saved(false);
	loads(STORE_LOADED, false);
}

START_TEST(each_bit_flipped)
{
	const struct image good = image_of(true);

	for (size_t bit = 0; bit < 8 * good.len; bit++) {
		struct image image = good;
		bool newer = bit / 8 >= 8 && bit / 8 < 12 && bit != 8 * 11;

		image.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (!newer) {
			is_former(&image);
			continue;
		}
		put_both(&image, true);
		loads(STORE_LOST, false);
		ck_assert(holds(CURRENT, &image));
	}
}
END_TEST

START_TEST(cut_at_each_length)
{
	struct image image = image_of(true);

	while (image.len-- > 0)
		is_former(&image);
}
END_TEST

START_TEST(too_long)
{
	struct image image = image_of(true);

	image.len++;
	is_former(&image);
}
END_TEST

/* The length of more than there can be. */
START_TEST(huge_length)
{
	struct image image = image_of(true);

	memset(image.data + 12, 0xff, 8);
	is_former(&image);
}
END_TEST

START_TEST(file_over_the_limit)
{
	const struct image image = image_of(true);

	put_both(&image, true);
	ck_assert_int_eq(
	    truncate(path_of(CURRENT), (off_t)STORE_FILE_MAX + 4096), 0);
	loads(STORE_FORMER, true);
	ck_assert(says("not as long as it says"));
}
END_TEST

START_TEST(foreign_file)
{
	const struct image image = image_text("node:\n  name: lb1\n");

	is_former(&image);
	put_both(&image, true);
	load();
	ck_assert(says("not a state file of Guideway"));
}
END_TEST

START_TEST(missing_but_not_its_former)
{
	const struct image image = image_of(true);

	put_both(&image, true);
	ck_assert_int_eq(unlink(path_of(CURRENT)), 0);
	loads(STORE_FORMER, true);
	saved(false);
	ck_assert(holds(FORMER, &image));
	loads(STORE_LOADED, false);
}
END_TEST

/* Nothing left to take is not a first start, at no later load either. */
START_TEST(both_damaged)
{
	const struct image image = image_text("garbage");

	put_both(&image, true);
	put(FORMER, &image);
	loads(STORE_LOST, false);
	ck_assert(says(CORRUPT "1") && says(CORRUPT "2"));
	ck_assert(!present(CURRENT) && !present(FORMER));
	loads(STORE_LOST, false);
	ck_assert(says("start anew"));
	saved(true);
	loads(STORE_LOADED, true);
}
END_TEST

START_TEST(damaged_without_former)
{
	const struct image image = image_text("garbage");

	store_dir_empty();
	put(CURRENT, &image);
	loads(STORE_LOST, false);
	loads(STORE_LOST, false);
	ck_assert_int_eq(unlink(path_of(CORRUPT "1")), 0);
	loads(STORE_NONE, false);
}
END_TEST

START_TEST(keeps_a_handful_of_damaged_files)
{
	struct image image = image_text("damage 0");
	char name[32];

	store_dir_empty();
	for (int n = 1; n <= STORE_CORRUPT_MAX + 2; n++) {
		image.data[7] = (uint8_t)('0' + n);
		put(CURRENT, &image);
		load();
	}
	for (int n = 1; n < STORE_CORRUPT_MAX; n++) {
		image.data[7] = (uint8_t)('0' + n);
		snprintf(name, sizeof(name), CORRUPT "%d", n);
		ck_assert(holds(name, &image));
	}
	image.data[7] = (uint8_t)('0' + STORE_CORRUPT_MAX + 2);
	snprintf(name, sizeof(name), CORRUPT "%d", STORE_CORRUPT_MAX);
	ck_assert(holds(name, &image));
	snprintf(name, sizeof(name), CORRUPT "%d", STORE_CORRUPT_MAX + 1);
	ck_assert(!present(name));
}
END_TEST

/* What must not be taken for the predecessor of the next save. */
START_TEST(damaged_since_the_load)
{
	const struct image good = image_of(true), bad = image_text("garbage");

	put_both(&bad, true);
	saved(false);
	ck_assert(holds(FORMER, &good) && holds(CORRUPT "1", &bad));
	loads(STORE_LOADED, false);
}
END_TEST

/* Files that may be whole are neither replaced nor renamed nor passed over. */
static void
is_opaque(const char *what)
{
	loads(STORE_LOST, false);
	ck_assert_msg(says(what), "%s", why.text);
	ck_assert(present(CURRENT) && !present(CORRUPT "1"));
	ck_assert_int_eq(save(true), -1);
	ck_assert_msg(says(what), "%s", why.text);
	loads(STORE_LOST, false);
}

START_TEST(newer_version)
{
	struct image image = image_seal("\x08\x01", 2, FORMAT_VERSION + 1);

	put_both(&image, true);
	is_opaque("newer Guideway");
	image.len = 12; /* whatever comes after the version */
	put_both(&image, true);
	is_opaque("newer Guideway");
	image = image_seal("\x08\x01", 2, UINT32_MAX);
	put_both(&image, true);
	is_opaque("4294967295");
}
END_TEST

START_TEST(fields_of_the_future)
{
	/* Field 2 a varint, field 1, field 15 bytes. */
	static const char payload[] = "\x10\x07\x08\x01\x7a\x03xyz";
	const struct image image = image_seal(
	    payload, sizeof(payload) - 1, FORMAT_VERSION);

	put_both(&image, false);
	loads(STORE_LOADED, true);
}
END_TEST

START_TEST(whole_but_not_decodable)
{
	const struct image image = image_seal("\x08", 1, FORMAT_VERSION);

	put_both(&image, true);
	is_opaque("cannot be decoded");
}
END_TEST

/* Numbers of an unknown field, which take 60 times their size in memory. */
START_TEST(bomb)
{
	static uint8_t file[STORE_HEADER_LEN + 200000];
	struct store_state state = {false};

	for (size_t i = STORE_HEADER_LEN; i < sizeof(file); i += 2)
		memcpy(file + i, "\x10\x01", 2);
	seal(file, sizeof(file), FORMAT_VERSION);
	ck_assert_int_eq(
	    store_decode(file, sizeof(file), &state, &why), STORE_FILE_OPAQUE);
	ck_assert(says("cannot be decoded"));
}
END_TEST

START_TEST(not_a_file)
{
	const struct image image = image_of(true);

	put_both(&image, true);
	ck_assert_int_eq(unlink(path_of(CURRENT)), 0);
	switch (_i) {
	case 0:
		ck_assert_int_eq(mkdir(path_of(CURRENT), 0700), 0);
		is_opaque("Is a directory");
		break;
	case 1:
		ck_assert_int_eq(symlink("/etc/hostname", path_of(CURRENT)), 0);
		is_opaque("Too many levels of symbolic links");
		break;
	default:
		ck_assert_int_eq(mkfifo(path_of(CURRENT), 0700), 0);
		is_opaque("Invalid argument");
		break;
	}
}
END_TEST

START_TEST(no_permission)
{
	const struct image image = image_of(true);

	become_nobody();
	put_both(&image, true);
	ck_assert_int_eq(chmod(path_of(CURRENT), 0), 0);
	is_opaque("Permission denied");
	/* The one before it: as good as damaged, and damage is not forgotten.
	 */
	ck_assert_int_eq(unlink(path_of(CURRENT)), 0);
	ck_assert_int_eq(chmod(path_of(FORMER), 0), 0);
	loads(STORE_LOST, false);
	ck_assert(says("Permission denied"));
	loads(STORE_LOST, false);
}
END_TEST

START_TEST(no_permission_for_the_directory)
{
	become_nobody();
	saved(true);
	ck_assert_int_eq(chmod(store_dir, 0), 0);
	loads(STORE_LOST, false);
	ck_assert_int_eq(save(false), -1);
	/* May be listed, but what is in it not looked at. */
	ck_assert_int_eq(chmod(store_dir, 0400), 0);
	loads(STORE_LOST, false);
	ck_assert_int_eq(save(false), -1);
	/* May be read; a damaged file stays where it is. */
	ck_assert_int_eq(chmod(store_dir, 0500), 0);
	loads(STORE_LOADED, true);
	ck_assert_int_eq(save(false), -1);
	loads(STORE_LOADED, true);
	ck_assert_int_eq(truncate(path_of(CURRENT), 5), 0);
	loads(STORE_LOST, false);
	ck_assert(says("Permission denied"));
	loads(STORE_LOST, false);
}
END_TEST

START_TEST(unreadable_disk)
{
	const struct image image = image_of(true);

	put_both(&image, true);
	disk_broken = true;
	is_opaque(strerror(EIO));
	disk_broken = false;
	loads(STORE_LOADED, true);
}
END_TEST

START_TEST(directory_is_a_file)
{
	FILE *f = fopen(store_dir, "w");

	ck_assert_ptr_nonnull(f);
	fclose(f);
	loads(STORE_LOST, false);
	ck_assert_int_eq(save(true), -1);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("store");
	TCase *tc = tcase_create("store");

	tcase_add_checked_fixture(tc, store_dir_setup, store_dir_teardown);
	tcase_add_loop_test(tc, format, 0, ROWS(golden));
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, first_starts);
	tcase_add_test(tc, keeps_the_one_before);
	tcase_add_test(tc, each_bit_flipped);
	tcase_add_test(tc, cut_at_each_length);
	tcase_add_test(tc, too_long);
	tcase_add_test(tc, huge_length);
	tcase_add_test(tc, file_over_the_limit);
	tcase_add_test(tc, foreign_file);
	tcase_add_test(tc, missing_but_not_its_former);
	tcase_add_test(tc, both_damaged);
	tcase_add_test(tc, damaged_without_former);
	tcase_add_test(tc, keeps_a_handful_of_damaged_files);
	tcase_add_test(tc, damaged_since_the_load);
	tcase_add_test(tc, newer_version);
	tcase_add_test(tc, fields_of_the_future);
	tcase_add_test(tc, whole_but_not_decodable);
	tcase_add_test(tc, bomb);
	tcase_add_loop_test(tc, not_a_file, 0, 3);
	tcase_add_test(tc, no_permission);
	tcase_add_test(tc, no_permission_for_the_directory);
	tcase_add_test(tc, unreadable_disk);
	tcase_add_test(tc, directory_is_a_file);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(make_suite)
