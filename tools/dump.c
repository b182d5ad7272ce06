/* SPDX-License-Identifier: BSD-2-Clause */
/* dump.c - stoa dump: all that stat, peek and check say of a segment, or of a copy of one. */
#include <errno.h>
#include <stdlib.h>

#include "answer.h"
#include "findings.h"
#include "look.h"
#include "options.h"
#include "peek.h"
#include "report.h"
#include "show.h"

#define DUMP_FIRST 10
#define DUMP_BYTES 64

static const char *peek_failure(int rc)
{
	return rc == -EBADMSG ? "damaged" : reason(rc);
}

static bool has_content(const struct object *object)
{
	return !object->rc && can_be_peeked(object->info.kind);
}

static void print_object(struct stoa_segment *open, const struct segment *segment,
                         const struct object *object, const struct peek_how *how)
{
	int rc;

	putchar('\n');
	report_object(segment, object);
	if (!has_content(object))
		return;
	putchar('\n');
	rc = peek_object(open, &object->info, how);
	if (rc)
		printf("    (%s)\n", peek_failure(rc));
}

static int print_dump(struct stoa_segment *open, const struct segment *segment, const struct peek_how *how)
{
	struct findings findings = { 0 };
	int rc;

	report_segment(segment);
	report_participants(segment);
	for (size_t i = 0; i < segment->object_count; i++)
		print_object(open, segment, &segment->objects[i], how);
	putchar('\n');
	rc = findings_take(open, TRIES_DEFAULT, &findings);
	print_findings(segment->name, &findings, rc);
	findings_end(&findings);
	return rc;
}

static void answer_content(struct stoa_segment *open, const struct object *object, const struct peek_how *how)
{
	int rc;

	answer_array("content");
	rc = peek_object(open, &object->info, how);
	answer_end();
	answer_text("content_error", rc ? peek_failure(rc) : NULL);
}

static int answer_dump(struct stoa_segment *open, const struct segment *segment, const struct peek_how *how)
{
	struct findings findings = { 0 };
	int rc;

	answer_object(NULL);
	answer_segment(segment);
	answer_array("objects");
	for (size_t i = 0; i < segment->object_count; i++) {
		answer_object(NULL);
		answer_the_object(segment, &segment->objects[i]);
		if (has_content(&segment->objects[i]))
			answer_content(open, &segment->objects[i], how);
		answer_end();
	}
	answer_end();
	rc = findings_take(open, TRIES_DEFAULT, &findings);
	answer_findings(&findings, rc);
	findings_end(&findings);
	answer_end();
	return rc;
}

static int dump(const char *name, const struct peek_how *how)
{
	struct segment segment;
	struct stoa_segment *open;
	int rc = gather_open(name, true, &segment, &open);

	if (rc) {
		gather_end(&segment);
		return complain_rc(name, rc);
	}
	rc = (how->format == PEEK_JSON ? answer_dump : print_dump)(open, &segment, how);
	stoa_segment_close(open);
	gather_end(&segment);
	return rc < 0 ? STATUS_FAILURE : STATUS_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct peek_how how = { .first = DUMP_FIRST, .bytes = DUMP_BYTES, .indent = 4 };
	bool hex = false, json = false;
	const struct choice choices[] = {
		FLAG("hex", &hex),
		FLAG("json", &json),
		NUMBER("first", 0, UINT64_MAX, &how.first),
		NUMBER("bytes", 0, PEEK_BYTES_MOST, &how.bytes),
		CHOICES_END,
	};
	int status = take_options(command, argc, argv, choices);
	char *name;

	if (status >= 0)
		return status;
	if (argc - optind != 1)
		return misused(command, "it takes the name of a segment, or a file");
	if (hex && json)
		return misused(command, "--hex and --json exclude each other");
	how.format = json ? PEEK_JSON : hex ? PEEK_HEX : PEEK_TEXT;
	name = copy_or_name(argv[optind]);
	status = dump(name, &how);
	free(name);
	return status;
}

/* clang-format off */
const struct command command_dump = {
	.name = "dump",
	.operands = "[--hex | --json] [--first N] [--bytes N] NAME|FILE",
	.summary = "Shows everything in a segment, or in a copy of one, and checks it",
	.help =
		"What stat tells of each object, what peek shows of it, and what check finds; the exit status is\n"
		"that of check.\n"
		"\n"
		"  --hex       bytes in hexadecimal\n"
		"  --json      as JSON: bytes in hexadecimal, and as text where they are\n"
		"  --first N   so many messages or elements of each object; 10 by default\n"
		"  --bytes N   so many bytes of each message or struct; 64 by default\n"
		"  --help      this text\n",
	.run = run,
};
/* clang-format on */
