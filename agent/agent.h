/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon guideway-agent: the event loop around agent/core. It reads the
 * configuration, clock and sockets, and carries out what the core says; it
 * decides nothing. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

/* Runs until SIGTERM or SIGINT. Returns the exit status: 0, 1 for a failure, 2
 * for wrong usage. */
int agent_main(int argc, char **argv);

#endif
