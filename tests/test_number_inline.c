/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short way of stoa/inline_number.h, as a user compiles it (with the compiler's atomics, not the library's):
 * it is the long way for every type, whatever is done, and it is never taken where something stands against it.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <stoa.h>
#include <stoa/inline.h>

#define ok(rc) assert_int_equal(rc, 0)

enum {
	ELEMENTS = 5
};

/* Three of each: one changed inline, one by calls, and the array with atomic ranges, inline. */
struct place {
	struct stoa_segment *segment;
	struct stoa_value *inlined, *called;
	struct stoa_array *elements, *others, *ranges;
	size_t width;
};

static struct stoa_segment *new_segment(void)
{
	struct stoa_segment_config config = { .struct_size = sizeof config };
	struct stoa_segment *segment;

	ok(stoa_segment_create(NULL, &config, &segment));
	return segment;
}

static struct stoa_segment *read_only(struct stoa_segment *segment)
{
	struct stoa_segment *other;

	ok(stoa_segment_open_fd(stoa_segment_fd(segment), STOA_READ_ONLY, &other));
	return other;
}

static struct stoa_value *value_of_type(struct stoa_segment *segment, const char *name, uint32_t type)
{
	struct stoa_value_config config = { .struct_size = sizeof config, .type = type };
	struct stoa_value *value;

	ok(stoa_value_create(segment, name, &config, &value));
	return value;
}

static struct stoa_array *array_of_type(struct stoa_segment *segment, const char *name, uint32_t type,
                                        uint32_t flags)
{
	struct stoa_array_config config = {
		.struct_size = sizeof config, .type = type, .count = ELEMENTS, .flags = flags
	};
	struct stoa_array *array;

	ok(stoa_array_create(segment, name, &config, &array));
	return array;
}

static void place_open(struct place *place, uint32_t type)
{
	place->segment = new_segment();
	place->inlined = value_of_type(place->segment, "inlined", type);
	place->called = value_of_type(place->segment, "called", type);
	place->elements = array_of_type(place->segment, "elements", type, 0);
	place->others = array_of_type(place->segment, "others", type, 0);
	place->ranges = array_of_type(place->segment, "ranges", type, STOA_ATOMIC_RANGES);
	place->width = stoa_type_size(type);
}

static void place_close(struct place *place)
{
	stoa_value_close(place->inlined);
	stoa_value_close(place->called);
	stoa_array_close(place->elements);
	stoa_array_close(place->others);
	stoa_array_close(place->ranges);
	stoa_segment_close(place->segment);
}

/* ---- every type, every operation, beside the calls ---- */

enum {
	LOAD,
	STORE,
	EXCHANGE,
	COMPARE,
	ADD,
	SUB,
	VERBS
};

/* What one operation got, and what it gave. */
struct action {
	unsigned verb;
	uint64_t index, in, out;
	bool previous; /* is asked for */
	int rc;
};

static void value_inline(struct stoa_value *value, struct action *a)
{
	void *previous = a->previous ? &a->out : NULL;

	switch (a->verb) {
	case LOAD:
		a->rc = stoa_value_load_inline(value, &a->out);
		break;
	case STORE:
		a->rc = stoa_value_store_inline(value, &a->in);
		break;
	case EXCHANGE:
		a->rc = stoa_value_exchange_inline(value, &a->in, &a->out);
		break;
	case COMPARE:
		a->rc = stoa_value_compare_exchange_inline(value, &a->out, &a->in);
		break;
	case ADD:
		a->rc = stoa_value_fetch_add_inline(value, &a->in, previous);
		break;
	default:
		a->rc = stoa_value_fetch_sub_inline(value, &a->in, previous);
		break;
	}
}

static void value_called(struct stoa_value *value, struct action *a)
{
	void *previous = a->previous ? &a->out : NULL;

	switch (a->verb) {
	case LOAD:
		a->rc = stoa_value_load(value, &a->out);
		break;
	case STORE:
		a->rc = stoa_value_store(value, &a->in);
		break;
	case EXCHANGE:
		a->rc = stoa_value_exchange(value, &a->in, &a->out);
		break;
	case COMPARE:
		a->rc = stoa_value_compare_exchange(value, &a->out, &a->in);
		break;
	case ADD:
		a->rc = stoa_value_fetch_add(value, &a->in, previous);
		break;
	default:
		a->rc = stoa_value_fetch_sub(value, &a->in, previous);
		break;
	}
}

