/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync_helpers.h - what the tests of semaphores, events, barriers and locks share.
 */
#ifndef STOA_TEST_SYNC_HELPERS_H
#define STOA_TEST_SYNC_HELPERS_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#include <cmocka.h>

#include <stoa.h>

#include "atomic.h"
#include "sync.h"

#define MS 1000000ll
#define LONG (60000 * MS) /* for what must happen */
#define SHORT (300 * MS)  /* for what must not */
#define MANY 8
#define LENGTH(array) (sizeof(array) / sizeof *(array))

#define ok(rc) assert_int_equal(rc, 0)
#define times_out(rc) assert_int_equal(rc, STOA_TIMEOUT)

/* What a test and its children share. */
struct board {
	struct stoa_segment *segment;
	struct stoa_semaphore *semaphore;
	struct stoa_event *event;
	struct stoa_barrier *barrier;
	struct stoa_lock *lock;
	volatile int ready, go, done, result;
	volatile uint64_t a, b; /* under the lock */
	volatile int holder;
	struct atom64 count, told, faults;
	struct atom64 round[MANY];
	struct atom32 wanted; /* which round[] the next worker takes */
};

static inline struct board *new_board(void)
{
	struct stoa_segment_config config = { .struct_size = sizeof config, .bytes = 1 << 16 };
	struct board *board = shared_memory(sizeof *board);

	ok(stoa_segment_create(NULL, &config, &board->segment));
	return board;
}

static inline void end_board(struct board *board)
{
	stoa_semaphore_close(board->semaphore);
	stoa_event_close(board->event);
	stoa_barrier_close(board->barrier);
	stoa_lock_close(board->lock);
	ok(stoa_segment_close(board->segment));
}

/* set_word(&board->done, 1) has been called. */
static inline bool is_done(const struct board *board)
{
	return __atomic_load_n(&board->done, __ATOMIC_SEQ_CST);
}

static inline struct board *with_semaphore(uint32_t flags, uint32_t initial, uint32_t maximum)
{
	struct stoa_semaphore_config config = {
		.struct_size = sizeof config,
		.flags = flags,
		.initial = initial,
		.maximum = maximum,
	};
	struct board *board = new_board();

	ok(stoa_semaphore_create(board->segment, "it", &config, &board->semaphore));
	return board;
}

static inline struct board *with_event(void)
{
	struct board *board = new_board();

	ok(stoa_event_create(board->segment, "it", NULL, &board->event));
	return board;
}

static inline struct board *with_barrier(uint32_t parties)
{
	struct stoa_barrier_config config = { .struct_size = sizeof config, .parties = parties };
	struct board *board = new_board();

	ok(stoa_barrier_create(board->segment, "it", &config, &board->barrier));
	return board;
}

static inline struct board *with_lock(void)
{
	struct board *board = new_board();

	ok(stoa_lock_create(board->segment, "it", NULL, &board->lock));
	return board;
}

static inline uint32_t permits_free(const struct board *board)
{
	struct stoa_semaphore_config info = { .struct_size = sizeof info };

	return stoa_semaphore_info(board->semaphore, &info) ? UINT32_MAX : info.initial;
}

static inline uint32_t round_now(const struct board *board)
{
	return atom64_load_seq(&((struct sync *)board->barrier)->shared->word) & 0xffffff;
}

static inline struct sync_layout *bytes_of(void *handle)
{
	return ((struct sync *)handle)->shared;
}

static inline struct timespec *in(int64_t ns)
{
	static _Thread_local struct timespec at;

	at = stoa_deadline(ns);
	return &at;
}

/* Until all processes that have ended are reaped. */
static inline void reap(struct board *board)
{
	assert_true(stoa_segment_reap(board->segment) >= 0);
}

/* Waits until a child sleeps (or a thread of it: its main thread is looked at). */
static inline bool falls_asleep(pid_t pid)
{
	char path[64], text[512];

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	for (int ms = 0, seen = 0; ms < PATIENCE_MS; ms++) {
		FILE *file = fopen(path, "r");
		size_t got = file ? fread(text, 1, sizeof text - 1, file) : 0;

		if (file)
			fclose(file);
		text[got] = '\0';
		seen = got && strstr(text, ") S ") ? seen + 1 : 0;
		if (seen == 3)
			return true;
		sleep_ms(1);
	}
	return false;
}

