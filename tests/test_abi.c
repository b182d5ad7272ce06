/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * test_abi.c - the structs and the numbers of the public headers, as they were released.
 *
 * DO NOT EVER CHANGE A NUMBER IN THIS FILE.  Programs that were compiled with a release have them compiled in, and
 * run with the libraries of later ones.  What may be done: what begins with its own size (`_config`, `_info`, `_stat`)
 * grows at its end; an enum gets more enumerators.  CONTRIBUTING.md says what goes with it, and tests/check_frozen.py
 * sees to it that nothing is missing here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stoa.h>
#include <stoa/inline.h>

#include "frozen.h"

/* ---- structs: do not ever change ---- */

static void segment_config_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_segment_config, 32, 8);
	MEMBER(stoa_segment_config, struct_size, 0, 8);
	MEMBER(stoa_segment_config, bytes, 8, 8);
	MEMBER(stoa_segment_config, participants, 16, 4);
	MEMBER(stoa_segment_config, mode, 20, 4);
	MEMBER(stoa_segment_config, flags, 24, 4);
	MEMBER(stoa_segment_config, objects, 28, 4);
}

static void segment_info_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_segment_info, 72, 8);
	MEMBER(stoa_segment_info, struct_size, 0, 8);
	MEMBER(stoa_segment_info, total_bytes, 8, 8);
	MEMBER(stoa_segment_info, free_bytes, 16, 8);
	MEMBER(stoa_segment_info, participants, 24, 4);
	MEMBER(stoa_segment_info, participants_alive, 28, 4);
	MEMBER(stoa_segment_info, objects, 32, 4);
	MEMBER(stoa_segment_info, objects_published, 36, 4);
	MEMBER(stoa_segment_info, layout_version, 40, 4);
	MEMBER(stoa_segment_info, flags, 44, 4);
	MEMBER(stoa_segment_info, id, 48, 16);
	MEMBER(stoa_segment_info, created_ns, 64, 8);
}

static void object_info_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_object_info, 96, 8);
	MEMBER(stoa_object_info, struct_size, 0, 8);
	MEMBER(stoa_object_info, kind, 8, 4);
	MEMBER(stoa_object_info, bytes, 16, 8);
	MEMBER(stoa_object_info, name, 24, 64);
	MEMBER(stoa_object_info, offset, 88, 8);
}

static void participant_info_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_participant_info, 64, 8);
	MEMBER(stoa_participant_info, struct_size, 0, 8);
	MEMBER(stoa_participant_info, generation, 8, 8);
	MEMBER(stoa_participant_info, start_time, 16, 8);
	MEMBER(stoa_participant_info, pid_namespace, 24, 8);
	MEMBER(stoa_participant_info, attached_ns, 32, 8);
	MEMBER(stoa_participant_info, pid, 40, 4);
	MEMBER(stoa_participant_info, alive, 44, 4);
	MEMBER(stoa_participant_info, comm, 48, 16);
}

static void value_config_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_value_config, 40, 8);
	MEMBER(stoa_value_config, struct_size, 0, 8);
	MEMBER(stoa_value_config, type, 8, 4);
	MEMBER(stoa_value_config, flags, 12, 4);
	MEMBER(stoa_value_config, size, 16, 8);
	MEMBER(stoa_value_config, writers, 24, 4);
	MEMBER(stoa_value_config, initial, 32, 8);
}

static void array_config_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_array_config, 40, 8);
	MEMBER(stoa_array_config, struct_size, 0, 8);
	MEMBER(stoa_array_config, type, 8, 4);
	MEMBER(stoa_array_config, flags, 12, 4);
	MEMBER(stoa_array_config, count, 16, 8);
	MEMBER(stoa_array_config, initial, 24, 8);
	MEMBER(stoa_array_config, writers, 32, 4);
}

static void queue_config_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_queue_config, 56, 8);
	MEMBER(stoa_queue_config, struct_size, 0, 8);
	MEMBER(stoa_queue_config, capacity, 8, 8);
	MEMBER(stoa_queue_config, message_size, 16, 8);
	MEMBER(stoa_queue_config, senders, 24, 4);
	MEMBER(stoa_queue_config, receivers, 28, 4);
	MEMBER(stoa_queue_config, handles, 32, 4);
	MEMBER(stoa_queue_config, holds, 36, 4);
	MEMBER(stoa_queue_config, on_death, 40, 4);
	MEMBER(stoa_queue_config, flags, 44, 4);
	MEMBER(stoa_queue_config, pack, 48, 4);
}

