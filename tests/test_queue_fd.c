/* SPDX-License-Identifier: BSD-2-Clause */
/* Queues and epoll: descriptors that are readable while there is something. */
#include "queue_helpers.h"
#include "sanitizers.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>

SANITIZER_LETS_CHILDREN_START_THREADS

#define SETTLED_MS 60 /* the helper looks again every 10 ms where a descriptor is readable */

static bool is_readable(int fd, int patience_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int rc;

	while ((rc = poll(&poll_fd, 1, patience_ms)) < 0 && errno == EINTR)
		;
	return rc == 1 && (poll_fd.revents & POLLIN);
}

/* Whether it becomes unreadable at some time: it may report too early for a while. */
static bool becomes_silent(int fd)
{
	for (int i = 0; i < PATIENCE_MS / 5; i++) {
		if (!is_readable(fd, 0))
			return true;
		sleep_ms(5);
	}
	return false;
}

static int fd_of(const struct place *place, unsigned events)
{
	int fd = stoa_queue_fd(place->queue, events);

	assert_true(fd >= 0);
	return fd;
}

static void a_descriptor_is_level_triggered(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 2, 70);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		int readable = fd_of(&place, STOA_READABLE), writable = fd_of(&place, STOA_WRITABLE);

		assert_int_equal(fd_of(&place, STOA_READABLE),
		                 readable); /* one per queue and set of events */
		assert_int_not_equal(readable, writable);
		assert_int_equal(fcntl(readable, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_false(is_readable(readable, SETTLED_MS));
		assert_true(is_readable(writable, PATIENCE_MS));
		for (int round = 0; round < 5; round++) {
			ok(push(&place, sender, 0));
			assert_true(is_readable(readable, PATIENCE_MS));
			assert_true(is_readable(readable, 0));
			ok(push(&place, sender, 1));
			assert_int_equal(push(&place, sender, 2),
			                 STOA_FULL); /* this call corrects it at once */
			assert_false(is_readable(writable, 0));
			assert_false(is_readable(writable, SETTLED_MS));
			ok(pop_is(&place, receiver, 0));
			assert_true(is_readable(writable, PATIENCE_MS));
			assert_true(is_readable(readable, 0));
			ok(pop_is(&place, receiver, 1));
			assert_int_equal(pop_any(receiver), STOA_EMPTY);
			assert_false(is_readable(readable, 0));
			assert_false(is_readable(readable, SETTLED_MS));
		}
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

static void a_descriptor_for_both_is_readable_for_either(void **state)
{
	struct place place = new_queue(topologies[0], 1, 8);
	struct stoa_sender *sender = new_sender(&place);
	int both = fd_of(&place, STOA_READABLE | STOA_WRITABLE);

	(void)state;
	assert_true(is_readable(both, PATIENCE_MS)); /* room */
	ok(push(&place, sender, 0));
	assert_true(is_readable(both, PATIENCE_MS)); /* a message */
	ok(stoa_sender_close(sender));
	end_place(&place);
}

struct other {
	struct place place;
	struct atom64 step;
	uint64_t count;
};

static int push_from_another_process(void *context)
{
	struct other *other = context;
	struct stoa_sender *sender;

	if (stoa_sender_open(other->place.queue, &sender))
		return 1;
	for (uint64_t tag = 0; tag < other->count; tag++) {
		if (!await_count(&other->step, tag + 1))
			return 2;
		sleep_ms(3);
		if (push(&other->place, sender, tag))
			return 3;
	}
	return stoa_sender_close(sender) ? 4 : 0;
}

static void another_process_makes_it_readable(void **state)
{
	struct other *other = shared_memory(sizeof *other);

	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct stoa_receiver *receiver;
		int readable, poller = epoll_create1(EPOLL_CLOEXEC);
		struct epoll_event event = { .events = EPOLLIN };
		pid_t pid;

		other->place = new_queue(topologies[t], 2, 70);
		other->count = 30;
		atom64_store_seq(&other->step, 0);
		pid = child_start(push_from_another_process, other);
		receiver = new_receiver(&other->place);
		readable = fd_of(&other->place, STOA_READABLE);
		assert_int_equal(epoll_ctl(poller, EPOLL_CTL_ADD, readable, &event), 0);
		for (uint64_t tag = 0; tag < other->count; tag++) {
			assert_int_equal(pop_any(receiver), STOA_EMPTY);
			assert_int_equal(epoll_wait(poller, &event, 1, 0),
			                 0); /* a loop over epoll does not spin */
			atom64_store_seq(&other->step, tag + 1);
			assert_int_equal(epoll_wait(poller, &event, 1, PATIENCE_MS), 1);
			ok(pop_is(&other->place, receiver, tag));
		}
		assert_int_equal(child_end(pid), 0);
		ok(stoa_receiver_close(receiver));
		end_place(&other->place);
		close(poller);
	}
}

static int pop_from_another_process(void *context)
{
	struct other *other = context;
	struct stoa_receiver *receiver;

	if (stoa_receiver_open(other->place.queue, &receiver))
		return 1;
	for (uint64_t tag = 0; tag < other->count; tag++) {
		if (pop_is(&other->place, receiver, tag))
			return 2;
	}
	return stoa_receiver_close(receiver) ? 3 : 0;
}

static void another_process_takes_the_last_message(void **state)
{
	struct other *other = shared_memory(sizeof *other);

	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct stoa_sender *sender;
		int readable, writable;

		other->place = new_queue(topologies[t], 2, 70);
		other->count = 2;
		sender = new_sender(&other->place);
		readable = fd_of(&other->place, STOA_READABLE);
		writable = fd_of(&other->place, STOA_WRITABLE);
		for (int round = 0; round < 5; round++) {
			ok(push(&other->place, sender, 0));
			ok(push(&other->place, sender, 1));
			assert_true(is_readable(readable, PATIENCE_MS));
			assert_true(becomes_silent(writable));
			assert_int_equal(in_child(pop_from_another_process, other), 0);
			assert_true(becomes_silent(readable));
			assert_true(is_readable(writable, PATIENCE_MS));
		}
		ok(stoa_sender_close(sender));
		end_place(&other->place);
	}
}

