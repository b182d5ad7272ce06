/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * test_layout.c - the bytes of layout version 1, as they were released.
 *
 * DO NOT EVER CHANGE A NUMBER IN THIS FILE.  Segments outlive the programs that made them, and two releases
 * meet in one segment.  Where a test here fails, layout.h is wrong; where it must change all the same,
 * STOA_LAYOUT_VERSION grows, and the new layout gets a frozen copy of its own beside this one.
 * tests/check_frozen.py sees to it that nothing is missing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stoa.h>

#include "exchange.h"
#include "frozen.h"
#include "layout.h"

/* ---- structs: do not ever change ---- */

static void atom64_is_frozen(void **state)
{
	(void)state;
	SIZE(atom64, 8, 8);
	MEMBER(atom64, raw, 0, 8);
}

static void atom32_is_frozen(void **state)
{
	(void)state;
	SIZE(atom32, 4, 4);
	MEMBER(atom32, raw, 0, 4);
}

static void segment_header_is_frozen(void **state)
{
	(void)state;
	SIZE(segment_header, 192, 64);
	MEMBER(segment_header, magic, 0, 8);
	MEMBER(segment_header, endian_mark, 8, 4);
	MEMBER(segment_header, layout_version, 12, 4);
	MEMBER(segment_header, features, 16, 4);
	MEMBER(segment_header, word_bytes, 20, 2);
	MEMBER(segment_header, line_bytes, 22, 2);
	MEMBER(segment_header, header_bytes, 24, 4);
	MEMBER(segment_header, flags, 28, 4);
	MEMBER(segment_header, total_bytes, 32, 8);
	MEMBER(segment_header, id, 40, 16);
	MEMBER(segment_header, boot_id, 56, 16);
	MEMBER(segment_header, created_ns, 72, 8);
	MEMBER(segment_header, participants_offset, 80, 8);
	MEMBER(segment_header, directory_offset, 88, 8);
	MEMBER(segment_header, heap_offset, 96, 8);
	MEMBER(segment_header, participants, 104, 4);
	MEMBER(segment_header, buckets, 108, 4);
	MEMBER(segment_header, entries, 112, 4);
	MEMBER(segment_header, life, 128, 8);
}

static void participant_record_is_frozen(void **state)
{
	(void)state;
	SIZE(participant_record, 128, 8);
	MEMBER(participant_record, state, 0, 8);
	MEMBER(participant_record, hazard, 8, 8);
	MEMBER(participant_record, pid, 16, 8);
	MEMBER(participant_record, start_time, 24, 8);
	MEMBER(participant_record, pid_namespace, 32, 8);
	MEMBER(participant_record, attached_ns, 40, 8);
	MEMBER(participant_record, comm, 48, 16);
	MEMBER(participant_record, forks, 64, 8);
}

static void directory_entry_is_frozen(void **state)
{
	(void)state;
	SIZE(directory_entry, 128, 8);
	MEMBER(directory_entry, extent_end, 0, 8);
	MEMBER(directory_entry, state, 8, 8);
	MEMBER(directory_entry, next, 16, 8);
	MEMBER(directory_entry, hash, 24, 8);
	MEMBER(directory_entry, bytes, 32, 8);
	MEMBER(directory_entry, kind, 40, 4);
	MEMBER(directory_entry, name, 48, 64);
}

static void event_word_is_frozen(void **state)
{
	(void)state;
	SIZE(event_word, 8, 4);
	MEMBER(event_word, word, 0, 4);
}

static void exchange_slot_is_frozen(void **state)
{
	(void)state;
	SIZE(exchange_slot, 32, 8);
	MEMBER(exchange_slot, intent, 0, 8);
	MEMBER(exchange_slot, wraps, 8, 8);
	MEMBER(exchange_slot, orphan, 16, 8);
	MEMBER(exchange_slot, tally, 24, 8);
}

static void exchange_handle_is_frozen(void **state)
{
	(void)state;
	SIZE(exchange_handle, 64, 64);
	MEMBER(exchange_handle, role, 0, 8);
}

