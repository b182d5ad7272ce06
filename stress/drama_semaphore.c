/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * drama_semaphore.c - a semaphore's world: permits are conserved.
 *
 * With STOA_PERMITS_RETURN there are always `capacity` of them, and a dead process has none.  Without it the
 * count is what it was at first, plus what was posted, less what was taken, also by the dead.
 *
 * While the victim is stopped the others move the free permit about, but there is one at any moment: a
 * victim that then finds none has overlooked it.
 */
#include "drama_sync.h"

#include <errno.h>

static bool posts(const struct world *world)
{
	return world->scenario->operation == OP_SEMAPHORE_POST;
}

static bool returns(const struct world *world)
{
	return world->scenario->returns;
}

/* ---- calls of stage and survivors ---- */

static void count_free(struct world *world, int more)
{
	struct sync_facts *facts = &world->facts;

	facts->free += more;
	if (returns(world))
		facts->held -= (uint32_t)more;
	facts->least = facts->free < facts->least ? facts->free : facts->least;
	facts->most = facts->free > facts->most ? facts->free : facts->most;
}

static void give(struct world *world)
{
	int rc = stoa_semaphore_post(world->semaphore);

	require(world, rc == 0, "post answers %s, and there are %u permits to give back", stoa_strerror(rc),
	        world->facts.held);
	count_free(world, 1);
}

static bool take(struct world *world)
{
	int rc = stoa_semaphore_wait(world->semaphore, &stoa_now);

	require(world, rc == STOA_OK || rc == STOA_TIMEOUT, "wait answers %s", stoa_strerror(rc));
	if (rc == STOA_OK)
		count_free(world, -1);
	return rc == STOA_OK;
}

static void take_surely(struct world *world)
{
	require(world, take(world), "a permit is free, and wait answers TIMEOUT");
}

static uint32_t free_now(struct world *world)
{
	struct stoa_semaphore_config info = { .struct_size = sizeof info };
	int rc = stoa_semaphore_info(world->semaphore, &info);

	require(world, rc == 0, "info answers %s", stoa_strerror(rc));
	return info.initial;
}

/*
 * One permit is given back, and the free one taken: never is there none.  It is the one before that becomes
 * free, so that somebody who looks through them upwards has just passed it.
 */
static void move(struct world *world)
{
	struct sync *sync = (struct sync *)world->semaphore;
	uint32_t count = sync->cell_count, free = 0;

	while (free < count && (atom64_load_seq(&sync->cells[free]) & 0xff) != PERMIT_FREE)
		free++;
	atom32_store_rlx(&sync->hint, (free + count - 1) % count); /* or the next one below that is ours */
	give(world);
	if (free < count)
		atom32_store_rlx(&sync->hint, free);
	take_surely(world);
}

/* ---- stage and victim ---- */

/* The victim comes to the free permit last: so there is the most that can happen behind its back. */
static void hint_behind_free(struct world *world)
{
	struct sync *sync = (struct sync *)world->semaphore;

	for (uint32_t i = 0; i < sync->cell_count; i++) {
		if ((atom64_load_seq(&sync->cells[i]) & 0xff) == PERMIT_FREE)
			atom32_store_rlx(&sync->hint, (i + 1) % sync->cell_count);
	}
}

static void take_and_die(struct world *world)
{
	take_surely(world);
}

/* How many are free when the operation begins. */
static int wanted(const struct world *world)
{
	const struct scenario *scenario = world->scenario;

	return scenario->state == IS_FULL ? (int)scenario->capacity : scenario->state == IS_ONE;
}

/* The victim has something to give back. */
static bool victim_holds(const struct world *world)
{
	return returns(world) && posts(world) && world->scenario->state != IS_FULL;
}

static void semaphore_stage(struct world *world)
{
	struct stoa_semaphore_config config = {
		.struct_size = sizeof config,
		.flags = returns(world) ? STOA_PERMITS_RETURN : 0,
		.initial = returns(world) ? 0 : (uint32_t)wanted(world),
		.maximum = world->scenario->capacity,
	};
	struct sync_facts *facts = &world->facts;
	uint64_t bytes;

	sync_made(world, stoa_semaphore_footprint(&config, &bytes));
	sync_stage(world, bytes);
	sync_made(world, stoa_semaphore_create(world->segment, "thing", &config, &world->semaphore));
	facts->free = (int)(returns(world) ? config.maximum : config.initial);
	if (world->scenario->state == IS_WOUNDED) {
		kill_after(world, take_and_die);
		facts->free--;
	}
	while (returns(world) && facts->free > wanted(world) + victim_holds(world))
		take_surely(world);
	hint_behind_free(world);
	facts->free -= victim_holds(world);
	facts->least = facts->most = facts->free;
}

static void semaphore_victim_prepares(struct world *world)
{
	sync_victim_prepares(world);
	if (victim_holds(world))
		take_surely(world);
}

static void semaphore_victim_acts(struct world *world)
{
	victim_finishes(world, posts(world) ? stoa_semaphore_post(world->semaphore)
	                                    : stoa_semaphore_wait(world->semaphore, sync_until(world)));
}

static void semaphore_meddles(struct world *world)
{
	enum meddling how = world->scenario->meddling;

	if (how == MEDDLE_PUSH &&
	    (returns(world) ? world->facts.held : free_now(world) < world->scenario->capacity))
		give(world);
	if (how == MEDDLE_POP)
		take(world);
	if (how == MEDDLE_CYCLE && returns(world) && world->facts.held)
		move(world);
	else if (how == MEDDLE_CYCLE && take(world))
		give(world);
}