static void shutdown_makes_it_readable(void **state)
{
	(void)state;
	for (size_t t = 0; t < 2 * LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t / 2], 1, 70);
		struct stoa_sender *sender = new_sender(&place);
		int readable = fd_of(&place, STOA_READABLE), writable = fd_of(&place, STOA_WRITABLE);

		if (t % 2) {
			ok(push(&place, sender, 0));
			assert_true(becomes_silent(writable));
		}
		ok(stoa_queue_shutdown(place.queue, t % 2 ? STOA_NOW : STOA_DRAIN));
		assert_true(is_readable(readable, PATIENCE_MS));
		assert_true(is_readable(writable, PATIENCE_MS));
		sleep_ms(SETTLED_MS);
		assert_true(is_readable(readable, 0));
		assert_true(is_readable(writable, 0));
		ok(stoa_sender_close(sender));
		end_place(&place);
	}
}

static void a_drained_queue_is_readable_when_its_last_lease_has_ended(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 2, 70);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		int readable = fd_of(&place, STOA_READABLE);
		struct stoa_message message;

		ok(push(&place, sender, 0));
		ok(stoa_receiver_take(receiver, &message, NULL));
		ok(stoa_queue_shutdown(place.queue, STOA_DRAIN));
		assert_int_equal(pop_any(receiver),
		                 STOA_EMPTY); /* and a loop over epoll must not spin here */
		assert_true(becomes_silent(readable));
		ok(stoa_receiver_return(receiver, &message));
		assert_true(is_readable(readable, PATIENCE_MS));
		ok(stoa_receiver_take(receiver, &message, NULL));
		assert_true(becomes_silent(readable));
		ok(stoa_receiver_release(receiver, &message));
		assert_true(is_readable(readable, PATIENCE_MS));
		assert_int_equal(pop_any(receiver), STOA_CLOSED);
		assert_true(is_readable(readable, 0));
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

