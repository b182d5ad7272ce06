/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * exchange.c - who holds which block: words, owners, orphans.
 *
 * Roles
 *   A cell (a ring position, the current version of a value) always holds exactly
 *   one block.  A slot has exactly one block, private to the handle it belongs to; it is
 *   in the slot, or, while the slot's orphan cell is FULL, in that cell.  A transfer swaps
 *   a cell's and a slot's by one compare-and-swap on the cell.  So blocks = cells + slots,
 *   for ever, and every block is in exactly one place.
 *
 * What a slot says of itself
 *   Before each compare-and-swap its owner stores the slot's intent: "I hold `out`, I
 *   offer it for `got`".  Nothing is stored afterwards: the next intent's `out` tells.
 *   So a slot whose last word is an OFFER or a TAKE holds `out` or `got`, and the
 *   question that a death leaves open is which.  SETTLED(b) holds b.  A TAKE with the
 *   acknowledged bit holds `got`, done with: that bit says that the exchange succeeded.
 *   Premise (P) of the proof that this can be decided: the word that an intent is made from
 *   was loaded after the slot got the block it offers.  Whoever calls slot_intend() keeps it.
 *
 * Who may write
 *   intent, wraps   the owner by plain stores while it lives; after its death anybody, by
 *                   compare-and-swap from the exact word on which it decided
 *   orphan          anybody, by compare-and-swap, as its lap and state allow
 *   tally           as the intent, and drop_orphan(), where a new owner counts a discard
 *   role            the owner, and after its death anybody, by compare-and-swap
 *
 * What the dead held, and who finds that out: exchange_settle.c.
 *
 * Wrap-around
 *   An intent's sequence has 13 bits.  Two equal reads with a whole wrap between them
 *   would take a changed slot for a stable one; `wraps` counts beside it, is stored before
 *   the first intent of a new round and by every new owner, and is read before the first and
 *   after the second read.  What a wrap of the other words takes: docs/exchange-ring.md.
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

uint32_t exchange_slots(const struct exchange *exchange)
{
	return exchange->handle_count * exchange->holds;
}

struct exchange_slot *exchange_nth_slot(const struct exchange *exchange, uint32_t n)
{
	return exchange_slot(exchange, n / exchange->holds, n % exchange->holds);
}

void exchange_format(const struct exchange *exchange)
{
	for (uint32_t n = 0; n < exchange_slots(exchange); n++) {
		uint32_t block = (uint32_t)exchange->cell_count + n;

		/* Relaxed: the object is private until it is published. */
		atom64_store_rlx(&exchange_nth_slot(exchange, n)->intent,
		                 intent_next(0, INTENT_SETTLED, block, block));
	}
}

/* ---- owners ---- */

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

		if ((orphan_state(orphan) != ORPHAN_FREE && !DEFECT(DEFECT_ORPHAN_IGNORED)) ||
		    orphan_lap(orphan) != intent_got(intent))
			return false;
		*block = orphan_block(orphan);
	} else {
		return false;
	}
	return *block < blocks;
}

/*
 * A handle whose orphans have all been taken becomes free.  Everyone may do it, at any time, as only the
 * role is written: while that is ORPHANED nobody owns the slots, and an orphan cell that is empty stays so.
 */
static void tidy(const struct exchange *exchange, uint32_t handle, uint64_t role)
{
	for (uint32_t i = 0; i < exchange->holds; i++) {
		struct exchange_slot *slot = exchange_slot(exchange, handle, i);
		uint64_t intent = atom64_load_acq(&slot->intent); /* [X1] */
		uint32_t block;

		if (!slot_block(slot, exchange->blocks, intent, &block))
			return;
	}
	atom64_cas_seq(&exchange_handle(exchange, handle)->role, &role, role_next(role, ROLE_FREE, 0));
}

/*
 * The slots of a handle that was just claimed: settled, or settled now with what was left for them in their
 * orphan cells, or, where it was ORPHANED, given.
 */
