/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_weaken.c - the operations of the library as places that have a name, and an order that is data.
 *
 * A line moves with every edit, so a place is called by what it is: offer/cas_seq#1 is the first such
 * operation in the function offer().  All of them are in the section explore_sites, whether a scenario reaches
 * them or not.  An inline function of a header has a site in each file that uses it: these are one place,
 * weakened together.
 */
#include <stdlib.h>
#include <string.h>

#include "defect.h"
#include "explore/scenarios.h"
#include "explore_request.h"

#define LOOK_EXECUTIONS 500u
#define MEASURE_SECONDS 0.25

static struct place *places;
static unsigned place_count, place_room;
static const struct explore_site **sites; /* sites[i] is one of places[place_of[i]] */
static unsigned *place_of, site_count;

const char *weaken_order_name(unsigned order)
{
	static const char *const names[] = { "relaxed", "acquire", "release", "acq_rel" };

	return order == EXPLORE_SEQ ? "seq_cst" : names[order & 3];
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool in_library(const struct explore_site *site)
{
	const char *slash = strrchr(site->file, '/');

	/* src/, and include/stoa/inline.h */
	return slash && slash - site->file >= 4 &&
	       (strncmp(slash - 3, "src", 3) == 0 || strncmp(slash - 4, "stoa", 4) == 0);
}

/* ---- places ---- */

static void *grown(void *at, size_t size)
{
	at = realloc(at, size);
	if (!at)
		abort();
	return at;
}

static bool is_place_of(const struct place *place, const struct explore_site *site)
{
	return place->line == site->line && strcmp(place->operation, site->operation) == 0 &&
	       strcmp(place->function, site->function) == 0 &&
	       strcmp(place->file, base_name(site->file)) == 0;
}

static unsigned place_for(const struct explore_site *site)
{
	for (unsigned i = 0; i < place_count; i++) {
		if (is_place_of(&places[i], site))
			return i;
	}
	if (place_count == place_room) {
		place_room = place_room ? 2 * place_room : 64;
		places = grown(places, place_room * sizeof *places);
	}
	places[place_count] = (struct place){
		.function = site->function,
		.operation = site->operation,
		.file = base_name(site->file),
		.line = site->line,
		.declared = site->declared,
		.base = site->declared,
	};
	return place_count++;
}

/* Where the linker begins and ends the section. */
extern struct explore_site *__start_explore_sites[], *__stop_explore_sites[];

static void add_places(void)
{
	struct explore_site **all = __start_explore_sites;
	size_t count = (size_t)(__stop_explore_sites - all);

	sites = grown(NULL, count * sizeof *sites);
	place_of = grown(NULL, count * sizeof *place_of);
	for (size_t i = 0; i < count; i++) {
		if (!in_library(all[i]))
			continue;
		sites[site_count] = all[i];
		place_of[site_count++] = place_for(all[i]);
	}
}

static void name_places(void)
{
	for (unsigned i = 0; i < place_count; i++) {
		struct place *place = &places[i];

		place->nth = 1;
		for (unsigned k = 0; k < place_count; k++)
			place->nth += places[k].line < place->line &&
			              strcmp(places[k].function, place->function) == 0 &&
			              strcmp(places[k].operation, place->operation) == 0 &&
			              strcmp(places[k].file, place->file) == 0;
		snprintf(place->name, sizeof place->name, "%s/%s#%u", place->function, place->operation,
		         place->nth);
	}
}

unsigned weaken_places(struct place **list)
{
	if (!place_count) {
		add_places();
		name_places();
	}
	*list = places;
	return place_count;
}

static void forget_reached(void)
{
	struct explore_site *site = engine.sites, *next;

	for (; site; site = next) {
		next = site->next != site ? site->next : NULL;
		site->next = NULL;
	}
	engine.sites = NULL;
}

static void note_reached(unsigned number)
{
	for (const struct explore_site *site = engine.sites; site;
	     site = site->next != site ? site->next : NULL) {
		for (unsigned i = 0; i < site_count; i++) {
			if (sites[i] == site)
				places[place_of[i]].reached[number / 8] |= (uint8_t)(1u << number % 8);
		}
	}
}

static void look_at(const struct request *request, struct weaken_scenario *look, const struct options *with)
{
	struct options options = *with;
	struct tally tally;

	forget_reached();
	stoa_defect = 0;
	run_prepare(look->scenario);
	options_of(request, look->scenario); /* its deaths and stops */
	run_search(&options, &tally);
	look->fails |= tally.failed;
	look->cost = tally.complete ? tally.seconds : MEASURE_SECONDS + look->scenario->large;
	outcome_forget();
	run_forget();
	note_reached(look->number);
}

void weaken_measure(const struct request *request, struct weaken_scenario *look)
{
	struct options options = options_of(request, look->scenario);

	if (options.search > SEARCH_BOUNDED)
		return;
	options.seconds = MEASURE_SECONDS;
	look_at(request, look, &options);
}

/* Scenarios that are made to fail say nothing about orders. */
static bool is_sound(const struct explore_scenario *scenario)
{
	return !scenario->broken && !scenario->defect;
}

struct weaken_scenario *weaken_look(const struct request *request, unsigned *count)
{
	static const struct options chance = { .search = SEARCH_RANDOM,
		                               .executions = LOOK_EXECUTIONS,
		                               .seed = 1 };
	struct weaken_scenario *looks = NULL;

	weaken_places(&places);
	*count = 0;
	for (const struct explore_scenario *const *list = all_scenarios; *list; list++) {
		for (const struct explore_scenario *s = *list; s->name; s++) {
			if (!is_sound(s) || *count == WEAKEN_SCENARIOS_MAX)
				continue;
			looks = grown(looks, (*count + 1) * sizeof *looks);
			looks[*count] = (struct weaken_scenario){ .scenario = s, .number = *count };
			look_at(request, &looks[*count], &chance);
			++*count;
		}
	}
	return looks;
}

void weaken_place(const struct place *place, unsigned order)
{
	for (unsigned i = 0; i < site_count; i++) {
		if (&places[place_of[i]] == place)
			((struct explore_site *)(uintptr_t)sites[i])->order = order;
	}
}

/* ---- --weaken ---- */

/* FUNCTION/OPERATION#N, with FILE/ before it where two files have such a function; or FILE and a line. */
static bool is_meant(const struct place *place, const char *text, int line)
{
	size_t length = strlen(place->file);

	if (line)
		return place->line == line && strcmp(place->file, text) == 0;
	if (strncmp(text, place->file, length) == 0 && text[length] == '/')
		text += length + 1;
	return strcmp(place->name, text) == 0;
}

static unsigned order_of(const char *name)
{
	for (unsigned o = EXPLORE_RELAXED; o <= EXPLORE_BOTH; o++) {
		if (strcmp(weaken_order_name(o), name) == 0)
			return o;
	}
	fprintf(stderr, "stoa-explore: an order is acq_rel, acquire, release or relaxed\n");
	exit(2);
}

void weaken_as_asked(const char *text)
{
	char name[128], order[16];
	unsigned found = 0;
	int line = 0;

	if (sscanf(text, "%127[^:]:%d:%15s", name, &line, order) != 3 &&
	    sscanf(text, "%127[^:]:%15s", name, order) != 2) {
		fprintf(stderr,
		        "stoa-explore: --weaken wants FUNCTION/OPERATION#N:ORDER or FILE:LINE:ORDER\n");
		exit(2);
	}
	weaken_places(&places);
	for (unsigned i = 0; i < place_count; i++) {
		if (is_meant(&places[i], name, line)) {
			weaken_place(&places[i], places[i].base = order_of(order));
			found++;
		}
	}
	if (!found) {
		fprintf(stderr, "stoa-explore: there is no such operation\n");
		exit(2);
	}
}

void list_sites(void)
{
	for (struct explore_site *site = engine.sites; site; site = site->next != site ? site->next : NULL)
		printf("    %s:%d %s %s\n", site->file, site->line, site->function, site->operation);
}