static void object_header_is_frozen(void **state)
{
	(void)state;
	SIZE(object_header, 16, 8);
	MEMBER(object_header, kind, 0, 4);
	MEMBER(object_header, header_bytes, 4, 4);
	MEMBER(object_header, bytes, 8, 8);
}

static void value_layout_is_frozen(void **state)
{
	(void)state;
	SIZE(value_layout, 128, 64);
	MEMBER(value_layout, object, 0, 16);
	MEMBER(value_layout, type, 16, 4);
	MEMBER(value_layout, writers, 20, 4);
	MEMBER(value_layout, size, 24, 8);
	MEMBER(value_layout, handles_offset, 32, 8);
	MEMBER(value_layout, blocks_offset, 40, 8);
	MEMBER(value_layout, block_stride, 48, 8);
	MEMBER(value_layout, changed, 56, 8);
	MEMBER(value_layout, word, 64, 8);
}

static void value_block_is_frozen(void **state)
{
	(void)state;
	SIZE(value_block, 16, 8);
	MEMBER(value_block, generation, 0, 8);
}

static void array_layout_is_frozen(void **state)
{
	(void)state;
	SIZE(array_layout, 64, 8);
	MEMBER(array_layout, object, 0, 16);
	MEMBER(array_layout, type, 16, 4);
	MEMBER(array_layout, flags, 20, 4);
	MEMBER(array_layout, count, 24, 8);
	MEMBER(array_layout, data_offset, 32, 8);
}

static void queue_layout_is_frozen(void **state)
{
	(void)state;
	SIZE(queue_layout, 128, 64);
	MEMBER(queue_layout, object, 0, 16);
	MEMBER(queue_layout, senders, 16, 4);
	MEMBER(queue_layout, receivers, 20, 4);
	MEMBER(queue_layout, capacity, 24, 8);
	MEMBER(queue_layout, message_size, 32, 8);
	MEMBER(queue_layout, handles, 40, 4);
	MEMBER(queue_layout, holds, 44, 4);
	MEMBER(queue_layout, on_death, 48, 4);
	MEMBER(queue_layout, flags, 52, 4);
	MEMBER(queue_layout, pack, 56, 4);
	MEMBER(queue_layout, closing, 64, 8);
	MEMBER(queue_layout, orphans, 72, 8);
	MEMBER(queue_layout, readable, 80, 8);
	MEMBER(queue_layout, writable, 88, 8);
	MEMBER(queue_layout, sole, 96, 16);
}

static void xring_layout_is_frozen(void **state)
{
	(void)state;
	SIZE(xring_layout, 192, 64);
	MEMBER(xring_layout, cells_offset, 0, 8);
	MEMBER(xring_layout, handles_offset, 8, 8);
	MEMBER(xring_layout, blocks_offset, 16, 8);
	MEMBER(xring_layout, block_stride, 24, 8);
	MEMBER(xring_layout, trailer_offset, 32, 8);
	MEMBER(xring_layout, tail_hint, 64, 8);
	MEMBER(xring_layout, head_hint, 128, 8);
}

static void xring_trailer_is_frozen(void **state)
{
	(void)state;
	SIZE(xring_trailer, 24, 8); /* without `consumed` where nothing is packed */
	MEMBER(xring_trailer, id, 0, 8);
	MEMBER(xring_trailer, size, 8, 8);
	MEMBER(xring_trailer, consumed, 16, 8);
}

static void ring_layout_is_frozen(void **state)
{
	(void)state;
	SIZE(ring_layout, 256, 64);
	MEMBER(ring_layout, marks_offset, 0, 8);
	MEMBER(ring_layout, sizes_offset, 8, 8);
	MEMBER(ring_layout, payload_offset, 16, 8);
	MEMBER(ring_layout, payload_stride, 24, 8);
	MEMBER(ring_layout, blocks, 32, 8);
	MEMBER(ring_layout, tail, 64, 8);
	MEMBER(ring_layout, sizes_vary, 72, 8);
	MEMBER(ring_layout, released, 128, 8);
	MEMBER(ring_layout, taken, 136, 8);
	MEMBER(ring_layout, redelivered, 144, 8);
	MEMBER(ring_layout, discarded, 152, 8);
	MEMBER(ring_layout, verdict, 192, 8);
}

