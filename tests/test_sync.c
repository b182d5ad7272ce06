/* SPDX-License-Identifier: BSD-2-Clause */
/* What semaphores, events, barriers and locks have in common: objects, deadlines, signals; and events. */
#include "sync_helpers.h"

/* ---- objects ---- */

typedef int create_fn(struct stoa_segment *segment, const char *name, uint32_t flags, void **handle);

static int create_semaphore(struct stoa_segment *segment, const char *name, uint32_t flags, void **handle)
{
	struct stoa_semaphore_config config = { .struct_size = sizeof config, .flags = flags, .maximum = 9 };

	return stoa_semaphore_create(segment, name, &config, (struct stoa_semaphore **)handle);
}

static int create_permits(struct stoa_segment *segment, const char *name, uint32_t flags, void **handle)
{
	return create_semaphore(segment, name, flags | STOA_PERMITS_RETURN, handle);
}

static int create_event(struct stoa_segment *segment, const char *name, uint32_t flags, void **handle)
{
	struct stoa_event_config config = { .struct_size = sizeof config, .flags = flags };

	return stoa_event_create(segment, name, &config, (struct stoa_event **)handle);
}

static int create_barrier(struct stoa_segment *segment, const char *name, uint32_t flags, void **handle)
{
	struct stoa_barrier_config config = { .struct_size = sizeof config, .flags = flags, .parties = 9 };

	return stoa_barrier_create(segment, name, &config, (struct stoa_barrier **)handle);
}

static int create_lock(struct stoa_segment *segment, const char *name, uint32_t flags, void **handle)
{
	struct stoa_lock_config config = { .struct_size = sizeof config, .flags = flags };

	return stoa_lock_create(segment, name, &config, (struct stoa_lock **)handle);
}

static create_fn *const kinds[] = { create_semaphore, create_permits, create_event, create_barrier,
	                            create_lock };

static void objects_are_created_once_and_found_by_name(void **state)
{
	struct board *board = new_board();
	void *one, *two;

	(void)state;
	for (size_t i = 0; i < LENGTH(kinds); i++) {
		char name[8] = { (char)('a' + i) };

		ok(kinds[i](board->segment, name, STOA_EXCLUSIVE, &one));
		assert_int_equal(kinds[i](board->segment, name, STOA_EXCLUSIVE, &two), -EEXIST);
		ok(kinds[i](board->segment, name, 0, &two));
		assert_ptr_equal(one, two); /* one handle per process */
		assert_int_equal(kinds[i](board->segment, "", 0, &two), -EINVAL);
		assert_int_equal(kinds[i](board->segment, NULL, 0, &two), -EINVAL);
		assert_int_equal(kinds[i](NULL, "x", 0, &two), -EINVAL);
		assert_int_equal(kinds[i](board->segment, "x", 0x8000, &two), -EINVAL);
		ok(sync_close(one));
		ok(sync_close(one));
	}
	assert_int_equal(stoa_semaphore_open(board->segment, "z", NULL, (struct stoa_semaphore **)&one),
	                 -ENOENT);
	assert_int_equal(stoa_lock_open(board->segment, "z", NULL, (struct stoa_lock **)&one), -ENOENT);
	end_board(board);
}

static void another_kind_of_object_is_refused(void **state)
{
	struct board *board = new_board();
	struct stoa_value *value;
	void *one, *two;

	(void)state;
	ok(stoa_value_create(board->segment, "value", NULL, &value));
	for (size_t i = 0; i < LENGTH(kinds); i++) {
		char name[8] = { (char)('a' + i) };

		ok(kinds[i](board->segment, name, 0, &one));
		for (size_t j = 0; j < LENGTH(kinds); j++) {
			if (i != j)
				assert_int_equal(kinds[j](board->segment, name, 0, &two), -EPROTOTYPE);
		}
		assert_int_equal(kinds[i](board->segment, "value", 0, &two), -EPROTOTYPE);
		assert_int_equal(stoa_value_open(board->segment, name, NULL, (struct stoa_value **)&two),
		                 -EPROTOTYPE);
		sync_close(one);
	}
	assert_int_equal(stoa_event_open(board->segment, "a", NULL, (struct stoa_event **)&two), -EPROTOTYPE);
	assert_int_equal(stoa_lock_open(board->segment, "d", NULL, (struct stoa_lock **)&two), -EPROTOTYPE);
	assert_int_equal(stoa_barrier_open(board->segment, "e", NULL, (struct stoa_barrier **)&two),
	                 -EPROTOTYPE);
	assert_int_equal(stoa_semaphore_open(board->segment, "c", NULL, (struct stoa_semaphore **)&two),
	                 -EPROTOTYPE);
	stoa_value_close(value);
	end_board(board);
}

