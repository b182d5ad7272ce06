/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * receiver.c - the receiving end of a queue.
 *
 * A receiver of an exchange ring has `holds` slots.  A slot is
 *
 *   IDLE      holds an empty block, to be left in a cell for a message
 *   LEASED    holds a message that is not acknowledged
 *   GIVEN     its message is in its orphan cell; it has a block again when somebody has taken
 *             that
 *
 * Where messages come in parcels (parcel.c), one that is not received to its end is LEASED, too, by the
 * receiver itself: no message that a caller has names it.  At most one is open, and comes before all else.
 *
 * Orphans come first: before it looks at the ring, a receiver looks whether the epoch of
 * orphans has moved, and then at all orphan cells.  The epoch moves after the cell was filled; who
 * fills it may die or be stopped in between; so the slices of a wait (queue_look_after()) move it,
 * too, where they find an orphan.
 *
 * CLOSED is said only when nothing can come any more: the ring's frontier is closed, no orphan is
 * there, and, under STOA_REDELIVER, nobody holds a message that might become one.
 *
 * After fork() a receiver is the child's at its first use, with slots of its own; leases stay the
 * parent's, and a message tells by the epoch in it whose it is.
 */
#include <errno.h>
#include <stdlib.h>

#include "queue.h"
#include "xring_short.h"

#define LOOK_EVERY 1024 /* messages: then looks for what the dead held */

enum hold_state { IDLE, LEASED, GIVEN };

struct hold {
	enum hold_state state;
	bool retaken;    /* LEASED out of its own orphan cell: settled, not acknowledged */
	uint64_t serial; /* of the lease: tells a message that was released before */
};

/* private_words of a message */
enum { WORD_RECEIVER, WORD_EPOCH, WORD_HOLD, WORD_SERIAL };

struct stoa_receiver {
	struct ring_receiver ring; /* first, for stoa/inline.h; spsc */
	/* The short way of an exchange ring. */
	bool exchange;     /* it is one */
	uint32_t patience; /* messages until it looks for what the dead held */
	uint8_t *words;    /* of the queue, or ring_long_way */
	struct short_way way;
	struct stoa_queue *queue;
	uint64_t fork_epoch; /* in which it was attached */
	uint64_t serial;
	uint64_t looked; /* its messages when it last looked for what the dead held */
	uint64_t times;  /* that it got a message out of an exchange ring */
	/* Holds that are not idle; one more where messages come in parcels, which are not for pop_short(). */
	uint32_t busy;
	struct hold *holds;
	struct kept *kept;
	uint64_t sole; /* role word, where receivers are STOA_ONE */
	/* not spsc */
	struct xring_cursor cursor;
	uint64_t orphans_seen; /* epoch */
	uint32_t handle;
	uint64_t role;
	struct slot *slots;
	/* where messages come in parcels */
	struct parcel parcel; /* that is open */
	uint32_t parcel_hold;
	uint32_t parcel_deliveries;
};

static uint32_t holds(const struct stoa_receiver *receiver)
{
	return receiver->queue->view.shape.holds;
}

/* ---- attach, adopt ---- */

static int attach_ring(struct stoa_receiver *receiver, uint32_t self)
{
	struct queue_view *view = &receiver->queue->view;
	int rc;

	if (view->spsc) {
		rc = ring_receiver_open(&receiver->ring, &view->ring, view->shape.on_death == STOA_DISCARD);
		event_wake_all(&view->shared->readable); /* what the last one held can be had */
		event_wake_all(&view->shared->writable); /* or was discarded */
		return rc;
	}
	os_fence_register(); /* an acknowledgement is a plain store: see queue_wait() */
	rc = queue_claim_handle(view, QUEUE_RECEIVES, self, &receiver->handle, &receiver->role,
	                        receiver->slots);
	if (rc == 0)
		xring_start_receive(&view->xring, &receiver->cursor);
	return rc;
}

