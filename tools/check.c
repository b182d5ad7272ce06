/* SPDX-License-Identifier: BSD-2-Clause */
/* check.c - stoa check and stoa dump: whether a segment, or a copy of one, is whole; and everything in it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "peek.h"
#include "report.h"
#include "show.h"

#define TRIES_DEFAULT 5
#define DUMP_FIRST 10
#define DUMP_BYTES 64

/* ---- findings ---- */

struct finding {
	enum stoa_finding kind;
	char *object, *what; /* object: NULL for the segment; both harmless */
};

struct findings {
	struct finding *list;
	size_t count, room;
	size_t kinds[STOA_MOVING + 1];
};

static void hear(void *context, enum stoa_finding kind, const char *object, const char *what)
{
	struct findings *findings = context;

	if (findings->count == findings->room) {
		findings->room = findings->room ? 2 * findings->room : 16;
		findings->list = must_have(realloc(findings->list, findings->room * sizeof *findings->list));
	}
	findings->kinds[kind]++;
	findings->list[findings->count++] = (struct finding){
		.kind = kind,
		.object = object ? harmless(object) : NULL,
		.what = harmless(what),
	};
}

static void forget(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		free(findings->list[i].object);
		free(findings->list[i].what);
	}
	free(findings->list);
	*findings = (struct findings){ 0 };
}

static const char *finding_name(enum stoa_finding kind)
{
	return kind == STOA_BROKEN ? "broken" : kind == STOA_UNSETTLED ? "unsettled" : "moving";
}

/* What moves is looked at again, `tries` times in all. */
static int look(struct stoa_segment *open, uint64_t tries, struct findings *findings)
{
	int rc;

	for (;;) {
		rc = stoa_segment_check(open, hear, findings);
		if (rc != STOA_CHANGED || --tries == 0)
			return rc;
		forget(findings);
		usleep(10000);
	}
}

static const char *verdict(int rc)
{
	return rc == -EBADMSG ? "broken" : rc == STOA_CHANGED ? "moving" : rc ? reason(rc) : "whole";
}

static void print_findings(const char *name, const struct findings *findings, int rc)
{
	static const enum colour shades[] = { PLAIN, RED, DIM, YELLOW };

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		printf("%s: %s%s%s%s%s: %s\n", name, finding->object ? finding->object : "",
		       finding->object ? ": " : "", colour(shades[finding->kind]),
		       finding_name(finding->kind), colour(PLAIN), finding->what);
	}
	printf("%s: %s%s%s", name,
	       colour(rc == 0  ? GREEN
	              : rc < 0 ? RED
	                       : YELLOW),
	       verdict(rc), colour(PLAIN));
	if (rc == STOA_CHANGED)
		printf(": %zu of its objects could not be checked whole; the rest holds",
		       findings->kinds[STOA_MOVING]);
	if (findings->kinds[STOA_UNSETTLED])
		printf("; %zu dead to be reaped", findings->kinds[STOA_UNSETTLED]);
	putchar('\n');
}

static void answer_findings(const char *name, const struct findings *findings, int rc)
{
	answer_object(NULL);
	answer_text("name", name);
	answer_text("verdict", verdict(rc));
	answer_array("findings");
	for (size_t i = 0; i < findings->count; i++) {
		answer_object(NULL);
		answer_text("object", findings->list[i].object);
		answer_text("finding", finding_name(findings->list[i].kind));
		answer_text("what", findings->list[i].what);
		answer_end();
	}
	answer_end();
	answer_end();
}

/* A copy beside us may be named without a slash, where no segment has that name. */
static char *operand(const char *name)
{
	char *path = file_of(name);
	bool here = !strchr(name, '/') && access(path, F_OK) != 0 && access(name, F_OK) == 0;

	free(path);
	return here ? text_of("./%s", name) : must_have(strdup(name));
}

/* ---- check ---- */

static int check(const char *name, uint64_t tries, bool json)
{
	struct findings findings = { 0 };
	struct stoa_segment *open;
	char *safe = harmless(name);
	int rc = stoa_segment_open(name, STOA_READ_ONLY, &open);

	if (rc) {
		complain_rc(safe, rc);
		free(safe);
		return STATUS_FAILURE;
	}
	rc = look(open, tries, &findings);
	if (json)
		answer_findings(safe, &findings, rc);
	else
		print_findings(safe, &findings, rc);
	forget(&findings);
	free(safe);
	stoa_segment_close(open);
	return rc < 0 ? STATUS_FAILURE : STATUS_OK;
}

