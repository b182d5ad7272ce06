/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole objects: a lock, a semaphore, a barrier in a segment, and nobody whose business it is to reap: who
 * is in the way of the living, and dead, is reaped by those in whose way it is.
 *
 * Thread 0 is the victim, in process 2; processes 1 and 3 come when it has ended, or wait from the
 * beginning.
 */
#include <stoa/sync.h>

#include "os.h"
#include "scenarios.h"
#include "segment_world.h"

#define PEOPLE 3u

struct whole_shape {
	void (*victim)(void *), (*first)(void *), (*last)(void *);
	unsigned permits, parties; /* 0: a lock */
	bool mortal_first;
};

static struct world {
	const struct whole_shape *shape;
	struct stoa_lock *locks[PEOPLE + 1]; /* of each process */
	struct stoa_semaphore *semaphores[PEOPLE + 1];
	struct stoa_barrier *barriers[PEOPLE + 1];
	struct stoa_event *events[PEOPLE + 1][2];
	bool saw[2];
	uint64_t guarded; /* plain data, under the lock or the permit */
} w;

static unsigned self(void)
{
	return explore_own_process();
}

/* ---- lock ---- */

static void hold(const struct timespec *deadline)
{
	int rc = stoa_lock_acquire(w.locks[self()], deadline);
	bool died = explore_get(&w.guarded) != 0;

	explore_check(rc == STOA_OK || rc == STOA_OWNER_DIED, "acquire says %d", rc);
	explore_check(rc == STOA_OWNER_DIED || !died, "nobody told it of the dead one");
	explore_set(&w.guarded, self());
	os_yield(); /* and dies, perhaps */
	explore_set(&w.guarded, 0);
	explore_check(stoa_lock_release(w.locks[self()]) == 0, "release fails");
}

static void lock_and_wait(void *unused)
{
	(void)unused;
	hold(NULL);
}

/* Nobody else is there by then: it is had without waiting. */
static void lock_at_once(void *unused)
{
	(void)unused;
	explore_await_death(0);
	hold(&stoa_now);
}

/* ---- semaphore ---- */

static void take(const struct timespec *deadline)
{
	explore_check(stoa_semaphore_wait(w.semaphores[self()], deadline) == 0, "no permit");
	explore_set(&w.guarded, self());
	explore_check(stoa_semaphore_post(w.semaphores[self()]) == 0, "post fails");
}

static void take_and_wait(void *unused)
{
	(void)unused;
	take(NULL);
}

static void take_at_once(void *unused)
{
	(void)unused;
	explore_await_death(0);
	take(&stoa_now);
}

/* ---- barrier ---- */

static void come_in_vain(void *unused)
{
	(void)unused;
	stoa_barrier_wait(w.barriers[self()], &stoa_now);
}

/* Two of them; the victim, dead or gone, is no party. */
static void come_later(void *unused)
{
	(void)unused;
	explore_await_death(0);
	explore_check(stoa_barrier_wait(w.barriers[self()], NULL) == 0, "wait fails");
}

static void reap(void *unused)
{
	(void)unused;
	explore_await_death(0);
	stoa_segment_reap(segment_world_own());
}

/* ---- two events ---- */

static bool is_set(unsigned event)
{
	struct stoa_event_config info = { .struct_size = sizeof info };

	explore_check(stoa_event_info(w.events[self()][event], &info) == 0, "no info");
	return info.initial;
}

/* Each sets its own and looks at the other's: one of them sees it. */
static void set_and_wait(void *own)
{
	unsigned event = own ? 1 : 0;

	stoa_event_set(w.events[self()][event]);
	w.saw[event] = stoa_event_wait(w.events[self()][!event], &stoa_now) == STOA_OK;
}

static void set_and_ask(void *own)
{
	unsigned event = own ? 1 : 0;

	stoa_event_set(w.events[self()][event]);
	w.saw[event] = is_set(!event);
}

/* Sets the second and clears the first: where that was set before somebody missed the second, it is clear. */
static void set_and_clear(void *unused)
{
	(void)unused;
	stoa_event_set(w.events[self()][1]);
	stoa_event_clear(w.events[self()][0]);
	w.saw[1] = true;
}

/* It is over before the second is looked at: who sets the second first and then waits for the first waits. */
static void set_clear_and_ask(void *unused)
{
	(void)unused;
	stoa_event_set(w.events[self()][0]);
	stoa_event_clear(w.events[self()][0]);
	w.saw[0] = is_set(1);
}

static void make_events(void)
{
	void (*const *does)(void *) = explore_parameters();

	segment_world_make(PEOPLE, 2, 1024, PEOPLE);
	explore_state(&w, sizeof w);
	for (unsigned process = 1; process <= PEOPLE; process++) {
		explore_process(process);
		for (unsigned event = 0; event < 2; event++)
			explore_check(stoa_event_create(segment_world_own(), event ? "b" : "a", NULL,
			                                &w.events[process][event]) == 0,
			              "no event");
	}
	for (unsigned event = 0; event < 2; event++) {
		explore_process(2 + event);
		explore_thread(event ? "b" : "a", does[event], event ? &w : NULL);
	}
}

