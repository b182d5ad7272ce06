/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * ends.h - a queue of the library with its idle senders and receivers.
 *
 * A sender, or a receiver, is one thread's at a time.  Who calls takes an idle one, or opens another where
 * all are busy, since a call may wait while other threads run; and puts it back.  All of this happens under
 * the interpreter's lock.
 *
 * After fork() what is idle here is the child's at its first use, as the library has it; what was busy is not
 * here, so the child never meets the ends that other threads of its parent were using.
 */
#ifndef STOA_PYTHON_ENDS_H
#define STOA_PYTHON_ENDS_H

#include "module.h"

struct idle {
	void **ends;
	uint32_t count, room;
};

struct ring {
	struct stoa_segment *segment; /* a reference of its own */
	struct stoa_queue *queue;
	uint32_t number; /* in its chain */
	uint32_t users;
	int64_t spin_ns; /* how long to look again before one sleeps */
	struct idle senders, receivers;
	struct ring *next; /* of those that the chain has open */
};

/* Takes `segment` and `queue` over.  NULL: no memory; then they are closed. */
struct ring *ring_new(struct stoa_segment *segment, struct stoa_queue *queue, uint32_t number);
struct ring *ring_use(struct ring *ring);
/* The last one closes everything. */
void ring_leave(struct ring *ring);

/* An idle one or a new one.  0, or the library's answer. */
int ring_sender(struct ring *ring, struct stoa_sender **sender);
int ring_receiver(struct ring *ring, struct stoa_receiver **receiver);
void ring_put_sender(struct ring *ring, struct stoa_sender *sender);
void ring_put_receiver(struct ring *ring, struct stoa_receiver *receiver);

#endif
