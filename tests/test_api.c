/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * test_api.c - the library as its users have it: the shared object and the public headers.
 *
 * Every public function is called here at least once, on the path where all goes well
 * (tests/check_symbols.py compares); what else each may answer is tested room by room.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <stoa.h>
#include <stoa/inline.h>

static char name[64];

static int set_up(void **state)
{
	struct stoa_segment_config config = { .struct_size = sizeof config };
	struct stoa_segment *segment;

	snprintf(name, sizeof name, "test-api-%d", (int)getpid());
	if (stoa_segment_create(name, &config, &segment))
		return -1;
	*state = segment;
	return 0;
}

static int tear_down(void **state)
{
	return stoa_segment_close(*state) || stoa_segment_unlink(name);
}

/* Runs fn in a child; its exit status. */
static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(fn());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* ---- base ---- */

static void the_library_is_that_of_the_headers(void **state)
{
	struct timespec deadline = stoa_deadline(1000000000);

	(void)state;
	assert_string_equal(stoa_version(), STOA_VERSION_STRING);
	assert_string_equal(stoa_strerror(-ENOENT), "No such file or directory");
	assert_int_equal(stoa_type_size(STOA_F64), sizeof(double));
	assert_true(deadline.tv_sec > 0);
	assert_int_equal(stoa_now.tv_sec, 0);
	assert_int_equal(stoa_now.tv_nsec, 0);
}

/* ---- segment ---- */

static void a_segment_opens_by_name_and_by_descriptor(void **state)
{
	struct stoa_segment *by_name, *by_descriptor;

	assert_int_equal(stoa_segment_open(name, 0, &by_name), 0);
	assert_int_equal(stoa_segment_open_fd(stoa_segment_fd(*state), STOA_READ_ONLY, &by_descriptor), 0);
	assert_int_equal(stoa_segment_close(by_descriptor), 0);
	assert_int_equal(stoa_segment_close(by_name), 0);
}

static void a_segment_tells_what_it_is_and_who_is_there(void **state)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };
	struct stoa_participant_info who = { .struct_size = sizeof who };
	struct stoa_object_info object = { .struct_size = sizeof object };
	struct stoa_value *value;
	uint32_t i, present = 0;
	int rc;

	assert_int_equal(stoa_value_create(*state, "seen", NULL, &value), 0);
	assert_int_equal(stoa_value_close(value), 0);
	assert_int_equal(stoa_segment_info(*state, &info), 0);
	assert_int_equal(info.layout_version, 1);
	assert_int_equal(info.participants, 128);
	assert_int_equal(info.participants_alive, 1);
	assert_int_equal(info.objects_published, 1);
	for (i = 0; (rc = stoa_segment_participant(*state, i, &who)) != -ENOENT; i++) {
		if (rc == STOA_EMPTY)
			continue;
		assert_int_equal(rc, 0);
		assert_int_equal(who.pid, getpid());
		assert_int_equal(who.alive, 1);
		present++;
	}
	assert_int_equal(present, 1);
	for (i = present = 0; (rc = stoa_segment_object(*state, i, &object)) != -ENOENT; i++) {
		if (rc == STOA_EMPTY)
			continue;
		assert_int_equal(rc, 0);
		assert_int_equal(object.kind, STOA_KIND_VALUE);
		assert_string_equal(object.name, "seen");
		present++;
	}
	assert_int_equal(present, 1);
}

static int attach_and_die(void)
{
	struct stoa_segment *segment;

	return stoa_segment_open(name, 0, &segment) ? 1 : 0; /* without closing it */
}

static void a_dead_participant_is_reaped(void **state)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };

	assert_int_equal(in_child(attach_and_die), 0);
	assert_true(stoa_segment_reap(*state) >= 0);
	assert_int_equal(stoa_segment_info(*state, &info), 0);
	assert_int_equal(info.participants_alive, 1);
}

/* ---- value ---- */

static int add_to_the_counter(void)
{
	struct stoa_segment *segment;
	struct stoa_value *value;

	if (stoa_segment_open(name, 0, &segment) || stoa_value_open(segment, "counter", NULL, &value))
		return 1;
	for (int i = 0; i < 1000; i++)
		if (stoa_value_add_i64(value, 1))
			return 2;
	return stoa_value_close(value) || stoa_segment_close(segment) ? 3 : 0;
}