static void what_was_given_back_makes_it_readable(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 1, 70);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		int readable = fd_of(&place, STOA_READABLE);
		struct stoa_message message;

		ok(push(&place, sender, 0));
		ok(stoa_receiver_take(receiver, &message, NULL));
		assert_true(becomes_silent(readable));
		ok(stoa_receiver_return(receiver, &message));
		assert_true(is_readable(readable, PATIENCE_MS));
		ok(stoa_receiver_take(receiver, &message, NULL));
		assert_true(becomes_silent(readable));
		ok(stoa_receiver_close(receiver));
		receiver = new_receiver(&place);
		assert_true(is_readable(readable, PATIENCE_MS));
		ok(pop_is(&place, receiver, 0));
		assert_true(becomes_silent(readable));
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

static int take_and_wait(void *context)
{
	struct other *other = context;
	struct stoa_receiver *receiver;
	struct stoa_message message;

	if (stoa_receiver_open(other->place.queue, &receiver) || stoa_receiver_take(receiver, &message, NULL))
		return 1;
	atom64_store_seq(&other->step, 1);
	sleep_ms(PATIENCE_MS);
	return 2;
}

static void the_lease_of_a_killed_receiver_makes_it_readable(void **state)
{
	struct other *other = shared_memory(sizeof *other);

	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct stoa_receiver *receiver = NULL;
		struct stoa_sender *sender;
		int readable;
		pid_t pid;

		other->place = new_queue(topologies[t], 1, 70);
		atom64_store_seq(&other->step, 0);
		sender = new_sender(&other->place);
		readable = fd_of(&other->place, STOA_READABLE);
		ok(push(&other->place, sender, 0));
		pid = child_start(take_and_wait, other);
		assert_true(await_count(&other->step, 1));
		assert_true(becomes_silent(readable));
		child_kill(pid);
		assert_true(
			is_readable(readable, PATIENCE_MS)); /* also for who will open a receiver only then */
		ok(stoa_receiver_open(other->place.queue, &receiver));
		assert_true(is_readable(readable, PATIENCE_MS));
		ok(pop_is(&other->place, receiver, 0));
		assert_true(becomes_silent(readable));
		ok(stoa_receiver_close(receiver));
		ok(stoa_sender_close(sender));
		end_place(&other->place);
	}
}

/* ---- many, threads, forks ---- */

static void many_queues_have_descriptors_of_their_own(void **state)
{
	struct place places[70]; /* with two descriptors each: more than one wait can have words */
	struct stoa_sender *senders[70];
	struct stoa_receiver *receivers[70];
	int fds[70][2];

	(void)state;
	for (size_t i = 0; i < 70; i++) {
		places[i] = new_queue(topologies[i % 4], 1, 8);
		senders[i] = new_sender(&places[i]);
		receivers[i] = new_receiver(&places[i]);
		fds[i][0] = fd_of(&places[i], STOA_READABLE);
		fds[i][1] = fd_of(&places[i], STOA_READABLE | STOA_WRITABLE);
	}
	for (size_t i = 0; i < 70; i += 3) {
		ok(push(&places[i], senders[i], 0));
		for (size_t k = 0; k < 2; k++)
			assert_true(is_readable(fds[i][k], PATIENCE_MS));
	}
	for (size_t i = 0; i < 70; i++)
		assert_int_equal(is_readable(fds[i][0], 0), i % 3 == 0);
	for (size_t i = 0; i < 70; i++) {
		ok(stoa_sender_close(senders[i]));
		ok(stoa_receiver_close(receivers[i]));
		end_place(&places[i]);
		assert_int_equal(fcntl(fds[i][0], F_GETFD), -1); /* closed with the queue */
	}
}

static void the_helper_ends_with_the_last_descriptor_and_starts_again(void **state)
{
	(void)state;
	for (int round = 0; round < 30; round++) {
		struct place place = new_queue(topologies[round % 4], 1, 8);
		struct stoa_sender *sender = new_sender(&place);
		int readable = fd_of(&place, STOA_READABLE);

		if (round % 3)
			sleep_ms(1);
		ok(push(&place, sender, 0));
		assert_true(is_readable(readable, PATIENCE_MS));
		ok(stoa_sender_close(sender));
		end_place(&place);
	}
}

