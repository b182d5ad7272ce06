/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * exchange.h - blocks, slots, intents, the decision procedure, reaping.
 *
 * The essays are at the heads of exchange.c and exchange_settle.c.  This header has the words' formats and
 * the few inline steps of the fast path.
 */
#ifndef STOA_EXCHANGE_H
#define STOA_EXCHANGE_H

#include <stdbool.h>

#include "atomic.h"
#include "defect.h"
#include "segment.h"

/* ---- words ---- */

enum intent_kind {
	INTENT_SETTLED = 0,   /* the slot holds `out`, which is nobody's message */
	INTENT_OFFER = 1,     /* put `out` into a cell for the empty block (or old version) `got` */
	INTENT_TAKE = 2,      /* put the empty block `out` into a cell for the message `got` */
	INTENT_REDELIVER = 3, /* the message `out` goes into the slot's own orphan cell; `got`: its lap */
};

#define INTENT_ACKNOWLEDGED (1ull << 50)
#define INTENT_SEQUENCE (1ull << 51)

static inline uint32_t intent_out(uint64_t intent)
{
	return intent & (BLOCKS_MAX - 1);
}
static inline uint32_t intent_got(uint64_t intent)
{
	return intent >> BLOCK_BITS & (BLOCKS_MAX - 1);
}
static inline enum intent_kind intent_kind(uint64_t intent)
{
	return intent >> 48 & 3;
}
/* The intent that follows `before`: the next sequence number, nothing acknowledged. */
static inline uint64_t intent_next(uint64_t before, enum intent_kind kind, uint32_t out, uint32_t got)
{
	return ((before | (INTENT_SEQUENCE - 1)) + 1) | (uint64_t)kind << 48 | (uint64_t)got << BLOCK_BITS |
	       out;
}

enum orphan_state {
	ORPHAN_FREE = 0,    /* empty, or `block` is what its taker left for the slot */
	ORPHAN_FULL = 1,    /* `block` is a message for anybody */
	ORPHAN_RETAKEN = 2, /* the slot's owner took its own orphan back: a lease again */
};
#define ORPHAN_LAPS (1u << 24)
#define ORPHAN_DELIVERIES_MAX ((1u << 14) - 1)

static inline uint64_t orphan_word(uint32_t lap, uint32_t deliveries, enum orphan_state state, uint32_t block)
{
	return (uint64_t)lap << 40 | (uint64_t)deliveries << 26 | (uint64_t)state << BLOCK_BITS | block;
}
static inline uint32_t orphan_lap(uint64_t orphan)
{
	return (uint32_t)(orphan >> 40);
}
static inline uint32_t orphan_deliveries(uint64_t orphan)
{
	return orphan >> 26 & ORPHAN_DELIVERIES_MAX;
}
static inline enum orphan_state orphan_state(uint64_t orphan)
{
	return orphan >> BLOCK_BITS & 3;
}
static inline uint32_t orphan_block(uint64_t orphan)
{
	return orphan & (BLOCKS_MAX - 1);
}

static inline uint32_t role_of(uint64_t role)
{
	return role & 0xff;
}
static inline uint32_t role_owner(uint64_t role)
{
	return role >> 8 & 0xffff;
}
/* The role word that follows `before`: another generation. */
static inline uint64_t role_next(uint64_t before, uint32_t role, uint32_t owner)
{
	return ((before >> 24) + 1) << 24 | (uint64_t)owner << 8 | role;
}

/* A slot's tally: discards 26 | lap of the last one 24 | deliveries of what it took 14. */
static inline uint64_t tally_word(uint64_t discards, uint32_t lap, uint32_t delivered)
{
	return discards << 38 | (uint64_t)lap << 14 | delivered;
}
static inline uint64_t tally_discards(uint64_t tally)
{
	return tally >> 38;
}
static inline uint32_t tally_lap(uint64_t tally)
{
	return tally >> 14 & (ORPHAN_LAPS - 1);
}
static inline uint32_t tally_delivered(uint64_t tally)
{
	return tally & ORPHAN_DELIVERIES_MAX;
}
/* So many deliveries has a message had that a slot holds: 0 stands for the first. */
static inline uint32_t tally_deliveries(uint64_t tally)
{
	return tally_delivered(tally) ? tally_delivered(tally) : 1;
}
static inline uint32_t lap_after(uint32_t lap)
{
	return (lap + !DEFECT(DEFECT_SAME_LAP)) % ORPHAN_LAPS;
}

/* ---- an exchange, as this process sees it ---- */

struct exchange {
	struct atom64 *cells;
	uint64_t cell_count;
	uint64_t block_mask; /* of a cell's word */
	uint8_t *handles;
	uint32_t handle_count;
	uint32_t holds;
	uint32_t blocks; /* cell_count + handle_count * holds */
};

/* Room for one handle's record with its slots, and for all of them. */
uint64_t exchange_handle_stride(uint32_t holds);
/*
 * Fills in `exchange` over memory at `cells` and `handles`, whose room the caller has checked.
 * -EOVERFLOW where there are more blocks than block_mask can number.
 */
int exchange_view(struct exchange *exchange, struct atom64 *cells, uint64_t cell_count, uint64_t block_mask,
                  void *handles, uint32_t handle_count, uint32_t holds);
/* In a new object: every slot holds its block; cell i is for the caller to fill with block i. */
void exchange_format(const struct exchange *exchange);

struct exchange_handle *exchange_handle(const struct exchange *exchange, uint32_t handle);
struct exchange_slot *exchange_slot(const struct exchange *exchange, uint32_t handle, uint32_t slot);
/* The slots of all handles, numbered through. */
uint32_t exchange_slots(const struct exchange *exchange);
struct exchange_slot *exchange_nth_slot(const struct exchange *exchange, uint32_t n);

