/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * stoa/value.h - one value in shared memory: a number, or a struct of any size
 * that is read and written whole.
 */
#ifndef STOA_VALUE_H
#define STOA_VALUE_H

#include <errno.h>
#include <stdbool.h>

#include <stoa/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stoa_value;

struct stoa_value_config {
	size_t struct_size;  /**< sizeof(struct stoa_value_config) */
	uint32_t type;       /**< enum stoa_type; default STOA_I64, or STOA_BYTES where `size` is given */
	uint32_t flags;      /**< STOA_EXCLUSIVE */
	uint64_t size;       /**< bytes; for STOA_BYTES only (else 0 or the type's own) */
	uint32_t writers;    /**< STOA_BYTES: processes that ever write at once; default 8, up to 1,024 */
	uint32_t reserved;   /**< 0 */
	const void *initial; /**< the first value, for the creator only; NULL: zero bytes */
};

/**
 * Creates a value or opens the one of that name.
 *
 * Returns: 0; -EEXIST (it exists, with STOA_EXCLUSIVE); -EPROTOTYPE (it exists with another kind, type,
 *   size, or with fewer writers; nothing changed); -EINVAL (no type; a size that is not
 *   the type's; STOA_BYTES without size; an empty name); -ENAMETOOLONG (over 63 bytes);
 *   -EOVERFLOW; -ENOSPC (no room or no directory entry left); -EACCES (read-only segment
 *   and it does not exist); -EBADMSG; -ENOMEM;
 *   -EUSERS (after fork(): no participant's slot).
 * Callers: any thread.  Progress: lock-free.  Death: published whole or not at all; the
 *   space of an unpublished one is reaped.
 */
STOA_API int stoa_value_create(struct stoa_segment *segment, const char *name,
                               const struct stoa_value_config *config, struct stoa_value **value);

/**
 * Opens a value.  `expect` is compared with what is there, where it is not NULL (a zero
 * member, too, means its default; `writers` 0 means any).
 * Returns: 0; -ENOENT; -EPROTOTYPE; -EINVAL; -ENAMETOOLONG; -EBADMSG; -ENOMEM.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_value_open(struct stoa_segment *segment, const char *name,
                             const struct stoa_value_config *expect, struct stoa_value **value);

/**
 * Gives the handle back; NULL is ignored.  The value stays, as long as its segment.
 * Returns: 0.
 * Callers: one thread, and no other call on this handle at once.  Progress: lock-free.
 * Death: the writer's slots are reaped by the others.
 */
STOA_API int stoa_value_close(struct stoa_value *value);

/**
 * Tells what the value is, in the form of its config (`initial` is NULL).
 * Returns: 0; -EINVAL.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_value_info(const struct stoa_value *value, struct stoa_value_config *info);

/**
 * The room that a value of this config takes in a segment, in bytes.
 * Returns: 0; -EINVAL; -EOVERFLOW.
 * Callers: any.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API int stoa_value_footprint(const struct stoa_value_config *config, uint64_t *bytes);

/**
 * Reads the value, whole.
 * Returns: 0; -EBADMSG; -EINVAL.
 * Callers: any thread of any process.  Progress: numbers: wait-free; structs: lock-free,
 *   it starts again only when the copied block was recycled meanwhile, which takes K = 3 more
 *   uses of a slot by one process: stores, updates, compare_exchanges that failed; fewer where
 *   threads of that process stand in its other slots.  Death: nothing shared is written.
 */
STOA_API int stoa_value_load(struct stoa_value *value, void *out);

/**
 * Replaces the value.
 * Returns: 0; -EUSERS (structs: more writing processes than `writers`, after reaping);
 *   -EACCES; -EBADMSG; -EINVAL.
 * Callers: any thread of any process.  Progress: numbers: wait-free, but for waking who waits;
 *   structs: lock-free among processes; of one process's threads three write to a struct at once,
 *   others wait for these, and at the first write for the one that takes the process's place.
 * Death: the old value or the new one; the writer's slots are reaped by the others.
 */
STOA_API int stoa_value_store(struct stoa_value *value, const void *in);

/**
 * Replaces the value and gives the old one.  `in` and `out` may be the same memory.
 * Returns, Callers, Progress, Death: as stoa_value_store().
 */
STOA_API int stoa_value_exchange(struct stoa_value *value, const void *in, void *out);

/**
 * Replaces the value where it equals `*expected`, byte by byte; else copies the value to
 * `*expected`.
 * Returns: 0; STOA_CHANGED (it did not equal `*expected`); faults as stoa_value_store().
 * Callers, Death: as stoa_value_store().  Progress: lock-free; structs as stoa_value_store().
 */
STOA_API int stoa_value_compare_exchange(struct stoa_value *value, void *expected, const void *desired);

