/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * stoa/sync.h - waiting for each other by name: semaphore, event, barrier, lock.
 *
 * What a process held when it was killed does not block the others for ever: a lock goes to the next
 * with STOA_OWNER_DIED, permits come back where STOA_PERMITS_RETURN asks for it, a dead process's place in
 * a barrier is free again.  Dead is who is proven dead by the kernel; a process that is stopped keeps
 * what it has.  To leave the segment (the last handle of the process on it is closed) counts as death,
 * to close one of these handles does not.
 *
 * In a forked child each create may also answer -EUSERS: it uses the segment for the first time, and no
 * participant's slot is free.
 *
 * Deadlines are absolute times of CLOCK_MONOTONIC; NULL waits for ever; &stoa_now tries once.  All of
 * them, &stoa_now included, answer STOA_TIMEOUT where it was not to be had.
 */
#ifndef STOA_SYNC_H
#define STOA_SYNC_H

#include <stoa/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- semaphore --------------------------------------------------------- */

struct stoa_semaphore;

enum stoa_semaphore_flag {
	/**
	 * A fixed set of `maximum` permits that processes hold: wait takes one, post gives one back that
	 * the process holds, and those of a dead process come back by themselves.  Without it the
	 * semaphore is a mere count, which anybody may raise, and a death changes nothing.
	 */
	STOA_PERMITS_RETURN = 0x10,
};

struct stoa_semaphore_config {
	size_t struct_size; /**< sizeof(struct stoa_semaphore_config) */
	uint32_t flags;     /**< STOA_EXCLUSIVE, STOA_PERMITS_RETURN */
	uint32_t initial;   /**< for the creator only; default 0, with STOA_PERMITS_RETURN all */
	uint32_t maximum;   /**< default 2^31 - 1; with STOA_PERMITS_RETURN `initial`, up to 65,536 */
	uint32_t reserved;  /**< 0 */
};

/**
 * Creates a semaphore or opens the one of that name.
 * Returns: 0; -EEXIST (it exists, with STOA_EXCLUSIVE); -EPROTOTYPE (it exists with another kind, maximum or
 *   STOA_PERMITS_RETURN; nothing changed); -EINVAL (`initial` over `maximum`; with STOA_PERMITS_RETURN
 *   neither of them, two that differ, or over 65,536; an empty name); -ENAMETOOLONG (over 63 bytes);
 *   -ENOSPC; -EACCES (read-only segment and it does not exist); -EBADMSG; -ENOMEM.
 * Callers: any thread.  Progress: lock-free.  Death: published whole or not at all.
 */
STOA_API int stoa_semaphore_create(struct stoa_segment *segment, const char *name,
                                   const struct stoa_semaphore_config *config,
                                   struct stoa_semaphore **semaphore);

/**
 * Opens a semaphore.  `expect` is compared with what is there, where it is not NULL: the maximum (by
 * its default, too) and STOA_PERMITS_RETURN.
 * Returns: 0; -ENOENT; -EPROTOTYPE; -EINVAL; -ENAMETOOLONG; -EBADMSG; -ENOMEM.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_semaphore_open(struct stoa_segment *segment, const char *name,
                                 const struct stoa_semaphore_config *expect,
                                 struct stoa_semaphore **semaphore);

/**
 * Gives the handle back; NULL is ignored.  Permits stay with the process.
 * Returns: 0.
 * Callers: one thread, and no other call on this handle at once.  Progress: lock-free.
 * Death: nothing is left but the permits.
 */
STOA_API int stoa_semaphore_close(struct stoa_semaphore *semaphore);

/**
 * Tells what the semaphore is, in the form of its config; `initial` is how many permits are free now.
 * Returns: 0; -EINVAL.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_semaphore_info(const struct stoa_semaphore *semaphore, struct stoa_semaphore_config *info);

/**
 * The room that a semaphore of this config takes in a segment, in bytes.
 * Returns: 0; -EINVAL.
 * Callers: any.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API int stoa_semaphore_footprint(const struct stoa_semaphore_config *config, uint64_t *bytes);

/**
 * One permit more, and wakes one who waits.  With STOA_PERMITS_RETURN: gives one back that this process
 * holds, whichever of its threads took it.
 * Returns: 0; -EOVERFLOW (it is at its maximum; nothing changed); -EPERM (STOA_PERMITS_RETURN: this process
 *   holds none); -EUSERS (STOA_PERMITS_RETURN, after fork(): no participant's slot); -EACCES; -EINVAL.
 * Callers: any thread of any process.  Progress: lock-free.  Death: posted or not; who waits for it
 *   finds it within 100 ms.
 */
