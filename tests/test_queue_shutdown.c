/* SPDX-License-Identifier: BSD-2-Clause */
/* Queues that are shut down: drained, closed at once, closed with their last sender. */
#include "queue_helpers.h"

#include <pthread.h>
#include <sys/wait.h>

/* ---- drain ---- */

static void a_drained_queue_gives_its_rest_and_then_closed(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		for (uint64_t count = 0; count <= 4; count++) {
			struct place place = new_queue(topologies[t], 4, 70);
			struct stoa_sender *sender = new_sender(&place);
			struct stoa_receiver *receiver = new_receiver(&place);
			struct stoa_message message;
			void *bytes;

			for (uint64_t tag = 0; tag < count; tag++)
				ok(push(&place, sender, tag));
			ok(stoa_sender_reserve(sender, 1, &bytes));
			ok(stoa_queue_shutdown(place.queue, STOA_DRAIN));
			ok(stoa_queue_shutdown(place.queue, STOA_DRAIN));
			assert_int_equal(stat_of(&place).shutdown, STOA_DRAIN);
			assert_int_equal(push(&place, sender, 9), STOA_CLOSED);
			assert_int_equal(stoa_sender_send(sender, "", 0, NULL), STOA_CLOSED);
			assert_int_equal(stoa_sender_commit(sender, bytes, 1, NULL), STOA_CLOSED);
			for (uint64_t tag = 0; tag < count; tag++)
				ok(pop_is(&place, receiver, tag));
			assert_int_equal(pop_any(receiver), STOA_CLOSED);
			assert_int_equal(stoa_receiver_recv(receiver, NULL, 0, NULL, NULL), STOA_CLOSED);
			assert_int_equal(stoa_receiver_take(receiver, &message, NULL), STOA_CLOSED);
			assert_int_equal(push(&place, sender, 9), STOA_CLOSED);
			assert_int_equal(stat_of(&place).sent, count);
			assert_int_equal(stat_of(&place).received, count);
			assert_int_equal(stat_of(&place).length, 0);
			assert_int_equal(stat_of(&place).discarded, 0);
			ok(stoa_sender_close(sender));
			sender = new_sender(&place); /* it opens, and is told */
			assert_int_equal(push(&place, sender, 9), STOA_CLOSED);
			assert_int_equal(stoa_sender_send(sender, "", 0, NULL), STOA_CLOSED);
			ok(stoa_sender_close(sender));
			ok(stoa_receiver_close(receiver));
			receiver = new_receiver(&place); /* it opens, for the rest */
			assert_int_equal(pop_any(receiver), STOA_CLOSED);
			ok(stoa_receiver_close(receiver));
			end_place(&place);
		}
	}
}

static void an_open_lease_keeps_a_drained_queue_from_closing(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * LENGTH(topologies); i++) {
		struct stoa_queue_config config = shape(topologies[i / 2], 4, 70);
		int open = i % 2 ? STOA_CLOSED : STOA_EMPTY;
		struct timespec soon = in_ms(30);
		struct stoa_sender *sender;
		struct stoa_receiver *receiver, *other = NULL;
		struct stoa_message message;
		struct place place;

		config.on_death = i % 2 ? STOA_DISCARD : STOA_REDELIVER;
		place = new_place(&config);
		sender = new_sender(&place);
		receiver = new_receiver(&place);
		ok(push(&place, sender, 0));
		ok(stoa_receiver_take(receiver, &message, NULL));
		ok(stoa_queue_shutdown(place.queue, STOA_DRAIN));
		assert_int_equal(pop_any(receiver), open);
		if (open == STOA_EMPTY)
			assert_int_equal(stoa_receiver_recv(receiver, NULL, 0, NULL, &soon), STOA_TIMEOUT);
		if (topologies[i / 2].receivers == STOA_MANY) {
			other = new_receiver(&place);
			assert_int_equal(pop_any(other), open);
		}
		ok(stoa_receiver_return(receiver, &message));
		ok(stoa_receiver_take(receiver, &message, NULL));
		assert_int_equal(message.deliveries, 2);
		assert_int_equal(pop_any(receiver), open);
		ok(stoa_receiver_release(receiver, &message));
		assert_int_equal(pop_any(receiver), STOA_CLOSED);
		if (other)
			assert_int_equal(pop_any(other), STOA_CLOSED);
		ok(stoa_receiver_close(other));
		ok(stoa_receiver_close(receiver));
		ok(stoa_sender_close(sender));
		end_place(&place);
	}
}

