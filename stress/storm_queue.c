/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * storm_queue.c - what senders and receivers do, and what they write down of it.
 *
 * A sender writes TRIED before the call, and SENT or REFUSED after it; so only of what the dead one was just
 * at it is unknown whether it was sent.  A number that was refused is used for the next message.
 *
 * A receiver writes into its log after the call.  What a call copies lies in the ledger (`out`), so that of
 * a dead one's last pop everything can be found that it may have acknowledged: a message is copied, whole,
 * before that.  Leases need no such thing: what was taken and not entered was not acknowledged either.
 */
#include "storm.h"

#include <errno.h>
#include <string.h>

/* ---- opening and closing ---- */

static bool is_one(const struct storm_worker *me)
{
	return (me->kind == SENDER ? storm->scenario.senders : storm->scenario.receivers) == STOA_ONE;
}

/* False where the other one of a STOA_ONE end lives. */
static bool try_open(struct storm_worker *me)
{
	enum storm_call call = me->kind == SENDER ? CALL_SENDER_OPEN : CALL_RECEIVER_OPEN;
	int rc;

	for (int tries = 0;; tries++) {
		call_begins(me, call);
		rc = me->kind == SENDER ? stoa_sender_open(me->queue, &me->sender)
		                        : stoa_receiver_open(me->queue, &me->receiver);
		call_ends(me);
		/* Some handles are the dead's, and somebody is just reaping them. */
		if (rc != -EUSERS || tries > (int)(PATIENCE_NS / MS))
			break;
		os_sleep_ns(MS);
	}
	must(me, rc == 0 || (rc == -EBUSY && is_one(me)), call, rc);
	return rc == 0;
}

void end_open(struct storm_worker *me)
{
	if (me->kind == SCRIBE || !try_open(me))
		return;
	if (is_one(me))
		place_taken(me, me->kind == SENDER ? PLACE_SENDER : PLACE_RECEIVER, 1);
}

/* Each message of a lease: of one sender, and numbered through. */
static void enter_lease(struct storm_worker *me, const struct storm_lease *lease, enum entry_what what)
{
	for (uint32_t i = 0; i < lease->message.count; i++)
		storm_enter(me->seat, (struct entry){
					      .what = (uint8_t)what,
					      .sender = (uint8_t)lease->sender,
					      .number = lease->number + i,
				      });
}

void end_close(struct storm_worker *me)
{
	if (!me->sender && !me->receiver)
		return;
	if (is_one(me))
		place_left(me, me->kind == SENDER ? PLACE_SENDER : PLACE_RECEIVER);
	if (me->kind == SENDER) {
		call_begins(me, CALL_SENDER_CLOSE);
		stoa_sender_close(me->sender);
		me->reserved_count = 0;
	} else {
		call_begins(me, CALL_RECEIVER_CLOSE);
		stoa_receiver_close(me->receiver);
		while (me->lease_count)
			enter_lease(me, &me->leases[--me->lease_count], ENTRY_RETURNED);
	}
	me->sender = NULL;
	me->receiver = NULL;
	call_ends(me);
}

/* The other one has the place: something else, then. */
static bool is_open(struct storm_worker *me)
{
	if (!me->sender && !me->receiver)
		end_open(me);
	if (me->sender || me->receiver)
		return true;
	scribe_acts(me);
	os_sleep_ns(any_scale(&me->seed, 20));
	return false;
}

static struct timespec soon(struct storm_worker *me)
{
	return stoa_deadline((int64_t)any_scale(&me->seed, 26)); /* up to 67 ms */
}

/* ---- senders ---- */

static size_t any_size(struct storm_worker *me)
{
	return SMALLEST + below(&me->seed, storm->message_size - SMALLEST + 1);
}

static uint32_t try_numbers(struct storm_worker *me, uint32_t many)
{
	uint32_t first = (uint32_t)atom64_load_rlx(&me->desk->next); /* relaxed: one writer at a time */

	for (uint32_t i = 0; i < many; i++)
		elem8_store_rlx(storm_state(me->seat, first + i), TRIED);
	atom64_store_rel(&me->desk->next, first + many);
	return first;
}

/* The first `done` of them were sent, the others surely not. */
static void tried(struct storm_worker *me, uint32_t first, uint32_t many, uint32_t done)
{
	for (uint32_t i = 0; i < many; i++)
		elem8_store_rlx(storm_state(me->seat, first + i), i < done ? SENT : REFUSED);
	atom64_store_rel(&me->desk->next, first + done);
	call_ends(me);
	count(&me->desk->sent, done);
	if (first + MARGIN + BATCH_MAX >= NUMBERS)
		atom32_store_seq(&storm->full, 1);
}

