/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_value.c - what the workers do to values and arrays, and to the lock and the semaphore.
 *
 * What is stored is a number that nobody else stores, but for sums.  A struct is its number and words that
 * follow from it.
 */
#include "history_run.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define VALUES 2
#define ELEMENTS 4       /* of the plain array */
#define RANGE_ELEMENTS 3 /* of the one with STOA_ATOMIC_RANGES */
#define LARGEST 1024
#define PERMITS 2

/* ---- structs ---- */

static void fill(void *bytes, size_t size, uint64_t value)
{
	uint64_t *words = bytes;

	words[0] = value;
	for (size_t i = 1; i < size / 8; i++)
		words[i] = chance_mix(value + i);
}

static uint64_t read_struct(const void *bytes, size_t size, uint8_t *flags)
{
	const uint64_t *words = bytes;

	for (size_t i = 1; i < size / 8; i++) {
		if (words[i] != chance_mix(words[0] + i))
			*flags = CALL_TORN;
	}
	return words[0];
}

/* ---- set up ---- */

uint64_t value_room(const struct round_plan *plan)
{
	struct stoa_value_config config = { .struct_size = sizeof config,
		                            .size = plan->scenario->size,
		                            .writers = 64 };
	uint64_t bytes = 0;

	if (plan->scenario->size)
		stoa_value_footprint(&config, &bytes);
	return VALUES * bytes;
}

int value_set_up(const struct round_plan *plan, struct stoa_segment *segment)
{
	uint32_t writers = plan->options->processes + 8 < 64 ? plan->options->processes + 8 : 64;
	uint64_t first[LARGEST / 8];
	struct stoa_value_config config = { .struct_size = sizeof config,
		                            .type = plan->scenario->size ? STOA_BYTES : STOA_I64,
		                            .size = plan->scenario->size,
		                            .writers = plan->scenario->size ? writers : 0,
		                            .initial = first };
	struct stoa_array_config cells = { .struct_size = sizeof cells, .type = STOA_U64, .count = ELEMENTS };
	struct stoa_array *array;
	struct stoa_value *value;
	int rc = 0;

	if (plan->scenario->work == array_work) {
		if (plan->scenario->flags & SCENARIO_RANGES) {
			cells.count = RANGE_ELEMENTS;
			cells.flags = STOA_ATOMIC_RANGES;
			cells.writers = writers;
		}
		rc = stoa_array_create(segment, "array", &cells, &array);
		return rc ? rc : stoa_array_close(array);
	}
	fill(first, plan->scenario->size ? plan->scenario->size : 8, 0);
	for (char name[] = "0"; name[0] < '0' + VALUES && rc == 0; name[0]++) {
		rc = stoa_value_create(segment, name, &config, &value);
		if (rc == 0)
			rc = stoa_value_close(value);
	}
	return rc;
}

int sync_set_up(const struct round_plan *plan, struct stoa_segment *segment)
{
	struct stoa_semaphore_config permits = { .struct_size = sizeof permits, .initial = PERMITS };
	struct stoa_semaphore *semaphore;
	struct stoa_lock *lock;
	int rc;

	if (plan->scenario->subject == SUBJECT_LOCK) {
		rc = stoa_lock_create(segment, "lock", NULL, &lock);
		return rc ? rc : stoa_lock_close(lock);
	}
	rc = stoa_semaphore_create(segment, "semaphore", &permits, &semaphore);
	return rc ? rc : stoa_semaphore_close(semaphore);
}

/* ---- values ---- */

struct cell {
	struct worker *me;
	struct stoa_value *value;
	uint16_t object;
	uint64_t seen; /* last */
	uint64_t words[LARGEST / 8], expected[LARGEST / 8];
};

static int cell_call(struct cell *cell, enum call_kind kind)
{
	switch (kind) {
	case CALL_LOAD:
		return stoa_value_load(cell->value, cell->words);
	case CALL_STORE:
		return stoa_value_store(cell->value, cell->words);
	case CALL_EXCHANGE:
		return stoa_value_exchange(cell->value, cell->words, cell->words);
	case CALL_FETCH_ADD:
		return stoa_value_fetch_add(cell->value, cell->words, cell->words);
	default:
		return stoa_value_compare_exchange(cell->value, cell->expected, cell->words);
	}
}

