/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * survivors_queue.c - what the others do in a queue's world, and what must hold.
 *
 * Of a message, at the end:
 *   committed, and the victim did not have it: delivered once
 *   held by one who died or gave it back: delivered once more, flagged, same id; under
 *     STOA_DISCARD not at all, and counted
 *   in the hands of a victim that was killed in the middle: still in line, or flagged, or gone, and
 *     then the victim has the whole of it
 *   offered by a victim that was killed in the middle: there or not; of several the first ones
 *
 * And an instruction later never less has happened (`phase`).
 */
#include "drama_queue.h"

#include <errno.h>
#include <string.h>

/* ---- while the victim is stopped, or dead ---- */

/*
 * A bounded number of operations, none of which may fail for the sake of one who is stopped or dead: what
 * is answered FULL has something to take, and who took something that was in line has made room.
 */
static void work_both_ways(struct world *world)
{
	uint32_t rounds = 2 * world->scenario->capacity + 3;

	for (uint32_t i = 0; i < rounds; i++) {
		bool flagged = false;
		int pushed = queue_push(world), taken = queue_take(world, &flagged);

		if (pushed == STOA_CLOSED || taken == STOA_CLOSED)
			return;
		require(world, taken == STOA_OK, "push answers %s, and then take %s", stoa_strerror(pushed),
		        stoa_strerror(taken));
		if (pushed == STOA_FULL && !flagged) {
			pushed = queue_push(world);
			require(world, pushed != STOA_FULL, "the queue stays full after a message was taken");
		}
	}
}

static void work_one_way(struct world *world)
{
	uint32_t most = world->scenario->capacity + 2 * world->scenario->holds;
	bool flagged;

	for (uint32_t i = 0; world->sender && queue_push(world) == STOA_OK; i++)
		require(world, i < world->scenario->capacity, "more than the capacity was pushed");
	for (uint32_t i = 0; world->receiver && queue_take(world, &flagged) == STOA_OK; i++)
		require(world, i < most, "more than the capacity was taken");
}

static void take_all(struct world *world)
{
	bool flagged;
	int rc;

	do {
		rc = queue_take(world, &flagged);
	} while (rc == STOA_OK);
}

/* Roles of the dead, and of who has left, are to be had. */
static void open_missing(struct world *world)
{
	int rc = 0;

	if (!world->receiver)
		rc = stoa_receiver_open(world->queue, &world->receiver);
	require(world, rc == 0, "receiver_open answers %s", stoa_strerror(rc));
	if (!world->sender)
		rc = stoa_sender_open(world->queue, &world->sender);
	require(world, rc == 0, "sender_open answers %s", stoa_strerror(rc));
}

/* Whether the victim came to the end of an operation that acknowledged the message. */
static bool acknowledged(const struct world *world, uint32_t number)
{
	return world->board->victim.finished && world->board->victim.done && queue_victim_has(world, number);
}

struct count {
	uint32_t offered, flagged, gone, proven;
};

/* One message that was surely committed, and not told to be consumed. */
static void judge(struct world *world, uint32_t number, struct count *count)
{
	const struct message_record *record = &world->ledger[number];
	bool receives = scenario_receives(world->scenario->operation);

	if (record->seen) {
		require(world, !record->flagged || record->leased || receives,
		        "message %u is flagged, and nobody had it", number);
		require(world, record->flagged || !record->leased, "message %u was held, and is not flagged",
		        number);
		require(world, !acknowledged(world, number),
		        "message %u was acknowledged, and delivered again", number);
		count->flagged += record->flagged && receives;
		return;
	}
	count->gone++;
	count->proven += queue_victim_has(world, number);
}

