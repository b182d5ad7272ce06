/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * value.h - a value's handle, and what the reaper asks of values and arrays.
 */
#ifndef STOA_VALUE_INTERNAL_H
#define STOA_VALUE_INTERNAL_H

#include "atomic.h" /* what stoa/inline_number.h takes in place of the compiler's atomics */

#include <stddef.h>

#include <stoa/inline_number.h>

#include "object.h"
#include "value_cell.h"

/* One per process and value. */
struct stoa_value {
	struct stoa_hot_number hot; /* first */
	struct object_handle handle;
	struct value_layout *layout;
	uint32_t type;
	uint32_t writers; /* of structs; 0 for numbers */
	uint64_t size;
	/* structs */
	struct value_cell cell;
	struct cell_writer writer;
	uint64_t spare; /* address of a private copy's memory that nobody uses, or 0: update() */
};

static inline struct stoa_value *value_of(struct object_handle *handle)
{
	return (struct stoa_value *)(void *)((uint8_t *)handle - offsetof(struct stoa_value, handle));
}

/* What may go the short way with numbers of this type at `at`. */
void number_open(struct stoa_hot_number *hot, uint32_t type, void *at, bool read_only);

/*
 * Settles what the dead owner of a participant's slot held in the object at `start`, and, later,
 * frees its handles: see reap_settle() and reap_release().
 * 0, also where there is nothing to settle or the object is corrupt beyond settling; -ENOMEM;
 * -EAGAIN.
 */
int value_settle(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot);
void value_release(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot);
int array_settle(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot);
void array_release(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot);

#endif
