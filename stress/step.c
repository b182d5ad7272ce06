/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * step.c - `stoa-stress step`: kills and stops processes at every instruction of every operation that
 * writes shared memory, and says in a table how often that did harm.
 *
 * Each scenario is one pass (step_pass.c) in a process of its own; as many run at once as there are
 * processors, each on one of them, as two processes that take turns do best.
 */
#include "step.h"

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

#define JOBS_MAX 64

struct job {
	pid_t pid;
	uint32_t index;
};

struct run {
	struct scenario *scenarios;
	uint32_t count;
	struct tally *tallies; /* shared with the passes */
	struct settings settings;
	struct job jobs[JOBS_MAX];
	uint32_t jobs_most, running;
	bool progress, json;
	enum effort effort;
	long seed, seconds_most; /* -1: in the order of the list, to its end */
	double seconds;
};

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

/* ---- output ---- */

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

static void print_failure(const struct run *run, uint32_t index)
{
	char line[NAME_ROOM + 128];

	replay_line(run, index, line, sizeof line);
	if (run->progress)
		fprintf(stderr, "\r\033[K");
	printf("FAILED  %s\n        replay: %s\n", run->tallies[index].text, line);
	fflush(stdout);
}

static void print_row(const char *name, const char *variant, const struct tally *tally)
{
	printf("%-24s %-9s %9lu %8lu %8lu %8lu %8lu %8lu\n", name, variant, (unsigned long)tally->instructions,
	       (unsigned long)tally->kills, (unsigned long)tally->freezes, (unsigned long)tally->reaper_kills,
	       (unsigned long)tally->reaper_freezes, (unsigned long)tally->failures);
}

static const char *variant_of(const struct scenario *scenario)
{
	static const char *const topologies[] = { "spsc", "mpsc", "spmc", "mpmc" };

	return scenario_of_queue(scenario) ? topologies[scenario->topology] : "-";
}

static void print_table(const struct run *run, const struct tally *sum)
{
	printf("\n%-24s %-9s %9s %8s %8s %8s %8s %8s\n", "operation", "topology", "stepped", "killed", "stopped",
	       "reaper k", "reaper s", "failed");
	for (int operation = 0; operation < OPERATIONS; operation++) {
		for (int topology = 0; topology < TOPOLOGIES; topology++) {
			struct tally tally = { 0 };
			const char *variant = NULL;

			for (uint32_t i = 0; i < run->count; i++) {
				const struct scenario *scenario = &run->scenarios[i];

				if ((int)scenario->operation != operation || (int)scenario->topology != topology)
					continue;
				variant = variant_of(scenario);
				add_tally(&tally, &run->tallies[i]);
			}
			if (variant)
				print_row(operation_name((enum operation)operation), variant, &tally);
		}
	}
	print_row("all", "", sum);
}

static void print_json(const struct run *run)
{
	for (uint32_t i = 0; i < run->count; i++) {
		const struct tally *tally = &run->tallies[i];
		char name[NAME_ROOM], line[NAME_ROOM + 128];

		scenario_name(&run->scenarios[i], name);
		replay_line(run, i, line, sizeof line);
		printf("{\"scenario\": \"%s\", \"instructions\": %lu, \"kills\": %lu, \"freezes\": %lu, "
		       "\"reaper_kills\": %lu, \"reaper_freezes\": %lu, \"failures\": %lu, \"replay\": \"%s\"}\n",
		       name, (unsigned long)tally->instructions, (unsigned long)tally->kills,
		       (unsigned long)tally->freezes, (unsigned long)tally->reaper_kills,
		       (unsigned long)tally->reaper_freezes, (unsigned long)tally->failures,
		       tally->failures ? line : "");
	}
}

static void print_progress(const struct run *run, uint32_t ended)
{
	struct tally sum = { 0 };

	if (!run->progress)
		return;
	for (uint32_t i = 0; i < run->count; i++)
		add_tally(&sum, &run->tallies[i]);
	fprintf(stderr, "\r\033[K%u of %u scenarios, %lu points, %lu failures", ended, run->count,
	        (unsigned long)points(&sum), (unsigned long)sum.failures);
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
	run->running++;
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
			print_failure(run, run->jobs[place].index);
		run->jobs[place].pid = 0;
		run->running--;
		return;
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run_all(struct run *run)
{
	uint32_t next = 0, ended = 0;

	while (ended < run->count) {
		int status;
		pid_t pid;

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
			print_progress(run, ++ended);
		}
	}
	if (run->progress)
		fprintf(stderr, "\r\033[K");
}

static int report(const struct run *run)
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
	if (sum.longest && !run->json)
		printf("\nThe longest turn of a survivor beside a stopped process took %lu instructions; the bound is "
		       "%d.\n",
		       (unsigned long)sum.longest, TURN_MOST);
	if (failed)
		printf("\nstep: FAILED: %u of %u scenarios, at %lu of %lu points\n", failed, run->count,
		       (unsigned long)sum.failures, (unsigned long)points(&sum));
	else
		printf("\nstep: passed: %u scenarios, %lu points (%lu instructions), %.0f points a second, in %.0f s\n",
		       run->count, (unsigned long)points(&sum), (unsigned long)sum.instructions,
		       (double)points(&sum) / run->seconds, run->seconds);
	return failed ? 1 : 0;
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
		fprintf(stderr, "stoa-stress: there is no such scenario; `stoa-stress list --all` has them\n");
		return 2;
	}
	run.progress = isatty(STDERR_FILENO) && !run.json;
	run.tallies = mmap(NULL, run.count * sizeof *run.tallies, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                   -1, 0);
	if (run.tallies == MAP_FAILED)
		return 2;
	run.seconds = now();
	run_all(&run);
	run.seconds = now() - run.seconds;
	return report(&run);
}
