/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * main.c - stoa: shared memory from the shell: what is in it, who is attached, who is stuck; values, messages, work.
 *
 * One program with a command for each question or deed; this file has their table, and what all of them do alike:
 * help, complaints, exit status.
 *
 * Commands that look open segments read-only, take part in nothing and wait for nobody.  What they
 * read is not trusted; one thing the library cannot guard against is a file that is cut while it is
 * mapped, so that ends the program with a word and not with a core dump.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "tool.h"

static const struct command *const commands[] = {
	&command_ls,  &command_stat,   &command_top,    &command_peek, &command_dump, &command_check,
	&command_gc,  &command_doctor, &command_create, &command_rm,   &command_get,  &command_set,
	&command_add, &command_watch,  &command_send,   &command_recv, &command_run,
};
#define COMMANDS (sizeof commands / sizeof *commands)

/* ---- complaints ---- */

int complain(const char *name, const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fprintf(stderr, "stoa: %s: ", name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
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
	case -EBADMSG:
		return "no segment of stoa, or a damaged one";
	case -ENODATA:
		return "cut short: the file is smaller than its segment";
	case -EPROTONOSUPPORT:
		return "a segment of another version of stoa's layout";
	case -EPROTOTYPE:
		return "of another kind, or of a machine with other words";
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
	va_list arguments;

	fflush(stdout);
	fprintf(stderr, "stoa: %s: ", command->name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "; see stoa %s --help\n", command->name);
	return STATUS_USAGE;
}

void *must_have(void *memory)
{
	if (!memory)
		exit(complain("memory", "%s", strerror(ENOMEM)));
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

/* ---- options ---- */

static void print_help(const struct command *command)
{
	printf("usage: stoa %s %s\n\n%s.\n", command->name, command->operands, command->summary);
	if (command->help[0])
		printf("\n%s", command->help);
}

int next_option_of(const struct command *command, int argc, char **argv, const char *letters,
                   const struct option *options)
{
	int letter, index = -1;

	opterr = 0;
	letter = getopt_long(argc, argv, letters, options, &index);
	if (letter == 'h')
		print_help(command);
	else if (letter == ':')
		misused(command, "%s needs a value", argv[optind - 1]);
	else if (letter == '?' && optopt)
		misused(command, "-%c: there is no such option, or it takes no value", optopt);
	else if (letter == '?')
		misused(command, "%s: there is no such option", argv[optind - 1]);
	return letter == ':' ? '?' : letter;
}

int next_option(const struct command *command, int argc, char **argv, const struct option *options)
{
	return next_option_of(command, argc, argv, ":", options);
}

static bool is_operand(const char *text)
{
	return text[0] != '-' || !text[1] || strchr("0123456789.in", text[1]); /* -inf, -nan */
}

int next_option_or_number(const struct command *command, int argc, char **argv, const struct option *options,
                          int *operands)
{
	int letter;

	while (optind < argc && is_operand(argv[optind]))
		argv[1 + (*operands)++] = argv[optind++];
	letter = next_option_of(command, argc, argv, "+:", options);
	while (letter == -1 && optind < argc) /* behind "--" */
		argv[1 + (*operands)++] = argv[optind++];
	return letter;
}

int json_option(const struct command *command, int argc, char **argv, bool *json)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		                                 HELP_OPTION,
		                                 END_OPTION };
	int letter;

	*json = false;
	while ((letter = next_option(command, argc, argv, options)) != -1) {
		if (letter != 'j')
			return letter == 'h' ? STATUS_OK : STATUS_USAGE;
		*json = true;
	}
	return *json && !answer_possible() ? STATUS_FAILURE : -1;
}

static bool number_of_digits(const char *digits, size_t length, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < length; i++) {
		if (digits[i] < '0' || digits[i] > '9' || __builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(digits[i] - '0'), number))
			return false;
	}
	return length > 0;
}

bool number_option(const struct command *command, const char *option, const char *text, uint64_t least,
                   uint64_t most, uint64_t *number)
{
	if (number_of_digits(text, strlen(text), number) && *number >= least && *number <= most)
		return true;
	misused(command, "--%s takes a number from %llu to %llu, not \"%s\"", option,
	        (unsigned long long)least, (unsigned long long)most, text);
	return false;
}

bool size_option(const struct command *command, const char *option, const char *text, uint64_t least,
                 uint64_t most, uint64_t *size)
{
	static const char units[] = "KMGT";
	size_t length = strlen(text);
	const char *unit = length > 1 ? strchr(units, toupper((unsigned char)text[length - 1])) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	bool right = number_of_digits(text, unit ? length - 1 : length, size) && *size <= most >> shift;

	*size <<= shift;
	if (right && *size >= least)
		return true;
	misused(command,
	        "--%s takes a number from %llu to %llu, maybe with K, M, G or T behind it, not \"%s\"",
	        option, (unsigned long long)least, (unsigned long long)most, text);
	return false;
}

bool seconds_option(const struct command *command, const char *option, const char *text, double least,
                    double most, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (end != text && !*end && *seconds >= least && *seconds <= most)
		return true;
	misused(command, "--%s takes seconds from %g to %g, not \"%s\"", option, least, most, text);
	return false;
}

/* ---- the program ---- */

static void on_bus_error(int number)
{
	static const char text[] = "stoa: a file was cut while it was being read\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);

	(void)number;
	(void)written;
	_exit(STATUS_FAILURE);
}

static void usage(FILE *to)
{
	fputs("usage: stoa COMMAND [OPTION ...] [OPERAND ...]\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  stoa %-8s %s; --help\n", commands[i]->name, commands[i]->summary);
	fputs("\n"
	      "A NAME without a slash is a segment in /dev/shm; with a slash it is a file.\n"
	      "  --version   the version of this program and of the library\n"
	      "Exit status: 0 done; 1 failed, or not as it should be; 2 wrong usage.\n",
	      to);
}

static int run(const struct command *command, int argc, char **argv)
{
	int status = command->run(command, argc, argv);

	if (fflush(stdout) || ferror(stdout))
		return complain("output", "%s", strerror(errno));
	return status;
}

/*
 * Who closed stdin, stdout or stderr gets no segment in its place: it would be read, or written over.  What stands there
 * fails as what is closed does.
 */
static void hold_closed_streams(void)
{
	static const int modes[] = { O_WRONLY, O_RDONLY, O_RDONLY };

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
			_exit(STATUS_FAILURE);
	}
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	hold_closed_streams();
	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	signal(SIGBUS, on_bus_error);
	if (!name) {
		usage(stderr);
		return STATUS_USAGE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
		usage(stdout);
		return STATUS_OK;
	}
	if (strcmp(name, "--version") == 0) {
		printf("stoa %s, library %s\n", STOA_VERSION_STRING, stoa_version());
		return STATUS_OK;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(name, commands[i]->name) == 0)
			return run(commands[i], argc - 1, argv + 1);
	}
	complain(name, "there is no such command; see stoa --help");
	return STATUS_USAGE;
}
