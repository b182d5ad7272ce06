/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_request.h - what the command line asks for, and who does it.
 */
#ifndef STOA_EXPLORE_REQUEST_H
#define STOA_EXPLORE_REQUEST_H

#include "explore_engine.h"

struct request {
	struct options options;
	const char *names[32];
	unsigned name_count;
	bool all, sites, mutants, self_test;
	const char *schedule, *weaken;
	int defect;
};

/* ---- explore_verdict.c ---- */

struct options options_of(const struct request *request, const struct explore_scenario *scenario);
void run_search(const struct options *options, struct tally *tally);
/* True: it came out as it should. */
bool run_replay(const struct request *request);
bool run_verdict(const struct request *request, const struct explore_scenario *scenario,
                 const struct options *options, struct tally *tally);
void list_outcomes(void);

/* ---- explore_weaken.c ---- */

/* FILE:LINE:ORDER; ends the program where that is nonsense. */
void weaken_as_asked(const char *text);
void run_mutants(const struct request *request, const struct explore_scenario *scenario);
void list_sites(void);

#endif
