/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exchange: words, handles, orphans, and what is found out of the dead.
 *
 * Most tests play a world by hand: cells and slots in plain memory, each operation cut into its stores and its
 * compare-and-swap, so that an owner may die between any two of them and the test knows the truth.
 */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "exchange.h"
#include "os.h"

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

static void make_world(struct world *world, uint32_t cells, uint32_t handles, uint32_t holds)
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

static struct exchange_slot *slot_at(const struct world *world, uint32_t n)
{
	return exchange_slot(&world->exchange, n / world->exchange.holds, n % world->exchange.holds);
}

static uint32_t slots_of(const struct world *world)
{
	return world->exchange.handle_count * world->exchange.holds;
}

static uint32_t cell_block(const struct world *world, uint32_t cell)
{
	return atom64_load_seq(&world->cells[cell]) & (BLOCKS_MAX - 1);
}

static void put_in_cell(struct world *world, uint32_t cell, uint32_t block)
{
	uint64_t word = atom64_load_seq(&world->cells[cell]);

	atom64_store_seq(&world->cells[cell], ((word & ~(STAMP - 1)) + STAMP) | block);
}

static uint64_t intent_of(const struct world *world, uint32_t n)
{
	return atom64_load_seq(&slot_at(world, n)->intent);
}

static uint64_t orphan_of(const struct world *world, uint32_t n)
{
	return atom64_load_seq(&slot_at(world, n)->orphan);
}

static void craft(struct world *world, uint32_t n, enum intent_kind kind, uint32_t out, uint32_t got)
{
	atom64_store_seq(&slot_at(world, n)->intent, intent_next(intent_of(world, n), kind, out, got));
}

static void craft_orphan(struct world *world, uint32_t n, uint32_t lap, uint32_t deliveries,
                         enum orphan_state state, uint32_t block)
{
	atom64_store_seq(&slot_at(world, n)->orphan, orphan_word(lap, deliveries, state, block));
}

static void own(struct world *world, uint32_t handle, uint32_t role, uint32_t owner)
{
	struct atom64 *word = &exchange_handle(&world->exchange, handle)->role;

	atom64_store_seq(word, role_next(atom64_load_seq(word), role, owner));
}

static uint32_t role_at(const struct world *world, uint32_t handle)
{
	return role_of(atom64_load_seq(&exchange_handle(&world->exchange, handle)->role));
}

static int settle(struct world *world, uint32_t owner, bool discard)
{
	uint32_t orphans;

	return exchange_settle(&world->exchange, owner, discard, &orphans);
}

/* Whether slot n is settled with a block, or its orphan cell has it as a message. */
static bool is_settled(const struct world *world, uint32_t n, uint32_t block)
{
	uint64_t intent = intent_of(world, n);

	return intent_kind(intent) == INTENT_SETTLED && intent_out(intent) == block;
}

static bool waits_as_orphan(const struct world *world, uint32_t n, uint32_t block, uint32_t deliveries)
{
	uint64_t intent = intent_of(world, n), orphan = orphan_of(world, n);

	return intent_kind(intent) == INTENT_REDELIVER && orphan_state(orphan) == ORPHAN_FULL &&
	       orphan_lap(orphan) == intent_got(intent) && orphan_block(orphan) == block &&
	       orphan_deliveries(orphan) == deliveries;
}

/* In a world where every slot is settled, or waits with its orphan: every block is in one place. */
static bool is_whole(const struct world *world)
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

/* ---- words ---- */

static void intents_keep_their_parts(void **state)
{
	uint64_t intent = intent_next(0, INTENT_TAKE, BLOCKS_MAX - 1, 0);

	(void)state;
	assert_int_equal(intent_out(intent), BLOCKS_MAX - 1);
	assert_int_equal(intent_got(intent), 0);
	assert_int_equal(intent_kind(intent), INTENT_TAKE);
	intent = intent_next(intent | INTENT_ACKNOWLEDGED, INTENT_REDELIVER, 0, BLOCKS_MAX - 1);
	assert_int_equal(intent_out(intent), 0);
	assert_int_equal(intent_got(intent), BLOCKS_MAX - 1);
	assert_int_equal(intent_kind(intent), INTENT_REDELIVER);
	assert_false(intent & INTENT_ACKNOWLEDGED);
}

static void the_sequence_of_an_intent_differs_for_8192_intents(void **state)
{
	uint64_t first = intent_next(0, INTENT_OFFER, 1, 2), intent = first;

	(void)state;
	for (int i = 1; i < 1 << 13; i++) {
		intent = intent_next(intent, INTENT_OFFER, 1, 2);
		assert_true(intent != first);
	}
	assert_true(intent_next(intent, INTENT_OFFER, 1, 2) == first);
}

static void orphan_words_keep_their_parts(void **state)
{
	uint64_t orphan = orphan_word(ORPHAN_LAPS - 1, 5, ORPHAN_FULL, 7);

	(void)state;
	assert_int_equal(orphan_lap(orphan), ORPHAN_LAPS - 1);
	assert_int_equal(orphan_deliveries(orphan), 5);
	assert_int_equal(orphan_state(orphan), ORPHAN_FULL);
	assert_int_equal(orphan_block(orphan), 7);
	orphan = orphan_word(0, ORPHAN_DELIVERIES_MAX, ORPHAN_RETAKEN, BLOCKS_MAX - 1);
	assert_int_equal(orphan_lap(orphan), 0);
	assert_int_equal(orphan_deliveries(orphan), ORPHAN_DELIVERIES_MAX);
	assert_int_equal(orphan_state(orphan), ORPHAN_RETAKEN);
	assert_int_equal(orphan_block(orphan), BLOCKS_MAX - 1);
}

static void role_words_keep_their_parts_and_get_a_new_generation(void **state)
{
	uint64_t role = role_next(0, ROLE_RECEIVER, 0xffff), next = role_next(role, ROLE_FREE, 0);

	(void)state;
	assert_int_equal(role_of(role), ROLE_RECEIVER);
	assert_int_equal(role_owner(role), 0xffff);
	assert_int_equal(next >> 24, (role >> 24) + 1);
	assert_int_equal(role_of(next), ROLE_FREE);
}

static void a_view_of_more_blocks_than_the_mask_numbers_is_refused(void **state)
{
	struct exchange exchange;
	struct world world;

	(void)state;
	assert_int_equal(exchange_view(&exchange, world.cells, 1, 0xfff, world.handles, 64, 64), -EOVERFLOW);
	assert_int_equal(exchange_view(&exchange, world.cells, BLOCKS_MAX + 1ull, BLOCKS_MAX - 1, world.handles, 1, 1),
	                 -EOVERFLOW);
	assert_int_equal(exchange_view(&exchange, world.cells, 1, BLOCKS_MAX - 1, world.handles, 1u << 31, 1u << 31),
	                 -EOVERFLOW);
	assert_int_equal(exchange_view(&exchange, world.cells, 10, 12, world.handles, 1, 2), 0);
	assert_int_equal(exchange.blocks, 12);
}

