/* SPDX-License-Identifier: BSD-2-Clause */
/* Queues in place: reserve, commit, abort; take, release, return. */
#include "queue_helpers.h"

static const uint64_t sizes[] = { 1, 8, 31, 32, 33, 64, 65, 100, 4096 };

static struct place new_place_of_holds(struct topology topology, uint64_t capacity, uint64_t size,
                                       uint32_t holds)
{
	struct stoa_queue_config config = shape(topology, capacity, size);

	config.holds = holds;
	return new_place(&config);
}

/* ---- reserve, commit, abort ---- */

static void reservations_are_committed_in_any_order(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		for (size_t s = 0; s < LENGTH(sizes); s++) {
			struct place place = new_place_of_holds(topologies[t], 5, sizes[s], 3);
			struct stoa_sender *sender = new_sender(&place);
			struct stoa_receiver *receiver = new_receiver(&place);
			static const int order[3] = { 1, 2, 0 };

			for (uint64_t lap = 0; lap < 8; lap++) {
				void *bytes[3], *more;

				for (uint64_t i = 0; i < 3; i++) {
					ok(stoa_sender_reserve(sender, size_of(&place, lap + i), &bytes[i]));
					assert_int_equal((uintptr_t)bytes[i] % 64, 0);
					fill(bytes[i], size_of(&place, lap + i), lap + i);
				}
				assert_int_equal(stoa_sender_reserve(sender, 1, &more), -ENOBUFS);
				assert_int_equal(stoa_sender_push(sender, "", 0), -ENOBUFS);
				for (int i = 0; i < 3; i++) {
					uint64_t tag = lap + (uint64_t)order[i];

					ok(stoa_sender_commit(sender, bytes[order[i]], size_of(&place, tag),
					                      NULL));
				}
				for (int i = 0; i < 3; i++)
					ok(pop_is(&place, receiver, lap + (uint64_t)order[i]));
			}
			ok(stoa_sender_close(sender));
			ok(stoa_receiver_close(receiver));
			end_place(&place);
		}
	}
}

static void a_block_is_given_back_once(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 5, 100);
		struct stoa_sender *sender = new_sender(&place), *other = NULL;
		void *bytes, *second;
		uint8_t mine[64];

		ok(stoa_sender_reserve(sender, 50, &bytes));
		ok(stoa_sender_reserve(sender, 0, &second));
		assert_ptr_not_equal(bytes, second);
		assert_int_equal(stoa_sender_commit(sender, (uint8_t *)bytes + 1, 1, NULL), -EINVAL);
		assert_int_equal(stoa_sender_commit(sender, mine, 1, NULL), -EINVAL);
		assert_int_equal(stoa_sender_abort(sender, mine), -EINVAL);
		assert_int_equal(stoa_sender_commit(sender, bytes, 51, NULL),
		                 -EMSGSIZE); /* more than reserved */
		assert_int_equal(stoa_sender_commit(sender, second, 1, NULL), -EMSGSIZE);
		if (topologies[t].senders == STOA_MANY) {
			other = new_sender(&place);
			assert_int_equal(stoa_sender_commit(other, bytes, 1, NULL), -EINVAL);
			assert_int_equal(stoa_sender_abort(other, bytes), -EINVAL);
		}
		ok(stoa_sender_commit(sender, bytes, 20, NULL));
		assert_int_equal(stoa_sender_commit(sender, bytes, 20, NULL), -EINVAL);
		assert_int_equal(stoa_sender_abort(sender, bytes), -EINVAL);
		ok(stoa_sender_abort(sender, second));
		assert_int_equal(stoa_sender_abort(sender, second), -EINVAL);
		assert_int_equal(stoa_sender_commit(sender, second, 0, NULL), -EINVAL);
		assert_int_equal(stat_of(&place).sent, 1);
		ok(stoa_sender_close(other));
		ok(stoa_sender_close(sender));
		end_place(&place);
	}
}

