/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_options.c - what the command line of stoa-explore asks for.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "defect.h"
#include "explore_request.h"

#define PROGRAM "stoa-explore"
#define PREEMPTIONS_MAX 100
#define EXECUTIONS_BY_CHANCE 100000

#define ROOM(array) (sizeof(array) / sizeof *(array))

/* --weaken TEXT may be given again and again: takes them all out, and returns how many arguments are left. */
static int take_weakenings(struct request *request, int argc, char **argv)
{
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--weaken") != 0) {
			argv[kept++] = argv[i];
			continue;
		}
		if (++i == argc)
			return arguments_refuse(PROGRAM, "--weaken wants FUNCTION/OPERATION#N:ORDER");
		if (request->weaken_count == ROOM(request->weaken))
			return arguments_refuse(PROGRAM, "--weaken %zu times at most", ROOM(request->weaken));
		request->weaken[request->weaken_count++] = argv[i];
	}
	return kept;
}

/* How to search: one of these at most.  `depth`: of --pct; -1: not given. */
static int choose_search(struct options *options, bool everything, bool bounded, bool random, long depth)
{
	if (everything + bounded + random + (depth >= 0) > 1)
		return arguments_refuse(PROGRAM, "one of --everything, --bounded, --random, --pct");
	options->search = everything ? SEARCH_ALL
	                  : bounded  ? SEARCH_BOUNDED
	                  : random   ? SEARCH_RANDOM
	                             : SEARCH_PCT;
	options->search_given = everything || bounded || random || depth >= 0;
	if (depth >= 0)
		options->depth = (unsigned)depth;
	if (options->search_given && options->search > SEARCH_BOUNDED && !options->executions &&
	    options->seconds == 0)
		options->executions = EXECUTIONS_BY_CHANCE;
	return 0;
}

static int take_words(struct request *request, int count, char **words)
{
	if ((unsigned)count > ROOM(request->names))
		return arguments_refuse(PROGRAM, "%zu scenarios at most", ROOM(request->names));
	for (int i = 0; i < count; i++)
		request->names[i] = words[i];
	request->name_count = (unsigned)count;
	return 0;
}

int options_parse(struct request *request, int argc, char **argv)
{
	struct options *options = &request->options;
	bool everything = false, bounded = false, random = false;
	long preemptions = -1, stale = -1, crashes = -1, stops = -1, depth = -1, defect = 0;
	const struct argument known[] = {
		{ "all", .flag = &request->all },
		{ "everything", .flag = &everything },
		{ "bounded", .flag = &bounded },
		{ "preemptions", .integer = &preemptions, .most = PREEMPTIONS_MAX },
		{ "stale", .integer = &stale, .most = PREEMPTIONS_MAX },
		{ "random", .flag = &random },
		{ "pct", .integer = &depth, .most = 63 },
		{ "crashes", .integer = &crashes, .most = EXPLORE_THREADS_MAX },
		{ "stops", .integer = &stops, .most = EXPLORE_THREADS_MAX },
		{ "seed", .number = &options->seed, .most = UINT64_MAX },
		{ "executions", .number = &options->executions, .least = 1, .most = INT64_MAX },
		{ "seconds", .real = &options->seconds, .most = 10000000 },
		{ "no-reduction", .flag = &options->no_reduction },
		{ "schedule", .text = &request->schedule },
		{ "mutants", .flag = &request->mutants },
		{ "together", .flag = &request->together },
		{ "only", .text = &request->only },
		{ "jobs", .small = &request->jobs, .least = 1, .most = 1024 },
		{ "json", .flag = &request->json },
		{ "defect", .integer = &defect, .most = DEFECTS - 1 },
		{ "sites", .flag = &request->sites },
		{ "verbose", .flag = &options->verbose },
		{ "self-test", .flag = &request->self_test },
		{ .name = NULL },
	};

	argc = take_weakenings(request, argc, argv);
	if (argc >= 0)
		argc = arguments_take(PROGRAM, known, argc, argv);
	if (argc < 0 || take_words(request, argc, argv) ||
	    choose_search(options, everything, bounded, random, depth))
		return -1;
	options->preemptions = (int)preemptions;
	options->stale = (int)stale;
	options->crashes = (int)crashes;
	options->stops = (int)stops;
	request->defect = (int)defect;
	request->mutants |= request->together;
	options->progress = isatty(STDERR_FILENO) && !request->mutants && !request->self_test;
	return 0;
}
