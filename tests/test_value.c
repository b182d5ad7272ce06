/* SPDX-License-Identifier: BSD-2-Clause */
/* Values: numbers of every type, structs of every size, killed and stopped writers. */
#include "value_helpers.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "value.h"

static const uint32_t number_types[] = {
	STOA_I8,  STOA_I16, STOA_I32, STOA_I64, STOA_U8,   STOA_U16,
	STOA_U32, STOA_U64, STOA_F32, STOA_F64, STOA_BOOL,
};
static const size_t struct_sizes[] = { 1, 2, 3, 7, 8, 9, 63, 64, 65, 4096, 1 << 20 };

static struct stoa_value *new_value(struct stoa_segment *segment, const char *name, uint32_t type,
                                    size_t size, uint32_t writers)
{
	struct stoa_value_config config = {
		.struct_size = sizeof config,
		.type = type,
		.size = size,
		.writers = writers,
		.flags = STOA_EXCLUSIVE,
	};
	struct stoa_value *value = NULL;

	ok(stoa_value_create(segment, name, &config, &value));
	return value;
}

static struct stoa_value *new_struct(struct stoa_segment *segment, size_t size, uint32_t writers)
{
	return new_value(segment, "struct", STOA_BYTES, size, writers);
}

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

static int make_tag_4(void *bytes, void *context)
{
	fill(bytes, *(size_t *)context, 4);
	return 0;
}

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

/* ---- create, open, info, footprint ---- */

static void wrong_configs_are_refused(void **state)
{
	static const struct {
		struct stoa_value_config config;
		int rc;
	} table[] = {
		{ { .type = 99 }, -EINVAL },
		{ { .type = STOA_BYTES }, -EINVAL },
		{ { .type = STOA_I32, .size = 8 }, -EINVAL },
		{ { .type = STOA_BYTES, .size = 8, .writers = 1025 }, -EINVAL },
		{ { .flags = 0x40000000 }, -EINVAL },
		{ { .reserved = 1 }, -EINVAL },
		{ { .size = UINT64_MAX }, -EOVERFLOW },
		{ { .size = UINT64_MAX / 2 }, -EOVERFLOW },
		{ { .size = UINT64_MAX / 30, .writers = 10 }, -EOVERFLOW },
		{ { .size = 1ull << 40 }, -ENOSPC },
	};
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *value = NULL;
	uint64_t bytes = 7;

	(void)state;
	for (size_t i = 0; i < LENGTH(table); i++) {
		struct stoa_value_config config = table[i].config;

		config.struct_size = sizeof config;
		assert_int_equal(stoa_value_create(segment, "name", &config, &value), table[i].rc);
		assert_null(value);
		if (table[i].rc != -ENOSPC) {
			assert_int_equal(stoa_value_footprint(&config, &bytes), table[i].rc);
			assert_int_equal(stoa_value_open(segment, "name", &config, &value), table[i].rc);
		}
	}
	assert_true(bytes == 7);
	assert_int_equal(stoa_value_open(segment, "name", NULL, &value), -ENOENT);
	assert_int_equal(stoa_value_footprint(NULL, NULL), -EINVAL);
	ok(stoa_value_footprint(NULL, &bytes));
	assert_true(bytes == sizeof(struct value_layout));
	stoa_segment_close(segment);
}

static void names_are_checked(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *value = NULL;
	char name[65];

	(void)state;
	memset(name, 'n', sizeof name);
	name[64] = 0;
	assert_int_equal(stoa_value_create(segment, name, NULL, &value), -ENAMETOOLONG);
	assert_int_equal(stoa_value_open(segment, name, NULL, &value), -ENAMETOOLONG);
	assert_int_equal(stoa_value_create(segment, "", NULL, &value), -EINVAL);
	assert_int_equal(stoa_value_open(segment, "", NULL, &value), -EINVAL);
	assert_int_equal(stoa_value_create(segment, NULL, NULL, &value), -EINVAL);
	assert_int_equal(stoa_value_open(segment, NULL, NULL, &value), -EINVAL);
	assert_null(value);
	name[63] = 0;
	ok(stoa_value_create(segment, name, NULL, &value));
	stoa_value_close(value);
	ok(stoa_value_open(segment, name, NULL, &value));
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void create_opens_what_is_there_unless_its_shape_differs(void **state)
{
	static const struct {
		struct stoa_value_config config;
		int created, opened; /* by create and by open with it as `expect` */
	} table[] = {
		{ { .type = STOA_BYTES, .size = 40, .writers = 4 }, 0, 0 },
		{ { .type = STOA_BYTES, .size = 40, .writers = 3 }, 0, 0 },
		{ { .size = 40, .writers = 1 }, 0, 0 },
		{ { .size = 40, .writers = 5 }, -EPROTOTYPE, -EPROTOTYPE },
		{ { .size = 40 }, -EPROTOTYPE, 0 }, /* 8 writers; any number */
		{ { .size = 48, .writers = 4 }, -EPROTOTYPE, -EPROTOTYPE },
		{ { .type = STOA_I64 }, -EPROTOTYPE, -EPROTOTYPE },
		{ { .type = STOA_BYTES, .size = 40, .writers = 4, .flags = STOA_EXCLUSIVE }, -EEXIST, 0 },
		{ { .type = STOA_I64, .flags = STOA_EXCLUSIVE }, -EEXIST, -EPROTOTYPE },
	};
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *first = new_struct(segment, 40, 4), *value;
	uint8_t in[48], out[48];

	(void)state;
	fill(in, 40, 5);
	ok(stoa_value_store(first, in));
	for (size_t i = 0; i < LENGTH(table); i++) {
		struct stoa_value_config config = table[i].config;

		config.struct_size = sizeof config;
		config.initial = "anything that is long enough, and more than that";
		value = NULL;
		assert_int_equal(stoa_value_create(segment, "struct", &config, &value), table[i].created);
		assert_true((value != NULL) == (table[i].created == 0));
		stoa_value_close(value);
		value = NULL;
		assert_int_equal(stoa_value_open(segment, "struct", &config, &value), table[i].opened);
		assert_true((value != NULL) == (table[i].opened == 0));
		stoa_value_close(value);
	}
	ok(stoa_value_load(first, out));
	assert_memory_equal(in, out, 40); /* nothing changed, and `initial` did not count */
	ok(stoa_value_store(first, in));  /* and the handle still is one */
	stoa_value_close(first);
	stoa_segment_close(segment);
}

static void another_kind_of_object_is_no_value(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_array_config config = { .struct_size = sizeof config, .count = 3 };
	struct stoa_array *array;
	struct stoa_value *value = NULL;

	(void)state;
	ok(stoa_array_create(segment, "array", &config, &array));
	assert_int_equal(stoa_value_create(segment, "array", NULL, &value), -EPROTOTYPE);
	assert_int_equal(stoa_value_open(segment, "array", NULL, &value), -EPROTOTYPE);
	assert_null(value);
	stoa_array_close(array);
	stoa_segment_close(segment);
}

static void initial_counts_for_the_creator_only(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	uint8_t first[8], second[8], out[8];

	(void)state;
	fill(first, 8, 0x0101010101010101);
	fill(second, 8, 0x0202020202020202);
	for (size_t i = 0; i <= LENGTH(number_types); i++) {
		uint32_t type = i < LENGTH(number_types) ? number_types[i] : STOA_BYTES;
		size_t size = type == STOA_BYTES ? 5 : stoa_type_size(type);
		struct stoa_value_config config = { .struct_size = sizeof config,
			                            .type = type,
			                            .size = size };
		struct stoa_value *one, *two;
		char name[8];

		snprintf(name, sizeof name, "v%zu", i);
		config.initial = first;
		ok(stoa_value_create(segment, name, &config, &one));
		config.initial = second;
		ok(stoa_value_create(segment, name, &config, &two));
		ok(stoa_value_load(two, out));
		if (type == STOA_BOOL)
			assert_int_equal(out[0], 1);
		else
			assert_memory_equal(out, first, size);
		stoa_value_close(one);
		stoa_value_close(two);
	}
	stoa_segment_close(segment);
}

struct race {
	struct stoa_segment *segment;
	struct board *board;
	uint64_t initial;
};

static int race_to_create(void *context)
{
	struct race *race = context;
	uint64_t initial[4] = { race->initial, race->initial, race->initial, race->initial }, out[4];
	struct stoa_value_config config = { .struct_size = sizeof config, .size = 32, .initial = initial };
	struct stoa_value *value;

	atom32_add_seq(&race->board->ready, 1);
	while (!atom32_load_seq(&race->board->go))
		cpu_pause();
	if (stoa_value_create(race->segment, "struct", &config, &value) != 0 ||
	    stoa_value_load(value, out) != 0)
		return 1;
	atom64_add_seq(&race->board->count[0], out[0]);
	return out[0] != out[3];
}

static void one_of_many_creators_wins(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	struct race race = { .segment = segment, .board = new_board() };
	uint64_t out[4];
	struct stoa_value *value;
	pid_t pids[8];

	(void)state;
	for (int i = 0; i < 8; i++) {
		race.initial = 100 + (uint64_t)i;
		pids[i] = spawn(race_to_create, &race);
	}
	assert_true(await(&race.board->ready, 8));
	atom32_store_seq(&race.board->go, 1);
	for (int i = 0; i < 8; i++)
		assert_int_equal(join(pids[i]), 0);
	ok(stoa_value_open(segment, "struct", NULL, &value));
	ok(stoa_value_load(value, out));
	assert_true(atom64_load_seq(&race.board->count[0]) == 8 * out[0]); /* all saw the winner's */
	free_board(race.board);
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void info_tells_the_shape(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *number = new_value(segment, "number", STOA_U16, 0, 5);
	struct stoa_value *bytes = new_struct(segment, 33, 0), *again;
	struct stoa_value_config info = { .struct_size = sizeof info };

	(void)state;
	ok(stoa_value_info(number, &info));
	assert_true(info.type == STOA_U16 && info.size == 2 && !info.initial && !info.flags);
	ok(stoa_value_open(segment, "number", &info, &again));
	stoa_value_close(again);
	ok(stoa_value_info(bytes, &info));
	assert_true(info.type == STOA_BYTES && info.size == 33 && info.writers == 8);
	ok(stoa_value_open(segment, "struct", &info, &again));
	stoa_value_close(again);
	assert_int_equal(stoa_value_info(NULL, &info), -EINVAL);
	assert_int_equal(stoa_value_info(bytes, NULL), -EINVAL);
	stoa_value_close(number);
	stoa_value_close(bytes);
	stoa_segment_close(segment);
}

static void a_segment_of_the_footprint_holds_the_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(struct_sizes); i++) {
		struct stoa_value_config config = {
			.struct_size = sizeof config,
			.size = struct_sizes[i],
			.writers = 1 + (uint32_t)i % 4,
		};
		struct stoa_value *value = NULL;
		struct stoa_segment *segment;
		uint64_t bytes;

		ok(stoa_value_footprint(&config, &bytes));
		assert_true(bytes >= struct_sizes[i] * (1 + 3 * config.writers));
		segment = new_segment(bytes);
		ok(stoa_value_create(segment, "value", &config, &value));
		stoa_value_close(value);
		stoa_segment_close(segment);
	}
}