STOA_API int stoa_semaphore_post(struct stoa_semaphore *semaphore);

/**
 * Takes a permit, waiting for one until the deadline.
 * With STOA_PERMITS_RETURN, permits of the dead are looked for where none is free: in each slice of a wait
 * (100 ms at most), and by who never waits at most every 50 ms.
 * Returns: 0; STOA_TIMEOUT; -EINTR (a signal handler ran; nothing was taken); -EACCES;
 *   -EUSERS (STOA_PERMITS_RETURN, after fork(): no participant's slot); -EINVAL.
 * Callers: any thread of any process.  Progress: blocking by design; with &stoa_now lock-free.
 * Death: taken or not.  With STOA_PERMITS_RETURN what was taken comes back; without it, it is lost.
 */
STOA_API int stoa_semaphore_wait(struct stoa_semaphore *semaphore, const struct timespec *deadline);

/* ---- event ------------------------------------------------------------- */

/** A flag to wait for.  It stays set until it is cleared. */
struct stoa_event;

struct stoa_event_config {
	size_t struct_size; /**< sizeof(struct stoa_event_config) */
	uint32_t flags;     /**< STOA_EXCLUSIVE */
	uint32_t initial;   /**< 1: it is set at first; for the creator only */
};

/**
 * Creates an event or opens the one of that name.
 * Returns: 0; -EEXIST (it exists, with STOA_EXCLUSIVE); -EPROTOTYPE (it exists with another kind); -EINVAL
 *   (`initial` over 1; an empty name); -ENAMETOOLONG; -ENOSPC; -EACCES (read-only segment and it does not
 *   exist); -EBADMSG; -ENOMEM.
 * Callers: any thread.  Progress: lock-free.  Death: published whole or not at all.
 */
STOA_API int stoa_event_create(struct stoa_segment *segment, const char *name,
                               const struct stoa_event_config *config, struct stoa_event **event);

/**
 * Opens an event.  All events have one shape: `expect` is only checked for nonsense.
 * Returns: 0; -ENOENT; -EPROTOTYPE (another kind); -EINVAL; -ENAMETOOLONG; -EBADMSG; -ENOMEM.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_event_open(struct stoa_segment *segment, const char *name,
                             const struct stoa_event_config *expect, struct stoa_event **event);

/**
 * Gives the handle back; NULL is ignored.
 * Returns: 0.
 * Callers: one thread, and no other call on this handle at once.  Progress: lock-free.
 * Death: nothing is left.
 */
STOA_API int stoa_event_close(struct stoa_event *event);

/**
 * Tells what the event is, in the form of its config; `initial` is whether it is set now.
 * Returns: 0; -EINVAL.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_event_info(const struct stoa_event *event, struct stoa_event_config *info);

/**
 * The room that an event takes in a segment, in bytes.
 * Returns: 0; -EINVAL.
 * Callers: any.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API int stoa_event_footprint(const struct stoa_event_config *config, uint64_t *bytes);

/**
 * Sets the event, and wakes all who wait for it.
 * Returns: 0 (also where it was set); -EACCES; -EINVAL.
 * Callers: any thread of any process.  Progress: lock-free.  Death: set or not; who waits for it
 *   finds it within 100 ms.
 */
STOA_API int stoa_event_set(struct stoa_event *event);

/**
 * Clears the event.
 * Returns: 0 (also where it was clear); -EACCES; -EINVAL.
 * Callers: any thread of any process.  Progress: lock-free.  Death: cleared or not.
 */
STOA_API int stoa_event_clear(struct stoa_event *event);

