/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * ring.c - the SPSC ring: one sender, one receiver, no locked instruction.  Here is how it lies in memory, and
 * what anybody sees who looks at it; its halves are in ring_send.c and ring_receive.c.
 *
 * Words, and who writes them
 *   tail       the sender: positions below are committed
 *   released   the receiver: positions below are acknowledged, their places free
 *   taken      the receiver: positions below were, or may have been, read
 *   marks[p]   the receiver, for positions in [released, taken): MARK_ACKNOWLEDGED, or how
 *              often p was handed out (0 meaning once), with MARK_RETURNED where it was given
 *              back, or its holder has died, and it waits to be handed out again; or
 *              MARK_DISCARDING, with the count of discards before this one
 *   sizes[p]   the sender, before tail: the message's size, and in a ring with blocks the
 *              number of the block that has its payload
 *   sizes_vary the sender, before tail: a message was not of message_size
 *   verdict    both, by compare-and-swap, and only while draining
 *
 * released <= tail <= released + capacity.  Each side keeps what it last saw of the other
 * and looks again only when that does not suffice.
 *
 * Payload.  Up to 64 bytes it lies in the ring, densely; what is reserved, or leased where
 * the ring's places are not aligned, is staged in private memory.  Beyond, a place has a
 * block's number, and the sender has `holds` spare blocks: a commit puts a filled spare in
 * the place and gets the one that was there, so that blocks reserved together may be
 * committed in any order and never be copied.
 *
 * Leases.  A leased message keeps its place.  Taken: mark 0, then taken, then it is read.
 * Released in order: `released` goes over it and over acknowledged ones behind it; out of
 * order: its mark says so.  While nothing is leased, a pop writes `released` alone.
 *
 * Death of the sender: what tail does not cover was never sent.  Its successor finds the
 * spares as those blocks that no place has.  Death of the receiver: its successor finds
 * [released, taken), hands out what is not acknowledged there, flagged, and goes on at
 * taken.  A death between two of these stores leaves a message unacknowledged at worst, or handed
 * out again and not counted as redelivered.  A successor that dies on the way has its own: the
 * table is in docs/exchange-ring.md.
 *
 * The price of leases that keep their places: one that stays open stops the ring after `capacity`
 * messages, as `released` cannot pass it, however many behind it are acknowledged.
 *
 * The short way (stoa/inline.h).  Where payload lies in place, nothing is leased or reserved to the last
 * hold, the process is registered for os_fence_all(), and all messages so far have had message_size, a push
 * is a copy and a store of tail, a pop a copy and a store of released, and two looks at one word: the event
 * word of the other end (readable, writable).  Its bit EVENT_LONG_WAY, set once and for good, sends everybody
 * the long way.
 *
 *   A shutdown sets it in both words before it sets `closing`: who does not see it comes before the shutdown,
 *   and who is told of the shutdown sees it.  The long way goes by `closing` alone; so where who shuts down
 *   dies in between, nothing but a long way for everybody is left.
 *   Sizes are not looked at on the short way: sizes[] begins with message_size everywhere, and the sender of
 *   the first message of another size sets the bit in writable, then `sizes_vary`, before tail covers it.
 *   The receiver looks behind its load of tail: if that is a tail that covers it, it sees the bit, and does
 *   not even keep that tail.
 *   Where a handle's own state asks for the long way, and in a child that has not used it yet (fork.c), it
 *   looks at ring_long_way in place of its queue.
 *
 * A pop looks before it copies and behind its release; only sleepers count then.  A push looks before it
 * copies, for the bit, and behind its release, for both: the bit means that a receiver may have asked for a
 * verdict.
 *
 * Wake-ups without a fence.  A sender stores tail and then looks whether the receiver
 * announced that it sleeps; the receiver announces and then looks at tail.  Both must not
 * miss each other, which takes a fence between store and load on both sides (Dekker).  The
 * sender's is only one against the compiler: the receiver, which is about to sleep anyway, makes
 * every running thread of registered processes pass a fence (os_fence_all(), membarrier(2);
 * the idea is that of asymmetric Dekker synchronisation, Dice, Huang and Yang 2001).  A
 * process that cannot register fences itself.  The same for the verdict.  Where the call fails
 * for the receiver and did not fail when the sender registered (a filter of system calls on one side
 * alone), a slice of the wait must do, and for the verdict a pause of 1 ms: whether a sender's store is
 * seen by then is a matter of time, and CLOSED is exact only so far.
 *
 * Drain.  A sender checks `closing`, then commits by a plain store.  So a receiver that
 * finds nothing and `closing` set cannot know whether a sender, stopped past its check, will
 * still commit, and must not wait for it.  The two agree on `verdict`:
 *
 *   receiver at h                              sender, after its store of tail = p + 1
 *   verdict = ASK(h)                           no bit in readable, or closing clear: committed
 *   os_fence_all()                             verdict = CLOSED(at or before p): not committed:
 *   tail is h:      ASK(h) -> CLOSED(h)          tail = p again
 *   tail is beyond: ASK(h) -> COMMITTED(h)     verdict = ASK(p): -> COMMITTED(p), committed
 *                                              else: committed
 *
 * Either the receiver sees the tail or the sender sees ASK(p), and before that the bit and `closing`, which
 * the receiver has acquired before it asked; both answer by a compare-and-swap from ASK, so there is one
 * answer.  After CLOSED(h) nobody reads at h or behind it, whatever tail says.
 */