static void a_commit_that_does_not_go_leaves_the_block_with_the_caller(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		for (size_t s = 0; s < LENGTH(sizes); s++) {
			struct place place = new_place_of_holds(topologies[t], 1, sizes[s], 2);
			struct stoa_sender *sender = new_sender(&place);
			struct stoa_receiver *receiver = new_receiver(&place);
			struct timespec soon = in_ms(1);
			void *bytes;

			ok(stoa_sender_reserve(sender, size_of(&place, 0), &bytes));
			fill(bytes, size_of(&place, 0), 0);
			ok(push(&place, sender, 7));
			assert_int_equal(stoa_sender_commit(sender, bytes, size_of(&place, 0), &stoa_now),
			                 STOA_FULL);
			assert_int_equal(stoa_sender_commit(sender, bytes, size_of(&place, 0), &soon),
			                 STOA_TIMEOUT);
			ok(pop_is(&place, receiver, 7));
			ok(stoa_sender_commit(sender, bytes, size_of(&place, 0), NULL));
			ok(pop_is(&place, receiver, 0));
			ok(stoa_sender_reserve(sender, 1, &bytes));
			ok(stoa_queue_shutdown(place.queue, STOA_DRAIN));
			assert_int_equal(stoa_sender_commit(sender, bytes, 1, NULL), STOA_CLOSED);
			assert_int_equal(stoa_sender_commit(sender, bytes, 1, &stoa_now), STOA_CLOSED);
			ok(stoa_sender_abort(sender, bytes));
			ok(stoa_sender_close(sender));
			ok(stoa_receiver_close(receiver));
			end_place(&place);
		}
	}
}

static void close_aborts_what_was_reserved(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_place_of_holds(topologies[t], 3, 100, 4);
		struct stoa_receiver *receiver = new_receiver(&place);

		for (uint64_t round = 0; round < 20; round++) {
			struct stoa_sender *sender = new_sender(&place);
			void *bytes[4];

			for (int i = 0; i < 4; i++)
				ok(stoa_sender_reserve(sender, 100, &bytes[i]));
			ok(stoa_sender_commit(sender, bytes[2], 3, NULL));
			ok(stoa_sender_close(sender));
			ok(pop_any(receiver));
			assert_int_equal(pop_any(receiver), STOA_EMPTY);
		}
		assert_int_equal(stat_of(&place).sent, 20);
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

/* ---- take, release, return ---- */

static void leases_show_the_message_in_place(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		for (size_t s = 0; s < LENGTH(sizes); s++) {
			struct place place = new_place_of_holds(topologies[t], 4, sizes[s], 3);
			struct stoa_sender *sender = new_sender(&place);
			struct stoa_receiver *receiver = new_receiver(&place);
			struct stoa_message messages[3], more;
			uint64_t tag = 0;

			for (int lap = 0; lap < 6; lap++, tag += 4) {
				for (uint64_t i = 0; i < 4; i++)
					ok(push(&place, sender, tag + i));
				for (uint64_t i = 0; i < 3; i++) {
					ok(stoa_receiver_take(receiver, &messages[i], &stoa_now));
					assert_int_equal(messages[i].id, tag + i);
					assert_int_equal(messages[i].deliveries, 1);
					assert_int_equal(messages[i].flags, 0);
				}
				assert_int_equal(stoa_receiver_take(receiver, &more, &stoa_now), -ENOBUFS);
				assert_int_equal(stoa_receiver_take(receiver, &more, NULL), -ENOBUFS);
				assert_int_equal(pop_any(receiver), -ENOBUFS);
				assert_int_equal(stat_of(&place).held, 3);
				assert_int_equal(stat_of(&place).length, 1);
				for (uint64_t i = 0; i < 3; i++)
					assert_true(message_is(&place, &messages[i], tag + i));
				ok(stoa_receiver_release(receiver, &messages[(lap + 1) % 3]));
				ok(pop_is(&place, receiver, tag + 3)); /* a copy while two are leased */
				ok(stoa_receiver_release(receiver, &messages[lap % 3]));
				ok(stoa_receiver_release(receiver, &messages[(lap + 2) % 3]));
				assert_int_equal(stat_of(&place).held, 0);
				assert_int_equal(stoa_receiver_take(receiver, &more, &stoa_now), STOA_EMPTY);
			}
			ok(stoa_sender_close(sender));
			ok(stoa_receiver_close(receiver));
			end_place(&place);
		}
	}
}

