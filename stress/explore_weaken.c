/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_weaken.c - orders made weaker by a step: does anybody notice?
 *
 * An order that nobody notices in any scenario is either not needed or not tested.  That both are told apart
 * is left to the reader: some orders are for what is not modelled (a compiler, load buffering).
 */
#include <stdlib.h>
#include <string.h>

#include "explore_request.h"

static const char *order_name(unsigned order)
{
	static const char *const names[] = { "relaxed", "acquire", "release", "acq_rel" };

	return order == EXPLORE_SEQ ? "seq_cst" : names[order & 3];
}

/* Sites become known when they are reached: a first look at the scenario. */
static void find_sites(void)
{
	struct options options = { .search = SEARCH_RANDOM, .executions = 300, .seed = 1 };
	struct tally tally = { 0 };

	search_chance(&options, &tally);
	outcome_forget();
}

void weaken_as_asked(const char *text)
{
	char file[64], order[16];
	int line;

	if (sscanf(text, "%63[^:]:%d:%15s", file, &line, order) != 3) {
		fprintf(stderr, "stoa-explore: --weaken wants FILE:LINE:ORDER\n");
		exit(2);
	}
	find_sites();
	for (struct explore_site *site = engine.sites; site; site = site->next != site ? site->next : NULL) {
		const char *slash = strrchr(site->file, '/');

		if (strcmp(slash ? slash + 1 : site->file, file) != 0 || site->line != line)
			continue;
		for (unsigned o = 0; o < 4; o++) {
			if (strcmp(order_name(o), order) == 0)
				site->order = o;
		}
	}
}

/* The next weaker order that differs for such an operation; the same where there is none. */
static unsigned weaker(const struct explore_site *site, unsigned turn)
{
	bool load = strncmp(site->operation, "load", 4) == 0,
	     store = strncmp(site->operation, "store", 5) == 0;

	if (site->declared == EXPLORE_SEQ && turn == 0)
		return load ? EXPLORE_ACQUIRE : store ? EXPLORE_RELEASE : EXPLORE_BOTH;
	if (site->declared == EXPLORE_SEQ && !load && !store && turn < 3)
		return turn == 1 ? EXPLORE_ACQUIRE : EXPLORE_RELEASE;
	if (site->declared != EXPLORE_SEQ && site->declared && turn == 0)
		return EXPLORE_RELAXED;
	return site->declared;
}

static bool in_library(const struct explore_site *site)
{
	const char *slash = strrchr(site->file, '/');

	return slash && slash - site->file >= 3 && strncmp(slash - 3, "src", 3) == 0;
}

static void try_mutant(const struct request *request, const struct explore_scenario *scenario,
                       struct explore_site *site, unsigned order)
{
	struct options options = options_of(request, scenario);
	const char *slash = strrchr(site->file, '/');
	struct tally tally;

	site->order = order;
	run_search(&options, &tally);
	printf("%-8s  %s:%d:%s  %s %s%s%s\n", tally.failed ? "noticed" : "survived",
	       slash ? slash + 1 : site->file, site->line, order_name(order), site->function, site->operation,
	       tally.failed     ? ": "
	       : tally.complete ? " (all tried)"
	                        : " (not all tried)",
	       tally.failed ? engine.failure.text : "");
	fflush(stdout);
	site->order = site->declared;
}

void run_mutants(const struct request *request, const struct explore_scenario *scenario)
{
	find_sites();
	for (struct explore_site *site = engine.sites; site; site = site->next != site ? site->next : NULL) {
		for (unsigned turn = 0; in_library(site) && weaker(site, turn) != site->declared; turn++)
			try_mutant(request, scenario, site, weaker(site, turn));
	}
}

void list_sites(void)
{
	for (struct explore_site *site = engine.sites; site; site = site->next != site ? site->next : NULL)
		printf("    %s:%d %s %s\n", site->file, site->line, site->function, site->operation);
}
