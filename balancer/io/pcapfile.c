/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "balancer/io/pcapfile.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_HEADER_LEN   24
#define RECORD_HEADER_LEN 16
#define MAGIC_MICRO       0xa1b2c3d4u
#define MAGIC_NANO        0xa1b23c4du
#define LINKTYPE_ETHERNET 1

/* Twice the longest record, so that a batch is rarely cut short by the end of
 * the buffer. Reading a quarter at a time keeps the records in cache. */
#define BUFFER_LEN (2 * (PCAPFILE_RECORD_MAX + RECORD_HEADER_LEN))
#define READ_LEN   (128u << 10)

struct pcapfile_reader {
	const char *name;
	int fd;
	bool swapped;
	bool nanoseconds;
	bool at_end;
	pcap_t *pcap; /* NULL: a classic file, parsed here */
	/* buffer[start, end) has been read and not yet given out. With pcap
	 * set, the buffer holds copies of records instead, up to `copied`. */
	uint8_t *buffer;
	size_t start, end, copied;
	struct errmsg pending; /* an error met behind records already read */
};

static uint32_t
swap32(uint32_t v)
{
	return __builtin_bswap32(v);
}

static uint32_t
load32(const struct pcapfile_reader *r, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return r->swapped ? swap32(v) : v;
}

/* Makes at least `want` bytes available behind start, asking for no more than
 * `ask` at a time. 1, 0 at the end of the file, -1 with errno. The caller has
 * seen to it that they fit. */
static int
need(struct pcapfile_reader *r, size_t want, size_t ask)
{
	size_t room;
	ssize_t n;

	while (r->end - r->start < want) {
		if (r->at_end)
			return 0;
		room = BUFFER_LEN - r->end;
		n = read(r->fd, r->buffer + r->end, room < ask ? room : ask);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			r->at_end = true;
		r->end += (size_t)n;
	}
	return 1;
}

/* A file that is not ours to parse, for libpcap: what we have read already
 * first, then the rest. */
static ssize_t
cookie_read(void *cookie, char *out, size_t len)
{
	struct pcapfile_reader *r = cookie;
	size_t left = r->end - r->start;
	ssize_t n;

	if (left > 0) {
		n = (ssize_t)(left < len ? left : len);
		memcpy(out, r->buffer + r->start, (size_t)n);
		r->start += (size_t)n;
		return n;
	}
	do
		n = read(r->fd, out, len);
	while (n == -1 && errno == EINTR);
	return n;
}

static int
cookie_close(void *cookie)
{
	return 0; /* the reader closes fd itself */
}

static int
open_with_libpcap(struct pcapfile_reader *r, struct errmsg *why)
{
	cookie_io_functions_t io = {.read = cookie_read, .close = cookie_close};
	char err[PCAP_ERRBUF_SIZE];
	FILE *fp;

	if ((fp = fopencookie(r, "r", io)) == NULL)
		return errmsg_sys(why, "%s", r->name);
	r->pcap = pcap_fopen_offline_with_tstamp_precision(
	    fp, PCAP_TSTAMP_PRECISION_NANO, err);
	if (r->pcap == NULL) {
		fclose(fp);
		return errmsg_set(
		    why, "%s: not a capture file: %s", r->name, err);
	}
	if (pcap_datalink(r->pcap) != DLT_EN10MB)
		return errmsg_set(why,
		    "%s: link type %s; only Ethernet can be read", r->name,
		    pcap_datalink_val_to_name(pcap_datalink(r->pcap)) != NULL
			? pcap_datalink_val_to_name(pcap_datalink(r->pcap))
			: "unknown");
	r->nanoseconds = true;
	return 0;
}

static int
open_classic(struct pcapfile_reader *r, struct errmsg *why)
{
	uint32_t link;

	if (need(r, FILE_HEADER_LEN, READ_LEN) != 1)
		return errmsg_set(
		    why, "%s: cut short in the file header", r->name);
	/* The upper bits tell the length of the FCS; it is not looked at: the
	 * IP header says how long the packet is. */
	link = load32(r, r->buffer + 20) & 0x03ffffffu;
	if (link != LINKTYPE_ETHERNET)
		return errmsg_set(why,
		    "%s: link type %u; only Ethernet (1) can be read", r->name,
		    link);
	r->start = FILE_HEADER_LEN;
	return 0;
}

static int
recognise(struct pcapfile_reader *r, struct errmsg *why)
{
	uint32_t magic;

	/* No more than that, since libpcap has to have the rest. */
	switch (need(r, sizeof(magic), sizeof(magic))) {
	case -1:
		return errmsg_sys(why, "%s", r->name);
	case 0:
		return errmsg_set(why,
		    "%s: %zu bytes: not a capture file (pcap or pcapng)",
		    r->name, r->end);
	}
	memcpy(&magic, r->buffer, sizeof(magic));
	r->swapped = magic == swap32(MAGIC_MICRO) ||
	    magic == swap32(MAGIC_NANO);
	if (r->swapped)
		magic = swap32(magic);
	r->nanoseconds = magic == MAGIC_NANO;
	if (magic == MAGIC_MICRO || magic == MAGIC_NANO)
		return open_classic(r, why);
	return open_with_libpcap(r, why);
}

