/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * value.h - a value's handle, and what the reaper asks of values and arrays.
 */
#ifndef STOA_VALUE_INTERNAL_H
#define STOA_VALUE_INTERNAL_H

#include <stoa/value.h>

#include "object.h"
#include "value_cell.h"

/* One per process and value. */
struct stoa_value {
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
