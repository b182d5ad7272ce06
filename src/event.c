/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * event.c - announce, wait, wake.
 *
 * An event word is a count of wake-ups over two bits: "somebody may be asleep", and below the count one that
 * this protocol only carries along, "the short way is closed" (queue_roles.c).
 *
 *   waiter                                 waker
 *   w = announce: set the bit              publish
 *   look once more: still nothing?         w = load the word; bit clear: done
 *   sleep while the word is w              count + 1; wake
 *
 * No wake-up is lost.  The look after the announcement and the load after the
 * publication are ordered by sequential consistency (Dekker): the waiter sees
 * what was published, or the waker sees the bit.  In the second case the count
 * moves, so a waiter that is not asleep yet does not fall asleep.
 *
 * The bit, not a number of waiters: a waiter that is killed leaves nothing to repair.
 * A waker that wakes one leaves the bit, for others may be asleep; one that finds
 * nobody asleep clears it, and then wakes all, because a waiter may have fallen
 * asleep on the word as it was just before.  So a dead waiter costs two needless system
 * calls, once.
 *
 * A waker may be killed between publishing and waking.  Nothing can repair that from the
 * outside; so every sleep is a slice of at most 100 ms.
 */
#include "event.h"

#include <limits.h>

#include "atomic.h"
#include "defect.h"
#include "os.h"

#define SOMEBODY EVENT_SOMEBODY
#define COUNT 4u

#define SLICE_FIRST_NS 10000000ull
#define SLICE_LAST_NS 100000000ull

uint32_t event_announce(struct event_word *event)
{
	uint32_t word = atom32_load_seq(&event->word);

	if (DEFECT(DEFECT_ANNOUNCE_STORE))
		atom32_store_seq(&event->word, word | SOMEBODY);
	while (!(word & SOMEBODY)) {
		if (atom32_cas_seq(&event->word, &word, word | SOMEBODY))
			return word | SOMEBODY;
	}
	return word;
}

int event_wait(struct event_word *event, uint32_t announced, uint64_t deadline_ns)
{
	return os_futex_wait(&event->word, announced, deadline_ns);
}

static void wake_one(struct event_word *event, uint32_t word)
{
	while (word & SOMEBODY) {
		if (!atom32_cas_seq(&event->word, &word, word + COUNT * !DEFECT(DEFECT_WAKE_UNCOUNTED)))
			continue;
		word += COUNT * !DEFECT(DEFECT_WAKE_UNCOUNTED);
		if ((os_futex_wake(&event->word, 1) == 0 || DEFECT(DEFECT_WAKE_CLEARS)) &&
		    atom32_cas_seq(&event->word, &word, word & ~SOMEBODY) && !DEFECT(DEFECT_WAKE_LAST) &&
		    !DEFECT(DEFECT_WAKE_CLEARS))
			os_futex_wake(&event->word, INT_MAX);
		return;
	}
}

static void wake_all(struct event_word *event, uint32_t word)
{
	while (word & SOMEBODY) {
		if (!atom32_cas_seq(&event->word, &word, (word + COUNT) & ~SOMEBODY))
			continue;
		os_futex_wake(&event->word, INT_MAX);
		return;
	}
}

void event_wake_announced(struct event_word *event, bool all)
{
	uint32_t word = atom32_load_seq(&event->word);

	if (all)
		wake_all(event, word);
	else
		wake_one(event, word);
}

void event_close_short_way(struct event_word *event)
{
	uint32_t word = atom32_load_seq(&event->word);

	while (!(word & EVENT_LONG_WAY)) {
		if (atom32_cas_seq(&event->word, &word, word | EVENT_LONG_WAY))
			return;
	}
}

uint64_t event_slice(uint64_t *slice_ns, uint64_t deadline_ns)
{
	uint64_t now = os_now_ns();

	*slice_ns = *slice_ns == 0 ? SLICE_FIRST_NS : *slice_ns * 2;
	if (*slice_ns > SLICE_LAST_NS)
		*slice_ns = SLICE_LAST_NS;
	if (deadline_ns <= now || deadline_ns - now <= *slice_ns)
		return deadline_ns;
	return now + *slice_ns;
}