/* Whether to go on at once. */
static bool push_one(struct storm_worker *me, bool wait)
{
	uint8_t bytes[LARGEST];
	struct timespec deadline = soon(me);
	enum storm_call call = wait ? CALL_SEND : CALL_PUSH;
	size_t size = any_size(me);
	uint32_t number = try_numbers(me, 1);
	int rc;

	note_fill(bytes, size, me->seat, number);
	call_begins(me, call);
	rc = wait ? stoa_sender_send(me->sender, bytes, size, &deadline)
	          : stoa_sender_push(me->sender, bytes, size);
	tried(me, number, 1, rc == 0);
	must(me,
	     rc == 0 || rc == (wait ? STOA_TIMEOUT : STOA_FULL) ||
	             (rc == -ENOBUFS && me->reserved_count == storm->holds),
	     call, rc);
	return rc == 0;
}

static void push_many(struct storm_worker *me)
{
	uint8_t bytes[BATCH_MAX * LARGEST];
	uint32_t many = 1 + (uint32_t)below(&me->seed, BATCH_MAX), number = try_numbers(me, many);
	size_t size = any_size(me), done;
	int rc;

	for (uint32_t i = 0; i < many; i++)
		note_fill(bytes + i * size, size, me->seat, number + i);
	call_begins(me, CALL_PUSH_MANY);
	rc = stoa_sender_push_many(me->sender, bytes, size, many, &done);
	tried(me, number, many, (uint32_t)done);
	must(me,
	     (rc == 0) == (done == many) &&
	             (rc == 0 || rc == STOA_FULL || (rc == -ENOBUFS && me->reserved_count == storm->holds)),
	     CALL_PUSH_MANY, rc);
}

static void reserve(struct storm_worker *me)
{
	void *bytes;
	int rc;

	call_begins(me, CALL_RESERVE);
	rc = stoa_sender_reserve(me->sender, storm->message_size, &bytes);
	call_ends(me);
	must(me, rc == (me->reserved_count == storm->holds ? -ENOBUFS : 0), CALL_RESERVE, rc);
	if (rc)
		return;
	memset(bytes, 0xa5, storm->message_size); /* what is never to be seen */
	me->reserved[me->reserved_count++] = bytes;
}

/* Any of what is reserved; messages are numbered as they are committed. */
static void commit(struct storm_worker *me)
{
	uint32_t k = (uint32_t)below(&me->seed, me->reserved_count), number;
	bool wait = below(&me->seed, 2);
	struct timespec deadline = soon(me);
	size_t size = any_size(me);
	int rc;

	if (below(&me->seed, 8) == 0) {
		call_begins(me, CALL_ABORT);
		rc = stoa_sender_abort(me->sender, me->reserved[k]);
		call_ends(me);
		must(me, rc == 0, CALL_ABORT, rc);
	} else {
		number = try_numbers(me, 1);
		note_fill(me->reserved[k], size, me->seat, number);
		call_begins(me, CALL_COMMIT);
		rc = stoa_sender_commit(me->sender, me->reserved[k], size, wait ? &deadline : &stoa_now);
		tried(me, number, 1, rc == 0);
		must(me, rc == 0 || rc == (wait ? STOA_TIMEOUT : STOA_FULL), CALL_COMMIT, rc);
	}
	if (rc == 0)
		me->reserved[k] = me->reserved[--me->reserved_count];
}

void sender_acts(struct storm_worker *me)
{
	uint64_t what = below(&me->seed, 100), times = any_scale(&me->seed, 6);

	if (!is_open(me))
		return;
	if (atom32_load_seq(&storm->full)) {
		os_sleep_ns(MS);
		return;
	}
	if (what < 3)
		end_close(me);
	else if (what < 45)
		while (times-- && push_one(me, false))
			;
	else if (what < 60)
		while (times-- && push_one(me, true))
			;
	else if (what < 70)
		push_many(me);
	else if (what < 80 || !me->reserved_count)
		reserve(me);
	else
		commit(me);
}

/* ---- receivers ---- */

static void enter_message(struct storm_worker *me, const void *bytes, size_t size, struct entry entry)
{
	uint32_t sender, number;

	if (note_read(bytes, size < LARGEST ? size : LARGEST, &sender, &number) != size)
		storm_fault("a torn message of %zu bytes was received", size);
	entry.sender = (uint8_t)sender;
	entry.number = number;
	storm_enter(me->seat, entry);
	count(&me->desk->received, 1);
}

static void pop_begins(struct storm_worker *me, enum storm_call call)
{
	for (uint32_t i = 0; i < BATCH_MAX; i++)
		memset(me->desk->out[i], 0, SMALLEST); /* no message any more */
	atom64_store_rel(&me->desk->pop_began, atom64_load_rlx(&me->desk->entries));
	call_begins(me, call);
}

static bool allowed_to_receivers(const struct storm_worker *me, int rc, int nothing)
{
	return rc == 0 || rc == nothing || (rc == -ENOBUFS && me->lease_count == storm->holds);
}

static bool pop_one(struct storm_worker *me, bool wait)
{
	struct timespec deadline = soon(me);
	enum storm_call call = wait ? CALL_RECV : CALL_POP;
	size_t size;
	int rc;

	pop_begins(me, call);
	rc = wait ? stoa_receiver_recv(me->receiver, me->desk->out, LARGEST, &size, &deadline)
	          : stoa_receiver_pop(me->receiver, me->desk->out, LARGEST, &size);
	must(me, allowed_to_receivers(me, rc, wait ? STOA_TIMEOUT : STOA_EMPTY), call, rc);
	if (rc == 0)
		enter_message(me, me->desk->out, size, (struct entry){ .what = ENTRY_POPPED });
	call_ends(me);
	return rc == 0;
}

