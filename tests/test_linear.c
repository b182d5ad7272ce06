/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_linear.c - the checkers of histories: what holds holds, each bad pattern is found, and both agree with
 * brute force on very many small histories.  And the recorder, whose stamps calls may share.
 *
 * STOA_TEST_HISTORIES: how many of those; STOA_TEST_SEED.
 */
#include "linear_helpers.h"

#include "../stress/history_record.h"

static struct linear verdict;

static void assert_found(const char *pattern)
{
	linear_queue(&made, &verdict);
	assert_int_equal(verdict.answer, LINEAR_VIOLATED);
	assert_string_equal(verdict.pattern, pattern);
	assert_true(strlen(verdict.text) > 0);
}

static void assert_holds(void)
{
	linear_queue(&made, &verdict);
	assert_int_equal(verdict.answer, LINEAR_HOLDS);
}

static void assert_ordered(bool is)
{
	linear_search(&made, STEPS, &verdict);
	assert_int_equal(verdict.answer, is ? LINEAR_HOLDS : LINEAR_VIOLATED);
}

/* ---- queues: order, twice, invented ---- */

static void messages_that_leave_in_their_order_hold(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 2);
	push(0, 1, 0, 10);
	push(0, 2, 11, 20);
	full(0, 21, 30);
	pop(1, 1, 31, 40);
	pop(2, 2, 35, 45);
	empty(1, 50, 60);
	assert_holds();
	assert_ordered(true);
}

static void the_second_before_the_first_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	push(0, 2, 11, 20);
	pop(1, 2, 31, 40);
	pop(1, 1, 41, 50);
	assert_found("order");
	assert_ordered(false);
}

static void overlapping_sends_may_come_in_either_order(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 20);
	push(1, 2, 10, 30);
	pop(2, 2, 31, 40);
	pop(2, 1, 41, 50);
	assert_holds();
	assert_ordered(true);
}

static void a_message_left_behind_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	push(0, 2, 11, 20);
	pop(1, 2, 31, 40);
	assert_found("order");
	assert_ordered(false);
}

static void a_message_received_twice_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	pop(1, 1, 20, 30);
	pop(2, 1, 25, 35);
	assert_found("twice");
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	pop(1, 1, 20, 30);
	pop(2, 1, 31, 35);
	assert_found("again");
}

static void a_message_that_nobody_sent_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	pop(1, 1, 20, 30);
	assert_found("invented");
	assert_ordered(false);
}

static void a_message_received_before_it_was_sent_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	pop(1, 1, 0, 10);
	push(0, 1, 11, 20);
	assert_found("early");
	assert_ordered(false);
}

static void a_torn_message_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	pop(1, 1, 11, 20);
	made.calls[1].flags = CALL_TORN;
	assert_found("torn");
}

/* ---- queues: empty ---- */

static void a_false_empty_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	empty(1, 11, 20);
	assert_found("empty");
	assert_ordered(false);
}

static void an_empty_while_messages_relay_each_other_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	empty(1, 11, 50);
	push(0, 2, 12, 20);
	pop(2, 1, 25, 30);
	push(0, 3, 21, 26);
	pop(2, 2, 31, 40);
	pop(2, 3, 55, 60);
	assert_found("empty");
	assert_ordered(false);
}

static void an_empty_between_two_messages_holds(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	empty(1, 11, 50);
	pop(2, 1, 12, 20);
	push(0, 2, 15, 30);
	pop(2, 2, 55, 60);
	assert_holds();
	assert_ordered(true);
}

/* ---- queues: the bound ---- */

static void a_false_full_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 2);
	push(0, 1, 0, 10);
	full(0, 11, 20);
	pop(1, 1, 30, 40);
	assert_found("full");
	assert_ordered(false);
}

