/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_stoa_value.c - stoa's value of STOA_BYTES; compiled twice, as peer_stoa_queue.c. */
#include <stoa.h>

#include "value.h"

struct shared {
	struct stoa_segment *segment;
	struct stoa_value *value;
};

struct end {
	struct stoa_value *value;
};

static struct shared *peer_create(void)
{
	struct stoa_value_config config = {
		.struct_size = sizeof config, .type = STOA_BYTES, .size = SIZE, .writers = 2
	};
	struct stoa_segment_config segment = { .struct_size = sizeof segment, .flags = STOA_PREFAULT };
	static struct shared shared;

	if (stoa_value_footprint(&config, &segment.bytes) ||
	    stoa_segment_create(NULL, &segment, &shared.segment))
		return NULL;
	if (!stoa_value_create(shared.segment, "value", &config, &shared.value))
		return &shared;
	stoa_segment_close(shared.segment);
	return NULL;
}

static void peer_destroy(struct shared *shared)
{
	stoa_value_close(shared->value);
	stoa_segment_close(shared->segment);
}

static bool peer_attach(struct end *end, struct shared *shared)
{
	end->value = shared->value;
	return true;
}

static void peer_detach(struct end *end)
{
	(void)end;
}

static inline bool peer_load(struct end *end, struct value *value)
{
	return stoa_value_load(end->value, value) == 0;
}

static inline bool peer_store(struct end *end, const struct value *value)
{
	return stoa_value_store(end->value, value) == 0;
}

#ifdef STOA_LTO
#define PEER_ID stoa_lto
#define PEER_NAME "stoa/lto"
#else
#define PEER_ID stoa
#define PEER_NAME "stoa"
#endif
#define PEER_KIND BENCH_OURS
#include "value_loops.h"