static void a_value_is_shared_by_name(void **state)
{
	struct stoa_value *value;
	int64_t count;

	assert_int_equal(stoa_value_create(*state, "counter", NULL, &value), 0);
	assert_int_equal(stoa_value_store_i64(value, 7), 0);
	assert_int_equal(in_child(add_to_the_counter), 0);
	assert_int_equal(stoa_value_load_i64(value, &count), 0);
	assert_int_equal(count, 1007);
	assert_int_equal(stoa_value_load_u64(value, (uint64_t *)&count), -EPROTOTYPE);
	assert_int_equal(stoa_value_close(value), 0);
}

static void a_value_calculates(void **state)
{
	struct stoa_value_config config = { .struct_size = sizeof config, .type = STOA_U32 }, info = config;
	struct stoa_value *value;
	uint32_t operand = 12, before, now;

	assert_int_equal(stoa_value_create(*state, "number", &config, &value), 0);
	assert_int_equal(stoa_value_type(value), STOA_U32);
	assert_int_equal(stoa_value_info(value, &info), 0);
	assert_int_equal(info.type, STOA_U32);
	assert_int_equal(stoa_value_store(value, &operand), 0); /* 12 */
	operand = 5;
	assert_int_equal(stoa_value_fetch_add(value, &operand, &before), 0); /* 17 */
	assert_int_equal(before, 12);
	operand = 1;
	assert_int_equal(stoa_value_fetch_sub(value, &operand, NULL), 0); /* 16 */
	operand = 3;
	assert_int_equal(stoa_value_fetch_or(value, &operand, NULL), 0); /* 19 */
	operand = 0x12;
	assert_int_equal(stoa_value_fetch_and(value, &operand, NULL), 0); /* 18 */
	operand = 1;
	assert_int_equal(stoa_value_fetch_xor(value, &operand, NULL), 0); /* 19 */
	operand = 20;
	assert_int_equal(stoa_value_fetch_max(value, &operand, NULL), 0); /* 20 */
	operand = 15;
	assert_int_equal(stoa_value_fetch_min(value, &operand, &before), 0); /* 15 */
	assert_int_equal(before, 20);
	now = 14;
	assert_int_equal(stoa_value_compare_exchange(value, &now, &operand), STOA_CHANGED);
	assert_int_equal(now, 15);
	operand = 99;
	assert_int_equal(stoa_value_compare_exchange(value, &now, &operand), 0);
	operand = 100;
	assert_int_equal(stoa_value_exchange(value, &operand, &before), 0);
	assert_int_equal(before, 99);
	assert_int_equal(stoa_value_load(value, &now), 0);
	assert_int_equal(now, 100);
	assert_int_equal(stoa_value_close(value), 0);
}

struct frame {
	uint64_t number;
	double samples[30];
};

static int next_frame(void *bytes, void *context)
{
	struct frame *frame = bytes;

	frame->number++;
	frame->samples[29] = *(double *)context;
	return 0;
}

static void a_struct_is_read_and_written_whole(void **state)
{
	struct frame first = { .number = 41 }, now;
	struct stoa_value_config config = {
		.struct_size = sizeof config,
		.size = sizeof(struct frame),
		.initial = &first,
	};
	struct stoa_value *value;
	struct timespec soon;
	double sample = 0.5;
	uint64_t bytes;

	assert_int_equal(stoa_value_footprint(&config, &bytes), 0);
	assert_true(bytes >= sizeof(struct frame));
	assert_int_equal(stoa_value_create(*state, "frame", &config, &value), 0);
	assert_int_equal(stoa_value_update(value, next_frame, &sample), 0);
	assert_int_equal(stoa_value_load(value, &now), 0);
	assert_int_equal(now.number, 42);
	assert_true(now.samples[29] == 0.5);
	assert_int_equal(stoa_value_wait(value, &first, NULL), 0); /* differs already */
	soon = stoa_deadline(1000000);
	assert_int_equal(stoa_value_wait(value, &now, &soon), STOA_TIMEOUT);
	assert_int_equal(stoa_value_close(value), 0);
}