static int attach(struct stoa_receiver *receiver)
{
	struct queue_view *view = &receiver->queue->view;
	bool one = view->shape.receivers == STOA_ONE;
	uint64_t epoch = stoa_fork_epoch;
	uint32_t self;
	int rc = participant_self(view->segment, &self);

	if (rc == 0 && one)
		rc = queue_claim_sole(view, QUEUE_RECEIVES, self, &receiver->sole);
	if (rc)
		return rc;
	rc = attach_ring(receiver, self);
	if (rc) {
		if (one)
			queue_release_sole(view, QUEUE_RECEIVES, receiver->sole);
		return rc;
	}
	memset(receiver->holds, 0, holds(receiver) * sizeof *receiver->holds);
	receiver->busy = queue_packs(view);
	receiver->parcel.left = 0;
	for (uint32_t k = 0; !view->spsc && k < holds(receiver); k++) {
		if (receiver->slots[k].given) {
			receiver->holds[k].state = GIVEN;
			receiver->busy++;
		}
	}
	receiver->orphans_seen = UINT64_MAX; /* look once */
	receiver->fork_epoch = epoch;
	receiver->words = (uint8_t *)view->shared;
	return 0;
}

/* The first use in a forked child.  The parent's leases stay as they are. */
static int adopt(struct stoa_receiver *receiver)
{
	int rc = queue_keep(&receiver->kept, &receiver->ring.staging);

	if (rc)
		return rc;
	ring_receiver_close(&receiver->ring);
	return attach(receiver);
}

static inline int use(struct stoa_receiver *receiver)
{
	if (likely(receiver->fork_epoch == stoa_fork_epoch))
		return 0;
	return adopt(receiver);
}

static void receiver_free(struct stoa_receiver *receiver)
{
	short_way_end(&receiver->way);
	ring_receiver_close(&receiver->ring);
	queue_keep_end(&receiver->kept);
	free(receiver->slots);
	free(receiver->holds);
	free(receiver);
}

int stoa_receiver_open(struct stoa_queue *queue, struct stoa_receiver **receiver)
{
	struct stoa_receiver *made;
	int rc;

	if (!queue || !receiver)
		return -EINVAL;
	if (queue->object.segment->read_only)
		return -EACCES;
	made = calloc(1, sizeof *made);
	if (!made)
		return -ENOMEM;
	made->queue = queue;
	made->exchange = !queue->view.spsc;
	made->patience = LOOK_EVERY;
	made->ring.hot.queue = (uint8_t *)&ring_long_way;
	short_way_begin(&made->way, made->exchange ? &made->words : &made->ring.hot.queue);
	made->slots = calloc(holds(made), sizeof *made->slots);
	made->holds = calloc(holds(made), sizeof *made->holds);
	rc = made->slots && made->holds ? attach(made) : -ENOMEM;
	if (rc) {
		receiver_free(made);
		return rc;
	}
	queue_reference(queue);
	*receiver = made;
	return 0;
}

static void give_back(struct stoa_receiver *receiver, uint32_t k)
{
	struct hold *hold = &receiver->holds[k];

	if (receiver->queue->view.spsc) {
		ring_return(&receiver->ring, k);
		hold->state = IDLE; /* the ring keeps it */
		receiver->busy--;
		event_wake_all(&receiver->queue->view.shared->readable); /* a descriptor's helper */
		return;
	}
	slot_give_back(&receiver->slots[k]);
	hold->state = GIVEN;
	queue_orphaned(&receiver->queue->view);
}

static void detach(struct stoa_receiver *receiver)
{
	struct queue_view *view = &receiver->queue->view;

	for (uint32_t k = 0; k < holds(receiver); k++) {
		if (DEFECT(DEFECT_PARCEL_KEPT) && receiver->parcel.left && receiver->parcel_hold == k)
			continue;
		if (receiver->holds[k].state == LEASED && !DEFECT(DEFECT_LEASE_KEPT))
			give_back(receiver, k);
		if (!view->spsc && receiver->holds[k].state == IDLE)
			slot_settle(&receiver->slots[k], receiver->slots[k].block);
	}
	if (!view->spsc)
		exchange_release(&view->xring.exchange, receiver->handle, receiver->role);
	if (view->shape.receivers == STOA_ONE)
		queue_release_sole(view, QUEUE_RECEIVES, receiver->sole);
	if (queue_closing(view))
		event_wake_all(&view->shared->readable);
}

