/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_boost_spsc.cc - boost::lockfree::spsc_queue of a capacity known to the compiler, which lies in one
 * piece and so may lie in shared memory.
 */
#include <boost/lockfree/spsc_queue.hpp>

#include <new>

#include "message.h"

template <size_t CAPACITY>
using ring = boost::lockfree::spsc_queue<message, boost::lockfree::capacity<CAPACITY>>;

enum {
	SMALL = 1024,
	LARGE = 65536
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
	if (shape->many || (shape->capacity != SMALL && shape->capacity != LARGE))
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
	return e->small ? e->small->push(*m) : e->large->push(*m);
}

static inline bool peer_pop(end *e, message *m)
{
	return e->small ? e->small->pop(*m) : e->large->pop(*m);
}

static inline size_t peer_push_many(end *e, const message *m, size_t count)
{
	return e->small ? e->small->push(m, count) : e->large->push(m, count);
}

static inline size_t peer_pop_many(end *e, message *m, size_t count)
{
	return e->small ? e->small->pop(m, count) : e->large->pop(m, count);
}

#define PEER_ID boost_spsc
#define PEER_NAME "boost spsc_queue"
#define PEER_KIND BENCH_PEER
#define PEER_CAN (QUEUE_SPSC | QUEUE_BURSTS)
#define PEER_BURSTS
#include "queue_loops.h"
