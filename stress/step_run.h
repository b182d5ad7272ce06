/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * step_run.h - a run of `stoa-stress step`: what step.c and step_report.c know of each other.
 */
#ifndef STOA_STRESS_STEP_RUN_H
#define STOA_STRESS_STEP_RUN_H

#include "step.h"

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
	struct names names;
	struct job jobs[JOBS_MAX];
	uint32_t jobs_most;
	bool progress, json, interrupted;
	enum effort effort;
	long seed, seconds_most; /* -1: in the order of the list, to its end */
	double seconds;
};

void step_progress(const struct run *run, uint32_t ended);
void step_failure(const struct run *run, uint32_t index);
/* All of it, and the verdict: how many scenarios failed. */
uint32_t step_verdict(const struct run *run);

#endif
