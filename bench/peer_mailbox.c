/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_mailbox.c - no queue: one word in a line of its own.  Two of them there and back are the floor of a
 * round trip: no protocol between two cores can do with less than the transfer of a line each way.
 */
#include "atomic.h"
#include "message.h"

struct queue {
	struct atom64 word;
};

struct end {
	struct queue *queue;
	uint64_t seen;
};

static struct queue *peer_create(const struct queue_shape *shape)
{
	(void)shape;
	return bench_map(sizeof(struct queue));
}

static void peer_destroy(struct queue *queue)
{
	bench_unmap(queue, sizeof *queue);
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

static inline bool peer_push(struct end *end, const struct message *message)
{
	atom64_store_rel(&end->queue->word, message->word[0]);
	return true;
}

static inline bool peer_pop(struct end *end, struct message *message)
{
	uint64_t word = atom64_load_acq(&end->queue->word);

	if (word == end->seen)
		return false;
	end->seen = word;
	message_fill(message, word);
	return true;
}

#define PEER_ID mailbox
#define PEER_NAME "floor: two lines"
#define PEER_KIND BENCH_FLOOR
#define PEER_CAN QUEUE_RTT_ONLY
#include "queue_loops.h"