static void shorthands_serve_doubles_and_unsigned_numbers(void **state)
{
	struct stoa_value_config f64 = { .struct_size = sizeof f64, .type = STOA_F64 };
	struct stoa_value_config u64 = { .struct_size = sizeof u64, .type = STOA_U64 };
	struct stoa_value *value;
	double d;
	uint64_t u;

	assert_int_equal(stoa_value_create(*state, "double", &f64, &value), 0);
	assert_int_equal(stoa_value_store_f64(value, 1.25), 0);
	assert_int_equal(stoa_value_add_f64(value, 0.5), 0);
	assert_int_equal(stoa_value_load_f64(value, &d), 0);
	assert_true(d == 1.75);
	assert_int_equal(stoa_value_close(value), 0);
	assert_int_equal(stoa_value_create(*state, "unsigned", &u64, &value), 0);
	assert_int_equal(stoa_value_store_u64(value, UINT64_MAX), 0);
	assert_true(*(uint64_t *)stoa_value_data(value) == UINT64_MAX);
	assert_int_equal(stoa_value_add_u64(value, 2), 0);
	assert_int_equal(stoa_value_load_u64(value, &u), 0);
	assert_int_equal(u, 1);
	assert_int_equal(stoa_value_close(value), 0);
}

/* ---- array ---- */

static void an_array_reads_writes_and_calculates(void **state)
{
	int32_t initial[6] = { 10, 20, 30, 40, 50, 60 }, range[3], operand, before;
	struct stoa_array_config config = {
		.struct_size = sizeof config,
		.type = STOA_I32,
		.count = 6,
		.initial = initial,
	};
	struct stoa_array_config info = { .struct_size = sizeof info };
	struct stoa_array *array, *again;
	uint64_t bytes;

	assert_int_equal(stoa_array_footprint(&config, &bytes), 0);
	assert_true(bytes >= sizeof initial);
	assert_int_equal(stoa_array_create(*state, "array", &config, &array), 0);
	assert_int_equal(stoa_array_open(*state, "array", NULL, &again), 0);
	assert_int_equal(stoa_array_info(again, &info), 0);
	assert_int_equal(info.count, 6);
	assert_int_equal(stoa_array_read(again, 1, 3, range), 0);
	assert_int_equal(range[2], 40);
	range[0] = -1;
	assert_int_equal(stoa_array_write(array, 3, 3, range), 0); /* 10 20 30 -1 30 40 */
	assert_int_equal(stoa_array_close(again), 0);
	operand = 5;
	assert_int_equal(stoa_array_fetch_add(array, 0, &operand, &before), 0); /* 15 */
	assert_int_equal(before, 10);
	assert_int_equal(stoa_array_fetch_sub(array, 1, &operand, NULL), 0);/* 15 */
	assert_int_equal(stoa_array_fetch_and(array, 2, &operand, NULL), 0);/* 30 & 5 = 4 */
	assert_int_equal(stoa_array_fetch_or(array, 4, &operand, NULL), 0);/* 30 | 5 = 31 */
	assert_int_equal(stoa_array_fetch_xor(array, 5, &operand, NULL), 0);/* 40 ^ 5 = 45 */
	assert_int_equal(stoa_array_fetch_max(array, 3, &operand, &before), 0); /* 5 */
	assert_int_equal(before, -1);
	operand = 2;
	assert_int_equal(stoa_array_fetch_min(array, 2, &operand, NULL), 0); /* 2 */
	assert_memory_equal(stoa_array_data(array), ((int32_t[]){ 15, 15, 2, 5, 31, 45 }), 24);
	assert_int_equal(stoa_array_store(array, 0, &operand), 0);
	operand = 3;
	assert_int_equal(stoa_array_exchange(array, 0, &operand, &before), 0);
	assert_int_equal(before, 2);
	operand = 4;
	assert_int_equal(stoa_array_compare_exchange(array, 0, &before, &operand), STOA_CHANGED);
	assert_int_equal(before, 3);
	assert_int_equal(stoa_array_load(array, 0, &before), 0);
	assert_int_equal(before, 3);
	assert_int_equal(stoa_array_close(array), 0);
}

static void an_array_of_atomic_ranges_has_no_data_pointer(void **state)
{
	struct stoa_array_config config = {
		.struct_size = sizeof config,
		.type = STOA_U8,
		.count = 100,
		.flags = STOA_ATOMIC_RANGES,
	};
	struct stoa_array *array;
	char bytes[6];

	assert_int_equal(stoa_array_create(*state, "ranges", &config, &array), 0);
	assert_null(stoa_array_data(array));
	assert_int_equal(stoa_array_write(array, 90, 6, "abcdef"), 0);
	assert_int_equal(stoa_array_read(array, 90, 6, bytes), 0);
	assert_memory_equal(bytes, "abcdef", 6);
	assert_int_equal(stoa_array_close(array), 0);
}