static void a_lease_ends_once(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 4, 8);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place), *other = NULL;
		struct stoa_message message, copy, nonsense = { 0 };

		for (uint64_t tag = 0; tag < 3; tag++)
			ok(push(&place, sender, tag));
		ok(stoa_receiver_take(receiver, &message, &stoa_now));
		copy = message;
		if (topologies[t].receivers == STOA_MANY) {
			other = new_receiver(&place);
			assert_int_equal(stoa_receiver_release(other, &message), -EINVAL);
			assert_int_equal(stoa_receiver_return(other, &message), -EINVAL);
		}
		assert_int_equal(stoa_receiver_release(receiver, &nonsense), -EINVAL);
		assert_int_equal(stoa_receiver_return(receiver, &nonsense), -EINVAL);
		ok(stoa_receiver_release(receiver, &message));
		assert_int_equal(stoa_receiver_release(receiver, &message), -EINVAL);
		assert_int_equal(stoa_receiver_release(receiver, &copy), -EINVAL);
		assert_int_equal(stoa_receiver_return(receiver, &copy), -EINVAL);
		ok(stoa_receiver_take(receiver, &message, &stoa_now)); /* of the same hold, perhaps */
		assert_int_equal(stoa_receiver_release(receiver, &copy), -EINVAL);
		copy = message;
		ok(stoa_receiver_return(receiver, &message));
		assert_int_equal(stoa_receiver_return(receiver, &copy), -EINVAL);
		assert_int_equal(stoa_receiver_release(receiver, &copy), -EINVAL);
		ok(pop_is(&place, receiver, 1));
		ok(pop_is(&place, receiver, 2));
		ok(stoa_receiver_close(other));
		ok(stoa_receiver_close(receiver));
		ok(stoa_sender_close(sender));
		end_place(&place);
	}
}

static void what_is_returned_comes_first_flagged_and_with_its_id(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		for (uint32_t holds = 1; holds <= 3; holds++) {
			struct place place = new_place_of_holds(topologies[t], 4, 40, holds);
			struct stoa_sender *sender = new_sender(&place);
			struct stoa_receiver *receiver = new_receiver(&place);
			struct stoa_message message;

			for (uint64_t tag = 0; tag < 3; tag++)
				ok(push(&place, sender, tag));
			ok(pop_is(&place, receiver, 0));
			for (uint32_t i = 1; i < 6; i++) {
				ok(stoa_receiver_take(receiver, &message, &stoa_now));
				assert_true(message_is(&place, &message, 1));
				assert_int_equal(message.id, 1);
				assert_int_equal(message.deliveries, i);
				assert_int_equal(message.flags, i > 1 ? STOA_REDELIVERED : 0);
				assert_int_equal(stat_of(&place).held, 1);
				assert_int_equal(stat_of(&place).length, 1);
				ok(stoa_receiver_return(receiver, &message));
				assert_int_equal(stat_of(&place).held, 0);
				assert_int_equal(stat_of(&place).length, 2);
			}
			ok(pop_is(&place, receiver, 1));
			ok(pop_is(&place, receiver, 2));
			assert_int_equal(pop_any(receiver), STOA_EMPTY);
			assert_int_equal(stat_of(&place).redelivered, 5);
			assert_int_equal(stat_of(&place).received, 3);
			assert_int_equal(stat_of(&place).length, 0);
			assert_int_equal(stat_of(&place).held, 0);
			/* what comes afterwards is new */
			ok(push(&place, sender, 3));
			ok(stoa_receiver_take(receiver, &message, &stoa_now));
			assert_int_equal(message.deliveries, 1);
			assert_int_equal(message.flags, 0);
			ok(stoa_receiver_close(receiver));
			ok(stoa_sender_close(sender));
			end_place(&place);
		}
	}
}

