/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_lock_scalar.c - a number under a lock of the C library; see peer_lock.h for which. */
#include "peer_lock.h"
#include "scalar_peer.h"

struct shared {
	struct lock lock __attribute__((aligned(2 * BENCH_LINE)));
	uint64_t number;
};

static struct shared *peer_create(void)
{
	struct shared *shared = bench_map(sizeof *shared);

	if (shared)
		lock_init(&shared->lock);
	return shared;
}

static void peer_destroy(struct shared *shared)
{
	bench_unmap(shared, sizeof *shared);
}

static inline bool peer_add(struct shared *shared, uint64_t number)
{
	lock_write(&shared->lock);
	shared->number += number;
	lock_release(&shared->lock);
	return true;
}

static inline uint64_t peer_load(struct shared *shared)
{
	uint64_t number;

	lock_read(&shared->lock);
	number = shared->number;
	lock_release(&shared->lock);
	return number;
}

#if defined(LOCK_RW)
#define PEER_ID rwlock
#define PEER_NAME "rwlock"
#elif defined(LOCK_ROBUST)
#define PEER_ID robust
#define PEER_NAME "robust mutex"
#else
#define PEER_ID mutex
#define PEER_NAME "mutex"
#endif
#define PEER_KIND BENCH_PEER
#include "scalar_loops.h"