static void array_inline(struct stoa_array *array, struct action *a)
{
	void *previous = a->previous ? &a->out : NULL;

	switch (a->verb) {
	case LOAD:
		a->rc = stoa_array_load_inline(array, a->index, &a->out);
		break;
	case STORE:
		a->rc = stoa_array_store_inline(array, a->index, &a->in);
		break;
	case EXCHANGE:
		a->rc = stoa_array_exchange_inline(array, a->index, &a->in, &a->out);
		break;
	case COMPARE:
		a->rc = stoa_array_compare_exchange_inline(array, a->index, &a->out, &a->in);
		break;
	case ADD:
		a->rc = stoa_array_fetch_add_inline(array, a->index, &a->in, previous);
		break;
	default:
		a->rc = stoa_array_fetch_sub_inline(array, a->index, &a->in, previous);
		break;
	}
}

static void array_called(struct stoa_array *array, struct action *a)
{
	void *previous = a->previous ? &a->out : NULL;

	switch (a->verb) {
	case LOAD:
		a->rc = stoa_array_load(array, a->index, &a->out);
		break;
	case STORE:
		a->rc = stoa_array_store(array, a->index, &a->in);
		break;
	case EXCHANGE:
		a->rc = stoa_array_exchange(array, a->index, &a->in, &a->out);
		break;
	case COMPARE:
		a->rc = stoa_array_compare_exchange(array, a->index, &a->out, &a->in);
		break;
	case ADD:
		a->rc = stoa_array_fetch_add(array, a->index, &a->in, previous);
		break;
	default:
		a->rc = stoa_array_fetch_sub(array, a->index, &a->in, previous);
		break;
	}
}