int stoa_receiver_close(struct stoa_receiver *receiver)
{
	struct stoa_queue *queue;

	if (!receiver)
		return 0;
	queue = receiver->queue;
	if (receiver->fork_epoch == stoa_fork_epoch)
		detach(receiver);
	receiver_free(receiver);
	queue_put(queue);
	return 0;
}

/* ---- the next message, out of an exchange ring ---- */

/* One that was got, in hold `k`. */
struct got {
	uint32_t k;
	uint64_t size;
	uint32_t deliveries;
};

struct wanted {
	const struct xring *xring;
	uint64_t room;
	uint64_t *size;
};

static int fits(const void *context, uint32_t block)
{
	const struct wanted *wanted = context;

	return xring_fits(wanted->xring, block, wanted->room, wanted->size);
}

/* A hold with an empty block: idle, or given and taken by somebody meanwhile; else holds(). */
static uint32_t find_idle(struct stoa_receiver *receiver)
{
	uint32_t k;

	for (k = 0; k < holds(receiver); k++) {
		if (receiver->holds[k].state == IDLE)
			return k;
	}
	for (k = 0; k < holds(receiver); k++) {
		if (receiver->holds[k].state != GIVEN ||
		    !slot_reclaim(&receiver->slots[k], receiver->queue->view.xring.exchange.blocks))
			continue;
		receiver->holds[k].state = IDLE;
		receiver->busy--;
		return k;
	}
	return k;
}

/*
 * Nothing to exchange with: only what waits in this receiver's own orphan cells can be had.
 * STOA_EMPTY where somebody has just taken that; -ENOBUFS where every hold is leased.
 */
static int retake(struct stoa_receiver *receiver, const struct acceptance *acceptance, struct got *got)
{
	const struct exchange *exchange = &receiver->queue->view.xring.exchange;
	int none = -ENOBUFS;

	for (uint32_t k = 0; k < holds(receiver); k++) {
		int rc;

		if (receiver->holds[k].state != GIVEN)
			continue;
		rc = slot_retake(&receiver->slots[k], exchange->blocks, acceptance, &got->deliveries);
		if (rc != STOA_EMPTY) {
			got->k = k;
			receiver->holds[k].retaken = rc == STOA_OK;
			return rc;
		}
		none = STOA_EMPTY;
	}
	return none;
}

/* A hold to take the next message into: STOA_OK; STOA_CHANGED (it has its own orphan already). */
static int hold_for_next(struct stoa_receiver *receiver, const struct acceptance *acceptance, struct got *got)
{
	/* Each hold's orphan can be taken by somebody but once. */
	for (uint32_t i = 0; i <= holds(receiver); i++) {
		int rc;

		got->k = find_idle(receiver);
		if (likely(got->k < holds(receiver)))
			return STOA_OK;
		rc = retake(receiver, acceptance, got);
		if (rc != STOA_EMPTY)
			return rc == STOA_OK ? STOA_CHANGED : rc;
	}
	return -EBADMSG;
}

static int take_orphan(struct stoa_receiver *receiver, const struct acceptance *acceptance, struct got *got)
{
	const struct queue_view *view = &receiver->queue->view;
	/* [Q4] acquire; pairs with queue_orphaned(): what the epoch counts is in its cell. */
	uint64_t epoch = atom64_load_acq(&view->shared->orphans);
	int rc = slot_take_orphan(&receiver->slots[got->k], &view->xring.exchange, acceptance,
	                          &got->deliveries);

	if (rc == STOA_EMPTY)
		receiver->orphans_seen = epoch;
	if (rc == STOA_EMPTY && DEFECT(DEFECT_EPOCH_LATE))
		receiver->orphans_seen = atom64_load_acq(&view->shared->orphans);
	return rc;
}

