/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues whose users are killed: leases go to others, places of ONE are taken over, nothing is lost, nothing
 * comes twice unflagged, and capacity, handles and participants are whole afterwards.
 */
#include "queue_helpers.h"

#define REDELIVERY_MS 5000 /* generous: 100 ms are promised */

struct scene {
	struct place place;
	struct atom64 step;
	uint32_t count; /* of messages that the child takes or sends */
};

/* ---- places of ONE ---- */

static int hold_sender(void *context)
{
	struct scene *scene = context;
	struct stoa_sender *sender;
	void *bytes;

	if (stoa_sender_open(scene->place.queue, &sender))
		return 1;
	for (uint64_t tag = 0; tag < scene->count; tag++) {
		if (push(&scene->place, sender, tag))
			return 2;
	}
	if (stoa_sender_reserve(sender, 8, &bytes))
		return 3;
	memset(bytes, 0xee, 8);
	atom64_store_seq(&scene->step, 1);
	sleep_ms(PATIENCE_MS);
	return 4;
}

static void a_sender_of_one_is_taken_over_when_it_is_killed(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);

	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		for (uint64_t size = 8; size <= 100; size += 92) {
			struct stoa_receiver *receiver;
			struct stoa_sender *sender;
			pid_t pid;

			if (topologies[t].senders == STOA_MANY)
				continue;
			scene->place = new_queue(topologies[t], 5, size);
			scene->count = 2;
			for (uint64_t round = 0; round < 5; round++) {
				atom64_store_seq(&scene->step, 0);
				pid = child_start(hold_sender, scene);
				assert_true(await_count(&scene->step, 1));
				assert_int_equal(stoa_sender_open(scene->place.queue, &sender), -EBUSY);
				assert_int_equal(stat_of(&scene->place).senders, 1);
				child_kill(pid);
				assert_int_equal(stat_of(&scene->place).senders, 0);
				sender = new_sender(&scene->place);
				for (uint64_t tag = 2; tag < 5; tag++)
					ok(push(&scene->place, sender, tag));
				assert_int_equal(push(&scene->place, sender, 5), STOA_FULL);
				receiver = new_receiver(&scene->place);
				for (uint64_t tag = 0; tag < 5; tag++)
					ok(pop_is(&scene->place, receiver, tag));
				ok(stoa_receiver_close(receiver));
				ok(stoa_sender_close(sender));
			}
			end_place(&scene->place);
		}
	}
}

/* Takes `count` messages, and waits for its death. */
static int hold_leases(void *context)
{
	struct scene *scene = context;
	struct stoa_receiver *receiver;
	struct stoa_message message;

	if (stoa_receiver_open(scene->place.queue, &receiver))
		return 1;
	for (uint32_t i = 0; i < scene->count; i++) {
		if (stoa_receiver_take(receiver, &message, NULL))
			return 2;
	}
	atom64_store_seq(&scene->step, 1);
	sleep_ms(PATIENCE_MS);
	return 3;
}

