/* SPDX-License-Identifier: BSD-2-Clause */
/* Arrays: elements and ranges of every type, plain and atomic. */
#include "value_helpers.h"

#include <pthread.h>

#include "value_cell.h"

static const uint32_t types[] = {
	STOA_I8,  STOA_I16, STOA_I32, STOA_I64, STOA_U8,   STOA_U16,
	STOA_U32, STOA_U64, STOA_F32, STOA_F64, STOA_BOOL,
};
static const uint32_t kinds[] = { 0, STOA_ATOMIC_RANGES };

static struct stoa_array *new_array(struct stoa_segment *segment, const char *name, uint32_t type,
                                    uint64_t count, uint32_t flags)
{
	struct stoa_array_config config = {
		.struct_size = sizeof config,
		.type = type,
		.count = count,
		.flags = flags | STOA_EXCLUSIVE,
		.writers = 3,
	};
	struct stoa_array *array = NULL;

	ok(stoa_array_create(segment, name, &config, &array));
	return array;
}

/* ---- elements ---- */

#define CHECK_INTEGER(SUFFIX, C_TYPE, TYPE, MIN, MAX)                                                        \
	static void check_##SUFFIX(struct stoa_array *array, uint64_t index)                                 \
	{                                                                                                    \
		C_TYPE in, out, guard[3] = { 1, 2, 3 };                                                      \
                                                                                                             \
		ok(stoa_array_load(array, index, &guard[1]));                                                \
		assert_true(guard[0] == 1 && guard[1] == 0 && guard[2] == 3);                                \
		in = MAX;                                                                                    \
		ok(stoa_array_store(array, index, &in));                                                     \
		in = 1;                                                                                      \
		ok(stoa_array_fetch_add(array, index, &in, &guard[1]));                                      \
		assert_true(guard[0] == 1 && guard[1] == MAX && guard[2] == 3);                              \
		ok(stoa_array_fetch_sub(array, index, &in, &out));                                           \
		assert_true(out == MIN);                                                                     \
		ok(stoa_array_exchange(array, index, &in, &out));                                            \
		assert_true(out == MAX);                                                                     \
		in = MIN;                                                                                    \
		ok(stoa_array_fetch_min(array, index, &in, &out));                                           \
		assert_true(out == 1);                                                                       \
		in = MAX;                                                                                    \
		ok(stoa_array_fetch_max(array, index, &in, &out));                                           \
		assert_true(out == MIN);                                                                     \
		in = 0x2a;                                                                                   \
		ok(stoa_array_fetch_and(array, index, &in, &out));                                           \
		assert_true(out == MAX);                                                                     \
		in = 0x15;                                                                                   \
		ok(stoa_array_fetch_or(array, index, &in, &out));                                            \
		assert_true(out == 0x2a);                                                                    \
		in = (C_TYPE)~0ull;                                                                          \
		ok(stoa_array_fetch_xor(array, index, &in, NULL));                                           \
		in = 7;                                                                                      \
		guard[1] = 8;                                                                                \
		assert_int_equal(stoa_array_compare_exchange(array, index, &guard[1], &in), STOA_CHANGED);   \
		assert_true(guard[0] == 1 && guard[1] == (C_TYPE)~0x3full && guard[2] == 3);                 \
		ok(stoa_array_compare_exchange(array, index, &guard[1], &in));                               \
		ok(stoa_array_load(array, index, &out));                                                     \
		assert_true(out == 7);                                                                       \
	}                                                                                                    \
	static void elements_of_type_##SUFFIX##_know_every_operation(void **state)                           \
	{                                                                                                    \
		struct stoa_segment *segment = new_segment(1 << 16);                                         \
                                                                                                             \
		(void)state;                                                                                 \
		for (int i = 0; i < 2; i++) {                                                                \
			struct stoa_array *array = new_array(segment, i ? "a" : "p", TYPE, 11, kinds[i]);    \
			C_TYPE all[11];                                                                      \
                                                                                                             \
			check_##SUFFIX(array, 0);                                                            \
			check_##SUFFIX(array, 5);                                                            \
			check_##SUFFIX(array, 10);                                                           \
			ok(stoa_array_read(array, 0, 11, all));                                              \
			for (int n = 0; n < 11; n++) /* no neighbour was touched */                          \
				assert_true(all[n] == (n % 5 ? 0 : 7));                                      \
			stoa_array_close(array);                                                             \
		}                                                                                            \
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

static void floats_have_sums_and_no_bits(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	float quarter = 0.25f, out;
	double half = 0.5, out64;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct stoa_array *f32 = new_array(segment, i ? "f32" : "F32", STOA_F32, 3, kinds[i]);
		struct stoa_array *f64 = new_array(segment, i ? "f64" : "F64", STOA_F64, 3, kinds[i]);

		ok(stoa_array_fetch_add(f32, 1, &quarter, NULL));
		ok(stoa_array_fetch_add(f32, 1, &quarter, &out));
		assert_true(out == 0.25f);
		ok(stoa_array_fetch_sub(f64, 2, &half, NULL));
		ok(stoa_array_fetch_max(f64, 2, &half, &out64));
		assert_true(out64 == -0.5);
		assert_int_equal(stoa_array_fetch_and(f32, 1, &quarter, NULL), -EPROTOTYPE);
		assert_int_equal(stoa_array_fetch_or(f64, 1, &half, NULL), -EPROTOTYPE);
		assert_int_equal(stoa_array_fetch_xor(f64, 1, &half, NULL), -EPROTOTYPE);
		ok(stoa_array_load(f32, 1, &out));
		assert_true(out == 0.5f);
		stoa_array_close(f32);
		stoa_array_close(f64);
	}
	stoa_segment_close(segment);
}

