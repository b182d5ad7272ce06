/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * drama_queue.c - what the stage and the victim do to a queue.
 */
#include "drama_queue.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define NS_OF_WAIT 200000000
#define PARTICIPANTS 6

/* ---- the stage ---- */

/* The next in line is held by somebody who is not going to acknowledge it: its number, or that of a parcel's
 * first. */
static uint32_t expect_leased(struct world *world)
{
	for (uint32_t number = 1; number < world->next_number; number++) {
		struct message_record *record = &world->ledger[number];

		if (!record->committed || record->leased || record->seen)
			continue;
		for (uint32_t i = 0; i < world->scenario->pack; i++)
			record[i].leased = true;
		return number;
	}
	return 0;
}

static void lease_one(struct world *world)
{
	static struct stoa_message message;
	int rc;

	rc = stoa_receiver_open(world->queue, &world->receiver);
	require(world, rc == 0, "receiver_open answers %s", stoa_strerror(rc));
	rc = stoa_receiver_take(world->receiver, &message, &stoa_now);
	require(world, rc == 0, "take answers %s", stoa_strerror(rc));
}

static void push_and_die(struct world *world)
{
	int rc = stoa_sender_open(world->queue, &world->sender);

	require(world, rc == 0, "sender_open answers %s", stoa_strerror(rc));
	queue_push(world);
}

/* Others have died before, and nobody has reaped them: their intents stand open. */
static void wound(struct world *world)
{
	if (queue_many_senders(world) && world->scenario->capacity > 1) {
		struct stoa_sender *own = world->sender;

		kill_after(world, push_and_die);
		world->sender = own;
		queue_committed(world);
	}
	if (queue_many_receivers(world) ||
	    (world->scenario->topology == SPSC && scenario_receives(world->scenario->operation))) {
		struct stoa_receiver *own = world->receiver;

		kill_after(world, lease_one);
		world->receiver = own;
		expect_leased(world);
	}
}

static uint32_t wanted_at_first(const struct world *world)
{
	const struct scenario *scenario = world->scenario;

	if (scenario->close_with_senders && scenario->operation == OP_SENDER_OPEN)
		return 0; /* the victim is the first sender */
	return scenario->state == IS_EMPTY ? 0 : scenario->state == IS_FULL ? scenario->capacity : 1;
}

/* Who has a sender fills the queue: the stage, or the victim. */
static void fill(struct world *world)
{
	uint32_t wanted = wanted_at_first(world);

	for (uint32_t i = 0; i < wanted; i++) {
		int rc = queue_push(world);

		require(world, rc == STOA_OK, "push answers %s", stoa_strerror(rc));
	}
}

static void open_ends(struct world *world)
{
	enum operation operation = world->scenario->operation;
	int rc = 0;

	if ((queue_many_senders(world) || !scenario_sends(operation)) && !world->scenario->close_with_senders)
		rc = stoa_sender_open(world->queue, &world->sender);
	require(world, rc == 0, "sender_open answers %s", stoa_strerror(rc));
	if (queue_many_receivers(world) || !scenario_receives(operation))
		rc = stoa_receiver_open(world->queue, &world->receiver);
	require(world, rc == 0, "receiver_open answers %s", stoa_strerror(rc));
}

static void queue_config(const struct world *world, struct stoa_queue_config *config)
{
	const struct scenario *scenario = world->scenario;

	*config = (struct stoa_queue_config){
		.struct_size = sizeof *config,
		.capacity = scenario->capacity,
		.message_size = scenario->message_size,
		.senders = queue_many_senders(world) ? STOA_MANY : STOA_ONE,
		.receivers = queue_many_receivers(world) ? STOA_MANY : STOA_ONE,
		.handles = HANDLES,
		.holds = scenario->holds,
		.on_death = scenario->on_death,
		.pack = scenario->pack,
		.flags = scenario->close_with_senders ? STOA_CLOSE_WITH_SENDERS : 0,
	};
}

static void queue_stage(struct world *world)
{
	struct stoa_segment_config segment = {
		.struct_size = sizeof segment,
		.participants = PARTICIPANTS,
		.objects = 2,
	};
	struct stoa_queue_config config;
	int rc;

	queue_config(world, &config);
	rc = stoa_queue_footprint(&config, &segment.bytes);
	rc = rc ? rc : stoa_segment_create(NULL, &segment, &world->segment);
	rc = rc ? rc : stoa_queue_create(world->segment, "thing", &config, &world->queue);
	require(world, rc == 0, "the world cannot be made: %s", stoa_strerror(rc));
	world->base = world->segment->base;
	world->bytes = world->segment->bytes;
	world->next_number = 1;
	open_ends(world);
	if (world->sender)
		fill(world);
	else if (scenario_sends(world->scenario->operation)) /* the victim will */
		for (uint32_t i = wanted_at_first(world); i > 0; i--)
			queue_committed(world);
	if (world->scenario->state == IS_WOUNDED)
		wound(world);
	world->first_unsteady = world->next_number;
	if (world->scenario->operation == OP_RECEIVER_CLOSE && world->scenario->state != IS_EMPTY &&
	    world->next_number > 1) {
		uint32_t held = expect_leased(world);

		world->ledger[held].consumed = world->scenario->pack > 1; /* see victim_gets_receiver() */
	}
	for (int i = 0; scenario_sends(world->scenario->operation) && i < BATCH; i++)
		world->ledger[VICTIM_FIRST + i].maybe = true;
}