static void same(const struct action *one, const struct action *other)
{
	assert_int_equal(one->rc, other->rc);
	assert_memory_equal(&one->out, &other->out,
	                    sizeof one->out); /* also what lies behind a narrow number */
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Small numbers, ends of the types, NaNs, anything. */
static uint64_t operand(uint64_t *seed)
{
	static const uint64_t picked[] = {
		0,          1,          2,          UINT64_MAX, INT64_MAX,          (uint64_t)INT64_MIN,
		INT32_MAX,  UINT32_MAX, 1ull << 31, 0x7fc00000, 0x7ff8000000000001, 0x3ff0000000000000,
		0x3f800000,
	};
	uint64_t n = next(seed);

	return n % 4 ? picked[n / 4 % (sizeof picked / sizeof *picked)] : next(seed);
}

static void one_step(struct place *place, uint64_t *seed)
{
	struct action inlined = {
		.verb = (unsigned)(next(seed) % VERBS),
		.index = next(seed) % (ELEMENTS + 2),
		.in = operand(seed),
		.out = operand(seed),
		.previous = next(seed) % 2,
	};
	struct action called, ranges;

	called = ranges = inlined;
	if (next(seed) % 2) {
		value_inline(place->inlined, &inlined);
		value_called(place->called, &called);
		same(&inlined, &called);
		return;
	}
	if (inlined.index == ELEMENTS + 1)
		called.index = ranges.index = inlined.index = UINT64_MAX;
	array_inline(place->elements, &inlined);
	array_called(place->others, &called);
	array_inline(place->ranges, &ranges);
	assert_true(inlined.index < ELEMENTS ? inlined.rc >= 0 : inlined.rc == -EINVAL);
	same(&inlined, &called);
	same(&ranges, &called);
}

static void the_short_way_is_the_long_way_for_every_type(void **state)
{
	uint64_t seed = 88172645463325252;

	(void)state;
	for (uint32_t type = STOA_I8; type <= STOA_BOOL; type++) {
		struct place place;
		uint8_t one[ELEMENTS * 8] = { 0 }, other[ELEMENTS * 8] = { 0 };

		place_open(&place, type);
		for (int i = 0; i < 3000; i++)
			one_step(&place, &seed);
		ok(stoa_array_read(place.elements, 0, ELEMENTS, one));
		ok(stoa_array_read(place.others, 0, ELEMENTS, other));
		assert_memory_equal(one, other, sizeof one);
		ok(stoa_array_read(place.ranges, 0, ELEMENTS, other));
		assert_memory_equal(one, other, sizeof one);
		place_close(&place);
	}
}

static void integers_wrap_around_at_the_ends_of_their_types(void **state)
{
	struct stoa_segment *segment = new_segment();
	struct stoa_value *wide = value_of_type(segment, "wide", STOA_I64);
	struct stoa_value *narrow = value_of_type(segment, "narrow", STOA_U32);
	int64_t most = INT64_MAX, one = 1, seen = 0;
	uint32_t small = UINT32_MAX, two = 2, found = 0;

	(void)state;
	ok(stoa_value_store_inline(wide, &most));
	ok(stoa_value_fetch_add_inline(wide, &one, &seen));
	assert_true(seen == INT64_MAX);
	ok(stoa_value_fetch_sub_inline(wide, &one, &seen));
	assert_true(seen == INT64_MIN);
	ok(stoa_value_store_inline(narrow, &small));
	ok(stoa_value_fetch_add_inline(narrow, &two, &found));
	ok(stoa_value_load_inline(narrow, &found));
	assert_true(found == 1);
	ok(stoa_value_fetch_sub_inline(narrow, &two, NULL));
	ok(stoa_value_load_inline(narrow, &found));
	assert_true(found == UINT32_MAX);
	stoa_value_close(wide);
	stoa_value_close(narrow);
	stoa_segment_close(segment);
}

/* ---- what stands against it ---- */

static void a_read_only_handle_reads_and_refuses_all_else(void **state)
{
	static const uint32_t types[] = { STOA_I64, STOA_U32, STOA_F64, STOA_I8, STOA_BOOL };

	(void)state;
	for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
		struct place place;
		struct stoa_segment *segment;
		struct stoa_value *value;
		struct stoa_array *array;
		uint64_t one = 1;

		place_open(&place, types[t]);
		ok(stoa_value_store(place.inlined, &one));
		segment = read_only(place.segment);
		ok(stoa_value_open(segment, "inlined", NULL, &value));
		ok(stoa_array_open(segment, "elements", NULL, &array));
		for (unsigned verb = LOAD; verb < VERBS; verb++) {
			struct action on_value = { .verb = verb, .in = 1, .out = 5 }, on_array = on_value;

			value_inline(value, &on_value);
			array_inline(array, &on_array);
			assert_int_equal(on_value.rc, verb == LOAD ? 0 : -EACCES);
			assert_int_equal(on_array.rc, verb == LOAD ? 0 : -EACCES);
			assert_int_equal((uint8_t)on_value.out, verb == LOAD ? 1 : 5);
			assert_int_equal((uint8_t)on_array.out, verb == LOAD ? 0 : 5);
		}
		stoa_value_close(value);
		stoa_array_close(array);
		stoa_segment_close(segment);
		place_close(&place);
	}
}

static void a_struct_goes_the_long_way(void **state)
{
	struct stoa_value_config config = { .struct_size = sizeof config, .size = 24 };
	struct stoa_segment *segment = new_segment();
	uint64_t in[3] = { 1, 2, 3 }, out[3] = { 0 }, zero[3] = { 0 };
	struct stoa_value *value;

	(void)state;
	ok(stoa_value_create(segment, "struct", &config, &value));
	ok(stoa_value_store_inline(value, in));
	ok(stoa_value_load_inline(value, out));
	assert_memory_equal(in, out, sizeof in);
	assert_int_equal(stoa_value_fetch_add_inline(value, in, out), -EPROTOTYPE);
	assert_int_equal(stoa_value_compare_exchange_inline(value, zero, in), STOA_CHANGED);
	assert_memory_equal(zero, in, sizeof in);
	ok(stoa_value_exchange_inline(value, in, out));
	assert_memory_equal(in, out, sizeof in);
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void an_odd_byte_of_a_bool_is_true_and_stays(void **state)
{
	struct stoa_segment *segment = new_segment();
	struct stoa_array *array = array_of_type(segment, "bools", STOA_BOOL, 0);
	uint8_t *bytes = stoa_array_data(array), seen = 0, yes = 1, no = 0;

	(void)state;
	bytes[2] = 0x80;
	ok(stoa_array_load_inline(array, 2, &seen));
	assert_int_equal(seen, 1);
	ok(stoa_array_fetch_add_inline(array, 2, &no, &seen));
	assert_int_equal(seen, 1);
	ok(stoa_array_compare_exchange_inline(array, 2, &yes, &no)); /* compared as it reads */
	assert_int_equal(bytes[2], 0);
	assert_int_equal(bytes[1] | bytes[3], 0);
	stoa_array_close(array);
	stoa_segment_close(segment);
}

/* ---- others ---- */

static bool joined(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void a_forked_child_goes_on_with_the_handles(void **state)
{
	struct place place;
	int64_t one = 1, seen = 0;
	pid_t pid;

	(void)state;
	place_open(&place, STOA_I64);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 1000; i++)
			if (stoa_value_fetch_add_inline(place.inlined, &one, NULL) ||
			    stoa_array_fetch_add_inline(place.elements, 3, &one, NULL))
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < 1000; i++) {
		ok(stoa_value_fetch_add_inline(place.inlined, &one, NULL));
		ok(stoa_array_fetch_add_inline(place.elements, 3, &one, NULL));
	}
	assert_true(joined(pid));
	ok(stoa_value_load_inline(place.inlined, &seen));
	assert_true(seen == 2000);
	ok(stoa_array_load_inline(place.elements, 3, &seen));
	assert_true(seen == 2000);
	place_close(&place);
}

