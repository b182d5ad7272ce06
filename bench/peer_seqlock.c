/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_seqlock.c - a plain seqlock, as Boehm gives it ("Can seqlocks get along with programming language
 * memory models?", MSPC 2012): one writer, a count that is odd while it writes; a reader copies, and starts
 * again where the count has moved.  Readers starve under a writer that does not pause, and hang for ever
 * where it died writing.
 */
#include "atomic.h"
#include "value.h"

struct shared {
	struct atom64 count __attribute__((aligned(2 * BENCH_LINE)));
	struct value value __attribute__((aligned(2 * BENCH_LINE)));
};

#include "value_memory.h"

static void memory_init(struct shared *shared)
{
	(void)shared;
}

static inline bool peer_load(struct end *end, struct value *value)
{
	uint64_t before;

	for (;;) {
		before = atom64_load_acq(&end->shared->count);
		if (before & 1) {
			bench_pause();
			continue;
		}
		copy_racy_out(value, &end->shared->value, SIZE);
		fence_acq();
		if (atom64_load_rlx(&end->shared->count) == before)
			return true;
	}
}

static inline bool peer_store(struct end *end, const struct value *value)
{
	uint64_t count = atom64_load_rlx(&end->shared->count);

	atom64_store_rlx(&end->shared->count, count + 1);
	fence_rel();
	copy_racy_in(&end->shared->value, value, SIZE);
	atom64_store_rel(&end->shared->count, count + 2);
	return true;
}

#define PEER_ID seqlock
#define PEER_NAME "seqlock"
#define PEER_KIND BENCH_PEER
#include "value_loops.h"
