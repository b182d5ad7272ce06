/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_mutants.c - every order of the library made weaker by a step: does anybody notice?
 *
 * Each place (explore_weaken.c) is a job for a process of its own.  Its order is weakened by one step, and the
 * scenarios that reach it are searched, cheapest first, until one fails.  Where none does, the order survives,
 * and the next weaker ones are tried, so that it is told how little would be enough.
 *
 * An order that nobody notices is either not needed, or needed for something that is not modelled, or no
 * scenario is sharp enough.  Which of them is for people to say: explore_survivors.c is where they did.  What
 * survives and is not listed there, or is listed and noticed, makes the whole a failure.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "explore/scenarios.h"
#include "explore_request.h"

#define ORDERS 8u
#define CHANCES 100000u /* executions, where a search in order shows nothing */

/* What became of a place, by order; shared with the process that tries it. */
struct trial {
	struct {
		bool tried, noticed;
	} orders[ORDERS];
};

static const struct request *request;
static struct weaken_scenario *scenarios;
static unsigned scenario_count;
static struct trial *trials;
/* By scenario, shared, too: whether it holds as it is, searched as long as for an order. */
static enum {
	UNKNOWN,
	HOLDS,
	FAILS
} * as_it_is;

/* ---- which orders ---- */

/* The orders one step weaker that such an operation can have: bits. */
static unsigned weaker(const struct place *place, unsigned order)
{
	bool reads = strncmp(place->operation, "store", 5) != 0;
	bool writes = strncmp(place->operation, "load", 4) != 0;

	if (order == EXPLORE_SEQ && reads && writes)
		return 1u << EXPLORE_BOTH;
	if (order == EXPLORE_SEQ)
		return 1u << (reads ? EXPLORE_ACQUIRE : EXPLORE_RELEASE);
	if (order == EXPLORE_BOTH)
		return 1u << EXPLORE_ACQUIRE | 1u << EXPLORE_RELEASE;
	return order == EXPLORE_RELAXED ? 0 : 1u << EXPLORE_RELAXED;
}

/* ---- one order of one place ---- */

struct finding {
	const struct explore_scenario *scenario; /* that noticed it; NULL: none */
	unsigned whole, cut;                     /* scenarios without a failure, all of it or not */
};

static bool is_reached(const struct place *place, unsigned scenario)
{
	return scenarios[scenario].chosen && !scenarios[scenario].fails &&
	       (place->reached[scenarios[scenario].number / 8] >> scenarios[scenario].number % 8 & 1);
}

/*
 * A limit of the explorer's shows nothing.  Nor does an execution that got too long, as a rule: a thread that
 * looks again and again may be given the same old store each time, which no real memory does for ever.
 */
static bool shows_nothing(const struct tally *tally)
{
	return tally->failed && (strcmp(engine.failure.kind, "limit") == 0 ||
	                         strncmp(engine.failure.text, "more than", 9) == 0);
}

/* Whether the scenario fails. */
static bool notices(const struct explore_scenario *scenario, struct finding *finding)
{
	struct options options;
	struct tally tally;

	run_prepare(scenario);
	options = options_of(request, scenario);
	if (scenario->large && !options.search_given)
		options.search = SEARCH_PCT;
	run_search(&options, &tally);
	if (shows_nothing(&tally) && options.search <= SEARCH_BOUNDED) { /* by chance old stores are rare */
		options.search = SEARCH_PCT;
		options.executions = CHANCES;
		run_search(&options, &tally);
	}
	run_forget();
	if (tally.failed && !shows_nothing(&tally))
		return true;
	finding->whole += tally.complete;
	finding->cut += !tally.complete;
	return false;
}

/* A scenario that fails by itself, after a long search, has noticed nothing. */
static bool holds_as_it_is(unsigned s)
{
	unsigned number = scenarios[s].number;
	struct finding finding = { 0 };

	if (as_it_is[number] == UNKNOWN)
		as_it_is[number] = notices(scenarios[s].scenario, &finding) ? FAILS : HOLDS;
	return as_it_is[number] == HOLDS;
}

/* Leaves the place as it was, and in the engine the failure that was found. */
static struct finding try_order(const struct place *place, unsigned order)
{
	struct finding finding = { 0 };

