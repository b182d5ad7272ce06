/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * reap.c - what the dead held in every object: the one place that knows all kinds.
 *
 * participant.c decides who is dead and when which step is allowed; here each object of the segment is
 * asked to do its part of the step.  An object that is corrupt holds nothing that could be settled, and
 * does not keep the others from being settled.
 */
#include <errno.h>

#include "object.h"
#include "participant.h"
#include "queue.h"
#include "segment.h"
#include "sync.h"
#include "value.h"

int reap_settle(struct stoa_segment *segment, uint32_t slot)
{
	uint32_t kind;
	uint64_t room;
	void *start;
	int rc, worst = 0;

	object_reap(segment, slot);
	for (uint32_t i = 0; (rc = object_at(segment, i, &kind, &start, &room)) != -ENOENT; i++) {
		if (rc)
			continue;
		if (kind == STOA_KIND_VALUE)
			rc = value_settle(segment, start, room, slot);
		else if (kind == STOA_KIND_ARRAY)
			rc = array_settle(segment, start, room, slot);
		else if (kind == STOA_KIND_QUEUE)
			rc = queue_settle(segment, start, room, slot);
		else if (kind == STOA_KIND_SEMAPHORE || kind == STOA_KIND_BARRIER || kind == STOA_KIND_LOCK)
			sync_settle(start, room, slot);
		if (rc < 0 && rc != -EBADMSG)
			worst = rc;
	}
	return worst;
}

void reap_release(struct stoa_segment *segment, uint32_t slot)
{
	uint32_t kind;
	uint64_t room;
	void *start;
	int rc;

	for (uint32_t i = 0; (rc = object_at(segment, i, &kind, &start, &room)) != -ENOENT; i++) {
		if (rc)
			continue;
		if (kind == STOA_KIND_VALUE)
			value_release(segment, start, room, slot);
		else if (kind == STOA_KIND_ARRAY)
			array_release(segment, start, room, slot);
		else if (kind == STOA_KIND_QUEUE)
			queue_release(segment, start, room, slot);
	}
}
