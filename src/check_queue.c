/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_queue.c - queues: the cells of an exchange ring, the positions and places of an SPSC ring.
 *
 * Exchange ring, at one moment: r messages were received, and f of the cells are FULL.  Then the cells stand, in the
 * order of their positions, FULL for r to r + f - 1, and FREE for the rest up to r + capacity - 1; the first of these
 * may be CLOSED.  Laps are compared modulo their 38 bits.
 */
#include <stdlib.h>

#include "check.h"

enum { QUEUE_CLOSING, QUEUE_SENDER, QUEUE_RECEIVER, QUEUE_WORDS };

static void collect_queue(const struct queue_view *view, struct words *words)
{
	words_add(words, atom64_load_seq(&view->shared->closing));
	words_add(words, atom64_load_seq(&view->shared->sole[QUEUE_SENDS]));
	words_add(words, atom64_load_seq(&view->shared->sole[QUEUE_RECEIVES]));
}

static void judge_sole(struct check *check, uint64_t role, uint32_t ends, uint32_t wanted, const char *what)
{
	if (role_of(role) != ROLE_FREE && (ends != STOA_ONE || role_of(role) != wanted))
		broken(check, "the place of the only %s has role %u", what, role_of(role));
	else
		judge_role(check, role, what, 0);
}

static void judge_queue(struct check *check, const struct queue_view *view, const uint64_t *words)
{
	if (words[QUEUE_CLOSING] & ~(uint64_t)(CLOSING_HOW | CLOSING_HAD_SENDERS))
		broken(check, "how it was shut down makes no sense: %#lx",
		       (unsigned long)words[QUEUE_CLOSING]);
	judge_sole(check, words[QUEUE_SENDER], view->shape.senders, ROLE_SENDER, "sender");
	judge_sole(check, words[QUEUE_RECEIVER], view->shape.receivers, ROLE_RECEIVER, "receiver");
}

/* ---- the exchange ring ---- */

static const struct xring_trailer *trailer(const struct xring *ring, uint64_t word)
{
	uint64_t block = word & (BLOCKS_MAX - 1);

	return block < ring->exchange.blocks
	               ? (const void *)((uint8_t *)xring_payload(ring, (uint32_t)block) +
	                                ring->trailer_offset)
	               : NULL;
}

enum { XRING_TAIL_HINT = QUEUE_WORDS, XRING_HEAD_HINT, XRING_WORDS };

enum { TRAILER_ID, TRAILER_SIZE, TRAILER_CONSUMED, TRAILER_WORDS };

/* Of a block that a word says to hold a message: else it is being written, perhaps. */
static void collect_trailer(const struct xring *ring, uint64_t word, bool full, struct words *words)
{
	const struct xring_trailer *at = full ? trailer(ring, word) : NULL;
	uint64_t size = at ? atom64_load_rlx(&at->size) : 0;
	bool several = at && ring->pack > 1 && parcel_count(size) > 1;

	words_add(words, at ? atom64_load_rlx(&at->id) : 0);
	words_add(words, size);
	words_add(words, several ? atom64_load_rlx(&at->consumed) : 0);
}

static void collect_xring(const struct subject *subject, struct words *words)
{
	const struct xring *ring = &subject->queue.xring;

	collect_queue(&subject->queue, words);
	words_add(words, atom64_load_seq(&ring->shared->tail_hint));
	words_add(words, atom64_load_seq(&ring->shared->head_hint));
	collect_exchange(&ring->exchange, words);
	for (uint64_t i = 0; i < ring->capacity; i++) {
		uint64_t word = atom64_load_seq(&ring->exchange.cells[i]);

		collect_trailer(ring, word, (word >> BLOCK_BITS & 3) == CELL_FULL, words);
	}
	for (uint32_t n = 0; n < exchange_slots(&ring->exchange); n++) {
		uint64_t word = atom64_load_seq(&exchange_nth_slot(&ring->exchange, n)->orphan);

		collect_trailer(ring, word, orphan_state(word) == ORPHAN_FULL, words);
	}
}

/* How far a position is behind another, where laps wrap around. */
static int64_t ahead(const struct xring *ring, uint64_t position, uint64_t of)
{
	uint64_t all = ring->capacity << (64 - CELL_LAP_SHIFT), distance = (position - of) % all;

	if (position < of) /* 2^64 is no multiple of all positions */
		distance = (all - (of - position) % all) % all;
	return distance > all / 2 ? -(int64_t)(all - distance) : (int64_t)distance;
}

static uint64_t cell_position(const struct xring *ring, const uint64_t *cells, uint64_t i)
{
	return (cells[i] >> CELL_LAP_SHIFT) * ring->capacity + i;
}

