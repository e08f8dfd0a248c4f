/* SPDX-License-Identifier: Apache-2.0 */
/* Values that several commands show, as text and as JSON. */
#ifndef AGENT_CLI_SHOW_H
#define AGENT_CLI_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "agent/cli/columns.h"
#include "agent/core/control.h"

#define SHOW_ENDPOINT_MAX (ADDR_TEXT_MAX + 16)
#define SHOW_MAC_MAX      18
#define SHOW_DIGEST_MAX   (2 * REPORT_DIGEST_LEN + 1)

/* 203.0.113.10:443, [2001:db8::10]:443. */
const char *show_addr_port(
    const struct addr *, uint16_t port, char buf[SHOW_ENDPOINT_MAX]);
/* The same and the protocol: 203.0.113.10:443/tcp; '*' is every port (0). */
const char *show_endpoint(
    const struct forwarding_endpoint *, char buf[SHOW_ENDPOINT_MAX]);
const char *show_protocol(uint8_t);
const char *show_mac(const uint8_t mac[REPORT_MAC_LEN], char buf[SHOW_MAC_MAX]);
/* The first `bytes` of it in hex. */
const char *show_digest(const uint8_t digest[REPORT_DIGEST_LEN], size_t bytes,
    char buf[SHOW_DIGEST_MAX]);
/* What a reason's name means; "" for one that this version does not know. */
const char *show_reason(const char *name);

#define SHOW_HEALTH_MAX 64
#define SHOW_WHY_MAX    512
/* What counts, and the votes for it of all votes: "up 3/3", "down 2/3". */
const char *show_health(
    const struct control_member *, char buf[SHOW_HEALTH_MAX]);
enum style show_health_style(const struct control_member *);
/* Why it is down, here at least, and since when. "": it is not. */
const char *show_health_why(
    const struct control_member *, char buf[SHOW_WHY_MAX]);

/* What all members that take traffic weigh. */
double show_total_weight(const struct control_service *);
/* What it should get of the traffic, and what it has of the slots, in
 * percent. */
double show_target(const struct control_member *, double total_weight);
double show_share(
    const struct control_service *, const struct control_member *);

/* null for none. */
json_t *show_addr_json(const struct addr *);
json_t *show_interface_json(const char *name);
json_t *show_mac_json(bool has_mac, const uint8_t mac[REPORT_MAC_LEN]);
json_t *show_digest_json(
    bool has_digest, const uint8_t digest[REPORT_DIGEST_LEN]);
/* {"name": packets, ...} */
json_t *show_counters_json(const struct report_counter *, size_t n);
/* What both status and service show say of a service. */
json_t *show_service_json(const struct control_service *);
json_t *show_member_json(const struct control_service *,
    const struct control_member *, double total_weight);

/* Is what the balancer serves what the agent computed? */
bool show_in_sync(const struct control_service *);

#endif
