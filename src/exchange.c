/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * exchange.c - who holds which block, and how that is found out of the dead.
 *
 * Roles
 *   A cell (a ring position, the current version of a value) always holds exactly
 *   one block.  A slot always holds exactly one block, private to the handle it
 *   belongs to.  A transfer swaps the two by one compare-and-swap on the cell.  So
 *   blocks = cells + slots, for ever, and every block is in exactly one place.
 *
 * What a slot says of itself
 *   Before each compare-and-swap its owner stores the slot's intent: "I hold `out`, I
 *   offer it for `got`".  Nothing is stored afterwards: the next intent's `out` tells.
 *   So a slot whose last word is an OFFER or a TAKE holds `out` or `got`, and the
 *   question that a death leaves open is which.  SETTLED(b) holds b.  A TAKE with the
 *   acknowledged bit holds `got`, done with: that bit says that the exchange succeeded.
 *
 * Who may write
 *   intent, wraps   the owner by plain stores while it lives; after its death anybody, by
 *                   compare-and-swap from the exact word on which it decided
 *   orphan          anybody, by compare-and-swap, as its lap and state allow
 *   tally           as the intent
 *   role            the owner, and after its death anybody, by compare-and-swap
 *
 * Did the last compare-and-swap of a dead owner succeed?
 *   Look where the block is that it offered.  Read all intents, scan all cells (orphan
 *   cells are cells), read the intents again, and use only those that did not change.  A
 *   block seen in a cell, or held by a settled slot, is accounted for.  A slot that
 *   stands between `out` and `got` and whose `out` is accounted for elsewhere holds `got`,
 *   and the other way round; that accounts for one more block; and so on.
 *
 *   Each step is sound at one moment of the scan: a stable slot held one of its two blocks
 *   all the time, and a block that is elsewhere at that moment is not in it.  The dead
 *   slot holds the same block at every moment.  A chain of steps keeps the moment of its
 *   start, so chains that start at different moments may be mixed.
 *
 *   It always ends where nothing moves: docs/exchange-ring.md has the proof.  Where the
 *   living move too much to decide, the reaper looks again, and nobody waits for it.
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
 *
 * Wrap-around
 *   An intent's sequence has 13 bits.  Two equal reads with a whole wrap between them
 *   would take a changed slot for a stable one; `wraps` counts beside it, is stored before
 *   the first intent of a new round and by every new owner, and is read before the first and
 *   after the second read.
 *
 * Orders
 *   An intent is stored with release before a sequentially consistent compare-and-swap on
 *   another word, and the scan relies on everybody seeing them in that order.  x86-64 (stores
 *   in order) and ARMv8 (a release store before a store-release or an acquire-release swap,
 *   to everybody at once) give that.  C11 alone promises it only to who acquires the cell, as
 *   the scan does for each block that it finds there.
 */
#include "exchange.h"

#include <errno.h>
#include <stdlib.h>

#include "os.h"

#define DECIDE_TRIES 1000
#define STILL_TRIES 16

uint64_t exchange_handle_stride(uint32_t holds)
{
	uint64_t slots = (uint64_t)holds * sizeof(struct exchange_slot);

	return sizeof(struct exchange_handle) + ((slots + STOA_LINE - 1) & ~(uint64_t)(STOA_LINE - 1));
}

int exchange_view(struct exchange *exchange, struct atom64 *cells, uint64_t cell_count, uint64_t block_mask,
                  void *handles, uint32_t handle_count, uint32_t holds)
{
	uint64_t slots = (uint64_t)handle_count * holds;

	if (cell_count > BLOCKS_MAX || slots > BLOCKS_MAX || cell_count + slots > block_mask)
		return -EOVERFLOW;
	*exchange = (struct exchange){
		.cells = cells,
		.cell_count = cell_count,
		.block_mask = block_mask,
		.handles = handles,
		.handle_count = handle_count,
		.holds = holds,
		.blocks = (uint32_t)(cell_count + slots),
	};
	return 0;
}

struct exchange_handle *exchange_handle(const struct exchange *exchange, uint32_t handle)
{
	return (struct exchange_handle *)(void *)(exchange->handles +
	                                          handle * exchange_handle_stride(exchange->holds));
}

struct exchange_slot *exchange_slot(const struct exchange *exchange, uint32_t handle, uint32_t slot)
{
	return (struct exchange_slot *)(exchange_handle(exchange, handle) + 1) + slot;
}