static void handles_lie_in_lines_of_their_own(void **state)
{
	(void)state;
	for (uint32_t holds = 1; holds <= 9; holds++) {
		uint64_t stride = exchange_handle_stride(holds);

		assert_int_equal(stride % 64, 0);
		assert_true(stride >= 64 + holds * sizeof(struct exchange_slot));
		assert_true(stride < 64 + holds * sizeof(struct exchange_slot) + 64);
	}
}

/* ---- handles ---- */

static void every_handle_is_claimed_once_and_then_none_is_left(void **state)
{
	struct world world;
	struct slot slots[2];
	uint64_t roles[3];
	uint32_t handle;

	(void)state;
	make_world(&world, 4, 3, 2);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, i, &handle, &roles[i], slots), 0);
		assert_int_equal(handle, i);
		for (uint32_t k = 0; k < 2; k++) {
			assert_int_equal(slots[k].block, 4 + 2 * i + k);
			assert_ptr_equal(slots[k].shared, slot_at(&world, 2 * i + k));
		}
	}
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 9, &handle, &roles[0], slots), -EUSERS);
	exchange_release(&world.exchange, 1, roles[1]);
	assert_int_equal(exchange_claim(&world.exchange, ROLE_RECEIVER, 9, &handle, &roles[0], slots), 0);
	assert_int_equal(handle, 1);
	assert_int_equal(role_at(&world, 1), ROLE_RECEIVER);
	assert_true(roles[0] != roles[1]);
}

static void a_release_with_an_old_role_word_changes_nothing(void **state)
{
	struct world world;
	struct slot slots[1];
	uint64_t role, again;
	uint32_t handle;

	(void)state;
	make_world(&world, 1, 1, 1);
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 1, &handle, &role, slots), 0);
	exchange_release(&world.exchange, handle, role);
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 1, &handle, &again, slots), 0);
	exchange_release(&world.exchange, handle, role);
	assert_int_equal(role_at(&world, 0), ROLE_SENDER);
}

static void a_handle_whose_words_make_no_sense_is_not_given_out(void **state)
{
	struct world world;
	struct slot slots[2];
	uint64_t role;
	uint32_t handle;

	(void)state;
	make_world(&world, 2, 2, 2);
	craft(&world, 1, INTENT_SETTLED, 6, 6); /* there are 6 blocks: 0 to 5 */
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 1, &handle, &role, slots), -EBADMSG);
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 1, &handle, &role, slots), 0);
	assert_int_equal(handle, 1);
	make_world(&world, 2, 2, 2);
	craft(&world, 0, INTENT_OFFER, 1, 2);
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 1, &handle, &role, slots), -EBADMSG);
}

static void the_wrap_of_a_sequence_is_counted(void **state)
{
	struct world world;
	struct slot slots[1];
	uint64_t role;
	uint32_t handle;

	(void)state;
	make_world(&world, 1, 1, 1);
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 1, &handle, &role, slots), 0);
	for (int i = 0; i < 3 << 13; i++)
		slot_intend(&slots[0], INTENT_OFFER, 1, 0);
	assert_int_equal(atom64_load_seq(&slot_at(&world, 0)->wraps), 3);
	assert_true(intent_of(&world, 0) == slots[0].intent);
}

/* ---- orphans, of the living ---- */

static int accept_all(const void *context, uint32_t block)
{
	(void)context;
	(void)block;
	return 0;
}

static int accept_none(const void *context, uint32_t block)
{
	(void)block;
	*(int *)context += 1;
	return -EMSGSIZE;
}

static const struct acceptance all = { .accept = accept_all };

struct party {
	struct slot slots[HOLDS_MAX];
	uint32_t handle;
	uint64_t role;
};

static void join(struct world *world, struct party *party, uint32_t role, uint32_t owner)
{
	assert_int_equal(exchange_claim(&world->exchange, role, owner, &party->handle, &party->role, party->slots), 0);
}

/* A whole take of what is in a cell: true where the compare-and-swap succeeded, as it does here. */
static bool take_cell(struct world *world, struct slot *slot, uint32_t cell)
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

static void what_is_given_back_is_taken_by_another_with_one_more_delivery(void **state)
{
	struct world world;
	struct party giver, taker;
	uint32_t deliveries = 0;

	(void)state;
	make_world(&world, 2, 2, 1);
	join(&world, &giver, ROLE_RECEIVER, 1);
	join(&world, &taker, ROLE_RECEIVER, 2);
	assert_int_equal(slot_take_orphan(&taker.slots[0], &world.exchange, &all, &deliveries), STOA_EMPTY);
	take_cell(&world, &giver.slots[0], 0);
	assert_false(exchange_any_orphan(&world.exchange));
	slot_give_back(&giver.slots[0]);
	assert_true(exchange_any_orphan(&world.exchange));
	assert_true(waits_as_orphan(&world, 0, 0, 1));
	assert_false(slot_reclaim(&giver.slots[0], world.exchange.blocks));
	assert_int_equal(slot_take_orphan(&taker.slots[0], &world.exchange, &all, &deliveries), STOA_OK);
	assert_int_equal(deliveries, 2);
	assert_int_equal(taker.slots[0].block, 0);
	assert_false(exchange_any_orphan(&world.exchange));
	assert_true(slot_reclaim(&giver.slots[0], world.exchange.blocks));
	assert_int_equal(giver.slots[0].block, 3); /* what the taker left */
	/* and back again */
	slot_give_back(&taker.slots[0]);
	assert_true(waits_as_orphan(&world, 1, 0, 2));
	assert_int_equal(slot_take_orphan(&giver.slots[0], &world.exchange, &all, &deliveries), STOA_OK);
	assert_int_equal(deliveries, 3);
	slot_acknowledge(&giver.slots[0]);
	slot_settle(&giver.slots[0], giver.slots[0].block);
	assert_true(slot_reclaim(&taker.slots[0], world.exchange.blocks));
	assert_true(is_whole(&world));
}

static void an_owner_takes_its_own_orphan_back_again_and_again(void **state)
{
	struct world world;
	struct party party;
	uint32_t deliveries;

	(void)state;
	make_world(&world, 1, 1, 1);
	join(&world, &party, ROLE_RECEIVER, 1);
	assert_int_equal(slot_retake(&party.slots[0], world.exchange.blocks, &all, &deliveries), STOA_EMPTY);
	take_cell(&world, &party.slots[0], 0);
	for (uint32_t i = 1; i < 10; i++) {
		slot_give_back(&party.slots[0]);
		assert_true(waits_as_orphan(&world, 0, 0, i));
		assert_int_equal(slot_retake(&party.slots[0], world.exchange.blocks, &all, &deliveries), STOA_OK);
		assert_int_equal(deliveries, i + 1);
		assert_int_equal(slot_retake(&party.slots[0], world.exchange.blocks, &all, &deliveries), STOA_EMPTY);
		assert_false(exchange_any_orphan(&world.exchange));
	}
	slot_settle(&party.slots[0], party.slots[0].block);
	assert_true(is_whole(&world));
	/* what is taken afterwards is new */
	take_cell(&world, &party.slots[0], 0);
	slot_give_back(&party.slots[0]);
	assert_true(waits_as_orphan(&world, 0, 1, 1));
}

