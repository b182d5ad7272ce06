/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * linear_helpers.h - histories made by hand and by chance, and brute force to judge small ones.
 *
 * The brute force is as plain as it can be, and shares no code with the checkers: it tries every order.
 */
#ifndef STOA_TEST_LINEAR_HELPERS_H
#define STOA_TEST_LINEAR_HELPERS_H

#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../stress/linear.h"

#define STEPS 1000000
#define FEW_CALLS 12

/* ---- by hand ---- */

static struct history made;

static inline void begin(enum subject subject, uint64_t capacity)
{
	history_free(&made);
	made = (struct history){ .subject = subject, .capacity = capacity, .per_ns = 1 };
}

static inline struct call *add(unsigned thread, enum call_kind kind, uint64_t start, uint64_t end)
{
	struct call call = { .start = start, .end = end, .thread = (uint16_t)thread, .kind = (uint8_t)kind };

	if (!history_add(&made, &call))
		abort();
	return &made.calls[made.count - 1];
}

static inline void push(unsigned thread, uint64_t value, uint64_t start, uint64_t end)
{
	add(thread, CALL_PUSH, start, end)->argument = value;
}

static inline void pop(unsigned thread, uint64_t value, uint64_t start, uint64_t end)
{
	add(thread, CALL_POP, start, end)->result = value;
}

static inline void take(unsigned thread, uint64_t value, uint64_t start, uint64_t end)
{
	add(thread, CALL_TAKE, start, end)->result = value;
}

static inline void take_flagged(unsigned thread, uint64_t value, uint64_t start, uint64_t end)
{
	take(thread, value, start, end);
	made.calls[made.count - 1].flags = CALL_REDELIVERED;
}

static inline void release(unsigned thread, uint64_t value, uint64_t start, uint64_t end)
{
	add(thread, CALL_RELEASE, start, end)->argument = value;
}

static inline void answers(unsigned thread, enum call_kind kind, int outcome, uint64_t start, uint64_t end)
{
	add(thread, kind, start, end)->outcome = (int16_t)outcome;
}

static inline void empty(unsigned thread, uint64_t start, uint64_t end)
{
	answers(thread, CALL_POP, STOA_EMPTY, start, end);
}

static inline void full(unsigned thread, uint64_t start, uint64_t end)
{
	answers(thread, CALL_PUSH, STOA_FULL, start, end);
}

/* Killed in the call, which began at `start`. */
static inline void killed(unsigned thread, enum call_kind kind, uint64_t value, uint64_t start,
                          uint64_t death)
{
	struct call *call = add(thread, kind, start, death);

	call->argument = value;
	call->flags = CALL_PENDING;
	if (death != HISTORY_NEVER)
		add(thread, CALL_DIE, death - 1, death);
}

/* ---- brute force ---- */

struct brute {
	const struct history *history;
	uint64_t line[FEW_CALLS], cell;
	unsigned first, length;
};

static inline bool brute_queue(struct brute *me, const struct call *call)
{
	if (call->kind == CALL_PUSH) {
		bool is_full = me->history->capacity && me->length == me->history->capacity;

		if (call->outcome == STOA_FULL)
			return is_full || !me->history->capacity;
		if (is_full)
			return false;
		me->line[me->first + me->length++] = call->argument;
		return true;
	}
	if (call->outcome == STOA_EMPTY)
		return me->length == 0;
	if (me->length == 0 || (!(call->flags & CALL_PENDING) && me->line[me->first] != call->result))
		return false;
	me->first++;
	me->length--;
	return true;
}

static inline bool brute_cell(struct brute *me, const struct call *call)
{
	bool told = !(call->flags & CALL_PENDING);

	switch (call->kind) {
	case CALL_LOAD:
		return !told || call->result == me->cell;
	case CALL_STORE:
		me->cell = call->argument;
		return true;
	case CALL_COMPARE_EXCHANGE:
		if (told && call->outcome == STOA_CHANGED)
			return call->result == me->cell && me->cell != call->expected;
		if (me->cell == call->expected)
			me->cell = call->argument;
		else if (told)
			return false;
		return true;
	default:
		if (told && call->result != me->cell)
			return false;
		me->cell = call->kind == CALL_FETCH_ADD ? me->cell + call->argument : call->argument;
		return true;
	}
}

