/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * xring.c - the exchange ring: many senders, many receivers, each operation one
 * compare-and-swap on one cell.
 *
 * The ring is `capacity` words, any number from 1 up.  A word is lap | state | block.
 * Position p is lap p / capacity of cell p % capacity.
 *
 *   FREE(p, b)     the cell waits for message p and holds the empty block b
 *   FULL(p, x)     message p is in block x
 *   CLOSED(p, b)   nothing will ever be sent at p or behind it
 *
 *   push   FREE(p, b) -> FULL(p, out)               the sender's slot has b now
 *   pop    FULL(p, x) -> FREE(p + capacity, out)    the receiver's slot has x now
 *   close  FREE(p, b) -> CLOSED(p, b)               by a receiver, while draining
 *
 * A cell's word only moves forward along FREE(p), FULL(p), FREE(p + capacity), ..., so it
 * never takes the same value twice (but for a wrap of the 38 bits of the lap), and a
 * compare-and-swap from a loaded word means that nothing has happened in between.  After a wrap,
 * by a process that was stopped for so long, it would take a position ahead of its turn: a gap.
 *
 * Positions are taken without gaps.  A sender tries p only when it has seen that p - 1 was
 * taken; it starts from its own last position, so one that was away finds words of a
 * later lap, and each tells a position that was surely taken: FULL(q): q; FREE(q):
 * q - capacity.  The same for receivers.  So neither side reads the other's position:
 *
 *   FULL is exact.  The sender has seen that p - 1 was sent, and finds FULL(p - capacity):
 *   all of p - capacity .. p - 1 were sent, and p - capacity has not been received, so
 *   nothing behind it has (receivers leave no gaps either): capacity messages are here.
 *   EMPTY is exact.  The receiver has seen that p - 1 was received, and finds FREE(p): p was
 *   not sent, so nothing behind it was.
 *
 * Both rest on loads of two cells being seen in one order by everybody: the loads and
 * compare-and-swaps of cells are sequentially consistent.  With acquire and release only, a
 * sender and a receiver could each see the other's cell as it was before (store buffering
 * across two cells).  On x86-64 and aarch64 it costs nothing more.
 *
 * The hints are positions whose predecessor was taken.  They are stored now and then, may lag,
 * and spare newcomers and handles that were away the walk through the ring.  Release and acquire
 * are enough for them: the compare-and-swap at p - 1 happens before the load at p, and so comes
 * before it in the one order, too.
 *
 * Death.  An operation changes the world by its one compare-and-swap; before it the slot's
 * intent says what is tried (exchange.c).  Killed before: nothing has happened; after: the
 * message is committed, or taken and not acknowledged.
 *
 * Corrupt words.  A block number is checked before it is used.  A word that cannot be there (a
 * lap too early, an unknown state) makes the operation start again once from cell 0, since
 * the hint may have been wrong, and then ends it with -EBADMSG.  (A handle that was idle for 2^37
 * laps finds such words, too: it goes on with a lap that is 2^38 too low, and ids repeat.)  Words
 * that stand still are passed at most twice each: the position grows with every step, and no word of
 * one cell can be ahead of it again in the next round; but for words whose laps chase each other
 * around the wrap of the 38 bits, so an operation that has gone that far ends, too.
 */
#include "xring.h"

#include <errno.h>

#include <stoa/queue.h>

#include "defect.h"
#include "xring_short.h"

#define LAPS (1ull << (64 - CELL_LAP_SHIFT))
#define HINT_AFTER 32 /* steps that did not lead to a place to try */
/* Bytes of a trailer where nothing is packed. */
#define PLAIN_TRAILER offsetof(struct xring_trailer, consumed)

/* How many laps the word is ahead of `lap`; the 38 bits wrap around. */
static inline int64_t laps_ahead(uint64_t word, uint64_t lap)
{
	return (int64_t)((word & ~((1ull << CELL_LAP_SHIFT) - 1)) - (lap << CELL_LAP_SHIFT)) >>
	       CELL_LAP_SHIFT;
}

/* ---- plan, view, format ---- */