/* What became of the victim's own messages. */
static void judge_offered(struct world *world, struct count *count)
{
	uint64_t done = world->board->victim.done;

	for (uint32_t i = 0; i < BATCH; i++) {
		const struct message_record *record = &world->ledger[VICTIM_FIRST + i];

		if (queue_is_closing(world) & STOA_NOW)
			return;
		require(world, !record->seen || i == count->offered,
		        "message %u was sent, and one before was not", VICTIM_FIRST + i);
		count->offered += record->seen;
		require(world, !record->seen || !record->flagged, "message %u is flagged", VICTIM_FIRST + i);
		require(world, !world->board->victim.finished || record->seen == (i < done),
		        "the victim sent %lu, and message %u is %s", (unsigned long)done, VICTIM_FIRST + i,
		        record->seen ? "there" : "not there");
	}
}

static uint64_t discards(struct world *world)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	int rc = stoa_queue_stat(world->queue, &stat);

	require(world, rc == 0, "stat answers %s", stoa_strerror(rc));
	return stat.discarded;
}

static void check_ledger(struct world *world)
{
	struct count count = { 0 };
	uint64_t discarded = discards(world);

	for (uint32_t number = 1; number < world->next_number; number++) {
		if (world->ledger[number].committed && !world->ledger[number].consumed)
			judge(world, number, &count);
	}
	if (scenario_sends(world->scenario->operation))
		judge_offered(world, &count);
	require(world,
	        world->scenario->pack == 1 || count.offered != 1 ||
	                !queue_many_sent(world->scenario->operation),
	        "half of a parcel was sent");
	world->board->phase = count.offered + count.flagged + 2 * count.gone + (queue_is_closing(world) != 0);
	if (!queue_redelivers(world) && (world->scenario->operation == OP_RETURN ||
	                           world->scenario->operation == OP_RECEIVER_CLOSE))
		world->board->phase = 0; /* discarded first, given back later */
	if (queue_is_closing(world) & STOA_NOW)
		require(world, discarded * world->scenario->pack >= count.gone - count.proven,
		        "%u messages are gone, and %lu counted as discarded", count.gone,
		        (unsigned long)discarded);
	else if (queue_redelivers(world))
		require(world, count.gone == count.proven, "%u messages are lost", count.gone - count.proven);
	else
		require(world,
		        discarded <= count.gone &&
		                discarded * world->scenario->pack + count.proven >= count.gone,
		        "%u messages are gone, %lu counted as discarded, %u received", count.gone,
		        (unsigned long)discarded, count.proven);
	if (world->fate.victim_resumed && scenario_receives(world->scenario->operation) &&
	    queue_redelivers(world) && !(queue_is_closing(world) & STOA_NOW))
		require(world, count.gone == world->board->victim.done,
		        "the victim received %lu, and %u are gone", (unsigned long)world->board->victim.done,
		        count.gone);
}

/* Exactly `capacity` go in, and come out in order. */
static void check_capacity(struct world *world)
{
	uint32_t first = world->next_number, count = 0;
	bool flagged;

	if (queue_is_closing(world))
		return;
	while (queue_push(world) == STOA_OK)
		count++;
	require(world, queue_is_closing(world) || count == world->scenario->capacity,
	        "%u messages went in, not %u", count, world->scenario->capacity);
	for (uint32_t i = 0; i < count; i++) {
		int rc = queue_take(world, &flagged);

		require(world,
		        rc == STOA_OK && !flagged && world->ledger[first + i * world->scenario->pack].seen,
		        "message %u of %u did not come in its turn: %s", i, count, stoa_strerror(rc));
	}
	require(world, queue_take(world, &flagged) != STOA_OK, "the queue has more than was sent");
}

/* Somebody has the role of a sender: from then on it counts that there was one, whoever dies. */
static bool somebody_sends(const struct world *world)
{
	const struct queue_view *view = &world->queue->view;
	uint32_t count = view->spsc ? 1 : view->shape.handles;

	for (uint32_t n = 0; n < count; n++) {
		const struct atom64 *role = view->spsc ? &view->shared->sole[QUEUE_SENDS]
		                                       : &exchange_handle(&view->xring.exchange, n)->role;

		if (role_of(atom64_load_seq(role)) == ROLE_SENDER)
			return true;
	}
	return false;
}

