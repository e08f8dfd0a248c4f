/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "balancer/io/pcapfile.h"

/* As long as the live driver lets a frame wait for the next. */
#define MOMENT_US 1000

struct batch_sink {
	struct sink sink; /* first: the sink is this */
	struct pcapfile_writer *writer;
	const struct pcapfile_record *records; /* of the batch under way */
};

/* Straight into the writer's buffer: an output has the time of its cause. */
static uint8_t *
reserve(struct sink *sink, size_t len)
{
	return pcapfile_reserve(((struct batch_sink *)sink)->writer, len);
}

static void
commit(struct sink *sink, size_t len, uint32_t ifindex, size_t input)
{
	struct batch_sink *s = (struct batch_sink *)sink;

	pcapfile_commit(s->writer, len, &s->records[input].time);
}

/* Records from the first on that are of one moment, as frames of a live batch
 * are: held fragments and rate limits go by the time of the batch. */
static size_t
same_moment(const struct pcapfile_reader *in,
    const struct pcapfile_record *records, size_t n)
{
	int64_t first = pcapfile_time_us(in, &records[0].time);
	size_t i;

	for (i = 1; i < n; i++) {
		int64_t later = pcapfile_time_us(in, &records[i].time) - first;

		if (later < 0 || later > MOMENT_US)
			break;
	}
	return i;
}

static void
take_batch(struct serving *serving, struct batch_sink *out,
    const struct pcapfile_reader *in, size_t n, uint32_t mtu)
{
	enum reason reasons[FORWARD_BATCH];
	struct frame frames[FORWARD_BATCH];

	for (size_t i = 0; i < n; i++) {
		const struct pcapfile_record *r = &out->records[i];
		frames[i].data = r->data;
		frames[i].len = r->len < FORWARD_FRAME_MAX ? r->len
							   : FORWARD_FRAME_MAX;
		frames[i].wire_len = r->wire_len;
		frames[i].ifindex = 0;
		frames[i].mtu = mtu;
	}
	forward_batch(&serving->forwarder, frames, n,
	    pcapfile_time_us(in, &out->records[0].time), &out->sink, reasons);
}

static int
take_all(struct serving *serving, struct pcapfile_reader *in,
    struct pcapfile_writer *out, uint32_t mtu, struct errmsg *why)
{
	struct pcapfile_record records[FORWARD_BATCH];
	struct batch_sink sink = {{reserve, commit}, out, records};
	int n;

	while ((n = pcapfile_read(in, records, FORWARD_BATCH, why)) > 0) {
		size_t left = (size_t)n, now;

		for (sink.records = records; left > 0; left -= now) {
			now = same_moment(in, sink.records, left);
			take_batch(serving, &sink, in, now, mtu);
			sink.records += now;
		}
		if (pcapfile_failed(out))
			return 0; /* closing it says why */
	}
	return n;
}

static bool
same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && S_ISREG(x.st_mode) &&
	    x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Opened without truncating it, in case it is the input. */
static int
open_output(const char *path, int in, struct errmsg *why)
{
	struct stat st;
	int fd;

	if (strcmp(path, "-") == 0)
		fd = dup(STDOUT_FILENO);
	else
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd == -1)
		return errmsg_sys(why, "%s", path);
	if (same_file(in, fd)) {
		close(fd);
		return errmsg_set(
		    why, "%s: is the input as well; write to another", path);
	}
	if (strcmp(path, "-") != 0 && fstat(fd, &st) == 0 &&
	    S_ISREG(st.st_mode) && ftruncate(fd, 0) == -1) {
		errmsg_sys(why, "%s", path);
		close(fd);
		return -1;
	}
	return fd;
}

static int
open_input(const char *path, struct errmsg *why)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO)
					: open(path, O_RDONLY | O_CLOEXEC);

	return fd == -1 ? errmsg_sys(why, "%s", path) : fd;
}

int
file_run(
    struct serving *serving, const struct file_job *job, struct errmsg *why)
{
	struct pcapfile_reader *in;
	struct pcapfile_writer *out;
	int fd, out_fd, r;

	if ((fd = open_input(job->read, why)) == -1 ||
	    (in = pcapfile_reader_new(fd, job->read, why)) == NULL)
		return -1;
	/* Only now, so that a mistake in the input's name costs no output. */
	if ((out_fd = open_output(job->write, fd, why)) == -1) {
		pcapfile_reader_free(in);
		return -1;
	}
	out = pcapfile_writer_new(out_fd, job->write, pcapfile_nanoseconds(in));
	if (out == NULL) {
		pcapfile_reader_free(in);
		return errmsg_set(why, "%s: out of memory", job->write);
	}
	r = take_all(serving, in, out, job->mtu, why);
	pcapfile_reader_free(in);
	if (pcapfile_writer_close(out, r == -1 ? NULL : why) == -1)
		r = -1;
	return r;
}