int xring_plan(const struct stoa_queue_config *config, uint64_t offset, struct xring_layout *layout,
               uint64_t *end)
{
	uint64_t slots = (uint64_t)config->handles * config->holds;
	uint64_t cells = config->capacity, handles = exchange_handle_stride(config->holds);
	uint64_t trailer = config->message_size, stride, blocks = config->capacity;
	uint64_t trailer_bytes = config->pack > 1 ? sizeof(struct xring_trailer) : PLAIN_TRAILER;

	if (config->capacity >= BLOCKS_MAX || slots >= BLOCKS_MAX - config->capacity)
		return -EOVERFLOW;
	if (config->pack > 1 && (!size_mul(&trailer, config->pack) || trailer >> PARCEL_EACH_BITS))
		return -EOVERFLOW;
	if (!size_round(&trailer, PLAIN_TRAILER))
		return -EOVERFLOW;
	stride = trailer;
	if (!size_add(&stride, trailer_bytes) || !size_round(&stride, STOA_LINE))
		return -EOVERFLOW;
	*layout = (struct xring_layout){ .block_stride = stride, .trailer_offset = trailer };
	offset += sizeof *layout;
	layout->cells_offset = offset;
	if (!size_mul(&cells, sizeof(struct atom64)) || !size_add(&offset, cells) ||
	    !size_round(&offset, STOA_LINE))
		return -EOVERFLOW;
	layout->handles_offset = offset;
	if (!size_mul(&handles, config->handles) || !size_add(&offset, handles))
		return -EOVERFLOW;
	layout->blocks_offset = offset;
	blocks += slots;
	if (!size_mul(&blocks, stride) || !size_add(&offset, blocks))
		return -EOVERFLOW;
	*end = offset;
	return 0;
}

int xring_view(struct xring *ring, const struct stoa_queue_config *config, void *object,
               struct xring_layout *shared, const struct xring_layout *plan)
{
	uint8_t *start = object;

	*ring = (struct xring){
		.shared = shared,
		.capacity = config->capacity,
		.message_size = config->message_size,
		.pack = config->pack,
		.blocks = start + plan->blocks_offset,
		.block_stride = plan->block_stride,
		.trailer_offset = plan->trailer_offset,
	};
	return exchange_view(&ring->exchange, (struct atom64 *)(void *)(start + plan->cells_offset),
	                     config->capacity, BLOCKS_MAX - 1, start + plan->handles_offset, config->handles,
	                     config->holds);
}

void xring_format(const struct xring *ring)
{
	exchange_format(&ring->exchange);
	for (uint64_t i = 0; i < ring->capacity; i++) /* relaxed: private until it is published */
		atom64_store_rlx(&ring->exchange.cells[i], cell_word(0, CELL_FREE, (uint32_t)i));
}

/* ---- cursors ---- */

static void start_at(const struct xring *ring, struct xring_cursor *cursor, const struct atom64 *hint)
{
	/* [R3] acquire; pairs with xring_leave_hint(): who starts at p has seen that p - 1 was taken. */
	uint64_t p = atom64_load_acq(hint);

	cursor->lap = p / ring->capacity;
	cursor->index = p % ring->capacity;
}

void xring_start_send(const struct xring *ring, struct xring_cursor *cursor)
{
	start_at(ring, cursor, &ring->shared->tail_hint);
}

void xring_start_receive(const struct xring *ring, struct xring_cursor *cursor)
{
	start_at(ring, cursor, &ring->shared->head_hint);
}

/*
 * The cursor is behind.  Where the word is of a later lap, FREE(q) or FULL(q), both sides have
 * taken q - capacity: goes behind that.  After some steps that led nowhere, looks at the hint.
 */
static void catch_up(const struct xring *ring, struct xring_cursor *cursor, int64_t ahead, unsigned steps,
                     const struct atom64 *hint)
{
	struct xring_cursor hinted;

	if (ahead > 0)
		cursor->lap += (uint64_t)ahead - !DEFECT(DEFECT_CATCH_UP_FAR);
	xring_step(ring, cursor);
	if (steps != HINT_AFTER)
		return;
	start_at(ring, &hinted, hint);
	if (hinted.lap - cursor->lap < 2 && xring_position(ring, &hinted) > xring_position(ring, cursor))
		*cursor = hinted; /* at most a lap further: no hint of nonsense */
}

/* The hint was wrong: from cell 0, with what its word tells.  Once an operation. */
static bool restart(const struct xring *ring, struct xring_cursor *cursor, bool *restarted)
{
	uint64_t word = atom64_load_seq(&ring->exchange.cells[0]);

	if (*restarted)
		return false;
	*restarted = true;
	cursor->index = 0;
	cursor->lap += (uint64_t)laps_ahead(word, cursor->lap) - 1;
	return true;
}

enum look { LOOK_TRY, LOOK_NOTHING, LOOK_CLOSED, LOOK_CORRUPT };

/*
 * Moves the cursor to the first position that a sender may try: LOOK_TRY (FREE there),
 * LOOK_NOTHING (full), LOOK_CLOSED.  `*word` is what the cell has.
 */
