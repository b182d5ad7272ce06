/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linear_queue.c - queues, by bad patterns, in O(n log n) for n calls.
 *
 * All messages are different, so the history itself tells which push each delivery belongs to, and a queue is
 * linearizable unless it shows one of a few patterns of few messages each.  For queues without bound that is
 * a theorem: Henzinger, Sezgin and Vafeiadis, "Aspect-oriented linearizability proofs" (2013); Bouajjani,
 * Emmi, Enea and Hamza, "On reducing linearizability to state reachability" (2015).  A < B: call A had
 * ended when B began.  For messages a and b:
 *
 *   invented, early, twice   received and never sent; before it was sent; two times
 *   order   push a < push b, b was received, and not (a was, by a call that had not begun only after b's
 *           ended): a, which entered first, did not leave first
 *   empty   a receiver says "empty" and at each moment of its call some message was surely there
 *
 * Where calls share their stamps, `order` also takes what one thread did in turn (linear_threads.c).
 *
 * "Surely there": its push had ended and its pop had not begun.  Several messages may have to relay each
 * other to cover the whole of the call; at a moment without such a message each one can be taken to have come
 * and gone before or to come and go after it, consistently.  So the two sweeps below are exact: each message
 * is an interval, from its push's end to its pop's start; `order` asks, at the start of each push b, for the
 * latest pop among all messages whose push had ended; `empty` asks how far the union of the intervals
 * reaches.
 *
 * Bound.  No such theorem is known to us for FULL; linear_capacity.c checks what is necessary, and
 * linear_search.c looks for the order itself, exactly, as far as its steps reach.
 *
 * Killed.  A pending push of a message that was received did take effect (by the death, if its time is
 * known); if it never was received it may be left out: it can only have entered and stayed.  A receiver that
 * was killed in its call (a suspect) may have taken any message that nobody else was seen to take out of the
 * line:
 *   - a message that was only seen as redelivered left the line in some suspect's call: its "pop" lies
 *     somewhere in the hull of those calls that come into question
 *   - a message never received may have left from the first such call on
 *   - a plain pop does not tell whether it got a redelivered one, so with suspects it may have left earlier
 * These windows are wider than the truth, so nothing is found that is not so; but something may be missed.
 * What they lose is regained by counting (`vanished`): the messages that must have been taken by
 * suspects are matched to suspects at the right time, one each; too few suspects is a violation.
 *
 * Complete: histories of push, pop, empty, with pending pushes, without bound; tested against brute force.
 * With suspects, redelivery, leases, a bound, or calls that share one interval (batches, groups of the
 * recorder): sound, not complete.
 */
#include "linear_queue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 8 /* messages of a cover, at most */

/* ---- which moment is which ---- */

static bool rank_all(struct queue_case *me)
{
	size_t count;
	struct moment *moments = linear_moments(me->history, &count);

	if (!moments)
		return false;
	me->ranks = (uint32_t)count;
	for (size_t i = 0; i < me->history->count; i++)
		me->end[i] = me->ranks;
	for (size_t i = 0; i < count; i++)
		(moments[i].is_end ? me->end : me->start)[moments[i].call] = (uint32_t)i;
	free(moments);
	return true;
}

/* ---- order and empty ---- */

/*
 * reach[r]: of all messages whose push ended at rank r or before, the one whose pop began last (its index
 * + 1).
 */
static uint32_t *sweep_reach(const struct queue_case *me)
{
	uint32_t *reach = calloc((size_t)me->ranks + 2, sizeof *reach);

	if (!reach)
		return NULL;
	for (size_t i = 0; i < me->count; i++) {
		const struct message *message = &me->messages[i];

		if (!message->absent)
			reach[message->in.to] = (uint32_t)i +
			                        1; /* ends are of different ranks but for the last */
	}
	for (uint32_t r = 1; r <= me->ranks; r++) {
		if (reach[r - 1] && (!reach[r] || me->messages[reach[r - 1] - 1].out.from >
		                                          me->messages[reach[r] - 1].out.from))
			reach[r] = reach[r - 1];
	}
	return reach;
}

