/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * main.c - stoa-bench: stoa measured beside those whom one would otherwise take.
 *
 * Exit status: 0 measured, 1 a check of the data failed, 2 it could not be tried.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "options.h"
#include "results.h"
#include "section.h"
#include "team.h"

struct options options = { .reps = 7, .run_ns = 30000000, .patience_ns = 2000000000 };

static const struct {
	const char *name;
	bool (*run)(void);
	const char *text;
} sections[] = {
	{ "spsc", section_spsc, "one sender, one receiver: messages a second" },
	{ "rtt", section_rtt, "there and back through two SPSC queues, and the floor: two bare lines" },
	{ "pair", section_pair, "push and pop in one thread" },
	{ "mpmc", section_mpmc, "many senders, many receivers: messages a second" },
	{ "value", section_value,
	  "a struct of 64 B to 64 KiB read and written whole, alone and under a writer" },
	{ "scalar", section_scalar, "a number that all add to" },
	{ "wake", section_wake, "there and back where both sleep between: the price of a wake-up" },
	{ "sizes", section_sizes, "messages of 8 B to 1 MiB through queues, pipes, sockets" },
	{ "over", section_over, "more processes than cores" },
	{ "frozen", section_frozen, "a process is stopped: what the others keep" },
	{ "killed", section_killed, "a process is killed: what the others keep" },
	{ "attach", section_attach, "create, attach, detach, against the bare system calls" },
	{ "growth", section_growth, "2 to 64 processes; capacities of 16 to 1 Mi" },
	{ "tune", section_tune, "what a user can choose: numbers apart, pages prefaulted, huge ones" },
};

enum {
	SECTIONS = sizeof sections / sizeof sections[0]
};

static const char help[] =
	"usage: stoa-bench [--sections A,B] [--cells TEXT] [--peers TEXT] [--reps N] [--ms N] [--threads]\n"
	"                  [--cores LIST] [--patience SECONDS] [--quick] [--json FILE] [--broken]\n"
	"       stoa-bench --list | --help | --version\n"
	"\n"
	"Measures stoa and its peers in one run: pinned, interleaved, each message checked.\n"
	"docs/performance.md says how, and how to read it.\n"
	"\n"
	"  --sections A,B    only these, of those that --list shows\n"
	"  --cells TEXT      only questions whose name has TEXT in it, such as \"64 B\"\n"
	"  --peers TEXT      only peers whose name has TEXT in it (and stoa)\n"
	"  --reps N          repetitions, 1 to 64; default: 7\n"
	"  --ms N            how long one run sends; default: 30\n"
	"  --threads         threads of one process, in place of processes\n"
	"  --cores LIST      such as 0,2,4-7; default: all that the process may use, siblings last\n"
	"  --patience N      kill a run that has not ended after N seconds; default: 2\n"
	"  --quick           everything once, small: shows that it works, measures nothing\n"
	"  --json FILE       all samples, for bench/plot\n"
	"  --broken          with one queue more, which loses messages: the bench must notice, and fail\n"
	"\n"
	"Exit status: 0 measured, 1 a check of the data failed, 2 it could not be tried.\n";

const char *in_units(unsigned long long number, const char *unit)
{
	static char text[4][32]; /* for a few in one printf() */
	static unsigned turn;
	char *out = text[turn++ % 4];
	const char *prefix = number >= 1 << 20 && number % (1 << 20) == 0   ? "Mi"
	                     : number >= 1 << 10 && number % (1 << 10) == 0 ? "Ki"
	                                                                    : "";

	number /= *prefix == 'M' ? 1 << 20 : *prefix ? 1 << 10 : 1;
	snprintf(out, sizeof text[0], "%llu%s%s%s", number, *prefix || *unit ? " " : "", prefix, unit);
	return out;
}

static bool named(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = list; at; at = strchr(at, ','), at += !!at)
		if (strncmp(at, name, length) == 0 && (at[length] == ',' || !at[length]))
			return true;
	return false;
}

