/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue_peer.h - a queue as the sections see it: the loops of queue_loops.h, made for one
 * implementation and one size of message.
 */
#ifndef BENCH_QUEUE_PEER_H
#define BENCH_QUEUE_PEER_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

enum queue_can {
	QUEUE_SPSC = 1,
	QUEUE_MPMC = 2,
	QUEUE_BURSTS = 4,
	QUEUE_RTT_ONLY = 8, /* a mailbox: no queue, only the floor of a round trip */
	QUEUE_BROKEN = 16,  /* on purpose: with --broken only */
	QUEUE_BURSTS_ONLY = 32,
};

struct queue_shape {
	uint64_t capacity;
	unsigned senders, receivers;
	bool many; /* several at each end, or as if */
};

struct queue_peer {
	const char *name;
	enum bench_kind kind;
	unsigned can;
	size_t size; /* bytes of a message */
	/* In the parent.  NULL: not of this shape. */
	void *(*create)(const struct queue_shape *shape);
	void (*destroy)(void *queue);
	/* In the worker.  NULL: it could not. */
	void *(*attach)(void *queue, enum bench_role role);
	void (*detach)(void *end);

	bool (*send)(void *end, struct worker *worker);
	bool (*receive)(void *end, struct worker *worker);
	bool (*send_bursts)(void *end, struct worker *worker);
	bool (*receive_bursts)(void *end, struct worker *worker);
	bool (*ping)(void *out, void *in, struct worker *worker);
	bool (*pong)(void *out, void *in, struct worker *worker);
	bool (*pair)(void *out, void *in, struct worker *worker);
	bool (*pair_bursts)(void *out, void *in, struct worker *worker);
	/* Without an end, for who is killed; the second tells its progress and checks the order. */
	bool (*pour)(void *end, struct worker *worker);
	bool (*drain)(void *end, struct worker *worker);
};

#define QUEUE_SYMBOL(name, size) BENCH_PASTE(name, queue, size)

#ifdef __cplusplus
}
#endif

#endif
