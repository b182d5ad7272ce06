/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linear_threads.c - what is known because one thread makes its calls in turn.
 *
 * Calls of one thread that share their stamps (history_record.h) overlap as far as times can tell, and
 * still each took effect before the next.  No moment can be put between them without saying too much of other
 * threads' calls, so this order is used where it lies: between the calls of a thread, from one to the next.
 *
 * Order.  A queue keeps the order of one sender and shows it to one receiver:
 *   - a receiver that got two messages of one sender got them in the order in which they were sent
 *   - of one sender's messages, none left the queue before one that it had sent before could
 *   - of one receiver's messages, none had entered the queue before one that it got before could
 *
 * Narrowing (linear_capacity.c).  Each call takes effect no earlier than the one before it could, and no
 * later than the one behind it has to.  The two last lines above narrow the other windows.
 *
 * A delivery counts only where it is `sure` that it took the message out of the line.
 */
#include "linear_queue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool threads_make(struct queue_case *me)
{
	size_t calls = me->history->count;

	for (size_t i = 0; i < calls; i++) {
		if (me->history->calls[i].thread >= me->threads)
			me->threads = me->history->calls[i].thread + 1u;
	}
	me->turns = malloc((me->threads + 1) * sizeof *me->turns);
	me->message_of = calloc(calls + 1, sizeof *me->message_of);
	return me->turns && me->message_of;
}

void threads_free(struct queue_case *me)
{
	free(me->turns);
	free(me->message_of);
}

static void link_messages(struct queue_case *me)
{
	for (size_t i = 0; i < me->count; i++) {
		const struct message *message = &me->messages[i];

		if (message->absent)
			continue;
		me->message_of[message->push - me->history->calls] = (uint32_t)i + 1;
		if (message->sure)
			me->message_of[message->pop - me->history->calls] = (uint32_t)i + 1;
	}
}

static struct message *message_at(const struct queue_case *me, size_t call)
{
	return me->message_of[call] ? &me->messages[me->message_of[call] - 1] : NULL;
}

/* ---- order ---- */

static bool accuse(struct queue_case *me, const struct message *a, const struct message *b)
{
	linear_found(me->linear, "order", "message %" PRIu64 " was sent before %" PRIu64 " was, and %s",
	             a->value, b->value,
	             a->pop ? "was received after it" : "never received, though that one was");
	linear_show(me->linear, me->history, (const struct call *[]){ a->push, b->push, b->pop, a->pop }, 4);
	return false;
}

/* The messages that one thread sent, or received, in turn; `latest`: whose other end began last. */
static bool check_neighbours(struct queue_case *me, bool sent)
{
	const struct message **latest = calloc(me->threads + 1, sizeof *latest);
	bool good = true;

	if (!latest) {
		me->linear->answer = LINEAR_GAVE_UP;
		return false;
	}
	for (size_t i = 0; i < me->history->count && good; i++) {
		const struct message *now = message_at(me, i), *before;
		const struct call *call = &me->history->calls[i];

		if (!now || (call->kind == CALL_PUSH) != sent)
			continue;
		before = latest[call->thread];
		if (before && (sent ? before->out.from >= now->out.to : before->in.from >= now->in.to))
			good = sent ? accuse(me, before, now) : accuse(me, now, before);
		else if (!before ||
		         (sent ? now->out.from > before->out.from : now->in.from > before->in.from))
			latest[call->thread] = now;
	}
	free((void *)latest);
	return good;
}

struct pairs {
	uint32_t *head, *next;    /* each thread's calls, in turn: index + 1 */
	const struct call **sent; /* by each thread: the last push of which this receiver got the message */
	uint32_t *seen_by;        /* which receiver that was, + 1 */
};

