/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that hold keys. */
#ifndef AGENT_PEER_SECRET_FILE_H
#define AGENT_PEER_SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/errmsg.h"

#define SECRET_FILE_MAX (64u << 10)

/* All of the file, with a NUL after it; *len without that. NULL with `why`,
 * also where others than its owner and group may read or write it.
 * For secret_file_forget. */
char *secret_file_read(const char *path, size_t *len, struct errmsg *why);
/* Overwrites and frees. NULL is fine. */
void secret_file_forget(char *text, size_t len);

/* Writes the file with mode 0600: afterwards it is there as a whole, or as it
 * was. Without `force` a file that is there is never replaced. 0, or -1. */
int secret_file_write(const char *path, const char *text, size_t len,
    bool force, struct errmsg *why);

#endif