	for (unsigned s = 0; s < scenario_count && !finding.scenario; s++) {
		struct failure failure;
		bool noticed;

		if (!is_reached(place, s))
			continue;
		weaken_place(place, order);
		noticed = notices(scenarios[s].scenario, &finding);
		weaken_place(place, place->base);
		failure = engine.failure;
		if (noticed && holds_as_it_is(s))
			finding.scenario = scenarios[s].scenario;
		engine.failure = failure;
	}
	return finding;
}

static void say_text(const struct place *place, unsigned order, const struct finding *finding)
{
	const struct survivor *listed = survivor_find(place, order);
	char what[300];

	if (finding->scenario)
		snprintf(what, sizeof what, "noticed by %s: %s", finding->scenario->name,
		         engine.failure.kind);
	else if (finding->cut)
		snprintf(what, sizeof what, "SURVIVED (%u of %u scenarios cut off)", finding->cut,
		         finding->cut + finding->whole);
	else
		snprintf(what, sizeof what, "SURVIVED (all of %u scenarios tried wholly)", finding->whole);
	printf("%-40s %s:%d:%s  %s%s%s\n", place->name, place->file, place->line, weaken_order_name(order),
	       what, listed ? finding->scenario ? ", and was not expected to be: " : ", as expected: " : "",
	       listed ? listed->reason : "");
}

static void say_json(const struct place *place, unsigned order, const struct finding *finding)
{
	printf("{\"place\":\"%s\",\"file\":\"%s\",\"line\":%d,\"order\":\"%s\",\"noticed\":%s,", place->name,
	       place->file, place->line, weaken_order_name(order), finding->scenario ? "true" : "false");
	if (finding->scenario)
		printf("\"scenario\":\"%s\",\"failure\":\"%s\",", finding->scenario->name,
		       engine.failure.kind);
	printf("\"whole\":%u,\"cut\":%u,\"expected\":%s}\n", finding->whole, finding->cut,
	       survivor_find(place, order) ? "true" : "false");
}

/* From `order` down, as long as nobody notices. */
static void descend(const struct place *place, struct trial *trial, unsigned order)
{
	unsigned next = weaker(place, order);

	for (unsigned o = 0; o < ORDERS; o++) {
		struct finding finding;

		if (!(next >> o & 1) || trial->orders[o].tried)
			continue;
		finding = try_order(place, o);
		trial->orders[o].tried = true;
		trial->orders[o].noticed = finding.scenario;
		(request->json ? say_json : say_text)(place, o, &finding);
		fflush(stdout);
		if (!finding.scenario)
			descend(place, trial, o);
	}
}

/* ---- all places ---- */

/* By --only. */
static bool is_named(const struct place *place)
{
	return !request->only || strstr(place->name, request->only) || strstr(place->file, request->only);
}

static bool is_wanted(const struct place *place)
{
	if (!is_named(place))
		return false;
	for (unsigned s = 0; s < scenario_count; s++) {
		if (is_reached(place, s))
			return weaker(place, place->base);
	}
	return false;
}

/*
 * One after another, each on top of those that survived: orders mask each other, and this tells how little is
 * enough of all of them together.  In rounds, a step a round, so that nobody pays for all the others.
 */
static void try_together(struct place *places, unsigned count)
{
	bool more = true;

	while (more) {
		more = false;
		for (unsigned i = 0; i < count; i++) {
			struct place *place = &places[i];
			unsigned next = is_wanted(place) ? weaker(place, place->base) : 0;

			for (unsigned o = 0; o < ORDERS; o++) {
				struct finding finding;

				if (!(next >> o & 1) || trials[i].orders[o].tried)
					continue;
				finding = try_order(place, o);
				trials[i].orders[o].tried = true;
				trials[i].orders[o].noticed = finding.scenario;
				(request->json ? say_json : say_text)(place, o, &finding);
				fflush(stdout);
				if (finding.scenario)
					continue;
				weaken_place(place, place->base = o);
				more = true;
				break;
			}
		}
	}
}

/* False where a process did not come to its end. */
static bool await_one(unsigned *running)
{
	int status;

	if (wait(&status) < 0)
		return false;
	--*running;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static unsigned try_all(const struct place *places, unsigned count)
{
	unsigned running = 0, lost = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!is_wanted(&places[i]))
			continue;
		if (running == request->jobs)
			lost += !await_one(&running);
		fflush(stdout);
		switch (fork()) {
		case 0:
			descend(&places[i], &trials[i], places[i].base);
			_exit(0);
		case -1:
			lost++;
			break;
		default:
			running++;
		}
	}
	while (running)
		lost += !await_one(&running);
	return lost;
}

