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
	bool hidden; /* surely taken out by somebody who was killed in that, and then redelivered */
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
bool queue_vanished(struct queue_case *me); /* as many as could */
bool queue_capacity(struct queue_case *me);

#endif
