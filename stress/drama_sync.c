/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * drama_sync.c - what the dramas of semaphore, event, barrier and lock share.
 */
#include "drama_sync.h"

#include "participant.h"

#define PARTICIPANTS 10

void sync_stage(struct world *world, uint64_t bytes)
{
	struct stoa_segment_config config = {
		.struct_size = sizeof config,
		.bytes = bytes,
		.participants = PARTICIPANTS,
		.objects = 2,
	};

	sync_made(world, stoa_segment_create(NULL, &config, &world->segment));
	world->base = world->segment->base;
	world->bytes = world->segment->bytes;
}

void sync_made(struct world *world, int rc)
{
	require(world, rc == 0, "the world cannot be made: %s", stoa_strerror(rc));
}

void sync_victim_prepares(struct world *world)
{
	uint32_t slot;
	int rc = participant_self(world->segment, &slot);

	require(world, rc == 0, "the victim cannot join: %s", stoa_strerror(rc));
}

/* It keeps what it has got: others know by that. */
void sync_victim_ends(struct world *world)
{
	(void)world;
}

const struct timespec *sync_until(const struct world *world)
{
	return world->scenario->waits ? NULL : &stoa_now;
}

void sync_reap(struct world *world)
{
	int rc = stoa_segment_reap(world->segment);

	require(world, rc >= 0, "reaping answers %s", stoa_strerror(rc));
}

void sync_audit(struct world *world, uint32_t more)
{
	const struct fate *fate = &world->fate;
	uint32_t live = 1u + !fate->victim_dead + (world->scenario->stepped_reaper && !fate->reaper_gone);

	sync_reap(world);
	check_participants(world, live + more, live + more);
	check_directory(world, 1);
}