static void a_receiver_of_one_is_taken_over_with_what_it_held(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);

	(void)state;
	for (size_t t = 0; t < 2 * LENGTH(topologies); t++) {
		struct stoa_queue_config config = shape(topologies[t / 2], 5, 40);
		bool discard = t % 2;
		struct stoa_receiver *receiver;
		struct stoa_sender *sender;
		pid_t pid;

		if (config.receivers == STOA_MANY)
			continue;
		config.on_death = discard ? STOA_DISCARD : STOA_REDELIVER;
		scene->place = new_place(&config);
		sender = new_sender(&scene->place);
		scene->count = 3;
		for (uint64_t round = 0; round < 5; round++) {
			struct stoa_message message;
			uint64_t found = 0;

			for (uint64_t tag = 0; tag < 5; tag++)
				ok(push(&scene->place, sender, tag));
			atom64_store_seq(&scene->step, 0);
			pid = child_start(hold_leases, scene);
			assert_true(await_count(&scene->step, 1));
			assert_int_equal(stoa_receiver_open(scene->place.queue, &receiver), -EBUSY);
			assert_int_equal(stat_of(&scene->place).held, 3);
			child_kill(pid);
			receiver = new_receiver(&scene->place);
			assert_int_equal(stat_of(&scene->place).held, 0);
			assert_int_equal(stat_of(&scene->place).length, discard ? 2 : 5);
			assert_int_equal(stat_of(&scene->place).discarded, discard ? 3 * (round + 1) : 0);
			for (uint64_t i = 0; i < 3 && !discard; i++) {
				ok(stoa_receiver_take(receiver, &message, &stoa_now));
				assert_int_equal(message.deliveries, 2);
				assert_int_equal(message.flags, STOA_REDELIVERED);
				assert_true(message_is(&scene->place, &message, message.id - 5 * round));
				found |= 1u << (message.id - 5 * round);
				ok(stoa_receiver_release(receiver, &message));
			}
			assert_int_equal(found, discard ? 0 : 7);
			ok(pop_is(&scene->place, receiver, 3));
			ok(pop_is(&scene->place, receiver, 4));
			assert_int_equal(pop_any(receiver), STOA_EMPTY);
			ok(stoa_receiver_close(receiver));
		}
		ok(stoa_sender_close(sender));
		end_place(&scene->place);
	}
}

/* ---- leases of MANY ---- */

static void a_killed_receivers_leases_reach_a_waiting_one(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);

	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct stoa_queue_config config = shape(topologies[t], 5, 40);
		struct stoa_receiver *receiver;
		struct stoa_sender *sender;

		if (config.receivers == STOA_ONE)
			continue;
		config.holds = 3;
		scene->place = new_place(&config);
		sender = new_sender(&scene->place);
		receiver = new_receiver(&scene->place);
		scene->count = 3;
		for (uint64_t round = 0; round < 5; round++) {
			uint64_t found = 0;
			pid_t pid;

			for (uint64_t tag = 0; tag < 3; tag++)
				ok(push(&scene->place, sender, tag));
			atom64_store_seq(&scene->step, 0);
			pid = child_start(hold_leases, scene);
			assert_true(await_count(&scene->step, 1));
			assert_int_equal(pop_any(receiver), STOA_EMPTY);
			child_kill(pid);
			for (int i = 0; i < 3; i++) {
				struct timespec deadline = in_ms(REDELIVERY_MS);
				struct stoa_message message;

				ok(stoa_receiver_take(receiver, &message, &deadline));
				assert_int_equal(message.deliveries, 2);
				assert_int_equal(message.flags, STOA_REDELIVERED);
				assert_true(message_is(&scene->place, &message, message.id - 3 * round));
				found |= 1u << (message.id - 3 * round);
				ok(stoa_receiver_release(receiver, &message));
			}
			assert_int_equal(found, 7);
			assert_int_equal(pop_any(receiver), STOA_EMPTY);
			assert_int_equal(stat_of(&scene->place).redelivered, 3 * (round + 1));
			assert_int_equal(stat_of(&scene->place).received, 3 * (round + 1));
			assert_int_equal(stat_of(&scene->place).receivers, 1);
		}
		ok(stoa_receiver_close(receiver));
		ok(stoa_sender_close(sender));
		end_place(&scene->place);
	}
}

static void a_killed_receivers_leases_reach_one_who_never_waits(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);
	struct stoa_receiver *receiver;
	struct stoa_sender *sender;
	uint64_t end;
	pid_t pid;
	int rc;

	(void)state;
	scene->place = new_queue(topologies[0], 5, 40);
	sender = new_sender(&scene->place);
	receiver = new_receiver(&scene->place);
	ok(push(&scene->place, sender, 0));
	scene->count = 1;
	pid = child_start(hold_leases, scene);
	assert_true(await_count(&scene->step, 1));
	child_kill(pid);
	end = os_now_ns() + REDELIVERY_MS * MS;
	while ((rc = pop_is(&scene->place, receiver, 0)) == STOA_EMPTY && os_now_ns() < end)
		os_yield();
	ok(rc);
	ok(stoa_receiver_close(receiver));
	ok(stoa_sender_close(sender));
	end_place(&scene->place);
}

