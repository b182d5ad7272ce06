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
	bool all, sites, mutants, self_test, json, together;
	const char *schedule, *only;
	const char *weaken[128];
	unsigned weaken_count, jobs;
	int defect;
};

/* ---- explore_options.c ---- */

/* Gets the arguments alone.  -1: they are wrong, which was told. */
int options_parse(struct request *request, int argc, char **argv);

/* ---- explore_verdict.c ---- */

struct options options_of(const struct request *request, const struct explore_scenario *scenario);
void run_search(const struct options *options, struct tally *tally);
/* True: it came out as it should. */
bool run_replay(const struct request *request);
bool run_verdict(const struct request *request, const struct explore_scenario *scenario,
                 const struct options *options, struct tally *tally);
void list_outcomes(void);

/* ---- explore_weaken.c ---- */

#define WEAKEN_SCENARIOS_MAX 1024u

/* An operation of the library: all sites of one line. */
struct place {
	char name[80]; /* function/operation#nth */
	const char *function, *operation, *file;
	int line;
	unsigned nth, declared;
	unsigned base;                             /* what it has now: declared, or as --weaken said */
	uint8_t reached[WEAKEN_SCENARIOS_MAX / 8]; /* by the scenarios of weaken_look(): bits */
};

struct weaken_scenario {
	const struct explore_scenario *scenario;
	double cost; /* seconds for all of it, or more */
	unsigned number;
	bool chosen, fails;
};

const char *weaken_order_name(unsigned order);
/* Runs all scenarios for a moment, and so finds out which places they reach.  The caller frees the list. */
struct weaken_scenario *weaken_look(const struct request *request, unsigned *count);
/* A longer look, in order: what is rarely reached, and what a whole search costs. */
void weaken_measure(const struct request *request, struct weaken_scenario *look);
/* All of the library, also those that nothing reaches. */
unsigned weaken_places(struct place **list);
void weaken_place(const struct place *place, unsigned order);
/* One --weaken; ends the program where that is nonsense. */
void weaken_as_asked(const char *text);
void list_sites(void);

/* ---- explore_mutants.c, explore_survivors.c ---- */

/* An exit status. */
int mutants_run(const struct request *request,
                bool (*chosen)(const struct request *request, const struct explore_scenario *scenario));

struct survivor {
	const char *file, *place;
	unsigned order; /* the weakest: this and all that are stronger survive */
	const char *reason;
};
/* Ended by one without a file. */
extern const struct survivor survivors[];
bool survivor_is(const struct survivor *survivor, const struct place *place);
/* NULL: such an order must be noticed. */
const struct survivor *survivor_find(const struct place *place, unsigned order);

#endif