/* Each name of --sections is one. */
static bool sections_exist(const char *list)
{
	char *copy = strdup(list), *rest = copy, *name;
	bool good = copy != NULL;

	while (good && (name = strsep(&rest, ","))) {
		good = false;
		for (unsigned i = 0; i < SECTIONS; i++)
			good |= strcmp(name, sections[i].name) == 0;
		if (!good)
			fprintf(stderr, "stoa-bench: no such section: %s; --list shows them\n", name);
	}
	free(copy);
	return good;
}

static int list_sections(void)
{
	for (unsigned i = 0; i < SECTIONS; i++)
		printf("%-8s %s\n", sections[i].name, sections[i].text);
	for (const char *const *name = missing_peers; *name; name++)
		printf("not here: %s\n", *name);
	return 0;
}

static bool number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || *out < least || *out > most) {
		fprintf(stderr, "stoa-bench: a number from %llu to %llu is wanted, not %s\n",
		        (unsigned long long)least, (unsigned long long)most, text);
		return false;
	}
	return true;
}

enum {
	USAGE = 2,
	GO_ON = -1
};

static void be_quick(void)
{
	options.quick = true;
	options.reps = 1;
	options.run_ns = 200000;
	options.patience_ns = UINT64_C(300000000000);
}

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "sections", required_argument, NULL, 's' },
		{ "cells", required_argument, NULL, 'c' },
		{ "peers", required_argument, NULL, 'p' },
		{ "reps", required_argument, NULL, 'r' },
		{ "ms", required_argument, NULL, 'm' },
		{ "threads", no_argument, NULL, 't' },
		{ "cores", required_argument, NULL, 'C' },
		{ "patience", required_argument, NULL, 'P' },
		{ "quick", no_argument, NULL, 'q' },
		{ "json", required_argument, NULL, 'j' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ "broken", no_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t value;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		switch (option) {
		case 's':
			options.sections = optarg;
			if (!sections_exist(optarg))
				return USAGE;
			break;
		case 'c':
			options.cells = optarg;
			break;
		case 'p':
			options.peers = optarg;
			break;
		case 'r':
			if (!number(optarg, 1, REPS_MOST, &value))
				return USAGE;
			options.reps = (unsigned)value;
			break;
		case 'm':
			if (!number(optarg, 1, 10000, &value))
				return USAGE;
			options.run_ns = value * 1000000;
			break;
		case 't':
			options.threads = true;
			break;
		case 'C':
			options.cores = optarg;
			break;
		case 'P':
			if (!number(optarg, 1, 3600, &value))
				return USAGE;
			options.patience_ns = value * 1000000000;
			break;
		case 'q':
			be_quick();
			break;
		case 'b':
			options.broken = true;
			break;
		case 'j':
			options.json = optarg;
			break;
		case 'l':
			return list_sections();
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'v':
			puts("stoa-bench " STOA_BENCH_VERSION);
			return 0;
		default:
			return USAGE;
		}
	if (optind == argc)
		return GO_ON;
	fprintf(stderr, "stoa-bench: unknown argument: %s\n", argv[optind]);
	return USAGE;
}

int main(int argc, char **argv)
{
	int status = read_options(argc, argv);
	sigset_t child;
	bool good = true;

	if (status != GO_ON)
		return status;
	if (!machine_look(options.cores)) {
		fprintf(stderr, "stoa-bench: no such processors: %s\n",
		        options.cores ? options.cores : "any");
		return 2;
	}
	options.progress = isatty(STDERR_FILENO);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL); /* team_wait() waits for it */
	report_head();
	for (unsigned i = 0; i < SECTIONS && good; i++)
		if (!options.sections || named(options.sections, sections[i].name))
			good = sections[i].run();
	report_foot(good);
	if (options.json && !json_write(options.json, good)) {
		fprintf(stderr, "stoa-bench: %s: %s\n", options.json, strerror(errno));
		return 2;
	}
	return good ? 0 : 1;
}