static int ask(struct stoa_value *value, int64_t i)
{
	int64_t expected = i, next_one = i + 1, one = 1;

	switch (i % 4) {
	case 0:
		return stoa_value_store_inline(value, &next_one);
	case 1:
		return stoa_value_exchange_inline(value, &next_one, &expected);
	case 2:
		return stoa_value_compare_exchange_inline(value, &expected, &next_one);
	default:
		return stoa_value_fetch_add_inline(value, &one, NULL);
	}
}

/* As a waiter does before it sleeps; who changes the value takes it back, and wakes (event.c). */
static void announce(struct stoa_value *value)
{
	__atomic_fetch_or((uint32_t *)STOA_HOT_NUMBER(value)->waiters, 1, __ATOMIC_SEQ_CST);
}

static bool announced(struct stoa_value *value)
{
	return __atomic_load_n(STOA_HOT_NUMBER(value)->waiters, __ATOMIC_SEQ_CST) & 1;
}

static void every_change_looks_for_waiters(void **state)
{
	struct stoa_segment *segment = new_segment();
	struct stoa_value *value = value_of_type(segment, "number", STOA_I64);
	int64_t other = -1, found;

	(void)state;
	for (int64_t i = 0; i < 8; i++) {
		announce(value);
		ok(ask(value, i));
		assert_false(announced(value));
	}
	announce(value);
	ok(stoa_value_load_inline(value, &found));
	assert_int_equal(stoa_value_compare_exchange_inline(value, &other, &found), STOA_CHANGED);
	assert_true(announced(value)); /* nothing has changed */
	stoa_value_close(value);
	stoa_segment_close(segment);
}

static void a_process_that_waits_is_woken(void **state)
{
	struct timespec deadline = stoa_deadline(60000000000);
	struct place place;
	int64_t one = 1;
	pid_t pid;

	(void)state;
	place_open(&place, STOA_I64);
	pid = fork();
	if (pid == 0) {
		int rc = 0;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int64_t i = 0; i < 100 && rc == 0; i++) {
			rc = stoa_value_wait(place.inlined, &i, &deadline);
			rc = rc ? rc : stoa_value_fetch_add_inline(place.called, &one, NULL);
		}
		_exit(rc != 0);
	}
	for (int64_t i = 0; i < 100; i++) {
		ok(ask(place.inlined, i));
		ok(stoa_value_wait(place.called, &i, &deadline));
	}
	assert_true(joined(pid));
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_short_way_is_the_long_way_for_every_type),
		cmocka_unit_test(integers_wrap_around_at_the_ends_of_their_types),
		cmocka_unit_test(a_read_only_handle_reads_and_refuses_all_else),
		cmocka_unit_test(a_struct_goes_the_long_way),
		cmocka_unit_test(an_odd_byte_of_a_bool_is_true_and_stays),
		cmocka_unit_test(a_forked_child_goes_on_with_the_handles),
		cmocka_unit_test(every_change_looks_for_waiters),
		cmocka_unit_test(a_process_that_waits_is_woken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
