/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instructions.c - single operations, COUNT times each, for callgrind to count the instructions of:
 * count-instructions.py runs it, and compares with the table instructions.txt.
 *
 * Each operation has a function of its own that is not inlined, so that its inclusive count is found by its
 * name. callgrind collects within measured() only, and by then each has run once.
 *
 * Time stands still: now and then the library looks after the dead, when the clock says so, and that is no
 * part of an operation, and would make the counts a matter of chance.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <stoa.h>
#include <stoa/inline.h>

enum {
	COUNT = 512,
	BURST = 32
};

static struct stoa_segment *segment;
static struct stoa_queue *queue;
static struct stoa_sender *sender;
static struct stoa_receiver *receiver;
static struct stoa_value *value;
static struct stoa_array *array;
static struct stoa_event *event;
static struct stoa_semaphore *semaphore;
static struct stoa_lock *lock;
static unsigned char bytes[BURST * 1024];

/* In place of the C library's, for the library, too. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	*now = (struct timespec){ .tv_sec = 1000 };
	return 0;
}

static void must(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "instructions: %s: %s\n", what, stoa_strerror(rc));
	exit(2);
}

#define MUST(call) must(call, #call)
#define COUNTED(name) __attribute__((noinline)) void name(size_t size)

/* The names of these functions are those of the table: count_WHAT. */
COUNTED(count_push);
COUNTED(count_pop);
COUNTED(count_push_many);
COUNTED(count_pop_many);
COUNTED(count_reserve_commit);
COUNTED(count_take_release);
COUNTED(count_load);
COUNTED(count_store);
COUNTED(count_value_add);
COUNTED(count_array_add);
COUNTED(count_value_add_inline);
COUNTED(count_array_add_inline);
COUNTED(count_event_set);
COUNTED(count_event_clear);
COUNTED(count_semaphore_post);
COUNTED(count_semaphore_wait);
COUNTED(count_lock_acquire_release);

COUNTED(count_push)
{
	for (int i = 0; i < COUNT; i++)
		MUST(stoa_sender_push(sender, bytes, size));
}

COUNTED(count_pop)
{
	for (int i = 0; i < COUNT; i++)
		MUST(stoa_receiver_pop(receiver, bytes, size, NULL));
}

COUNTED(count_push_many)
{
	size_t done;

	for (int i = 0; i < COUNT; i += BURST)
		MUST(stoa_sender_push_many(sender, bytes, size, BURST, &done));
}

COUNTED(count_pop_many)
{
	size_t done;

	for (int i = 0; i < COUNT; i += BURST)
		MUST(stoa_receiver_pop_many(receiver, bytes, size, NULL, BURST, &done));
}

COUNTED(count_reserve_commit)
{
	void *block;

	for (int i = 0; i < COUNT; i++) {
		MUST(stoa_sender_reserve(sender, size, &block));
		MUST(stoa_sender_commit(sender, block, size, NULL));
	}
}

COUNTED(count_take_release)
{
	struct stoa_message message;

	(void)size;
	for (int i = 0; i < COUNT; i++) {
		MUST(stoa_receiver_take(receiver, &message, NULL));
		MUST(stoa_receiver_release(receiver, &message));
	}
}

COUNTED(count_load)
{
	(void)size;
	for (int i = 0; i < COUNT; i++)
		MUST(stoa_value_load(value, bytes));
}

COUNTED(count_store)
{
	(void)size;
	for (int i = 0; i < COUNT; i++)
		MUST(stoa_value_store(value, bytes));
}

COUNTED(count_value_add)
{
	int64_t one = 1;

	(void)size;
	for (int i = 0; i < COUNT; i++)
		MUST(stoa_value_fetch_add(value, &one, NULL));
}

COUNTED(count_array_add)
{
	int64_t one = 1;

	(void)size;
	for (int i = 0; i < COUNT; i++)
		MUST(stoa_array_fetch_add(array, 7, &one, NULL));
}

COUNTED(count_value_add_inline)
{
	int64_t one = 1;

	(void)size;
	for (int i = 0; i < COUNT; i++)
		MUST(stoa_value_fetch_add_inline(value, &one, NULL));
}