static void more_messages_than_places_are_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 2);
	push(0, 1, 0, 10);
	push(0, 2, 11, 20);
	push(0, 3, 21, 30);
	pop(1, 1, 40, 50);
	pop(1, 2, 51, 60);
	pop(1, 3, 61, 70);
	assert_found("overfull");
	assert_ordered(false);
}

/* Its receiver was interrupted; but it must have left before the next message did. */
static void a_false_full_beside_an_interrupted_receiver_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 2);
	push(0, 1, 0, 10);
	push(0, 2, 11, 20);
	pop(1, 1, 15, 100);
	pop(2, 2, 21, 30);
	push(0, 3, 31, 40);
	full(0, 41, 50);
	assert_found("full");
	assert_ordered(false);
}

/* What was interrupted, a push or a pop, had its effect when the order of the others says so. */
static void more_messages_than_places_beside_the_interrupted_are_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 1);
	push(0, 1, 0, 100);
	push(1, 2, 10, 20);
	pop(2, 1, 90, 120);
	pop(2, 2, 130, 140);
	assert_found("overfull");
	assert_ordered(false);
	begin(SUBJECT_QUEUE, 1);
	push(0, 1, 0, 5);
	push(0, 2, 10, 20);
	pop(1, 1, 90, 120);
	pop(2, 2, 15, 130);
	assert_found("overfull");
	assert_ordered(false);
}

/* Its sender was interrupted; but the message entered behind one that was sent much later. */
static void a_false_full_beside_an_interrupted_sender_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 2);
	push(0, 1, 0, 100);
	push(1, 2, 1, 5);
	full(1, 10, 20);
	pop(2, 2, 30, 40);
	push(1, 3, 50, 60);
	pop(2, 3, 61, 70);
	pop(2, 1, 110, 120);
	assert_found("full");
	assert_ordered(false);
}

static void a_false_full_after_a_killed_push_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 1);
	killed(0, CALL_PUSH, 1, 0, 5);
	push(1, 2, 10, 20);
	pop(2, 2, 30, 40);
	full(1, 50, 60);
	assert_found("full");
	assert_ordered(false);
}

/* Full says that 1 was there, empty that it was not, and it leaves only later. */
static void what_the_sweeps_miss_the_search_finds(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 1);
	push(0, 1, 0, 100);
	full(1, 10, 20);
	empty(2, 30, 40);
	pop(2, 1, 110, 120);
	assert_holds();
	assert_ordered(false);
}

/* In the SPSC ring a lease keeps its place. */
static void a_lease_keeps_its_place_in_the_ring_only(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 1);
	push(0, 1, 0, 10);
	take(1, 1, 11, 20);
	full(0, 21, 30);
	release(1, 1, 31, 40);
	assert_found("full");
	made.ring = true;
	assert_holds();
}

/* ---- queues: the killed ---- */

static void a_killed_push_may_have_happened_or_not(void **state)
{
	(void)state;
	for (int happened = 0; happened < 2; happened++) {
		begin(SUBJECT_QUEUE, 0);
		killed(0, CALL_PUSH, 1, 0, 10);
		push(1, 2, 20, 30);
		if (happened)
			pop(2, 1, 40, 50);
		pop(2, 2, 51, 60);
		empty(2, 61, 70);
		assert_holds();
		assert_ordered(true);
	}
}

static void a_killed_push_does_not_happen_after_the_death(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	killed(0, CALL_PUSH, 1, 0, 10);
	push(1, 2, 20, 30);
	pop(2, 2, 40, 50);
	pop(2, 1, 51, 60);
	assert_found("order");
	assert_ordered(false);
}

static void a_killed_receiver_may_have_taken_one_and_no_more(void **state)
{
	(void)state;
	for (int lost = 1; lost <= 2; lost++) {
		begin(SUBJECT_QUEUE, 0);
		made.discard = true;
		push(0, 1, 0, 10);
		push(0, 2, 11, 20);
		push(0, 3, 21, 30);
		killed(1, CALL_POP, 0, 31, 40);
		if (lost == 1)
			pop(2, 2, 41, 50);
		pop(2, 3, 51, 60);
		if (lost == 1)
			assert_holds();
		else
			assert_found("vanished");
		assert_ordered(lost == 1);
	}
}