/**
 * Arithmetic in one atomic step; `previous`, where not NULL, gets the value before.
 * Integers wrap around.  and, or, xor: integers and STOA_BOOL only.  min, max: of floats,
 * a NaN operand changes nothing and a NaN value is replaced.  STOA_BOOL adds as
 * saturating 0 or 1.
 * Returns: 0; -EPROTOTYPE (STOA_BYTES, or bits of a float); -EACCES; -EINVAL.
 * Callers: any thread of any process.  Progress: integer add and sub wait-free, but for waking
 *   who waits; the rest, sums of floats and STOA_BOOL included, lock-free.  Death: done or not done.
 */
STOA_API int stoa_value_fetch_add(struct stoa_value *value, const void *operand, void *previous);
STOA_API int stoa_value_fetch_sub(struct stoa_value *value, const void *operand, void *previous);
STOA_API int stoa_value_fetch_and(struct stoa_value *value, const void *operand, void *previous);
STOA_API int stoa_value_fetch_or(struct stoa_value *value, const void *operand, void *previous);
STOA_API int stoa_value_fetch_xor(struct stoa_value *value, const void *operand, void *previous);
STOA_API int stoa_value_fetch_min(struct stoa_value *value, const void *operand, void *previous);
STOA_API int stoa_value_fetch_max(struct stoa_value *value, const void *operand, void *previous);

/**
 * Changes the value by a function, atomically: `fn` gets a private copy, changes it and
 * returns 0 to publish it; anything else leaves the value as it is.  fn may run again with
 * a newer copy, and must not call stoa.
 * Returns: 0; what fn returned where that is not 0; -ENOMEM (structs: no room for the copy);
 *   faults as stoa_value_store().
 * Callers, Death: as stoa_value_store().  Progress: lock-free; structs as stoa_value_store().
 */
STOA_API int stoa_value_update(struct stoa_value *value, int (*fn)(void *bytes, void *context), void *context);

/**
 * Waits while the value equals `*while_equal`, byte by byte, until the deadline.
 * Returns: 0 (it differs); STOA_TIMEOUT; -EINTR (a signal handler ran); -EACCES;
 *   -EBADMSG; -EINVAL.
 * Callers: any thread of any process.  Progress: blocking by design; nobody waits for a
 *   waiter.  Death: nothing is left but, at most, one needless wake-up call.
 */
STOA_API int stoa_value_wait(struct stoa_value *value, const void *while_equal,
                             const struct timespec *deadline);

/**
 * The type of the value.
 * Returns: one of enum stoa_type; -EINVAL for NULL.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API int stoa_value_type(const struct stoa_value *value);

/**
 * The number as plain memory, aligned to 8 bytes, for ctypes, NumPy and the like; plain accesses to it are
 * the caller's to order, and who waits sees them only at the next slice of the wait.  In a read-only
 * segment it must not be written.
 * Returns: a pointer that lives as long as the handle; NULL for STOA_BYTES.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API void *stoa_value_data(struct stoa_value *value);

/**
 * Shorthands for the most common types.  Each is stoa_value_load(), stoa_value_store() or
 * stoa_value_fetch_add() of a number that is passed as it is.
 * Returns: as the call behind it; -EPROTOTYPE where the value has another type.
 * Callers, Progress, Death: as of the call behind it.
 */
#define STOA_VALUE_SHORTHANDS(SUFFIX, C_TYPE, STOA_TYPE)                                                       \
	static inline int stoa_value_load_##SUFFIX(struct stoa_value *value, C_TYPE *out)                      \
	{                                                                                                      \
		return stoa_value_type(value) == (STOA_TYPE) ? stoa_value_load(value, out) : -EPROTOTYPE;      \
	}                                                                                                      \
	static inline int stoa_value_store_##SUFFIX(struct stoa_value *value, C_TYPE in)                       \
	{                                                                                                      \
		return stoa_value_type(value) == (STOA_TYPE) ? stoa_value_store(value, &in) : -EPROTOTYPE;     \
	}                                                                                                      \
	static inline int stoa_value_add_##SUFFIX(struct stoa_value *value, C_TYPE operand)                    \
	{                                                                                                      \
		return stoa_value_type(value) == (STOA_TYPE)                                                   \
		               ? stoa_value_fetch_add(value, &operand, NULL)                                   \
		               : -EPROTOTYPE;                                                                  \
	}
STOA_VALUE_SHORTHANDS(i64, int64_t, STOA_I64)
STOA_VALUE_SHORTHANDS(u64, uint64_t, STOA_U64)
STOA_VALUE_SHORTHANDS(f64, double, STOA_F64)
#undef STOA_VALUE_SHORTHANDS

#ifdef __cplusplus
}
#endif

#endif