static void booleans_are_0_or_1_wherever_they_come_from(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	uint8_t odd[21], out[21];

	(void)state;
	for (int i = 0; i < 21; i++)
		odd[i] = (uint8_t)(i % 3 ? 0 : 0x80 >> i % 8);
	for (int i = 0; i < 2; i++) {
		struct stoa_array_config config = {
			.struct_size = sizeof config,
			.type = STOA_BOOL,
			.count = 21,
			.flags = kinds[i],
			.initial = odd,
		};
		struct stoa_array *array;
		uint8_t expected = 9, in = 4;

		ok(stoa_array_create(segment, i ? "atomic" : "plain", &config, &array));
		ok(stoa_array_read(array, 0, 21, out));
		for (int n = 0; n < 21; n++)
			assert_int_equal(out[n], n % 3 == 0);
		ok(stoa_array_write(array, 1, 17, odd));
		ok(stoa_array_read(array, 0, 21, out));
		for (int n = 1; n < 18; n++)
			assert_int_equal(out[n], (n - 1) % 3 == 0);
		ok(stoa_array_write(array, 0, 21, odd));
		ok(stoa_array_compare_exchange(array, 0, &expected, &in));
		ok(stoa_array_fetch_add(array, 0, &in, &expected));
		assert_int_equal(expected, 1);
		ok(stoa_array_load(array, 0, out));
		assert_int_equal(out[0], 1);
		if (!i) {
			memset(stoa_array_data(array), 0xf0, 20); /* somebody else's bytes */
			ok(stoa_array_read(array, 0, 21, out));
			for (int n = 0; n < 21; n++)
				assert_int_equal(out[n], n < 20);
			ok(stoa_array_load(array, 3, out));
			assert_int_equal(out[0], 1);
		}
		stoa_array_close(array);
	}
	stoa_segment_close(segment);
}

/* ---- ranges ---- */

static void ranges_at_every_offset_touch_nothing_else(void **state)
{
	enum {
		COUNT = 29
	};
	struct stoa_segment *segment = new_segment(1 << 20);
	uint8_t before[COUNT * 8], in[COUNT * 8], out[COUNT * 8 + 2], expected[COUNT * 8];

	(void)state;
	for (size_t t = 0; t < LENGTH(types); t++) {
		size_t width = stoa_type_size(types[t]);
		char name[8];

		if (types[t] == STOA_BOOL)
			continue;
		for (int i = 0; i < 2; i++) {
			struct stoa_array *array;

			snprintf(name, sizeof name, "%c%zu", i ? 'a' : 'p', t);
			array = new_array(segment, name, types[t], COUNT, kinds[i]);
			fill(before, sizeof before, 0x1122334455667788);
			fill(in, sizeof in, 0xffeeddccbbaa9988);
			for (uint64_t first = 0; first <= COUNT; first++) {
				for (uint64_t count = 0; count <= COUNT - first; count++) {
					ok(stoa_array_write(array, 0, COUNT, before));
					ok(stoa_array_write(array, first, count, in));
					memcpy(expected, before, sizeof expected);
					memcpy(expected + first * width, in, count * width);
					memset(out, 0xee, sizeof out);
					ok(stoa_array_read(array, 0, COUNT, out + 1));
					assert_memory_equal(out + 1, expected, COUNT * width);
					memset(out, 0xee, sizeof out);
					ok(stoa_array_read(array, first, count, out + 1));
					assert_memory_equal(out + 1, in, count * width);
					assert_true(out[0] == 0xee && out[1 + count * width] == 0xee);
				}
			}
			stoa_array_close(array);
		}
	}
	stoa_segment_close(segment);
}

static void what_is_past_the_end_is_refused(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	uint64_t room[8] = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct stoa_array *array = new_array(segment, i ? "a" : "p", STOA_U64, 5, kinds[i]);
		static const uint64_t past[] = { 5, 6, 1ull << 61, UINT64_MAX };
		static const uint64_t ranges[][2] = {
			{ 0, 6 },
			{ 5, 1 },
			{ 4, 2 },
			{ 6, 0 },
			{ 1, UINT64_MAX },
			{ UINT64_MAX, 2 },
			{ 2, UINT64_MAX - 1 },
			{ UINT64_MAX, UINT64_MAX },
			{ 1ull << 61, 1 },
			{ 0, 1ull << 61 },
		};

		for (size_t n = 0; n < LENGTH(past); n++) {
			assert_int_equal(stoa_array_load(array, past[n], room), -EINVAL);
			assert_int_equal(stoa_array_store(array, past[n], room), -EINVAL);
			assert_int_equal(stoa_array_exchange(array, past[n], room, room), -EINVAL);
			assert_int_equal(stoa_array_compare_exchange(array, past[n], room, room), -EINVAL);
			assert_int_equal(stoa_array_fetch_add(array, past[n], room, room), -EINVAL);
			assert_int_equal(stoa_array_fetch_xor(array, past[n], room, room), -EINVAL);
		}
		for (size_t n = 0; n < LENGTH(ranges); n++) {
			assert_int_equal(stoa_array_read(array, ranges[n][0], ranges[n][1], room), -EINVAL);
			assert_int_equal(stoa_array_write(array, ranges[n][0], ranges[n][1], room), -EINVAL);
		}
		ok(stoa_array_read(array, 5, 0, NULL));
		ok(stoa_array_write(array, 5, 0, NULL));
		stoa_array_close(array);
	}
	stoa_segment_close(segment);
}