static void a_receiver_killed_before_the_message_was_sent_has_not_taken_it(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	made.discard = true;
	killed(1, CALL_POP, 0, 0, 5);
	push(0, 1, 10, 20);
	push(0, 2, 21, 30);
	pop(2, 2, 41, 50);
	assert_found("order");
	assert_ordered(false);
}

static void a_redelivered_message_may_be_late(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	made.drained = true;
	push(0, 1, 0, 10);
	push(0, 2, 11, 20);
	take(1, 1, 21, 30);
	add(1, CALL_DIE, 31, 40);
	take(2, 2, 41, 50);
	take_flagged(2, 1, 51, 60);
	release(2, 2, 61, 70);
	release(2, 1, 71, 80);
	assert_holds();
	assert_ordered(true);
}

static void a_flag_without_a_reason_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	take_flagged(1, 1, 21, 30);
	assert_found("flag");
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	take(1, 1, 21, 30);
	take_flagged(2, 1, 31, 40);
	assert_found("flag");
}

static void a_redelivery_after_the_end_of_the_lease_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	take(1, 1, 21, 30);
	release(1, 1, 31, 40);
	add(1, CALL_DIE, 41, 50);
	take_flagged(2, 1, 51, 60);
	assert_found("again");
}

static void a_message_that_died_with_its_holder_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	made.drained = true;
	push(0, 1, 0, 10);
	take(1, 1, 21, 30);
	add(1, CALL_DIE, 41, 50);
	assert_found("lost");
	made.discard = true;
	assert_holds();
}

/* ---- the search ---- */

static void a_thread_s_batch_keeps_its_order(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	push(0, 2, 0, 10);
	pop(1, 2, 20, 30);
	pop(1, 1, 31, 40);
	assert_ordered(false);
}

/* One stamp ends a call and begins the next one, and another thread's call may end then, too. */
static void a_thread_s_calls_are_in_turn_where_their_stamps_tie(void **state)
{
	(void)state;
	for (int tie = 0; tie < 2; tie++) {
		begin(SUBJECT_QUEUE, 0);
		push(0, 1, 0, 10);
		push(0, 2, 10, 20);
		empty(1, 4, tie ? 10 : 9);
		pop(1, 2, 30, 40);
		pop(1, 1, 41, 50);
		assert_found("order");
		assert_ordered(false);
	}
}

/* ---- stamps that calls share ---- */

static void what_one_sent_and_another_got_is_in_turn_under_one_stamp(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	push(0, 2, 0, 10);
	pop(1, 1, 5, 40);
	pop(1, 2, 5, 40);
	assert_holds();
	assert_ordered(true);
	made.calls[2].result = 2;
	made.calls[3].result = 1;
	assert_found("order");
	assert_ordered(false);
}

static void what_one_sent_under_one_stamp_others_get_in_turn(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	push(0, 2, 0, 10);
	pop(1, 1, 5, 20);
	pop(2, 2, 5, 20);
	assert_holds();
	assert_ordered(true);
	made.calls[2].start = 21;
	made.calls[2].end = 30;
	assert_found("order");
	assert_ordered(false);
}

static void what_one_got_under_one_stamp_others_sent_in_turn(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 10);
	push(1, 2, 0, 10);
	pop(2, 2, 5, 40);
	pop(2, 1, 5, 40);
	assert_holds();
	assert_ordered(true);
	made.calls[1].start = 20;
	made.calls[1].end = 30;
	assert_found("order");
	assert_ordered(false);
}