/* The last sender has gone, and the queue is to close with its senders. */
static void check_alone(struct world *world)
{
	uint64_t word;

	if (world->fate.reaper_frozen)
		/* What a slice of a wait does: reaping alone may have to wait. */
		queue_look_after(world->queue);
	word = atom64_load_seq(&world->queue->view.shared->closing);
	if (!world->scenario->close_with_senders || world->sender || !(word & CLOSING_HAD_SENDERS))
		return;
	require(world, word & CLOSING_HOW, "the last sender has gone, and the queue stays open");
}

/* `sent`: there was a sender when the victim died. */
static void recover(struct world *world, bool sent)
{
	int rc = stoa_segment_reap(world->segment);
	uint64_t word = atom64_load_seq(&world->queue->view.shared->closing);

	require(world, rc >= 0, "reaping answers %s", stoa_strerror(rc));
	require(world, !sent || !world->scenario->close_with_senders || (word & CLOSING_HAD_SENDERS),
	        "there was a sender, and that is forgotten");
	check_alone(world);
	open_missing(world);
	take_all(world);
	check_ledger(world);
	check_capacity(world);
}

/*
 * Whatever handles the dead left are opened again while their reaper is stopped, and used; when it goes on
 * it must leave them alone.  A lease that it took for the dead one's would be delivered again.
 */
static void reuse(struct world *world)
{
	int rc;

	world->leased.private_words[0] = 0;
	if (queue_is_closing(world) || queue_push(world) != STOA_OK)
		return;
	if (queue_many_receivers(world)) {
		rc = stoa_receiver_open(world->queue, &world->reused);
		require(world, rc == 0, "receiver_open answers %s", stoa_strerror(rc));
	}
	rc = stoa_receiver_take(world->reused ? world->reused : world->receiver, &world->leased, &stoa_now);
	require(world, rc == 0, "take answers %s", stoa_strerror(rc));
	queue_see(world, &world->leased);
	if (!queue_many_senders(world))
		return;
	rc = stoa_sender_open(world->queue, &world->reused_sender);
	require(world, rc == 0, "sender_open answers %s", stoa_strerror(rc));
	queue_push_by(world, world->reused_sender);
}

static void end_reuse(struct world *world)
{
	int rc;

	if (!world->leased.private_words[0])
		return;
	rc = stoa_receiver_release(world->reused ? world->reused : world->receiver, &world->leased);
	require(world, rc == 0, "release answers %s", stoa_strerror(rc));
	if (world->reused_sender)
		queue_push_by(world, world->reused_sender);
	stoa_receiver_close(world->reused);
	stoa_sender_close(world->reused_sender);
}

void queue_turn(struct world *world)
{
	bool flagged;

	if (world->sender)
		queue_push(world);
	if (world->receiver)
		queue_take(world, &flagged);
}

/* Somebody holds a message while the queue drains: nobody may be told that nothing will come. */
static void drain_beside_a_lease(struct world *world)
{
	struct stoa_message message;
	uint32_t number;
	bool flagged;
	int rc;

	if (world->scenario->holds < 2 || !queue_redelivers(world) || !world->receiver ||
	    stoa_receiver_take(world->receiver, &message, &stoa_now) != STOA_OK)
		return;
	memcpy(&number, message.bytes, sizeof number);
	require(world, number < MESSAGES_MAX, "a torn message was delivered: id %lu",
	        (unsigned long)message.id);
	for (uint32_t i = 0; i < message.count; i++)
		world->ledger[number + i].leased = true;
	do
		rc = queue_take(world, &flagged);
	while (rc == STOA_OK);
	require(world, rc == STOA_EMPTY, "message %u is held, and take answers %s", number,
	        stoa_strerror(rc));
	rc = stoa_receiver_return(world->receiver, &message);
	require(world, rc == 0, "return answers %s", stoa_strerror(rc));
}

void queue_works(struct world *world)
{
	bool sent = world->fate.victim_dead && somebody_sends(world);

	if (world->scenario->operation == OP_DRAIN)
		drain_beside_a_lease(world);
	if (world->sender && world->receiver)
		work_both_ways(world);
	else
		work_one_way(world);
	if (world->fate.victim_dead) {
		recover(world, sent);
		check_capacity(world);
		if (world->fate.reaper_frozen)
			reuse(world);
	} else {
		int rc = stoa_segment_reap(world->segment);

		require(world, rc >= 0, "reaping answers %s", stoa_strerror(rc));
	}
}

