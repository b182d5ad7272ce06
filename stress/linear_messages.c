/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linear_messages.c - one message at a time: who sent it, who had it, and when it left the line.
 *
 * Patterns: a message that nobody sent, or other bytes than were sent (`invented`, `torn`); received before
 * it was sent (`early`); received twice without a reason (`twice`), or after it had been acknowledged
 * (`again`); flagged as redelivered without a reason (`flag`); never delivered again though its
 * holder died or gave it back (`lost`).
 *
 * A reason for a redelivery is a holder who gave it back or was killed before it had acknowledged it, or a
 * receiver that was killed in its call, and so may have had it unseen: a suspect.
 */
#include "linear_queue.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- gathering ---- */

static struct message *message_of(const struct queue_case *me, uint64_t value)
{
	size_t at = chance_mix(value) & (me->table_room - 1);

	for (; me->table[at]; at = (at + 1) & (me->table_room - 1)) {
		if (me->messages[me->table[at] - 1].value == value)
			return &me->messages[me->table[at] - 1];
	}
	return NULL;
}

static bool add_message(struct queue_case *me, const struct call *push)
{
	size_t at = chance_mix(push->argument) & (me->table_room - 1);

	if (message_of(me, push->argument)) {
		linear_found(me->linear, "ambiguous",
		             "%" PRIu64 " was sent twice: the history cannot be judged", push->argument);
		me->linear->answer = LINEAR_GAVE_UP;
		return false;
	}
	while (me->table[at])
		at = (at + 1) & (me->table_room - 1);
	me->messages[me->count] = (struct message){ .value = push->argument, .push = push };
	me->table[at] = (uint32_t)++me->count;
	return true;
}

static bool add_delivery(struct queue_case *me, const struct call *call, struct delivery *delivery)
{
	struct message *message = message_of(me, call->result);
	struct delivery **at;

	if (call->flags & CALL_TORN || !message) {
		bool torn = call->flags & CALL_TORN;

		linear_found(me->linear, torn ? "torn" : "invented",
		             torn ? "a message is not as it was sent" : "nobody sent message %" PRIu64,
		             call->result);
		linear_show(me->linear, me->history, &call, 1);
		return false;
	}
	delivery->call = call;
	for (at = &message->deliveries; *at && (*at)->call->start <= call->start; at = &(*at)->next)
		;
	delivery->next = *at;
	*at = delivery;
	return true;
}

/* The lease that a release or a return ends: the thread's last one of that message before it. */
static void end_lease(struct queue_case *me, const struct call *call)
{
	struct message *message = message_of(me, call->argument);
	struct delivery *lease = NULL;

	if (!message)
		return;
	for (struct delivery *d = message->deliveries; d; d = d->next) {
		if (d->call->thread == call->thread && d->call < call) /* a thread's calls stand in turn */
			lease = d;
	}
	if (lease)
		lease->end = call;
}

bool queue_gather(struct queue_case *me)
{
	size_t deliveries = 0;

	for (size_t i = 0; i < me->history->count; i++) {
		const struct call *call = &me->history->calls[i];

		if (call->kind == CALL_PUSH && call->outcome == STOA_OK && !add_message(me, call))
			return false;
		if (call->kind == CALL_DIE)
			me->deaths[call->thread] = call;
		if (is_receive(call) && call->flags & CALL_PENDING)
			me->suspects[me->suspect_count++] = call;
	}
	for (size_t i = 0; i < me->history->count; i++) {
		const struct call *call = &me->history->calls[i];

		if (is_receive(call) && !(call->flags & CALL_PENDING) && call->outcome == STOA_OK &&
		    !add_delivery(me, call, &me->deliveries[deliveries++]))
			return false;
	}
	for (size_t i = 0; i < me->history->count; i++) {
		const struct call *call = &me->history->calls[i];

		if ((call->kind == CALL_RELEASE || call->kind == CALL_RETURN) && call->outcome == STOA_OK)
			end_lease(me, call);
	}
	return true;
}

/* ---- deliveries ---- */

/* The call that acknowledged it, and has ended; NULL: none. */
static const struct call *acknowledged(const struct delivery *delivery)
{
	if (delivery->call->kind == CALL_POP)
		return delivery->call;
	if (!delivery->end || delivery->end->kind != CALL_RELEASE || delivery->end->flags & CALL_PENDING)
		return NULL;
	return delivery->end;
}

/* Whether the holder may have let it go unacknowledged, for a delivery that ended at `until`. */
static bool let_go(const struct queue_case *me, const struct delivery *holder, uint64_t until)
{
	const struct call *death = me->deaths[holder->call->thread];

	if (holder->end && holder->end->kind == CALL_RETURN && holder->end->start <= until)
		return true;
	return !me->history->discard && death && death->start <= until && !acknowledged(holder);
}

/* Whether `suspect` may have taken the message out of the line before `until`. */
static bool may_have_taken(const struct call *suspect, const struct message *message, uint64_t until)
{
	return suspect->end >= message->push->start && suspect->start <= until;
}

static bool has_reason(const struct queue_case *me, const struct message *message,
                       const struct delivery *again)
{
	for (const struct delivery *d = message->deliveries; d; d = d->next) {
		if (d != again && d->call->start <= again->call->end && let_go(me, d, again->call->end))
			return true;
	}
	for (size_t i = 0; i < me->suspect_count && !me->history->discard; i++) {
		if (may_have_taken(me->suspects[i], message, again->call->end))
			return true;
	}
	return false;
}

