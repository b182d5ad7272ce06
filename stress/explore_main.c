/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_main.c - stoa-explore: the command line, verdicts.
 *
 * Exit status: 0 everything was as it should be, 1 it was not, 2 it could not be tried.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "defect.h"
#include "explore/scenarios.h"
#include "explore_request.h"
#include "explore_selftest.h"

/* clang-format off */
static const char help[] =
	"usage: stoa-explore [SCENARIO ...] [OPTION ...]\n"
	"       stoa-explore list\n"
	"       stoa-explore SCENARIO --schedule TEXT\n"
	"       stoa-explore --mutants [SCENARIO ...] [--only TEXT] [--seconds N] [--jobs N] [--json]\n"
	"\n"
	"Runs the library's own sources under a model of C11's memory: every order of the threads' steps,\n"
	"every store that a load may read, every death.\n"
	"\n"
	"  SCENARIO         part of a name that `stoa-explore list` shows; without one: all that are not large\n"
	"  --all            the large ones, too\n"
	"  --everything     without bounds, but for deaths and stops (the default where the scenario can be)\n"
	"  --bounded        within --preemptions N and --stale N (old reads)\n"
	"  --random, --pct N   at random; pct: with N changes of priority\n"
	"  --crashes N, --stops N   so many threads may be killed, stopped for ever\n"
	"  --seed N, --executions N, --seconds N\n"
	"  --no-reduction   every order, also of steps that commute\n"
	"  --schedule TEXT  replay: prints each step\n"
	"  --weaken FUNCTION/OPERATION#N:ORDER, --weaken FILE:LINE:ORDER\n"
	"                   that operation is only acq_rel, acquire, release or relaxed\n"
	"  --mutants        weakens each order of the library in turn, tells which scenario notices\n"
	"                   (--seconds, 10 here: of each search; --jobs N: at a time, one a processor)\n"
	"  --together       each on top of those that nobody noticed\n"
	"  --only TEXT      of operations that have it in their name or file\n"
	"  --json           a line of JSON for each\n"
	"  --defect N       plants a defect of src/defect.h\n"
	"  --sites          lists the operations that were reached\n"
	"  --verbose        how often there was which outcome, and each step of a mistake that must be found\n"
	"  --self-test      small programs at random (--executions N of them), with and without the reduction\n"
	"\n"
	"On a terminal, a search that takes long says once a second how many executions there were.\n"
	"Exit status: 0 everything was as it should be, 1 it was not, 2 it could not be tried.\n";
/* clang-format on */

int stoa_defect;

/* ---- the command ---- */

static bool run_scenario(const struct request *request, const struct explore_scenario *scenario)
{
	struct options options;
	struct tally tally;
	bool right = true;

	stoa_defect = scenario->defect ? scenario->defect : request->defect;
	run_prepare(scenario);
	options = options_of(request, scenario);
	if (request->schedule) {
		right = run_replay(request);
	} else {
		run_search(&options, &tally);
		right = run_verdict(request, scenario, &options, &tally);
	}
	if (request->options.verbose)
		list_outcomes();
	if (request->sites)
		list_sites();
	fflush(stdout);
	run_forget();
	return right;
}

static bool is_name(const char *name)
{
	for (const struct explore_scenario *const *list = all_scenarios; *list; list++) {
		for (const struct explore_scenario *s = *list; s->name; s++) {
			if (strcmp(s->name, name) == 0)
				return true;
		}
	}
	return false;
}

/* A whole name chooses that one, a part of names all that have it. */
static bool is_chosen(const struct request *request, const struct explore_scenario *scenario)
{
	for (unsigned i = 0; i < request->name_count; i++) {
		const char *name = request->names[i];

		if (is_name(name) ? strcmp(scenario->name, name) == 0
		                  : strstr(scenario->name, name) && (!scenario->large || request->all))
			return true;
	}
	return request->name_count == 0 && (request->all || !scenario->large);
}

static int run_chosen(const struct request *request)
{
	unsigned tried = 0, wrong = 0;

	if (request->mutants)
		return mutants_run(request, is_chosen);
	for (unsigned i = 0; i < request->weaken_count; i++)
		weaken_as_asked(request->weaken[i]);
	for (const struct explore_scenario *const *list = all_scenarios; *list; list++) {
		for (const struct explore_scenario *s = *list; s->name; s++) {
			if (!is_chosen(request, s))
				continue;
			tried++;
			wrong += !run_scenario(request, s);
		}
	}
	if (!tried) {
		fprintf(stderr, "stoa-explore: there is no such scenario\n");
		return 2;
	}
	if (tried > 1)
		printf("%u scenarios, %u not as they should be\n", tried, wrong);
	return wrong ? 1 : 0;
}

static int list_scenarios(void)
{
	for (const struct explore_scenario *const *list = all_scenarios; *list; list++) {
		for (const struct explore_scenario *s = *list; s->name; s++)
			printf("%-28s %s%s\n", s->name, s->about, s->large ? " (large)" : "");
	}
	return 0;
}

/* A wild pointer in the code under test is a failure like any other. */
static void crashed(int number)
{
	if (!engine.running)
		_exit(128 + number);
	run_fail("crash", "signal %d", number);
}

static void catch_crashes(void)
{
	static char stack[65536];
	struct sigaction action = { .sa_handler = crashed, .sa_flags = SA_ONSTACK | SA_NODEFER };

	sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
}

int main(int argc, char **argv)
{
	static struct request request = { .options = { .seed = 1, .depth = 3 } };

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list_scenarios();
	if (options_parse(&request, argc - 1, argv + 1) < 0)
		return 2;
	engine.step_limit = 2000;
	catch_crashes();
	if (request.self_test)
		return selftest(request.options.executions ? (unsigned)request.options.executions : 500,
		                request.options.seed);
	return run_chosen(&request);
}
