/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_lock_value.c - a struct under a lock of the C library; see peer_lock.h for which. */
#include <string.h>

#include "peer_lock.h"
#include "value.h"

struct shared {
	struct lock lock __attribute__((aligned(2 * BENCH_LINE)));
	struct value value __attribute__((aligned(2 * BENCH_LINE)));
};

#include "value_memory.h"

static void memory_init(struct shared *shared)
{
	lock_init(&shared->lock);
}

static inline bool peer_load(struct end *end, struct value *value)
{
	lock_read(&end->shared->lock);
	memcpy(value, &end->shared->value, SIZE);
	lock_release(&end->shared->lock);
	return true;
}

static inline bool peer_store(struct end *end, const struct value *value)
{
	lock_write(&end->shared->lock);
	memcpy(&end->shared->value, value, SIZE);
	lock_release(&end->shared->lock);
	return true;
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
#include "value_loops.h"
