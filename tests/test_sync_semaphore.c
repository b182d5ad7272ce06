/* SPDX-License-Identifier: BSD-2-Clause */
/* Semaphores: counts, and permits that come back from the dead. */
#include "sync_helpers.h"

/* ---- semaphore ---- */

static void a_count_goes_from_zero_to_its_maximum(void **state)
{
	struct board *board = with_semaphore(0, 1, 3);

	(void)state;
	ok(stoa_semaphore_wait(board->semaphore, NULL));
	times_out(stoa_semaphore_wait(board->semaphore, &stoa_now));
	times_out(stoa_semaphore_wait(board->semaphore, in(20 * MS)));
	for (int i = 0; i < 3; i++)
		ok(stoa_semaphore_post(board->semaphore));
	assert_int_equal(stoa_semaphore_post(board->semaphore), -EOVERFLOW);
	assert_int_equal(permits_free(board), 3);
	for (int i = 0; i < 3; i++)
		ok(stoa_semaphore_wait(board->semaphore, &stoa_now));
	times_out(stoa_semaphore_wait(board->semaphore, &stoa_now));
	end_board(board);
}

static int take_one(void *context)
{
	struct board *board = context;

	return stoa_semaphore_wait(board->semaphore, in(LONG));
}

static int post_one(void *context)
{
	struct board *board = context;

	return -stoa_semaphore_post(board->semaphore);
}

static void *post_in_thread(void *context)
{
	return (void *)(intptr_t)post_one(context);
}

static void a_post_wakes_one_who_waits(void **state)
{
	struct board *board = with_semaphore(0, 0, 0);
	pid_t pids[3];
	int ended = 0, status;

	(void)state;
	for (int i = 0; i < 3; i++) {
		pids[i] = child_start(take_one, board);
		assert_true(falls_asleep(pids[i]));
	}
	ok(stoa_semaphore_post(board->semaphore));
	for (int ms = 0; ms < PATIENCE_MS && !ended; ms++) {
		ended = waitpid(-1, &status, WNOHANG) > 0;
		sleep_ms(1);
	}
	assert_true(ended);
	ok(status);
	sleep_ms(150);
	assert_int_equal(waitpid(-1, &status, WNOHANG), 0); /* one */
	ok(stoa_semaphore_post(board->semaphore));
	ok(stoa_semaphore_post(board->semaphore));
	for (int i = 0; i < 2; i++) {
		assert_true(waitpid(-1, &status, 0) > 0);
		ok(status);
	}
	ok(permits_free(board));
	end_board(board);
}

static void permits_of_a_process_are_its_own(void **state)
{
	struct board *board = with_semaphore(STOA_PERMITS_RETURN, 0, 2);

	(void)state;
	assert_int_equal(stoa_semaphore_post(board->semaphore), -EPERM);
	ok(stoa_semaphore_wait(board->semaphore, NULL));
	ok(stoa_semaphore_wait(board->semaphore, NULL));
	times_out(stoa_semaphore_wait(board->semaphore, &stoa_now));
	assert_int_equal(in_child(post_one, board), EPERM); /* nor does a child inherit them */
	ok(in_thread(post_in_thread, board));               /* threads share them */
	assert_int_equal(permits_free(board), 1);
	ok(stoa_semaphore_post(board->semaphore));
	assert_int_equal(stoa_semaphore_post(board->semaphore), -EPERM);
	assert_int_equal(permits_free(board), 2);
	end_board(board);
}

static int take_and_pause(void *context)
{
	struct board *board = context;

	board->result = stoa_semaphore_wait(board->semaphore, in(LONG));
	set_word(&board->ready, 1);
	pause();
	return 0;
}

static pid_t permit_holder(struct board *board)
{
	pid_t pid;

	board->ready = 0;
	pid = child_start(take_and_pause, board);
	assert_true(await_word(&board->ready, 1));
	ok(board->result);
	return pid;
}

static void permits_of_the_dead_return_where_asked_for(void **state)
{
	struct board *board = with_semaphore(STOA_PERMITS_RETURN, 0, 2);
	struct waiting waiting = { board, wait_semaphore, LONG };
	pid_t holders[2], waiter;

	(void)state;
	for (int i = 0; i < 2; i++)
		holders[i] = permit_holder(board);
	times_out(stoa_semaphore_wait(board->semaphore, &stoa_now));
	stop(holders[0]); /* a stopped one keeps its permit */
	times_out(stoa_semaphore_wait(board->semaphore, in(SHORT)));
	waiter = child_start(wait_and_tell, &waiting);
	assert_true(falls_asleep(waiter));
	child_kill(holders[0]);
	ok(child_end(waiter)); /* it gets the permit, and ends with it */
	ok(stoa_semaphore_wait(board->semaphore, in(LONG)));
	times_out(stoa_semaphore_wait(board->semaphore, &stoa_now));
	child_kill(holders[1]);
	reap(board);
	assert_int_equal(permits_free(board), 1);
	end_board(board);
}