static void the_data_pointer_shows_the_elements(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_array *plain = new_array(segment, "plain", STOA_I32, 9, 0);
	struct stoa_array *atomic = new_array(segment, "atomic", STOA_I32, 9, STOA_ATOMIC_RANGES);
	int32_t *data = stoa_array_data(plain), in = -3, out;

	(void)state;
	assert_non_null(data);
	assert_int_equal((uintptr_t)data % 64, 0);
	ok(stoa_array_store(plain, 8, &in));
	assert_int_equal(data[8], -3);
	data[7] = 12;
	ok(stoa_array_load(plain, 7, &out));
	assert_int_equal(out, 12);
	assert_null(stoa_array_data(atomic));
	assert_null(stoa_array_data(NULL));
	stoa_array_close(plain);
	stoa_array_close(atomic);
	stoa_segment_close(segment);
}

/* ---- create, open, info, footprint ---- */

static void wrong_configs_are_refused(void **state)
{
	static const struct {
		struct stoa_array_config config;
		int rc;
	} table[] = {
		{ { .type = STOA_BYTES, .count = 4 }, -EINVAL },
		{ { .type = 99, .count = 4 }, -EINVAL },
		{ { .count = 4, .flags = 0x40000000 }, -EINVAL },
		{ { .count = 4, .reserved = 1 }, -EINVAL },
		{ { .count = 4, .writers = 1025 }, -EINVAL },
		{ { .count = UINT64_MAX }, -EOVERFLOW },
		{ { .count = UINT64_MAX / 8 }, -EOVERFLOW },
		{ { .count = UINT64_MAX / 60, .flags = STOA_ATOMIC_RANGES }, -EOVERFLOW },
		{ { .count = 1ull << 40 }, -ENOSPC },
	};
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_array *array = NULL;
	uint64_t bytes = 7;

	(void)state;
	for (size_t i = 0; i < LENGTH(table); i++) {
		struct stoa_array_config config = table[i].config;

		config.struct_size = sizeof config;
		assert_int_equal(stoa_array_create(segment, "name", &config, &array), table[i].rc);
		if (table[i].rc != -ENOSPC) {
			assert_int_equal(stoa_array_footprint(&config, &bytes), table[i].rc);
			assert_int_equal(stoa_array_open(segment, "name", &config, &array), table[i].rc);
		}
		assert_null(array);
	}
	assert_int_equal(stoa_array_create(segment, "name", NULL, &array), -EINVAL); /* no elements */
	assert_int_equal(stoa_array_footprint(NULL, &bytes), -EINVAL);
	assert_true(bytes == 7);
	assert_int_equal(stoa_array_open(segment, "name", NULL, &array), -ENOENT);
	stoa_segment_close(segment);
}

static void names_are_checked(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_array_config config = { .struct_size = sizeof config, .count = 1 };
	struct stoa_array *array = NULL;
	char name[65];

	(void)state;
	memset(name, 'n', sizeof name);
	name[64] = 0;
	assert_int_equal(stoa_array_create(segment, name, &config, &array), -ENAMETOOLONG);
	assert_int_equal(stoa_array_open(segment, name, NULL, &array), -ENAMETOOLONG);
	assert_int_equal(stoa_array_create(segment, "", &config, &array), -EINVAL);
	assert_int_equal(stoa_array_open(segment, NULL, NULL, &array), -EINVAL);
	assert_null(array);
	stoa_segment_close(segment);
}