/* Times do not order these threads' calls, though each one's are in turn. */
static void threads_under_one_stamp_are_not_ordered(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	push(0, 1, 0, 100);
	push(0, 2, 0, 100);
	push(1, 3, 10, 90);
	push(1, 4, 10, 90);
	pop(2, 3, 20, 200);
	pop(2, 1, 20, 200);
	pop(3, 4, 30, 210);
	pop(3, 2, 30, 210);
	empty(2, 20, 200);
	assert_holds();
	assert_ordered(true);
}

/* What a killed receiver had comes later than it left: the receiver's own order says nothing of that. */
static void a_redelivered_message_may_be_late_under_one_stamp(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 2);
	push(0, 1, 0, 10);
	push(0, 2, 0, 10);
	killed(1, CALL_POP, 0, 5, 30);
	pop(2, 2, 20, 50);
	pop(2, 1, 20, 50);
	assert_holds();
}

static void a_message_given_back_and_taken_again_under_one_stamp_holds(void **state)
{
	(void)state;
	begin(SUBJECT_QUEUE, 0);
	made.drained = true;
	push(0, 1, 0, 10);
	take(1, 1, 5, 50);
	add(1, CALL_RETURN, 5, 50)->argument = 1;
	take_flagged(1, 1, 5, 50);
	release(1, 1, 5, 50);
	assert_holds();
	take_flagged(1, 1, 5, 50);
	assert_found("again");
}

/* ---- the recorder ---- */

#define LOG_ROOM 4096

static struct record records[LOG_ROOM];
static struct record_group groups[LOG_ROOM];
static struct history_log recorded;
static struct recorder recorder;

static void record(uint32_t every, bool stores)
{
	begin(SUBJECT_QUEUE, 0);
	recorded = (struct history_log){ .room = LOG_ROOM, .records = records, .group = groups };
	recorder_open(&recorder, &recorded, every, stores);
}

static void record_push(uint64_t value, int outcome)
{
	call_begins(&recorder, CALL_PUSH, 0, value, 0);
	call_ends(&recorder, outcome, 0, 0);
}

static void gather_recorded(size_t count)
{
	assert_true(history_add_log(&made, &recorded));
	assert_int_equal(made.count, count);
}

static void calls_share_stamps_in_groups(void **state)
{
	(void)state;
	record(3, false);
	for (uint64_t value = 0; value < 7; value++)
		record_push(value, STOA_OK);
	recorder_resume(&recorder);
	gather_recorded(7);
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(made.calls[i].argument, i);
		assert_int_equal(made.calls[i].flags, 0);
		assert_int_equal(made.calls[i].start, made.calls[i / 3 * 3].start);
		assert_int_equal(made.calls[i].end, made.calls[i / 3 * 3].end);
		assert_true(made.calls[i].start <= made.calls[i].end);
	}
	assert_int_equal(made.calls[3].start, made.calls[0].end);
	assert_int_equal(made.calls[6].start, made.calls[3].end);
}

static void only_the_call_that_was_killed_is_pending(void **state)
{
	(void)state;
	record(4, false);
	for (uint64_t value = 0; value < 6; value++)
		record_push(value, value == 5 ? STOA_FULL : STOA_OK);
	call_begins(&recorder, CALL_PUSH, 0, 6, 0);
	recorded.killed = HISTORY_NEVER - 2;
	recorded.death = HISTORY_NEVER - 1;
	gather_recorded(8);
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(made.calls[i].flags, i == 6 ? CALL_PENDING : 0);
		assert_int_equal(made.calls[i].outcome, i == 5 ? STOA_FULL : STOA_OK);
		assert_int_equal(made.calls[i].end == HISTORY_NEVER - 1, i >= 4);
		assert_int_equal(made.calls[i].start == made.calls[0].end, i >= 4);
	}
	assert_int_equal(made.calls[7].kind, CALL_DIE);
}

