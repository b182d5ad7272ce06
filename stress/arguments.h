/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * arguments.h - the options of the programs here: --name, or --name and a value, by getopt_long(3).
 *
 * What is wrong is told in a line: which option, and what it may be.
 */
#ifndef STOA_STRESS_ARGUMENTS_H
#define STOA_STRESS_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

/* One of these pointers says what the option is; it is written to where the option is given. */
struct argument {
	const char *name; /* without dashes; an array of them ends with NULL */
	bool *flag;
	const char **text;
	uint64_t *number;
	uint32_t *small;
	long *integer;
	double *real;
	uint64_t least, most; /* of numbers */
};

/*
 * `argv` has the arguments alone.  The words that are no options come to be its first ones, in their order;
 * returns how many they are.  -1: something is wrong, and has been told on stderr, as by `program`; the exit
 * status is to be 2.
 */
int arguments_take(const char *program, const struct argument *known, int argc, char **argv);

/* For what is wrong and arguments_take() cannot know.  Returns -1. */
int arguments_refuse(const char *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