static int slots_open(const struct exchange *exchange, uint32_t handle, bool orphaned, struct slot *slots)
{
	for (uint32_t i = 0; i < exchange->holds; i++) {
		struct exchange_slot *shared = exchange_slot(exchange, handle, i);

		/* Another tenure: a word that a slow scan read in the last one is not taken for ours. */
		atom64_add_seq(&shared->wraps, 1);
		slots[i] = (struct slot){
			.shared = shared,
			.intent = atom64_load_acq(&shared->intent), /* [X1] */
			.redelivered = tally_delivered(atom64_load_acq(&shared->tally)) != 0,
		};
		if (intent_kind(slots[i].intent) == INTENT_SETTLED) {
			slots[i].block = intent_out(slots[i].intent);
			if (slots[i].block >= exchange->blocks)
				return -EBADMSG;
			continue;
		}
		slots[i].given = !slot_reclaim(&slots[i], exchange->blocks);
		if (slots[i].given && (!orphaned || intent_kind(slots[i].intent) != INTENT_REDELIVER))
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
		slot_count_discard(shared, lap);
		if (!atom64_cas_seq(&shared->orphan, &orphan, orphan_word(lap, 0, ORPHAN_FREE, block)) &&
		    !DEFECT(DEFECT_DISCARD_KEPT))
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
	/* [X3] acquire; pairs with the compare-and-swap that freed the role (exchange_release(), tidy()): the
	 * slots are as their last owner, or its reaper, left them. */
	uint64_t word = atom64_load_acq(shared);

	if (role_of(word) == ROLE_ORPHANED) {
		tidy(exchange, i, word);
		word = atom64_load_acq(shared); /* [X3] */
	}
	if (role_of(word) != wanted)
		return -EUSERS;
	*role_word = role_next(word, role, owner);
	if (DEFECT(DEFECT_CLAIM_STORE))
		atom64_store_seq(shared, *role_word);
	else if (!atom64_cas_seq(shared, &word, *role_word))
		return -EUSERS;
	/* -EBADMSG: it stays claimed, and nobody trusts its words. */
	return slots_open(exchange, i, wanted == ROLE_ORPHANED, slots);
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
void exchange_release(const struct exchange *exchange, uint32_t handle, uint64_t role)
{
	struct atom64 *shared = &exchange_handle(exchange, handle)->role;
	uint64_t orphaned = role_next(role, DEFECT(DEFECT_HANDLE_EARLY) ? ROLE_FREE : ROLE_ORPHANED, 0);

	if (atom64_cas_seq(shared, &role, orphaned)) /* [X3] */
		tidy(exchange, handle, orphaned);
}

/* ---- orphans ---- */

void slot_count_discard(struct exchange_slot *slot, uint32_t lap)
{
	uint64_t tally = atom64_load_seq(&slot->tally);

	if (tally_lap(tally) != lap || DEFECT(DEFECT_DISCARD_TWICE))
		atom64_cas_seq(&slot->tally, &tally,
		               tally_word(tally_discards(tally) + 1, lap, tally_delivered(tally)));
}

static uint32_t more_deliveries(uint32_t deliveries)
{
	return deliveries < ORPHAN_DELIVERIES_MAX ? deliveries + 1 : deliveries;
}

void slot_deliveries(struct slot *slot, uint32_t deliveries)
{
	/* Relaxed: the intent that follows is a release, and a reaper reads this after it. */
	uint64_t tally = atom64_load_rlx(&slot->shared->tally);

	atom64_store_rlx(&slot->shared->tally,
	                 tally_word(tally_discards(tally), tally_lap(tally), deliveries));
	slot->redelivered = deliveries != 0;
}

void slot_give_back(struct slot *slot)
{
	struct exchange_slot *shared = slot->shared;
	uint64_t orphan = atom64_load_acq(&shared->orphan);
	uint64_t tally = atom64_load_rlx(&shared->tally); /* relaxed, and below: our own word */
	uint32_t deliveries = tally_deliveries(tally);
	uint32_t lap = lap_after(orphan_lap(orphan));

	/* A lap that was counted long ago must not be taken for one of a later round. */
	atom64_store_rlx(&shared->tally, tally_word(tally_discards(tally), orphan_lap(orphan), deliveries));
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
	fence_acq(); /* [R4] */
	return atom64_load_seq(cell) == orphan ? rc : STOA_CHANGED;
}

int slot_retake(struct slot *slot, uint32_t blocks, const struct acceptance *acceptance, uint32_t *deliveries)
{
	struct atom64 *cell = &slot->shared->orphan;
	uint64_t orphan = atom64_load_acq(cell); /* [X4] */
	uint32_t more;
	int rc;

	if (orphan_state(orphan) != ORPHAN_FULL || orphan_lap(orphan) != intent_got(slot->intent) ||
	    orphan_block(orphan) >= blocks)
		return STOA_EMPTY;
	rc = accept(cell, orphan, acceptance);
	if (rc != STOA_OK)
		return rc == STOA_CHANGED ? STOA_EMPTY : rc;
	more = more_deliveries(orphan_deliveries(orphan));
	/* What a reaper must know comes first: it reads the tally only where the word says RETAKEN. */
	if (!DEFECT(DEFECT_RETAKE_TALLY))
		slot_deliveries(slot, more);
	if (DEFECT(DEFECT_RETAKE_STORE))
		orphan = atom64_load_seq(cell);
	if (!atom64_cas_seq(cell, &orphan,
	                    orphan_word(orphan_lap(orphan), more, ORPHAN_RETAKEN, orphan_block(orphan))))
		return STOA_EMPTY; /* somebody else has it: of what comes next this says nothing */
	*deliveries = more;
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
	if (!DEFECT(DEFECT_ORPHAN_DELIVERIES))
		slot_deliveries(slot, *deliveries);
	if (!DEFECT(DEFECT_ORPHAN_INTENT))
		slot_intend(slot, INTENT_TAKE, out, orphan_block(orphan));
	/* [X2] release: we are done with the block that we leave. */
	if (atom64_cas_seq(cell, &orphan, orphan_word(orphan_lap(orphan), 0, ORPHAN_FREE, out))) {
		if (DEFECT(DEFECT_ORPHAN_DELIVERIES))
			slot_deliveries(slot, *deliveries);
		slot->block = orphan_block(orphan);
		return STOA_OK;
	}
	slot_settle(slot, out);
	return STOA_EMPTY;
}

int slot_take_orphan(struct slot *slot, const struct exchange *exchange, const struct acceptance *acceptance,
                     uint32_t *deliveries)
{
	for (uint32_t n = 0; n < exchange_slots(exchange); n++) {
		uint32_t tried;
		int rc = take_orphan(slot, &exchange_nth_slot(exchange, n)->orphan, exchange->blocks,
		                     acceptance, &tried);

		if (rc == STOA_OK)
			*deliveries = tried;
		if (rc != STOA_EMPTY)
			return rc;
	}
	return STOA_EMPTY;
}
