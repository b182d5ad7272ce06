/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * receiver_pop.c - messages copied out of a queue, one or many, waiting or not.
 *
 * Most pops are short: what stoa/inline.h has for the SPSC ring, and pop_exchange() for the exchange ring.
 * They know by one look at the queue's words that nothing else is to be seen to, and go the long way where it is.
 */
#include "receiver.h"

#include "xring_short.h"

static int pop_ring(struct stoa_receiver *receiver, void *out, size_t room, uint64_t *size)
{
	const struct queue_view *view = &receiver->queue->view;
	unsigned closing = queue_closing(view);
	int rc;

	if (unlikely(closing & STOA_NOW))
		return STOA_CLOSED;
	if (unlikely(receiver->busy == holds(receiver)))
		return -ENOBUFS;
	rc = ring_pop(&receiver->ring, out, room, closing, size);
	return unlikely(rc == STOA_CLOSED) ? queue_drained(view) : rc;
}

static int pop_xring(struct stoa_receiver *receiver, void *out, size_t room, uint64_t *size)
{
	const struct xring *xring = &receiver->queue->view.xring;
	struct got got = { 0 };
	int rc = receiver_next(receiver, room, &got);

	*size = got.size;
	if (rc != STOA_OK)
		return rc;
	/* The size was looked at before the block was ours.  Whose it was then is another question. */
	rc = xring_fits(xring, receiver->slots[got.k].block, room, size);
	if (unlikely(rc != STOA_OK)) {
		receiver_give_up(receiver, got.k);
		return rc;
	}
	if (*size)
		memcpy(out, xring_payload(xring, receiver->slots[got.k].block), *size);
	if (unlikely(receiver->holds[got.k].retaken)) {
		receiver->holds[got.k].state = IDLE;
		receiver->busy--;
	}
	acknowledge(receiver, got.k);
	return STOA_OK;
}

struct pop {
	struct stoa_receiver *receiver;
	void *out;
	size_t room;
	uint64_t size;
};

/* Up to `count` messages out of one parcel; `*done`: how many, all of pop->size. */
static noinline int pop_parcel(struct pop *pop, size_t count, size_t *done)
{
	struct stoa_receiver *receiver = pop->receiver;
	int rc = receiver_parcel(receiver, pop->room, &pop->size);

	if (rc != STOA_OK)
		return rc;
	*done = parcel_receive(&receiver->parcel, pop->out, pop->room, count);
	if (DEFECT(DEFECT_PARCEL_ACKNOWLEDGED) && !receiver->holds[receiver->parcel_hold].retaken)
		slot_acknowledge(&receiver->slots[receiver->parcel_hold]);
	if (!receiver->parcel.left)
		end_lease(receiver, receiver->parcel_hold);
	return STOA_OK;
}

static inline int pop_copy(struct pop *pop)
{
	struct stoa_receiver *receiver = pop->receiver;
	size_t done;
	int rc;

	if (receiver->queue->view.spsc)
		rc = pop_ring(receiver, pop->out, pop->room, &pop->size);
	else if (unlikely(receiver->queue->view.shape.pack > 1))
		return pop_parcel(pop, 1, &done);
	else
		rc = pop_xring(receiver, pop->out, pop->room, &pop->size);
	return came(receiver, rc);
}

static int try_pop(void *context)
{
	return pop_copy(context);
}

static inline int check_pop(struct stoa_receiver *receiver, const void *out, size_t room)
{
	if (unlikely(!receiver || (!out && room)))
		return -EINVAL;
	return use(receiver);
}

static inline int popped(const struct pop *pop, int rc, size_t *size)
{
	if (size && (rc == STOA_OK || rc == -EMSGSIZE))
		*size = pop->size;
	return told(pop->receiver, rc);
}

static int pop_long(struct stoa_receiver *receiver, void *out, size_t room, size_t *size)
{
	struct pop pop = { .receiver = receiver, .out = out, .room = room };
	int rc = check_pop(receiver, out, room);

	return unlikely(rc) ? rc : popped(&pop, pop_copy(&pop), size);
}