static void another_shape_is_refused(void **state)
{
	struct board *board = with_semaphore(STOA_PERMITS_RETURN, 0, 5);
	struct stoa_semaphore_config semaphore = { .struct_size = sizeof semaphore };
	struct stoa_barrier_config barrier = { .struct_size = sizeof barrier, .parties = 4 };
	struct stoa_semaphore *other;
	struct stoa_barrier *two, *three;

	(void)state;
	assert_int_equal(stoa_semaphore_open(board->segment, "it", &semaphore, &other), -EPROTOTYPE);
	ok(stoa_semaphore_info(board->semaphore, &semaphore));
	assert_int_equal(semaphore.flags, STOA_PERMITS_RETURN);
	assert_int_equal(semaphore.maximum, 5);
	assert_int_equal(semaphore.initial, 5);
	ok(stoa_semaphore_wait(board->semaphore, &stoa_now));
	ok(stoa_semaphore_info(board->semaphore, &semaphore));
	assert_int_equal(semaphore.initial, 4);
	ok(stoa_semaphore_open(board->segment, "it", &semaphore, &other)); /* what info tells fits */
	ok(stoa_semaphore_close(other));
	semaphore.initial = 0;
	semaphore.maximum = 6;
	assert_int_equal(stoa_semaphore_create(board->segment, "it", &semaphore, &other), -EPROTOTYPE);
	ok(stoa_barrier_create(board->segment, "barrier", &barrier, &two));
	barrier.parties = 3;
	assert_int_equal(stoa_barrier_create(board->segment, "barrier", &barrier, &three), -EPROTOTYPE);
	ok(stoa_barrier_info(two, &barrier));
	assert_int_equal(barrier.parties, 4);
	ok(stoa_barrier_open(board->segment, "barrier", &barrier, &three));
	ok(stoa_barrier_close(two));
	ok(stoa_barrier_close(three));
	end_board(board);
}

static void sizes_are_checked(void **state)
{
	static const struct {
		uint32_t flags, initial, maximum;
		int rc;
	} table[] = {
		{ 0, 0, 0, 0 },
		{ 0, 7, 7, 0 },
		{ 0, 8, 7, -EINVAL },
		{ 0, UINT32_MAX, UINT32_MAX, 0 },
		{ 0, UINT32_MAX, 0, -EINVAL },
		{ STOA_PERMITS_RETURN, 0, 0, -EINVAL },
		{ STOA_PERMITS_RETURN, 3, 0, 0 },
		{ STOA_PERMITS_RETURN, 0, 3, 0 },
		{ STOA_PERMITS_RETURN, 3, 3, 0 },
		{ STOA_PERMITS_RETURN, 2, 3, -EINVAL },
		{ STOA_PERMITS_RETURN, 4, 3, -EINVAL },
		{ STOA_PERMITS_RETURN, 0, 65536, 0 },
		{ STOA_PERMITS_RETURN, 0, 65537, -EINVAL },
		{ STOA_PERMITS_RETURN, 0, UINT32_MAX, -EINVAL },
		{ 0x20, 0, 0, -EINVAL },
	};
	static const uint32_t parties[][2] = { { 0, 1 }, { 1, 0 }, { 65536, 0 }, { 65537, 1 },
		                               { UINT32_MAX, 1 } };
	struct stoa_event_config event = { .struct_size = sizeof event, .initial = 2 };
	struct stoa_lock_config lock = { .struct_size = sizeof lock, .state = 1 };
	uint64_t bytes = 0;

	(void)state;
	for (size_t i = 0; i < LENGTH(table); i++) {
		struct stoa_semaphore_config config = {
			.struct_size = sizeof config,
			.flags = table[i].flags,
			.initial = table[i].initial,
			.maximum = table[i].maximum,
		};

		assert_int_equal(stoa_semaphore_footprint(&config, &bytes), table[i].rc);
	}
	for (size_t i = 0; i < LENGTH(parties); i++) {
		struct stoa_barrier_config config = {
			.struct_size = sizeof config,
			.parties = parties[i][0],
		};

		assert_int_equal(stoa_barrier_footprint(&config, &bytes), parties[i][1] ? -EINVAL : 0);
	}
	assert_int_equal(stoa_barrier_footprint(NULL, &bytes), -EINVAL);
	assert_int_equal(stoa_event_footprint(&event, &bytes), -EINVAL);
	assert_int_equal(stoa_lock_footprint(&lock, &bytes), -EINVAL);
	ok(stoa_lock_footprint(NULL, &bytes));
	assert_int_equal(bytes, 128);
	ok(stoa_event_footprint(NULL, &bytes));
	assert_int_equal(bytes, 128);
}

