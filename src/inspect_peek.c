/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * inspect_peek.c - messages that wait, copied under the hands of those who send and receive.
 *
 * Nothing is announced and nobody waits, so a message may be received, and its place filled anew, while it is being
 * copied.  Each place has a word that tells: it is looked at before the copy and again after it, and where it has
 * changed the copy is thrown away.
 *
 *   exchange ring  FULL(p, x) in the cell of position p.  Block x is written again only after the message has been
 *                  taken out of the cell, whose word never comes again.
 *   orphan cell    FULL(lap, x), likewise.
 *   SPSC ring      `released`: the place of p is written again only by a sender that has seen it above p.  For a
 *                  message that was given back, also its mark.
 *
 * That the second look sees the change if the copy saw a byte of what came later is causality: the writer had seen
 * the change before it wrote, and x86-64 and aarch64 show nobody the effect without the cause.  [I1] The fence keeps
 * the copy before the second look.
 *
 * A walk goes through two stages, what was held before and waits again, and then the ring, as receivers do.
 */
#include <errno.h>

#include <stoa/inspect.h>

#include "queue.h"

enum stage { STAGE_AGAIN = 0, STAGE_RING = 1, STAGE_OVER = 2 };

struct peek {
	const struct queue_view *view;
	uint64_t *stage, *place;
	uint8_t *out;
	size_t room;
	struct stoa_peek_info info;
};

