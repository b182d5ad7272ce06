/* SPDX-License-Identifier: BSD-2-Clause */
/* Semaphores, barriers and locks: killed and stopped at every instruction. */
#include "sync_helpers.h"

#include <sys/ptrace.h>

/* ---- killed and stopped at every instruction ---- */

/* An operation that a child does, and what holds after the child was killed or stopped somewhere in it. */
struct stepped {
	struct board *(*make)(void);
	void (*set_up)(struct board *board); /* before each child; or NULL */
	void (*before)(struct board *board); /* in the child: registers it */
	void (*operation)(struct board *board);
	/* `whole`: the operation had returned.  The child is dead, or else stopped. */
	void (*after)(struct board *board, bool dead, bool whole);
};

struct stepping {
	const struct stepped *what;
	struct board *board;
};

static int step_child(void *context)
{
	struct stepping *stepping = context;
	struct board *board = stepping->board;

	stepping->what->before(board);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	stepping->what->operation(board);
	board->done = 1;
	raise(SIGSTOP);
	return 0;
}

/* Lets a stopped child do so many instructions; false where it has done its operation. */
static bool advance(struct stepping *stepping, pid_t pid, int instructions)
{
	int status;

	for (int i = 0; i < instructions && !stepping->board->done; i++) {
		ok(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSTOPPED(status));
	}
	return !stepping->board->done;
}

/* The same from the beginning. */
static bool step(struct stepping *stepping, pid_t pid, int instructions)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	return advance(stepping, pid, instructions);
}

/* Lets a stopped child come to the end of its operation. */
static void go_on(struct stepping *stepping, pid_t pid)
{
	int status;

	if (!stepping->board->done) {
		ok(ptrace(PTRACE_CONT, pid, NULL, NULL));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSTOPPED(status));
	}
	assert_int_equal(stepping->board->done, 1);
}

static void step_through(const struct stepped *what)
{
	struct board *board = what->make();
	struct stepping stepping = { what, board };
	bool more = true;
	int points = 0;

	for (int k = 0; more && k < 5000; k += k < 600 ? 1 : 7) {
		bool dead = k % 3 != 0;
		pid_t pid;

		board->done = 0;
		if (what->set_up)
			what->set_up(board);
		pid = child_start(step_child, &stepping);
		more = step(&stepping, pid, k);
		if (dead) {
			child_kill(pid);
			what->after(board, true, !more);
		} else {
			what->after(board, false, !more);
			go_on(&stepping, pid);
			child_kill(pid);
			what->after(board, true, true);
		}
		points++;
	}
	print_message("%d points\n", points);
	assert_true(points > 20);
	assert_false(more);
	end_board(board);
}

static void lock_before(struct board *board)
{
	(void)try_lock(board); /* registered */
}

static void lock_operation(struct board *board)
{
	stoa_lock_acquire(board->lock, &stoa_now);
	board->holder++;
	stoa_lock_release(board->lock);
}

static void lock_after(struct board *board, bool dead, bool whole)
{
	int rc = stoa_lock_acquire(board->lock, dead ? in(LONG) : &stoa_now);

	assert_true(rc == 0 || (dead && !whole && rc == STOA_OWNER_DIED) ||
	            (!dead && !whole && rc == STOA_TIMEOUT));
	if (rc == STOA_TIMEOUT)
		return;
	ok(stoa_lock_release(board->lock));
	ok(stoa_lock_acquire(board->lock, &stoa_now)); /* told once */
	ok(stoa_lock_release(board->lock));
}

static struct board *permits_board(void)
{
	return with_semaphore(STOA_PERMITS_RETURN, 0, 2);
}

static void semaphore_before(struct board *board)
{
	stoa_semaphore_wait(board->semaphore, NULL);
	stoa_semaphore_post(board->semaphore);
}

static void semaphore_operation(struct board *board)
{
	stoa_semaphore_wait(board->semaphore, &stoa_now);
	stoa_semaphore_post(board->semaphore);
}

static void semaphore_after(struct board *board, bool dead, bool whole)
{
	reap(board);
	if (dead || whole)
		assert_int_equal(permits_free(board), 2);
	else
		assert_in_range(permits_free(board), 1, 2);
	ok(stoa_semaphore_wait(board->semaphore, &stoa_now));
	ok(stoa_semaphore_post(board->semaphore));
}

