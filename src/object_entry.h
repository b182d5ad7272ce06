/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * object_entry.h - an entry of the directory, for object.c, which has the essay, and object_create.c.
 */
#ifndef STOA_OBJECT_ENTRY_H
#define STOA_OBJECT_ENTRY_H

#include <errno.h>
#include <string.h>

#include "atomic.h"
#include "defect.h"
#include "object.h"

static inline uint64_t entry_state(uint64_t tag, uint32_t owner, unsigned what)
{
	return tag << 24 | (uint64_t)owner << 8 | what;
}

static inline unsigned state_of(uint64_t state)
{
	return state & 0xff;
}

static inline uint32_t owner_of(uint64_t state)
{
	return state >> 8 & 0xffff;
}

static inline struct atom64 *bucket_of(const struct stoa_segment *segment, uint64_t hash)
{
	struct atom64 *buckets = (struct atom64 *)(void *)(segment->base + segment->directory_offset);

	return buckets + (hash & (segment->buckets - 1));
}

static inline struct directory_entry *entry_at(const struct stoa_segment *segment, uint32_t index)
{
	uint64_t offset = segment->directory_offset + segment->buckets * sizeof(struct atom64);

	return (struct directory_entry *)(void *)(segment->base + offset) + index;
}

/* The extent of an entry.  0; STOA_EMPTY (not cut); -EBADMSG. */
int object_extent(const struct stoa_segment *segment, uint32_t index, uint64_t *start, uint64_t *bytes);
/* Follows a chain from its head.  0 and the entry; -ENOENT; -EBADMSG. */
int object_chain_find(const struct stoa_segment *segment, uint64_t head, uint64_t hash, const char *name,
                      uint32_t *found);
/* Whether an entry is in the chain that its hash belongs to. */
bool object_is_linked(const struct stoa_segment *segment, uint32_t index);
/* What an entry that is linked has.  0; -EBADMSG. */
int object_of_entry(const struct stoa_segment *segment, uint32_t index, uint32_t *kind, void **start,
                    uint64_t *room);

#endif