/* ---- at once ---- */

static void a_queue_that_is_shut_down_now_gives_nothing_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * LENGTH(topologies); i++) {
		struct place place = new_queue(topologies[i / 2], 8, 70);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		struct stoa_message leased, returned, message;

		for (uint64_t tag = 0; tag < 6; tag++)
			ok(push(&place, sender, tag));
		ok(stoa_receiver_take(receiver, &leased, NULL));
		ok(stoa_receiver_take(receiver, &returned, NULL));
		ok(stoa_receiver_return(receiver, &returned));
		if (i % 2) {
			ok(stoa_queue_shutdown(place.queue, STOA_DRAIN));
			ok(pop_is(&place, receiver, 1));
			ok(pop_is(&place, receiver, 2));
		}
		ok(stoa_queue_shutdown(place.queue, STOA_NOW));
		ok(stoa_queue_shutdown(place.queue, STOA_DRAIN)); /* changes nothing any more */
		assert_int_equal(stat_of(&place).shutdown, STOA_NOW);
		assert_int_equal(push(&place, sender, 9), STOA_CLOSED);
		assert_int_equal(pop_any(receiver), STOA_CLOSED);
		assert_int_equal(stoa_receiver_take(receiver, &message, NULL), STOA_CLOSED);
		assert_int_equal(stat_of(&place).discarded, i % 2 ? 3 : 5);
		assert_int_equal(stat_of(&place).length, 0);
		assert_int_equal(stat_of(&place).held, 1);
		assert_true(message_is(&place, &leased, 0)); /* an open lease stays valid */
		ok(stoa_receiver_release(receiver, &leased));
		assert_int_equal(stat_of(&place).held, 0);
		assert_int_equal(stat_of(&place).discarded, i % 2 ? 3 : 5);
		ok(stoa_receiver_close(receiver));
		ok(stoa_sender_close(sender));
		end_place(&place);
	}
}

static void what_nobody_will_take_any_more_keeps_no_handle(void **state)
{
	struct stoa_queue_config config = shape(topologies[0], 8, 70);
	struct stoa_sender *senders[3];
	struct stoa_receiver *receivers[2];
	struct stoa_message message;
	struct place place;

	(void)state;
	config.handles = 3;
	config.holds = 2;
	place = new_place(&config);
	senders[0] = new_sender(&place);
	for (int i = 0; i < 2; i++) {
		receivers[i] = new_receiver(&place);
		for (uint64_t tag = 0; tag < 2; tag++) {
			ok(push(&place, senders[0], tag));
			ok(stoa_receiver_take(receivers[i], &message, NULL));
		}
	}
	ok(stoa_receiver_close(receivers[0])); /* leaves two messages in its handle */
	ok(stoa_queue_shutdown(place.queue, STOA_NOW));
	ok(stoa_receiver_close(receivers[1]));
	assert_int_equal(stat_of(&place).discarded, 4);
	for (int i = 1; i < 3; i++) {
		void *bytes[2];

		senders[i] = new_sender(&place);
		for (int k = 0; k < 2; k++)
			ok(stoa_sender_reserve(senders[i], 70, &bytes[k]));
		assert_ptr_not_equal(bytes[0], bytes[1]);
		assert_int_equal(stoa_sender_commit(senders[i], bytes[0], 0, NULL), STOA_CLOSED);
	}
	assert_int_equal(stat_of(&place).discarded, 4);
	assert_int_equal(stat_of(&place).length, 0);
	assert_int_equal(stat_of(&place).redelivered, 0);
	for (int i = 0; i < 3; i++)
		ok(stoa_sender_close(senders[i]));
	end_place(&place);
}

/* ---- who waits is woken ---- */

struct sleepers {
	struct place place;
	struct atom64 ready;
};

/* A child: waits for ever as a sender of a full queue, or a receiver; 0 where it was told CLOSED. */
static int sleep_as_sender(void *context)
{
	struct sleepers *sleepers = context;
	struct stoa_sender *sender;

	if (stoa_sender_open(sleepers->place.queue, &sender))
		return 1;
	atom64_add_seq(&sleepers->ready, 1);
	return stoa_sender_send(sender, "", 0, NULL) == STOA_CLOSED ? 0 : 2;
}

static int sleep_as_receiver(void *context)
{
	struct sleepers *sleepers = context;
	struct stoa_receiver *receiver;

	if (stoa_receiver_open(sleepers->place.queue, &receiver))
		return 1;
	atom64_add_seq(&sleepers->ready, 1);
	return stoa_receiver_recv(receiver, NULL, 0, NULL, NULL) == STOA_CLOSED ? 0 : 2;
}