/* The next message of up to `room` bytes, unacknowledged. */
static int next_of_xring(struct stoa_receiver *receiver, uint64_t room, struct got *got)
{
	const struct queue_view *view = &receiver->queue->view;
	const struct wanted wanted = { .xring = &view->xring, .room = room, .size = &got->size };
	const struct acceptance acceptance = { .accept = fits, .context = &wanted };
	unsigned closing = queue_closing(view);
	int rc;

	if (unlikely(closing & STOA_NOW))
		return STOA_CLOSED;
	got->deliveries = 1;
	rc = hold_for_next(receiver, &acceptance, got);
	if (unlikely(rc != STOA_OK))
		return rc == STOA_CHANGED ? STOA_OK : rc;
	rc = STOA_EMPTY;
	if (unlikely(atom64_load_acq(&view->shared->orphans) != receiver->orphans_seen)) /* [Q4] */
		rc = take_orphan(receiver, &acceptance, got);
	if (rc == STOA_EMPTY)
		rc = xring_pop(&view->xring, &receiver->cursor, &receiver->slots[got->k], room, closing,
		               &got->size);
	if (unlikely(rc == STOA_CLOSED)) {
		rc = take_orphan(receiver, &acceptance, got);
		if (rc == STOA_EMPTY)
			rc = queue_drained(view);
	}
	return rc;
}

/* Hold k's message is read and done with. */
static inline void acknowledge(struct stoa_receiver *receiver, uint32_t k)
{
	struct queue_layout *shared = receiver->queue->view.shared;

	if (unlikely(receiver->holds[k].retaken)) {
		slot_settle(&receiver->slots[k], receiver->slots[k].block);
		receiver->holds[k].retaken = false;
	} else {
		slot_acknowledge(&receiver->slots[k]);
	}
	if (unlikely(queue_closing(&receiver->queue->view)))
		event_wake_all(&shared->readable); /* it may have been the last that was held */
}

/* After a message came out of the queue, or did not. */
static inline int came(struct stoa_receiver *receiver, int rc)
{
	uint64_t times;

	if (likely(rc == STOA_OK))
		event_wake_one(&receiver->queue->view.shared->writable);
	/* Also where an exchange ring is never empty; a dead sender of the SPSC ring leaves it empty soon. */
	times = receiver->queue->view.spsc ? receiver->ring.hot.position : ++receiver->times;
	if (unlikely(rc == STOA_EMPTY || times - receiver->looked >= LOOK_EVERY)) {
		receiver->looked = times;
		queue_now_and_then(receiver->queue);
	}
	if (unlikely(rc == -EMSGSIZE))
		event_wake_one(&receiver->queue->view.shared->readable); /* for one with more room */
	return rc;
}

/* ---- leases and parcels ---- */

static inline void begin_lease(struct stoa_receiver *receiver, uint32_t k)
{
	struct hold *hold = &receiver->holds[k];

	if (hold->state == IDLE)
		receiver->busy++;
	hold->state = LEASED;
	hold->serial = ++receiver->serial;
}

/* Hold k, which was leased, has an empty block. */
static inline void end_lease(struct stoa_receiver *receiver, uint32_t k)
{
	receiver->holds[k].state = IDLE;
	receiver->busy--;
	acknowledge(receiver, k);
}

/* The message in hold k is not wanted after all. */
static void give_up(struct stoa_receiver *receiver, uint32_t k)
{
	struct hold *hold = &receiver->holds[k];

	receiver->busy += hold->state == IDLE;
	hold->retaken = false;
	give_back(receiver, k);
}

