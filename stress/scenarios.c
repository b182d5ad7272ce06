/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * scenarios.c - which worlds there are: the fair choice, the quick one, all of them.
 */
#include "step.h"

#include <stdlib.h>

#include "event.h"

/* ---- the list ---- */

struct list {
	struct scenario *items;
	uint32_t count, room;
	enum effort effort;
};

static bool same(const struct scenario *a, const struct scenario *b)
{
	return a->topology == b->topology && a->operation == b->operation && a->state == b->state &&
	       a->capacity == b->capacity && a->holds == b->holds && a->message_size == b->message_size &&
	       a->on_death == b->on_death && a->pack == b->pack &&
	       a->close_with_senders == b->close_with_senders && a->meddling == b->meddling &&
	       (!a->meddling || a->meddle_at == b->meddle_at) && a->stepped_reaper == b->stepped_reaper &&
	       a->returns == b->returns && a->waits == b->waits && a->path == b->path;
}

static void add(struct list *list, struct scenario scenario)
{
	scenario.holds = scenario.holds ? scenario.holds : 2;
	scenario.message_size = scenario.message_size ? scenario.message_size : 24;
	scenario.pack = scenario.pack ? scenario.pack : 1;
	for (uint32_t i = 0; i < list->count; i++) {
		if (same(&list->items[i], &scenario))
			return;
	}
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 256;
		list->items = realloc(list->items, list->room * sizeof *list->items);
		if (!list->items)
			exit(2);
	}
	list->items[list->count++] = scenario;
}

/* In which states an operation differs. */
static bool state_matters(enum operation operation, enum state state, uint32_t capacity)
{
	if (state == IS_ONE && capacity == 1)
		return false; /* that is full */
	switch (operation) {
	case OP_ABORT:
	case OP_SENDER_OPEN:
		return state == IS_ONE || (capacity == 1 && state == IS_FULL);
	case OP_REAP:
		return state == IS_WOUNDED;
	default:
		return true;
	}
}

static void add_meddled(struct list *list, struct scenario scenario)
{
	uint32_t most = scenario.topology == SPSC ? 10 : list->effort == EFFORT_ALL ? 4 : 2;
	bool sends = scenario_sends(scenario.operation);

	for (int how = MEDDLE_PUSH; how < MEDDLINGS; how++) {
		if (scenario.topology == SPSC && sends != (how == MEDDLE_POP || how == MEDDLE_DRAIN))
			continue; /* the other end is the victim's */
		if ((scenario.topology == SPMC && sends && (how == MEDDLE_PUSH || how == MEDDLE_FILL)) ||
		    (scenario.topology == MPSC && !sends && (how == MEDDLE_POP || how == MEDDLE_DRAIN)))
			continue;
		scenario.meddling = (enum meddling)how;
		for (scenario.meddle_at = 1; scenario.meddle_at <= most; scenario.meddle_at++)
			add(list, scenario);
	}
}

static bool is_light(enum operation operation)
{
	return operation == OP_PUSH || operation == OP_COMMIT || operation == OP_POP ||
	       operation == OP_RELEASE || operation == OP_RETURN || operation == OP_RECEIVER_CLOSE;
}

/*
 * Whether there are others of the victim's kind, or of the other, who could have died before.  In the SPSC
 * ring that is a receiver whose successor the victim is.
 */
static bool others_can_die(const struct scenario *base)
{
	return (base->topology != SPSC || scenario_receives(base->operation)) &&
	       !(base->topology == SPMC && scenario_sends(base->operation)) &&
	       state_matters(base->operation, IS_WOUNDED, base->capacity);
}

/* Stepped reapers take most of the time: where that is short, one of each sort. */
static bool has_reaper(const struct list *list, const struct scenario *base)
{
	if (list->effort != EFFORT_QUICK)
		return true;
	return (base->topology == MPMC && is_light(base->operation)) ||
	       (base->topology == SPSC && (base->operation == OP_PUSH || base->operation == OP_POP));
}

