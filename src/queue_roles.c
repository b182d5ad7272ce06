/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue_roles.c - who sends to a queue and who receives from it: claims, the shutdown that comes with the last
 * sender, what a dead one held, and what stat and length tell of it all.  The essay is at the head of queue.c.
 */
#include "queue.h"

#include <errno.h>

/* ---- claims ---- */

int queue_claim_sole(const struct queue_view *view, enum queue_end end, uint32_t self, uint64_t *word)
{
	struct atom64 *sole = &view->shared->sole[end];
	uint32_t role = end == QUEUE_SENDS ? ROLE_SENDER : ROLE_RECEIVER;

	for (int i = 0; i < 2; i++) {
		/* [Q3] acquire; pairs with the compare-and-swap of queue_release_sole(): the ring is as the
		 * last holder, or its reaper, left it. */
		uint64_t before = atom64_load_acq(sole);

		*word = role_next(before, role, self);
		if (role_of(before) == ROLE_FREE && atom64_cas_seq(sole, &before, *word))
			return 0;
		if (i == 0 && role_owner(before) != self)
			participant_reap_all(view->segment); /* what failed may concern another object */
	}
	return -EBUSY;
}

void queue_release_sole(const struct queue_view *view, enum queue_end end, uint64_t word)
{
	atom64_cas_seq(&view->shared->sole[end], &word, role_next(word, ROLE_FREE, 0)); /* [Q3] release */
}

int queue_claim_handle(const struct queue_view *view, enum queue_end end, uint32_t self, uint32_t *handle,
                       uint64_t *role_word, struct slot *slots)
{
	uint32_t role = end == QUEUE_SENDS ? ROLE_SENDER : ROLE_RECEIVER;
	const struct exchange *exchange = &view->xring.exchange;
	bool discard = queue_closing(view) & STOA_NOW; /* nobody takes orphans any more */
	int rc = exchange_claim(exchange, role, self, discard, handle, role_word, slots);

	if (rc != -EUSERS)
		return rc;
	participant_reap_all(view->segment); /* as above */
	return exchange_claim(exchange, role, self, discard, handle, role_word, slots);
}

/* ---- shutdown ---- */

static void add_closing(const struct queue_view *view, uint64_t bits)
{
	struct atom64 *closing = &view->shared->closing;
	uint64_t before = atom64_load_acq(closing);

	if (DEFECT(DEFECT_CLOSING_STORE))
		atom64_store_seq(closing, before | bits);
	while ((before & bits) != bits) {
		if (atom64_cas_seq(closing, &before, before | bits))
			return;
	}
}

static void close_with(const struct queue_view *view, unsigned how)
{
	if (!DEFECT(DEFECT_CLOSING_PASSED)) {
		event_close_short_way(&view->shared->readable);
		event_close_short_way(&view->shared->writable);
	}
	add_closing(view, how);
	event_wake_all(&view->shared->readable);
	event_wake_all(&view->shared->writable);
}

int stoa_queue_shutdown(struct stoa_queue *queue, unsigned how)
{
	if (!queue || (how != STOA_DRAIN && how != STOA_NOW))
		return -EINVAL;
	if (queue->object.segment->read_only)
		return -EACCES;
	close_with(&queue->view, how);
	return 0;
}

static bool owner_lives(const struct queue_view *view, uint64_t role)
{
	const struct stoa_segment *segment = view->segment;
	uint32_t slot = role_owner(role);
	uint64_t state;

	if (slot >= segment->participants)
		return false;
	state = atom64_load_acq(&segment_participant(segment, slot)->state);
	return !participant_dead(segment, slot, state >> 8);
}

/* The role words of an end, numbered through; false where there are no more. */
static bool nth_role(const struct queue_view *view, uint32_t n, uint64_t *role)
{
	if (view->spsc) {
		if (n < 2)
			*role = atom64_load_seq(&view->shared->sole[n]);
		return n < 2;
	}
	if (n < view->shape.handles)
		*role = atom64_load_seq(&exchange_handle(&view->xring.exchange, n)->role);
	return n < view->shape.handles;
}