/* ---- what the victim was told, and what it has done ---- */

/* The victim has seen what the others did so far, and no more. */
static void check_answer(struct world *world)
{
	const struct sync_facts *facts = &world->facts;
	int rc = sync_answer(world), most = (int)world->scenario->capacity;

	if (!sync_finished(world))
		return;
	if (posts(world) && returns(world))
		require(world, rc == (victim_holds(world) ? 0 : -EPERM), "the victim's post answers %s",
		        stoa_strerror(rc));
	else if (posts(world))
		require(world, (rc == 0 && facts->least < most) || (rc == -EOVERFLOW && facts->most == most),
		        "the victim's post answers %s; %d to %d permits of %u were free", stoa_strerror(rc),
		        facts->least, facts->most, most);
	else if (world->scenario->state == IS_WOUNDED) /* and the dead one's are looked for */
		require(world,
		        rc == STOA_OK || (rc == STOA_TIMEOUT && (facts->most || world->scenario->meddling)),
		        "the victim's wait answers %s, and the dead one's permit is free", stoa_strerror(rc));
	else
		require(world, (rc == STOA_OK && facts->most) || (rc == STOA_TIMEOUT && !facts->least),
		        "the victim's wait answers %s; %d to %d permits were free", stoa_strerror(rc),
		        facts->least, facts->most);
}

/* How many permits the victim has posted (1), or taken (-1): as it was told, or not yet. */
static void check_effect(struct world *world, int effect)
{
	int whole = posts(world) ? 1 : -1;

	require(world, effect == 0 || effect == whole, "%d permits more than were given, less those taken",
	        effect);
	if (sync_finished(world))
		require(world, effect == (sync_answer(world) == 0 ? whole : 0),
		        "the victim is told %s, and has changed the count by %d",
		        stoa_strerror(sync_answer(world)), effect);
}

/* ---- survivors ---- */

static void semaphore_turn(struct world *world)
{
	if (take(world))
		give(world);
}

static void give_and_take(struct world *world)
{
	give(world);
	take_surely(world);
}

static void take_and_give(struct world *world)
{
	take_surely(world);
	give(world);
}

/* Where a permit is free for the victim, one is at any moment. */
static void work_beside(struct world *world)
{
	uint32_t free, most = world->scenario->capacity;

	sync_reap(world);
	free = free_now(world);
	if (!posts(world) && world->scenario->state == IS_EMPTY && free < most)
		give(world); /* and leaves it to the victim, which may come too late */
	else if (returns(world) && world->facts.held && free)
		move(world);
	else if (returns(world) ? world->facts.held : free < most)
		give_and_take(world);
	else
		take_and_give(world);
}

/* Takes all there are; how many. */
static uint32_t drain(struct world *world)
{
	uint32_t count = free_now(world), taken = 0;

	for (; take(world); taken++)
		require(world, taken < world->scenario->capacity, "more permits than there are were taken");
	require(world, taken == count, "%u permits were free, and %u could be taken", count, taken);
	return taken;
}

static void work_after(struct world *world)
{
	uint32_t capacity = world->scenario->capacity, mine = world->facts.held, taken;
	int before = world->facts.free;

	check_answer(world);
	sync_reap(world);
	taken = drain(world);
	if (returns(world)) {
		require(world, taken + mine == capacity,
		        "%u permits are free and %u held by the living, of %u", taken, mine, capacity);
	} else {
		check_effect(world, (int)taken - before);
		world->board->phase = (int)taken != before;
	}
	/* Beside a reaper that is stopped they are kept: it must not give them to another. */
	while (!world->fate.reaper_frozen && taken-- > 0)
		give(world);
}

static void semaphore_works(struct world *world)
{
	if (world->fate.victim_dead)
		work_after(world);
	else
		work_beside(world);
}

/* Posts until there are as many as there can be: how many were missing. */
static uint32_t fill(struct world *world)
{
	int rc, full = returns(world) ? -EPERM : -EOVERFLOW;
	uint32_t posted = 0;

	while ((rc = stoa_semaphore_post(world->semaphore)) == 0)
		require(world, ++posted <= world->scenario->capacity,
		        "more permits than there are were posted");
	require(world, rc == full, "post answers %s", stoa_strerror(rc));
	return posted;
}

static void semaphore_audits(struct world *world)
{
	uint32_t capacity = world->scenario->capacity, mine = world->facts.held, free, posted;
	bool victims = returns(world) && !world->fate.victim_dead && !posts(world) && sync_answer(world) == 0;

	sync_reap(world);
	free = free_now(world);
	if (world->fate.victim_resumed) {
		check_answer(world);
		if (!returns(world))
			check_effect(world, (int)free - world->facts.free);
	}
	if (returns(world))
		require(world, free + mine + victims == capacity,
		        "%u permits are free, %u and %u held, of %u", free, mine, victims, capacity);
	posted = fill(world);
	require(world, posted == (returns(world) ? mine : capacity - free),
	        "%u permits were given back, and %u were held", posted, mine);
	world->facts.held = 0;
	require(world, drain(world) == capacity - victims, "permits are lost");
	require(world, fill(world) == capacity - victims, "permits cannot be given back");
	sync_audit(world, 0);
}

const struct drama semaphore_drama = {
	.stage = semaphore_stage,
	.victim_prepares = semaphore_victim_prepares,
	.victim_acts = semaphore_victim_acts,
	.victim_ends = sync_victim_ends,
	.meddles = semaphore_meddles,
	.turn = semaphore_turn,
	.works = semaphore_works,
	.audits = semaphore_audits,
};
