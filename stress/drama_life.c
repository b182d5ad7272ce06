/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * drama_life.c - what makes, lists and joins: objects, segments.
 *
 * The directory has four places, and the segment room for four objects of the largest kind that is
 * made.  One is taken at first, the victim makes one, and the survivors the rest: if a dead creator's
 * place or room were lost, or a living one's not given back, the last would not fit.
 *
 * One of the survivors' is of another kind and a little smaller, so that it may be built where the victim
 * has built before, and is cut to another size.
 */
#include "step.h"

#include <errno.h>
#include <string.h>

#include "atomic.h"
#include "object.h"
#include "participant.h"

#define PLACES 4

static const struct stoa_queue_config small = {
	.struct_size = sizeof small,
	.capacity = 2,
	.message_size = 8,
	.handles = 3,
	.holds = 1,
};
static const struct stoa_value_config number = { .struct_size = sizeof number, .type = STOA_U64 };
static const struct stoa_array_config array = {
	.struct_size = sizeof array,
	.type = STOA_U32,
	.count = 20,
	.flags = STOA_ATOMIC_RANGES,
	.writers = 2,
};
static const struct stoa_semaphore_config permits = {
	.struct_size = sizeof permits,
	.flags = STOA_PERMITS_RETURN,
	.initial = 9,
};
static const struct stoa_event_config event = { .struct_size = sizeof event, .initial = 1 };
static const struct stoa_barrier_config barrier = { .struct_size = sizeof barrier, .parties = 9 };
static const struct stoa_lock_config lock = { .struct_size = sizeof lock };

static bool creates(const struct world *world)
{
	return world->scenario->operation >= OP_CREATE_QUEUE && world->scenario->operation <= OP_CREATE_LOCK;
}

static uint32_t kind_made(const struct world *world)
{
	static const uint32_t kinds[] = { STOA_KIND_QUEUE,     STOA_KIND_VALUE, STOA_KIND_ARRAY,
		                          STOA_KIND_SEMAPHORE, STOA_KIND_EVENT, STOA_KIND_BARRIER,
		                          STOA_KIND_LOCK };

	return kinds[world->scenario->operation - OP_CREATE_QUEUE];
}

/* Creates an object of the kind that the victim creates; handles stay open until the process ends. */
static int create(struct world *world, const char *name)
{
	static void *handle;

	switch (world->scenario->operation) {
	case OP_CREATE_VALUE:
		return stoa_value_create(world->segment, name, &number, (struct stoa_value **)&handle);
	case OP_CREATE_ARRAY:
		return stoa_array_create(world->segment, name, &array, (struct stoa_array **)&handle);
	case OP_CREATE_SEMAPHORE:
		return stoa_semaphore_create(world->segment, name, &permits,
		                             (struct stoa_semaphore **)&handle);
	case OP_CREATE_EVENT:
		return stoa_event_create(world->segment, name, &event, (struct stoa_event **)&handle);
	case OP_CREATE_BARRIER:
		return stoa_barrier_create(world->segment, name, &barrier, (struct stoa_barrier **)&handle);
	case OP_CREATE_LOCK:
		return stoa_lock_create(world->segment, name, &lock, (struct stoa_lock **)&handle);
	default:
		return stoa_queue_create(world->segment, name, &small, (struct stoa_queue **)&handle);
	}
}

static int footprint(const struct world *world, uint64_t *bytes)
{
	switch (world->scenario->operation) {
	case OP_CREATE_VALUE:
		return stoa_value_footprint(&number, bytes);
	case OP_CREATE_ARRAY:
		return stoa_array_footprint(&array, bytes);
	case OP_CREATE_SEMAPHORE:
		return stoa_semaphore_footprint(&permits, bytes);
	case OP_CREATE_EVENT:
		return stoa_event_footprint(&event, bytes);
	case OP_CREATE_BARRIER:
		return stoa_barrier_footprint(&barrier, bytes);
	case OP_CREATE_LOCK:
		return stoa_lock_footprint(&lock, bytes);
	default:
		return stoa_queue_footprint(&small, bytes);
	}
}

/*
 * Another object, a line smaller: a semaphore whose permits must all be free, whatever was built there
 * before.  Where that is too small to be one, it is as the others.
 */