static void null_arguments_are_refused(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *value = NULL, *kinds[2];
	uint64_t x = 0;

	(void)state;
	assert_int_equal(stoa_value_create(NULL, "name", NULL, &value), -EINVAL);
	assert_int_equal(stoa_value_create(segment, "name", NULL, NULL), -EINVAL);
	assert_int_equal(stoa_value_open(NULL, "name", NULL, &value), -EINVAL);
	assert_int_equal(stoa_value_open(segment, "name", NULL, NULL), -EINVAL);
	assert_null(value);
	ok(stoa_value_close(NULL));
	kinds[0] = new_value(segment, "number", 0, 0, 0);
	kinds[1] = new_struct(segment, 8, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(stoa_value_load(NULL, &x), -EINVAL);
		assert_int_equal(stoa_value_load(kinds[i], NULL), -EINVAL);
		assert_int_equal(stoa_value_store(NULL, &x), -EINVAL);
		assert_int_equal(stoa_value_store(kinds[i], NULL), -EINVAL);
		assert_int_equal(stoa_value_exchange(NULL, &x, &x), -EINVAL);
		assert_int_equal(stoa_value_exchange(kinds[i], NULL, &x), -EINVAL);
		assert_int_equal(stoa_value_exchange(kinds[i], &x, NULL), -EINVAL);
		assert_int_equal(stoa_value_compare_exchange(NULL, &x, &x), -EINVAL);
		assert_int_equal(stoa_value_compare_exchange(kinds[i], NULL, &x), -EINVAL);
		assert_int_equal(stoa_value_compare_exchange(kinds[i], &x, NULL), -EINVAL);
		assert_int_equal(stoa_value_fetch_add(NULL, &x, &x), -EINVAL);
		assert_int_equal(stoa_value_fetch_add(kinds[i], NULL, &x), -EINVAL);
		assert_int_equal(stoa_value_update(NULL, make_tag_4, &x), -EINVAL);
		assert_int_equal(stoa_value_update(kinds[i], NULL, &x), -EINVAL);
		assert_int_equal(stoa_value_wait(NULL, &x, &stoa_now), -EINVAL);
		assert_int_equal(stoa_value_wait(kinds[i], NULL, &stoa_now), -EINVAL);
		stoa_value_close(kinds[i]);
	}
	stoa_segment_close(segment);
}

static void a_read_only_segment_can_be_read_and_not_written(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16), *other = read_only(segment);
	struct stoa_value *written[2], *value;
	const char *names[2] = { "number", "struct" };
	uint64_t in = 42, out = 0;

	(void)state;
	written[0] = new_value(segment, names[0], STOA_U64, 0, 0);
	written[1] = new_struct(segment, 8, 0);
	for (int i = 0; i < 2; i++) {
		struct stoa_value_config config = { .struct_size = sizeof config };

		ok(stoa_value_store(written[i], &in));
		ok(stoa_value_open(other, names[i], NULL, &value));
		ok(stoa_value_load(value, &out));
		assert_true(out == 42);
		ok(stoa_value_info(value, &config));
		assert_int_equal(stoa_value_store(value, &in), -EACCES);
		assert_int_equal(stoa_value_exchange(value, &in, &out), -EACCES);
		assert_int_equal(stoa_value_compare_exchange(value, &in, &in), -EACCES);
		assert_int_equal(stoa_value_fetch_add(value, &in, NULL), -EACCES);
		assert_int_equal(stoa_value_fetch_max(value, &in, NULL), -EACCES);
		assert_int_equal(stoa_value_update(value, make_tag_4, &in), -EACCES);
		assert_int_equal(stoa_value_wait(value, &in, &stoa_now), -EACCES);
		stoa_value_close(value);
		value = NULL;
		ok(stoa_value_create(other, names[i], &config, &value)); /* it is there */
		stoa_value_close(value);
		stoa_value_close(written[i]);
	}
	value = NULL;
	assert_int_equal(stoa_value_create(other, "new", NULL, &value), -EACCES);
	assert_null(value);
	stoa_segment_close(other);
	stoa_segment_close(segment);
}

