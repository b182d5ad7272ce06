/* SPDX-License-Identifier: BSD-2-Clause */
/* Locks: who holds one, and holders that die. */
#include "sync_helpers.h"

#include <sys/syscall.h>

/* ---- lock ---- */

static void *try_lock_in_thread(void *context)
{
	return (void *)(intptr_t)try_lock(context);
}

static void one_thread_of_one_process_holds_a_lock(void **state)
{
	struct board *board = with_lock();

	(void)state;
	assert_int_equal(stoa_lock_release(board->lock), -EPERM);
	ok(stoa_lock_acquire(board->lock, NULL));
	assert_int_equal(stoa_lock_acquire(board->lock, NULL), -EDEADLK);
	assert_int_equal(stoa_lock_acquire(board->lock, &stoa_now), -EDEADLK);
	assert_int_equal(in_thread(try_lock_in_thread, board), STOA_TIMEOUT);
	assert_int_equal(in_child(try_lock, board), STOA_TIMEOUT);
	ok(stoa_lock_release(board->lock));
	assert_int_equal(stoa_lock_release(board->lock), -EPERM);
	ok(in_thread(try_lock_in_thread, board));
	ok(in_child(try_lock, board));
	end_board(board);
}

static int hold_lock(void *context)
{
	struct board *board = context;

	board->result = stoa_lock_acquire(board->lock, NULL);
	set_word(&board->ready, 1);
	pause();
	return 0;
}

/* A child that holds the lock, having got it by `rc`. */
static pid_t holder(struct board *board, int rc)
{
	pid_t pid;

	board->ready = 0;
	pid = child_start(hold_lock, board);
	assert_true(await_word(&board->ready, 1));
	assert_int_equal(board->result, rc);
	return pid;
}

static void a_dead_holder_loses_the_lock_and_the_next_is_told(void **state)
{
	struct board *board = with_lock();
	pid_t pid;

	(void)state;
	child_kill(holder(board, 0));
	/* who is told, and dies before it could repair anything, leaves it as it was */
	for (int i = 0; i < 5; i++) {
		pid = holder(board, STOA_OWNER_DIED);
		times_out(stoa_lock_acquire(board->lock, &stoa_now));
		child_kill(pid);
	}
	assert_int_equal(stoa_lock_acquire(board->lock, &stoa_now), STOA_OWNER_DIED); /* at once */
	ok(stoa_lock_release(board->lock));
	ok(stoa_lock_acquire(board->lock, &stoa_now));
	ok(stoa_lock_release(board->lock));
	end_board(board);
}

static int leave_with_lock(void *context)
{
	struct board *board = context;
	int rc = stoa_lock_acquire(board->lock, &stoa_now);

	if (rc)
		return 10 + rc;
	stoa_lock_close(board->lock); /* closing the handle gives nothing back */
	if (stoa_lock_open(board->segment, "it", NULL, &board->lock) ||
	    stoa_lock_acquire(board->lock, &stoa_now) != -EDEADLK)
		return 20;
	stoa_lock_close(board->lock);
	stoa_segment_close(board->segment);
	return 0;
}

static void who_leaves_the_segment_loses_the_lock(void **state)
{
	struct board *board = with_lock();
	struct board *inner = shared_memory(sizeof *inner);

	(void)state;
	*inner = *board; /* the child's handles are its own */
	ok(in_child(leave_with_lock, inner));
	assert_int_equal(stoa_lock_acquire(board->lock, &stoa_now), STOA_OWNER_DIED);
	ok(stoa_lock_release(board->lock));
	end_board(board);
}

static void a_stopped_holder_keeps_the_lock(void **state)
{
	struct board *board = with_lock();
	pid_t pid = holder(board, 0);

	(void)state;
	stop(pid);
	times_out(stoa_lock_acquire(board->lock, in(SHORT)));
	assert_true(stoa_segment_reap(board->segment) == 0);
	times_out(stoa_lock_acquire(board->lock, &stoa_now));
	child_kill(pid);
	assert_int_equal(stoa_lock_acquire(board->lock, NULL), STOA_OWNER_DIED);
	end_board(board);
}

