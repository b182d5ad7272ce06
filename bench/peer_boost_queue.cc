/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_boost_queue.cc - boost::lockfree::queue of a capacity known to the compiler: its nodes are numbered,
 * not pointed at, and so it may lie in shared memory.  65,534 is the most that it numbers.
 */
#include <boost/lockfree/queue.hpp>

#include <new>

#include "message.h"

template <size_t CAPACITY> using ring = boost::lockfree::queue<message, boost::lockfree::capacity<CAPACITY>>;

enum {
	SMALL = 1024,
	LARGE = 65534
};

struct queue {
	ring<SMALL> *small;
	ring<LARGE> *large;
	void *memory;
	size_t bytes;
};

struct end {
	ring<SMALL> *small;
	ring<LARGE> *large;
};

static queue *peer_create(const queue_shape *shape)
{
	if (shape->capacity != SMALL && shape->capacity != 65536)
		return nullptr;
	size_t bytes = shape->capacity == SMALL ? sizeof(ring<SMALL>) : sizeof(ring<LARGE>);
	void *memory = bench_map(bytes);
	if (!memory)
		return nullptr;
	queue *q = new queue();
	q->memory = memory;
	q->bytes = bytes;
	if (shape->capacity == SMALL)
		q->small = new (memory) ring<SMALL>();
	else
		q->large = new (memory) ring<LARGE>();
	return q;
}

static void peer_destroy(queue *q)
{
	bench_unmap(q->memory, q->bytes);
	delete q;
}

static bool peer_attach(end *e, queue *q, bench_role)
{
	e->small = q->small;
	e->large = q->large;
	return true;
}

static void peer_detach(end *)
{
}

static inline bool peer_push(end *e, const message *m)
{
	return e->small ? e->small->bounded_push(*m) : e->large->bounded_push(*m);
}

static inline bool peer_pop(end *e, message *m)
{
	return e->small ? e->small->pop(*m) : e->large->pop(*m);
}

#define PEER_ID boost_queue
#define PEER_NAME "boost queue"
#define PEER_KIND BENCH_PEER
#define PEER_CAN (QUEUE_MPMC)
#include "queue_loops.h"