static void handles_of_one_process_share_and_outlive_the_segment_handle(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *one = new_struct(segment, 8, 1), *two;
	uint64_t in = 5, out;

	(void)state;
	ok(stoa_value_open(segment, "struct", NULL, &two));
	stoa_segment_close(segment);
	ok(stoa_value_store(one, &in)); /* the only writer's handle is the process's */
	in++;
	ok(stoa_value_store(two, &in));
	stoa_value_close(one);
	ok(stoa_value_load(two, &out));
	assert_true(out == 6);
	in++;
	ok(stoa_value_store(two, &in));
	stoa_value_close(two);
}

/* ---- corrupt bytes ---- */

static void a_cell_that_makes_no_sense_is_found_out(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *value = new_struct(segment, 16, 1);
	struct value_layout *layout = bytes_of(value);
	struct value_block *beyond;
	uint64_t in[2] = { 1, 2 }, out[2];
	uint64_t good;

	(void)state;
	ok(stoa_value_store(value, in));
	good = atom64_load_seq(&layout->word);
	atom64_store_seq(&layout->word, good | 0xfff); /* no such block */
	assert_int_equal(stoa_value_load(value, out), -EBADMSG);
	assert_int_equal(stoa_value_store(value, in), -EBADMSG);
	assert_int_equal(stoa_value_exchange(value, in, out), -EBADMSG);
	assert_int_equal(stoa_value_compare_exchange(value, in, out), -EBADMSG);
	assert_int_equal(stoa_value_update(value, make_tag_4, &(size_t){ 16 }), -EBADMSG);
	assert_int_equal(stoa_value_wait(value, in, NULL), -EBADMSG);
	/* one past the last, where somebody has made the generation fit */
	beyond = (void *)((uint8_t *)layout + layout->blocks_offset + 4 * layout->block_stride);
	atom64_store_seq(&layout->word, 9 << VALUE_BLOCK_BITS | 4);
	atom64_store_seq(&beyond->generation, 9 << VALUE_BLOCK_BITS | 4);
	assert_int_equal(stoa_value_load(value, out), -EBADMSG);
	assert_int_equal(stoa_value_exchange(value, in, out), -EBADMSG);
	/* a generation that nobody made */
	atom64_store_seq(&layout->word, good + (5ull << VALUE_BLOCK_BITS));
	assert_int_equal(stoa_value_load(value, out), -EBADMSG);
	assert_int_equal(stoa_value_compare_exchange(value, in, out), -EBADMSG);
	assert_int_equal(stoa_value_update(value, make_tag_4, &(size_t){ 16 }), -EBADMSG);
	assert_int_equal(stoa_value_wait(value, in, NULL), -EBADMSG);
	ok(stoa_value_store(value, in)); /* a plain store needs nothing of it, and mends it */
	ok(stoa_value_load(value, out));
	assert_memory_equal(in, out, sizeof in);
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void a_shape_that_makes_no_sense_is_not_opened(void **state)
{
	static const struct {
		size_t offset;
		uint64_t garbage;
		size_t size;
	} table[] = {
		{ offsetof(struct value_layout, type), 0, 4 },
		{ offsetof(struct value_layout, type), 77, 4 },
		{ offsetof(struct value_layout, type), STOA_I8, 4 }, /* whose size is not 16 */
		{ offsetof(struct value_layout, writers), 0, 4 },
		{ offsetof(struct value_layout, writers), 3, 4 },
		{ offsetof(struct value_layout, writers), UINT32_MAX, 4 },
		{ offsetof(struct value_layout, size), 0, 8 },
		{ offsetof(struct value_layout, size), 1 << 20, 8 },
		{ offsetof(struct value_layout, size), UINT64_MAX, 8 },
		{ offsetof(struct value_layout, handles_offset), 1 << 20, 8 },
		{ offsetof(struct value_layout, blocks_offset), 8, 8 },
		{ offsetof(struct value_layout, block_stride), 0, 8 },
		{ offsetof(struct value_layout, block_stride), UINT64_MAX - 63, 8 },
	};
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *value = new_struct(segment, 16, 2);
	uint8_t *start = bytes_of(value);
	uint8_t saved[8];

	(void)state;
	stoa_value_close(value);
	for (size_t i = 0; i < LENGTH(table); i++) {
		memcpy(saved, start + table[i].offset, table[i].size);
		memcpy(start + table[i].offset, &table[i].garbage, table[i].size);
		value = NULL;
		assert_int_equal(stoa_value_open(segment, "struct", NULL, &value), -EBADMSG);
		assert_null(value);
		memcpy(start + table[i].offset, saved, table[i].size);
	}
	ok(stoa_value_open(segment, "struct", NULL, &value));
	stoa_value_close(value);
	stoa_segment_close(segment);
}

/* ---- update ---- */

static int refuse(void *bytes, void *context)
{
	memset(bytes, 0xff, 8);
	return *(int *)context;
}

static void what_update_refuses_leaves_the_value_as_it_is(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *kinds[2] = { new_value(segment, "number", STOA_U64, 0, 0),
		                        new_struct(segment, 8, 0) };
	uint64_t in = 3, out;

	(void)state;
	for (int i = 0; i < 2; i++) {
		ok(stoa_value_store(kinds[i], &in));
		assert_int_equal(stoa_value_update(kinds[i], refuse, &(int){ 17 }), 17);
		assert_int_equal(stoa_value_update(kinds[i], refuse, &(int){ -EAGAIN }), -EAGAIN);
		ok(stoa_value_load(kinds[i], &out));
		assert_true(out == 3);
		ok(stoa_value_update(kinds[i], refuse, &(int){ 0 }));
		ok(stoa_value_load(kinds[i], &out));
		assert_true(out == UINT64_MAX);
		stoa_value_close(kinds[i]);
	}
	stoa_segment_close(segment);
}

struct meanwhile {
	struct stoa_value *value;
	unsigned calls;
};

static void *store_ten(void *context)
{
	struct meanwhile *meanwhile = context;
	uint64_t ten[2] = { 10, 10 };

	return stoa_value_store(meanwhile->value, ten) == 0 ? meanwhile : NULL;
}

/* Adds one; at its first call another thread stores a ten after the copy was made. */
static int add_one_meanwhile(void *bytes, void *context)
{
	struct meanwhile *meanwhile = context;
	uint64_t number;
	pthread_t thread;
	void *done;

	memcpy(&number, bytes, sizeof number);
	number++;
	memcpy(bytes, &number, sizeof number);
	if (meanwhile->calls++ > 0)
		return 0;
	if (pthread_create(&thread, NULL, store_ten, meanwhile) != 0 || pthread_join(thread, &done) != 0)
		return 98;
	return done ? 0 : 99;
}

static void *store_until_the_block_is_ours(void *context)
{
	void *done = context;

	for (uint32_t i = 0; i < CELL_SLOTS && done; i++)
		done = store_ten(context);
	return done;
}

/* Lets another thread store so often that the block of the copied version is in the slot whose turn it is. */
static int refuse_nothing_meanwhile(void *bytes, void *context)
{
	struct meanwhile *meanwhile = context;
	pthread_t thread;
	void *done;

	(void)bytes;
	if (meanwhile->calls++ > 0)
		return 0;
	if (pthread_create(&thread, NULL, store_until_the_block_is_ours, meanwhile) != 0 ||
	    pthread_join(thread, &done) != 0)
		return 98;
	return done ? 0 : 99;
}

/* How many intents the slots of a struct have had, modulo the width of their sequences. */
static uint64_t intents_of(struct stoa_value *value)
{
	const struct exchange *exchange = &value->cell.exchange;
	uint64_t sum = 0;

	for (uint32_t n = 0; n < exchange_slots(exchange); n++)
		sum += atom64_load_seq(&exchange_nth_slot(exchange, n)->intent) / INTENT_SEQUENCE;
	return sum;
}

/* An intent to put a block in its own place is one that nobody could decide after a death. */
static void an_update_intends_nothing_over_a_version_that_is_gone(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct meanwhile meanwhile = { .value = new_struct(segment, 16, 1) };
	uint64_t before;

	(void)state;
	ok(stoa_value_store(meanwhile.value, (uint64_t[2]){ 1, 1 })); /* claims the slots */
	before = intents_of(meanwhile.value);
	ok(stoa_value_update(meanwhile.value, refuse_nothing_meanwhile, &meanwhile));
	assert_int_equal(meanwhile.calls, 2);
	assert_int_equal(intents_of(meanwhile.value) - before, CELL_SLOTS + 1);
	stoa_value_close(meanwhile.value);
	ok(stoa_segment_close(segment));
}

static int edit_meanwhile(uint8_t *bytes, void *context)
{
	return add_one_meanwhile(bytes, context);
}

static void a_change_starts_again_on_what_was_stored_meanwhile(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct meanwhile meanwhile = { .value = new_value(segment, "number", STOA_U64, 0, 0) };
	uint64_t out[2];

	(void)state;
	ok(stoa_value_update(meanwhile.value, add_one_meanwhile, &meanwhile));
	assert_int_equal(meanwhile.calls, 2);
	ok(stoa_value_load(meanwhile.value, out));
	assert_true(out[0] == 11);
	stoa_value_close(meanwhile.value);

	meanwhile = (struct meanwhile){ .value = new_struct(segment, 16, 1) };
	ok(stoa_value_update(meanwhile.value, add_one_meanwhile, &meanwhile));
	assert_int_equal(meanwhile.calls, 2);
	ok(stoa_value_load(meanwhile.value, out));
	assert_true(out[0] == 11 && out[1] == 10);
	meanwhile.calls = 0; /* the copy-on-write of arrays with atomic ranges */
	ok(cell_edit(&meanwhile.value->cell, &meanwhile.value->writer, segment, edit_meanwhile, &meanwhile));
	assert_int_equal(meanwhile.calls, 2);
	ok(stoa_value_load(meanwhile.value, out));
	assert_true(out[0] == 11 && out[1] == 10);
	stoa_value_close(meanwhile.value);
	stoa_segment_close(segment);
}

/* ---- many processes and threads ---- */

/* A struct that counts: all of its words are the same. */
#define WORDS 33
#define ROUNDS 3000u

/* Now and then somebody else comes between, on a machine of one core, too. */
static void now_and_then_yield(void)
{
	static _Thread_local unsigned calls;

	if (++calls % 32 == 0)
		os_yield();
}

static int count_one(void *bytes, void *context)
{
	uint64_t *words = bytes;

	(void)context;
	for (int i = 0; i < WORDS; i++) {
		if (words[i] != words[0])
			return 99; /* torn */
		words[i]++;
		if (i == 0)
			words[0]--; /* last, for the comparison */
	}
	words[0]++;
	now_and_then_yield();
	return 0;
}

static int count_by_update(void *context)
{
	struct stoa_value *value = context;

	for (unsigned i = 0; i < ROUNDS; i++) {
		int rc = stoa_value_update(value, count_one, NULL);

		if (rc)
			return rc < 0 ? -rc : rc;
	}
	return 0;
}

static int count_by_compare_exchange(void *context)
{
	struct stoa_value *value = context;
	uint64_t expected[WORDS], desired[WORDS];

	memset(expected, 0, sizeof expected);
	for (unsigned i = 0; i < ROUNDS; i++) {
		int rc;

		do {
			memcpy(desired, expected, sizeof desired);
			if (count_one(desired, NULL) != 0)
				return 99;
			rc = stoa_value_compare_exchange(value, expected, desired);
		} while (rc == STOA_CHANGED);
		if (rc)
			return -rc;
		memcpy(expected, desired, sizeof expected);
	}
	return 0;
}

static void *count_in_a_thread(void *context)
{
	int rc = count_by_update(context);

	return (void *)(intptr_t)(rc ? rc : count_by_compare_exchange(context));
}

static void no_count_of_many_processes_is_lost(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	struct stoa_value *value = new_struct(segment, WORDS * 8, 4);
	uint64_t out[WORDS];
	pid_t pids[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		pids[i] = spawn(i % 2 ? count_by_update : count_by_compare_exchange, value);
	for (int i = 0; i < 4; i++)
		assert_int_equal(join(pids[i]), 0);
	ok(stoa_value_load(value, out));
	for (int i = 0; i < WORDS; i++)
		assert_true(out[i] == 4 * ROUNDS);
	stoa_value_close(value);
	stoa_segment_close(segment);
}

struct taker {
	struct stoa_value *value;
	struct slot *slots[2];
	int rc;
};

static void *take_two(void *context)
{
	struct taker *taker = context;
	struct stoa_value *value = taker->value;

	for (int i = 0; i < 2 && taker->rc == 0; i++)
		taker->rc = cell_take(&value->writer, &value->cell, value->handle.segment, &taker->slots[i]);
	return NULL;
}

static void a_thread_that_comes_gets_slots_of_its_own(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *value = new_struct(segment, 8, 1);
	struct taker taker = { .value = value };
	struct slot *mine, *again;
	pthread_t thread;

	(void)state;
	ok(cell_take(&value->writer, &value->cell, segment, &mine)); /* the first thread */
	ok(pthread_create(&thread, NULL, take_two, &taker));
	ok(pthread_join(thread, NULL));
	ok(taker.rc);
	assert_ptr_not_equal(taker.slots[0], mine);
	assert_ptr_not_equal(taker.slots[1], mine);
	assert_ptr_not_equal(taker.slots[0], taker.slots[1]);
	cell_give(&value->writer, mine);
	ok(cell_take(&value->writer, &value->cell, segment, &again)); /* as any thread, from now on */
	assert_ptr_equal(again, mine);
	cell_give(&value->writer, again);
	cell_give(&value->writer, taker.slots[0]);
	cell_give(&value->writer, taker.slots[1]);
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void *store_in_a_thread(void *context)
{
	uint64_t words[WORDS] = { 2 };

	return (void *)(intptr_t)stoa_value_store(context, words);
}

#define FILTER_REFUSED 77

static int store_in_turn(void *context)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = LENGTH(filter), .filter = filter };
	uint64_t words[WORDS] = { 1 };
	pthread_t thread;
	void *rc;

	if (stoa_value_store(context, words))
		return EXIT_FAILURE;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return FILTER_REFUSED;
	if (pthread_create(&thread, NULL, store_in_a_thread, context) || pthread_join(thread, &rc) || rc)
		return EXIT_FAILURE;
	return stoa_value_store(context, words) ? EXIT_FAILURE : 0;
}

static void a_thread_may_come_where_the_fence_is_forbidden_by_then(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *value = new_struct(segment, WORDS * 8, 1);
	int rc = join(spawn(store_in_turn, value));

	(void)state;
	stoa_value_close(value);
	stoa_segment_close(segment);
	if (rc == FILTER_REFUSED)
		skip();
	assert_int_equal(rc, 0);
}

static void no_count_of_many_threads_is_lost(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	struct stoa_value *value = new_struct(segment, WORDS * 8,
	                                      1); /* one handle of 3 slots for 8 threads */
	uint64_t out[WORDS];
	pthread_t threads[8];
	void *rc;

	(void)state;
	for (int i = 0; i < 8; i++)
		ok(pthread_create(&threads[i], NULL, count_in_a_thread, value));
	for (int i = 0; i < 8; i++) {
		ok(pthread_join(threads[i], &rc));
		assert_null(rc);
	}
	ok(stoa_value_load(value, out));
	for (int i = 0; i < WORDS; i++)
		assert_true(out[i] == 8 * 2 * ROUNDS);
	stoa_value_close(value);
	stoa_segment_close(segment);
}

struct numbers {
	struct stoa_value *value[LENGTH(number_types)];
};

static int add_one(void *bytes, void *context)
{
	(void)context;
	++*(uint32_t *)bytes;
	now_and_then_yield();
	return 0;
}

static int count_numbers(void *context)
{
	struct numbers *numbers = context;
	int64_t one = 1;
	float f32 = 1;
	double f64 = 1;

	for (unsigned i = 0; i < ROUNDS; i++) {
		for (size_t n = 0; n < LENGTH(number_types); n++) {
			uint32_t type = number_types[n];
			const void *operand = type == STOA_F32   ? (const void *)&f32
			                      : type == STOA_F64 ? (const void *)&f64
			                                         : (const void *)&one;

			if (type == STOA_BOOL)
				continue;
			if (type == STOA_U32 ? stoa_value_update(numbers->value[n], add_one, NULL)
			                     : stoa_value_fetch_add(numbers->value[n], operand, NULL))
				return 1;
		}
	}
	return 0;
}

static void sums_of_numbers_are_exact(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	const uint64_t sum = 3 * ROUNDS;
	struct numbers numbers;
	pid_t pids[3];

	(void)state;
	for (size_t n = 0; n < LENGTH(number_types); n++) {
		char name[8];

		snprintf(name, sizeof name, "n%zu", n);
		numbers.value[n] = new_value(segment, name, number_types[n], 0, 0);
	}
	for (int i = 0; i < 3; i++)
		pids[i] = spawn(count_numbers, &numbers);
	for (int i = 0; i < 3; i++)
		assert_int_equal(join(pids[i]), 0);
	for (size_t n = 0; n < LENGTH(number_types); n++) {
		size_t size = stoa_type_size(number_types[n]);
		uint64_t expected = sum, out = 0;

		ok(stoa_value_load(numbers.value[n], &out));
		if (number_types[n] == STOA_F32)
			memcpy(&expected, &(float){ (float)sum }, 4);
		if (number_types[n] == STOA_F64)
			memcpy(&expected, &(double){ (double)sum }, 8);
		if (number_types[n] != STOA_BOOL)
			assert_memory_equal(&out, &expected, size);
		stoa_value_close(numbers.value[n]);
	}
	stoa_segment_close(segment);
}

/* Each token goes in once; whoever gets it out counts it. */
struct tokens {
	struct stoa_value *value;
	struct board *board;
	uint64_t first;
};

static int exchange_tokens(void *context)
{
	struct tokens *tokens = context;
	uint64_t in[9], out[9], tag, sum = 0;

	for (uint64_t i = 0; i < ROUNDS; i++) {
		fill(in, sizeof in, tokens->first + i);
		if (stoa_value_exchange(tokens->value, in, out) != 0)
			return 1;
		if (!whole(out, sizeof out, &tag))
			return 2;
		sum += tag;
	}
	atom64_add_seq(&tokens->board->count[0], sum);
	return 0;
}

static void exchange_hands_every_version_to_one(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	struct tokens tokens = { .value = new_struct(segment, 72, 4), .board = new_board() };
	uint64_t bytes[9], tag = 0, sum = 0;
	pid_t pids[4];

	(void)state;
	fill(bytes, sizeof bytes, 0);
	ok(stoa_value_store(tokens.value, bytes));
	stoa_value_close(tokens.value); /* its writer's handle goes back: there are 4 others */
	ok(stoa_value_open(segment, "struct", NULL, &tokens.value));
	for (uint64_t i = 0; i < 4; i++) {
		tokens.first = 1 + i * ROUNDS;
		pids[i] = spawn(exchange_tokens, &tokens);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(join(pids[i]), 0);
	for (uint64_t i = 1; i <= 4 * ROUNDS; i++)
		sum += i;
	ok(stoa_value_load(tokens.value, bytes));
	assert_true(whole(bytes, sizeof bytes, &tag));
	assert_true(atom64_load_seq(&tokens.board->count[0]) + tag == sum);
	free_board(tokens.board);
	stoa_value_close(tokens.value);
	stoa_segment_close(segment);
}

/* ---- torn? ---- */

struct hammer {
	struct stoa_value *value;
	struct board *board;
	size_t size;
	uint64_t seed;
};

/* A struct that is a pattern from the beginning, and a board for those who hammer on it. */
static struct hammer new_hammer(struct stoa_segment *segment, size_t size, uint32_t writers)
{
	struct hammer hammer = { .size = size, .board = new_board() };
	uint8_t *pattern = malloc(size);
	struct stoa_value_config config = {
		.struct_size = sizeof config,
		.size = size,
		.writers = writers,
		.initial = pattern,
	};

	assert_non_null(pattern);
	fill(pattern, size, 0);
	ok(stoa_value_create(segment, "struct", &config, &hammer.value));
	free(pattern);
	return hammer;
}

static int write_patterns(void *context)
{
	struct hammer *hammer = context;
	uint8_t *bytes = malloc(hammer->size);
	uint64_t tag = hammer->seed;

	atom32_add_seq(&hammer->board->ready, 1);
	while (!atom32_load_seq(&hammer->board->stop)) {
		fill(bytes, hammer->size, tag);
		for (int i = 0; i < 4; i++) { /* faster than the patterns are made */
			int rc = stoa_value_store(hammer->value, bytes);

			if (rc)
				return -rc;
		}
		tag = tag * 6364136223846793005 + 1442695040888963407;
	}
	free(bytes);
	return 0;
}

static int read_patterns(void *context)
{
	struct hammer *hammer = context;
	uint8_t *bytes = malloc(hammer->size);
	uint64_t reads = 0;

	atom32_add_seq(&hammer->board->ready, 1);
	while (!atom32_load_seq(&hammer->board->stop)) {
		if (stoa_value_load(hammer->value, bytes) != 0)
			return 1;
		if (!whole(bytes, hammer->size, NULL))
			return 2;
		reads++;
	}
	free(bytes);
	return reads == 0 ? 3 : 0;
}

static void readers_never_see_a_torn_struct(void **state)
{
	static const size_t sizes[] = { 9, 64, 1000, 65536 };

	(void)state;
	for (size_t n = 0; n < LENGTH(sizes); n++) {
		struct stoa_segment *segment = new_segment(20 * (sizes[n] + 4096));
		struct hammer hammer = new_hammer(segment, sizes[n], 2);
		pid_t pids[4];

		for (unsigned i = 0; i < 4; i++) {
			hammer.seed = i + 1;
			pids[i] = spawn(i < 2 ? write_patterns : read_patterns, &hammer);
		}
		assert_true(await(&hammer.board->ready, 4));
		os_sleep_ns(200 * MS);
		atom32_store_seq(&hammer.board->stop, 1);
		for (int i = 0; i < 4; i++)
			assert_int_equal(join(pids[i]), 0);
		free_board(hammer.board);
		stoa_value_close(hammer.value);
		stoa_segment_close(segment);
	}
}

/* ---- stopped, killed, forked ---- */

static void use_for_a_while(struct hammer *hammer, unsigned rounds, uint64_t *tag)
{
	uint8_t *in = malloc(hammer->size), *out = malloc(hammer->size);

	assert_true(in && out);
	for (unsigned i = 0; i < rounds; i++) {
		fill(in, hammer->size, ++*tag);
		ok(stoa_value_store(hammer->value, in));
		ok(stoa_value_load(hammer->value, out));
		assert_true(whole(out, hammer->size, NULL));
	}
	free(in);
	free(out);
}

static void stopped_writers_stop_nobody(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	struct hammer hammer = new_hammer(segment, 1000, 4);
	uint8_t *out = malloc(1000), *in = malloc(1000);
	uint64_t seed = 88172645463325252, tag = 1;
	pid_t pids[3];

	(void)state;
	assert_true(in && out);
	for (int i = 0; i < 3; i++) {
		hammer.seed = (uint64_t)i + 2;
		pids[i] = spawn(write_patterns, &hammer);
	}
	assert_true(await(&hammer.board->ready, 3));
	for (int round = 0; round < 40; round++) {
		os_sleep_ns(random_below(&seed, MS));
		for (int i = 0; i < 3; i++)
			kill(pids[i], SIGSTOP);
		for (int i = 0; i < 3; i++) /* really stopped */
			assert_true(waitpid(pids[i], NULL, WUNTRACED) == pids[i]);
		for (int i = 0; i < 50; i++) { /* now nobody else writes */
			fill(in, 1000, ++tag);
			ok(stoa_value_store(hammer.value, in));
			ok(stoa_value_load(hammer.value, out));
			assert_memory_equal(in, out, 1000);
		}
		for (int i = 0; i < 3; i++)
			kill(pids[i], SIGCONT);
	}
	atom32_store_seq(&hammer.board->stop, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(join(pids[i]), 0);
	free(in);
	free(out);
	free_board(hammer.board);
	stoa_value_close(hammer.value);
	stoa_segment_close(segment);
}

/* Every block is in exactly one place: the cell, or a slot.  For a value that nobody uses. */
static void assert_blocks_are_conserved(struct stoa_value *value)
{
	struct value_layout *layout = bytes_of(value);
	struct value_cell cell;
	bool seen[64] = { false };

	ok(cell_view(&cell, layout, object_of(value)->room));
	assert_true(cell.exchange.blocks <= LENGTH(seen));
	seen[atom64_load_seq(cell.word) & ((1 << VALUE_BLOCK_BITS) - 1)] = true;
	for (uint32_t handle = 0; handle < cell.exchange.handle_count; handle++) {
		assert_int_equal(role_of(atom64_load_seq(&exchange_handle(&cell.exchange, handle)->role)),
		                 ROLE_FREE);
		for (uint32_t i = 0; i < CELL_SLOTS; i++) {
			uint64_t intent = atom64_load_seq(&exchange_slot(&cell.exchange, handle, i)->intent);

			assert_int_equal(intent_kind(intent), INTENT_SETTLED);
			assert_true(intent_out(intent) < cell.exchange.blocks);
			assert_false(seen[intent_out(intent)]);
			seen[intent_out(intent)] = true;
		}
	}
}

static void killed_writers_leave_no_torn_value_and_no_used_up_slots(void **state)
{
	static const size_t sizes[] = { 24, 3000 };

	(void)state;
	for (size_t n = 0; n < LENGTH(sizes); n++) {
		struct stoa_segment *segment = new_segment(1 << 20);
		struct hammer hammer = new_hammer(segment, sizes[n], 3);
		uint64_t seed = 0x9e3779b97f4a7c15 + n, tag = 1000;
		pid_t reader = spawn(read_patterns, &hammer), pids[2];

		for (unsigned round = 0; round < 40; round++) { /* far more deaths than writers */
			uint32_t ready = atom32_load_seq(&hammer.board->ready);

			for (int i = 0; i < 2; i++) {
				hammer.seed = seed + (unsigned)i;
				pids[i] = spawn(write_patterns, &hammer);
			}
			assert_true(await(&hammer.board->ready, ready + 2));
			use_for_a_while(&hammer, 20, &tag);
			os_sleep_ns(random_below(&seed, MS));
			for (int i = 0; i < 2; i++) { /* 128 + SIGKILL: none had an error before */
				assert_int_equal(killed(pids[i]), 128 + SIGKILL);
				use_for_a_while(&hammer, 5, &tag);
			}
		}
		atom32_store_seq(&hammer.board->stop, 1);
		assert_int_equal(join(reader), 0);
		assert_true(stoa_segment_reap(segment) >= 0);
		free_board(hammer.board);
		stoa_value_close(hammer.value);
		ok(stoa_value_open(segment, "struct", NULL, &hammer.value));
		assert_blocks_are_conserved(hammer.value);
		stoa_value_close(hammer.value);
		stoa_segment_close(segment);
	}
}

static int write_and_pause(void *context)
{
	struct hammer *hammer = context;
	uint64_t bytes[2] = { 7, 7 };
	int rc = stoa_value_store(hammer->value, bytes);

	atom32_add_seq(&hammer->board->ready, 1);
	while (rc == 0)
		pause();
	return -rc;
}

static void more_writing_processes_than_writers_are_refused_while_these_live(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct hammer hammer = new_hammer(segment, 16, 2);
	uint64_t in[2] = { 1, 2 };
	pid_t pids[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		pids[i] = spawn(write_and_pause, &hammer);
	assert_true(await(&hammer.board->ready, 2));
	assert_int_equal(stoa_value_store(hammer.value, in), -EUSERS);
	assert_int_equal(stoa_value_exchange(hammer.value, in, in), -EUSERS);
	assert_int_equal(stoa_value_compare_exchange(hammer.value, in, in), -EUSERS);
	assert_int_equal(stoa_value_update(hammer.value, refuse, &(int){ 0 }), -EUSERS);
	ok(stoa_value_load(hammer.value, in)); /* who reads needs none */
	kill(pids[0], SIGSTOP);                /* a stopped process is alive */
	assert_true(waitpid(pids[0], NULL, WUNTRACED) == pids[0]);
	assert_int_equal(stoa_value_store(hammer.value, in), -EUSERS);
	assert_int_equal(killed(pids[0]), 128 + SIGKILL);
	ok(stoa_value_store(hammer.value, in));
	stoa_value_close(hammer.value); /* gives the writer's handle back */
	ok(stoa_value_open(segment, "struct", NULL, &hammer.value));
	pids[0] = spawn(write_and_pause, &hammer);
	assert_true(await(&hammer.board->ready, 3));
	assert_int_equal(stoa_value_store(hammer.value, in), -EUSERS);
	assert_int_equal(killed(pids[0]), 128 + SIGKILL);
	assert_int_equal(killed(pids[1]), 128 + SIGKILL);
	ok(stoa_value_store(hammer.value, in));
	free_board(hammer.board);
	stoa_value_close(hammer.value);
	stoa_segment_close(segment);
}

static int write_then_close(void *context)
{
	struct hammer *hammer = context;
	uint64_t bytes[2];
	int rc = 0;

	for (uint64_t i = 0; i < 100 && rc == 0; i++) {
		fill(bytes, sizeof bytes, i);
		rc = stoa_value_store(hammer->value, bytes);
	}
	stoa_value_close(hammer->value);
	atom32_add_seq(&hammer->board->ready, 1);
	await(&hammer->board->go, 1);
	return -rc;
}

static void an_inherited_handle_is_the_childs_own(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct hammer hammer = new_hammer(segment, 16, 2);
	uint64_t tag = 0;
	pid_t pid;

	(void)state;
	use_for_a_while(&hammer, 5, &tag); /* the parent is a writer, in the middle of its slots */
	for (uint32_t round = 1; round <= 5; round++) {
		pid = spawn(write_then_close, &hammer);
		use_for_a_while(&hammer, 100, &tag);
		assert_true(await(&hammer.board->ready, round));
		use_for_a_while(&hammer, 5, &tag);
		atom32_store_seq(&hammer.board->go, 1);
		assert_int_equal(join(pid), 0);
	}
	stoa_value_close(hammer.value);
	ok(stoa_value_open(segment, "struct", NULL, &hammer.value));
	assert_blocks_are_conserved(hammer.value);
	free_board(hammer.board);
	stoa_value_close(hammer.value);
	stoa_segment_close(segment);
}

static int only_read_and_close(void *context)
{
	struct hammer *hammer = context;
	uint64_t bytes[2];
	int rc = stoa_value_load(hammer->value, bytes);

	stoa_value_close(hammer->value); /* must not give back what is the parent's */
	return -rc;
}

static void a_childs_close_leaves_the_parents_handle_alone(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct hammer hammer = new_hammer(segment, 16, 1);
	uint64_t tag = 0;

	(void)state;
	use_for_a_while(&hammer, 4, &tag);
	assert_int_equal(join(spawn(only_read_and_close, &hammer)), 0);
	/* the only handle is still the parent's, so a child gets none */
	atom32_store_seq(&hammer.board->go, 1);
	assert_int_equal(join(spawn(write_then_close, &hammer)), EUSERS);
	use_for_a_while(&hammer, 4, &tag);
	free_board(hammer.board);
	stoa_value_close(hammer.value);
	stoa_segment_close(segment);
}

/* ---- killed, and stopped, at each instruction ---- */

struct stepped {
	struct stoa_value *value;
	struct board *board;
	int (*operation)(struct stoa_value *value);
};

#define STEPPED_SIZE 24
#define OLD_TAG 100u
#define NEW_TAG 200u

static uint64_t stepped_in[3], stepped_out[3]; /* filled before: only the operation is stepped */

static int step_store(struct stoa_value *value)
{
	return stoa_value_store(value, stepped_in);
}

static int step_exchange(struct stoa_value *value)
{
	return stoa_value_exchange(value, stepped_in, stepped_out);
}

static int step_compare_exchange(struct stoa_value *value)
{
	int rc = stoa_value_compare_exchange(value, stepped_out, stepped_in);

	return rc == STOA_CHANGED ? 0 : rc;
}

static int make_new_tag(void *bytes, void *context)
{
	(void)context;
	memcpy(bytes, stepped_in, sizeof stepped_in);
	return 0;
}

static int step_update(struct stoa_value *value)
{
	return stoa_value_update(value, make_new_tag, NULL);
}

/* Claims its slots first; what is stepped is the operation alone. */
static int run_stepped(void *context)
{
	struct stepped *stepped = context;
	int rc;

	fill(stepped_in, sizeof stepped_in, NEW_TAG);
	fill(stepped_out, sizeof stepped_out, OLD_TAG);
	rc = stoa_value_store(stepped->value, stepped_out);
	if (rc || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		return 1;
	raise(SIGSTOP);
	rc = stepped->operation(stepped->value);
	atom32_store_seq(&stepped->board->stop, 1);
	return -rc;
}

/* Runs `steps` instructions of it.  False where it cannot be traced here. */
static bool step(pid_t pid, unsigned steps)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return false;
	for (unsigned i = 0; i < steps; i++) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 || waitpid(pid, &status, 0) != pid ||
		    !WIFSTOPPED(status))
			return false;
	}
	return true;
}

/* One death, or one stop, after so many instructions; 1 where the operation was done before. */
static int one_stop(struct stoa_segment *segment, struct stepped *stepped, unsigned steps, bool kill_it)
{
	struct hammer hammer = { .size = STEPPED_SIZE };
	uint64_t out[3], tag = 1000;
	int done;
	pid_t pid;

	atom32_store_seq(&stepped->board->stop, 0);
	ok(stoa_value_open(segment, "struct", NULL, &stepped->value));
	hammer.value = stepped->value;
	pid = spawn(run_stepped, stepped);
	if (!step(pid, steps)) {
		killed(pid);
		stoa_value_close(stepped->value);
		return -1;
	}
	done = (int)atom32_load_seq(&stepped->board->stop);
	ok(stoa_value_load(stepped->value, out));
	assert_true(whole(out, sizeof out, &tag));
	assert_true(tag == OLD_TAG || tag == NEW_TAG);
	assert_true(!done || tag == NEW_TAG);
	tag = 1000;
	if (kill_it)
		assert_int_equal(killed(pid), 128 + SIGKILL);
	use_for_a_while(&hammer, 7, &tag); /* beside the stopped one, or after its death */
	if (!kill_it) {
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
		assert_int_equal(join(pid), 0);
		ok(stoa_value_load(stepped->value, out));
		assert_true(whole(out, sizeof out, NULL));
	}
	stoa_value_close(stepped->value);
	assert_int_equal(stoa_segment_reap(segment), 1);
	ok(stoa_value_open(segment, "struct", NULL, &stepped->value));
	assert_blocks_are_conserved(stepped->value);
	stoa_value_close(stepped->value);
	return done;
}

/* How many instructions the operation has; 0 where processes cannot be traced here. */
static unsigned count_steps(struct stoa_segment *segment, struct stepped *stepped)
{
	unsigned steps = 0;
	int status;
	pid_t pid;

	ok(stoa_value_open(segment, "struct", NULL, &stepped->value));
	pid = spawn(run_stepped, stepped);
	if (step(pid, 0)) {
		while (!atom32_load_seq(&stepped->board->stop) && steps < 100000) {
			steps++;
			if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 ||
			    waitpid(pid, &status, 0) != pid)
				break;
		}
	}
	killed(pid);
	stoa_value_close(stepped->value);
	return atom32_load_seq(&stepped->board->stop) ? steps : 0;
}

static void a_writer_may_end_or_stop_at_every_instruction(void **state)
{
	static int (*const operations[])(struct stoa_value *) = {
		step_store,
		step_exchange,
		step_compare_exchange,
		step_update,
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(operations); i++) {
		struct stoa_segment *segment = new_segment(1 << 16);
		struct stepped stepped = { .board = new_board(), .operation = operations[i] };
		unsigned steps = 0, last, stride;
		int done = 0;

		stoa_value_close(new_struct(segment, STEPPED_SIZE, 2));
		last = count_steps(segment, &stepped);
		assert_true(stoa_segment_reap(segment) >= 0);
		stride = 1 + last * last / 250000; /* instrumented code is long */
		for (unsigned n = 0; last && done == 0 && steps <= last; n++, steps += stride) {
			done = one_stop(segment, &stepped, steps, true);
			if (done == 0 && n % 4 == 0)
				done = one_stop(segment, &stepped, steps, false);
		}
		free_board(stepped.board);
		stoa_segment_close(segment);
		if (!last || done < 0) {
			print_message("processes cannot be traced here, or have too many instructions\n");
			skip();
		}
	}
}

/* ---- waiting ---- */

struct waiting {
	struct stoa_value *value;
	struct board *board;
	uint64_t while_equal;
};

static int wait_long(void *context)
{
	struct waiting *waiting = context;
	struct timespec deadline = stoa_deadline(30000 * (int64_t)MS);

	atom32_add_seq(&waiting->board->ready, 1);
	return stoa_value_wait(waiting->value, &waiting->while_equal, &deadline);
}

static int change_by_store(struct stoa_value *value, uint64_t *number)
{
	return stoa_value_store(value, number);
}
static int change_by_exchange(struct stoa_value *value, uint64_t *number)
{
	return stoa_value_exchange(value, number, number);
}
static int change_by_compare_exchange(struct stoa_value *value, uint64_t *number)
{
	return stoa_value_compare_exchange(value, &(uint64_t){ 5 }, number);
}
static int change_by_update(struct stoa_value *value, uint64_t *number)
{
	*number = 0;
	return stoa_value_update(value, refuse, number);
}
static int change_by_add(struct stoa_value *value, uint64_t *number)
{
	return stoa_value_fetch_add(value, number, NULL);
}
static int change_by_max(struct stoa_value *value, uint64_t *number)
{
	return stoa_value_fetch_max(value, number, NULL);
}

static void every_change_wakes_who_waits(void **state)
{
	static int (*const changes[])(struct stoa_value *, uint64_t *) = {
		change_by_store,  change_by_exchange, change_by_compare_exchange,
		change_by_update, change_by_add,      change_by_max, /* the last two: of numbers */
	};
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *kinds[2] = { new_value(segment, "number", STOA_U64, 0, 0),
		                        new_struct(segment, 8, 0) };

	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		for (size_t i = 0; i < LENGTH(changes) - (kind ? 2 : 0); i++) {
			struct waiting waiting = { .value = kinds[kind],
				                   .while_equal = 5,
				                   .board = new_board() };
			struct value_layout *layout = bytes_of(kinds[kind]);
			uint64_t number = 6;
			pid_t pids[2];

			ok(stoa_value_store(kinds[kind], &waiting.while_equal));
			for (int p = 0; p < 2; p++)
				pids[p] = spawn(wait_long, &waiting);
			assert_true(await(&waiting.board->ready, 2));
			while (!(atom32_load_seq(&layout->changed.word) & 1)) /* until one is announced */
				os_sleep_ns(MS / 10);
			ok(stoa_value_store(kinds[kind], &waiting.while_equal)); /* no change: they go on */
			os_sleep_ns(2 * MS);
			ok(changes[i](kinds[kind], &number));
			for (int p = 0; p < 2; p++)
				assert_int_equal(join(pids[p]), 0);
			free_board(waiting.board);
		}
	}
	stoa_value_close(kinds[0]);
	stoa_value_close(kinds[1]);
	stoa_segment_close(segment);
}