/* ---- the victim ---- */

static uint8_t offered[BATCH][OUT_ROOM];
static struct timespec until;

static void victim_gets_sender(struct world *world)
{
	bool fills = !queue_many_senders(world) || world->scenario->close_with_senders;
	void *bytes;
	int rc;

	if (world->scenario->operation == OP_SENDER_OPEN && world->scenario->close_with_senders)
		return;
	rc = stoa_sender_open(world->queue, &world->sender);

	require(world, rc == 0, "the victim's sender_open answers %s", stoa_strerror(rc));
	if (fills) {
		world->next_number = 1;
		fill(world);
	}
	if (world->scenario->operation == OP_SENDER_CLOSE)
		stoa_sender_reserve(world->sender, 4, &bytes);
}

static void victim_gets_receiver(struct world *world)
{
	static struct stoa_message message;
	int rc = stoa_receiver_open(world->queue, &world->receiver);

	require(world, rc == 0, "the victim's receiver_open answers %s", stoa_strerror(rc));
	if (world->scenario->operation != OP_RECEIVER_CLOSE)
		return;
	if (world->scenario->pack > 1) /* leaves the rest open */
		stoa_receiver_pop(world->receiver, world->board->victim.out[0], OUT_ROOM, NULL);
	else
		stoa_receiver_take(world->receiver, &message, &stoa_now);
}

/*
 * The victim is a child of the stage, and has its handles: a place for one is the parent's.  Not where the
 * dead are to stay as they are: who finds a place taken reaps.
 */
static void use_parents(struct world *world)
{
	uint8_t bytes[OUT_ROOM];
	int rc = -EBUSY;

	if (world->scenario->state == IS_WOUNDED)
		return;
	message_fill(world, VICTIM_FIRST, bytes);
	if (world->sender && !queue_many_senders(world))
		rc = stoa_sender_push(world->sender, bytes, message_size_of(world, VICTIM_FIRST));
	require(world, rc == -EBUSY, "a child pushes as its parent, and push answers %s", stoa_strerror(rc));
	if (world->receiver && !queue_many_receivers(world))
		rc = stoa_receiver_pop(world->receiver, bytes, sizeof bytes, NULL);
	require(world, rc == -EBUSY, "a child pops as its parent, and pop answers %s", stoa_strerror(rc));
}

static void queue_victim_prepares(struct world *world)
{
	enum operation operation = world->scenario->operation;
	uint32_t slot;
	int rc = participant_self(world->segment, &slot); /* a participant from here on */

	require(world, rc == 0, "the victim cannot join: %s", stoa_strerror(rc));
	use_parents(world);
	world->sender = NULL; /* the stage's */
	world->receiver = NULL;
	for (uint32_t i = 0; i < BATCH; i++) /* push_many: side by side */
		message_fill(world, VICTIM_FIRST + i,
		             offered[0] + i * (queue_many_sent(operation) ? world->scenario->message_size
		                                                          : OUT_ROOM));
	if (scenario_sends(operation))
		victim_gets_sender(world);
	if (operation == OP_SENDER_OPEN) {
		stoa_sender_close(world->sender);
		world->sender = NULL;
	}
	if (scenario_receives(operation) && operation != OP_RECEIVER_OPEN)
		victim_gets_receiver(world);
	until = stoa_deadline(NS_OF_WAIT);
}

static int commit_one(struct world *world)
{
	uint32_t size = message_size_of(world, VICTIM_FIRST);
	void *bytes;
	int rc = stoa_sender_reserve(world->sender, world->scenario->message_size, &bytes);

	if (rc)
		return rc;
	memcpy(bytes, offered[0], size);
	if (world->scenario->operation == OP_ABORT)
		return stoa_sender_abort(world->sender, bytes);
	rc = stoa_sender_commit(world->sender, bytes, size, &stoa_now);
	if (rc)
		stoa_sender_abort(world->sender, bytes);
	return rc;
}