/* Whether the calls that are not in `done` have an order, from this state. */
static inline bool brute_force(const struct brute *state, unsigned done)
{
	const struct call *calls = state->history->calls;
	size_t count = state->history->count;
	bool all = true;

	for (size_t i = 0; i < count; i++) {
		struct brute next = *state;
		bool may_be_next = !(done & 1u << i);

		all = all && (done & 1u << i || calls[i].flags & CALL_PENDING);
		for (size_t j = 0; j < count && may_be_next; j++) {
			bool in_turn = calls[j].thread == calls[i].thread && j < i;
			bool before = calls[j].end < calls[i].start || in_turn;
			bool pending = calls[j].flags & CALL_PENDING;

			if (before && !(done & 1u << j) && !pending)
				may_be_next = false;
			if (calls[i].end < calls[j].start && done & 1u << j)
				may_be_next = false; /* a pending one whose time is over */
		}
		if (!may_be_next)
			continue;
		if (!(state->history->subject == SUBJECT_QUEUE ? brute_queue(&next, &calls[i])
		                                               : brute_cell(&next, &calls[i])))
			continue;
		if (brute_force(&next, done | 1u << i))
			return true;
	}
	return all;
}

static inline bool is_linearizable(const struct history *history)
{
	struct brute state = { .history = history, .cell = history->initial };

	return brute_force(&state, 0);
}

/* ---- by chance ---- */

struct chance {
	uint64_t seed;
	unsigned threads, calls; /* at most FEW_CALLS */
	bool may_be_killed;      /* in a push */
	bool receivers_too;
};

static inline uint64_t roll(uint64_t *seed, uint64_t limit)
{
	return (random_next(seed) >> 16) % limit;
}

/* Intervals, thread by thread; ties happen.  `effects` gets a moment in each. */
static inline void chance_times(struct chance *me, double *effects)
{
	uint64_t clocks[8] = { 0 };

	for (unsigned i = 0; i < me->calls; i++) {
		unsigned thread = (unsigned)roll(&me->seed, me->threads);
		uint64_t start = clocks[thread] + 1 + roll(&me->seed, 4);
		uint64_t end = start + 1 + roll(&me->seed, roll(&me->seed, 4) ? 6 : 20);

		add(thread, CALL_POP, start, end);
		clocks[thread] = end;
		effects[i] = (double)start + (double)(end - start) * (double)roll(&me->seed, 1000) / 1000;
	}
}

/* The last call of a thread is one in which it was killed, perhaps. */
static inline void chance_deaths(struct chance *me)
{
	for (unsigned i = 0; i < made.count && me->may_be_killed; i++) {
		struct call *call = &made.calls[i];
		bool last = true;

		for (unsigned j = i + 1; j < made.count; j++)
			last = last && made.calls[j].thread != call->thread;
		if (!last || roll(&me->seed, 3) || call->outcome != STOA_OK ||
		    (call->kind == CALL_POP && !me->receivers_too))
			continue;
		call->flags = CALL_PENDING;
		call->result = 0;
		if (roll(&me->seed, 2))
			call->end = HISTORY_NEVER;
	}
}

