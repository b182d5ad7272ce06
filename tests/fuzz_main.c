/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzz target without a fuzzing engine.
 *
 *   fuzz_segment FILE ...                         plays inputs again; "-" is the standard input
 *   fuzz_segment --runs N [--seed S] [--first I]  plays inputs of its own: the I-th and so on of seed S
 *
 * The inputs are played in a child, so that whatever ends it is told with the input that did it, which is
 * then written to fuzz-S-I.  An input that takes longer than --seconds (100: machines have pauses) hangs.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <dirent.h>

#include "sanitizers.h"

SANITIZER_LETS_CHILDREN_START_THREADS

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LARGEST 1024
#define LARGEST_FILE (1 << 16)
#define LEAKS_EVERY 64

struct options {
	unsigned long long runs, seed, first;
	unsigned seconds;
};

/* Shared with the child that plays. */
struct report {
	unsigned long long run;
	double slowest;
	unsigned long long slowest_run;
};

static uint64_t next(uint64_t *state)
{
	uint64_t word = *state += 0x9e3779b97f4a7c15ull;

	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9ull;
	word = (word ^ word >> 27) * 0x94d049bb133111ebull;
	return word ^ word >> 31;
}

static size_t make_input(unsigned long long seed, unsigned long long run, uint8_t *bytes)
{
	uint64_t state = seed * 0x2545f4914f6cdd1dull ^ run << 20;
	size_t size = 16 + next(&state) % (LARGEST - 16);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)next(&state);
	return size;
}

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static int descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

/* Of segments: memfds, and files of /dev/shm. */
static int mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	char line[512];
	int count = 0;

	while (file && fgets(line, sizeof line, file))
		count += strstr(line, "/memfd:") || strstr(line, "stoa.");
	if (file)
		fclose(file);
	return count;
}

static bool leaks(int descriptors_before, int mappings_before)
{
	int more_descriptors = descriptors() - descriptors_before,
	    more_mappings = mappings() - mappings_before;

	if (more_descriptors > 0 || more_mappings > 0)
		fprintf(stderr, "%d descriptors and %d mappings are left\n", more_descriptors, more_mappings);
	return more_descriptors > 0 || more_mappings > 0;
}

static int play_runs(const struct options *options, struct report *report)
{
	static uint8_t bytes[LARGEST];
	int descriptors_before = descriptors(), mappings_before = mappings();

	for (report->run = options->first; report->run < options->first + options->runs; report->run++) {
		size_t size = make_input(options->seed, report->run, bytes);
		double start = now(), took;
		/* of its exact size, for the address sanitizer */
		uint8_t *input = malloc(size);

		if (!input)
			return 1;
		memcpy(input, bytes, size);
		alarm(options->seconds);
		LLVMFuzzerTestOneInput(input, size);
		alarm(0);
		free(input);
		took = now() - start;
		if (took > report->slowest) {
			report->slowest = took;
			report->slowest_run = report->run;
		}
		if (report->run % LEAKS_EVERY == 0 && leaks(descriptors_before, mappings_before))
			return 1;
	}
	report->run--;
	return leaks(descriptors_before, mappings_before);
}

static void keep(const struct options *options, unsigned long long run)
{
	uint8_t bytes[LARGEST];
	size_t size = make_input(options->seed, run, bytes);
	char name[64];
	FILE *file;

	snprintf(name, sizeof name, "fuzz-%llu-%llu", options->seed, run);
	file = fopen(name, "wb");
	if (file && fwrite(bytes, 1, size, file) == size)
		printf("# its input is in %s\n", name);
	if (file)
		fclose(file);
}

static int run(const struct options *options)
{
	struct report *report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                             -1, 0);
	int status = 0;
	pid_t child;

	if (report == MAP_FAILED)
		return 2;
	printf("1..1\n");
	fflush(NULL);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(play_runs(options, report));
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		printf("ok 1 - %llu random inputs do no harm, seed %llu\n", options->runs, options->seed);
		printf("# the slowest took %.3f s: --first %llu --runs 1\n", report->slowest,
		       report->slowest_run);
		return 0;
	}
	printf("not ok 1 - input %llu of seed %llu: %s %d\n", report->run, options->seed,
	       WIFSIGNALED(status) ? "signal" : "status",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	printf("# replay: fuzz_segment --seed %llu --first %llu --runs 1\n", options->seed, report->run);
	keep(options, report->run);
	return 1;
}

static int replay(const char *path, unsigned seconds)
{
	static uint8_t bytes[LARGEST_FILE];
	FILE *file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
	size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;

	if (!file) {
		perror(path);
		return 2;
	}
	if (file != stdin)
		fclose(file);
	alarm(seconds);
	LLVMFuzzerTestOneInput(bytes, size);
	alarm(0);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "runs", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },
		{ "first", required_argument, NULL, 'f' },
		{ "seconds", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = { .seed = 1, .seconds = 100 };
	int option, rc = 0;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (option) {
		case 'r':
			options.runs = strtoull(optarg, NULL, 0);
			break;
		case 's':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			options.first = strtoull(optarg, NULL, 0);
			break;
		case 't':
			options.seconds = (unsigned)strtoul(optarg, NULL, 0);
			break;
		default:
			return 2;
		}
	}
	if (options.runs)
		return run(&options);
	if (optind == argc)
		return replay("-", options.seconds);
	for (int i = optind; i < argc && !rc; i++)
		rc = replay(argv[i], options.seconds);
	return rc;
}
