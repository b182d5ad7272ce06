/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * exchange_settle.c - what the dead held, and how that is found out.
 *
 * Did the last compare-and-swap of a dead owner succeed?
 *   Look where the block is that it offered.  Read all intents, scan all cells and orphan
 *   cells, read the intents again, and use only those that did not change.  A block seen in
 *   a cell, or held by a settled slot, is accounted for.  A slot that
 *   stands between `out` and `got` and whose `out` is accounted for elsewhere holds `got`,
 *   and the other way round; that accounts for one more block; and so on.
 *
 *   Each step is sound at one moment of the scan: a stable slot held one of its two blocks
 *   all the time, and a block that is elsewhere at that moment is not in it.  The dead
 *   slot holds the same block at every moment.  A chain of steps keeps the moment of its
 *   start, so chains that start at different moments may be mixed.
 *
 *   It always ends where nothing moves: docs/exchange-ring.md has the proof, and its premise
 *   (P).  Where the living move too much to decide, the reaper looks again, up to DECIDE_TRIES
 *   times, and then leaves it to the next one: a decision is obstruction-free.  Nobody waits for
 *   it, but whoever reaps makes the attempt inside its own call.
 *
 * After a decision
 *   A block that is nobody's message: the slot is SETTLED with it.  A message that was taken
 *   and not acknowledged: the slot's intent becomes REDELIVER(x, l), then its orphan cell
 *   goes from lap l - 1 to FULL(l, x); a receiver takes it by putting its own empty block
 *   there, and the slot is settled with that.  Each of these steps is a compare-and-swap from
 *   an exact word, decided by words that only move forward, so any number of reapers may
 *   work at once, and the next one continues where one died.
 *
 *   A reaper may also be stopped with such an exact word in hand, and wake up much later.
 *   While it lives its hazard keeps the dead owner's slots from being given to anybody
 *   (participant.c), so the words it can find are the one it decided on, or later ones of
 *   the same tenure, which never repeat: sequence, lap, state.
 */
#include <errno.h>
#include <stdlib.h>

#include "exchange.h"
#include "os.h"

#define DECIDE_TRIES 1000
#define STILL_TRIES 16

/* ---- the decision ---- */

enum decision {
	UNDECIDED,
	HOLDS_OUT, /* its last compare-and-swap failed, or was never done */
	HOLDS_GOT, /* it succeeded */
};

/* What one scan found; slots are numbered through. */
struct scan {
	uint64_t *intents;
	uint64_t *wraps;
	uint64_t *orphans; /* read between the two readings of the intents, as the cells are */
	bool *stable;
	enum decision *decisions; /* by propagate() */
	bool *accounted;          /* by block: it is in a cell, or in a slot that is known to hold it */
	const struct exchange *exchange;
};

static void scan_free(struct scan *scan)
{
	free(scan->intents);
	free(scan->wraps);
	free(scan->orphans);
	free(scan->stable);
	free(scan->decisions);
	free(scan->accounted);
}

static int scan_make(struct scan *scan, const struct exchange *exchange)
{
	uint32_t slots = exchange_slots(exchange);

	*scan = (struct scan){
		.intents = malloc(slots * sizeof *scan->intents),
		.wraps = malloc(slots * sizeof *scan->wraps),
		.orphans = malloc(slots * sizeof *scan->orphans),
		.stable = malloc(slots * sizeof *scan->stable),
		.decisions = malloc(slots * sizeof *scan->decisions),
		.accounted = malloc(exchange->blocks * sizeof *scan->accounted),
		.exchange = exchange,
	};
	if (scan->intents && scan->wraps && scan->orphans && scan->stable && scan->decisions &&
	    scan->accounted)
		return 0;
	scan_free(scan);
	return -ENOMEM;
}

static void account(struct scan *scan, uint64_t block)
{
	if (block < scan->exchange->blocks)
		scan->accounted[block] = true;
}

static void read_intents(struct scan *scan)
{
	for (uint32_t n = 0; n < exchange_slots(scan->exchange); n++) {
		struct exchange_slot *slot = exchange_nth_slot(scan->exchange, n);

		scan->wraps[n] = atom64_load_seq(&slot->wraps);
		scan->intents[n] = atom64_load_seq(&slot->intent); /* [X1] */
	}
}

static void reread_intents(struct scan *scan)
{
	for (uint32_t n = 0; n < exchange_slots(scan->exchange); n++) {
		struct exchange_slot *slot = exchange_nth_slot(scan->exchange, n);
		uint64_t intent = atom64_load_seq(&slot->intent); /* [X1] */

		scan->stable[n] = (intent == scan->intents[n] || DEFECT(DEFECT_SCAN_MOVING)) &&
		                  atom64_load_seq(&slot->wraps) == scan->wraps[n];
	}
}