static uint32_t slot_count(const struct exchange *exchange)
{
	return exchange->handle_count * exchange->holds;
}

/* The slots of all handles, numbered through. */
static struct exchange_slot *nth_slot(const struct exchange *exchange, uint32_t n)
{
	return exchange_slot(exchange, n / exchange->holds, n % exchange->holds);
}

void exchange_format(const struct exchange *exchange)
{
	for (uint32_t n = 0; n < slot_count(exchange); n++) {
		uint32_t block = (uint32_t)exchange->cell_count + n;

		/* Relaxed: the object is private until it is published. */
		atom64_store_rlx(&nth_slot(exchange, n)->intent, intent_next(0, INTENT_SETTLED, block, block));
	}
}

/* ---- owners ---- */

/* Counts a discard in the tally, once for this lap, whoever comes. */
static void count_discard(struct exchange_slot *slot, uint32_t lap)
{
	uint64_t tally = atom64_load_seq(&slot->tally);

	if ((tally >> 16 & 0xffff) == (lap & 0xffff))
		return;
	atom64_cas_seq(&slot->tally, &tally,
	               ((tally >> 32) + 1) << 32 | (uint64_t)(lap & 0xffff) << 16 | (tally & 0xffff));
}

/*
 * The block of a slot that no exchange is open of: settled, or its orphan was taken.
 * False where the slot is still in use, or the words make no sense.
 */
static bool slot_block(const struct exchange_slot *slot, uint32_t blocks, uint64_t intent, uint32_t *block)
{
	if (intent_kind(intent) == INTENT_SETTLED) {
		*block = intent_out(intent);
	} else if (intent_kind(intent) == INTENT_REDELIVER) {
		/* [X2] acquire; pairs with the compare-and-swap of take_orphan(): the taker is done
		 * with the block that it left. */
		uint64_t orphan = atom64_load_acq(&slot->orphan);

		if (orphan_state(orphan) != ORPHAN_FREE || orphan_lap(orphan) != intent_got(intent))
			return false;
		*block = orphan_block(orphan);
	} else {
		return false;
	}
	return *block < blocks;
}

/*
 * A handle whose orphans have all been taken becomes free.  Everyone may do it, at any time: where a
 * receiver has claimed the handle meanwhile, the slot's intent becomes the very word that
 * slot_reclaim() would store.
 */
static void tidy(const struct exchange *exchange, uint32_t handle, uint64_t role)
{
	for (uint32_t i = 0; i < exchange->holds; i++) {
		struct exchange_slot *slot = exchange_slot(exchange, handle, i);
		uint64_t intent = atom64_load_acq(&slot->intent); /* [X1] */
		uint32_t block;

		if (!slot_block(slot, exchange->blocks, intent, &block))
			return;
		if (intent_kind(intent) == INTENT_REDELIVER &&
		    !atom64_cas_seq(&slot->intent, &intent,
		                    intent_next(intent, INTENT_SETTLED, block, block)))
			return;
	}
	atom64_cas_seq(&exchange_handle(exchange, handle)->role, &role, role_next(role, ROLE_FREE, 0));
}

/* The slots of a handle that was just claimed: settled, or, where it was ORPHANED, given. */
static int slots_open(const struct exchange *exchange, uint32_t handle, struct slot *slots)
{
	for (uint32_t i = 0; i < exchange->holds; i++) {
		struct exchange_slot *shared = exchange_slot(exchange, handle, i);
		uint64_t intent = atom64_load_acq(&shared->intent); /* [X1] */

		/* Another tenure: a word that a slow scan read in the last one is not taken for ours. */
		atom64_add_seq(&shared->wraps, 1);
		slots[i] = (struct slot){
			.shared = shared,
			.intent = intent,
			.redelivered = atom64_load_acq(&shared->tally) & 0xffff,
			.given = intent_kind(intent) == INTENT_REDELIVER,
		};
		if (slots[i].given)
			continue;
		if (intent_kind(intent) != INTENT_SETTLED ||
		    !slot_block(shared, exchange->blocks, intent, &slots[i].block))
			return -EBADMSG;
	}
	return 0;
}