static void add_variants(struct list *list, struct scenario base)
{
	struct scenario scenario = base;

	scenario.message_size = 100; /* in blocks, in the SPSC ring, too */
	add(list, scenario);
	scenario.message_size = 4; /* all of one size: the SPSC ring's short way */
	add(list, scenario);
	scenario = base;
	scenario.holds = 1;
	add(list, scenario);
	scenario = base;
	scenario.stepped_reaper = true;
	if (has_reaper(list, &base))
		add(list, scenario);
	if (scenario_receives(base.operation)) {
		scenario.on_death = STOA_DISCARD;
		if (has_reaper(list, &base) && (list->effort != EFFORT_QUICK || base.topology == MPMC))
			add(list, scenario);
		scenario.stepped_reaper = false;
		add(list, scenario);
	}
	scenario = base;
	scenario.state = IS_WOUNDED;
	if (others_can_die(&base)) {
		add(list, scenario);
		scenario.on_death = STOA_DISCARD;
		if (base.topology == SPSC)
			add(list, scenario);
		scenario.on_death = base.on_death;
		scenario.stepped_reaper = true;
		if (list->effort != EFFORT_QUICK)
			add(list, scenario);
	}
}

/* Where an operation is another one with several messages in a parcel. */
static bool is_packed(enum operation operation)
{
	return operation == OP_PUSH_MANY || operation == OP_POP || operation == OP_POP_MANY ||
	       operation == OP_RELEASE || operation == OP_RETURN || operation == OP_RECEIVER_CLOSE ||
	       operation == OP_NOW;
}

static void add_packed(struct list *list, struct scenario scenario)
{
	scenario.pack = 2;
	for (int state = IS_ONE; state <= IS_WOUNDED; state++) {
		scenario.state = (enum state)state;
		if (state != IS_WOUNDED || others_can_die(&scenario))
			add(list, scenario);
	}
	scenario.state = IS_ONE;
	scenario.holds = 1;
	add(list, scenario);
	scenario.holds = 0;
	if (!scenario_receives(scenario.operation))
		return;
	scenario.on_death = STOA_DISCARD;
	add(list, scenario);
	if (list->effort == EFFORT_QUICK)
		return;
	scenario.stepped_reaper = true;
	add(list, scenario);
	scenario.on_death = STOA_REDELIVER;
	add(list, scenario);
	scenario.stepped_reaper = false;
	add_meddled(list, scenario);
}

static void add_operation(struct list *list, struct scenario scenario)
{
	static const uint32_t capacities[] = { 2, 1, 3, 8 };
	uint32_t count = list->effort == EFFORT_ALL ? 4 : list->effort == EFFORT_NORMAL ? 2 : 1;

	for (uint32_t c = 0; c < count; c++) {
		scenario.capacity = capacities[c];
		for (int state = IS_EMPTY; state <= IS_FULL; state++) {
			scenario.state = (enum state)state;
			if (!state_matters(scenario.operation, scenario.state, scenario.capacity))
				continue;
			add(list, scenario);
			if (is_light(scenario.operation) &&
			    (list->effort == EFFORT_ALL || (list->effort == EFFORT_NORMAL && c == 0) ||
			     (scenario.topology == MPMC && state == IS_ONE)))
				add_meddled(list, scenario);
		}
		scenario.state = scenario.capacity == 1 ? IS_FULL : IS_ONE;
		if (c == 0 || list->effort == EFFORT_ALL)
			add_variants(list, scenario);
	}
}

static void add_queues(struct list *list)
{
	for (int topology = SPSC; topology < TOPOLOGIES; topology++) {
		for (int operation = 0; operation < QUEUE_OPERATIONS; operation++) {
			struct scenario scenario = {
				.topology = (enum topology)topology,
				.operation = (enum operation)operation,
				.capacity = 2,
				.state = IS_ONE,
			};

			if (operation == OP_REAP) {
				scenario.state = IS_WOUNDED;
				if (topology != SPSC)
					add(list, scenario);
				continue;
			}
			add_operation(list, scenario);
			if (topology != SPSC && is_packed(scenario.operation))
				add_packed(list, scenario);
			if (operation == OP_SENDER_CLOSE || operation == OP_PUSH ||
			    operation == OP_SENDER_OPEN) {
				scenario.close_with_senders = true;
				add(list, scenario);
				scenario.stepped_reaper = true;
				if (list->effort != EFFORT_QUICK ||
				    (operation == OP_SENDER_CLOSE && (topology == MPMC || topology == SPSC)))
					add(list, scenario);
			}
		}
	}
}