static void an_orphan_that_is_not_accepted_stays(void **state)
{
	struct world world;
	struct party giver, taker;
	uint32_t deliveries;
	int asked = 0;
	struct acceptance none = { .accept = accept_none, .context = &asked };

	(void)state;
	make_world(&world, 1, 2, 1);
	join(&world, &giver, ROLE_RECEIVER, 1);
	join(&world, &taker, ROLE_RECEIVER, 2);
	take_cell(&world, &giver.slots[0], 0);
	slot_give_back(&giver.slots[0]);
	assert_int_equal(slot_take_orphan(&taker.slots[0], &world.exchange, &none, &deliveries), -EMSGSIZE);
	assert_int_equal(slot_retake(&giver.slots[0], world.exchange.blocks, &none, &deliveries), -EMSGSIZE);
	assert_int_equal(asked, 2);
	assert_true(waits_as_orphan(&world, 0, 0, 1));
	assert_true(is_settled(&world, 1, 2));
	assert_true(is_whole(&world));
}

static void the_count_of_deliveries_stops_at_its_largest(void **state)
{
	struct world world;
	struct party party;
	uint32_t deliveries;

	(void)state;
	make_world(&world, 1, 1, 1);
	join(&world, &party, ROLE_RECEIVER, 1);
	take_cell(&world, &party.slots[0], 0);
	slot_deliveries(&party.slots[0], ORPHAN_DELIVERIES_MAX - 1);
	for (int i = 0; i < 4; i++) {
		slot_give_back(&party.slots[0]);
		assert_int_equal(slot_retake(&party.slots[0], world.exchange.blocks, &all, &deliveries), STOA_OK);
		assert_int_equal(deliveries, ORPHAN_DELIVERIES_MAX);
	}
}

static void an_orphan_cells_lap_wraps_around(void **state)
{
	struct world world;
	struct party giver, taker;
	uint32_t deliveries;

	(void)state;
	make_world(&world, 1, 2, 1);
	join(&world, &giver, ROLE_RECEIVER, 1);
	join(&world, &taker, ROLE_RECEIVER, 2);
	craft_orphan(&world, 0, ORPHAN_LAPS - 2, 0, ORPHAN_FREE, 0);
	for (int i = 0; i < 5; i++) {
		take_cell(&world, &giver.slots[0], 0);
		slot_give_back(&giver.slots[0]);
		assert_true(waits_as_orphan(&world, 0, orphan_block(orphan_of(&world, 0)), 1));
		assert_int_equal(slot_take_orphan(&taker.slots[0], &world.exchange, &all, &deliveries), STOA_OK);
		assert_int_equal(deliveries, 2);
		slot_acknowledge(&taker.slots[0]);
		assert_true(slot_reclaim(&giver.slots[0], world.exchange.blocks));
	}
	/* and its death across the wrap */
	craft_orphan(&world, 0, ORPHAN_LAPS - 1, 0, ORPHAN_FREE, 0);
	take_cell(&world, &giver.slots[0], 0);
	assert_int_equal(settle(&world, 1, false), 0);
	assert_int_equal(orphan_lap(orphan_of(&world, 0)), 0);
	assert_int_equal(orphan_state(orphan_of(&world, 0)), ORPHAN_FULL);
}

static void a_handle_left_with_an_orphan_is_reusable_when_that_is_taken(void **state)
{
	struct world world;
	struct party giver, taker, next;
	struct slot slots[1];
	uint32_t deliveries, handle;
	uint64_t role;

	(void)state;
	make_world(&world, 1, 2, 1);
	join(&world, &giver, ROLE_RECEIVER, 1);
	join(&world, &taker, ROLE_RECEIVER, 2);
	take_cell(&world, &giver.slots[0], 0);
	slot_give_back(&giver.slots[0]);
	exchange_release(&world.exchange, giver.handle, giver.role);
	assert_int_equal(role_at(&world, 0), ROLE_ORPHANED);
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 3, &handle, &role, slots), -EUSERS);
	assert_int_equal(slot_take_orphan(&taker.slots[0], &world.exchange, &all, &deliveries), STOA_OK);
	join(&world, &next, ROLE_SENDER, 3);
	assert_int_equal(next.handle, 0);
	assert_int_equal(next.slots[0].block, 2);
	assert_false(next.slots[0].given);
	slot_acknowledge(&taker.slots[0]);
	slot_settle(&taker.slots[0], taker.slots[0].block);
	assert_true(is_whole(&world));
}

static void a_receiver_can_claim_a_handle_whose_orphan_waits(void **state)
{
	struct world world;
	struct party giver, next;
	uint32_t deliveries;

	(void)state;
	make_world(&world, 1, 2, 2);
	join(&world, &giver, ROLE_RECEIVER, 1);
	take_cell(&world, &giver.slots[0], 0);
	slot_give_back(&giver.slots[0]);
	exchange_release(&world.exchange, giver.handle, giver.role);
	join(&world, &next, ROLE_RECEIVER, 2); /* rather than a free one, which a sender could have */
	assert_int_equal(next.handle, 0);
	assert_true(next.slots[0].given);
	assert_false(next.slots[1].given);
	assert_false(slot_reclaim(&next.slots[0], world.exchange.blocks));
	/* taken with its other slot, or back by the slot itself */
	assert_int_equal(slot_take_orphan(&next.slots[1], &world.exchange, &all, &deliveries), STOA_OK);
	assert_int_equal(deliveries, 2);
	assert_true(slot_reclaim(&next.slots[0], world.exchange.blocks));
	slot_give_back(&next.slots[1]);
	exchange_release(&world.exchange, next.handle, next.role);
	join(&world, &next, ROLE_RECEIVER, 3);
	assert_true(next.slots[1].given);
	assert_int_equal(slot_retake(&next.slots[1], world.exchange.blocks, &all, &deliveries), STOA_OK);
	assert_int_equal(deliveries, 3);
	/* and its death with the orphan waiting again */
	slot_give_back(&next.slots[1]);
	assert_int_equal(settle(&world, 3, false), 0);
	assert_true(waits_as_orphan(&world, 1, 0, 3));
	assert_true(is_whole(&world));
}

/* ---- the decision, on worlds made by hand ---- */

static void where_the_offered_block_is_in_a_cell_the_slot_holds_the_other(void **state)
{
	struct world world;

	(void)state;
	make_world(&world, 2, 2, 1);
	own(&world, 0, ROLE_SENDER, 7);
	craft(&world, 0, INTENT_OFFER, 2, 1);
	put_in_cell(&world, 1, 2);
	assert_int_equal(settle(&world, 7, false), 0);
	assert_true(is_settled(&world, 0, 1));
	assert_true(is_whole(&world));
}

static void where_the_wanted_block_is_in_a_cell_the_slot_holds_its_own(void **state)
{
	struct world world;

	(void)state;
	make_world(&world, 2, 2, 1);
	own(&world, 0, ROLE_SENDER, 7);
	craft(&world, 0, INTENT_OFFER, 2, 1);
	assert_int_equal(settle(&world, 7, false), 0);
	assert_true(is_settled(&world, 0, 2));
	own(&world, 1, ROLE_RECEIVER, 8);
	craft(&world, 1, INTENT_TAKE, 3, 0);
	assert_int_equal(settle(&world, 8, false), 0);
	assert_true(is_settled(&world, 1, 3));
	assert_true(is_whole(&world));
}

