/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync.c - what semaphore, event, barrier and lock have in common: the object, waiting, the dead.
 *
 * One rule for the four: whatever a process holds is a word, and the word names its holder.  It is taken
 * and given back by one compare-and-swap, so a death leaves it either held, by a slot that can be
 * looked up, or not; there is nothing in between that would have to be guessed.  Where a count is what
 * matters (permits, arrivals) there are that many such words, and no counter beside them that could go
 * wrong.
 *
 * The dead.  What a dead participant's slot holds is given back by sync_settle(), which runs under the hazard
 * of participant.c: until the last reaper of a slot has gone, the slot has no new owner, so the
 * words that name it are words of the dead.  Every write is a compare-and-swap from the exact word that
 * was looked at, so any number of reapers may work at once, and one that was stopped changes nothing.
 * Nothing needs the second step, reap_release(): a word that was given back is anybody's at once.
 *
 * Holding belongs to the process, not to its handle on the object: closing a handle gives nothing back,
 * leaving the segment does, as dying does, since leaving is settled in the same way.  A forked child has
 * a slot of its own and so holds nothing of what its parent holds.
 *
 * Waiting.  Announce, look once more, sleep, as event.c has it.  Who gives something back publishes
 * it by a sequentially consistent compare-and-swap and then looks at the event word, so no wake-up is
 * lost.  Three things can keep a wake-up from doing its work, and slices of at most 100 ms cover all of them:
 * the waker dies before it wakes; the one that was woken dies, or is stopped, before it takes; the
 * holder dies, and nobody was told.  So after each slice a waiter looks again, and where holders
 * matter it reaps.
 */
#include "sync.h"

#include <errno.h>

#include "atomic.h"
#include "os.h"
#include "segment.h"

#define LOOK_AGAIN_NS 50000000ull
#define SPIN_CELLS 64u /* a look may go through all cells: with many of them fewer looks */

/* ---- shape ---- */

static uint32_t cell_count(uint32_t kind, uint32_t flags, uint32_t size)
{
	if (kind == STOA_KIND_BARRIER || (kind == STOA_KIND_SEMAPHORE && (flags & STOA_PERMITS_RETURN)))
		return size;
	return 0;
}

uint64_t sync_bytes(const struct sync_shape *shape)
{
	uint64_t cells = cell_count(shape->kind, shape->flags, shape->size);

	return sizeof(struct sync_layout) + cells * sizeof(struct atom64);
}

static bool makes_sense(uint32_t kind, uint32_t flags, uint32_t size)
{
	if (kind == STOA_KIND_SEMAPHORE && flags == STOA_PERMITS_RETURN)
		return size && size <= PERMITS_MAX;
	if (kind == STOA_KIND_SEMAPHORE)
		return !flags && size;
	if (kind == STOA_KIND_BARRIER)
		return !flags && size && size <= PARTIES_MAX;
	return (kind == STOA_KIND_EVENT || kind == STOA_KIND_LOCK) && !flags && !size;
}

bool sync_view(void *start, uint64_t room, struct sync *sync)
{
	struct sync_layout *shared = start;
	struct sync_layout seen;

	if (room < sizeof seen)
		return false;
	copy_racy_out(&seen, start, offsetof(struct sync_layout, reserved0));
	sync->shared = shared;
	sync->kind = seen.object.kind;
	sync->flags = seen.flags;
	sync->size = seen.size;
	sync->cells = (struct atom64 *)(void *)(shared + 1);
	sync->cell_count = cell_count(seen.object.kind, seen.flags, seen.size);
	return makes_sense(sync->kind, sync->flags, sync->size) &&
	       sync->cell_count <= (room - sizeof seen) / sizeof(struct atom64);
}

/* ---- create, open, close ---- */

static void build(void *start, void *context)
{
	const struct sync_shape *shape = context;
	struct sync_layout *shared = start;

	shared->object = (struct object_header){
		.kind = shape->kind,
		.header_bytes = sizeof *shared,
		.bytes = sync_bytes(shape),
	};
	shared->flags = shape->flags;
	shared->size = shape->size;
	/* Relaxed: nobody knows it.  The cells are zero: free permits; seats of the round before. */
	atom64_store_rlx(&shared->word, shape->word);
}

static int attach(struct object_handle *object, void *context)
{
	(void)context;
	return sync_view(object->start, object->room, (struct sync *)(void *)object) ? 0 : -EBADMSG;
}

static int handle_on(struct stoa_segment *segment, void *start, uint64_t room, uint32_t kind,
                     const struct sync_shape *shape, struct sync **sync)
{
	struct object_handle *object;
	struct sync *found;
	int rc = object_handle_get(segment, start, room, sizeof *found, attach, NULL, &object);

	if (rc)
		return rc;
	found = (struct sync *)(void *)object;
	if (found->kind != kind || (shape && (found->flags != shape->flags || found->size != shape->size))) {
		sync_close(found);
		return -EPROTOTYPE;
	}
	*sync = found;
	return 0;
}