/* Behind plain stores that others may not have seen, "full" says little: the third of a row does. */
static void a_refusal_behind_plain_stores_is_not_written_down(void **state)
{
	(void)state;
	for (int stores = 0; stores < 2; stores++) {
		record(8, stores);
		record_push(1, STOA_OK);
		record_push(2, STOA_FULL);
		record_push(3, STOA_FULL);
		record_push(4, STOA_FULL);
		record_push(5, STOA_OK);
		recorder_resume(&recorder);
		gather_recorded(stores ? 3 : 5);
		assert_int_equal(made.calls[1].argument, stores ? 4 : 2);
		assert_int_equal(made.calls[1].start == made.calls[0].end, stores);
	}
}

static void what_a_batch_did_not_try_is_not_written_down(void **state)
{
	(void)state;
	for (int stores = 0; stores < 2; stores++) {
		uint32_t mark;

		record(2, stores);
		record_push(1, STOA_OK);
		mark = recorder_mark(&recorder);
		for (uint64_t value = 2; value < 6; value++)
			call_begins(&recorder, CALL_PUSH, 0, value, 0);
		recorder_stamp(&recorder);
		recorder_end(&recorder, mark, STOA_OK, 0, 0);
		recorder_end(&recorder, mark + 1, STOA_FULL, 0, 0);
		recorder_end_batch(&recorder, mark, 4, 1);
		recorder_resume(&recorder);
		gather_recorded(stores ? 2 : 3);
		assert_int_equal(made.calls[1].argument, 2);
		assert_int_equal(made.calls[1].outcome, STOA_OK);
		assert_int_equal(made.calls[0].start, made.calls[1].start);
	}
}

static void a_row_of_refusals_does_not_fill_the_log(void **state)
{
	(void)state;
	for (uint32_t every = 1; every <= RECORDER_EVERY_MAX; every *= 8) {
		record(every, false);
		record_push(1, STOA_OK);
		for (unsigned i = 0; i < 3 * LOG_ROOM; i++)
			record_push(2, STOA_FULL);
		record_push(3, STOA_OK);
		assert_false(recorder.full);
		recorder_resume(&recorder);
		gather_recorded(5);
		assert_true(made.calls[4].start >= made.calls[3].end || every > 1);
	}
}

static void a_stale_load_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_CELL, 0);
	add(0, CALL_STORE, 0, 10)->argument = 1;
	add(0, CALL_STORE, 11, 20)->argument = 2;
	add(1, CALL_LOAD, 15, 30)->result = 1;
	assert_ordered(true);
	made.calls[2].start = 21;
	assert_ordered(false);
}

static void a_lost_addition_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_CELL, 0);
	for (unsigned thread = 0; thread < 2; thread++)
		add(thread, CALL_FETCH_ADD, 0, 10)->argument = 1;
	assert_ordered(false);
	made.calls[1].result = 1;
	assert_ordered(true);
}

static void a_range_of_two_writes_is_found(void **state)
{
	struct call *call;

	(void)state;
	begin(SUBJECT_RANGE, 0);
	for (unsigned thread = 0; thread < 2; thread++) {
		call = add(thread, CALL_RANGE_WRITE, 0, 10);
		call->object = 2 << 8;
		call->argument = call->expected = thread + 1;
	}
	call = add(2, CALL_RANGE_READ, 5, 10);
	call->object = 2 << 8;
	call->argument = call->expected = 2;
	assert_ordered(true);
	made.calls[2].expected = 1;
	assert_ordered(false);
}

static void two_holders_of_a_lock_are_found(void **state)
{
	(void)state;
	begin(SUBJECT_LOCK, 0);
	add(0, CALL_ACQUIRE, 0, 10);
	add(1, CALL_ACQUIRE, 5, 20);
	add(0, CALL_UNLOCK, 11, 15);
	add(1, CALL_UNLOCK, 21, 30);
	assert_ordered(true);
	made.calls[2].start = 25;
	made.calls[2].end = 35;
	assert_ordered(false);
}

