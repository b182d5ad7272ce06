/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * chain_receive.c - the receiving end of a chain; chain.c has the essay.
 */
#include "chain_parts.h"

#include <errno.h>
#include <sched.h>

#define SLICE_NS 100000000ll
#define LINGER_NS 20000000ll
#define SPIN_LEAST_NS 1000
#define SPIN_MOST_NS 50000
#define LOOKS 16 /* between two looks at the clock */

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static int64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC_COARSE);
}

static int64_t precise_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void finish(struct chain *chain, struct ring *ring)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	struct finished before, after;
	int rc = STOA_CHANGED;

	if (stoa_queue_stat(ring->queue, &stat) || stoa_value_load(chain->finished, &before))
		return;
	while (rc == STOA_CHANGED) {
		if (in_finished(&before, ring->number))
			break;
		if (ring->number - before.first >= 32)
			return; /* somebody holds a message of a ring long before; its file stays for now */
		after = before;
		after.sent += stat.sent - stat.discarded;
		after.mask |= 1u << (ring->number - before.first);
		for (; after.mask & 1; after.mask >>= 1)
			after.first++;
		rc = stoa_value_compare_exchange(chain->finished, &before, &after);
	}
	if (rc == 0 || rc == STOA_CHANGED)
		remove_ring(chain, ring->number);
}

int ring_to_receive(struct chain *chain, uint32_t number, struct ring **ring)
{
	for (;;) {
		uint32_t last = NUMBER(load_tail(chain));
		int rc = -ENOENT;

		if (chain->closed)
			return -ESHUTDOWN;
		if (number > last) /* nonsense */
			return -EBADMSG;
		number = next_unfinished(chain, number, last);
		rc = get_ring(chain, number, false, ring);
		if (rc && !is_gone(chain, number, rc))
			return rc;
		if (rc == 0 && (number == last || !is_finished(chain, number)))
			return 0;
		if (rc == 0) { /* finished meanwhile; what was opened may be a ghost */
			forget_ring(chain, number);
			ring_leave(*ring);
		}
	}
}

struct taking {
	struct stoa_receiver *receiver;
	struct stoa_message *message;
	int64_t spin_ns; /* 0: not again */
	bool spun;       /* and it was worth it */
};

/*
 * To sleep and be woken takes far longer than an answer of a process that runs.  So look again for a while,
 * as long as that has been worth it: the time is doubled where a message came, and halved where none did.
 */
static int spin(struct taking *taking)
{
	int64_t end = precise_ns() + taking->spin_ns;
	int rc;

	taking->spin_ns = 0;
	do {
		rc = STOA_EMPTY;
		for (int i = 0; i < LOOKS && rc == STOA_EMPTY; i++)
			rc = stoa_receiver_take(taking->receiver, taking->message, &stoa_now);
	} while (rc == STOA_EMPTY && precise_ns() < end);
	taking->spun = rc != STOA_EMPTY;
	return rc;
}

static int take_waiting(void *context, const struct timespec *deadline)
{
	struct taking *taking = context;
	int rc = taking->spin_ns ? spin(taking) : STOA_EMPTY;

	return rc == STOA_EMPTY ? stoa_receiver_take(taking->receiver, taking->message, deadline) : rc;
}

/* With a processor alone, nobody runs while one spins. */
static bool may_spin(void)
{
	static int processors;
	cpu_set_t set;

	if (!processors)
		processors = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
	return processors > 1;
}

static int wait_spinning(struct ring *ring, struct taking *taking, const struct timespec *deadline)
{
	int64_t spin_ns = may_spin() ? ring->spin_ns : 0;
	int rc;

	taking->spin_ns = spin_ns;
	rc = call_waiting(take_waiting, taking, deadline);
	if (taking->spun)
		ring->spin_ns = 2 * spin_ns < SPIN_MOST_NS ? 2 * spin_ns : SPIN_MOST_NS;
	else if (spin_ns > SPIN_LEAST_NS)
		ring->spin_ns = spin_ns / 2;
	return rc;
}

/* Takes from one ring, and uses it as long as the message is held. */
static int take_at(struct ring *ring, struct chain_taken *taken, const struct timespec *deadline)
{
	struct taking taking = { .message = &taken->message };
	int rc = ring_receiver(ring, &taking.receiver);

	if (rc)
		return rc;
	rc = stoa_receiver_take(taking.receiver, taking.message, &stoa_now);
	if (rc == STOA_EMPTY && deadline != &stoa_now)
		rc = wait_spinning(ring, &taking, deadline);
	if (rc) {
		ring_put_receiver(ring, taking.receiver);
		return rc;
	}
	taken->receiver = taking.receiver;
	taken->ring = ring_use(ring);
	return 0;
}

int chain_done_with(struct chain_taken *taken, bool acknowledge)
{
	int rc = acknowledge ? stoa_receiver_release(taken->receiver, &taken->message)
	                     : stoa_receiver_return(taken->receiver, &taken->message);

	ring_put_receiver(taken->ring, taken->receiver);
	ring_leave(taken->ring);
	return rc;
}

/* What came back to rings that are drained but for that. */
static int take_lingering(struct chain *chain, struct chain_taken *taken)
{
	chain->looked_ns = now_ns();
	for (uint32_t i = 0; i < chain->lingering_count;) {
		struct ring *ring = chain->lingering[i];
		int rc = take_at(ring, taken, &stoa_now);

		if (rc != STOA_EMPTY && rc != STOA_CLOSED)
			return rc;
		if (rc == STOA_EMPTY) {
			i++;
			continue;
		}
		finish(chain, ring);
		chain->lingering[i] = chain->lingering[--chain->lingering_count];
		forget_ring(chain, ring->number);
		ring_leave(ring);
	}
	return STOA_EMPTY;
}