static void sync_layout_is_frozen(void **state)
{
	(void)state;
	SIZE(sync_layout, 128, 64);
	MEMBER(sync_layout, object, 0, 16);
	MEMBER(sync_layout, flags, 16, 4);
	MEMBER(sync_layout, size, 20, 4);
	MEMBER(sync_layout, word, 64, 8);
	MEMBER(sync_layout, changed, 72, 8);
	MEMBER(sync_layout, posts, 80, 8);
}

/* ---- numbers in shared words: do not ever change ---- */

static void the_marks_of_a_segment_are_frozen(void **state)
{
	(void)state;
	assert_memory_equal(STOA_MAGIC, "STOASEG\n", 9);
	assert_int_equal(STOA_LAYOUT_VERSION, 1);
	assert_int_equal(STOA_ENDIAN_MARK, 0x01020304);
	assert_int_equal(STOA_LINE, 64);
	assert_int_equal(STOA_NAME_ROOM, 64);
}

static void the_states_of_shared_words_are_frozen(void **state)
{
	(void)state;
	assert_int_equal(PARTICIPANT_FREE, 0);
	assert_int_equal(PARTICIPANT_CLAIMED, 1);
	assert_int_equal(PARTICIPANT_LIVE, 2);
	assert_int_equal(PARTICIPANT_SETTLED, 3);
	assert_int_equal(PARTICIPANT_DEAD, 4);
	assert_int_equal(PARTICIPANT_RELEASED, 5);
	assert_int_equal(HAZARD_RELEASING, 0x8000);
	assert_int_equal(ENTRY_FREE, 0);
	assert_int_equal(ENTRY_BUILDING, 1);
	assert_int_equal(ENTRY_PUBLISHED, 2);
	assert_int_equal(ROLE_FREE, 0);
	assert_int_equal(ROLE_SENDER, 1);
	assert_int_equal(ROLE_RECEIVER, 2);
	assert_int_equal(ROLE_WRITER, 3);
	assert_int_equal(ROLE_ORPHANED, 4);
	assert_int_equal(BLOCK_BITS, 24);
	assert_int_equal(BLOCKS_MAX, 16777216);
	assert_int_equal(VALUE_BLOCK_BITS, 12);
	assert_int_equal(PERMIT_FREE, 0);
	assert_int_equal(PERMIT_HELD, 1);
	assert_int_equal(SEAT_FREE, 0);
	assert_int_equal(SEAT_TAKEN, 1);
	assert_int_equal(SEAT_LEAVING, 2);
	assert_int_equal(LOCK_FREE, 0);
	assert_int_equal(LOCK_HELD, 1);
	assert_int_equal(LOCK_ORPHANED, 2);
	assert_int_equal(ROUND_BITS, 24);
	assert_int_equal(CLOSING_HOW, 3);
	assert_int_equal(CLOSING_HAD_SENDERS, 4);
	assert_int_equal(PARCEL_EACH_BITS, 48);
	assert_int_equal(CELL_LAP_SHIFT, 26);
	assert_int_equal(CELL_FREE, 0);
	assert_int_equal(CELL_FULL, 1);
	assert_int_equal(CELL_CLOSED, 2);
	assert_int_equal(MARK_ACKNOWLEDGED, 0x80000000);
	assert_int_equal(MARK_RETURNED, 0x40000000);
	assert_int_equal(MARK_DISCARDING, 0x20000000);
	assert_int_equal(MARK_COUNT, 0x1fffffff);
	assert_int_equal(VERDICT_NONE, 0);
	assert_int_equal(VERDICT_ASK, 1);
	assert_int_equal(VERDICT_COMMITTED, 2);
	assert_int_equal(VERDICT_CLOSED, 3);
}

