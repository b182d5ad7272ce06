/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * tool.h - what the commands of stoa share: the table of commands, complaints.
 *
 * A command is a struct in a file of its own; main.c has the table of them.  To add one: write the file,
 * declare it here, name it in main.c, meson.build and docs/man/stoa.1.scd.
 */
#ifndef STOA_TOOL_H
#define STOA_TOOL_H

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

#define EXIT_STATUS_LINE "Exit status: 0 done; 1 failed, or not as it should be; 2 wrong usage."

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

/* The file of a segment's name.  malloc'd. */
char *file_of(const char *name);
/* Out of memory ends the program: it holds nothing that others need. */
void *must_have(void *memory);
char *text_of_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
