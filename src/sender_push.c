/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sender_push.c - messages copied into a queue, one or many, waiting or not.
 *
 * Most pushes are short: what stoa/inline.h has for the SPSC ring, and push_short() for the exchange ring.
 * They know by one look at the queue's words that nothing else is to be seen to, and go the long way where it is.
 */
#include "sender.h"

#include "xring_short.h"

/* An exchange ring.  The block is the slot's own, so the copy can come first. */
static inline int push_xring(struct stoa_sender *sender, const void *message, size_t size)
{
	const struct queue_view *view = &sender->queue->view;
	struct slot *slot = &sender->slots[sender->idle];

	stoa_hot_copy(xring_payload(&view->xring, slot->block), message, size);
	return xring_push(&view->xring, &sender->cursor, slot, size);
}

static inline int push_copy(struct stoa_sender *sender, const void *message, size_t size)
{
	const struct queue_view *view = &sender->queue->view;

	if (unlikely(sender->idle == holds(sender)))
		return -ENOBUFS;
	if (view->spsc)
		return ring_push(&sender->ring, message, size);
	if (unlikely(queue_closing(view)))
		return STOA_CLOSED;
	if (size > COPY_BLINDLY && !xring_writable(&view->xring, &sender->cursor))
		return STOA_FULL;
	return push_xring(sender, message, size);
}

static inline int check_push(struct stoa_sender *sender, const void *message, size_t size)
{
	if (unlikely(!sender || (!message && size)))
		return -EINVAL;
	if (unlikely(size > sender->queue->view.shape.message_size))
		return -EMSGSIZE;
	return use(sender);
}

static int push_long(struct stoa_sender *sender, const void *message, size_t size)
{
	int rc = check_push(sender, message, size);

	return unlikely(rc) ? rc : told(sender, sent(sender, push_copy(sender, message, size)));
}

int stoa_inline_pushed(struct stoa_sender *sender)
{
	return sent(sender, ring_pushed(&sender->ring));
}

/* The message is copied, and the cell was not as it had to be (`intended`: when it was tried). */
static noinline int push_disturbed(struct stoa_sender *sender, bool intended)
{
	const struct xring *xring = &sender->queue->view.xring;

	return told(sender, sent(sender, xring_push_on(xring, &sender->cursor, sender->slot, intended)));
}

static noinline int wake_receiver(struct stoa_sender *sender)
{
	event_wake_one(&sender->queue->view.shared->readable);
	return STOA_OK;
}

/* The short way of the exchange ring: a small message, copied before anybody knows whether there is room. */
static inline int push_short(struct stoa_sender *sender, const void *message, size_t size)
{
	struct queue_layout *words = (struct queue_layout *)(void *)sender->words;
	const struct xring *xring = &sender->queue->view.xring;
	struct slot *slot = sender->slot;
	enum xring_tried tried;
	void *payload;

	/* Relaxed, as in stoa/inline.h. */
	if (unlikely((atom32_load_rlx(&words->readable.word) & EVENT_LONG_WAY) || size > sender->short_most))
		return push_long(sender, message, size);
	payload = xring_payload(xring, slot->block);
	stoa_hot_copy(payload, message, size);
	tried = xring_push_at_once(xring, &sender->cursor, slot, payload, size);
	if (unlikely(tried != XRING_DONE))
		return push_disturbed(sender, tried == XRING_FAILED);
	return event_awaited(&words->readable) ? wake_receiver(sender) : STOA_OK;
}

/* A message of any size. */
static noinline int push_any(struct stoa_sender *sender, const void *message, size_t size)
{
	int rc;

	if (sender->exchange)
		return push_short(sender, message, size);
	rc = stoa_hot_push(&sender->ring.hot, message, size);
	if (likely(rc == STOA_OK))
		return rc;
	return rc == STOA_HOT_LOOK ? stoa_inline_pushed(sender) : push_long(sender, message, size);
}