/* Opens the next parcel, each of whose messages has up to `room` bytes. */
static int next_parcel(struct stoa_receiver *receiver, uint64_t room, uint64_t *size)
{
	struct parcel *parcel = &receiver->parcel;
	struct got got = { 0 };
	int rc = next_of_xring(receiver, room, &got);

	*size = got.size;
	if (rc != STOA_OK)
		return rc;
	rc = parcel_open(&receiver->queue->view.xring, receiver->slots[got.k].block, parcel);
	*size = parcel->each;
	if (rc == 0 && parcel->each > room) /* looked at before the block was ours: see pop_xring() */
		rc = -EMSGSIZE;
	if (unlikely(rc)) {
		parcel->left = 0;
		give_up(receiver, got.k);
		return rc;
	}
	begin_lease(receiver, got.k);
	receiver->parcel_hold = got.k;
	receiver->parcel_deliveries = got.deliveries;
	return STOA_OK;
}

/* The parcel that is open, or the next one. */
static int current_parcel(struct stoa_receiver *receiver, uint64_t room, uint64_t *size)
{
	struct parcel *parcel = &receiver->parcel;

	if (!parcel->left)
		return came(receiver, next_parcel(receiver, room, size));
	if (unlikely(queue_closing(&receiver->queue->view) & STOA_NOW) && !DEFECT(DEFECT_PARCEL_AFTER_NOW)) {
		parcel->left = 0;
		give_up(receiver, receiver->parcel_hold); /* discarded, and counted */
		return STOA_CLOSED;
	}
	receiver->times++;
	*size = parcel->each;
	return parcel->each <= room ? STOA_OK : -EMSGSIZE;
}