static void a_segment_of_the_footprint_holds_the_object(void **state)
{
	struct stoa_semaphore_config permits = {
		.struct_size = sizeof permits,
		.flags = STOA_PERMITS_RETURN,
		.maximum = 65536,
	};
	struct stoa_barrier_config parties = { .struct_size = sizeof parties, .parties = 65535 };
	struct stoa_segment_config config = { .struct_size = sizeof config };
	struct stoa_segment *segment;
	struct stoa_semaphore *semaphore;
	struct stoa_barrier *barrier;
	uint64_t bytes;

	(void)state;
	ok(stoa_semaphore_footprint(&permits, &config.bytes));
	ok(stoa_barrier_footprint(&parties, &bytes));
	config.bytes += bytes + 64;
	ok(stoa_segment_create(NULL, &config, &segment));
	ok(stoa_semaphore_create(segment, "semaphore", &permits, &semaphore));
	ok(stoa_barrier_create(segment, "barrier", &parties, &barrier));
	for (int i = 0; i < 65536; i++)
		ok(stoa_semaphore_wait(semaphore, &stoa_now));
	times_out(stoa_semaphore_wait(semaphore, &stoa_now));
	for (int i = 0; i < 65536; i++)
		ok(stoa_semaphore_post(semaphore));
	assert_int_equal(stoa_semaphore_post(semaphore), -EPERM);
	times_out(stoa_barrier_wait(barrier, &stoa_now));
	ok(stoa_semaphore_close(semaphore));
	ok(stoa_barrier_close(barrier));
	ok(stoa_segment_close(segment));
}

static void null_arguments_are_refused(void **state)
{
	struct board *board = with_lock();
	struct stoa_semaphore_config semaphore = { .struct_size = sizeof semaphore };
	uint64_t bytes;

	(void)state;
	assert_int_equal(stoa_semaphore_create(board->segment, "x", NULL, NULL), -EINVAL);
	assert_int_equal(stoa_event_create(board->segment, "x", NULL, NULL), -EINVAL);
	assert_int_equal(stoa_lock_create(board->segment, "x", NULL, NULL), -EINVAL);
	assert_int_equal(stoa_barrier_create(board->segment, "x", NULL, NULL), -EINVAL);
	assert_int_equal(stoa_barrier_create(board->segment, "x", NULL, &board->barrier), -EINVAL);
	assert_int_equal(stoa_semaphore_open(board->segment, "it", NULL, NULL), -EINVAL);
	assert_int_equal(stoa_event_open(board->segment, "it", NULL, NULL), -EINVAL);
	assert_int_equal(stoa_lock_open(board->segment, "it", NULL, NULL), -EINVAL);
	assert_int_equal(stoa_barrier_open(board->segment, "it", NULL, NULL), -EINVAL);
	ok(stoa_semaphore_close(NULL));
	ok(stoa_event_close(NULL));
	ok(stoa_lock_close(NULL));
	ok(stoa_barrier_close(NULL));
	assert_int_equal(stoa_semaphore_info(NULL, &semaphore), -EINVAL);
	assert_int_equal(stoa_event_info(NULL, NULL), -EINVAL);
	assert_int_equal(stoa_lock_info(board->lock, NULL), -EINVAL);
	assert_int_equal(stoa_barrier_info(NULL, NULL), -EINVAL);
	assert_int_equal(stoa_semaphore_footprint(NULL, NULL), -EINVAL);
	assert_int_equal(stoa_event_footprint(NULL, NULL), -EINVAL);
	assert_int_equal(stoa_lock_footprint(NULL, NULL), -EINVAL);
	ok(stoa_semaphore_footprint(NULL, &bytes));
	assert_int_equal(stoa_semaphore_post(NULL), -EINVAL);
	assert_int_equal(stoa_semaphore_wait(NULL, &stoa_now), -EINVAL);
	assert_int_equal(stoa_event_set(NULL), -EINVAL);
	assert_int_equal(stoa_event_clear(NULL), -EINVAL);
	assert_int_equal(stoa_event_wait(NULL, &stoa_now), -EINVAL);
	assert_int_equal(stoa_barrier_wait(NULL, &stoa_now), -EINVAL);
	assert_int_equal(stoa_lock_acquire(NULL, &stoa_now), -EINVAL);
	assert_int_equal(stoa_lock_release(NULL), -EINVAL);
	end_board(board);
}