static void a_wait_ends_at_its_deadline(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_value *kinds[2] = { new_value(segment, "number", STOA_U64, 0, 0),
		                        new_struct(segment, 8, 0) };
	uint64_t in = 5, other = 6;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct timespec past = stoa_deadline(-1000), soon = stoa_deadline(150 * (int64_t)MS);
		struct value_layout *layout;

		ok(stoa_value_store(kinds[i], &in));
		assert_int_equal(stoa_value_wait(kinds[i], &in, &stoa_now), STOA_TIMEOUT);
		assert_int_equal(stoa_value_wait(kinds[i], &in, &past), STOA_TIMEOUT);
		layout = bytes_of(kinds[i]);
		assert_true(atom32_load_seq(&layout->changed.word) == 0); /* tried, and announced nothing */
		assert_int_equal(stoa_value_wait(kinds[i], &in, &soon), STOA_TIMEOUT);
		assert_true(os_now_ns() >= os_timespec_ns(&soon));
		ok(stoa_value_wait(kinds[i], &other, &stoa_now)); /* it differs */
		ok(stoa_value_wait(kinds[i], &other, NULL));
		stoa_value_close(kinds[i]);
	}
	stoa_segment_close(segment);
}

static void on_signal(int number)
{
	(void)number;
}

static int wait_for_a_signal(void *context)
{
	struct waiting *waiting = context;
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &action, NULL);
	atom32_add_seq(&waiting->board->ready, 1);
	return stoa_value_wait(waiting->value, &waiting->while_equal, NULL) == -EINTR ? 0 : 1;
}