/* The owner of a given slot gets a block back; a message that nobody has taken is discarded. */
static bool drop_orphan(struct slot *slot, uint32_t blocks)
{
	struct exchange_slot *shared = slot->shared;
	uint64_t orphan = atom64_load_acq(&shared->orphan);
	uint64_t tally = atom64_load_rlx(&shared->tally); /* relaxed: our own word */
	uint32_t lap = orphan_lap(orphan), block = orphan_block(orphan);

	if (orphan_state(orphan) == ORPHAN_FULL && lap == intent_got(slot->intent)) {
		count_discard(shared, lap);
		if (!atom64_cas_seq(&shared->orphan, &orphan, orphan_word(lap, 0, ORPHAN_FREE, block)))
			atom64_store_rel(&shared->tally, tally); /* somebody has taken it after all */
	}
	slot->given = !slot_reclaim(slot, blocks);
	return !slot->given;
}

/* Claims handle i where its role is `wanted`.  0; -EUSERS (it is not, or no longer); -EBADMSG. */
static int claim_handle(const struct exchange *exchange, uint32_t i, uint32_t wanted, uint32_t role,
                        uint32_t owner, uint64_t *role_word, struct slot *slots)
{
	struct atom64 *shared = &exchange_handle(exchange, i)->role;
	/* [X3] acquire; pairs with the compare-and-swap that freed the role (role_leave(), tidy()): the
	 * slots are as their last owner, or its reaper, left them. */
	uint64_t word = atom64_load_acq(shared);

	if (role_of(word) == ROLE_ORPHANED) {
		tidy(exchange, i, word);
		word = atom64_load_acq(shared); /* [X3] */
	}
	if (role_of(word) != wanted)
		return -EUSERS;
	*role_word = role_next(word, role, owner);
	if (!atom64_cas_seq(shared, &word, *role_word))
		return -EUSERS;
	return slots_open(exchange, i, slots); /* -EBADMSG: it stays claimed, and nobody trusts its words */
}

int exchange_claim(const struct exchange *exchange, uint32_t role, uint32_t owner, bool discard,
                   uint32_t *handle, uint64_t *role_word, struct slot *slots)
{
	/* A receiver can do with a handle whose orphans wait, as it is the one who takes them, and so leaves
	 * those that are free to others. */
	static const uint32_t wanted[] = { ROLE_ORPHANED, ROLE_FREE };
	int rc = -EUSERS;

	for (int i = role == ROLE_RECEIVER || discard ? 0 : 1; i < 2 && rc == -EUSERS; i++) {
		for (uint32_t n = 0; n < exchange->handle_count && rc == -EUSERS; n++) {
			rc = claim_handle(exchange, n, wanted[i], role, owner, role_word, slots);
			*handle = n;
		}
	}
	for (uint32_t k = 0; rc == 0 && discard && k < exchange->holds; k++) {
		if (slots[k].given && !drop_orphan(&slots[k], exchange->blocks))
			rc = -EBADMSG;
	}
	return rc;
}

/* FREE where every slot is settled, ORPHANED where a message still waits to be taken. */
static void role_leave(const struct exchange *exchange, uint32_t handle, uint64_t role)
{
	struct atom64 *shared = &exchange_handle(exchange, handle)->role;
	uint64_t orphaned = role_next(role, ROLE_ORPHANED, 0);

	if (atom64_cas_seq(shared, &role, orphaned)) /* [X3] */
		tidy(exchange, handle, orphaned);
}

void exchange_release(const struct exchange *exchange, uint32_t handle, uint64_t role_word)
{
	role_leave(exchange, handle, role_word);
}

/* ---- orphans ---- */

/* So many deliveries has a message had that this slot holds: told by the tally, 0 there meaning 1. */
static uint32_t tally_deliveries(uint64_t tally)
{
	return tally & 0xffff ? tally & 0xffff : 1;
}

static uint32_t more_deliveries(uint32_t deliveries)
{
	return deliveries < ORPHAN_DELIVERIES_MAX ? deliveries + 1 : deliveries;
}

static uint32_t lap_after(uint32_t lap)
{
	return (lap + !DEFECT(DEFECT_SAME_LAP)) % ORPHAN_LAPS;
}

void slot_deliveries(struct slot *slot, uint32_t deliveries)
{
	/* Relaxed: the intent that follows is a release, and a reaper reads this after it. */
	uint64_t tally = atom64_load_rlx(&slot->shared->tally);

	atom64_store_rlx(&slot->shared->tally, (tally & ~0xffffull) | deliveries);
	slot->redelivered = deliveries != 0;
}

