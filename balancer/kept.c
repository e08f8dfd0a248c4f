/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/kept.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "balancer/core/fib.h"
#include "balancer/ctl/wire_kept.h"
#include "common/log.h"

struct header {
	char magic[8];
	uint64_t turn, len, hash;
};
_Static_assert(sizeof(struct header) == KEPT_HEADER_LEN, "as in kept.h");

static const char magic[8] = {'G', 'W', 'M', 'O', 'V', 'E', 'S', '1'};

void
kept_open(struct kept *k, const char *run_dir)
{
	char path[4096];

	*k = (struct kept){.fds = {-1, -1}};
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/moves.%d", run_dir, i);
		k->fds[i] = open(
		    path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (k->fds[i] == -1)
			log_warn("kept",
			    "%s: the next start will not know which "
			    "connections stay where",
			    path);
	}
}

void
kept_close(struct kept *k)
{
	for (int i = 0; i < 2; i++) {
		if (k->fds[i] != -1)
			close(k->fds[i]);
		k->fds[i] = -1;
	}
}

static bool
read_all(int fd, void *to, size_t len, off_t at)
{
	uint8_t *p = to;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, at);

		if (n <= 0)
			return false;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
write_all(int fd, const void *from, size_t len, off_t at)
{
	const uint8_t *p = from;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n <= 0)
			return false;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* The payload; NULL: there is no whole one. */
static uint8_t *
read_file(int fd, struct header *h)
{
	struct stat st;
	uint8_t *data;

	if (fd == -1 || fstat(fd, &st) == -1 ||
	    !read_all(fd, h, sizeof(*h), 0) ||
	    memcmp(h->magic, magic, sizeof(magic)) != 0 || h->len > KEPT_MAX ||
	    h->len + sizeof(*h) > (uint64_t)st.st_size ||
	    (data = malloc(h->len + 1)) == NULL)
		return NULL;
	if (read_all(fd, data, h->len, sizeof(*h)) &&
	    XXH3_64bits(data, h->len) == h->hash)
		return data;
	free(data);
	return NULL;
}

struct fib *
kept_load(struct kept *k, uint32_t now)
{
	struct header headers[2];
	uint8_t *data[2];
	struct errmsg why;
	struct fib *fib;
	int newer;

	for (int i = 0; i < 2; i++)
		data[i] = read_file(k->fds[i], &headers[i]);
	newer = data[0] == NULL ||
	    (data[1] != NULL && headers[1].turn > headers[0].turn);
	if (data[newer] == NULL)
		return NULL;
	k->turn = headers[newer].turn;
	fib = wire_unpack_kept(data[newer], headers[newer].len, now, &why);
	if (fib == NULL)
		log_warnx("kept", "moves.%d is of no use: %s", newer, why.text);
	for (int i = 0; i < 2; i++)
		free(data[i]);
	return fib;
}

/* The header last: until it is there, the other file counts. */
static bool
write_file(int fd, const struct header *h, const uint8_t *data)
{
	static const struct header none;

	return write_all(fd, &none, sizeof(none), 0) &&
	    ftruncate(fd, sizeof(*h)) == 0 &&
	    write_all(fd, data, h->len, sizeof(*h)) &&
	    write_all(fd, h, sizeof(*h), 0);
}

int
kept_save(
    struct kept *k, const struct fib *fib, uint32_t now, struct errmsg *why)
{
	struct header h = {.turn = k->turn + 1};
	int fd = k->fds[h.turn & 1];
	size_t len;
	uint8_t *data;
	bool ok;

	if (fd == -1)
		return 0;
	if ((data = wire_pack_kept(fib, now, &len)) == NULL)
		return errmsg_set(why, "moves: out of memory");
	memcpy(h.magic, magic, sizeof(magic));
	h.len = len;
	h.hash = XXH3_64bits(data, len);
	ok = write_file(fd, &h, data);
	free(data);
	if (!ok)
		return errmsg_sys(why, "moves.%d", (int)(h.turn & 1));
	k->turn = h.turn;
	return 0;
}
