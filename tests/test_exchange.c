/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exchange by hand: words, handles, orphans, what is found out of the dead.  At random:
 * test_exchange_play.c.
 */
#include "exchange_helpers.h"

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
	assert_int_equal(
		exchange_view(&exchange, world.cells, BLOCKS_MAX + 1ull, BLOCKS_MAX - 1, world.handles, 1, 1),
		-EOVERFLOW);
	assert_int_equal(
		exchange_view(&exchange, world.cells, 1, BLOCKS_MAX - 1, world.handles, 1u << 31, 1u << 31),
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
		assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, i, false, &handle, &roles[i], slots),
		                 0);
		assert_int_equal(handle, i);
		for (uint32_t k = 0; k < 2; k++) {
			assert_int_equal(slots[k].block, 4 + 2 * i + k);
			assert_ptr_equal(slots[k].shared, slot_at(&world, 2 * i + k));
		}
	}
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 9, false, &handle, &roles[0], slots), -EUSERS);
	exchange_release(&world.exchange, 1, roles[1]);
	assert_int_equal(exchange_claim(&world.exchange, ROLE_RECEIVER, 9, false, &handle, &roles[0], slots), 0);
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
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 1, false, &handle, &role, slots), 0);
	exchange_release(&world.exchange, handle, role);
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 1, false, &handle, &again, slots), 0);
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
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 1, false, &handle, &role, slots), -EBADMSG);
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 1, false, &handle, &role, slots), 0);
	assert_int_equal(handle, 1);
	make_world(&world, 2, 2, 2);
	craft(&world, 0, INTENT_OFFER, 1, 2);
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 1, false, &handle, &role, slots), -EBADMSG);
}

static void the_wrap_of_a_sequence_is_counted(void **state)
{
	struct world world;
	struct slot slots[1];
	uint64_t role, before;
	uint32_t handle;

	(void)state;
	make_world(&world, 1, 1, 1);
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 1, false, &handle, &role, slots), 0);
	before = atom64_load_seq(&slot_at(&world, 0)->wraps);
	for (int i = 0; i < 3 << 13; i++)
		slot_intend(&slots[0], INTENT_OFFER, 1, 0);
	assert_int_equal(atom64_load_seq(&slot_at(&world, 0)->wraps), before + 3);
	assert_true(intent_of(&world, 0) == slots[0].intent);
}

/* ---- orphans, of the living ---- */

static int accept_none(const void *context, uint32_t block)
{
	(void)block;
	*(int *)context += 1;
	return -EMSGSIZE;
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
		assert_int_equal(slot_retake(&party.slots[0], world.exchange.blocks, &all, &deliveries),
		                 STOA_OK);
		assert_int_equal(deliveries, i + 1);
		assert_int_equal(slot_retake(&party.slots[0], world.exchange.blocks, &all, &deliveries),
		                 STOA_EMPTY);
		assert_false(exchange_any_orphan(&world.exchange));
	}
	slot_settle(&party.slots[0], party.slots[0].block);
	assert_true(is_whole(&world));
	/* what is taken afterwards is new */
	take_cell(&world, &party.slots[0], 0);
	slot_give_back(&party.slots[0]);
	assert_true(waits_as_orphan(&world, 0, 1, 1));
}

struct thief {
	struct party party;
	const struct exchange *exchange;
};

/* Another receiver takes the orphan while it is looked at. */
static int accept_and_be_robbed(const void *context, uint32_t block)
{
	const struct thief *thief = context;
	uint32_t deliveries;

	(void)block;
	return slot_take_orphan(&((struct thief *)(uintptr_t)thief)->party.slots[0], thief->exchange, &all,
	                        &deliveries) == STOA_OK
	               ? 0
	               : -EBADMSG;
}

static void an_orphan_that_another_was_faster_to_take_says_nothing_of_the_next_message(void **state)
{
	struct world world;
	struct party giver;
	struct thief thief = { .exchange = &world.exchange };
	struct acceptance slow = { .accept = accept_and_be_robbed, .context = &thief };
	uint32_t deliveries = 1;

	(void)state;
	make_world(&world, 1, 2, 1);
	join(&world, &giver, ROLE_RECEIVER, 1);
	join(&world, &thief.party, ROLE_RECEIVER, 2);
	take_cell(&world, &giver.slots[0], 0);
	slot_give_back(&giver.slots[0]);
	assert_int_equal(slot_retake(&giver.slots[0], world.exchange.blocks, &slow, &deliveries), STOA_EMPTY);
	assert_int_equal(deliveries, 1);
	assert_true(slot_reclaim(&giver.slots[0], world.exchange.blocks));
	slot_settle(&thief.party.slots[0], thief.party.slots[0].block);
	assert_true(is_whole(&world));
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
		assert_int_equal(slot_retake(&party.slots[0], world.exchange.blocks, &all, &deliveries),
		                 STOA_OK);
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
		assert_int_equal(slot_take_orphan(&taker.slots[0], &world.exchange, &all, &deliveries),
		                 STOA_OK);
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
	assert_int_equal(exchange_claim(&world.exchange, ROLE_SENDER, 3, false, &handle, &role, slots), -EUSERS);
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
	atom64_store_seq(&slot_at(&world, 0)->tally, tally_word(2, 2, 0));
	assert_int_equal(settle(&world, 7, true), 0);
	exchange_stat(&world.exchange, &stat);
	assert_int_equal(stat.discarded, 2);
	assert_true(is_settled(&world, 0, 1));
	assert_true(is_whole(&world));
}

static void a_discard_counts_however_often_a_message_was_given_back_before(void **state)
{
	struct exchange_stat stat;
	struct world world;
	uint32_t orphans;

	(void)state;
	for (uint32_t lap = 0; lap < ORPHAN_LAPS; lap = lap ? lap * 16 : 255) {
		uint32_t next = lap + 1;

		make_world(&world, 2, 1, 1);
		own(&world, 0, ROLE_RECEIVER, 7);
		put_in_cell(&world, 1, 2);
		craft(&world, 0, INTENT_TAKE, 2, 1);
		atom64_store_seq(&slot_at(&world, 0)->orphan, orphan_word(lap, 0, ORPHAN_FREE, 2));
		assert_int_equal(exchange_settle(&world.exchange, 7, true, &orphans), 0);
		exchange_stat(&world.exchange, &stat);
		assert_int_equal(stat.discarded, 1);
		assert_int_equal(stat.redelivered, next - 1);
	}
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
		cmocka_unit_test(an_orphan_that_another_was_faster_to_take_says_nothing_of_the_next_message),
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
		cmocka_unit_test(a_discard_counts_however_often_a_message_was_given_back_before),
		cmocka_unit_test(only_handles_of_the_dead_are_settled_and_freed),
		cmocka_unit_test(what_is_held_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
