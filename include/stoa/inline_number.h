/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * stoa/inline_number.h - the hottest calls on numbers, for the compiler to merge into the caller's loop.
 *
 * stoa_value_load_inline() is stoa_value_load(), and so on: same results, same callers, same behaviour in
 * death.  Numbers of 4 and 8 bytes go the short way, in the caller, where the handle may be used so (a write
 * to one that is read-only may not, nor the sum of a float); everything else becomes a call.
 *
 * struct stoa_hot_number is part of the binary interface by this header alone.  Its form may change; a
 * program that was compiled with another one then misses stoa_inline_number_form_1, and is not loaded.
 */
/* The operations are those of stoa/inline.h, which includes this; the library's own sources bring theirs. */
#ifndef STOA_NUMBER_LOAD64
#include <stoa/inline.h>
#endif
#ifndef STOA_INLINE_NUMBER_H
#define STOA_INLINE_NUMBER_H

#include <stdint.h>
#include <string.h>

#include <stoa/array.h>
#include <stoa/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The first member of a value and of an array.  Its first six pointers are to the number, or to an
 * array's first element, each NULL where what it is for goes the long way.
 */
struct stoa_hot_number {
	uint64_t *load64, *store64, *sum64; /* numbers of 8 bytes: read, replaced, added to */
	uint32_t *load32, *store32, *sum32; /* of 4 bytes */
	uint64_t count;                     /* of an array */
	const uint32_t *waiters;            /* of a value: the event word of those who wait for a change */
};

/* Nothing has happened: the long way.  Not one of the named outcomes. */
#define STOA_NUMBER_LONG 1001

/*
 * What the compiler knows to be too small is no number of that size: it then leaves that branch out, and warns
 * of nothing.  For all else this is true.
 */
#define STOA_NUMBER_FITS(at, size) (__builtin_object_size(at, 0) >= (size))

static inline int stoa_number_load(const struct stoa_hot_number *hot, uint64_t index, void *out)
{
	if (__builtin_expect(hot->load64 != 0, 1) && STOA_NUMBER_FITS(out, 8)) {
		uint64_t number = STOA_NUMBER_LOAD64(hot->load64 + index);

		memcpy(out, &number, sizeof number);
	} else if (hot->load32 && STOA_NUMBER_FITS(out, 4)) {
		uint32_t number = STOA_NUMBER_LOAD32(hot->load32 + index);

		memcpy(out, &number, sizeof number);
	} else {
		return STOA_NUMBER_LONG;
	}
	return STOA_OK;
}

/* `out`, where not NULL, gets the number before. */
static inline int stoa_number_store(const struct stoa_hot_number *hot, uint64_t index, const void *in,
                                    void *out)
{
	if (__builtin_expect(hot->store64 != 0, 1) && STOA_NUMBER_FITS(in, 8) && STOA_NUMBER_FITS(out, 8)) {
		uint64_t number;

		memcpy(&number, in, sizeof number);
		number = STOA_NUMBER_SWAP64(hot->store64 + index, number);
		if (out)
			memcpy(out, &number, sizeof number);
	} else if (hot->store32 && STOA_NUMBER_FITS(in, 4) && STOA_NUMBER_FITS(out, 4)) {
		uint32_t number;

		memcpy(&number, in, sizeof number);
		number = STOA_NUMBER_SWAP32(hot->store32 + index, number);
		if (out)
			memcpy(out, &number, sizeof number);
	} else {
		return STOA_NUMBER_LONG;
	}
	return STOA_OK;
}

static inline int stoa_number_compare(const struct stoa_hot_number *hot, uint64_t index, void *expected,
                                      const void *desired)
{
	if (__builtin_expect(hot->store64 != 0, 1) && STOA_NUMBER_FITS(expected, 8) &&
	    STOA_NUMBER_FITS(desired, 8)) {
		uint64_t was, number;

		memcpy(&was, expected, sizeof was);
		memcpy(&number, desired, sizeof number);
		if (STOA_NUMBER_CAS64(hot->store64 + index, &was, number))
			return STOA_OK;
		memcpy(expected, &was, sizeof was);
	} else if (hot->store32 && STOA_NUMBER_FITS(expected, 4) && STOA_NUMBER_FITS(desired, 4)) {
		uint32_t was, number;

		memcpy(&was, expected, sizeof was);
		memcpy(&number, desired, sizeof number);
		if (STOA_NUMBER_CAS32(hot->store32 + index, &was, number))
			return STOA_OK;
		memcpy(expected, &was, sizeof was);
	} else {
		return STOA_NUMBER_LONG;
	}
	return STOA_CHANGED;
}