/* ---- queue ---- */

static int echo(void)
{
	struct stoa_segment *segment;
	struct stoa_queue *to, *from;
	struct stoa_receiver *receiver;
	struct stoa_sender *sender;
	char bytes[64];
	size_t size;
	int rc;

	if (stoa_segment_open(name, 0, &segment) || stoa_queue_open(segment, "to", NULL, &to) ||
	    stoa_queue_open(segment, "from", NULL, &from) || stoa_receiver_open(to, &receiver) ||
	    stoa_sender_open(from, &sender))
		return 1;
	while (!(rc = stoa_receiver_recv(receiver, bytes, sizeof bytes, &size, NULL)))
		if (stoa_sender_send(sender, bytes, size, NULL))
			return 2;
	if (rc != STOA_CLOSED || stoa_queue_shutdown(from, STOA_DRAIN))
		return 3;
	stoa_sender_close(sender);
	stoa_receiver_close(receiver);
	stoa_queue_close(to);
	stoa_queue_close(from);
	return stoa_segment_close(segment) ? 4 : 0;
}

static void messages_go_to_another_process_and_back(struct stoa_segment *segment,
                                                    const struct stoa_queue_config *config)
{
	struct stoa_queue *to, *from;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	char out[64], in[64];
	size_t size;
	int status;
	pid_t pid;

	assert_int_equal(stoa_queue_create(segment, "to", config, &to), 0);
	assert_int_equal(stoa_queue_create(segment, "from", config, &from), 0);
	assert_int_equal(stoa_sender_open(to, &sender), 0);
	assert_int_equal(stoa_receiver_open(from, &receiver), 0);
	pid = fork();
	if (!pid)
		_exit(echo());
	for (int i = 0; i < 1000; i++) {
		size_t length = (size_t)snprintf(out, sizeof out, "message %d", i);

		assert_int_equal(stoa_sender_send(sender, out, length, NULL), 0);
		assert_int_equal(stoa_receiver_recv(receiver, in, sizeof in, &size, NULL), 0);
		assert_int_equal(size, length);
		assert_memory_equal(in, out, length);
	}
	assert_int_equal(stoa_queue_shutdown(to, STOA_DRAIN), 0);
	assert_int_equal(stoa_receiver_recv(receiver, in, sizeof in, &size, NULL), STOA_CLOSED);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(stoa_sender_close(sender), 0);
	assert_int_equal(stoa_receiver_close(receiver), 0);
	assert_int_equal(stoa_queue_close(to), 0);
	assert_int_equal(stoa_queue_close(from), 0);
}

static void many_to_many_queues_carry_messages_between_processes(void **state)
{
	struct stoa_queue_config config = { .struct_size = sizeof config, .capacity = 3 };

	messages_go_to_another_process_and_back(*state, &config);
}

static void one_to_one_queues_carry_messages_between_processes(void **state)
{
	struct stoa_queue_config config = {
		.struct_size = sizeof config,
		.capacity = 3,
		.senders = STOA_ONE,
		.receivers = STOA_ONE,
	};

	messages_go_to_another_process_and_back(*state, &config);
}