static void create_opens_what_is_there_unless_its_shape_differs(void **state)
{
	static const struct {
		struct stoa_array_config config;
		int created[2], opened[2]; /* where a plain one is there, and one with atomic ranges */
	} table[] = {
		{ { .type = STOA_U16, .count = 9, .writers = 3 }, { 0, -EPROTOTYPE }, { 0, -EPROTOTYPE } },
		{ { .type = STOA_U16, .count = 9 }, { 0, -EPROTOTYPE }, { 0, -EPROTOTYPE } },
		{ { .type = STOA_U16, .count = 8 },
		  { -EPROTOTYPE, -EPROTOTYPE },
		  { -EPROTOTYPE, -EPROTOTYPE } },
		{ { .type = STOA_U16 }, { -EINVAL, -EINVAL }, { 0, -EPROTOTYPE } },
		{ { .type = STOA_I16, .count = 9 },
		  { -EPROTOTYPE, -EPROTOTYPE },
		  { -EPROTOTYPE, -EPROTOTYPE } },
		{ { .type = STOA_U16, .count = 9, .writers = 3, .flags = STOA_ATOMIC_RANGES },
		  { -EPROTOTYPE, 0 },
		  { -EPROTOTYPE, 0 } },
		{ { .type = STOA_U16, .count = 9, .writers = 4, .flags = STOA_ATOMIC_RANGES },
		  { -EPROTOTYPE, -EPROTOTYPE },
		  { -EPROTOTYPE, -EPROTOTYPE } },
		{ { .type = STOA_U16, .count = 9, .flags = STOA_ATOMIC_RANGES }, /* 8 writers; any */
		  { -EPROTOTYPE, -EPROTOTYPE },
		  { -EPROTOTYPE, 0 } },
		{ { .type = STOA_U16, .count = 9, .flags = STOA_EXCLUSIVE },
		  { -EEXIST, -EEXIST },
		  { 0, -EPROTOTYPE } },
	};
	struct stoa_segment *segment = new_segment(1 << 16);

	(void)state;
	for (int k = 0; k < 2; k++) {
		const char *name = k ? "atomic" : "plain";
		struct stoa_array *first = new_array(segment, name, STOA_U16, 9, kinds[k]), *array;

		for (size_t i = 0; i < LENGTH(table); i++) {
			struct stoa_array_config config = table[i].config;

			config.struct_size = sizeof config;
			config.initial = "eighteen bytes that count for nobody";
			array = NULL;
			assert_int_equal(stoa_array_create(segment, name, &config, &array),
			                 table[i].created[k]);
			assert_true((array != NULL) == (table[i].created[k] == 0));
			stoa_array_close(array);
			array = NULL;
			assert_int_equal(stoa_array_open(segment, name, &config, &array), table[i].opened[k]);
			assert_true((array != NULL) == (table[i].opened[k] == 0));
			stoa_array_close(array);
		}
		for (uint64_t i = 0; i < 9; i++) {
			uint16_t out = 1;

			ok(stoa_array_load(first, i, &out));
			assert_int_equal(out, 0);
		}
		stoa_array_close(first);
	}
	stoa_segment_close(segment);
}

static void another_kind_of_object_is_no_array(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_array_config config = { .struct_size = sizeof config, .count = 3 };
	struct stoa_array *array = NULL;
	struct stoa_value *value;

	(void)state;
	ok(stoa_value_create(segment, "value", NULL, &value));
	assert_int_equal(stoa_array_create(segment, "value", &config, &array), -EPROTOTYPE);
	assert_int_equal(stoa_array_open(segment, "value", NULL, &array), -EPROTOTYPE);
	assert_null(array);
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void initial_counts_for_the_creator_only(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	uint8_t first[7 * 8], second[7 * 8], out[7 * 8];
	char name[8];

	(void)state;
	fill(first, sizeof first, 77);
	fill(second, sizeof second, 78);
	for (size_t t = 0; t + 1 < LENGTH(types); t++) { /* STOA_BOOL has a test of its own */
		for (int i = 0; i < 2; i++) {
			struct stoa_array_config config = {
				.struct_size = sizeof config,
				.type = types[t],
				.count = 7,
				.flags = kinds[i],
				.initial = first,
			};
			struct stoa_array *one, *two;

			snprintf(name, sizeof name, "%c%zu", i ? 'a' : 'p', t);
			ok(stoa_array_create(segment, name, &config, &one));
			config.initial = second;
			ok(stoa_array_create(segment, name, &config, &two));
			ok(stoa_array_read(two, 0, 7, out));
			assert_memory_equal(out, first, 7 * stoa_type_size(types[t]));
			stoa_array_close(one);
			stoa_array_close(two);
		}
	}
	stoa_segment_close(segment);
}

static void info_tells_the_shape(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_array_config info = { .struct_size = sizeof info };

	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "atomic" : "plain";
		struct stoa_array *array = new_array(segment, name, STOA_F32, 12, kinds[i]), *again;

		ok(stoa_array_info(array, &info));
		assert_true(info.type == STOA_F32 && info.count == 12 && info.flags == kinds[i] &&
		            !info.initial);
		assert_true(info.writers == (i ? 3 : 0));
		ok(stoa_array_open(segment, name, &info, &again));
		stoa_array_close(again);
		assert_int_equal(stoa_array_info(array, NULL), -EINVAL);
		assert_int_equal(stoa_array_info(NULL, &info), -EINVAL);
		stoa_array_close(array);
	}
	stoa_segment_close(segment);
}

static void a_segment_of_the_footprint_holds_the_array(void **state)
{
	static const uint64_t counts[] = { 1, 2, 7, 64, 1000, 100000 };

	(void)state;
	for (size_t i = 0; i < LENGTH(counts); i++) {
		for (int k = 0; k < 2; k++) {
			struct stoa_array_config config = {
				.struct_size = sizeof config,
				.type = types[i],
				.count = counts[i],
				.flags = kinds[k],
			};
			struct stoa_array *array = NULL;
			struct stoa_segment *segment;
			uint64_t bytes;

			ok(stoa_array_footprint(&config, &bytes));
			assert_true(bytes >= counts[i] * stoa_type_size(types[i]));
			segment = new_segment(bytes);
			ok(stoa_array_create(segment, "array", &config, &array));
			stoa_array_close(array);
			stoa_segment_close(segment);
		}
	}
}