struct pcapfile_reader *
pcapfile_reader_new(int fd, const char *name, struct errmsg *why)
{
	struct pcapfile_reader *r;

	if ((r = calloc(1, sizeof(*r))) == NULL) {
		errmsg_sys(why, "%s", name);
		close(fd);
		return NULL;
	}
	r->fd = fd;
	r->name = name;
	if ((r->buffer = malloc(BUFFER_LEN)) == NULL) {
		errmsg_sys(why, "%s", name);
		goto fail;
	}
	if (recognise(r, why) == -1)
		goto fail;
	return r;
fail:
	pcapfile_reader_free(r);
	return NULL;
}

void
pcapfile_reader_free(struct pcapfile_reader *r)
{
	if (r == NULL)
		return;
	if (r->pcap != NULL)
		pcap_close(r->pcap);
	if (r->fd != -1)
		close(r->fd);
	free(r->buffer);
	free(r);
}

bool
pcapfile_nanoseconds(const struct pcapfile_reader *r)
{
	return r->nanoseconds;
}

int64_t
pcapfile_time_us(const struct pcapfile_reader *r, const struct pcapfile_time *t)
{
	return (int64_t)t->seconds * 1000000 +
	    (r->nanoseconds ? t->fraction / 1000 : t->fraction);
}

enum step {
	STEP_RECORD,
	STEP_FULL, /* the next one does not fit behind those of this batch */
	STEP_END,
	STEP_ERROR,
};

/* Everything that decides where a batch ends is the content: positions in the
 * buffer, lengths of records. */
static enum step
next_classic(struct pcapfile_reader *r, struct pcapfile_record *record,
    struct errmsg *why)
{
	const uint8_t *h;
	uint32_t len;
	int got;

	if (BUFFER_LEN - r->start < RECORD_HEADER_LEN)
		return STEP_FULL;
	got = need(r, RECORD_HEADER_LEN, READ_LEN);
	if (got == 0 && r->start == r->end)
		return STEP_END;
	if (got != 1)
		goto cut;
	h = r->buffer + r->start;
	len = load32(r, h + 8);
	if (len > PCAPFILE_RECORD_MAX) {
		errmsg_set(why, "%s: a record of %u bytes: the file is damaged",
		    r->name, len);
		return STEP_ERROR;
	}
	if (BUFFER_LEN - r->start < RECORD_HEADER_LEN + len)
		return STEP_FULL;
	if ((got = need(r, RECORD_HEADER_LEN + len, READ_LEN)) != 1)
		goto cut;
	record->time.seconds = load32(r, h);
	record->time.fraction = load32(r, h + 4);
	record->len = len;
	record->wire_len = load32(r, h + 12);
	if (record->wire_len < len)
		record->wire_len = len;
	record->data = h + RECORD_HEADER_LEN;
	r->start += RECORD_HEADER_LEN + len;
	return STEP_RECORD;
cut:
	if (got == -1)
		errmsg_sys(why, "%s", r->name);
	else
		errmsg_set(why, "%s: cut short inside a packet", r->name);
	return STEP_ERROR;
}

/* libpcap's data is valid until its next call only: copied behind the others.
 * Where it may not fit the batch ends, before the next one is asked for. */
static enum step
next_libpcap(struct pcapfile_reader *r, struct pcapfile_record *record,
    struct errmsg *why)
{
	struct pcap_pkthdr *h;
	const u_char *data;

	if (BUFFER_LEN - r->copied < PCAPFILE_RECORD_MAX)
		return STEP_FULL;
	switch (pcap_next_ex(r->pcap, &h, &data)) {
	case 1:
		break;
	case PCAP_ERROR_BREAK:
		return STEP_END;
	default:
		errmsg_set(why, "%s: %s", r->name, pcap_geterr(r->pcap));
		return STEP_ERROR;
	}
	if (h->caplen > PCAPFILE_RECORD_MAX) {
		errmsg_set(why, "%s: a record of %u bytes: the file is damaged",
		    r->name, h->caplen);
		return STEP_ERROR;
	}
	record->data = memcpy(r->buffer + r->copied, data, h->caplen);
	record->len = h->caplen;
	record->wire_len = h->len < h->caplen ? h->caplen : h->len;
	record->time.seconds = (uint32_t)h->ts.tv_sec;
	record->time.fraction = (uint32_t)h->ts.tv_usec; /* nanoseconds */
	r->copied += h->caplen;
	return STEP_RECORD;
}

static enum step
next(struct pcapfile_reader *r, struct pcapfile_record *record,
    struct errmsg *why)
{
	return r->pcap != NULL ? next_libpcap(r, record, why)
			       : next_classic(r, record, why);
}

/* Brings what has not been given out to the front. */
static void
make_room(struct pcapfile_reader *r)
{
	memmove(r->buffer, r->buffer + r->start, r->end - r->start);
	r->end -= r->start;
	r->start = 0;
}

int
pcapfile_read(struct pcapfile_reader *r, struct pcapfile_record *records,
    size_t n, struct errmsg *why)
{
	struct errmsg later;
	enum step step = STEP_RECORD;
	size_t got = 0;

	if (r->pending.text[0] != '\0')
		return errmsg_set(why, "%s", r->pending.text);
	r->copied = 0;
	while (got < n) {
		step = next(r, &records[got], &later);
		if (step == STEP_FULL && got == 0) {
			make_room(r);
			continue;
		}
		if (step != STEP_RECORD)
			break;
		got++;
	}
	if (step == STEP_ERROR) {
		r->pending = later;
		if (got == 0)
			return errmsg_set(why, "%s", later.text);
	}
	return (int)got;
}