/* How many handles of a role there are whose owner lives, up to `most`; a sum of generations that moves
 * with every change. */
static uint32_t count_living(const struct queue_view *view, uint32_t role, uint32_t most,
                             uint64_t *generations)
{
	uint32_t living = 0;
	uint64_t word;

	*generations = 0;
	for (uint32_t n = 0; living < most && nth_role(view, n, &word); n++) {
		*generations += word >> 24;
		living += role_of(word) == role && owner_lives(view, word);
	}
	return living;
}

void queue_had_sender(const struct queue_view *view)
{
	if (view->shape.flags & STOA_CLOSE_WITH_SENDERS)
		add_closing(view, CLOSING_HAD_SENDERS);
}

void queue_drain_if_alone(const struct queue_view *view)
{
	uint64_t closing = atom64_load_acq(&view->shared->closing), before, after;

	if (!(view->shape.flags & STOA_CLOSE_WITH_SENDERS) || !(closing & CLOSING_HAD_SENDERS) ||
	    (closing & CLOSING_HOW))
		return;
	do {
		if (count_living(view, ROLE_SENDER, 1, &before))
			return;
		if (DEFECT(DEFECT_SENDERS_ONCE))
			break;
		if (count_living(view, ROLE_SENDER, 1, &after))
			return;
	} while (before != after);
	close_with(view, STOA_DRAIN);
}

int queue_drained(const struct queue_view *view)
{
	struct ring_stat stat;

	if (view->shape.on_death == STOA_DISCARD)
		return STOA_CLOSED;
	if (view->spsc)
		return ring_stat(&view->ring, &stat) == 0 && stat.held == 0 ? STOA_CLOSED : STOA_EMPTY;
	if (DEFECT(DEFECT_LEASE_FORGOTTEN))
		return STOA_CLOSED;
	return exchange_held(&view->xring.exchange, NULL) == 0 ? STOA_CLOSED : STOA_EMPTY;
}

/* ---- stat ---- */

enum { MOST_LOOKS = 100 }; /* at two positions that always move */

static int stat_exchange(const struct queue_view *view, struct stoa_queue_stat *stat)
{
	struct exchange_stat exchange;
	int rc = xring_positions(&view->xring, &stat->sent, &stat->received);

	if (rc)
		return rc;
	exchange_stat(&view->xring.exchange, &exchange);
	rc = exchange_held(&view->xring.exchange, &stat->held);
	if (rc < 0)
		return rc;
	stat->length = stat->sent - stat->received;
	if (stat->length > stat->capacity) /* some were received and others sent between two looks */
		stat->length = stat->capacity;
	stat->length += exchange_orphans(&view->xring.exchange);
	stat->redelivered = exchange.redelivered;
	stat->discarded = exchange.discarded;
	return 0;
}

static int stat_ring(const struct queue_view *view, struct stoa_queue_stat *stat)
{
	struct ring_stat ring;
	int rc = ring_stat(&view->ring, &ring);

	if (rc)
		return rc;
	stat->sent = ring.sent;
	stat->received = ring.received;
	stat->length = ring.unread;
	stat->held = ring.held;
	stat->redelivered = ring.redelivered;
	stat->discarded = ring.discarded;
	if (!stat->receivers) { /* what its last receiver held waits for the next one, or for its end */
		*(view->shape.on_death == STOA_DISCARD ? &stat->discarded : &stat->length) += stat->held;
		stat->held = 0;
	}
	return 0;
}