static void null_arguments_are_refused(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_array_config config = { .struct_size = sizeof config, .count = 3 };
	struct stoa_array *array = NULL;
	uint64_t x = 0;

	(void)state;
	assert_int_equal(stoa_array_create(NULL, "name", &config, &array), -EINVAL);
	assert_int_equal(stoa_array_create(segment, "name", &config, NULL), -EINVAL);
	assert_int_equal(stoa_array_open(NULL, "name", NULL, &array), -EINVAL);
	assert_int_equal(stoa_array_open(segment, "name", NULL, NULL), -EINVAL);
	assert_int_equal(stoa_array_footprint(&config, NULL), -EINVAL);
	ok(stoa_array_close(NULL));
	for (int i = 0; i < 2; i++) {
		array = new_array(segment, i ? "atomic" : "plain", 0, 3, kinds[i]);
		assert_int_equal(stoa_array_load(NULL, 0, &x), -EINVAL);
		assert_int_equal(stoa_array_load(array, 0, NULL), -EINVAL);
		assert_int_equal(stoa_array_store(NULL, 0, &x), -EINVAL);
		assert_int_equal(stoa_array_store(array, 0, NULL), -EINVAL);
		assert_int_equal(stoa_array_exchange(NULL, 0, &x, &x), -EINVAL);
		assert_int_equal(stoa_array_exchange(array, 0, NULL, &x), -EINVAL);
		assert_int_equal(stoa_array_exchange(array, 0, &x, NULL), -EINVAL);
		assert_int_equal(stoa_array_compare_exchange(NULL, 0, &x, &x), -EINVAL);
		assert_int_equal(stoa_array_compare_exchange(array, 0, NULL, &x), -EINVAL);
		assert_int_equal(stoa_array_compare_exchange(array, 0, &x, NULL), -EINVAL);
		assert_int_equal(stoa_array_fetch_min(NULL, 0, &x, &x), -EINVAL);
		assert_int_equal(stoa_array_fetch_min(array, 0, NULL, &x), -EINVAL);
		assert_int_equal(stoa_array_read(NULL, 0, 1, &x), -EINVAL);
		assert_int_equal(stoa_array_read(array, 0, 1, NULL), -EINVAL);
		assert_int_equal(stoa_array_write(NULL, 0, 1, &x), -EINVAL);
		assert_int_equal(stoa_array_write(array, 0, 1, NULL), -EINVAL);
		stoa_array_close(array);
	}
	stoa_segment_close(segment);
}

static void a_read_only_segment_can_be_read_and_not_written(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16), *other = read_only(segment);
	struct stoa_array_config config = { .struct_size = sizeof config, .count = 3 };
	struct stoa_array *array;
	int64_t in[3] = { 1, 2, 3 }, out[3];

	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "atomic" : "plain";
		struct stoa_array *written = new_array(segment, name, 0, 3, kinds[i]);

		ok(stoa_array_write(written, 0, 3, in));
		ok(stoa_array_open(other, name, NULL, &array));
		ok(stoa_array_read(array, 0, 3, out));
		assert_memory_equal(in, out, sizeof in);
		ok(stoa_array_load(array, 1, out));
		assert_true(out[0] == 2);
		assert_true((stoa_array_data(array) != NULL) == !i);
		assert_int_equal(stoa_array_write(array, 0, 3, in), -EACCES);
		assert_int_equal(stoa_array_write(array, 0, 0, in), -EACCES);
		assert_int_equal(stoa_array_store(array, 0, in), -EACCES);
		assert_int_equal(stoa_array_exchange(array, 0, in, out), -EACCES);
		assert_int_equal(stoa_array_compare_exchange(array, 0, in, in), -EACCES);
		assert_int_equal(stoa_array_fetch_add(array, 0, in, NULL), -EACCES);
		stoa_array_close(array);
		stoa_array_close(written);
	}
	array = NULL;
	assert_int_equal(stoa_array_create(other, "new", &config, &array), -EACCES);
	assert_null(array);
	stoa_segment_close(other);
	stoa_segment_close(segment);
}

static void handles_of_one_process_share_and_outlive_the_segment_handle(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_array *one = new_array(segment, "array", 0, 4, 0), *two;
	int64_t in = 5, out, *data;

	(void)state;
	ok(stoa_array_open(segment, "array", NULL, &two));
	stoa_segment_close(segment);
	data = stoa_array_data(one);
	ok(stoa_array_store(one, 3, &in));
	stoa_array_close(one);
	ok(stoa_array_load(two, 3, &out));
	assert_true(out == 5 && data[3] == 5);
	stoa_array_close(two);
}

