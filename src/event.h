/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * event.h - event words: announce, wait, wake.  Knows no structure.
 *
 * A waiter announces itself, looks once more for what it waits for, and sleeps; a
 * waker publishes, looks whether anybody announced, and only then calls the kernel.
 * event.c has the protocol and why no wake-up is lost.
 *
 * Besides, an event word can say that the short way which looks at it is closed for good.
 */
#ifndef STOA_EVENT_H
#define STOA_EVENT_H

#include <stdbool.h>

#include "atomic.h"

/*
 * Announces a waiter.  Returns the word to hand to event_wait().  The caller must look
 * for its condition once more after this, by sequentially consistent loads (or after
 * os_fence_all(), where the waker publishes by plain stores).
 */
uint32_t event_announce(struct event_word *event);

/*
 * Sleeps until a wake after event_announce(), or deadline_ns.
 * Returns 0, -ETIMEDOUT, -EINTR.
 */
int event_wait(struct event_word *event, uint32_t announced, uint64_t deadline_ns);

/* In an event word; stoa/inline.h names them, too. */
#define EVENT_SOMEBODY 1u /* somebody may be asleep */
#define EVENT_LONG_WAY 2u /* set once, for good: who goes by here takes the long way */

static inline bool event_awaited(struct event_word *event)
{
	/* Sequentially consistent, as the publication was. */
	return unlikely(atom32_load_seq(&event->word) & EVENT_SOMEBODY);
}

/* The rare half of the two below. */
void event_wake_announced(struct event_word *event, bool all);

/*
 * Wakes one waiter, or all, where somebody has announced; one load otherwise.  The caller
 * has published before by a sequentially consistent operation (or relies on os_fence_all()
 * of the waiter).
 */
static inline void event_wake_one(struct event_word *event)
{
	if (event_awaited(event))
		event_wake_announced(event, false);
}

static inline void event_wake_all(struct event_word *event)
{
	if (event_awaited(event))
		event_wake_announced(event, true);
}

/* Sets EVENT_LONG_WAY.  Wakes nobody. */
void event_close_short_way(struct event_word *event);

/*
 * One slice of a wait: 10 ms at first, up to 100 ms later, never past the deadline.  A waker
 * may die between publishing and waking: a slice is how long that can go unnoticed.
 */
uint64_t event_slice(uint64_t *slice_ns, uint64_t deadline_ns);

/* How often to look again before sleeping: short, as the waker may need this very core. */
#define EVENT_SPINS 64

#endif
