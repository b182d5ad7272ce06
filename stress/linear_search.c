/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linear_search.c - looks for an order that explains every answer.
 *
 * The search is Wing and Gong's (1993) with Lowe's memory (2017).  All stamps are in one list, in order.
 * A call may be the next one to take effect if no other call ended before it began: if it stands before
 * the first end in the list.  Its stamps are taken out, the machine makes the step; when nothing fits, the
 * last step is undone and the next candidate tried.  A pending call may, when its end is reached, also be
 * left out.  When no end of a call is left, the order is found.
 *
 * Memory: a place that was reached before, the same calls done and the machine in the same state, is not
 * entered again.  Both are hashed, to 128 bits together; a set of calls by the exclusive or of a random
 * number for each.  So the steps are bounded by the number of different places, and by `steps`, and then it
 * gives up and says so.  Two different places with one hash would hide an order: with 10^7 places, one chance
 * in 10^24.
 *
 * A thread's calls are tried in turn, also those that share their stamps.
 *
 * Three things make it quick, and none of them loses an order:
 *   - A call that fits and changes nothing (a load, "empty") is done at once and is no choice: whatever
 *     comes later without it can come with it.
 *   - Candidates whose end comes first are tried first.  One that was interrupted and stands there for a long
 *     time mostly had its effect late.
 *   - A message may not enter the queue while another one has not that was surely received before
 *     it: the order of the receiving calls is known beforehand.
 */
#include "linear_search.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define FEW 12

struct node {
	uint32_t prev, next; /* nodes are ranks + 1; 0 is the list's head */
	uint32_t call;
	bool is_end;
};

struct choice {
	struct machine_state before;
	uint32_t call;
	bool forced; /* no other choice at that place */
	bool left_out;
};

struct place {
	uint64_t hash[2]; /* both 0: none */
};

struct search {
	const struct history *history;
	struct machine machine;
	struct node *nodes;
	uint32_t ranks;
	uint32_t *start, *end;  /* of each call */
	uint32_t *received_by;  /* queue, of each push: the call that took it out of the line; NONE */
	uint32_t *earliest_end; /* queue: of receiving calls whose push starts at that node or behind it */
	struct choice *choices;
	size_t depth, deepest;
	bool suspects;     /* receiving calls that were killed: they may take what nobody else received */
	uint32_t stuck_at; /* the latest first end that the search came to */
	struct machine_state stuck_state;
	uint64_t done[2]; /* hash of the calls done */
	struct place *places;
	size_t place_room, place_count;
	uint64_t steps, most_steps;
	uint32_t first_end; /* node */
	uint64_t *
		looked; /* of each thread: in which look at the open calls it was met, doubled; + 1: pending */
	uint64_t look;
};

/* ---- making it ---- */

static bool list_stamps(struct search *me)
{
	const struct history *history = me->history;
	size_t count, calls = history->count;
	struct moment *moments = linear_moments(history, &count);
	uint32_t at = 0;

	me->nodes = moments ? calloc(2 * calls + 2, sizeof *me->nodes) : NULL;
	if (!me->nodes) {
		free(moments);
		return false;
	}
	for (size_t i = 0; i < count + calls; i++) {
		/* Behind all stamps: the ends that never come. */
		uint32_t call = i < count ? moments[i].call : (uint32_t)(i - count);
		bool is_end = i < count ? moments[i].is_end : true;

		if (!machine_counts(history, &history->calls[call]) ||
		    (i >= count && history->calls[call].end != HISTORY_NEVER))
			continue;
		me->nodes[at].next = at + 1;
		me->nodes[at + 1] = (struct node){ .prev = at, .call = call, .is_end = is_end };
		at++;
		(is_end ? me->end : me->start)[call] = at;
	}
	me->nodes[at].next = 0;
	me->nodes[0].prev = at;
	me->ranks = at;
	free(moments);
	return true;
}

static void look_ahead(struct search *me)
{
	uint32_t never = me->ranks + 1;

	for (uint32_t n = 0; n <= never; n++)
		me->earliest_end[n] = never;
	for (size_t i = 0; i < me->history->count; i++)
		me->received_by[i] = NONE;
	for (size_t i = 0; i < me->history->count; i++) {
		const struct call *call = &me->history->calls[i];
		uint32_t push = me->machine.push_of[i];

		if (call->flags & CALL_PENDING && (call->kind == CALL_POP || call->kind == CALL_TAKE))
			me->suspects = true;
		if (push == NONE || call->kind == CALL_PUSH || call->flags & CALL_PENDING)
			continue;
		me->received_by[push] = (uint32_t)i;
		me->earliest_end[me->start[push]] = me->end[i];
	}
	for (uint32_t n = never; n-- > 0;) {
		if (me->earliest_end[n + 1] < me->earliest_end[n])
			me->earliest_end[n] = me->earliest_end[n + 1];
	}
}