static void a_message_taken_and_not_acknowledged_becomes_an_orphan(void **state)
{
	struct world world;
	uint32_t orphans;

	(void)state;
	make_world(&world, 2, 2, 1);
	own(&world, 0, ROLE_RECEIVER, 7);
	craft(&world, 0, INTENT_TAKE, 2, 1);
	put_in_cell(&world, 1, 2);
	assert_int_equal(exchange_settle(&world.exchange, 7, false, &orphans), 0);
	assert_int_equal(orphans, 1);
	assert_true(waits_as_orphan(&world, 0, 1, 1));
	assert_true(is_whole(&world));
	/* once more: nothing changes, and it is counted again */
	assert_int_equal(exchange_settle(&world.exchange, 7, false, &orphans), 0);
	assert_int_equal(orphans, 1);
	assert_int_equal(orphan_lap(orphan_of(&world, 0)), 1);
}

static void an_acknowledged_message_is_an_empty_block(void **state)
{
	struct world world;

	(void)state;
	make_world(&world, 2, 2, 1);
	own(&world, 0, ROLE_RECEIVER, 7);
	craft(&world, 0, INTENT_TAKE, 2, 1);
	atom64_store_seq(&slot_at(&world, 0)->intent, intent_of(&world, 0) | INTENT_ACKNOWLEDGED);
	put_in_cell(&world, 1, 2);
	/* the block that it left is in no cell any more: that bit alone decides */
	craft(&world, 1, INTENT_SETTLED, 2, 2);
	put_in_cell(&world, 1, 3);
	assert_int_equal(settle(&world, 7, false), 0);
	assert_true(is_settled(&world, 0, 1));
	assert_true(is_whole(&world));
}

static void a_block_in_a_settled_slot_decides(void **state)
{
	struct world world;

	(void)state;
	/* Slot 0 offered 2 for 1 and got it; slot 1 took 2 out of the cell and is settled with it. */
	make_world(&world, 2, 2, 1);
	own(&world, 0, ROLE_SENDER, 7);
	craft(&world, 0, INTENT_OFFER, 2, 1);
	craft(&world, 1, INTENT_SETTLED, 2, 2);
	put_in_cell(&world, 1, 3);
	assert_int_equal(settle(&world, 7, false), 0);
	assert_true(is_settled(&world, 0, 1));
	assert_true(is_whole(&world));
}

/*
 * n slots stand between two blocks each, slot i between 1 + i (its own) and i, and all but the first edge are
 * decided by their neighbour only: block 0, or the last one, is in the one cell.
 */
static void chain(uint32_t n, bool done, bool up)
{
	struct world world;

	make_world(&world, 1, n, 1);
	for (uint32_t i = 0; i < n; i++) {
		own(&world, i, ROLE_SENDER, 10 + i);
		craft(&world, i, INTENT_OFFER, 1 + i, i);
	}
	if (done) /* each gave its own for the one before: the last one's is in the cell */
		put_in_cell(&world, 0, n);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = up ? k : n - 1 - k;

		assert_int_equal(settle(&world, 10 + i, false), 0);
		assert_true(is_settled(&world, i, done ? i : 1 + i));
	}
	assert_true(is_whole(&world));
}

static void chains_of_open_slots_decide_from_either_end(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= HANDLES_MAX; n++) {
		chain(n, true, true);
		chain(n, true, false);
		chain(n, false, true);
		chain(n, false, false);
	}
}

static void a_chain_goes_through_orphan_cells(void **state)
{
	struct world world;

	(void)state;
	/* Slot 0 is dead: it took message 0 from the cell for its block 1.  Slot 1 took 1 as a new message (a
	 * sender filled it in the cell) leaving 2, gave it back; slot 2 took that orphan leaving 3. */
	make_world(&world, 1, 3, 1);
	own(&world, 0, ROLE_RECEIVER, 7);
	own(&world, 1, ROLE_RECEIVER, 8);
	own(&world, 2, ROLE_RECEIVER, 9);
	craft(&world, 0, INTENT_TAKE, 1, 0);
	put_in_cell(&world, 0, 2);
	craft(&world, 1, INTENT_REDELIVER, 1, 1);
	craft_orphan(&world, 1, 1, 0, ORPHAN_FREE, 3);
	craft(&world, 2, INTENT_TAKE, 3, 1);
	assert_int_equal(settle(&world, 7, false), 0);
	assert_true(waits_as_orphan(&world, 0, 0, 1));
	assert_int_equal(settle(&world, 9, false), 0);
	assert_true(waits_as_orphan(&world, 2, 1, 1));
	assert_int_equal(settle(&world, 8, false), 0);
	assert_true(is_settled(&world, 1, 3));
	assert_true(is_whole(&world));
}

static void a_world_that_cannot_be_decides_nothing_and_ends(void **state)
{
	struct world world;

	(void)state;
	/* out and got both in cells; both nowhere; numbers beyond the blocks */
	make_world(&world, 2, 2, 1);
	own(&world, 0, ROLE_SENDER, 7);
	craft(&world, 0, INTENT_OFFER, 0, 1);
	assert_int_equal(settle(&world, 7, false), -EAGAIN);
	put_in_cell(&world, 0, 3);
	put_in_cell(&world, 1, 3);
	assert_int_equal(settle(&world, 7, false), -EAGAIN);
	craft(&world, 0, INTENT_OFFER, BLOCKS_MAX - 1, BLOCKS_MAX - 2);
	assert_int_equal(settle(&world, 7, false), -EAGAIN);
	craft(&world, 0, INTENT_TAKE, 1, 1);
	settle(&world, 7, false);
}

/* ---- redelivery, left by a dead reaper at each of its steps ---- */

static void redelivery_goes_on_from_every_step(void **state)
{
	struct world world;
	uint32_t orphans;

	(void)state;
	/* the intent is there, the orphan cell not yet filled */
	make_world(&world, 2, 1, 1);
	own(&world, 0, ROLE_RECEIVER, 7);
	put_in_cell(&world, 1, 2);
	craft(&world, 0, INTENT_REDELIVER, 1, 1);
	assert_int_equal(exchange_settle(&world.exchange, 7, false, &orphans), 0);
	assert_int_equal(orphans, 1);
	assert_true(waits_as_orphan(&world, 0, 1, 1));
	/* it is filled, and nobody was told */
	assert_int_equal(exchange_settle(&world.exchange, 7, false, &orphans), 0);
	assert_int_equal(orphans, 1);
	/* somebody has taken it */
	craft_orphan(&world, 0, 1, 0, ORPHAN_FREE, 2);
	put_in_cell(&world, 1, 1); /* and the block 1 is back in the ring */
	assert_int_equal(exchange_settle(&world.exchange, 7, false, &orphans), 0);
	assert_int_equal(orphans, 0);
	assert_true(is_settled(&world, 0, 2));
	assert_true(is_whole(&world));
}

