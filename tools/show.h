/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * show.h - how things look: tables, sizes, times, colours; bytes that come from others, made harmless.
 */
#ifndef STOA_TOOL_SHOW_H
#define STOA_TOOL_SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum colour {
	PLAIN,
	BOLD,
	DIM,
	RED,
	GREEN,
	YELLOW
};

/* No NO_COLOR. */
bool colours_wanted(void);
/* Whether stdout gets colours: a terminal that can, and they are wanted. */
bool colours(void);
void colours_off(void);
/* The sequence that switches a colour on; PLAIN: off.  "" without colours. */
const char *colour(enum colour colour);

/* Texts of a fixed length, by value: for printf, and for cells. */
struct text {
	char at[32];
};
struct text show_bytes(uint64_t bytes); /* 4.0 KiB */
struct text show_count(double count);   /* 12.3 k */
struct text show_time(uint64_t ns);     /* 3 min 12 s */
struct text show_mode(unsigned mode);   /* rw-r----- */
struct text show_user(unsigned uid);
uint64_t since_ns(uint64_t realtime_ns); /* 0 where that is to come */

/* The length of the letter at `bytes`, where it is one that a terminal shows and does not obey; else 0. */
size_t harmless_letter(const char *bytes, size_t size);
/* A name from anywhere, with all other bytes as \xNN.  malloc'd. */
char *harmless(const char *name);
/* How many bytes of such a text fill no more than so many places on the screen: whole letters. */
size_t bytes_that_fit(const char *text, unsigned places);

/* ---- tables ---- */

enum align {
	LEFT,
	RIGHT
};
#define COLUMNS_MAX 12

struct table {
	unsigned columns;
	const char *titles[COLUMNS_MAX];
	enum align align[COLUMNS_MAX];
	struct cell {
		char *text;
		enum colour colour;
	} * cells;
	size_t count, room;
};

/* Adds a cell; the row is full when it has all columns. */
void cell(struct table *table, enum colour colour, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Prints what there is under its titles, `indent` blanks before each line, and empties it. */
void table_print(struct table *table, unsigned indent, FILE *to);

#endif
