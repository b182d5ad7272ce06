/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * drama_sync.h - what the dramas of semaphore, event, barrier and lock share.
 *
 * Each of them keeps account (world->facts) of what the stage and the survivors did and were answered.  What
 * the shared words say beyond that is the victim's doing: nothing, or the one thing that its operation
 * does; and what it is answered must be what the words say.
 */
#ifndef STOA_STRESS_DRAMA_SYNC_H
#define STOA_STRESS_DRAMA_SYNC_H

#include "step.h"

#include "atomic.h"
#include "sync.h"

/* A segment with room for one object of so many bytes. */
void sync_stage(struct world *world, uint64_t bytes);
/* It is here, as far as the library says so. */
void sync_made(struct world *world, int rc);
void sync_victim_prepares(struct world *world);
void sync_victim_ends(struct world *world);
/* One try, or for ever. */
const struct timespec *sync_until(const struct world *world);
void sync_reap(struct world *world);
/* The victim has come to the end of its operation; what it was told is then in board->victim.rc. */
static inline bool sync_finished(const struct world *world)
{
	return world->board->victim.finished;
}
static inline int sync_answer(const struct world *world)
{
	return world->board->victim.rc;
}
/* Directory and participants, at the end.  So many more are there than usual. */
void sync_audit(struct world *world, uint32_t more);

#endif