static void a_retaken_message_of_a_dead_owner_is_redelivered_in_the_next_lap(void **state)
{
	struct world world;
	struct party party;
	uint32_t deliveries, orphans;

	(void)state;
	make_world(&world, 1, 1, 1);
	join(&world, &party, ROLE_RECEIVER, 7);
	take_cell(&world, &party.slots[0], 0);
	slot_give_back(&party.slots[0]);
	assert_int_equal(slot_retake(&party.slots[0], world.exchange.blocks, &all, &deliveries), STOA_OK);
	assert_int_equal(exchange_settle(&world.exchange, 7, false, &orphans), 0);
	assert_int_equal(orphans, 1);
	assert_true(waits_as_orphan(&world, 0, 0, 2));
	assert_int_equal(orphan_lap(orphan_of(&world, 0)), 2);
	assert_true(is_whole(&world));
}

static void a_discard_counts_once_from_every_step(void **state)
{
	struct exchange_stat stat;
	struct world world;
	uint32_t orphans;

	(void)state;
	make_world(&world, 2, 1, 1);
	own(&world, 0, ROLE_RECEIVER, 7);
	put_in_cell(&world, 1, 2);
	craft(&world, 0, INTENT_TAKE, 2, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(exchange_settle(&world.exchange, 7, true, &orphans), 0);
		assert_int_equal(orphans, 0);
		exchange_stat(&world.exchange, &stat);
		assert_int_equal(stat.discarded, 1);
		assert_int_equal(stat.redelivered, 0);
		assert_true(is_settled(&world, 0, 1));
	}
	assert_true(is_whole(&world));
	/* counted, and then the reaper died before it emptied the orphan cell */
	craft(&world, 0, INTENT_REDELIVER, 1, 2);
	atom64_store_seq(&slot_at(&world, 0)->tally, 2ull << 32 | 2 << 16);
	assert_int_equal(settle(&world, 7, true), 0);
	exchange_stat(&world.exchange, &stat);
	assert_int_equal(stat.discarded, 2);
	assert_true(is_settled(&world, 0, 1));
	assert_true(is_whole(&world));
}

static void only_handles_of_the_dead_are_settled_and_freed(void **state)
{
	struct world world;

	(void)state;
	make_world(&world, 2, 4, 1);
	own(&world, 0, ROLE_SENDER, 7);
	own(&world, 1, ROLE_RECEIVER, 8);
	own(&world, 2, ROLE_RECEIVER, 7);
	craft(&world, 1, INTENT_TAKE, 3, 1);
	put_in_cell(&world, 1, 3);
	assert_int_equal(settle(&world, 7, false), 0);
	assert_int_equal(intent_kind(intent_of(&world, 1)), INTENT_TAKE);
	assert_int_equal(exchange_free(&world.exchange, 7), 2);
	assert_int_equal(role_at(&world, 0), ROLE_FREE);
	assert_int_equal(role_at(&world, 1), ROLE_RECEIVER);
	assert_int_equal(role_at(&world, 2), ROLE_FREE);
	assert_int_equal(exchange_free(&world.exchange, 7), 0);
}

static void what_is_held_is_counted(void **state)
{
	struct world world;
	struct party party[2];
	uint32_t deliveries;
	uint64_t held;

	(void)state;
	make_world(&world, 3, 2, 2);
	join(&world, &party[0], ROLE_RECEIVER, 1);
	join(&world, &party[1], ROLE_RECEIVER, 2);
	assert_int_equal(exchange_held(&world.exchange, &held), 0);
	assert_int_equal(held, 0);
	take_cell(&world, &party[0].slots[0], 0);
	take_cell(&world, &party[1].slots[0], 1);
	assert_int_equal(exchange_held(&world.exchange, &held), 1);
	assert_int_equal(held, 2);
	slot_acknowledge(&party[0].slots[0]);
	assert_int_equal(exchange_held(&world.exchange, &held), 1);
	assert_int_equal(held, 1);
	slot_give_back(&party[1].slots[0]); /* an orphan is nobody's, but may come */
	assert_int_equal(exchange_held(&world.exchange, &held), 1);
	assert_int_equal(held, 0);
	assert_int_equal(slot_retake(&party[1].slots[0], world.exchange.blocks, &all, &deliveries), 0);
	assert_int_equal(exchange_held(&world.exchange, &held), 1);
	assert_int_equal(held, 1);
	slot_settle(&party[1].slots[0], party[1].slots[0].block);
	assert_int_equal(exchange_held(&world.exchange, NULL), 0);
	/* an attempt that failed, left by a death before it was settled */
	slot_intend(&party[1].slots[1], INTENT_TAKE, party[1].slots[1].block, cell_block(&world, 2));
	assert_int_equal(exchange_held(&world.exchange, &held), 0);
	assert_int_equal(held, 0);
}

/* ---- worlds played at random, in which owners die between any two steps ---- */

enum phase {
	HAS_EMPTY,  /* an empty block */
	HAS_LEASE,  /* a message, by an exchange */
	HAS_RETAKEN, /* a message, out of its own orphan cell */
	OPEN_CELL,  /* the intent is out, the compare-and-swap on a cell is still to come */
	OPEN_ORPHAN, /* the same on another slot's orphan cell */
	GIVING,     /* the intent to redeliver is out, the orphan cell still to be filled */
	GIVEN,
	RETAKING, /* the tally is written, the orphan cell still to be changed */
};

/* What the test knows of a slot. */
struct truth {
	struct slot slot;
	enum phase phase;
	uint32_t block; /* that it holds; GIVEN: that its orphan cell has */
	uint32_t deliveries;
	bool orphaned; /* GIVEN, and nobody has taken it */
	/* the operation that is open */
	enum intent_kind kind;
	uint32_t place; /* cell, or slot of the orphan cell */
	uint64_t word;
};

struct play {
	struct world world;
	struct truth truth[SLOTS_MAX];
	uint32_t owner[HANDLES_MAX];
	uint64_t roles[HANDLES_MAX];
	bool alive[HANDLES_MAX];
	uint64_t seed, discards;
};

static uint32_t below(struct play *play, uint32_t limit)
{
	return (uint32_t)(random_next(&play->seed) >> 20) % limit;
}

static void begin_exchange(struct play *play, struct truth *t)
{
	t->kind = below(play, 2) ? INTENT_TAKE : INTENT_OFFER;
	t->place = below(play, (uint32_t)play->world.exchange.cell_count);
	t->word = atom64_load_seq(&play->world.cells[t->place]);
	if (t->slot.redelivered)
		slot_deliveries(&t->slot, 0);
	slot_intend(&t->slot, t->kind, t->block, t->word & (STAMP - 1));
	t->phase = OPEN_CELL;
}

static void begin_orphan(struct play *play, struct truth *t)
{
	uint32_t n = below(play, slots_of(&play->world));
	uint64_t word = orphan_of(&play->world, n);

	if (orphan_state(word) != ORPHAN_FULL)
		return;
	t->place = n;
	t->word = word;
	t->deliveries = orphan_deliveries(word) + 1;
	slot_deliveries(&t->slot, t->deliveries);
	slot_intend(&t->slot, INTENT_TAKE, t->block, orphan_block(word));
	t->phase = OPEN_ORPHAN;
}

static void end_cell(struct play *play, struct truth *t)
{
	uint64_t word = t->word;
	uint32_t got = word & (STAMP - 1);

	if (!atom64_cas_seq(&play->world.cells[t->place], &word, ((word & ~(STAMP - 1)) + STAMP) | t->block)) {
		slot_settle(&t->slot, t->block);
		t->phase = HAS_EMPTY;
		return;
	}
	t->slot.block = t->block = got;
	t->phase = t->kind == INTENT_TAKE ? HAS_LEASE : HAS_EMPTY;
	t->deliveries = 1;
}