int stoa_queue_stat(const struct stoa_queue *queue, struct stoa_queue_stat *stat)
{
	const struct queue_view *view;
	struct stoa_queue_stat own;
	uint64_t closing, generations;
	int rc;

	if (!queue || !stat)
		return -EINVAL;
	view = &queue->view;
	closing = queue_closing(view);
	own = (struct stoa_queue_stat){
		.capacity = view->shape.capacity,
		.message_size = view->shape.message_size,
		.senders = count_living(view, ROLE_SENDER, UINT32_MAX, &generations),
		.receivers = count_living(view, ROLE_RECEIVER, UINT32_MAX, &generations),
		.shutdown = closing & STOA_NOW ? STOA_NOW : (uint32_t)closing,
	};
	rc = view->spsc ? stat_ring(view, &own) : stat_exchange(view, &own);
	if (rc)
		return rc;
	if (own.shutdown == STOA_NOW) { /* nobody will receive what is there */
		own.discarded += own.length;
		own.length = 0;
	}
	return info_copy(stat, &own, sizeof own);
}

static int length_exchange(const struct queue_view *view, uint64_t *length)
{
	uint64_t sent, received, later, after;
	bool full;
	int rc = xring_positions(&view->xring, &sent, &received);

	/* `sent` is right where nobody received between two looks.  Where somebody always does, what was told last
	 * is as good as any. */
	for (int look = 0; !rc && look < MOST_LOOKS; look++) {
		rc = xring_positions(&view->xring, &later, &after);
		if (rc || after == received)
			break;
		sent = later;
		received = after;
	}
	if (rc)
		return rc;
	full = sent - received >= view->shape.capacity;
	*length = full ? view->shape.capacity : sent - received;
	/* [Q4] acquire; pairs with queue_orphaned(): what came back is in its cell.  Where the epoch never moved,
	 * nothing has. */
	if (atom64_load_acq(&view->shared->orphans))
		*length += exchange_orphans(&view->xring.exchange);
	return full ? STOA_FULL : STOA_OK;
}

static int length_ring(const struct queue_view *view, uint64_t *length)
{
	struct stoa_queue_stat stat = { 0 };
	uint64_t generations;
	int rc;

	stat.receivers = count_living(view, ROLE_RECEIVER, 1, &generations);
	rc = stat_ring(view, &stat);
	*length = stat.length;
	return rc ? rc : ring_writable(&view->ring) ? STOA_OK : STOA_FULL;
}

int stoa_queue_length(const struct stoa_queue *queue, uint64_t *length)
{
	const struct queue_view *view;
	int rc;

	if (!queue || !length)
		return -EINVAL;
	view = &queue->view;
	rc = view->spsc ? length_ring(view, length) : length_exchange(view, length);
	if (rc < 0 || !(queue_closing(view) & STOA_NOW))
		return rc;
	*length = 0; /* nobody will receive what is there */
	return STOA_OK;
}

/* ---- the dead ---- */

/* A sender counts from the moment it has its role, also if it died before it could say so itself. */
static void count_dead_senders(const struct queue_view *view, uint32_t slot)
{
	uint64_t word;

	for (uint32_t n = 0; nth_role(view, n, &word); n++) {
		if (role_of(word) == ROLE_SENDER && role_owner(word) == slot &&
		    !DEFECT(DEFECT_SENDER_UNCOUNTED))
			queue_had_sender(view);
	}
}

int queue_settle(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot)
{
	struct queue_view view;
	int rc = queue_view_open(&view, segment, start, room);

	if (rc)
		return 0; /* corrupt: nothing in it can be settled */
	count_dead_senders(&view, slot);
	if (!view.spsc) {
		uint32_t orphans;

		rc = exchange_settle(&view.xring.exchange, slot, view.shape.on_death == STOA_DISCARD,
		                     &orphans);
		if (orphans)
			queue_orphaned(&view);
	}
	for (int end = QUEUE_SENDS; rc == 0 && end <= QUEUE_RECEIVES; end++) {
		uint64_t word = atom64_load_seq(&view.shared->sole[end]);

		if (role_of(word) != ROLE_FREE && role_owner(word) == slot && !DEFECT(DEFECT_SOLE_KEPT))
			queue_release_sole(&view, (enum queue_end)end, word);
	}
	queue_drain_if_alone(&view);
	return rc;
}

void queue_release(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot)
{
	struct queue_view view;

	if (queue_view_open(&view, segment, start, room) == 0 && !view.spsc)
		exchange_free(&view.xring.exchange, slot);
}
