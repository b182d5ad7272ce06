/* SPDX-License-Identifier: BSD-2-Clause */
/* test_value_wait.c - waiting for a change of a value. */
#include "value_helpers.h"

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
		cmocka_unit_test(every_change_wakes_who_waits),
		cmocka_unit_test(a_wait_ends_at_its_deadline),
		cmocka_unit_test(a_signal_handler_ends_a_wait),
		cmocka_unit_test(a_killed_waiter_hinders_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
