/* SPDX-License-Identifier: BSD-2-Clause */
/* Barriers: parties that keep step, give up, stop and die. */
#include "sync_helpers.h"

/* ---- barrier ---- */

static void a_barrier_of_one_never_waits(void **state)
{
	struct board *board = with_barrier(1);

	(void)state;
	for (int i = 0; i < 1000; i++)
		ok(stoa_barrier_wait(board->barrier, i % 2 ? NULL : &stoa_now));
	end_board(board);
}

static void who_gives_up_has_not_arrived(void **state)
{
	struct board *board = with_barrier(2);
	struct waiting waiting = { board, wait_barrier, LONG };
	uint32_t round = round_now(board);
	pid_t pid;

	(void)state;
	for (int i = 0; i < 10; i++)
		times_out(stoa_barrier_wait(board->barrier, i % 2 ? in(5 * MS) : &stoa_now));
	assert_int_equal(round_now(board), round);
	pid = child_start(wait_and_tell, &waiting);
	assert_true(falls_asleep(pid));
	ok(stoa_barrier_wait(board->barrier, &stoa_now)); /* the last one need not wait */
	ok(child_end(pid));
	assert_int_equal(round_now(board), round + 1);
	end_board(board);
}

static void parties_keep_step_over_many_rounds(void **state)
{
	struct board *board = with_barrier(2);

	(void)state;
	steps(board, 2, 0, 2000);
	steps(board, 0, 2, 2000);
	end_board(board);
	board = with_barrier(5);
	steps(board, 3, 2, 300);
	end_board(board);
}

static void rounds_wrap_around(void **state)
{
	struct board *board = with_barrier(2);
	struct sync_layout *bytes = bytes_of(board->barrier);
	struct atom64 *seats = (struct atom64 *)(void *)(bytes + 1);

	(void)state;
	atom64_store_seq(&bytes->word, ~0ull << 24 | 0xfffff0);
	for (int i = 0; i < 2; i++)
		atom64_store_seq(&seats[i], ~0ull << 42 | 0xffffefull << 18);
	steps(board, 1, 1, 100);
	assert_int_equal(round_now(board), 0xfffff0 + 100 - 0x1000000);
	end_board(board);
}

static void a_dead_arrival_does_not_count(void **state)
{
	struct board *board = with_barrier(3);
	struct waiting waiting = { board, wait_barrier, 0 };
	uint32_t round = round_now(board);
	pid_t pids[2];

	(void)state;
	for (int i = 0; i < 5; i++) {
		pids[0] = child_start(wait_and_tell, &waiting);
		assert_true(falls_asleep(pids[0]));
		child_kill(pids[0]);
	}
	/* more have died than the barrier has parties; the living are missing all the same */
	pids[0] = child_start(wait_and_tell, &waiting);
	assert_true(falls_asleep(pids[0]));
	times_out(stoa_barrier_wait(board->barrier, &stoa_now));
	times_out(stoa_barrier_wait(board->barrier, in(SHORT)));
	assert_int_equal(round_now(board), round);
	pids[1] = child_start(wait_and_tell, &waiting);
	assert_true(falls_asleep(pids[1]));
	ok(stoa_barrier_wait(board->barrier, in(LONG)));
	ok(child_end(pids[0]));
	ok(child_end(pids[1]));
	assert_int_equal(round_now(board), round + 1);
	end_board(board);
}

static void a_stopped_arrival_counts(void **state)
{
	struct board *board = with_barrier(2);
	struct waiting waiting = { board, wait_barrier, 0 };
	pid_t pid = child_start(wait_and_tell, &waiting);

	(void)state;
	assert_true(falls_asleep(pid));
	stop(pid);
	ok(stoa_barrier_wait(board->barrier, in(LONG)));
	times_out(stoa_barrier_wait(board->barrier, in(20 * MS))); /* it is not in the next round */
	steps(board, 1, 1, 100);                                   /* which goes on without it */
	ok(kill(pid, SIGCONT));
	ok(child_end(pid));
	end_board(board);
}

static int barrier_worker(void *context)
{
	struct board *board = context;

	for (;;) {
		int rc = stoa_barrier_wait(board->barrier, in(LONG));

		if (rc && !is_done(board))
			atom64_add_seq(&board->faults, 1);
	}
	return 0;
}

static void parties_that_are_killed_and_replaced_leave_the_barrier_exact(void **state)
{
	struct board *board = with_barrier(3);
	uint64_t seed = 521288629u;
	pid_t pids[3];

	(void)state;
	for (int storm = 0; storm < 8; storm++) {
		for (int i = 0; i < 3; i++)
			pids[i] = child_start(barrier_worker, board);
		for (int n = 0; n < 40; n++) {
			pid_t *victim = &pids[random_next(&seed) % 3];
			uint32_t round;

			usleep((useconds_t)(random_next(&seed) % 2000));
			child_kill(*victim);
			*victim = child_start(barrier_worker, board);
			round = round_now(board);
			for (int ms = 0; round_now(board) == round; ms++) { /* they go on */
				assert_true(ms < PATIENCE_MS);
				usleep(200);
			}
		}
		set_word(&board->done, 1);
		for (int i = 0; i < 3; i++)
			child_kill(pids[i]);
		set_word(&board->done, 0);
		times_out(stoa_barrier_wait(board->barrier, &stoa_now));
		steps(board, 2, 1, 50); /* nobody reaps before */
	}
	ok(atom64_load_seq(&board->faults));
	end_board(board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_barrier_of_one_never_waits),
		cmocka_unit_test(who_gives_up_has_not_arrived),
		cmocka_unit_test(parties_keep_step_over_many_rounds),
		cmocka_unit_test(rounds_wrap_around),
		cmocka_unit_test(a_dead_arrival_does_not_count),
		cmocka_unit_test(a_stopped_arrival_counts),
		cmocka_unit_test(parties_that_are_killed_and_replaced_leave_the_barrier_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