int stoa_inline_popped(struct stoa_receiver *receiver)
{
	event_wake_one(&receiver->queue->view.shared->writable);
	return STOA_OK;
}

/* ---- the short way of the exchange ring ---- */

/* Behind a message that was taken: whatever asked for a look. */
static noinline int look_around(struct stoa_receiver *receiver)
{
	const struct queue_view *view = &receiver->queue->view;

	event_wake_one(&view->shared->writable);
	if (queue_closing(view))
		event_wake_all(&view->shared->readable); /* it may have been the last that was held */
	if (!receiver->patience) {
		receiver->patience = LOOK_EVERY;
		queue_now_and_then(receiver->queue);
	}
	return STOA_OK;
}

/* The message of `length` bytes at `payload` is the first slot's. */
static inline int read_short(struct stoa_receiver *receiver, void *out, const void *payload, uint64_t length,
                             size_t *size)
{
	const struct queue_layout *words = (const struct queue_layout *)(void *)receiver->words;

	stoa_hot_copy(out, payload, length);
	slot_acknowledge(&receiver->slots[0]);
	if (size)
		*size = length;
	receiver->patience--;
	if (unlikely((atom32_load_seq(&words->writable.word) & (EVENT_SOMEBODY | EVENT_LONG_WAY)) ||
	             !receiver->patience))
		return look_around(receiver);
	return STOA_OK;
}

static noinline int read_any(struct stoa_receiver *receiver, void *out, const void *payload, uint64_t length,
                             size_t *size)
{
	return read_short(receiver, out, payload, length, size);
}

/* The cell was not as it had to be (`intended`: when it was tried), or the size not what it was. */
static noinline int pop_disturbed(struct stoa_receiver *receiver, void *out, size_t room, size_t *size,
                                  enum xring_tried tried)
{
	const struct xring *xring = &receiver->queue->view.xring;
	struct slot *slot = &receiver->slots[0];
	uint64_t length;
	int rc = STOA_OK;

	if (tried != XRING_DONE)
		rc = xring_pop_on(xring, &receiver->cursor, slot, room, false, &length,
		                  tried == XRING_FAILED);
	if (rc != STOA_OK)
		return rc == STOA_EMPTY ? told(receiver, came(receiver, rc))
		                        : pop_long(receiver, out, room, size);
	/* The size was looked at before the block was ours. */
	if (unlikely(xring_fits(xring, slot->block, room, &length) != STOA_OK)) {
		receiver_give_up(receiver, 0);
		return pop_long(receiver, out, room, size);
	}
	return read_short(receiver, out, xring_payload(xring, slot->block), length, size);
}

/*
 * Every hold has its empty block, there is no orphan to look for and a message that fits: else the long way.
 * Two sizes are constants, so that nothing is called on the way.
 */
static noinline int pop_exchange(struct stoa_receiver *receiver, void *out, size_t room, size_t *size)
{
	const struct queue_layout *words = (const struct queue_layout *)(void *)receiver->words;
	const struct xring *xring = &receiver->queue->view.xring;
	struct slot *slot = &receiver->slots[0];
	enum xring_tried tried;
	uint64_t length;
	void *payload;

	/* Relaxed, as in stoa/inline.h. */
	if (unlikely((atom32_load_rlx(&words->writable.word) & EVENT_LONG_WAY) || receiver->busy ||
	             /* [Q4] */
	             (atom64_load_acq(&words->orphans) != receiver->orphans_seen &&
	              !DEFECT(DEFECT_ORPHANS_PASSED))))
		return pop_long(receiver, out, room, size);
	tried = xring_pop_at_once(xring, &receiver->cursor, slot, room, &payload, &length);
	if (unlikely(tried != XRING_DONE || atom64_load_rlx(&xring_trailer_at(xring, payload)->size) !=
	                                            length)) /* relaxed: ours now */
		return pop_disturbed(receiver, out, room, size, tried);
	if (length == 8)
		return read_short(receiver, out, payload, 8, size);
	if (length == 64)
		return read_short(receiver, out, payload, 64, size);
	return read_any(receiver, out, payload, length, size);
}