/* ---- copies ---- */

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
	int rc = next_of_xring(receiver, room, &got);

	*size = got.size;
	if (rc != STOA_OK)
		return rc;
	/* The size was looked at before the block was ours.  Whose it was then is another question. */
	rc = xring_fits(xring, receiver->slots[got.k].block, room, size);
	if (unlikely(rc != STOA_OK)) {
		give_up(receiver, got.k);
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
	int rc = current_parcel(receiver, pop->room, &pop->size);

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

/* The end of a call: the descriptors that promise a message are corrected where there is none. */
static inline int told(struct stoa_receiver *receiver, int rc)
{
	if (unlikely(rc == STOA_EMPTY))
		watch_correct(receiver->queue);
	return rc;
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
		give_up(receiver, 0);
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

static int wait_for_message(struct stoa_receiver *receiver, int (*fn)(void *), void *context,
                            const struct timespec *deadline)
{
	struct attempt attempt = { .fn = fn, .context = context, .nothing = STOA_EMPTY };

	return queue_wait(receiver->queue, &receiver->queue->view.shared->readable, &attempt, deadline);
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

/* ---- leases ---- */

struct lease {
	struct stoa_receiver *receiver;
	struct stoa_message *message;
};

static void fill(struct stoa_receiver *receiver, struct stoa_message *message, uint32_t k, uint32_t count,
                 uint32_t deliveries)
{
	begin_lease(receiver, k);
	message->count = count;
	message->deliveries = deliveries;
	message->flags = deliveries > 1 ? STOA_REDELIVERED : 0;
	message->private_words[WORD_RECEIVER] = (uintptr_t)receiver;
	message->private_words[WORD_EPOCH] = receiver->fork_epoch;
	message->private_words[WORD_HOLD] = k;
	message->private_words[WORD_SERIAL] = receiver->serial;
}

static int take_ring(struct stoa_receiver *receiver, struct stoa_message *message)
{
	const struct queue_view *view = &receiver->queue->view;
	unsigned closing = queue_closing(view);
	struct ring_message taken;
	uint32_t k;
	int rc;

	if (closing & STOA_NOW)
		return STOA_CLOSED;
	if (receiver->busy == holds(receiver))
		return -ENOBUFS;
	rc = ring_take(&receiver->ring, closing, &k, &taken);
	if (rc == STOA_CLOSED)
		return queue_drained(view);
	if (rc != STOA_OK)
		return rc;
	*message = (struct stoa_message){ .bytes = taken.bytes, .size = taken.size, .id = taken.position };
	fill(receiver, message, k, 1, taken.deliveries);
	return STOA_OK;
}

static int take_xring(struct stoa_receiver *receiver, struct stoa_message *message)
{
	const struct xring *xring = &receiver->queue->view.xring;
	struct got got = { 0 };
	uint64_t size, id;
	uint32_t block;
	int rc = next_of_xring(receiver, UINT64_MAX, &got);

	if (rc != STOA_OK)
		return rc;
	block = receiver->slots[got.k].block;
	if (xring_message(xring, block, &size, &id) != 0)
		size = 0; /* was checked before it was taken: a hostile hand */
	*message = (struct stoa_message){ .bytes = xring_payload(xring, block), .size = size, .id = id };
	fill(receiver, message, got.k, 1, got.deliveries);
	return STOA_OK;
}

/* What is left of the parcel that is open, or the next one. */
static noinline int take_parcel(struct stoa_receiver *receiver, struct stoa_message *message)
{
	struct parcel *parcel = &receiver->parcel;
	uint64_t size;
	int rc = current_parcel(receiver, UINT64_MAX, &size);

	if (rc != STOA_OK)
		return rc;
	*message = (struct stoa_message){
		.bytes = parcel->next,
		.size = parcel->left * parcel->each,
		.id = parcel->id,
	};
	fill(receiver, message, receiver->parcel_hold, parcel->left, receiver->parcel_deliveries);
	parcel->left = 0;
	return STOA_OK;
}

static int try_take(void *context)
{
	const struct lease *lease = context;
	struct stoa_receiver *receiver = lease->receiver;
	int rc;

	if (receiver->queue->view.spsc)
		rc = take_ring(receiver, lease->message);
	else if (unlikely(receiver->queue->view.shape.pack > 1))
		return take_parcel(receiver, lease->message);
	else
		rc = take_xring(receiver, lease->message);
	return came(receiver, rc);
}

int stoa_receiver_take(struct stoa_receiver *receiver, struct stoa_message *message,
                       const struct timespec *deadline)
{
	struct lease lease = { .receiver = receiver, .message = message };
	int rc;

	if (!receiver || !message)
		return -EINVAL;
	rc = use(receiver);
	return rc ? rc : told(receiver, wait_for_message(receiver, try_take, &lease, deadline));
}

/* The hold that a message is leased as. */
static int find_lease(const struct stoa_receiver *receiver, const struct stoa_message *message,
                      uint32_t *hold)
{
	const uint64_t *words = message->private_words;

	if (words[WORD_RECEIVER] != (uintptr_t)receiver || words[WORD_HOLD] >= holds(receiver))
		return -EINVAL;
	if (words[WORD_EPOCH] != stoa_fork_epoch)
		return -ESTALE;
	*hold = (uint32_t)words[WORD_HOLD];
	if (receiver->holds[*hold].state != LEASED || receiver->holds[*hold].serial != words[WORD_SERIAL])
		return -EINVAL;
	return 0;
}

int stoa_receiver_release(struct stoa_receiver *receiver, struct stoa_message *message)
{
	uint32_t k;
	int rc;

	if (!receiver || !message)
		return -EINVAL;
	rc = find_lease(receiver, message, &k);
	if (rc)
		return rc;
	if (receiver->queue->view.spsc) {
		receiver->holds[k].state = IDLE;
		receiver->busy--;
		ring_release(&receiver->ring, k);
		event_wake_one(&receiver->queue->view.shared->writable);
		if (queue_closing(&receiver->queue->view))
			event_wake_all(&receiver->queue->view.shared->readable); /* a descriptor's helper */
	} else {
		end_lease(receiver, k);
	}
	*message = (struct stoa_message){ 0 };
	return 0;
}

int stoa_receiver_return(struct stoa_receiver *receiver, struct stoa_message *message)
{
	uint32_t k;
	int rc;

	if (!receiver || !message)
		return -EINVAL;
	rc = find_lease(receiver, message, &k);
	if (rc)
		return rc;
	receiver->holds[k].retaken = false;
	give_back(receiver, k);
	*message = (struct stoa_message){ 0 };
	return 0;
}