static enum call_kind any_kind(struct worker *me)
{
	static const uint8_t mixed[] = { CALL_LOAD,
		                         CALL_LOAD,
		                         CALL_LOAD,
		                         CALL_STORE,
		                         CALL_EXCHANGE,
		                         CALL_COMPARE_EXCHANGE,
		                         CALL_COMPARE_EXCHANGE,
		                         CALL_FETCH_ADD };
	bool numbers = me->plan->scenario->size == 0;

	if (me->plan->scenario->flags & SCENARIO_COUNT)
		return worker_roll(me, 3) ? CALL_COMPARE_EXCHANGE : CALL_LOAD;
	return mixed[worker_roll(me, numbers ? 8 : 7)];
}

static bool cell_act(struct cell *cell)
{
	struct worker *me = cell->me;
	size_t size = me->plan->scenario->size ? me->plan->scenario->size : 8;
	enum call_kind kind = any_kind(me);
	uint64_t argument = kind == CALL_FETCH_ADD ? 1 + worker_roll(me, 3) : me->value++, result = 0;
	uint8_t flags = 0;
	int rc;

	fill(cell->words, size, argument);
	fill(cell->expected, size, cell->seen);
	call_begins(&me->log, kind, cell->object, argument, cell->seen);
	rc = cell_call(cell, kind);
	recorder_stamp(&me->log);
	if (rc == STOA_CHANGED)
		result = read_struct(cell->expected, size, &flags);
	else if (rc == STOA_OK && kind != CALL_STORE && kind != CALL_COMPARE_EXCHANGE)
		result = read_struct(cell->words, size, &flags);
	recorder_end(&me->log, recorder_mark(&me->log) - 1, rc, result, flags);
	recorder_done(&me->log);
	if (rc < 0)
		return worker_fault(me, history_kind_name(kind), rc);
	if (rc == STOA_OK && kind == CALL_COMPARE_EXCHANGE)
		cell->seen = argument;
	else if (kind != CALL_STORE)
		cell->seen = result;
	me->done++;
	return true;
}

bool value_work(struct worker *me)
{
	struct cell cells[VALUES];
	bool good = true;
	int rc = 0;

	for (uint16_t i = 0; i < VALUES && rc == 0; i++) {
		char name[] = { (char)('0' + i), 0 };

		cells[i] = (struct cell){ .me = me, .object = i };
		rc = stoa_value_open(me->segment, name, NULL, &cells[i].value);
	}
	if (rc)
		return worker_fault(me, "value_open", rc);
	recorder_resume(&me->log);
	while (good && worker_goes_on(me))
		good = cell_act(&cells[worker_roll(me, 4) == 0]);
	for (int i = 0; i < VALUES; i++)
		stoa_value_close(cells[i].value);
	return good;
}

/* ---- arrays ---- */

/* Without STOA_ATOMIC_RANGES each element is a cell of its own, and a range some calls at once. */
static bool cells_act(struct worker *me, struct stoa_array *array)
{
	uint64_t first = worker_roll(me, ELEMENTS), count = 1 + worker_roll(me, ELEMENTS - first);
	uint64_t words[ELEMENTS] = { 0 };
	bool writes = worker_roll(me, 2), adds = worker_roll(me, 3) == 0;
	enum call_kind kind = adds ? CALL_FETCH_ADD : writes ? CALL_STORE : CALL_LOAD;
	uint32_t mark = recorder_mark(&me->log);
	int rc;

	if (adds)
		count = 1;
	for (uint64_t i = 0; i < count; i++) {
		words[i] = adds ? 1 : me->value++;
		call_begins(&me->log, kind, (uint16_t)(first + i), words[i], 0);
	}
	rc = adds     ? stoa_array_fetch_add(array, first, words, words)
	     : writes ? stoa_array_write(array, first, count, words)
	              : stoa_array_read(array, first, count, words);
	recorder_stamp(&me->log);
	for (uint64_t i = 0; i < count; i++)
		recorder_end(&me->log, mark + (uint32_t)i, rc, words[i], 0);
	recorder_done(&me->log);
	me->done += count;
	return rc == 0 || worker_fault(me, history_kind_name(kind), rc);
}

