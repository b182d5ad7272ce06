/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_stoa_queue.c - stoa's queues: the SPSC ring and the exchange ring, by the public calls alone.
 *
 * Compiled four times: against the shared library, as a user gets it; with STOA_INLINE, push and pop by
 * stoa/inline.h; with STOA_PACK, so many messages to a parcel; and, with STOA_LTO, together with the library's
 * sources under link-time optimization.
 */
#include <stoa.h>
#include <stoa/inline.h>

#include "message.h"

struct queue {
	struct stoa_segment *segment;
	struct stoa_queue *queue;
};

struct end {
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
};

#ifdef STOA_PACK
#define CAPACITY(messages) (((messages) + STOA_PACK - 1) / STOA_PACK) /* of full parcels, so many at the most */
#else
#define CAPACITY(messages) (messages)
#endif

static void peer_destroy(struct queue *queue);

static struct queue *peer_create(const struct queue_shape *shape)
{
	struct stoa_queue_config config = {
		.struct_size = sizeof config,
		.capacity = CAPACITY(shape->capacity),
		.message_size = SIZE,
		.senders = shape->many ? STOA_MANY : STOA_ONE,
		.receivers = shape->many ? STOA_MANY : STOA_ONE,
		.handles = shape->senders + shape->receivers,
#ifdef STOA_PACK
		.pack = STOA_PACK,
#endif
	};
	struct stoa_segment_config segment = {
		.struct_size = sizeof segment,
		.participants = shape->senders + shape->receivers + 2,
		.flags = STOA_PREFAULT,
	};
	static struct queue queues[2]; /* a round trip takes two */
	struct queue *queue = queues[0].segment ? &queues[1] : &queues[0];

	if (stoa_queue_footprint(&config, &segment.bytes) ||
	    stoa_segment_create(NULL, &segment, &queue->segment))
		return NULL;
	if (!stoa_queue_create(queue->segment, "queue", &config, &queue->queue))
		return queue;
	peer_destroy(queue);
	return NULL;
}

static void peer_destroy(struct queue *queue)
{
	stoa_queue_close(queue->queue);
	stoa_segment_close(queue->segment);
	queue->queue = NULL;
	queue->segment = NULL;
}

static bool peer_attach(struct end *end, struct queue *queue, enum bench_role role)
{
	return (role == BENCH_SENDER ? stoa_sender_open(queue->queue, &end->sender)
	                             : stoa_receiver_open(queue->queue, &end->receiver)) == 0;
}

static void peer_detach(struct end *end)
{
	stoa_sender_close(end->sender);
	stoa_receiver_close(end->receiver);
}

static inline bool peer_push(struct end *end, const struct message *message)
{
#ifdef STOA_INLINE
	return stoa_sender_push_inline(end->sender, message, SIZE) == STOA_OK;
#else
	return stoa_sender_push(end->sender, message, SIZE) == STOA_OK;
#endif
}

static inline bool peer_pop(struct end *end, struct message *message)
{
#ifdef STOA_INLINE
	return stoa_receiver_pop_inline(end->receiver, message, SIZE, NULL) == STOA_OK;
#else
	return stoa_receiver_pop(end->receiver, message, SIZE, NULL) == STOA_OK;
#endif
}

static inline size_t peer_push_many(struct end *end, const struct message *messages, size_t count)
{
	size_t done;

	stoa_sender_push_many(end->sender, messages, SIZE, count, &done);
	return done;
}

static inline size_t peer_pop_many(struct end *end, struct message *messages, size_t count)
{
	size_t done;

	stoa_receiver_pop_many(end->receiver, messages, SIZE, NULL, count, &done);
	return done;
}

#if defined(STOA_LTO)
#define PEER_ID stoa_lto
#define PEER_NAME "stoa/lto"
#elif defined(STOA_INLINE)
#define PEER_ID stoa_inline
#define PEER_NAME "stoa/inline"
#elif defined(STOA_PACK)
#define PEER_ID stoa_pack
#define PEER_NAME "stoa, pack 32"
#else
#define PEER_ID stoa
#define PEER_NAME "stoa"
#endif
#define PEER_KIND BENCH_OURS
#ifdef STOA_INLINE
#define PEER_CAN QUEUE_SPSC
#elif defined(STOA_PACK)
#define PEER_CAN (QUEUE_MPMC | QUEUE_BURSTS | QUEUE_BURSTS_ONLY)
#define PEER_BURSTS
#else
#define PEER_CAN (QUEUE_SPSC | QUEUE_MPMC | QUEUE_BURSTS)
#define PEER_BURSTS
#endif
#include "queue_loops.h"