static void messages_are_written_and_read_in_place(void **state)
{
	struct stoa_queue_config config = { .struct_size = sizeof config, .capacity = 2, .message_size = 1000 };
	struct stoa_queue_config info = { .struct_size = sizeof info };
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	struct stoa_message message;
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	uint64_t bytes;
	void *place;

	assert_int_equal(stoa_queue_footprint(&config, &bytes), 0);
	assert_true(bytes >= 2000);
	assert_int_equal(stoa_queue_create(*state, "in place", &config, &queue), 0);
	assert_int_equal(stoa_queue_info(queue, &info), 0);
	assert_int_equal(info.capacity, 2);
	assert_int_equal(stoa_sender_open(queue, &sender), 0);
	assert_int_equal(stoa_receiver_open(queue, &receiver), 0);
	assert_int_equal(stoa_receiver_take(receiver, &message, &stoa_now), STOA_EMPTY);
	assert_int_equal(stoa_sender_reserve(sender, 1000, &place), 0);
	assert_int_equal(stoa_sender_abort(sender, place), 0);
	assert_int_equal(stoa_sender_reserve(sender, 1000, &place), 0);
	memcpy(place, "written here", 12);
	assert_int_equal(stoa_sender_commit(sender, place, 12, &stoa_now), 0);
	assert_int_equal(stoa_receiver_take(receiver, &message, &stoa_now), 0);
	assert_int_equal(message.size, 12);
	assert_memory_equal(message.bytes, "written here", 12);
	assert_int_equal(message.deliveries, 1);
	assert_int_equal(stoa_queue_stat(queue, &stat), 0);
	assert_int_equal(stat.length, 0);
	assert_int_equal(stat.held, 1);
	assert_int_equal(stoa_queue_length(queue, &bytes), 0);
	assert_int_equal(bytes, 0);
	assert_int_equal(stoa_receiver_return(receiver, &message), 0);
	assert_int_equal(stoa_receiver_take(receiver, &message, &stoa_now), 0);
	assert_int_equal(message.deliveries, 2);
	assert_int_equal(message.flags, STOA_REDELIVERED);
	assert_int_equal(stoa_receiver_release(receiver, &message), 0);
	assert_int_equal(stoa_sender_close(sender), 0);
	assert_int_equal(stoa_receiver_close(receiver), 0);
	assert_int_equal(stoa_queue_close(queue), 0);
}

static void messages_go_by_the_dozen(void **state)
{
	struct stoa_queue_config config = { .struct_size = sizeof config, .capacity = 10, .message_size = 4 };
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	uint32_t out[12], in[12];
	size_t done, sizes[12];

	for (uint32_t i = 0; i < 12; i++)
		out[i] = i * i;
	assert_int_equal(stoa_queue_create(*state, "dozen", &config, &queue), 0);
	assert_int_equal(stoa_sender_open(queue, &sender), 0);
	assert_int_equal(stoa_receiver_open(queue, &receiver), 0);
	assert_int_equal(stoa_sender_push_many(sender, out, 4, 12, &done), STOA_FULL);
	assert_int_equal(done, 10);
	assert_int_equal(stoa_sender_push(sender, out, 4), STOA_FULL);
	assert_int_equal(stoa_receiver_pop(receiver, in, 4, &sizes[0]), 0);
	assert_int_equal(in[0], 0);
	assert_int_equal(stoa_receiver_pop_many(receiver, in, 4, sizes, 12, &done), 0);
	assert_int_equal(done, 9);
	assert_memory_equal(in, out + 1, 36);
	assert_int_equal(sizes[8], 4);
	assert_int_equal(stoa_receiver_pop(receiver, in, 4, NULL), STOA_EMPTY);
	assert_int_equal(stoa_sender_close(sender), 0);
	assert_int_equal(stoa_receiver_close(receiver), 0);
	assert_int_equal(stoa_queue_close(queue), 0);
}

static void hot_calls_can_be_inlined(void **state)
{
	struct stoa_queue_config config = { .struct_size = sizeof config,
		                            .capacity = 4,
		                            .message_size = 8,
		                            .senders = STOA_ONE,
		                            .receivers = STOA_ONE };
	struct stoa_receiver *receiver;
	struct stoa_sender *sender;
	struct stoa_queue *queue;
	uint64_t in = 5, out = 0;

	assert_int_equal(stoa_queue_create(*state, "queue", &config, &queue), 0);
	assert_int_equal(stoa_sender_open(queue, &sender), 0);
	assert_int_equal(stoa_receiver_open(queue, &receiver), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(stoa_sender_push_inline(sender, &in, sizeof in), 0);
		assert_int_equal(stoa_receiver_pop_inline(receiver, &out, sizeof out, NULL), 0);
		assert_int_equal(out, in++);
	}
	assert_int_equal(stoa_sender_close(sender), 0);
	assert_int_equal(stoa_receiver_close(receiver), 0);
	assert_int_equal(stoa_queue_close(queue), 0);
}

static void numbers_can_be_changed_inline(void **state)
{
	int64_t one = 1, seen = 0;
	struct stoa_value *value;

	assert_int_equal(stoa_value_create(*state, "number", NULL, &value), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(stoa_value_fetch_add_inline(value, &one, &seen), 0);
		assert_int_equal(seen, i);
	}
	assert_int_equal(stoa_inline_changed(value), 0); /* what is left to do where somebody waits */
	assert_int_equal(stoa_value_close(value), 0);
}

