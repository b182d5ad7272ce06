/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * ring_send.c - the sender's half of the SPSC ring.  The essay is at the head of ring.c.
 */
#include "ring_half.h"

#include "os.h"

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

	tail = tail_before(verdict, tail); /* where the last sender died before it took its store back */
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
	if (verdict_of(word) != VERDICT_CLOSED || word >> 2 > position)
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