/* Ring `ring` is drained; `verdict` says whether for ever.  0, STOA_EMPTY (no room to linger), a fault. */
static int move_receive(struct chain *chain, struct ring *ring, int verdict)
{
	struct ring *next;
	int rc = ring_to_receive(chain, ring->number + 1, &next);

	if (rc)
		return rc;
	if (chain->receive != ring) { /* another thread was faster */
		ring_leave(next);
		return 0;
	}
	if (verdict == STOA_CLOSED) {
		chain_watch(chain, ring, false);
		finish(chain, ring);
		forget_ring(chain, ring->number);
	} else if (chain->lingering_count == CHAIN_LINGERING) {
		ring_leave(next);
		return STOA_EMPTY;
	} else {
		chain->lingering[chain->lingering_count++] = ring_use(ring);
	}
	move(&chain->receive, next);
	chain_watch(chain, next, true);
	return 0;
}

/* Waits at a ring, or a slice of the time.  As take_at(); STOA_CHANGED: look at everything again. */
static int wait_at(struct chain *chain, struct ring *ring, struct chain_taken *taken,
                   const struct timespec *deadline)
{
	struct timespec slice;
	bool again = wait_slice(&deadline, &slice, chain->lingering_count ? LINGER_NS : SLICE_NS);
	int rc = take_at(ring, taken, deadline);

	return rc == STOA_CLOSED || (rc == STOA_TIMEOUT && again) ? STOA_CHANGED : rc;
}

/* Nothing is at `ring`, now or, STOA_CLOSED, for ever.  As chain_take(); STOA_CHANGED: look again. */
static int nothing_at(struct chain *chain, struct ring *ring, int rc, struct chain_taken *taken,
                      const struct timespec *deadline)
{
	uint64_t tail = load_tail(chain);
	struct ring *next = NULL;
	int waited;

	if (NUMBER(tail) != ring->number) {
		if (rc == STOA_EMPTY)
			rc = take_at(ring, taken, &stoa_now); /* it is surely shut down by now */
		if (rc != STOA_EMPTY && rc != STOA_CLOSED)
			return rc;
		rc = move_receive(chain, ring, rc);
		if (rc != STOA_EMPTY)
			return rc ? rc : STOA_CHANGED;
	} else if (rc == STOA_CLOSED && !(tail & SHUT)) {
		rc = extend(chain, ring, &next);
		ring_leave(next);
		return rc ? rc : STOA_CHANGED;
	} else if (rc == STOA_CLOSED) {
		if (!chain->lingering_count)
			return STOA_CLOSED;
		ring = chain->lingering[0];
	}
	if (deadline == &stoa_now) {
		chain_tick(chain); /* it polls */
		return STOA_EMPTY;
	}
	ring_use(ring); /* another thread may find it done with, or close the chain */
	waited = wait_at(chain, ring, taken, deadline);
	ring_leave(ring);
	return waited;
}

int chain_start_receive(struct chain *chain)
{
	struct finished finished = { .first = 0 };
	struct ring *ring;
	int rc;

	if (chain->unbounded)
		stoa_value_load(chain->finished, &finished);
	rc = ring_to_receive(chain, finished.first, &ring);
	if (rc)
		return rc;
	if (chain->receive) {
		ring_leave(ring);
	} else {
		chain->receive = ring;
		chain_watch(chain, ring, true);
	}
	return 0;
}

int chain_take(struct chain *chain, struct chain_taken *taken, const struct timespec *deadline)
{
	int rc = STOA_CHANGED;

	while (rc == STOA_CHANGED) {
		struct ring *ring;

		if (chain->closed)
			return -ESHUTDOWN;
		rc = chain->receive ? 0 : chain_start_receive(chain);
		if (rc)
			return rc;
		if (chain->lingering_count && now_ns() - chain->looked_ns >= LINGER_NS) {
			rc = take_lingering(chain, taken);
			if (rc != STOA_EMPTY)
				return rc;
		}
		ring = ring_use(chain->receive);
		rc = take_at(ring, taken, chain->unbounded ? &stoa_now : deadline);
		if (chain->unbounded && (rc == STOA_EMPTY || rc == STOA_CLOSED))
			rc = nothing_at(chain, ring, rc, taken, deadline);
		ring_leave(ring);
	}
	return rc;
}

/*
 * A message that is longer than the receiver's room stays where it is.  So nothing is taken here, if every
 * message has a byte at least.
 */
int chain_peek(struct chain *chain)
{
	struct stoa_receiver *receiver;
	int rc;

	if (chain->closed)
		return -ESHUTDOWN;
	rc = chain->receive ? 0 : chain_start_receive(chain);
	rc = rc ? rc : ring_receiver(chain->receive, &receiver);
	if (rc)
		return rc;
	rc = stoa_receiver_pop(receiver, NULL, 0, NULL);
	ring_put_receiver(chain->receive, receiver);
	if (rc == -EMSGSIZE)
		return 0;
	if (rc != STOA_EMPTY && rc != STOA_CLOSED)
		return rc;
	return chain->lingering_count ||
	                       (chain->unbounded && NUMBER(load_tail(chain)) != chain->receive->number)
	               ? STOA_CHANGED
	               : STOA_EMPTY;
}
