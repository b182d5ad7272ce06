/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_chance.c - random search, for worlds too large to be searched through.
 *
 *   random   each step by anybody, all alike
 *   pct      the highest priority runs; at d random moments whoever runs falls to the lowest (Burckhardt et
 *            al. 2010): finds a defect that d + 1 ordered events make up, in n threads and k steps, with a
 *            chance of at least 1 / (n k^d) in each execution
 *
 * Mostly the newest message is read, now and then any.  Deaths come at a random moment.
 */
#include "chance.h"
#include "explore_engine.h"

static uint64_t state;
static bool by_priority;
static unsigned priorities[THREADS_MAX], lowest;
static unsigned changes[64], change_count, death, length, picks;

static unsigned below(unsigned limit)
{
	return (unsigned)chance_below(&state, limit);
}

static unsigned any_of(uint64_t options)
{
	unsigned n = below((unsigned)__builtin_popcountll(options));

	while (n--)
		options &= options - 1;
	return (unsigned)__builtin_ctzll(options);
}

static unsigned highest(uint32_t ready)
{
	unsigned best = (unsigned)__builtin_ctz(ready);

	for (unsigned t = 0; t < engine.threads; t++) {
		if ((ready >> t & 1) && priorities[t] > priorities[best])
			best = t;
	}
	return best;
}

static struct decision pick(const struct moment *moment)
{
	unsigned t;

	picks++;
	if (picks >= death && (moment->mortal | moment->stoppable)) {
		bool dies = moment->mortal && (!moment->stoppable || below(2));

		death = picks + 1 + below(length);
		return (struct decision){
			.thread = (int)any_of(dies ? moment->mortal : moment->stoppable),
			.fate = dies ? FATE_DIE : FATE_STOP,
		};
	}
	if (!by_priority)
		return (struct decision){ .thread = (int)any_of(moment->ready) };
	t = highest(moment->ready);
	for (unsigned i = 0; i < change_count; i++) {
		if (changes[i] == picks) {
			priorities[t] = --lowest;
			t = highest(moment->ready);
		}
	}
	if (engine.fibers[t].op.kind == OP_PAUSE)
		priorities[t] = --lowest;
	return (struct decision){ .thread = (int)t };
}

static unsigned choose(const struct op *op, uint64_t options)
{
	(void)op;
	return below(4) ? (unsigned)__builtin_ctzll(options) : any_of(options);
}

static void stepped(const struct effect *effect)
{
	(void)effect;
}

static void begin(const struct options *options)
{
	picks = 0;
	lowest = 1u << 30;
	change_count = options->depth < 64 ? options->depth : 64;
	for (unsigned i = 0; i < change_count; i++)
		changes[i] = 1 + below(length);
	death = 1 + below(length);
	for (unsigned t = 0; t < engine.threads; t++)
		priorities[t] = (1u << 30) + below(1u << 30);
}

static const struct driver chance = { .pick = pick, .choose = choose, .stepped = stepped };

void search_chance(const struct options *options, struct tally *tally)
{
	double start = search_now();
	enum verdict verdict;

	state = chance_seed(options->seed);
	by_priority = options->search == SEARCH_PCT;
	length = 32;
	do {
		begin(options);
		verdict = run_once(&chance);
		if (engine.step_count > length)
			length = engine.step_count;
	} while (!search_count(options, tally, verdict, start));
	tally->seconds = search_now() - start;
}
