/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lease lock: never two hold it; who comes after one that died holding it is told, and nobody else; no
 * wake-up is lost.
 */
#include <stoa/sync.h>

#include "atomic.h"
#include "sync_world.h"

#define AT_WORK 16u

struct lock_shape {
	unsigned holders, mortals, rounds, reapers;
	bool wait, mortal_reapers;
};

static struct world {
	const struct lock_shape *shape;
	uint64_t holder; /* plain data, under the lock: the last process that had it, AT_WORK or done */
	struct atom64 half_done;
	enum stage {
		OUTSIDE,
		HOLDING,
		RELEASING
	} stages[PROCESSES];
	uint8_t told[PROCESSES]; /* so many were told that it died */
} w;

static struct process *const last = &sync_world.processes[PROCESSES - 1];

/* Under the lock, whose acquire() answered `rc`. */
static void work(unsigned self, int rc)
{
	uint64_t before = explore_get(&w.holder);

	explore_check(rc == STOA_OWNER_DIED || !(before & AT_WORK), "nobody was told that %d died",
	              (int)(before % AT_WORK) - 1);
	explore_check(rc == STOA_OK || before, "one died who never was");
	if (rc == STOA_OWNER_DIED)
		w.told[before % AT_WORK - 1]++;
	explore_set(&w.holder, (self + 1) | AT_WORK);
	atom64_store_rlx(&w.half_done, self); /* and dies, perhaps */
	explore_set(&w.holder, self + 1);
}

static int hold_once(struct process *process, const struct timespec *deadline)
{
	struct stoa_lock *lock = (struct stoa_lock *)&process->sync;
	enum stage *stage = &w.stages[sync_slot(process)];
	int rc = stoa_lock_acquire(lock, deadline);

	if (rc == STOA_TIMEOUT && deadline)
		return rc;
	explore_check(rc == STOA_OK || rc == STOA_OWNER_DIED, "acquire says %d", rc);
	*stage = HOLDING;
	work(sync_slot(process), rc);
	*stage = RELEASING;
	explore_check(stoa_lock_release(lock) == 0, "release fails");
	*stage = OUTSIDE;
	return rc;
}

static void hold(void *process)
{
	for (unsigned i = 0; i < w.shape->rounds; i++)
		hold_once(process, w.shape->wait ? NULL : &stoa_now);
}

static void set_up(void)
{
	static const char *const names[] = { "a", "b", "c" };

	explore_state(&w, sizeof w);
	w.shape = explore_parameters();
	explore_name(&w.holder, 8, 1, "holder");
	sync_make(STOA_KIND_LOCK, 0, 0, LOCK_FREE);
	for (unsigned i = 0; i < w.shape->holders; i++)
		sync_thread(names[i], hold, i, i < w.shape->mortals);
	for (unsigned i = 0; i < w.shape->reapers; i++)
		sync_reaper(i ? "reaper 2" : "reaper", w.shape->mortal_reapers);
	hold_once(last, &stoa_now); /* and so this thread's number is given, once for all */
}

static void check(void)
{
	bool excused = false;

	for (unsigned i = 0; i < PROCESSES; i++) /* it was to wake somebody, or was itself woken */
		excused |= sync_is_dead(i) && w.stages[i] != HOLDING;
	explore_check(excused || !sync_overslept(), "a wake-up is lost");
	sync_reap_all();
	explore_check(hold_once(last, &stoa_now) != STOA_TIMEOUT, "it stays locked");
	for (unsigned i = 0; i < PROCESSES; i++) {
		explore_check(w.told[i] <= 1, "%u were told of one death", w.told[i]);
		explore_check(!w.told[i] || (sync_is_dead(i) && w.stages[i] != OUTSIDE),
		              "%u did not die holding it", i);
	}
}

#define LOCK(id, words, deaths, ...)                                                                         \
	{                                                                                                    \
		.name = "lock/" id, .about = words, .set_up = set_up, .check = check, .crashes = deaths,     \
		.parameters = &(const struct lock_shape)                                                     \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario lock_scenarios[] = {
	LOCK("2", "two wait for each other", 0, .holders = 2, .rounds = 1, .wait = true),
	LOCK("try", "two try, again and again", 0, .holders = 2, .rounds = 3),
	LOCK("crash", "one of two is killed, a reaper comes", 1, .holders = 2, .mortals = 1, .rounds = 1,
	     .reapers = 1, .wait = true),
	LOCK("crash/again", "the dead one had it before", 1, .holders = 2, .mortals = 1, .rounds = 2,
	     .reapers = 1),
	LOCK("crash/reapers", "two reapers", 1, .holders = 2, .mortals = 1, .rounds = 1, .reapers = 2,
	     .wait = true),
	LOCK("crash/2", "both may be killed", 2, .holders = 2, .mortals = 2, .rounds = 1, .reapers = 1),
	LOCK("crash/3", "the third is told of the second", 2, .holders = 3, .mortals = 2, .rounds = 1,
	     .reapers = 1),
	LOCK("crash/reaper", "two reapers, who are killed, too", 2, .holders = 2, .mortals = 1, .rounds = 1,
	     .reapers = 2, .mortal_reapers = true),
	{ 0 },
};
