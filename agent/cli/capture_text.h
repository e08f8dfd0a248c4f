/* SPDX-License-Identifier: Apache-2.0 */
/* What guideway capture says of a packet in words. */
#ifndef AGENT_CLI_CAPTURE_TEXT_H
#define AGENT_CLI_CAPTURE_TEXT_H

#include <jansson.h>

#include "common/captured.h"

#define CAPTURE_TEXT_MAX 512

/* "forward: by the table; service web; backend 10.1.0.7". */
const char *capture_comment(
    const struct captured_packet *, char buf[CAPTURE_TEXT_MAX]);

/* One line: time, where it came in, addresses and length of the first frame
 * that is there, what became of it, where it left. */
const char *capture_line(
    const struct captured_packet *, char buf[CAPTURE_TEXT_MAX]);

/* The same and more, for programs; without the frames' bytes. */
json_t *capture_json(const struct captured_packet *);

#endif
