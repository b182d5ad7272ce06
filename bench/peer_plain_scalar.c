/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_plain_scalar.c - the floor: one locked addition, one load. */
#include "atomic.h"
#include "scalar_peer.h"

struct shared {
	struct atom64 number __attribute__((aligned(2 * BENCH_LINE)));
};

static struct shared *peer_create(void)
{
	return bench_map(sizeof(struct shared));
}

static void peer_destroy(struct shared *shared)
{
	bench_unmap(shared, sizeof *shared);
}

static inline bool peer_add(struct shared *shared, uint64_t number)
{
	atom64_add_seq(&shared->number, number);
	return true;
}

static inline uint64_t peer_load(struct shared *shared)
{
	return atom64_load_seq(&shared->number);
}

#define PEER_ID plain
#define PEER_NAME "floor: bare atomic"
#define PEER_KIND BENCH_FLOOR
#include "scalar_loops.h"