static void a_child_does_not_hold_what_its_parent_holds(void **state)
{
	struct board *board = with_lock();
	pid_t pid;

	(void)state;
	ok(stoa_lock_acquire(board->lock, NULL));
	assert_int_equal(in_child(try_lock, board), STOA_TIMEOUT);
	ok(stoa_lock_release(board->lock));
	/* and the parent does not hold what its child holds, nor take it when the child has died */
	pid = holder(board, 0);
	times_out(stoa_lock_acquire(board->lock, &stoa_now));
	assert_int_equal(stoa_lock_release(board->lock), -EPERM);
	child_kill(pid);
	assert_int_equal(stoa_lock_release(board->lock), -EPERM);
	assert_int_equal(stoa_lock_acquire(board->lock, &stoa_now), STOA_OWNER_DIED);
	end_board(board);
}

/* A child of the holder lives on when that dies. */
static int die_holding(struct board *board, pid_t (*copy)(void))
{
	if (stoa_lock_acquire(board->lock, NULL))
		return 1;
	if (copy() == 0) { /* it does not keep its parent alive */
		set_word(&board->ready, 1);
		for (int ms = 0; ms < PATIENCE_MS && !is_done(board); ms++)
			sleep_ms(1);
		_exit(0);
	}
	await_word(&board->ready, 1);
	raise(SIGKILL);
	return 0;
}

static int fork_and_die_holding(void *context)
{
	return die_holding(context, fork);
}

static void a_child_that_lives_on_does_not_keep_its_parents_lock(void **state)
{
	struct board *board = with_lock();

	(void)state;
	assert_int_equal(in_child(fork_and_die_holding, board), CHILD_SIGNAL + SIGKILL);
	assert_int_equal(stoa_lock_acquire(board->lock, in(LONG)), STOA_OWNER_DIED);
	set_word(&board->done, 1);
	end_board(board);
}

