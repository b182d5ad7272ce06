/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * value.c - one value by name: created, opened, closed.
 *
 * A number is one atomic word (scalar.c) at the start of value_layout.word.  A struct is a cell
 * with blocks behind it (value_cell.c); the cell is that same word.
 *
 * A handle is one per process and value, however often it is opened: threads share it, and with
 * it the slots of a writer.  All numbers of the shape are private copies, recomputed when the
 * handle was made.
 */
#include "value.h"

#include <errno.h>
#include <stdlib.h>

#include "scalar.h"

#define WRITERS_DEFAULT 8u

/* ---- shape ---- */

struct shape {
	uint32_t type, writers;
	uint64_t size, bytes;
	const void *initial;
};

/* What a config asks for; `flags` and `writers` as given. */
static int shape_of(const struct stoa_value_config *given, struct shape *shape, uint32_t *flags,
                    uint32_t *writers)
{
	struct stoa_value_config config;
	int rc = config_copy(&config, sizeof config, given);
	unsigned width;

	if (rc)
		return rc;
	if (config.type == 0)
		config.type = config.size ? STOA_BYTES : STOA_I64;
	width = scalar_width(config.type);
	if ((width == 0 && config.type != STOA_BYTES) || (width && config.size && config.size != width) ||
	    (width == 0 && config.size == 0) || config.writers > CELL_WRITERS_MAX ||
	    (config.flags & ~(uint32_t)STOA_EXCLUSIVE) || config.reserved)
		return -EINVAL;
	*flags = config.flags;
	*writers = config.writers;
	*shape = (struct shape){
		.type = config.type,
		.size = width ? width : config.size,
		.bytes = sizeof(struct value_layout),
		.initial = config.initial,
	};
	if (width)
		return 0;
	shape->writers = config.writers ? config.writers : WRITERS_DEFAULT;
	return cell_footprint(shape->size, shape->writers, &shape->bytes);
}

int stoa_value_footprint(const struct stoa_value_config *config, uint64_t *bytes)
{
	struct shape shape;
	uint32_t flags, writers;
	int rc;

	if (!bytes)
		return -EINVAL;
	rc = shape_of(config, &shape, &flags, &writers);
	if (rc == 0)
		*bytes = shape.bytes;
	return rc;
}

/* ---- create, open, close ---- */

static void value_build(void *start, void *context)
{
	const struct shape *shape = context;
	struct value_layout *layout = start;
	struct value_cell cell;

	if (shape->type == STOA_BYTES) {
		cell_format(&cell, start, shape->size, shape->writers);
		if (shape->initial)
			copy_racy_in(cell_first(&cell), shape->initial, shape->size);
		return;
	}
	layout->object = (struct object_header){
		.kind = STOA_KIND_VALUE,
		.header_bytes = sizeof *layout,
		.bytes = shape->bytes,
	};
	layout->type = shape->type;
	layout->size = shape->size;
	if (shape->initial)
		scalar_swap(shape->type, &layout->word, scalar_get(shape->type, shape->initial));
}

/* See stoa/inline_number.h. */
extern STOA_API const char stoa_inline_number_form_1;
const char stoa_inline_number_form_1 = 1;

void number_open(struct stoa_hot_number *hot, uint32_t type, void *at, bool read_only)
{
	bool sums = !read_only && type != STOA_F32 && type != STOA_F64;

	if (scalar_width(type) == 8) {
		hot->load64 = at;
		hot->store64 = read_only ? NULL : at;
		hot->sum64 = sums ? at : NULL;
	} else if (scalar_width(type) == 4) {
		hot->load32 = at;
		hot->store32 = read_only ? NULL : at;
		hot->sum32 = sums ? at : NULL;
	}
}