static void a_returned_message_that_is_too_long_stays_first(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		for (uint32_t holds = 1; holds <= 2; holds++) {
			struct place place = new_place_of_holds(topologies[t], 4, 40, holds);
			struct stoa_sender *sender = new_sender(&place);
			struct stoa_receiver *receiver = new_receiver(&place);
			struct stoa_message message;
			uint8_t bytes[40];
			size_t size = 0;

			ok(push(&place, sender, 0)); /* 40 bytes */
			ok(push(&place, sender, 1));
			ok(stoa_receiver_take(receiver, &message, NULL));
			ok(stoa_receiver_return(receiver, &message));
			assert_int_equal(stoa_receiver_pop(receiver, bytes, 39, &size), -EMSGSIZE);
			assert_int_equal(size, 40);
			assert_int_equal(stoa_receiver_recv(receiver, bytes, 39, &size, NULL), -EMSGSIZE);
			ok(stoa_receiver_take(receiver, &message, NULL));
			assert_true(message_is(&place, &message, 0));
			assert_int_equal(message.deliveries, 2);
			ok(stoa_receiver_release(receiver, &message));
			ok(pop_is(&place, receiver, 1));
			ok(stoa_receiver_close(receiver));
			ok(stoa_sender_close(sender));
			end_place(&place);
		}
	}
}

static void another_receiver_gets_what_one_returned(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place;
		struct stoa_sender *sender;
		struct stoa_receiver *first, *second;
		struct stoa_message messages[3];

		if (topologies[t].receivers == STOA_ONE)
			continue;
		place = new_place_of_holds(topologies[t], 4, 40, 3);
		sender = new_sender(&place);
		first = new_receiver(&place);
		second = new_receiver(&place);
		for (uint64_t tag = 0; tag < 4; tag++)
			ok(push(&place, sender, tag));
		for (int i = 0; i < 3; i++)
			ok(stoa_receiver_take(first, &messages[i], NULL));
		ok(stoa_receiver_return(first, &messages[1]));
		ok(stoa_receiver_take(second, &messages[1], NULL));
		assert_true(message_is(&place, &messages[1], 1));
		assert_int_equal(messages[1].id, 1);
		assert_int_equal(messages[1].deliveries, 2);
		ok(stoa_receiver_return(second, &messages[1]));
		ok(stoa_receiver_take(first, &messages[1], NULL));
		assert_int_equal(messages[1].deliveries, 3);
		/* a slot whose message another one took holds a block again */
		ok(stoa_receiver_return(first, &messages[0]));
		ok(pop_is(&place, second, 0));
		ok(stoa_receiver_take(first, &messages[0], NULL));
		assert_true(message_is(&place, &messages[0], 3));
		for (int i = 0; i < 3; i++)
			ok(stoa_receiver_release(first, &messages[i]));
		ok(stoa_receiver_close(first));
		ok(stoa_receiver_close(second));
		ok(stoa_sender_close(sender));
		end_place(&place);
	}
}

static void close_returns_what_was_leased(void **state)
{
	static const uint32_t on_death[] = { STOA_REDELIVER, STOA_DISCARD }; /* closing is no death */

	(void)state;
	for (size_t t = 0; t < 2 * LENGTH(topologies); t++) {
		struct stoa_queue_config config = shape(topologies[t / 2], 6, 40);
		struct stoa_sender *sender;
		struct place place;

		config.holds = 3;
		config.on_death = on_death[t % 2];
		place = new_place(&config);
		sender = new_sender(&place);
		for (uint64_t round = 0; round < 10; round++) {
			struct stoa_receiver *receiver = new_receiver(&place);
			struct stoa_message messages[3], message;
			bool seen[3] = { false };

			for (uint64_t i = 0; i < 4; i++)
				ok(push(&place, sender, 10 * round + i));
			for (int i = 0; i < 3; i++)
				ok(stoa_receiver_take(receiver, &messages[i], &stoa_now));
			ok(stoa_receiver_close(receiver));
			assert_int_equal(stat_of(&place).length, 4);
			assert_int_equal(stat_of(&place).held, 0);
			receiver = new_receiver(&place);
			for (int i = 0; i < 3; i++) {
				ok(stoa_receiver_take(receiver, &message, &stoa_now));
				assert_int_equal(message.deliveries, 2);
				assert_true(message.id >= 4 * round && message.id < 4 * round + 3);
				assert_false(seen[message.id - 4 * round]);
				seen[message.id - 4 * round] = true;
				assert_true(message_is(&place, &message, 10 * round + message.id % 4));
				ok(stoa_receiver_release(receiver, &message));
			}
			ok(pop_is(&place, receiver, 10 * round + 3));
			assert_int_equal(pop_any(receiver), STOA_EMPTY);
			ok(stoa_receiver_close(receiver));
		}
		assert_int_equal(stat_of(&place).discarded, 0);
		ok(stoa_sender_close(sender));
		end_place(&place);
	}
}