/* Two sizes are constants for the compiler, so that nothing is called on the way. */
static noinline int push_exchange(struct stoa_sender *sender, const void *message, size_t size)
{
	if (size == 8)
		return push_short(sender, message, 8);
	if (size == 64)
		return push_short(sender, message, 64);
	return size <= sender->short_most ? push_any(sender, message, size)
	                                  : push_long(sender, message, size);
}

int stoa_sender_push(struct stoa_sender *sender, const void *message, size_t size)
{
	int rc = STOA_HOT_LONG;

	if (unlikely(!sender || !message))
		return push_long(sender, message, size);
	/* An exchange ring is not known here: STOA_HOT_LONG. */
	if (size == 8)
		rc = stoa_hot_push(&sender->ring.hot, message, 8);
	else if (size == 64)
		rc = stoa_hot_push(&sender->ring.hot, message, 64);
	if (likely(rc == STOA_OK))
		return rc;
	if (rc == STOA_HOT_LOOK)
		return stoa_inline_pushed(sender);
	if (sender->exchange)
		return push_exchange(sender, message, size);
	return ring_has_short_way(&sender->ring.hot) ? push_any(sender, message, size)
	                                             : push_long(sender, message, size);
}

struct push {
	struct stoa_sender *sender;
	const void *message;
	size_t size;
};

static int try_push(void *context)
{
	const struct push *push = context;

	return sent(push->sender, push_copy(push->sender, push->message, push->size));
}

int stoa_sender_send(struct stoa_sender *sender, const void *message, size_t size,
                     const struct timespec *deadline)
{
	struct push push = { .sender = sender, .message = message, .size = size };
	int rc = check_push(sender, message, size);

	return rc ? rc : wait_for_room(sender, try_push, &push, deadline);
}

/* `count` messages of `size` bytes as one parcel. */
static int push_parcel(struct stoa_sender *sender, const void *messages, size_t size, uint32_t count)
{
	const struct queue_view *view = &sender->queue->view;
	struct slot *slot = &sender->slots[sender->idle];

	if (unlikely(sender->idle == holds(sender)))
		return -ENOBUFS;
	if (unlikely(queue_closing(view)))
		return STOA_CLOSED;
	if (size * count > COPY_BLINDLY && !xring_writable(&view->xring, &sender->cursor))
		return STOA_FULL;
	return xring_push(&view->xring, &sender->cursor, slot,
	                  parcel_fill(&view->xring, slot->block, messages, size, count));
}

static int push_parcels(struct stoa_sender *sender, const uint8_t *messages, size_t size, size_t count,
                        size_t *done)
{
	size_t most = sender->queue->view.shape.pack;
	int rc = STOA_OK;

	while (*done < count) {
		size_t run = count - *done < most ? count - *done : most;

		rc = sent(sender, push_parcel(sender, messages + *done * size, size, (uint32_t)run));
		if (rc != STOA_OK)
			break;
		*done += run;
	}
	return rc;
}

int stoa_sender_push_many(struct stoa_sender *sender, const void *messages, size_t size_each, size_t count,
                          size_t *done)
{
	const uint8_t *message = messages ? messages : (const void *)""; /* to which one may add 0 */
	size_t n = 0;
	int rc;

	if (done)
		*done = 0;
	if (!sender || !done || (count && size_each && !messages))
		return -EINVAL;
	rc = count ? check_push(sender, messages, size_each) : 0;
	if (rc == STOA_OK && sender->queue->view.spsc && sender->idle != holds(sender)) {
		rc = ring_push_many(&sender->ring, message, size_each, count, done);
		if (*done)
			event_wake_all(&sender->queue->view.shared->readable);
		if (rc == STOA_FULL)
			queue_now_and_then(sender->queue);
		return told(sender, rc);
	}
	if (rc == STOA_OK && queue_packs(&sender->queue->view))
		return told(sender, push_parcels(sender, message, size_each, count, done));
	while (rc == STOA_OK && n < count) {
		rc = sent(sender, push_copy(sender, message, size_each));
		if (rc != STOA_OK)
			break;
		message += size_each;
		n++;
	}
	*done = n;
	return told(sender, rc);
}