static void the_lock_of_the_dead_is_had_with_that_word(void **state)
{
	(void)state;
	begin(SUBJECT_LOCK, 0);
	killed(0, CALL_ACQUIRE, 0, 0, 10);
	answers(1, CALL_ACQUIRE, STOA_OWNER_DIED, 15, 20);
	add(1, CALL_UNLOCK, 21, 25);
	add(2, CALL_ACQUIRE, 26, 30);
	assert_ordered(true);
	made.calls[4].outcome = STOA_OWNER_DIED;
	assert_ordered(false);
}

static void a_permit_too_many_is_found(void **state)
{
	(void)state;
	begin(SUBJECT_SEMAPHORE, 0);
	made.initial = 1;
	add(0, CALL_WAIT, 0, 10);
	answers(1, CALL_WAIT, STOA_TIMEOUT, 11, 20);
	add(0, CALL_POST, 21, 30);
	add(1, CALL_WAIT, 25, 40);
	assert_ordered(true);
	made.calls[3].start = 1;
	made.calls[3].end = 20;
	assert_ordered(false);
}

static void the_search_says_that_it_gave_up(void **state)
{
	(void)state;
	begin(SUBJECT_CELL, 0);
	for (unsigned thread = 0; thread < 12; thread++)
		add(thread, CALL_STORE, 0, 10)->argument = thread + 1;
	add(0, CALL_LOAD, 20, 30)->result = 99;
	linear_search(&made, 1000, &verdict);
	assert_int_equal(verdict.answer, LINEAR_GAVE_UP);
	assert_ordered(false);
}

/* ---- files ---- */

static void a_saved_history_is_judged_alike(void **state)
{
	const char *path = test_path(test_name("history"));
	struct history loaded;

	(void)state;
	begin(SUBJECT_QUEUE, 3);
	push(0, 1, 0, 10);
	killed(1, CALL_PUSH, 2, 5, HISTORY_NEVER);
	empty(1, 11, 20);
	assert_int_equal(history_save(&made, path), 0);
	assert_int_equal(history_load(&loaded, path), 0);
	assert_int_equal(loaded.count, made.count);
	assert_int_equal(loaded.capacity, 3);
	assert_memory_equal(loaded.calls, made.calls, made.count * sizeof *made.calls);
	linear_check(&loaded, STEPS, &verdict);
	assert_string_equal(verdict.pattern, "empty");
	history_free(&loaded);
	assert_int_equal(write_file(path, "stoa-history 2\n", 15), 0);
	assert_int_equal(history_load(&loaded, path), -EBADMSG);
	remove(path);
}

/* ---- brute force ---- */

static long setting(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? atol(text) : otherwise;
}

static void disagree(const char *who, const struct chance *me, bool truth)
{
	char line[400];

	fprintf(stderr, "# %s disagrees with brute force, which says %s, capacity %d (state %#llx)\n# %s\n",
	        who, truth ? "linearizable" : "not linearizable", (int)made.capacity,
	        (unsigned long long)me->seed, verdict.text);
	for (size_t i = 0; i < made.count; i++) {
		history_describe(&made, &made.calls[i], 0, line, sizeof line);
		fprintf(stderr, "# %s\n", line);
	}
	fail();
}

static bool has_suspects(void)
{
	for (size_t i = 0; i < made.count; i++) {
		if (made.calls[i].kind == CALL_POP && made.calls[i].flags & CALL_PENDING)
			return true;
	}
	return false;
}

static struct chance next_chance(uint64_t *seed)
{
	struct chance me = { .seed = *seed };

	me.threads = 2 + (unsigned)roll(&me.seed, 3);
	me.calls = 3 + (unsigned)roll(&me.seed, 8);
	me.may_be_killed = roll(&me.seed, 3) == 0;
	me.receivers_too = roll(&me.seed, 2);
	return me;
}

