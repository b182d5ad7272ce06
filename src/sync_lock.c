/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync_lock.c - the lease lock: whoever dies holding it loses it.
 *
 *   word = generation | thread | owner's participant slot | state
 *
 *            acquire(), take(): 0            release(), break()
 *      FREE ----------------------> HELD ----------------------> FREE
 *                                   ^  |                          ^
 *      acquire(): STOA_OWNER_DIED   |  | the holder is dead:      |
 *                                   |  v lock_settle()            |
 *                                 ORPHANED -----------------------+
 *                                                 break()
 *
 * Who writes.  FREE and ORPHANED: anybody, to HELD by himself.  HELD: the thread whose it is, to FREE;
 * for a dead owner anybody, to ORPHANED; and whoever breaks it, to FREE.  The generation grows with
 * every acquisition.
 *
 * `thread` tells the threads of one process apart: a number that each gets at its first use and that is
 * told to nobody.  2^24 threads later it would be given again.  So another thread of the owner neither
 * releases the lock nor gets -EDEADLK.  A thread that ends holding keeps the lock held, as its process lives.
 * take() holds for the process: the number is 0, which no thread has, so no release() fits.
 *
 * break() asks for nobody.  It compares and swaps from the very word that it found, generation included,
 * so it ends the acquisition that it saw and no later one; it goes on to ORPHANED where a reaper was
 * faster, as that is the same acquisition.  (A breaker that sleeps in between while one and the same holder
 * acquires the lock 2^22 times, to the very number, breaks that one's.)  Whether it comes before a reaper or
 * after it, nobody is told of the death: else what the next one is told would be a matter of chance.
 *
 * Death.  Before the compare-and-swap of acquire() the lock is not held; after it the word names the
 * dead one, and it makes no difference whether the call had returned, or what it would have
 * answered: who died between being told STOA_OWNER_DIED and repairing anything leaves ORPHANED again.
 * After the compare-and-swap of release() it is free, and the waiters look within a slice if nobody
 * wakes them.
 *
 * Proof of death is the reaper's business.  Who finds the lock held asks one thing before it sleeps or
 * gives up: is the byte of the owner's slot still locked?  If not it reaps at once, so that a lock whose
 * holder is gone is had also by those who never wait; and if so it looks after the dead now and then, as a
 * copy that the holder made of itself without fork()'s handlers may have the byte's lock.  A stopped holder
 * keeps the lock, and nothing but its death takes it away.
 *
 * [Y1] The lock's word: release (seq) in stoa_lock_release(), stoa_lock_break() and lock_settle(), acquire
 * (seq) in try_acquire().
 */
#include <errno.h>

#include "atomic.h"
#include "defect.h"
#include "segment.h"
#include "sync.h"

#define THREAD_BITS 24u
#define GENERATION_SHIFT 42u

_Static_assert((int)STOA_LOCK_FREE == LOCK_FREE && (int)STOA_LOCK_HELD == LOCK_HELD &&
                       (int)STOA_LOCK_ORPHANED == LOCK_ORPHANED,
               "stoa_lock_info() tells the state as it lies there");

struct stoa_lock {
	struct sync sync;
};

static unsigned state_of(uint64_t word)
{
	return word & 3;
}

static uint32_t owner_of(uint64_t word)
{
	return word >> 2 & 0xffff;
}

/* The word without its generation. */
static uint64_t held_by(uint32_t self, uint32_t thread)
{
	return (uint64_t)thread << 18 | (uint64_t)self << 2 | LOCK_HELD;
}

static bool is_held_by(uint64_t word, uint64_t holder)
{
	return (word & ((1ull << GENERATION_SHIFT) - 1)) == holder;
}

static bool is_same_acquisition(uint64_t word, uint64_t other)
{
	return word >> GENERATION_SHIFT == other >> GENERATION_SHIFT;
}

static uint64_t without_holder(uint64_t word, unsigned state)
{
	return word >> GENERATION_SHIFT << GENERATION_SHIFT | state;
}

/* This thread's number: 1 to 2^24 - 1. */
static uint32_t this_thread(void)
{
	static struct atom32 last;
	static _Thread_local uint32_t own;

	while (!own)
		own = (atom32_add_seq(&last, 1) + 1) & ((1u << THREAD_BITS) - 1);
	return own;
}

/* ---- the object ---- */

static int shape_of(const struct stoa_lock_config *given, struct sync_shape *shape, uint32_t *flags)
{
	struct stoa_lock_config config;
	int rc = config_copy(&config, sizeof config, given);

	if (rc)
		return rc;
	if ((config.flags & ~(uint32_t)STOA_EXCLUSIVE) || config.state)
		return -EINVAL;
	*flags = config.flags;
	*shape = (struct sync_shape){ .kind = STOA_KIND_LOCK };
	return 0;
}

int stoa_lock_create(struct stoa_segment *segment, const char *name, const struct stoa_lock_config *config,
                     struct stoa_lock **lock)
{
	struct sync_shape shape;
	struct sync *sync;
	uint32_t flags;
	int rc = lock ? shape_of(config, &shape, &flags) : -EINVAL;

	rc = rc ? rc : sync_create(segment, name, &shape, flags, &sync);
	if (!rc)
		*lock = (struct stoa_lock *)sync;
	return rc;
}

int stoa_lock_open(struct stoa_segment *segment, const char *name, const struct stoa_lock_config *expect,
                   struct stoa_lock **lock)
{
	struct sync_shape shape;
	struct sync *sync;
	uint32_t flags;
	int rc = lock ? shape_of(expect, &shape, &flags) : -EINVAL;

	rc = rc ? rc : sync_open(segment, name, STOA_KIND_LOCK, expect ? &shape : NULL, &sync);
	if (!rc)
		*lock = (struct stoa_lock *)sync;
	return rc;
}

int stoa_lock_close(struct stoa_lock *lock)
{
	return sync_close((struct sync *)lock);
}

int stoa_lock_info(const struct stoa_lock *lock, struct stoa_lock_config *info)
{
	struct stoa_lock_config own = { .struct_size = sizeof own };

	if (!lock || !info)
		return -EINVAL;
	own.state = state_of(atom64_load_seq(&lock->sync.shared->word));
	return info_copy(info, &own, sizeof own);
}

int stoa_lock_footprint(const struct stoa_lock_config *config, uint64_t *bytes)
{
	struct sync_shape shape;
	uint32_t flags;
	int rc = bytes ? shape_of(config, &shape, &flags) : -EINVAL;

	if (!rc)
		*bytes = sync_bytes(&shape);
	return rc;
}

/* ---- acquire and release ---- */

struct acquisition {
	struct stoa_lock *lock;
	uint64_t holder; /* as we would be */
	bool again;      /* a holder waits for itself */
};

static int try_acquire(void *context)
{
	const struct acquisition *acquisition = context;
	struct atom64 *at = &acquisition->lock->sync.shared->word;
	uint64_t word = atom64_load_seq(at);

	for (;;) {
		unsigned state = state_of(word);
		uint64_t next = ((word >> GENERATION_SHIFT) + 1) << GENERATION_SHIFT | acquisition->holder;

		if (state == LOCK_HELD)
			return is_held_by(word, acquisition->holder) && !acquisition->again ? -EDEADLK
			                                                                    : STOA_EMPTY;
		if (state != LOCK_FREE && state != LOCK_ORPHANED)
			return -EBADMSG;
		/* [Y1] acquire (seq): what the last holder wrote, also where it died. */
		if (atom64_cas_seq(at, &word, next))
			return state == LOCK_ORPHANED && !DEFECT(DEFECT_OWNER_DIED_UNTOLD) ? STOA_OWNER_DIED
			                                                                   : STOA_OK;
	}
}

static void inspect(void *context)
{
	const struct acquisition *acquisition = context;
	struct sync *sync = &acquisition->lock->sync;
	uint64_t word = atom64_load_seq(&sync->shared->word);

	if (state_of(word) != LOCK_HELD || DEFECT(DEFECT_LOCK_UNINSPECTED))
		return;
	if (participant_lost(sync->object.segment, owner_of(word)))
		participant_reap_all(sync->object.segment);
	else
		sync_look_after(sync);
}

static int acquire_for(struct stoa_lock *lock, uint32_t thread, const struct timespec *deadline)
{
	struct acquisition acquisition = { .lock = lock, .again = !thread };
	const struct sync_attempt attempt = { try_acquire, inspect, &acquisition };
	uint32_t self;
	int rc = sync_self((struct sync *)lock, &self);

	if (rc)
		return rc;
	acquisition.holder = held_by(self, thread);
	return sync_wait(&lock->sync, &attempt, deadline);
}

int stoa_lock_acquire(struct stoa_lock *lock, const struct timespec *deadline)
{
	return acquire_for(lock, this_thread(), deadline);
}

int stoa_lock_take(struct stoa_lock *lock, const struct timespec *deadline)
{
	return acquire_for(lock, 0, deadline);
}

int stoa_lock_release(struct stoa_lock *lock)
{
	uint32_t self;
	uint64_t word;
	int rc = sync_self((struct sync *)lock, &self);

	if (rc)
		return rc;
	word = atom64_load_seq(&lock->sync.shared->word);
	/* [Y1] release (seq): else the next holder sees half of what we wrote.  Fails only where somebody
	 * has taken us for dead, or the memory makes no sense. */
	if (!is_held_by(word, held_by(self, this_thread())) ||
	    !atom64_cas_seq(&lock->sync.shared->word, &word, without_holder(word, LOCK_FREE)))
		return -EPERM;
	event_wake_one(&lock->sync.shared->changed);
	return 0;
}

int stoa_lock_break(struct stoa_lock *lock)
{
	int rc = sync_writable((struct sync *)lock);
	uint64_t found, word;

	if (rc)
		return rc;
	word = found = atom64_load_seq(&lock->sync.shared->word);
	do {
		if (state_of(word) == LOCK_FREE || !is_same_acquisition(word, found))
			return -EPERM;
		/* [Y1] release (seq): the next holder sees what the caller did on the holder's behalf. */
	} while (!atom64_cas_seq(&lock->sync.shared->word, &word, without_holder(word, LOCK_FREE)));
	event_wake_one(&lock->sync.shared->changed);
	return 0;
}

/* ---- the dead ---- */

void lock_settle(struct sync_layout *shared, uint32_t slot)
{
	uint64_t word = atom64_load_seq(&shared->word);

	if (state_of(word) != LOCK_HELD || owner_of(word) != slot)
		return;
	if (DEFECT(DEFECT_LOCK_STORE))
		atom64_store_seq(&shared->word, without_holder(word, LOCK_ORPHANED));
	/* [Y1] release (seq); if it fails, another reaper has done it. */
	if (atom64_cas_seq(&shared->word, &word, without_holder(word, LOCK_ORPHANED)))
		event_wake_one(&shared->changed);
}