#include "ring_half.h"

#include <stoa/queue.h>

#define DENSE_MAX 32u
#define STAT_TRIES 100
#define SIZE_MAX_WITH_BLOCKS ((1ull << (64 - BLOCK_BITS)) - 1)

/* ---- plan, view, format ---- */

int ring_plan(const struct stoa_queue_config *config, uint64_t offset, struct ring_layout *layout,
              uint64_t *end)
{
	bool in_place = config->message_size <= IN_PLACE_MAX;
	uint64_t stride = config->message_size, marks = config->capacity, sizes = config->capacity;
	uint64_t payload = config->capacity;

	if (!size_round(&stride, stride <= DENSE_MAX ? 8 : STOA_LINE))
		return -EOVERFLOW;
	*layout = (struct ring_layout){ .payload_stride = stride };
	if (!in_place) {
		if (config->capacity >= BLOCKS_MAX - config->holds ||
		    config->message_size > SIZE_MAX_WITH_BLOCKS)
			return -EOVERFLOW;
		layout->blocks = config->capacity + config->holds;
		payload = layout->blocks;
	}
	offset += sizeof *layout;
	layout->marks_offset = offset;
	if (!size_mul(&marks, sizeof(struct atom32)) || !size_add(&offset, marks) ||
	    !size_round(&offset, STOA_LINE))
		return -EOVERFLOW;
	layout->sizes_offset = offset;
	if (!size_mul(&sizes, in_place ? sizeof(struct atom32) : sizeof(struct atom64)) ||
	    !size_add(&offset, sizes) || !size_round(&offset, STOA_LINE))
		return -EOVERFLOW;
	layout->payload_offset = offset;
	if (!size_mul(&payload, stride) || !size_add(&offset, payload) || !size_round(&offset, STOA_LINE))
		return -EOVERFLOW;
	*end = offset;
	return 0;
}

void ring_view(struct ring *ring, const struct stoa_queue_config *config, void *object,
               struct ring_layout *shared, const struct ring_layout *plan)
{
	uint8_t *start = object;

	*ring = (struct ring){
		.shared = shared,
		.queue = (struct queue_layout *)shared - 1,
		.capacity = config->capacity,
		.message_size = config->message_size,
		.holds = config->holds,
		.blocks = (uint32_t)plan->blocks,
		.marks = (struct atom32 *)(void *)(start + plan->marks_offset),
		.sizes = start + plan->sizes_offset,
		.payload = start + plan->payload_offset,
		.stride = plan->payload_stride,
	};
}

void ring_format(const struct ring *ring)
{
	/* Relaxed: private until it is published. */
	for (uint64_t i = 0; i < ring->capacity; i++) {
		if (ring->blocks)
			atom64_store_rlx(numbered(ring, i), i);
		else
			atom32_store_rlx((struct atom32 *)ring->sizes + i, (uint32_t)ring->message_size);
	}
}