/* Adds the operand, or its negative: integers alone are added to here, and wrap around. */
static inline int stoa_number_add(const struct stoa_hot_number *hot, uint64_t index, const void *operand,
                                  int negative, void *previous)
{
	if (__builtin_expect(hot->sum64 != 0, 1) && STOA_NUMBER_FITS(operand, 8) &&
	    STOA_NUMBER_FITS(previous, 8)) {
		uint64_t number;

		memcpy(&number, operand, sizeof number);
		number = STOA_NUMBER_ADD64(hot->sum64 + index, negative ? 0 - number : number);
		if (previous)
			memcpy(previous, &number, sizeof number);
	} else if (hot->sum32 && STOA_NUMBER_FITS(operand, 4) && STOA_NUMBER_FITS(previous, 4)) {
		uint32_t number;

		memcpy(&number, operand, sizeof number);
		number = STOA_NUMBER_ADD32(hot->sum32 + index, negative ? 0 - number : number);
		if (previous)
			memcpy(previous, &number, sizeof number);
	} else {
		return STOA_NUMBER_LONG;
	}
	return STOA_OK;
}

/* After a change, which was a locked operation: whether somebody has announced to wait for it (event.c). */
static inline int stoa_number_awaited(const struct stoa_hot_number *hot)
{
	return __builtin_expect((STOA_NUMBER_LOAD32(hot->waiters) & 1) != 0, 0);
}

#ifdef __cplusplus
#define STOA_HOT_NUMBER(handle) reinterpret_cast<const struct stoa_hot_number *>(handle)
#else
#define STOA_HOT_NUMBER(handle) ((const struct stoa_hot_number *)(const void *)(handle))
#endif

/* ---- values ---- */

/**
 * Wakes who waits for a change of the value.  For the calls of stoa/inline_number.h alone, after a change.
 * Returns: 0.
 * Callers: any thread.  Progress: lock-free.  Death: the value is changed; who waits finds it within 100 ms.
 */
STOA_API int stoa_inline_changed(struct stoa_value *value);

/**
 * Reads or changes a number, in the caller's own code where it can.  Each is the call of its name without
 * "_inline", for a value, operands and results that are not NULL; `previous` may be.
 * Returns: as the call of its name without "_inline".
 * Callers, Progress, Death: as of the call of its name without "_inline".
 */
static inline int stoa_value_load_inline(struct stoa_value *value, void *out)
{
	int rc = stoa_number_load(STOA_HOT_NUMBER(value), 0, out);

	return __builtin_expect(rc == STOA_OK, 1) ? rc : stoa_value_load(value, out);
}

static inline int stoa_value_store_inline(struct stoa_value *value, const void *in)
{
	if (__builtin_expect(stoa_number_store(STOA_HOT_NUMBER(value), 0, in, 0) != STOA_OK, 0))
		return stoa_value_store(value, in);
	return stoa_number_awaited(STOA_HOT_NUMBER(value)) ? stoa_inline_changed(value) : STOA_OK;
}

static inline int stoa_value_exchange_inline(struct stoa_value *value, const void *in, void *out)
{
	if (__builtin_expect(stoa_number_store(STOA_HOT_NUMBER(value), 0, in, out) != STOA_OK, 0))
		return stoa_value_exchange(value, in, out);
	return stoa_number_awaited(STOA_HOT_NUMBER(value)) ? stoa_inline_changed(value) : STOA_OK;
}

static inline int stoa_value_compare_exchange_inline(struct stoa_value *value, void *expected,
                                                     const void *desired)
{
	int rc = stoa_number_compare(STOA_HOT_NUMBER(value), 0, expected, desired);

	if (__builtin_expect(rc == STOA_NUMBER_LONG, 0))
		return stoa_value_compare_exchange(value, expected, desired);
	return rc == STOA_OK && stoa_number_awaited(STOA_HOT_NUMBER(value)) ? stoa_inline_changed(value) : rc;
}

