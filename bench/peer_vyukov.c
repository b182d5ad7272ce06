/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_vyukov.c - the bounded MPMC queue of Dmitry Vyukov (1024cores.net, "Bounded MPMC queue"), written from
 * its description: the fastest of the simple ones, and neither lock-free nor fit for a death.
 *
 * Each cell carries a sequence beside its message.  At position p it is p when the cell is free for p, p + 1
 * when it is filled, and p + capacity when it was emptied.  A sender takes position p by a compare-and-swap
 * on the shared tail, fills the cell, and publishes it by the sequence; a receiver likewise on the head.  Who
 * stops between its compare-and-swap and its sequence blocks that cell, and with it, a lap later, everybody.
 */
#include "atomic.h"
#include "message.h"

struct cell {
	struct atom64 sequence;
	struct message message;
};

struct queue {
	struct atom64 tail __attribute__((aligned(2 * BENCH_LINE)));
	struct atom64 head __attribute__((aligned(2 * BENCH_LINE)));
	uint64_t mask __attribute__((aligned(2 * BENCH_LINE)));
	size_t bytes;
	struct cell cells[] __attribute__((aligned(2 * BENCH_LINE)));
};

struct end {
	struct queue *queue;
	uint64_t mask;
};

static struct queue *peer_create(const struct queue_shape *shape)
{
	size_t bytes = sizeof(struct queue) + shape->capacity * sizeof(struct cell);
	struct queue *queue;

	if (shape->capacity & (shape->capacity - 1) || shape->capacity < 2)
		return NULL;
	queue = bench_map(bytes);
	if (!queue)
		return NULL;
	queue->bytes = bytes;
	queue->mask = shape->capacity - 1;
	for (uint64_t i = 0; i < shape->capacity; i++)
		atom64_store_rlx(&queue->cells[i].sequence, i);
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
	end->mask = queue->mask;
	return true;
}

static void peer_detach(struct end *end)
{
	(void)end;
}

/* The cell at the position that is claimed, `ahead` past it in its sequence; NULL: full, or empty. */
static inline struct cell *claim(struct end *end, struct atom64 *shared, uint64_t ahead, uint64_t *position)
{
	uint64_t p = atom64_load_rlx(shared);

	for (;;) {
		struct cell *cell = &end->queue->cells[p & end->mask];
		int64_t difference = (int64_t)(atom64_load_acq(&cell->sequence) - (p + ahead));

		if (difference < 0)
			return NULL;
		if (difference > 0) {
			p = atom64_load_rlx(shared);
		} else if (atom64_cas_seq(shared, &p, p + 1)) {
			*position = p;
			return cell;
		}
	}
}

static inline bool peer_push(struct end *end, const struct message *message)
{
	uint64_t p;
	struct cell *cell = claim(end, &end->queue->tail, 0, &p);

	if (!cell)
		return false;
	cell->message = *message;
	atom64_store_rel(&cell->sequence, p + 1);
	return true;
}

static inline bool peer_pop(struct end *end, struct message *message)
{
	uint64_t p;
	struct cell *cell = claim(end, &end->queue->head, 1, &p);

	if (!cell)
		return false;
	*message = cell->message;
	atom64_store_rel(&cell->sequence, p + end->mask + 1);
	return true;
}

#define PEER_ID vyukov
#define PEER_NAME "Vyukov cells"
#define PEER_KIND BENCH_PEER
#define PEER_CAN QUEUE_MPMC
#include "queue_loops.h"