void slot_give_back(struct slot *slot)
{
	struct exchange_slot *shared = slot->shared;
	uint64_t orphan = atom64_load_acq(&shared->orphan);
	uint32_t deliveries = tally_deliveries(atom64_load_rlx(&shared->tally)); /* relaxed: our own word */
	uint32_t lap = lap_after(orphan_lap(orphan));

	slot_intend(slot, INTENT_REDELIVER, slot->block, lap);
	/* [X4] release; pairs with the acquire load in take_orphan(): the message's bytes. */
	atom64_cas_seq(&shared->orphan, &orphan, orphan_word(lap, deliveries, ORPHAN_FULL, slot->block));
}

bool slot_reclaim(struct slot *slot, uint32_t blocks)
{
	uint32_t block;

	if (!slot_block(slot->shared, blocks, slot->intent, &block))
		return false;
	slot_settle(slot, block);
	return true;
}

/* Asks for the message of an orphan word, and believes a refusal only if the word still stands. */
static int accept(struct atom64 *cell, uint64_t orphan, const struct acceptance *acceptance)
{
	int rc = acceptance->accept(acceptance->context, orphan_block(orphan));

	if (rc == 0)
		return STOA_OK;
	fence_acq();
	return atom64_load_seq(cell) == orphan ? rc : STOA_CHANGED;
}

int slot_retake(struct slot *slot, uint32_t blocks, const struct acceptance *acceptance, uint32_t *deliveries)
{
	struct atom64 *cell = &slot->shared->orphan;
	uint64_t orphan = atom64_load_acq(cell); /* [X4] */
	int rc;

	if (orphan_state(orphan) != ORPHAN_FULL || orphan_lap(orphan) != intent_got(slot->intent) ||
	    orphan_block(orphan) >= blocks)
		return STOA_EMPTY;
	rc = accept(cell, orphan, acceptance);
	if (rc != STOA_OK)
		return rc == STOA_CHANGED ? STOA_EMPTY : rc;
	*deliveries = more_deliveries(orphan_deliveries(orphan));
	/* What a reaper must know comes first: it reads the tally only where the word says RETAKEN. */
	slot_deliveries(slot, *deliveries);
	if (!atom64_cas_seq(cell, &orphan,
	                    orphan_word(orphan_lap(orphan), *deliveries, ORPHAN_RETAKEN,
	                                orphan_block(orphan))))
		return STOA_EMPTY;
	slot->block = orphan_block(orphan);
	return STOA_OK;
}

/* One orphan cell: STOA_OK, STOA_EMPTY, or why its message is not accepted. */
static int take_orphan(struct slot *slot, struct atom64 *cell, uint32_t blocks,
                       const struct acceptance *acceptance, uint32_t *deliveries)
{
	uint64_t orphan = atom64_load_seq(cell); /* [X4] */
	uint32_t out = slot->block;
	int rc;

	if (orphan_state(orphan) != ORPHAN_FULL || orphan_block(orphan) >= blocks)
		return STOA_EMPTY;
	rc = accept(cell, orphan, acceptance);
	if (rc != STOA_OK)
		return rc == STOA_CHANGED ? STOA_EMPTY : rc;
	*deliveries = more_deliveries(orphan_deliveries(orphan));
	slot_deliveries(slot, *deliveries);
	slot_intend(slot, INTENT_TAKE, out, orphan_block(orphan));
	/* [X2] release: we are done with the block that we leave. */
	if (atom64_cas_seq(cell, &orphan, orphan_word(orphan_lap(orphan), 0, ORPHAN_FREE, out))) {
		slot->block = orphan_block(orphan);
		return STOA_OK;
	}
	slot_settle(slot, out);
	return STOA_EMPTY;
}

int slot_take_orphan(struct slot *slot, const struct exchange *exchange, const struct acceptance *acceptance,
                     uint32_t *deliveries)
{
	for (uint32_t n = 0; n < slot_count(exchange); n++) {
		uint32_t tried;
		int rc = take_orphan(slot, &nth_slot(exchange, n)->orphan, exchange->blocks, acceptance, &tried);

		if (rc == STOA_OK)
			*deliveries = tried;
		if (rc != STOA_EMPTY)
			return rc;
	}
	return STOA_EMPTY;
}

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
	bool *accounted; /* by block: it is in a cell, or in a slot that is known to hold it */
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
	uint32_t slots = slot_count(exchange);

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
	for (uint32_t n = 0; n < slot_count(scan->exchange); n++) {
		struct exchange_slot *slot = nth_slot(scan->exchange, n);

		scan->wraps[n] = atom64_load_seq(&slot->wraps);
		scan->intents[n] = atom64_load_seq(&slot->intent); /* [X1] */
	}
}

