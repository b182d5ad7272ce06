/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * stoa/inspect.h - for tools: who holds what, who waits, what lies in a queue, and whether a segment is whole.
 *
 * Nothing here writes shared memory: all of it works on segments opened with STOA_READ_ONLY, and
 * nobody who uses the segment is disturbed, or waited for.  What it tells was so at some moment during the call.
 */
#ifndef STOA_INSPECT_H
#define STOA_INSPECT_H

#include <stoa/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- who holds what ---------------------------------------------------- */

/** As what a participant has a place in an object. */
enum stoa_role {
	STOA_ROLE_SENDER = 1, /**< an open sender */
	STOA_ROLE_RECEIVER,   /**< an open receiver */
	STOA_ROLE_WRITER, /**< of a struct, or of an array with atomic ranges: who has written, and lives */
	STOA_ROLE_OWNER,  /**< holds the lock */
	STOA_ROLE_PERMIT, /**< holds one permit of a semaphore */
	STOA_ROLE_PARTY,  /**< has arrived at a barrier, in the round that is open */
};

struct stoa_holder_info {
	size_t struct_size;   /**< set by the library */
	uint32_t role;        /**< enum stoa_role */
	uint32_t participant; /**< its place: stoa_segment_participant() */
	uint64_t held;        /**< receivers: messages under a lease, or just being received; owners, permits,
	                       * parties: 1; else 0 */
	uint64_t mark;        /**< moves whenever what is held becomes something else: a mark that stays tells
	                       * that this very lease, or lock, is held all the time */
};

/**
 * Tells who has a place in an object: calls `each` for everyone who has one in the object at `index` of the
 * directory (as stoa_segment_object()), whether it lives or is dead and not yet reaped.
 * Returns: 0; what `each` returned where that was not 0, and it ends with that; STOA_EMPTY (nothing is published at
 *   this place); -ENOENT (past the last); -EBADMSG; -EINVAL.
 * Callers: any thread.  Progress: wait-free, but for `each`.  Death: nothing shared is written.
 */
STOA_API int stoa_segment_holders(struct stoa_segment *segment, uint32_t index,
                                  int (*each)(void *context, const struct stoa_holder_info *holder),
                                  void *context);

/* ---- who waits --------------------------------------------------------- */

/** What is waited for at an object. */
enum stoa_wait_for {
	STOA_WAIT_READABLE = 1, /**< queue: a message */
	STOA_WAIT_WRITABLE = 2, /**< queue: room */
	STOA_WAIT_CHANGED = 3,  /**< value: another value; semaphore, event, barrier, lock: its turn */
};

struct stoa_wait_info {
	size_t struct_size; /**< sizeof(struct stoa_wait_info) */
	uint32_t what;      /**< enum stoa_wait_for */
	uint32_t
		announced; /**< 1: somebody sleeps, or did when it was last looked: who gives up does not say so */
	uint32_t wakes; /**< how often somebody was woken, modulo 2^30 */
	uint32_t reserved; /**< 0 */
	uint64_t
		offset; /**< of the futex in the segment: where a thread that sleeps is found by its address */
};

/**
 * Tells whether somebody waits at an object, by its event words.  These are the words of the object at
 * `index` of the directory: for (n = 0; rc != -ENOENT; n++).
 * Returns: 0; STOA_EMPTY (nothing is published at this place); -ENOENT (past the last object, or the object's last
 *   word: arrays have none); -EBADMSG; -EINVAL.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_segment_wait(const struct stoa_segment *segment, uint32_t index, uint32_t n,
                               struct stoa_wait_info *info);

/* ---- what lies in a queue ---------------------------------------------- */

/** Where a walk through a queue stands; all zero at its start. */
struct stoa_peek_cursor {
	uint64_t private_words[2]; /**< the library's */
};

struct stoa_peek_info {
	size_t struct_size; /**< sizeof(struct stoa_peek_info) */
	uint64_t
		size; /**< bytes of the message, however many were copied; of a parcel: of `count` messages */
	uint64_t id;  /**< as its receiver will see it */
	uint32_t deliveries; /**< so far: 0 unless somebody held it before */
	uint32_t copied;     /**< bytes in `out` */
	uint32_t count; /**< messages in it: 1, or those of a parcel that nobody has received, side by side */
	uint32_t reserved; /**< 0 */
};

/**
 * Copies the next message that waits, and leaves it there; up to `room` bytes of it are copied.  Each is
 * whole, and shown once, in the order in which they would be received; those that are received meanwhile are
 * left out.  Where messages come in parcels (stoa/queue.h) each call shows one of these, or what is left of
 * it.  Messages under a lease are not shown; after STOA_NOW those are that nobody will receive.
 * Returns: 0; STOA_EMPTY (no more); -EBADMSG; -EINVAL.
 * Callers: any thread, each with a cursor of its own.  Progress: wait-free, in time proportional to the capacity
 *   at worst.  Death: nothing shared is written.
 */
STOA_API int stoa_queue_peek(const struct stoa_queue *queue, struct stoa_peek_cursor *cursor, void *out,
                             size_t room, struct stoa_peek_info *info);

/* ---- whether all is whole ---------------------------------------------- */

enum stoa_finding {
	STOA_BROKEN = 1,    /**< no run of the library leaves it so: somebody else wrote there */
	STOA_UNSETTLED = 2, /**< the dead left it so, and whoever reaps them settles it: nothing is lost */
	STOA_MOVING = 3,    /**< it changed whenever it was looked at, and was not checked whole */
};

/**
 * Checks a segment for all that must hold in it whatever its users do, and whenever they are killed: the
 * directory, participants, roles, and that each block is in exactly one place.  What changes meanwhile is looked at
 * again, up to 50 times.  `say`, where it is not NULL, hears of each finding, in words that live until it returns;
 * `object` is NULL for the segment itself.
 *
 * A copy of the file can be checked, too: of a segment whose users were stopped, or have ended, when it was made.
 * A copy made under their hands is of no single moment.
 *
 * Returns: 0 (all holds); STOA_CHANGED (what could be checked holds; something was STOA_MOVING); -EBADMSG (something
 *   is STOA_BROKEN); -ENOMEM; -EINVAL.
 * Callers: any thread.  Progress: wait-free, in time proportional to all cells and slots, to their square at the
 *   worst; it may take some milliseconds longer where things move.  Death: nothing shared is written.
 */
STOA_API int stoa_segment_check(struct stoa_segment *segment,
                                void (*say)(void *context, enum stoa_finding finding, const char *object,
                                            const char *what),
                                void *context);

#ifdef __cplusplus
}
#endif

#endif
