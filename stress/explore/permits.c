/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Permits that come back from the dead behind the eyes of who waits.  One is free all the time; but each time
 * that the waiter is about to come to it, the permit of somebody dead is freed behind it, and that one taken.
 */
#include <stoa/sync.h>

#include "atomic.h"
#include "sync_world.h"

#define PERMITS 4u
#define DEAD 100u /* slots of the dead: 100 to 102 have the permits 0 to 2 */

static struct world {
	struct atom64 permits[PERMITS];
} w;

static struct sync *sync_of(unsigned process)
{
	return &sync_world.processes[process].sync;
}

static int take(unsigned process, unsigned first)
{
	atom32_store_rlx(&sync_of(process)->hint, first);
	return stoa_semaphore_wait((struct stoa_semaphore *)sync_of(process), &stoa_now);
}

static void wait_for_one(void *unused)
{
	(void)unused;
	explore_check(take(0, 0) == STOA_OK, "told that none is free, and one was all the time");
}

/* Frees the permit of a dead one, and takes the one that was free so far. */
static void change(unsigned freed, unsigned taken)
{
	semaphore_settle(sync_of(1)->shared, w.permits, PERMITS, DEAD + freed);
	take(1, taken);
}

static void free_and_take(void *unused)
{
	(void)unused;
	change(0, 3);
	change(2, 0);
	change(1, 2);
}

static void set_up(void)
{
	explore_state(&w, sizeof w);
	sync_make(STOA_KIND_SEMAPHORE, STOA_PERMITS_RETURN, PERMITS, 0);
	for (unsigned process = 0; process < 2; process++) {
		sync_of(process)->cells = w.permits;
		sync_of(process)->cell_count = PERMITS;
	}
	for (unsigned permit = 0; permit < PERMITS - 1; permit++)
		atom64_store_rlx(&w.permits[permit], (uint64_t)(DEAD + permit) << 8 | PERMIT_HELD);
	explore_name(w.permits, 8, PERMITS, "permits");
	sync_thread("waiter", wait_for_one, 0, false);
	sync_thread("mover", free_and_take, 1, false);
}

const struct explore_scenario permits_scenarios[] = {
	{ .name = "semaphore/unseen/dead",
	  .about = "one takes what the dead had as it is freed, another sees none",
	  .set_up = set_up },
	{ 0 },
};