static void a_shape_that_makes_no_sense_is_not_opened(void **state)
{
	static const struct {
		size_t offset;
		uint64_t garbage;
		size_t size;
		int kinds; /* bit 0: of plain arrays, bit 1: of those with atomic ranges */
	} table[] = {
		{ offsetof(struct array_layout, type), 0, 4, 3 },
		{ offsetof(struct array_layout, type), STOA_BYTES, 4, 3 },
		{ offsetof(struct array_layout, type), STOA_U32, 4, 2 },
		{ offsetof(struct array_layout, flags), 0x40, 4, 3 },
		{ offsetof(struct array_layout, flags), STOA_ATOMIC_RANGES, 4, 1 },
		{ offsetof(struct array_layout, count), 0, 8, 3 },
		{ offsetof(struct array_layout, count), 1 << 20, 8, 3 },
		{ offsetof(struct array_layout, count), UINT64_MAX, 8, 3 },
		{ offsetof(struct array_layout, data_offset), 128, 8, 3 },
		{ sizeof(struct array_layout) + offsetof(struct value_layout, size), 24, 8, 2 },
		{ sizeof(struct array_layout) + offsetof(struct value_layout, writers), 1 << 20, 4, 2 },
		{ sizeof(struct array_layout) + offsetof(struct value_layout, block_stride), 0, 8, 2 },
	};
	struct stoa_segment *segment = new_segment(1 << 16);

	(void)state;
	for (int k = 0; k < 2; k++) {
		const char *name = k ? "atomic" : "plain";
		struct stoa_array *array = new_array(segment, name, STOA_U16, 6, kinds[k]);
		uint8_t *start = bytes_of(array);
		uint8_t saved[8];

		stoa_array_close(array);
		for (size_t i = 0; i < LENGTH(table); i++) {
			if (!(table[i].kinds >> k & 1))
				continue;
			memcpy(saved, start + table[i].offset, table[i].size);
			memcpy(start + table[i].offset, &table[i].garbage, table[i].size);
			array = NULL;
			assert_int_equal(stoa_array_open(segment, name, NULL, &array), -EBADMSG);
			assert_null(array);
			memcpy(start + table[i].offset, saved, table[i].size);
		}
		ok(stoa_array_open(segment, name, NULL, &array));
		stoa_array_close(array);
	}
	stoa_segment_close(segment);
}

static void a_cell_that_makes_no_sense_is_found_out(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct stoa_array *array = new_array(segment, "array", STOA_U16, 6, STOA_ATOMIC_RANGES);
	struct value_layout *cell = (void *)((uint8_t *)bytes_of(array) + sizeof(struct array_layout));
	uint16_t in[6] = { 1 }, out[6];

	(void)state;
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			atom64_store_seq(&cell->word, 0xfff);
		else
			atom64_store_seq(&cell->word, 5ull << VALUE_BLOCK_BITS | 1);
		assert_int_equal(stoa_array_load(array, 1, out), -EBADMSG);
		assert_int_equal(stoa_array_read(array, 1, 2, out), -EBADMSG);
		assert_int_equal(stoa_array_store(array, 1, in), -EBADMSG);
		assert_int_equal(stoa_array_write(array, 1, 2, in), -EBADMSG);
		assert_int_equal(stoa_array_fetch_add(array, 1, in, NULL), -EBADMSG);
	}
	stoa_array_close(array);
	stoa_segment_close(segment);
}

/* ---- many processes and threads ---- */

#define COUNT 100
#define ROUNDS 2000u

struct crowd {
	struct stoa_array *array;
	struct board *board;
	uint64_t seed;
};

static int count_elements(void *context)
{
	struct crowd *crowd = context;
	int32_t one = 1, expected = 0, desired;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t index = i % 3;
		int rc = index == 2 ? stoa_array_load(crowd->array, 2, &expected)
		                    : stoa_array_fetch_add(crowd->array, index, &one, NULL);

		while (rc == 0 && index == 2) {
			desired = expected + 1;
			rc = stoa_array_compare_exchange(crowd->array, 2, &expected, &desired);
			if (rc == 0)
				break;
			rc = rc == STOA_CHANGED ? 0 : rc;
		}
		if (rc)
			return 1;
	}
	return 0;
}

static void *count_in_a_thread(void *context)
{
	return (void *)(intptr_t)count_elements(context);
}

static void sums_of_elements_are_exact(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct crowd crowd = { .array = new_array(segment, k ? "a" : "p", STOA_I32, 5, kinds[k]) };
		pthread_t threads[5];
		pid_t pids[2];
		int32_t out[5];
		void *rc;

		for (int i = 0; i < 2; i++)
			pids[i] = spawn(count_elements, &crowd);
		for (int i = 0; i < 5; i++)
			ok(pthread_create(&threads[i], NULL, count_in_a_thread, &crowd));
		for (int i = 0; i < 5; i++) {
			ok(pthread_join(threads[i], &rc));
			assert_null(rc);
		}
		for (int i = 0; i < 2; i++)
			assert_int_equal(join(pids[i]), 0);
		ok(stoa_array_read(crowd.array, 0, 5, out));
		assert_int_equal(out[0] + out[1] + out[2], 7 * ROUNDS);
		assert_int_equal(out[1], 7 * (ROUNDS / 3 + (ROUNDS % 3 > 1)));
		assert_int_equal(out[2], 7 * (ROUNDS / 3));
		assert_true(out[3] == 0 && out[4] == 0);
		stoa_array_close(crowd.array);
	}
	stoa_segment_close(segment);
}