/* Of a parcel the first message by itself, and the rest in place. */
static int take_and_end(struct world *world, uint64_t *done)
{
	struct victim_area *area = &world->board->victim;
	struct stoa_message message;
	uint32_t copied = 0;
	int rc = STOA_OK;

	if (world->scenario->pack > 1)
		rc = stoa_receiver_pop(world->receiver, area->out[copied++], OUT_ROOM, NULL);
	*done = rc == STOA_OK ? copied : 0;
	rc = rc ? rc : stoa_receiver_take(world->receiver, &message, &stoa_now);
	if (rc)
		return rc;
	if (world->scenario->operation == OP_RETURN)
		return stoa_receiver_return(world->receiver, &message);
	memcpy(area->out[copied], message.bytes, message.size);
	rc = stoa_receiver_release(world->receiver, &message);
	*done += rc == STOA_OK;
	return rc;
}

static int act_of_sender(struct world *world, uint64_t *done)
{
	uint32_t size = message_size_of(world, VICTIM_FIRST);
	size_t count = 0;
	int rc;

	switch (world->scenario->operation) {
	case OP_PUSH:
		rc = stoa_sender_push(world->sender, offered[0], size);
		break;
	case OP_SEND:
		rc = stoa_sender_send(world->sender, offered[0], size, &until);
		break;
	case OP_PUSH_MANY:
		rc = stoa_sender_push_many(world->sender, offered[0], size, BATCH, &count);
		*done = count;
		return rc;
	case OP_SENDER_OPEN:
		return stoa_sender_open(world->queue, &world->sender);
	case OP_SENDER_CLOSE:
		rc = stoa_sender_close(world->sender);
		world->sender = NULL;
		return rc;
	default:
		rc = commit_one(world);
		if (world->scenario->operation == OP_ABORT)
			return rc;
	}
	*done = rc == STOA_OK;
	return rc;
}

static int act_of_receiver(struct world *world, uint64_t *done)
{
	struct victim_area *area = &world->board->victim;
	size_t count = 0;
	int rc;

	switch (world->scenario->operation) {
	case OP_POP:
		rc = stoa_receiver_pop(world->receiver, area->out[0], OUT_ROOM, NULL);
		break;
	case OP_RECV:
		rc = stoa_receiver_recv(world->receiver, area->out[0], OUT_ROOM, NULL, &until);
		break;
	case OP_POP_MANY:
		rc = stoa_receiver_pop_many(world->receiver, area->out[0], OUT_ROOM, NULL, BATCH, &count);
		*done = count;
		return rc;
	case OP_RECEIVER_OPEN:
		return stoa_receiver_open(world->queue, &world->receiver);
	case OP_RECEIVER_CLOSE:
		rc = stoa_receiver_close(world->receiver);
		world->receiver = NULL;
		return rc;
	default:
		return take_and_end(world, done);
	}
	*done = rc == STOA_OK;
	return rc;
}

static void queue_victim_acts(struct world *world)
{
	enum operation operation = world->scenario->operation;
	uint64_t done = 0;
	int rc;

	if (operation == OP_DRAIN || operation == OP_NOW)
		rc = stoa_queue_shutdown(world->queue, operation == OP_DRAIN ? STOA_DRAIN : STOA_NOW);
	else if (operation == OP_REAP)
		rc = stoa_segment_reap(world->segment);
	else
		rc = scenario_sends(operation) ? act_of_sender(world, &done) : act_of_receiver(world, &done);
	world->board->victim.done = done;
	victim_finishes(world, rc);
}

static void queue_victim_ends(struct world *world)
{
	int rc = world->board->victim.rc;

	require(world, rc >= 0, "the victim's operation answers %s", stoa_strerror(rc));
	if (scenario_sends(world->scenario->operation))
		stoa_sender_close(world->sender);
	if (scenario_receives(world->scenario->operation))
		stoa_receiver_close(world->receiver);
}

/* ---- meddling: the stage, between two instructions of the victim ---- */

static void queue_meddles(struct world *world)
{
	enum meddling how = world->scenario->meddling;
	uint32_t rounds = how == MEDDLE_CYCLE                          ? world->scenario->capacity + 1
	                  : how == MEDDLE_FILL || how == MEDDLE_DRAIN ? world->scenario->capacity
	                                                               : 1;
	bool flagged;

	for (uint32_t i = 0; i < rounds; i++) {
		if (world->sender && how != MEDDLE_POP && how != MEDDLE_DRAIN)
			queue_push(world);
		if (world->receiver && how != MEDDLE_PUSH && how != MEDDLE_FILL)
			queue_take(world, &flagged);
	}
}

const struct drama queue_drama = {
	.stage = queue_stage,
	.victim_prepares = queue_victim_prepares,
	.victim_acts = queue_victim_acts,
	.victim_ends = queue_victim_ends,
	.meddles = queue_meddles,
	.turn = queue_turn,
	.works = queue_works,
	.audits = queue_audits,
};