static bool accuse(struct queue_case *me, const struct message *message, const char *pattern,
                   const char *what)
{
	const struct call *calls[12] = { message->push };
	size_t n = 1;

	for (const struct delivery *d = message->deliveries; d && n + 3 <= 12; d = d->next) {
		calls[n++] = d->call;
		calls[n++] = d->end;
		calls[n++] = me->deaths[d->call->thread];
	}
	linear_found(me->linear, pattern, "message %" PRIu64 " %s", message->value, what);
	linear_show(me->linear, me->history, calls, n);
	return false;
}

/* The first delivery that is not flagged took it out of the line; all others must have a reason. */
static bool judge_deliveries(struct queue_case *me, struct message *message)
{
	for (struct delivery *d = message->deliveries; d; d = d->next) {
		bool flagged = d->call->flags & CALL_REDELIVERED;

		if (came_before(d->call, message->push))
			return accuse(me, message, "early", "was received before it was sent");
		for (const struct delivery *e = message->deliveries; e != d; e = e->next) {
			const struct call *end = acknowledged(e);

			if (end && came_before(end, d->call))
				return accuse(me, message, "again", "was received again after its end");
		}
		if (!flagged && !message->pop)
			message->pop = d->call;
		else if (!flagged && d->call->kind == CALL_TAKE)
			return accuse(me, message, "twice", "was received twice, and not flagged");
		else if (!has_reason(me, message, d))
			return accuse(me, message, flagged ? "flag" : "twice",
			              flagged ? "is flagged, and nobody gave it back or died with it"
			                      : "was received twice");
	}
	return true;
}

/* At the end of a drained history, whoever got it last must have acknowledged it, or begun to. */
static bool judge_end(struct queue_case *me, struct message *message)
{
	if (!me->history->drained || !message->deliveries)
		return true;
	for (const struct delivery *d = message->deliveries; d; d = d->next) {
		if (d->call->kind == CALL_POP || (d->end && d->end->kind == CALL_RELEASE))
			return true;
		if (me->deaths[d->call->thread] ? me->history->discard : !d->end)
			return true; /* dropped with its holder; or held to this day */
	}
	for (size_t i = 0; i < me->suspect_count; i++) {
		if (me->suspects[i]->end >= message->deliveries->call->start &&
		    (me->suspects[i]->kind == CALL_POP || me->history->discard))
			return true;
	}
	return accuse(me, message, "lost", "was given back, or its holder died, and nobody got it again");
}

/* ---- windows ---- */

/* The earliest a suspect may have taken it, and the latest; false: none can have. */
static bool hidden_window(const struct queue_case *me, const struct message *message, uint64_t until,
                          bool for_good, struct window *window)
{
	bool any = false;

	*window = (struct window){ .from = me->ranks, .to = 0 };
	for (size_t i = 0; i < me->suspect_count; i++) {
		const struct call *suspect = me->suspects[i];

		if (!may_have_taken(suspect, message, until))
			continue;
		if (for_good && suspect->kind == CALL_TAKE && !me->history->discard)
			continue; /* what dies in a take comes back */
		any = true;
		if (rank_of_start(me, suspect) < window->from)
			window->from = rank_of_start(me, suspect);
		if (rank_of_end(me, suspect) > window->to)
			window->to = rank_of_end(me, suspect);
	}
	return any;
}

static uint64_t last_end(const struct message *message)
{
	uint64_t last = 0;

	for (const struct delivery *d = message->deliveries; d; d = d->next)
		last = d->call->end > last ? d->call->end : last;
	return last;
}

static bool window_out(struct queue_case *me, struct message *message)
{
	uint64_t until = last_end(message);
	struct window hidden;

	if (message->pop) {
		message->out = (struct window){ rank_of_start(me, message->pop),
			                        rank_of_end(me, message->pop) };
		message->sure = true;
		/* A pop does not tell whether its message came out of the line or was redelivered. */
		if (message->pop->kind == CALL_POP && !me->history->discard &&
		    hidden_window(me, message, message->pop->end, false, &hidden) &&
		    hidden.from < message->out.from) {
			message->out.from = hidden.from;
			message->sure = false;
		}
	} else if (message->deliveries) {
		if (!hidden_window(me, message, until, false, &message->out))
			return accuse(me, message, "flag", "is flagged each time, and nobody was the first");
		message->hidden = true;
	} else {
		message->absent = message->push->flags & CALL_PENDING;
		message->out = (struct window){ me->ranks, me->ranks + 1 };
		if (hidden_window(me, message, HISTORY_NEVER, true, &hidden))
			message->out.from = hidden.from;
	}
	return true;
}

/* In the SPSC ring a place is free when its lease has ended. */
static void window_leaves(struct queue_case *me, struct message *message)
{
	const struct delivery *last = message->deliveries;

	message->leaves = message->out;
	while (last && last->next)
		last = last->next;
	if (!me->history->ring || !last)
		return;
	message->leaves.to = me->ranks + 1;
	if (!acknowledged(last))
		return;
	message->leaves.to = rank_of_end(me, last->end ? last->end : last->call);
	if (last->end)
		message->leaves.from = rank_of_start(me, last->end);
}

bool queue_windows(struct queue_case *me)
{
	for (size_t i = 0; i < me->count; i++) {
		struct message *message = &me->messages[i];

		message->in = (struct window){ rank_of_start(me, message->push),
			                       rank_of_end(me, message->push) };
		if (!judge_deliveries(me, message) || !judge_end(me, message))
			return false;
		if (!window_out(me, message))
			return false;
		window_leaves(me, message);
	}
	return true;
}
