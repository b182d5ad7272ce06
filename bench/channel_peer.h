/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * channel_peer.h - messages that are waited for, of one size that is known at run time: stoa's queues with
 * blocking calls, pipes, sockets and the like.
 */
#ifndef BENCH_CHANNEL_PEER_H
#define BENCH_CHANNEL_PEER_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

enum channel_can {
	CHANNEL_WAKES = 1,  /* a wait sleeps in the kernel: it belongs into the section wake */
	CHANNEL_STREAMS = 2 /* many messages at once, of any size: into the section sizes */
};

struct channel_peer {
	const char *name;
	enum bench_kind kind;
	unsigned can;
	void *(*create)(size_t size, size_t capacity);
	void (*destroy)(void *channel);
	void *(*attach)(void *channel, enum bench_role role);
	void (*detach)(void *end);
	bool (*send)(void *end, struct worker *worker);
	bool (*receive)(void *end, struct worker *worker);
	bool (*ping)(void *out, void *in, struct worker *worker);
	bool (*pong)(void *out, void *in, struct worker *worker);
};

#define CHANNEL_SYMBOL(name) BENCH_PASTE(name, channel, peer)

#ifdef __cplusplus
}
#endif

#endif
