/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * receiver.c - the receiving end of a queue: opened, inherited, closed.  What it gives is in receiver_next.c (the
 * next message out of an exchange ring), receiver_pop.c (copies) and receiver_take.c (leases).
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
#include <stdlib.h>

#include "receiver.h"

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

int receiver_adopt(struct stoa_receiver *receiver)
{
	int rc = queue_keep(&receiver->kept, &receiver->ring.staging);

	if (rc)
		return rc;
	ring_receiver_close(&receiver->ring);
	return attach(receiver);
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

void receiver_give_back(struct stoa_receiver *receiver, uint32_t k)
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
			receiver_give_back(receiver, k);
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
