/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * step.c - `stoa-stress step`: kills and stops processes at every instruction of every operation that
 * writes shared memory, and says in a table how often that did harm.
 *
 * Each scenario is one pass (step_pass.c) in a process of its own; as many run at once as there are
 * processors, each on one of them, as two processes that take turns do best.
 */
#include "step_run.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "chance.h"
#include "stress.h"

#define PROGRAM "stoa-stress step"

static void use_processor(uint32_t n)
{
	cpu_set_t mine, one;
	uint32_t left = n;

	if (sched_getaffinity(0, sizeof mine, &mine) != 0)
		return;
	left %= (uint32_t)CPU_COUNT(&mine);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &mine) || left-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof one, &one);
		return;
	}
}

/* ---- running ---- */

static void start(struct run *run, uint32_t place, uint32_t index)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		/* What a failure leaves behind goes with the group, and this with its parent. */
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		use_processor(place);
		step_pass(&run->scenarios[index], &run->settings, &run->tallies[index]);
		_exit(0);
	}
	if (pid > 0)
		setpgid(pid, pid);
	run->jobs[place] = (struct job){ .pid = pid, .index = index };
}

static void end(struct run *run, pid_t pid, int status)
{
	for (uint32_t place = 0; place < run->jobs_most; place++) {
		struct tally *tally = &run->tallies[run->jobs[place].index];

		if (run->jobs[place].pid != pid)
			continue;
		kill(-pid, SIGKILL);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			if (tally->failures++ == 0)
				snprintf(tally->text, sizeof tally->text, "the stage itself failed");
		}
		if (tally->failures)
			step_failure(run, run->jobs[place].index);
		run->jobs[place].pid = 0;
		return;
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* SIGINT and the like: all that runs is ended, what has a name is removed, and what was tried is told. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	interrupted = signal;
}

static void catch_interrupts(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct sigaction action = { .sa_handler = on_interrupt }; /* waitpid() must not start again */

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &action, NULL);
}

static void end_all(struct run *run)
{
	for (uint32_t place = 0; place < run->jobs_most; place++) {
		if (run->jobs[place].pid) {
			/* First who would take the deaths of the others for failures. */
			kill(run->jobs[place].pid, SIGKILL);
			waitpid(run->jobs[place].pid, NULL, 0);
			kill(-run->jobs[place].pid, SIGKILL);
		}
	}
}

static void run_all(struct run *run)
{
	uint32_t next = 0, ended = 0;

	while (ended < run->count) {
		int status;
		pid_t pid;

		if (interrupted) {
			end_all(run);
			run->count = next;
			run->interrupted = true;
			break;
		}
		if (run->seconds_most >= 0 && now() - run->seconds > (double)run->seconds_most)
			run->count = next; /* no more of them */
		for (uint32_t place = 0; place < run->jobs_most && next < run->count; place++) {
			if (!run->jobs[place].pid)
				start(run, place, next++);
		}
		pid = waitpid(-1, &status, 0);
		if (pid < 0 && errno != EINTR)
			break;
		if (pid > 0) {
			end(run, pid, status);
			step_progress(run, ++ended);
		}
	}
	if (run->progress)
		fprintf(stderr, "\r\033[K");
}

/* ---- what was asked for ---- */

/* Whether some scenario has just this name. */
static bool is_name(const struct run *run, const char *word)
{
	for (uint32_t i = 0; i < run->count; i++) {
		char name[NAME_ROOM];

		scenario_name(&run->scenarios[i], name);
		if (strcmp(name, word) == 0)
			return true;
	}
	return false;
}

/*
 * Keeps the scenarios that a word names, or, where it names none, those whose names contain it.  False: there
 * is none for some word.
 */
static bool choose(struct run *run, char *const words[], int count)
{
	bool *wanted = calloc(run->count + 1, sizeof *wanted);
	uint32_t kept = 0;

	for (int k = 0; wanted && k < count; k++) {
		bool whole = is_name(run, words[k]), any = false;

		for (uint32_t i = 0; i < run->count; i++) {
			char name[NAME_ROOM];

			scenario_name(&run->scenarios[i], name);
			if (whole ? strcmp(name, words[k]) != 0 : !strstr(name, words[k]))
				continue;
			wanted[i] = any = true;
		}
		if (any)
			continue;
		arguments_refuse(PROGRAM, "no scenario has the name '%s'; `stoa-stress list --all` has them",
		                 words[k]);
		free(wanted);
		return false;
	}
	for (uint32_t i = 0; wanted && i < run->count; i++) {
		if (wanted[i])
			run->scenarios[kept++] = run->scenarios[i];
	}
	run->count = kept;
	free(wanted);
	return kept > 0;
}