COUNTED(count_array_add_inline)
{
	int64_t one = 1;

	(void)size;
	for (int i = 0; i < COUNT; i++)
		MUST(stoa_array_fetch_add_inline(array, 7, &one, NULL));
}

COUNTED(count_event_set)
{
	(void)size;
	for (int i = 0; i < COUNT; i++)
		MUST(stoa_event_set(event));
}

COUNTED(count_event_clear)
{
	(void)size;
	for (int i = 0; i < COUNT; i++)
		MUST(stoa_event_clear(event));
}

COUNTED(count_semaphore_post)
{
	(void)size;
	for (int i = 0; i < COUNT; i++)
		MUST(stoa_semaphore_post(semaphore));
}

COUNTED(count_semaphore_wait)
{
	(void)size;
	for (int i = 0; i < COUNT; i++)
		MUST(stoa_semaphore_wait(semaphore, NULL));
}

COUNTED(count_lock_acquire_release)
{
	(void)size;
	for (int i = 0; i < COUNT; i++) {
		MUST(stoa_lock_acquire(lock, NULL));
		MUST(stoa_lock_release(lock));
	}
}

/* ---- what is called for an argument ---- */

static void open_segment(void)
{
	struct stoa_segment_config config = { .struct_size = sizeof config, .bytes = 64 << 20 };

	MUST(stoa_segment_create(NULL, &config, &segment));
}

static void open_queue(size_t size, uint32_t ends, uint32_t pack)
{
	struct stoa_queue_config config = {
		.struct_size = sizeof config,
		.capacity = 1024,
		.message_size = size,
		.senders = ends,
		.receivers = ends,
		.pack = pack,
	};

	MUST(stoa_queue_create(segment, "queue", &config, &queue));
	MUST(stoa_sender_open(queue, &sender));
	MUST(stoa_receiver_open(queue, &receiver));
}

static void open_value(size_t size)
{
	struct stoa_value_config config = { .struct_size = sizeof config, .size = size };

	MUST(stoa_value_create(segment, "value", &config, &value));
}

static void open_others(void)
{
	struct stoa_array_config config = { .struct_size = sizeof config, .count = 64 };

	MUST(stoa_value_create(segment, "value", NULL, &value));
	MUST(stoa_array_create(segment, "array", &config, &array));
	MUST(stoa_event_create(segment, "event", NULL, &event));
	MUST(stoa_semaphore_create(segment, "semaphore", NULL, &semaphore));
	MUST(stoa_lock_create(segment, "lock", NULL, &lock));
}

static void use_queue(size_t size)
{
	count_push(size);
	count_pop(size);
	count_push_many(size);
	count_pop_many(size);
	count_reserve_commit(size);
	count_take_release(size);
}

static void use_value(size_t size)
{
	count_store(size);
	count_load(size);
}

static void use_others(size_t size)
{
	count_value_add(size);
	count_array_add(size);
	count_value_add_inline(size);
	count_array_add_inline(size);
	count_event_set(size);
	count_event_clear(size);
	count_semaphore_post(size);
	count_semaphore_wait(size);
	count_lock_acquire_release(size);
}

COUNTED(measured);
static void (*use)(size_t);

COUNTED(measured)
{
	use(size);
}

static int twice(void (*what)(size_t), size_t size)
{
	use = what;
	use(size);
	measured(size);
	return 0;
}

int main(int argc, char **argv)
{
	size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

	if (argc > 1 && size <= 1024) {
		open_segment();
		if (strcmp(argv[1], "spsc") == 0 && size) {
			open_queue(size, STOA_ONE, 1);
			return twice(use_queue, size);
		}
		if (strcmp(argv[1], "mpmc") == 0 && size) {
			open_queue(size, STOA_MANY, 1);
			return twice(use_queue, size);
		}
		if (strcmp(argv[1], "pack") == 0 && size) { /* mpmc, in parcels */
			open_queue(size, STOA_MANY, BURST);
			return twice(use_queue, size);
		}
		if (strcmp(argv[1], "value") == 0 && size) {
			open_value(size);
			return twice(use_value, size);
		}
		if (strcmp(argv[1], "others") == 0) {
			open_others();
			return twice(use_others, size);
		}
	}
	fprintf(stderr, "usage: instructions spsc SIZE | mpmc SIZE | pack SIZE | value SIZE | others\n");
	return 2;
}
