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

#include "stress.h"

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

/* Keeps the scenarios that a word names, or, where it names none, those whose names contain it. */
static void choose(struct run *run, char *const words[], int count)
{
	bool *whole = calloc((size_t)count, sizeof *whole);
	uint32_t kept = 0;

	if (!whole)
		exit(2);
	for (uint32_t i = 0; i < run->count; i++) {
		char name[NAME_ROOM];

		scenario_name(&run->scenarios[i], name);
		for (int k = 0; k < count; k++)
			whole[k] |= strcmp(name, words[k]) == 0;
	}
	for (uint32_t i = 0; i < run->count; i++) {
		char name[NAME_ROOM];
		bool wanted = false;

		scenario_name(&run->scenarios[i], name);
		for (int k = 0; k < count; k++)
			wanted |= whole[k] ? strcmp(name, words[k]) == 0 : strstr(name, words[k]) != NULL;
		if (wanted)
			run->scenarios[kept++] = run->scenarios[i];
	}
	run->count = kept;
	free(whole);
}

/* Another order for each seed: where the time is short, another choice. */
static void shuffle(struct run *run)
{
	uint64_t state = (uint64_t)(run->seed < 0 ? (run->seed = time(NULL)) : run->seed) * 2 + 1;

	for (uint32_t i = run->count; i > 1; i--) {
		struct scenario scenario = run->scenarios[i - 1];
		uint32_t k;

		state = state * 6364136223846793005u + 1442695040888963407u;
		k = (uint32_t)(state >> 33) % i;
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

/* A number from 0 up; -1 where it is none. */
static long number_of(const char *text)
{
	char *end_of;
	long number = text ? strtol(text, &end_of, 10) : -1;

	return text && *text && *end_of == '\0' ? number : -1;
}

static bool parse(struct run *run, int argc, char **argv, char **words, int *count)
{
	long jobs = run->jobs_most, defect = 0;
	struct {
		const char *name;
		long *number;
	} numbers[] = {
		{ "--kill", &run->settings.only.kill },
		{ "--freeze", &run->settings.only.freeze },
		{ "--reaper-kill", &run->settings.only.reaper_kill },
		{ "--reaper-freeze", &run->settings.only.reaper_freeze },
		{ "--jobs", &jobs },
		{ "--defect", &defect },
		{ "--seed", &run->seed },
		{ "--seconds", &run->seconds_most },
	};

	for (int i = 0; i < argc; i++) {
		bool known = argv[i][0] != '-';

		if (known)
			words[(*count)++] = argv[i];
		for (size_t k = 0; k < sizeof numbers / sizeof *numbers && !known; k++) {
			if (strcmp(argv[i], numbers[k].name) != 0)
				continue;
			*numbers[k].number = number_of(argv[++i]);
			if (*numbers[k].number < 0)
				return false;
			known = true;
		}
		if (strcmp(argv[i], "--all") == 0)
			run->effort = EFFORT_ALL;
		else if (strcmp(argv[i], "--quick") == 0)
			run->effort = EFFORT_QUICK;
		else if (strcmp(argv[i], "--json") == 0)
			run->json = true;
		else if (strcmp(argv[i], "--every") == 0)
			run->settings.every = true;
		else if (!known)
			return false;
	}
	run->jobs_most = (uint32_t)jobs;
	return stress_defect(defect) && jobs > 0 && jobs <= JOBS_MAX;
}

int step_main(int argc, char **argv)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	char **words = calloc((size_t)argc + 1, sizeof *words);
	struct run run = {
		.settings.only = { -1, -1, -1, -1 },
		.seed = -1,
		.seconds_most = -1,
		.jobs_most = processors < 1 ? 1 : processors > JOBS_MAX ? JOBS_MAX : (uint32_t)processors,
		.effort = EFFORT_NORMAL,
	};
	int count = 0;

	if (!words || !parse(&run, argc, argv, words, &count))
		return -1;
	run.scenarios = scenarios(count && run.effort == EFFORT_NORMAL ? EFFORT_ALL : run.effort, &run.count);
	if (count)
		choose(&run, words, count);
	free(words);
	if (run.seed >= 0 || run.seconds_most >= 0)
		shuffle(&run);
	if (!run.count) {
		fprintf(stderr,
		        "stoa-stress: there is no such scenario; `stoa-stress list --all` has them\n");
		return 2;
	}
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
