/* SPDX-License-Identifier: BSD-2-Clause */
/* get.c - stoa get: what a value is, or how an object stands. */
#include <errno.h>
#include <stdlib.h>

#include "answer.h"
#include "gather.h"
#include "options.h"
#include "source.h"

static void print_json(const struct source *source)
{
	answer_object(NULL);
	answer_text("name", source->target.name);
	answer_text("object", source->target.object);
	answer_text("kind", kind_name(source->target.kind));
	if (source->single) {
		source_print(source, 0, true, "value");
	} else {
		answer_array("values");
		for (uint64_t i = 0; i < source->count; i++)
			source_print(source, i, true, NULL);
		answer_end();
	}
	answer_end();
}

static int get(struct source *source, bool json, bool raw)
{
	int rc = source_read(source);

	if (rc)
		return target_complain(&source->target, rc);
	if (json)
		print_json(source);
	else if (raw)
		fwrite(source->bytes, source->size, source->count, stdout);
	for (uint64_t i = 0; i < source->count && !json && !raw; i++)
		source_print(source, i, false, NULL);
	return STATUS_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "raw", no_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		HELP_OPTION,
		END_OPTION,
	};
	struct range range = { 0 };
	struct source source;
	bool json = false, raw = false;
	int letter, status;

	while ((letter = next_option(command, argc, argv, options)) != -1) {
		if (letter == 'h' || letter == '?')
			return letter == 'h' ? STATUS_OK : STATUS_USAGE;
		json |= letter == 'j';
		raw |= letter == 'r';
	}
	if (argc - optind < 2 || argc - optind > 3)
		return misused(command, "it takes the names of a segment and of an object, and an index");
	if (argc - optind == 3 && !range_of_text(command, argv[optind + 2], &range))
		return STATUS_USAGE;
	if (raw && json)
		return misused(command, "--raw and --json exclude each other");
	if (json && !answer_possible())
		return STATUS_FAILURE;
	status = source_open(&source, argv[optind], argv[optind + 1], &range, STOA_READ_ONLY);
	if (status)
		return status;
	status = get(&source, json, raw);
	source_close(&source);
	return status;
}

/* clang-format off */
const struct command command_get = {
	.name = "get",
	.operands = "[--json | --raw] NAME OBJECT [INDEX | FIRST-LAST]",
	.summary = "Prints a value, or elements of an array",
	.help =
		"An element is a line; without INDEX all are printed.  Of a queue it is how many messages wait, of\n"
		"a semaphore how many permits are free, of an event \"set\" or \"clear\", of a lock \"free\", \"held\"\n"
		"or \"orphaned\": free, and who held it last has died.\n"
		"\n"
		"  --json   as JSON\n"
		"  --raw    the bytes as they are, without an end of line\n"
		"  --help   this text\n",
	.run = run,
};
/* clang-format on */
