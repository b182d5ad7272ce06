/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * scenarios.c - which worlds there are: topology, operation, state, capacity, and variants.
 *
 * A name tells all of it, so that a failure can be replayed by name:
 *
 *   TOPOLOGY/OPERATION/STATE/capN[/holdsN][/sizeN][/discard][/close][/MEDDLING@N][/reaper]
 */
#include "step.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const topologies[] = { "spsc", "mpsc", "spmc", "mpmc" };
static const char *const states[] = { "empty", "one", "full", "wounded" };
static const char *const meddlings[] = { "", "push", "pop", "cycle", "fill", "drain" };
static const char *const operations[OPERATIONS] = {
	[OP_PUSH] = "push",
	[OP_PUSH_MANY] = "push_many",
	[OP_SEND] = "send",
	[OP_COMMIT] = "reserve+commit",
	[OP_ABORT] = "reserve+abort",
	[OP_SENDER_OPEN] = "sender_open",
	[OP_SENDER_CLOSE] = "sender_close",
	[OP_POP] = "pop",
	[OP_POP_MANY] = "pop_many",
	[OP_RECV] = "recv",
	[OP_RELEASE] = "take+release",
	[OP_RETURN] = "take+return",
	[OP_RECEIVER_OPEN] = "receiver_open",
	[OP_RECEIVER_CLOSE] = "receiver_close",
	[OP_DRAIN] = "shutdown_drain",
	[OP_NOW] = "shutdown_now",
	[OP_REAP] = "reap",
	[OP_LOAD] = "value_load",
	[OP_STORE] = "value_store",
	[OP_EXCHANGE] = "value_exchange",
	[OP_COMPARE] = "value_compare_exchange",
	[OP_UPDATE] = "value_update",
	[OP_RANGE] = "array_write",
	[OP_NUMBER] = "number_fetch_max",
	[OP_CREATE_QUEUE] = "queue_create",
	[OP_CREATE_VALUE] = "value_create",
	[OP_OPEN_QUEUE] = "queue_open",
	[OP_ATTACH] = "segment_attach",
	[OP_DETACH] = "segment_detach",
};

const char *operation_name(enum operation operation)
{
	return operations[operation];
}

bool scenario_sends(enum operation operation)
{
	return operation <= OP_SENDER_CLOSE;
}

bool scenario_receives(enum operation operation)
{
	return operation >= OP_POP && operation <= OP_RECEIVER_CLOSE;
}

void scenario_name(const struct scenario *scenario, char name[NAME_ROOM])
{
	const char *kind = scenario_of_queue(scenario)              ? topologies[scenario->topology]
	                   : scenario->operation >= OP_CREATE_QUEUE ? "life"
	                                                            : "value";
	int n = snprintf(name, NAME_ROOM, "%s/%s/%s", kind, operations[scenario->operation],
	                 states[scenario->state]);

	if (scenario_of_queue(scenario))
		n += snprintf(name + n, NAME_ROOM - (size_t)n, "/cap%u/holds%u", scenario->capacity, scenario->holds);
	n += snprintf(name + n, NAME_ROOM - (size_t)n, "/size%u", scenario->message_size);
	if (scenario->on_death == STOA_DISCARD)
		n += snprintf(name + n, NAME_ROOM - (size_t)n, "/discard");
	if (scenario->close_with_senders)
		n += snprintf(name + n, NAME_ROOM - (size_t)n, "/close");
	if (scenario->meddling)
		n += snprintf(name + n, NAME_ROOM - (size_t)n, "/%s@%u", meddlings[scenario->meddling],
		              scenario->meddle_at);
	if (scenario->stepped_reaper)
		snprintf(name + n, NAME_ROOM - (size_t)n, "/reaper");
}

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
	       a->on_death == b->on_death && a->close_with_senders == b->close_with_senders &&
	       a->meddling == b->meddling && (!a->meddling || a->meddle_at == b->meddle_at) &&
	       a->stepped_reaper == b->stepped_reaper;
}

static void add(struct list *list, struct scenario scenario)
{
	scenario.holds = scenario.holds ? scenario.holds : 2;
	scenario.message_size = scenario.message_size ? scenario.message_size : 24;
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
	return operation == OP_PUSH || operation == OP_COMMIT || operation == OP_POP || operation == OP_RELEASE ||
	       operation == OP_RETURN || operation == OP_RECEIVER_CLOSE;
}

/* Whether there are others of the victim's kind, or of the other, who could have died before. */
static bool others_can_die(const struct scenario *base)
{
	return base->topology != SPSC && !(base->topology == SPMC && scenario_sends(base->operation)) &&
	       state_matters(base->operation, IS_WOUNDED, base->capacity);
}

static void add_variants(struct list *list, struct scenario base)
{
	struct scenario scenario = base;

	scenario.message_size = 100; /* in blocks, in the SPSC ring, too */
	add(list, scenario);
	scenario = base;
	scenario.holds = 1;
	add(list, scenario);
	scenario = base;
	scenario.stepped_reaper = true;
	if (list->effort != EFFORT_QUICK || (is_light(base.operation) && base.topology != SPMC))
		add(list, scenario);
	if (scenario_receives(base.operation)) {
		scenario.on_death = STOA_DISCARD;
		if (list->effort != EFFORT_QUICK || base.topology == MPMC)
			add(list, scenario);
		scenario.stepped_reaper = false;
		add(list, scenario);
	}
	scenario = base;
	scenario.state = IS_WOUNDED;
	if (others_can_die(&base)) {
		add(list, scenario);
		scenario.stepped_reaper = true;
		if (list->effort != EFFORT_QUICK)
			add(list, scenario);
	}
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
			if (operation == OP_SENDER_CLOSE || operation == OP_PUSH || operation == OP_SENDER_OPEN) {
				scenario.close_with_senders = true;
				add(list, scenario);
				scenario.stepped_reaper = true;
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
				     (i == 0 && (list->effort == EFFORT_NORMAL || state == IS_ONE))))
					add(list, scenario);
			}
		}
	}
}

static void add_lives(struct list *list)
{
	for (int operation = OP_CREATE_QUEUE; operation < OPERATIONS; operation++) {
		struct scenario scenario = { .operation = (enum operation)operation };

		add(list, scenario);
		for (uint32_t at = 1; operation <= OP_CREATE_VALUE && at <= 4; at++) {
			scenario.meddling = MEDDLE_PUSH;
			scenario.meddle_at = at;
			add(list, scenario);
		}
		scenario.meddling = MEDDLE_NOT;
		scenario.stepped_reaper = true;
		add(list, scenario);
	}
}

struct scenario *scenarios(enum effort effort, uint32_t *count)
{
	struct list list = { .effort = effort };

	add_queues(&list);
	add_values(&list);
	add_lives(&list);
	*count = list.count;
	return list.items;
}