static void check_events(void)
{
	explore_process(1);
	explore_check(w.saw[0] || w.saw[1], "both are set, and neither saw that");
}

static void check_past(void)
{
	explore_process(1);
	explore_check(w.saw[0] || !w.saw[1], "who waits was released by what was over before");
}

static void check_cleared(void)
{
	explore_process(1);
	explore_check(w.saw[0] || !is_set(0), "cleared behind its being set, and set");
}

/* ---- worlds ---- */

static void make_object(void)
{
	const struct stoa_semaphore_config permits = {
		.struct_size = sizeof permits,
		.flags = STOA_PERMITS_RETURN,
		.initial = w.shape->permits,
	};
	const struct stoa_barrier_config parties = { .struct_size = sizeof parties,
		                                     .parties = w.shape->parties };
	struct stoa_segment *segment = segment_world_own();
	int rc;

	if (w.shape->permits)
		rc = stoa_semaphore_create(segment, "semaphore", &permits, &w.semaphores[self()]);
	else if (w.shape->parties)
		rc = stoa_barrier_create(segment, "barrier", &parties, &w.barriers[self()]);
	else
		rc = stoa_lock_create(segment, "lock", NULL, &w.locks[self()]);
	explore_check(rc == 0, "no object: %d", rc);
}

static void set_up(void)
{
	segment_world_make(PEOPLE, 1, 512, PEOPLE);
	explore_state(&w, sizeof w);
	w.shape = explore_parameters();
	explore_name(&w.guarded, 8, 1, "guarded");
	for (unsigned process = 1; process <= PEOPLE; process++) {
		explore_process(process);
		make_object();
	}
	if (w.locks[PEOPLE])
		hold(&stoa_now); /* and so this thread's number is given, once for all */
	explore_process(2);
	explore_mortal("victim", w.shape->victim, NULL);
	explore_process(1);
	if (w.shape->first)
		(w.shape->mortal_first ? explore_mortal : explore_thread)("first", w.shape->first, NULL);
	explore_process(3);
	explore_thread("last", w.shape->last, NULL);
}

/* Everybody has gone, or died: all is as in the beginning. */
static void check(void)
{
	explore_process(3);
	explore_check(stoa_segment_reap(segment_world_own()) >= 0, "nobody can reap");
	if (w.shape->permits)
		take(&stoa_now);
	else if (w.shape->parties == 1)
		explore_check(stoa_barrier_wait(w.barriers[3], &stoa_now) == 0,
		              "the only party does not pass");
	else if (!w.shape->parties)
		hold(&stoa_now);
}

#define WHOLE(id, words, deaths, bound, ...)                                                                 \
	{                                                                                                    \
		.name = "whole/" id, .about = words, .set_up = set_up, .check = check, .crashes = deaths,    \
		.bounded = (bound) > 0, .preemptions = bound, .stale = 1,                                    \
		.parameters = &(const struct whole_shape)                                                    \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario whole_scenarios[] = {
	WHOLE("lock/now", "who has it is killed: another gets it without waiting", 1, 0,
	      .victim = lock_and_wait, .last = lock_at_once),
	WHOLE("lock/wait", "who has it is killed while another waits", 1, 0, .victim = lock_and_wait,
	      .last = lock_and_wait),
	WHOLE("semaphore/now", "who has the permit is killed: another gets it without waiting", 1, 0,
	      .permits = 1, .victim = take_and_wait, .last = take_at_once),
	WHOLE("semaphore/wait", "who has the permit is killed while another waits", 1, 0, .permits = 1,
	      .victim = take_and_wait, .last = take_and_wait),
	WHOLE("barrier", "one who has arrived is killed, then both parties come", 1, 2, .parties = 2,
	      .victim = come_in_vain, .first = come_later, .last = come_later),
	WHOLE("barrier/reapers", "one who has arrived is killed, and one of two reapers", 2, 2, .parties = 1,
	      .victim = come_in_vain, .first = reap, .last = reap, .mortal_first = true),
	{ .name = "whole/events/wait",
	  .about = "each of two sets its own event and looks at the other's",
	  .set_up = make_events,
	  .check = check_events,
	  .parameters = (void (*const[])(void *)){ set_and_wait, set_and_wait } },
	{ .name = "whole/events/info",
	  .about = "the same, and they ask what it is",
	  .set_up = make_events,
	  .check = check_events,
	  .parameters = (void (*const[])(void *)){ set_and_ask, set_and_ask } },
	{ .name = "whole/events/clear",
	  .about = "one sets the first and looks at the second, another sets the second and clears the first",
	  .set_up = make_events,
	  .check = check_cleared,
	  .parameters = (void (*const[])(void *)){ set_and_wait, set_and_clear } },
	{ .name = "whole/events/past",
	  .about = "one sets and clears the first and looks at the second, another sets the second and waits",
	  .set_up = make_events,
	  .check = check_past,
	  .parameters = (void (*const[])(void *)){ set_clear_and_ask, set_and_wait } },
	{ 0 },
};
