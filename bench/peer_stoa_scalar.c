/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_stoa_scalar.c - stoa's value of a number; with STOA_ARRAY an element of an array.  Compiled plain, with
 * STOA_INLINE, and with STOA_LTO, as peer_stoa_queue.c.
 */
#include <stoa.h>
#ifdef STOA_INLINE
#include <stoa/inline.h>
#define CALL(name) name##_inline
#else
#define CALL(name) name
#endif

#include "scalar_peer.h"

struct shared {
	struct stoa_segment *segment;
	struct stoa_value *value;
	struct stoa_array *array;
};

static struct shared *peer_create(void)
{
	struct stoa_segment_config segment = { .struct_size = sizeof segment, .flags = STOA_PREFAULT };
	struct stoa_value_config value = { .struct_size = sizeof value, .type = STOA_U64 };
	struct stoa_array_config array = { .struct_size = sizeof array, .type = STOA_U64, .count = 1024 };
	static struct shared shared;

	if (stoa_segment_create(NULL, &segment, &shared.segment))
		return NULL;
	if (!stoa_value_create(shared.segment, "value", &value, &shared.value) &&
	    !stoa_array_create(shared.segment, "array", &array, &shared.array))
		return &shared;
	stoa_segment_close(shared.segment);
	return NULL;
}

static void peer_destroy(struct shared *shared)
{
	stoa_array_close(shared->array);
	stoa_value_close(shared->value);
	stoa_segment_close(shared->segment);
}

#ifdef STOA_ARRAY

enum {
	ELEMENT = 500
};

static inline bool peer_add(struct shared *shared, uint64_t number)
{
	return CALL(stoa_array_fetch_add)(shared->array, ELEMENT, &number, NULL) == 0;
}

static inline uint64_t peer_load(struct shared *shared)
{
	uint64_t number = 0;

	CALL(stoa_array_load)(shared->array, ELEMENT, &number);
	return number;
}

#else

static inline bool peer_add(struct shared *shared, uint64_t number)
{
	return CALL(stoa_value_fetch_add)(shared->value, &number, NULL) == 0;
}

static inline uint64_t peer_load(struct shared *shared)
{
	uint64_t number = 0;

	CALL(stoa_value_load)(shared->value, &number);
	return number;
}

#endif

#if defined(STOA_ARRAY) && defined(STOA_LTO)
#define PEER_ID stoa_lto_array
#define PEER_NAME "stoa array/lto"
#elif defined(STOA_ARRAY) && defined(STOA_INLINE)
#define PEER_ID stoa_inline_array
#define PEER_NAME "stoa array/inline"
#elif defined(STOA_ARRAY)
#define PEER_ID stoa_array
#define PEER_NAME "stoa array"
#elif defined(STOA_INLINE)
#define PEER_ID stoa_inline
#define PEER_NAME "stoa/inline"
#elif defined(STOA_LTO)
#define PEER_ID stoa_lto
#define PEER_NAME "stoa/lto"
#else
#define PEER_ID stoa
#define PEER_NAME "stoa"
#endif
#define PEER_KIND BENCH_OURS
#include "scalar_loops.h"