static void end_orphan(struct play *play, struct truth *t)
{
	struct truth *from = &play->truth[t->place];
	uint64_t word = t->word;

	if (!atom64_cas_seq(&slot_at(&play->world, t->place)->orphan, &word,
	                    orphan_word(orphan_lap(word), 0, ORPHAN_FREE, t->block))) {
		slot_settle(&t->slot, t->block);
		t->phase = HAS_EMPTY;
		return;
	}
	from->block = t->block;
	from->orphaned = false;
	t->slot.block = t->block = orphan_block(word);
	t->phase = HAS_LEASE;
}

static void begin_giving(struct play *play, struct truth *t, uint32_t n)
{
	uint32_t lap = (orphan_lap(orphan_of(&play->world, n)) + 1) % ORPHAN_LAPS;

	t->word = orphan_of(&play->world, n);
	slot_intend(&t->slot, INTENT_REDELIVER, t->block, lap);
	t->phase = GIVING;
}

static void end_giving(struct play *play, struct truth *t, uint32_t n)
{
	uint64_t word = t->word;
	uint32_t lap = intent_got(t->slot.intent);

	atom64_cas_seq(&slot_at(&play->world, n)->orphan, &word, orphan_word(lap, t->deliveries, ORPHAN_FULL, t->block));
	t->phase = GIVEN;
	t->orphaned = true;
}

static void end_retaking(struct play *play, struct truth *t, uint32_t n)
{
	uint64_t word = t->word;

	t->phase = GIVEN;
	if (!atom64_cas_seq(&slot_at(&play->world, n)->orphan, &word,
	                    orphan_word(orphan_lap(word), t->deliveries, ORPHAN_RETAKEN, orphan_block(word))))
		return;
	t->slot.block = t->block;
	t->orphaned = false;
	t->phase = HAS_RETAKEN;
}

static void play_given(struct play *play, struct truth *t, uint32_t n)
{
	uint64_t word = orphan_of(&play->world, n);

	if (!t->orphaned) {
		assert_true(slot_reclaim(&t->slot, play->world.exchange.blocks));
		assert_int_equal(t->slot.block, t->block);
		t->phase = HAS_EMPTY;
	} else if (below(play, 3) == 0) {
		t->word = word;
		t->deliveries = orphan_deliveries(word) + 1;
		slot_deliveries(&t->slot, t->deliveries);
		t->phase = RETAKING;
	}
}

/* One step of slot n, whose owner lives. */
static void play_step(struct play *play, uint32_t n)
{
	struct truth *t = &play->truth[n];

	switch (t->phase) {
	case HAS_EMPTY:
		if (below(play, 3) == 0)
			begin_orphan(play, t);
		else
			begin_exchange(play, t);
		break;
	case HAS_LEASE:
	case HAS_RETAKEN:
		if (below(play, 2)) {
			begin_giving(play, t, n);
		} else {
			if (t->phase == HAS_LEASE)
				slot_acknowledge(&t->slot);
			else
				slot_settle(&t->slot, t->block);
			t->phase = HAS_EMPTY;
		}
		break;
	case OPEN_CELL:
		end_cell(play, t);
		break;
	case OPEN_ORPHAN:
		end_orphan(play, t);
		break;
	case GIVING:
		end_giving(play, t, n);
		break;
	case RETAKING:
		end_retaking(play, t, n);
		break;
	case GIVEN:
		play_given(play, t, n);
		break;
	}
}

static void open_handle(struct play *play, uint32_t owner)
{
	struct slot slots[HOLDS_MAX];
	uint32_t h;
	uint64_t role;

	if (exchange_claim(&play->world.exchange, ROLE_RECEIVER, owner, &h, &role, slots) != 0)
		return;
	play->alive[h] = true;
	play->owner[h] = owner;
	play->roles[h] = role;
	for (uint32_t k = 0; k < play->world.exchange.holds; k++) {
		struct truth *t = &play->truth[h * play->world.exchange.holds + k];

		if (slots[k].given) { /* what the owner before left there still waits */
			assert_int_equal(t->phase, GIVEN);
			t->slot = slots[k];
			continue;
		}
		if (t->slot.shared) /* not its first owner: it finds what was left */
			assert_int_equal(slots[k].block, t->block);
		*t = (struct truth){ .slot = slots[k], .block = slots[k].block };
	}
}

/* What must have become of a slot whose owner died. */
static void check_dead_slot(struct play *play, uint32_t n, bool discard)
{
	struct truth *t = &play->truth[n];
	bool message = t->phase == HAS_LEASE || t->phase == HAS_RETAKEN || t->phase == GIVING;

	if (message && discard) {
		play->discards++;
		assert_true(is_settled(&play->world, n, t->block));
	} else if (message) {
		assert_true(waits_as_orphan(&play->world, n, t->block, t->deliveries));
		t->orphaned = true;
		t->phase = GIVEN;
		return;
	} else if ((t->phase == GIVEN || t->phase == RETAKING) && t->orphaned) {
		assert_int_equal(orphan_state(orphan_of(&play->world, n)), ORPHAN_FULL);
		assert_int_equal(orphan_block(orphan_of(&play->world, n)), t->block);
		t->phase = GIVEN;
		return;
	} else {
		assert_true(is_settled(&play->world, n, t->block));
	}
	t->phase = HAS_EMPTY;
}

static void die(struct play *play, uint32_t h, bool discard)
{
	uint32_t holds = play->world.exchange.holds;

	assert_int_equal(settle(&play->world, play->owner[h], discard), 0);
	if (below(play, 2)) /* another reaper comes, too */
		assert_int_equal(settle(&play->world, play->owner[h], discard), 0);
	for (uint32_t k = 0; k < holds; k++)
		check_dead_slot(play, h * holds + k, discard);
	assert_int_equal(exchange_free(&play->world.exchange, play->owner[h]), 1);
	play->alive[h] = false;
}

static void play_world(uint64_t seed, bool discard)
{
	static struct play play;
	struct exchange_stat stat;
	uint32_t next_owner = 100, handles;

	memset(&play, 0, sizeof play);
	play.seed = seed;
	handles = 1 + below(&play, HANDLES_MAX);
	make_world(&play.world, 1 + below(&play, CELLS_MAX), handles, 1 + below(&play, HOLDS_MAX));
	for (int i = 0; i < 400; i++) {
		uint32_t n = below(&play, slots_of(&play.world)), h = n / play.world.exchange.holds;

		if (below(&play, 12) == 0)
			open_handle(&play, next_owner++);
		else if (play.alive[h] && below(&play, 40) == 0)
			die(&play, h, discard);
		else if (play.alive[h])
			play_step(&play, n);
	}
	for (uint32_t h = 0; h < handles; h++) {
		if (play.alive[h])
			die(&play, h, discard);
	}
	assert_true(is_whole(&play.world));
	exchange_stat(&play.world.exchange, &stat);
	assert_int_equal(stat.discarded, play.discards);
	assert_int_equal(stat.receivers, 0);
}

