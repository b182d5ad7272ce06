/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * ledger.c - messages of a queue's world, and what is known of each.
 *
 * Every message has a number, from which its size and bytes follow.  The ledger says of each
 * number whether it was committed, and how often, how and with what id it came out.  Numbers from
 * VICTIM_FIRST on are the victim's.
 */
#include "drama_queue.h"

#include <string.h>

bool queue_many_sent(enum operation operation)
{
	return operation == OP_PUSH_MANY;
}

uint32_t message_size_of(const struct world *world, uint32_t number)
{
	uint32_t most = world->scenario->message_size;

	if (world->scenario->pack > 1)
		return most;
	if (number >= VICTIM_FIRST && number < VICTIM_FIRST + BATCH &&
	    queue_many_sent(world->scenario->operation))
		return most;
	return 4 + number * 7 % (most - 3);
}

void message_fill(const struct world *world, uint32_t number, void *bytes)
{
	uint32_t size = message_size_of(world, number);
	uint8_t *to = bytes;

	memcpy(to, &number, 4);
	for (uint32_t i = 4; i < size; i++)
		to[i] = (uint8_t)(number * 31 + i);
}

/* The number of a whole message; -1: torn. */
static int message_number(const struct world *world, const void *bytes, uint64_t size)
{
	uint8_t whole[OUT_ROOM];
	uint32_t number;

	if (size < 4 || size > OUT_ROOM)
		return -1;
	memcpy(&number, bytes, 4);
	if (number == 0 || number >= MESSAGES_MAX || message_size_of(world, number) != size)
		return -1;
	message_fill(world, number, whole);
	return memcmp(bytes, whole, size) == 0 ? (int)number : -1;
}

/* Whether the victim has the whole message in its memory. */
bool queue_victim_has(const struct world *world, uint32_t number)
{
	for (int i = 0; i < OUT_COUNT; i++) {
		if (message_number(world, world->board->victim.out[i], message_size_of(world, number)) ==
		    (int)number)
			return true;
	}
	return false;
}

/* ---- who has what ---- */

bool queue_many_senders(const struct world *world)
{
	return world->scenario->topology == MPSC || world->scenario->topology == MPMC;
}

bool queue_many_receivers(const struct world *world)
{
	return world->scenario->topology == SPMC || world->scenario->topology == MPMC;
}

bool queue_redelivers(const struct world *world)
{
	return world->scenario->on_death == STOA_REDELIVER;
}

/* ---- the calls of stage and survivors ---- */

void queue_committed(struct world *world)
{
	for (uint32_t i = 0; i < world->scenario->pack; i++)
		world->ledger[world->next_number++].committed = true;
	world->committed_count++;
}

/* Whatever is answered, the ledger knows. */
int queue_push_by(struct world *world, struct stoa_sender *sender)
{
	uint32_t number = world->next_number, pack = world->scenario->pack;
	uint32_t size = message_size_of(world, number);
	uint8_t bytes[PACK_MOST * OUT_ROOM];
	size_t done;
	int rc;

	require(world, number + pack <= MESSAGES_MAX, "the ledger is full");
	for (uint32_t i = 0; i < pack; i++)
		message_fill(world, number + i, bytes + i * size);
	rc = pack > 1 ? stoa_sender_push_many(sender, bytes, size, pack, &done)
	              : stoa_sender_push(sender, bytes, size);
	require(world, rc == STOA_OK || rc == STOA_FULL || rc == STOA_CLOSED, "push answers %s",
	        stoa_strerror(rc));
	if (rc == STOA_OK)
		queue_committed(world);
	world->was_closed |= rc == STOA_CLOSED;
	return rc;
}

int queue_push(struct world *world)
{
	return queue_push_by(world, world->sender);
}

/* The i-th of those that came at once. */
static void see_one(struct world *world, const struct stoa_message *message, uint32_t i)
{
	size_t size = message->size / message->count;
	int number = message_number(world, (const uint8_t *)message->bytes + i * size, size);
	struct message_record *record;
	bool flagged = message->flags & STOA_REDELIVERED;

	require(world, number > 0, "a torn message was delivered: id %lu, %zu bytes",
	        (unsigned long)message->id, message->size);
	record = &world->ledger[number];
	require(world, record->committed || record->maybe, "message %d was delivered, which nobody sent",
	        number);
	require(world, !record->seen && !record->consumed, "message %d was delivered twice", number);
	require(world, flagged == (message->deliveries > 1), "message %d: %u deliveries, flags %u", number,
	        message->deliveries, message->flags);
	require(world,
	        (uint32_t)number >= world->first_unsteady ||
	                message->id == ((uint64_t)number - 1) / world->scenario->pack,
	        "message %d changed its id to %lu", number, (unsigned long)message->id);
	record->seen = true;
	record->flagged = flagged;
	if (!flagged) { /* in line: behind all that came out before */
		require(world, message->id >= world->next_id || i > 0,
		        "message %d came too late: its id is %lu", number, (unsigned long)message->id);
		world->next_id = message->id + 1;
	}
}

void queue_see(struct world *world, const struct stoa_message *message)
{
	require(world, message->count > 0 && message->count <= world->scenario->pack,
	        "%u messages came at once", message->count);
	for (uint32_t i = 0; i < message->count; i++)
		see_one(world, message, i);
}

int queue_take(struct world *world, bool *flagged)
{
	struct stoa_message message;
	int rc = stoa_receiver_take(world->receiver, &message, &stoa_now);

	require(world, rc == STOA_OK || rc == STOA_EMPTY || rc == STOA_CLOSED, "take answers %s",
	        stoa_strerror(rc));
	world->was_closed |= rc == STOA_CLOSED;
	if (rc != STOA_OK)
		return rc;
	*flagged = message.flags & STOA_REDELIVERED;
	queue_see(world, &message);
	rc = stoa_receiver_release(world->receiver, &message);
	require(world, rc == 0, "release answers %s", stoa_strerror(rc));
	return STOA_OK;
}

unsigned queue_is_closing(const struct world *world)
{
	return atom64_load_seq(&world->queue->view.shared->closing) & CLOSING_HOW;
}
