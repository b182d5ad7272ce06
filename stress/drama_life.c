/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * drama_life.c - what makes and joins: objects, segments.
 *
 * The segment has room for the queue that is there and for two objects more, exactly: if a dead
 * creator's room were lost, or a living one's not given back, the second would not fit.
 */
#include "step.h"

#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "participant.h"

static const struct stoa_queue_config small = {
	.struct_size = sizeof small,
	.capacity = 2,
	.message_size = 8,
	.handles = 3,
	.holds = 1,
};
static const struct stoa_value_config number = { .struct_size = sizeof number, .type = STOA_U64 };

static bool creates(const struct world *world)
{
	return world->scenario->operation == OP_CREATE_QUEUE || world->scenario->operation == OP_CREATE_VALUE;
}

static int create(struct world *world, const char *name)
{
	struct stoa_queue *queue;
	struct stoa_value *value;

	if (world->scenario->operation == OP_CREATE_VALUE)
		return stoa_value_create(world->segment, name, &number, &value);
	return stoa_queue_create(world->segment, name, &small, &queue);
}

static void life_stage(struct world *world)
{
	struct stoa_segment_config segment = { .struct_size = sizeof segment, .participants = 4, .objects = 4 };
	uint64_t queue, value;
	int rc = stoa_queue_footprint(&small, &queue);

	rc = rc ? rc : stoa_value_footprint(&number, &value);
	segment.bytes = 3 * ((queue + 63) & ~63ull);
	rc = rc ? rc : stoa_segment_create(NULL, &segment, &world->segment);
	rc = rc ? rc : stoa_queue_create(world->segment, "thing", &small, &world->queue);
	rc = rc ? rc : stoa_sender_open(world->queue, &world->sender);
	rc = rc ? rc : stoa_receiver_open(world->queue, &world->receiver);
	require(world, rc == 0, "the world cannot be made: %s", stoa_strerror(rc));
	world->base = world->segment->base;
	world->bytes = world->segment->bytes;
	world->deaths++;
}

static void life_victim_prepares(struct world *world)
{
	enum operation operation = world->scenario->operation;
	uint32_t slot;

	if (operation == OP_ATTACH)
		return;
	require(world, participant_self(world->segment, &slot) == 0, "the victim cannot join");
	if (operation != OP_DETACH)
		return;
	/* The handles that it has inherited, all but the segment's. */
	stoa_sender_close(world->sender);
	stoa_receiver_close(world->receiver);
	stoa_queue_close(world->queue);
}

static void life_victim_acts(struct world *world)
{
	struct victim_area *area = &world->board->victim;
	struct stoa_segment *segment;
	struct stoa_queue *queue;

	switch (world->scenario->operation) {
	case OP_ATTACH:
		area->rc = stoa_segment_open_fd(stoa_segment_fd(world->segment), 0, &segment);
		break;
	case OP_DETACH:
		area->rc = stoa_segment_close(world->segment);
		break;
	case OP_OPEN_QUEUE:
		area->rc = stoa_queue_open(world->segment, "thing", &small, &queue);
		break;
	default:
		area->rc = create(world, "new");
	}
	area->finished = 1;
}

static void life_victim_ends(struct world *world)
{
	int rc = world->board->victim.rc;

	require(world, rc == 0, "the victim's operation answers %s", stoa_strerror(rc));
}

static void life_meddles(struct world *world)
{
	if (creates(world))
		require(world, create(world, "new") == 0, "an object cannot be created");
}

static void life_turn(struct world *world)
{
	uint32_t message = 1, got = 0;
	int rc = stoa_sender_push(world->sender, &message, sizeof message);

	require(world, rc == 0, "push answers %s", stoa_strerror(rc));
	rc = stoa_receiver_pop(world->receiver, &got, sizeof got, NULL);
	require(world, rc == 0 && got == message, "pop answers %s", stoa_strerror(rc));
}

/* The queue that is there works, and so does what the victim was about to create. */
static void life_works(struct world *world)
{
	for (int i = 0; i < 4; i++)
		life_turn(world);
	require(world, stoa_segment_reap(world->segment) >= 0, "reaping fails");
	if (creates(world)) {
		int rc = create(world, "new");

		require(world, rc == 0, "what the victim was about to create cannot be created: %s",
		        stoa_strerror(rc));
	}
}

static void life_audits(struct world *world)
{
	const struct fate *fate = &world->fate;
	bool comes_or_goes = world->scenario->operation == OP_ATTACH || world->scenario->operation == OP_DETACH;
	uint32_t others = world->scenario->stepped_reaper && !fate->reaper_gone;

	require(world, stoa_segment_reap(world->segment) >= 0, "reaping fails");
	if (creates(world)) {
		int rc = create(world, "third");

		require(world, rc == 0, "room was lost: another object cannot be created: %s", stoa_strerror(rc));
	}
	life_works(world);
	/* Of one that comes or goes the copy, the kept original and the lock may differ. */
	check_participants(world, 1 + others + (!fate->victim_dead && !comes_or_goes),
	                   1 + others + !fate->victim_dead);
	check_directory(world, creates(world) ? 3 : 1);
	stoa_sender_close(world->sender);
	stoa_receiver_close(world->receiver);
	check_queue_blocks(world);
}

const struct drama life_drama = {
	.stage = life_stage,
	.victim_prepares = life_victim_prepares,
	.victim_acts = life_victim_acts,
	.victim_ends = life_victim_ends,
	.meddles = life_meddles,
	.turn = life_turn,
	.works = life_works,
	.audits = life_audits,
};

const struct drama *drama_of(const struct scenario *scenario)
{
	if (scenario_of_queue(scenario))
		return &queue_drama;
	return scenario->operation < OP_CREATE_QUEUE ? &value_drama : &life_drama;
}
