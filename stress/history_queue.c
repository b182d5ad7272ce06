/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_queue.c - what the workers do to a queue.
 *
 * A message is its number and words that follow from it, in a size that follows from it, too.  Thread 0
 * sends, thread 1 receives, the others do both where the topology allows it.
 */
#include "history_run.h"

#include <errno.h>
#include <string.h>

#include "history_wrap.h"

#define BATCH 8
#define LARGEST 128
#define HOLDS 4

struct party {
	struct worker *me;
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	struct stoa_message leases[HOLDS];
	uint64_t values[HOLDS]; /* of the leases */
	unsigned leased;
	unsigned idle; /* answers of nothing in turn */
	struct wrap wrap;
};

/* ---- messages ---- */

static size_t size_of(const struct worker *me, uint64_t value)
{
	return 8 * (1 + (size_t)(value % (me->plan->message_size / 8)));
}

static size_t fill(const struct worker *me, void *bytes, uint64_t value)
{
	uint64_t *words = bytes;
	size_t size = size_of(me, value);

	words[0] = value;
	for (size_t i = 1; i < size / 8; i++)
		words[i] = chance_mix(value + i);
	return size;
}

/* Its number; CALL_TORN in the flags where it is none. */
static uint64_t read_message(const struct worker *me, const void *bytes, size_t size, uint8_t *flags)
{
	const uint64_t *words = bytes;
	bool whole = size >= 8 && size == size_of(me, words[0]);

	for (size_t i = 1; whole && i < size / 8; i++)
		whole = words[i] == chance_mix(words[0] + i);
	if (!whole)
		*flags |= CALL_TORN;
	return size >= 8 ? words[0] : 0;
}

/* ---- set up ---- */

static struct stoa_queue_config shape(const struct round_plan *plan)
{
	uint32_t handles = 2 * plan->options->processes * plan->options->threads + 8;

	return (struct stoa_queue_config){
		.struct_size = sizeof(struct stoa_queue_config),
		.capacity = plan->capacity,
		.message_size = plan->message_size,
		.senders = plan->scenario->senders,
		.receivers = plan->scenario->receivers,
		.handles = plan->scenario->flags & SCENARIO_KILL ? 2 * handles : handles,
		.holds = HOLDS,
		.on_death = plan->scenario->flags & SCENARIO_DISCARD ? STOA_DISCARD : STOA_REDELIVER,
		.pack = plan->scenario->flags & SCENARIO_PACK ? BATCH : 1,
	};
}

uint64_t queue_messages(const struct round_plan *plan)
{
	return plan->capacity * (plan->scenario->flags & SCENARIO_PACK ? BATCH : 1);
}

uint64_t queue_room(const struct round_plan *plan)
{
	struct stoa_queue_config config = shape(plan);
	uint64_t bytes = 0;

	stoa_queue_footprint(&config, &bytes);
	return bytes;
}

int queue_set_up(const struct round_plan *plan, struct stoa_segment *segment)
{
	struct stoa_queue_config config = shape(plan);
	struct stoa_queue *queue;
	int rc = stoa_queue_create(segment, "queue", &config, &queue);

	return rc ? rc : stoa_queue_close(queue);
}

/* Roles of the dead are free again when they have been reaped. */
static int open_patiently(struct party *party, bool sender)
{
	int rc;

	do {
		rc = sender ? stoa_sender_open(party->queue, &party->sender)
		            : stoa_receiver_open(party->queue, &party->receiver);
		if (rc == -EBUSY || rc == -EUSERS)
			os_sleep_ns(1000000);
	} while ((rc == -EBUSY || rc == -EUSERS) && worker_goes_on(party->me));
	return rc;
}

static int join(struct party *party, bool sends, bool receives)
{
	int rc = stoa_queue_open(party->me->segment, "queue", NULL, &party->queue);

	if (rc == 0 && sends)
		rc = open_patiently(party, true);
	if (rc == 0 && receives)
		rc = open_patiently(party, false);
	return rc;
}

/* ---- sending ---- */

static bool pushed(struct party *party, const char *call, int rc, uint64_t count)
{
	if (rc < 0 || (rc != STOA_OK && rc != STOA_FULL && rc != STOA_TIMEOUT))
		return worker_fault(party->me, call, rc);
	party->me->value += count;
	party->me->done += count;
	party->idle = rc ? party->idle + 1 : 0;
	return true;
}

