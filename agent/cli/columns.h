/* SPDX-License-Identifier: Apache-2.0 */
/* Text in aligned columns, and numbers in units for people. */
#ifndef AGENT_CLI_COLUMNS_H
#define AGENT_CLI_COLUMNS_H

#include <stdint.h>
#include <stdio.h>

/* Shown as colour, where the output is a terminal and $NO_COLOR is not set. */
enum style {
	STYLE_PLAIN,
	STYLE_HEAD,
	STYLE_GOOD,
	STYLE_BAD,
	STYLE_DIM,
};

void style_print(FILE *, enum style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct columns;

/* One letter a column: l, or r for numbers. Keeps the pointer. */
struct columns *columns_new(const char *align);
/* Headings, separated by '|'. */
void columns_head(struct columns *, const char *headings);
/* The next cell, row by row. */
void columns_add(struct columns *, enum style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Prints and frees it; with NULL it only frees. */
void columns_print(struct columns *, FILE *);

#define UNIT_TEXT_MAX 64
/* 999, 9999, 12.3 k, 4.56 M ... */
const char *unit_count(uint64_t, char buf[UNIT_TEXT_MAX]);
/* 999 B, 12.3 kB, 4.56 MB ... */
const char *unit_bytes(uint64_t, char buf[UNIT_TEXT_MAX]);
/* The two largest units: 3 d 4 h, 12 min 5 s, 7 s. */
const char *unit_seconds(uint64_t, char buf[UNIT_TEXT_MAX]);

#endif
