/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of guideway status. */
#ifndef AGENT_CLI_STATUS_H
#define AGENT_CLI_STATUS_H

#include "agent/cli/cli.h"

/* Whether the node announces, and what stands against it. */
void status_announce_print(const struct control_announce *);
/* VIP by VIP. */
void status_announce_print_vips(const struct control_announce *);
json_t *status_announce_json(const struct control_announce *);

/* Flow notices: a line for people, an object for programs. */
void status_flows_print(const struct control_node *);
json_t *status_flows_json(const struct control_node *);

#endif
