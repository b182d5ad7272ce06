/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_mutex_queue.c - a ring under a process-shared pthread mutex: what one writes who writes it in an
 * afternoon.
 *
 * With ROBUST the mutex is a robust one, and who finds its owner dead declares the state consistent: a
 * message that was half-way is lost or comes twice.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "message.h"

struct queue {
	pthread_mutex_t mutex __attribute__((aligned(2 * BENCH_LINE)));
	uint64_t head, tail, mask;
	size_t bytes;
	struct message messages[] __attribute__((aligned(2 * BENCH_LINE)));
};

struct end {
	struct queue *queue;
};

static struct queue *peer_create(const struct queue_shape *shape)
{
	size_t bytes = sizeof(struct queue) + shape->capacity * sizeof(struct message);
	pthread_mutexattr_t attributes;
	struct queue *queue;

	if (shape->capacity & (shape->capacity - 1))
		return NULL;
	queue = bench_map(bytes);
	if (!queue)
		return NULL;
	queue->bytes = bytes;
	queue->mask = shape->capacity - 1;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
#ifdef ROBUST
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
#endif
	pthread_mutex_init(&queue->mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
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
	return true;
}

static void peer_detach(struct end *end)
{
	(void)end;
}

static inline void lock(struct queue *queue)
{
	if (pthread_mutex_lock(&queue->mutex) == EOWNERDEAD)
		pthread_mutex_consistent(&queue->mutex);
}

static inline size_t peer_push_many(struct end *end, const struct message *messages, size_t count)
{
	struct queue *queue = end->queue;
	size_t done = 0;

	lock(queue);
	while (done < count && queue->tail - queue->head <= queue->mask) {
		queue->messages[queue->tail & queue->mask] = messages[done++];
		queue->tail++;
	}
	pthread_mutex_unlock(&queue->mutex);
	return done;
}

static inline size_t peer_pop_many(struct end *end, struct message *messages, size_t count)
{
	struct queue *queue = end->queue;
	size_t done = 0;

	lock(queue);
	while (done < count && queue->tail != queue->head) {
		messages[done++] = queue->messages[queue->head & queue->mask];
		queue->head++;
	}
	pthread_mutex_unlock(&queue->mutex);
	return done;
}

static inline bool peer_push(struct end *end, const struct message *message)
{
	return peer_push_many(end, message, 1);
}

static inline bool peer_pop(struct end *end, struct message *message)
{
	return peer_pop_many(end, message, 1);
}

#ifdef ROBUST
#define PEER_ID robust_mutex
#define PEER_NAME "robust mutex ring"
#else
#define PEER_ID mutex
#define PEER_NAME "mutex ring"
#endif
#define PEER_KIND BENCH_PEER
#define PEER_CAN (QUEUE_MPMC | QUEUE_BURSTS)
#define PEER_BURSTS
#include "queue_loops.h"