static int use_descriptors_in_a_child(void *context)
{
	struct other *other = context;
	struct stoa_receiver *receiver;
	struct stoa_sender *sender;
	int readable = stoa_queue_fd(other->place.queue, STOA_READABLE);

	if (readable < 0 || is_readable(readable, SETTLED_MS))
		return 1;
	if (stoa_sender_open(other->place.queue, &sender) ||
	    stoa_receiver_open(other->place.queue, &receiver))
		return 2;
	for (int i = 0; i < 5; i++) {
		if (push(&other->place, sender, 0) || !is_readable(readable, PATIENCE_MS))
			return 3;
		if (pop_is(&other->place, receiver, 0) || pop_any(receiver) != STOA_EMPTY ||
		    is_readable(readable, 0))
			return 4;
	}
	if (stoa_sender_close(sender) || stoa_receiver_close(receiver))
		return 5;
	return stoa_queue_close(other->place.queue) || stoa_segment_close(other->place.segment) ? 6 : 0;
}

static void a_forked_child_has_descriptors_of_its_own(void **state)
{
	struct other *other = shared_memory(sizeof *other);

	(void)state;
	for (int round = 0; round < 20; round++) { /* the fork may come at any moment of the helper */
		struct stoa_receiver *receiver;
		struct stoa_sender *sender;
		int readable;

		other->place = new_queue(topologies[0], 2, 70);
		readable = fd_of(&other->place, STOA_READABLE);
		os_sleep_ns((uint64_t)round * MS / 3);
		assert_int_equal(in_child(use_descriptors_in_a_child, other), 0);
		/* and the parent's is as it was */
		sender = new_sender(&other->place);
		receiver = new_receiver(&other->place);
		assert_true(becomes_silent(readable));
		ok(push(&other->place, sender, 0));
		assert_true(is_readable(readable, PATIENCE_MS));
		ok(pop_is(&other->place, receiver, 0));
		assert_int_equal(pop_any(receiver), STOA_EMPTY);
		assert_false(is_readable(readable, 0));
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&other->place);
	}
}

/* A helper must not take the one wake-up that was meant for a sleeper. */
static void who_sleeps_is_woken_although_somebody_watches(void **state)
{
	struct other *other = shared_memory(sizeof *other);
	uint64_t slowest = 0;

	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct stoa_receiver *receiver;
		pid_t pid;

		other->place = new_queue(topologies[t], 2, 70);
		other->count = 20;
		atom64_store_seq(&other->step, 0);
		fd_of(&other->place, STOA_READABLE);
		pid = child_start(push_from_another_process, other);
		receiver = new_receiver(&other->place);
		for (uint64_t tag = 0; tag < other->count; tag++) {
			struct timespec deadline = in_ms(PATIENCE_MS);
			uint64_t start = os_now_ns();
			uint8_t bytes[70];

			atom64_store_seq(&other->step, tag + 1);
			ok(stoa_receiver_recv(receiver, bytes, sizeof bytes, NULL, &deadline));
			if (os_now_ns() - start > slowest)
				slowest = os_now_ns() - start;
		}
		assert_int_equal(child_end(pid), 0);
		ok(stoa_receiver_close(receiver));
		end_place(&other->place);
	}
	assert_true(slowest < PATIENCE_MS * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_is_level_triggered),
		cmocka_unit_test(a_descriptor_for_both_is_readable_for_either),
		cmocka_unit_test(another_process_makes_it_readable),
		cmocka_unit_test(another_process_takes_the_last_message),
		cmocka_unit_test(shutdown_makes_it_readable),
		cmocka_unit_test(a_drained_queue_is_readable_when_its_last_lease_has_ended),
		cmocka_unit_test(what_was_given_back_makes_it_readable),
		cmocka_unit_test(the_lease_of_a_killed_receiver_makes_it_readable),
		cmocka_unit_test(many_queues_have_descriptors_of_their_own),
		cmocka_unit_test(the_helper_ends_with_the_last_descriptor_and_starts_again),
		cmocka_unit_test(a_forked_child_has_descriptors_of_its_own),
		cmocka_unit_test(who_sleeps_is_woken_although_somebody_watches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
