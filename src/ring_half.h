/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * ring_half.h - what ring_send.c and ring_receive.c share, and ring.c, which has the essay: places, the
 * verdict, and the end that a handle has for the short way.
 */
#ifndef STOA_RING_HALF_H
#define STOA_RING_HALF_H

#include "ring.h"

#include <errno.h>
#include <stdlib.h>

#include "defect.h"

#define IN_PLACE_MAX 64u /* bytes of a message */

/* ---- the verdict ---- */

static inline uint64_t verdict_word(uint64_t position, enum ring_verdict verdict)
{
	return position << 2 | verdict;
}

static inline enum ring_verdict verdict_of(uint64_t word)
{
	return word & 3;
}

/* The tail as far as it counts: behind a closed verdict there is nothing. */
static inline uint64_t tail_before(uint64_t verdict, uint64_t tail)
{
	return verdict_of(verdict) == VERDICT_CLOSED && tail > verdict >> 2 ? verdict >> 2 : tail;
}

/* ---- places ---- */

/* The size and the block of a place, in a ring with blocks. */
static inline struct atom64 *numbered(const struct ring *ring, uint64_t index)
{
	return (struct atom64 *)ring->sizes + index;
}

/* A place's message: its size and where it lies. */
static inline uint8_t *place(const struct ring *ring, uint64_t index, uint64_t *size)
{
	uint64_t word;

	/* Relaxed in both cases: ordered by tail and released. */
	if (!ring->blocks) {
		*size = atom32_load_rlx((struct atom32 *)ring->sizes + index);
		return ring->payload + index * ring->stride;
	}
	word = atom64_load_rlx(numbered(ring, index));
	*size = word >> BLOCK_BITS;
	word &= BLOCKS_MAX - 1;
	return word < ring->blocks ? ring->payload + word * ring->stride : NULL;
}

static inline struct atom32 *mark(const struct ring *ring, uint64_t position)
{
	return &ring->marks[position % ring->capacity];
}

/* The fence between a plain store and the look that follows it: see ring.c. */
static inline void look_fence(bool fenced)
{
	if (unlikely(fenced))
		fence_seq();
	else
		fence_light();
}

static inline bool is_closing(const struct ring *ring)
{
	return atom64_load_rlx(&ring->queue->closing) & CLOSING_HOW;
}

/* The sender's tail, as far as it counts. */
static inline uint64_t committed(const struct ring *ring)
{
	/* [Q1] acquire: what is below tail is whole. */
	uint64_t tail = atom64_load_acq(&ring->shared->tail);

	return tail_before(is_closing(ring) ? atom64_load_seq(&ring->shared->verdict) : 0, tail);
}

/* Buffers for what is reserved or leased, 64-byte aligned. */
static inline int stage(const struct ring *ring, uint8_t **staging)
{
	void *memory;

	if (posix_memalign(&memory, STOA_LINE, (size_t)ring->holds * IN_PLACE_MAX))
		return -ENOMEM;
	*staging = memory;
	return 0;
}

/* ---- the short way: stoa/inline.h ---- */

/* Relaxed, as in stoa/inline.h: what must be seen here comes with the tail, or with having been told. */
static inline bool short_way_open(const uint32_t *look)
{
	return !(STOA_HOT_LOAD32(look) & EVENT_LONG_WAY);
}

static inline struct stoa_hot_end hot_end(const struct ring *ring, uint64_t position)
{
	return (struct stoa_hot_end){
		.position = position,
		.limit = position,
		.begin = ring->payload,
		.end = ring->payload + ring->capacity * ring->stride,
		.stride = ring->stride,
		.size = ring->message_size,
		.capacity = ring->capacity,
		.lap = position - position % ring->capacity,
		.queue = (uint8_t *)&ring_long_way,
	};
}

static inline uint64_t index_of(const struct stoa_hot_end *hot)
{
	return hot->position - hot->lap;
}

/* `count` places on, not beyond where the ring begins again. */
static inline void go_on(struct stoa_hot_end *hot, uint64_t count)
{
	hot->position += count;
	if (index_of(hot) == hot->capacity)
		hot->lap = hot->position;
	hot->at = hot->begin + index_of(hot) * hot->stride;
}

/* How many places lie before `limit` and before the ring begins again, `count` at most. */
static inline uint64_t run_of(const struct stoa_hot_end *hot, uint64_t count)
{
	uint64_t known = hot->limit - hot->position, straight = hot->capacity - index_of(hot);

	known = known < straight ? known : straight;
	return count < known ? count : known;
}

/* Messages of `size` bytes from places of `from_step` bytes into places of `to_step`. */
static inline void copy_run(uint8_t *to, uint64_t to_step, const uint8_t *from, uint64_t from_step,
                            uint64_t size, size_t count)
{
	if (to_step == size && from_step == size) {
		memcpy(to, from, count * size);
		return;
	}
	for (size_t i = 0; i < count; i++)
		memcpy(to + i * to_step, from + i * from_step, size);
}

static inline void allow_short_way(struct stoa_hot_end *hot, const struct ring *ring, bool allowed)
{
	/* Defects are planted in the long way. */
	if (ring->blocks || DEFECT(DEFECT_TAIL_EARLY) || DEFECT(DEFECT_RELEASED_EARLY))
		allowed = false;
	hot->queue = allowed ? (uint8_t *)ring->queue : (uint8_t *)&ring_long_way;
}

#endif