static void messages_left_by_many_receivers_wait_without_using_up_the_handles(void **state)
{
	struct stoa_queue_config config = shape(topologies[0], 8, 8);
	struct stoa_sender *sender;
	struct place place;
	uint64_t sum = 0;

	(void)state;
	config.handles = 3;
	config.holds = 1;
	place = new_place(&config);
	sender = new_sender(&place);
	for (uint64_t round = 0; round < 100; round++) {
		struct stoa_receiver *receiver = new_receiver(&place);
		struct stoa_message message;

		ok(stoa_sender_push(sender, &round, sizeof round));
		ok(stoa_receiver_take(receiver, &message,
		                      &stoa_now)); /* the one that was left, from the second on */
		assert_int_equal(message.deliveries, round == 0 ? 1 : 2);
		if (round > 0) {
			memcpy(&sum, message.bytes, sizeof sum);
			ok(stoa_receiver_release(receiver, &message));
			ok(stoa_receiver_take(receiver, &message, &stoa_now));
		}
		ok(stoa_receiver_close(receiver));
	}
	assert_int_equal(sum, 98);
	ok(stoa_sender_close(sender));
	end_place(&place);
}

static void a_full_ring_of_leased_messages_takes_more_only_where_leases_leave_their_places(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_place_of_holds(topologies[t], 2, 8, 2);
		bool spsc = topologies[t].senders == STOA_ONE && topologies[t].receivers == STOA_ONE;
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		struct stoa_message message[2];

		ok(push(&place, sender, 0));
		ok(push(&place, sender, 1));
		ok(stoa_receiver_take(receiver, &message[0], NULL));
		ok(stoa_receiver_take(receiver, &message[1], NULL));
		assert_int_equal(push(&place, sender, 2), spsc ? STOA_FULL : 0);
		ok(stoa_receiver_release(receiver, &message[0]));
		assert_int_equal(push(&place, sender, 3), 0);
		assert_int_equal(push(&place, sender, 4), STOA_FULL);
		ok(stoa_receiver_release(receiver, &message[1]));
		ok(stoa_receiver_close(receiver));
		ok(stoa_sender_close(sender));
		end_place(&place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reservations_are_committed_in_any_order),
		cmocka_unit_test(a_block_is_given_back_once),
		cmocka_unit_test(a_commit_that_does_not_go_leaves_the_block_with_the_caller),
		cmocka_unit_test(close_aborts_what_was_reserved),
		cmocka_unit_test(leases_show_the_message_in_place),
		cmocka_unit_test(a_lease_ends_once),
		cmocka_unit_test(what_is_returned_comes_first_flagged_and_with_its_id),
		cmocka_unit_test(a_returned_message_that_is_too_long_stays_first),
		cmocka_unit_test(another_receiver_gets_what_one_returned),
		cmocka_unit_test(close_returns_what_was_leased),
		cmocka_unit_test(messages_left_by_many_receivers_wait_without_using_up_the_handles),
		cmocka_unit_test(
			a_full_ring_of_leased_messages_takes_more_only_where_leases_leave_their_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
