/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lease lock: never two hold it; who comes after one that died holding it is told, and nobody else; no
 * wake-up is lost.
 */
#include <errno.h>

#include <stoa/sync.h>

#include "atomic.h"
#include "sync_world.h"

#define AT_WORK 16u

struct lock_shape {
	unsigned holders, mortals, rounds, reapers;
	bool wait, mortal_reapers, breaks; /* take() and break() in place of acquire() and release() */
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
	bool breaks = w.shape->breaks;
	int rc = breaks ? stoa_lock_take(lock, deadline) : stoa_lock_acquire(lock, deadline);

	if (rc == STOA_TIMEOUT && deadline)
		return rc;
	explore_check(rc == STOA_OK || rc == STOA_OWNER_DIED, "acquire says %d", rc);
	*stage = HOLDING;
	work(sync_slot(process), rc);
	*stage = RELEASING;
	explore_check((breaks ? stoa_lock_break(lock) : stoa_lock_release(lock)) == 0, "release fails");
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

/* ---- broken by another ---- */

/*
 * A first holder acquires the lock, says so, and releases it, or is killed; another breaks it then,
 * and a third has it in between or after.  The one acquisition that is broken is the first or the third's, whose
 * release then fails; never both, as break() is called once.
 */
static struct broken {
	int released, broken, third; /* what the calls answered; the third's release, or STOA_TIMEOUT */
} b;

static struct stoa_lock *lock_of(struct process *process)
{
	return (struct stoa_lock *)&process->sync;
}

static void hold_first(void *process)
{
	explore_check(stoa_lock_acquire(lock_of(process), NULL) == 0, "acquire fails");
	atom64_store_seq(&w.half_done, 1);
	b.released = stoa_lock_release(lock_of(process));
}

static void break_it(void *process)
{
	if (atom64_load_seq(&w.half_done))
		b.broken = stoa_lock_break(lock_of(process));
}

static void have_it(void *process)
{
	int rc = stoa_lock_acquire(lock_of(process), &stoa_now);

	w.told[0] += rc == STOA_OWNER_DIED;
	b.third = rc == STOA_TIMEOUT ? rc : stoa_lock_release(lock_of(process));
}

static void set_up_break(void)
{
	explore_state(&w, sizeof w);
	explore_state(&b, sizeof b);
	b = (struct broken){ STOA_TIMEOUT, STOA_TIMEOUT, STOA_TIMEOUT };
	sync_make(STOA_KIND_LOCK, 0, 0, LOCK_FREE);
	sync_thread("holder", hold_first, 0, explore_parameters() != NULL);
	sync_thread("breaker", break_it, 1, false);
	sync_thread("third", have_it, 2, false);
	if (explore_parameters())
		sync_reaper("reaper", false);
}

static void check_break(void)
{
	int refused = (b.released == -EPERM) + (b.third == -EPERM);

	explore_check(refused == 0 || b.broken == 0, "a release fails, and nobody has broken the lock");
	explore_check(refused <= 1, "one break ends two acquisitions");
	explore_check(b.broken || sync_is_dead(0) || refused == 1, "a break ends nobody's acquisition");
	explore_check(!w.told[0] || sync_is_dead(0), "one is told of a death, and nobody has died");
	sync_reap_all();
	explore_check(stoa_lock_acquire(lock_of(last), &stoa_now) != STOA_TIMEOUT, "it stays locked");
}

#define BREAK(id, words, deaths)                                                                             \
	{                                                                                                    \
		.name = "lock/" id, .about = words, .set_up = set_up_break, .check = check_break,            \
		.crashes = deaths, .parameters = deaths ? "mortal" : NULL                                    \
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
	LOCK("break", "two take it and break their own", 0, .holders = 2, .rounds = 1, .wait = true,
	     .breaks = true),
	LOCK("break/crash", "the same, and one is killed", 1, .holders = 2, .mortals = 1, .rounds = 1,
	     .reapers = 1, .wait = true, .breaks = true),
	BREAK("break/other", "somebody breaks the lock of one who is killed, a reaper comes, and a third", 1),
	BREAK("break/alive", "somebody breaks the lock of one who releases it, and a third comes", 0),
	LOCK("crash/reaper", "two reapers, who are killed, too", 2, .holders = 2, .mortals = 1, .rounds = 1,
	     .reapers = 2, .mortal_reapers = true),
	{ 0 },
};