static inline int stoa_value_fetch_add_inline(struct stoa_value *value, const void *operand, void *previous)
{
	if (__builtin_expect(stoa_number_add(STOA_HOT_NUMBER(value), 0, operand, 0, previous) != STOA_OK, 0))
		return stoa_value_fetch_add(value, operand, previous);
	return stoa_number_awaited(STOA_HOT_NUMBER(value)) ? stoa_inline_changed(value) : STOA_OK;
}

static inline int stoa_value_fetch_sub_inline(struct stoa_value *value, const void *operand, void *previous)
{
	if (__builtin_expect(stoa_number_add(STOA_HOT_NUMBER(value), 0, operand, 1, previous) != STOA_OK, 0))
		return stoa_value_fetch_sub(value, operand, previous);
	return stoa_number_awaited(STOA_HOT_NUMBER(value)) ? stoa_inline_changed(value) : STOA_OK;
}

/* ---- arrays ---- */

/* Whether there is such an element; others are the long way's. */
static inline int stoa_number_inside(const struct stoa_hot_number *hot, uint64_t index)
{
	return __builtin_expect(index < hot->count, 1);
}

/**
 * Reads or changes an element, in the caller's own code where it can.  Each is the call of its name without
 * "_inline", for an array, operands and results that are not NULL; `previous` may be.
 * Returns: as the call of its name without "_inline".
 * Callers, Progress, Death: as of the call of its name without "_inline".
 */
static inline int stoa_array_load_inline(struct stoa_array *array, uint64_t index, void *out)
{
	const struct stoa_hot_number *hot = STOA_HOT_NUMBER(array);

	if (stoa_number_inside(hot, index) &&
	    __builtin_expect(stoa_number_load(hot, index, out) == STOA_OK, 1))
		return STOA_OK;
	return stoa_array_load(array, index, out);
}

static inline int stoa_array_store_inline(struct stoa_array *array, uint64_t index, const void *in)
{
	const struct stoa_hot_number *hot = STOA_HOT_NUMBER(array);

	if (stoa_number_inside(hot, index) &&
	    __builtin_expect(stoa_number_store(hot, index, in, 0) == STOA_OK, 1))
		return STOA_OK;
	return stoa_array_store(array, index, in);
}

static inline int stoa_array_exchange_inline(struct stoa_array *array, uint64_t index, const void *in,
                                             void *out)
{
	const struct stoa_hot_number *hot = STOA_HOT_NUMBER(array);

	if (stoa_number_inside(hot, index) &&
	    __builtin_expect(stoa_number_store(hot, index, in, out) == STOA_OK, 1))
		return STOA_OK;
	return stoa_array_exchange(array, index, in, out);
}

static inline int stoa_array_compare_exchange_inline(struct stoa_array *array, uint64_t index, void *expected,
                                                     const void *desired)
{
	const struct stoa_hot_number *hot = STOA_HOT_NUMBER(array);
	int rc = STOA_NUMBER_LONG;

	if (stoa_number_inside(hot, index))
		rc = stoa_number_compare(hot, index, expected, desired);
	return __builtin_expect(rc == STOA_NUMBER_LONG, 0)
	               ? stoa_array_compare_exchange(array, index, expected, desired)
	               : rc;
}

static inline int stoa_array_fetch_add_inline(struct stoa_array *array, uint64_t index, const void *operand,
                                              void *previous)
{
	const struct stoa_hot_number *hot = STOA_HOT_NUMBER(array);

	if (stoa_number_inside(hot, index) &&
	    __builtin_expect(stoa_number_add(hot, index, operand, 0, previous) == STOA_OK, 1))
		return STOA_OK;
	return stoa_array_fetch_add(array, index, operand, previous);
}

static inline int stoa_array_fetch_sub_inline(struct stoa_array *array, uint64_t index, const void *operand,
                                              void *previous)
{
	const struct stoa_hot_number *hot = STOA_HOT_NUMBER(array);

	if (stoa_number_inside(hot, index) &&
	    __builtin_expect(stoa_number_add(hot, index, operand, 1, previous) == STOA_OK, 1))
		return STOA_OK;
	return stoa_array_fetch_sub(array, index, operand, previous);
}

#ifdef __cplusplus
}
#endif

#endif
