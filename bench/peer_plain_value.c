/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_plain_value.c - the floor: a copy without any protocol, which under a writer gives torn values. */
#include <string.h>

#include "value.h"

struct shared {
	struct value value __attribute__((aligned(2 * BENCH_LINE)));
};

#include "value_memory.h"

static void memory_init(struct shared *shared)
{
	(void)shared;
}

static inline bool peer_load(struct end *end, struct value *value)
{
	memcpy(value, &end->shared->value, SIZE);
	return true;
}

static inline bool peer_store(struct end *end, const struct value *value)
{
	memcpy(&end->shared->value, value, SIZE);
	BENCH_KEEP(end->shared);
	return true;
}

#define PEER_ID plain
#define PEER_NAME "floor: plain copy"
#define PEER_KIND BENCH_FLOOR
#define PEER_TORN
#include "value_loops.h"
