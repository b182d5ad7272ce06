/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * options.h - the options of a command: a table for most, steps for those that take more.
 */
#ifndef STOA_TOOL_OPTIONS_H
#define STOA_TOOL_OPTIONS_H

#include <getopt.h>

#include "tool.h"

/* ---- a table ---- */

/* An option, and where its value goes: one of the pointers is set. */
struct choice {
	const char *name;
	bool *flag;
	uint64_t *number, least, most;
	double *seconds, shortest, longest;
	unsigned *word; /* the index in `words`, which end with NULL */
	const char *const *words;
};
#define FLAG(NAME, TO)                                                                                       \
	{                                                                                                    \
		.name = (NAME), .flag = (TO)                                                                 \
	}
#define NUMBER(NAME, LEAST, MOST, TO)                                                                        \
	{                                                                                                    \
		.name = (NAME), .number = (TO), .least = (LEAST), .most = (MOST)                             \
	}
#define SECONDS(NAME, SHORTEST, LONGEST, TO)                                                                 \
	{                                                                                                    \
		.name = (NAME), .seconds = (TO), .shortest = (SHORTEST), .longest = (LONGEST)                \
	}
#define WORD(NAME, WORDS, TO)                                                                                \
	{                                                                                                    \
		.name = (NAME), .words = (WORDS), .word = (TO)                                               \
	}
#define CHOICES_END                                                                                          \
	{                                                                                                    \
		.name = NULL                                                                                 \
	}
#define CHOICES_MAX 12

/*
 * Takes all options: -1, or the status to end with, where something is wrong, --help was there, or --json is,
 * and this program has none.  Operands are those from argv[optind] on.  --help is in every table by itself.
 */
int take_options(const struct command *command, int argc, char **argv, const struct choice *choices);

/* ---- steps ---- */

/*
 * The next option, as getopt_long(3) has it, but that errors are complained about in the form of the others:
 * '?' has been said already.  Options may stand behind operands.  --help and -h are in every command: they
 * print the help, and are 'h'.
 */
int next_option(const struct command *command, int argc, char **argv, const struct option *options);
/* With short options, too: `letters` as getopt_long(3) has them, "+:h..." where operands end the options. */
int next_option_of(const struct command *command, int argc, char **argv, const char *letters,
                   const struct option *options);
/*
 * The same for commands whose operands may be numbers below zero, which no option looks like: operands are
 * moved to the front of argv, and `*operands` counts them.
 */
int next_option_or_number(const struct command *command, int argc, char **argv, const struct option *options,
                          int *operands);
#define HELP_OPTION                                                                                          \
	{                                                                                                    \
		"help", no_argument, NULL, 'h'                                                               \
	}
#define END_OPTION                                                                                           \
	{                                                                                                    \
		NULL, 0, NULL, 0                                                                             \
	}

/* ---- values ---- */

/* A number from `least` to `most`; false, and said, where it is none. */
bool number_option(const struct command *command, const char *option, const char *text, uint64_t least,
                   uint64_t most, uint64_t *number);
/* Likewise, with K, M, G or T behind it for powers of 1,024. */
bool size_option(const struct command *command, const char *option, const char *text, uint64_t least,
                 uint64_t most, uint64_t *size);
/* Seconds, with fractions. */
bool seconds_option(const struct command *command, const char *option, const char *text, double least,
                    double most, double *seconds);
#define SECONDS_MOST 1e9

#endif