static bool make(struct search *me)
{
	size_t calls = me->history->count + 1;
	bool queue = me->history->subject == SUBJECT_QUEUE;

	me->start = calloc(calls, sizeof *me->start);
	me->end = calloc(calls, sizeof *me->end);
	me->choices = malloc(calls * sizeof *me->choices);
	me->received_by = malloc((queue ? calls : 1) * sizeof *me->received_by);
	me->earliest_end = malloc((queue ? 2 * calls + 2 : 1) * sizeof *me->earliest_end);
	me->looked = calloc(UINT16_MAX + 1, sizeof *me->looked);
	me->place_room = 1024;
	me->places = calloc(me->place_room, sizeof *me->places);
	if (!machine_make(&me->machine, me->history) || !me->start || !me->end || !me->choices ||
	    !me->received_by || !me->earliest_end || !me->places || !me->looked || !list_stamps(me))
		return false;
	if (queue)
		look_ahead(me);
	return true;
}

static void unmake(struct search *me)
{
	machine_free(&me->machine);
	free(me->nodes);
	free(me->start);
	free(me->end);
	free(me->received_by);
	free(me->earliest_end);
	free(me->choices);
	free(me->places);
	free(me->looked);
}

/* ---- the memory ---- */

static void put_place(struct place *places, size_t room, const struct place *place)
{
	size_t at = place->hash[0] & (room - 1);

	while (places[at].hash[0] | places[at].hash[1])
		at = (at + 1) & (room - 1);
	places[at] = *place;
}

static bool grow(struct search *me)
{
	size_t room = me->place_room * 2;
	struct place *places = calloc(room, sizeof *places);

	if (!places)
		return false;
	for (size_t i = 0; i < me->place_room; i++) {
		if (me->places[i].hash[0] | me->places[i].hash[1])
			put_place(places, room, &me->places[i]);
	}
	free(me->places);
	me->places = places;
	me->place_room = room;
	return true;
}

/* Whether this place is new; it is not from now on. */
static bool is_new(struct search *me)
{
	uint64_t state = machine_hash(&me->machine);
	struct place place = { { me->done[0] ^ state, me->done[1] ^ chance_mix(state) } };

	for (size_t at = place.hash[0] & (me->place_room - 1);
	     me->places[at].hash[0] | me->places[at].hash[1]; at = (at + 1) & (me->place_room - 1)) {
		if (me->places[at].hash[0] == place.hash[0] && me->places[at].hash[1] == place.hash[1])
			return false;
	}
	if (2 * me->place_count >= me->place_room && !grow(me))
		me->steps = me->most_steps; /* no memory: it gives up */
	else if (++me->place_count)
		put_place(me->places, me->place_room, &place);
	return true;
}

/* ---- one step, there and back ---- */

static void flip(struct search *me, uint32_t call)
{
	me->done[0] ^= chance_mix(call);
	me->done[1] ^= chance_mix(~(uint64_t)call);
}

static void unlink_node(struct search *me, uint32_t node)
{
	me->nodes[me->nodes[node].prev].next = me->nodes[node].next;
	me->nodes[me->nodes[node].next].prev = me->nodes[node].prev;
}

static void relink_node(struct search *me, uint32_t node)
{
	me->nodes[me->nodes[node].prev].next = node;
	me->nodes[me->nodes[node].next].prev = node;
}

static void choose(struct search *me, uint32_t call, const struct machine_state *before, bool forced,
                   bool left_out)
{
	me->choices[me->depth++] = (struct choice){
		.before = *before, .call = call, .forced = forced, .left_out = left_out
	};
	unlink_node(me, me->start[call]);
	unlink_node(me, me->end[call]);
}

static const struct choice *undo(struct search *me)
{
	const struct choice *choice = &me->choices[--me->depth];

	relink_node(me, me->end[choice->call]);
	relink_node(me, me->start[choice->call]);
	me->machine.state = choice->before;
	flip(me, choice->call);
	return choice;
}

/* Whether one receiving call surely came before the other: it had ended, or is the same thread's. */
static bool came_before(const struct search *me, uint32_t a, uint32_t b)
{
	return me->end[a] < me->start[b] ||
	       (me->history->calls[a].thread == me->history->calls[b].thread && me->start[a] < me->start[b]);
}

/* Whether a message that has not entered yet was surely received before this one. */
static bool enters_too_early(const struct search *me, uint32_t push)
{
	uint32_t pop = me->received_by[push], first_end = me->earliest_end[me->first_end];

	if (pop == NONE && me->suspects)
		return false;
	if (first_end <= me->ranks && (pop == NONE || first_end < me->start[pop]))
		return true;
	for (uint32_t n = me->nodes[0].next; n != me->first_end; n = me->nodes[n].next) {
		uint32_t other = me->nodes[n].call;

		if (other != push && me->history->calls[other].kind == CALL_PUSH &&
		    me->received_by[other] != NONE &&
		    (pop == NONE || came_before(me, me->received_by[other], pop)))
			return true;
	}
	return false;
}

