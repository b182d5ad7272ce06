/* SPDX-License-Identifier: BSD-2-Clause */
/* test_value_life.c - how values come to be, what is refused, damage, and update. */
#include "value_helpers.h"

#include <pthread.h>
#include <stddef.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