/* No handler of fork() runs: the child has the lock's byte. */
static pid_t fork_unhandled(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int copy_itself_and_die_holding(void *context)
{
	return die_holding(context, fork_unhandled);
}

static void a_copy_of_its_holder_does_not_keep_a_lock_from_who_only_tries(void **state)
{
	struct board *board = with_lock();
	int rc = STOA_TIMEOUT;

	(void)state;
	assert_int_equal(in_child(copy_itself_and_die_holding, board), CHILD_SIGNAL + SIGKILL);
	for (int ms = 0; ms < PATIENCE_MS && rc == STOA_TIMEOUT; ms++) {
		rc = stoa_lock_acquire(board->lock, &stoa_now);
		sleep_ms(1);
	}
	set_word(&board->done, 1);
	assert_int_equal(rc, STOA_OWNER_DIED);
	end_board(board);
}

static void a_waiter_gets_the_lock_by_release_and_by_death(void **state)
{
	struct board *board = with_lock();
	struct waiting waiting = { board, wait_lock, LONG };
	pid_t waiter, pid;

	(void)state;
	ok(stoa_lock_acquire(board->lock, NULL));
	waiter = child_start(wait_and_tell, &waiting);
	assert_true(falls_asleep(waiter));
	ok(stoa_lock_release(board->lock));
	ok(child_end(waiter)); /* and dies with it */
	pid = holder(board, STOA_OWNER_DIED);
	waiter = child_start(wait_and_tell, &waiting);
	assert_true(falls_asleep(waiter));
	child_kill(pid);
	assert_int_equal(child_end(waiter), STOA_OWNER_DIED);
	end_board(board);
}

/* ---- held by a process, broken by anybody ---- */

static int lock_state(struct board *board)
{
	struct stoa_lock_config info = { .struct_size = sizeof info };
	int rc = stoa_lock_info(board->lock, &info);

	return rc ? rc : (int)info.state;
}

static int break_lock(void *context)
{
	return -stoa_lock_break(((struct board *)context)->lock);
}

static void *break_lock_in_thread(void *context)
{
	return (void *)(intptr_t)break_lock(context);
}

static void a_lock_that_a_process_took_is_released_by_anybody(void **state)
{
	struct board *board = with_lock();

	(void)state;
	assert_int_equal(stoa_lock_break(board->lock), -EPERM);
	assert_int_equal(lock_state(board), STOA_LOCK_FREE);
	ok(stoa_lock_take(board->lock, NULL));
	assert_int_equal(lock_state(board), STOA_LOCK_HELD);
	times_out(stoa_lock_take(board->lock, &stoa_now)); /* also who has it */
	times_out(stoa_lock_acquire(board->lock, in(MS)));
	assert_int_equal(stoa_lock_release(board->lock), -EPERM);
	ok(in_thread(break_lock_in_thread, board));
	ok(stoa_lock_take(board->lock, NULL));
	ok(in_child(break_lock, board));
	assert_int_equal(in_child(break_lock, board), EPERM);
	assert_int_equal(lock_state(board), STOA_LOCK_FREE);
	end_board(board);
}

static int take_and_tell(void *context)
{
	struct board *board = context;

	set_word(&board->ready, 1);
	return stoa_lock_take(board->lock, in(LONG));
}

static void who_takes_a_lock_twice_waits_for_who_breaks_it(void **state)
{
	struct board *board = with_lock();
	pid_t pid;

	(void)state;
	ok(stoa_lock_take(board->lock, NULL));
	pid = child_start(break_lock, board);
	ok(stoa_lock_take(board->lock, in(LONG))); /* until the child has broken it */
	ok(child_end(pid));
	pid = child_start(take_and_tell, board);
	assert_true(await_word(&board->ready, 1));
	assert_true(falls_asleep(pid));
	ok(stoa_lock_break(board->lock));
	ok(child_end(pid)); /* and dies with it */
	assert_int_equal(stoa_lock_take(board->lock, &stoa_now), STOA_OWNER_DIED);
	end_board(board);
}

static void who_was_broken_does_not_release_the_next_ones_lock(void **state)
{
	struct board *board = with_lock();
	pid_t pid;

	(void)state;
	ok(stoa_lock_acquire(board->lock, NULL));
	ok(in_child(break_lock, board));
	pid = holder(board, 0);
	assert_int_equal(stoa_lock_release(board->lock), -EPERM);
	times_out(stoa_lock_acquire(board->lock, &stoa_now));
	child_kill(pid);
	end_board(board);
}

static void nobody_is_told_of_a_death_over_a_broken_lock(void **state)
{
	struct board *board = with_lock();

	(void)state;
	child_kill(holder(board, 0)); /* before anybody has looked */
	assert_int_equal(lock_state(board), STOA_LOCK_HELD);
	ok(stoa_lock_break(board->lock));
	ok(stoa_lock_acquire(board->lock, &stoa_now));
	ok(stoa_lock_release(board->lock));
	child_kill(holder(board, 0));
	reap(board); /* and after it */
	assert_int_equal(lock_state(board), STOA_LOCK_ORPHANED);
	ok(stoa_lock_break(board->lock));
	ok(stoa_lock_acquire(board->lock, &stoa_now));
	end_board(board);
}

/* ---- storms ---- */

/* The thread's part of the storms: two words that belong together. */
static int work_under_lock(struct board *board, uint64_t *seed)
{
	int rc = stoa_lock_acquire(board->lock, in(LONG));

	if (rc != 0 && rc != STOA_OWNER_DIED)
		return 1;
	if (rc == STOA_OWNER_DIED) {
		atom64_add_seq(&board->told, 1);
		board->b = board->a; /* repaired */
	} else if (board->a != board->b || board->holder) {
		return 2;
	}
	board->holder = getpid();
	board->a++;
	for (uint64_t i = random_next(seed) % 500; i; i--)
		cpu_pause();
	if (board->holder != getpid() || board->a != board->b + 1)
		return 3;
	board->b++;
	atom64_add_seq(&board->count, 1);
	board->holder = 0;
	return stoa_lock_release(board->lock) ? 4 : 0;
}

static int lock_worker(void *context)
{
	struct board *board = context;
	uint64_t seed = (uint64_t)getpid() * 0x9e3779b97f4a7c15u | 1;
	int rc = 0;

	while (!rc && !is_done(board))
		rc = work_under_lock(board, &seed);
	if (rc)
		atom64_add_seq(&board->faults, 1);
	return rc;
}

static void *lock_worker_thread(void *context)
{
	return (void *)(intptr_t)lock_worker(context);
}

static void threads_and_processes_exclude_each_other(void **state)
{
	struct board *board = with_lock();
	pthread_t threads[2];
	void *result;
	pid_t pids[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		pids[i] = child_start(lock_worker, board);
	for (int i = 0; i < 2; i++)
		ok(pthread_create(&threads[i], NULL, lock_worker_thread, board));
	sleep_ms(700);
	set_word(&board->done, 1);
	for (int i = 0; i < 2; i++) {
		ok(child_end(pids[i]));
		ok(pthread_join(threads[i], &result));
		assert_null(result);
	}
	assert_int_equal(board->a, board->b);
	assert_int_equal(atom64_load_seq(&board->count), board->a);
	assert_int_equal(atom64_load_seq(&board->told), 0);
	assert_true(board->a > 100);
	end_board(board);
}

static void what_a_lock_protects_is_never_torn_unnoticed_in_a_storm_of_kills(void **state)
{
	struct board *board = with_lock();
	uint64_t seed = 88172645463325252u, holding = 0, kills = 400;
	pid_t pids[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		pids[i] = child_start(lock_worker, board);
	for (uint64_t n = 0; n < kills; n++) {
		pid_t *victim = &pids[random_next(&seed) % 4];
		uint64_t before;
		bool stopped = n % 8 == 0;

		usleep((useconds_t)(random_next(&seed) % 4000));
		if (stopped) {
			kill(*victim, SIGSTOP);
			usleep(1000);
		}
		child_kill(*victim);
		holding += board->holder == *victim; /* it lasts until the next one is told */
		*victim = child_start(lock_worker, board);
		/* work goes on */
		before = atom64_load_seq(&board->count);
		for (int ms = 0; n % 16 == 0 && atom64_load_seq(&board->count) == before; ms++) {
			assert_true(ms < PATIENCE_MS);
			sleep_ms(1);
		}
	}
	set_word(&board->done, 1);
	for (int i = 0; i < 4; i++)
		ok(child_end(pids[i]));
	ok(atom64_load_seq(&board->faults));
	assert_true(holding > 0);
	assert_true(atom64_load_seq(&board->told) >= holding);
	assert_true(atom64_load_seq(&board->told) <= kills);
	assert_true(stoa_lock_acquire(board->lock, in(LONG)) != STOA_TIMEOUT);
	end_board(board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thread_of_one_process_holds_a_lock),
		cmocka_unit_test(a_dead_holder_loses_the_lock_and_the_next_is_told),
		cmocka_unit_test(who_leaves_the_segment_loses_the_lock),
		cmocka_unit_test(a_stopped_holder_keeps_the_lock),
		cmocka_unit_test(a_child_does_not_hold_what_its_parent_holds),
		cmocka_unit_test(a_child_that_lives_on_does_not_keep_its_parents_lock),
		cmocka_unit_test(a_copy_of_its_holder_does_not_keep_a_lock_from_who_only_tries),
		cmocka_unit_test(a_waiter_gets_the_lock_by_release_and_by_death),
		cmocka_unit_test(a_lock_that_a_process_took_is_released_by_anybody),
		cmocka_unit_test(who_takes_a_lock_twice_waits_for_who_breaks_it),
		cmocka_unit_test(who_was_broken_does_not_release_the_next_ones_lock),
		cmocka_unit_test(nobody_is_told_of_a_death_over_a_broken_lock),
		cmocka_unit_test(threads_and_processes_exclude_each_other),
		cmocka_unit_test(what_a_lock_protects_is_never_torn_unnoticed_in_a_storm_of_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
