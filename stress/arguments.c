/* SPDX-License-Identifier: BSD-2-Clause */
#include "arguments.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 32

int arguments_refuse(const char *program, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s: ", program);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return -1;
}

/* No signs, no blanks, and nothing behind it: strtoull(3) would take "-1" for the greatest of all. */
static bool whole(const char *text, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return isdigit((unsigned char)*text) && *end == '\0' && !errno;
}

/* Nor hexadecimal, infinite, or none at all. */
static bool decimal(const char *text, double *number)
{
	char *end;

	errno = 0;
	*number = strtod(text, &end);
	return text[strspn(text, "0123456789.")] == '\0' && end != text && *end == '\0' && !errno;
}

/* False: it is not what the option may be. */
static bool take(const struct argument *argument, const char *text)
{
	uint64_t number;
	double real;

	if (argument->flag) {
		*argument->flag = true;
		return true;
	}
	if (argument->text) {
		*argument->text = text;
		return *text;
	}
	if (argument->real) {
		if (!decimal(text, &real) || real < (double)argument->least || real > (double)argument->most)
			return false;
		*argument->real = real;
		return true;
	}
	if (!whole(text, &number) || number < argument->least || number > argument->most)
		return false;
	if (argument->number)
		*argument->number = number;
	else if (argument->small)
		*argument->small = (uint32_t)number;
	else
		*argument->integer = (long)number;
	return true;
}

static int refuse(const char *program, const struct argument *argument, const char *text)
{
	if (argument->text)
		return arguments_refuse(program, "--%s must not be empty", argument->name);
	return arguments_refuse(program, "--%s is a %s from %" PRIu64 " to %" PRIu64 ", not '%s'",
	                        argument->name, argument->real ? "number" : "whole number", argument->least,
	                        argument->most, text);
}

/* With a name before them, as getopt_long() wants them. */
static int take_all(const char *program, const struct argument *known, int argc, char **argv)
{
	struct option options[OPTIONS_MAX + 1] = { { .name = NULL } };
	int at;

	for (int i = 0; known[i].name && i < OPTIONS_MAX; i++)
		options[i] = (struct option){ known[i].name, known[i].flag ? no_argument : required_argument,
			                      NULL, 0 };
	optind = 0; /* from the beginning, also where it has been called before */
	for (;;) {
		int rc = getopt_long(argc, argv, "", options, &at);

		if (rc == -1)
			return argc - optind;
		if (rc != 0)
			return -1; /* it has told */
		if (!take(&known[at], optarg))
			return refuse(program, &known[at], optarg);
	}
}

int arguments_take(const char *program, const struct argument *known, int argc, char **argv)
{
	char **all = malloc(((size_t)argc + 2) * sizeof *all);
	int words;

	if (!all)
		return arguments_refuse(program, "no memory");
	all[0] = (char *)(uintptr_t)program;
	for (int i = 0; i < argc; i++)
		all[i + 1] = argv[i];
	all[argc + 1] = NULL;
	words = take_all(program, known, argc + 1, all);
	for (int i = 0; i < words; i++)
		argv[i] = all[argc + 1 - words + i];
	free(all);
	return words;
}
