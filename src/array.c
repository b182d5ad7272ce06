/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * array.c - a fixed number of numbers by name.
 *
 * Plain: the elements lie one behind the other, 64-byte aligned, each an atomic word
 * (scalar.c).  A range is copied in relaxed words of up to 8 bytes, so each element in it
 * is whole and the range is not.  A range write is a release and a range read an acquire, as a
 * whole: who reads an element of a range write sees what came before that write [A1].
 *
 * With STOA_ATOMIC_RANGES all elements are one struct in a cell (value_cell.c).  Reads copy
 * their range out of one version.  Every write copies the current version, changes the copy, and
 * publishes it over the version that it was made from: so writes cost as much as the
 * array is large, and lose nothing.
 */
#include "atomic.h"

#include <errno.h>
#include <stddef.h>

#include <stoa/array.h>
#include <stoa/inline_number.h>

#include "object.h"
#include "scalar.h"
#include "value.h"
#include "value_cell.h"

#define WRITERS_DEFAULT 8u
#define DATA_OFFSET ((uint64_t)sizeof(struct array_layout))

struct stoa_array {
	struct stoa_hot_number hot; /* first */
	struct object_handle handle;
	uint32_t type;
	uint32_t width; /* of an element */
	uint64_t count;
	uint8_t *data; /* the elements; NULL with STOA_ATOMIC_RANGES, and then: */
	uint32_t writers;
	struct value_cell cell;
	struct cell_writer writer;
};

/* ---- shape ---- */

struct shape {
	uint32_t type, ranges, writers; /* ranges: STOA_ATOMIC_RANGES or 0 */
	uint64_t count, bytes;
	const void *initial;
};

/* The room that the shape takes: the end of it all, with a cell or plain. */
static int shape_bytes(struct shape *shape)
{
	uint64_t size = shape->count, bytes = DATA_OFFSET;

	if (!size_mul(&size, scalar_width(shape->type)))
		return -EOVERFLOW;
	if (shape->ranges ? cell_footprint(size, shape->writers, &size) != 0 : !size_round(&size, STOA_LINE))
		return -EOVERFLOW;
	if (!size_add(&bytes, size) || bytes > INT64_MAX)
		return -EOVERFLOW;
	shape->bytes = bytes;
	return 0;
}

/* What a config asks for.  With `any_count` 0 elements stand for any number. */
static int shape_of(const struct stoa_array_config *given, bool any_count, struct shape *shape,
                    struct stoa_array_config *config)
{
	int rc = config_copy(config, sizeof *config, given);

	if (rc)
		return rc;
	if (config->type == 0)
		config->type = STOA_I64;
	if (scalar_width(config->type) == 0 || config->writers > CELL_WRITERS_MAX || config->reserved ||
	    (config->flags & ~(uint32_t)(STOA_EXCLUSIVE | STOA_ATOMIC_RANGES)) ||
	    (config->count == 0 && !any_count))
		return -EINVAL;
	*shape = (struct shape){
		.type = config->type,
		.ranges = config->flags & STOA_ATOMIC_RANGES,
		.writers = config->writers ? config->writers : WRITERS_DEFAULT,
		.count = config->count,
		.initial = config->initial,
	};
	return shape_bytes(shape);
}

int stoa_array_footprint(const struct stoa_array_config *config, uint64_t *bytes)
{
	struct stoa_array_config own;
	struct shape shape;
	int rc;

	if (!bytes)
		return -EINVAL;
	rc = shape_of(config, false, &shape, &own);
	if (rc == 0)
		*bytes = shape.bytes;
	return rc;
}

/* ---- create, open, close ---- */

static void array_build(void *start, void *context)
{
	const struct shape *shape = context;
	struct array_layout *layout = start;
	uint8_t *data = (uint8_t *)start + DATA_OFFSET;
	struct value_cell cell;

	layout->object = (struct object_header){
		.kind = STOA_KIND_ARRAY,
		.header_bytes = sizeof *layout,
		.bytes = shape->bytes,
	};
	layout->type = shape->type;
	layout->flags = shape->ranges;
	layout->count = shape->count;
	layout->data_offset = DATA_OFFSET;
	if (shape->ranges) {
		cell_format(&cell, data, shape->count * scalar_width(shape->type), shape->writers);
		data = cell_first(&cell);
	}
	if (shape->initial)
		scalar_write_range(shape->type, data, 0, shape->count, shape->initial);
}

/* Checks the object at `start`, and tells its shape, privately; `cell` where it has ranges. */
static int array_view(void *start, uint64_t room, struct shape *shape, struct value_cell *cell)
{
	struct array_layout seen;
	int rc;

	if (room < sizeof seen)
		return -EBADMSG;
	copy_racy_out(&seen, start, sizeof seen);
	*shape = (struct shape){ .type = seen.type, .ranges = seen.flags, .count = seen.count };
	if (scalar_width(seen.type) == 0 || seen.count == 0 || seen.data_offset != DATA_OFFSET ||
	    (seen.flags & ~(uint32_t)STOA_ATOMIC_RANGES))
		return -EBADMSG;
	if (shape->ranges) {
		rc = cell_view(cell, (uint8_t *)start + DATA_OFFSET, room - DATA_OFFSET);
		if (rc)
			return rc;
		shape->writers = cell->exchange.handle_count;
	}
	if (shape_bytes(shape) != 0 || shape->bytes > room)
		return -EBADMSG;
	if (shape->ranges && cell->size != shape->count * scalar_width(shape->type))
		return -EBADMSG;
	return 0;
}

