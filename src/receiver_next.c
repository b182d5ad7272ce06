/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * receiver_next.c - the next message out of an exchange ring: from an orphan cell, from the ring, or the parcel
 * that carries it.
 */
#include "receiver.h"

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

int receiver_next(struct stoa_receiver *receiver, uint64_t room, struct got *got)
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

/* ---- parcels ---- */

void receiver_give_up(struct stoa_receiver *receiver, uint32_t k)
{
	struct hold *hold = &receiver->holds[k];

	receiver->busy += hold->state == IDLE;
	hold->retaken = false;
	receiver_give_back(receiver, k);
}

/* Opens the next parcel, each of whose messages has up to `room` bytes. */
static int next_parcel(struct stoa_receiver *receiver, uint64_t room, uint64_t *size)
{
	struct parcel *parcel = &receiver->parcel;
	struct got got = { 0 };
	int rc = receiver_next(receiver, room, &got);

	*size = got.size;
	if (rc != STOA_OK)
		return rc;
	rc = parcel_open(&receiver->queue->view.xring, receiver->slots[got.k].block, parcel);
	*size = parcel->each;
	if (rc == 0 && parcel->each > room) /* looked at before the block was ours: see pop_xring() */
		rc = -EMSGSIZE;
	if (unlikely(rc)) {
		parcel->left = 0;
		receiver_give_up(receiver, got.k);
		return rc;
	}
	begin_lease(receiver, got.k);
	receiver->parcel_hold = got.k;
	receiver->parcel_deliveries = got.deliveries;
	return STOA_OK;
}

int receiver_parcel(struct stoa_receiver *receiver, uint64_t room, uint64_t *size)
{
	struct parcel *parcel = &receiver->parcel;

	if (!parcel->left)
		return came(receiver, next_parcel(receiver, room, size));
	if (unlikely(queue_closing(&receiver->queue->view) & STOA_NOW) && !DEFECT(DEFECT_PARCEL_AFTER_NOW)) {
		parcel->left = 0;
		receiver_give_up(receiver, receiver->parcel_hold); /* discarded, and counted */
		return STOA_CLOSED;
	}
	receiver->times++;
	*size = parcel->each;
	return parcel->each <= room ? STOA_OK : -EMSGSIZE;
}
