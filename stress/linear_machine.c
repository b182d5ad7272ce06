/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linear_machine.c - what each object does when one thing happens after the other.
 *
 * A call that was killed may have done what a call of its kind does; what it would have answered is not
 * known.
 *
 * A machine's step can be undone by putting its state back: a queue's line is only ever overwritten behind
 * its end.
 */
#include "linear_search.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- queue ---- */

static uint64_t place_hash(uint64_t position, uint32_t push)
{
	return chance_mix(position << 32 ^ chance_mix(push));
}

static enum machine_step queue_push(struct machine *machine, uint32_t number)
{
	const struct call *call = &machine->history->calls[number];
	uint64_t *cells = machine->state.cells, capacity = machine->history->capacity;
	bool full = capacity && cells[0] - cells[1] >= capacity;

	if (call->outcome == STOA_FULL || call->outcome == STOA_TIMEOUT)
		return full || !capacity ? STEP_SAME : STEP_NO;
	if (full)
		return STEP_NO;
	machine->line[cells[0]] = number;
	cells[2] ^= place_hash(cells[0]++, number);
	return STEP_CHANGED;
}

static enum machine_step queue_pop(struct machine *machine, uint32_t number)
{
	const struct call *call = &machine->history->calls[number];
	uint64_t *cells = machine->state.cells;
	uint32_t first;

	if (call->outcome == STOA_EMPTY || call->outcome == STOA_TIMEOUT)
		return cells[0] == cells[1] ? STEP_SAME : STEP_NO;
	if (cells[0] == cells[1])
		return STEP_NO;
	first = machine->line[cells[1]];
	if (call->flags & CALL_PENDING ? machine->is_received[first] : machine->push_of[number] != first)
		return STEP_NO;
	cells[2] ^= place_hash(cells[1]++, first);
	return STEP_CHANGED;
}

/* ---- cells, ranges, lock, semaphore ---- */

static enum machine_step cell_do(struct machine *machine, const struct call *call)
{
	uint64_t *cell = machine->state.cells;
	bool pending = call->flags & CALL_PENDING;

	if (call->kind == CALL_LOAD || call->outcome == STOA_CHANGED)
		return *cell == call->result && (call->kind == CALL_LOAD || *cell != call->expected)
		               ? STEP_SAME
		               : STEP_NO;
	if (call->kind == CALL_COMPARE_EXCHANGE
	            ? *cell != call->expected
	            : call->kind != CALL_STORE && !pending && *cell != call->result)
		return STEP_NO;
	*cell = call->kind == CALL_FETCH_ADD ? *cell + call->argument : call->argument;
	return STEP_CHANGED;
}

static enum machine_step range_do(struct machine *machine, const struct call *call)
{
	uint64_t words[MACHINE_CELLS] = { call->argument, call->expected, call->result };
	unsigned first = call->object & 255, count = call->object >> 8;

	for (unsigned i = 0; i < count && first + i < MACHINE_CELLS; i++) {
		if (call->kind == CALL_RANGE_WRITE)
			machine->state.cells[first + i] = words[i];
		else if (machine->state.cells[first + i] != words[i])
			return STEP_NO;
	}
	return call->kind == CALL_RANGE_WRITE ? STEP_CHANGED : STEP_SAME;
}

/* cells: its holder + 1; whether the last one died with it */
static enum machine_step lock_do(struct machine *machine, const struct call *call)
{
	uint64_t *holder = &machine->state.cells[0], *orphaned = &machine->state.cells[1];
	uint64_t me = (uint64_t)call->thread + 1;

	if (call->kind == CALL_UNLOCK || call->kind == CALL_DIE) {
		if (*holder != me) /* a death is never done as nothing: it may still come to be something */
			return call->kind == CALL_DIE ? STEP_CHANGED : STEP_NO;
		*holder = 0;
		*orphaned = call->kind == CALL_DIE;
		return STEP_CHANGED;
	}
	if (call->outcome == STOA_EMPTY || call->outcome == STOA_TIMEOUT)
		return *holder || *orphaned ? STEP_SAME : STEP_NO; /* a death takes time to be noticed */
	if (*holder || (!(call->flags & CALL_PENDING) && *orphaned != (call->outcome == STOA_OWNER_DIED)))
		return STEP_NO;
	*holder = me;
	*orphaned = 0;
	return STEP_CHANGED;
}

static enum machine_step semaphore_do(struct machine *machine, const struct call *call)
{
	uint64_t *permits = &machine->state.cells[0];

	if (call->kind == CALL_POST) {
		++*permits;
		return STEP_CHANGED;
	}
	if (call->outcome == STOA_TIMEOUT || call->outcome == STOA_EMPTY)
		return *permits ? STEP_NO : STEP_SAME;
	if (!*permits)
		return STEP_NO;
	--*permits;
	return STEP_CHANGED;
}

