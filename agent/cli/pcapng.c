/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "agent/cli/pcapng.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/capture_text.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,

	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_RESOLUTION = 9,
	PACKET_FLAGS = 2,
	PACKET_DROPCOUNT = 4,
	PACKET_ID = 5,
	STATISTICS_END = 3,
	STATISTICS_DROPPED = 5,
	STATISTICS_DELIVERED = 8,

	FLAG_INBOUND = 1,
	FLAG_OUTBOUND = 2,
};
#define MAGIC             0x1a2b3c4du
#define LINKTYPE_ETHERNET 1
#define NANOSECONDS       9 /* 10^-9 s */
/* A frame, its comment, and some small options. */
#define BLOCK_MAX (CAPTURE_SNAP_MAX + CAPTURE_TEXT_MAX + 256)

struct interface {
	char *name;
	uint64_t frames, lost;
};

struct pcapng {
	FILE *to;
	uint32_t snap;
	struct interface *interfaces;
	uint32_t n;
	uint64_t lost; /* as of the last packet */
	uint8_t block[BLOCK_MAX];
	size_t len;
};

/* Blocks ----------------------------------------------------------------- */

static void
put16(struct pcapng *p, uint32_t v)
{
	p->block[p->len++] = (uint8_t)v;
	p->block[p->len++] = (uint8_t)(v >> 8);
}

static void
put32(struct pcapng *p, uint32_t v)
{
	put16(p, v);
	put16(p, v >> 16);
}

static void
put64(struct pcapng *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p, (uint32_t)(v >> 32));
}

static void
put_bytes(struct pcapng *p, const void *data, size_t len)
{
	memcpy(p->block + p->len, data, len);
	p->len += len;
	while (p->len % 4 != 0)
		p->block[p->len++] = 0;
}

static void
put_option(struct pcapng *p, uint32_t code, const void *data, size_t len)
{
	put16(p, code);
	put16(p, (uint32_t)len);
	put_bytes(p, data, len);
}

static void
put_text(struct pcapng *p, uint32_t code, const char *text)
{
	put_option(p, code, text, strlen(text));
}

static void
put_option64(struct pcapng *p, uint32_t code, uint64_t v)
{
	put16(p, code);
	put16(p, 8);
	put64(p, v);
}

/* Times stand there with their upper half first. */
static void
put_time(struct pcapng *p, uint64_t ns)
{
	put32(p, (uint32_t)(ns >> 32));
	put32(p, (uint32_t)ns);
}

static void
begin(struct pcapng *p, uint32_t type)
{
	p->len = 0;
	put32(p, type);
	put32(p, 0); /* the length, known at the end */
}

/* A block's length stands at both of its ends. */
static void
end(struct pcapng *p)
{
	size_t len;

	put16(p, OPTION_END);
	put16(p, 0);
	len = p->len + 4;
	p->len = 4;
	put32(p, (uint32_t)len);
	p->len = len - 4;
	put32(p, (uint32_t)len);
	(void)fwrite(p->block, 1, len, p->to);
}

static void
write_section(struct pcapng *p)
{
	begin(p, BLOCK_SECTION);
	put32(p, MAGIC);
	put16(p, 1); /* version 1.0 */
	put16(p, 0);
	put64(p, UINT64_MAX); /* how long it is, is not known */
	put_text(p, SECTION_APPLICATION, "guideway " PACKAGE_VERSION);
	end(p);
}

static void
write_interface(struct pcapng *p, const char *name)
{
	const uint8_t resolution = NANOSECONDS;

	begin(p, BLOCK_INTERFACE);
	put16(p, LINKTYPE_ETHERNET);
	put16(p, 0);
	put32(p, p->snap);
	put_text(p, INTERFACE_NAME, name);
	put_option(p, INTERFACE_RESOLUTION, &resolution, 1);
	end(p);
}

/* Its number, or -1: out of memory. */
static int64_t
interface(struct pcapng *p, const char *name)
{
	struct interface *grown;
	uint32_t i;

	for (i = 0; i < p->n; i++)
		if (strcmp(p->interfaces[i].name, name) == 0)
			return i;
	grown = reallocarray(p->interfaces, p->n + 1, sizeof(*grown));
	if (grown == NULL)
		return -1;
	p->interfaces = grown;
	grown[i] = (struct interface){.name = strdup(name)};
	if (grown[i].name == NULL)
		return -1;
	p->n++;
	write_interface(p, name);
	return i;
}

static void
write_frame(struct pcapng *p, const struct captured_packet *packet,
    const struct captured_frame *f, uint32_t number, uint64_t lost)
{
	char comment[CAPTURE_TEXT_MAX];

	begin(p, BLOCK_PACKET);
	put32(p, number);
	put_time(p, packet->time_ns);
	put32(p, (uint32_t)f->len);
	put32(p, f->wire_len);
	put_bytes(p, f->data, f->len);
	put_text(p, OPTION_COMMENT, capture_comment(packet, comment));
	put16(p, PACKET_FLAGS);
	put16(p, 4);
	put32(p, f->out ? FLAG_OUTBOUND : FLAG_INBOUND);
	if (lost > 0)
		put_option64(p, PACKET_DROPCOUNT, lost);
	put_option64(p, PACKET_ID, packet->number);
	end(p);
}

/* The whole ------------------------------------------------------------- */

int
pcapng_put(
    struct pcapng *p, const struct captured_packet *packet, uint64_t lost)
{
	uint64_t newly = lost - p->lost;

	/* All interfaces first, so that nothing is half written. */
	for (size_t i = 0; i < packet->n_frames; i++)
		if (interface(p, packet->frames[i].interface) == -1)
			return -1;
	for (size_t i = 0; i < packet->n_frames; i++) {
		const struct captured_frame *f = &packet->frames[i];
		int64_t number = interface(p, f->interface);

		write_frame(p, packet, f, (uint32_t)number, newly);
		p->interfaces[number].frames++;
		p->interfaces[number].lost += newly;
		newly = 0;
		p->lost = lost;
	}
	return 0;
}

void
pcapng_end(struct pcapng *p, uint64_t lost, uint64_t end_ns)
{
	/* What was lost after the last packet may have been anybody's. */
	if (p->n > 0)
		p->interfaces[0].lost += lost - p->lost;
	for (uint32_t i = 0; i < p->n; i++) {
		begin(p, BLOCK_STATISTICS);
		put32(p, i);
		put_time(p, end_ns);
		put16(p, STATISTICS_END);
		put16(p, 8);
		put_time(p, end_ns);
		put_option64(p, STATISTICS_DROPPED, p->interfaces[i].lost);
		put_option64(p, STATISTICS_DELIVERED, p->interfaces[i].frames);
		end(p);
	}
}

struct pcapng *
pcapng_new(FILE *to, uint32_t snap)
{
	struct pcapng *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->to = to;
	p->snap = snap;
	write_section(p);
	return p;
}

void
pcapng_free(struct pcapng *p)
{
	if (p == NULL)
		return;
	for (uint32_t i = 0; i < p->n; i++)
		free(p->interfaces[i].name);
	free(p->interfaces);
	free(p);
}
