/* SPDX-License-Identifier: Apache-2.0 */
/* What BIRD 2.0.12 said, recorded from its control socket. Left out: protocols
 * that are not BGP, but for two. */
#ifndef TESTS_UNIT_BIRD_SAMPLES_H
#define TESTS_UNIT_BIRD_SAMPLES_H

extern const char sample_greeting[];
extern const char sample_restricted[];
extern const char sample_status[];

/* `show protocols all`: up4 and up.both-1 are established, refused_... is not,
 * byhand is disabled. */
extern const char sample_protocols[];
/* `show route ...`, once with each kind of route there is. */
extern const char sample_exported_up4[];
extern const char sample_exported_both[]; /* two tables in one */
extern const char sample_table_vip4[];
extern const char sample_table_vip6[];
extern const char sample_not_established[];
extern const char sample_unknown[];

/* With `timeformat ... iso long`: `show protocols all up4`, and the table. */
extern const char sample_iso_long[];
extern const char sample_iso_long_routes[];
/* A session whose neighbour has only one of its families. */
extern const char sample_half_up[];
/* A session that the neighbour has shut down, with words. */
extern const char sample_shut_down[];

#endif
