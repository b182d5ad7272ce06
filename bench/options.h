/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * options.h - what the command line asked for.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
	unsigned reps;
	uint64_t run_ns;      /* how long the senders of one run send */
	uint64_t patience_ns; /* after which a run that has not ended is killed */
	bool threads;
	bool quick;    /* tiny counts and few cells: for the test that all of it works */
	bool broken;   /* with a queue that loses messages: the bench must fail */
	bool progress; /* on a terminal */
	const char *json;
	const char *sections; /* "spsc,rtt"; NULL: all */
	const char *peers;    /* a part of the names of those that run besides stoa; NULL: all */
	const char *cells;    /* a part of the names of the cells that run; NULL: all */
	const char *cores;
};

extern struct options options;

#endif