/* Writes [10, 90) all the same number; and reads some of it. */
static int write_ranges(void *context)
{
	struct crowd *crowd = context;
	uint16_t in[COUNT];

	atom32_add_seq(&crowd->board->ready, 1);
	for (uint16_t n = (uint16_t)crowd->seed; !atom32_load_seq(&crowd->board->stop); n += 2) {
		int rc;

		for (int i = 0; i < COUNT; i++)
			in[i] = n;
		rc = stoa_array_write(crowd->array, 10, 80, in);
		if (rc)
			return -rc;
	}
	return 0;
}

static int read_ranges(void *context)
{
	struct crowd *crowd = context;
	uint16_t out[COUNT];
	unsigned reads = 0;

	atom32_add_seq(&crowd->board->ready, 1);
	while (!atom32_load_seq(&crowd->board->stop)) {
		uint64_t first = 10 + crowd->seed++ % 7, count = 70 - crowd->seed % 5;

		if (stoa_array_read(crowd->array, first, count, out) != 0)
			return 1;
		for (uint64_t i = 1; i < count; i++) {
			if (out[i] != out[0])
				return 2;
		}
		if (stoa_array_read(crowd->array, 0, 11, out) != 0 || out[9] != 0)
			return 3;
		reads++;
	}
	return reads ? 0 : 4;
}