/* `most`: how many of a parcel's messages may have been received where it lies. */
static void judge_parcel(struct check *check, const struct xring *ring, const uint64_t *trailer,
                         uint64_t most)
{
	uint64_t size = trailer[TRAILER_SIZE], consumed = trailer[TRAILER_CONSUMED];
	unsigned long id = (unsigned long)trailer[TRAILER_ID];

	if (!parcel_is_sound(ring, size) && ring->pack == 1)
		broken(check, "message %lu has %lu bytes, and the largest %lu", id, (unsigned long)size,
		       (unsigned long)ring->message_size);
	else if (!parcel_is_sound(ring, size))
		broken(check, "parcel %lu has %u messages of %lu bytes, and the largest %u of %lu", id,
		       parcel_count(size), (unsigned long)parcel_each(size), ring->pack,
		       (unsigned long)ring->message_size);
	else if (consumed > most)
		broken(check, "parcel %lu waits, and %lu of its %u messages were received", id,
		       (unsigned long)consumed, parcel_count(size));
}

static void judge_message(struct check *check, const struct xring *ring, uint64_t position,
                          const uint64_t *trailer)
{
	if (ahead(ring, trailer[TRAILER_ID], position) != 0)
		broken(check, "message %lu says of itself that it is %lu", (unsigned long)position,
		       (unsigned long)trailer[TRAILER_ID]);
	judge_parcel(check, ring, trailer, 0);
}

/* What came back may have been received in part. */
static void judge_orphans(struct check *check, const struct xring *ring, const uint64_t *trailers)
{
	for (uint32_t n = 0; n < exchange_slots(&ring->exchange); n++, trailers += TRAILER_WORDS)
		judge_parcel(check, ring, trailers, parcel_count(trailers[TRAILER_SIZE]) - 1);
}

static void judge_cells(struct check *check, const struct xring *ring, const uint64_t *words)
{
	const uint64_t *cells = words + XRING_WORDS;
	const uint64_t *trailers = cells + exchange_words(&ring->exchange);
	uint64_t first = cell_position(ring, cells, 0), full = 0, sent;

	for (uint64_t i = 0; i < ring->capacity; i++) {
		uint64_t position = cell_position(ring, cells, i);

		full += (cells[i] >> BLOCK_BITS & 3) == CELL_FULL;
		if (ahead(ring, position, first) < 0)
			first = position;
	}
	sent = first + full;
	for (uint64_t i = 0; i < ring->capacity; i++) {
		uint64_t position = cell_position(ring, cells, i);
		unsigned state = cells[i] >> BLOCK_BITS & 3;
		int64_t beyond = ahead(ring, position, sent);

		if (state > CELL_CLOSED)
			broken(check, "cell %lu is in state %u, and there is none", (unsigned long)i, state);
		else if (beyond >= (int64_t)(ring->capacity - full) || (state == CELL_FULL) != (beyond < 0))
			broken(check, "cell %lu is %s for position %lu, while %lu were received and %lu sent",
			       (unsigned long)i, state == CELL_FULL ? "full" : "free",
			       (unsigned long)position, (unsigned long)first, (unsigned long)sent);
		else if (state == CELL_CLOSED && (beyond != 0 || !(words[QUEUE_CLOSING] & CLOSING_HOW)))
			broken(check, "cell %lu is closed at position %lu, while %lu were sent",
			       (unsigned long)i, (unsigned long)position, (unsigned long)sent);
		else if (state == CELL_FULL)
			judge_message(check, ring, position, trailers + TRAILER_WORDS * i);
	}
	if (ahead(ring, words[XRING_TAIL_HINT], sent) > 0 || ahead(ring, words[XRING_HEAD_HINT], first) > 0)
		broken(check, "the hints say that %lu were received and %lu sent, and it were %lu and %lu",
		       (unsigned long)words[XRING_HEAD_HINT], (unsigned long)words[XRING_TAIL_HINT],
		       (unsigned long)first, (unsigned long)sent);
}

static void judge_xring(const struct subject *subject, struct check *check, const uint64_t *words)
{
	const struct xring *ring = &subject->queue.xring;

	judge_queue(check, &subject->queue, words);
	judge_exchange(check, &ring->exchange, CHECK_QUEUE_ROLES, words + XRING_WORDS);
	judge_cells(check, ring, words);
	judge_orphans(check, ring,
	              words + XRING_WORDS + exchange_words(&ring->exchange) + TRAILER_WORDS * ring->capacity);
}

/* ---- the SPSC ring ---- */

enum { RING_TAIL = QUEUE_WORDS, RING_RELEASED, RING_TAKEN, RING_VARY, RING_VERDICT, RING_WORDS };

static uint64_t place_word(const struct ring *ring, uint64_t i)
{
	return ring->blocks ? atom64_load_rlx((struct atom64 *)ring->sizes + i)
	                    : atom32_load_rlx((struct atom32 *)ring->sizes + i);
}