enum machine_step machine_do(struct machine *machine, uint32_t number)
{
	const struct call *call = &machine->history->calls[number];

	switch (machine->history->subject) {
	case SUBJECT_QUEUE:
		return call->kind == CALL_PUSH ? queue_push(machine, number) : queue_pop(machine, number);
	case SUBJECT_CELL:
		return cell_do(machine, call);
	case SUBJECT_RANGE:
		return range_do(machine, call);
	case SUBJECT_LOCK:
		return lock_do(machine, call);
	default:
		return semaphore_do(machine, call);
	}
}

/* ---- all ---- */

bool machine_counts(const struct history *history, const struct call *call)
{
	bool pending = call->flags & CALL_PENDING;

	switch (call->kind) {
	case CALL_LOAD:
	case CALL_RANGE_READ:
		return !pending;
	case CALL_POP:
	case CALL_TAKE:
		return pending || (!(call->flags & CALL_REDELIVERED) &&
		                   (call->outcome == STOA_OK || call->outcome == STOA_EMPTY ||
		                    call->outcome == STOA_TIMEOUT));
	case CALL_RELEASE:
	case CALL_RETURN:
		return false;
	case CALL_DIE:
		return history->subject == SUBJECT_LOCK;
	default:
		return call->outcome >= 0 && call->outcome != STOA_CLOSED;
	}
}

/* Which push each receiving call belongs to.  A value that nobody sent belongs to none. */
static bool pair_up(struct machine *machine)
{
	const struct history *history = machine->history;
	size_t room = 16;
	uint32_t *table;

	while (room < 2 * history->count)
		room *= 2;
	table = calloc(room, sizeof *table);
	if (!table)
		return false;
	for (int receives = 0; receives < 2; receives++) {
		for (uint32_t i = 0; i < history->count; i++) {
			const struct call *call = &history->calls[i];
			bool is_push = call->kind == CALL_PUSH;
			uint64_t value = is_push ? call->argument : call->result;
			size_t at = chance_mix(value) & (room - 1);

			machine->push_of[i] = receives ? machine->push_of[i] : UINT32_MAX;
			if (!machine_counts(history, call) || call->outcome != STOA_OK || is_push == receives)
				continue;
			while (table[at] && history->calls[table[at] - 1].argument != value)
				at = (at + 1) & (room - 1);
			if (is_push)
				table[at] = i + 1;
			else if (table[at] && !(call->flags & CALL_PENDING))
				machine->is_received[table[at] - 1] = true;
			if (is_push || !(call->flags & CALL_PENDING))
				machine->push_of[i] = table[at] - 1; /* none: UINT32_MAX */
		}
	}
	free(table);
	return true;
}

bool machine_make(struct machine *machine, const struct history *history)
{
	*machine = (struct machine){ .history = history };
	if (history->subject == SUBJECT_CELL || history->subject == SUBJECT_SEMAPHORE ||
	    history->subject == SUBJECT_RANGE) {
		for (unsigned i = 0; i < MACHINE_CELLS; i++)
			machine->state.cells[i] = history->initial;
	}
	if (history->subject != SUBJECT_QUEUE)
		return true;
	machine->line = malloc((history->count + 1) * sizeof *machine->line);
	machine->push_of = malloc((history->count + 1) * sizeof *machine->push_of);
	machine->is_received = calloc(history->count + 1, sizeof *machine->is_received);
	return machine->line && machine->push_of && machine->is_received && pair_up(machine);
}

void machine_free(struct machine *machine)
{
	free(machine->line);
	free(machine->push_of);
	free(machine->is_received);
}

uint64_t machine_hash(const struct machine *machine)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < MACHINE_CELLS; i++)
		hash = chance_mix(hash ^ machine->state.cells[i]) + i;
	return hash;
}

void machine_describe(const struct machine *machine, char *text, size_t room)
{
	const uint64_t *cells = machine->state.cells;

	switch (machine->history->subject) {
	case SUBJECT_QUEUE:
		snprintf(text, room, "%" PRIu64 " of %" PRIu64 " places taken", cells[0] - cells[1],
		         machine->history->capacity);
		if (cells[0] != cells[1])
			snprintf(text + strlen(text), room - strlen(text),
			         ", message %" PRIu64 " first in line",
			         machine->history->calls[machine->line[cells[1]]].argument);
		break;
	case SUBJECT_LOCK:
		snprintf(text, room, cells[0] ? "held by thread %" PRIu64 : "free%.0" PRIu64, cells[0] - 1);
		break;
	case SUBJECT_RANGE:
		snprintf(text, room, "it is (%" PRIu64 ", %" PRIu64 ", %" PRIu64 ")", cells[0], cells[1],
		         cells[2]);
		break;
	default:
		snprintf(text, room, "it is %" PRIu64, cells[0]);
	}
}
