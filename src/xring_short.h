/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * xring_short.h - one attempt at one cell: all of a push or pop that nobody disturbs, for sender.c and
 * receiver.c to merge into theirs.  xring.c, which has the essay, goes on from there.
 */
#ifndef STOA_XRING_SHORT_H
#define STOA_XRING_SHORT_H

#include <errno.h>

#include <stoa/queue.h>

#include "xring.h"

#define HINT_EVERY 16 /* a power of two */

static inline uint64_t cell_word(uint64_t lap, enum cell_state state, uint32_t block)
{
	return lap << CELL_LAP_SHIFT | (uint64_t)state << BLOCK_BITS | block;
}

static inline enum cell_state cell_state(uint64_t word)
{
	return word >> BLOCK_BITS & 3;
}

static inline uint32_t cell_block(uint64_t word)
{
	return word & (BLOCKS_MAX - 1);
}

static inline struct xring_trailer *xring_trailer_at(const struct xring *ring, void *payload)
{
	return (struct xring_trailer *)(void *)((uint8_t *)payload + ring->trailer_offset);
}

static inline struct xring_trailer *xring_trailer_of(const struct xring *ring, uint32_t block)
{
	return xring_trailer_at(ring, xring_payload(ring, block));
}

static inline uint64_t xring_position(const struct xring *ring, const struct xring_cursor *cursor)
{
	return cursor->lap * ring->capacity + cursor->index;
}

static inline void xring_step(const struct xring *ring, struct xring_cursor *cursor)
{
	if (unlikely(++cursor->index == ring->capacity)) {
		cursor->index = 0;
		cursor->lap++;
	}
}

static inline void xring_leave_hint(const struct xring *ring, const struct xring_cursor *cursor,
                                    struct atom64 *hint)
{
	if (unlikely((cursor->index & (HINT_EVERY - 1)) == 0))
		atom64_store_rel(hint,
		                 xring_position(ring, cursor) + DEFECT(DEFECT_HINT_AHEAD)); /* [R3] release */
}

/*
 * Whether a word is of this lap and state, and its block is one: then what is left of it is that one's
 * number.
 */
static inline bool cell_is(const struct xring *ring, uint64_t word, uint64_t lap, enum cell_state state)
{
	return likely(word - cell_word(lap, state, 0) < ring->exchange.blocks);
}

/* What became of the one attempt. */
enum xring_tried { XRING_DONE, XRING_NOT_TRIED, XRING_FAILED };

/* ---- push ---- */

/* One attempt at a word that is FREE; the trailer is that of the slot's block. */
static inline bool xring_offer(const struct xring *ring, struct xring_cursor *cursor, struct slot *slot,
                               struct xring_trailer *trailer, uint64_t word)
{
	uint32_t out = slot->block, got = cell_block(word);

	/* Relaxed: published by the compare-and-swap below. */
	atom64_store_rlx(&trailer->id, xring_position(ring, cursor));
	if (!DEFECT(DEFECT_INTENT_AFTER))
		slot_intend(slot, INTENT_OFFER, out, got);
	/* [R2] seq_cst; with [R1].  Release: the payload before the word, else a receiver would read
	 * an old block under a new word. */
	if (!atom64_cas_seq(&ring->exchange.cells[cursor->index], &word,
	                    cell_word(cursor->lap, CELL_FULL, out)))
		return false;
	if (DEFECT(DEFECT_INTENT_AFTER))
		slot_intend(slot, INTENT_OFFER, out, got);
	slot->block = got;
	return true;
}

/* The slot's block, whose payload is at `payload`, as a message of `size` bytes. */
static inline enum xring_tried xring_push_at_once(const struct xring *ring, struct xring_cursor *cursor,
                                                  struct slot *slot, void *payload, uint64_t size)
{
	struct xring_trailer *trailer = xring_trailer_at(ring, payload);
	uint64_t word;

	/* Published by xring_offer().  Besides, [R4] release; pairs with the fences in inspect() and accept():
	 * who reads the size of a message to come in the block of one that it looks at sees that this was
	 * taken. */
	atom64_store_rel(&trailer->size, size);
	word = atom64_load_seq(&ring->exchange.cells[cursor->index]); /* [R1] as in look_for_room() */
	if (!cell_is(ring, word, cursor->lap, CELL_FREE))
		return XRING_NOT_TRIED;
	if (unlikely(!xring_offer(ring, cursor, slot, trailer, word)))
		return XRING_FAILED;
	xring_step(ring, cursor);
	xring_leave_hint(ring, cursor, &ring->shared->tail_hint);
	return XRING_DONE;
}

/* ---- pop ---- */

/* One attempt at a word that is FULL. */
static inline bool xring_take(const struct xring *ring, struct xring_cursor *cursor, struct slot *slot,
                              uint64_t word)
{
	uint32_t out = slot->block, got = cell_block(word);

	if (!DEFECT(DEFECT_INTENT_DROPPED))
		slot_intend(slot, INTENT_TAKE, out, got);
	/* [R2] seq_cst; with [R1].  Release: we are done with the block that we leave, else a sender
	 * would write into it while we read. */
	if (!atom64_cas_seq(&ring->exchange.cells[cursor->index], &word,
	                    cell_word(cursor->lap + 1, CELL_FREE, out)))
		return false;
	slot->block = got;
	return true;
}

static inline int xring_size_fits(const struct xring *ring, uint64_t size, uint64_t room)
{
	if (likely(size <= room && size <= ring->message_size))
		return STOA_OK;
	return size > ring->message_size ? -EBADMSG : -EMSGSIZE;
}

/*
 * The message at the cursor, where there is one of up to `room` bytes, into a slot that is not `redelivered`.
 */
static inline enum xring_tried xring_pop_at_once(const struct xring *ring, struct xring_cursor *cursor,
                                                 struct slot *slot, uint64_t room, void **payload,
                                                 uint64_t *size)
{
	/* [R1] as in look_for_message() */
	uint64_t word = atom64_load_seq(&ring->exchange.cells[cursor->index]);

	if (!cell_is(ring, word, cursor->lap, CELL_FULL))
		return XRING_NOT_TRIED;
	*payload = xring_payload(ring, cell_block(word));
	*size = atom64_load_rlx(&xring_trailer_at(ring, *payload)->size); /* relaxed, as in xring_fits() */
	if (unlikely(xring_size_fits(ring, *size, room) != STOA_OK || slot->redelivered))
		return XRING_NOT_TRIED;
	if (unlikely(!xring_take(ring, cursor, slot, word)))
		return XRING_FAILED;
	xring_step(ring, cursor);
	xring_leave_hint(ring, cursor, &ring->shared->head_hint);
	return XRING_DONE;
}

#endif