static void a_read_only_segment_tells_and_changes_nothing(void **state)
{
	struct board *board = with_semaphore(0, 3, 4);
	struct stoa_event_config set = { .struct_size = sizeof set, .initial = 1 };
	struct stoa_barrier_config one = { .struct_size = sizeof one, .parties = 1 };
	struct stoa_semaphore_config count = { .struct_size = sizeof count };
	struct stoa_event_config was = { .struct_size = sizeof was };
	struct stoa_segment *segment;
	struct stoa_semaphore *semaphore;
	struct stoa_event *event;
	struct stoa_barrier *barrier;
	struct stoa_lock *lock;

	(void)state;
	ok(stoa_event_create(board->segment, "event", &set, &board->event));
	ok(stoa_barrier_create(board->segment, "barrier", &one, &board->barrier));
	ok(stoa_lock_create(board->segment, "lock", NULL, &board->lock));
	ok(stoa_segment_open_fd(stoa_segment_fd(board->segment), STOA_READ_ONLY, &segment));
	ok(stoa_semaphore_open(segment, "it", NULL, &semaphore));
	ok(stoa_event_open(segment, "event", NULL, &event));
	ok(stoa_barrier_open(segment, "barrier", NULL, &barrier));
	ok(stoa_lock_open(segment, "lock", NULL, &lock));
	assert_int_equal(stoa_lock_create(segment, "new", NULL, &lock), -EACCES);
	ok(stoa_semaphore_info(semaphore, &count));
	assert_int_equal(count.initial, 3);
	assert_int_equal(count.maximum, 4);
	ok(stoa_event_info(event, &was));
	assert_int_equal(was.initial, 1);
	assert_int_equal(stoa_semaphore_post(semaphore), -EACCES);
	assert_int_equal(stoa_semaphore_wait(semaphore, &stoa_now), -EACCES);
	assert_int_equal(stoa_event_set(event), -EACCES);
	assert_int_equal(stoa_event_clear(event), -EACCES);
	assert_int_equal(stoa_event_wait(event, &stoa_now), -EACCES);
	assert_int_equal(stoa_barrier_wait(barrier, &stoa_now), -EACCES);
	assert_int_equal(stoa_lock_acquire(lock, &stoa_now), -EACCES);
	assert_int_equal(stoa_lock_release(lock), -EACCES);
	stoa_semaphore_close(semaphore);
	stoa_event_close(event);
	stoa_barrier_close(barrier);
	stoa_lock_close(lock);
	stoa_segment_close(segment);
	end_board(board);
}

static void a_shape_that_makes_no_sense_is_not_opened(void **state)
{
	struct board *board = with_semaphore(STOA_PERMITS_RETURN, 0, 2);
	struct sync_layout *bytes = bytes_of(board->semaphore);
	struct stoa_semaphore *again;

	(void)state;
	ok(stoa_semaphore_close(board->semaphore));
	board->semaphore = NULL;
	for (uint32_t size = 0; size < 3; size++) {
		static const uint32_t sizes[] = { 0, 1000, UINT32_MAX };

		bytes->size = sizes[size];
		assert_int_equal(stoa_semaphore_open(board->segment, "it", NULL, &again), -EBADMSG);
	}
	bytes->size = 2;
	bytes->flags = 0x80;
	assert_int_equal(stoa_semaphore_open(board->segment, "it", NULL, &again), -EBADMSG);
	reap(board); /* goes by */
	end_board(board);
}

