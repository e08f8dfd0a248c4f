/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of unpacked protobuf messages, read with their checks into an arena,
 * and the way back. Only wire files include this.
 *
 * The first fault is kept in `why` and sets `bad`; what is read after it is
 * harmless (empty text, no elements, zero), so that a reader of a message reads
 * all its fields in a row and looks at `bad` once. */
#ifndef COMMON_FIELDS_H
#define COMMON_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "common/addr.h"
#include "common/arena.h"
#include "common/errmsg.h"

/* The longest text taken, such as one line of an error. */
#define FIELDS_TEXT_MAX 1024

struct fields {
	struct arena *arena;
	struct errmsg *why;
	bool bad;
	bool no_memory; /* ... and not for what was read */
};

/* For checks that are not here: "WHAT: EXPECTED expected". */
void fields_fault(struct fields *, const char *what, const char *expected);
void fields_no_memory(struct fields *);

/* 1..max printable ASCII characters without spaces. */
const char *fields_name(
    struct fields *, const ProtobufCBinaryData *, size_t max, const char *what);
/* 0..FIELDS_TEXT_MAX bytes for people; what is not printable ASCII becomes
 * '?', for it may end up on a terminal. */
const char *fields_text(
    struct fields *, const ProtobufCBinaryData *, const char *what);
/* The same, up to max bytes. */
const char *fields_long_text(
    struct fields *, const ProtobufCBinaryData *, size_t max, const char *what);
/* An address; with `optional`, no bytes are "none". 16 zeros, which would be
 * none as well, are refused. */
struct addr fields_addr(struct fields *, const ProtobufCBinaryData *,
    bool optional, const char *what);
/* Exactly len bytes into out, or with `optional` none, which leaves zeros.
 * Returns whether there were any. */
bool fields_bytes(struct fields *, const ProtobufCBinaryData *, void *out,
    size_t len, bool optional, const char *what);
/* A number up to max. */
uint32_t fields_number(
    struct fields *, uint32_t value, uint32_t max, const char *what);
/* Room for *n elements of `size` bytes; *n is set to 0 when it is over max or
 * there is no memory. */
void *fields_array(
    struct fields *, size_t *n, size_t max, size_t size, const char *what);

/* Borrowed, for packing. An address that is none has no bytes, nor has a text
 * that is NULL. */
ProtobufCBinaryData field_of_text(const char *);
ProtobufCBinaryData field_of_addr(const struct addr *);
ProtobufCBinaryData field_of_bytes(const void *, size_t len);

/* n initialised messages for a repeated field (to be cast to its type), or one;
 * NULL: out of memory. */
void *field_messages(
    struct arena *, size_t n, const ProtobufCMessageDescriptor *);
void *field_message(struct arena *, const ProtobufCMessageDescriptor *);

/* Appends the message as a frame (common/frame.h). 0, or -1 when out of memory
 * or too long, with nothing appended. */
struct evbuffer;
int message_put(struct evbuffer *, const ProtobufCMessage *);

#endif
