/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * receiver.h - what receiver.c, receiver_next.c, receiver_pop.c and receiver_take.c know of each other.
 */
#ifndef STOA_RECEIVER_H
#define STOA_RECEIVER_H

#include <errno.h>

#include "queue.h"

#define LOOK_EVERY 1024 /* messages: then looks for what the dead held */

enum hold_state { IDLE, LEASED, GIVEN };

struct hold {
	enum hold_state state;
	bool retaken;    /* LEASED out of its own orphan cell: settled, not acknowledged */
	uint64_t serial; /* of the lease: tells a message that was released before */
};

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
	/* Holds that are not idle; one more where messages come in parcels, which are not for pop_exchange(). */
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

static inline uint32_t holds(const struct stoa_receiver *receiver)
{
	return receiver->queue->view.shape.holds;
}

/* The first use in a forked child.  The parent's leases stay as they are. */
int receiver_adopt(struct stoa_receiver *receiver);

static inline int use(struct stoa_receiver *receiver)
{
	if (likely(receiver->fork_epoch == stoa_fork_epoch))
		return 0;
	return receiver_adopt(receiver);
}

/* Hold k's message is for others. */
void receiver_give_back(struct stoa_receiver *receiver, uint32_t k);

/* ---- the next message out of an exchange ring: receiver_next.c ---- */

/* One that was got, in hold `k`. */
struct got {
	uint32_t k;
	uint64_t size;
	uint32_t deliveries;
};

/* The next message of up to `room` bytes, unacknowledged. */
int receiver_next(struct stoa_receiver *receiver, uint64_t room, struct got *got);
/* The parcel that is open, or the next one; each of its messages has up to `room` bytes. */
int receiver_parcel(struct stoa_receiver *receiver, uint64_t room, uint64_t *size);
/* The message in hold k is not wanted after all. */
void receiver_give_up(struct stoa_receiver *receiver, uint32_t k);

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

/* ---- leases ---- */

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

/* ---- calls ---- */

/* At the end: the descriptors that promise a message are corrected where there is none. */
static inline int told(struct stoa_receiver *receiver, int rc)
{
	if (unlikely(rc == STOA_EMPTY))
		watch_correct(receiver->queue);
	return rc;
}

static inline int wait_for_message(struct stoa_receiver *receiver, int (*fn)(void *), void *context,
                                   const struct timespec *deadline)
{
	struct attempt attempt = { .fn = fn, .context = context, .nothing = STOA_EMPTY };

	return queue_wait(receiver->queue, &receiver->queue->view.shared->readable, &attempt, deadline);
}

#endif
