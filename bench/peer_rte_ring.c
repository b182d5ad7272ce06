/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_rte_ring.c - DPDK's rte_ring with elements of our size, in memory of our own: its environment layer is
 * not started.
 *
 * RTE_HTS chooses heads and tails that move together (RING_F_MP_HTS_ENQ), which is said to suit processors
 * that are shared.
 */
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "message.h"

struct queue {
	size_t bytes;
	struct rte_ring ring __attribute__((aligned(2 * BENCH_LINE)));
};

struct end {
	struct rte_ring *ring;
};

#if defined(RTE_HTS)
#define MANY (RING_F_MP_HTS_ENQ | RING_F_MC_HTS_DEQ)
#define PEER_ID rte_hts
#define PEER_NAME "rte_ring HTS"
#define PEER_CAN (QUEUE_MPMC | QUEUE_BURSTS)
#else
#define MANY 0
#define PEER_ID rte_ring
#define PEER_NAME "rte_ring"
#define PEER_CAN (QUEUE_SPSC | QUEUE_MPMC | QUEUE_BURSTS)
#endif

static struct queue *peer_create(const struct queue_shape *shape)
{
	ssize_t bytes = rte_ring_get_memsize_elem(SIZE, (unsigned)shape->capacity);
	unsigned flags = shape->many ? MANY : RING_F_SP_ENQ | RING_F_SC_DEQ;
	struct queue *queue;

	if (bytes < 0)
		return NULL;
	queue = bench_map(sizeof *queue + (size_t)bytes);
	if (!queue)
		return NULL;
	queue->bytes = sizeof *queue + (size_t)bytes;
	if (!rte_ring_init(&queue->ring, "bench", (unsigned)shape->capacity, flags))
		return queue;
	bench_unmap(queue, queue->bytes);
	return NULL;
}

static void peer_destroy(struct queue *queue)
{
	bench_unmap(queue, queue->bytes);
}

static bool peer_attach(struct end *end, struct queue *queue, enum bench_role role)
{
	(void)role;
	end->ring = &queue->ring;
	return true;
}

static void peer_detach(struct end *end)
{
	(void)end;
}

static inline bool peer_push(struct end *end, const struct message *message)
{
	return rte_ring_enqueue_elem(end->ring, (void *)(uintptr_t)message, SIZE) == 0;
}

static inline bool peer_pop(struct end *end, struct message *message)
{
	return rte_ring_dequeue_elem(end->ring, message, SIZE) == 0;
}

static inline size_t peer_push_many(struct end *end, const struct message *messages, size_t count)
{
	return rte_ring_enqueue_burst_elem(end->ring, messages, SIZE, (unsigned)count, NULL);
}

static inline size_t peer_pop_many(struct end *end, struct message *messages, size_t count)
{
	return rte_ring_dequeue_burst_elem(end->ring, messages, SIZE, (unsigned)count, NULL);
}

#define PEER_KIND BENCH_PEER
#define PEER_BURSTS
#include "queue_loops.h"