static void a_queue_can_be_polled(void **state)
{
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	struct pollfd poll_fd = { .events = POLLIN };

	assert_int_equal(stoa_queue_create(*state, "polled", NULL, &queue), 0);
	assert_int_equal(stoa_sender_open(queue, &sender), 0);
	poll_fd.fd = stoa_queue_fd(queue, STOA_READABLE);
	assert_true(poll_fd.fd >= 0);
	assert_int_equal(stoa_sender_push(sender, "x", 1), 0);
	assert_int_equal(poll(&poll_fd, 1, 60000), 1);
	assert_int_equal(stoa_sender_close(sender), 0);
	assert_int_equal(stoa_queue_close(queue), 0);
}

/* ---- semaphore, event, barrier, lock ---- */

static int use_semaphore(void)
{
	struct stoa_segment *segment;
	struct stoa_semaphore *semaphore;

	if (stoa_segment_open(name, 0, &segment) || stoa_semaphore_open(segment, "semaphore", NULL, &semaphore))
		return 1;
	if (stoa_semaphore_post(semaphore) || stoa_semaphore_close(semaphore))
		return 2;
	return stoa_segment_close(segment);
}

static void a_semaphore_is_posted_and_waited_for(void **state)
{
	struct stoa_semaphore_config config = { .struct_size = sizeof config, .initial = 1, .maximum = 2 };
	struct stoa_semaphore *semaphore;
	uint64_t bytes;

	assert_int_equal(stoa_semaphore_footprint(&config, &bytes), 0);
	assert_int_equal(stoa_semaphore_create(*state, "semaphore", &config, &semaphore), 0);
	assert_int_equal(stoa_semaphore_wait(semaphore, NULL), 0);
	assert_int_equal(stoa_semaphore_wait(semaphore, &stoa_now), STOA_TIMEOUT);
	assert_int_equal(in_child(use_semaphore), 0);
	assert_int_equal(stoa_semaphore_wait(semaphore, NULL), 0);
	assert_int_equal(stoa_semaphore_info(semaphore, &config), 0);
	assert_int_equal(config.maximum, 2);
	assert_int_equal(stoa_semaphore_close(semaphore), 0);
}

static void an_event_is_set_and_cleared(void **state)
{
	struct stoa_event_config info = { .struct_size = sizeof info };
	struct stoa_event *event, *same;
	uint64_t bytes;

	assert_int_equal(stoa_event_footprint(NULL, &bytes), 0);
	assert_int_equal(stoa_event_create(*state, "event", NULL, &event), 0);
	assert_int_equal(stoa_event_open(*state, "event", NULL, &same), 0);
	assert_int_equal(stoa_event_set(event), 0);
	assert_int_equal(stoa_event_wait(same, NULL), 0);
	assert_int_equal(stoa_event_info(same, &info), 0);
	assert_int_equal(info.initial, 1);
	assert_int_equal(stoa_event_clear(event), 0);
	assert_int_equal(stoa_event_wait(same, &stoa_now), STOA_TIMEOUT);
	assert_int_equal(stoa_event_close(same), 0);
	assert_int_equal(stoa_event_close(event), 0);
}

static int use_barrier(void)
{
	struct stoa_segment *segment;
	struct stoa_barrier *barrier;

	if (stoa_segment_open(name, 0, &segment) || stoa_barrier_open(segment, "barrier", NULL, &barrier))
		return 1;
	if (stoa_barrier_wait(barrier, NULL) || stoa_barrier_close(barrier))
		return 2;
	return stoa_segment_close(segment);
}