static struct board *count_board(void)
{
	return with_semaphore(0, 5, 0);
}

static void count_after(struct board *board, bool dead, bool whole)
{
	uint32_t count = permits_free(board);

	(void)dead;
	reap(board);
	assert_true(count == 5 || (!whole && count == 4));
	if (count == 4 && dead) /* it is lost, and its successor makes it good */
		ok(stoa_semaphore_post(board->semaphore));
}

static struct board *barrier_board(void)
{
	return with_barrier(2);
}

static void barrier_before(struct board *board)
{
	stoa_barrier_wait(board->barrier, &stoa_now);
}

static void barrier_operation(struct board *board)
{
	board->result = stoa_barrier_wait(board->barrier, &stoa_now);
}

/* Arriving alone, and giving up. */
static void barrier_after(struct board *board, bool dead, bool whole)
{
	uint32_t round = round_now(board);
	int rc = stoa_barrier_wait(board->barrier, &stoa_now);

	if (dead || whole) {
		times_out(rc);
		assert_int_equal(round_now(board), round);
		reap(board);
		for (int i = 0; i < 2; i++) /* both seats are free again */
			assert_int_not_equal(atom64_load_seq(&((struct sync *)board->barrier)->cells[i]) & 3,
			                     SEAT_LEAVING);
		if (board->a++ % 16 == 0) {
			uint64_t kept = board->a;

			steps(board, 1, 1, 3);
			board->a = kept;
		}
	} else {
		assert_true(rc == 0 || rc == STOA_TIMEOUT); /* it had arrived, or not */
		assert_int_equal(round_now(board), round + (rc == 0));
	}
}

/* Arriving last: somebody waits. */
static void last_set_up(struct board *board)
{
	struct waiting waiting = { board, wait_barrier, LONG };

	board->b = round_now(board);
	board->holder = child_start(wait_and_tell, &waiting);
	assert_true(falls_asleep(board->holder));
}

static void last_before(struct board *board)
{
	stoa_semaphore_wait(board->semaphore, NULL);
}

static struct board *last_board(void)
{
	struct stoa_semaphore_config many = {
		.struct_size = sizeof many,
		.flags = STOA_PERMITS_RETURN,
		.maximum = 1000,
	};
	struct board *board = with_barrier(2);

	ok(stoa_semaphore_create(board->segment, "semaphore", &many, &board->semaphore));
	return board;
}

static bool is_full(const struct board *board)
{
	const struct sync *sync = (struct sync *)board->barrier;

	for (uint32_t i = 0; i < sync->cell_count; i++) {
		uint64_t seat = atom64_load_seq(&sync->cells[i]);

		if ((seat & 3) != SEAT_TAKEN || (seat >> 18 & 0xffffff) != board->b)
			return false;
	}
	return round_now(board) == board->b;
}

static void last_after(struct board *board, bool dead, bool whole)
{
	if (!board->holder) /* it was stopped, and has gone on alone */
		return;
	/* Who waits ends a round that is full, if the child has not. */
	for (int ms = 0; !dead && !whole && is_full(board) && ms < PATIENCE_MS; ms++)
		sleep_ms(1);
	if (round_now(board) == board->b)
		ok(stoa_barrier_wait(board->barrier, in(LONG)));
	ok(child_end(board->holder));
	assert_int_equal(round_now(board), board->b + 1);
	board->holder = 0;
}

static void a_lock_may_be_killed_and_stopped_at_every_instruction(void **state)
{
	static const struct stepped lock = { with_lock, NULL, lock_before, lock_operation, lock_after };

	(void)state;
	step_through(&lock);
}

static void permits_may_be_killed_and_stopped_at_every_instruction(void **state)
{
	static const struct stepped permits = { permits_board, NULL, semaphore_before, semaphore_operation,
		                                semaphore_after };

	(void)state;
	step_through(&permits);
}

static void a_count_may_be_killed_and_stopped_at_every_instruction(void **state)
{
	static const struct stepped count = { count_board, NULL, semaphore_before, semaphore_operation,
		                              count_after };

	(void)state;
	step_through(&count);
}

static void a_party_may_be_killed_and_stopped_at_every_instruction(void **state)
{
	static const struct stepped alone = { barrier_board, NULL, barrier_before, barrier_operation,
		                              barrier_after };

	(void)state;
	step_through(&alone);
}