static bool check_order(struct queue_case *me, const uint32_t *reach)
{
	for (size_t i = 0; i < me->count; i++) {
		const struct message *b = &me->messages[i], *a;

		if (b->absent || b->in.from == 0 || !reach[b->in.from - 1])
			continue;
		a = &me->messages[reach[b->in.from - 1] - 1];
		if (a->out.from < b->out.to)
			continue;
		linear_found(me->linear, "order",
		             "message %" PRIu64 " was sent before %" PRIu64 " was, and %s", a->value,
		             b->value,
		             a->pop      ? "was received after it"
		             : a->hidden ? "cannot have been received before it"
		                         : "never received, though that one was");
		linear_show(me->linear, me->history,
		            (const struct call *[]){ a->push, b->push,
		                                     b->pop || !b->deliveries ? b->pop : b->deliveries->call,
		                                     a->pop },
		            4);
		return false;
	}
	return true;
}

static void show_cover(struct queue_case *me, const struct call *empty, const uint32_t *reach)
{
	const struct call *calls[2 * SHOWN + 1] = { empty };
	uint32_t at = rank_of_start(me, empty);
	unsigned shown = 0, more = 0;

	while (at < rank_of_end(me, empty)) {
		const struct message *message = &me->messages[reach[at] - 1];

		if (shown < SHOWN) {
			calls[1 + 2 * shown] = message->push;
			calls[2 + 2 * shown++] = message->pop;
		} else {
			more++;
		}
		at = message->out.from;
	}
	linear_found(me->linear, "empty",
	             "a receiver was told that nothing is there, and all the time something was");
	linear_show(me->linear, me->history, calls, 1 + 2 * shown);
	if (more)
		linear_say(me->linear, "  and %u more messages that relay each other\n", more);
}

static bool check_empty(struct queue_case *me, const uint32_t *reach)
{
	uint32_t *bare = calloc((size_t)me->ranks + 2, sizeof *bare); /* gaps before it that may be empty */
	bool good = true;

	if (!bare) {
		me->linear->answer = LINEAR_GAVE_UP;
		return false;
	}
	for (uint32_t g = 0; g < me->ranks; g++)
		bare[g + 1] = bare[g] + (!reach[g] || me->messages[reach[g] - 1].out.from <= g);
	for (size_t i = 0; i < me->history->count && good; i++) {
		const struct call *call = &me->history->calls[i];

		if (!says_empty(call) || bare[me->end[i]] != bare[me->start[i]])
			continue;
		show_cover(me, call, reach);
		good = false;
	}
	free(bare);
	return good;
}

/* ---- all of it ---- */

static bool make_room(struct queue_case *me)
{
	size_t calls = me->history->count + 1;

	for (me->table_room = 16; me->table_room < 2 * calls; me->table_room *= 2)
		;
	me->start = malloc(calls * sizeof *me->start);
	me->end = malloc(calls * sizeof *me->end);
	me->messages = malloc(calls * sizeof *me->messages);
	me->deliveries = calloc(calls, sizeof *me->deliveries);
	me->suspects = calloc(calls, sizeof *me->suspects);
	me->deaths = calloc(UINT16_MAX + 1, sizeof *me->deaths);
	me->table = calloc(me->table_room, sizeof *me->table);
	return threads_make(me) && me->start && me->end && me->messages && me->deliveries && me->suspects &&
	       me->deaths && me->table;
}

static void give_room_back(struct queue_case *me)
{
	free(me->start);
	free(me->end);
	free(me->messages);
	free(me->deliveries);
	free((void *)me->suspects);
	free((void *)me->deaths);
	free(me->table);
	threads_free(me);
}

void linear_queue(const struct history *history, struct linear *linear)
{
	struct queue_case me = { .history = history, .linear = linear };
	uint32_t *reach = NULL;

	*linear = (struct linear){ .answer = LINEAR_HOLDS };
	if (history->count >= UINT32_MAX / 4 || !make_room(&me) || !rank_all(&me)) {
		linear->answer = LINEAR_GAVE_UP;
	} else if (queue_gather(&me) && queue_windows(&me) && queue_threads(&me)) {
		reach = sweep_reach(&me);
		if (!reach)
			linear->answer = LINEAR_GAVE_UP;
		else if (check_order(&me, reach) && check_empty(&me, reach) && queue_vanished(&me))
			queue_capacity(&me);
	}
	free(reach);
	give_room_back(&me);
}