/* A new handle: everything is checked, then private. */
static int value_attach(struct object_handle *handle, void *context)
{
	struct stoa_value *value = value_of(handle);
	struct value_layout seen;
	int rc;

	(void)context;
	if (handle->room < sizeof seen)
		return -EBADMSG;
	copy_racy_out(&seen, handle->start, offsetof(struct value_layout, word));
	value->layout = handle->start;
	value->hot.waiters = &value->layout->changed.word.raw;
	value->type = seen.type;
	if (seen.type != STOA_BYTES) {
		value->size = scalar_width(seen.type);
		number_open(&value->hot, value->type, &value->layout->word, handle->segment->read_only);
		return value->size && value->size == seen.size ? 0 : -EBADMSG;
	}
	rc = cell_view(&value->cell, handle->start, handle->room);
	if (rc)
		return rc;
	value->size = value->cell.size;
	value->writers = value->cell.exchange.handle_count;
	return 0;
}

/* The handle on a published value of at least `writers`, and, with `shape`, of that shape. */
static int value_handle(struct stoa_segment *segment, void *start, uint64_t room, const struct shape *shape,
                        uint32_t writers, struct stoa_value **value)
{
	struct object_handle *handle;
	struct stoa_value *found;
	int rc = object_handle_get_behind(offsetof(struct stoa_value, handle), segment, start, room,
	                                  sizeof *found, value_attach, NULL, &handle);

	if (rc)
		return rc;
	found = value_of(handle);
	if (shape && (found->type != shape->type || found->size != shape->size ||
	              (shape->type == STOA_BYTES && found->writers < writers))) {
		stoa_value_close(found);
		return -EPROTOTYPE;
	}
	*value = found;
	return 0;
}

int stoa_value_create(struct stoa_segment *segment, const char *name, const struct stoa_value_config *config,
                      struct stoa_value **value)
{
	struct object_request request = { .name = name, .kind = STOA_KIND_VALUE, .build = value_build };
	struct shape shape;
	uint32_t flags, writers;
	uint64_t room;
	void *start;
	int rc = shape_of(config, &shape, &flags, &writers);

	if (!segment || !value)
		return -EINVAL;
	if (rc)
		return rc;
	request.bytes = shape.bytes;
	request.context = &shape;
	rc = object_create_or_open(segment, &request, flags & STOA_EXCLUSIVE, &start, &room);
	return rc ? rc : value_handle(segment, start, room, &shape, shape.writers, value);
}

int stoa_value_open(struct stoa_segment *segment, const char *name, const struct stoa_value_config *expect,
                    struct stoa_value **value)
{
	struct shape shape;
	uint32_t flags, writers = 0;
	uint64_t room;
	void *start;
	int rc = expect ? shape_of(expect, &shape, &flags, &writers) : 0;

	if (!segment || !value)
		return -EINVAL;
	rc = rc ? rc : object_open(segment, name, STOA_KIND_VALUE, &start, &room);
	return rc ? rc : value_handle(segment, start, room, expect ? &shape : NULL, writers, value);
}

int stoa_value_close(struct stoa_value *value)
{
	if (!value || !object_handle_put(&value->handle))
		return 0;
	if (value->type == STOA_BYTES)
		cell_leave(&value->writer, &value->cell);
	free((void *)(uintptr_t)value->spare);
	object_handle_free(&value->handle);
	return 0;
}

int stoa_value_info(const struct stoa_value *value, struct stoa_value_config *info)
{
	struct stoa_value_config own;

	if (!value || !info)
		return -EINVAL;
	own = (struct stoa_value_config){
		.struct_size = sizeof own,
		.type = value->type,
		.size = value->size,
		.writers = value->writers,
	};
	return info_copy(info, &own, sizeof own);
}

void *stoa_value_data(struct stoa_value *value)
{
	return value && value->type != STOA_BYTES ? &value->layout->word : NULL;
}

int stoa_value_type(const struct stoa_value *value)
{
	return value ? (int)value->type : -EINVAL;
}

/* ---- the dead ---- */

static int cell_at(struct value_cell *cell, void *start, uint64_t room)
{
	return cell_view(cell, start, room) == 0;
}

int value_settle(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot)
{
	struct value_cell cell;
	uint32_t orphans;

	(void)segment;
	return cell_at(&cell, start, room) ? exchange_settle(&cell.exchange, slot, false, &orphans) : 0;
}

void value_release(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot)
{
	struct value_cell cell;

	(void)segment;
	if (cell_at(&cell, start, room))
		exchange_free(&cell.exchange, slot);
}