static bool check_receiver(struct queue_case *me, struct pairs *pairs, uint32_t receiver)
{
	for (uint32_t at = pairs->head[receiver]; at; at = pairs->next[at - 1]) {
		const struct message *message = message_at(me, at - 1);
		uint32_t sender;

		if (!message || message->push == &me->history->calls[at - 1])
			continue;
		sender = message->push->thread;
		if (pairs->seen_by[sender] == receiver + 1 && message->push < pairs->sent[sender])
			return accuse(me, message,
			              message_at(me, (size_t)(pairs->sent[sender] - me->history->calls)));
		pairs->seen_by[sender] = receiver + 1;
		pairs->sent[sender] = message->push;
	}
	return true;
}

static bool check_pairs(struct queue_case *me)
{
	struct pairs pairs = {
		.head = calloc(me->threads + 1, sizeof *pairs.head),
		.next = malloc((me->history->count + 1) * sizeof *pairs.next),
		.sent = calloc(me->threads + 1, sizeof *pairs.sent),
		.seen_by = calloc(me->threads + 1, sizeof *pairs.seen_by),
	};
	bool good = pairs.head && pairs.next && pairs.sent && pairs.seen_by;

	if (!good)
		me->linear->answer = LINEAR_GAVE_UP;
	for (size_t i = me->history->count; good && i-- > 0;) {
		pairs.next[i] = pairs.head[me->history->calls[i].thread];
		pairs.head[me->history->calls[i].thread] = (uint32_t)i + 1;
	}
	for (uint32_t thread = 0; thread < me->threads && good; thread++)
		good = check_receiver(me, &pairs, thread);
	free(pairs.head);
	free(pairs.next);
	free((void *)pairs.sent);
	free(pairs.seen_by);
	return good;
}

bool queue_threads(struct queue_case *me)
{
	link_messages(me);
	return check_pairs(me) && check_neighbours(me, true) && check_neighbours(me, false);
}

/* ---- narrowing ---- */

static bool raise(uint32_t *from, uint32_t *line)
{
	bool changed = *line > *from;

	if (changed)
		*from = *line;
	*line = *from;
	return changed;
}

static bool lower(uint32_t *to, uint32_t *line)
{
	bool changed = *line < *to;

	if (changed)
		*to = *line;
	*line = *to;
	return changed;
}

static bool is_answer(const struct call *call)
{
	return says_empty(call) || says_full(call);
}

bool threads_raise_beginnings(struct queue_case *me)
{
	bool changed = false;

	memset(me->turns, 0, me->threads * sizeof *me->turns);
	for (size_t i = 0; i < me->history->count; i++) {
		const struct call *call = &me->history->calls[i];
		struct turn *turn = &me->turns[call->thread];
		struct message *message = message_at(me, i);

		if (!message) {
			if (is_answer(call))
				changed = raise(&me->start[i], &turn->now) || changed;
		} else if (message->push == call) {
			changed = raise(&message->in.from, &turn->now) || changed;
			changed = raise(&message->out.from, &turn->sent) || changed;
		} else {
			changed = raise(&message->out.from, &turn->now) || changed;
			changed = raise(&message->in.from, &turn->received) || changed;
		}
	}
	return changed;
}

bool threads_lower_ends(struct queue_case *me)
{
	bool changed = false;

	for (uint32_t i = 0; i < me->threads; i++)
		me->turns[i] = (struct turn){ me->ranks + 1, me->ranks + 1, me->ranks + 1 };
	for (size_t i = me->history->count; i-- > 0;) {
		const struct call *call = &me->history->calls[i];
		struct turn *turn = &me->turns[call->thread];
		struct message *message = message_at(me, i);

		if (!message) {
			if (is_answer(call))
				changed = lower(&me->end[i], &turn->now) || changed;
		} else if (message->push == call) {
			changed = lower(&message->in.to, &turn->now) || changed;
			changed = lower(&message->out.to, &turn->sent) || changed;
		} else {
			changed = lower(&message->out.to, &turn->now) || changed;
			changed = lower(&message->in.to, &turn->received) || changed;
		}
	}
	return changed;
}
