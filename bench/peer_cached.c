/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_cached.c - an SPSC ring that remembers the other side's index: the family of FastForward (Giacomoni et
 * al., PPoPP 2008), MCRingBuffer (Lee et al., IPDPS 2010) and B-Queue (Wang et al., 2013), in its simplest
 * member.
 *
 * Lamport's ring reads the other side's index at every operation, and so moves its line every time.  Here
 * each side keeps a private copy, and reads the line again only when the copy says full, or empty.
 *
 * With BROKEN it loses a message now and then: for --broken, which shows that the bench would notice.
 */
#include "atomic.h"
#include "message.h"

struct queue {
	struct atom64 tail __attribute__((aligned(2 * BENCH_LINE)));
	struct atom64 head __attribute__((aligned(2 * BENCH_LINE)));
	uint64_t capacity __attribute__((aligned(2 * BENCH_LINE)));
	size_t bytes;
	struct message messages[] __attribute__((aligned(2 * BENCH_LINE)));
};

struct end {
	struct queue *queue;
	uint64_t capacity, mask;
	uint64_t mine, theirs;
};

static struct queue *peer_create(const struct queue_shape *shape)
{
	size_t bytes = sizeof(struct queue) + shape->capacity * sizeof(struct message);
	struct queue *queue;

	if (shape->many || shape->capacity & (shape->capacity - 1))
		return NULL;
	queue = bench_map(bytes);
	if (!queue)
		return NULL;
	queue->bytes = bytes;
	queue->capacity = shape->capacity;
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
	end->capacity = queue->capacity;
	end->mask = queue->capacity - 1;
	return true;
}

static void peer_detach(struct end *end)
{
	(void)end;
}

/* How many of `wanted` places are free. */
static inline uint64_t room(struct end *end, uint64_t wanted)
{
	uint64_t free = end->capacity - (end->mine - end->theirs);

	if (BENCH_UNLIKELY(free < wanted)) {
		end->theirs = atom64_load_acq(&end->queue->head);
		free = end->capacity - (end->mine - end->theirs);
	}
	return free < wanted ? free : wanted;
}

static inline uint64_t filled(struct end *end, uint64_t wanted)
{
	uint64_t full = end->theirs - end->mine;

	if (BENCH_UNLIKELY(full < wanted)) {
		end->theirs = atom64_load_acq(&end->queue->tail);
		full = end->theirs - end->mine;
	}
	return full < wanted ? full : wanted;
}

static inline bool peer_push(struct end *end, const struct message *message)
{
	if (!room(end, 1))
		return false;
#ifdef BROKEN
	if (message->word[0] % 1000 == 999)
		return true;
#endif
	end->queue->messages[end->mine & end->mask] = *message;
	atom64_store_rel(&end->queue->tail, ++end->mine);
	return true;
}

static inline bool peer_pop(struct end *end, struct message *message)
{
	if (!filled(end, 1))
		return false;
	*message = end->queue->messages[end->mine & end->mask];
	atom64_store_rel(&end->queue->head, ++end->mine);
	return true;
}

/* Two parts, where they go around the end. */
static inline size_t before_wrap(const struct end *end, size_t count)
{
	size_t rest = end->capacity - (end->mine & end->mask);

	return count < rest ? count : rest;
}

static inline size_t peer_push_many(struct end *end, const struct message *messages, size_t count)
{
	size_t first;

	count = room(end, count);
	if (!count)
		return 0;
	first = before_wrap(end, count);
	memcpy(&end->queue->messages[end->mine & end->mask], messages, first * sizeof *messages);
	memcpy(end->queue->messages, messages + first, (count - first) * sizeof *messages);
	end->mine += count;
	atom64_store_rel(&end->queue->tail, end->mine);
	return count;
}

static inline size_t peer_pop_many(struct end *end, struct message *messages, size_t count)
{
	size_t first;

	count = filled(end, count);
	if (!count)
		return 0;
	first = before_wrap(end, count);
	memcpy(messages, &end->queue->messages[end->mine & end->mask], first * sizeof *messages);
	memcpy(messages + first, end->queue->messages, (count - first) * sizeof *messages);
	end->mine += count;
	atom64_store_rel(&end->queue->head, end->mine);
	return count;
}

#ifdef BROKEN
#define PEER_ID broken
#define PEER_NAME "broken ring"
#define PEER_CAN (QUEUE_SPSC | QUEUE_BROKEN)
#else
#define PEER_ID cached
#define PEER_NAME "cached-index ring"
#define PEER_CAN (QUEUE_SPSC | QUEUE_BURSTS)
#endif
#define PEER_KIND BENCH_PEER
#define PEER_BURSTS
#include "queue_loops.h"
