/* SPDX-License-Identifier: BSD-2-Clause */
/* options.c - options over getopt_long(3): complaints in one form, tables, numbers, sizes, seconds. */
#include "options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"

#define OPTION_LONG 256 /* of a table the first: no letter */

/* ---- steps ---- */

static void print_help(const struct command *command)
{
	printf("usage: stoa %s %s\n\n%s.\n", command->name, command->operands, command->summary);
	if (command->help[0])
		printf("\n%s", command->help);
	puts("\n" EXIT_STATUS_LINE);
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
	else if (letter == '?' && optopt >= OPTION_LONG)
		misused(command, "%s: it takes no value", argv[optind - 1]);
	else if (letter == '?' && optopt)
		misused(command, "-%c: there is no such option, or it takes no value", optopt);
	else if (letter == '?')
		misused(command, "%s: there is no such option", argv[optind - 1]);
	return letter == ':' ? '?' : letter;
}

int next_option(const struct command *command, int argc, char **argv, const struct option *options)
{
	return next_option_of(command, argc, argv, ":h", options);
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
	letter = next_option_of(command, argc, argv, "+:h", options);
	while (letter == -1 && optind < argc) /* behind "--" */
		argv[1 + (*operands)++] = argv[optind++];
	return letter;
}

/* ---- values ---- */

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

/* ---- a table ---- */

static bool word_option(const struct command *command, const struct choice *choice, const char *text)
{
	char all[160] = "";
	size_t length = 0;

	for (unsigned i = 0; choice->words[i]; i++) {
		*choice->word = i;
		if (strcmp(text, choice->words[i]) == 0)
			return true;
		length += (size_t)snprintf(all + length, sizeof all - length, "%s%s",
		                           !i                     ? ""
		                           : choice->words[i + 1] ? ", "
		                                                  : " or ",
		                           choice->words[i]);
	}
	misused(command, "--%s is %s, not \"%s\"", choice->name, all, text);
	return false;
}

static bool take(const struct command *command, const struct choice *choice, const char *text)
{
	if (choice->flag)
		return *choice->flag = true;
	if (choice->number)
		return number_option(command, choice->name, text, choice->least, choice->most,
		                     choice->number);
	if (choice->seconds)
		return seconds_option(command, choice->name, text, choice->shortest, choice->longest,
		                      choice->seconds);
	return word_option(command, choice, text);
}

int take_options(const struct command *command, int argc, char **argv, const struct choice *choices)
{
	struct option options[CHOICES_MAX + 2] = { HELP_OPTION };
	const struct choice *choice;
	int letter;

	for (int i = 0; choices[i].name && i < CHOICES_MAX; i++)
		options[i + 1] = (struct option){ choices[i].name,
			                          choices[i].flag ? no_argument : required_argument, NULL,
			                          OPTION_LONG + i };
	while ((letter = next_option(command, argc, argv, options)) != -1) {
		if (letter < OPTION_LONG)
			return letter == 'h' ? STATUS_OK : STATUS_USAGE;
		if (!take(command, &choices[letter - OPTION_LONG], optarg))
			return STATUS_USAGE;
	}
	for (choice = choices; choice->name; choice++) {
		if (choice->flag && *choice->flag && strcmp(choice->name, "json") == 0 && !answer_possible())
			return STATUS_FAILURE;
	}
	return -1;
}
