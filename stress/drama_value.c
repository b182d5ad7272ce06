/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * drama_value.c - what the processes of a world do to a value, or to an array with atomic ranges.
 *
 * A version of the value is a number, from which all its bytes follow.  The stage writes versions
 * 1, 2, ..., the survivors go on from there, the victim writes VICTIM_VERSION, or makes a number that
 * little greater than it is by which the survivors soon pass it: so a step back is seen.
 */
#include "step.h"

#include <errno.h>
#include <string.h>

#include "object.h"
#include "participant.h"

#define VICTIM_VERSION 1000u
#define SIZE_MOST 1024u
#define VICTIM_MORE 2
#define WRITERS 3
#define STORES 5 /* more than a writer has blocks, so that the victim's is used again and again */

static bool is_array(const struct world *world)
{
	return world->scenario->operation == OP_RANGE;
}

static bool is_number(const struct world *world)
{
	return world->scenario->operation == OP_NUMBER;
}

/* Bytes of the value; elements of the array are 8 bytes. */
static uint32_t size_of(const struct world *world)
{
	return is_number(world) ? 8 : is_array(world) ? world->scenario->message_size & ~7u
	                                              : world->scenario->message_size;
}

static void version_fill(const struct world *world, uint64_t version, uint8_t *to)
{
	memset(to, 0, SIZE_MOST);
	memcpy(to, &version, 8);
	for (uint32_t i = 8; i < size_of(world); i++)
		to[i] = (uint8_t)(version * 7 + i * 13);
}

/* Which version these bytes are; torn ones end the world. */
static uint64_t version_of(struct world *world, const uint8_t *bytes, const char *where)
{
	uint8_t whole[SIZE_MOST];
	uint64_t version;

	memcpy(&version, bytes, 8);
	version_fill(world, version, whole);
	require(world, memcmp(bytes, whole, size_of(world)) == 0,
	        "%s gives a torn value, that begins as version %lu", where, (unsigned long)version);
	return version;
}

/* What the victim writes: known to all, who come from the stage. */
static uint64_t victims_version(const struct world *world)
{
	enum state state = world->scenario->state;

	if (!is_number(world))
		return VICTIM_VERSION;
	return 1u + (state != IS_EMPTY) + (state == IS_WOUNDED) + VICTIM_MORE;
}

/* ---- calls ---- */

static uint64_t load(struct world *world)
{
	uint8_t bytes[SIZE_MOST] = { 0 };
	int rc = is_array(world) ? stoa_array_read(world->array, 0, size_of(world) / 8, bytes)
	                         : stoa_value_load(world->value, bytes);

	require(world, rc == 0, "load answers %s", stoa_strerror(rc));
	return version_of(world, bytes, "load");
}

static int store(struct world *world, uint64_t version)
{
	uint8_t bytes[SIZE_MOST];

	version_fill(world, version, bytes);
	return is_array(world) ? stoa_array_write(world->array, 0, size_of(world) / 8, bytes)
	                       : stoa_value_store(world->value, bytes);
}

static void store_next(struct world *world)
{
	int rc = store(world, ++world->version);

	require(world, rc == 0, "store answers %s", stoa_strerror(rc));
}

static int make(struct world *world, const void *initial, uint64_t *footprint)
{
	struct stoa_value_config value = {
		.struct_size = sizeof value,
		.type = is_number(world) ? STOA_U64 : STOA_BYTES,
		.size = size_of(world),
		.writers = is_number(world) ? 0 : WRITERS,
		.initial = initial,
	};
	struct stoa_array_config array = {
		.struct_size = sizeof array,
		.type = STOA_U64,
		.count = size_of(world) / 8,
		.flags = STOA_ATOMIC_RANGES,
		.initial = initial,
		.writers = WRITERS,
	};

	if (footprint)
		return is_array(world) ? stoa_array_footprint(&array, footprint)
		                       : stoa_value_footprint(&value, footprint);
	return is_array(world) ? stoa_array_create(world->segment, "thing", &array, &world->array)
	                       : stoa_value_create(world->segment, "thing", &value, &world->value);
}

/* ---- the drama ---- */

static void store_and_die(struct world *world)
{
	int rc = store(world, world->version + 1);

	require(world, rc == 0, "store answers %s", stoa_strerror(rc));
}

static void value_stage(struct world *world)
{
	struct stoa_segment_config segment = { .struct_size = sizeof segment,
		                               .participants = 6,
		                               .objects = 2 };
	uint8_t initial[SIZE_MOST];
	int rc;

	world->version = 1;
	version_fill(world, world->version, initial);
	rc = make(world, initial, &segment.bytes);
	rc = rc ? rc : stoa_segment_create(NULL, &segment, &world->segment);
	rc = rc ? rc : make(world, initial, NULL);
	require(world, rc == 0, "the world cannot be made: %s", stoa_strerror(rc));
	world->base = world->segment->base;
	world->bytes = world->segment->bytes;
	if (world->scenario->state != IS_EMPTY)
		store_next(world);
	if (world->scenario->state == IS_WOUNDED) {
		kill_after(world, store_and_die);
		world->version++;
	}
}