static void wake_sleepers(struct topology topology, child_fn *fn, bool full, unsigned how, unsigned count)
{
	struct sleepers *sleepers = shared_memory(sizeof *sleepers);
	struct stoa_sender *sender;
	pid_t pids[3];

	sleepers->place = new_queue(topology, 1, 8);
	if (full) {
		sender = new_sender(&sleepers->place);
		ok(push(&sleepers->place, sender, 0));
		ok(stoa_sender_close(sender));
	}
	for (unsigned i = 0; i < count; i++)
		pids[i] = child_start(fn, sleepers);
	assert_true(await_count(&sleepers->ready, count));
	sleep_ms(20);
	ok(stoa_queue_shutdown(sleepers->place.queue, how));
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(child_end(pids[i]), 0);
	end_place(&sleepers->place);
}

static void everyone_who_waits_is_woken_by_a_shutdown(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		for (unsigned how = STOA_DRAIN; how <= STOA_NOW; how++) {
			wake_sleepers(topologies[t], sleep_as_sender, true, how,
			              topologies[t].senders == STOA_ONE ? 1 : 3);
			wake_sleepers(topologies[t], sleep_as_receiver, false, how,
			              topologies[t].receivers == STOA_ONE ? 1 : 3);
		}
	}
}

static int receive_after_release(void *context)
{
	struct sleepers *sleepers = context;
	struct stoa_receiver *receiver;
	struct stoa_message message;

	if (stoa_receiver_open(sleepers->place.queue, &receiver))
		return 1;
	if (stoa_receiver_take(receiver, &message, NULL))
		return 2;
	atom64_store_seq(&sleepers->ready, 1);
	while (atom64_load_seq(&sleepers->ready) == 1)
		sleep_ms(1);
	if (stoa_receiver_release(receiver, &message))
		return 3;
	while (atom64_load_seq(&sleepers->ready) == 2)
		sleep_ms(1);
	return 0;
}

static void the_end_of_the_last_lease_wakes_who_waits_for_the_end(void **state)
{
	struct sleepers *sleepers = shared_memory(sizeof *sleepers);
	struct stoa_receiver *receiver;
	struct stoa_sender *sender;
	struct timespec far = in_ms(PATIENCE_MS);
	pid_t pid;

	(void)state;
	sleepers->place = new_queue(topologies[0], 1, 8);
	sender = new_sender(&sleepers->place);
	ok(push(&sleepers->place, sender, 0));
	pid = child_start(receive_after_release, sleepers);
	assert_true(await_count(&sleepers->ready, 1));
	receiver = new_receiver(&sleepers->place);
	ok(stoa_queue_shutdown(sleepers->place.queue, STOA_DRAIN));
	assert_int_equal(pop_any(receiver), STOA_EMPTY);
	atom64_store_seq(&sleepers->ready, 2);
	assert_int_equal(stoa_receiver_recv(receiver, NULL, 0, NULL, &far), STOA_CLOSED);
	atom64_store_seq(&sleepers->ready, 3);
	assert_int_equal(child_end(pid), 0);
	ok(stoa_receiver_close(receiver));
	ok(stoa_sender_close(sender));
	end_place(&sleepers->place);
}

/* ---- what a sender was told is what the receivers get ---- */

#define SENDERS 3
#define RECEIVERS 2
#define RACE_WORDS 512

struct race {
	struct place place;
	struct atom64 accepted[SENDERS], received[SENDERS];
	struct atom32 go, wrong;
};

struct racer {
	struct race *race;
	uint64_t number;
	bool in_place;
};

static void *send_until_closed(void *context)
{
	struct racer *me = context;
	struct stoa_sender *sender;
	uint64_t message[RACE_WORDS] = { me->number };
	size_t size = me->race->place.message_size;
	int rc = stoa_sender_open(me->race->place.queue, &sender);

	if (rc) {
		atom32_add_seq(&me->race->wrong, 1);
		return NULL;
	}
	while (!atom32_load_seq(&me->race->go))
		cpu_pause();
	for (;;) {
		void *bytes;

		if (!me->in_place) {
			rc = stoa_sender_push(sender, message, size);
		} else if ((rc = stoa_sender_reserve(sender, size, &bytes)) == 0) {
			memcpy(bytes, message, size);
			rc = stoa_sender_commit(sender, bytes, size, &stoa_now);
			if (rc)
				stoa_sender_abort(sender, bytes);
		}
		if (rc == STOA_OK)
			message[1] = atom64_add_seq(&me->race->accepted[me->number], 1) + 1;
		else if (rc != STOA_FULL)
			break;
		else
			os_yield();
	}
	atom32_add_seq(&me->race->wrong, rc != STOA_CLOSED);
	stoa_sender_close(sender);
	return NULL;
}