static void owners_that_die_anywhere_are_settled_as_the_truth_is(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4000; seed++)
		play_world(seed * 0x9e3779b97f4a7c15ull, seed % 4 == 0);
}

/* ---- several reapers at once ---- */

#define ROUNDS 2000
#define REAPERS 3

struct reapers {
	struct play play;
	pthread_barrier_t start, end;
	bool discard, stop;
	int rc[REAPERS];
};

struct reaper {
	struct reapers *all;
	int number;
};

static void *reap_rounds(void *context)
{
	struct reaper *reaper = context;
	struct reapers *reapers = reaper->all;
	struct play *play = &reapers->play;

	for (;;) {
		pthread_barrier_wait(&reapers->start);
		if (reapers->stop)
			return NULL;
		reapers->rc[reaper->number] = 0;
		for (uint32_t h = 0; h < play->world.exchange.handle_count; h++) {
			int rc;

			if (!play->alive[h])
				continue;
			while ((rc = settle(&play->world, play->owner[h], reapers->discard)) == -EAGAIN)
				; /* another one is at it */
			if (rc)
				reapers->rc[reaper->number] = rc;
		}
		pthread_barrier_wait(&reapers->end);
	}
}

static void any_number_of_reapers_do_it_once(void **state)
{
	static struct reapers reapers;
	struct play *play = &reapers.play;
	struct reaper reaper[REAPERS];
	pthread_t threads[REAPERS];
	struct exchange_stat stat;

	(void)state;
	pthread_barrier_init(&reapers.start, NULL, REAPERS + 1);
	pthread_barrier_init(&reapers.end, NULL, REAPERS + 1);
	for (int i = 0; i < REAPERS; i++) {
		reaper[i] = (struct reaper){ .all = &reapers, .number = i };
		assert_int_equal(pthread_create(&threads[i], NULL, reap_rounds, &reaper[i]), 0);
	}
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		memset(play, 0, sizeof *play);
		play->seed = round * 0x9e3779b97f4a7c15ull;
		make_world(&play->world, 4, 4, 2);
		for (uint32_t h = 0; h < 4; h++)
			open_handle(play, 100 + h);
		for (int i = 0; i < 60; i++)
			play_step(play, below(play, 8));
		reapers.discard = round % 4 == 0;
		pthread_barrier_wait(&reapers.start);
		pthread_barrier_wait(&reapers.end);
		for (int i = 0; i < REAPERS; i++)
			assert_int_equal(reapers.rc[i], 0);
		for (uint32_t n = 0; n < 8; n++)
			check_dead_slot(play, n, reapers.discard);
		assert_true(is_whole(&play->world));
		exchange_stat(&play->world.exchange, &stat);
		assert_int_equal(stat.discarded, play->discards);
	}
	reapers.stop = true;
	pthread_barrier_wait(&reapers.start);
	for (int i = 0; i < REAPERS; i++)
		pthread_join(threads[i], NULL);
}

/* ---- reaping while the living move ---- */

#define LIVING 3

struct living {
	struct world *world;
	struct party party;
	uint64_t seed;
	struct atom32 *stop;
	struct atom64 operations;
};

/* Takes, gives back, takes again, acknowledges, sends: as fast as it can. */
static void *live(void *context)
{
	struct living *me = context;
	const struct exchange *exchange = &me->world->exchange;
	uint32_t deliveries;

	while (!atom32_load_seq(me->stop)) {
		struct slot *slot = &me->party.slots[random_next(&me->seed) % exchange->holds];
		enum intent_kind kind = intent_kind(slot->intent);
		uint64_t choice = random_next(&me->seed) >> 8;

		atom64_add_seq(&me->operations, 1);
		if (kind == INTENT_REDELIVER) {
			if (slot_reclaim(slot, exchange->blocks))
				continue;
			if (choice % 2 && slot_retake(slot, exchange->blocks, &all, &deliveries) == STOA_OK)
				slot_settle(slot, slot->block);
		} else if (choice % 4 == 0 && slot_take_orphan(slot, exchange, &all, &deliveries) == STOA_OK) {
			if (choice % 8)
				slot_give_back(slot);
			else
				slot_acknowledge(slot);
		} else if (take_cell(me->world, slot, (uint32_t)(choice >> 4) % (uint32_t)exchange->cell_count)) {
			if (choice % 3)
				slot_give_back(slot);
			else
				slot_acknowledge(slot);
		}
	}
	return NULL;
}

/* The victim dies somewhere in an operation; tells whether its one compare-and-swap was done. */
static bool last_operation(struct world *world, struct slot *slot, uint64_t choice, uint32_t *block, bool *message)
{
	uint32_t place = (uint32_t)(choice >> 8) % (uint32_t)world->exchange.cell_count;
	uint64_t word = atom64_load_seq(&world->cells[place]);
	uint32_t got = word & (STAMP - 1), out = slot->block, deliveries;

	*message = false;
	*block = out;
	if (choice % 2 && slot_take_orphan(slot, &world->exchange, &all, &deliveries) == STOA_OK) {
		*block = slot->block;
		return *message = true;
	}
	if (slot->redelivered)
		slot_deliveries(slot, 0);
	slot_intend(slot, choice % 8 < 4 ? INTENT_TAKE : INTENT_OFFER, out, got);
	if (choice % 16 < 8)
		return false;
	if (!atom64_cas_seq(&world->cells[place], &word, ((word & ~(STAMP - 1)) + STAMP) | out))
		return false;
	*block = got;
	*message = choice % 8 < 4;
	return true;
}

static void one_death_among_the_living(struct world *world, uint64_t choice)
{
	struct party victim;
	uint32_t block, n, lap;
	bool message;
	int rc;

	if (exchange_claim(&world->exchange, ROLE_RECEIVER, 99, &victim.handle, &victim.role, victim.slots) != 0)
		return; /* its last orphan still waits */
	if (victim.slots[0].given && !slot_reclaim(&victim.slots[0], world->exchange.blocks)) {
		exchange_release(&world->exchange, victim.handle, victim.role);
		return;
	}
	n = victim.handle * world->exchange.holds;
	lap = orphan_lap(orphan_of(world, n));
	last_operation(world, &victim.slots[0], choice, &block, &message);
	while ((rc = settle(world, 99, false)) == -EAGAIN)
		;
	assert_int_equal(rc, 0);
	if (message) {
		assert_int_equal(intent_kind(intent_of(world, n)), INTENT_REDELIVER);
		assert_int_equal(intent_out(intent_of(world, n)), block);
		assert_int_equal(orphan_lap(orphan_of(world, n)), (lap + 1) % ORPHAN_LAPS);
	} else {
		assert_true(is_settled(world, n, block));
	}
	exchange_free(&world->exchange, 99);
}

static void decisions_are_right_while_the_living_move(void **state)
{
	static struct world world;
	static struct living living[LIVING];
	uint64_t seed = 0x1234567, end = os_now_ns() + 3000000000ull;
	struct atom32 stop = { 0 };
	pthread_t threads[LIVING];

	(void)state;
	make_world(&world, 2, LIVING + 2, 2);
	for (int i = 0; i < LIVING; i++) {
		living[i] = (struct living){ .world = &world, .seed = 77 + (uint64_t)i, .stop = &stop };
		join(&world, &living[i].party, ROLE_RECEIVER, 1 + (uint32_t)i);
		assert_int_equal(pthread_create(&threads[i], NULL, live, &living[i]), 0);
	}
	while (os_now_ns() < end)
		one_death_among_the_living(&world, random_next(&seed) >> 8);
	atom32_store_seq(&stop, 1);
	for (int i = 0; i < LIVING; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(settle(&world, 1 + (uint32_t)i, false), 0);
	}
	assert_true(is_whole(&world));
}