static void a_barrier_is_passed_together(void **state)
{
	struct stoa_barrier_config config = { .struct_size = sizeof config, .parties = 2 };
	struct stoa_barrier *barrier;
	uint64_t bytes;
	pid_t pid;
	int status;

	assert_int_equal(stoa_barrier_footprint(&config, &bytes), 0);
	assert_int_equal(stoa_barrier_create(*state, "barrier", &config, &barrier), 0);
	assert_int_equal(stoa_barrier_wait(barrier, &stoa_now), STOA_TIMEOUT);
	pid = fork();
	if (!pid)
		_exit(use_barrier());
	assert_int_equal(stoa_barrier_wait(barrier, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(stoa_barrier_info(barrier, &config), 0);
	assert_int_equal(config.parties, 2);
	assert_int_equal(stoa_barrier_close(barrier), 0);
}

static int die_with_lock(void)
{
	struct stoa_segment *segment;
	struct stoa_lock *lock;

	if (stoa_segment_open(name, 0, &segment) || stoa_lock_open(segment, "lock", NULL, &lock))
		return 1;
	return stoa_lock_acquire(lock, NULL) ? 2 : 0; /* and ends holding it */
}

static void a_lock_outlives_its_holder(void **state)
{
	struct stoa_lock_config info = { .struct_size = sizeof info };
	struct stoa_lock *lock;
	uint64_t bytes;

	assert_int_equal(stoa_lock_footprint(NULL, &bytes), 0);
	assert_int_equal(stoa_lock_create(*state, "lock", NULL, &lock), 0);
	assert_int_equal(stoa_lock_acquire(lock, NULL), 0);
	assert_int_equal(stoa_lock_release(lock), 0);
	assert_int_equal(in_child(die_with_lock), 0);
	assert_int_equal(stoa_lock_acquire(lock, NULL), STOA_OWNER_DIED);
	assert_int_equal(stoa_lock_release(lock), 0);
	assert_int_equal(stoa_lock_take(lock, NULL), 0);
	assert_int_equal(stoa_lock_info(lock, &info), 0);
	assert_int_equal(info.state, STOA_LOCK_HELD);
	assert_int_equal(stoa_lock_break(lock), 0);
	assert_int_equal(stoa_lock_close(lock), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int count_holder(void *context, const struct stoa_holder_info *holder)
{
	*(int *)context += holder->role == STOA_ROLE_SENDER;
	return 0;
}

static void count_finding(void *context, enum stoa_finding finding, const char *object, const char *what)
{
	*(int *)context += finding == STOA_BROKEN && (object || what);
}

static void a_tool_looks_and_disturbs_nobody(void **state)
{
	struct stoa_wait_info wait = { .struct_size = sizeof wait };
	struct stoa_peek_cursor cursor = { { 0, 0 } };
	struct stoa_peek_info info = { .struct_size = sizeof info };
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	int senders = 0, broken = 0, rc;
	char out[8];

	assert_int_equal(stoa_queue_create(*state, "looked at", NULL, &queue), 0);
	assert_int_equal(stoa_sender_open(queue, &sender), 0);
	assert_int_equal(stoa_sender_push(sender, "word", 4), 0);
	for (uint32_t i = 0; (rc = stoa_segment_holders(*state, i, count_holder, &senders)) != -ENOENT; i++) {
		if (rc == 0)
			assert_true(stoa_segment_wait(*state, i, 0, &wait) <= 0);
	}
	assert_int_equal(senders, 1);
	assert_int_equal(stoa_queue_peek(queue, &cursor, out, sizeof out, &info), 0);
	assert_memory_equal(out, "word", 4);
	assert_int_equal(stoa_queue_peek(queue, &cursor, out, sizeof out, &info), STOA_EMPTY);
	assert_int_equal(stoa_queue_stat(queue, &stat), 0);
	assert_int_equal(stat.length, 1);
	assert_int_equal(stoa_segment_check(*state, count_finding, &broken), 0);
	assert_int_equal(broken, 0);
	assert_int_equal(stoa_sender_close(sender), 0);
	assert_int_equal(stoa_queue_close(queue), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_library_is_that_of_the_headers),
		TEST(a_segment_opens_by_name_and_by_descriptor),
		TEST(a_segment_tells_what_it_is_and_who_is_there),
		TEST(a_dead_participant_is_reaped),
		TEST(a_value_is_shared_by_name),
		TEST(a_value_calculates),
		TEST(a_struct_is_read_and_written_whole),
		TEST(shorthands_serve_doubles_and_unsigned_numbers),
		TEST(an_array_reads_writes_and_calculates),
		TEST(an_array_of_atomic_ranges_has_no_data_pointer),
		TEST(many_to_many_queues_carry_messages_between_processes),
		TEST(one_to_one_queues_carry_messages_between_processes),
		TEST(messages_are_written_and_read_in_place),
		TEST(messages_go_by_the_dozen),
		TEST(hot_calls_can_be_inlined),
		TEST(numbers_can_be_changed_inline),
		TEST(a_queue_can_be_polled),
		TEST(a_semaphore_is_posted_and_waited_for),
		TEST(an_event_is_set_and_cleared),
		TEST(a_barrier_is_passed_together),
		TEST(a_lock_outlives_its_holder),
		TEST(a_tool_looks_and_disturbs_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
