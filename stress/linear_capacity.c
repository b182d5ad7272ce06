/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linear_capacity.c - at most `capacity` messages, and FULL only where there are as many.
 *
 * Necessary conditions, by sweeps:
 *   overfull  at no moment more than `capacity` messages were surely there
 *   full      who was told that there is no room was told at a moment at which `capacity` messages may have
 *             been there
 *
 * A call that was interrupted in the middle has a long window, and would make "surely" weak and "may"
 * strong.  So the windows are narrowed first, by what the order of the queue says, until nothing changes or
 * for some rounds.  If u surely entered before v did, u left before v, and the other way round:
 *
 *   push u < push v    v left no earlier than u could; u left no later than v had to
 *   pop u < pop v      v entered no earlier than u could; u entered no later than v had to
 *
 * and by the order of each thread's calls (linear_threads.c).
 *
 * A window that becomes empty is a contradiction.  What these conditions can miss: a call that explains one
 * answer by having taken effect early and another by having taken effect late.  linear_search.c does not.
 */
#include "linear_queue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 4
#define SHOWN 6

/* ---- narrowing ---- */

static inline struct window *window_of(struct message *message, bool out)
{
	return out ? &message->out : &message->in;
}

/*
 * Where u's `by` (push or pop) was surely before v's, u's other call was, too: v's other window begins no
 * earlier than u's.  line[r]: the latest beginning of the others whose `by` had to be over by gap r.
 */
static bool raise_beginnings(struct queue_case *me, bool by, uint32_t *line)
{
	bool changed = false;

	memset(line, 0, ((size_t)me->ranks + 3) * sizeof *line);
	for (size_t i = 0; i < me->count; i++) {
		struct message *u = &me->messages[i];
		uint32_t over = window_of(u, by)->to, from = window_of(u, !by)->from;

		if (!u->absent && from > line[over])
			line[over] = from;
	}
	for (uint32_t r = 1; r <= me->ranks + 1; r++)
		line[r] = line[r - 1] > line[r] ? line[r - 1] : line[r];
	for (size_t i = 0; i < me->count; i++) {
		struct message *v = &me->messages[i];
		struct window *other = window_of(v, !by);

		if (v->absent || line[window_of(v, by)->from] <= other->from)
			continue;
		other->from = line[window_of(v, by)->from];
		changed = true;
	}
	return changed;
}

/*
 * The same from the other end: u's other window ends no later than that of any v behind it.  Nor, where
 * `by` is the push, later than an "empty" behind it.  A message of which nothing is known but a pending push
 * may end up with no window to leave in: then it never entered.
 */
static bool lower_ends(struct queue_case *me, bool by, uint32_t *line)
{
	bool changed = false;

	for (uint32_t r = 0; r <= me->ranks + 2; r++)
		line[r] = me->ranks + 1;
	for (size_t i = 0; i < me->count; i++) {
		struct message *v = &me->messages[i];
		uint32_t from = window_of(v, by)->from, to = window_of(v, !by)->to;

		if (!v->absent && to < line[from])
			line[from] = to;
	}
	for (size_t i = 0; i < me->history->count && !by; i++) {
		if (says_empty(&me->history->calls[i]))
			line[me->start[i]] = me->end[i] < line[me->start[i]] ? me->end[i]
			                                                     : line[me->start[i]];
	}
	for (uint32_t r = me->ranks + 2; r-- > 0;)
		line[r] = line[r + 1] < line[r] ? line[r + 1] : line[r];
	for (size_t i = 0; i < me->count; i++) {
		struct message *u = &me->messages[i];
		struct window *other = window_of(u, !by);

		if ((u->absent && by) || line[window_of(u, by)->to] >= other->to)
			continue;
		other->to = line[window_of(u, by)->to];
		changed = true;
	}
	return changed;
}

/* A message enters before it leaves; false where a window is empty. */
static bool sound(struct queue_case *me)
{
	for (size_t i = 0; i < me->count; i++) {
		struct message *message = &me->messages[i];

		if (message->absent)
			continue;
		if (message->out.from < message->in.from)
			message->out.from = message->in.from;
		if (message->in.to > message->out.to)
			message->in.to = message->out.to;
		if (message->in.from < message->in.to && message->out.from < message->out.to)
			continue;
		linear_found(me->linear, "order",
		             "message %" PRIu64 " has no place in the order of the others", message->value);
		linear_show(me->linear, me->history, (const struct call *[]){ message->push, message->pop },
		            2);
		return false;
	}
	return true;
}

