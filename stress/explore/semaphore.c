/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The semaphore: a permit is one process's at a time, and what was written before post() is seen after
 * wait(); no wake-up is lost; permits come back from the dead, each once; and while one is free all the
 * time, though not the same one, nobody is told that there is none.
 */
#include <stoa/sync.h>

#include "atomic.h"
#include "sync_world.h"

struct semaphore_shape {
	unsigned permits, rounds[3]; /* of each holder */
	unsigned mortals, reapers;
	bool count; /* without STOA_PERMITS_RETURN; then permit 0 stands for all */
	bool wait, wander, mortal_reapers;
};

static struct world {
	const struct semaphore_shape *shape;
	uint64_t guarded[CELLS_MAX]; /* plain data: who has the permit writes it */
	struct atom64 half_done;
	bool holds[PROCESSES]; /* and is not about to give it back */
} w;

static struct stoa_semaphore *semaphore_of(struct process *process)
{
	return (struct stoa_semaphore *)&process->sync;
}

static bool take(struct process *process)
{
	const struct timespec *deadline = w.shape->wait ? NULL : &stoa_now;
	int rc = stoa_semaphore_wait(semaphore_of(process), deadline);

	explore_check(rc == STOA_OK || (deadline && rc == STOA_TIMEOUT), "wait says %d", rc);
	return rc == STOA_OK;
}

static void use_and_post(struct process *process)
{
	uint32_t permit = w.shape->count ? 0 : atom32_load_rlx(&process->sync.hint);

	w.holds[sync_slot(process)] = true;
	explore_set(&w.guarded[permit], sync_slot(process));
	atom64_store_rlx(&w.half_done, 1); /* and dies, perhaps */
	explore_set(&w.guarded[permit], sync_slot(process));
	w.holds[sync_slot(process)] = false;
	explore_check(stoa_semaphore_post(semaphore_of(process)) == 0, "post fails");
}

static void hold(void *context)
{
	struct process *process = context;

	for (unsigned i = 0; i < w.shape->rounds[sync_slot(process)]; i++) {
		/* Each time another permit, as if other threads had been there. */
		if (w.shape->wander)
			atom32_store_rlx(&process->sync.hint, i % w.shape->permits);
		if (take(process))
			use_and_post(process);
		else
			explore_check(w.shape->permits == 1, "told that none is free, and one was");
	}
}

static void make_semaphore(void)
{
	explore_state(&w, sizeof w);
	w.shape = explore_parameters();
	explore_name(w.guarded, 8, CELLS_MAX, "guarded");
	if (w.shape->count)
		sync_make(STOA_KIND_SEMAPHORE, 0, PROCESSES, w.shape->permits);
	else
		sync_make(STOA_KIND_SEMAPHORE, STOA_PERMITS_RETURN, w.shape->permits, 0);
}

static void set_up(void)
{
	static const char *const names[] = { "a", "b", "c" };

	make_semaphore();
	for (unsigned i = 0; i < 3 && w.shape->rounds[i]; i++)
		sync_thread(names[i], hold, i, i < w.shape->mortals);
	for (unsigned i = 0; i < w.shape->reapers; i++)
		sync_reaper(i ? "reaper 2" : "reaper", w.shape->mortal_reapers);
}

static void check(void)
{
	bool excused = false;

	for (unsigned i = 0; i < PROCESSES; i++) /* it was to wake somebody, or was itself woken */
		excused |= sync_is_dead(i) && !w.holds[i];
	explore_check(excused || !sync_overslept(), "a wake-up is lost");
	sync_reap_all();
	for (unsigned i = 0; i < w.shape->permits && !w.shape->count; i++)
		explore_check((atom64_load_seq(&sync_world.cells[i]) & 0xff) == PERMIT_FREE,
		              "permit %u is nobody's, and not free", i);
}

/* ---- a process has two threads, and always a permit ---- */

static void post_one(void *process)
{
	explore_check(stoa_semaphore_post(semaphore_of(process)) == 0, "told that it has none, and it had");
}

static void take_then_post(void *context)
{
	struct process *process = context;

	for (unsigned i = 0; i < w.shape->rounds[0]; i++) {
		atom32_store_rlx(&process->sync.hint, i % 2);
		explore_check(stoa_semaphore_wait(semaphore_of(process), &stoa_now) == 0, "wait fails");
		atom32_store_rlx(&process->sync.hint, (i + 1) % 2);
		explore_check(stoa_semaphore_post(semaphore_of(process)) == 0, "post fails");
	}
}

static void two_threads(void)
{
	struct process *process = &sync_world.processes[0];

	make_semaphore();
	for (uint32_t i = 1; i < w.shape->permits; i++) {
		atom32_store_rlx(&process->sync.hint, i);
		explore_check(stoa_semaphore_wait(semaphore_of(process), &stoa_now) == 0, "wait fails");
	}
	sync_thread("thread 1", post_one, 0, false);
	sync_thread("thread 2", take_then_post, 0, false);
}

#define SEMAPHORE(id, words, how, deaths, ...)                                                               \
	{                                                                                                    \
		.name = "semaphore/" id, .about = words, .set_up = how, .check = check, .crashes = deaths,   \
		.parameters = &(const struct semaphore_shape)                                                \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario semaphore_scenarios[] = {
	SEMAPHORE("count", "two wait for one permit", set_up, 0, .count = true, .permits = 1,
	          .rounds = { 1, 1 }, .wait = true),
	SEMAPHORE("permit", "the same, and it would return", set_up, 0, .permits = 1, .rounds = { 1, 1 },
	          .wait = true),
	SEMAPHORE("unseen", "one goes from permit to permit, another sees none", set_up, 0, .permits = 2,
	          .rounds = { 4, 1 }, .wander = true),
	{ .name = "semaphore/threads",
	  .about = "one thread goes from permit to permit, another posts",
	  .set_up = two_threads,
	  .parameters = &(const struct semaphore_shape){ .permits = 2, .rounds = { 1 } } },
	SEMAPHORE("crash", "who has it is killed, a reaper comes", set_up, 1, .permits = 1,
	          .rounds = { 1, 1 }, .mortals = 1, .reapers = 1, .wait = true),
	SEMAPHORE("crash/2", "of two permits", set_up, 1, .permits = 2, .rounds = { 2, 2 }, .mortals = 1,
	          .reapers = 1),
	SEMAPHORE("crash/reapers", "two reapers", set_up, 1, .permits = 1, .rounds = { 1, 1 }, .mortals = 1,
	          .reapers = 2, .wait = true),
	SEMAPHORE("crash/reaper", "two reapers, who are killed, too", set_up, 2, .permits = 1,
	          .rounds = { 1, 1 }, .mortals = 1, .reapers = 2, .mortal_reapers = true),
	{ 0 },
};
