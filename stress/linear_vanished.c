/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linear_vanished.c - messages that left the line unseen, and who can have taken them.
 *
 * Those that must have left: received only as redelivered; or never received though a message that was
 * sent after them was, or somebody was told afterwards that the queue is empty.  Each left in a window of
 * time, into the hands of a receiver that was killed in its call (a suspect), whose call must meet the
 * window, and who can have had one message.  A perfect matching must exist (augmenting paths: Kuhn; there are
 * as many suspects as deaths).
 */
#include "linear_queue.h"

#include <inttypes.h>
#include <stdlib.h>

struct missing {
	const struct message *message;
	uint32_t before; /* it had left by then */
	bool for_good;
};

struct matching {
	const struct queue_case *me;
	struct missing *missing;
	size_t count;
	uint32_t *taken_by; /* of each suspect: index in `missing` + 1 */
	uint32_t *visited;  /* of each suspect: in the search for that one (+ 1) */
};

/* latest[r]: what was sent at rank r or later, had left by then at the latest; and the same of "empty". */
static uint32_t *sweep_latest(const struct queue_case *me)
{
	uint32_t *latest = malloc(((size_t)me->ranks + 2) * sizeof *latest);

	if (!latest)
		return NULL;
	for (uint32_t r = 0; r <= me->ranks + 1; r++)
		latest[r] = me->ranks + 1;
	for (size_t i = 0; i < me->count; i++)
		latest[me->messages[i].in.from] = me->messages[i].out.to;
	for (size_t i = 0; i < me->history->count; i++) {
		if (says_empty(&me->history->calls[i]))
			latest[me->start[i]] = me->end[i];
	}
	for (uint32_t r = me->ranks + 1; r-- > 0;) {
		if (latest[r + 1] < latest[r])
			latest[r] = latest[r + 1];
	}
	return latest;
}

static bool comes_into_question(const struct queue_case *me, const struct call *suspect,
                                const struct missing *missing)
{
	if (missing->for_good && suspect->kind == CALL_TAKE && !me->history->discard)
		return false;
	return rank_of_start(me, suspect) < missing->before &&
	       rank_of_end(me, suspect) > missing->message->in.from;
}

/* Kuhn's step: a suspect for `which`, by moving others where needed. */
static bool assign(struct matching *matching, size_t which, uint32_t search)
{
	const struct queue_case *me = matching->me;

	for (size_t i = 0; i < me->suspect_count; i++) {
		if (matching->visited[i] == search ||
		    !comes_into_question(me, me->suspects[i], &matching->missing[which]))
			continue;
		matching->visited[i] = search;
		if (!matching->taken_by[i] || assign(matching, matching->taken_by[i] - 1, search)) {
			matching->taken_by[i] = (uint32_t)which + 1;
			return true;
		}
	}
	return false;
}

static void find_missing(struct matching *matching, const uint32_t *latest)
{
	const struct queue_case *me = matching->me;

	for (size_t i = 0; i < me->count; i++) {
		const struct message *message = &me->messages[i];
		uint32_t before = latest[message->in.to];

		if (message->hidden && message->out.to < before)
			before = message->out.to;
		if (message->hidden || (!message->pop && !message->absent && before <= me->ranks))
			matching->missing[matching->count++] = (struct missing){ message, before,
				                                                 !message->hidden };
	}
}

static bool match(struct queue_case *me, struct matching *matching)
{
	for (size_t i = 0; i < matching->count; i++) {
		const struct message *message = matching->missing[i].message;

		if (assign(matching, i, (uint32_t)i + 1))
			continue;
		linear_found(me->linear, "vanished",
		             "message %" PRIu64 " %s, and of those who were killed while receiving (%zu) "
		             "too few can have taken it and others like it (%zu)",
		             message->value,
		             message->hidden ? "was only ever received as a redelivered one"
		                             : "left the line and was never received",
		             me->suspect_count, matching->count);
		linear_show(me->linear, me->history,
		            (const struct call *[]){ message->push,
		                                     message->deliveries ? message->deliveries->call : NULL },
		            2);
		return false;
	}
	return true;
}

bool queue_vanished(struct queue_case *me)
{
	struct matching matching = { .me = me };
	uint32_t *latest;
	bool good = false;

	if (!me->suspect_count)
		return true; /* then whatever is missing shows up as `order` or `empty` */
	latest = sweep_latest(me);
	matching.missing = malloc((me->count + 1) * sizeof *matching.missing);
	matching.taken_by = calloc(me->suspect_count, sizeof *matching.taken_by);
	matching.visited = calloc(me->suspect_count, sizeof *matching.visited);
	if (latest && matching.missing && matching.taken_by && matching.visited) {
		find_missing(&matching, latest);
		good = match(me, &matching);
	} else {
		me->linear->answer = LINEAR_GAVE_UP;
	}
	free(latest);
	free(matching.missing);
	free(matching.taken_by);
	free(matching.visited);
	return good;
}