/* ---- the short way: stoa/inline.h ---- */

_Static_assert(STOA_HOT_SOMEBODY == EVENT_SOMEBODY && STOA_HOT_LONG_WAY == EVENT_LONG_WAY,
               "bits of an event word");

/* What stoa/inline.h reckons from the queue. */
_Static_assert(offsetof(struct ring_object, queue.readable) == 80, "readable");
_Static_assert(offsetof(struct ring_object, queue.writable) == 88, "writable");
_Static_assert(offsetof(struct ring_object, ring.tail) == 192, "tail");
_Static_assert(offsetof(struct ring_object, ring.released) == 256, "released");

/* Its words are empty: nothing is read there but these two, and a tail that says EMPTY. */
struct ring_object ring_long_way = {
	.queue.readable.word.raw = EVENT_LONG_WAY,
	.queue.writable.word.raw = EVENT_LONG_WAY,
};

/* ---- looking ---- */

/* Positions below which everything was handed out. */
static uint64_t handed_out(const struct ring *ring, uint64_t released)
{
	uint64_t taken = atom64_load_acq(&ring->shared->taken);

	return taken > released ? taken : released;
}

/*
 * The three positions as they were together: while `released` stands still the others stay within
 * `capacity` of it.  False where they make no sense.
 */
static bool look_at_positions(const struct ring *ring, uint64_t *released, uint64_t *taken, uint64_t *tail)
{
	for (int i = 0; i < STAT_TRIES; i++) {
		*released = atom64_load_acq(&ring->shared->released);
		*taken = handed_out(ring, *released);
		*tail = committed(ring);
		/* After the other two, as these acquire. */
		if (atom64_load_acq(&ring->shared->released) == *released)
			return *taken - *released <= ring->capacity && *tail - *released <= ring->capacity;
	}
	/* Three moments, then. */
	if (*taken - *released > ring->capacity)
		*taken = *released;
	if (*tail - *taken > ring->capacity)
		*tail = *taken;
	return true;
}

int ring_stat(const struct ring *ring, struct ring_stat *stat)
{
	uint64_t released, taken, tail;

	if (!look_at_positions(ring, &released, &taken, &tail))
		return -EBADMSG;
	*stat = (struct ring_stat){
		.sent = tail,
		.received = taken,
		.unread = tail > taken ? tail - taken : 0,
		.redelivered = atom64_load_rlx(&ring->shared->redelivered), /* relaxed: statistics */
		.discarded = atom64_load_rlx(&ring->shared->discarded),
	};
	for (uint64_t p = released; p < taken; p++) {
		uint32_t word = atom32_load_acq(mark(ring, p));

		if (word & MARK_RETURNED)
			stat->unread++;
		else if (word & MARK_DISCARDING)
			stat->held += (word & MARK_COUNT) ==
			              (stat->discarded & MARK_COUNT); /* not counted yet */
		else
			stat->held += word != MARK_ACKNOWLEDGED;
	}
	return 0;
}

int ring_readable(const struct ring *ring, bool abandoned)
{
	uint64_t released = atom64_load_acq(&ring->shared->released);
	uint64_t taken = handed_out(ring, released);

	if (committed(ring) != taken)
		return 1;
	for (uint64_t p = released; p < taken && p - released <= ring->capacity; p++) {
		uint32_t word = atom32_load_acq(mark(ring, p));

		if ((word & MARK_RETURNED) || (abandoned && word != MARK_ACKNOWLEDGED))
			return 1;
	}
	return 0;
}

int ring_writable(const struct ring *ring)
{
	/* In this order, so that the answer was right at one moment: what is released after the look at the tail can
	 * but make room.  It may pass that tail, and then there is room, too. */
	uint64_t tail = atom64_load_acq(&ring->shared->tail);
	uint64_t released = atom64_load_acq(&ring->shared->released);

	return is_closing(ring) || (int64_t)(tail - released) < (int64_t)ring->capacity;
}
