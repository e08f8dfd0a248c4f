/* SPDX-License-Identifier: Apache-2.0 */
/* A main() for a fuzz target, for any compiler: runs every input given (files,
 * or folders of files) and, for the short ones, every truncation of it. With no
 * argument, the stored corpus of the target, found by the program's own name:
 * fuzz_NAME replays tests/fuzz/corpus/NAME. An input that crashes, crashes this
 * program: its name is on stderr by then. */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer inputs are run whole only, which keeps the corpus quick. */
#define TRUNCATE_MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* In a block of exactly its length, so that ASan sees each byte read too far.
 * 0, or -1 when out of memory. */
static int
run_input(const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);

	if (exact == NULL)
		return -1;
	memcpy(exact, data, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 0;
}

static uint8_t *
read_file(const char *path, size_t *len)
{
	uint8_t *data = NULL;
	FILE *f = fopen(path, "rb");
	struct stat st;

	if (f == NULL)
		return NULL;
	if (fstat(fileno(f), &st) == 0 &&
	    (data = malloc((size_t)st.st_size + 1)) != NULL)
		*len = fread(data, 1, (size_t)st.st_size, f);
	fclose(f);
	return data;
}

/* How many inputs were run; -1 with a message on stderr. */
static int
replay_file(const char *path)
{
	uint8_t *data;
	size_t len = 0;
	int rc;

	fprintf(stderr, "%s\n", path);
	if ((data = read_file(path, &len)) == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	rc = run_input(data, len);
	for (size_t cut = 0; rc == 0 && len <= TRUNCATE_MAX && cut < len; cut++)
		rc = run_input(data, cut);
	free(data);
	if (rc == -1)
		fprintf(stderr, "%s: out of memory\n", path);
	return rc == 0 ? 1 : -1;
}

static int
replay_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char file[PATH_MAX];
	int n, total = 0;

	if (dir == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while (total != -1 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		n = replay_file(file);
		total = n == -1 ? -1 : total + n;
	}
	closedir(dir);
	return total;
}

static int
replay(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return replay_folder(path);
	return replay_file(path);
}

static int
replay_stored(const char *program)
{
	const char *base = strrchr(program, '/');
	const char *name = strstr(base != NULL ? base : program, "fuzz_");
	char path[PATH_MAX];

	if (name == NULL) {
		fprintf(stderr, "%s: give files to replay\n", program);
		return -1;
	}
	snprintf(path, sizeof(path), SRCDIR "/tests/fuzz/corpus/%s",
	    name + strlen("fuzz_"));
	return replay(path);
}

int
main(int argc, char **argv)
{
	int n, total = 0;

	if (argc == 1)
		total = replay_stored(argv[0]);
	for (int i = 1; i < argc && total != -1; i++) {
		n = replay(argv[i]);
		total = n == -1 ? -1 : total + n;
	}
	if (total == 0)
		fprintf(stderr, "%s: no input to replay: store at least one\n",
		    argv[0]);
	if (total <= 0)
		return EXIT_FAILURE;
	printf("%d inputs replayed\n", total);
	return EXIT_SUCCESS;
}
