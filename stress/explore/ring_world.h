/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * ring_world.h - an SPSC ring in a scenario's memory, and what reports call its words.
 */
#ifndef STOA_EXPLORE_RING_WORLD_H
#define STOA_EXPLORE_RING_WORLD_H

#include <string.h>

#include <stoa/queue.h>

#include "explore.h"
#include "ring.h"

static inline void ring_world_make(struct ring *ring, const struct stoa_queue_config *config, uint8_t *memory,
                                   size_t room)
{
	struct ring_object *object = (struct ring_object *)(void *)memory;
	struct queue_layout *queue = &object->queue;
	struct ring_layout plan;
	uint64_t bytes;

	explore_check(ring_plan(config, sizeof *queue, &plan, &bytes) == 0 && bytes <= room, "no room");
	object->ring = plan;
	ring_view(ring, config, memory, &object->ring, &plan);
	ring_format(ring);
	explore_name(&queue->closing, 8, 1, "closing");
	explore_name(&queue->readable, 4, 1, "readable");
	explore_name(&queue->writable, 4, 1, "writable");
	explore_name(&ring->shared->tail, 8, 1, "tail");
	explore_name(&ring->shared->sizes_vary, 8, 1, "sizes_vary");
	explore_name(&ring->shared->released, 8, 1, "released");
	explore_name(&ring->shared->taken, 8, 1, "taken");
	explore_name(&ring->shared->verdict, 8, 1, "verdict");
	explore_name(ring->marks, 4, ring->capacity, "marks");
	explore_name(ring->sizes, ring->blocks ? 8 : 4, ring->capacity, "sizes");
	explore_name(ring->payload, ring->stride, ring->capacity + ring->blocks, "payload");
}

/* As close_with() in queue_roles.c. */
static inline void ring_world_drain(struct queue_layout *queue)
{
	event_close_short_way(&queue->readable);
	event_close_short_way(&queue->writable);
	atom64_store_seq(&queue->closing, STOA_DRAIN);
}

#endif
