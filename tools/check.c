/* SPDX-License-Identifier: BSD-2-Clause */
/* check.c - stoa check: whether a segment, or a copy of one, is whole. */
#include <stdlib.h>

#include "answer.h"
#include "findings.h"
#include "look.h"
#include "options.h"
#include "show.h"

static int check_open(struct stoa_segment *open, const char *name, uint64_t tries, bool json)
{
	struct findings findings = { 0 };
	int rc = findings_take(open, tries, &findings);
	char *safe = harmless(name);

	if (json)
		answer_findings(&findings, rc);
	else
		print_findings(safe, &findings, rc);
	findings_end(&findings);
	free(safe);
	return rc < 0 ? STATUS_FAILURE : STATUS_OK;
}

static int check(const char *name, uint64_t tries, bool json)
{
	struct stoa_segment *open;
	int rc = look_open(name, &open), status;

	if (json) {
		answer_object(NULL);
		answer_text("name", name);
		answer_text("error", rc ? reason(rc) : NULL);
	}
	if (rc) {
		status = complain_rc(name, rc);
	} else {
		status = check_open(open, name, tries, json);
		stoa_segment_close(open);
	}
	if (json)
		answer_end();
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	uint64_t tries = TRIES_DEFAULT;
	bool json = false;
	const struct choice choices[] = {
		FLAG("json", &json),
		NUMBER("tries", 1, 1000000, &tries),
		CHOICES_END,
	};
	int status = take_options(command, argc, argv, choices);

	if (status >= 0)
		return status;
	if (optind == argc)
		return misused(command, "it takes the names of segments, or files");
	status = STATUS_OK;
	if (json)
		answer_array(NULL);
	for (; optind < argc; optind++) {
		char *name = copy_or_name(argv[optind]);

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
	.run = run,
};
/* clang-format on */