static void permits_of_the_dead_are_lost_where_not(void **state)
{
	struct board *board = with_semaphore(0, 2, 2);

	(void)state;
	child_kill(permit_holder(board));
	reap(board);
	assert_int_equal(permits_free(board), 1);
	end_board(board);
}

static int take_and_post(void *context)
{
	struct board *board = context;
	uint64_t seed = (uint64_t)getpid() * 0x9e3779b97f4a7c15u | 1;
	int held = 0;

	while (!is_done(board)) {
		if (held < 3 && random_next(&seed) % 2) {
			int rc = stoa_semaphore_wait(board->semaphore, held ? &stoa_now : in(5 * MS));

			if (rc && rc != STOA_TIMEOUT)
				atom64_add_seq(&board->faults, 1);
			held += rc == 0;
		} else if (held) {
			if (stoa_semaphore_post(board->semaphore))
				atom64_add_seq(&board->faults, 1);
			held--;
		}
		if (random_next(&seed) % 16 == 0)
			usleep(100);
	}
	return 0;
}

static void permits_are_conserved_over_a_thousand_deaths(void **state)
{
	struct board *board = with_semaphore(STOA_PERMITS_RETURN, 0, 5);
	uint64_t seed = 362436069u;
	pid_t pids[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		pids[i] = child_start(take_and_post, board);
	for (int n = 0; n < 1000; n++) {
		pid_t *victim = &pids[random_next(&seed) % 4];

		usleep((useconds_t)(random_next(&seed) % 1500));
		child_kill(*victim);
		*victim = child_start(take_and_post, board);
		if (n % 100 == 99) { /* all of them are there */
			for (int i = 0; i < 4; i++)
				child_kill(pids[i]);
			reap(board);
			assert_int_equal(permits_free(board), 5);
			for (int i = 0; i < 5; i++)
				ok(stoa_semaphore_wait(board->semaphore, &stoa_now));
			for (int i = 0; i < 5; i++)
				ok(stoa_semaphore_post(board->semaphore));
			for (int i = 0; i < 4; i++)
				pids[i] = child_start(take_and_post, board);
		}
	}
	set_word(&board->done, 1);
	for (int i = 0; i < 4; i++)
		ok(child_end(pids[i]));
	ok(atom64_load_seq(&board->faults));
	reap(board);
	assert_int_equal(permits_free(board), 5); /* children ended holding some */
	end_board(board);
}

static int take_one_of_enough(void *context)
{
	struct board *board = context;

	while (!is_done(board)) {
		if (stoa_semaphore_wait(board->semaphore, &stoa_now) || stoa_semaphore_post(board->semaphore))
			atom64_add_seq(&board->faults, 1);
		atom64_add_seq(&board->count, 1);
	}
	return 0;
}

static void *take_one_of_enough_thread(void *context)
{
	take_one_of_enough(context);
	return NULL;
}

static void a_free_permit_is_never_overlooked(void **state)
{
	/* four users with one each at most: one is free at any time */
	struct board *board = with_semaphore(STOA_PERMITS_RETURN, 0, 4);
	pthread_t threads[2];
	pid_t pids[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		pids[i] = child_start(take_one_of_enough, board);
	for (int i = 0; i < 2; i++)
		ok(pthread_create(&threads[i], NULL, take_one_of_enough_thread, board));
	sleep_ms(1500);
	set_word(&board->done, 1);
	for (int i = 0; i < 2; i++) {
		ok(child_end(pids[i]));
		ok(pthread_join(threads[i], NULL));
	}
	ok(atom64_load_seq(&board->faults));
	assert_true(atom64_load_seq(&board->count) > 1000);
	assert_int_equal(permits_free(board), 4);
	end_board(board);
}

static int produce(void *context)
{
	struct board *board = context;

	for (int i = 0; i < 20000; i++) {
		int rc;

		while ((rc = stoa_semaphore_post(board->semaphore)) == -EOVERFLOW)
			sleep_ms(1);
		if (rc)
			return 1;
	}
	return 0;
}

static int consume(void *context)
{
	struct board *board = context;

	for (int i = 0; i < 20000; i++)
		if (stoa_semaphore_wait(board->semaphore, in(LONG)))
			return 1;
	return 0;
}

static void no_post_is_lost_and_none_is_taken_twice(void **state)
{
	struct board *board = with_semaphore(0, 0, 100);
	pid_t pids[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		pids[i] = child_start(i % 2 ? produce : consume, board);
	for (int i = 0; i < 4; i++)
		ok(child_end(pids[i]));
	times_out(stoa_semaphore_wait(board->semaphore, &stoa_now));
	end_board(board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_count_goes_from_zero_to_its_maximum),
		cmocka_unit_test(a_post_wakes_one_who_waits),
		cmocka_unit_test(permits_of_a_process_are_its_own),
		cmocka_unit_test(permits_of_the_dead_return_where_asked_for),
		cmocka_unit_test(permits_of_the_dead_are_lost_where_not),
		cmocka_unit_test(permits_are_conserved_over_a_thousand_deaths),
		cmocka_unit_test(a_free_permit_is_never_overlooked),
		cmocka_unit_test(no_post_is_lost_and_none_is_taken_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