/* Out of an SPSC ring, with any room. */
static noinline int pop_any(struct stoa_receiver *receiver, void *out, size_t room, size_t *size)
{
	int rc = stoa_hot_pop(&receiver->ring.hot, out, room, size);

	if (likely(rc == STOA_OK))
		return rc;
	return rc == STOA_HOT_LOOK ? stoa_inline_popped(receiver) : pop_long(receiver, out, room, size);
}

int stoa_receiver_pop(struct stoa_receiver *receiver, void *out, size_t room, size_t *size)
{
	int rc = STOA_HOT_LONG;

	if (unlikely(!receiver || !out))
		return pop_long(receiver, out, room, size);
	/* As above; and an exchange ring is not known here: STOA_HOT_LONG. */
	if (room == 8)
		rc = stoa_hot_pop(&receiver->ring.hot, out, 8, size);
	else if (room == 64)
		rc = stoa_hot_pop(&receiver->ring.hot, out, 64, size);
	if (likely(rc == STOA_OK))
		return rc;
	if (rc == STOA_HOT_LOOK)
		return stoa_inline_popped(receiver);
	if (receiver->exchange)
		return pop_exchange(receiver, out, room, size);
	return ring_has_short_way(&receiver->ring.hot) ? pop_any(receiver, out, room, size)
	                                               : pop_long(receiver, out, room, size);
}

int stoa_receiver_recv(struct stoa_receiver *receiver, void *out, size_t room, size_t *size,
                       const struct timespec *deadline)
{
	struct pop pop = { .receiver = receiver, .out = out, .room = room };
	int rc = check_pop(receiver, out, room);

	return rc ? rc : popped(&pop, wait_for_message(receiver, try_pop, &pop, deadline), size);
}

/* As many messages as the SPSC ring can give at once; 0 where it must be asked for one. */
static size_t pop_run(struct pop *pop, size_t *sizes, size_t count)
{
	struct stoa_receiver *receiver = pop->receiver;
	size_t n = ring_pop_many(&receiver->ring, pop->out, pop->room, count);

	if (!n)
		return 0;
	event_wake_all(&receiver->queue->view.shared->writable);
	for (size_t i = 0; sizes && i < n; i++)
		sizes[i] = receiver->ring.hot.size;
	pop->out = (uint8_t *)pop->out + n * pop->room;
	return n;
}

/* One message out of an exchange ring, or up to `count` of a parcel; `*done`: how many. */
static int pop_some(struct pop *pop, size_t *sizes, size_t count, size_t *done)
{
	struct stoa_receiver *receiver = pop->receiver;
	int rc;

	*done = 1;
	if (receiver->queue->view.shape.pack == 1)
		return stoa_receiver_pop(receiver, pop->out, pop->room, sizes);
	rc = popped(pop, pop_parcel(pop, count, done), sizes);
	for (size_t i = 1; rc == STOA_OK && sizes && i < *done; i++)
		sizes[i] = pop->size;
	return rc;
}

int stoa_receiver_pop_many(struct stoa_receiver *receiver, void *out, size_t room_each, size_t *sizes,
                           size_t count, size_t *done)
{
	struct pop pop = { .receiver = receiver, .out = out, .room = room_each };
	size_t n = 0;
	int rc;

	if (done)
		*done = 0;
	if (!done || (count && room_each && !out))
		return -EINVAL;
	rc = check_pop(receiver, out, out ? room_each : 0);
	while (rc == STOA_OK && n < count) {
		bool spsc = receiver->queue->view.spsc;
		size_t run = spsc ? pop_run(&pop, sizes ? sizes + n : NULL, count - n) : 0;

		n += run;
		if (run)
			continue;
		run = 1;
		rc = spsc ? popped(&pop, pop_copy(&pop), sizes ? &sizes[n] : NULL)
		          : pop_some(&pop, sizes ? sizes + n : NULL, count - n, &run);
		if (rc != STOA_OK)
			break;
		if (pop.out)
			pop.out = (uint8_t *)pop.out + run * room_each;
		n += run;
	}
	*done = n;
	return n ? STOA_OK : rc;
}