static int create_other(struct world *world)
{
	static struct stoa_semaphore *semaphore;
	struct stoa_semaphore_config config = { .struct_size = sizeof config,
		                                .flags = STOA_PERMITS_RETURN,
		                                .initial = 1 };
	struct stoa_semaphore_config info = { .struct_size = sizeof info };
	uint64_t room = 0, least = 0;
	int rc = footprint(world, &room);

	rc = rc ? rc : stoa_semaphore_footprint(&config, &least);
	if (rc || ((room - 1) & ~63ull) < least)
		return rc ? rc : create(world, "more 1");
	config.initial += (uint32_t)((((room - 1) & ~63ull) - least) / sizeof(uint64_t));
	rc = stoa_semaphore_create(world->segment, "more 1", &config, &semaphore);
	rc = rc ? rc : stoa_semaphore_info(semaphore, &info);
	require(world, rc || info.initial == config.initial, "a new semaphore has %u permits free, not %u",
	        info.initial, config.initial);
	return rc;
}

/* ---- stage and victim ---- */

static void join_and_die(struct world *world)
{
	uint32_t slot;

	require(world, participant_self(world->segment, &slot) == 0, "one who will die cannot join");
}

static void life_stage(struct world *world)
{
	struct stoa_segment_config segment = { .struct_size = sizeof segment,
		                               .participants = 4,
		                               .objects = PLACES };
	uint64_t first = 0, other = 0;
	int rc = stoa_queue_footprint(&small, &first);

	rc = rc ? rc : footprint(world, &other);
	segment.bytes = ((first + 63) & ~63ull) + (PLACES - 1) * ((other + 63) & ~63ull);
	rc = rc ? rc : stoa_segment_create(NULL, &segment, &world->segment);
	rc = rc ? rc : stoa_queue_create(world->segment, "thing", &small, &world->queue);
	rc = rc ? rc : stoa_sender_open(world->queue, &world->sender);
	rc = rc ? rc : stoa_receiver_open(world->queue, &world->receiver);
	require(world, rc == 0, "the world cannot be made: %s", stoa_strerror(rc));
	world->base = world->segment->base;
	world->bytes = world->segment->bytes;
	if (world->scenario->operation != OP_ATTACH)
		return;
	/* The victim's slot has been another's, whose name is still in it. */
	kill_after(world, join_and_die);
	require(world, stoa_segment_reap(world->segment) == 1, "one who died is not reaped");
}

/* Who leaves gives back what it still holds: create_other() looks. */
static void hold_permit(struct world *world)
{
	struct stoa_semaphore *semaphore;
	int rc = create_other(world);

	rc = rc ? rc : stoa_semaphore_open(world->segment, "more 1", NULL, &semaphore);
	rc = rc ? rc : stoa_semaphore_wait(semaphore, &stoa_now);
	require(world, rc == 0, "the victim gets no permit: %s", stoa_strerror(rc));
	/* The second handle of two on one object: both go. */
	stoa_semaphore_close(semaphore);
	stoa_semaphore_close(semaphore);
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
	hold_permit(world);
}

/* Lists the directory: how many objects there are.  Each is one of those that somebody creates, and whole. */
static uint32_t list(struct world *world)
{
	struct stoa_segment_info segment = { .struct_size = sizeof segment };
	struct stoa_object_info info;
	uint32_t count = 0;
	int rc = stoa_segment_info(world->segment, &segment);

	require(world, rc == 0 && segment.objects == PLACES && segment.objects_published <= PLACES,
	        "info answers %s, and tells of %u objects", stoa_strerror(rc), segment.objects_published);
	for (uint32_t i = 0;; i++) {
		bool first;

		info.struct_size = sizeof info;
		rc = stoa_segment_object(world->segment, i, &info);
		if (rc == -ENOENT)
			break;
		require(world, rc == 0 || rc == STOA_EMPTY, "place %u answers %s", i, stoa_strerror(rc));
		if (rc == STOA_EMPTY)
			continue;
		count++;
		first = strcmp(info.name, "thing") == 0;
		require(world, first || strcmp(info.name, "new") == 0 || strncmp(info.name, "more", 4) == 0,
		        "place %u has the name '%s'", i, info.name);
		require(world,
		        first || !creates(world) || info.kind == kind_made(world) ||
		                (info.kind == STOA_KIND_SEMAPHORE && strcmp(info.name, "more 1") == 0),
		        "'%s' is of kind %u", info.name, info.kind);
	}
	return count;
}

static void life_victim_acts(struct world *world)
{
	struct stoa_segment *segment;
	struct stoa_queue *queue;
	int rc = 0;

	switch (world->scenario->operation) {
	case OP_ATTACH:
		rc = stoa_segment_open_fd(stoa_segment_fd(world->segment), 0, &segment);
		break;
	case OP_DETACH:
		rc = stoa_segment_close(world->segment);
		break;
	case OP_OPEN_QUEUE:
		rc = stoa_queue_open(world->segment, "thing", &small, &queue);
		break;
	case OP_LIST:
		world->board->victim.done = list(world);
		break;
	default:
		rc = create(world, "new");
	}
	victim_finishes(world, rc);
}