static void add_values(struct list *list)
{
	static const uint32_t sizes[] = { 40, 8, 100, 1000 };
	uint32_t count = list->effort == EFFORT_ALL ? 4 : list->effort == EFFORT_NORMAL ? 2 : 1;

	for (int operation = OP_LOAD; operation <= OP_NUMBER; operation++) {
		for (int state = IS_EMPTY; state <= IS_WOUNDED; state++) {
			struct scenario scenario = {
				.operation = (enum operation)operation,
				.state = (enum state)state,
			};

			for (uint32_t i = 0; i < (operation == OP_NUMBER ? 1 : count); i++) {
				scenario.message_size = operation == OP_NUMBER ? 8 : sizes[i];
				scenario.stepped_reaper = false;
				scenario.meddling = MEDDLE_NOT;
				add(list, scenario);
				for (scenario.meddle_at = 1; scenario.meddle_at <= 3; scenario.meddle_at++) {
					scenario.meddling = MEDDLE_PUSH;
					add(list, scenario);
					scenario.meddling = MEDDLE_CYCLE;
					if (list->effort != EFFORT_QUICK)
						add(list, scenario);
				}
				scenario.meddling = MEDDLE_NOT;
				scenario.stepped_reaper = true;
				if (operation != OP_NUMBER && operation != OP_LOAD &&
				    (list->effort == EFFORT_ALL ||
				     (i == 0 && (list->effort == EFFORT_NORMAL || state == IS_ONE))) &&
				    (list->effort != EFFORT_QUICK || operation == OP_STORE ||
				     operation == OP_RANGE))
					add(list, scenario);
			}
		}
	}
}

/* ---- semaphore, event, barrier, lock ---- */

static void add_sync_meddled(struct list *list, struct scenario scenario, enum meddling how, uint32_t most)
{
	scenario.meddling = how;
	for (scenario.meddle_at = 1; scenario.meddle_at <= most; scenario.meddle_at++)
		add(list, scenario);
}

static void add_with_reaper(struct list *list, struct scenario scenario, bool leaves_something)
{
	bool one = scenario.state == IS_FULL || scenario.operation == OP_SEMAPHORE_POST ||
	           scenario.operation == OP_LOCK_RELEASE;

	add(list, scenario);
	scenario.stepped_reaper = true;
	if (leaves_something && (list->effort != EFFORT_QUICK || (one && scenario.state != IS_WOUNDED)))
		add(list, scenario);
}

static void add_semaphores(struct list *list, bool returns)
{
	bool quick = list->effort == EFFORT_QUICK;

	for (int operation = OP_SEMAPHORE_POST; operation <= OP_SEMAPHORE_WAIT; operation++) {
		for (int state = IS_EMPTY; state <= IS_WOUNDED; state++) {
			struct scenario scenario = {
				.operation = (enum operation)operation,
				.state = (enum state)state,
				.capacity = 3,
				.returns = returns,
			};

			if (state == IS_WOUNDED && !returns)
				continue;
			add_with_reaper(list, scenario, returns && state != IS_FULL);
			if (!quick || (state == IS_ONE && returns))
				add_sync_meddled(list, scenario, MEDDLE_CYCLE, quick ? 4 : 9);
			if (!quick)
				add_sync_meddled(list, scenario, MEDDLE_PUSH, 6);
			if (list->effort == EFFORT_ALL)
				add_sync_meddled(list, scenario, MEDDLE_POP, 6);
			scenario.waits = state == IS_EMPTY && operation == OP_SEMAPHORE_WAIT;
			if (scenario.waits)
				add(list, scenario);
		}
	}
}

/* Set and cleared while it waits: after its first look, while it spins, around its announcement. */
static void add_event_waits(struct list *list, struct scenario scenario)
{
	static const uint32_t moments[] = { 2, 3, EVENT_SPINS + 3, EVENT_SPINS + 4, EVENT_SPINS + 5 };

	add(list, scenario);
	scenario.meddling = MEDDLE_CYCLE;
	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
		scenario.meddle_at = moments[i];
		add(list, scenario);
	}
}

static void add_events(struct list *list)
{
	for (int operation = OP_EVENT_SET; operation <= OP_EVENT_WAIT; operation++) {
		for (int state = IS_EMPTY; state <= IS_FULL; state += IS_FULL) {
			struct scenario scenario = {
				.operation = (enum operation)operation,
				.state = (enum state)state,
			};

			add(list, scenario);
			for (int how = MEDDLE_PUSH; how <= MEDDLE_CYCLE && list->effort != EFFORT_QUICK;
			     how++)
				add_sync_meddled(list, scenario, (enum meddling)how, 4);
			scenario.waits = state == IS_EMPTY && operation == OP_EVENT_WAIT;
			if (scenario.waits)
				add_event_waits(list, scenario);
		}
	}
}

