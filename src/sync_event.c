/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync_event.c - a flag that processes wait for.
 *
 *   word = how often it was set << 1 | whether it is set
 *
 * Anybody writes it, by compare-and-swap: set() makes an even word odd and counts, clear() takes the low bit
 * away.  A waiter remembers the word that it saw first and is done when the flag is set or the count has
 * moved: so a set that a clear follows at once still releases everybody who waited then.
 *
 * Nobody holds anything, so a death leaves nothing but, where it was that of a waker, sleepers
 * that nobody has called: they look within a slice.  Who sets what is set wakes all the same, in
 * case that the one before died before it began to.
 *
 * [Y2] The event's word: release (seq) in stoa_event_set(), acquire (seq) in has_been_set(): who has
 * waited sees what was written before the event was set.
 */
#include <errno.h>

#include "atomic.h"
#include "defect.h"
#include "segment.h"
#include "sync.h"

struct stoa_event {
	struct sync sync;
};

/* ---- the object ---- */

static int shape_of(const struct stoa_event_config *given, struct sync_shape *shape, uint32_t *flags)
{
	struct stoa_event_config config;
	int rc = config_copy(&config, sizeof config, given);

	if (rc)
		return rc;
	if ((config.flags & ~(uint32_t)STOA_EXCLUSIVE) || config.initial > 1)
		return -EINVAL;
	*flags = config.flags;
	*shape = (struct sync_shape){ .kind = STOA_KIND_EVENT, .word = config.initial };
	return 0;
}

int stoa_event_create(struct stoa_segment *segment, const char *name, const struct stoa_event_config *config,
                      struct stoa_event **event)
{
	struct sync_shape shape;
	struct sync *sync;
	uint32_t flags;
	int rc = event ? shape_of(config, &shape, &flags) : -EINVAL;

	rc = rc ? rc : sync_create(segment, name, &shape, flags, &sync);
	if (!rc)
		*event = (struct stoa_event *)sync;
	return rc;
}

int stoa_event_open(struct stoa_segment *segment, const char *name, const struct stoa_event_config *expect,
                    struct stoa_event **event)
{
	struct sync_shape shape;
	struct sync *sync;
	uint32_t flags;
	int rc = event ? shape_of(expect, &shape, &flags) : -EINVAL;

	rc = rc ? rc : sync_open(segment, name, STOA_KIND_EVENT, expect ? &shape : NULL, &sync);
	if (!rc)
		*event = (struct stoa_event *)sync;
	return rc;
}

int stoa_event_close(struct stoa_event *event)
{
	return sync_close((struct sync *)event);
}

int stoa_event_info(const struct stoa_event *event, struct stoa_event_config *info)
{
	struct stoa_event_config own = { .struct_size = sizeof own };

	if (!event || !info)
		return -EINVAL;
	own.initial = atom64_load_seq(&event->sync.shared->word) & 1;
	return info_copy(info, &own, sizeof own);
}

int stoa_event_footprint(const struct stoa_event_config *config, uint64_t *bytes)
{
	struct sync_shape shape;
	uint32_t flags;
	int rc = bytes ? shape_of(config, &shape, &flags) : -EINVAL;

	if (!rc)
		*bytes = sync_bytes(&shape);
	return rc;
}

/* ---- set, clear, wait ---- */

int stoa_event_set(struct stoa_event *event)
{
	int rc = sync_writable((struct sync *)event);
	uint64_t word;

	if (rc)
		return rc;
	word = atom64_load_seq(&event->sync.shared->word);
	do {
		/* [Y2] release (seq), also where it is set: the word stays the same, and whoever waits from
		 * now on sees what we wrote. */
	} while (!atom64_cas_seq(&event->sync.shared->word, &word, word & 1 ? word : word + 3));
	event_wake_all(&event->sync.shared->changed);
	return 0;
}

int stoa_event_clear(struct stoa_event *event)
{
	int rc = sync_writable((struct sync *)event);
	uint64_t word;

	if (rc)
		return rc;
	word = atom64_load_seq(&event->sync.shared->word);
	if ((word & 1) && DEFECT(DEFECT_CLEAR_STORE))
		atom64_store_seq(&event->sync.shared->word, word & ~1ull);
	while ((word & 1) && !atom64_cas_seq(&event->sync.shared->word, &word, word & ~1ull))
		;
	return 0;
}

struct look {
	struct stoa_event *event;
	uint64_t first;
};

static int has_been_set(void *context)
{
	const struct look *look = context;
	uint64_t word = atom64_load_seq(&look->event->sync.shared->word); /* [Y2] acquire (seq) */

	return (word & 1) || (word >> 1 != look->first >> 1 && !DEFECT(DEFECT_EVENT_MISSED)) ? STOA_OK
	                                                                                     : STOA_EMPTY;
}

int stoa_event_wait(struct stoa_event *event, const struct timespec *deadline)
{
	struct look look = { .event = event };
	const struct sync_attempt attempt = { has_been_set, NULL, &look };
	int rc = sync_writable((struct sync *)event);

	if (rc)
		return rc;
	look.first = atom64_load_seq(&event->sync.shared->word);
	return sync_wait(&event->sync, &attempt, deadline);
}
