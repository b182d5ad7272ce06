/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * drama_lock.c - a lock's world: one holder at a time, and a dead one's successor is told, once.
 *
 * Survivors who get the lock beside a stopped process keep it until that has come to its end.
 */
#include "drama_sync.h"

#include <errno.h>

static bool acquires(const struct world *world)
{
	return world->scenario->operation == OP_LOCK_ACQUIRE;
}

static bool is_held(int rc)
{
	return rc == STOA_OK || rc == STOA_OWNER_DIED;
}

/* ---- calls of stage and survivors ---- */

static int try(struct world *world)
{
	struct sync_facts *facts = &world->facts;
	int rc = stoa_lock_acquire(world->lock, &stoa_now);

	if (facts->held) {
		require(world, rc == -EDEADLK, "acquire by who holds the lock answers %s", stoa_strerror(rc));
		return rc;
	}
	require(world, is_held(rc) || rc == STOA_TIMEOUT, "acquire answers %s", stoa_strerror(rc));
	facts->held = is_held(rc);
	facts->told += rc == STOA_OWNER_DIED;
	return rc;
}

static void release(struct world *world)
{
	int rc = stoa_lock_release(world->lock);

	require(world, rc == (world->facts.held ? 0 : -EPERM), "release by who %s the lock answers %s",
	        world->facts.held ? "holds" : "does not hold", stoa_strerror(rc));
	world->facts.held = 0;
}

/* ---- stage and victim ---- */

static void acquire_surely(struct world *world)
{
	int rc = try(world);

	require(world, rc == STOA_OK, "acquire answers %s", stoa_strerror(rc));
}

static void lock_stage(struct world *world)
{
	struct stoa_lock_config config = { .struct_size = sizeof config };
	enum state state = world->scenario->state;
	uint64_t bytes;

	sync_made(world, stoa_lock_footprint(&config, &bytes));
	sync_stage(world, bytes);
	sync_made(world, stoa_lock_create(world->segment, "thing", &config, &world->lock));
	if (state == IS_FULL)
		acquire_surely(world);
	world->facts.orphaned = state == IS_WOUNDED || state == IS_ONE;
	if (world->facts.orphaned)
		kill_after(world, acquire_surely);
	if (state == IS_ONE)
		sync_reap(world);
}

static void lock_victim_prepares(struct world *world)
{
	int rc;

	sync_victim_prepares(world);
	if (acquires(world) || world->scenario->state == IS_FULL)
		return;
	rc = stoa_lock_acquire(world->lock, &stoa_now);
	require(world, is_held(rc), "the victim's acquire answers %s", stoa_strerror(rc));
}

static void lock_victim_acts(struct world *world)
{
	victim_finishes(world, acquires(world) ? stoa_lock_acquire(world->lock, sync_until(world))
	                                       : stoa_lock_release(world->lock));
}

/* Holds it for a moment, or lets it go for one; or for good. */
static void lock_meddles(struct world *world)
{
	bool held = world->facts.held;

	if (held)
		release(world);
	if (world->scenario->meddling == MEDDLE_PUSH)
		return;
	if (is_held(try(world)) && !held)
		release(world);
}

/* ---- what the victim was told ---- */

/* Whether the lock was free at some time, or all the time, while it tried. */
static void check_acquired(struct world *world, bool sometimes, bool always)
{
	bool told = world->facts.orphaned && !world->facts.told;
	int rc = sync_answer(world);

	require(world, is_held(rc) || rc == STOA_TIMEOUT, "the victim's acquire answers %s",
	        stoa_strerror(rc));
	require(world, !is_held(rc) || (sometimes && (rc == STOA_OWNER_DIED) == told),
	        "the victim's acquire answers %s, and the lock %s", stoa_strerror(rc),
	        !sometimes ? "was held" : told ? "had a holder who died" : "was free");
	require(world, is_held(rc) || !always, "the victim's acquire answers %s, and the lock was free",
	        stoa_strerror(rc));
}

/* It came to its end, and the others did nothing beside it but to meddle. */
static void check_alone(struct world *world)
{
	bool held = world->scenario->state == IS_FULL, meddled = world->scenario->meddling;
	int rc = sync_answer(world);

	if (!sync_finished(world) || (meddled && world->facts.orphaned))
		return;
	if (acquires(world))
		check_acquired(world, !held || meddled, !held && !meddled);
	else
		require(world, rc == (held ? -EPERM : 0), "the victim's release answers %s",
		        stoa_strerror(rc));
}

/* ---- survivors ---- */

static void lock_turn(struct world *world)
{
	if (!world->facts.held && !is_held(try(world)))
		return;
	release(world);
}

/* Nobody who lives has it, so it is to be had; and it is told of whom it was. */
static void take_over(struct world *world)
{
	bool orphaned = world->facts.orphaned && !world->facts.told, finished = sync_finished(world);
	int answer = sync_answer(world), rc = try(world);
	bool died = rc == STOA_OWNER_DIED;

	require(world, is_held(rc), "the holder is dead, and acquire answers %s", stoa_strerror(rc));
	if (orphaned)
		require(world, died, "the last holder has died, and acquire answers %s", stoa_strerror(rc));
	else if (finished)
		require(world, died == (acquires(world) && is_held(answer)),
		        "the victim's %s answers %s, and after its death acquire %s",
		        operation_name(world->scenario->operation), stoa_strerror(answer), stoa_strerror(rc));
	world->board->phase = !orphaned && died == acquires(world);
}

static void work_after(struct world *world)
{
	check_alone(world);
	if (world->facts.held) { /* by us all the time */
		try(world);
		release(world);
		acquire_surely(world);
	} else {
		take_over(world);
	}
	if (!world->fate.reaper_frozen)
		release(world);
}

static void lock_works(struct world *world)
{
	if (world->fate.victim_dead) {
		work_after(world);
		return;
	}
	sync_reap(world);
	if (world->facts.held)
		release(world); /* it may have it now */
	else
		try(world);     /* and holds it until the victim has done what it was about to */
}

/* The victim has come to its end, and has what it was given. */
static void check_resumed(struct world *world)
{
	int rc = sync_answer(world);
	bool was_held = world->scenario->state == IS_FULL, held = world->facts.held;
	uint32_t told = world->facts.told + (rc == STOA_OWNER_DIED);

	if (!acquires(world)) {
		check_alone(world);
		return;
	}
	require(world, is_held(rc) || (rc == STOA_TIMEOUT && !world->scenario->waits),
	        "the victim's acquire answers %s", stoa_strerror(rc));
	require(world, !held || !is_held(rc), "two hold the lock");
	require(world, held || is_held(rc) || was_held, "the lock was free, and nobody got it");
	require(world, told == world->facts.orphaned, "of the death of the last holder %u were told", told);
}

static void lock_audits(struct world *world)
{
	bool victims = world->fate.victim_resumed && acquires(world) && is_held(sync_answer(world));

	if (world->fate.victim_resumed)
		check_resumed(world);
	release(world);
	if (victims) {
		require(world, try(world) == STOA_TIMEOUT, "the victim holds the lock, and so do others");
	} else {
		acquire_surely(world);
		release(world);
		release(world);
	}
	sync_audit(world, 0);
}

const struct drama lock_drama = {
	.stage = lock_stage,
	.victim_prepares = lock_victim_prepares,
	.victim_acts = lock_victim_acts,
	.victim_ends = sync_victim_ends,
	.meddles = lock_meddles,
	.turn = lock_turn,
	.works = lock_works,
	.audits = lock_audits,
};
