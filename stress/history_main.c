/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_main.c - the command: plays scenarios in rounds, judges what happened, keeps what is wrong.
 *
 * Exit status: 0 it held, 1 it did not, 2 it could not be tried.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "defect.h"
#include "history_run.h"
#include "history_wrap.h"

static const char help[] =
	"usage: stoa-history list\n"
	"       stoa-history run [SCENARIO ...] [--seconds N] [--seed N] [--processes N] [--threads N]\n"
	"                        [--capacity N] [--round-ms N] [--calls N] [--steps N] [--save FILE] "
	"[--json]\n"
	"       stoa-history check FILE [--steps N]\n"
	"       stoa-history cost [SCENARIO ...] [--seconds N]\n"
	"\n"
	"run lets processes work at full speed on one object, writes down when each call began and ended and "
	"what it\n"
	"answered, and looks for an order of the calls that explains all answers.\n"
	"\n"
	"  SCENARIO       part of a name that `stoa-history list` shows; without one: all\n"
	"  --seconds N    for each scenario (default 2)\n"
	"  --processes N  (4) --threads N  of each process (1)\n"
	"  --capacity N   of the queue; default: 1, 2, 3, 8 and 1,024 in turn\n"
	"  --round-ms N   let them loose for so long, then look (50)\n"
	"  --calls N      of one thread in a round, at most (100,000)\n"
	"  --steps N      of the search for an order, at most (4,000,000); 0: only look for bad patterns\n"
	"  --save FILE    where a history goes that is wrong\n"
	"check judges such a file again.  cost tells what the writing down costs: throughput with and "
	"without.\n"
	"\n"
	"Exit status: 0 everything held, 1 something did not, 2 it could not be tried.\n";

/* ---- one scenario ---- */

struct tally {
	uint64_t rounds, calls, deaths, stops, ordered, undecided;
};

static void keep(const struct history *history, const struct run_options *options,
                 const struct scenario *scenario)
{
	char path[200];

	snprintf(path, sizeof path, "stoa-history-%s-%" PRIu64 ".txt", scenario->name, options->seed);
	for (char *at = path; *at; at++)
		*at = *at == '/' ? '-' : *at;
	if (options->save)
		snprintf(path, sizeof path, "%s", options->save);
	if (history_save(history, path))
		printf("        the history could not be saved in %s\n", path);
	else
		printf("        judge it again: stoa-history check %s\n", path);
}

static void tell_failure(const struct scenario *scenario, const struct run_options *options, uint64_t round,
                         const struct history *history, const struct round_result *result)
{
	printf("FAILED  %s, round %" PRIu64 ": ", scenario->name, round);
	if (result->fault[0])
		printf("%s\n", result->fault);
	else
		printf("%s: %s", result->linear.pattern, result->linear.text);
	keep(history, options, scenario);
	printf("        play it again: stoa-history run %s --seed %" PRIu64 "\n", scenario->name,
	       options->seed);
}

static void tell(const struct scenario *scenario, const struct run_options *options,
                 const struct tally *tally, const char *verdict)
{
	if (options->json)
		printf("{\"scenario\": \"%s\", \"verdict\": \"%s\", \"seed\": %" PRIu64
		       ", \"rounds\": %" PRIu64 ", \"calls\": %" PRIu64 ", \"deaths\": %" PRIu64
		       ", \"stops\": %" PRIu64 ", \"ordered\": %" PRIu64 ", \"patterns_only\": %" PRIu64
		       "}\n",
		       scenario->name, verdict, options->seed, tally->rounds, tally->calls, tally->deaths,
		       tally->stops, tally->ordered, tally->undecided);
	else
		printf("%-7s %-24s %5" PRIu64 " rounds %10" PRIu64 " calls %4" PRIu64 " deaths %4" PRIu64
		       " stops; order found in %" PRIu64 "%s\n",
		       verdict, scenario->name, tally->rounds, tally->calls, tally->deaths, tally->stops,
		       tally->ordered, tally->undecided ? ", only patterns looked for in the rest" : "");
	fflush(stdout);
}

