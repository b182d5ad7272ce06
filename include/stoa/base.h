/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * stoa/base.h - what every other header of stoa needs: the export macro,
 * outcomes, deadlines, the version.
 *
 * Conventions of the whole library:
 *
 *   - A function returns 0 (STOA_OK) when it is done, a positive outcome of
 *     enum stoa_outcome where "no" is an ordinary answer (a full queue), and a
 *     negative errno for a fault.  Nothing sets errno, prints or aborts.
 *   - The first call in a child after fork() registers the child, as opening does: where that
 *     takes what the system has no more of, any call answers -EMFILE, -ENFILE or -ENOMEM, and nothing was
 *     done.
 *   - Out-parameters come last.  They are written only where the text says so.
 *   - Configs are visible structs.  Their first member is their own size
 *     (`.struct_size = sizeof config`; 0 means the size of the first release);
 *     a member that is zero takes its default; a NULL config is all defaults.
 *   - Deadlines are absolute times of CLOCK_MONOTONIC; NULL waits for ever;
 *     &stoa_now never waits, and so answers STOA_EMPTY or STOA_FULL where any
 *     other deadline that has passed answers STOA_TIMEOUT.
 *
 * Every function says what it Returns, who its Callers may be (at once), its Progress (wait-free, lock-free
 * in Herlihy's sense, or blocking by design), and what a Death in it leaves to the others.  The manual pages
 * are made from these texts.  A fault that is named there without a word means:
 *
 *   -EACCES        the segment was opened with STOA_READ_ONLY
 *   -EBADF         there is no such descriptor
 *   -EBADMSG       the segment, or the object in it, is corrupt
 *   -EINTR         a signal handler ran, and nothing was done
 *   -EINVAL        an argument makes no sense: NULL, out of its range, an unknown flag
 *   -EMFILE        the process has too many open files
 *   -ENAMETOOLONG  the name is too long (that of an object: over 63 bytes)
 *   -ENOENT        there is nothing of that name
 *   -ENOMEM        there is no memory for it
 *   -ENOSPC        there is no room left for it in the segment, or no entry in its directory
 *   -EOVERFLOW     its size is beyond what a segment can have
 *   -EPROTOTYPE    what is there is of another kind or shape
 *   -EUSERS        as many as the creator allowed for are at it already, and live
 */
#ifndef STOA_BASE_H
#define STOA_BASE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#if defined(__GNUC__)
#define STOA_API __attribute__((visibility("default")))
#else
#define STOA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define STOA_VERSION_MAJOR 0
#define STOA_VERSION_MINOR 1
#define STOA_VERSION_PATCH 0
#define STOA_VERSION_STRING "0.1.0"

/** Ordinary answers.  Faults are negative errnos. */
enum stoa_outcome {
	STOA_OK = 0,         /**< done */
	STOA_EMPTY = 1,      /**< no message that nobody holds */
	STOA_FULL = 2,       /**< every place is taken */
	STOA_TIMEOUT = 3,    /**< the deadline passed; surely not done */
	STOA_CLOSED = 4,     /**< shut down */
	STOA_CHANGED = 5,    /**< the value was not the expected one */
	STOA_OWNER_DIED = 6, /**< done, and the last holder died holding it */
};

/** Element types of values and arrays.  0 in a config: STOA_I64, or STOA_BYTES where a size is given. */
enum stoa_type {
	STOA_I8 = 1,
	STOA_I16,
	STOA_I32,
	STOA_I64,
	STOA_U8,
	STOA_U16,
	STOA_U32,
	STOA_U64,
	STOA_F32,
	STOA_F64,
	STOA_BOOL,  /**< one byte, 0 or 1; any other byte given counts as 1 */
	STOA_BYTES, /**< a struct of any size, read and written whole */
};

/** What lies in a segment under a name. */
enum stoa_kind {
	STOA_KIND_VALUE = 1,
	STOA_KIND_ARRAY = 2,
	STOA_KIND_QUEUE = 3,
	STOA_KIND_SEMAPHORE = 4,
	STOA_KIND_EVENT = 5,
	STOA_KIND_BARRIER = 6,
	STOA_KIND_LOCK = 7,
};

/** Flags of create calls, in a config's `flags`; those from 0x10 on belong to one kind each. */
enum stoa_create_flag {
	STOA_EXCLUSIVE = 0x1, /**< -EEXIST where it exists already */
};

/** The deadline that has always passed: try once, never wait. */
extern STOA_API const struct timespec stoa_now;

/**
 * The deadline `nanoseconds` from now (CLOCK_MONOTONIC), for calls that wait.
 * Returns: the absolute time; a negative argument gives a time that has passed.
 * Callers: any.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API struct timespec stoa_deadline(int64_t nanoseconds);

/**
 * Names a return code: an outcome or a fault in words; those of the errno, where they fit.
 * Returns: a string that lives for ever, never NULL.
 * Callers: any.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API const char *stoa_strerror(int rc);

/**
 * The version of the library that runs, as "major.minor.patch".
 * Returns: a string that lives for ever.
 * Callers: any.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API const char *stoa_version(void);

/**
 * Bytes of one element.
 * Returns: 1, 2, 4 or 8; 0 for STOA_BYTES and for what is no type.
 * Callers: any.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API size_t stoa_type_size(enum stoa_type type);

#ifdef __cplusplus
}
#endif

#endif
