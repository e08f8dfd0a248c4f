/* SPDX-License-Identifier: Apache-2.0 */
/* The writing half of pcapfile.h. */
#include "config.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "balancer/io/pcapfile.h"

#define RECORD_HEADER_LEN 16
#define FLUSH_LEN         (128u << 10)
/* Flushed when FLUSH_LEN is reached, so that a record always has room. */
#define BUFFER_LEN (FLUSH_LEN + RECORD_HEADER_LEN + PCAPFILE_RECORD_MAX)

struct pcapfile_writer {
	const char *name;
	int fd;
	int error; /* errno of the first write that failed */
	size_t used;
	uint8_t buffer[BUFFER_LEN];
};

/* The file header and a record's header, as they stand in the file. */
struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snaplen, linktype;
};
_Static_assert(sizeof(struct file_header) == 24, "as in the file");

struct record_header {
	uint32_t seconds, fraction, len, wire_len;
};
_Static_assert(sizeof(struct record_header) == RECORD_HEADER_LEN, "same");

struct pcapfile_writer *
pcapfile_writer_new(int fd, const char *name, bool nanoseconds)
{
	struct file_header h = {
	    .magic = htole32(nanoseconds ? 0xa1b23c4du : 0xa1b2c3d4u),
	    .major = htole16(2),
	    .minor = htole16(4),
	    .snaplen = htole32(PCAPFILE_RECORD_MAX),
	    .linktype = htole32(1),
	};
	struct pcapfile_writer *w;

	if ((w = malloc(sizeof(*w))) == NULL) {
		close(fd);
		return NULL;
	}
	w->name = name;
	w->fd = fd;
	w->error = 0;
	memcpy(w->buffer, &h, sizeof(h));
	w->used = sizeof(h);
	return w;
}

static void
flush(struct pcapfile_writer *w)
{
	size_t done = 0;
	ssize_t n;

	while (w->error == 0 && done < w->used) {
		n = write(w->fd, w->buffer + done, w->used - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			w->error = errno;
		else
			done += (size_t)n;
	}
	w->used = 0;
}

uint8_t *
pcapfile_reserve(struct pcapfile_writer *w, size_t len)
{
	return w->buffer + w->used + RECORD_HEADER_LEN;
}

void
pcapfile_commit(
    struct pcapfile_writer *w, size_t len, const struct pcapfile_time *time)
{
	struct record_header h = {
	    .seconds = htole32(time->seconds),
	    .fraction = htole32(time->fraction),
	    .len = htole32((uint32_t)len),
	    .wire_len = htole32((uint32_t)len),
	};

	memcpy(w->buffer + w->used, &h, sizeof(h));
	w->used += RECORD_HEADER_LEN + len;
	if (w->used >= FLUSH_LEN)
		flush(w);
}

bool
pcapfile_failed(const struct pcapfile_writer *w)
{
	return w->error != 0;
}

int
pcapfile_writer_close(struct pcapfile_writer *w, struct errmsg *why)
{
	int error;

	flush(w);
	error = w->error;
	/* Some file systems report a full disk only here. */
	if (close(w->fd) == -1 && error == 0)
		error = errno;
	errno = error;
	if (error != 0)
		errmsg_sys(why, "%s", w->name);
	free(w);
	return error == 0 ? 0 : -1;
}