/* Another order for each seed: where the time is short, another choice. */
static void shuffle(struct run *run)
{
	uint64_t seed = chance_seed((uint64_t)(run->seed < 0 ? (run->seed = time(NULL)) : run->seed));

	for (uint32_t i = run->count; i > 1; i--) {
		struct scenario scenario = run->scenarios[i - 1];
		uint32_t k = (uint32_t)chance_below(&seed, i);

		run->scenarios[i - 1] = run->scenarios[k];
		run->scenarios[k] = scenario;
	}
	printf("seed %ld\n", run->seed);
}

int step_list(bool all)
{
	uint32_t count;
	struct scenario *list = scenarios(all ? EFFORT_ALL : EFFORT_NORMAL, &count);

	for (uint32_t i = 0; i < count; i++) {
		char name[NAME_ROOM];

		scenario_name(&list[i], name);
		printf("%s\n", name);
	}
	free(list);
	return 0;
}

/* How many words there are; -1: something is wrong, and has been told. */
static int parse(struct run *run, int argc, char **argv)
{
	bool all = false, quick = false;
	long defect = 0;
	const struct argument known[] = {
		{ "kill", .integer = &run->settings.only.kill, .most = LONG_MAX },
		{ "freeze", .integer = &run->settings.only.freeze, .most = LONG_MAX },
		{ "reaper-kill", .integer = &run->settings.only.reaper_kill, .most = LONG_MAX },
		{ "reaper-freeze", .integer = &run->settings.only.reaper_freeze, .most = LONG_MAX },
		{ "jobs", .small = &run->jobs_most, .least = 1, .most = JOBS_MAX },
		{ "seed", .integer = &run->seed, .most = LONG_MAX },
		{ "seconds", .integer = &run->seconds_most, .most = 10000000 },
		{ "defect", .integer = &defect, .most = LONG_MAX },
		{ "all", .flag = &all },
		{ "quick", .flag = &quick },
		{ "json", .flag = &run->json },
		{ "every", .flag = &run->settings.every },
		{ .name = NULL },
	};
	int words = arguments_take(PROGRAM, known, argc, argv);

	if (words < 0)
		return -1;
	if (all && quick)
		return arguments_refuse(PROGRAM, "--all or --quick, not both");
	if (!stress_defect(defect))
		return arguments_refuse(PROGRAM, "--defect %ld: there is no such one in this build", defect);
	run->effort = all ? EFFORT_ALL : quick ? EFFORT_QUICK : run->effort;
	return words;
}

int step_main(int argc, char **argv)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct run run = {
		.settings.only = { -1, -1, -1, -1 },
		.seed = -1,
		.seconds_most = -1,
		.jobs_most = processors < 1 ? 1 : processors > JOBS_MAX ? JOBS_MAX : (uint32_t)processors,
		.effort = EFFORT_NORMAL,
	};
	int count = parse(&run, argc, argv);

	if (count < 0)
		return 2;
	run.scenarios = scenarios(count && run.effort == EFFORT_NORMAL ? EFFORT_ALL : run.effort, &run.count);
	if (count && !choose(&run, argv, count))
		return 2;
	if (run.seed >= 0 || run.seconds_most >= 0)
		shuffle(&run);
	run.progress = isatty(STDERR_FILENO) && !run.json;
	run.tallies = mmap(NULL, run.count * sizeof *run.tallies, PROT_READ | PROT_WRITE,
	                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run.tallies == MAP_FAILED)
		return 2;
	names_begin(&run.names);
	run.settings.names = &run.names;
	catch_interrupts();
	run.seconds = now();
	run_all(&run);
	run.seconds = now() - run.seconds;
	names_end(&run.names);
	return step_verdict(&run) ? 1 : run.interrupted ? 2 : 0;
}