static void *receive_until_closed(void *context)
{
	struct racer *me = context;
	struct stoa_receiver *receiver;
	struct stoa_message message;
	uint64_t from = 0;
	int rc;

	if (stoa_receiver_open(me->race->place.queue, &receiver)) {
		atom32_add_seq(&me->race->wrong, 1);
		return NULL;
	}
	while ((rc = stoa_receiver_take(receiver, &message, &stoa_now)) != STOA_CLOSED) {
		if (rc == STOA_EMPTY)
			continue;
		if (rc == STOA_OK)
			memcpy(&from, message.bytes, sizeof from);
		if (rc == STOA_OK && from < SENDERS)
			atom64_add_seq(&me->race->received[from], 1);
		else
			atom32_add_seq(&me->race->wrong, 1);
		if (rc == STOA_OK && stoa_receiver_release(receiver, &message))
			atom32_add_seq(&me->race->wrong, 1);
	}
	stoa_receiver_close(receiver);
	return NULL;
}

static void race_to_the_end(struct topology topology, uint64_t capacity, unsigned round)
{
	static struct race race;
	struct racer racers[SENDERS + RECEIVERS];
	pthread_t threads[SENDERS + RECEIVERS];
	/* Mostly one at each end, so that the queue is empty, and its sender in the middle of a message. */
	uint64_t senders = topology.senders == STOA_ONE || round % 8 < 6 ? 1 : SENDERS;
	uint64_t all = senders + (topology.receivers == STOA_ONE || round % 8 < 6 ? 1 : RECEIVERS);

	memset(&race, 0, sizeof race);
	/* A long copy leaves a sender long between its look whether the queue is closed and its commit. */
	race.place = new_queue(topology, capacity, round % 8 == 5 ? 80 : RACE_WORDS * sizeof(uint64_t));
	for (uint64_t i = 0; i < all; i++) {
		racers[i] = (struct racer){ .race = &race, .number = i, .in_place = (round + i) % 2 };
		assert_int_equal(pthread_create(&threads[i], NULL,
		                                i < senders ? send_until_closed : receive_until_closed,
		                                &racers[i]),
		                 0);
	}
	atom32_store_seq(&race.go, 1);
	os_sleep_ns(30000 + round * 7919 % 200 * 1000);
	ok(stoa_queue_shutdown(race.place.queue, STOA_DRAIN));
	for (uint64_t i = 0; i < all; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atom32_load_seq(&race.wrong), 0);
	for (uint64_t i = 0; i < senders; i++)
		assert_int_equal(count_of(&race.received[i]), count_of(&race.accepted[i]));
	assert_int_equal(stat_of(&race.place).sent, stat_of(&race.place).received);
	end_place(&race.place);
}

static void what_a_sender_was_told_is_what_the_receivers_get(void **state)
{
	static const uint64_t capacities[] = { 1, 2, 5, 64 };

	(void)state;
	alarm(100);
	for (unsigned round = 0; round < 1024; round++)
		race_to_the_end(topologies[round / 8 % 4], capacities[round / 32 % 4], round);
	alarm(0);
}

/* ---- a stopped sender does not hold up the end ---- */

struct stopped {
	struct place place;
	struct atom64 accepted, ready;
};

static int push_until_closed(void *context)
{
	struct stopped *stopped = context;
	struct stoa_sender *sender;
	uint64_t message[RACE_WORDS] = { 0 };
	int rc;

	if (stoa_sender_open(stopped->place.queue, &sender))
		return 1;
	atom64_store_seq(&stopped->ready, 1);
	while ((rc = stoa_sender_push(sender, message, sizeof message)) == STOA_OK || rc == STOA_FULL) {
		if (rc == STOA_OK)
			atom64_add_seq(&stopped->accepted, 1);
	}
	return rc == STOA_CLOSED && stoa_sender_close(sender) == 0 ? 0 : 2;
}

