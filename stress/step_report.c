/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * step_report.c - what `stoa-stress step` says: failures with the line that replays them, a table, a verdict.
 */
#include "step_run.h"

#include <stdio.h>
#include <string.h>

static void add_tally(struct tally *sum, const struct tally *tally)
{
	sum->instructions += tally->instructions;
	sum->kills += tally->kills;
	sum->freezes += tally->freezes;
	sum->reaper_kills += tally->reaper_kills;
	sum->reaper_freezes += tally->reaper_freezes;
	sum->longest = tally->longest > sum->longest ? tally->longest : sum->longest;
	sum->failures += tally->failures;
}

static uint64_t points(const struct tally *tally)
{
	return tally->kills + tally->freezes + tally->reaper_kills + tally->reaper_freezes;
}

/* ---- failures ---- */

static void replay_line(const struct run *run, uint32_t index, char *line, size_t room)
{
	const struct replay *where = &run->tallies[index].where;
	char name[NAME_ROOM];
	int n;

	scenario_name(&run->scenarios[index], name);
	n = snprintf(line, room, "stoa-stress step %s", name);
	if (where->kill >= 0)
		n += snprintf(line + n, room - (size_t)n, " --kill %ld", where->kill);
	if (where->freeze >= 0)
		n += snprintf(line + n, room - (size_t)n, " --freeze %ld", where->freeze);
	if (where->reaper_kill >= 0)
		n += snprintf(line + n, room - (size_t)n, " --reaper-kill %ld", where->reaper_kill);
	if (where->reaper_freeze >= 0)
		snprintf(line + n, room - (size_t)n, " --reaper-freeze %ld", where->reaper_freeze);
}

void step_failure(const struct run *run, uint32_t index)
{
	char line[NAME_ROOM + 128];

	replay_line(run, index, line, sizeof line);
	if (run->progress)
		fprintf(stderr, "\r\033[K");
	printf("FAILED  %s\n        replay: %s\n", run->tallies[index].text, line);
	fflush(stdout);
}

void step_progress(const struct run *run, uint32_t ended)
{
	struct tally sum = { 0 };

	if (!run->progress)
		return;
	for (uint32_t i = 0; i < run->count; i++)
		add_tally(&sum, &run->tallies[i]);
	fprintf(stderr, "\r\033[K%u of %u scenarios, %lu points, %lu failures", ended, run->count,
	        (unsigned long)points(&sum), (unsigned long)sum.failures);
}

/* ---- the table: a row for each operation and variant ---- */

#define VARIANTS_MAX 16

static void print_head(void)
{
	printf("\n%-24s %-9s %9s %8s %8s %8s %8s %8s %7s\n", "operation", "variant", "stepped", "killed",
	       "stopped", "reaper k", "reaper s", "points", "failed");
}

static void print_row(const char *name, const char *variant, const struct tally *tally)
{
	printf("%-24s %-9s %9lu %8lu %8lu %8lu %8lu %8lu %7lu\n", name, variant,
	       (unsigned long)tally->instructions, (unsigned long)tally->kills, (unsigned long)tally->freezes,
	       (unsigned long)tally->reaper_kills, (unsigned long)tally->reaper_freezes,
	       (unsigned long)points(tally), (unsigned long)tally->failures);
}

static void print_operation(const struct run *run, enum operation operation)
{
	const char *variants[VARIANTS_MAX];
	struct tally tallies[VARIANTS_MAX] = { 0 };
	uint32_t count = 0, at;

	for (uint32_t i = 0; i < run->count; i++) {
		const char *variant = scenario_variant(&run->scenarios[i]);

		if (run->scenarios[i].operation != operation)
			continue;
		for (at = 0; at < count && strcmp(variants[at], variant) != 0; at++)
			;
		if (at == VARIANTS_MAX)
			at--;
		count = at == count ? count + 1 : count;
		variants[at] = variant;
		add_tally(&tallies[at], &run->tallies[i]);
	}
	for (at = 0; at < count; at++)
		print_row(operation_name(operation), variants[at], &tallies[at]);
}

static void print_json(const struct run *run)
{
	for (uint32_t i = 0; i < run->count; i++) {
		const struct tally *tally = &run->tallies[i];
		char name[NAME_ROOM], line[NAME_ROOM + 128];

		scenario_name(&run->scenarios[i], name);
		replay_line(run, i, line, sizeof line);
		printf("{\"scenario\": \"%s\", \"instructions\": %lu, \"kills\": %lu, \"freezes\": %lu, "
		       "\"reaper_kills\": %lu, \"reaper_freezes\": %lu, \"failures\": %lu, \"replay\": "
		       "\"%s\"}\n",
		       name, (unsigned long)tally->instructions, (unsigned long)tally->kills,
		       (unsigned long)tally->freezes, (unsigned long)tally->reaper_kills,
		       (unsigned long)tally->reaper_freezes, (unsigned long)tally->failures,
		       tally->failures ? line : "");
	}
}

/* ---- the verdict ---- */

static void print_table(const struct run *run, const struct tally *sum)
{
	print_head();
	for (int operation = 0; operation < OPERATIONS; operation++)
		print_operation(run, (enum operation)operation);
	print_row("all", "", sum);
	if (sum->longest)
		printf("\nThe longest turn of a survivor beside a stopped process took %lu instructions; the "
		       "bound is "
		       "%d.\n",
		       (unsigned long)sum->longest, TURN_MOST);
}

uint32_t step_verdict(const struct run *run)
{
	struct tally sum = { 0 };
	uint32_t failed = 0;

	for (uint32_t i = 0; i < run->count; i++) {
		add_tally(&sum, &run->tallies[i]);
		failed += run->tallies[i].failures != 0;
	}
	if (run->json)
		print_json(run);
	else
		print_table(run, &sum);
	printf("\nstep: ");
	if (failed)
		printf("FAILED: %u of %u scenarios, at %lu points; ", failed, run->count,
		       (unsigned long)sum.failures);
	else
		printf("%s: %u scenarios; ", run->interrupted ? "interrupted, no failure so far" : "passed",
		       run->count);
	printf("%lu points (%lu instructions), %.0f points a second, in %.0f s\n",
	       (unsigned long)points(&sum), (unsigned long)sum.instructions,
	       (double)points(&sum) / run->seconds, run->seconds);
	return failed;
}
