/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_main.c - the command: plays scenarios in rounds, judges what happened, keeps what is wrong.
 *
 * Exit status: 0 it held, 1 it did not, 2 it could not be tried.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "defect.h"
#include "history_run.h"
#include "history_wrap.h"

#define PROGRAM "stoa-history"

static const char help[] =
	"usage: stoa-history list\n"
	"       stoa-history run [SCENARIO ...] [--seconds N] [--seed N] [--processes N] [--threads N]\n"
	"                        [--capacity N] [--round-ms N] [--calls N] [--steps N]\n"
	"                        [--stamp-every N] [--save FILE] [--json]\n"
	"       stoa-history check FILE [--steps N]\n"
	"       stoa-history cost [SCENARIO ...] [--seconds N] [--stamp-every N] ...\n"
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
	"  --stamp-every N  look at the clock after so many calls of a thread; default: 1, 4, 16 and 64 in "
        "turn\n"
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

	snprintf(path, sizeof path, PROGRAM "-%s-%" PRIu64 ".txt", scenario->name, options->seed);
	for (char *at = path; *at; at++)
		*at = *at == '/' ? '-' : *at;
	if (options->save)
		snprintf(path, sizeof path, "%s", options->save);
	if (history_save(history, path))
		printf("        the history could not be saved in %s\n", path);
	else
		printf("        judge it again: " PROGRAM " check %s\n", path);
}

