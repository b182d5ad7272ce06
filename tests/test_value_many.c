/* SPDX-License-Identifier: BSD-2-Clause */
/* test_value_many.c - values in many processes and threads: nothing is lost. */
#include "value_helpers.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_count_of_many_processes_is_lost),
		cmocka_unit_test(a_thread_that_comes_gets_slots_of_its_own),
		cmocka_unit_test(a_thread_may_come_where_the_fence_is_forbidden_by_then),
		cmocka_unit_test(no_count_of_many_threads_is_lost),
		cmocka_unit_test(sums_of_numbers_are_exact),
		cmocka_unit_test(exchange_hands_every_version_to_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
