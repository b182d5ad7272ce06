/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The barrier: who passes sees what all parties wrote before; as many pass a round as there are parties,
 * in spite of arrivals that are taken back, by who loses patience or by who reaps the dead.
 */
#include <stoa/sync.h>

#include "atomic.h"
#include "sync_world.h"

#define ROUNDS_MAX 2u
#define FIRST_ROUND 1u

struct barrier_shape {
	unsigned parties, comers, rounds, reapers;
	bool try_once;      /* they do not wait */
	bool try_first;     /* a does not wait at first */
	bool victim;        /* a may be killed, and then another comes in its place */
	bool mortal_reaper; /* the first one */
};

static struct world {
	const struct barrier_shape *shape;
	uint64_t written[ROUNDS_MAX][PROCESSES]; /* plain data: by each party before it arrives */
	unsigned passed[ROUNDS_MAX];
} w;

static int arrive(struct process *process, unsigned round, const struct timespec *deadline)
{
	struct stoa_barrier *barrier = (struct stoa_barrier *)&process->sync;
	unsigned parties = w.shape->parties;
	int rc;

	if (!w.shape->try_once)
		explore_set(&w.written[round][sync_slot(process) % parties], 1);
	rc = stoa_barrier_wait(barrier, deadline);
	explore_check(rc == STOA_OK || (deadline && rc == STOA_TIMEOUT), "wait says %d", rc);
	if (rc != STOA_OK)
		return rc;
	w.passed[round]++;
	for (unsigned i = 0; i < parties && !w.shape->try_once; i++)
		explore_check(explore_get(&w.written[round][i]), "passed without %u", i);
	return rc;
}

static void come(void *process)
{
	bool try_first = w.shape->try_first && sync_slot(process) == 0;

	for (unsigned round = 0; round < w.shape->rounds; round++) {
		if (w.shape->try_once)
			arrive(process, round, &stoa_now);
		else if (!try_first || arrive(process, round, &stoa_now) == STOA_TIMEOUT)
			arrive(process, round, NULL);
	}
}

static uint32_t round_now(void)
{
	return atom64_load_seq(&sync_world.layout.word) & ((1u << ROUND_BITS) - 1);
}

/* For one who died, unless it had arrived, and the round is over with it. */
static void come_instead(void *process)
{
	if (!explore_await_death(0))
		return;
	sync_reap_all();
	if (round_now() == FIRST_ROUND)
		arrive(process, 0, NULL);
}

static void set_up(void)
{
	static const char *const names[] = { "a", "b", "c" };
	const struct barrier_shape *shape = explore_parameters();

	explore_state(&w, sizeof w);
	w.shape = shape;
	explore_name(w.written, 8, ROUNDS_MAX * PROCESSES, "written");
	sync_make(STOA_KIND_BARRIER, 0, shape->parties,
	          1ull << ROUND_BITS | FIRST_ROUND); /* the seats say 0 */
	for (unsigned i = 0; i < shape->comers; i++)
		sync_thread(names[i], come, i, shape->victim && i == 0);
	if (shape->victim && !shape->try_once)
		sync_thread("successor", come_instead, shape->parties, false);
	for (unsigned i = 0; i < shape->reapers; i++)
		sync_reaper(i ? "reaper 2" : "reaper", i == 0 && shape->mortal_reaper);
}

/* Of this round, and kept by the victim, though somebody has reaped it. */
static bool is_undecided(uint64_t seat)
{
	return (seat & 3) != SEAT_FREE && (seat >> 2 & 0xffff) == 0 &&
	       (seat >> 18) % (1u << ROUND_BITS) == round_now();
}

static void check(void)
{
	const struct barrier_shape *shape = w.shape;

	explore_check(sync_is_dead(0) || !sync_overslept(), "a wake-up is lost");
	for (unsigned i = 0; i < shape->parties && sync_is_dead(0); i++)
		explore_check(!is_undecided(atom64_load_seq(&sync_world.cells[i])),
		              "seat %u is withheld by a dead one", i);
	for (unsigned round = 0; round < shape->rounds; round++)
		explore_check(w.passed[round] == shape->parties || (shape->try_once && !w.passed[round]) ||
		                      sync_is_dead(0),
		              "%u passed", w.passed[round]);
}

#define BARRIER(id, words, deaths, bound, ...)                                                               \
	{                                                                                                    \
		.name = "barrier/" id, .about = words, .set_up = set_up, .check = check, .crashes = deaths,  \
		.bounded = (bound) > 0, .preemptions = bound, .stale = 1,                                    \
		.parameters = &(const struct barrier_shape)                                                  \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario barrier_scenarios[] = {
	BARRIER("2", "two parties", 0, 0, .parties = 2, .comers = 2, .rounds = 1),
	BARRIER("again", "two parties, twice", 0, 0, .parties = 2, .comers = 2, .rounds = 2),
	BARRIER("3", "three parties", 0, 2, .parties = 3, .comers = 3, .rounds = 1),
	BARRIER("back", "one takes its arrival back, and comes again", 0, 0, .parties = 2, .comers = 2,
	        .rounds = 1, .try_first = true),
	BARRIER("many", "three for two seats, without patience", 0, 2, .parties = 2, .comers = 3, .rounds = 1,
	        .try_once = true),
	BARRIER("crash", "one is killed, another comes", 1, 0, .parties = 2, .comers = 2, .rounds = 1,
	        .victim = true),
	BARRIER("crash/reapers", "and a reaper beside it", 1, 2, .parties = 2, .comers = 2, .rounds = 1,
	        .victim = true, .reapers = 1),
	BARRIER("crash/reaper", "two reapers, one of whom is killed, too", 2, 0, .parties = 2, .comers = 1,
	        .rounds = 1, .try_once = true, .victim = true, .reapers = 2, .mortal_reaper = true),
	{ 0 },
};
