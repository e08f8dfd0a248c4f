/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for state files, made before each test and removed after it, and
 * what it takes to put files into it by hand. */
#ifndef TESTS_UNIT_STORE_DIR_H
#define TESTS_UNIT_STORE_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store.h"

/* The names as they are on disks in the field. */
#define CURRENT     "agent.state"
#define CURRENT_NEW "agent.state.new"
#define FORMER      "agent.state.prev"
#define FORMER_NEW  "agent.state.prev.new"
#define CORRUPT     "agent.state.corrupt-"

#define FORMAT_VERSION 1 /* without a replica */
#define FORMAT_REPLICA 2

/* A file of this test. */
struct image {
	uint8_t data[512];
	size_t len;
};

extern char store_dir[64];        /* not there at first */
extern struct store_state loaded; /* by the last load */
extern struct errmsg why;         /* of the last load or save */
extern bool with_replica;         /* what images and saves have */

void store_dir_setup(void);
void store_dir_setup_replica(void);
void store_dir_teardown(void);
/* Makes it, empty. */
void store_dir_empty(void);

/* Writes the header before the payload that stands in the file already. */
void seal(uint8_t *file, size_t len, uint32_t version);
struct image image_seal(const void *payload, size_t len, uint32_t version);
struct image image_of(bool draining);
struct store_state state_of(bool draining); /* its replica is borrowed */
struct image image_text(const char *);

/* Files by their names in the directory. */
void put(const char *name, const struct image *);
void put_link(const char *name, const char *to);
bool present(const char *name);
bool holds(const char *name, const struct image *);
const char *path_of(const char *name);

/* With the promises of errmsg.h and store.h checked. */
enum store_result load(void);
int save(bool draining);
/* The same, and that it went well. */
void saved(bool draining);
void loads(enum store_result, bool draining);

/* For all of a test: somebody whom permissions stop, unlike root. */
void become_nobody(void);

#endif