static int run_check(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "tries", required_argument, NULL, 't' },
		HELP_OPTION,
		END_OPTION,
	};
	uint64_t tries = TRIES_DEFAULT;
	bool json = false;
	int letter, status = STATUS_OK;

	while ((letter = next_option(command, argc, argv, options)) != -1) {
		if (letter == 'h')
			return STATUS_OK;
		if (letter == '?' ||
		    (letter == 't' && !number_option(command, "tries", optarg, 1, 1000000, &tries)))
			return STATUS_USAGE;
		json |= letter == 'j';
	}
	if (optind == argc)
		return misused(command, "it takes the names of segments, or files");
	if (json && !answer_possible())
		return STATUS_FAILURE;
	if (json)
		answer_array(NULL);
	for (; optind < argc; optind++) {
		char *name = operand(argv[optind]);

		if (check(name, tries, json))
			status = STATUS_FAILURE;
		free(name);
	}
	if (json)
		answer_end();
	return status;
}

/* clang-format off */
const struct command command_check = {
	.name = "check",
	.operands = "[--tries N] [--json] NAME|FILE ...",
	.summary = "Checks whether all that must hold in a segment holds",
	.help =
		"Says in words what is broken, and then the exit status is 1.  What the dead have left half-done is\n"
		"unsettled: the next who reaps settles it.  What others change all the time is moving: each object is\n"
		"checked at one moment, and some have none.  A FILE is a copy of a segment, made while its processes\n"
		"were stopped or had ended: then its participants are told as dead.\n"
		"\n"
		"  --tries N   look again at what moves, N times in all; 5 by default\n"
		"  --json      as JSON\n"
		"  --help      this text\n",
	.run = run_check,
};
/* clang-format on */

/* ---- dump ---- */

static void dump_objects(struct stoa_segment *open, const struct segment *segment, const struct peek_how *how)
{
	for (size_t i = 0; i < segment->object_count; i++) {
		const struct object *object = &segment->objects[i];
		int rc;

		putchar('\n');
		report_object(segment, object);
		if (object->rc || !can_be_peeked(object->info.kind))
			continue;
		putchar('\n');
		rc = peek_object(open, &object->info, how);
		if (rc)
			printf("    %s\n", rc == -EBADMSG ? "(damaged)" : reason(rc));
	}
}

static int dump(const char *name, const struct peek_how *how)
{
	struct findings findings = { 0 };
	struct segment segment;
	struct stoa_segment *open;
	int rc = stoa_segment_open(name, STOA_READ_ONLY, &open);

	if (rc)
		return complain_rc(name, rc);
	gather(name, true, &segment);
	if (segment.rc) { /* it has gone meanwhile */
		rc = segment.rc;
		gather_end(&segment);
		stoa_segment_close(open);
		return complain_rc(name, rc);
	}
	report_segment(&segment);
	report_participants(&segment);
	dump_objects(open, &segment, how);
	putchar('\n');
	rc = look(open, TRIES_DEFAULT, &findings);
	print_findings(segment.name, &findings, rc);
	forget(&findings);
	gather_end(&segment);
	stoa_segment_close(open);
	return rc < 0 ? STATUS_FAILURE : STATUS_OK;
}

static int run_dump(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "hex", no_argument, NULL, 'x' },
		{ "first", required_argument, NULL, 'n' },
		{ "bytes", required_argument, NULL, 'b' },
		HELP_OPTION,
		END_OPTION,
	};
	struct peek_how how = { .first = DUMP_FIRST, .bytes = DUMP_BYTES, .indent = 4 };
	char *name;
	bool right = true;
	int letter, status;

	while (right && (letter = next_option(command, argc, argv, options)) != -1) {
		if (letter == 'h')
			return STATUS_OK;
		if (letter == 'n')
			right = number_option(command, "first", optarg, 0, UINT64_MAX, &how.first);
		else if (letter == 'b')
			right = number_option(command, "bytes", optarg, 0, UINT32_MAX, &how.bytes);
		else if (letter == 'x')
			how.format = PEEK_HEX;
		else
			right = false;
	}
	if (!right)
		return STATUS_USAGE;
	if (argc - optind != 1)
		return misused(command, "it takes the name of a segment, or a file");
	name = operand(argv[optind]);
	status = dump(name, &how);
	free(name);
	return status;
}

/* clang-format off */
const struct command command_dump = {
	.name = "dump",
	.operands = "[--hex] [--first N] [--bytes N] NAME|FILE",
	.summary = "Shows everything in a segment, or in a copy of one, and checks it",
	.help =
		"What stat tells of each object, what peek shows of it, and what check finds; the exit status is\n"
		"that of check.\n"
		"\n"
		"  --hex       bytes in hexadecimal\n"
		"  --first N   so many messages or elements of each object; 10 by default\n"
		"  --bytes N   so many bytes of each message or struct; 64 by default\n"
		"  --help      this text\n",
	.run = run_dump,
};
/* clang-format on */
