/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_boost_mq.cc - boost::interprocess::message_queue: a heap under a mutex and condition variables. */
#include <boost/interprocess/ipc/message_queue.hpp>

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

#include "channel_peer.h"

namespace ipc = boost::interprocess;

struct channel {
	ipc::message_queue *queue;
	size_t size;
};

struct end {
	size_t size;
	ipc::message_queue *queue;
	void *buffer;
};

static channel *peer_create(size_t size, size_t capacity)
{
	char name[64];

	snprintf(name, sizeof name, "stoa-bench-%d", static_cast<int>(getpid()));
	try {
		channel *c = new channel();

		c->size = size;
		c->queue = new ipc::message_queue(ipc::create_only, name, capacity, size);
		ipc::message_queue::remove(name); /* the mapping stays */
		return c;
	} catch (...) {
		ipc::message_queue::remove(name);
		return nullptr;
	}
}

static void peer_destroy(channel *c)
{
	delete c->queue;
	delete c;
}

static bool peer_attach(end *e, channel *c, bench_role)
{
	e->size = c->size;
	e->queue = c->queue;
	e->buffer = malloc(c->size);
	return e->buffer != nullptr;
}

static void peer_detach(end *e)
{
	free(e->buffer);
}

static inline void *peer_begin(end *e)
{
	return e->buffer;
}

static inline bool peer_commit(end *e)
{
	e->queue->send(e->buffer, e->size, 0);
	return true;
}

static inline const void *peer_take(end *e)
{
	ipc::message_queue::size_type size;
	unsigned priority;

	e->queue->receive(e->buffer, e->size, size, priority);
	return e->buffer;
}

static inline void peer_done(end *)
{
}

#define PEER_ID boost_mq
#define PEER_NAME "boost message_queue"
#define PEER_KIND BENCH_PEER
#define PEER_CAN (CHANNEL_WAKES | CHANNEL_STREAMS)
#include "channel_loops.h"
