/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * object_handle.c - a process has one handle per object, however often and in how many threads it opens it.
 *
 * The list hangs at the segment, under its mutex.  A handle holds a reference on the segment from when it is
 * made until object_handle_free().  Between the last object_handle_put() and the free the caller tears the
 * handle down; who opens the object meanwhile gets a new one.
 */
#include <errno.h>
#include <stdlib.h>

#include "object.h"

int object_handle_get(struct stoa_segment *segment, void *start, uint64_t room, size_t size,
                      int (*open)(struct object_handle *handle, void *context), void *context,
                      struct object_handle **handle)
{
	struct object_handle *found;
	int rc = 0;

	pthread_mutex_lock(&segment->mutex);
	for (found = segment->objects; found && found->start != start; found = found->next)
		;
	if (found && found->open != open) { /* the directory calls it another kind than it did before */
		rc = -EBADMSG;
	} else if (!found) {
		found = calloc(1, size);
		rc = found ? 0 : -ENOMEM;
		if (!rc) {
			found->segment = segment;
			found->start = start;
			found->room = room;
			found->open = open;
			rc = open(found, context);
		}
		if (!rc) {
			segment_reference(segment);
			found->next = segment->objects;
			segment->objects = found;
		} else {
			free(found);
		}
	}
	if (!rc) {
		found->users++;
		*handle = found;
	}
	pthread_mutex_unlock(&segment->mutex);
	return rc;
}

bool object_handle_put(struct object_handle *handle)
{
	struct stoa_segment *segment = handle->segment;
	struct object_handle **at = &segment->objects;
	bool last;

	pthread_mutex_lock(&segment->mutex);
	last = --handle->users == 0;
	while (last && *at && *at != handle)
		at = &(*at)->next;
	if (last && *at)
		*at = handle->next;
	pthread_mutex_unlock(&segment->mutex);
	return last;
}

void object_handle_free(struct object_handle *handle)
{
	struct stoa_segment *segment = handle->segment;

	free(handle);
	stoa_segment_close(segment);
}
