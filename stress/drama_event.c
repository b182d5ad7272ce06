/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * drama_event.c - an event's world: no set is lost, none happens twice.
 *
 * Sets are counted in the event's word.  The others alone work while the victim is dead or stopped, so
 * they know what they have added to it; what is more is the victim's.
 */
#include "drama_sync.h"

/* ---- calls of stage and survivors ---- */

static bool look(struct world *world)
{
	struct stoa_event_config info = { .struct_size = sizeof info };
	int rc = stoa_event_info(world->event, &info), waited = stoa_event_wait(world->event, &stoa_now);

	require(world, rc == 0, "info answers %s", stoa_strerror(rc));
	require(world, waited == (info.initial ? STOA_OK : STOA_TIMEOUT),
	        "the event is %s, and wait answers %s", info.initial ? "set" : "clear",
	        stoa_strerror(waited));
	return info.initial;
}

static void set(struct world *world)
{
	bool before = look(world);
	int rc = stoa_event_set(world->event);

	require(world, rc == 0 && look(world), "set answers %s", stoa_strerror(rc));
	world->facts.sets += !before;
}

static void clear(struct world *world)
{
	int rc = stoa_event_clear(world->event);

	require(world, rc == 0 && !look(world), "clear answers %s", stoa_strerror(rc));
}

/* How often the victim has set an event that was clear. */
static uint64_t sets_of_victim(struct world *world)
{
	const struct sync *sync = (const struct sync *)world->event;

	return (atom64_load_seq(&sync->shared->word) >> 1) - world->facts.sets;
}

/* ---- stage and victim ---- */

static void event_stage(struct world *world)
{
	struct stoa_event_config config = {
		.struct_size = sizeof config,
		.initial = world->scenario->state == IS_FULL,
	};
	uint64_t bytes;

	sync_made(world, stoa_event_footprint(&config, &bytes));
	sync_stage(world, bytes);
	sync_made(world, stoa_event_create(world->segment, "thing", &config, &world->event));
}

static void event_victim_acts(struct world *world)
{
	int rc;

	if (world->scenario->operation == OP_EVENT_SET)
		rc = stoa_event_set(world->event);
	else if (world->scenario->operation == OP_EVENT_CLEAR)
		rc = stoa_event_clear(world->event);
	else
		rc = stoa_event_wait(world->event, sync_until(world));
	victim_finishes(world, rc);
}

static void event_meddles(struct world *world)
{
	if (world->scenario->meddling != MEDDLE_POP)
		set(world);
	if (world->scenario->meddling != MEDDLE_PUSH)
		clear(world);
}

/* ---- what the victim has done ---- */

/* Beside it nobody did anything since the stage: what it was told, and what there is. */
static void check_alone(struct world *world)
{
	enum operation operation = world->scenario->operation;
	bool was_set = world->scenario->state == IS_FULL, is_set = look(world);
	uint64_t sets = sets_of_victim(world);
	int rc = sync_answer(world);

	if (world->scenario->meddling)
		return;
	require(world, sets == (operation == OP_EVENT_SET && is_set && !was_set),
	        "the victim has set it %lu times", (unsigned long)sets);
	require(world, is_set == was_set || operation == (is_set ? OP_EVENT_SET : OP_EVENT_CLEAR),
	        "the event is %s by itself", is_set ? "set" : "clear");
	world->facts.effective = is_set != was_set;
	if (!sync_finished(world))
		return;
	if (operation == OP_EVENT_WAIT)
		require(world, rc == (was_set ? STOA_OK : STOA_TIMEOUT),
		        "the event was %s, and wait answers %s", was_set ? "set" : "clear",
		        stoa_strerror(rc));
	else
		require(world, rc == 0 && is_set == (operation == OP_EVENT_SET),
		        "%s answers %s, and the event is %s", operation_name(operation), stoa_strerror(rc),
		        is_set ? "set" : "clear");
}

/* After the others had worked, and paused, it came to its end. */
static void check_resumed(struct world *world)
{
	const struct scenario *scenario = world->scenario;
	uint64_t more = sets_of_victim(world) - world->facts.victims;
	bool is_set = look(world), was_set = scenario->state == IS_FULL, done = world->facts.effective;
	bool may_miss = !was_set || scenario->meddling;
	int rc = sync_answer(world);

	switch (scenario->operation) {
	case OP_EVENT_SET: /* they had cleared it */
		require(world, rc == 0 && more == is_set,
		        "set answers %s, %lu were added, and the event is %s", stoa_strerror(rc),
		        (unsigned long)more, is_set ? "set" : "clear");
		require(world, was_set || scenario->meddling || is_set == !done, "the set %s",
		        is_set ? "happened twice" : "is lost");
		break;
	case OP_EVENT_CLEAR: /* they had set it */
		require(world, rc == 0 && more == 0, "clear answers %s", stoa_strerror(rc));
		require(world, !was_set || scenario->meddling || is_set == done, "the clear %s",
		        is_set ? "is lost" : "happened twice");
		break;
	default: /* where it was clear they had set and cleared it: before the call, perhaps, or after */
		require(world, more == 0, "a wait has set the event");
		require(world, rc == STOA_OK || (rc == STOA_TIMEOUT && !scenario->waits && may_miss),
		        "wait answers %s beside an event that was set", stoa_strerror(rc));
	}
}

/* ---- survivors ---- */

static void event_turn(struct world *world)
{
	set(world);
	clear(world);
}

static void event_works(struct world *world)
{
	bool clears_at_last = world->scenario->operation == OP_EVENT_SET ||
	                      (world->scenario->operation == OP_EVENT_WAIT && !world->scenario->waits &&
	                       world->scenario->state == IS_EMPTY);

	check_alone(world);
	if (world->fate.victim_dead)
		world->board->phase = world->facts.effective;
	if (world->scenario->waits && world->scenario->meddling)
		return; /* it was set, and cleared at once: that must do */
	clear(world);
	set(world);
	if (clears_at_last)
		clear(world);
	world->facts.victims = sets_of_victim(world);
}

static void event_audits(struct world *world)
{
	if (world->fate.victim_resumed)
		check_resumed(world);
	set(world);
	clear(world);
	require(world, !look(world), "the event is set by itself");
	sync_audit(world, 0);
}

const struct drama event_drama = {
	.stage = event_stage,
	.victim_prepares = sync_victim_prepares,
	.victim_acts = event_victim_acts,
	.victim_ends = sync_victim_ends,
	.meddles = event_meddles,
	.turn = event_turn,
	.works = event_works,
	.audits = event_audits,
};