static void atomic_ranges_are_seen_whole(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	struct crowd crowd = {
		.array = new_array(segment, "array", STOA_U16, COUNT, STOA_ATOMIC_RANGES),
		.board = new_board(),
	};
	pid_t pids[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		crowd.seed = i;
		pids[i] = spawn(i < 2 ? write_ranges : read_ranges, &crowd);
	}
	assert_true(await(&crowd.board->ready, 4));
	os_sleep_ns(300 * MS);
	atom32_store_seq(&crowd.board->stop, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(join(pids[i]), 0);
	free_board(crowd.board);
	stoa_array_close(crowd.array);
	stoa_segment_close(segment);
}

/* Elements of a plain range are whole, and range writes leave their neighbours alone. */
static int write_plain(void *context)
{
	struct crowd *crowd = context;
	uint32_t in[COUNT];

	atom32_add_seq(&crowd->board->ready, 1);
	for (uint32_t n = 1; !atom32_load_seq(&crowd->board->stop); n++) {
		for (int i = 0; i < COUNT; i++)
			in[i] = (n & 0xffff) * 0x10001u;
		/* [1, 50) or [50, 99): the border lies within one word of 8 bytes */
		if (stoa_array_write(crowd->array, crowd->seed ? 51 : 1, crowd->seed ? 48 : 50, in) != 0)
			return 1;
	}
	return 0;
}

static int read_plain(void *context)
{
	struct crowd *crowd = context;
	uint32_t out[COUNT];

	atom32_add_seq(&crowd->board->ready, 1);
	while (!atom32_load_seq(&crowd->board->stop)) {
		if (stoa_array_read(crowd->array, 0, COUNT, out) != 0)
			return 1;
		for (int i = 0; i < COUNT; i++) {
			if (out[i] >> 16 != (out[i] & 0xffff))
				return 2;
		}
		if (out[0] != 0 || out[COUNT - 1] != 0)
			return 3;
	}
	return 0;
}

static void elements_of_a_plain_range_are_whole(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	struct crowd crowd = { .array = new_array(segment, "array", STOA_U32, COUNT, 0),
		               .board = new_board() };
	pid_t pids[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		crowd.seed = i;
		pids[i] = spawn(i < 2 ? write_plain : read_plain, &crowd);
	}
	assert_true(await(&crowd.board->ready, 3));
	os_sleep_ns(200 * MS);
	atom32_store_seq(&crowd.board->stop, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(join(pids[i]), 0);
	free_board(crowd.board);
	stoa_array_close(crowd.array);
	stoa_segment_close(segment);
}

/* ---- stopped and killed ---- */

static void killed_and_stopped_writers_hinder_nobody(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	struct crowd crowd = {
		.array = new_array(segment, "array", STOA_U16, COUNT, STOA_ATOMIC_RANGES),
		.board = new_board(),
	};
	uint64_t seed = 0x2545f4914f6cdd1d;
	uint16_t in[COUNT], out[COUNT];
	pid_t reader = spawn(read_ranges, &crowd);

	(void)state;
	for (unsigned round = 0; round < 30; round++) { /* 3 writers: this process and two */
		uint32_t ready = atom32_load_seq(&crowd.board->ready);
		pid_t pids[2];

		for (unsigned i = 0; i < 2; i++) {
			crowd.seed = i;
			pids[i] = spawn(write_ranges, &crowd);
		}
		assert_true(await(&crowd.board->ready, ready + 2));
		os_sleep_ns(random_below(&seed, MS));
		kill(pids[0], SIGSTOP);
		assert_int_equal(killed(pids[1]), 128 + SIGKILL);
		for (uint16_t n = 0; n < 10; n++) {
			for (int i = 0; i < COUNT; i++)
				in[i] = n;
			ok(stoa_array_write(crowd.array, 10, 80, in));
			ok(stoa_array_read(crowd.array, 10, 80, out));
			for (int i = 1; i < 80; i++)
				assert_int_equal(out[i], out[0]);
		}
		assert_int_equal(killed(pids[0]), 128 + SIGKILL);
	}
	atom32_store_seq(&crowd.board->stop, 1);
	assert_int_equal(join(reader), 0);
	free_board(crowd.board);
	stoa_array_close(crowd.array);
	stoa_segment_close(segment);
}

static int write_and_pause(void *context)
{
	struct crowd *crowd = context;
	uint16_t in = 3;
	int rc = stoa_array_store(crowd->array, 0, &in);

	atom32_add_seq(&crowd->board->ready, 1);
	while (rc == 0)
		pause();
	return -rc;
}

static void more_writing_processes_than_writers_are_refused_while_these_live(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	struct crowd crowd = {
		.array = new_array(segment, "array", STOA_U16, COUNT, STOA_ATOMIC_RANGES),
		.board = new_board(),
	};
	uint16_t in[COUNT] = { 0 };
	pid_t pids[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		pids[i] = spawn(write_and_pause, &crowd);
	assert_true(await(&crowd.board->ready, 3));
	assert_int_equal(stoa_array_store(crowd.array, 1, in), -EUSERS);
	assert_int_equal(stoa_array_write(crowd.array, 1, 2, in), -EUSERS);
	assert_int_equal(stoa_array_write(crowd.array, 0, COUNT, in), -EUSERS);
	assert_int_equal(stoa_array_fetch_add(crowd.array, 1, in, NULL), -EUSERS);
	ok(stoa_array_read(crowd.array, 0, 1, in));
	assert_int_equal(in[0], 3);
	assert_int_equal(killed(pids[0]), 128 + SIGKILL);
	ok(stoa_array_write(crowd.array, 0, COUNT, in));
	for (int i = 1; i < 3; i++)
		assert_int_equal(killed(pids[i]), 128 + SIGKILL);
	free_board(crowd.board);
	stoa_array_close(crowd.array);
	stoa_segment_close(segment);
}

static int use_inherited(void *context)
{
	struct crowd *crowd = context;
	uint16_t in[80];
	int rc = 0;

	memset(in, 9, sizeof in);
	for (int i = 0; i < 50 && rc == 0; i++)
		rc = stoa_array_write(crowd->array, 10, 80, in);
	stoa_array_close(crowd->array);
	return -rc;
}

static void an_inherited_handle_is_the_childs_own(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct crowd crowd = { .array = new_array(segment, k ? "a" : "p", STOA_U16, COUNT,
			                                  kinds[k]) };
		uint16_t in = 2, out;

		ok(stoa_array_store(crowd.array, 1, &in));
		for (int i = 0; i < 5; i++) {
			pid_t pid = spawn(use_inherited, &crowd);

			for (in = 0; in < 50; in++)
				ok(stoa_array_store(crowd.array, 1, &in));
			assert_int_equal(join(pid), 0);
			ok(stoa_array_load(crowd.array, 1, &out));
			assert_int_equal(out, 49);
		}
		ok(stoa_array_load(crowd.array, 89, &out));
		assert_int_equal(out, 0x909);
		stoa_array_close(crowd.array);
	}
	stoa_segment_close(segment);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_of_type_i8_know_every_operation),
		cmocka_unit_test(elements_of_type_i16_know_every_operation),
		cmocka_unit_test(elements_of_type_i32_know_every_operation),
		cmocka_unit_test(elements_of_type_i64_know_every_operation),
		cmocka_unit_test(elements_of_type_u8_know_every_operation),
		cmocka_unit_test(elements_of_type_u16_know_every_operation),
		cmocka_unit_test(elements_of_type_u32_know_every_operation),
		cmocka_unit_test(elements_of_type_u64_know_every_operation),
		cmocka_unit_test(floats_have_sums_and_no_bits),
		cmocka_unit_test(booleans_are_0_or_1_wherever_they_come_from),
		cmocka_unit_test(ranges_at_every_offset_touch_nothing_else),
		cmocka_unit_test(what_is_past_the_end_is_refused),
		cmocka_unit_test(the_data_pointer_shows_the_elements),
		cmocka_unit_test(wrong_configs_are_refused),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(create_opens_what_is_there_unless_its_shape_differs),
		cmocka_unit_test(another_kind_of_object_is_no_array),
		cmocka_unit_test(initial_counts_for_the_creator_only),
		cmocka_unit_test(info_tells_the_shape),
		cmocka_unit_test(a_segment_of_the_footprint_holds_the_array),
		cmocka_unit_test(null_arguments_are_refused),
		cmocka_unit_test(a_read_only_segment_can_be_read_and_not_written),
		cmocka_unit_test(handles_of_one_process_share_and_outlive_the_segment_handle),
		cmocka_unit_test(a_shape_that_makes_no_sense_is_not_opened),
		cmocka_unit_test(a_cell_that_makes_no_sense_is_found_out),
		cmocka_unit_test(sums_of_elements_are_exact),
		cmocka_unit_test(atomic_ranges_are_seen_whole),
		cmocka_unit_test(elements_of_a_plain_range_are_whole),
		cmocka_unit_test(killed_and_stopped_writers_hinder_nobody),
		cmocka_unit_test(more_writing_processes_than_writers_are_refused_while_these_live),
		cmocka_unit_test(an_inherited_handle_is_the_childs_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
