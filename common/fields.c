/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/fields.h"

#include <stdlib.h>
#include <string.h>

#include "common/frame.h"

void
fields_fault(struct fields *f, const char *what, const char *expected)
{
	if (!f->bad)
		errmsg_set(f->why, "%s: %s expected", what, expected);
	f->bad = true;
}

void
fields_no_memory(struct fields *f)
{
	if (!f->bad) {
		errmsg_set(f->why, "out of memory for a message");
		f->no_memory = true;
	}
	f->bad = true;
}

static bool
printable(uint8_t c)
{
	return c >= ' ' && c <= '~';
}

const char *
fields_name(struct fields *f, const ProtobufCBinaryData *d, size_t max,
    const char *what)
{
	char *copy;

	if (d->len == 0 || d->len > max) {
		fields_fault(f, what, "a name of bounded length");
		return "";
	}
	for (size_t i = 0; i < d->len; i++)
		if (!printable(d->data[i]) || d->data[i] == ' ') {
			fields_fault(f, what, "a printable name");
			return "";
		}
	if ((copy = arena_copy(f->arena, d->data, d->len)) != NULL)
		return copy;
	fields_no_memory(f);
	return "";
}

const char *
fields_text(struct fields *f, const ProtobufCBinaryData *d, const char *what)
{
	return fields_long_text(f, d, FIELDS_TEXT_MAX, what);
}

const char *
fields_long_text(struct fields *f, const ProtobufCBinaryData *d, size_t max,
    const char *what)
{
	char *copy;

	if (d->len > max) {
		fields_fault(f, what, "a shorter text");
		return "";
	}
	if ((copy = arena_copy(f->arena, d->data, d->len)) == NULL) {
		fields_no_memory(f);
		return "";
	}
	for (size_t i = 0; i < d->len; i++)
		if (!printable((uint8_t)copy[i]))
			copy[i] = '?';
	return copy;
}

struct addr
fields_addr(struct fields *f, const ProtobufCBinaryData *d, bool optional,
    const char *what)
{
	struct addr a = {{0}};

	if (optional && d->len == 0)
		return a;
	if (addr_from_bytes(&a, d->data, d->len) == -1 || addr_is_none(&a))
		fields_fault(f, what, "a host's address of 4 or 16 bytes");
	return a;
}

bool
fields_bytes(struct fields *f, const ProtobufCBinaryData *d, void *out,
    size_t len, bool optional, const char *what)
{
	memset(out, 0, len);
	if (optional && d->len == 0)
		return false;
	if (d->len != len) {
		fields_fault(f, what, "another number of bytes");
		return false;
	}
	memcpy(out, d->data, len);
	return true;
}

uint32_t
fields_number(struct fields *f, uint32_t value, uint32_t max, const char *what)
{
	if (value <= max)
		return value;
	fields_fault(f, what, "a smaller number");
	return 0;
}

void *
fields_array(
    struct fields *f, size_t *n, size_t max, size_t size, const char *what)
{
	void *array = NULL;

	if (*n > max)
		fields_fault(f, what, "fewer elements");
	else if ((array = arena_alloc(f->arena, *n, size)) == NULL)
		fields_no_memory(f);
	if (f->bad)
		*n = 0;
	return array;
}

ProtobufCBinaryData
field_of_text(const char *text)
{
	return field_of_bytes(text, text != NULL ? strlen(text) : 0);
}

ProtobufCBinaryData
field_of_addr(const struct addr *a)
{
	size_t len;
	const uint8_t *bytes = addr_bytes(a, &len);

	return field_of_bytes(bytes, addr_is_none(a) ? 0 : len);
}

ProtobufCBinaryData
field_of_bytes(const void *data, size_t len)
{
	/* protobuf-c wants it without const, and only reads. */
	return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

void *
field_messages(
    struct arena *arena, size_t n, const ProtobufCMessageDescriptor *type)
{
	size_t size = type->sizeof_message;
	void **pointers = arena_alloc(arena, n, sizeof(*pointers));
	uint8_t *block = arena_alloc(arena, n, size);

	if (pointers == NULL || block == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		pointers[i] = block + i * size;
		protobuf_c_message_init(type, pointers[i]);
	}
	return pointers;
}

void *
field_message(struct arena *arena, const ProtobufCMessageDescriptor *type)
{
	void *m = arena_alloc(arena, 1, type->sizeof_message);

	if (m != NULL)
		protobuf_c_message_init(type, m);
	return m;
}

int
message_put(struct evbuffer *out, const ProtobufCMessage *m)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *data;
	int rc;

	if (len == 0 || len > FRAME_MAX || (data = malloc(len)) == NULL)
		return -1;
	protobuf_c_message_pack(m, data);
	rc = frame_put(out, data, len);
	free(data);
	return rc;
}