static inline enum look look_for_room(const struct xring *ring, struct xring_cursor *cursor, uint64_t *word)
{
	uint64_t from = cursor->lap;
	bool restarted = false;
	unsigned steps = 0;

	for (;;) {
		/* [R1] seq_cst; with [R2] the one order of all cells that exactness needs, and acquire:
		 * the block that a FREE word holds is done with by its receiver. */
		uint64_t w = atom64_load_seq(&ring->exchange.cells[cursor->index]);
		int64_t ahead = laps_ahead(w, cursor->lap);
		enum cell_state state = cell_state(w);

		*word = w;
		if (likely(ahead == 0 && state == CELL_FREE))
			return cell_block(w) < ring->exchange.blocks ? LOOK_TRY : LOOK_CORRUPT;
		if (ahead >= 0 && state == CELL_CLOSED) {
			cursor->lap += (uint64_t)ahead;
			return LOOK_CLOSED;
		}
		if (ahead == -1 && state == CELL_FULL)
			return LOOK_NOTHING;
		if ((ahead > 0 || (ahead == 0 && state == CELL_FULL)) && likely(cursor->lap - from < LAPS))
			catch_up(ring, cursor, ahead, ++steps, &ring->shared->tail_hint);
		else if (!restart(ring, cursor, &restarted))
			return LOOK_CORRUPT;
		else
			from = cursor->lap;
	}
}

/* The same for a receiver: LOOK_TRY (FULL there), LOOK_NOTHING (FREE there: empty), LOOK_CLOSED. */
static inline enum look look_for_message(const struct xring *ring, struct xring_cursor *cursor,
                                         uint64_t *word)
{
	uint64_t from = cursor->lap;
	bool restarted = false;
	unsigned steps = 0;

	for (;;) {
		/* [R1] seq_cst, as above, and acquire: the message that a FULL word holds is whole. */
		uint64_t w = atom64_load_seq(&ring->exchange.cells[cursor->index]);
		int64_t ahead = laps_ahead(w, cursor->lap);
		enum cell_state state = cell_state(w);

		*word = w;
		if (likely(ahead == 0 && state == CELL_FULL))
			return cell_block(w) < ring->exchange.blocks ? LOOK_TRY : LOOK_CORRUPT;
		if (ahead >= 0 && state == CELL_CLOSED) {
			cursor->lap += (uint64_t)ahead;
			return LOOK_CLOSED;
		}
		if (ahead == 0 && state == CELL_FREE)
			return LOOK_NOTHING;
		if (ahead > 0 && likely(cursor->lap - from < LAPS))
			catch_up(ring, cursor, ahead, ++steps, &ring->shared->head_hint);
		else if (!restart(ring, cursor, &restarted))
			return LOOK_CORRUPT;
		else
			from = cursor->lap;
	}
}

/* ---- push ---- */

/* What follows the first look, which was of no use, or the first attempt, which failed (`intended`). */
noinline int xring_push_on(const struct xring *ring, struct xring_cursor *cursor, struct slot *slot,
                           bool intended)
{
	uint64_t word;
	enum look look;

	while ((look = look_for_room(ring, cursor, &word)) == LOOK_TRY) {
		if (likely(xring_offer(ring, cursor, slot, xring_trailer_of(ring, slot->block), word))) {
			xring_step(ring, cursor);
			xring_leave_hint(ring, cursor, &ring->shared->tail_hint);
			return STOA_OK;
		}
		intended = true;
	}
	if (intended)
		slot_settle(slot, slot->block); /* nothing is open while the caller does other things */
	return look == LOOK_NOTHING ? STOA_FULL : look == LOOK_CLOSED ? STOA_CLOSED : -EBADMSG;
}

int xring_push(const struct xring *ring, struct xring_cursor *cursor, struct slot *slot, uint64_t size)
{
	enum xring_tried tried = xring_push_at_once(ring, cursor, slot, xring_payload(ring, slot->block),
	                                            size);

	return tried == XRING_DONE ? STOA_OK : xring_push_on(ring, cursor, slot, tried == XRING_FAILED);
}

/* ---- pop ---- */

/* Nothing at the cursor, where the cell has `word`: nothing will be, from now on. */
static bool close_frontier(const struct xring *ring, const struct xring_cursor *cursor, uint64_t word)
{
	if (DEFECT(DEFECT_CLOSE_STORE))
		word = atom64_load_seq(&ring->exchange.cells[cursor->index]);
	return atom64_cas_seq(&ring->exchange.cells[cursor->index], &word,
	                      cell_word(cursor->lap, CELL_CLOSED, cell_block(word)));
}

