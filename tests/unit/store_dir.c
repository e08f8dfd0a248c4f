/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/store_dir.h"

#include <check.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

char store_dir[64];
struct store_state loaded;
struct errmsg why;
bool with_replica;

static char parent[64];
static struct replica *sample;

static void
remove_files(void)
{
	DIR *dir = opendir(store_dir);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (unlinkat(dirfd(dir), entry->d_name, 0) == -1)
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	if (dir != NULL)
		closedir(dir);
}

void
store_dir_setup(void)
{
	strcpy(parent, "/tmp/check_store_XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(parent));
	snprintf(store_dir, sizeof(store_dir), "%s/state", parent);
}

void
store_dir_setup_replica(void)
{
	store_dir_setup();
	with_replica = true;
}

/* One service, and a writer whose objects are gone. */
static struct replica *
make_sample(void)
{
	const struct reg reg = {1, 3, {0x1122330000, 0xa1}, "256"};
	struct replica *r = replica_new();

	ck_assert_ptr_nonnull(r);
	r->live = calloc(1, sizeof(struct object *));
	r->vv = calloc(2, sizeof(*r->vv));
	ck_assert(r->live != NULL && r->vv != NULL);
	r->n_vv = 2;
	r->vv[0] = (struct seen){0xa1, 300};
	r->vv[1] = (struct seen){0xb2, 1};
	r->n_live = 1;
	r->live[0] = object_new(OBJECT_SERVICE, (struct uid){0xa1, 2},
	    0x1122330000, "web", 3, &reg, 1);
	ck_assert_ptr_nonnull(r->live[0]);
	r->hlc = 0x1122330001;
	return r;
}

struct store_state
state_of(bool draining)
{
	struct store_state state = {draining, 0, 0, NULL};

	if (!with_replica)
		return state;
	if (sample == NULL)
		sample = make_sample();
	return (struct store_state){draining, 7, 300, sample};
}

static bool
is_sample(const struct store_state *state)
{
	uint8_t a[REPLICA_DIGEST_LEN], b[REPLICA_DIGEST_LEN];

	ck_assert_int_eq(replica_digest(state_of(true).replica, a), 0);
	ck_assert_int_eq(replica_digest(state->replica, b), 0);
	return memcmp(a, b, sizeof(a)) == 0 &&
	    state->replica->hlc == sample->hlc && state->incarnation == 7 &&
	    state->synced_ms == 300;
}

void
store_dir_teardown(void)
{
	store_state_clear(&loaded);
	replica_free(sample);
	sample = NULL;
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	chmod(parent, 0700);
	chmod(store_dir, 0700);
	remove_files();
	unlink(store_dir);
	rmdir(store_dir);
	ck_assert_int_eq(rmdir(parent), 0);
}

void
store_dir_empty(void)
{
	ck_assert(mkdir(store_dir, 0700) == 0 || errno == EEXIST);
	remove_files();
}

void
seal(uint8_t *file, size_t len, uint32_t version)
{
	uint32_t version_be = htobe32(version);
	uint64_t len_be = htobe64(len - STORE_HEADER_LEN);

	memcpy(file, "GWSTATE1", 8);
	memcpy(file + 8, &version_be, 4);
	memcpy(file + 12, &len_be, 8);
	ck_assert_int_eq(
	    EVP_Digest(file + STORE_HEADER_LEN, len - STORE_HEADER_LEN,
		file + 20, NULL, EVP_sha256(), NULL),
	    1);
}

struct image
image_seal(const void *payload, size_t len, uint32_t version)
{
	struct image image = {.len = STORE_HEADER_LEN + len};

	ck_assert_uint_le(image.len, sizeof(image.data));
	memcpy(image.data + STORE_HEADER_LEN, payload, len);
	seal(image.data, image.len, version);
	return image;
}

/* The bytes of the sample; the format must never change. */
#define SAMPLE_BYTES \
	"\x10\x07" \
	"\x18\xac\x02" \
	"\x22\x5c" \
	"\x0a\x0c\x09\xa1\0\0\0\0\0\0\0\x10\xac\x02" \
	"\x0a\x0b\x09\xb2\0\0\0\0\0\0\0\x10\x01" \
	"\x12\x36\x09\xa1\0\0\0\0\0\0\0\x10\x02\x18\x01" \
	"\x22\x03web\x29\0\0\x33\x22\x11\0\0\0" \
	"\x32\x19\x08\x01\x12\x03" \
	"256" \
	"\x19\0\0\x33\x22\x11\0\0\0\x21\xa1\0\0\0\0\0\0\0" \
	"\x19\x01\0\x33\x22\x11\0\0\0"

struct image
image_of(bool draining)
{
	static const char payload[] = "\x08\x01" SAMPLE_BYTES;
	const char *at = draining ? payload : payload + 2;

	if (!with_replica)
		return image_seal(payload, draining ? 2 : 0, FORMAT_VERSION);
	return image_seal(
	    at, sizeof(payload) - 1 - (draining ? 0 : 2), FORMAT_REPLICA);
}

struct image
image_text(const char *text)
{
	struct image image = {.len = strlen(text)};

	ck_assert_uint_le(image.len, sizeof(image.data));
	memcpy(image.data, text, image.len);
	return image;
}

const char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", store_dir, name);
	return path;
}