static void drain_past_a_stopped_sender(struct stopped *stopped, struct topology topology, uint64_t *seed)
{
	struct stoa_receiver *receiver;
	struct stoa_message message;
	uint64_t received = 0, end = os_now_ns() + PATIENCE_MS * MS;
	int status, rc;
	pid_t pid;

	stopped->place = new_queue(topology, 3, RACE_WORDS * sizeof(uint64_t));
	atom64_store_seq(&stopped->accepted, 0);
	atom64_store_seq(&stopped->ready, 0);
	receiver = new_receiver(&stopped->place);
	pid = child_start(push_until_closed, stopped);
	assert_true(await_count(&stopped->ready, 1));
	for (uint64_t i = below(seed, 300); i > 0; i--) { /* empty most of the time, so that it is pushing */
		if (stoa_receiver_take(receiver, &message, &stoa_now) == STOA_OK) {
			ok(stoa_receiver_release(receiver, &message));
			received++;
		}
	}
	kill(pid, SIGSTOP);
	while (waitpid(pid, &status, WUNTRACED) < 0 && errno == EINTR)
		;
	ok(stoa_queue_shutdown(stopped->place.queue, STOA_DRAIN));
	while ((rc = stoa_receiver_take(receiver, &message, &stoa_now)) != STOA_CLOSED && os_now_ns() < end) {
		if (rc == STOA_EMPTY)
			continue;
		ok(rc);
		ok(stoa_receiver_release(receiver, &message));
		received++;
	}
	kill(pid, SIGCONT);
	assert_int_equal(child_end(pid), 0);
	assert_int_equal(rc, STOA_CLOSED);
	assert_int_equal(received, count_of(&stopped->accepted));
	assert_int_equal(stat_of(&stopped->place).length, 0);
	ok(stoa_receiver_close(receiver));
	end_place(&stopped->place);
}

static void many_times(void (*drain)(struct stopped *stopped, struct topology topology, uint64_t *seed),
                       uint64_t seed)
{
	struct stopped *stopped = shared_memory(sizeof *stopped);

	alarm(100);
	for (unsigned round = 0; round < 200; round++)
		drain(stopped, topologies[round % 4], &seed);
	alarm(0);
}

static void a_stopped_sender_does_not_hold_up_the_end_of_a_drain(void **state)
{
	(void)state;
	many_times(drain_past_a_stopped_sender, 0x99);
}

/* Somebody holds a message, so the end is EMPTY and not yet CLOSED: all that was committed has come by then. */
static void drain_to_empty(struct stopped *stopped, struct topology topology, uint64_t *seed)
{
	struct timespec far = in_ms(PATIENCE_MS);
	struct stoa_message held, message;
	struct stoa_receiver *receiver;
	uint64_t received = 1;
	pid_t pid;
	int rc;

	stopped->place = new_queue(topology, 3, RACE_WORDS * sizeof(uint64_t));
	atom64_store_seq(&stopped->accepted, 0);
	atom64_store_seq(&stopped->ready, 0);
	receiver = new_receiver(&stopped->place);
	pid = child_start(push_until_closed, stopped);
	ok(stoa_receiver_take(receiver, &held, &far));
	for (uint64_t i = below(seed, 300); i > 0; i--)
		received += pop_any(receiver) == STOA_OK;
	ok(stoa_queue_shutdown(stopped->place.queue, STOA_DRAIN));
	while ((rc = pop_any(receiver)) == STOA_OK)
		received++;
	assert_int_equal(rc, STOA_EMPTY);
	assert_int_equal(child_end(pid), 0);
	assert_int_equal(received, count_of(&stopped->accepted));
	assert_int_equal(stoa_receiver_take(receiver, &message, &stoa_now), STOA_EMPTY);
	ok(stoa_receiver_return(receiver, &held));
	ok(stoa_receiver_take(receiver, &held, &stoa_now));
	ok(stoa_receiver_release(receiver, &held));
	assert_int_equal(pop_any(receiver), STOA_CLOSED);
	ok(stoa_receiver_close(receiver));
	end_place(&stopped->place);
}

static void empty_after_a_drain_means_that_only_leases_are_left(void **state)
{
	(void)state;
	many_times(drain_to_empty, 0x98);
}

/* ---- with the last sender ---- */

static struct place new_place_that_closes(struct topology topology)
{
	struct stoa_queue_config config = shape(topology, 4, 8);

	config.flags = STOA_CLOSE_WITH_SENDERS;
	return new_place(&config);
}

