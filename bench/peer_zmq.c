/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_zmq.c - ZeroMQ over ipc: PUSH and PULL, each message made and read in ZeroMQ's own memory.  Its thread
 * for the transport runs on the core of its worker.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <zmq.h>

#include "channel_peer.h"

struct channel {
	char address[64];
	size_t size;
};

struct end {
	size_t size;
	void *context, *socket;
	zmq_msg_t message;
};

static struct channel *peer_create(size_t size, size_t capacity)
{
	struct channel *channel = malloc(sizeof *channel);
	static unsigned number;

	(void)capacity;
	if (!channel)
		return NULL;
	channel->size = size;
	/* An abstract address: nothing in the file system. */
	snprintf(channel->address, sizeof channel->address, "ipc://@stoa-bench-%d-%u", (int)getpid(),
	         ++number);
	return channel;
}

static void peer_destroy(struct channel *channel)
{
	free(channel);
}

static bool peer_attach(struct end *end, struct channel *channel, enum bench_role role)
{
	bool sender = role == BENCH_SENDER;

	end->size = channel->size;
	end->context = zmq_ctx_new();
	end->socket = end->context ? zmq_socket(end->context, sender ? ZMQ_PUSH : ZMQ_PULL) : NULL;
	return end->socket && (sender ? zmq_connect(end->socket, channel->address)
	                              : zmq_bind(end->socket, channel->address)) == 0;
}

static void peer_detach(struct end *end)
{
	zmq_close(end->socket);
	zmq_ctx_term(end->context);
}

static inline void *peer_begin(struct end *end)
{
	return zmq_msg_init_size(&end->message, end->size) ? NULL : zmq_msg_data(&end->message);
}

static inline bool peer_commit(struct end *end)
{
	return zmq_msg_send(&end->message, end->socket, 0) >= 0;
}

static inline const void *peer_take(struct end *end)
{
	zmq_msg_init(&end->message);
	return zmq_msg_recv(&end->message, end->socket, 0) < 0 ? NULL : zmq_msg_data(&end->message);
}

static inline void peer_done(struct end *end)
{
	zmq_msg_close(&end->message);
}

#define PEER_ID zmq
#define PEER_NAME "ZeroMQ ipc"
#define PEER_KIND BENCH_PEER
#define PEER_CAN (CHANNEL_WAKES | CHANNEL_STREAMS)
#include "channel_loops.h"
