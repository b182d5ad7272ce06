/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * linear_queue.h - what the files of the queue checker know of each other; linear_queue.c has the essay.
 */
#ifndef STOA_STRESS_LINEAR_QUEUE_H
#define STOA_STRESS_LINEAR_QUEUE_H

#include "linear.h"

/*
 * Windows are of ranks.  All stamps of the history have ranks 0 .. ranks - 1; gap g is the time between
 * stamps g and g + 1.  A call that began at rank s and ended at e took effect in one of the gaps s .. e - 1.
 * `ranks` itself is an end that never comes; the gap `ranks` is "never".
 */
struct window {
	uint32_t from, to; /* gaps from .. to - 1 */
};

struct delivery {
	const struct call *call;
	const struct call *end; /* release or return, begun at least; NULL: none */
	struct delivery *next;  /* by their starts */
};

struct message {
	uint64_t value;
	const struct call *push;
	struct delivery *deliveries;
	const struct call *pop; /* the delivery that took it out of the line; NULL: none was seen */
	struct window in, out;  /* push, and being taken out of the line */
	struct window leaves;   /* its place is free again: `out`, but for leases in the SPSC ring */
	bool absent;            /* its push was pending, and nobody ever received it */
	bool sure;              /* `out` is the window of `pop`: that took it out of the line */
	bool hidden; /* surely taken out by somebody who was killed in that, and then redelivered */
};

/* What a thread's calls say of its next one: its window, and the others of what it sent and received. */
struct turn {
	uint32_t now, sent, received;
};

struct queue_case {
	const struct history *history;
	struct linear *linear;
	uint32_t ranks;
	uint32_t *start, *end; /* ranks of each call */
	struct message *messages;
	size_t count;
	struct delivery *deliveries;  /* of all */
	const struct call **deaths;   /* of each thread */
	const struct call **suspects; /* receiving calls in which their process was killed */
	size_t suspect_count;
	struct turn *turns;   /* of each thread */
	uint32_t *message_of; /* of pushes and of `sure` pops: index + 1 */
	uint32_t threads;
	uint32_t *table; /* of values: index of the message + 1 */
	size_t table_room;
};

static inline bool is_receive(const struct call *call)
{
	return call->kind == CALL_POP || call->kind == CALL_TAKE;
}

/* Answers of "nothing there" and "no room" to calls that were not killed. */
static inline bool says_empty(const struct call *call)
{
	return is_receive(call) && !(call->flags & CALL_PENDING) &&
	       (call->outcome == STOA_EMPTY || call->outcome == STOA_TIMEOUT);
}

static inline bool says_full(const struct call *call)
{
	return call->kind == CALL_PUSH && !(call->flags & CALL_PENDING) &&
	       (call->outcome == STOA_FULL || call->outcome == STOA_TIMEOUT);
}

/* Whether a had surely taken effect before b could: it had ended, or is the same thread's. */
static inline bool came_before(const struct call *a, const struct call *b)
{
	return a->end < b->start || (a->thread == b->thread && a < b);
}

/* The rank of a call's start or end. */
static inline uint32_t rank_of_start(const struct queue_case *me, const struct call *call)
{
	return me->start[call - me->history->calls];
}

static inline uint32_t rank_of_end(const struct queue_case *me, const struct call *call)
{
	return me->end[call - me->history->calls];
}

/* Each returns false where it has found something, or gave up. */
bool queue_gather(struct queue_case *me);   /* messages and their deliveries */
bool queue_windows(struct queue_case *me);  /* who had what when; duplicates and inventions */
bool queue_threads(struct queue_case *me);  /* what one thread did in turn */
bool queue_vanished(struct queue_case *me); /* as many as could */
bool queue_capacity(struct queue_case *me);

/* Narrows windows by the order of each thread's calls; true: something has changed. */
bool threads_raise_beginnings(struct queue_case *me);
bool threads_lower_ends(struct queue_case *me);
bool threads_make(struct queue_case *me); /* false: no memory */
void threads_free(struct queue_case *me);

#endif