static void a_killed_receivers_leases_are_discarded_and_counted_where_asked_for(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);

	(void)state;
	for (size_t t = 0; t < 2; t++) {
		struct stoa_queue_config config = shape(topologies[t], 5, 40);
		struct stoa_receiver *receiver;
		struct stoa_sender *sender;

		config.on_death = STOA_DISCARD;
		scene->place = new_place(&config);
		sender = new_sender(&scene->place);
		receiver = new_receiver(&scene->place);
		scene->count = 4;
		for (uint64_t round = 0; round < 5; round++) {
			pid_t pid;

			for (uint64_t tag = 0; tag < 5; tag++)
				ok(push(&scene->place, sender, tag));
			atom64_store_seq(&scene->step, 0);
			pid = child_start(hold_leases, scene);
			assert_true(await_count(&scene->step, 1));
			child_kill(pid);
			assert_true(stoa_segment_reap(scene->place.segment) >= 0);
			assert_int_equal(stat_of(&scene->place).discarded, 4 * (round + 1));
			assert_int_equal(stat_of(&scene->place).redelivered, 0);
			assert_int_equal(stat_of(&scene->place).held, 0);
			ok(pop_is(&scene->place, receiver, 4));
			assert_int_equal(pop_any(receiver), STOA_EMPTY);
		}
		ok(stoa_receiver_close(receiver));
		ok(stoa_sender_close(sender));
		end_place(&scene->place);
	}
}

/* Takes, returns and takes again: a message out of its own orphan cell. */
static int hold_a_returned_lease(void *context)
{
	struct scene *scene = context;
	struct stoa_receiver *receiver;
	struct stoa_message messages[2];

	if (stoa_receiver_open(scene->place.queue, &receiver))
		return 1;
	if (stoa_receiver_take(receiver, &messages[0], NULL) ||
	    stoa_receiver_take(receiver, &messages[1], NULL))
		return 2;
	if (stoa_receiver_return(receiver, &messages[1]))
		return 3;
	if (scene->count && stoa_receiver_take(receiver, &messages[1], NULL))
		return 4;
	atom64_store_seq(&scene->step, 1);
	sleep_ms(PATIENCE_MS);
	return 5;
}

static void what_the_killed_had_given_back_comes_too(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);

	(void)state;
	for (uint32_t again = 0; again < 2; again++) {
		for (size_t t = 0; t < LENGTH(topologies); t++) {
			struct stoa_queue_config config = shape(topologies[t], 5, 40);
			struct stoa_receiver *receiver;
			struct stoa_sender *sender;
			pid_t pid;

			config.holds = 2;
			scene->place = new_place(&config);
			sender = new_sender(&scene->place);
			scene->count = again;
			ok(push(&scene->place, sender, 0));
			ok(push(&scene->place, sender, 1));
			atom64_store_seq(&scene->step, 0);
			pid = child_start(hold_a_returned_lease, scene);
			assert_true(await_count(&scene->step, 1));
			child_kill(pid);
			receiver = new_receiver(&scene->place);
			for (int i = 0; i < 2; i++) {
				struct timespec deadline = in_ms(REDELIVERY_MS);
				struct stoa_message message;

				ok(stoa_receiver_take(receiver, &message, &deadline));
				assert_true(message_is(&scene->place, &message, message.id));
				assert_int_equal(message.deliveries, message.id == 1 && again ? 3 : 2);
				ok(stoa_receiver_release(receiver, &message));
			}
			assert_int_equal(pop_any(receiver), STOA_EMPTY);
			ok(stoa_receiver_close(receiver));
			ok(stoa_sender_close(sender));
			end_place(&scene->place);
		}
	}
}