/* The size is that of a parcel of several, or does not fit, or is damaged. */
static noinline int parcel_fits(const struct xring *ring, uint64_t room, uint64_t *size)
{
	bool sound = parcel_is_sound(ring, *size);

	*size = parcel_each(*size);
	if (!sound)
		return -EBADMSG;
	return *size <= room ? STOA_OK : -EMSGSIZE;
}

int xring_fits(const struct xring *ring, uint32_t block, uint64_t room, uint64_t *size)
{
	/* Relaxed: the word that names the block was acquired ([R1], [X4]), and is looked at again by
	 * who takes the block. */
	*size = atom64_load_rlx(&xring_trailer_of(ring, block)->size);
	return likely(xring_size_fits(ring, *size, room) == STOA_OK) ? STOA_OK : parcel_fits(ring, room, size);
}

/*
 * Looks at the size of the message in the cell: STOA_OK, or why it is not taken, or STOA_CHANGED
 * where the cell has moved on meanwhile, and the size may be another message's.
 */
static inline int inspect(const struct xring *ring, const struct xring_cursor *cursor, uint64_t word,
                          uint64_t room, uint64_t *size)
{
	int rc = xring_fits(ring, cell_block(word), room, size);

	if (likely(rc == STOA_OK) || DEFECT(DEFECT_SIZE_BELIEVED))
		return rc;
	fence_acq(); /* [R4] */
	return atom64_load_seq(&ring->exchange.cells[cursor->index]) == word ? rc : STOA_CHANGED;
}

/* As xring_push_on(). */
noinline int xring_pop_on(const struct xring *ring, struct xring_cursor *cursor, struct slot *slot,
                          uint64_t room, bool drain, uint64_t *size, bool intended)
{
	int rc = STOA_EMPTY;

	for (;;) {
		uint64_t word;
		enum look look = look_for_message(ring, cursor, &word);

		if (likely(look == LOOK_TRY)) {
			rc = inspect(ring, cursor, word, room, size);
			if (rc < 0)
				break;
			if (rc == STOA_CHANGED)
				continue;
			if (unlikely(slot->redelivered) && !DEFECT(DEFECT_DELIVERIES_KEPT))
				slot_deliveries(slot, 0);
			if (likely(xring_take(ring, cursor, slot, word))) {
				xring_step(ring, cursor);
				xring_leave_hint(ring, cursor, &ring->shared->head_hint);
				return STOA_OK;
			}
			intended = true;
			continue;
		}
		if (look == LOOK_NOTHING && drain && !close_frontier(ring, cursor, word))
			continue;
		if (look == LOOK_CORRUPT)
			rc = -EBADMSG;
		else
			rc = look == LOOK_CLOSED || drain ? STOA_CLOSED : STOA_EMPTY;
		break;
	}
	if (intended)
		slot_settle(slot, slot->block);
	return rc;
}

int xring_pop(const struct xring *ring, struct xring_cursor *cursor, struct slot *slot, uint64_t room,
              bool drain, uint64_t *size)
{
	void *payload;
	enum xring_tried tried = xring_pop_at_once(ring, cursor, slot, room, &payload, size);

	return tried == XRING_DONE
	               ? STOA_OK
	               : xring_pop_on(ring, cursor, slot, room, drain, size, tried == XRING_FAILED);
}

int xring_message(const struct xring *ring, uint32_t block, uint64_t *size, uint64_t *id)
{
	/* Relaxed: the caller holds the block. */
	uint64_t word = atom64_load_rlx(&xring_trailer_of(ring, block)->size);

	*size = parcel_each(word) * parcel_count(word);
	*id = atom64_load_rlx(&xring_trailer_of(ring, block)->id);
	return parcel_is_sound(ring, word) ? 0 : -EBADMSG;
}

/* ---- looking ---- */

int xring_positions(const struct xring *ring, uint64_t *sent, uint64_t *received)
{
	struct xring_cursor tail, head;
	uint64_t word;

	xring_start_receive(ring, &head);
	if (look_for_message(ring, &head, &word) == LOOK_CORRUPT)
		return -EBADMSG;
	xring_start_send(ring, &tail);
	if (look_for_room(ring, &tail, &word) == LOOK_CORRUPT)
		return -EBADMSG;
	*received = xring_position(ring, &head);
	*sent = xring_position(ring, &tail);
	return 0;
}

int xring_readable(const struct xring *ring, struct xring_cursor *cursor)
{
	uint64_t word;

	enum look look = look_for_message(ring, cursor, &word);

	return look == LOOK_TRY || look == LOOK_CORRUPT; /* of damage somebody should hear, too */
}

int xring_writable(const struct xring *ring, struct xring_cursor *cursor)
{
	uint64_t word;

	return look_for_room(ring, cursor, &word) != LOOK_NOTHING;
}