static bool send_one(struct party *party)
{
	struct worker *me = party->me;
	unsigned flags = me->plan->scenario->flags;
	uint64_t words[LARGEST / 8];
	struct timespec deadline;
	void *bytes = NULL;
	size_t size;
	int rc;

	if (flags & SCENARIO_LEASE && worker_roll(me, 4) == 0) {
		rc = stoa_sender_reserve(party->sender, me->plan->message_size, &bytes);
		if (rc)
			return worker_fault(me, "reserve", rc);
		size = fill(me, bytes, me->value);
		if (me->plan->stamp_every == 1)
			recorder_resume(&me->log);
		call_begins(&me->log, CALL_PUSH, 0, me->value, 0);
		rc = stoa_sender_commit(party->sender, bytes, size, &stoa_now);
		call_ends(&me->log, rc, 0, 0);
		if (rc)
			stoa_sender_abort(party->sender, bytes);
		return pushed(party, "commit", rc, rc == STOA_OK);
	}
	size = fill(me, words, me->value);
	if (flags & SCENARIO_WAIT && worker_roll(me, 4)) {
		deadline = stoa_deadline((int64_t)worker_roll(me, 2000000));
		call_begins(&me->log, CALL_PUSH, 0, me->value, 0);
		rc = stoa_sender_send(party->sender, words, size, &deadline);
	} else {
		call_begins(&me->log, CALL_PUSH, 0, me->value, 0);
		rc = wrap_push(&party->wrap, party->sender, words, size);
	}
	call_ends(&me->log, rc, 0, 0);
	return pushed(party, "push", rc, rc == STOA_OK);
}

/*
 * Parcels are full ones, taken whole: what a receiver keeps of one it has not received, though nobody else
 * can, and by the order of single messages that would be wrong.
 */
static size_t batch_of(struct worker *me)
{
	return me->plan->scenario->flags & SCENARIO_PACK ? BATCH : 1 + worker_roll(me, BATCH);
}

static bool send_many(struct party *party)
{
	struct worker *me = party->me;
	uint64_t words[BATCH][LARGEST / 8];
	size_t count = batch_of(me), size = size_of(me, me->value), done = 0;
	uint32_t mark = recorder_mark(&me->log);
	uint8_t *bytes = (uint8_t *)words;
	int rc;

	/* All of one size: numbers that are equal modulo the number of sizes. */
	for (size_t i = 0; i < count; i++) {
		uint64_t value = me->value + i * (me->plan->message_size / 8);

		fill(me, bytes + i * size, value);
		call_begins(&me->log, CALL_PUSH, 0, value, 0);
	}
	rc = stoa_sender_push_many(party->sender, words, size, count, &done);
	recorder_stamp(&me->log);
	for (size_t i = 0; i < count && i <= done; i++)
		recorder_end(&me->log, mark + (uint32_t)i, i < done ? STOA_OK : rc, 0, 0);
	recorder_end_batch(&me->log, mark, count, done);
	if (!pushed(party, "push_many", rc, done))
		return false;
	me->value += count * (me->plan->message_size / 8); /* more than were sent: none is used twice */
	return true;
}

/* ---- receiving ---- */

static bool received(struct party *party, const char *call, int rc, uint64_t count)
{
	if (rc != STOA_OK && rc != STOA_EMPTY && rc != STOA_TIMEOUT)
		return worker_fault(party->me, call, rc);
	party->me->done += count;
	party->idle = rc ? party->idle + 1 : 0;
	return true;
}

static bool receive_one(struct party *party)
{
	struct worker *me = party->me;
	uint64_t words[LARGEST / 8] = { 0 }, value = 0;
	struct timespec deadline = stoa_now;
	uint8_t flags = 0;
	size_t size = 0;
	int rc;

	if (me->plan->scenario->flags & SCENARIO_WAIT && worker_roll(me, 4))
		deadline = stoa_deadline((int64_t)worker_roll(me, 2000000));
	call_begins(&me->log, CALL_POP, 0, 0, 0);
	if (deadline.tv_sec || deadline.tv_nsec)
		rc = stoa_receiver_recv(party->receiver, words, sizeof words, &size, &deadline);
	else
		rc = wrap_pop(&party->wrap, party->receiver, words, sizeof words, &size);
	if (rc == STOA_OK)
		value = read_message(me, words, size, &flags);
	call_ends(&me->log, rc, value, flags);
	return received(party, "pop", rc, rc == STOA_OK);
}

static bool receive_many(struct party *party)
{
	struct worker *me = party->me;
	uint64_t words[BATCH][LARGEST / 8];
	size_t count = batch_of(me), sizes[BATCH], done = 0;
	uint32_t mark = recorder_mark(&me->log);
	int rc;

	for (size_t i = 0; i < count; i++)
		call_begins(&me->log, CALL_POP, 0, 0, 0);
	rc = stoa_receiver_pop_many(party->receiver, words, sizeof words[0], sizes, count, &done);
	recorder_stamp(&me->log);
	for (size_t i = 0; i < count && i <= done; i++) {
		uint8_t flags = 0;
		uint64_t value = i < done ? read_message(me, words[i], sizes[i], &flags) : 0;

		recorder_end(&me->log, mark + (uint32_t)i, i < done ? STOA_OK : STOA_EMPTY, value, flags);
	}
	recorder_end_batch(&me->log, mark, count, done);
	return received(party, "pop_many", rc, done);
}