static void a_queue_closes_when_its_last_sender_closes_and_not_before_one_came(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_place_that_closes(topologies[t]);
		bool one = topologies[t].senders == STOA_ONE;
		struct stoa_receiver *receiver = new_receiver(&place);
		struct stoa_sender *first, *second = NULL;
		struct timespec soon = in_ms(40);

		assert_int_equal(stoa_receiver_recv(receiver, NULL, 0, NULL, &soon), STOA_TIMEOUT);
		ok(stoa_segment_reap(place.segment));
		assert_int_equal(stat_of(&place).shutdown, 0);
		first = new_sender(&place);
		if (!one)
			second = new_sender(&place);
		ok(push(&place, first, 0));
		if (!one) {
			ok(stoa_sender_close(first));
			assert_int_equal(stat_of(&place).shutdown, 0);
			ok(push(&place, second, 1));
			first = second;
		}
		ok(stoa_sender_close(first));
		assert_int_equal(stat_of(&place).shutdown, STOA_DRAIN);
		first = new_sender(&place); /* too late */
		assert_int_equal(push(&place, first, 2), STOA_CLOSED);
		ok(stoa_sender_close(first));
		ok(pop_is(&place, receiver, 0));
		if (!one)
			ok(pop_is(&place, receiver, 1));
		assert_int_equal(pop_any(receiver), STOA_CLOSED);
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

static int send_and_wait_for_death(void *context)
{
	struct sleepers *sleepers = context;
	struct stoa_sender *sender;

	if (stoa_sender_open(sleepers->place.queue, &sender) || push(&sleepers->place, sender, 0))
		return 1;
	atom64_store_seq(&sleepers->ready, 1);
	sleep_ms(PATIENCE_MS);
	return 2;
}

static void a_queue_closes_when_its_last_sender_is_killed(void **state)
{
	struct sleepers *sleepers = shared_memory(sizeof *sleepers);

	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct timespec far = in_ms(PATIENCE_MS);
		struct stoa_receiver *receiver;
		uint8_t bytes[8];
		pid_t pid;

		sleepers->place = new_place_that_closes(topologies[t]);
		atom64_store_seq(&sleepers->ready, 0);
		receiver = new_receiver(&sleepers->place);
		pid = child_start(send_and_wait_for_death, sleepers);
		assert_true(await_count(&sleepers->ready, 1));
		ok(pop_is(&sleepers->place, receiver, 0));
		assert_int_equal(pop_any(receiver), STOA_EMPTY);
		assert_int_equal(child_kill(pid), CHILD_SIGNAL + SIGKILL);
		assert_int_equal(stoa_receiver_recv(receiver, bytes, 8, NULL, &far), STOA_CLOSED);
		ok(stoa_receiver_close(receiver));
		end_place(&sleepers->place);
		/* one who never waits finds out, too */
		sleepers->place = new_place_that_closes(topologies[t]);
		atom64_store_seq(&sleepers->ready, 0);
		receiver = new_receiver(&sleepers->place);
		pid = child_start(send_and_wait_for_death, sleepers);
		assert_true(await_count(&sleepers->ready, 1));
		assert_int_equal(child_kill(pid), CHILD_SIGNAL + SIGKILL);
		ok(pop_is(&sleepers->place, receiver, 0));
		for (int i = 0; i < PATIENCE_MS && pop_any(receiver) == STOA_EMPTY; i++)
			os_sleep_ns(MS);
		assert_int_equal(pop_any(receiver), STOA_CLOSED);
		ok(stoa_receiver_close(receiver));
		end_place(&sleepers->place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drained_queue_gives_its_rest_and_then_closed),
		cmocka_unit_test(an_open_lease_keeps_a_drained_queue_from_closing),
		cmocka_unit_test(a_queue_that_is_shut_down_now_gives_nothing_more),
		cmocka_unit_test(what_nobody_will_take_any_more_keeps_no_handle),
		cmocka_unit_test(everyone_who_waits_is_woken_by_a_shutdown),
		cmocka_unit_test(the_end_of_the_last_lease_wakes_who_waits_for_the_end),
		cmocka_unit_test(what_a_sender_was_told_is_what_the_receivers_get),
		cmocka_unit_test(a_stopped_sender_does_not_hold_up_the_end_of_a_drain),
		cmocka_unit_test(empty_after_a_drain_means_that_only_leases_are_left),
		cmocka_unit_test(a_queue_closes_when_its_last_sender_closes_and_not_before_one_came),
		cmocka_unit_test(a_queue_closes_when_its_last_sender_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