/**
 * Waits until the event is set, or the deadline has passed.  A set during the call counts, even if a clear
 * has followed.
 * Returns: 0; STOA_TIMEOUT; -EINTR (a signal handler ran); -EACCES; -EINVAL.
 * Callers: any thread of any process.  Progress: blocking by design; with &stoa_now wait-free.
 * Death: nothing is left but, at most, one needless wake-up call.
 */
STOA_API int stoa_event_wait(struct stoa_event *event, const struct timespec *deadline);

/* ---- barrier ----------------------------------------------------------- */

/** A place where `parties` threads of any processes wait until all of them have come; again and again. */
struct stoa_barrier;

struct stoa_barrier_config {
	size_t struct_size; /**< sizeof(struct stoa_barrier_config) */
	uint32_t flags;     /**< STOA_EXCLUSIVE */
	uint32_t parties;   /**< 1 to 65,536; must be given */
};

/**
 * Creates a barrier or opens the one of that name.
 * Returns: 0; -EEXIST (it exists, with STOA_EXCLUSIVE); -EPROTOTYPE (it exists with another kind or number
 *   of parties; nothing changed); -EINVAL (no parties, or too many; an empty name); -ENAMETOOLONG; -ENOSPC;
 *   -EACCES (read-only segment and it does not exist); -EBADMSG; -ENOMEM.
 * Callers: any thread.  Progress: lock-free.  Death: published whole or not at all.
 */
STOA_API int stoa_barrier_create(struct stoa_segment *segment, const char *name,
                                 const struct stoa_barrier_config *config, struct stoa_barrier **barrier);

/**
 * Opens a barrier.  `expect`, where it is not NULL, must have its number of parties.
 * Returns: 0; -ENOENT; -EPROTOTYPE; -EINVAL; -ENAMETOOLONG; -EBADMSG; -ENOMEM.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_barrier_open(struct stoa_segment *segment, const char *name,
                               const struct stoa_barrier_config *expect, struct stoa_barrier **barrier);

/**
 * Gives the handle back; NULL is ignored.
 * Returns: 0.
 * Callers: one thread, and no other call on this handle at once.  Progress: lock-free.
 * Death: nothing is left.
 */
STOA_API int stoa_barrier_close(struct stoa_barrier *barrier);

/**
 * Tells what the barrier is, in the form of its config.
 * Returns: 0; -EINVAL.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_barrier_info(const struct stoa_barrier *barrier, struct stoa_barrier_config *info);

/**
 * The room that a barrier of this config takes in a segment, in bytes.
 * Returns: 0; -EINVAL.
 * Callers: any.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API int stoa_barrier_footprint(const struct stoa_barrier_config *config, uint64_t *bytes);

/**
 * Arrives, and waits until as many as the barrier has parties have arrived.  Who gives up, by the deadline or
 * by a signal, takes its arrival back; if all have arrived meanwhile, the answer is 0.
 * Returns: 0; STOA_TIMEOUT (not arrived); -EINTR (a signal handler ran; not arrived); -EACCES; -EUSERS
 *   (after fork(): no participant's slot); -EBADMSG; -EINVAL.
 * Callers: any thread of any process.  Progress: blocking by design; nobody waits for who has passed.
 * Death: an arrival whose process was dead before the last one came does not count.  Whoever
 *   takes the dead one's part arrives anew.
 */
STOA_API int stoa_barrier_wait(struct stoa_barrier *barrier, const struct timespec *deadline);

/* ---- lock -------------------------------------------------------------- */

/** One thread of one process, or one process, holds it; the holder's death frees it. */
struct stoa_lock;

enum stoa_lock_state {
	STOA_LOCK_FREE,     /**< nobody holds it */
	STOA_LOCK_HELD,     /**< maybe by one that has died, and nobody has looked yet */
	STOA_LOCK_ORPHANED, /**< free, and its last holder died holding it */
};

struct stoa_lock_config {
	size_t struct_size; /**< sizeof(struct stoa_lock_config) */
	uint32_t flags;     /**< STOA_EXCLUSIVE */
	uint32_t state;     /**< of stoa_lock_info(): enum stoa_lock_state; else 0 */
};