/* The oldest lease. */
static bool end_lease(struct party *party, bool give_back)
{
	struct worker *me = party->me;
	int rc;

	call_begins(&me->log, give_back ? CALL_RETURN : CALL_RELEASE, 0, party->values[0], 0);
	rc = give_back ? stoa_receiver_return(party->receiver, &party->leases[0])
	               : stoa_receiver_release(party->receiver, &party->leases[0]);
	call_ends(&me->log, rc, 0, 0);
	if (rc)
		return worker_fault(me, give_back ? "return" : "release", rc);
	party->leased--;
	memmove(party->leases, party->leases + 1, party->leased * sizeof *party->leases);
	memmove(party->values, party->values + 1, party->leased * sizeof *party->values);
	return true;
}

static bool take_one(struct party *party, const struct timespec *deadline, int *answer)
{
	struct worker *me = party->me;
	struct stoa_message *message = &party->leases[party->leased];
	uint8_t flags = 0;
	uint64_t value = 0;
	int rc;

	call_begins(&me->log, CALL_TAKE, 0, 0, 0);
	rc = stoa_receiver_take(party->receiver, message, deadline);
	if (rc == STOA_OK) {
		value = read_message(me, message->bytes, message->size, &flags);
		if (message->flags & STOA_REDELIVERED)
			flags |= CALL_REDELIVERED;
		party->values[party->leased++] = value;
	}
	call_ends(&me->log, rc, value, flags);
	*answer = rc;
	return received(party, "take", rc, rc == STOA_OK);
}

static bool lease_one(struct party *party)
{
	struct worker *me = party->me;
	struct timespec deadline = stoa_deadline((int64_t)worker_roll(me, 1000000));
	int rc;

	if (party->leased && (party->leased == HOLDS - 1 || worker_roll(me, 2)))
		return end_lease(party, worker_roll(me, 32) == 0);
	return take_one(party, worker_roll(me, 8) ? &stoa_now : &deadline, &rc);
}

/* ---- work ---- */

static bool act(struct party *party)
{
	unsigned flags = party->me->plan->scenario->flags;
	bool sends = party->sender && (!party->receiver || worker_roll(party->me, 2));

	if (sends)
		return flags & SCENARIO_BATCH ? send_many(party) : send_one(party);
	return flags & SCENARIO_BATCH   ? receive_many(party)
	       : flags & SCENARIO_LEASE ? lease_one(party)
	                                : receive_one(party);
}

static bool leave(struct party *party)
{
	while (party->leased) {
		if (!end_lease(party, false))
			return false;
	}
	stoa_sender_close(party->sender);
	stoa_receiver_close(party->receiver);
	stoa_queue_close(party->queue);
	return true;
}

bool queue_work(struct worker *me)
{
	const struct scenario *scenario = me->plan->scenario;
	struct party party = { .me = me, .wrap = { .lie = me->plan->options->lie } };
	bool sends = me->number == 0 || (me->number > 1 && scenario->senders == STOA_MANY);
	bool receives = me->number == 1 || (me->number > 1 && scenario->receivers == STOA_MANY);
	int rc = join(&party, sends, receives);

	if (rc && worker_goes_on(me))
		return worker_fault(me, "open", rc);
	recorder_resume(&me->log);
	while (rc == 0 && (sends || receives) && worker_goes_on(me)) {
		if (!act(&party))
			return false;
		if (party.idle > 20) {
			recorder_resume(&me->log);
			os_yield(); /* who could change that may have no processor */
			party.idle = 0;
			recorder_resume(&me->log);
		}
	}
	return leave(&party);
}

bool queue_audit(struct worker *me)
{
	struct party party = { .me = me };
	bool killed = me->plan->scenario->flags & SCENARIO_KILL;
	int rc = join(&party, false, true);

	if (rc)
		return worker_fault(me, "audit", rc);
	recorder_resume(&me->log);
	while (me->plan->scenario->flags & SCENARIO_PACK && !party.idle && !me->log.full) {
		if (!receive_many(&party))
			return false;
	}
	/* What the dead held comes within a slice of a wait. */
	for (int calm = 0; calm < (killed ? 2 : 1);) {
		struct timespec deadline = stoa_deadline(120000000);

		if (killed && (rc = stoa_segment_reap(me->segment)) < 0)
			return worker_fault(me, "reap", rc);
		if (!take_one(&party, killed ? &deadline : &stoa_now, &rc))
			return false;
		calm = rc == STOA_OK ? 0 : calm + 1;
		while (party.leased) {
			if (!end_lease(&party, false))
				return false;
		}
		if (me->log.full)
			return true;
	}
	return leave(&party);
}