/* The block that a slot is known to hold without looking elsewhere; false where that is open. */
static bool holds_surely(const struct scan *scan, uint32_t n, uint32_t *block)
{
	uint64_t intent = scan->intents[n];

	if (intent_kind(intent) == INTENT_TAKE && (intent & INTENT_ACKNOWLEDGED)) {
		*block = intent_got(intent);
		return true;
	}
	*block = intent_out(intent);
	return intent_kind(intent) == INTENT_SETTLED;
}

/*
 * What the orphan cell of a slot holds: a message, where it is FULL; else, where the slot waits for
 * this very lap, the slot's own block; before it, the slot still has the message itself.  The last two
 * only of a slot that did not change: else the cell may be a lap further than the intent, and the
 * message that the intent names may be anywhere, even in the slot that is to be decided.
 */
static void account_orphan(struct scan *scan, uint32_t n)
{
	uint64_t intent = scan->intents[n], orphan = scan->orphans[n];

	if (orphan_state(orphan) == ORPHAN_FULL)
		account(scan, orphan_block(orphan));
	else if ((scan->stable[n] || DEFECT(DEFECT_SCAN_ORPHAN)) && intent_kind(intent) == INTENT_REDELIVER)
		account(scan, orphan_lap(orphan) == intent_got(intent) ? orphan_block(orphan)
		                                                       : intent_out(intent));
}

static void scan_world(struct scan *scan)
{
	const struct exchange *exchange = scan->exchange;
	uint32_t block;

	memset(scan->accounted, 0, exchange->blocks * sizeof *scan->accounted);
	read_intents(scan);
	for (uint64_t i = 0; i < exchange->cell_count; i++)
		account(scan, atom64_load_seq(&exchange->cells[i]) & exchange->block_mask);
	for (uint32_t n = 0; n < exchange_slots(exchange); n++)
		scan->orphans[n] = atom64_load_seq(&exchange_nth_slot(exchange, n)->orphan);
	if (DEFECT(DEFECT_SCAN_ORDER))
		read_intents(scan);
	reread_intents(scan);
	for (uint32_t n = 0; n < exchange_slots(exchange); n++) {
		scan->decisions[n] = UNDECIDED;
		account_orphan(scan, n);
		if (scan->stable[n] && holds_surely(scan, n, &block))
			account(scan, block);
	}
}

/* Whether slot n stands between two blocks. */
static bool is_open(const struct scan *scan, uint32_t n)
{
	enum intent_kind kind = intent_kind(scan->intents[n]);

	return (kind == INTENT_OFFER || kind == INTENT_TAKE) && !(scan->intents[n] & INTENT_ACKNOWLEDGED) &&
	       intent_out(scan->intents[n]) < scan->exchange->blocks &&
	       intent_got(scan->intents[n]) < scan->exchange->blocks;
}

/* Follows what is known until nothing more comes of it. */
static void propagate(struct scan *scan, uint32_t except)
{
	bool more = true;

	while (more) {
		more = false;
		for (uint32_t n = 0; n < exchange_slots(scan->exchange); n++) {
			uint32_t out = intent_out(scan->intents[n]), got = intent_got(scan->intents[n]);

			if (n == except || !scan->stable[n] || !is_open(scan, n) ||
			    scan->accounted[out] == scan->accounted[got])
				continue;
			/* One of the two is elsewhere: the slot has the other. */
			scan->decisions[n] = scan->accounted[out] ? HOLDS_GOT : HOLDS_OUT;
			scan->accounted[out] = scan->accounted[got] = true;
			more = !DEFECT(DEFECT_SCAN_ONE_LINK);
		}
	}
}

static bool all_stable(const struct scan *scan)
{
	uint32_t n = 0;

	while (n < exchange_slots(scan->exchange) && scan->stable[n])
		n++;
	return n == exchange_slots(scan->exchange);
}

/* Of slot n, which is open, and whose owner is dead or cannot succeed any more. */
static enum decision decide(struct scan *scan, uint32_t n, uint64_t intent)
{
	uint32_t out = intent_out(intent), got = intent_got(intent);
	unsigned still = 0;