static bool range_act(struct worker *me, struct stoa_array *array)
{
	uint64_t first = worker_roll(me, RANGE_ELEMENTS), count = 1 + worker_roll(me, RANGE_ELEMENTS - first);
	uint16_t object = (uint16_t)(first | count << 8);
	uint64_t words[RANGE_ELEMENTS] = { 0 };
	bool writes = worker_roll(me, 2);
	int rc;

	for (uint64_t i = 0; i < count && writes; i++)
		words[i] = me->value++;
	call_begins(&me->log, writes ? CALL_RANGE_WRITE : CALL_RANGE_READ, object, words[0], words[1]);
	if (me->log.log)
		me->log.call->result = words[2];
	rc = writes ? stoa_array_write(array, first, count, words)
	            : stoa_array_read(array, first, count, words);
	if (me->log.log) {
		me->log.call->argument = words[0];
		me->log.call->expected = words[1];
	}
	call_ends(&me->log, rc, words[2], 0);
	me->done++;
	return rc == 0 || worker_fault(me, writes ? "array_write" : "array_read", rc);
}

bool array_work(struct worker *me)
{
	struct stoa_array *array;
	bool good = true;
	int rc = stoa_array_open(me->segment, "array", NULL, &array);

	if (rc)
		return worker_fault(me, "array_open", rc);
	recorder_resume(&me->log);
	while (good && worker_goes_on(me))
		good = me->plan->scenario->flags & SCENARIO_RANGES ? range_act(me, array)
		                                                   : cells_act(me, array);
	stoa_array_close(array);
	return good;
}

/* ---- lock and semaphore ---- */

static bool in_turns(struct worker *me, struct stoa_lock *lock, struct stoa_semaphore *semaphore)
{
	struct timespec deadline = stoa_deadline((int64_t)worker_roll(me, 1000000));
	const struct timespec *until = worker_roll(me, 2) ? &deadline : &stoa_now;
	int rc;

	call_begins(&me->log, lock ? CALL_ACQUIRE : CALL_WAIT, 0, 0, 0);
	rc = lock ? stoa_lock_acquire(lock, until) : stoa_semaphore_wait(semaphore, until);
	call_ends(&me->log, rc, 0, 0);
	if (rc < 0)
		return worker_fault(me, lock ? "acquire" : "wait", rc);
	if (rc == STOA_TIMEOUT || rc == STOA_EMPTY) {
		recorder_resume(&me->log);
		os_yield();
		recorder_resume(&me->log);
		return true;
	}
	for (uint64_t spins = worker_roll(me, 64); spins; spins--)
		cpu_pause();
	call_begins(&me->log, lock ? CALL_UNLOCK : CALL_POST, 0, 0, 0);
	rc = lock ? stoa_lock_release(lock) : stoa_semaphore_post(semaphore);
	call_ends(&me->log, rc, 0, 0);
	me->done++;
	return rc == 0 || worker_fault(me, lock ? "release" : "post", rc);
}

bool lock_work(struct worker *me)
{
	struct stoa_lock *lock;
	bool good = true;
	int rc = stoa_lock_open(me->segment, "lock", NULL, &lock);

	if (rc)
		return worker_fault(me, "lock_open", rc);
	recorder_resume(&me->log);
	while (good && worker_goes_on(me))
		good = in_turns(me, lock, NULL);
	stoa_lock_close(lock);
	return good;
}

bool semaphore_work(struct worker *me)
{
	struct stoa_semaphore *semaphore;
	bool good = true;
	int rc = stoa_semaphore_open(me->segment, "semaphore", NULL, &semaphore);

	if (rc)
		return worker_fault(me, "semaphore_open", rc);
	recorder_resume(&me->log);
	while (good && worker_goes_on(me))
		good = in_turns(me, NULL, semaphore);
	stoa_semaphore_close(semaphore);
	return good;
}