static void message_is_frozen(void **state)
{
	(void)state;
	SIZE(stoa_message, 72, 8);
	MEMBER(stoa_message, bytes, 0, 8);
	MEMBER(stoa_message, size, 8, 8);
	MEMBER(stoa_message, id, 16, 8);
	MEMBER(stoa_message, deliveries, 24, 4);
	MEMBER(stoa_message, flags, 28, 4);
	MEMBER(stoa_message, count, 32, 4);
	MEMBER(stoa_message, private_words, 40, 32);
}

static void queue_stat_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_queue_stat, 88, 8);
	MEMBER(stoa_queue_stat, struct_size, 0, 8);
	MEMBER(stoa_queue_stat, capacity, 8, 8);
	MEMBER(stoa_queue_stat, message_size, 16, 8);
	MEMBER(stoa_queue_stat, length, 24, 8);
	MEMBER(stoa_queue_stat, held, 32, 8);
	MEMBER(stoa_queue_stat, sent, 40, 8);
	MEMBER(stoa_queue_stat, received, 48, 8);
	MEMBER(stoa_queue_stat, redelivered, 56, 8);
	MEMBER(stoa_queue_stat, discarded, 64, 8);
	MEMBER(stoa_queue_stat, senders, 72, 4);
	MEMBER(stoa_queue_stat, receivers, 76, 4);
	MEMBER(stoa_queue_stat, shutdown, 80, 4);
}

static void semaphore_config_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_semaphore_config, 24, 8);
	MEMBER(stoa_semaphore_config, struct_size, 0, 8);
	MEMBER(stoa_semaphore_config, flags, 8, 4);
	MEMBER(stoa_semaphore_config, initial, 12, 4);
	MEMBER(stoa_semaphore_config, maximum, 16, 4);
}

static void event_config_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_event_config, 16, 8);
	MEMBER(stoa_event_config, struct_size, 0, 8);
	MEMBER(stoa_event_config, flags, 8, 4);
	MEMBER(stoa_event_config, initial, 12, 4);
}

static void barrier_config_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_barrier_config, 16, 8);
	MEMBER(stoa_barrier_config, struct_size, 0, 8);
	MEMBER(stoa_barrier_config, flags, 8, 4);
	MEMBER(stoa_barrier_config, parties, 12, 4);
}

static void lock_config_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_lock_config, 16, 8);
	MEMBER(stoa_lock_config, struct_size, 0, 8);
	MEMBER(stoa_lock_config, flags, 8, 4);
	MEMBER(stoa_lock_config, state, 12, 4);
}

static void holder_info_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_holder_info, 32, 8);
	MEMBER(stoa_holder_info, struct_size, 0, 8);
	MEMBER(stoa_holder_info, role, 8, 4);
	MEMBER(stoa_holder_info, participant, 12, 4);
	MEMBER(stoa_holder_info, held, 16, 8);
	MEMBER(stoa_holder_info, mark, 24, 8);
}

static void wait_info_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_wait_info, 32, 8);
	MEMBER(stoa_wait_info, struct_size, 0, 8);
	MEMBER(stoa_wait_info, what, 8, 4);
	MEMBER(stoa_wait_info, announced, 12, 4);
	MEMBER(stoa_wait_info, wakes, 16, 4);
	MEMBER(stoa_wait_info, offset, 24, 8);
}

static void peek_cursor_is_frozen(void **state)
{
	(void)state;
	SIZE(stoa_peek_cursor, 16, 8);
	MEMBER(stoa_peek_cursor, private_words, 0, 16);
}