static void words_that_make_no_sense_are_found_out(void **state)
{
	struct board *board = with_lock();
	struct stoa_barrier_config two = { .struct_size = sizeof two, .parties = 2 };

	(void)state;
	atom64_store_seq(&bytes_of(board->lock)->word, UINT64_MAX);
	assert_int_equal(stoa_lock_acquire(board->lock, &stoa_now), -EBADMSG);
	assert_int_equal(stoa_lock_release(board->lock), -EPERM);
	/* held by a slot that there is not: nobody can prove its death */
	atom64_store_seq(&bytes_of(board->lock)->word, UINT64_MAX - 2);
	times_out(stoa_lock_acquire(board->lock, in(50 * MS)));
	atom64_store_seq(&bytes_of(board->lock)->word, 0);
	ok(stoa_lock_acquire(board->lock, &stoa_now));
	ok(stoa_lock_release(board->lock));
	ok(stoa_barrier_create(board->segment, "barrier", &two, &board->barrier));
	memset(bytes_of(board->barrier) + 1, 0x5a, 16);
	assert_int_equal(stoa_barrier_wait(board->barrier, &stoa_now), -EBADMSG);
	end_board(board);
}

/* ---- deadlines and signals, of all that wait ---- */

/* A board on which all four block: nothing to be had. */
static struct board *blocked_board(uint32_t flags, wait_fn **wait, int which)
{
	static wait_fn *const waits[] = { wait_semaphore, wait_semaphore, wait_event, wait_barrier,
		                          wait_lock };
	struct stoa_barrier_config two = { .struct_size = sizeof two, .parties = 2 };
	struct board *board = with_semaphore(flags, flags ? 1 : 0, flags ? 1 : 2);

	if (flags)
		ok(stoa_semaphore_wait(board->semaphore, &stoa_now));
	ok(stoa_event_create(board->segment, "event", NULL, &board->event));
	ok(stoa_barrier_create(board->segment, "barrier", &two, &board->barrier));
	ok(stoa_lock_create(board->segment, "lock", NULL, &board->lock));
	ok(stoa_lock_acquire(board->lock, NULL));
	*wait = waits[which];
	return board;
}

#define FOR_EACH_WAIT(board, wait)                                                                           \
	for (int which = 0; which < 5; which++)                                                              \
		for (struct board *board = blocked_board(which == 1 ? STOA_PERMITS_RETURN : 0, &wait, which);\
		     board; end_board(board), board = NULL)

static void a_wait_ends_at_its_deadline(void **state)
{
	wait_fn *wait = NULL;

	(void)state;
	FOR_EACH_WAIT(board, wait)
	{
		/* from another process: this one holds the lock */
		static const int64_t times[] = { -1000 * MS, 1, 30 * MS, 250 * MS };

		for (size_t i = 0; i < LENGTH(times); i++) {
			struct waiting waiting = { board, wait, times[i] };
			struct timespec before = stoa_deadline(times[i]), after;

			assert_int_equal(in_child(wait_and_tell, &waiting), STOA_TIMEOUT);
			after = stoa_deadline(0);
			assert_true(after.tv_sec > before.tv_sec ||
			            (after.tv_sec == before.tv_sec && after.tv_nsec >= before.tv_nsec));
		}
		reap(board);
	}
}

static void on_signal(int number)
{
	(void)number;
}

static int wait_interrupted(void *context)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &action, NULL);
	return wait_and_tell(context);
}

static void a_signal_handler_ends_a_wait_and_a_stop_does_not(void **state)
{
	wait_fn *wait = NULL;

	(void)state;
	FOR_EACH_WAIT(board, wait)
	{
		struct waiting waiting = { board, wait, 0 };
		int status = 0;
		pid_t pid = child_start(wait_interrupted, &waiting);

		assert_true(await_word(&board->ready, 1));
		assert_true(falls_asleep(pid));
		stop(pid);
		ok(kill(pid, SIGCONT));
		sleep_ms(150);
		ok(waitpid(pid, &status, WNOHANG)); /* it still waits */
		/* a signal between two slices interrupts nothing, as everywhere */
		for (int i = 0; i < 1000 && waitpid(pid, &status, WNOHANG) == 0; i++) {
			kill(pid, SIGUSR1);
			sleep_ms(20);
		}
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 201);
	}
}

