/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * array_access.c - elements and ranges of an array.  What is promised of them is at the head of array.c.
 */
#include "array.h"

#include <errno.h>

/* ---- one step on an element: the same for plain arrays and for a private version ---- */

enum step_kind { STEP_STORE, STEP_COMPARE, STEP_FETCH, STEP_WRITE };

struct step {
	enum step_kind kind;
	enum scalar_op op;
	uint32_t type, width;
	uint64_t first, count; /* STEP_WRITE; else the element `first` */
	uint64_t bits;         /* to store; operand */
	uint64_t before;       /* the element before; STEP_COMPARE: expected, then that */
	const void *in;        /* STEP_WRITE */
};

/*
 * On elements at `bytes`, in one atomic step for each of them.  0 or STOA_CHANGED.  May run again on
 * another version: a comparison that held has left `before` as it was.
 */
static int step_run(uint8_t *bytes, void *context)
{
	struct step *step = context;
	uint8_t *at = bytes + step->first * step->width;

	switch (step->kind) {
	case STEP_STORE:
		step->before = scalar_swap(step->type, at, step->bits);
		break;
	case STEP_COMPARE:
		if (!scalar_compare_swap(step->type, at, &step->before, step->bits))
			return STOA_CHANGED;
		break;
	case STEP_FETCH:
		step->before = scalar_fetch(step->type, step->op, at, step->bits);
		break;
	case STEP_WRITE:
		scalar_write_range(step->type, bytes, step->first, step->count, step->in);
		break;
	}
	return 0;
}

static int step_do(struct stoa_array *array, struct step *step)
{
	step->type = array->type;
	step->width = array->width;
	if (has_ranges(array))
		return cell_edit(&array->cell, &array->writer, array->handle.segment, step_run, step);
	return step_run(array->data, step);
}

/* Before a write of an element: NULLs, the index, what may not be written. */
static int writable(const struct stoa_array *array, uint64_t index, const void *given)
{
	if (unlikely(!array || !given || index >= array->count))
		return -EINVAL;
	return unlikely(array->handle.segment->read_only) ? -EACCES : 0;
}

/* ---- elements ---- */

int stoa_array_load(struct stoa_array *array, uint64_t index, void *out)
{
	if (unlikely(!array || !out || index >= array->count))
		return -EINVAL;
	if (likely(stoa_number_load(&array->hot, index, out) == STOA_OK))
		return 0;
	if (has_ranges(array))
		return stoa_array_read(array, index, 1, out);
	scalar_put(array->type, out, scalar_load(array->type, array->data + index * array->width));
	return 0;
}

/* `out` may be NULL. */
static noinline int replace_long(struct stoa_array *array, uint64_t index, const void *in, void *out)
{
	struct step step = { .kind = STEP_STORE, .first = index };
	int rc = writable(array, index, in);

	if (rc)
		return rc;
	step.bits = scalar_get(array->type, in);
	rc = step_do(array, &step);
	if (rc == 0 && out)
		scalar_put(array->type, out, step.before);
	return rc;
}

static inline int replace(struct stoa_array *array, uint64_t index, const void *in, void *out)
{
	if (unlikely(!array || !in || index >= array->count))
		return -EINVAL;
	if (likely(stoa_number_store(&array->hot, index, in, out) == STOA_OK))
		return 0;
	return replace_long(array, index, in, out);
}

int stoa_array_store(struct stoa_array *array, uint64_t index, const void *in)
{
	return replace(array, index, in, NULL);
}

int stoa_array_exchange(struct stoa_array *array, uint64_t index, const void *in, void *out)
{
	return out ? replace(array, index, in, out) : -EINVAL;
}

int stoa_array_compare_exchange(struct stoa_array *array, uint64_t index, void *expected, const void *desired)
{
	struct step step;
	int rc;

	if (unlikely(!array || !expected || !desired || index >= array->count))
		return -EINVAL;
	rc = stoa_number_compare(&array->hot, index, expected, desired);
	if (likely(rc != STOA_NUMBER_LONG))
		return rc;
	rc = writable(array, index, expected);
	if (rc)
		return rc;
	step = (struct step){ .kind = STEP_COMPARE, .first = index };
	step.before = scalar_get(array->type, expected);
	step.bits = scalar_get(array->type, desired);
	rc = step_do(array, &step);
	if (rc == STOA_CHANGED)
		scalar_put(array->type, expected, step.before);
	return rc;
}

