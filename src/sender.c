/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sender.c - the sending end of a queue.
 *
 * A sender belongs to the process that opened it, by its participant and its slots.  In a
 * child after fork() it is at first nobody's: its first use attaches it anew, with slots
 * of its own.  What the parent had reserved stays the parent's; the addresses are kept, so
 * that they can be told from nonsense.
 */
#include <errno.h>
#include <stdlib.h>

#include "queue.h"
#include "xring_short.h"

/* Large messages are copied only where there is room for them. */
#define COPY_BLINDLY 256

struct reservation {
	bool open;
	size_t size; /* as reserved */
};

struct stoa_sender {
	struct ring_sender ring; /* first, for stoa/inline.h; spsc */
	/* The short way of an exchange ring. */
	bool exchange;       /* it is one */
	uint8_t *words;      /* of the queue, or ring_long_way */
	uint64_t short_most; /* bytes */
	struct slot *slot;   /* that is idle */
	struct short_way way;
	struct stoa_queue *queue;
	uint64_t fork_epoch; /* in which it was attached */
	uint32_t idle;       /* a hold that is not reserved; `holds` where there is none */
	struct reservation *reservations;
	struct kept *kept;
	void **stale; /* `stale_count` addresses that the parent had reserved */
	uint32_t stale_count;
	uint64_t sole; /* role word, where senders are STOA_ONE */
	/* not spsc */
	struct xring_cursor cursor;
	uint32_t handle;
	uint64_t role;
	struct slot *slots;
};

static uint32_t holds(const struct stoa_sender *sender)
{
	return sender->queue->view.shape.holds;
}

static void *reserved_bytes(const struct stoa_sender *sender, uint32_t k)
{
	const struct queue_view *view = &sender->queue->view;

	return view->spsc ? ring_reserved(&sender->ring, k)
	                  : xring_payload(&view->xring, sender->slots[k].block);
}

/* A push takes a hold, too: where there is none it must come to push_copy(). */
static void set_idle(struct stoa_sender *sender, uint32_t idle)
{
	sender->idle = idle;
	if (sender->queue->view.spsc) {
		ring_sender_slow(&sender->ring, idle == holds(sender));
		return;
	}
	sender->slot = &sender->slots[idle];
	sender->words = idle == holds(sender) ? (uint8_t *)&ring_long_way
	                                      : (uint8_t *)sender->queue->view.shared;
}

static void find_idle(struct stoa_sender *sender)
{
	for (sender->idle = 0; sender->idle < holds(sender); sender->idle++) {
		if (!sender->reservations[sender->idle].open)
			break;
	}
	set_idle(sender, sender->idle);
}

/* ---- attach, adopt ---- */

static int attach_ring(struct stoa_sender *sender, uint32_t self)
{
	struct queue_view *view = &sender->queue->view;
	int rc;

	if (view->spsc)
		return ring_sender_open(&sender->ring, &view->ring);
	rc = queue_claim_handle(view, QUEUE_SENDS, self, &sender->handle, &sender->role, sender->slots);
	if (rc == 0)
		xring_start_send(&view->xring, &sender->cursor);
	return rc;
}

static int attach(struct stoa_sender *sender)
{
	struct queue_view *view = &sender->queue->view;
	bool one = view->shape.senders == STOA_ONE;
	uint64_t epoch = stoa_fork_epoch;
	uint32_t self;
	int rc = participant_self(view->segment, &self);

	if (rc == 0 && one)
		rc = queue_claim_sole(view, QUEUE_SENDS, self, &sender->sole);
	if (rc)
		return rc;
	rc = attach_ring(sender, self);
	if (rc) {
		if (one)
			queue_release_sole(view, QUEUE_SENDS, sender->sole);
		return rc;
	}
	queue_had_sender(view);
	find_idle(sender);
	sender->fork_epoch = epoch;
	return 0;
}

/* Remembers what the parent had reserved, before its slots are forgotten. */
static int keep_stale(struct stoa_sender *sender)
{
	uint32_t k, open = 0;
	void **stale;

	for (k = 0; k < holds(sender); k++)
		open += sender->reservations[k].open;
	if (!open)
		return 0;
	stale = realloc(sender->stale, (sender->stale_count + open) * sizeof *stale);
	if (!stale)
		return -ENOMEM;
	sender->stale = stale;
	for (k = 0; k < holds(sender); k++) {
		if (!sender->reservations[k].open)
			continue;
		sender->stale[sender->stale_count++] = reserved_bytes(sender, k);
		sender->reservations[k].open = false;
	}
	return 0;
}

/* The first use in a forked child. */
static int adopt(struct stoa_sender *sender)
{
	int rc = keep_stale(sender);

	rc = rc ? rc : queue_keep(&sender->kept, &sender->ring.staging);
	if (rc)
		return rc;
	ring_sender_close(&sender->ring);
	return attach(sender);
}

static inline int use(struct stoa_sender *sender)
{
	if (likely(sender->fork_epoch == stoa_fork_epoch))
		return 0;
	return adopt(sender);
}

static void sender_free(struct stoa_sender *sender)
{
	short_way_end(&sender->way);
	ring_sender_close(&sender->ring);
	queue_keep_end(&sender->kept);
	free(sender->slots);
	free(sender->reservations);
	free(sender->stale);
	free(sender);
}

