/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sender.c - the sending end of a queue: opened, inherited, closed, and messages written in place.  Copies are in
 * sender_push.c.
 *
 * A sender belongs to the process that opened it, by its participant and its slots.  In a
 * child after fork() it is at first nobody's: its first use attaches it anew, with slots
 * of its own.  What the parent had reserved stays the parent's; the addresses are kept, so
 * that they can be told from nonsense.
 */
#include <stdlib.h>

#include "sender.h"

/* ---- holds ---- */

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

int sender_adopt(struct stoa_sender *sender)
{
	int rc = keep_stale(sender);

	rc = rc ? rc : queue_keep(&sender->kept, &sender->ring.staging);
	if (rc)
		return rc;
	ring_sender_close(&sender->ring);
	return attach(sender);
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

/* The hold that an address was reserved as.  0; -EINVAL, also where something is NULL; -ESTALE. */
static int find_reserved(const struct stoa_sender *sender, const void *bytes, uint32_t *hold)
{
	bool inherited;

	if (!sender || !bytes)
		return -EINVAL;
	inherited = sender->fork_epoch != stoa_fork_epoch;
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
	int rc = find_reserved(sender, bytes, &commit.hold);

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
	int rc = find_reserved(sender, bytes, &hold);

	if (rc == 0) {
		sender->reservations[hold].open = false;
		set_idle(sender, hold);
	}
	return rc;
}