static noinline int fetch(struct stoa_array *array, uint64_t index, enum scalar_op op, const void *operand,
                          void *previous)
{
	struct step step = { .kind = STEP_FETCH, .op = op, .first = index };
	int rc = writable(array, index, operand);

	if (rc)
		return rc;
	if (!scalar_can(array->type, op))
		return -EPROTOTYPE;
	step.bits = scalar_get(array->type, operand);
	rc = step_do(array, &step);
	if (rc == 0 && previous)
		scalar_put(array->type, previous, step.before);
	return rc;
}

static inline int add(struct stoa_array *array, uint64_t index, bool negative, const void *operand,
                      void *previous)
{
	if (unlikely(!array || !operand || index >= array->count))
		return -EINVAL;
	if (likely(stoa_number_add(&array->hot, index, operand, negative, previous) == STOA_OK))
		return 0;
	return fetch(array, index, negative ? SCALAR_SUB : SCALAR_ADD, operand, previous);
}

int stoa_array_fetch_add(struct stoa_array *array, uint64_t index, const void *operand, void *previous)
{
	return add(array, index, false, operand, previous);
}

int stoa_array_fetch_sub(struct stoa_array *array, uint64_t index, const void *operand, void *previous)
{
	return add(array, index, true, operand, previous);
}

#define ARRAY_FETCH(NAME, OP)                                                                                \
	int stoa_array_fetch_##NAME(struct stoa_array *array, uint64_t index, const void *operand,           \
	                            void *previous)                                                          \
	{                                                                                                    \
		return fetch(array, index, OP, operand, previous);                                           \
	}
ARRAY_FETCH(and, SCALAR_AND)
ARRAY_FETCH(or, SCALAR_OR)
ARRAY_FETCH(xor, SCALAR_XOR)
ARRAY_FETCH(min, SCALAR_MIN)
ARRAY_FETCH(max, SCALAR_MAX)

/* ---- ranges ---- */

/* Whether [first, first + count) is inside; the sum may not be formed. */
static bool inside(const struct stoa_array *array, uint64_t first, uint64_t count)
{
	return first <= array->count && count <= array->count - first;
}

int stoa_array_read(struct stoa_array *array, uint64_t first, uint64_t count, void *out)
{
	struct cell_look look = { 0 };
	int rc;

	if (unlikely(!array || !inside(array, first, count) || (count && !out)))
		return -EINVAL;
	if (count == 0)
		return 0;
	if (!has_ranges(array)) {
		scalar_read_range(array->type, array->data, first, count, out);
		/* [A1] acquire; pairs with the release fence of a range write, and with every write of an
		 * element: what came before the writes that we have seen is seen by whatever we do next. */
		fence_acq();
		return 0;
	}
	do {
		rc = cell_look(&array->cell, &look);
		if (rc)
			return rc;
		scalar_read_range(array->type, look.bytes, first, count, out);
	} while (!cell_whole(&look));
	return 0;
}

int stoa_array_write(struct stoa_array *array, uint64_t first, uint64_t count, const void *in)
{
	struct step step = { .kind = STEP_WRITE, .first = first, .count = count, .in = in };

	if (unlikely(!array || !inside(array, first, count) || (count && !in)))
		return -EINVAL;
	if (unlikely(array->handle.segment->read_only))
		return -EACCES;
	if (count == 0)
		return 0;
	if (has_ranges(array)) {
		/* All of it: nothing of the current version is needed. */
		if (count == array->count)
			return cell_store(&array->cell, &array->writer, array->handle.segment, in, NULL);
	} else {
		/* [A1] release; pairs with the acquire fence of a range read, and with every load of an
		 * element: who sees an element of this range sees what we did before. */
		fence_rel();
	}
	return step_do(array, &step);
}
