/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * ring.c - the SPSC ring: one sender, one receiver, no locked instruction.
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
#include "ring.h"

#include <errno.h>
#include <stdlib.h>

#include <stoa/queue.h>

#include "defect.h"
#include "os.h"

#define IN_PLACE_MAX 64u
#define DENSE_MAX 32u
#define STAT_TRIES 100
#define SIZE_MAX_WITH_BLOCKS ((1ull << (64 - BLOCK_BITS)) - 1)

static uint64_t verdict_word(uint64_t position, enum ring_verdict verdict)
{
	return position << 2 | verdict;
}

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

static inline struct atom64 *numbered(const struct ring *ring, uint64_t index)
{
	return (struct atom64 *)ring->sizes + index;
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

/* ---- places ---- */

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

/* The fence between a plain store and the look that follows it: see the head of this file. */
static inline void look_fence(bool fenced)
{
	if (unlikely(fenced))
		fence_seq();
	else
		fence_light();
}

static bool is_closing(const struct ring *ring)
{
	return atom64_load_rlx(&ring->queue->closing) & CLOSING_HOW;
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

/* Relaxed, as in stoa/inline.h: what must be seen here comes with the tail, or with having been told. */
static bool short_way_open(const uint32_t *look)
{
	return !(STOA_HOT_LOAD32(look) & EVENT_LONG_WAY);
}

static struct stoa_hot_end hot_end(const struct ring *ring, uint64_t position)
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
static void go_on(struct stoa_hot_end *hot, uint64_t count)
{
	hot->position += count;
	if (index_of(hot) == hot->capacity)
		hot->lap = hot->position;
	hot->at = hot->begin + index_of(hot) * hot->stride;
}

/* How many places lie before `limit` and before the ring begins again, `count` at most. */
static uint64_t run_of(const struct stoa_hot_end *hot, uint64_t count)
{
	uint64_t known = hot->limit - hot->position, straight = hot->capacity - index_of(hot);

	known = known < straight ? known : straight;
	return count < known ? count : known;
}

/* Messages of `size` bytes from places of `from_step` bytes into places of `to_step`. */
static void copy_run(uint8_t *to, uint64_t to_step, const uint8_t *from, uint64_t from_step, uint64_t size,
                     size_t count)
{
	if (to_step == size && from_step == size) {
		memcpy(to, from, count * size);
		return;
	}
	for (size_t i = 0; i < count; i++)
		memcpy(to + i * to_step, from + i * from_step, size);
}

static void allow_short_way(struct stoa_hot_end *hot, const struct ring *ring, bool allowed)
{
	/* Defects are planted in the long way. */
	if (DEFECT(DEFECT_TAIL_EARLY) || DEFECT(DEFECT_RELEASED_EARLY))
		allowed = false;
	hot->queue = allowed && !ring->blocks ? (uint8_t *)ring->queue : (uint8_t *)&ring_long_way;
}

/* ---- the sender's half ---- */

/* The blocks that no place has: `holds` of them, whatever the last sender died at. */
static int find_spares(struct ring_sender *sender)
{
	const struct ring *ring = &sender->ring;
	bool *in_place = calloc(ring->blocks, sizeof *in_place);
	uint32_t found = 0;
	int rc = 0;

	sender->spares = calloc(ring->holds, sizeof *sender->spares);
	if (!in_place || !sender->spares) {
		free(in_place);
		return -ENOMEM;
	}
	for (uint64_t i = 0; i < ring->capacity; i++) {
		uint64_t block = atom64_load_rlx(numbered(ring, i)) & (BLOCKS_MAX - 1); /* relaxed: ours */

		if (block < ring->blocks)
			in_place[block] = true;
	}
	for (uint32_t b = 0; b < ring->blocks && found < ring->holds; b++) {
		if (!in_place[b])
			sender->spares[found++] = b;
	}
	if (found != ring->holds)
		rc = -EBADMSG;
	free(in_place);
	return rc;
}

static int stage(const struct ring *ring, uint8_t **staging)
{
	void *memory;

	if (posix_memalign(&memory, STOA_LINE, (size_t)ring->holds * IN_PLACE_MAX))
		return -ENOMEM;
	*staging = memory;
	return 0;
}

static void choose_way(struct ring_sender *sender)
{
	allow_short_way(&sender->hot, &sender->ring,
	                !sender->fenced && !sender->sizes_vary &&
	                        (!sender->slow || DEFECT(DEFECT_RESERVED_PASSED)));
}

void ring_sender_slow(struct ring_sender *sender, bool slow)
{
	sender->slow = slow;
	choose_way(sender);
}

int ring_sender_open(struct ring_sender *sender, const struct ring *ring)
{
	uint64_t verdict = atom64_load_seq(&ring->shared->verdict);
	/* Acquire: the last sender's words, where it died. */
	uint64_t tail = atom64_load_acq(&ring->shared->tail);
	int rc;

	if ((verdict & 3) == VERDICT_CLOSED && tail > verdict >> 2)
		tail = verdict >> 2; /* the last sender died before it took its store back */
	*sender = (struct ring_sender){
		.hot = hot_end(ring, tail),
		.ring = *ring,
		.fenced = os_fence_register() != 0,
		.sizes_vary = atom64_load_acq(&ring->shared->sizes_vary),
	};
	sender->hot.limit = atom64_load_acq(&ring->shared->released) + ring->capacity;
	if (sender->hot.limit - tail > ring->capacity)
		return -EBADMSG;
	rc = ring->blocks ? find_spares(sender) : stage(ring, &sender->staging);
	if (rc)
		ring_sender_close(sender);
	go_on(&sender->hot, 0);
	if (rc == 0)
		choose_way(sender);
	return rc;
}

void ring_sender_close(struct ring_sender *sender)
{
	free(sender->spares);
	free(sender->staging);
	sender->spares = NULL;
	sender->staging = NULL;
}

/* STOA_OK where the next place is free. */
static inline int room_for_one(struct ring_sender *sender)
{
	struct stoa_hot_end *hot = &sender->hot;
	uint64_t limit;

	if (unlikely(is_closing(&sender->ring)))
		return STOA_CLOSED;
	if (likely(hot->position != hot->limit))
		return STOA_OK;
	/* [Q2] acquire; pairs with release_to() and stoa_hot_pop(): the receiver is done with the place, else
	 * we would write over what it still reads. */
	limit = atom64_load_acq(&sender->ring.shared->released) + hot->capacity;
	if (limit - hot->position > hot->capacity)
		return -EBADMSG;
	hot->limit = limit;
	return limit == hot->position ? STOA_FULL : STOA_OK;
}

/* Closing was set after this sender's check: whether its message at `position` is committed. */
static int ask_verdict(struct ring_sender *sender, uint64_t position)
{
	struct atom64 *verdict = &sender->ring.shared->verdict;
	uint64_t word = atom64_load_seq(verdict);

	while (word == verdict_word(position, VERDICT_ASK)) {
		if (atom64_cas_seq(verdict, &word, verdict_word(position, VERDICT_COMMITTED)))
			return STOA_OK;
	}
	if ((word & 3) != VERDICT_CLOSED || word >> 2 > position)
		return STOA_OK;
	atom64_store_rel(&sender->ring.shared->tail, position); /* nobody reads there any more */
	return STOA_CLOSED;
}

/* `count` messages are committed, unless the queue was closed before: then none is. */
static int published(struct ring_sender *sender, size_t count)
{
	if (unlikely(is_closing(&sender->ring)) && !DEFECT(DEFECT_VERDICT_UNASKED) &&
	    ask_verdict(sender, sender->hot.position) != STOA_OK)
		return STOA_CLOSED;
	go_on(&sender->hot, count);
	return STOA_OK;
}

/*
 * From now on sizes must be looked at.  First the receiver's short way is closed, so that where sizes_vary is
 * set, that is; and a successor that finds an odd size finds the word, wherever we die.
 */
static void tell_sizes(const struct ring *ring)
{
	event_close_short_way(&ring->queue->writable);
	atom64_store_rlx(&ring->shared->sizes_vary, 1); /* relaxed, as the sizes: published by tail */
	fence_light();
}

/* The place at tail is filled. */
static int publish(struct ring_sender *sender)
{
	/* [Q1] release; pairs with committed(): size and payload before tail, else the receiver
	 * would read an old message. */
	atom64_store_rel(&sender->ring.shared->tail, sender->hot.position + 1);
	if (DEFECT(DEFECT_SIZES_LATE) && sender->sizes_vary)
		tell_sizes(&sender->ring);
	look_fence(sender->fenced);
	return published(sender, 1);
}

int ring_pushed(struct ring_sender *sender)
{
	return published(sender, 1);
}

static void set_size(struct ring_sender *sender, uint64_t index, uint64_t size)
{
	const struct ring *ring = &sender->ring;

	/* Relaxed, all of them: published by tail. */
	if (ring->blocks) {
		uint64_t block = atom64_load_rlx(numbered(ring, index)) & (BLOCKS_MAX - 1);

		atom64_store_rlx(numbered(ring, index), size << BLOCK_BITS | block);
		return;
	}
	if (size != ring->message_size && !sender->sizes_vary) {
		sender->sizes_vary = true;
		choose_way(sender);
		if (!DEFECT(DEFECT_SIZES_UNTOLD) && !DEFECT(DEFECT_SIZES_LATE))
			tell_sizes(ring);
	}
	if (sender->sizes_vary)
		atom32_store_rlx((struct atom32 *)ring->sizes + index, (uint32_t)size);
}

static int push_long(struct ring_sender *sender, const void *message, uint64_t size)
{
	const struct ring *ring = &sender->ring;
	uint64_t index, old_size;
	uint8_t *to;
	int rc = room_for_one(sender);

	if (rc != STOA_OK)
		return rc;
	index = index_of(&sender->hot);
	to = place(ring, index, &old_size);
	if (unlikely(!to))
		return -EBADMSG;
	if (DEFECT(DEFECT_TAIL_EARLY))
		atom64_store_rel(&ring->shared->tail, sender->hot.position + 1);
	if (size)
		memcpy(to, message, size);
	set_size(sender, index, size);
	return publish(sender);
}

int ring_push(struct ring_sender *sender, const void *message, uint64_t size)
{
	int rc = stoa_hot_push(&sender->hot, message, size);

	if (likely(rc == STOA_OK))
		return rc;
	return rc == STOA_HOT_LOOK ? ring_pushed(sender) : push_long(sender, message, size);
}

/* The short way for a run of places. */
static int push_run(struct ring_sender *sender, const uint8_t *messages, size_t count)
{
	struct stoa_hot_end *hot = &sender->hot;

	if (DEFECT(DEFECT_RUN_TAIL_EARLY))
		atom64_store_seq(&sender->ring.shared->tail, hot->position + count);
	copy_run(hot->at, hot->stride, messages, hot->size, hot->size, count);
	atom64_store_rel(&sender->ring.shared->tail, hot->position + count); /* [Q1] as in publish() */
	fence_light();
	return published(sender, count);
}

int ring_push_many(struct ring_sender *sender, const void *messages, uint64_t size, size_t count,
                   size_t *done)
{
	const uint8_t *bytes = messages;
	int rc = STOA_OK;

	for (*done = 0; rc == STOA_OK && *done < count;) {
		size_t n = size == sender->hot.size && short_way_open(STOA_HOT_READABLE(&sender->hot))
		                   ? run_of(&sender->hot, count - *done)
		                   : 0;

		rc = n ? push_run(sender, bytes, n) : push_long(sender, bytes, size);
		if (rc != STOA_OK)
			break;
		n += n == 0;
		*done += n;
		bytes = size ? bytes + n * size : bytes;
	}
	return rc;
}

void *ring_reserved(const struct ring_sender *sender, uint32_t k)
{
	const struct ring *ring = &sender->ring;

	return ring->blocks ? ring->payload + sender->spares[k] * ring->stride
	                    : sender->staging + (size_t)k * IN_PLACE_MAX;
}

int ring_commit(struct ring_sender *sender, uint32_t k, uint64_t size)
{
	const struct ring *ring = &sender->ring;
	struct atom64 *number;
	uint64_t before;
	int rc;

	if (!ring->blocks)
		return ring_push(sender, ring_reserved(sender, k), size);
	rc = room_for_one(sender);
	if (rc != STOA_OK)
		return rc;
	number = numbered(ring, index_of(&sender->hot));
	before = atom64_load_rlx(number); /* relaxed: the place is ours */
	if ((before & (BLOCKS_MAX - 1)) >= ring->blocks)
		return -EBADMSG;
	/* Relaxed: published by tail. */
	atom64_store_rlx(number, size << BLOCK_BITS | sender->spares[k]);
	rc = publish(sender);
	if (rc == STOA_OK)
		sender->spares[k] = before & (BLOCKS_MAX - 1);
	else
		atom64_store_rlx(number, before); /* still the caller's */
	return rc;
}

/* ---- the receiver's half ---- */

static inline struct atom32 *mark(const struct ring *ring, uint64_t position)
{
	return &ring->marks[position % ring->capacity];
}

static inline bool is_acknowledged(const struct ring *ring, uint64_t position)
{
	return atom32_load_rlx(mark(ring, position)) == MARK_ACKNOWLEDGED; /* relaxed: the receiver's own */
}

static void count(struct atom64 *counter, uint64_t more)
{
	atom64_store_rlx(counter, atom64_load_rlx(counter) + more); /* relaxed: one writer, a statistic */
}

static void choose_way_out(struct ring_receiver *receiver)
{
	allow_short_way(&receiver->hot, &receiver->ring,
	                !receiver->fenced && !receiver->sizes_vary &&
	                        (!receiver->open || DEFECT(DEFECT_LEASE_PASSED)));
}

static inline void release_to(struct ring_receiver *receiver, uint64_t position)
{
	receiver->released = position;
	/* [Q2] release; pairs with room_for_one(): the messages have been read. */
	atom64_store_rel(&receiver->ring.shared->released, position);
	look_fence(receiver->fenced);
}

/* Goes over what is acknowledged from `position` on. */
static void release_from(struct ring_receiver *receiver, uint64_t position)
{
	while (position < receiver->hot.position && is_acknowledged(&receiver->ring, position))
		position++;
	release_to(receiver, position);
}

/* Discards what a dead receiver had taken, and counts it once, whoever dies meanwhile. */
static void discard_at(const struct ring *ring, uint64_t position, uint32_t word)
{
	uint64_t count = atom64_load_acq(&ring->shared->discarded);

	if (!(word & MARK_DISCARDING)) {
		word = MARK_DISCARDING | (count & MARK_COUNT);
		if (!DEFECT(DEFECT_DISCARD_UNMARKED))
			atom32_store_rel(mark(ring, position), word);
	}
	if ((count & MARK_COUNT) == (word & MARK_COUNT))
		atom64_store_rel(&ring->shared->discarded, count + 1);
	atom32_store_rel(mark(ring, position), MARK_ACKNOWLEDGED);
}

/* What the last receiver had not acknowledged in [released, taken). */
static void inherit(struct ring_receiver *receiver, uint64_t taken, bool discard)
{
	const struct ring *ring = &receiver->ring;

	for (uint64_t p = receiver->released; p + DEFECT(DEFECT_SUCCESSOR_SHORT) < taken; p++) {
		uint32_t word = atom32_load_acq(mark(ring, p)), deliveries = word & MARK_COUNT;

		receiver->hot.position = p + 1;
		if (word == MARK_ACKNOWLEDGED || (DEFECT(DEFECT_SUCCESSOR_FAR) && word == 0))
			continue;
		if (discard && !(word & MARK_RETURNED)) {
			discard_at(ring, p, word);
			continue;
		}
		if (receiver->open == ring->holds) { /* more than a receiver can hold: corrupt, or reshaped */
			receiver->hot.position = p;
			break;
		}
		receiver->holds[receiver->open++] = (struct ring_hold){
			.position = p,
			.state = RING_RETURNED,
			.deliveries = deliveries ? deliveries : 1,
		};
		/* From now on it waits, for everybody who looks. */
		if (!DEFECT(DEFECT_INHERITED_UNMARKED))
			atom32_store_rel(mark(ring, p), (deliveries ? deliveries : 1) | MARK_RETURNED);
	}
	receiver->returned = receiver->open;
	release_from(receiver, receiver->released);
}

int ring_receiver_open(struct ring_receiver *receiver, const struct ring *ring, bool discard)
{
	/* Acquire: the last receiver's words, where it died. */
	uint64_t released = atom64_load_acq(&ring->shared->released);
	uint64_t taken = atom64_load_acq(&ring->shared->taken);

	*receiver = (struct ring_receiver){
		.hot = hot_end(ring, released),
		.ring = *ring,
		.released = released,
		.fenced = os_fence_register() != 0,
	};
	if (taken > released && taken - released > ring->capacity)
		return -EBADMSG;
	receiver->holds = calloc(ring->holds, sizeof *receiver->holds);
	if (!receiver->holds || (ring->stride % STOA_LINE && stage(ring, &receiver->staging))) {
		ring_receiver_close(receiver);
		return -ENOMEM;
	}
	inherit(receiver, taken, discard);
	receiver->hot.limit = receiver->hot.position;
	receiver->hot.lap = receiver->hot.position - receiver->hot.position % ring->capacity;
	go_on(&receiver->hot, 0);
	choose_way_out(receiver);
	return 0;
}

void ring_receiver_close(struct ring_receiver *receiver)
{
	free(receiver->holds);
	free(receiver->staging);
	receiver->holds = NULL;
	receiver->staging = NULL;
}

/* Nothing at next, and the queue drains: STOA_CLOSED, or STOA_CHANGED to look again. */
static int ask_closed(struct ring_receiver *receiver)
{
	struct atom64 *verdict = &receiver->ring.shared->verdict;
	uint64_t ask = verdict_word(receiver->hot.position, VERDICT_ASK);
	uint64_t word = atom64_load_seq(verdict);
	uint64_t answer = verdict_word(receiver->hot.position, VERDICT_CLOSED);

	if ((word & 3) == VERDICT_CLOSED)
		return STOA_CLOSED;
	if (word != ask && !atom64_cas_seq(verdict, &word, ask))
		return STOA_CHANGED;
	if (os_fence_all() != 0)
		os_sleep_ns(1000000); /* time enough for a store that is on its way out of a core */
	if (atom64_load_seq(&receiver->ring.shared->tail) != receiver->hot.position &&
	    !DEFECT(DEFECT_DRAIN_UNLOOKED))
		answer = verdict_word(receiver->hot.position, VERDICT_COMMITTED);
	if (!atom64_cas_seq(verdict, &ask, answer))
		return STOA_CHANGED;
	return (answer & 3) == VERDICT_CLOSED ? STOA_CLOSED : STOA_CHANGED;
}

/* The sender's tail; behind a closed verdict there is nothing. */
static inline uint64_t committed(const struct ring *ring)
{
	/* [Q1] acquire: what is below tail is whole. */
	uint64_t tail = atom64_load_acq(&ring->shared->tail);
	uint64_t verdict = is_closing(ring) ? atom64_load_seq(&ring->shared->verdict) : 0;

	return (verdict & 3) == VERDICT_CLOSED && tail > verdict >> 2 ? verdict >> 2 : tail;
}

static int refresh_tail(struct ring_receiver *receiver)
{
	uint64_t tail = committed(&receiver->ring);

	if (tail - receiver->hot.position > receiver->hot.capacity)
		return -EBADMSG;
	receiver->hot.limit = tail;
	receiver->sizes_vary = atom64_load_rlx(&receiver->ring.shared->sizes_vary); /* relaxed: [Q1] has it */
	choose_way_out(receiver);
	return STOA_OK;
}

/* Whether there is a message for the receiver: STOA_OK, STOA_EMPTY, STOA_CLOSED, -EBADMSG. */
static inline int look_for_one(struct ring_receiver *receiver, bool drain)
{
	while (unlikely(receiver->hot.limit == receiver->hot.position)) {
		int rc = refresh_tail(receiver);

		if (rc != STOA_OK)
			return rc;
		if (receiver->hot.limit != receiver->hot.position)
			break;
		if (!drain)
			return STOA_EMPTY;
		rc = ask_closed(receiver);
		if (rc == STOA_CLOSED)
			return rc;
	}
	return STOA_OK;
}

/* The message at a position, checked: STOA_OK or -EBADMSG. */
static inline int message_at(const struct ring *ring, uint64_t index, const uint8_t **bytes, uint64_t *size)
{
	*bytes = place(ring, index, size);
	return *bytes && *size <= ring->message_size ? STOA_OK : -EBADMSG;
}

/* From here on the message at `index` counts as handed out. */
static void mark_taken(struct ring_receiver *receiver, uint64_t index)
{
	if (DEFECT(DEFECT_TAKEN_EARLY))
		atom64_store_rel(&receiver->ring.shared->taken, receiver->hot.position + 1);
	/* Relaxed: the release of taken publishes it. */
	atom32_store_rlx(&receiver->ring.marks[index], 0);
	atom64_store_rel(&receiver->ring.shared->taken, receiver->hot.position + 1);
}

static void step(struct ring_receiver *receiver)
{
	go_on(&receiver->hot, 1);
	choose_way_out(receiver);
}

/* The first message that was given back; `returned` says that there is one. */
static uint32_t first_returned(const struct ring_receiver *receiver)
{
	const struct ring_hold *holds = receiver->holds;
	uint32_t first = UINT32_MAX;

	for (uint32_t k = 0; k < receiver->ring.holds; k++) {
		if (holds[k].state == RING_RETURNED &&
		    (first == UINT32_MAX || holds[k].position < holds[first].position))
			first = k;
	}
	return first;
}

/* Hands a returned message out again. */
static void lease_again(struct ring_receiver *receiver, uint32_t k)
{
	struct ring_hold *hold = &receiver->holds[k];

	hold->deliveries++;
	if (!DEFECT(DEFECT_AGAIN_UNMARKED))
		atom32_store_rel(mark(&receiver->ring, hold->position), hold->deliveries & MARK_COUNT);
	count(&receiver->ring.shared->redelivered, 1);
	hold->state = RING_LEASED;
	receiver->returned--;
}

/* pop of a message that was given back before */
static int pop_returned(struct ring_receiver *receiver, void *out, uint64_t room, uint64_t *size)
{
	uint32_t k = first_returned(receiver);
	const uint8_t *bytes;
	int rc = message_at(&receiver->ring, receiver->holds[k].position % receiver->ring.capacity, &bytes,
	                    size);

	if (rc != STOA_OK)
		return rc;
	if (*size > room)
		return -EMSGSIZE;
	lease_again(receiver, k);
	if (*size)
		memcpy(out, bytes, *size);
	ring_release(receiver, k);
	return STOA_OK;
}

static int pop_long(struct ring_receiver *receiver, void *out, uint64_t room, bool drain, uint64_t *size)
{
	const uint8_t *bytes;
	uint64_t index;
	int rc;

	if (unlikely(receiver->returned))
		return pop_returned(receiver, out, room, size);
	rc = look_for_one(receiver, drain);
	if (rc != STOA_OK)
		return rc;
	index = index_of(&receiver->hot);
	rc = message_at(&receiver->ring, index, &bytes, size);
	if (unlikely(rc != STOA_OK))
		return rc;
	if (unlikely(*size > room))
		return -EMSGSIZE;
	if (receiver->open)
		mark_taken(receiver, index);
	else if (DEFECT(DEFECT_RELEASED_EARLY))
		release_to(receiver, receiver->hot.position + 1);
	if (*size)
		memcpy(out, bytes, *size);
	step(receiver);
	if (!receiver->open)
		release_to(receiver, receiver->hot.position);
	else
		atom32_store_rel(&receiver->ring.marks[index], MARK_ACKNOWLEDGED);
	return STOA_OK;
}

int ring_pop(struct ring_receiver *receiver, void *out, uint64_t room, bool drain, uint64_t *size)
{
	int rc = stoa_hot_pop(&receiver->hot, out, room, size);

	return likely(rc != STOA_HOT_LONG) ? STOA_OK : pop_long(receiver, out, room, drain, size);
}

size_t ring_pop_many(struct ring_receiver *receiver, void *out, uint64_t room, size_t count)
{
	struct stoa_hot_end *hot = &receiver->hot;
	size_t n = room >= hot->size && short_way_open(STOA_HOT_WRITABLE(hot)) ? run_of(hot, count) : 0;

	if (!n)
		return 0;
	if (DEFECT(DEFECT_RUN_RELEASED_EARLY))
		release_to(receiver, hot->position + n);
	copy_run(out, room, hot->at, hot->stride, hot->size, n);
	go_on(hot, n);
	release_to(receiver, hot->position);
	return n;
}

static uint32_t idle_hold(const struct ring_receiver *receiver)
{
	uint32_t k = 0;

	while (k < receiver->ring.holds && receiver->holds[k].state != RING_IDLE)
		k++;
	return k;
}

/* Fills in what the lease of hold k shows; stages it where its place is not aligned. */
static int show(const struct ring_receiver *receiver, uint32_t k, struct ring_message *message)
{
	const struct ring *ring = &receiver->ring;
	const struct ring_hold *hold = &receiver->holds[k];
	const uint8_t *bytes;
	int rc = message_at(ring, hold->position % ring->capacity, &bytes, &message->size);

	if (rc != STOA_OK)
		return rc;
	if (receiver->staging)
		bytes = memcpy(receiver->staging + (size_t)k * IN_PLACE_MAX, bytes, message->size);
	message->bytes = bytes;
	message->position = hold->position;
	message->deliveries = hold->deliveries;
	return STOA_OK;
}

int ring_take(struct ring_receiver *receiver, bool drain, uint32_t *k, struct ring_message *message)
{
	int rc;

	if (receiver->returned) {
		*k = first_returned(receiver);
		lease_again(receiver, *k);
		return show(receiver, *k, message);
	}
	*k = idle_hold(receiver);
	if (*k == receiver->ring.holds)
		return -ENOBUFS;
	rc = look_for_one(receiver, drain);
	if (rc != STOA_OK)
		return rc;
	if (!receiver->open)
		receiver->released = receiver->hot.position;
	receiver->holds[*k] = (struct ring_hold){ .position = receiver->hot.position, .deliveries = 1 };
	mark_taken(receiver, index_of(&receiver->hot));
	rc = show(receiver, *k, message);
	if (rc != STOA_OK)
		return rc;
	receiver->holds[*k].state = RING_LEASED;
	receiver->open++;
	step(receiver);
	return STOA_OK;
}

void ring_release(struct ring_receiver *receiver, uint32_t k)
{
	struct ring_hold *hold = &receiver->holds[k];

	hold->state = RING_IDLE;
	receiver->open--;
	if (hold->position == receiver->released || DEFECT(DEFECT_LEASE_FREED))
		release_from(receiver, hold->position + 1);
	else
		atom32_store_rel(mark(&receiver->ring, hold->position), MARK_ACKNOWLEDGED);
	choose_way_out(receiver);
}

void ring_return(struct ring_receiver *receiver, uint32_t k)
{
	struct ring_hold *hold = &receiver->holds[k];

	atom32_store_rel(mark(&receiver->ring, hold->position),
	                 (hold->deliveries & MARK_COUNT) | MARK_RETURNED);
	hold->state = RING_RETURNED;
	receiver->returned++;
}

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
	uint64_t released = atom64_load_acq(&ring->shared->released);

	return is_closing(ring) || atom64_load_acq(&ring->shared->tail) - released < ring->capacity;
}
