/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event (stoa_event_*): who waits for it is released by a set, even by one that a clear follows at
 * once, and sees what was written before it; also where the one who sets it, or another who waits, is
 * killed.
 */
#include <stoa/sync.h>

#include "atomic.h"
#include "sync_world.h"

struct flag_shape {
	unsigned waiters, mortal_waiters;
	bool clear;  /* where somebody waits, it is cleared at once */
	bool victim; /* who sets it may be killed, and then another sets it */
};

static struct world {
	const struct flag_shape *shape;
	uint64_t data; /* plain: written before the set */
} w;

static struct stoa_event *event_of(struct process *process)
{
	return (struct stoa_event *)&process->sync;
}

static void set(void *process)
{
	/* Announced: it has looked before. */
	bool waits = w.shape->clear && atom32_load_seq(&sync_world.layout.changed.word);

	explore_set(&w.data, 1);
	explore_check(stoa_event_set(event_of(process)) == 0, "set fails");
	if (waits)
		explore_check(stoa_event_clear(event_of(process)) == 0, "clear fails");
}

static void set_instead(void *process)
{
	if (explore_await_death(0))
		explore_check(stoa_event_set(event_of(process)) == 0, "set fails");
}

static void wait_for_it(void *process)
{
	int rc = stoa_event_wait(event_of(process), NULL);

	explore_check(rc == STOA_OK, "wait says %d", rc);
	explore_get(&w.data);
}

static void set_up(void)
{
	const struct flag_shape *shape = explore_parameters();

	explore_state(&w, sizeof w);
	w.shape = shape;
	explore_name(&w.data, 8, 1, "data");
	sync_make(STOA_KIND_EVENT, 0, 0, 0);
	sync_thread("setter", set, 0, shape->victim);
	for (unsigned i = 0; i < shape->waiters; i++)
		sync_thread(i ? "waiter 2" : "waiter", wait_for_it, 1 + i, i < shape->mortal_waiters);
	if (shape->victim)
		sync_thread("setter 2", set_instead, PROCESSES - 1, false);
}

static void check(void)
{
	/* Who sets it may be killed just before it wakes those that it has called. */
	explore_check(sync_is_dead(0) || !sync_overslept(), "a wake-up is lost");
}

/* ---- two who clear it ---- */

static void clear(void *process)
{
	explore_check(stoa_event_clear(event_of(process)) == 0, "clear fails");
}

static void clear_and_set(void *process)
{
	clear(process);
	explore_check(stoa_event_set(event_of(process)) == 0, "set fails");
}

static void two_clear(void)
{
	sync_make(STOA_KIND_EVENT, 0, 0, 1);
	sync_thread("setter", clear_and_set, 0, false);
	sync_thread("clearer", clear, 1, false);
}

static void check_count(void)
{
	uint64_t word = atom64_load_seq(&sync_world.layout.word);

	explore_check(word >> 1 == 1, "set once, and counted %u times", (unsigned)(word >> 1));
}

#define FLAG(id, words, deaths, ...)                                                                         \
	{                                                                                                    \
		.name = "flag/" id, .about = words, .set_up = set_up, .check = check, .crashes = deaths,     \
		.parameters = &(const struct flag_shape)                                                     \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario flag_scenarios[] = {
	FLAG("set", "one sets an event that two wait for", 0, .waiters = 2),
	FLAG("clear", "one sets it and clears it at once", 0, .waiters = 1, .clear = true),
	FLAG("crash", "who sets it is killed, another sets it again", 1, .waiters = 1, .victim = true),
	FLAG("crash/waiter", "one of two who wait is killed", 1, .waiters = 2, .mortal_waiters = 1),
	{ .name = "flag/clears",
	  .about = "one clears and sets it, another clears it",
	  .set_up = two_clear,
	  .check = check_count },
	{ 0 },
};
