/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_ck_ring.c - Concurrency Kit's ring, single and many: the type-safe interface, whose payload lies in
 * the ring.
 *
 * It holds a message less than its size.
 */
#include <ck_ring.h>

#include "message.h"

CK_RING_PROTOTYPE(message, message)

struct queue {
	struct ck_ring ring;
	size_t bytes;
	bool many;
	struct message messages[] __attribute__((aligned(2 * BENCH_LINE)));
};

struct end {
	struct queue *queue;
	bool many;
};

static struct queue *peer_create(const struct queue_shape *shape)
{
	size_t bytes = sizeof(struct queue) + shape->capacity * sizeof(struct message);
	struct queue *queue;

	if (shape->capacity & (shape->capacity - 1) || shape->capacity < 4)
		return NULL;
	queue = bench_map(bytes);
	if (!queue)
		return NULL;
	queue->bytes = bytes;
	queue->many = shape->many;
	ck_ring_init(&queue->ring, (unsigned)shape->capacity);
	return queue;
}

static void peer_destroy(struct queue *queue)
{
	bench_unmap(queue, queue->bytes);
}

static bool peer_attach(struct end *end, struct queue *queue, enum bench_role role)
{
	(void)role;
	end->queue = queue;
	end->many = queue->many;
	return true;
}

static void peer_detach(struct end *end)
{
	(void)end;
}

static inline bool peer_push(struct end *end, const struct message *message)
{
	struct queue *queue = end->queue;
	struct message *from = (struct message *)(uintptr_t)
		message; /* it asks for no const, but reads only */

	return end->many ? ck_ring_enqueue_mpmc_message(&queue->ring, queue->messages, from)
	                 : ck_ring_enqueue_spsc_message(&queue->ring, queue->messages, from);
}

static inline bool peer_pop(struct end *end, struct message *message)
{
	struct queue *queue = end->queue;

	return end->many ? ck_ring_dequeue_mpmc_message(&queue->ring, queue->messages, message)
	                 : ck_ring_dequeue_spsc_message(&queue->ring, queue->messages, message);
}

#define PEER_ID ck_ring
#define PEER_NAME "ck_ring"
#define PEER_KIND BENCH_PEER
#define PEER_CAN (QUEUE_SPSC | QUEUE_MPMC)
#include "queue_loops.h"
