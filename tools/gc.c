/* SPDX-License-Identifier: BSD-2-Clause */
/* gc.c - stoa gc: says what nobody uses any more, and gives it back.  gc_deed.c has what may go, and why. */
#include "gc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "options.h"
#include "show.h"

/* ---- telling ---- */

static const char *deed_name(const struct plan *plan)
{
	return goes_away(plan) ? "remove" : plan->deed == DEED_REAP ? "reap" : "keep";
}

static char *why(const struct plan *plan)
{
	const struct segment *segment = &plan->segment;

	if (failed(plan))
		return text_of("not done: %s", plan->done);
	switch (plan->deed) {
	case DEED_NONE:
		return text_of("%u use it", segment->info.participants_alive);
	case DEED_REAP:
		if (plan->done)
			return text_of("%d dead reaped", plan->reaped);
		return text_of("%" PRIu64 " dead among %u who use it", segment->dead,
		               segment->info.participants_alive);
	case DEED_ASK:
		return text_of("nobody uses it; name it to have it removed");
	case DEED_PART:
		return text_of("it belongs to %s", segment->base_name);
	case DEED_DELETE:
		return text_of("a file of %s, which nobody uses", segment->base_name);
	case DEED_UNKNOWN:
		return text_of("%s", segment_reason(segment));
	default:
		return text_of("nobody uses it%s", segment->dead ? ", its users died" : "");
	}
}

/* Not even a file: no row of the table. */
static bool is_missing(const struct plan *plan)
{
	return plan->named && plan->deed == DEED_UNKNOWN && !plan->segment.file.st_nlink;
}

/* False: there was no row to print. */
static bool print_table(const struct plan *plans, size_t count)
{
	bool some = false;
	struct table table = {
		.columns = 4,
		.titles = { "SEGMENT", "WHAT", "GIVES BACK", "WHY" },
		.align = { LEFT, LEFT, RIGHT, LEFT },
	};

	for (size_t i = 0; i < count; i++) {
		bool goes = goes_away(&plans[i]);
		char *text;

		if (is_missing(&plans[i]))
			continue;
		some = true;
		text = why(&plans[i]);
		cell(&table, BOLD, "%s", plans[i].segment.name);
		cell(&table, goes ? YELLOW : PLAIN, "%s", deed_name(&plans[i]));
		cell(&table, PLAIN, "%s", goes ? show_bytes(plans[i].bytes).at : "");
		cell(&table, failed(&plans[i]) ? RED : PLAIN, "%s", text);
		free(text);
	}
	if (some)
		table_print(&table, 0, stdout);
	return some;
}

static void print_sum(const struct plan *plans, size_t count, bool yes)
{
	uint64_t bytes = 0, reaped = 0;
	size_t removed = 0;

	for (size_t i = 0; i < count; i++) {
		if (failed(&plans[i]))
			continue;
		removed += goes_away(&plans[i]);
		bytes += plans[i].bytes;
		if (plans[i].deed == DEED_REAP)
			reaped += yes ? (uint64_t)plans[i].reaped : plans[i].segment.dead;
	}
	if (!removed && !reaped)
		puts("nothing to be done");
	if (removed)
		printf("%s %zu file%s, which %s %s back\n", yes ? "removed" : "would remove", removed,
		       removed == 1 ? "" : "s", yes ? "gave" : "gives", show_bytes(bytes).at);
	if (reaped)
		printf("%s %" PRIu64 " dead participant%s\n", yes ? "reaped" : "would reap", reaped,
		       reaped == 1 ? "" : "s");
	if (!yes && (removed || reaped))
		puts("--yes does it");
}

static void print_json(const struct plan *plans, size_t count)
{
	answer_array(NULL);
	for (size_t i = 0; i < count; i++) {
		char *text = why(&plans[i]);

		answer_object(NULL);
		answer_text("name", plans[i].segment.operand);
		answer_text("what", deed_name(&plans[i]));
		answer_text("why", text);
		answer_number("bytes", plans[i].bytes);
		answer_number("dead", plans[i].segment.dead);
		answer_flag("done", plans[i].done && !failed(&plans[i]));
		answer_end();
		free(text);
	}
	answer_end();
}

/* ---- the command ---- */

static int collect(struct plan *plans, size_t count, bool yes, bool json)
{
	int status = STATUS_OK;

	for (size_t i = 0; i < count; i++) {
		if (yes)
			do_it(&plans[i]);
		if (failed(&plans[i]))
			status = STATUS_FAILURE;
		else if (plans[i].named && plans[i].deed == DEED_UNKNOWN)
			status = complain(plans[i].segment.operand, "%s", segment_reason(&plans[i].segment));
	}
	if (json)
		print_json(plans, count);
	else if (print_table(plans, count) || !count)
		print_sum(plans, count, yes);
	return status;
}

/* Each once: what was removed as a part of another is not to be missed then. */
static void want(char **wanted, size_t *count, const char *name)
{
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(wanted[i], name) == 0)
			return;
	}
	wanted[(*count)++] = must_have(strdup(name));
}

/* The operands, and what belongs to them: malloc'd, as the names. */
static char **with_parts(char **operands, size_t operand_count, size_t *count)
{
	char **names, **wanted;
	size_t all;

	segment_names(&names, &all);
	wanted = must_have(calloc(operand_count * (all + 1) + 1, sizeof *wanted));
	*count = 0;
	for (size_t i = 0; i < operand_count; i++) {
		size_t length = strlen(operands[i]);

		want(wanted, count, operands[i]);
		for (size_t k = 0; k < all; k++) {
			if (strncmp(names[k], operands[i], length) == 0 && names[k][length] == '~')
				want(wanted, count, names[k]);
		}
	}
	names_end(names, all);
	return wanted;
}

static int run(const struct command *command, int argc, char **argv)
{
	bool yes = false, json = false, named;
	const struct choice choices[] = { FLAG("yes", &yes), FLAG("json", &json), CHOICES_END };
	int status = take_options(command, argc, argv, choices), rc = 0;
	struct plan *plans;
	char **names;
	size_t count;

	if (status >= 0)
		return status;
	named = optind < argc;
	if (named)
		names = with_parts(argv + optind, (size_t)(argc - optind), &count);
	else
		rc = segment_names(&names, &count);
	if (rc)
		return complain_rc("/dev/shm", rc);
	plans = must_have(calloc(count + 1, sizeof *plans));
	for (size_t i = 0; i < count; i++)
		make_plan(&plans[i], names[i], named);
	status = collect(plans, count, yes, json);
	for (size_t i = 0; i < count; i++)
		gather_end(&plans[i].segment);
	free(plans);
	names_end(names, count);
	return status;
}

/* clang-format off */
const struct command command_gc = {
	.name = "gc",
	.operands = "[--yes] [--json] [NAME ...]",
	.summary = "Says what nobody uses any more, and with --yes gives it back",
	.help =
		"Segments in which no process lives: those that the last to leave removes, and those of a name that\n"
		"begins with \"py-\"; others where they are named.  A file NAME~... goes with NAME.  Where somebody\n"
		"lives: what the dead still hold.  Without --yes nothing is changed.\n"
		"\n"
		"  --yes    do it\n"
		"  --json   as JSON\n"
		"  --help   this text\n",
	.run = run,
};
/* clang-format on */