static uint8_t wanted[SIZE_MOST], expected[SIZE_MOST];

static void value_victim_prepares(struct world *world)
{
	uint32_t slot;
	int rc = participant_self(world->segment, &slot);

	if (world->scenario->state == IS_FULL) /* it has written before: the same version again */
		rc = store(world, world->version);
	require(world, rc >= 0, "the victim's store answers %s", stoa_strerror(rc));
	version_fill(world, VICTIM_VERSION, wanted);
	version_fill(world, world->version, expected);
}

static int to_wanted(void *bytes, void *context)
{
	memcpy(bytes, wanted, size_of(context));
	return 0;
}

static int act(struct world *world, uint8_t *out)
{
	uint64_t more = victims_version(world);

	switch (world->scenario->operation) {
	case OP_LOAD:
		return stoa_value_load(world->value, out);
	case OP_STORE:
		return stoa_value_store(world->value, wanted);
	case OP_EXCHANGE:
		return stoa_value_exchange(world->value, wanted, out);
	case OP_COMPARE:
		return stoa_value_compare_exchange(world->value, expected, wanted);
	case OP_UPDATE:
		return stoa_value_update(world->value, to_wanted, world);
	case OP_RANGE:
		return stoa_array_write(world->array, 0, size_of(world) / 8, wanted);
	default:
		return stoa_value_fetch_max(world->value, &more, out);
	}
}

static void value_victim_acts(struct world *world)
{
	struct victim_area *area = &world->board->victim;

	victim_finishes(world, act(world, (uint8_t *)area->out));
}

static void close_it(struct world *world)
{
	if (is_array(world))
		stoa_array_close(world->array);
	else
		stoa_value_close(world->value);
}

static void value_victim_ends(struct world *world)
{
	int rc = world->board->victim.rc;

	require(world, rc == 0 || rc == STOA_CHANGED, "the victim's operation answers %s", stoa_strerror(rc));
	if (world->scenario->operation == OP_EXCHANGE || world->scenario->operation == OP_LOAD)
		version_of(world, (uint8_t *)world->board->victim.out, "exchange");
	close_it(world);
}

static void value_meddles(struct world *world)
{
	uint32_t stores = world->scenario->meddling == MEDDLE_CYCLE ? STORES : 1;

	for (uint32_t i = 0; i < stores; i++)
		store_next(world);
}

static void value_turn(struct world *world)
{
	store_next(world);
	load(world);
}

/*
 * What is there is the last that was stored, or the victim's version, and that only forward: once the
 * survivors have stored over a dead victim's, it is gone for good.
 */
static void value_works(struct world *world)
{
	uint64_t version = load(world);

	require(world, version == world->version || version == victims_version(world),
	        "version %lu is there, not %lu", (unsigned long)version, (unsigned long)world->version);
	world->board->phase = version == victims_version(world);
	for (uint32_t i = 0; i < STORES; i++) {
		store_next(world);
		version = load(world);
		require(world, version == world->version, "version %lu is there after %lu was stored",
		        (unsigned long)version, (unsigned long)world->version);
	}
}

/* Whether what the victim does depends on the version that is there: others have written since. */
static bool depends(const struct world *world)
{
	return world->scenario->operation == OP_COMPARE || is_number(world);
}

static void value_audits(struct world *world)
{
	const struct fate *fate = &world->fate;
	uint64_t version = load(world);
	uint32_t live = 1u + !fate->victim_dead + (world->scenario->stepped_reaper && !fate->reaper_gone);
	int rc = stoa_segment_reap(world->segment);

	require(world, rc >= 0, "reaping answers %s", stoa_strerror(rc));
	require(world,
	        version == world->version ||
	                (!fate->victim_dead && version == VICTIM_VERSION && !depends(world)),
	        "version %lu is there, not %lu", (unsigned long)version, (unsigned long)world->version);
	for (uint32_t i = 0; i < STORES; i++)
		store_next(world);
	version = load(world);
	require(world, version == world->version, "version %lu is there after %lu was stored",
	        (unsigned long)version, (unsigned long)world->version);
	close_it(world);
	stoa_segment_reap(world->segment);
	/* A handle was kept from check_value_blocks(), which opens none. */
	check_value_blocks(world);
	check_participants(world, live, live);
	check_directory(world, 1);
}

const struct drama value_drama = {
	.stage = value_stage,
	.victim_prepares = value_victim_prepares,
	.victim_acts = value_victim_acts,
	.victim_ends = value_victim_ends,
	.meddles = value_meddles,
	.turn = value_turn,
	.works = value_works,
	.audits = value_audits,
};
