/* SPDX-License-Identifier: Apache-2.0 */
/* The process guideway-balancer; guideway-balancer(8) is its manual. */
#ifndef BALANCER_BALANCER_H
#define BALANCER_BALANCER_H

/* All of main(): options, then the file driver or the live one. Returns the
 * exit status: 0, 1 (failure) or 2 (usage). Everything is freed by then. */
int balancer_main(int argc, char *argv[]);

#endif
