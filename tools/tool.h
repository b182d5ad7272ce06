/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * tool.h - what the commands of stoa share: the table of commands, complaints, options.
 *
 * A command is a struct in a file of its own; main.c has the table of them.  To add one: write the file,
 * declare it here, name it in main.c, meson.build and docs/man/stoa.1.scd.
 */
#ifndef STOA_TOOL_H
#define STOA_TOOL_H

#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <stoa.h>

enum status {
	STATUS_OK = 0,
	STATUS_FAILURE = 1, /* it could not be done, or what was looked at is not as it should be */
	STATUS_USAGE = 2,
};

struct command {
	const char *name;
	const char *operands; /* of the usage line, options included */
	const char *summary;  /* one line, no full stop */
	const char *help;     /* the rest of its --help: options, a line each */
	int (*run)(const struct command *command, int argc, char **argv); /* a status; argv[0] is its name */
};

extern const struct command command_ls, command_stat, command_top, command_peek, command_dump, command_check,
	command_gc, command_doctor;
extern const struct command command_create, command_rm, command_get, command_set, command_add, command_watch,
	command_send, command_recv, command_run;

/* "stoa: NAME: reason" on stderr.  Returns STATUS_FAILURE. */
int complain(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "stoa: NAME: " and what a negative errno of the library means for a segment or an object of it. */
int complain_rc(const char *name, int rc);
/* The reason alone, for a table.  Lives for ever. */
const char *reason(int rc);
/* "stoa: COMMAND: reason" and where to look.  Returns STATUS_USAGE. */
int misused(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * The next option, as getopt_long(3) has it, but that errors are complained about in the form of the others: '?' has
 * been said already.  Options may stand behind operands.  --help is in every command: it prints the help, and
 * is 'h'.
 */
int next_option(const struct command *command, int argc, char **argv, const struct option *options);
/* The same, with short options: `letters` as getopt_long(3) has them, "+:..." where operands end the options. */
int next_option_of(const struct command *command, int argc, char **argv, const char *letters,
                   const struct option *options);
/*
 * The same for commands whose operands may be numbers below zero, which no option looks like: operands are moved
 * to the front of argv, and `*operands` counts them.
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

/*
 * The options of a command that has --json and --help alone: -1, or the status to end with; also where this program
 * has no JSON.
 */
int json_option(const struct command *command, int argc, char **argv, bool *json);

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

/* The file of a segment's name.  malloc'd. */
char *file_of(const char *name);
/* Out of memory ends the program: it holds nothing that others need. */
void *must_have(void *memory);
char *text_of_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