static bool narrow(struct queue_case *me, uint32_t *line)
{
	bool changed = true;

	for (int round = 0; round < ROUNDS && changed; round++) {
		changed = raise_beginnings(me, false, line);
		changed = lower_ends(me, false, line) || changed;
		changed = raise_beginnings(me, true, line) || changed;
		changed = lower_ends(me, true, line) || changed;
		changed = threads_raise_beginnings(me) || changed;
		changed = threads_lower_ends(me) || changed;
		if (!sound(me))
			return false;
	}
	for (size_t i = 0; i < me->count; i++) {
		if (!me->history->ring || me->messages[i].absent)
			me->messages[i].leaves = me->messages[i].out;
	}
	return true;
}

/*
 * In the ring a place is free again when those before it are: nothing leaves before what was sent
 * before it.
 */
static void leave_in_turn(struct queue_case *me, uint32_t *line)
{
	memset(line, 0, ((size_t)me->ranks + 3) * sizeof *line);
	for (size_t i = 0; i < me->count; i++) {
		struct message *message = &me->messages[i];

		if (!message->absent && message->leaves.to > line[message->in.from])
			line[message->in.from] = message->leaves.to;
	}
	for (uint32_t r = 1; r <= me->ranks; r++)
		line[r] = line[r - 1] > line[r] ? line[r - 1] : line[r];
	for (size_t i = 0; i < me->count; i++) {
		if (!me->messages[i].absent)
			me->messages[i].leaves.to = line[me->messages[i].in.from];
	}
}

/* ---- counting ---- */

/* How many messages were there in each gap: surely, or possibly. */
static void count_gaps(const struct queue_case *me, bool surely, int32_t *count)
{
	memset(count, 0, ((size_t)me->ranks + 3) * sizeof *count);
	for (size_t i = 0; i < me->count; i++) {
		const struct message *message = &me->messages[i];
		uint32_t from = surely ? message->in.to : message->in.from;
		uint32_t to = surely ? message->leaves.from : message->leaves.to;

		if (message->absent && (surely || message->out.from >= message->out.to))
			continue;
		if (from >= to)
			continue;
		count[from]++;
		count[to]--;
	}
	for (uint32_t g = 1; g <= me->ranks; g++)
		count[g] += count[g - 1];
}

static void show_gap(struct queue_case *me, uint32_t gap, bool surely)
{
	const struct call *calls[2 * SHOWN];
	size_t n = 0;

	for (size_t i = 0; i < me->count && n < 2 * SHOWN; i++) {
		const struct message *message = &me->messages[i];

		if ((surely ? message->in.to : message->in.from) > gap ||
		    (surely ? message->leaves.from : message->leaves.to) <= gap)
			continue;
		calls[n++] = message->push;
		calls[n++] = message->pop;
	}
	linear_show(me->linear, me->history, calls, n);
}

static bool check_overfull(struct queue_case *me, int32_t *count)
{
	count_gaps(me, true, count);
	for (uint32_t g = 0; g < me->ranks; g++) {
		if (count[g] <= 0 || (uint64_t)count[g] <= me->history->capacity)
			continue;
		linear_found(me->linear, "overfull",
		             "%d messages in a queue of %" PRIu64 ", among them:", count[g],
		             me->history->capacity);
		show_gap(me, g, true);
		return false;
	}
	return true;
}

/* `before`: gaps before it with as many messages as there are places, perhaps. */
static bool check_full(struct queue_case *me, int32_t *count, uint32_t *before)
{
	count_gaps(me, false, count);
	before[0] = 0;
	for (uint32_t g = 0; g < me->ranks; g++)
		before[g + 1] = before[g] + (count[g] > 0 && (uint64_t)count[g] >= me->history->capacity);
	for (size_t i = 0; i < me->history->count; i++) {
		const struct call *call = &me->history->calls[i];
		uint32_t fullest = me->start[i];

		if (!says_full(call) || before[me->end[i]] != before[me->start[i]])
			continue;
		for (uint32_t g = me->start[i]; g < me->end[i]; g++)
			fullest = count[g] > count[fullest] ? g : fullest;
		linear_found(me->linear, "full",
		             "a sender was told that there is no room, and never more than %d of %" PRIu64
		             " places can have been taken meanwhile",
		             count[fullest], me->history->capacity);
		linear_show(me->linear, me->history, &call, 1);
		linear_say(me->linear, "Perhaps there, at best:\n");
		show_gap(me, fullest, false);
		return false;
	}
	return true;
}

bool queue_capacity(struct queue_case *me)
{
	uint32_t *line;
	bool good = false;

	if (!me->history->capacity)
		return true;
	line = malloc(((size_t)me->ranks + 3) * sizeof *line);
	if (line && narrow(me, line)) {
		int32_t *count = malloc(((size_t)me->ranks + 3) * sizeof *count);

		if (me->history->ring)
			leave_in_turn(me, line);
		if (count)
			good = check_overfull(me, count) && check_full(me, count, line);
		else
			me->linear->answer = LINEAR_GAVE_UP;
		free(count);
	} else if (!line) {
		me->linear->answer = LINEAR_GAVE_UP;
	}
	free(line);
	return good;
}