static inline void stop(pid_t pid)
{
	int status;

	ok(kill(pid, SIGSTOP));
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
}

static inline int try_lock(void *context)
{
	struct board *board = context;
	int rc = stoa_lock_acquire(board->lock, &stoa_now);

	if (rc == STOA_TIMEOUT)
		return stoa_lock_release(board->lock) == -EPERM ? STOA_TIMEOUT : 99;
	return stoa_lock_release(board->lock) ? 98 : rc;
}

static inline int in_thread(void *(*fn)(void *), void *context)
{
	pthread_t thread;
	void *result = NULL;

	if (pthread_create(&thread, NULL, fn, context) || pthread_join(thread, &result))
		return -1;
	return (int)(intptr_t)result;
}

typedef int wait_fn(struct board *board, const struct timespec *deadline);

static inline int wait_semaphore(struct board *board, const struct timespec *deadline)
{
	return stoa_semaphore_wait(board->semaphore, deadline);
}

static inline int wait_event(struct board *board, const struct timespec *deadline)
{
	return stoa_event_wait(board->event, deadline);
}

static inline int wait_barrier(struct board *board, const struct timespec *deadline)
{
	return stoa_barrier_wait(board->barrier, deadline);
}

static inline int wait_lock(struct board *board, const struct timespec *deadline)
{
	return stoa_lock_acquire(board->lock, deadline);
}

struct waiting {
	struct board *board;
	wait_fn *wait;
	int64_t ns; /* 0: for ever */
};

static inline int wait_and_tell(void *context)
{
	struct waiting *waiting = context;
	int rc;

	set_word(&waiting->board->ready, 1);
	rc = waiting->wait(waiting->board, waiting->ns ? in(waiting->ns) : NULL);
	return rc < 0 ? 200 + (rc == -EINTR) : rc;
}

/* Rounds in step: nobody is in round i + 1 before all have come to the end of round i. */
static inline int keep_step(void *context)
{
	struct board *board = context;
	uint32_t parties = ((struct sync *)board->barrier)->size;
	uint32_t self = atom32_add_seq(&board->wanted, 1) % parties;
	uint64_t rounds = board->a;
	int rc;

	for (uint64_t i = 1; i <= rounds; i++) {
		atom64_store_seq(&board->round[self], i);
		/* now and then by many attempts */
		do
			rc = stoa_barrier_wait(board->barrier, i % 7 == self ? in(MS / 10) : in(LONG));
		while (rc == STOA_TIMEOUT && i % 7 == self);
		if (rc)
			return 1;
		for (uint32_t other = 0; other < parties; other++) {
			uint64_t there = atom64_load_seq(&board->round[other]);

			if (there != i && there != i + 1)
				return 2;
		}
	}
	return 0;
}

static inline void *keep_step_thread(void *context)
{
	return (void *)(intptr_t)keep_step(context);
}

/* So many processes of so many threads for a while. */
static inline void steps(struct board *board, uint32_t processes, uint32_t threads, uint64_t rounds)
{
	pthread_t thread[MANY];
	pid_t pids[MANY];
	void *result;

	board->a = rounds;
	atom32_store_seq(&board->wanted, 0);
	for (int i = 0; i < MANY; i++)
		atom64_store_seq(&board->round[i], 0);
	for (uint32_t i = 0; i < processes; i++)
		pids[i] = child_start(keep_step, board);
	for (uint32_t i = 0; i < threads; i++)
		ok(pthread_create(&thread[i], NULL, keep_step_thread, board));
	for (uint32_t i = 0; i < processes; i++)
		ok(child_end(pids[i]));
	for (uint32_t i = 0; i < threads; i++) {
		ok(pthread_join(thread[i], &result));
		assert_null(result);
	}
}

#endif