static int compare_costs(const void *a, const void *b)
{
	const struct weaken_scenario *left = a, *right = b;

	return (left->cost > right->cost) - (left->cost < right->cost);
}

/* True where all is as explore_survivors.c has it. */
static bool sum_up(const struct place *places, unsigned count)
{
	unsigned tried = 0, noticed = 0, expected = 0, stale = 0;

	for (unsigned i = 0; i < count; i++) {
		for (unsigned o = 0; o < ORDERS; o++) {
			bool listed = survivor_find(&places[i], o);

			tried += trials[i].orders[o].tried;
			noticed += trials[i].orders[o].noticed;
			expected += listed && trials[i].orders[o].tried && !trials[i].orders[o].noticed;
			stale += listed && trials[i].orders[o].noticed;
		}
	}
	if (request->json)
		printf("{\"weakened\":%u,\"noticed\":%u,\"survived\":%u,\"expected\":%u,\"stale\":%u}\n",
		       tried, noticed, tried - noticed, expected, stale);
	else
		printf("%u orders weakened, %u noticed, %u survived (%u of them expected)\n", tried, noticed,
		       tried - noticed, expected);
	return tried && tried - noticed == expected && !stale;
}

/* Entries of the table that no place is called by; some scenarios alone do not reach all of them. */
static unsigned tell_strangers(const struct place *places, unsigned count)
{
	unsigned strangers = 0;

	if (request->name_count || request->only)
		return 0;
	for (const struct survivor *survivor = survivors; survivor->file; survivor++) {
		unsigned i = 0;

		while (i < count && !survivor_is(survivor, &places[i]))
			i++;
		if (i == count) {
			fprintf(stderr, "stoa-explore: %s in %s is listed, and no scenario reaches it\n",
			        survivor->place, survivor->file);
			strangers++;
		}
	}
	return strangers;
}

/* Orders of which nothing can be said. */
static void tell_unreached(const struct place *places, unsigned count)
{
	static const uint8_t nobody[sizeof places->reached];

	if (request->name_count || request->json)
		return;
	for (unsigned i = 0; i < count; i++) {
		if (weaker(&places[i], places[i].declared) && is_named(&places[i]) &&
		    memcmp(places[i].reached, nobody, sizeof nobody) == 0)
			printf("%-40s %s:%d  reached by no scenario\n", places[i].name, places[i].file,
			       places[i].line);
	}
}

/* Scenarios that fail with all orders as they are. */
static unsigned tell_failures(void)
{
	unsigned failures = 0;

	for (unsigned s = 0; s < scenario_count; s++) {
		if (!scenarios[s].chosen || !(scenarios[s].fails || as_it_is[scenarios[s].number] == FAILS))
			continue;
		fprintf(stderr, "stoa-explore: %s fails as it is\n", scenarios[s].scenario->name);
		failures++;
	}
	return failures;
}

static void *shared(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		abort();
	return at;
}

int mutants_run(const struct request *asked,
                bool (*chosen)(const struct request *request, const struct explore_scenario *scenario))
{
	struct request with = *asked;
	struct place *places;
	unsigned count, wrong = 0;

	request = &with;
	if (!with.jobs)
		with.jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	if (with.options.seconds == 0)
		with.options.seconds = 10;
	scenarios = weaken_look(request, &scenario_count);
	for (unsigned s = 0; s < scenario_count; s++) {
		scenarios[s].chosen = chosen(request, scenarios[s].scenario);
		if (scenarios[s].chosen)
			weaken_measure(request, &scenarios[s]);
	}
	for (unsigned i = 0; i < with.weaken_count; i++)
		weaken_as_asked(with.weaken[i]);
	count = weaken_places(&places);
	qsort(scenarios, scenario_count, sizeof *scenarios, compare_costs);
	trials = shared((count + 1) * sizeof *trials);
	as_it_is = shared((scenario_count + 1) * sizeof *as_it_is);
	if (with.together)
		try_together(places, count);
	else
		wrong += try_all(places, count);
	tell_unreached(places, count);
	wrong += tell_strangers(places, count) + tell_failures();
	wrong += !sum_up(places, count);
	return wrong ? 1 : 0;
}
