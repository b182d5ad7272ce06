/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * main.c - stoa-stress: the race hunt, for those who want to see it with their own eyes.
 *
 * Exit status: 0 it held, 1 it did not, 2 it could not be tried, or not to the end.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include <stoa.h>

#include "defect.h"
#include "mutate.h"
#include "storm.h"
#include "stress.h"

static const char help[] =
	"usage: stoa-stress list [--all]\n"
	"       stoa-stress step [--quick | --all] [--seconds N] [--seed N] [--json] [--jobs N] [SCENARIO "
	"...]\n"
	"       stoa-stress step SCENARIO --kill N [--reaper-kill M | --reaper-freeze M]\n"
	"       stoa-stress step SCENARIO --freeze N\n"
	"       stoa-stress storm [--seconds N] [--deaths N] [--seed N] [--processes N] [--json] [SCENARIO "
	"...]\n"
	"       stoa-stress mutate ...       plants defects, and tells what finds each; --help\n"
	"       stoa-stress replay LINE      runs again what a failure printed; --help\n"
	"       stoa-stress explore ...      the same as stoa-explore: a model checker\n"
	"       stoa-stress history ...      the same as stoa-history: calls written down, and checked\n"
	"       stoa-stress run ...          the same as stoa-history run\n"
	"       stoa-stress --help | --version\n"
	"\n"
	"step runs an operation an instruction at a time.  At each of them the process is killed, or "
	"stopped while\n"
	"others work and then resumed; the process that cleans up behind it is killed and stopped, too.  "
	"Each time\n"
	"all messages must be there, once, whole, and the full capacity must come back.\n"
	"\n"
	"  SCENARIO          part of a name that `stoa-stress list` shows; without one: a fair choice "
	"(minutes)\n"
	"  --quick           fewer (a minute)\n"
	"  --all             all of them (an hour and more)\n"
	"  --seconds N       begin no scenario after N seconds\n"
	"  --seed N          in the order that belongs to N, not that of the list\n"
	"  --every           stop at each instruction, not just before those that the others can notice\n"
	"  --kill N          replay: kill after N steps, that is, instructions that others can notice\n"
	"  --freeze N        replay: stop after N steps\n"
	"  --reaper-kill M   replay: kill the reaper after M\n"
	"  --reaper-freeze M replay: stop the reaper after M\n"
	"  --json            one line of JSON for each scenario\n"
	"  --jobs N          scenarios at once; default: one for each processor\n"
	"\n"
	"storm lets processes work at full speed while they are killed and stopped at random, by the "
	"thousand, and\n"
	"accounts for every message, update, permit and block.  It is a matter of chance: the same seed "
	"does the\n"
	"same, but not at the same instructions.\n"
	"\n"
	"  SCENARIO          part of a name that `stoa-stress list` shows; without one: all, in turn\n"
	"  --seconds N       for so long; default: 60\n"
	"  --deaths N        until so many have died\n"
	"  --seed N          replay; default: another one each time, and it is told\n"
	"  --processes N     6 to 32 at once; default: 8\n"
	"  --json            one line of JSON for each round, and one for all\n"
	"\n"
	"Exit status: 0 everything held, 1 something did not, 2 it could not be tried, or not to the end.\n";

#ifdef STOA_DEFECTS
int stoa_defect;

bool stress_defect(long number)
{
	stoa_defect = (int)number;
	return number < DEFECTS;
}
#else
bool stress_defect(long number)
{
	return number == 0;
}
#endif

#ifndef STRESS_CAN_STEP
int step_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fprintf(stderr, "stoa-stress: step is not supported on this machine: it needs ptrace(2) on x86-64\n");
	return 2;
}
#endif

/* Addresses are the same in every run: a failure that names one can be looked up, and replayed. */
static void fix_addresses(char **argv)
{
	int persona = personality(0xffffffff);

	if (persona == -1 || (persona & ADDR_NO_RANDOMIZE) ||
	    personality((unsigned)persona | ADDR_NO_RANDOMIZE) == -1)
		return;
	execv("/proc/self/exe", argv);
}

/* Becomes another program of the suite; `argv` begins with a place for its name. */
static int become(const char *name, char **argv)
{
	char path[PATH_MAX];

	argv[0] = path;
	if (program_find(name, path))
		execv(path, argv);
	fprintf(stderr, "stoa-stress: cannot run %s: %s\n", path, strerror(errno));
	return 2;
}

static int list(bool all)
{
#ifdef STRESS_CAN_STEP
	int status = step_list(all);

	if (status)
		return status;
#else
	(void)all;
#endif
	return storm_list();
}

int main(int argc, char **argv)
{
	int status = -1;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("stoa-stress %s\n", stoa_version());
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "list") == 0)
		status = argc == 2                                       ? list(false)
		         : argc == 3 && strcmp(argv[2], "--all") == 0 ? list(true)
		                                                         : -1;
	if (argc > 1 && strcmp(argv[1], "step") == 0) {
		fix_addresses(argv);
		status = step_main(argc - 2, argv + 2);
	}
	if (argc > 1 && strcmp(argv[1], "storm") == 0)
		status = storm_main(argc - 2, argv + 2);
	if (argc > 1 && strcmp(argv[1], "mutate") == 0)
		return mutate_main(argc - 2, argv + 2);
	if (argc > 1 && strcmp(argv[1], "replay") == 0)
		return replay_main(argc - 2, argv + 2);
	if (argc > 1 && strcmp(argv[1], "explore") == 0)
		status = become("stoa-explore", argv + 1);
	if (argc > 1 && strcmp(argv[1], "history") == 0)
		status = become("stoa-history", argv + 1);
	if (argc > 1 && strcmp(argv[1], "run") == 0)
		status = become("stoa-history", argv);
	if (status >= 0)
		return status;
	fputs(help, stderr);
	return 2;
}
