/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * scenario_name.c - what a scenario is called.
 *
 * A name tells all of it, so that a failure can be replayed by name:
 *
 *   TOPOLOGY/OPERATION/STATE/capN/holdsN/sizeN[/packN][/discard][/close][/MEDDLING@N][/reaper]
 *   value/OPERATION/STATE/sizeN[/MEDDLING@N][/reaper]
 *   sync/OPERATION/STATE[/capN][/returns][/waits][/MEDDLING@N][/reaper]
 *   life/OPERATION[/MEDDLING@N][/reaper]
 *   name/OPERATION/STATE/shm|path
 */
#include "step.h"

#include <stdio.h>

static const char *const topologies[] = { "spsc", "mpsc", "spmc", "mpmc" };
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
	[OP_SEMAPHORE_POST] = "semaphore_post",
	[OP_SEMAPHORE_WAIT] = "semaphore_wait",
	[OP_EVENT_SET] = "event_set",
	[OP_EVENT_CLEAR] = "event_clear",
	[OP_EVENT_WAIT] = "event_wait",
	[OP_BARRIER_WAIT] = "barrier_wait",
	[OP_LOCK_ACQUIRE] = "lock_acquire",
	[OP_LOCK_RELEASE] = "lock_release",
	[OP_CREATE_QUEUE] = "queue_create",
	[OP_CREATE_VALUE] = "value_create",
	[OP_CREATE_ARRAY] = "array_create",
	[OP_CREATE_SEMAPHORE] = "semaphore_create",
	[OP_CREATE_EVENT] = "event_create",
	[OP_CREATE_BARRIER] = "barrier_create",
	[OP_CREATE_LOCK] = "lock_create",
	[OP_OPEN_QUEUE] = "queue_open",
	[OP_LIST] = "segment_object+info",
	[OP_ATTACH] = "segment_attach",
	[OP_DETACH] = "segment_detach",
	[OP_NAME_CREATE] = "segment_create",
	[OP_NAME_EXCLUSIVE] = "segment_create_exclusive",
	[OP_NAME_OPEN] = "segment_open",
	[OP_NAME_UNLINK] = "segment_unlink",
	[OP_NAME_CLOSE] = "segment_close_last",
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

enum kind scenario_kind(const struct scenario *scenario)
{
	static const enum operation ends[] = { QUEUE_OPERATIONS, OP_SEMAPHORE_POST, OP_CREATE_QUEUE,
		                               OP_NAME_CREATE };
	int kind = OF_QUEUE;

	while (kind < OF_NAME && scenario->operation >= ends[kind])
		kind++;
	return (enum kind)kind;
}

static const char *state_name(const struct scenario *scenario)
{
	static const char *const states[] = { "empty", "one", "full", "wounded" };
	static const char *const events[] = { "clear", "", "set", "" };
	static const char *const barriers[] = { "first", "second", "last", "wounded" };
	static const char *const locks[] = { "free", "orphaned", "held", "wounded" };
	static const char *const names[] = { "missing", "there", "", "doomed" };
	const char *const *all = states;

	if (scenario->operation >= OP_EVENT_SET && scenario->operation <= OP_EVENT_WAIT)
		all = events;
	if (scenario->operation == OP_BARRIER_WAIT)
		all = barriers;
	if (scenario->operation == OP_LOCK_ACQUIRE || scenario->operation == OP_LOCK_RELEASE)
		all = locks;
	if (scenario_kind(scenario) == OF_NAME)
		all = names;
	return all[scenario->state];
}

const char *scenario_variant(const struct scenario *scenario)
{
	switch (scenario_kind(scenario)) {
	case OF_QUEUE:
		return topologies[scenario->topology];
	case OF_VALUE:
		return scenario->state == IS_WOUNDED ? "wounded" : "-";
	case OF_SYNC:
		return scenario->waits     ? "waits"
		       : scenario->returns ? "returns"
		                           : state_name(scenario);
	case OF_NAME:
		return scenario->path ? "path" : "shm";
	default:
		return "-";
	}
}

/* What follows topology or kind, and operation. */
static int name_shape(const struct scenario *scenario, char *name, size_t room)
{
	const char *state = state_name(scenario);
	char pack[16] = "";

	switch (scenario_kind(scenario)) {
	case OF_QUEUE:
		if (scenario->pack > 1)
			snprintf(pack, sizeof pack, "/pack%u", scenario->pack);
		return snprintf(name, room, "/%s/cap%u/holds%u/size%u%s%s%s", state, scenario->capacity,
		                scenario->holds, scenario->message_size, pack,
		                scenario->on_death == STOA_DISCARD ? "/discard" : "",
		                scenario->close_with_senders ? "/close" : "");
	case OF_VALUE:
		return snprintf(name, room, "/%s/size%u", state, scenario->message_size);
	case OF_SYNC:
		if (!scenario->capacity)
			return snprintf(name, room, "/%s%s", state, scenario->waits ? "/waits" : "");
		return snprintf(name, room, "/%s/cap%u%s%s", state, scenario->capacity,
		                scenario->returns ? "/returns" : "", scenario->waits ? "/waits" : "");
	case OF_NAME:
		return snprintf(name, room, "/%s/%s", state, scenario->path ? "path" : "shm");
	default:
		return 0;
	}
}

void scenario_name(const struct scenario *scenario, char name[NAME_ROOM])
{
	static const char *const kinds[] = { "", "value", "sync", "life", "name" };
	enum kind kind = scenario_kind(scenario);
	int n = snprintf(name, NAME_ROOM, "%s/%s",
	                 kind == OF_QUEUE ? topologies[scenario->topology] : kinds[kind],
	                 operations[scenario->operation]);

	n += name_shape(scenario, name + n, NAME_ROOM - (size_t)n);
	if (scenario->meddling)
		n += snprintf(name + n, NAME_ROOM - (size_t)n, "/%s@%u", meddlings[scenario->meddling],
		              scenario->meddle_at);
	if (scenario->stepped_reaper)
		snprintf(name + n, NAME_ROOM - (size_t)n, "/reaper");
}