static void a_signal_handler_ends_a_wait(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct waiting waiting = { .value = new_struct(segment, 8, 0), .board = new_board() };
	pid_t pid = spawn(wait_for_a_signal, &waiting);
	int status;

	(void)state;
	assert_true(await(&waiting.board->ready, 1));
	while (waitpid(pid, &status, WNOHANG) == 0) {
		kill(pid, SIGUSR1);
		os_sleep_ns(MS);
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	free_board(waiting.board);
	stoa_value_close(waiting.value);
	stoa_segment_close(segment);
}

static void a_killed_waiter_hinders_nobody(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct waiting waiting = { .value = new_value(segment, "number", STOA_U64, 0, 0),
		                   .board = new_board() };
	struct value_layout *layout = bytes_of(waiting.value);
	pid_t pid = spawn(wait_long, &waiting);
	uint64_t in = 9;

	(void)state;
	while (!(atom32_load_seq(&layout->changed.word) & 1))
		os_sleep_ns(MS / 10);
	assert_int_equal(killed(pid), 128 + SIGKILL);
	ok(stoa_value_store(waiting.value, &in));
	assert_false(atom32_load_seq(&layout->changed.word) & 1); /* the one needless wake-up is done */
	pid = spawn(wait_long, &waiting);                         /* while 0: it differs */
	assert_int_equal(join(pid), 0);
	free_board(waiting.board);
	stoa_value_close(waiting.value);
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
		cmocka_unit_test(wrong_configs_are_refused),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(create_opens_what_is_there_unless_its_shape_differs),
		cmocka_unit_test(another_kind_of_object_is_no_value),
		cmocka_unit_test(initial_counts_for_the_creator_only),
		cmocka_unit_test(one_of_many_creators_wins),
		cmocka_unit_test(info_tells_the_shape),
		cmocka_unit_test(a_segment_of_the_footprint_holds_the_value),
		cmocka_unit_test(null_arguments_are_refused),
		cmocka_unit_test(a_read_only_segment_can_be_read_and_not_written),
		cmocka_unit_test(handles_of_one_process_share_and_outlive_the_segment_handle),
		cmocka_unit_test(a_cell_that_makes_no_sense_is_found_out),
		cmocka_unit_test(a_shape_that_makes_no_sense_is_not_opened),
		cmocka_unit_test(what_update_refuses_leaves_the_value_as_it_is),
		cmocka_unit_test(an_update_intends_nothing_over_a_version_that_is_gone),
		cmocka_unit_test(a_change_starts_again_on_what_was_stored_meanwhile),
		cmocka_unit_test(no_count_of_many_processes_is_lost),
		cmocka_unit_test(a_thread_that_comes_gets_slots_of_its_own),
		cmocka_unit_test(a_thread_may_come_where_the_fence_is_forbidden_by_then),
		cmocka_unit_test(no_count_of_many_threads_is_lost),
		cmocka_unit_test(sums_of_numbers_are_exact),
		cmocka_unit_test(exchange_hands_every_version_to_one),
		cmocka_unit_test(readers_never_see_a_torn_struct),
		cmocka_unit_test(stopped_writers_stop_nobody),
		cmocka_unit_test(killed_writers_leave_no_torn_value_and_no_used_up_slots),
		cmocka_unit_test(more_writing_processes_than_writers_are_refused_while_these_live),
		cmocka_unit_test(an_inherited_handle_is_the_childs_own),
		cmocka_unit_test(a_childs_close_leaves_the_parents_handle_alone),
		cmocka_unit_test(a_writer_may_end_or_stop_at_every_instruction),
		cmocka_unit_test(every_change_wakes_who_waits),
		cmocka_unit_test(a_wait_ends_at_its_deadline),
		cmocka_unit_test(a_signal_handler_ends_a_wait),
		cmocka_unit_test(a_killed_waiter_hinders_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
