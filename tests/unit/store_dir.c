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

static char parent[64];

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
store_dir_teardown(void)
{
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

struct image
image_of(bool draining)
{
	return image_seal("\x08\x01", draining ? 2 : 0, FORMAT_VERSION);
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
	loaded.draining = true;
	result = store_load(store_dir, &loaded, &why);
	ck_assert_int_eq(result == STORE_FORMER || result == STORE_LOST,
	    why.text[0] != '\0');
	if (why.text[0] != '\0')
		ck_assert_ptr_nonnull(strstr(why.text, store_dir));
	if (result == STORE_NONE || result == STORE_LOST)
		ck_assert(!loaded.draining);
	return result;
}

int
save(bool draining)
{
	const struct store_state state = {draining};
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