/**
 * Creates a lock or opens the one of that name.
 * Returns: 0; -EEXIST (it exists, with STOA_EXCLUSIVE); -EPROTOTYPE (it exists with another kind); -EINVAL
 *   (an empty name); -ENAMETOOLONG; -ENOSPC; -EACCES (read-only segment and it does not exist); -EBADMSG;
 *   -ENOMEM.
 * Callers: any thread.  Progress: lock-free.  Death: published whole or not at all.
 */
STOA_API int stoa_lock_create(struct stoa_segment *segment, const char *name,
                              const struct stoa_lock_config *config, struct stoa_lock **lock);

/**
 * Opens a lock.  All locks have one shape: `expect` is only checked for nonsense.
 * Returns: 0; -ENOENT; -EPROTOTYPE (another kind); -EINVAL; -ENAMETOOLONG; -EBADMSG; -ENOMEM.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_lock_open(struct stoa_segment *segment, const char *name,
                            const struct stoa_lock_config *expect, struct stoa_lock **lock);

/**
 * Gives the handle back; NULL is ignored.  A lock that is held stays held.
 * Returns: 0.
 * Callers: one thread, and no other call on this handle at once.  Progress: lock-free.
 * Death: nothing is left but the lock, if it is held.
 */
STOA_API int stoa_lock_close(struct stoa_lock *lock);

/**
 * Tells what the lock is, in the form of its config; `state` is whether it is held now.
 * Returns: 0; -EINVAL.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_lock_info(const struct stoa_lock *lock, struct stoa_lock_config *info);

/**
 * The room that a lock takes in a segment, in bytes.
 * Returns: 0; -EINVAL.
 * Callers: any.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API int stoa_lock_footprint(const struct stoa_lock_config *config, uint64_t *bytes);

/**
 * Acquires the lock for the calling thread, waiting for it until the deadline.  Not in turn: who comes
 * may be faster than who waits.
 * Returns: 0; STOA_OWNER_DIED (acquired, and the last holder died holding it: what it was at may be
 *   half done); STOA_TIMEOUT; -EDEADLK (this thread holds it); -EINTR (a signal handler ran; not
 *   acquired); -EACCES; -EUSERS (after fork(): no participant's slot); -EBADMSG; -EINVAL.
 * Callers: any thread of any process.  A child does not hold what its parent holds.
 * Progress: blocking by design: waits for the holder, also while it is stopped; with &stoa_now
 *   lock-free.
 * Death: acquired or not.  If it was, the next one gets STOA_OWNER_DIED, whether the call had returned
 *   or not.
 */
STOA_API int stoa_lock_acquire(struct stoa_lock *lock, const struct timespec *deadline);

/**
 * Releases the lock, and wakes one who waits.
 * Returns: 0; -EPERM (this thread does not hold it); -EACCES; -EUSERS (after fork(): no
 *   participant's slot); -EINVAL.
 * Callers: the thread that acquired it.  Progress: wait-free, but for waking who waits.  Death: released or
 *   not; in the latter case the next one gets STOA_OWNER_DIED.
 */
STOA_API int stoa_lock_release(struct stoa_lock *lock);

/**
 * Acquires the lock for the process, not for one of its threads: a thread that calls it twice waits as
 * everybody does, and stoa_lock_break() releases it, whichever thread of whichever process calls that.
 * Returns: as stoa_lock_acquire(), but never -EDEADLK.
 * Callers: any thread of any process.  Progress, Death: as stoa_lock_acquire().
 */
STOA_API int stoa_lock_take(struct stoa_lock *lock, const struct timespec *deadline);

/**
 * Releases the lock, whoever holds it, and wakes one who waits.  Nobody is told of a holder that has died:
 * the caller answers for what the lock protects.  A thread from which it was taken so gets -EPERM by
 * its release.
 * Returns: 0; -EPERM (nobody holds it, or who held it has just released it); -EACCES; -EINVAL.
 * Callers: any thread of any process.  Progress: lock-free.  Death: released or not.
 */
STOA_API int stoa_lock_break(struct stoa_lock *lock);

#ifdef __cplusplus
}
#endif

#endif
