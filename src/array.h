/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * array.h - an array's handle.
 */
#ifndef STOA_ARRAY_INTERNAL_H
#define STOA_ARRAY_INTERNAL_H

#include "atomic.h" /* what stoa/inline_number.h takes in place of the compiler's atomics */

#include <stdbool.h>

#include <stoa/array.h>
#include <stoa/inline_number.h>

#include "object.h"
#include "scalar.h"
#include "value.h"

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

static inline bool has_ranges(const struct stoa_array *array)
{
	return !array->data;
}

#endif