static void peek_info_is_frozen(void **state)
{
	(void)state;
	GROWS(stoa_peek_info, 40, 8);
	MEMBER(stoa_peek_info, struct_size, 0, 8);
	MEMBER(stoa_peek_info, size, 8, 8);
	MEMBER(stoa_peek_info, id, 16, 8);
	MEMBER(stoa_peek_info, deliveries, 24, 4);
	MEMBER(stoa_peek_info, copied, 28, 4);
	MEMBER(stoa_peek_info, count, 32, 4);
}

/* ---- numbers: do not ever change ---- */

static void the_numbers_of_base_are_frozen(void **state)
{
	(void)state;
	assert_int_equal(STOA_OK, 0);
	assert_int_equal(STOA_EMPTY, 1);
	assert_int_equal(STOA_FULL, 2);
	assert_int_equal(STOA_TIMEOUT, 3);
	assert_int_equal(STOA_CLOSED, 4);
	assert_int_equal(STOA_CHANGED, 5);
	assert_int_equal(STOA_OWNER_DIED, 6);
	assert_int_equal(STOA_I8, 1);
	assert_int_equal(STOA_I16, 2);
	assert_int_equal(STOA_I32, 3);
	assert_int_equal(STOA_I64, 4);
	assert_int_equal(STOA_U8, 5);
	assert_int_equal(STOA_U16, 6);
	assert_int_equal(STOA_U32, 7);
	assert_int_equal(STOA_U64, 8);
	assert_int_equal(STOA_F32, 9);
	assert_int_equal(STOA_F64, 10);
	assert_int_equal(STOA_BOOL, 11);
	assert_int_equal(STOA_BYTES, 12);
	assert_int_equal(STOA_KIND_VALUE, 1);
	assert_int_equal(STOA_KIND_ARRAY, 2);
	assert_int_equal(STOA_KIND_QUEUE, 3);
	assert_int_equal(STOA_KIND_SEMAPHORE, 4);
	assert_int_equal(STOA_KIND_EVENT, 5);
	assert_int_equal(STOA_KIND_BARRIER, 6);
	assert_int_equal(STOA_KIND_LOCK, 7);
	assert_int_equal(STOA_EXCLUSIVE, 0x1);
}

static void the_numbers_of_segment_are_frozen(void **state)
{
	(void)state;
	assert_int_equal(STOA_PREFAULT, 0x10);
	assert_int_equal(STOA_MLOCK, 0x20);
	assert_int_equal(STOA_HUGE, 0x40);
	assert_int_equal(STOA_UNLINK_LAST, 0x80);
	assert_int_equal(STOA_READ_ONLY, 0x100);
}

static void the_numbers_of_array_are_frozen(void **state)
{
	(void)state;
	assert_int_equal(STOA_ATOMIC_RANGES, 0x10);
}

static void the_numbers_of_queue_are_frozen(void **state)
{
	(void)state;
	assert_int_equal(STOA_MANY, 0);
	assert_int_equal(STOA_ONE, 1);
	assert_int_equal(STOA_REDELIVER, 0);
	assert_int_equal(STOA_DISCARD, 1);
	assert_int_equal(STOA_CLOSE_WITH_SENDERS, 0x10);
	assert_int_equal(STOA_DRAIN, 1);
	assert_int_equal(STOA_NOW, 2);
	assert_int_equal(STOA_READABLE, 1);
	assert_int_equal(STOA_WRITABLE, 2);
	assert_int_equal(STOA_REDELIVERED, 1);
}

static void the_numbers_of_sync_are_frozen(void **state)
{
	(void)state;
	assert_int_equal(STOA_PERMITS_RETURN, 0x10);
	assert_int_equal(STOA_LOCK_FREE, 0);
	assert_int_equal(STOA_LOCK_HELD, 1);
	assert_int_equal(STOA_LOCK_ORPHANED, 2);
}

static void the_numbers_of_inspect_are_frozen(void **state)
{
	(void)state;
	assert_int_equal(STOA_ROLE_SENDER, 1);
	assert_int_equal(STOA_ROLE_RECEIVER, 2);
	assert_int_equal(STOA_ROLE_WRITER, 3);
	assert_int_equal(STOA_ROLE_OWNER, 4);
	assert_int_equal(STOA_ROLE_PERMIT, 5);
	assert_int_equal(STOA_ROLE_PARTY, 6);
	assert_int_equal(STOA_WAIT_READABLE, 1);
	assert_int_equal(STOA_WAIT_WRITABLE, 2);
	assert_int_equal(STOA_WAIT_CHANGED, 3);
	assert_int_equal(STOA_BROKEN, 1);
	assert_int_equal(STOA_UNSETTLED, 2);
	assert_int_equal(STOA_MOVING, 3);
}

