/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * create.c - stoa create: a segment, and an object in it.
 *
 * As in the library, to create is to open what is there already, if it has the same kind and shape.
 */
#include "create.h"

#include <errno.h>
#include <stdlib.h>

#include "gather.h"
#include "target.h"

/* ---- creating ---- */

static int footprint(const struct wish *wish, uint64_t *bytes)
{
	switch (wish->kind) {
	case STOA_KIND_VALUE:
		return stoa_value_footprint(&wish->value, bytes);
	case STOA_KIND_ARRAY:
		return stoa_array_footprint(&wish->array, bytes);
	case STOA_KIND_QUEUE:
		return stoa_queue_footprint(&wish->queue, bytes);
	case STOA_KIND_BARRIER:
		return stoa_barrier_footprint(&wish->barrier, bytes);
	default:
		*bytes = 0; /* fits anyway */
		return 0;
	}
}

/*
 * What is there is taken as it is, unless something was asked of it; a new one has room for the object, and is
 * `*made` by us.
 */
static int create_segment(struct wish *wish, struct stoa_segment **segment, bool *made)
{
	uint64_t bytes = 0;
	int rc = footprint(wish, &bytes);

	*made = false;
	if (rc)
		return rc;
	if (!wish->shaped && !(wish->exclusive && !wish->kind) &&
	    (rc = stoa_segment_open(wish->name, 0, segment)) != -ENOENT)
		return rc;
	if (!wish->segment.bytes && bytes > 1 << 19)
		wish->segment.bytes = bytes + (1 << 19); /* and some for others */
	wish->segment.flags |= STOA_EXCLUSIVE;
	rc = stoa_segment_create(wish->name, &wish->segment, segment);
	*made = rc == 0;
	if (rc != -EEXIST || (wish->exclusive && !wish->kind))
		return rc;
	wish->segment.flags &= ~(uint32_t)STOA_EXCLUSIVE;
	return stoa_segment_create(wish->name, &wish->segment, segment);
}

/* What was made for an object that cannot be goes again, unless others have come meanwhile. */
static void unmake_segment(const struct wish *wish, const struct stoa_segment *segment)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };

	if (stoa_segment_info(segment, &info) == 0 && info.participants_alive == 1 && !info.objects_published)
		stoa_segment_unlink(wish->name);
}

static int create_object(struct wish *wish, struct stoa_segment *segment)
{
	uint32_t flags = wish->exclusive ? STOA_EXCLUSIVE : 0;
	struct stoa_value *value = NULL;
	struct stoa_array *array = NULL;
	struct stoa_queue *queue = NULL;
	struct stoa_semaphore *semaphore = NULL;
	struct stoa_event *event = NULL;
	struct stoa_barrier *barrier = NULL;
	struct stoa_lock *lock = NULL;
	int rc;

	switch (wish->kind) {
	case STOA_KIND_VALUE:
		wish->value.flags |= flags;
		rc = stoa_value_create(segment, wish->object, &wish->value, &value);
		stoa_value_close(value);
		return rc;
	case STOA_KIND_ARRAY:
		wish->array.flags |= flags;
		rc = stoa_array_create(segment, wish->object, &wish->array, &array);
		stoa_array_close(array);
		return rc;
	case STOA_KIND_QUEUE:
		wish->queue.flags |= flags;
		rc = stoa_queue_create(segment, wish->object, &wish->queue, &queue);
		stoa_queue_close(queue);
		return rc;
	case STOA_KIND_SEMAPHORE:
		wish->semaphore.flags |= flags;
		rc = stoa_semaphore_create(segment, wish->object, &wish->semaphore, &semaphore);
		stoa_semaphore_close(semaphore);
		return rc;
	case STOA_KIND_EVENT:
		wish->event.flags |= flags;
		rc = stoa_event_create(segment, wish->object, &wish->event, &event);
		stoa_event_close(event);
		return rc;
	case STOA_KIND_BARRIER:
		wish->barrier.flags |= flags;
		rc = stoa_barrier_create(segment, wish->object, &wish->barrier, &barrier);
		stoa_barrier_close(barrier);
		return rc;
	default:
		wish->lock.flags |= flags;
		rc = stoa_lock_create(segment, wish->object, &wish->lock, &lock);
		stoa_lock_close(lock);
		return rc;
	}
}

static int complain_create(const char *what, int rc)
{
	if (rc == -EPROTOTYPE)
		return complain(what, "it is there already, and is smaller or of another kind or shape");
	if (rc == -EINVAL)
		return complain(what, "there can be nothing of that name, or of that shape");
	return complain_write(what, rc);
}

static int create(struct wish *wish)
{
	struct stoa_segment *segment;
	bool made;
	int rc = create_segment(wish, &segment, &made);

	if (rc)
		return complain_create(wish->name, rc);
	if (wish->kind) {
		rc = create_object(wish, segment);
		if (rc)
			complain_create(wish->object, rc);
		if (rc && made)
			unmake_segment(wish, segment);
	}
	stoa_segment_close(segment);
	return rc ? STATUS_FAILURE : STATUS_OK;
}

/* ---- the command ---- */

static int run(const struct command *command, int argc, char **argv)
{
	struct wish wish = { 0 };
	int status = wish_of(command, argc, argv, &wish);

	if (status < 0)
		status = create(&wish);
	free(wish.first);
	return status;
}

/* clang-format off */
const struct command command_create = {
	.name = "create",
	.operands = "[OPTION ...] NAME [KIND OBJECT]",
	.summary = "Creates a segment, and a value, an array, a queue ... in it",
	.help =
		"What is there already stays as it is, if it has the same kind and shape.  A new segment has room for\n"
		"1 MiB of objects, or for the OBJECT and half a MiB.  Numbers may end in K, M or G.\n"
		"\n"
		"  --exclusive              it is a failure if it is there already\n"
		"  --bytes N                room for objects, at least\n"
		"  --participants N         processes at once, at most; 128 by default\n"
		"  --objects N              objects, at most\n"
		"  --mode MODE              permissions of a new segment; 0600 by default\n"
		"\n"
		"value:\n"
		"  --type TYPE              i8 to i64, u8 to u64, f32, f64, bool, bytes; i64 by default\n"
		"  --size N                 bytes of a struct\n"
		"  --writers N              of a struct: processes that write at once; 8 by default\n"
		"  --initial VALUE          what it is at first; zero by default\n"
		"array:\n"
		"  --count N                elements\n"
		"  --type TYPE              as of a value, but no bytes\n"
		"  --atomic-ranges          a range is written, and read, in one step; with --writers\n"
		"queue:\n"
		"  --capacity N             messages; 1,024 by default\n"
		"  --message-size N         bytes of the largest message; 64 by default\n"
		"  --senders one|many       how many senders at a time; many by default\n"
		"  --receivers one|many     likewise\n"
		"  --handles N              senders and receivers at once, at most; 64 by default\n"
		"  --holds N                messages that one of them may hold; 4 by default\n"
		"  --pack N                 messages that go together where they are sent so; 1 by default\n"
		"  --discard                what a dead receiver held is dropped, not delivered again\n"
		"  --close-with-senders     it is shut down when the last sender has gone\n"
		"semaphore, event, barrier, lock:\n"
		"  --initial N              permits that are free at first; 1: an event that is set\n"
		"  --maximum N              permits, at most\n"
		"  --permits-return         those of a dead process come back\n"
		"  --parties N              who meet at a barrier\n"
		"\n"
		"  --help                   this text\n",
	.run = run,
};
/* clang-format on */
