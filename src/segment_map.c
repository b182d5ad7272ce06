/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * segment_map.c - a segment's mapping, and the struct that this process has for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "segment_file.h"

struct segment_header *segment_header(const struct stoa_segment *segment)
{
	return (struct segment_header *)(void *)segment->base;
}

struct participant_record *segment_participant(const struct stoa_segment *segment, uint32_t slot)
{
	return (struct participant_record *)(void *)(segment->base + segment->participants_offset) + slot;
}

void *segment_at(const struct stoa_segment *segment, uint64_t offset, uint64_t bytes)
{
	if (offset % STOA_LINE || offset < segment->heap_offset || offset > segment->bytes ||
	    bytes > segment->bytes - offset)
		return NULL;
	return segment->base + offset;
}

void segment_reference(struct stoa_segment *segment)
{
	atom32_add_seq(&segment->references, 1);
}

void segment_mutexes_init(struct stoa_segment *segment)
{
	pthread_mutex_init(&segment->reaping, NULL);
	pthread_mutex_init(&segment->creating, NULL);
}

void segment_free(struct stoa_segment *segment)
{
	pthread_mutex_destroy(&segment->mutex);
	pthread_mutex_destroy(&segment->joining);
	pthread_mutex_destroy(&segment->reaping);
	pthread_mutex_destroy(&segment->creating);
	if (segment->base)
		os_unmap(segment->base, segment->bytes);
	if (segment->lock_fd >= 0)
		os_close(segment->lock_fd);
	os_close(segment->fd);
	free(segment->path);
	free(segment);
}

int segment_keep_in_memory(struct stoa_segment *segment, unsigned flags)
{
	return flags & STOA_MLOCK ? os_lock_memory(segment->base, segment->bytes) : 0;
}

/* All but what may fail. */
static void describe(struct stoa_segment *segment, int fd, const struct segment_shape *shape,
                     const struct os_file *file, bool read_only)
{
	pthread_mutex_init(&segment->mutex, NULL);
	pthread_mutex_init(&segment->joining, NULL);
	segment_mutexes_init(segment);
	segment->fd = fd;
	segment->device = file->device;
	segment->inode = file->inode;
	segment->lock_fd = -1;
	segment->bytes = shape->total_bytes;
	segment->read_only = read_only;
	segment->flags = shape->flags;
	segment->participants_offset = shape->participants_offset;
	segment->directory_offset = shape->directory_offset;
	segment->heap_offset = shape->heap_offset;
	segment->participants = shape->participants;
	segment->buckets = shape->buckets;
	segment->entries = shape->entries;
	segment->created_ns = shape->created_ns;
	memcpy(segment->id, shape->id, sizeof segment->id);
	atom32_store_rlx(&segment->references, 1); /* relaxed: nobody else knows it */
}

int segment_map(int fd, const struct segment_shape *shape, const struct os_file *file, unsigned flags,
                const char *path, struct stoa_segment **made)
{
	struct stoa_segment *segment = calloc(1, sizeof *segment);
	void *base;
	int rc;

	if (!segment) {
		os_close(fd);
		return -ENOMEM;
	}
	describe(segment, fd, shape, file, flags & STOA_READ_ONLY);
	segment->path = path ? strdup(path) : NULL;
	rc = path && !segment->path ? -ENOMEM : 0;
	if (!rc)
		rc = os_map(fd, segment->bytes, segment->read_only, flags & STOA_PREFAULT, &base);
	if (!rc) {
		segment->base = base;
		if (segment->flags & STOA_HUGE)
			os_advise_huge(base, segment->bytes);
		rc = segment_keep_in_memory(segment, flags);
	}
	if (rc)
		segment_free(segment);
	else
		*made = segment;
	return rc;
}
