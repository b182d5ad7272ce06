/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * stoa/array.h - a fixed number of numbers in shared memory, each of them atomic;
 * with STOA_ATOMIC_RANGES a range is atomic, too.
 */
#ifndef STOA_ARRAY_H
#define STOA_ARRAY_H

#include <stoa/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stoa_array;

enum stoa_array_flag {
	STOA_ATOMIC_RANGES = 0x10, /**< a read sees whole writes only: copy-on-write, no data pointer */
};

struct stoa_array_config {
	size_t struct_size;  /**< sizeof(struct stoa_array_config) */
	uint32_t type;       /**< enum stoa_type but STOA_BYTES; default STOA_I64 */
	uint32_t flags;      /**< STOA_EXCLUSIVE, STOA_ATOMIC_RANGES */
	uint64_t count;      /**< elements, at least 1 */
	const void *initial; /**< `count` elements, for the creator only; NULL: zeros */
	uint32_t writers;    /**< STOA_ATOMIC_RANGES: processes that ever write at once; default 8, up to 1,024 */
	uint32_t reserved;   /**< 0 */
};

/**
 * Creates an array or opens the one of that name.
 * Returns: 0; -EEXIST (it exists, with STOA_EXCLUSIVE); -EPROTOTYPE (it exists with another kind, type,
 *   count or STOA_ATOMIC_RANGES, or with fewer writers; nothing changed); -EINVAL (no such
 *   type, no elements, an empty name); -ENAMETOOLONG (over 63 bytes); -EOVERFLOW; -ENOSPC;
 *   -EACCES (read-only segment and it does not exist); -EBADMSG; -ENOMEM;
 *   -EUSERS (after fork(): no participant's slot).
 * Callers: any thread.  Progress: lock-free.  Death: published whole or not at all.
 */
STOA_API int stoa_array_create(struct stoa_segment *segment, const char *name,
                               const struct stoa_array_config *config, struct stoa_array **array);

/**
 * Opens an array.  `expect` is compared with what is there, where it is not NULL (`count`
 * and `writers` 0 mean any).
 * Returns: 0; -ENOENT; -EPROTOTYPE; -EINVAL; -ENAMETOOLONG; -EBADMSG; -ENOMEM.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_array_open(struct stoa_segment *segment, const char *name,
                             const struct stoa_array_config *expect, struct stoa_array **array);

/**
 * Gives the handle back; NULL is ignored.  Pointers of stoa_array_data() end with the last
 * handle of the process.
 * Returns: 0.
 * Callers: one thread, and no other call on this handle at once.  Progress: lock-free.
 * Death: the writer's slots are reaped by the others.
 */
STOA_API int stoa_array_close(struct stoa_array *array);

/**
 * Tells what the array is, in the form of its config (`initial` is NULL).
 * Returns: 0; -EINVAL.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_array_info(const struct stoa_array *array, struct stoa_array_config *info);

/**
 * The room that an array of this config takes in a segment, in bytes.
 * Returns: 0; -EINVAL; -EOVERFLOW.
 * Callers: any.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API int stoa_array_footprint(const struct stoa_array_config *config, uint64_t *bytes);

/**
 * Reads or changes one element, as the calls of the same name do with a value.
 * Returns: 0; STOA_CHANGED (compare_exchange: it did not equal `*expected`); -EINVAL (the index is past the
 *   end); -EPROTOTYPE (bits of a float); -EACCES; -EUSERS (STOA_ATOMIC_RANGES: more writing processes than
 *   `writers`); -EBADMSG.
 * Callers: any thread of any process.  Progress: as on a number; with STOA_ATOMIC_RANGES a load as
 *   of a struct, all else as stoa_value_store() of a struct.  Death: done or not done.
 */
STOA_API int stoa_array_load(struct stoa_array *array, uint64_t index, void *out);
STOA_API int stoa_array_store(struct stoa_array *array, uint64_t index, const void *in);
STOA_API int stoa_array_exchange(struct stoa_array *array, uint64_t index, const void *in, void *out);
STOA_API int stoa_array_compare_exchange(struct stoa_array *array, uint64_t index, void *expected,
                                         const void *desired);
STOA_API int stoa_array_fetch_add(struct stoa_array *array, uint64_t index, const void *operand,
                                  void *previous);
STOA_API int stoa_array_fetch_sub(struct stoa_array *array, uint64_t index, const void *operand,
                                  void *previous);
STOA_API int stoa_array_fetch_and(struct stoa_array *array, uint64_t index, const void *operand,
                                  void *previous);
STOA_API int stoa_array_fetch_or(struct stoa_array *array, uint64_t index, const void *operand,
                                 void *previous);
STOA_API int stoa_array_fetch_xor(struct stoa_array *array, uint64_t index, const void *operand,
                                  void *previous);
STOA_API int stoa_array_fetch_min(struct stoa_array *array, uint64_t index, const void *operand,
                                  void *previous);
STOA_API int stoa_array_fetch_max(struct stoa_array *array, uint64_t index, const void *operand,
                                  void *previous);

/**
 * Reads elements [first, first + count).  Each element is whole; the range is one moment
 * only with STOA_ATOMIC_RANGES.  A count of 0 does nothing.
 * Returns: 0; -EINVAL (past the end; nothing read); -EBADMSG.
 * Callers: any thread of any process.  Progress: wait-free; lock-free with
 *   STOA_ATOMIC_RANGES.  Death: nothing shared is written.
 */
STOA_API int stoa_array_read(struct stoa_array *array, uint64_t first, uint64_t count, void *out);

/**
 * Writes elements [first, first + count), in one atomic step only with STOA_ATOMIC_RANGES.
 * Returns: 0; -EINVAL (past the end; nothing written); -EACCES; -EUSERS
 *   (STOA_ATOMIC_RANGES: more writing processes than `writers`); -EBADMSG.
 * Callers: any thread of any process.  Progress: wait-free; with STOA_ATOMIC_RANGES as
 *   stoa_value_store() of a struct.  Death: each element old or new; all or none with
 *   STOA_ATOMIC_RANGES.
 */
STOA_API int stoa_array_write(struct stoa_array *array, uint64_t first, uint64_t count, const void *in);

/**
 * The elements as plain memory, 64-byte aligned, for NumPy, Cython and the like; plain
 * accesses to it are the caller's to order.  In a read-only segment it must not be written.
 * Returns: a pointer that lives as long as the handle; NULL with STOA_ATOMIC_RANGES.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API void *stoa_array_data(struct stoa_array *array);

#ifdef __cplusplus
}
#endif

#endif
