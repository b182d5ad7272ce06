/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * chain.c - a queue that grows, of rings that do not.
 *
 * The idea is LCRQ's (Morrison and Afek, "Fast concurrent queues for x86 processors", 2013): bounded rings
 * linked to a list.  A ring that is full is shut down for ever, and who sends goes on in the next one; who
 * receives goes on there when a ring is drained.  So the chain is first in, first out, as its rings are.
 *
 * Ring 0 is in the chain's own segment NAME, ring k in NAME~rk.  Rings are larger the longer the chain
 * is.  Two words in the first segment say which of them there are:
 *
 *   tail       number of the last ring, and the bit SHUT: there will be no other.  By compare-and-swap, one
 *              more at a time
 *   finished   { first, mask, sent }: rings below `first`, and those first + i whose bit i is in `mask`, are
 *              finished: drained, all messages acknowledged.  `sent` is how many messages they had.  By
 *              compare-and-swap of the whole
 *
 * To extend the chain at its tail k, found full or shut down:
 *
 *   1. create ring k + 1, or open what another has created
 *   2. look whether ring k + 1 is finished: then remove it again (below), and start again
 *   3. shut ring k down (STOA_DRAIN)
 *   4. tail: k to k + 1
 *
 * All steps may be done by many at once, and by one after another who was killed: 1 and 3 do nothing the
 * second time, 4 succeeds once.  Nobody sends to ring k + 1 before he has seen tail >= k + 1, thus after 3:
 * so nothing is in ring k + 1 that was committed before something in ring k, but for calls that were under
 * way at 3 and are concurrent to all of it.
 *
 * A ring's file is removed by whoever finishes it, after that is noted in `finished`.  So a ring k <= tail
 * that is not finished has its file, with its one and only ring; and a name is never used for another ring,
 * but by one who was stopped before 1 and wakes up late: he makes a ghost, sees at 2 that k + 1 was finished
 * long ago, and removes it.  Had he looked before 1, he would have seen nothing.  A ghost whose maker was
 * killed before 2 is only a file, which goes with the queue.  Who opens ring k to receive looks at `finished`
 * after that for the same reason.
 *
 * To receive, at ring k, which is empty:
 *
 *   1. read tail: k: this is the last one; wait here (in slices, since a wait does not end when the chain
 *      grows)
 *   2. else look at ring k again, now that it is surely shut down.  STOA_CLOSED: nothing comes any more:
 *      finish it.  STOA_EMPTY: its cells are closed, but somebody holds a message that may come back.  So go
 *      on at the next one, and let ring k linger: look at it now and then until it answers STOA_CLOSED.
 *
 * Ring k answers STOA_CLOSED and is the tail: the queue was shut down (SHUT), or somebody was killed, or is
 * stopped, between 3 and 4.  Then the receiver does what he left.
 */
#include "chain_parts.h"

#include <errno.h>

/* ---- extend ---- */

/* The tail is `ring`, which is full or shut down.  0, STOA_CHANGED (start again), STOA_CLOSED, or a fault. */
static int extend_at(struct chain *chain, struct ring *ring, struct ring **next)
{
	uint64_t expected = ring->number, desired = expected + 1;
	int rc = get_ring(chain, ring->number + 1, true, next);

	if (rc)
		return rc;
	if (is_finished(chain, ring->number + 1)) {
		forget_ring(chain, ring->number + 1);
		remove_ring(chain, ring->number + 1);
		rc = NUMBER(load_tail(chain)) == ring->number ? -EBADMSG
		                                              : STOA_CHANGED; /* else it came before */
	}
	rc = rc ? rc : stoa_queue_shutdown(ring->queue, STOA_DRAIN);
	rc = rc ? rc : stoa_array_compare_exchange(chain->words, CHAIN_TAIL, &expected, &desired);
	if (rc == STOA_CHANGED && expected == (ring->number | SHUT)) {
		forget_ring(chain, ring->number + 1);
		remove_ring(chain, ring->number + 1); /* nobody will ever send there */
		rc = STOA_CLOSED;
	}
	if (rc == STOA_CHANGED && NUMBER(expected) == ring->number + 1)
		return 0; /* another has done it */
	if (rc) {
		ring_leave(*next);
		*next = NULL;
	}
	return rc;
}

int extend(struct chain *chain, struct ring *ring, struct ring **next)
{
	int rc = STOA_CHANGED;

	while (rc == STOA_CHANGED || rc == -ENOENT) {
		uint64_t tail = load_tail(chain);

		if (chain->closed)
			return -ESHUTDOWN;
		if (NUMBER(tail) != ring->number)
			rc = get_ring(chain, NUMBER(tail), false, next);
		else if (tail & SHUT)
			return stoa_queue_shutdown(ring->queue, STOA_DRAIN) ? -EBADMSG : STOA_CLOSED;
		else
			rc = extend_at(chain, ring, next);
		if (rc == -ENOENT && !is_gone(chain, NUMBER(tail), rc))
			return rc;
	}
	return rc;
}

/* ---- put ---- */

/* Where nobody here receives, what is behind the senders is not needed. */
static void move_send(struct chain *chain, struct ring *ring)
{
	uint32_t before = chain->send->number;

	move(&chain->send, ring);
	if (!chain->receive || chain->receive->number > before)
		forget_ring(chain, before);
}

struct sending {
	struct stoa_sender *sender;
	const void *message;
	size_t size;
};

static int send_waiting(void *context, const struct timespec *deadline)
{
	const struct sending *sending = context;

	return stoa_sender_send(sending->sender, sending->message, sending->size, deadline);
}

static int put_at(struct chain *chain, struct ring *ring, const void *message, size_t size,
                  const struct timespec *deadline)
{
	struct sending sending = { .message = message, .size = size };
	int rc = ring_sender(ring, &sending.sender);

	if (rc)
		return rc;
	rc = stoa_sender_push(sending.sender, message, size);
	if (rc == STOA_FULL && !chain->unbounded && deadline != &stoa_now)
		rc = call_waiting(send_waiting, &sending, deadline);
	ring_put_sender(ring, sending.sender);
	return rc;
}

int chain_put(struct chain *chain, const void *message, size_t size, const struct timespec *deadline)
{
	for (;;) {
		struct ring *ring, *next = NULL;
		int rc;

		if (chain->closed)
			return -ESHUTDOWN;
		ring = ring_use(chain->send);
		rc = put_at(chain, ring, message, size, deadline);
		if (chain->unbounded && (rc == STOA_FULL || rc == STOA_CLOSED)) {
			rc = extend(chain, ring, &next);
			if (rc == 0 && !chain->closed && chain->send == ring) {
				move_send(chain, next);
				next = NULL;
			}
			ring_leave(next);
			ring_leave(ring);
			if (rc)
				return rc;
			continue;
		}
		ring_leave(ring);
		return rc;
	}
}
