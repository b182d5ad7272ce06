/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * exchange_helpers.h - worlds made by hand: cells and slots in plain memory.
 *
 * Each operation can be cut into its stores and its compare-and-swap, so that an owner may die between any
 * two of them and the test knows the truth.
 */
#ifndef STOA_TEST_EXCHANGE_HELPERS_H
#define STOA_TEST_EXCHANGE_HELPERS_H

#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exchange.h"

#define CELLS_MAX 8
#define HANDLES_MAX 8
#define HOLDS_MAX 5
#define SLOTS_MAX (HANDLES_MAX * HOLDS_MAX)
#define BLOCKS (CELLS_MAX + SLOTS_MAX)
#define STAMP ((uint64_t)BLOCKS_MAX) /* cells count up above the block, so no word comes twice */

struct world {
	struct exchange exchange;
	struct atom64 cells[CELLS_MAX];
	_Alignas(64) uint8_t handles[HANDLES_MAX * (64 + 192)];
};

static inline void make_world(struct world *world, uint32_t cells, uint32_t handles, uint32_t holds)
{
	memset(world, 0, sizeof *world);
	assert_true(exchange_handle_stride(holds) * handles <= sizeof world->handles);
	assert_int_equal(exchange_view(&world->exchange, world->cells, cells, BLOCKS_MAX - 1, world->handles,
	                               handles, holds),
	                 0);
	exchange_format(&world->exchange);
	for (uint32_t i = 0; i < cells; i++)
		atom64_store_seq(&world->cells[i], STAMP | i);
}

static inline struct exchange_slot *slot_at(const struct world *world, uint32_t n)
{
	return exchange_slot(&world->exchange, n / world->exchange.holds, n % world->exchange.holds);
}

static inline uint32_t slots_of(const struct world *world)
{
	return world->exchange.handle_count * world->exchange.holds;
}

static inline uint32_t cell_block(const struct world *world, uint32_t cell)
{
	return atom64_load_seq(&world->cells[cell]) & (BLOCKS_MAX - 1);
}

static inline void put_in_cell(struct world *world, uint32_t cell, uint32_t block)
{
	uint64_t word = atom64_load_seq(&world->cells[cell]);

	atom64_store_seq(&world->cells[cell], ((word & ~(STAMP - 1)) + STAMP) | block);
}

static inline uint64_t intent_of(const struct world *world, uint32_t n)
{
	return atom64_load_seq(&slot_at(world, n)->intent);
}

static inline uint64_t orphan_of(const struct world *world, uint32_t n)
{
	return atom64_load_seq(&slot_at(world, n)->orphan);
}

static inline void craft(struct world *world, uint32_t n, enum intent_kind kind, uint32_t out, uint32_t got)
{
	atom64_store_seq(&slot_at(world, n)->intent, intent_next(intent_of(world, n), kind, out, got));
}

static inline void craft_orphan(struct world *world, uint32_t n, uint32_t lap, uint32_t deliveries,
                                enum orphan_state state, uint32_t block)
{
	atom64_store_seq(&slot_at(world, n)->orphan, orphan_word(lap, deliveries, state, block));
}

static inline void own(struct world *world, uint32_t handle, uint32_t role, uint32_t owner)
{
	struct atom64 *word = &exchange_handle(&world->exchange, handle)->role;

	atom64_store_seq(word, role_next(atom64_load_seq(word), role, owner));
}

static inline uint32_t role_at(const struct world *world, uint32_t handle)
{
	return role_of(atom64_load_seq(&exchange_handle(&world->exchange, handle)->role));
}

static inline int settle(struct world *world, uint32_t owner, bool discard)
{
	uint32_t orphans;

	return exchange_settle(&world->exchange, owner, discard, &orphans);
}

/* Whether slot n is settled with a block, or its orphan cell has it as a message. */
static inline bool is_settled(const struct world *world, uint32_t n, uint32_t block)
{
	uint64_t intent = intent_of(world, n);

	return intent_kind(intent) == INTENT_SETTLED && intent_out(intent) == block;
}

static inline bool waits_as_orphan(const struct world *world, uint32_t n, uint32_t block, uint32_t deliveries)
{
	uint64_t intent = intent_of(world, n), orphan = orphan_of(world, n);

	return intent_kind(intent) == INTENT_REDELIVER && orphan_state(orphan) == ORPHAN_FULL &&
	       orphan_lap(orphan) == intent_got(intent) && orphan_block(orphan) == block &&
	       orphan_deliveries(orphan) == deliveries;
}

/* In a world where every slot is settled, or waits with its orphan: every block is in one place. */
static inline bool is_whole(const struct world *world)
{
	uint32_t found[BLOCKS] = { 0 };

	for (uint32_t i = 0; i < world->exchange.cell_count; i++)
		found[cell_block(world, i)]++;
	for (uint32_t n = 0; n < slots_of(world); n++) {
		uint64_t intent = intent_of(world, n), orphan = orphan_of(world, n);

		if (intent_kind(intent) == INTENT_SETTLED)
			found[intent_out(intent)]++;
		else if (intent_kind(intent) == INTENT_REDELIVER && orphan_lap(orphan) == intent_got(intent))
			found[orphan_block(orphan)]++;
		else
			return false;
	}
	for (uint32_t b = 0; b < world->exchange.blocks; b++) {
		if (found[b] != 1)
			return false;
	}
	return true;
}

/* ---- parties: owners of a handle ---- */

static inline int accept_all(const void *context, uint32_t block)
{
	(void)context;
	(void)block;
	return 0;
}

static const struct acceptance all __attribute__((unused)) = { .accept = accept_all };

struct party {
	struct slot slots[HOLDS_MAX];
	uint32_t handle;
	uint64_t role;
};

static inline void join(struct world *world, struct party *party, uint32_t role, uint32_t owner)
{
	assert_int_equal(
		exchange_claim(&world->exchange, role, owner, false, &party->handle, &party->role, party->slots), 0);
}

/* A whole take of what is in a cell: true where the compare-and-swap succeeded, as it does here. */
static inline bool take_cell(struct world *world, struct slot *slot, uint32_t cell)
{
	uint64_t word = atom64_load_seq(&world->cells[cell]);
	uint32_t got = word & (STAMP - 1), out = slot->block;

	if (slot->redelivered)
		slot_deliveries(slot, 0);
	slot_intend(slot, INTENT_TAKE, out, got);
	if (!atom64_cas_seq(&world->cells[cell], &word, ((word & ~(STAMP - 1)) + STAMP) | out)) {
		slot_settle(slot, out);
		return false;
	}
	slot->block = got;
	return true;
}

#endif