/* 0, 1, 2 as the exit status. */
static int run_scenario(const struct scenario *scenario, const struct run_options *options)
{
	uint64_t end = os_now_ns() + (uint64_t)(options->seconds * 1e9);
	struct tally tally = { .rounds = 0 };
	int status = 0;

	do {
		struct round_result result;
		struct history history;

		round_play(scenario, options, tally.rounds, &history, &result);
		tally.rounds++;
		tally.calls += result.calls;
		tally.deaths += result.deaths;
		tally.stops += result.stops;
		tally.ordered += result.linear.answer == LINEAR_HOLDS && options->steps;
		tally.undecided += result.linear.answer == LINEAR_GAVE_UP || !options->steps;
		if (result.failed)
			tell_failure(scenario, options, tally.rounds - 1, &history, &result);
		else if (result.not_tried)
			printf("        %s: %s\n", scenario->name,
			       result.fault[0] ? result.fault : "no memory or no process");
		status = result.failed ? 1 : result.not_tried ? 2 : 0;
		history_free(&history);
	} while (status == 0 && os_now_ns() < end);
	tell(scenario, options, &tally, status == 0 ? "held" : status == 1 ? "FAILED" : "untried");
	return status;
}

/* ---- what writing costs ---- */

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

static int cost_of(const struct scenario *scenario, struct run_options *options)
{
	uint64_t rates[2][200];
	unsigned n = 0;

	for (uint64_t end = os_now_ns() + (uint64_t)(options->seconds * 1e9); os_now_ns() < end && n < 200;
	     n++) {
		for (int unrecorded = 0; unrecorded < 2; unrecorded++) {
			struct round_result result;
			struct history history;

			options->unrecorded = (unrecorded + n) % 2;
			options->steps = 0;
			round_play(scenario, options, n * 5 + 4, &history,
			           &result); /* the same capacity each time */
			history_free(&history);
			if (result.failed || result.not_tried)
				return 2;
			rates[options->unrecorded][n] = result.rate;
		}
	}
	qsort(rates[0], n, sizeof rates[0][0], compare);
	qsort(rates[1], n, sizeof rates[1][0], compare);
	printf("%-24s %8.2f M/s without, %8.2f M/s with: %5.1f %% less (medians of %u rounds in turn)\n",
	       scenario->name, (double)rates[1][n / 2] / 1e6, (double)rates[0][n / 2] / 1e6,
	       100 - 100 * (double)rates[0][n / 2] / (double)rates[1][n / 2], n);
	fflush(stdout);
	return 0;
}

/* ---- the command ---- */

static int list(void)
{
	for (unsigned i = 0; i < scenario_count; i++)
		printf("%-26s %s\n", scenarios[i].name, scenarios[i].about);
	return 0;
}

static int check(const char *path, uint64_t steps)
{
	struct history history;
	struct linear linear;
	int rc = history_load(&history, path);

	if (rc) {
		fprintf(stderr, "stoa-history: %s: %s\n", path,
		        rc == -EBADMSG ? "no history, or damaged" : stoa_strerror(rc));
		return 2;
	}
	linear_check(&history, steps, &linear);
	if (linear.answer == LINEAR_VIOLATED)
		printf("FAILED  %s: %s: %s", path, linear.pattern, linear.text);
	else
		printf("held    %s: %zu calls, %s\n", path, history.count,
		       linear.answer == LINEAR_GAVE_UP ? "no bad pattern; the search for an order gave up"
		       : steps                         ? "and there is an order that explains all of them"
		                                       : "no bad pattern");
	history_free(&history);
	return linear.answer == LINEAR_VIOLATED;
}

struct arguments {
	const char *names[64];
	unsigned count;
};

static bool number(const char *text, double least, double most, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	return *text && !*end && !errno && *value >= least && *value <= most;
}

