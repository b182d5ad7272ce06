/* SPDX-License-Identifier: BSD-2-Clause */
/* stat.c - stoa stat: a segment, its participants, its objects; or one of these. */
#include <string.h>

#include "answer.h"
#include "options.h"
#include "report.h"

static void print_json(const struct segment *segment, const struct object *only)
{
	answer_object(NULL);
	answer_segment(segment);
	answer_array("objects");
	for (size_t i = 0; i < segment->object_count; i++) {
		if (only && only != &segment->objects[i])
			continue;
		answer_object(NULL);
		answer_the_object(segment, &segment->objects[i]);
		answer_end();
	}
	answer_end();
	answer_end();
}

static int show(const char *name, const char *object_name, bool json)
{
	struct segment segment;
	const struct object *object = NULL;
	int status = STATUS_OK;

	gather(name, true, &segment);
	for (size_t i = 0; object_name && i < segment.object_count; i++) {
		if (strcmp(segment.objects[i].info.name, object_name) == 0)
			object = &segment.objects[i];
	}
	if (segment.rc) {
		status = complain_rc(name, segment.rc);
	} else if (object_name && !object) {
		status = complain(object_name, "there is no object of that name in %s", name);
	} else if (json) {
		print_json(&segment, object);
	} else if (object) {
		report_object(&segment, object);
	} else {
		report_segment(&segment);
		report_participants(&segment);
		report_objects(&segment);
	}
	gather_end(&segment);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	bool json = false;
	const struct choice choices[] = { FLAG("json", &json), CHOICES_END };
	int status = take_options(command, argc, argv, choices);

	if (status >= 0)
		return status;
	if (argc - optind < 1 || argc - optind > 2)
		return misused(command, "it takes the name of a segment, and perhaps that of an object");
	return show(argv[optind], argv[optind + 1], json);
}

/* clang-format off */
const struct command command_stat = {
	.name = "stat",
	.operands = "[--json] NAME [OBJECT]",
	.summary = "Shows a segment: who is attached, its objects, who holds what, who waits",
	.help =
		"With OBJECT: all that can be told of that one.  Who waits is found in /proc, and takes the right\n"
		"to look at the process.\n"
		"\n"
		"  --json   as JSON\n"
		"  --help   this text\n",
	.run = run,
};
/* clang-format on */
