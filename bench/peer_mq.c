/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_mq.c - a POSIX message queue: ten messages, as the system allows, and often no more than 8 KiB. */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "channel_peer.h"

struct channel {
	mqd_t queue;
	size_t size;
};

struct end {
	size_t size;
	mqd_t queue;
	void *buffer;
};

static struct channel *peer_create(size_t size, size_t capacity)
{
	struct mq_attr attributes = { .mq_maxmsg = 10, .mq_msgsize = (long)size };
	struct rlimit more = { RLIM_INFINITY, RLIM_INFINITY };
	struct channel *channel = malloc(sizeof *channel);
	char name[64];

	(void)capacity;
	if (!channel)
		return NULL;
	setrlimit(RLIMIT_MSGQUEUE, &more); /* for who may */
	snprintf(name, sizeof name, "/stoa-bench-%d", (int)getpid());
	channel->size = size;
	channel->queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
	if (channel->queue != (mqd_t)-1) {
		mq_unlink(name);
		return channel;
	}
	free(channel);
	return NULL;
}

static void peer_destroy(struct channel *channel)
{
	mq_close(channel->queue);
	free(channel);
}

static bool peer_attach(struct end *end, struct channel *channel, enum bench_role role)
{
	(void)role;
	end->size = channel->size;
	end->queue = channel->queue;
	end->buffer = malloc(end->size);
	return end->buffer;
}

static void peer_detach(struct end *end)
{
	free(end->buffer);
}

static inline void *peer_begin(struct end *end)
{
	return end->buffer;
}

static inline bool peer_commit(struct end *end)
{
	return mq_send(end->queue, end->buffer, end->size, 0) == 0;
}

static inline const void *peer_take(struct end *end)
{
	return mq_receive(end->queue, end->buffer, end->size, NULL) < 0 ? NULL : end->buffer;
}

static inline void peer_done(struct end *end)
{
	(void)end;
}

#define PEER_ID mq
#define PEER_NAME "POSIX mq"
#define PEER_KIND BENCH_PEER
#define PEER_CAN (CHANNEL_WAKES | CHANNEL_STREAMS)
#include "channel_loops.h"