/* One option and its value. */
static bool take_option(struct run_options *options, const char *name, const char *text)
{
	double value = 0;

	if (strcmp(name, "--save") == 0) {
		options->save = text;
		return true;
	}
	if (!number(text, 0, 1e15, &value))
		return false;
	if (strcmp(name, "--seconds") == 0)
		options->seconds = value;
	else if (strcmp(name, "--seed") == 0)
		options->seed = (uint64_t)value;
	else if (strcmp(name, "--processes") == 0 && value >= 1 && value <= 64)
		options->processes = (uint32_t)value;
	else if (strcmp(name, "--threads") == 0 && value >= 1 && value <= 64)
		options->threads = (uint32_t)value;
	else if (strcmp(name, "--capacity") == 0 && value >= 1 && value <= 1e6)
		options->capacity = (uint64_t)value;
	else if (strcmp(name, "--round-ms") == 0 && value >= 1 && value <= 60000)
		options->round_ms = (uint32_t)value;
	else if (strcmp(name, "--calls") == 0 && value >= 100 && value <= 1e7)
		options->room = (uint32_t)value;
	else if (strcmp(name, "--steps") == 0)
		options->steps = (uint64_t)value;
#ifdef STOA_DEFECTS
	else if (strcmp(name, "--lie") == 0 && value < LIES)
		options->lie = (unsigned)value;
	else if (strcmp(name, "--defect") == 0 && value < DEFECTS)
		stoa_defect = (int)value;
#endif
	else
		return false;
	return true;
}

static bool take_arguments(struct run_options *options, struct arguments *arguments, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			options->json = true;
		else if (argv[i][0] == '-' && i + 1 < argc && take_option(options, argv[i], argv[i + 1]))
			i++;
		else if (argv[i][0] != '-' && arguments->count < 64)
			arguments->names[arguments->count++] = argv[i];
		else
			return false;
	}
	return options->processes * options->threads <= 256;
}

static bool chosen(const struct arguments *arguments, const char *name)
{
	bool any = arguments->count == 0;

	for (unsigned i = 0; i < arguments->count; i++) {
		if (strcmp(arguments->names[i], name) == 0)
			return true;
	}
	/* A whole name is that one alone; a part of names all of them. */
	for (unsigned i = 0; i < arguments->count; i++) {
		bool whole = false;

		for (unsigned s = 0; s < scenario_count; s++)
			whole = whole || strcmp(arguments->names[i], scenarios[s].name) == 0;
		any = any || (!whole && strstr(name, arguments->names[i]));
	}
	return any;
}

static int play_all(const struct arguments *arguments, struct run_options *options, bool cost)
{
	unsigned played = 0, failed = 0, untried = 0;

	history_clock_choose();
	if (!options->json)
		printf("stoa-history: seed %" PRIu64 ", %u processes of %u threads, time by the %s\n",
		       options->seed, options->processes, options->threads, history_clock_name());
	for (unsigned i = 0; i < scenario_count; i++) {
		int status;

		if (!chosen(arguments, scenarios[i].name))
			continue;
		played++;
		status = cost ? cost_of(&scenarios[i], options) : run_scenario(&scenarios[i], options);
		failed += status == 1;
		untried += status == 2;
	}
	if (!played) {
		fprintf(stderr, "stoa-history: no such scenario; see stoa-history list\n");
		return 2;
	}
	if (!options->json && !cost)
		printf("VERDICT %s: %u scenarios, %u failed, %u could not be tried\n",
		       failed    ? "FAILED"
		       : untried ? "NOT TRIED"
		                 : "HELD",
		       played, failed, untried);
	return failed ? 1 : untried ? 2 : 0;
}

#ifdef STOA_DEFECTS
int stoa_defect;
#endif

int main(int argc, char **argv)
{
	struct run_options options = { .seconds = 2,
		                       .seed = os_realtime_ns() / 1000000 % 1000000,
		                       .processes = 4,
		                       .threads = 1,
		                       .round_ms = 50,
		                       .room = 100000,
		                       .steps = 4000000 };
	struct arguments arguments = { .count = 0 };
	bool good = argc > 1 && take_arguments(&options, &arguments, argc - 1, argv + 1);

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (good && strcmp(argv[1], "list") == 0)
		return list();
	if (good && strcmp(argv[1], "check") == 0 && arguments.count == 1)
		return check(arguments.names[0], options.steps);
	if (good && (strcmp(argv[1], "run") == 0 || strcmp(argv[1], "cost") == 0))
		return play_all(&arguments, &options, strcmp(argv[1], "cost") == 0);
	fputs(help, stderr);
	return 2;
}