void
put(const char *name, const struct image *image)
{
	FILE *f = fopen(path_of(name), "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(image->data, 1, image->len, f), image->len);
	ck_assert_int_eq(fclose(f), 0);
}

void
put_link(const char *name, const char *to)
{
	char old[128];

	strcpy(old, path_of(to));
	ck_assert_int_eq(link(old, path_of(name)), 0);
}

bool
present(const char *name)
{
	struct stat st;

	return lstat(path_of(name), &st) == 0;
}

bool
holds(const char *name, const struct image *image)
{
	uint8_t data[sizeof(image->data) + 1];
	FILE *f = fopen(path_of(name), "rb");
	size_t len;

	if (f == NULL)
		return false;
	len = fread(data, 1, sizeof(data), f);
	fclose(f);
	return len == image->len && memcmp(data, image->data, len) == 0;
}

enum store_result
load(void)
{
	enum store_result result;

	why.text[0] = '\0';
	store_state_clear(&loaded);
	loaded.draining = true;
	result = store_load(store_dir, &loaded, &why);
	ck_assert_int_eq(result == STORE_FORMER || result == STORE_LOST,
	    why.text[0] != '\0');
	if (why.text[0] != '\0')
		ck_assert_ptr_nonnull(strstr(why.text, store_dir));
	if (result == STORE_NONE || result == STORE_LOST)
		ck_assert(!loaded.draining && loaded.replica == NULL);
	else if (with_replica)
		ck_assert(loaded.replica != NULL && is_sample(&loaded));
	else
		ck_assert_ptr_null(loaded.replica);
	return result;
}

int
save(bool draining)
{
	const struct store_state state = state_of(draining);
	int rc;

	why.text[0] = '\0';
	rc = store_save(store_dir, &state, &why);
	ck_assert_int_eq(rc == -1, why.text[0] != '\0');
	if (rc == -1)
		ck_assert_ptr_nonnull(strstr(why.text, parent));
	return rc;
}

void
saved(bool draining)
{
	ck_assert_msg(save(draining) == 0, "%s", why.text);
}

void
loads(enum store_result expected, bool draining)
{
	enum store_result result = load();

	ck_assert_msg(result == expected, "%d instead of %d: %s", (int)result,
	    (int)expected, why.text);
	ck_assert_int_eq(loaded.draining, draining);
}

void
become_nobody(void)
{
	if (getuid() != 0)
		return;
	ck_assert_int_eq(chmod(parent, 0777), 0);
	ck_assert_int_eq(seteuid(NOBODY), 0);
}
