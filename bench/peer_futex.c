/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_futex.c - the floor of a wake-up: one word, FUTEX_WAKE after it is written, FUTEX_WAIT until it is.
 * With FUTEX_POSIX a POSIX semaphore beside the word; with FUTEX_STOA stoa's semaphore, which forgives a
 * death.
 */
#include <errno.h>
#include <linux/futex.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stoa.h>

#include "atomic.h"
#include "channel_peer.h"

struct channel {
	struct atom32 turn __attribute__((aligned(2 * BENCH_LINE)));
	uint64_t word;
	sem_t semaphore;
	struct stoa_segment *segment;
	struct stoa_semaphore *permits;
};

struct end {
	size_t size;
	struct channel *channel;
	uint32_t turn;
};

#if defined(FUTEX_STOA)

static bool gate_open(struct channel *channel)
{
	return stoa_segment_create(NULL, NULL, &channel->segment) == 0 &&
	       stoa_semaphore_create(channel->segment, "permits", NULL, &channel->permits) == 0;
}

static void gate_close(struct channel *channel)
{
	stoa_semaphore_close(channel->permits);
	stoa_segment_close(channel->segment);
}

static inline bool gate_post(struct end *end)
{
	return stoa_semaphore_post(end->channel->permits) == 0;
}

static inline bool gate_wait(struct end *end)
{
	return stoa_semaphore_wait(end->channel->permits, NULL) == 0;
}

#define PEER_ID stoa_semaphore
#define PEER_NAME "stoa semaphore"
#define PEER_KIND BENCH_OURS

#elif defined(FUTEX_POSIX)

static bool gate_open(struct channel *channel)
{
	return sem_init(&channel->semaphore, 1, 0) == 0;
}

static void gate_close(struct channel *channel)
{
	sem_destroy(&channel->semaphore);
}

static inline bool gate_post(struct end *end)
{
	return sem_post(&end->channel->semaphore) == 0;
}

static inline bool gate_wait(struct end *end)
{
	while (sem_wait(&end->channel->semaphore))
		if (errno != EINTR)
			return false;
	return true;
}

#define PEER_ID posix_semaphore
#define PEER_NAME "POSIX semaphore"
#define PEER_KIND BENCH_PEER

#else

static bool gate_open(struct channel *channel)
{
	(void)channel;
	return true;
}

static void gate_close(struct channel *channel)
{
	(void)channel;
}

static inline bool gate_post(struct end *end)
{
	atom32_store_rel(&end->channel->turn, ++end->turn);
	return syscall(SYS_futex, &end->channel->turn, FUTEX_WAKE, 1, NULL, NULL, 0) >= 0;
}

static inline bool gate_wait(struct end *end)
{
	while (atom32_load_acq(&end->channel->turn) == end->turn)
		if (syscall(SYS_futex, &end->channel->turn, FUTEX_WAIT, end->turn, NULL, NULL, 0) &&
		    errno != EAGAIN && errno != EINTR)
			return false;
	end->turn++;
	return true;
}

#define PEER_ID futex
#define PEER_NAME "floor: bare futex"
#define PEER_KIND BENCH_FLOOR

#endif

static struct channel *peer_create(size_t size, size_t capacity)
{
	struct channel *channel = size == 8 ? bench_map(sizeof *channel) : NULL;

	(void)capacity;
	if (!channel || gate_open(channel))
		return channel;
	bench_unmap(channel, sizeof *channel);
	return NULL;
}

static void peer_destroy(struct channel *channel)
{
	gate_close(channel);
	bench_unmap(channel, sizeof *channel);
}

static bool peer_attach(struct end *end, struct channel *channel, enum bench_role role)
{
	(void)role;
	end->size = 8;
	end->channel = channel;
	return true;
}

static void peer_detach(struct end *end)
{
	(void)end;
}

static inline void *peer_begin(struct end *end)
{
	return &end->channel->word;
}

static inline bool peer_commit(struct end *end)
{
	return gate_post(end);
}

static inline const void *peer_take(struct end *end)
{
	return gate_wait(end) ? &end->channel->word : NULL;
}

static inline void peer_done(struct end *end)
{
	(void)end;
}

#define PEER_CAN CHANNEL_WAKES
#include "channel_loops.h"