static void both_checkers_agree_with_brute_force_on_queues(void **state)
{
	uint64_t seed = (uint64_t)setting("STOA_TEST_SEED", 20240229);
	long total = setting("STOA_TEST_HISTORIES", 40000), good = 0, bad = 0, missed = 0;

	(void)state;
	for (long i = 0; i < total; i++) {
		struct chance me = next_chance(&seed);
		uint64_t capacity = roll(&me.seed, 2) ? 0 : 1 + roll(&me.seed, 3);
		bool truth;

		chance_queue(&me, capacity);
		for (uint64_t mutations = roll(&me.seed, 3); mutations; mutations--)
			chance_mutation(&me);
		seed = me.seed;
		truth = is_linearizable(&made);
		good += truth;
		bad += !truth;
		linear_search(&made, STEPS, &verdict);
		if (verdict.answer != (truth ? LINEAR_HOLDS : LINEAR_VIOLATED))
			disagree("the search", &me, truth);
		linear_queue(&made, &verdict);
		if (truth && verdict.answer != LINEAR_HOLDS)
			disagree("a pattern", &me, truth);
		if (!truth && verdict.answer != LINEAR_VIOLATED) {
			missed++;
			if (!capacity && !has_suspects())
				disagree("the absence of patterns", &me, truth);
		}
	}
	print_message(
		"# %ld linearizable, %ld not, of which the patterns miss %ld, all with a bound or suspects\n",
		good, bad, missed);
	assert_true(good > total / 10 && bad > total / 10);
	assert_true(missed < bad / 50);
}

static void the_search_agrees_with_brute_force_on_cells(void **state)
{
	uint64_t seed = (uint64_t)setting("STOA_TEST_SEED", 20240229);
	long total = setting("STOA_TEST_HISTORIES", 40000) / 2, good = 0;

	(void)state;
	for (long i = 0; i < total; i++) {
		struct chance me = next_chance(&seed);
		bool truth;

		chance_cell(&me);
		seed = me.seed;
		truth = is_linearizable(&made);
		good += truth;
		linear_search(&made, STEPS, &verdict);
		if (verdict.answer != (truth ? LINEAR_HOLDS : LINEAR_VIOLATED))
			disagree("the search", &me, truth);
	}
	assert_true(good > total / 10 && good < total - total / 10);
}

/*
 * Calls that share their stamps.  What happened is never said not to have; and of what did not, with a stamp
 * for each call, most is still found.
 */
