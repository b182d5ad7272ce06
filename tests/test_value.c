/* SPDX-License-Identifier: BSD-2-Clause */
/* test_value.c - values: numbers and structs, and what each operation answers. */
#include "value_helpers.h"

#include <math.h>

/* ---- numbers ---- */

#define CHECK_INTEGER(SUFFIX, C_TYPE, TYPE, MIN, MAX)                                                        \
	static void integers_of_type_##SUFFIX##_wrap_around_and_compare(void **state)                        \
	{                                                                                                    \
		struct stoa_segment *segment = new_segment(1 << 16);                                         \
		struct stoa_value *value = new_value(segment, "number", TYPE, 0, 0);                         \
		C_TYPE in, out, guard[3] = { 1, 2, 3 };                                                      \
                                                                                                             \
		(void)state;                                                                                 \
		ok(stoa_value_load(value, &guard[1]));                                                       \
		assert_true(guard[0] == 1 && guard[1] == 0 && guard[2] == 3);                                \
		in = MAX;                                                                                    \
		ok(stoa_value_store(value, &in));                                                            \
		in = 1;                                                                                      \
		ok(stoa_value_fetch_add(value, &in, &guard[1]));                                             \
		assert_true(guard[0] == 1 && guard[1] == MAX && guard[2] == 3);                              \
		ok(stoa_value_load(value, &out));                                                            \
		assert_true(out == MIN);                                                                     \
		ok(stoa_value_fetch_sub(value, &in, &out));                                                  \
		assert_true(out == MIN);                                                                     \
		ok(stoa_value_exchange(value, &in, &out));                                                   \
		assert_true(out == MAX);                                                                     \
		in = MIN;                                                                                    \
		ok(stoa_value_fetch_min(value, &in, &out));                                                  \
		assert_true(out == 1);                                                                       \
		in = MAX;                                                                                    \
		ok(stoa_value_fetch_min(value, &in, &out));                                                  \
		assert_true(out == MIN);                                                                     \
		ok(stoa_value_fetch_max(value, &in, &out));                                                  \
		assert_true(out == MIN);                                                                     \
		in = MIN;                                                                                    \
		ok(stoa_value_fetch_max(value, &in, NULL));                                                  \
		ok(stoa_value_load(value, &out));                                                            \
		assert_true(out == MAX);                                                                     \
		in = 0x2a;                                                                                   \
		ok(stoa_value_fetch_and(value, &in, &out));                                                  \
		assert_true(out == MAX);                                                                     \
		in = 0x15;                                                                                   \
		ok(stoa_value_fetch_or(value, &in, &out));                                                   \
		assert_true(out == 0x2a);                                                                    \
		in = (C_TYPE)~0ull;                                                                          \
		ok(stoa_value_fetch_xor(value, &in, &out));                                                  \
		assert_true(out == 0x3f);                                                                    \
		ok(stoa_value_load(value, &out));                                                            \
		assert_true(out == (C_TYPE)~0x3full);                                                        \
		in = 7;                                                                                      \
		guard[1] = 8;                                                                                \
		assert_int_equal(stoa_value_compare_exchange(value, &guard[1], &in), STOA_CHANGED);          \
		assert_true(guard[0] == 1 && guard[1] == (C_TYPE)~0x3full && guard[2] == 3);                 \
		ok(stoa_value_compare_exchange(value, &guard[1], &in));                                      \
		ok(stoa_value_exchange(value, &guard[0], &guard[0])); /* in and out are the same */          \
		assert_true(guard[0] == 7);                                                                  \
		assert_int_equal(stoa_value_type(value), TYPE);                                              \
		stoa_value_close(value);                                                                     \
		stoa_segment_close(segment);                                                                 \
	}
CHECK_INTEGER(i8, int8_t, STOA_I8, INT8_MIN, INT8_MAX)
CHECK_INTEGER(i16, int16_t, STOA_I16, INT16_MIN, INT16_MAX)
CHECK_INTEGER(i32, int32_t, STOA_I32, INT32_MIN, INT32_MAX)
CHECK_INTEGER(i64, int64_t, STOA_I64, INT64_MIN, INT64_MAX)
CHECK_INTEGER(u8, uint8_t, STOA_U8, 0, UINT8_MAX)
CHECK_INTEGER(u16, uint16_t, STOA_U16, 0, UINT16_MAX)
CHECK_INTEGER(u32, uint32_t, STOA_U32, 0, UINT32_MAX)
CHECK_INTEGER(u64, uint64_t, STOA_U64, 0, UINT64_MAX)