/* One message that is never acknowledged, and goes from hand to hand. */
static void *pass_on(void *context)
{
	struct living *me = context;
	const struct exchange *exchange = &me->world->exchange;
	struct slot *slot = &me->party.slots[0];
	uint32_t deliveries;

	while (!atom32_load_seq(me->stop)) {
		if (intent_kind(slot->intent) == INTENT_REDELIVER) {
			slot_reclaim(slot, exchange->blocks);
		} else if (slot_take_orphan(slot, exchange, &all, &deliveries) == STOA_OK) {
			slot_give_back(slot);
			atom64_add_seq(&me->operations, 1);
		}
	}
	return NULL;
}

static void a_message_that_goes_from_hand_to_hand_is_always_seen_as_held(void **state)
{
	static struct world world;
	static struct living living[LIVING];
	uint64_t end, looks = 0;
	struct atom32 stop = { 0 };
	pthread_t threads[LIVING];
	struct party first;
	int unseen = 0;

	(void)state;
	make_world(&world, 1, LIVING + 1, 1);
	join(&world, &first, ROLE_RECEIVER, 9);
	take_cell(&world, &first.slots[0], 0);
	slot_give_back(&first.slots[0]);
	for (int i = 0; i < LIVING; i++) {
		living[i] = (struct living){ .world = &world, .stop = &stop };
		join(&world, &living[i].party, ROLE_RECEIVER, 1 + (uint32_t)i);
		assert_int_equal(pthread_create(&threads[i], NULL, pass_on, &living[i]), 0);
	}
	for (end = os_now_ns() + 2000000000ull; os_now_ns() < end && !unseen; looks++)
		unseen += exchange_held(&world.exchange, NULL) != 1;
	atom32_store_seq(&stop, 1);
	for (int i = 0; i < LIVING; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(unseen, 0);
	assert_true(looks > 0);
}

/* ---- garbage ---- */

static void words_of_garbage_crash_and_loop_nowhere(void **state)
{
	static struct world world;
	uint64_t seed = 0xdeadbeef;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct exchange_stat stat;
		struct slot slots[HOLDS_MAX];
		uint32_t handle, deliveries;
		uint64_t role, held;
		uint8_t *bytes = world.handles;

		make_world(&world, 4, 4, 2);
		for (int i = 0; i < 1 + round % 24; i++) {
			uint64_t at = random_next(&seed) % (4 * exchange_handle_stride(2) / 8) * 8;
			uint64_t garbage = random_next(&seed);

			if (round % 3 == 0) /* not all too wild */
				garbage &= 0xff0f00000f00000full;
			memcpy(bytes + at, &garbage, 8);
			put_in_cell(&world, (uint32_t)garbage % 4, (uint32_t)(garbage >> 7) & 15);
		}
		if (round % 16) /* an undecided world takes a thousand scans */
			own(&world, (uint32_t)round % 4, ROLE_SENDER, 5);
		alarm(10);
		settle(&world, (uint32_t)round % 16 ? 1000000 : 5, round & 1);
		exchange_free(&world.exchange, 5);
		exchange_held(&world.exchange, &held);
		exchange_stat(&world.exchange, &stat);
		exchange_any_orphan(&world.exchange);
		if (exchange_claim(&world.exchange, ROLE_SENDER, 5, &handle, &role, slots) == 0) {
			assert_true(slots[0].block < world.exchange.blocks);
			slot_take_orphan(&slots[0], &world.exchange, &all, &deliveries);
			assert_true(slots[0].block < world.exchange.blocks);
			slot_give_back(&slots[0]);
			slot_retake(&slots[0], world.exchange.blocks, &all, &deliveries);
			slot_reclaim(&slots[0], world.exchange.blocks);
			assert_true(slots[0].block < world.exchange.blocks);
			exchange_release(&world.exchange, handle, role);
		}
		alarm(0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intents_keep_their_parts),
		cmocka_unit_test(the_sequence_of_an_intent_differs_for_8192_intents),
		cmocka_unit_test(orphan_words_keep_their_parts),
		cmocka_unit_test(role_words_keep_their_parts_and_get_a_new_generation),
		cmocka_unit_test(a_view_of_more_blocks_than_the_mask_numbers_is_refused),
		cmocka_unit_test(handles_lie_in_lines_of_their_own),
		cmocka_unit_test(every_handle_is_claimed_once_and_then_none_is_left),
		cmocka_unit_test(a_release_with_an_old_role_word_changes_nothing),
		cmocka_unit_test(a_handle_whose_words_make_no_sense_is_not_given_out),
		cmocka_unit_test(the_wrap_of_a_sequence_is_counted),
		cmocka_unit_test(what_is_given_back_is_taken_by_another_with_one_more_delivery),
		cmocka_unit_test(an_owner_takes_its_own_orphan_back_again_and_again),
		cmocka_unit_test(an_orphan_that_is_not_accepted_stays),
		cmocka_unit_test(the_count_of_deliveries_stops_at_its_largest),
		cmocka_unit_test(an_orphan_cells_lap_wraps_around),
		cmocka_unit_test(a_handle_left_with_an_orphan_is_reusable_when_that_is_taken),
		cmocka_unit_test(a_receiver_can_claim_a_handle_whose_orphan_waits),
		cmocka_unit_test(where_the_offered_block_is_in_a_cell_the_slot_holds_the_other),
		cmocka_unit_test(where_the_wanted_block_is_in_a_cell_the_slot_holds_its_own),
		cmocka_unit_test(a_message_taken_and_not_acknowledged_becomes_an_orphan),
		cmocka_unit_test(an_acknowledged_message_is_an_empty_block),
		cmocka_unit_test(a_block_in_a_settled_slot_decides),
		cmocka_unit_test(chains_of_open_slots_decide_from_either_end),
		cmocka_unit_test(a_chain_goes_through_orphan_cells),
		cmocka_unit_test(a_world_that_cannot_be_decides_nothing_and_ends),
		cmocka_unit_test(redelivery_goes_on_from_every_step),
		cmocka_unit_test(a_retaken_message_of_a_dead_owner_is_redelivered_in_the_next_lap),
		cmocka_unit_test(a_discard_counts_once_from_every_step),
		cmocka_unit_test(only_handles_of_the_dead_are_settled_and_freed),
		cmocka_unit_test(what_is_held_is_counted),
		cmocka_unit_test(owners_that_die_anywhere_are_settled_as_the_truth_is),
		cmocka_unit_test(any_number_of_reapers_do_it_once),
		cmocka_unit_test(decisions_are_right_while_the_living_move),
		cmocka_unit_test(a_message_that_goes_from_hand_to_hand_is_always_seen_as_held),
		cmocka_unit_test(words_of_garbage_crash_and_loop_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