/* Tries the call as the next one; forced: only where it changes nothing. */
static bool attempt(struct search *me, uint32_t call, bool forced)
{
	struct machine_state before = me->machine.state;
	const struct call *what = &me->history->calls[call];
	enum machine_step step = machine_do(&me->machine, call);
	bool pending = what->flags & CALL_PENDING;

	if (step == STEP_CHANGED && !forced && me->history->subject == SUBJECT_QUEUE &&
	    what->kind == CALL_PUSH && enters_too_early(me, call))
		step = STEP_NO;
	if (step == (forced ? STEP_SAME : STEP_CHANGED) && !(forced && pending)) {
		flip(me, call);
		if (forced || is_new(me)) {
			me->steps++;
			choose(me, call, &before, forced, false);
			return true;
		}
		flip(me, call);
	}
	me->machine.state = before;
	return false;
}

/* ---- the search ---- */

/* The open call with the first end behind `after`, of those that are first of their thread; NONE. */
static uint32_t next_candidate(struct search *me, uint32_t after)
{
	uint32_t best = NONE, best_end = NONE;

	me->look++;
	for (uint32_t n = me->nodes[0].next; n != me->first_end; n = me->nodes[n].next) {
		const struct call *call = &me->history->calls[me->nodes[n].call];
		uint32_t end = me->end[me->nodes[n].call];
		uint64_t met = me->looked[call->thread], pending = call->flags & CALL_PENDING;

		/* A death may come before its thread's last call is left out. */
		if (met == 2 * me->look || (met == 2 * me->look + 1 && call->kind != CALL_DIE))
			continue;
		me->looked[call->thread] = 2 * me->look + (pending != 0);
		if (end > after && end < best_end) {
			best = me->nodes[n].call;
			best_end = end;
		}
	}
	return best;
}

static bool attempt_any(struct search *me, uint32_t after, bool forced)
{
	uint32_t call;

	while ((call = next_candidate(me, after)) != NONE) {
		if (attempt(me, call, forced))
			return true;
		after = me->end[call];
	}
	return false;
}

static bool leave_out(struct search *me)
{
	uint32_t call = me->nodes[me->first_end].call;
	struct machine_state state = me->machine.state;

	if (!(me->history->calls[call].flags & CALL_PENDING))
		return false;
	flip(me, call);
	if (is_new(me)) {
		me->steps++;
		choose(me, call, &state, false, true);
		return true;
	}
	flip(me, call);
	return false;
}

static void find_first_end(struct search *me)
{
	uint32_t n = me->nodes[0].next;

	while (n && !me->nodes[n].is_end)
		n = me->nodes[n].next;
	me->first_end = n;
	if (n > me->stuck_at) {
		me->stuck_at = n;
		me->stuck_state = me->machine.state;
		me->deepest = me->depth;
	}
}

static enum linear_answer search(struct search *me)
{
	uint32_t after = 0; /* candidates up to that end have been tried here */
	bool all_tried = false;

	for (;;) {
		find_first_end(me);
		if (!me->first_end)
			return LINEAR_HOLDS;
		if (me->steps >= me->most_steps)
			return LINEAR_GAVE_UP;
		if ((after == 0 && attempt_any(me, 0, true)) ||
		    (!all_tried && (attempt_any(me, after, false) || leave_out(me)))) {
			after = 0;
			all_tried = false;
			continue;
		}
		for (;;) {
			const struct choice *choice;

			if (!me->depth)
				return LINEAR_VIOLATED;
			choice = undo(me);
			after = me->end[choice->call];
			all_tried = choice->left_out;
			if (!choice->forced)
				break;
		}
	}
}

/* The calls around the end that no order could pass. */
static void explain(struct search *me, struct linear *linear)
{
	const struct call *around[FEW] = { &me->history->calls[me->nodes[me->stuck_at].call] };
	const struct call *last = around[0];
	char state[200];
	size_t n = 1;

	me->machine.state = me->stuck_state;
	machine_describe(&me->machine, state, sizeof state);
	linear_found(linear, "no order",
	             "no order explains all answers; the longest attempt did %zu of %zu calls and ended at "
	             "the first "
	             "of these (there %s):",
	             me->deepest, me->history->count, state);
	/* The nearest ones: those that were open then, and those just before. */
	for (uint32_t rank = me->stuck_at; rank-- > 1 && n < FEW;) {
		uint32_t call = me->nodes[rank].call;

		if (rank == me->end[call] || me->end[call] > me->stuck_at) {
			if (&me->history->calls[call] != last)
				around[n++] = &me->history->calls[call];
		}
	}
	linear_show(linear, me->history, around, n);
}

void linear_search(const struct history *history, uint64_t steps, struct linear *linear)
{
	struct search me = { .history = history, .most_steps = steps };

	*linear = (struct linear){ .answer = LINEAR_GAVE_UP };
	if (history->count < NONE / 4 && make(&me)) {
		linear->answer = search(&me);
		linear->steps = me.steps;
		if (linear->answer == LINEAR_VIOLATED)
			explain(&me, linear);
	}
	unmake(&me);
}