int sync_create(struct stoa_segment *segment, const char *name, const struct sync_shape *shape,
                uint32_t flags, struct sync **sync)
{
	struct sync_shape copy = *shape;
	struct object_request request = {
		.name = name,
		.kind = shape->kind,
		.bytes = sync_bytes(shape),
		.build = build,
		.context = &copy,
	};
	uint64_t room;
	void *start;
	int rc;

	if (!segment)
		return -EINVAL;
	rc = object_create_or_open(segment, &request, flags & STOA_EXCLUSIVE, &start, &room);
	return rc ? rc : handle_on(segment, start, room, shape->kind, shape, sync);
}

int sync_open(struct stoa_segment *segment, const char *name, uint32_t kind, const struct sync_shape *expect,
              struct sync **sync)
{
	uint64_t room;
	void *start;
	int rc;

	if (!segment)
		return -EINVAL;
	rc = object_open(segment, name, kind, &start, &room);
	return rc ? rc : handle_on(segment, start, room, kind, expect, sync);
}

int sync_close(struct sync *sync)
{
	if (sync && object_handle_put(&sync->object))
		object_handle_free(&sync->object);
	return 0;
}

int sync_writable(const struct sync *sync)
{
	if (unlikely(!sync))
		return -EINVAL;
	return unlikely(sync->object.segment->read_only) ? -EACCES : 0;
}

int sync_self(struct sync *sync, uint32_t *self)
{
	int rc = sync_writable(sync);

	return rc ? rc : participant_self(sync->object.segment, self);
}

/* ---- waiting ---- */

void sync_look_after(struct sync *sync)
{
	uint64_t now = os_now_ns();

	/* Relaxed, both: private, a matter of how often. */
	if (now - atom64_load_rlx(&sync->looked) < LOOK_AGAIN_NS)
		return;
	atom64_store_rlx(&sync->looked, now);
	participant_reap_once(sync->object.segment);
}

static int spin(const struct sync *sync, const struct sync_attempt *attempt)
{
	uint32_t times = EVENT_SPINS / (1 + sync->cell_count / SPIN_CELLS);
	int rc = STOA_EMPTY;

	for (uint32_t i = 0; i < times && rc == STOA_EMPTY; i++) {
		cpu_pause();
		rc = attempt->attempt(attempt->context);
	}
	return rc;
}

static int sleep_until(struct sync *sync, const struct sync_attempt *attempt, uint64_t until)
{
	struct event_word *event = &sync->shared->changed;
	uint64_t slice = 0;

	for (;;) {
		uint32_t announced = event_announce(event);
		int slept, rc = attempt->attempt(attempt->context);

		if (rc != STOA_EMPTY)
			return rc;
		slept = event_wait(event, announced, event_slice(&slice, until));
		if (slept == -ETIMEDOUT && attempt->inspect)
			participant_reap_once(sync->object.segment);
		rc = attempt->attempt(attempt->context);
		if (rc != STOA_EMPTY)
			return rc;
		if (slept == -EINTR)
			return -EINTR;
		if (os_now_ns() >= until)
			return STOA_TIMEOUT;
	}
}

int sync_wait(struct sync *sync, const struct sync_attempt *attempt, const struct timespec *deadline)
{
	uint64_t until = os_timespec_ns(deadline);
	int rc = attempt->attempt(attempt->context);
	bool late;

	if (rc != STOA_EMPTY)
		return rc;
	late = until == 0 || os_now_ns() >= until;
	if (!late)
		rc = spin(sync, attempt);
	if (rc == STOA_EMPTY && attempt->inspect) {
		attempt->inspect(attempt->context);
		rc = attempt->attempt(attempt->context);
	}
	if (rc != STOA_EMPTY)
		return rc;
	return late ? STOA_TIMEOUT : sleep_until(sync, attempt, until);
}

/* ---- the dead ---- */

void sync_settle(void *start, uint64_t room, uint32_t slot)
{
	struct sync sync;

	if (!sync_view(start, room, &sync))
		return; /* corrupt: nothing in it can be settled */
	if (sync.kind == STOA_KIND_SEMAPHORE)
		semaphore_settle(sync.shared, sync.cells, sync.cell_count, slot);
	else if (sync.kind == STOA_KIND_BARRIER)
		barrier_settle(sync.shared, sync.cells, sync.cell_count, slot);
	else if (sync.kind == STOA_KIND_LOCK)
		lock_settle(sync.shared, slot);
}