static void collect_ring(const struct subject *subject, struct words *words)
{
	const struct ring *ring = &subject->queue.ring;

	collect_queue(&subject->queue, words);
	words_add(words, atom64_load_seq(&ring->shared->tail));
	words_add(words, atom64_load_seq(&ring->shared->released));
	words_add(words, atom64_load_seq(&ring->shared->taken));
	words_add(words, atom64_load_seq(&ring->shared->sizes_vary));
	words_add(words, atom64_load_seq(&ring->shared->verdict));
	for (uint64_t i = 0; i < ring->capacity; i++)
		words_add(words, atom32_load_acq(&ring->marks[i]));
	for (uint64_t i = 0; i < ring->capacity; i++)
		words_add(words, place_word(ring, i));
}

/* With blocks each place has one of its own; what no place has the sender has, or its successor finds. */
static void judge_places(struct check *check, const struct ring *ring, const uint64_t *places)
{
	bool *seen = calloc(ring->blocks ? ring->blocks : 1, sizeof *seen);

	if (!seen)
		check->no_memory = true;
	for (uint64_t i = 0; seen && ring->blocks && i < ring->capacity; i++) {
		uint64_t block = places[i] & (BLOCKS_MAX - 1);

		if (block >= ring->blocks)
			broken(check, "place %lu has block %lu of %u", (unsigned long)i, (unsigned long)block,
			       ring->blocks);
		else if (seen[block])
			broken(check, "block %lu is in two places, one of them %lu", (unsigned long)block,
			       (unsigned long)i);
		else
			seen[block] = true;
	}
	free(seen);
}

static void judge_sizes(struct check *check, const struct ring *ring, const uint64_t *words)
{
	const uint64_t *places = words + RING_WORDS + ring->capacity;

	for (uint64_t p = words[RING_RELEASED]; p != words[RING_TAIL]; p++) {
		uint64_t size = places[p % ring->capacity] >> (ring->blocks ? BLOCK_BITS : 0);

		if (size > ring->message_size)
			broken(check, "message %lu has %lu bytes, and the largest %lu", (unsigned long)p,
			       (unsigned long)size, (unsigned long)ring->message_size);
		else if (!ring->blocks && !words[RING_VARY] && size != ring->message_size)
			broken(check, "message %lu has %lu bytes, and nothing says that sizes vary",
			       (unsigned long)p, (unsigned long)size);
	}
}

/* At most `holds` of what was handed out is not acknowledged, and one that is just being received. */
static void judge_marks(struct check *check, const struct ring *ring, const uint64_t *words)
{
	const uint64_t *marks = words + RING_WORDS;
	uint64_t held = 0;

	for (uint64_t p = words[RING_RELEASED]; p < words[RING_TAKEN]; p++)
		held += marks[p % ring->capacity] != MARK_ACKNOWLEDGED;
	if (held > (uint64_t)ring->holds + 1)
		broken(check,
		       "%lu messages were handed out and not acknowledged, and a receiver holds %u at most",
		       (unsigned long)held, ring->holds);
}

static void judge_ring(const struct subject *subject, struct check *check, const uint64_t *words)
{
	const struct ring *ring = &subject->queue.ring;
	uint64_t tail = words[RING_TAIL], released = words[RING_RELEASED], taken = words[RING_TAKEN];
	bool closed = (words[RING_VERDICT] & 3) == VERDICT_CLOSED;

	judge_queue(check, &subject->queue, words);
	judge_places(check, ring, words + RING_WORDS + ring->capacity);
	if (closed && !(words[QUEUE_CLOSING] & CLOSING_HOW))
		broken(check, "its end was found, and nobody has shut it down");
	if (tail - released > ring->capacity) {
		broken(check, "%lu messages were sent and %lu received: more than %lu between them",
		       (unsigned long)tail, (unsigned long)released, (unsigned long)ring->capacity);
	} else if (taken > released && taken - released > tail - released) {
		broken(check, "%lu messages were handed out, and %lu sent", (unsigned long)taken,
		       (unsigned long)tail);
	} else {
		judge_sizes(check, ring, words);
		judge_marks(check, ring, words);
	}
}

/* ---- both ---- */

void check_queue(struct check *check, void *start, uint64_t room)
{
	struct subject subject = { .start = start, .room = room };

	if (queue_view_open(&subject.queue, check->segment, start, room) != 0) {
		broken(check, "its shape makes no sense: capacity, sizes, ends or handles");
		return;
	}
	subject.collect = subject.queue.spsc ? collect_ring : collect_xring;
	subject.judge = subject.queue.spsc ? judge_ring : judge_xring;
	check_subject(check, &subject);
}
