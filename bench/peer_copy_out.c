/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_copy_out.c - the floor of large messages: written in place by one core, copied out once by another
 * one.  Two positions keep them apart; nobody sleeps, nothing survives.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "channel_peer.h"

struct channel {
	struct atom64 tail __attribute__((aligned(2 * BENCH_LINE)));
	struct atom64 head __attribute__((aligned(2 * BENCH_LINE)));
	size_t size, capacity, bytes;
	uint8_t blocks[] __attribute__((aligned(2 * BENCH_LINE)));
};

struct end {
	size_t size;
	struct channel *channel;
	uint64_t mine, theirs;
	void *buffer;
};

static struct channel *peer_create(size_t size, size_t capacity)
{
	size_t bytes = sizeof(struct channel) + size * capacity;
	struct channel *channel = bench_map(bytes);

	if (!channel)
		return NULL;
	channel->size = size;
	channel->capacity = capacity;
	channel->bytes = bytes;
	return channel;
}

static void peer_destroy(struct channel *channel)
{
	bench_unmap(channel, channel->bytes);
}

static bool peer_attach(struct end *end, struct channel *channel, enum bench_role role)
{
	(void)role;
	end->size = channel->size;
	end->channel = channel;
	end->buffer = malloc(end->size);
	return end->buffer;
}

static void peer_detach(struct end *end)
{
	free(end->buffer);
}

static inline uint8_t *block(struct end *end)
{
	return end->channel->blocks + end->mine % end->channel->capacity * end->size;
}

static inline void spin(unsigned *spins)
{
	if ((++*spins & 1023) == 0)
		sched_yield();
	else
		cpu_pause();
}

static inline void *peer_begin(struct end *end)
{
	unsigned spins = 0;

	while (end->mine - end->theirs == end->channel->capacity) {
		end->theirs = atom64_load_acq(&end->channel->head);
		if (end->mine - end->theirs == end->channel->capacity)
			spin(&spins);
	}
	return block(end);
}

static inline bool peer_commit(struct end *end)
{
	atom64_store_rel(&end->channel->tail, ++end->mine);
	return true;
}

static inline const void *peer_take(struct end *end)
{
	unsigned spins = 0;

	while (end->mine == end->theirs) {
		end->theirs = atom64_load_acq(&end->channel->tail);
		if (end->mine == end->theirs)
			spin(&spins);
	}
	memcpy(end->buffer, block(end), end->size);
	atom64_store_rel(&end->channel->head, ++end->mine);
	return end->buffer;
}

static inline void peer_done(struct end *end)
{
	BENCH_KEEP(end->buffer);
}

#define PEER_ID copy_out
#define PEER_NAME "floor: copied out"
#define PEER_KIND BENCH_FLOOR
#define PEER_CAN CHANNEL_STREAMS
#define PEER_ENDS
#include "channel_loops.h"