static void add_barriers(struct list *list)
{
	bool quick = list->effort == EFFORT_QUICK;

	for (uint32_t parties = 2; parties <= 3; parties++) {
		for (int state = IS_EMPTY; state <= IS_WOUNDED; state++) {
			struct scenario scenario = {
				.operation = OP_BARRIER_WAIT,
				.state = (enum state)state,
				.capacity = parties,
			};

			if ((state == IS_ONE && parties == 2) || (parties == 3 && quick))
				continue; /* that is the last */
			add_with_reaper(list, scenario, true);
			if (!quick)
				add_sync_meddled(list, scenario, MEDDLE_PUSH, 12);
			if (state == IS_FULL && !quick)
				add_sync_meddled(list, scenario, MEDDLE_POP, 14);
			scenario.waits = parties == 2 && state == IS_EMPTY;
			if (scenario.waits)
				add(list, scenario);
		}
	}
}

static void add_locks(struct list *list)
{
	for (int operation = OP_LOCK_ACQUIRE; operation <= OP_LOCK_RELEASE; operation++) {
		for (int state = IS_EMPTY; state <= IS_WOUNDED; state++) {
			struct scenario scenario = {
				.operation = (enum operation)operation,
				.state = (enum state)state,
			};

			if (operation == OP_LOCK_RELEASE && (state == IS_ONE || state == IS_WOUNDED))
				continue; /* who holds it holds it */
			add_with_reaper(list, scenario, state != IS_FULL);
			if (operation == OP_LOCK_RELEASE)
				continue;
			add_sync_meddled(list, scenario, MEDDLE_CYCLE, list->effort == EFFORT_QUICK ? 1 : 4);
			if (state == IS_FULL && list->effort != EFFORT_QUICK)
				add_sync_meddled(list, scenario, MEDDLE_PUSH, 4);
			scenario.waits = state == IS_FULL;
			if (scenario.waits)
				add(list, scenario);
		}
	}
}

/* ---- objects and segments ---- */

static void add_lives(struct list *list)
{
	for (int operation = OP_CREATE_QUEUE; operation <= OP_DETACH; operation++) {
		struct scenario scenario = { .operation = (enum operation)operation };
		bool makes = operation <= OP_CREATE_LOCK, light = makes && operation > OP_CREATE_VALUE;

		add(list, scenario);
		if (light && list->effort == EFFORT_QUICK)
			continue;
		for (uint32_t at = 1; makes && at <= 4; at++) {
			scenario.meddling = MEDDLE_PUSH;
			scenario.meddle_at = at;
			add(list, scenario);
		}
		scenario.meddling = MEDDLE_NOT;
		scenario.stepped_reaper = true;
		if (operation != OP_LIST && (list->effort != EFFORT_QUICK || operation == OP_CREATE_QUEUE ||
		                             operation >= OP_ATTACH))
			add(list, scenario);
	}
}

/* Names in memory; and, as files behave alike, a few with a slash where the time is short. */
static void add_names(struct list *list)
{
	for (int operation = OP_NAME_CREATE; operation <= OP_NAME_CLOSE; operation++) {
		for (int state = IS_EMPTY; state <= IS_WOUNDED; state++) {
			struct scenario scenario = {
				.operation = (enum operation)operation,
				.state = (enum state)state,
			};

			if (state == IS_FULL || (state == IS_EMPTY && operation >= OP_NAME_UNLINK))
				continue;
			add(list, scenario);
			scenario.path = true;
			if (list->effort != EFFORT_QUICK ||
			    (operation == OP_NAME_CREATE && state == IS_EMPTY))
				add(list, scenario);
		}
	}
}

struct scenario *scenarios(enum effort effort, uint32_t *count)
{
	struct list list = { .effort = effort };

	add_queues(&list);
	add_values(&list);
	add_semaphores(&list, false);
	add_semaphores(&list, true);
	add_events(&list);
	add_barriers(&list);
	add_locks(&list);
	add_lives(&list);
	add_names(&list);
	*count = list.count;
	return list.items;
}