static void check_stat(struct world *world)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	int rc = stoa_queue_stat(world->queue, &stat);
	uint64_t committed = world->committed_count, offered = 0;

	require(world, rc == 0, "stat answers %s", stoa_strerror(rc));
	if (stat.shutdown == STOA_NOW)
		return;
	for (uint32_t i = 0; i < BATCH; i++)
		offered += world->ledger[VICTIM_FIRST + i].seen;
	committed += (offered + world->scenario->pack - 1) / world->scenario->pack;
	require(world, stat.sent == committed && stat.received == committed,
	        "%lu messages were sent, stat says %lu sent and %lu received", (unsigned long)committed,
	        (unsigned long)stat.sent, (unsigned long)stat.received);
	require(world, stat.length == 0 && stat.held == 0,
	        "the queue is empty, stat says length %lu, held %lu", (unsigned long)stat.length,
	        (unsigned long)stat.held);
	require(world, stat.senders == 1 && stat.receivers == 1, "stat says %u senders, %u receivers",
	        stat.senders, stat.receivers);
}

/* With every hold reserved a sender has nothing left to push with. */
static void check_reserved(struct world *world)
{
	void *bytes[8] = { NULL };
	uint8_t message[OUT_ROOM] = { 0 };
	uint32_t holds = world->scenario->holds;
	int rc;

	if (queue_is_closing(world))
		return;
	for (uint32_t k = 0; k < holds; k++) {
		rc = stoa_sender_reserve(world->sender, world->scenario->message_size, &bytes[k]);
		require(world, rc == 0, "reservation %u of %u answers %s", k + 1, holds, stoa_strerror(rc));
	}
	rc = stoa_sender_push(world->sender, message, world->scenario->message_size);
	require(world, rc == -ENOBUFS, "every hold is reserved, and push answers %s", stoa_strerror(rc));
	for (uint32_t k = 0; k < holds; k++)
		stoa_sender_abort(world->sender, bytes[k]);
}

/* All handles can be opened, so none was lost. */
static void check_handles(struct world *world)
{
	struct stoa_sender *senders[HANDLES];
	uint32_t wanted = queue_many_senders(world) ? HANDLES : 1;

	for (uint32_t i = 0; i < wanted; i++) {
		int rc = stoa_sender_open(world->queue, &senders[i]);

		require(world, rc == 0, "sender %u of %u cannot be opened: %s", i + 1, wanted,
		        stoa_strerror(rc));
	}
	for (uint32_t i = 0; i < wanted; i++)
		stoa_sender_close(senders[i]);
}

void queue_audits(struct world *world)
{
	const struct fate *fate = &world->fate;
	unsigned how = queue_is_closing(world);
	uint32_t live;
	int rc;

	end_reuse(world);
	rc = stoa_segment_reap(world->segment);
	require(world, rc >= 0, "reaping answers %s", stoa_strerror(rc));
	check_alone(world);
	open_missing(world);
	take_all(world);
	if (how || queue_is_closing(world)) {
		struct stoa_message message;

		rc = stoa_receiver_take(world->receiver, &message, &stoa_now);
		require(world, rc == STOA_CLOSED, "the queue is closed and drained, and take answers %s",
		        stoa_strerror(rc));
	}
	check_ledger(world);
	check_capacity(world);
	check_stat(world);
	check_reserved(world);
	stoa_sender_close(world->sender);
	stoa_receiver_close(world->receiver);
	/* After STOA_NOW nobody takes orphans any more, and they keep their handles. */
	if (!(queue_is_closing(world) & STOA_NOW))
		check_handles(world);
	stoa_segment_reap(world->segment);
	check_queue_blocks(world);
	live = 1u + !fate->victim_dead + (world->scenario->stepped_reaper && !fate->reaper_gone);
	check_participants(world, live, live);
	check_directory(world, 1);
}
