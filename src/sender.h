/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sender.h - what sender.c and sender_push.c know of each other.
 */
#ifndef STOA_SENDER_H
#define STOA_SENDER_H

#include <errno.h>

#include "queue.h"

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

static inline uint32_t holds(const struct stoa_sender *sender)
{
	return sender->queue->view.shape.holds;
}

/* The first use in a forked child. */
int sender_adopt(struct stoa_sender *sender);

static inline int use(struct stoa_sender *sender)
{
	if (likely(sender->fork_epoch == stoa_fork_epoch))
		return 0;
	return sender_adopt(sender);
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

static inline int wait_for_room(struct stoa_sender *sender, int (*fn)(void *), void *context,
                                const struct timespec *deadline)
{
	struct attempt attempt = { .fn = fn, .context = context, .nothing = STOA_FULL };

	return told(sender,
	            queue_wait(sender->queue, &sender->queue->view.shared->writable, &attempt, deadline));
}

#endif