static void life_victim_ends(struct world *world)
{
	const struct stoa_segment *segment = world->segment;
	int rc = world->board->victim.rc;

	require(world, rc == 0, "the victim's operation answers %s", stoa_strerror(rc));
	if (world->scenario->operation == OP_ATTACH)
		require(world,
		        atom64_load_seq(&segment_participant(segment, segment->self)->state) ==
		                (segment->generation << 8 | PARTICIPANT_LIVE),
		        "the victim was taken for dead");
}

static void life_meddles(struct world *world)
{
	require(world, create(world, "new") == 0, "an object cannot be created");
}

/* ---- survivors ---- */

static void life_turn(struct world *world)
{
	uint32_t message = 1, got = 0;
	int rc = stoa_sender_push(world->sender, &message, sizeof message);

	require(world, rc == 0, "push answers %s", stoa_strerror(rc));
	rc = stoa_receiver_pop(world->receiver, &got, sizeof got, NULL);
	require(world, rc == 0 && got == message, "pop answers %s", stoa_strerror(rc));
}

/* Whether the victim, or who meddled, has created it already. */
static bool is_there(struct world *world)
{
	uint32_t entry;

	return object_find(world->segment, "new", &entry) == 0;
}

/* The queue that is there works, and so does what the victim was about to create. */
static void life_works(struct world *world)
{
	uint32_t listed = list(world), first = 1u + (world->scenario->operation == OP_DETACH);
	int rc;

	require(world, listed == first + is_there(world), "%u objects are listed", listed);
	if (world->fate.victim_dead && creates(world))
		world->board->phase = is_there(world);
	for (int i = 0; i < 4; i++)
		life_turn(world);
	require(world, stoa_segment_reap(world->segment) >= 0, "reaping fails");
	if (!creates(world) && world->scenario->operation != OP_LIST)
		return;
	rc = creates(world) ? create_other(world) : 0;
	require(world, rc == 0, "another object cannot be created: %s", stoa_strerror(rc));
	rc = create(world, "new");
	require(world, rc == 0, "what the victim was about to create cannot be created: %s",
	        stoa_strerror(rc));
	require(world, list(world) == 2u + creates(world), "%u objects are listed", list(world));
}

/* Every place of the directory can be had, and is found again. */
static void check_room(struct world *world)
{
	static const char *const names[] = { "new", "more 1", "more 2" };

	for (int i = 0; i < PLACES - 1; i++) {
		int rc = i == 1 ? create_other(world) : create(world, names[i]);

		require(world, rc == 0, "room was lost: '%s' cannot be created: %s", names[i],
		        stoa_strerror(rc));
	}
	require(world, list(world) == PLACES, "%u objects are listed, not %u", list(world), PLACES);
	require(world, create(world, "more 3") == -ENOSPC, "there is more room than was made");
}

static void life_audits(struct world *world)
{
	const struct fate *fate = &world->fate;
	enum operation operation = world->scenario->operation;
	bool comes_or_goes = operation == OP_ATTACH || operation == OP_DETACH;
	uint32_t others = world->scenario->stepped_reaper && !fate->reaper_gone;

	require(world, stoa_segment_reap(world->segment) >= 0, "reaping fails");
	if (fate->victim_resumed && operation == OP_LIST)
		require(world, world->board->victim.done == 1 || world->board->victim.done == 2,
		        "the victim has listed %lu objects", (unsigned long)world->board->victim.done);
	check_room(world);
	life_turn(world);
	/* Of one that comes or goes the copy, the kept original and the lock may differ. */
	check_participants(world, 1 + others + (!fate->victim_dead && !comes_or_goes),
	                   1 + others + !fate->victim_dead);
	check_directory(world, PLACES);
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
	switch (scenario_kind(scenario)) {
	case OF_QUEUE:
		return &queue_drama;
	case OF_VALUE:
		return &value_drama;
	case OF_LIFE:
		return &life_drama;
	case OF_NAME:
		return &name_drama;
	default:
		break;
	}
	switch (scenario->operation) {
	case OP_SEMAPHORE_POST:
	case OP_SEMAPHORE_WAIT:
		return &semaphore_drama;
	case OP_BARRIER_WAIT:
		return &barrier_drama;
	case OP_LOCK_ACQUIRE:
	case OP_LOCK_RELEASE:
		return &lock_drama;
	default:
		return &event_drama;
	}
}