static void the_numbers_of_the_public_headers_that_segments_hold_are_frozen(void **state)
{
	static const int types[] = { STOA_I8,  STOA_I16, STOA_I32, STOA_I64, STOA_U8,   STOA_U16,
		                     STOA_U32, STOA_U64, STOA_F32, STOA_F64, STOA_BOOL, STOA_BYTES };

	(void)state;
	for (int i = 0; i < 12; i++)
		assert_int_equal(types[i], i + 1);
	assert_int_equal(STOA_KIND_VALUE, 1);
	assert_int_equal(STOA_KIND_ARRAY, 2);
	assert_int_equal(STOA_KIND_QUEUE, 3);
	assert_int_equal(STOA_KIND_SEMAPHORE, 4);
	assert_int_equal(STOA_KIND_EVENT, 5);
	assert_int_equal(STOA_KIND_BARRIER, 6);
	assert_int_equal(STOA_KIND_LOCK, 7);
	assert_int_equal(STOA_MANY, 0);
	assert_int_equal(STOA_ONE, 1);
	assert_int_equal(STOA_REDELIVER, 0);
	assert_int_equal(STOA_DISCARD, 1);
	assert_int_equal(STOA_DRAIN, 1);
	assert_int_equal(STOA_NOW, 2);
	assert_int_equal(STOA_CLOSE_WITH_SENDERS, 0x10);
	assert_int_equal(STOA_ATOMIC_RANGES, 0x10);
	assert_int_equal(STOA_PERMITS_RETURN, 0x10);
	assert_int_equal(STOA_HUGE, 0x40);
	assert_int_equal(STOA_UNLINK_LAST, 0x80);
}

static void the_words_of_an_exchange_are_frozen(void **state)
{
	(void)state;
	assert_true(intent_next(0, INTENT_TAKE, 0x123456, 0xabcdef) == 0x000aabcdef123456);
	assert_true(intent_next(0x000aabcdef123456, INTENT_SETTLED, 1, 2) == 0x0010000002000001);
	assert_true(intent_next(UINT64_MAX, INTENT_OFFER, 1, 2) == 0x0001000002000001); /* wraps */
	assert_true(INTENT_ACKNOWLEDGED == 0x0004000000000000);
	assert_int_equal(INTENT_SETTLED, 0);
	assert_int_equal(INTENT_OFFER, 1);
	assert_int_equal(INTENT_TAKE, 2);
	assert_int_equal(INTENT_REDELIVER, 3);
	assert_int_equal(ORPHAN_FREE, 0);
	assert_int_equal(ORPHAN_FULL, 1);
	assert_int_equal(ORPHAN_RETAKEN, 2);
	assert_true(orphan_word(0x123456, 0x2bcd, ORPHAN_RETAKEN, 0xfedcba) == 0x123456af36fedcba);
	assert_true(role_next(0, ROLE_WRITER, 0x1234) == 0x1123403);
	assert_true(role_next(0x1123403, ROLE_FREE, 0) == 0x2000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(atom64_is_frozen),
		cmocka_unit_test(atom32_is_frozen),
		cmocka_unit_test(segment_header_is_frozen),
		cmocka_unit_test(participant_record_is_frozen),
		cmocka_unit_test(directory_entry_is_frozen),
		cmocka_unit_test(event_word_is_frozen),
		cmocka_unit_test(exchange_slot_is_frozen),
		cmocka_unit_test(exchange_handle_is_frozen),
		cmocka_unit_test(object_header_is_frozen),
		cmocka_unit_test(value_layout_is_frozen),
		cmocka_unit_test(value_block_is_frozen),
		cmocka_unit_test(array_layout_is_frozen),
		cmocka_unit_test(queue_layout_is_frozen),
		cmocka_unit_test(xring_layout_is_frozen),
		cmocka_unit_test(xring_trailer_is_frozen),
		cmocka_unit_test(ring_layout_is_frozen),
		cmocka_unit_test(sync_layout_is_frozen),
		cmocka_unit_test(the_marks_of_a_segment_are_frozen),
		cmocka_unit_test(the_states_of_shared_words_are_frozen),
		cmocka_unit_test(the_numbers_of_the_public_headers_that_segments_hold_are_frozen),
		cmocka_unit_test(the_words_of_an_exchange_are_frozen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
