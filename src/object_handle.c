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

static void handle_free(struct object_handle *handle)
{
	free((uint8_t *)handle - handle->before);
}

/* Under the segment's mutex: a new handle, in the list. */
static int handle_new(const struct object_handle *wanted, size_t size, void *context,
                      struct object_handle **handle)
{
	struct stoa_segment *segment = wanted->segment;
	uint8_t *bytes = calloc(1, size);
	struct object_handle *new;
	int rc;

	if (!bytes)
		return -ENOMEM;
	new = (struct object_handle *)(void *)(bytes + wanted->before);
	*new = *wanted;
	rc = new->open(new, context);
	if (rc) {
		handle_free(new);
		return rc;
	}
	segment_reference(segment);
	new->next = segment->objects;
	segment->objects = new;
	*handle = new;
	return 0;
}

int object_handle_get_behind(size_t before, struct stoa_segment *segment, void *start, uint64_t room,
                             size_t size, int (*open)(struct object_handle *handle, void *context),
                             void *context, struct object_handle **handle)
{
	const struct object_handle wanted = {
		.segment = segment,
		.start = start,
		.room = room,
		.open = open,
		.before = before,
	};
	struct object_handle *found;
	int rc = 0;

	pthread_mutex_lock(&segment->mutex);
	for (found = segment->objects; found && found->start != start; found = found->next)
		;
	if (!found)
		rc = handle_new(&wanted, size, context, &found);
	else if (found->open != open) /* the directory calls it another kind than it did before */
		rc = -EBADMSG;
	if (!rc) {
		found->users++;
		*handle = found;
	}
	pthread_mutex_unlock(&segment->mutex);
	return rc;
}

int object_handle_get(struct stoa_segment *segment, void *start, uint64_t room, size_t size,
                      int (*open)(struct object_handle *handle, void *context), void *context,
                      struct object_handle **handle)
{
	return object_handle_get_behind(0, segment, start, room, size, open, context, handle);
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

	handle_free(handle);
	stoa_segment_close(segment);
}