static void a_drained_queue_waits_for_the_leases_of_the_killed(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);
	struct timespec deadline;
	struct stoa_receiver *receiver;
	struct stoa_sender *sender;
	struct stoa_message message;
	pid_t pid;

	(void)state;
	scene->place = new_queue(topologies[0], 5, 40);
	sender = new_sender(&scene->place);
	receiver = new_receiver(&scene->place);
	ok(push(&scene->place, sender, 0));
	scene->count = 1;
	pid = child_start(hold_leases, scene);
	assert_true(await_count(&scene->step, 1));
	ok(stoa_queue_shutdown(scene->place.queue, STOA_DRAIN));
	assert_int_equal(pop_any(receiver), STOA_EMPTY);
	child_kill(pid);
	deadline = in_ms(REDELIVERY_MS);
	ok(stoa_receiver_take(receiver, &message, &deadline));
	assert_int_equal(message.deliveries, 2);
	ok(stoa_receiver_release(receiver, &message));
	assert_int_equal(stoa_receiver_take(receiver, &message, &deadline), STOA_CLOSED);
	ok(stoa_receiver_close(receiver));
	ok(stoa_sender_close(sender));
	end_place(&scene->place);
}

/* ---- nothing creeps ---- */

static void handles_and_participants_of_the_killed_come_back(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);

	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct stoa_queue_config config = shape(topologies[t], 8, 40);
		struct stoa_receiver *receiver;
		struct stoa_sender *sender;
		uint64_t bytes;

		config.handles = 3;
		ok(stoa_queue_footprint(&config, &bytes));
		scene->place.message_size = 40;
		scene->place.segment = new_segment(bytes, 2); /* this process and one child */
		ok(stoa_queue_create(scene->place.segment, "queue", &config, &scene->place.queue));
		for (int round = 0; round < 60; round++) {
			bool sends = round % 2;
			pid_t pid;

			scene->count = sends ? 1 : (uint32_t)stat_of(&scene->place).length % 4;
			atom64_store_seq(&scene->step, 0);
			pid = child_start(sends ? hold_sender : hold_leases, scene);
			assert_true(await_count(&scene->step, 1));
			child_kill(pid);
			if (round % 4 == 3) { /* empty it now and then */
				receiver = new_receiver(&scene->place);
				while (pop_any(receiver) == STOA_OK)
					;
				ok(stoa_receiver_close(receiver));
			}
		}
		receiver = new_receiver(&scene->place);
		sender = new_sender(&scene->place);
		for (uint64_t tag = 0; tag < 8; tag++)
			ok(push(&scene->place, sender, tag));
		assert_int_equal(push(&scene->place, sender, 8), STOA_FULL);
		for (uint64_t tag = 0; tag < 8; tag++)
			ok(pop_is(&scene->place, receiver, tag));
		assert_int_equal(stat_of(&scene->place).held, 0);
		ok(stoa_receiver_close(receiver));
		ok(stoa_sender_close(sender));
		end_place(&scene->place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sender_of_one_is_taken_over_when_it_is_killed),
		cmocka_unit_test(a_receiver_of_one_is_taken_over_with_what_it_held),
		cmocka_unit_test(a_killed_receivers_leases_reach_a_waiting_one),
		cmocka_unit_test(a_killed_receivers_leases_reach_one_who_never_waits),
		cmocka_unit_test(a_killed_receivers_leases_are_discarded_and_counted_where_asked_for),
		cmocka_unit_test(what_the_killed_had_given_back_comes_too),
		cmocka_unit_test(a_drained_queue_waits_for_the_leases_of_the_killed),
		cmocka_unit_test(handles_and_participants_of_the_killed_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
