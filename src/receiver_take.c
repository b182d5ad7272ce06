/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * receiver_take.c - messages leased: taken, and released or given back.
 */
#include "receiver.h"

/* private_words of a message */
enum { WORD_RECEIVER, WORD_EPOCH, WORD_HOLD, WORD_SERIAL };

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
	int rc = receiver_next(receiver, UINT64_MAX, &got);

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
	int rc = receiver_parcel(receiver, UINT64_MAX, &size);

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

/* The hold that a message is leased as.  0; -EINVAL, also where something is NULL; -ESTALE. */
static int find_lease(const struct stoa_receiver *receiver, const struct stoa_message *message,
                      uint32_t *hold)
{
	const uint64_t *words;

	if (!receiver || !message)
		return -EINVAL;
	words = message->private_words;
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
	int rc = find_lease(receiver, message, &k);

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
	int rc = find_lease(receiver, message, &k);

	if (rc)
		return rc;
	receiver->holds[k].retaken = false;
	receiver_give_back(receiver, k);
	*message = (struct stoa_message){ 0 };
	return 0;
}