static void shared_stamps_accuse_nobody_and_hide_little(void **state)
{
	uint64_t seed = (uint64_t)setting("STOA_TEST_SEED", 20240301);
	long total = setting("STOA_TEST_HISTORIES", 40000), bad = 0, found = 0, by_pattern = 0;

	(void)state;
	for (long i = 0; i < total; i++) {
		struct chance me = next_chance(&seed);
		uint64_t capacity = roll(&me.seed, 2) ? 0 : 1 + roll(&me.seed, 3);
		bool queue = roll(&me.seed, 4), before, truth;

		if (queue)
			chance_queue(&me, capacity);
		else
			chance_cell(&me);
		for (uint64_t mutations = roll(&me.seed, 3); queue && mutations; mutations--)
			chance_mutation(&me);
		before = is_linearizable(&made);
		chance_groups(&me);
		seed = me.seed;
		truth = is_linearizable(&made);
		if (before && !truth)
			disagree("who did not see them shared", &me, truth);
		linear_search(&made, STEPS, &verdict);
		if (verdict.answer != (truth ? LINEAR_HOLDS : LINEAR_VIOLATED))
			disagree("the search", &me, truth);
		bad += !before;
		found += !truth;
		if (!queue)
			continue;
		linear_queue(&made, &verdict);
		if (truth && verdict.answer != LINEAR_HOLDS)
			disagree("a pattern", &me, truth);
		by_pattern += verdict.answer == LINEAR_VIOLATED;
	}
	print_message(
		"# of %ld that are not linearizable, %ld are found with shared stamps, %ld by patterns\n",
		bad, found, by_pattern);
	assert_true(bad > total / 10 && found > bad - bad / 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_that_leave_in_their_order_hold),
		cmocka_unit_test(the_second_before_the_first_is_found),
		cmocka_unit_test(overlapping_sends_may_come_in_either_order),
		cmocka_unit_test(a_message_left_behind_is_found),
		cmocka_unit_test(a_message_received_twice_is_found),
		cmocka_unit_test(a_message_that_nobody_sent_is_found),
		cmocka_unit_test(a_message_received_before_it_was_sent_is_found),
		cmocka_unit_test(a_torn_message_is_found),
		cmocka_unit_test(a_false_empty_is_found),
		cmocka_unit_test(an_empty_while_messages_relay_each_other_is_found),
		cmocka_unit_test(an_empty_between_two_messages_holds),
		cmocka_unit_test(a_false_full_is_found),
		cmocka_unit_test(more_messages_than_places_are_found),
		cmocka_unit_test(a_false_full_beside_an_interrupted_receiver_is_found),
		cmocka_unit_test(more_messages_than_places_beside_the_interrupted_are_found),
		cmocka_unit_test(a_false_full_beside_an_interrupted_sender_is_found),
		cmocka_unit_test(a_false_full_after_a_killed_push_is_found),
		cmocka_unit_test(what_the_sweeps_miss_the_search_finds),
		cmocka_unit_test(a_lease_keeps_its_place_in_the_ring_only),
		cmocka_unit_test(a_killed_push_may_have_happened_or_not),
		cmocka_unit_test(a_killed_push_does_not_happen_after_the_death),
		cmocka_unit_test(a_killed_receiver_may_have_taken_one_and_no_more),
		cmocka_unit_test(a_receiver_killed_before_the_message_was_sent_has_not_taken_it),
		cmocka_unit_test(a_redelivered_message_may_be_late),
		cmocka_unit_test(a_flag_without_a_reason_is_found),
		cmocka_unit_test(a_redelivery_after_the_end_of_the_lease_is_found),
		cmocka_unit_test(a_message_that_died_with_its_holder_is_found),
		cmocka_unit_test(a_thread_s_batch_keeps_its_order),
		cmocka_unit_test(a_thread_s_calls_are_in_turn_where_their_stamps_tie),
		cmocka_unit_test(what_one_sent_and_another_got_is_in_turn_under_one_stamp),
		cmocka_unit_test(what_one_sent_under_one_stamp_others_get_in_turn),
		cmocka_unit_test(what_one_got_under_one_stamp_others_sent_in_turn),
		cmocka_unit_test(threads_under_one_stamp_are_not_ordered),
		cmocka_unit_test(a_redelivered_message_may_be_late_under_one_stamp),
		cmocka_unit_test(a_message_given_back_and_taken_again_under_one_stamp_holds),
		cmocka_unit_test(calls_share_stamps_in_groups),
		cmocka_unit_test(only_the_call_that_was_killed_is_pending),
		cmocka_unit_test(a_refusal_behind_plain_stores_is_not_written_down),
		cmocka_unit_test(what_a_batch_did_not_try_is_not_written_down),
		cmocka_unit_test(a_row_of_refusals_does_not_fill_the_log),
		cmocka_unit_test(a_stale_load_is_found),
		cmocka_unit_test(a_lost_addition_is_found),
		cmocka_unit_test(a_range_of_two_writes_is_found),
		cmocka_unit_test(two_holders_of_a_lock_are_found),
		cmocka_unit_test(the_lock_of_the_dead_is_had_with_that_word),
		cmocka_unit_test(a_permit_too_many_is_found),
		cmocka_unit_test(the_search_says_that_it_gave_up),
		cmocka_unit_test(a_saved_history_is_judged_alike),
		cmocka_unit_test(both_checkers_agree_with_brute_force_on_queues),
		cmocka_unit_test(the_search_agrees_with_brute_force_on_cells),
		cmocka_unit_test(shared_stamps_accuse_nobody_and_hide_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