/* What was asked for and changes what is played. */
static void tell_options(const struct run_options *options)
{
	printf(" --seed %" PRIu64 " --processes %u --threads %u --round-ms %u", options->seed,
	       options->processes, options->threads, options->round_ms);
	if (options->capacity)
		printf(" --capacity %" PRIu64, options->capacity);
	if (options->stamp_every)
		printf(" --stamp-every %u", options->stamp_every);
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
	printf("        play it again: " PROGRAM " run %s", scenario->name);
	tell_options(options);
	printf(" --seconds %.0f\n", options->seconds < 60 ? 60 : options->seconds);
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

static void tell_progress(const struct scenario *scenario, const struct run_options *options,
                          const struct tally *tally)
{
	if (options->progress)
		fprintf(stderr, "\r\033[K[%s] %s: %" PRIu64 " rounds, %" PRIu64 " calls, %" PRIu64 " deaths",
		        options->at, scenario->name, tally->rounds, tally->calls, tally->deaths);
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
		tell_progress(scenario, options, &tally);
		if (options->progress && (result.failed || result.not_tried))
			fprintf(stderr, "\r\033[K");
		if (result.failed)
			tell_failure(scenario, options, tally.rounds - 1, &history, &result);
		else if (result.not_tried)
			printf("        %s: %s\n", scenario->name,
			       result.fault[0] ? result.fault : "no memory or no process");
		status = result.failed ? 1 : result.not_tried ? 2 : 0;
		history_free(&history);
	} while (status == 0 && os_now_ns() < end);
	if (options->progress)
		fprintf(stderr, "\r\033[K");
	tell(scenario, options, &tally, status == 0 ? "held" : status == 1 ? "FAILED" : "untried");
	return status;
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

struct words {
	char **names;
	int count;
};

static int take_arguments(struct run_options *options, int argc, char **argv)
{
	const struct argument known[] = {
		{ "seconds", .real = &options->seconds, .most = 10000000 },
		{ "seed", .number = &options->seed, .most = UINT64_MAX },
		{ "processes", .small = &options->processes, .least = 1, .most = PROCESSES_MAX },
		{ "threads", .small = &options->threads, .least = 1, .most = THREADS_MAX },
		{ "capacity", .number = &options->capacity, .least = 1, .most = 1000000 },
		{ "round-ms", .small = &options->round_ms, .least = 1, .most = 60000 },
		{ "calls", .small = &options->room, .least = 100, .most = 10000000 },
		{ "steps", .number = &options->steps, .most = UINT32_MAX },
		{ "stamp-every", .small = &options->stamp_every, .least = 1, .most = RECORDER_EVERY_MAX },
		{ "save", .text = &options->save },
		{ "json", .flag = &options->json },
#ifdef STOA_DEFECTS
		{ "lie", .small = &options->lie, .most = LIES - 1 },
		{ "defect", .small = &options->defect, .most = DEFECTS - 1 },
#endif
		{ .name = NULL },
	};
	int words = arguments_take(PROGRAM, known, argc, argv);

	if (words >= 0 && options->processes * options->threads > WORKERS_MAX)
		return arguments_refuse(PROGRAM, "--processes times --threads may be %d at most",
		                        WORKERS_MAX);
	return words;
}

/* A whole name is that one alone; a part of names all of them. */
static bool names(const char *word, const char *name)
{
	for (unsigned i = 0; i < scenario_count; i++) {
		if (strcmp(word, scenarios[i].name) == 0)
			return strcmp(word, name) == 0;
	}
	return strstr(name, word) != NULL;
}

/* `used` notes which words are good for something. */
static bool chosen(const struct words *words, bool *used, const char *name)
{
	bool any = words->count == 0;

	for (int i = 0; i < words->count; i++) {
		bool it_does = names(words->names[i], name);

		used[i] = used[i] || it_does;
		any = any || it_does;
	}
	return any;
}

/* The scenarios' indices; how many; -1: a word names none. */
static int choose(const struct words *words, unsigned *list)
{
	bool *used = calloc((size_t)words->count + 1, sizeof *used);
	int count = 0;

	for (unsigned i = 0; used && i < scenario_count; i++) {
		if (chosen(words, used, scenarios[i].name))
			list[count++] = i;
	}
	for (int i = 0; i < words->count && count >= 0; i++) {
		if (!used || !used[i])
			count = arguments_refuse(PROGRAM,
			                         "no scenario has the name '%s'; see stoa-history list",
			                         words->names[i]);
	}
	free(used);
	return count;
}

static int play_all(const struct words *words, struct run_options *options, bool cost)
{
	unsigned list[100], failed = 0, untried = 0;
	int count = choose(words, list);

	if (count < 0)
		return 2;
	history_clock_choose();
	if (!options->json)
		printf(PROGRAM ": seed %" PRIu64 ", %u processes of %u threads, time by the %s\n",
		       options->seed, options->processes, options->threads, history_clock_name());
	fflush(stdout);
	options->progress = isatty(STDERR_FILENO) && !options->json;
	for (int i = 0; i < count; i++) {
		int status;

		snprintf(options->at, sizeof options->at, "%d of %d", i + 1, count);
		status = cost ? history_cost(&scenarios[list[i]], options)
		              : run_scenario(&scenarios[list[i]], options);
		failed += status == 1;
		untried += status == 2;
	}
	if (!options->json && !cost)
		printf("VERDICT %s: %d scenarios, %u failed, %u could not be tried\n",
		       failed    ? "FAILED"
		       : untried ? "NOT TRIED"
		                 : "HELD",
		       count, failed, untried);
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
	struct words words = { .names = argv + 2 };
	const char *command = argc > 1 ? argv[1] : "";

	if (strcmp(command, "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (argc < 2) {
		fputs(help, stderr);
		return 2;
	}
	words.count = take_arguments(&options, argc - 2, argv + 2);
	if (words.count < 0)
		return 2;
#ifdef STOA_DEFECTS
	stoa_defect = (int)options.defect;
#endif
	if (strcmp(command, "list") == 0 && words.count == 0)
		return list();
	if (strcmp(command, "check") == 0 && words.count == 1)
		return check(words.names[0], options.steps);
	if (strcmp(command, "run") == 0 || strcmp(command, "cost") == 0)
		return play_all(&words, &options, strcmp(command, "cost") == 0);
	arguments_refuse(PROGRAM, "%s; see --help",
	                 strcmp(command, "list") == 0    ? "list takes no scenario"
	                 : strcmp(command, "check") == 0 ? "check takes one file"
	                                                 : "the first word is list, run, check or cost");
	return 2;
}