static void the_last_party_may_be_killed_and_stopped_at_every_instruction(void **state)
{
	static const struct stepped last = { last_board, last_set_up, last_before, barrier_operation,
		                             last_after };

	(void)state;
	step_through(&last);
}

/* ---- two at once ---- */

/* A board of its own for one who is stepped: the same objects. */
static struct board *copy_of(const struct board *board)
{
	struct board *copy = shared_memory(sizeof *copy);

	*copy = *board;
	return copy;
}

static void two_who_try_at_once_pass_both_or_neither(void **state)
{
	static const struct stepped both = { last_board, NULL, last_before, barrier_operation, last_after };
	struct board *board = last_board(), *boards[2] = { copy_of(board), copy_of(board) };
	struct stepping steppings[2] = { { &both, boards[0] }, { &both, boards[1] } };
	uint64_t seed = 123456789u;
	int passed = 0, tries = 600;

	(void)state;
	for (int n = 0; n < tries; n++) {
		uint32_t round = round_now(board);
		pid_t pids[2];

		for (int i = 0; i < 2; i++) {
			boards[i]->done = 0;
			pids[i] = child_start(step_child, &steppings[i]);
			step(&steppings[i], pids[i], (int)(random_next(&seed) % 400));
		}
		for (int i = 0; i < 2; i++)
			go_on(&steppings[i], pids[i]);
		assert_int_equal(boards[0]->result, boards[1]->result);
		assert_true(boards[0]->result == STOA_OK || boards[0]->result == STOA_TIMEOUT);
		assert_int_equal(round_now(board), round + (boards[0]->result == STOA_OK));
		passed += boards[0]->result == STOA_OK;
		for (int i = 0; i < 2; i++)
			child_kill(pids[i]);
	}
	assert_in_range(passed, 1, tries - 1);
	end_board(board);
}

static void take_operation(struct board *board)
{
	board->result = stoa_semaphore_wait(board->semaphore, &stoa_now);
}

/* Of two permits this process holds one; now it is the other.  One is free at any time. */
static void move_permit(struct board *board, uint32_t from)
{
	struct sync *sync = (struct sync *)board->semaphore;

	atom32_store_seq(&sync->hint, from);
	ok(stoa_semaphore_post(board->semaphore));
	atom32_store_seq(&sync->hint, 1 - from);
	ok(stoa_semaphore_wait(board->semaphore, &stoa_now));
	assert_int_equal(atom32_load_seq(&sync->hint), 1 - from);
}

static void a_permit_that_moves_behind_ones_back_is_found(void **state)
{
	static const struct stepped take = { permits_board, NULL, semaphore_before, take_operation,
		                             semaphore_after };
	struct board *board = permits_board();
	struct stepping stepping = { &take, board };
	struct sync *sync = (struct sync *)board->semaphore;
	uint64_t seed = 987654321u;

	(void)state;
	for (int n = 0; n < 200; n++) {
		uint32_t held = 0;
		pid_t pid;

		board->done = 0;
		reap(board);
		assert_int_equal(permits_free(board), 2);
		atom32_store_seq(&sync->hint, 0);
		ok(stoa_semaphore_wait(board->semaphore, &stoa_now));
		pid = child_start(step_child, &stepping);
		for (bool more = step(&stepping, pid, 10); more;
		     more = advance(&stepping, pid, (int)(random_next(&seed) % 40))) {
			if (permits_free(board) == 0)
				continue; /* the child has it */
			move_permit(board, held);
			held = 1 - held;
		}
		ok(board->result);
		child_kill(pid);
		atom32_store_seq(&sync->hint, held);
		ok(stoa_semaphore_post(board->semaphore));
	}
	end_board(board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lock_may_be_killed_and_stopped_at_every_instruction),
		cmocka_unit_test(permits_may_be_killed_and_stopped_at_every_instruction),
		cmocka_unit_test(a_count_may_be_killed_and_stopped_at_every_instruction),
		cmocka_unit_test(a_party_may_be_killed_and_stopped_at_every_instruction),
		cmocka_unit_test(the_last_party_may_be_killed_and_stopped_at_every_instruction),
		cmocka_unit_test(two_who_try_at_once_pass_both_or_neither),
		cmocka_unit_test(a_permit_that_moves_behind_ones_back_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
