/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_stoa_channel.c - stoa's queue between one sender and one receiver, with the calls that wait: copied,
 * and with STOA_IN_PLACE written and read where it lies.
 */
#include <stdlib.h>

#include <stoa.h>

#include "channel_peer.h"

struct channel {
	struct stoa_segment *segment;
	struct stoa_queue *queue;
	size_t size;
};

struct end {
	size_t size;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	void *buffer;
	struct stoa_message message;
};

static struct channel *peer_create(size_t size, size_t capacity)
{
	struct stoa_queue_config config = {
		.struct_size = sizeof config,
		.capacity = capacity,
		.message_size = size,
		.senders = STOA_ONE,
		.receivers = STOA_ONE,
		.handles = 2,
	};
	struct stoa_segment_config segment = { .struct_size = sizeof segment, .flags = STOA_PREFAULT };
	static struct channel channels[2];
	struct channel *channel = channels[0].segment ? &channels[1] : &channels[0];

	channel->size = size;
	if (stoa_queue_footprint(&config, &segment.bytes) ||
	    stoa_segment_create(NULL, &segment, &channel->segment))
		return NULL;
	if (!stoa_queue_create(channel->segment, "queue", &config, &channel->queue))
		return channel;
	stoa_segment_close(channel->segment);
	channel->segment = NULL;
	return NULL;
}

static void peer_destroy(struct channel *channel)
{
	stoa_queue_close(channel->queue);
	stoa_segment_close(channel->segment);
	channel->segment = NULL;
}

static bool peer_attach(struct end *end, struct channel *channel, enum bench_role role)
{
	end->size = channel->size;
	end->buffer = malloc(end->size);
	return end->buffer &&
	       (role == BENCH_SENDER ? stoa_sender_open(channel->queue, &end->sender)
	                             : stoa_receiver_open(channel->queue, &end->receiver)) == 0;
}

static void peer_detach(struct end *end)
{
	stoa_sender_close(end->sender);
	stoa_receiver_close(end->receiver);
	free(end->buffer);
}

#ifdef STOA_IN_PLACE

static inline void *peer_begin(struct end *end)
{
	void *bytes;

	if (stoa_sender_reserve(end->sender, end->size, &bytes))
		return NULL;
	end->message.bytes = bytes;
	return bytes;
}

static inline bool peer_commit(struct end *end)
{
	void *bytes = (void *)(uintptr_t)end->message.bytes; /* that of peer_begin() */

	return stoa_sender_commit(end->sender, bytes, end->size, NULL) == 0;
}

static inline const void *peer_take(struct end *end)
{
	return stoa_receiver_take(end->receiver, &end->message, NULL) ? NULL : end->message.bytes;
}

static inline void peer_done(struct end *end)
{
	stoa_receiver_release(end->receiver, &end->message);
}

#define PEER_ID stoa_in_place
#define PEER_NAME "stoa, in place"
#define PEER_CAN CHANNEL_STREAMS

#else

static inline void *peer_begin(struct end *end)
{
	return end->buffer;
}

static inline bool peer_commit(struct end *end)
{
	return stoa_sender_send(end->sender, end->buffer, end->size, NULL) == 0;
}

static inline const void *peer_take(struct end *end)
{
	return stoa_receiver_recv(end->receiver, end->buffer, end->size, NULL, NULL) ? NULL : end->buffer;
}

static inline void peer_done(struct end *end)
{
	(void)end;
}

#define PEER_ID stoa
#define PEER_NAME "stoa"
#define PEER_CAN (CHANNEL_WAKES | CHANNEL_STREAMS)

#endif
#define PEER_KIND BENCH_OURS
#include "channel_loops.h"