static struct stoa_array *array_of(struct object_handle *handle)
{
	return (struct stoa_array *)(void *)((uint8_t *)handle - offsetof(struct stoa_array, handle));
}

static int array_attach(struct object_handle *handle, void *context)
{
	struct stoa_array *array = array_of(handle);
	struct shape shape;
	int rc = array_view(handle->start, handle->room, &shape, &array->cell);

	(void)context;
	if (rc)
		return rc;
	array->type = shape.type;
	array->width = scalar_width(shape.type);
	array->count = shape.count;
	array->writers = shape.writers;
	if (!shape.ranges) {
		array->data = (uint8_t *)handle->start + DATA_OFFSET;
		number_open(&array->hot, array->type, array->data, handle->segment->read_only);
		array->hot.count = array->count;
	}
	return 0;
}

static bool has_ranges(const struct stoa_array *array)
{
	return !array->data;
}

/* The handle on a published array; with `shape` of that shape, and of at least `writers`. */
static int array_handle(struct stoa_segment *segment, void *start, uint64_t room, const struct shape *shape,
                        uint32_t writers, struct stoa_array **array)
{
	struct object_handle *handle;
	struct stoa_array *found;
	int rc = object_handle_get_behind(offsetof(struct stoa_array, handle), segment, start, room,
	                                  sizeof *found, array_attach, NULL, &handle);

	if (rc)
		return rc;
	found = array_of(handle);
	if (shape &&
	    (found->type != shape->type || (shape->count && found->count != shape->count) ||
	     has_ranges(found) != (shape->ranges != 0) || (has_ranges(found) && found->writers < writers))) {
		stoa_array_close(found);
		return -EPROTOTYPE;
	}
	*array = found;
	return 0;
}

int stoa_array_create(struct stoa_segment *segment, const char *name, const struct stoa_array_config *config,
                      struct stoa_array **array)
{
	struct object_request request = { .name = name, .kind = STOA_KIND_ARRAY, .build = array_build };
	struct stoa_array_config own;
	struct shape shape;
	uint64_t room;
	void *start;
	int rc = shape_of(config, false, &shape, &own);

	if (!segment || !array)
		return -EINVAL;
	if (rc)
		return rc;
	request.bytes = shape.bytes;
	request.context = &shape;
	rc = object_create_or_open(segment, &request, own.flags & STOA_EXCLUSIVE, &start, &room);
	return rc ? rc : array_handle(segment, start, room, &shape, shape.writers, array);
}

int stoa_array_open(struct stoa_segment *segment, const char *name, const struct stoa_array_config *expect,
                    struct stoa_array **array)
{
	struct stoa_array_config own = { 0 };
	struct shape shape;
	uint64_t room;
	void *start;
	int rc = expect ? shape_of(expect, true, &shape, &own) : 0;

	if (!segment || !array)
		return -EINVAL;
	rc = rc ? rc : object_open(segment, name, STOA_KIND_ARRAY, &start, &room);
	return rc ? rc : array_handle(segment, start, room, expect ? &shape : NULL, own.writers, array);
}

int stoa_array_close(struct stoa_array *array)
{
	if (!array || !object_handle_put(&array->handle))
		return 0;
	if (has_ranges(array))
		cell_leave(&array->writer, &array->cell);
	object_handle_free(&array->handle);
	return 0;
}

int stoa_array_info(const struct stoa_array *array, struct stoa_array_config *info)
{
	struct stoa_array_config own;

	if (!array || !info)
		return -EINVAL;
	own = (struct stoa_array_config){
		.struct_size = sizeof own,
		.type = array->type,
		.flags = has_ranges(array) ? STOA_ATOMIC_RANGES : 0,
		.count = array->count,
		.writers = array->writers,
	};
	return info_copy(info, &own, sizeof own);
}

void *stoa_array_data(struct stoa_array *array)
{
	return array ? array->data : NULL;
}

/* ---- one step on an element: the same for plain arrays and for a private version ---- */

enum step_kind {
	STEP_STORE,
	STEP_COMPARE,
	STEP_FETCH,
	STEP_WRITE
};

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

/* ---- the dead ---- */

/* The array's cell, where it has one. */
static bool cell_at(void *start, uint64_t room, struct value_cell *cell)
{
	struct shape shape;

	return array_view(start, room, &shape, cell) == 0 && shape.ranges;
}

int array_settle(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot)
{
	struct value_cell cell;
	uint32_t orphans;

	(void)segment;
	return cell_at(start, room, &cell) ? exchange_settle(&cell.exchange, slot, false, &orphans) : 0;
}

void array_release(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot)
{
	struct value_cell cell;

	(void)segment;
	if (cell_at(start, room, &cell))
		exchange_free(&cell.exchange, slot);
}
