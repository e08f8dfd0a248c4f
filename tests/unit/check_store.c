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
		/* Of the bits of the version, one makes it 0. */
		size_t to_zero = 8 * 11 + (with_replica ? 1 : 0);
		bool newer = bit / 8 >= 8 && bit / 8 < 12 && bit != to_zero;

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
	struct image image = image_seal("\x08\x01", 2, FORMAT_REPLICA + 1);

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
	/* Field 5 a varint, field 1, field 15 bytes. */
	static const char payload[] = "\x28\x07\x08\x01\x7a\x03xyz";
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
		memcpy(file + i, "\x28\x01", 2);
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

/* The most that a replica may hold fits, whatever it is made of: the more and
 * the smaller its parts, the more is added to each. */
START_TEST(largest_replica_fits)
{
	struct replica *r = replica_new();
	struct store_state state = {.replica = r};
	struct reg regs[OBJECT_REGS_MAX];
	size_t n = 0, len;
	uint8_t *data;

	for (uint16_t i = 0; i < OBJECT_REGS_MAX; i++)
		regs[i] = (struct reg){(uint16_t)(OBJECT_FIELD_MAX - 31 + i), 1,
		    {HLC_MAX, UINT64_MAX}, "x"};
	r->live = calloc(REPLICA_OBJECTS_MAX, sizeof(*r->live));
	r->vv = calloc(REPLICA_WRITERS_MAX, sizeof(*r->vv));
	while (n < REPLICA_SIZE_MAX) {
		struct object *o = object_new(OBJECT_SERVICE,
		    (struct uid){UINT64_MAX, (uint32_t)r->n_live + 1}, HLC_MAX,
		    "k", 1, regs, OBJECT_REGS_MAX);

		n += object_size(o);
		r->live[r->n_live++] = o;
	}
	while (r->n_vv < REPLICA_WRITERS_MAX) {
		r->vv[r->n_vv] = (struct seen){
		    UINT64_MAX - (REPLICA_WRITERS_MAX - 1 - r->n_vv),
		    UINT32_MAX};
		r->n_vv++;
	}
	object_unref(r->live[--r->n_live]);
	ck_assert_msg(replica_check(r, &why) == 0, "%s", why.text);
	data = store_encode(&state, &len);
	ck_assert_ptr_nonnull(data);
	ck_assert_uint_le(len, STORE_FILE_MAX);
	free(data);
	replica_free(r);
}
END_TEST

/* What a file with the right checksum may say that no replica does. */
static void
no_seq(struct replica *r)
{
	r->vv[1].seq = 0;
}

static void
writers_descend(struct replica *r)
{
	r->vv[1].writer = r->vv[0].writer;
}

static void
not_covered(struct replica *r)
{
	r->vv[0].seq = 1;
}

static void
unknown_writer(struct replica *r)
{
	r->vv++;
	r->n_vv--;
}

static void
hlc_over(struct replica *r)
{
	r->hlc = HLC_MAX + 1;
}

static void
no_kind(struct replica *r)
{
	r->live[0]->kind = 0;
}

static void
born_over(struct replica *r)
{
	r->live[0]->born = HLC_MAX + 1;
}

static void
no_key(struct replica *r)
{
	r->live[0]->key_len = 0;
}

static void
unprintable_key(struct replica *r)
{
	r->live[0]->key = "w\0b";
}

static void
stamp_over(struct replica *r)
{
	r->live[0]->regs[0].stamp.hlc = HLC_MAX + 1;
}

static void
field_over(struct replica *r)
{
	r->live[0]->regs[0].field = OBJECT_FIELD_MAX + 1;
}

static void
twice(struct replica *r)
{
	static struct object *both[2];

	both[0] = both[1] = r->live[0];
	r->live = both;
	r->n_live = 2;
}

static void (*const bad_replicas[])(struct replica *) = {no_seq,
    writers_descend, not_covered, unknown_writer, hlc_over, no_kind, born_over,
    no_key, unprintable_key, stamp_over, field_over, twice};

START_TEST(bad_replica)
{
	const struct store_state good = state_of(true);
	struct replica *whole = good.replica, changed = *whole;
	struct store_state bad = good, state = {.incarnation = 5};
	struct object *kept = whole->live[0], *copy;
	uint8_t *data;
	size_t len;

	copy = object_new(kept->kind, kept->uid, kept->born, kept->key,
	    kept->key_len, kept->regs, kept->n_regs);
	whole->live[0] = copy;
	bad.replica = &changed;
	bad_replicas[_i](&changed);
	data = store_encode(&bad, &len);
	ck_assert_ptr_nonnull(data);
	ck_assert_int_eq(
	    store_decode(data, len, &state, &why), STORE_FILE_DAMAGED);
	ck_assert_msg(says("configuration cannot be taken: "), "%s", why.text);
	ck_assert(state.incarnation == 5 && state.replica == NULL);
	object_unref(copy);
	whole->live[0] = kept;
	free(data);
}
END_TEST