#define CHECK_FLOAT(SUFFIX, C_TYPE, TYPE)                                                                    \
	static C_TYPE SUFFIX##_now(struct stoa_value *value)                                                 \
	{                                                                                                    \
		C_TYPE out;                                                                                  \
		ok(stoa_value_load(value, &out));                                                            \
		return out;                                                                                  \
	}                                                                                                    \
	static void floats_of_type_##SUFFIX##_follow_their_rules(void **state)                               \
	{                                                                                                    \
		struct stoa_segment *segment = new_segment(1 << 16);                                         \
		struct stoa_value *value = new_value(segment, "number", TYPE, 0, 0);                         \
		const C_TYPE nan = (C_TYPE)NAN, inf = (C_TYPE)INFINITY, minus_zero = (C_TYPE)-0.0;           \
		C_TYPE in = (C_TYPE)1.5, out, expected;                                                      \
                                                                                                             \
		(void)state;                                                                                 \
		ok(stoa_value_store(value, &in));                                                            \
		in = (C_TYPE)0.25;                                                                           \
		ok(stoa_value_fetch_add(value, &in, &out));                                                  \
		assert_true(out == (C_TYPE)1.5);                                                             \
		in = 2;                                                                                      \
		ok(stoa_value_fetch_sub(value, &in, &out));                                                  \
		assert_true(out == (C_TYPE)1.75 && SUFFIX##_now(value) == (C_TYPE)-0.25);                    \
		assert_int_equal(stoa_value_fetch_and(value, &in, &out), -EPROTOTYPE);                       \
		assert_int_equal(stoa_value_fetch_or(value, &in, &out), -EPROTOTYPE);                        \
		assert_int_equal(stoa_value_fetch_xor(value, &in, &out), -EPROTOTYPE);                       \
		ok(stoa_value_fetch_min(value, &in, NULL));                                                  \
		assert_true(SUFFIX##_now(value) == (C_TYPE)-0.25);                                           \
		ok(stoa_value_fetch_max(value, &in, NULL));                                                  \
		assert_true(SUFFIX##_now(value) == 2);                                                       \
		/* a NaN operand changes nothing, a NaN value is replaced */                                 \
		ok(stoa_value_fetch_min(value, &nan, NULL));                                                 \
		ok(stoa_value_fetch_max(value, &nan, NULL));                                                 \
		assert_true(SUFFIX##_now(value) == 2);                                                       \
		ok(stoa_value_fetch_add(value, &nan, NULL));                                                 \
		assert_true(isnan(SUFFIX##_now(value)));                                                     \
		ok(stoa_value_fetch_max(value, &in, NULL));                                                  \
		assert_true(SUFFIX##_now(value) == 2);                                                       \
		ok(stoa_value_store(value, &nan));                                                           \
		ok(stoa_value_fetch_min(value, &nan, NULL));                                                 \
		assert_true(isnan(SUFFIX##_now(value)));                                                     \
		ok(stoa_value_fetch_min(value, &inf, NULL));                                                 \
		assert_true(isinf(SUFFIX##_now(value)));                                                     \
		ok(stoa_value_fetch_sub(value, &inf, &out));                                                 \
		assert_true(isinf(out) && isnan(SUFFIX##_now(value)));                                       \
		/* comparison is byte by byte: a NaN equals itself, -0.0 is not 0.0 */                       \
		ok(stoa_value_load(value, &expected));                                                       \
		ok(stoa_value_compare_exchange(value, &expected, &minus_zero));                              \
		expected = 0;                                                                                \
		assert_int_equal(stoa_value_compare_exchange(value, &expected, &in), STOA_CHANGED);          \
		assert_true(expected == 0 && signbit(expected));                                             \
		stoa_value_close(value);                                                                     \
		stoa_segment_close(segment);                                                                 \
	}
CHECK_FLOAT(f32, float, STOA_F32)
CHECK_FLOAT(f64, double, STOA_F64)

static uint8_t bool_after(int (*operation)(struct stoa_value *, const void *, void *),
                          struct stoa_value *value, uint8_t start, uint8_t operand)
{
	uint8_t previous = 77, out = 77;

	ok(stoa_value_store(value, &start));
	ok(operation(value, &operand, &previous));
	assert_int_equal(previous, start != 0);
	ok(stoa_value_load(value, &out));
	return out;
}

static void booleans_are_0_or_1_and_saturate(void **state)
{
	static const struct {
		int (*operation)(struct stoa_value *, const void *, void *);
		uint8_t result[2][2]; /* [value][operand] */
	} table[] = {
		{ stoa_value_fetch_add, { { 0, 1 }, { 1, 1 } } },
		{ stoa_value_fetch_sub, { { 0, 0 }, { 1, 0 } } },
		{ stoa_value_fetch_and, { { 0, 0 }, { 0, 1 } } },
		{ stoa_value_fetch_or, { { 0, 1 }, { 1, 1 } } },
		{ stoa_value_fetch_xor, { { 0, 1 }, { 1, 0 } } },
		{ stoa_value_fetch_min, { { 0, 0 }, { 0, 1 } } },
		{ stoa_value_fetch_max, { { 0, 1 }, { 1, 1 } } },
		{ stoa_value_exchange, { { 0, 1 }, { 0, 1 } } },
	};
	struct stoa_segment *segment = new_segment(1 << 16);
	uint8_t odd = 9, expected = 4, out;
	struct stoa_value_config config = { .struct_size = sizeof config,
		                            .type = STOA_BOOL,
		                            .initial = &odd };
	struct stoa_value *value;

	(void)state;
	ok(stoa_value_create(segment, "bool", &config, &value));
	ok(stoa_value_load(value, &out));
	assert_int_equal(out, 1);
	for (size_t i = 0; i < LENGTH(table); i++) {
		for (int start = 0; start < 2; start++) {
			for (int operand = 0; operand < 2; operand++) {
				uint8_t result = table[i].result[start][operand];

				assert_int_equal(
					bool_after(table[i].operation, value, start ? 8 : 0, operand ? 6 : 0),
					result);
			}
		}
	}
	ok(stoa_value_store(value, &odd));
	ok(stoa_value_compare_exchange(value, &expected, &odd)); /* 4 and 9 are both 1 */
	expected = 0;
	assert_int_equal(stoa_value_compare_exchange(value, &expected, &odd), STOA_CHANGED);
	assert_int_equal(expected, 1);
	assert_int_equal(stoa_value_wait(value, &odd, &stoa_now), STOA_TIMEOUT);
	/* a byte that somebody else made */
	*(uint8_t *)&((struct value_layout *)bytes_of(value))->word = 0x80;
	ok(stoa_value_load(value, &out));
	assert_int_equal(out, 1);
	expected = 1;
	odd = 0;
	ok(stoa_value_compare_exchange(value, &expected, &odd));
	ok(stoa_value_load(value, &out));
	assert_int_equal(out, 0);
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void shorthands_check_the_type(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *i = new_value(segment, "i", 0, 0, 0), *u = new_value(segment, "u", STOA_U64, 0, 0);
	struct stoa_value *f = new_value(segment, "f", STOA_F64, 8, 0);
	int64_t signed_number;
	uint64_t unsigned_number;
	double real;

	(void)state;
	ok(stoa_value_store_i64(i, -5));
	ok(stoa_value_add_i64(i, -6));
	ok(stoa_value_load_i64(i, &signed_number));
	assert_true(signed_number == -11);
	ok(stoa_value_store_u64(u, UINT64_MAX));
	ok(stoa_value_add_u64(u, 3));
	ok(stoa_value_load_u64(u, &unsigned_number));
	assert_true(unsigned_number == 2);
	ok(stoa_value_store_f64(f, 0.5));
	ok(stoa_value_add_f64(f, 0.25));
	ok(stoa_value_load_f64(f, &real));
	assert_true(real == 0.75);
	assert_int_equal(stoa_value_store_i64(u, 1), -EPROTOTYPE);
	assert_int_equal(stoa_value_add_u64(f, 1), -EPROTOTYPE);
	assert_int_equal(stoa_value_load_f64(i, &real), -EPROTOTYPE);
	assert_int_equal(stoa_value_load_f64(NULL, &real), -EPROTOTYPE);
	assert_int_equal(stoa_value_type(NULL), -EINVAL);
	stoa_value_close(i);
	stoa_value_close(u);
	stoa_value_close(f);
	stoa_segment_close(segment);
}

/* ---- structs ---- */

static void every_operation_on_a_struct_of(size_t size)
{
	struct stoa_segment *segment = new_segment(40 * (size + 4096));
	struct stoa_value *value = new_struct(segment, size, 2);
	uint8_t *in = malloc(size), *out = malloc(size + 2), *expected = malloc(size);

	assert_true(in && out && expected);
	memset(out, 0xee, size + 2);
	ok(stoa_value_load(value, out + 1));
	for (size_t i = 0; i < size; i++)
		assert_int_equal(out[1 + i], 0);
	for (uint64_t tag = 1; tag < 10; tag++) { /* more than there are slots */
		fill(in, size, tag);
		ok(stoa_value_store(value, in));
		ok(stoa_value_load(value, out + 1));
		assert_memory_equal(in, out + 1, size);
	}
	assert_true(out[0] == 0xee && out[size + 1] == 0xee);
	fill(in, size, 1);
	fill(expected, size, 9);
	ok(stoa_value_exchange(value, in, out + 1));
	assert_memory_equal(expected, out + 1, size);
	assert_true(out[0] == 0xee && out[size + 1] == 0xee);
	fill(out, size, 2);
	ok(stoa_value_exchange(value, out, out)); /* in and out are the same */
	assert_memory_equal(in, out, size);
	fill(in, size, 3);
	assert_int_equal(stoa_value_compare_exchange(value, expected, in), STOA_CHANGED);
	fill(out, size, 2);
	assert_memory_equal(expected, out, size);
	assert_int_equal(stoa_value_wait(value, expected, &stoa_now), STOA_TIMEOUT);
	ok(stoa_value_compare_exchange(value, expected, in));
	ok(stoa_value_wait(value, expected, &stoa_now));
	expected[size - 1] ^= 1; /* only the last byte differs */
	fill(in, size, 3);
	in[size - 1] ^= 1;
	assert_int_equal(stoa_value_compare_exchange(value, in, expected), STOA_CHANGED);
	ok(stoa_value_update(value, make_tag_4, &size));
	ok(stoa_value_load(value, out));
	fill(in, size, 4);
	assert_memory_equal(in, out, size);
	free(in);
	free(out);
	free(expected);
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void structs_of_every_size_are_read_and_written_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(struct_sizes); i++)
		every_operation_on_a_struct_of(struct_sizes[i]);
}

static void arithmetic_on_a_struct_is_refused(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *value = new_struct(segment, 8, 1);
	uint64_t in = 1;

	(void)state;
	assert_int_equal(stoa_value_fetch_add(value, &in, NULL), -EPROTOTYPE);
	assert_int_equal(stoa_value_fetch_sub(value, &in, NULL), -EPROTOTYPE);
	assert_int_equal(stoa_value_fetch_and(value, &in, NULL), -EPROTOTYPE);
	assert_int_equal(stoa_value_fetch_or(value, &in, NULL), -EPROTOTYPE);
	assert_int_equal(stoa_value_fetch_xor(value, &in, NULL), -EPROTOTYPE);
	assert_int_equal(stoa_value_fetch_min(value, &in, NULL), -EPROTOTYPE);
	assert_int_equal(stoa_value_fetch_max(value, &in, NULL), -EPROTOTYPE);
	ok(stoa_value_load(value, &in));
	assert_true(in == 0);
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void generations_and_intents_wrap_around(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *value = new_struct(segment, 24, 1);
	struct value_layout *layout = bytes_of(value);
	uint64_t in[3], out[3];
	uint64_t last = ~(uint64_t)0 << VALUE_BLOCK_BITS; /* the last generation, block 0 */
	struct value_block *block = (void *)((uint8_t *)layout + layout->blocks_offset);

	(void)state;
	atom64_store_seq(&block->generation, last);
	atom64_store_seq(&layout->word, last);
	for (uint64_t tag = 1; tag < 20000; tag++) { /* an intent's sequence has 13 bits */
		fill(in, sizeof in, tag);
		ok(stoa_value_store(value, in));
		assert_true(atom64_load_seq(&layout->word) >> VALUE_BLOCK_BITS == tag); /* 0 is left out */
		ok(stoa_value_load(value, out));
		assert_memory_equal(in, out, sizeof in);
	}
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void a_reader_is_disturbed_only_when_its_block_is_written_again(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *value = new_struct(segment, 16, 1);
	struct cell_look look = { 0 };
	uint64_t in[2] = { 1, 2 };
	struct slot *slot;

	(void)state;
	ok(cell_look(&value->cell, &look)); /* and now the reader is slow */
	for (unsigned i = 0; i < CELL_SLOTS; i++) {
		ok(stoa_value_store(value, in));
		assert_true(cell_whole(&look));
	}
	ok(cell_take(&value->writer, &value->cell, segment, &slot)); /* the slot that got the block */
	assert_true(cell_whole(&look));
	cell_begin(&value->cell, slot);
	assert_false(cell_whole(&look));
	cell_give(&value->writer, slot);
	ok(stoa_value_store(value, in));
	assert_false(cell_whole(&look));
	ok(cell_look(&value->cell, &look));
	assert_true(cell_whole(&look));
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void an_offer_that_failed_is_taken_back(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *value = new_struct(segment, 16, 1);
	struct cell_look look = { 0 };
	uint64_t in[2] = { 1, 2 }, out[2];
	struct slot *slot;
	uint32_t block;

	(void)state;
	ok(cell_take(&value->writer, &value->cell, segment, &slot));
	cell_begin(&value->cell, slot);
	block = slot->block;
	ok(cell_look(&value->cell, &look));
	ok(stoa_value_store(value, in)); /* by another slot */
	assert_false(cell_publish(&value->cell, slot, &look.word));
	assert_true(look.word == atom64_load_seq(value->cell.word));
	cell_give(&value->writer, slot);
	assert_true(intent_kind(atom64_load_seq(&slot->shared->intent)) == INTENT_SETTLED);
	assert_true(slot->block == block && intent_out(slot->intent) == block);
	ok(stoa_value_load(value, out));
	assert_memory_equal(in, out, sizeof in);
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void the_data_pointer_shows_the_number(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *number = new_value(segment, "number", STOA_I32, 0, 0);
	struct stoa_value *bytes = new_struct(segment, 4, 0);
	int32_t *data = stoa_value_data(number), in = -3, out;

	(void)state;
	assert_non_null(data);
	assert_int_equal((uintptr_t)data % 8, 0);
	ok(stoa_value_store(number, &in));
	assert_int_equal(*data, -3);
	*data = 12;
	ok(stoa_value_load(number, &out));
	assert_int_equal(out, 12);
	assert_null(stoa_value_data(bytes));
	assert_null(stoa_value_data(NULL));
	stoa_value_close(number);
	stoa_value_close(bytes);
	stoa_segment_close(segment);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_of_type_i8_wrap_around_and_compare),
		cmocka_unit_test(integers_of_type_i16_wrap_around_and_compare),
		cmocka_unit_test(integers_of_type_i32_wrap_around_and_compare),
		cmocka_unit_test(integers_of_type_i64_wrap_around_and_compare),
		cmocka_unit_test(integers_of_type_u8_wrap_around_and_compare),
		cmocka_unit_test(integers_of_type_u16_wrap_around_and_compare),
		cmocka_unit_test(integers_of_type_u32_wrap_around_and_compare),
		cmocka_unit_test(integers_of_type_u64_wrap_around_and_compare),
		cmocka_unit_test(floats_of_type_f32_follow_their_rules),
		cmocka_unit_test(floats_of_type_f64_follow_their_rules),
		cmocka_unit_test(booleans_are_0_or_1_and_saturate),
		cmocka_unit_test(shorthands_check_the_type),
		cmocka_unit_test(the_data_pointer_shows_the_number),
		cmocka_unit_test(structs_of_every_size_are_read_and_written_whole),
		cmocka_unit_test(arithmetic_on_a_struct_is_refused),
		cmocka_unit_test(generations_and_intents_wrap_around),
		cmocka_unit_test(a_reader_is_disturbed_only_when_its_block_is_written_again),
		cmocka_unit_test(an_offer_that_failed_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