/* How many bytes of a message of `size` bytes go into `room`. */
static uint32_t copied(const struct peek *peek, uint64_t size)
{
	uint64_t bytes = size < peek->room ? size : peek->room;

	return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

/* ---- the exchange ring ---- */

/* From anywhere: the rest of a parcel begins where the messages before it end. */
static void copy_unaligned(uint8_t *to, const uint8_t *from, size_t size)
{
	for (; size && (uintptr_t)from % sizeof(uint64_t); size--)
		*to++ = elem8_load_rlx(from++);
	copy_racy_out(to, from, size);
}

/* Copies the message in a block, or what nobody has received of a parcel: false where its size makes no sense. */
static bool copy_block(struct peek *peek, uint32_t block)
{
	const struct xring *xring = &peek->view->xring;
	struct parcel parcel;

	if (block >= xring->exchange.blocks || parcel_open(xring, block, &parcel) != 0)
		return false;
	peek->info.id = parcel.id;
	peek->info.count = parcel.left;
	peek->info.size = parcel.left * parcel.each;
	peek->info.copied = copied(peek, peek->info.size);
	copy_unaligned(peek->out, parcel.next, peek->info.copied);
	return true;
}

/* The word of a cell said that a block has a message: STOA_OK; STOA_CHANGED, it has moved on; -EBADMSG. */
static int copy_from(struct peek *peek, const struct atom64 *cell, uint64_t word)
{
	bool sense = copy_block(peek, word & (BLOCKS_MAX - 1));

	fence_acq(); /* [I1] */
	if (atom64_load_seq(cell) != word)
		return STOA_CHANGED;
	return sense ? STOA_OK : -EBADMSG;
}

static int next_orphan(struct peek *peek)
{
	const struct exchange *exchange = &peek->view->xring.exchange;

	while (*peek->place < exchange_slots(exchange)) {
		const struct exchange_slot *slot = exchange_nth_slot(exchange, (uint32_t)(*peek->place)++);
		uint64_t word = atom64_load_seq(&slot->orphan);
		int rc;

		if (orphan_state(word) != ORPHAN_FULL)
			continue;
		peek->info.deliveries = orphan_deliveries(word);
		rc = copy_from(peek, &slot->orphan, word);
		if (rc != STOA_CHANGED)
			return rc;
	}
	return STOA_EMPTY;
}

static int next_of_cells(struct peek *peek)
{
	const struct xring *xring = &peek->view->xring;
	uint64_t sent, received, laps = 1ull << (64 - CELL_LAP_SHIFT);
	int rc = xring_positions(xring, &sent, &received);

	if (rc)
		return rc;
	if (received > *peek->place)
		*peek->place = received;
	if (sent > *peek->place && sent - *peek->place > xring->capacity)
		sent = *peek->place + xring->capacity; /* they moved between two looks, or make no sense */
	while (*peek->place < sent) {
		uint64_t p = (*peek->place)++;
		const struct atom64 *cell = &xring->exchange.cells[p % xring->capacity];
		uint64_t word = atom64_load_seq(cell);

		if (word >> BLOCK_BITS != (p / xring->capacity % laps << 2 | CELL_FULL))
			continue; /* received meanwhile */
		peek->info.deliveries = 0;
		rc = copy_from(peek, cell, word);
		if (rc != STOA_CHANGED)
			return rc;
	}
	return STOA_EMPTY;
}

/* ---- the SPSC ring ---- */

/* Where the message of a position lies; NULL where the words make no sense. */
static const uint8_t *ring_place(const struct ring *ring, uint64_t p, uint64_t *size)
{
	uint64_t index = p % ring->capacity, word = index;

	if (ring->blocks) {
		word = atom64_load_rlx((struct atom64 *)ring->sizes + index);
		*size = word >> BLOCK_BITS;
		word &= BLOCKS_MAX - 1;
	} else {
		*size = atom32_load_rlx((struct atom32 *)ring->sizes + index);
	}
	if (*size > ring->message_size || (ring->blocks && word >= ring->blocks))
		return NULL;
	return ring->payload + word * ring->stride;
}

static int copy_position(struct peek *peek, uint64_t p)
{
	const struct ring *ring = &peek->view->ring;
	const uint8_t *from = ring_place(ring, p, &peek->info.size);

	if (from) {
		peek->info.copied = copied(peek, peek->info.size);
		copy_racy_out(peek->out, from, peek->info.copied);
	}
	peek->info.id = p;
	peek->info.count = 1;
	fence_acq(); /* [I1] */
	if (atom64_load_seq(&ring->shared->released) > p)
		return STOA_CHANGED;
	return from ? STOA_OK : -EBADMSG;
}

/* The positions that were handed out, and those committed; false where they make no sense. */
static bool ring_span(const struct ring *ring, uint64_t *released, uint64_t *taken, uint64_t *tail)
{
	struct ring_stat stat;

	*released = atom64_load_acq(&ring->shared->released);
	if (ring_stat(ring, &stat) != 0)
		return false;
	*taken = stat.received;
	*tail = stat.sent;
	return *taken - *released <= ring->capacity && (*tail < *taken || *tail - *taken <= ring->capacity);
}

static int next_of_ring(struct peek *peek)
{
	const struct ring *ring = &peek->view->ring;
	uint64_t released, taken, tail, end;
	bool again = *peek->stage == STAGE_AGAIN;

	if (!ring_span(ring, &released, &taken, &tail))
		/* Moved by more than its capacity between two looks, or nonsense. */
		return atom64_load_acq(&ring->shared->released) != released ? STOA_EMPTY : -EBADMSG;
	end = again ? taken : tail;
	if (*peek->place < (again ? released : taken))
		*peek->place = again ? released : taken;
	while (*peek->place < end) {
		uint64_t p = (*peek->place)++;
		const struct atom32 *mark = &ring->marks[p % ring->capacity];
		uint32_t word = again ? atom32_load_acq(mark) : 0;
		int rc;

		if (again && !(word & MARK_RETURNED))
			continue;
		peek->info.deliveries = word & MARK_COUNT;
		rc = copy_position(peek, p);
		if (again && atom32_load_acq(mark) != word)
			rc = STOA_CHANGED;
		if (rc != STOA_CHANGED)
			return rc;
	}
	return STOA_EMPTY;
}

/* ---- both ---- */

int stoa_queue_peek(const struct stoa_queue *queue, struct stoa_peek_cursor *cursor, void *out, size_t room,
                    struct stoa_peek_info *info)
{
	struct peek peek = { .out = out, .room = room };
	int rc = STOA_EMPTY;

	if (!queue || !cursor || !info || (!out && room))
		return -EINVAL;
	peek.view = &queue->view;
	peek.stage = &cursor->private_words[0];
	peek.place = &cursor->private_words[1];
	for (; *peek.stage < STAGE_OVER; ++*peek.stage, *peek.place = 0) {
		rc = peek.view->spsc              ? next_of_ring(&peek)
		     : *peek.stage == STAGE_AGAIN ? next_orphan(&peek)
		                                  : next_of_cells(&peek);
		if (rc != STOA_EMPTY)
			break;
	}
	return rc ? rc : info_copy(info, &peek.info, sizeof peek.info);
}
