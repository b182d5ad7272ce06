/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_selftest.c - whether the reduction of explore_search.c leaves anything out.
 *
 * Small programs at random, each searched through twice, with the reduction and in every order; both
 * searches must come to the same outcomes: what was read, what stands there in the end, who was seen dead.
 */
#include <string.h>

#include "explore_engine.h"
#include "explore_selftest.h"
#include "os.h"

#define PROGRAM_THREADS 3u
#define PROGRAM_STEPS 4u
#define WORDS 4u

static struct program {
	struct atom64 words[WORDS];
	bool processes; /* each thread is one, and there are two locks */
	int locks[PROGRAM_THREADS], probes;
	struct os_process first; /* the mortal one */
	struct instruction {
		enum op_kind kind;
		enum {
			NO_CALL,
			CALL_LOCK,
			CALL_UNLOCK,
			CALL_PROBE,
			CALL_PID,
			CALLS
		} call;
		unsigned order, word, value, result;
	} steps[PROGRAM_THREADS][PROGRAM_STEPS];
	unsigned lengths[PROGRAM_THREADS], threads;
	uint64_t results[PROGRAM_THREADS * PROGRAM_STEPS];
} p;

static struct explore_site sites[PROGRAM_THREADS][PROGRAM_STEPS];
static uint64_t seed;

static unsigned below(unsigned limit)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % limit;
}

static uint64_t run_call(const struct instruction *i)
{
	int fd = p.locks[explore_self()];

	switch (i->call) {
	case CALL_LOCK:
		return os_lock_byte(fd, i->word & 1) == 0;
	case CALL_UNLOCK:
		return os_unlock_byte(fd, i->word & 1) == 0;
	case CALL_PROBE:
		return (uint64_t)os_byte_locked(p.probes, i->word & 1);
	default:
		return os_process_gone(p.first.pid, p.first.start_time);
	}
}

static void run_instruction(const struct instruction *i, struct explore_site *site)
{
	struct atom64 *word = &p.words[i->word];
	uint64_t old = i->value - 1;

	if (i->call) {
		p.results[i->result] = run_call(i);
		return;
	}
	site->order = i->order;
	switch (i->kind) {
	case OP_LOAD:
		p.results[i->result] = explore_load(site, word, 8);
		break;
	case OP_STORE:
		explore_store(site, word, 8, i->value);
		break;
	case OP_ADD:
		p.results[i->result] = explore_add(site, word, 8, 100);
		break;
	case OP_CAS:
		p.results[i->result] = explore_cas(site, word, 8, &old, i->value) * 1000 + old;
		break;
	case OP_FENCE:
		explore_fence(site);
		break;
	case OP_AWAIT:
		p.results[i->result] = explore_await_death(0);
		break;
	default:
		p.results[i->result] = explore_is_dead(0);
		break;
	}
}

static void run_thread(void *context)
{
	size_t t = (size_t)((struct instruction(*)[PROGRAM_STEPS])context - p.steps);

	for (unsigned i = 0; i < p.lengths[t]; i++)
		run_instruction(&p.steps[t][i], &sites[t][i]);
}

static void make_thread(unsigned t)
{
	static const enum op_kind kinds[] = { OP_LOAD,  OP_LOAD, OP_LOAD, OP_STORE, OP_STORE,
		                              OP_STORE, OP_ADD,  OP_CAS,  OP_FENCE };

	p.lengths[t] = 1 + below(PROGRAM_STEPS - (p.threads > 2));
	for (unsigned i = 0; i < p.lengths[t]; i++) {
		unsigned order = below(5);

		p.steps[t][i] = (struct instruction){
			.kind = kinds[below(sizeof kinds / sizeof *kinds)],
			.order = order == 4 ? EXPLORE_SEQ : order,
			.word = below(2) + 2 * (below(4) == 0),
			.value = 1 + below(3),
			.result = t * PROGRAM_STEPS + i,
		};
		if (t && below(12) == 0)
			p.steps[t][i].kind = below(3) ? OP_AWAIT : OP_PROBE;
		if (p.processes && below(2))
			p.steps[t][i].call = 1 + below(CALLS - 1);
	}
}

static void make_process(unsigned t)
{
	explore_process(t + 1);
	if (t == 0) {
		p.probes = os_memfd("self-test", false);
		os_self(&p.first);
	}
	p.locks[t] = os_reopen(p.probes, false);
	if (t == 0)
		p.probes = explore_pass(p.probes);
	if (t == 0 && below(2))
		os_lock_byte(p.locks[t], 0);
}

static void set_up(void)
{
	static const char *const called[] = { "one", "two", "three" };

	memset(&p, 0, sizeof p);
	p.threads = 2 + below(2);
	p.processes = below(2);
	explore_state(&p, sizeof p);
	for (unsigned t = 0; t < p.threads; t++) {
		if (p.processes)
			make_process(t);
		make_thread(t);
		(t == 0 || (p.processes && t == 1) ? explore_mortal : explore_thread)(called[t], run_thread,
		                                                                      p.steps[t]);
	}
}

static void check(void)
{
	char text[200];
	size_t used = 0;

	for (unsigned t = 0; t < p.threads; t++) {
		for (unsigned i = 0; i < p.lengths[t]; i++)
			used += (size_t)snprintf(text + used, sizeof text - used, "%llu ",
			                         (unsigned long long)p.results[t * PROGRAM_STEPS + i]);
	}
	for (unsigned i = 0; i < WORDS; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%llu ",
		                         (unsigned long long)p.words[i].raw);
	explore_outcome("%s", text);
}

/* Searches the program of this seed; the outcomes are then in the table. */
static bool search_program(uint64_t with_seed, bool no_reduction, struct tally *tally)
{
	static const struct explore_scenario scenario = { .name = "self-test",
		                                          .set_up = set_up,
		                                          .check = check };
	struct options options = { .search = SEARCH_ALL, .no_reduction = no_reduction, .executions = 200000 };

	seed = with_seed * 0x9e3779b97f4a7c15ull;
	engine.crash_limit = 1 + (with_seed % 4 == 0);
	engine.stop_limit = with_seed & 1;
	*tally = (struct tally){ 0 };
	run_prepare(&scenario);
	search_all(&options, tally);
	run_forget();
	return tally->complete;
}

int selftest(unsigned programs, uint64_t first)
{
	uint64_t reduced_total = 0, full_total = 0, compared = 0;

	for (uint64_t s = first; s < first + programs; s++) {
		struct tally reduced, full;
		uint64_t few, all;

		outcome_forget();
		if (!search_program(s, true, &full))
			continue;
		all = outcome_forget();
		search_program(s, false, &reduced);
		few = outcome_forget();
		compared++;
		reduced_total += reduced.executions + reduced.cut;
		full_total += full.executions;
		if (few != all || !reduced.complete) {
			printf("FAILED  self-test, program %llu: the reduction loses outcomes\n",
			       (unsigned long long)s);
			return 1;
		}
	}
	printf("ok      self-test: %llu programs, %llu executions with the reduction, %llu without\n",
	       (unsigned long long)compared, (unsigned long long)reduced_total,
	       (unsigned long long)full_total);
	return compared ? 0 : 1;
}