/* ---- a handle's slots, as their owner sees them ---- */

struct slot {
	struct exchange_slot *shared;
	uint64_t intent;  /* as last stored */
	uint32_t block;   /* held, where the intent is not INTENT_REDELIVER */
	bool redelivered; /* the tally has deliveries of the last orphan it took */
	bool given;       /* as claimed: a message waits in its orphan cell, see slot_give_back() */
};

/*
 * Claims a handle for a role: its index, its role word, and its slots with their blocks
 * (`slots` has room for `holds`).  A receiver may get one with orphans that wait to be taken; such
 * slots are `given`; with `discard` anybody may, and the orphans are dropped and counted.
 * 0; -EUSERS (none; the caller may reap and try again); -EBADMSG.
 */
int exchange_claim(const struct exchange *exchange, uint32_t role, uint32_t owner, bool discard,
                   uint32_t *handle, uint64_t *role_word, struct slot *slots);
/*
 * Gives a handle back; every slot has been settled, or is waiting for its orphan to be taken.
 * `role_word` as claimed.
 */
void exchange_release(const struct exchange *exchange, uint32_t handle, uint64_t role_word);

/*
 * Publishes an intent.  The caller's compare-and-swap on the cell follows.
 * [X1] release; pairs with the acquire loads of read_intents() in exchange_settle.c: whoever reads the
 * intent, or finds its effect in a cell, knows what the slot may hold.
 */
static inline void slot_intend(struct slot *slot, enum intent_kind kind, uint32_t out, uint32_t got)
{
	uint64_t next = intent_next(slot->intent, kind, out, got);

	if (unlikely(next < INTENT_SEQUENCE)) /* the sequence wrapped: rare, and before the intent itself */
		atom64_store_rel(&slot->shared->wraps, atom64_load_rlx(&slot->shared->wraps) + 1);
	atom64_store_rel(&slot->shared->intent, next);
	slot->intent = next;
}

/* The slot holds `block`, and it is nobody's message: after a failed exchange, an abort, an
 * acknowledgement. */
static inline void slot_settle(struct slot *slot, uint32_t block)
{
	slot->block = block;
	slot_intend(slot, INTENT_SETTLED, block, block);
}

/* What an INTENT_TAKE got is read and done with; one store to the slot's own line. */
static inline void slot_acknowledge(struct slot *slot)
{
	if (!DEFECT(DEFECT_ACKNOWLEDGE))
		slot->intent |= INTENT_ACKNOWLEDGED;
	atom64_store_rel(&slot->shared->intent, slot->intent);
}

/*
 * The owner of the slot gives the message it holds back: into its orphan cell, for anybody.
 * Until somebody has taken it the slot has no block; slot_reclaim() tells when it has one again.
 */
void slot_give_back(struct slot *slot);
bool slot_reclaim(struct slot *slot, uint32_t blocks);
/*
 * Whether the message in a block is wanted: 0 or a negative errno.  Asked before it is taken: the
 * block may be another's again by then, but then it is not taken.
 */
struct acceptance {
	int (*accept)(const void *context, uint32_t block);
	const void *context;
};
/*
 * The owner takes its own orphan back, as a lease: STOA_OK, with its deliveries (the block is
 * slot->block; slot_settle() acknowledges it), STOA_EMPTY, or why it is not accepted.
 */
int slot_retake(struct slot *slot, uint32_t blocks, const struct acceptance *acceptance,
                uint32_t *deliveries);
/* Stores the deliveries of what the slot takes next, this one included; 0 stands for the first.
 * Before the intent: a reaper reads them after it. */
void slot_deliveries(struct slot *slot, uint32_t deliveries);
/*
 * Takes somebody's orphan into `slot`, which holds an empty block: STOA_OK, with its deliveries,
 * STOA_EMPTY, or why the first one is not accepted.
 */
int slot_take_orphan(struct slot *slot, const struct exchange *exchange, const struct acceptance *acceptance,
                     uint32_t *deliveries);

/* Counts a discard in the tally, once for this lap, whoever comes. */
void slot_count_discard(struct exchange_slot *slot, uint32_t lap);

/* ---- the dead: exchange_settle.c ---- */

/*
 * Settles every slot of every handle that `owner`, who is dead, has: decides whether its last
 * compare-and-swap succeeded, redelivers (or, with `discard`, drops and counts) what it had not
 * acknowledged.  `*orphans` counts the messages that wait in its orphan cells.  0; -ENOMEM; -EAGAIN (the
 * living moved too much to decide: later).
 */
int exchange_settle(const struct exchange *exchange, uint32_t owner, bool discard, uint32_t *orphans);
/* Then, under the rules of reap_release(): frees the handles of `owner`.  How many there were. */
uint32_t exchange_free(const struct exchange *exchange, uint32_t owner);

/*
 * Whether anybody, dead or alive, may hold a message that is not acknowledged: 1, 0, or -ENOMEM.
 * `*held`, where not NULL, counts them.
 */
int exchange_held(const struct exchange *exchange, uint64_t *held);

/* Whether a message waits in an orphan cell. */
bool exchange_any_orphan(const struct exchange *exchange);

/* How many messages wait in orphan cells. */
uint64_t exchange_orphans(const struct exchange *exchange);

struct exchange_stat {
	uint64_t senders, receivers; /* handles by role */
	uint64_t redelivered, discarded;
};
void exchange_stat(const struct exchange *exchange, struct exchange_stat *stat);

#endif