/* n services with a register of text_len bytes. */
static struct replica *
large(size_t n, size_t text_len)
{
	static char text[OBJECT_TEXT_MAX + 1];
	const struct reg reg = {1, (uint16_t)text_len, {1, 1}, text};
	struct replica *r = replica_new();
	char key[32];

	memset(text, 'x', sizeof(text) - 1);
	ck_assert_ptr_nonnull(r);
	r->live = calloc(n, sizeof(struct object *));
	r->vv = calloc(1, sizeof(*r->vv));
	ck_assert(r->live != NULL && r->vv != NULL);
	r->vv[r->n_vv++] = (struct seen){1, (uint32_t)n};
	while (r->n_live < n) {
		int len = snprintf(key, sizeof(key), "service-%zu", r->n_live);

		r->live[r->n_live] = object_new(OBJECT_SERVICE,
		    (struct uid){1, (uint32_t)r->n_live + 1}, 1, key,
		    (size_t)len, &reg, 1);
		ck_assert_ptr_nonnull(r->live[r->n_live]);
		r->n_live++;
	}
	return r;
}

START_TEST(large_replica)
{
	struct store_state state = {.replica = large(REPLICA_OBJECTS_MAX, 100)};
	struct store_state back = {false};

	ck_assert_int_eq(store_save(store_dir, &state, &why), 0);
	ck_assert_int_eq(store_load(store_dir, &back, &why), STORE_LOADED);
	ck_assert_uint_eq(back.replica->n_live, REPLICA_OBJECTS_MAX);
	store_state_clear(&back);
	store_state_clear(&state);
	ck_assert_ptr_null(state.replica);
}
END_TEST

START_TEST(too_large_replica)
{
	struct store_state state = {.replica = large(5000, OBJECT_TEXT_MAX)};
	struct store_state back = {false};

	saved(true);
	ck_assert_int_eq(store_save(store_dir, &state, &why), -1);
	ck_assert(says("over the limit"));
	ck_assert_int_eq(store_load(store_dir, &back, &why), STORE_LOADED);
	ck_assert(back.draining);
	store_state_clear(&back);
	store_state_clear(&state);
}
END_TEST

/* An older agent reads past the numbers, and may lose them. */
START_TEST(numbers_need_no_replica)
{
	const struct store_state state = {
	    .incarnation = UINT64_MAX, .synced_ms = 1};
	struct store_state back = {false};
	size_t len;
	uint8_t *data = store_encode(&state, &len);

	ck_assert_ptr_nonnull(data);
	ck_assert_uint_eq(data[11], FORMAT_VERSION);
	ck_assert_int_eq(store_decode(data, len, &back, &why), STORE_FILE_GOOD);
	ck_assert(back.incarnation == UINT64_MAX && back.synced_ms == 1);
	ck_assert_ptr_null(back.replica);
	free(data);
}
END_TEST

START_TEST(format_replica)
{
	const struct image image = image_of(_i == 1);

	store_dir_empty();
	put(CURRENT, &image);
	loads(STORE_LOADED, _i == 1);
	saved(_i == 1);
	ck_assert(holds(CURRENT, &image));
}
END_TEST

static void
add_both(TCase *tc)
{
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
	tcase_add_loop_test(tc, not_a_file, 0, 3);
	tcase_add_test(tc, no_permission);
	tcase_add_test(tc, no_permission_for_the_directory);
	tcase_add_test(tc, unreadable_disk);
	tcase_add_test(tc, directory_is_a_file);
}

static Suite *
make_suite(void)
{
	Suite *s = suite_create("store");
	TCase *plain = tcase_create("plain");
	TCase *replica = tcase_create("replica");

	tcase_add_checked_fixture(plain, store_dir_setup, store_dir_teardown);
	tcase_add_loop_test(plain, format, 0, ROWS(golden));
	add_both(plain);
	tcase_add_test(plain, newer_version);
	tcase_add_test(plain, fields_of_the_future);
	tcase_add_test(plain, whole_but_not_decodable);
	tcase_add_test(plain, bomb);
	tcase_add_test(plain, numbers_need_no_replica);
	tcase_add_test(plain, large_replica);
	tcase_add_test(plain, too_large_replica);
	suite_add_tcase(s, plain);

	tcase_add_checked_fixture(
	    replica, store_dir_setup_replica, store_dir_teardown);
	tcase_add_loop_test(replica, format_replica, 0, 2);
	add_both(replica);
	tcase_add_test(replica, largest_replica_fits);
	tcase_add_loop_test(replica, bad_replica, 0, ROWS(bad_replicas));
	suite_add_tcase(s, replica);
	return s;
}

UNIT_MAIN(make_suite)
