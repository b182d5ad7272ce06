/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * array.c - a fixed number of numbers by name: created, opened, closed.  What is done to them is in
 * array_access.c.
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
#include "array.h"

#include <errno.h>

#define WRITERS_DEFAULT 8u
#define DATA_OFFSET ((uint64_t)sizeof(struct array_layout))

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
