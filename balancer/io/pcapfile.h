/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files in batches, without a system call or a copy per packet.
 *
 * Reading: classic pcap files (microseconds or nanoseconds, either byte order)
 * are parsed here, in a buffer that the records point into: libpcap's way, two
 * stdio reads a record, takes twice the time. Everything else that libpcap
 * knows (pcapng above all) is read through libpcap. Only Ethernet is taken.
 *
 * Writing: classic pcap, little endian on every machine, so that the same
 * packets are the same bytes.
 *
 * How records fall into batches depends on the content of the file alone, never
 * on how many bytes a read() gave, so that a pipe and a file are treated the
 * same. */
#ifndef BALANCER_IO_PCAPFILE_H
#define BALANCER_IO_PCAPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

/* libpcap's own limit for Ethernet; a longer record is a damaged file. */
#define PCAPFILE_RECORD_MAX 262144u

struct pcapfile_time {
	uint32_t seconds;
	uint32_t fraction; /* micro- or nanoseconds, as in the file */
};

struct pcapfile_record {
	const uint8_t *data; /* borrowed until the next read */
	uint32_t len;        /* captured */
	uint32_t wire_len;   /* never less than len */
	struct pcapfile_time time;
};

struct pcapfile_reader;

/* Reads from fd (taken over: closed when the reader is freed, or at once when
 * this fails), which messages call `name`. NULL with `why`: not a capture file,
 * or not of Ethernet. */
struct pcapfile_reader *pcapfile_reader_new(
    int fd, const char *name, struct errmsg *why);
void pcapfile_reader_free(struct pcapfile_reader *);

/* Are times in nanoseconds? (pcapng: always.) */
bool pcapfile_nanoseconds(const struct pcapfile_reader *);

/* A record's time in microseconds. */
int64_t pcapfile_time_us(
    const struct pcapfile_reader *, const struct pcapfile_time *);

/* Up to n records. Returns how many, 0 at the end of the file, or -1 with `why`
 * when the file is cut short or damaged, or cannot be read; whatever was whole
 * before that has been given out by then. */
int pcapfile_read(struct pcapfile_reader *, struct pcapfile_record *records,
    size_t n, struct errmsg *why);

struct pcapfile_writer;

/* Writes to fd (taken over) with a file header at the front. NULL: out of
 * memory, and fd is closed. */
struct pcapfile_writer *pcapfile_writer_new(
    int fd, const char *name, bool nanoseconds);

/* Room for a frame of len <= PCAPFILE_RECORD_MAX, valid until the commit; never
 * NULL. commit makes the first len bytes of it a record. A write that fails is
 * remembered, what follows is discarded, and pcapfile_writer_close says so. */
uint8_t *pcapfile_reserve(struct pcapfile_writer *, size_t len);
void pcapfile_commit(
    struct pcapfile_writer *, size_t len, const struct pcapfile_time *);

/* Has a write failed? Then there is no sense in going on. */
bool pcapfile_failed(const struct pcapfile_writer *);

/* Writes what is left and frees the writer. 0, or -1 with `why` when any write
 * failed. */
int pcapfile_writer_close(struct pcapfile_writer *, struct errmsg *why);

#endif
