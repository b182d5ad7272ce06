/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_verdict.c - one scenario: searched or replayed, and whether it came out as it should.
 */
#include <stdlib.h>
#include <string.h>

#include "defect.h"
#include "explore_request.h"

#define OUTCOMES_MAX 1024u

/* ---- outcomes ---- */

static struct {
	char text[sizeof engine.outcome];
	uint64_t times;
} outcomes[OUTCOMES_MAX];
static unsigned outcome_count;

void outcome_note(const char *text)
{
	for (unsigned i = 0; i < outcome_count; i++) {
		if (strcmp(outcomes[i].text, text) == 0) {
			outcomes[i].times++;
			return;
		}
	}
	if (outcome_count == OUTCOMES_MAX)
		return;
	snprintf(outcomes[outcome_count].text, sizeof outcomes->text, "%s", text);
	outcomes[outcome_count++].times = 1;
}

uint64_t outcome_forget(void)
{
	uint64_t sum = outcome_count;

	for (unsigned i = 0; i < outcome_count; i++) {
		uint64_t hash = 14695981039346656037ull;

		for (const char *c = outcomes[i].text; *c; c++)
			hash = (hash ^ (uint8_t)*c) * 1099511628211ull;
		sum += hash ^ hash >> 29;
	}
	outcome_count = 0;
	return sum;
}

static bool is_expected(const char *const *expected, const char *text)
{
	for (; *expected; expected++) {
		if (strcmp(*expected, text) == 0)
			return true;
	}
	return false;
}

static bool was_seen(const char *text)
{
	for (unsigned i = 0; i < outcome_count; i++) {
		if (strcmp(outcomes[i].text, text) == 0)
			return true;
	}
	return false;
}

/* Whether the outcomes are exactly those of the scenario. */
static bool outcomes_right(const struct explore_scenario *scenario, bool complete)
{
	bool right = true;

	for (unsigned i = 0; i < outcome_count; i++) {
		if (scenario->outcomes && !is_expected(scenario->outcomes, outcomes[i].text)) {
			printf("    outcome that must not be: %s\n", outcomes[i].text);
			right = false;
		}
	}
	for (const char *const *e = scenario->outcomes; complete && e && *e; e++) {
		if (!was_seen(*e)) {
			printf("    outcome that is missing: %s\n", *e);
			right = false;
		}
	}
	return right;
}

/* ---- searching, telling ---- */

struct options options_of(const struct request *request, const struct explore_scenario *scenario)
{
	struct options options = request->options;

	if (!options.search_given)
		options.search = scenario->bounded ? SEARCH_BOUNDED : SEARCH_ALL;
	if (options.preemptions < 0)
		options.preemptions = scenario->bounded ? scenario->preemptions : 2;
	if (options.stale < 0)
		options.stale = scenario->bounded ? scenario->stale : 2;
	engine.crash_limit = options.crashes < 0 ? scenario->crashes : (unsigned)options.crashes;
	engine.stop_limit = options.stops < 0 ? scenario->stops : (unsigned)options.stops;
	return options;
}

void run_search(const struct options *options, struct tally *tally)
{
	*tally = (struct tally){ 0 };
	outcome_count = 0;
	if (options->search == SEARCH_ALL)
		search_all(options, tally);
	else if (options->search == SEARCH_BOUNDED)
		search_bounded(options, tally);
	else
		search_chance(options, tally);
	search_end_progress();
}

static void say_bounds(const struct options *options, const struct tally *tally)
{
	printf("%s", tally->complete ? "all of " : "not all of ");
	if (options->search == SEARCH_ALL)
		printf("everything");
	else if (options->search == SEARCH_BOUNDED)
		printf("<= %d preemptions, <= %d old", options->preemptions, options->stale);
	else
		printf("chance, seed %llu", (unsigned long long)options->seed);
	if (engine.crash_limit)
		printf(", <= %u deaths", engine.crash_limit);
	if (engine.stop_limit)
		printf(", <= %u stops", engine.stop_limit);
}

static void say_tally(const struct options *options, const struct tally *tally)
{
	printf("    %llu executions of up to %u steps in %.2f s (%.0f/s), %llu cut short; ",
	       (unsigned long long)tally->executions, tally->longest, tally->seconds,
	       tally->seconds > 0 ? (double)(tally->executions + tally->cut) / tally->seconds : 0.0,
	       (unsigned long long)tally->cut);
	say_bounds(options, tally);
	printf("\n");
}

static void say_failure(const struct request *request)
{
	printf("    %s: %s\n", engine.failure.kind, engine.failure.text);
	report_steps(stdout);
	printf("    replay: stoa-explore %s", engine.scenario->name);
	if (stoa_defect)
		printf(" --defect %d", stoa_defect);
	for (unsigned i = 0; i < request->weaken_count; i++)
		printf(" --weaken %s", request->weaken[i]);
	if (engine.crash_limit != engine.scenario->crashes)
		printf(" --crashes %u", engine.crash_limit);
	if (engine.stop_limit != engine.scenario->stops)
		printf(" --stops %u", engine.stop_limit);
	printf(" --schedule '");
	schedule_print(stdout, engine.steps, engine.step_count);
	printf("'\n");
}

bool run_replay(const struct request *request)
{
	static struct step steps[STEPS_MAX];
	int count = schedule_parse(request->schedule, steps, STEPS_MAX);

	if (count < 0) {
		fprintf(stderr, "stoa-explore: that is no schedule\n");
		exit(2);
	}
	if (replay(steps, (unsigned)count) == VERDICT_FAILED) {
		printf("FAILED  %s\n", engine.scenario->name);
		say_failure(request);
		return false;
	}
	printf("held    %s\n", engine.scenario->name);
	report_steps(stdout);
	if (engine.outcome[0])
		printf("    outcome: %s\n", engine.outcome);
	return true;
}

bool run_verdict(const struct request *request, const struct explore_scenario *scenario,
                 const struct options *options, struct tally *tally)
{
	const char *broken = scenario->broken;
	bool as_it_should;

	if (tally->failed && !(broken && strcmp(broken, engine.failure.kind) == 0)) {
		shrink();
		printf("FAILED  %s\n", scenario->name);
		say_tally(options, tally);
		say_failure(request);
		return false;
	}
	as_it_should = broken ? tally->failed
	                      : tally->complete || options->search > SEARCH_BOUNDED || options->executions ||
	                                options->seconds > 0;
	printf("%s  %s%s%s\n", as_it_should ? "ok    " : "FAILED", scenario->name,
	       broken ? tally->failed ? ": found, as it must: " : ": not found, and it must be: " : "",
	       broken ? broken : "");
	say_tally(options, tally);
	if (tally->failed) {
		shrink();
		if (request->options.verbose)
			say_failure(request);
	}
	return outcomes_right(scenario, tally->complete) && as_it_should;
}

void list_outcomes(void)
{
	for (unsigned i = 0; i < outcome_count; i++)
		printf("    %8llu x %s\n", (unsigned long long)outcomes[i].times, outcomes[i].text);
}