	for (int i = 0; i < DECIDE_TRIES; i++) {
		scan_world(scan);
		if (scan->intents[n] != intent || !scan->stable[n] || !is_open(scan, n))
			return UNDECIDED; /* another reaper was faster, or the words are corrupt */
		propagate(scan, n);
		if (scan->accounted[out] != scan->accounted[got])
			return scan->accounted[out] ? HOLDS_GOT : HOLDS_OUT;
		still = all_stable(scan) ? still + 1 : 0;
		if (still == STILL_TRIES)
			return UNDECIDED; /* where nothing moves one scan decides: the words are corrupt */
		if (i > 2)
			os_yield();
	}
	return UNDECIDED;
}

/* ---- the dead ---- */

/*
 * One step of the redelivery that `intent` tells of.  True where there is nothing more to do: the
 * orphan waits to be taken.
 */
static bool redeliver_step(struct exchange_slot *slot, uint64_t intent, bool discard, uint32_t *orphans)
{
	uint64_t orphan = atom64_load_seq(&slot->orphan);
	uint32_t lap = intent_got(intent), out = intent_out(intent);

	if (orphan_lap(orphan) != lap) {
		uint32_t deliveries = tally_deliveries(atom64_load_seq(&slot->tally));
		uint64_t next = orphan_word(lap, deliveries, ORPHAN_FULL, out);

		if (lap_after(orphan_lap(orphan)) != lap)
			return false; /* another reaper has gone on: the intent has moved, too */
		if (discard) {
			if (!DEFECT(DEFECT_DISCARD_UNCOUNTED))
				slot_count_discard(slot, lap);
			next = orphan_word(lap, 0, ORPHAN_FREE, out);
		}
		if (DEFECT(DEFECT_REDELIVER_STORE))
			atom64_store_seq(&slot->orphan, next);
		else if (atom64_load_seq(&slot->intent) == intent)
			atom64_cas_seq(&slot->orphan, &orphan, next); /* [X4] */
		return false;
	}
	if (orphan_state(orphan) == ORPHAN_FULL) {
		++*orphans; /* also another reaper's, which may have died before it told anybody */
		return true;
	}
	if (orphan_state(orphan) == ORPHAN_RETAKEN && !DEFECT(DEFECT_RETAKEN_SETTLED))
		atom64_cas_seq(&slot->intent, &intent,
		               intent_next(intent, INTENT_REDELIVER, orphan_block(orphan), lap_after(lap)));
	else
		atom64_cas_seq(&slot->intent, &intent,
		               intent_next(intent, INTENT_SETTLED, orphan_block(orphan),
		                           orphan_block(orphan)));
	return false;
}

/* The next word for a dead slot whose last exchange was acknowledged, or must be decided; false where
 * that is undecided. */
static bool after_exchange(struct scan *scan, struct exchange_slot *slot, uint32_t n, uint64_t intent,
                           uint64_t *next)
{
	uint32_t out = intent_out(intent), got = intent_got(intent);
	bool acknowledged = intent & INTENT_ACKNOWLEDGED;
	enum decision decision = acknowledged ? HOLDS_GOT : decide(scan, n, intent);

	if (decision == HOLDS_OUT)
		*next = intent_next(intent, INTENT_SETTLED, out, out);
	else if (acknowledged || intent_kind(intent) == INTENT_OFFER)
		*next = intent_next(intent, INTENT_SETTLED, got, got);
	else
		*next = intent_next(intent, INTENT_REDELIVER, got,
		                    lap_after(orphan_lap(atom64_load_seq(&slot->orphan))));
	return decision != UNDECIDED;
}

static int settle_slot(struct scan *scan, uint32_t n, bool discard, uint32_t *orphans)
{
	struct exchange_slot *slot = exchange_nth_slot(scan->exchange, n);

	for (int i = 0; i < DECIDE_TRIES; i++) {
		uint64_t intent = atom64_load_seq(&slot->intent); /* [X1] */
		uint64_t next;

		if (intent_kind(intent) == INTENT_SETTLED)
			return 0;
		if (intent_kind(intent) == INTENT_REDELIVER) {
			if (redeliver_step(slot, intent, discard, orphans))
				return 0;
			continue;
		}
		if (!after_exchange(scan, slot, n, intent, &next)) {
			if (atom64_load_seq(&slot->intent) == intent)
				return -EAGAIN;
		} else if (DEFECT(DEFECT_PLAIN_STORE)) {
			atom64_store_seq(&slot->intent, next);
		} else {
			atom64_cas_seq(&slot->intent, &intent, next);
		}
	}
	return -EAGAIN;
}