static void a_killed_waiter_hinders_nobody(void **state)
{
	wait_fn *wait = NULL;

	(void)state;
	FOR_EACH_WAIT(board, wait)
	{
		struct waiting waiting = { board, wait, 0 }, patient = { board, wait, LONG };
		pid_t pids[4], last;

		for (int i = 0; i < 4; i++) { /* of a barrier for two, one after the other */
			pids[i] = child_start(wait_and_tell, &waiting);
			assert_true(falls_asleep(pids[i]));
			if (wait == wait_barrier)
				assert_int_equal(child_kill(pids[i]), CHILD_SIGNAL + SIGKILL);
		}
		last = child_start(wait_and_tell, &patient);
		assert_true(falls_asleep(last));
		/* one permit for five, four of whom are killed: some of them perhaps when just woken */
		if (wait == wait_semaphore)
			ok(stoa_semaphore_post(board->semaphore));
		else if (wait == wait_event)
			ok(stoa_event_set(board->event));
		else if (wait == wait_lock)
			ok(stoa_lock_release(board->lock));
		for (int i = 0; i < 4 && wait != wait_barrier; i++)
			child_kill(pids[i]);
		if (wait == wait_semaphore && which == 0) /* one may have had it */
			ok(stoa_semaphore_post(board->semaphore));
		if (wait == wait_barrier)
			ok(stoa_barrier_wait(board->barrier, in(LONG)));
		pids[0] = child_end(last);
		assert_true(pids[0] == 0 || (wait == wait_lock && pids[0] == STOA_OWNER_DIED));
	}
}

/* ---- event ---- */

static void an_event_stays_set_until_it_is_cleared(void **state)
{
	struct board *board = with_event();
	struct stoa_event_config info = { .struct_size = sizeof info };

	(void)state;
	times_out(stoa_event_wait(board->event, &stoa_now));
	ok(stoa_event_clear(board->event));
	ok(stoa_event_set(board->event));
	ok(stoa_event_set(board->event));
	ok(stoa_event_wait(board->event, &stoa_now));
	ok(stoa_event_wait(board->event, NULL));
	ok(stoa_event_info(board->event, &info));
	assert_int_equal(info.initial, 1);
	ok(stoa_event_clear(board->event));
	times_out(stoa_event_wait(board->event, in(20 * MS)));
	ok(stoa_event_info(board->event, &info));
	assert_int_equal(info.initial, 0);
	end_board(board);
}

static void an_event_may_be_set_at_first(void **state)
{
	struct board *board = new_board();
	struct stoa_event_config set = { .struct_size = sizeof set, .initial = 1 };
	struct stoa_event *again;

	(void)state;
	ok(stoa_event_create(board->segment, "it", &set, &board->event));
	ok(stoa_event_wait(board->event, &stoa_now));
	ok(stoa_event_clear(board->event));
	ok(stoa_event_create(board->segment, "it", &set, &again)); /* for the creator only */
	times_out(stoa_event_wait(again, &stoa_now));
	ok(stoa_event_close(again));
	end_board(board);
}

static void a_set_wakes_all_even_if_a_clear_follows(void **state)
{
	struct board *board = with_event();
	struct waiting waiting = { board, wait_event, 0 };
	pid_t pids[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		pids[i] = child_start(wait_and_tell, &waiting);
		assert_true(falls_asleep(pids[i]));
	}
	stop(pids[0]);
	ok(stoa_event_set(board->event));
	ok(stoa_event_clear(board->event));
	for (int i = 1; i < 4; i++)
		ok(child_end(pids[i]));
	ok(kill(pids[0], SIGCONT));
	ok(child_end(pids[0]));
	times_out(stoa_event_wait(board->event, &stoa_now));
	end_board(board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_created_once_and_found_by_name),
		cmocka_unit_test(another_kind_of_object_is_refused),
		cmocka_unit_test(another_shape_is_refused),
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(a_segment_of_the_footprint_holds_the_object),
		cmocka_unit_test(null_arguments_are_refused),
		cmocka_unit_test(a_read_only_segment_tells_and_changes_nothing),
		cmocka_unit_test(a_shape_that_makes_no_sense_is_not_opened),
		cmocka_unit_test(words_that_make_no_sense_are_found_out),
		cmocka_unit_test(a_wait_ends_at_its_deadline),
		cmocka_unit_test(a_signal_handler_ends_a_wait_and_a_stop_does_not),
		cmocka_unit_test(a_killed_waiter_hinders_nobody),
		cmocka_unit_test(an_event_stays_set_until_it_is_cleared),
		cmocka_unit_test(an_event_may_be_set_at_first),
		cmocka_unit_test(a_set_wakes_all_even_if_a_clear_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