static void reread_intents(struct scan *scan)
{
	for (uint32_t n = 0; n < slot_count(scan->exchange); n++) {
		struct exchange_slot *slot = nth_slot(scan->exchange, n);
		uint64_t intent = atom64_load_seq(&slot->intent); /* [X1] */

		scan->stable[n] = intent == scan->intents[n] && atom64_load_seq(&slot->wraps) == scan->wraps[n];
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
	else if (scan->stable[n] && intent_kind(intent) == INTENT_REDELIVER)
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
	for (uint32_t n = 0; n < slot_count(exchange); n++)
		scan->orphans[n] = atom64_load_seq(&nth_slot(exchange, n)->orphan);
	reread_intents(scan);
	for (uint32_t n = 0; n < slot_count(exchange); n++) {
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

	return (kind == INTENT_OFFER || kind == INTENT_TAKE) &&
	       !(scan->intents[n] & INTENT_ACKNOWLEDGED) &&
	       intent_out(scan->intents[n]) < scan->exchange->blocks &&
	       intent_got(scan->intents[n]) < scan->exchange->blocks;
}

/* Follows what is known until nothing more comes of it. */
static void propagate(struct scan *scan, uint32_t except)
{
	bool more = true;

	while (more) {
		more = false;
		for (uint32_t n = 0; n < slot_count(scan->exchange); n++) {
			uint32_t out = intent_out(scan->intents[n]), got = intent_got(scan->intents[n]);

			if (n == except || !scan->stable[n] || !is_open(scan, n) ||
			    scan->accounted[out] == scan->accounted[got])
				continue;
			/* One of the two is elsewhere: the slot has the other. */
			scan->decisions[n] = scan->accounted[out] ? HOLDS_GOT : HOLDS_OUT;
			scan->accounted[out] = scan->accounted[got] = true;
			more = true;
		}
	}
}

static bool all_stable(const struct scan *scan)
{
	uint32_t n = 0;

	while (n < slot_count(scan->exchange) && scan->stable[n])
		n++;
	return n == slot_count(scan->exchange);
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
			return UNDECIDED; /* where nothing moves it is decided at once: the words are corrupt */
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
			count_discard(slot, lap);
			next = orphan_word(lap, 0, ORPHAN_FREE, out);
		}
		if (atom64_load_seq(&slot->intent) == intent)
			atom64_cas_seq(&slot->orphan, &orphan, next); /* [X4] */
		return false;
	}
	if (orphan_state(orphan) == ORPHAN_FULL) {
		++*orphans; /* also another reaper's, which may have died before it told anybody */
		return true;
	}
	if (orphan_state(orphan) == ORPHAN_RETAKEN)
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
	struct exchange_slot *slot = nth_slot(scan->exchange, n);

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
		role_leave(exchange, i, role);
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
	for (uint32_t n = 0; n < slot_count(exchange); n++) {
		moved |= !scan.stable[n] || orphan_state(scan.orphans[n]) == ORPHAN_FULL;
		count += holds_message(&scan, n);
	}
	scan_free(&scan);
	if (held)
		*held = count;
	return moved || count ? 1 : 0;
}

bool exchange_any_orphan(const struct exchange *exchange)
{
	for (uint32_t n = 0; n < slot_count(exchange); n++) {
		if (orphan_state(atom64_load_acq(&nth_slot(exchange, n)->orphan)) == ORPHAN_FULL)
			return true;
	}
	return false;
}

void exchange_stat(const struct exchange *exchange, struct exchange_stat *stat)
{
	*stat = (struct exchange_stat){ 0 };
	for (uint32_t i = 0; i < exchange->handle_count; i++) {
		uint32_t role = role_of(atom64_load_acq(&exchange_handle(exchange, i)->role));

		stat->senders += role == ROLE_SENDER;
		stat->receivers += role == ROLE_RECEIVER;
	}
	for (uint32_t n = 0; n < slot_count(exchange); n++) {
		uint64_t orphan = atom64_load_acq(&nth_slot(exchange, n)->orphan);
		uint64_t discards = atom64_load_acq(&nth_slot(exchange, n)->tally) >> 32;

		stat->orphans += orphan_state(orphan) == ORPHAN_FULL;
		stat->redelivered += orphan_lap(orphan);
		stat->discarded += discards;
	}
	stat->redelivered -= stat->discarded < stat->redelivered ? stat->discarded : stat->redelivered;
}
