/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_ck_sequence.c - Concurrency Kit's seqlock. */
#include <ck_sequence.h>

#include <string.h>

#include "value.h"

struct shared {
	struct ck_sequence sequence __attribute__((aligned(2 * BENCH_LINE)));
	struct value value __attribute__((aligned(2 * BENCH_LINE)));
};

#include "value_memory.h"

static void memory_init(struct shared *shared)
{
	ck_sequence_init(&shared->sequence);
}

static inline bool peer_load(struct end *end, struct value *value)
{
	unsigned version;

	do {
		version = ck_sequence_read_begin(&end->shared->sequence);
		memcpy(value, &end->shared->value, SIZE);
	} while (ck_sequence_read_retry(&end->shared->sequence, version));
	return true;
}

static inline bool peer_store(struct end *end, const struct value *value)
{
	ck_sequence_write_begin(&end->shared->sequence);
	memcpy(&end->shared->value, value, SIZE);
	ck_sequence_write_end(&end->shared->sequence);
	return true;
}

#define PEER_ID ck_sequence
#define PEER_NAME "ck_sequence"
#define PEER_KIND BENCH_PEER
#include "value_loops.h"