static void pop_many(struct storm_worker *me)
{
	size_t sizes[BATCH_MAX], done, many = 1 + below(&me->seed, BATCH_MAX);
	int rc;

	pop_begins(me, CALL_POP_MANY);
	rc = stoa_receiver_pop_many(me->receiver, me->desk->out, LARGEST, sizes, many, &done);
	must(me, allowed_to_receivers(me, rc, STOA_EMPTY) && (rc == 0) == (done > 0), CALL_POP_MANY, rc);
	for (size_t i = 0; i < done; i++)
		enter_message(me, me->desk->out[i], sizes[i], (struct entry){ .what = ENTRY_POPPED });
	call_ends(me);
}

/* Too little room: it must stay first in line. */
static void pop_narrowly(struct storm_worker *me)
{
	size_t size;
	int rc;

	pop_begins(me, CALL_POP);
	rc = stoa_receiver_pop(me->receiver, me->desk->out, SMALLEST - 1, &size);
	must(me, rc != 0 && (rc == -EMSGSIZE || allowed_to_receivers(me, rc, STOA_EMPTY)), CALL_POP, rc);
	call_ends(me);
}

static bool take(struct storm_worker *me)
{
	struct storm_lease lease;
	struct timespec deadline = soon(me);
	bool wait = below(&me->seed, 2), again;
	size_t size;
	int rc;

	call_begins(me, CALL_TAKE);
	rc = stoa_receiver_take(me->receiver, &lease.message, wait ? &deadline : &stoa_now);
	must(me, allowed_to_receivers(me, rc, wait ? STOA_TIMEOUT : STOA_EMPTY), CALL_TAKE, rc);
	if (rc == 0) {
		again = lease.message.flags & STOA_REDELIVERED;
		if (lease.message.deliveries == 0 || again != (lease.message.deliveries > 1))
			storm_fault("a message comes with %u deliveries, and flags %#x",
			            lease.message.deliveries, lease.message.flags);
		if (lease.message.count == 0 || lease.message.count > storm->scenario.pack)
			storm_fault("%u messages came at once", lease.message.count);
		size = lease.message.size / lease.message.count;
		for (uint32_t i = 0; i < lease.message.count; i++)
			enter_message(me, (const uint8_t *)lease.message.bytes + i * size, size,
			              (struct entry){
					      .what = again ? ENTRY_TAKEN_AGAIN : ENTRY_TAKEN,
					      .id = lease.message.id,
					      .deliveries = (uint16_t)lease.message.deliveries,
				      });
		note_read(lease.message.bytes, size, &lease.sender, &lease.number);
		me->leases[me->lease_count++] = lease;
	}
	call_ends(me);
	return rc == 0;
}

static void end_lease(struct storm_worker *me)
{
	uint32_t k = (uint32_t)below(&me->seed, me->lease_count), sender, number;
	struct storm_lease *lease = &me->leases[k];
	bool give_back = below(&me->seed, 8) == 0;
	enum storm_call call = give_back ? CALL_RETURN : CALL_RELEASE;
	int rc;

	if (!note_read(lease->message.bytes, lease->message.size, &sender, &number) ||
	    sender != lease->sender || number != lease->number)
		storm_fault("a message has changed under its lease");
	atom32_store_rlx(&me->desk->at_sender, lease->sender);
	atom32_store_rlx(&me->desk->at_number, lease->number);
	atom32_store_rlx(&me->desk->at_count, lease->message.count);
	call_begins(me, call);
	rc = give_back ? stoa_receiver_return(me->receiver, &lease->message)
	               : stoa_receiver_release(me->receiver, &lease->message);
	must(me, rc == 0, call, rc);
	lease->message.count = atom32_load_rlx(&me->desk->at_count); /* relaxed: our own word */
	enter_lease(me, lease, give_back ? ENTRY_RETURNED : ENTRY_RELEASED);
	call_ends(me);
	*lease = me->leases[--me->lease_count];
}

void receiver_acts(struct storm_worker *me)
{
	uint64_t what = below(&me->seed, 100), times = any_scale(&me->seed, 6);

	if (!is_open(me))
		return;
	if (atom32_load_seq(&storm->full)) {
		os_sleep_ns(MS);
		return;
	}
	if (what < 3)
		end_close(me);
	else if (what < 30)
		while (times-- && pop_one(me, false))
			;
	else if (what < 40)
		while (times-- && pop_one(me, true))
			;
	else if (what < 50)
		pop_many(me);
	else if (what < 52)
		pop_narrowly(me);
	else if (what < 70)
		take(me);
	else if (me->lease_count && what < 90)
		end_lease(me);
	else
		while (times-- && take(me))
			end_lease(me);
}
