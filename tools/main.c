/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * main.c - stoa: shared memory from the shell: what is in it, who is attached, who is stuck; values, messages, work.
 *
 * One program with a command for each question or deed; this file has their table, and what all of
 * them do alike: help, complaints, exit status.
 *
 * Commands that look open segments read-only, take part in nothing and wait for nobody.  What they
 * read is not trusted, nor is what they print of it: neither bytes nor names reach a terminal as they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "look.h"
#include "show.h"

static const struct command *const commands[] = {
	&command_ls,  &command_stat,   &command_top,    &command_peek, &command_dump, &command_check,
	&command_gc,  &command_doctor, &command_create, &command_rm,   &command_get,  &command_set,
	&command_add, &command_watch,  &command_send,   &command_recv, &command_run,
};
#define COMMANDS (sizeof commands / sizeof *commands)

/* ---- complaints ---- */

/* One line, in which nothing is left that a terminal would obey: names come from anywhere. */
static void say(const char *name, const char *format, va_list arguments, const char *more)
	__attribute__((format(printf, 2, 0)));
static void say(const char *name, const char *format, va_list arguments, const char *more)
{
	char *text = text_of_list(format, arguments), *who = harmless(name), *what = harmless(text);

	fflush(stdout);
	fprintf(stderr, "stoa: %s: %s%s\n", who, what, more);
	free(text);
	free(who);
	free(what);
}

int complain(const char *name, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(name, format, arguments, "");
	va_end(arguments);
	return STATUS_FAILURE;
}

const char *reason(int rc)
{
	switch (rc) {
	case -ENOENT:
		return "there is nothing of that name";
	case -EACCES:
	case -EPERM:
		return "no permission to read it";
	case -EINVAL:
		return "no regular file, or no name";
	case -ENAMETOOLONG:
		return "the name is too long";
	default:
		return stoa_strerror(rc);
	}
}

int complain_rc(const char *name, int rc)
{
	return complain(name, "%s", reason(rc));
}

int misused(const struct command *command, const char *format, ...)
{
	char *more = text_of("; see stoa %s --help", command->name);
	va_list arguments;

	va_start(arguments, format);
	say(command->name, format, arguments, more);
	va_end(arguments);
	free(more);
	return STATUS_USAGE;
}

void *must_have(void *memory)
{
	if (!memory) {
		fputs("stoa: there is not enough memory\n", stderr);
		_exit(STATUS_FAILURE);
	}
	return memory;
}

char *text_of_list(const char *format, va_list arguments)
{
	char *text;

	return must_have(vasprintf(&text, format, arguments) < 0 ? NULL : text);
}

char *text_of(const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = text_of_list(format, arguments);
	va_end(arguments);
	return text;
}

char *file_of(const char *name)
{
	return strchr(name, '/') ? must_have(strdup(name)) : text_of("/dev/shm/stoa.%s", name);
}

/* ---- the program ---- */

#define USAGE "usage: stoa COMMAND [OPTION ...] [OPERAND ...]"

static void print_help(void)
{
	puts(USAGE "\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  stoa %-8s %s; --help\n", commands[i]->name, commands[i]->summary);
	puts("\n"
	     "A NAME without a slash is a segment in /dev/shm; with a slash it is a file.\n"
	     "  --version   the version of this program and of the library\n" EXIT_STATUS_LINE);
}

/*
 * Who closed stdin, stdout or stderr gets no segment in its place: it would be read, or written
 * over.  What stands there fails as what is closed does.
 */
static void hold_closed_streams(void)
{
	static const int modes[] = { O_WRONLY, O_RDONLY, O_RDONLY };

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
			_exit(STATUS_FAILURE);
	}
}

static int run(int argc, char **argv)
{
	static char help[] = "--help", *helping[] = { help, help, help, NULL };
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name) {
		fputs(USAGE "; see stoa --help\n", stderr);
		return STATUS_USAGE;
	}
	if (strcmp(name, "help") == 0 && argc > 2) { /* as "stoa NAME --help" */
		name = argv[2];
		argc = 3;
		argv = helping;
	} else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_help();
		return STATUS_OK;
	}
	if (strcmp(name, "--version") == 0) {
		printf("stoa %s, library %s\n", STOA_VERSION_STRING, stoa_version());
		return STATUS_OK;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(name, commands[i]->name) == 0)
			return commands[i]->run(commands[i], argc - 1, argv + 1);
	}
	complain(name, "there is no such command; see stoa --help");
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	bool failed;
	int status;

	hold_closed_streams();
	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	end_at_cuts();
	status = run(argc, argv);
	failed = ferror(stdout); /* earlier, and errno has changed since */
	if (fflush(stdout))
		return complain("output", "%s", strerror(errno));
	return failed ? complain("output", "it could not be written") : status;
}