/*
 * ---- the inline calls: another form takes another number ----
 *
 * Programs have these structs compiled in.  A change here takes a new stoa_inline_form_N, or
 * stoa_inline_number_form_N, without which programs of the old form are not loaded.
 */

static void form_1_of_the_inline_calls_is_frozen(void **state)
{
	(void)state;
	SIZE(stoa_hot_end, 80, 8);
	MEMBER(stoa_hot_end, queue, 0, 8);
	MEMBER(stoa_hot_end, size, 8, 8);
	MEMBER(stoa_hot_end, position, 16, 8);
	MEMBER(stoa_hot_end, limit, 24, 8);
	MEMBER(stoa_hot_end, at, 32, 8);
	MEMBER(stoa_hot_end, begin, 40, 8);
	MEMBER(stoa_hot_end, end, 48, 8);
	MEMBER(stoa_hot_end, stride, 56, 8);
	MEMBER(stoa_hot_end, capacity, 64, 8);
	MEMBER(stoa_hot_end, lap, 72, 8);
	assert_int_equal(STOA_HOT_SOMEBODY, 1);
	assert_int_equal(STOA_HOT_LONG_WAY, 2);
	assert_int_equal(STOA_HOT_LOOK, 1000);
	assert_int_equal(STOA_HOT_LONG, 1001);
	assert_ptr_equal(stoa_inline_needs_form_1, &stoa_inline_form_1);
}

static void form_1_of_the_inline_numbers_is_frozen(void **state)
{
	(void)state;
	SIZE(stoa_hot_number, 64, 8);
	MEMBER(stoa_hot_number, load64, 0, 8);
	MEMBER(stoa_hot_number, store64, 8, 8);
	MEMBER(stoa_hot_number, sum64, 16, 8);
	MEMBER(stoa_hot_number, load32, 24, 8);
	MEMBER(stoa_hot_number, store32, 32, 8);
	MEMBER(stoa_hot_number, sum32, 40, 8);
	MEMBER(stoa_hot_number, count, 48, 8);
	MEMBER(stoa_hot_number, waiters, 56, 8);
	assert_int_equal(STOA_NUMBER_LONG, 1001);
	assert_ptr_equal(stoa_inline_number_needs_form_1, &stoa_inline_number_form_1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segment_config_is_frozen),
		cmocka_unit_test(segment_info_is_frozen),
		cmocka_unit_test(object_info_is_frozen),
		cmocka_unit_test(participant_info_is_frozen),
		cmocka_unit_test(value_config_is_frozen),
		cmocka_unit_test(array_config_is_frozen),
		cmocka_unit_test(queue_config_is_frozen),
		cmocka_unit_test(message_is_frozen),
		cmocka_unit_test(queue_stat_is_frozen),
		cmocka_unit_test(semaphore_config_is_frozen),
		cmocka_unit_test(event_config_is_frozen),
		cmocka_unit_test(barrier_config_is_frozen),
		cmocka_unit_test(lock_config_is_frozen),
		cmocka_unit_test(holder_info_is_frozen),
		cmocka_unit_test(wait_info_is_frozen),
		cmocka_unit_test(peek_cursor_is_frozen),
		cmocka_unit_test(peek_info_is_frozen),
		cmocka_unit_test(the_numbers_of_base_are_frozen),
		cmocka_unit_test(the_numbers_of_segment_are_frozen),
		cmocka_unit_test(the_numbers_of_array_are_frozen),
		cmocka_unit_test(the_numbers_of_queue_are_frozen),
		cmocka_unit_test(the_numbers_of_sync_are_frozen),
		cmocka_unit_test(the_numbers_of_inspect_are_frozen),
		cmocka_unit_test(form_1_of_the_inline_calls_is_frozen),
		cmocka_unit_test(form_1_of_the_inline_numbers_is_frozen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