/* What a queue answers where the calls take effect at those moments. */
static inline void chance_queue(struct chance *me, uint64_t capacity)
{
	double effects[FEW_CALLS];
	struct brute queue = { .history = &made };
	unsigned pushes = 3 + (unsigned)roll(&me->seed, 4);

	begin(SUBJECT_QUEUE, capacity);
	made.discard = true; /* what a killed receiver took is gone */
	chance_times(me, effects);
	for (unsigned done = 0; done < me->calls; done++) {
		struct call *call;
		unsigned next = 0;

		for (unsigned i = 1; i < me->calls; i++)
			next = effects[i] < effects[next] ? i : next;
		effects[next] = 1e9;
		call = &made.calls[next];
		if (roll(&me->seed, 8) < pushes) {
			call->kind = CALL_PUSH;
			call->argument = 100 + done;
			if (!brute_queue(&queue, call))
				call->outcome = STOA_FULL;
		} else if (queue.length) {
			call->result = queue.line[queue.first];
			brute_queue(&queue, call);
		} else {
			call->outcome = STOA_EMPTY;
		}
	}
	chance_deaths(me);
}

static inline struct call *any_call(struct chance *me, enum call_kind kind)
{
	for (int i = 0; i < 20; i++) {
		struct call *call = &made.calls[roll(&me->seed, made.count)];

		if (call->kind == kind && !(call->flags & CALL_PENDING))
			return call;
	}
	return NULL;
}

/* Something is changed, and may be wrong then. */
static inline void chance_mutation(struct chance *me)
{
	struct call *a = any_call(me, CALL_POP), *b = any_call(me, CALL_POP), *c = any_call(me, CALL_PUSH),
		    swap;

	switch (roll(&me->seed, 5)) {
	case 0: /* two receivers' answers */
		if (!a || !b)
			break;
		swap = *a;
		a->result = b->result;
		a->outcome = b->outcome;
		b->result = swap.result;
		b->outcome = swap.outcome;
		break;
	case 1:
		if (a)
			a->outcome = STOA_EMPTY;
		break;
	case 2:
		if (c)
			c->outcome = c->outcome ? STOA_OK : STOA_FULL;
		break;
	case 3: /* a shorter interval */
		a = &made.calls[roll(&me->seed, made.count)];
		if (a->end == HISTORY_NEVER)
			break;
		if (roll(&me->seed, 2))
			a->start = a->end - 1;
		else
			a->end = a->start + 1;
		break;
	default: /* received by somebody else, or by nobody */
		if (a && c)
			a->result = c->argument;
	}
}

/* Some calls in a row share the stamp before the first and the one after the last, thread by thread. */
static inline void chance_groups(struct chance *me)
{
	unsigned last[8], left[8] = { 0 };

	for (unsigned i = 0; i < made.count; i++) {
		unsigned thread = made.calls[i].thread;

		if (left[thread]-- == 0)
			left[thread] = (unsigned)roll(&me->seed, 4);
		else
			made.calls[i].start = made.calls[last[thread]].start;
		last[thread] = i;
	}
	for (unsigned i = (unsigned)made.count; i-- > 0;) {
		for (unsigned j = 0; j < i; j++) {
			if (made.calls[j].thread == made.calls[i].thread &&
			    made.calls[j].start == made.calls[i].start)
				made.calls[j].end = made.calls[i].end;
		}
	}
}

/* A number, or a struct, in the same way. */
static inline void chance_cell(struct chance *me)
{
	double effects[FEW_CALLS];
	struct brute cell = { .history = &made };

	begin(SUBJECT_CELL, 0);
	chance_times(me, effects);
	for (unsigned done = 0; done < me->calls; done++) {
		struct call *call;
		unsigned next = 0;

		for (unsigned i = 1; i < me->calls; i++)
			next = effects[i] < effects[next] ? i : next;
		effects[next] = 1e9;
		call = &made.calls[next];
		call->kind = (uint8_t)(CALL_LOAD + roll(&me->seed, 5));
		call->argument = roll(&me->seed, 3);
		call->expected = roll(&me->seed, 3);
		call->result = call->kind == CALL_STORE ? 0 : cell.cell;
		if (call->kind == CALL_COMPARE_EXCHANGE && cell.cell != call->expected)
			call->outcome = STOA_CHANGED;
		brute_cell(&cell, call);
	}
	if (me->may_be_killed)
		chance_deaths(me);
	if (roll(&me->seed, 2))
		made.calls[roll(&me->seed, made.count)].result = roll(&me->seed, 3);
}

#endif
