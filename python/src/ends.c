/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * ends.c - pools of senders and receivers; see ends.h.
 */
#include "ends.h"

#include <errno.h>
#include <stdlib.h>

#define SPIN_FIRST_NS 20000

static bool idle_put(struct idle *idle, void *end)
{
	if (idle->count == idle->room) {
		uint32_t room = idle->room ? 2 * idle->room : 4;
		void **ends = realloc(idle->ends, room * sizeof *ends);

		if (!ends)
			return false;
		idle->ends = ends;
		idle->room = room;
	}
	idle->ends[idle->count++] = end;
	return true;
}

struct ring *ring_new(struct stoa_segment *segment, struct stoa_queue *queue, uint32_t number)
{
	struct ring *ring = calloc(1, sizeof *ring);

	if (!ring) {
		stoa_queue_close(queue);
		stoa_segment_close(segment);
		return NULL;
	}
	*ring = (struct ring){
		.segment = segment,
		.queue = queue,
		.number = number,
		.users = 1,
		.spin_ns = SPIN_FIRST_NS,
	};
	return ring;
}

struct ring *ring_use(struct ring *ring)
{
	ring->users++;
	return ring;
}

void ring_leave(struct ring *ring)
{
	if (!ring || --ring->users)
		return;
	while (ring->senders.count)
		stoa_sender_close(ring->senders.ends[--ring->senders.count]);
	while (ring->receivers.count)
		stoa_receiver_close(ring->receivers.ends[--ring->receivers.count]);
	free(ring->senders.ends);
	free(ring->receivers.ends);
	stoa_queue_close(ring->queue);
	stoa_segment_close(ring->segment);
	free(ring);
}

int ring_sender(struct ring *ring, struct stoa_sender **sender)
{
	if (ring->senders.count) {
		*sender = ring->senders.ends[--ring->senders.count];
		return 0;
	}
	return stoa_sender_open(ring->queue, sender);
}

int ring_receiver(struct ring *ring, struct stoa_receiver **receiver)
{
	if (ring->receivers.count) {
		*receiver = ring->receivers.ends[--ring->receivers.count];
		return 0;
	}
	return stoa_receiver_open(ring->queue, receiver);
}

void ring_put_sender(struct ring *ring, struct stoa_sender *sender)
{
	if (!idle_put(&ring->senders, sender))
		stoa_sender_close(sender);
}

void ring_put_receiver(struct ring *ring, struct stoa_receiver *receiver)
{
	if (!idle_put(&ring->receivers, receiver))
		stoa_receiver_close(receiver);
}