int stoa_sender_open(struct stoa_queue *queue, struct stoa_sender **sender)
{
	struct stoa_sender *made;
	int rc;

	if (!queue || !sender)
		return -EINVAL;
	if (queue->object.segment->read_only)
		return -EACCES;
	made = calloc(1, sizeof *made);
	if (!made)
		return -ENOMEM;
	made->queue = queue;
	made->exchange = !queue->view.spsc;
	made->short_most = queue->view.shape.message_size < COPY_BLINDLY ? queue->view.shape.message_size
	                                                                 : COPY_BLINDLY;
	made->ring.hot.queue = (uint8_t *)&ring_long_way;
	short_way_begin(&made->way, made->exchange ? &made->words : &made->ring.hot.queue);
	made->slots = calloc(holds(made), sizeof *made->slots);
	made->reservations = calloc(holds(made), sizeof *made->reservations);
	rc = made->slots && made->reservations ? attach(made) : -ENOMEM;
	if (rc) {
		sender_free(made);
		return rc;
	}
	queue_reference(queue);
	*sender = made;
	return 0;
}

static void detach(struct stoa_sender *sender)
{
	struct queue_view *view = &sender->queue->view;

	if (!view->spsc) {
		for (uint32_t k = 0; k < holds(sender); k++)
			slot_settle(&sender->slots[k], sender->slots[k].block);
		exchange_release(&view->xring.exchange, sender->handle, sender->role);
	}
	if (view->shape.senders == STOA_ONE)
		queue_release_sole(view, QUEUE_SENDS, sender->sole);
	queue_drain_if_alone(view);
}

int stoa_sender_close(struct stoa_sender *sender)
{
	struct stoa_queue *queue;

	if (!sender)
		return 0;
	queue = sender->queue;
	if (sender->fork_epoch == stoa_fork_epoch)
		detach(sender);
	sender_free(sender);
	queue_put(queue);
	return 0;
}

/* ---- copies ---- */

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

/* After a message went, or did not. */
static inline int sent(struct stoa_sender *sender, int rc)
{
	if (likely(rc == STOA_OK))
		event_wake_one(&sender->queue->view.shared->readable);
	else if (rc == STOA_FULL)
		queue_now_and_then(sender->queue);
	return rc;
}

/* The same, at the end of a call: the descriptors that promise room are corrected where there is none. */
static inline int told(struct stoa_sender *sender, int rc)
{
	if (unlikely(rc == STOA_FULL))
		watch_correct(sender->queue);
	return rc;
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
	return size <= sender->short_most ? push_any(sender, message, size) : push_long(sender, message, size);
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

static int wait_for_room(struct stoa_sender *sender, int (*fn)(void *), void *context,
                         const struct timespec *deadline)
{
	struct attempt attempt = { .fn = fn, .context = context, .nothing = STOA_FULL };

	return told(sender,
	            queue_wait(sender->queue, &sender->queue->view.shared->writable, &attempt, deadline));
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

/* ---- in place ---- */

int stoa_sender_reserve(struct stoa_sender *sender, size_t size, void **bytes)
{
	int rc;

	if (!sender || !bytes)
		return -EINVAL;
	if (size > sender->queue->view.shape.message_size)
		return -EMSGSIZE;
	rc = use(sender);
	if (rc)
		return rc;
	if (sender->idle == holds(sender))
		return -ENOBUFS;
	sender->reservations[sender->idle] = (struct reservation){ .open = true, .size = size };
	*bytes = reserved_bytes(sender, sender->idle);
	find_idle(sender);
	return 0;
}

/* The hold that an address was reserved as. */
static int find_reserved(const struct stoa_sender *sender, const void *bytes, uint32_t *hold)
{
	bool inherited = sender->fork_epoch != stoa_fork_epoch;

	for (uint32_t k = 0; k < holds(sender); k++) {
		if (sender->reservations[k].open && reserved_bytes(sender, k) == bytes) {
			*hold = k;
			return inherited ? -ESTALE : 0;
		}
	}
	for (uint32_t i = 0; i < sender->stale_count; i++) {
		if (sender->stale[i] == bytes)
			return -ESTALE;
	}
	return -EINVAL;
}

struct commit {
	struct stoa_sender *sender;
	uint32_t hold;
	size_t size;
};

static int try_commit(void *context)
{
	const struct commit *commit = context;
	struct stoa_sender *sender = commit->sender;
	const struct queue_view *view = &sender->queue->view;
	int rc;

	if (view->spsc)
		rc = ring_commit(&sender->ring, commit->hold, commit->size);
	else if (queue_closing(view))
		rc = STOA_CLOSED;
	else
		rc = xring_push(&view->xring, &sender->cursor, &sender->slots[commit->hold], commit->size);
	return sent(sender, rc);
}

int stoa_sender_commit(struct stoa_sender *sender, void *bytes, size_t size, const struct timespec *deadline)
{
	struct commit commit = { .sender = sender, .size = size };
	int rc;

	if (!sender || !bytes)
		return -EINVAL;
	rc = find_reserved(sender, bytes, &commit.hold);
	if (rc)
		return rc;
	if (size > sender->reservations[commit.hold].size)
		return -EMSGSIZE;
	rc = wait_for_room(sender, try_commit, &commit, deadline);
	if (rc == STOA_OK) {
		sender->reservations[commit.hold].open = false;
		set_idle(sender, commit.hold);
	}
	return rc;
}

int stoa_sender_abort(struct stoa_sender *sender, void *bytes)
{
	uint32_t hold;
	int rc;

	if (!sender || !bytes)
		return -EINVAL;
	rc = find_reserved(sender, bytes, &hold);
	if (rc == 0) {
		sender->reservations[hold].open = false;
		set_idle(sender, hold);
	}
	return rc;
}
