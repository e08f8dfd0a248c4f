/* SPDX-License-Identifier: Apache-2.0 */
/* The program guideway-agent: its command line. What runs is daemon.c. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

/* Runs until SIGTERM or SIGINT. Returns the exit status: 0, 1 for a failure, 2
 * for wrong usage. */
int agent_main(int argc, char **argv);

#endif