int exchange_settle(const struct exchange *exchange, uint32_t owner, bool discard, uint32_t *orphans)
{
	struct scan scan = { 0 };
	int rc = 0;

	*orphans = 0;
	for (uint32_t i = 0; i < exchange->handle_count; i++) {
		uint64_t role = atom64_load_seq(&exchange_handle(exchange, i)->role);

		if (role_of(role) == ROLE_FREE || role_of(role) == ROLE_ORPHANED || role_owner(role) != owner)
			continue;
		if (!scan.exchange && scan_make(&scan, exchange) != 0)
			return -ENOMEM;
		for (uint32_t k = 0; k < exchange->holds; k++) {
			int slot_rc = settle_slot(&scan, i * exchange->holds + k, discard, orphans);

			rc = rc ? rc : slot_rc;
		}
	}
	if (scan.exchange)
		scan_free(&scan);
	return rc;
}

uint32_t exchange_free(const struct exchange *exchange, uint32_t owner)
{
	uint32_t freed = 0;

	for (uint32_t i = 0; i < exchange->handle_count; i++) {
		uint64_t role = atom64_load_seq(&exchange_handle(exchange, i)->role);

		if (role_of(role) == ROLE_FREE || role_of(role) == ROLE_ORPHANED || role_owner(role) != owner)
			continue;
		exchange_release(exchange, i, role);
		freed++;
	}
	return freed;
}

/* ---- looking ---- */

/* Whether slot n may hold a message, as the scan found it. */
static bool holds_message(const struct scan *scan, uint32_t n)
{
	uint64_t intent = scan->intents[n], orphan = scan->orphans[n];

	if (intent_kind(intent) == INTENT_REDELIVER)
		return orphan_lap(orphan) != intent_got(intent) || orphan_state(orphan) == ORPHAN_RETAKEN;
	return intent_kind(intent) == INTENT_TAKE && is_open(scan, n) && scan->decisions[n] != HOLDS_OUT;
}

/*
 * A message that goes from hand to hand is seen in a hand, or in an orphan cell, or a hand was seen
 * moving: whoever takes it changes its intent first, and every word used here was read between two
 * readings of the intents.
 */
int exchange_held(const struct exchange *exchange, uint64_t *held)
{
	struct scan scan;
	bool moved = false;
	uint64_t count = 0;
	int rc = scan_make(&scan, exchange);

	if (rc)
		return rc;
	scan_world(&scan);
	propagate(&scan, UINT32_MAX);
	for (uint32_t n = 0; n < exchange_slots(exchange); n++) {
		moved |= (!scan.stable[n] && !DEFECT(DEFECT_HELD_MOVING)) ||
		         orphan_state(scan.orphans[n]) == ORPHAN_FULL;
		count += holds_message(&scan, n);
	}
	scan_free(&scan);
	if (held)
		*held = count;
	return moved || count ? 1 : 0;
}

bool exchange_any_orphan(const struct exchange *exchange)
{
	for (uint32_t n = 0; n < exchange_slots(exchange); n++) {
		if (orphan_state(atom64_load_acq(&exchange_nth_slot(exchange, n)->orphan)) == ORPHAN_FULL)
			return true;
	}
	return false;
}

/* Not one that was counted as discarded by somebody who died before emptying the cell. */
static bool is_orphan(const struct exchange_slot *slot)
{
	uint64_t orphan = atom64_load_acq(&slot->orphan);

	return orphan_state(orphan) == ORPHAN_FULL &&
	       tally_lap(atom64_load_acq(&slot->tally)) != orphan_lap(orphan);
}

uint64_t exchange_orphans(const struct exchange *exchange)
{
	uint64_t orphans = 0;

	for (uint32_t n = 0; n < exchange_slots(exchange); n++)
		orphans += is_orphan(exchange_nth_slot(exchange, n));
	return orphans;
}

void exchange_stat(const struct exchange *exchange, struct exchange_stat *stat)
{
	*stat = (struct exchange_stat){ 0 };
	for (uint32_t i = 0; i < exchange->handle_count; i++) {
		uint32_t role = role_of(atom64_load_acq(&exchange_handle(exchange, i)->role));

		stat->senders += role == ROLE_SENDER;
		stat->receivers += role == ROLE_RECEIVER;
	}
	for (uint32_t n = 0; n < exchange_slots(exchange); n++) {
		stat->redelivered += orphan_lap(atom64_load_acq(&exchange_nth_slot(exchange, n)->orphan));
		stat->discarded += tally_discards(atom64_load_acq(&exchange_nth_slot(exchange, n)->tally));
	}
	stat->redelivered -= stat->discarded < stat->redelivered ? stat->discarded : stat->redelivered;
}
