/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_cost.c - what the writing down costs: rounds with and without it in turn, medians of their ratios.
 *
 * What counts is calls in a second of processor time: others on the machine do not matter much, then.
 *
 * A log that is full is begun anew, so that all rounds take the same time.
 */
#include <stdlib.h>

#include "history_run.h"

#define COST_ROUNDS 400
#define COST_WAYS 5

/* Calls between two stamps; 0: nothing is written down. */
static const uint32_t cost_ways[COST_WAYS] = { 0, 1, 4, 16, 64 };

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

static double median(double *numbers, unsigned count)
{
	qsort(numbers, count, sizeof *numbers, compare);
	return numbers[count / 2];
}

/* A short round of each kind, each time in another order; 2: could not be tried, 1: nothing came of it. */
static int cost_round(const struct scenario *scenario, const struct run_options *options, unsigned number,
                      double rates[COST_WAYS])
{
	for (unsigned i = 0; i < COST_WAYS; i++) {
		unsigned way = number & 1 ? (number + COST_WAYS - i) % COST_WAYS : (number + i) % COST_WAYS;
		struct run_options ours = *options;
		struct round_result result;
		struct history history;

		if (options->stamp_every && cost_ways[way] > 1)
			continue;
		ours.cost = true;
		ours.unrecorded = cost_ways[way] == 0;
		ours.stamp_every = options->stamp_every && way ? options->stamp_every : cost_ways[way] + !way;
		/* The same capacity each time. */
		round_play(scenario, &ours, 5 * (uint64_t)number + 4, &history, &result);
		history_free(&history);
		if (result.failed || result.not_tried)
			return 2;
		if (result.rate <= 0)
			return 1;
		rates[way] = result.rate;
	}
	return 0;
}

int history_cost(const struct scenario *scenario, const struct run_options *options)
{
	static double without[COST_ROUNDS], share[COST_WAYS][COST_ROUNDS];
	uint64_t end = os_now_ns() + (uint64_t)(options->seconds * 1e9);
	unsigned n = 0, tried = 0;
	int status;

	do {
		double rates[COST_WAYS] = { 0 };

		if (options->progress)
			fprintf(stderr, "\r\033[K[%s] %s: %u rounds", options->at, scenario->name, n);

		status = cost_round(scenario, options, tried++, rates);
		if (status == 2)
			return 2;
		for (unsigned way = 1; way < COST_WAYS; way++)
			share[way][n] = rates[way] / rates[0];
		without[n] = rates[0];
		n += status == 0;
	} while ((os_now_ns() < end || n == 0) && n < COST_ROUNDS && tried < 2 * COST_ROUNDS);
	if (n == 0)
		return 2;
	if (options->progress)
		fprintf(stderr, "\r\033[K");
	printf("%-22s %8.2f M calls in a second of a processor; with", scenario->name,
	       median(without, n) / 1e6);
	for (unsigned way = 1; way < COST_WAYS && (way == 1 || !options->stamp_every); way++)
		printf("%s %u: %5.1f %%", way > 1 ? "," : "",
		       options->stamp_every ? options->stamp_every : cost_ways[way],
		       100 * (1 - median(share[way], n)));
	printf(" less (medians of %u rounds)\n", n);
	fflush(stdout);
	return 0;
}
