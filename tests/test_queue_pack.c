/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parcels: batches that are one exchange, receivers that take a part of one, and what becomes of the rest.
 */
#include "queue_helpers.h"

#include "queue.h"
#include "xring_short.h"

#define PACK 4
#define MOST 64 /* messages of a batch here */

static struct stoa_queue_config packed(uint64_t capacity, uint64_t message_size)
{
	struct stoa_queue_config config = shape(topologies[0], capacity, message_size);

	config.pack = PACK;
	return config;
}

static struct place new_packed(uint64_t capacity)
{
	struct stoa_queue_config config = packed(capacity, sizeof(uint64_t));

	return new_place(&config);
}

/* Sends the numbers from `first` on; how many went. */
static size_t push_numbers(struct stoa_sender *sender, uint64_t first, size_t count)
{
	uint64_t numbers[MOST];
	size_t done;
	int rc;

	for (size_t i = 0; i < count; i++)
		numbers[i] = first + i;
	rc = stoa_sender_push_many(sender, numbers, sizeof *numbers, count, &done);
	assert_true(rc == (done == count ? STOA_OK : STOA_FULL));
	return done;
}

/* 0 where just the numbers from `first` on come, as many as are asked for. */
static int pop_numbers(struct stoa_receiver *receiver, uint64_t first, size_t count)
{
	uint64_t numbers[MOST];
	size_t sizes[MOST], done;
	int rc = stoa_receiver_pop_many(receiver, numbers, sizeof *numbers, sizes, count, &done);

	if (rc)
		return rc;
	if (done != count)
		return -ERANGE;
	for (size_t i = 0; i < count; i++) {
		if (numbers[i] != first + i || sizes[i] != sizeof *numbers)
			return -EBADMSG;
	}
	return 0;
}

/* The next number, or where there is none the outcome, negative. */
static int64_t pop_number(struct stoa_receiver *receiver)
{
	uint64_t number;
	int rc = stoa_receiver_pop(receiver, &number, sizeof number, NULL);

	return rc == STOA_OK ? (int64_t)number : -labs(rc);
}

static void a_batch_goes_in_parcels_of_up_to_pack_messages(void **state)
{
	struct place place = new_packed(8);
	struct stoa_receiver *receiver = new_receiver(&place);
	struct stoa_sender *sender = new_sender(&place);

	(void)state;
	for (uint64_t round = 0; round < 50; round++) {
		assert_int_equal(push_numbers(sender, 0, 10), 10);
		assert_int_equal(stat_of(&place).length, 3);
		assert_int_equal(stat_of(&place).sent, 3 * round + 3);
		ok(pop_numbers(receiver, 0, 10));
		assert_int_equal(stat_of(&place).held, 0);
		assert_int_equal(stat_of(&place).received, 3 * round + 3);
		assert_int_equal(pop_number(receiver), -STOA_EMPTY);
	}
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(receiver));
	end_place(&place);
}

static void capacity_is_exactly_so_many_parcels(void **state)
{
	struct place place = new_packed(3);
	struct stoa_receiver *receiver = new_receiver(&place);
	struct stoa_sender *sender = new_sender(&place);
	uint64_t number = 0;

	(void)state;
	assert_int_equal(push_numbers(sender, 0, 40), 12);
	assert_int_equal(stoa_sender_push(sender, &number, sizeof number), STOA_FULL);
	ok(pop_numbers(receiver, 0, 1)); /* which takes the parcel out of the queue */
	assert_int_equal(push_numbers(sender, 12, 1), 1);
	assert_int_equal(push_numbers(sender, 13, 1), 0);
	ok(pop_numbers(receiver, 1, 12));
	assert_int_equal(pop_number(receiver), -STOA_EMPTY);
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(receiver));
	end_place(&place);
}

static void single_messages_and_batches_come_in_order_however_they_are_asked_for(void **state)
{
	uint64_t seed = 7, in = 0, out = 0;
	struct place place = new_packed(5);
	struct stoa_receiver *receiver = new_receiver(&place);
	struct stoa_sender *sender = new_sender(&place);
	struct stoa_message message;
	size_t done;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t numbers[MOST], count = below(&seed, 11);

		switch (below(&seed, 5)) {
		case 0:
			in += push_numbers(sender, in, count);
			break;
		case 1:
			in += stoa_sender_push(sender, &in, sizeof in) == STOA_OK;
			break;
		case 2:
			if (stoa_receiver_pop_many(receiver, numbers, sizeof *numbers, NULL, count, &done))
				assert_int_equal(done, 0);
			for (size_t k = 0; k < done; k++)
				assert_int_equal(numbers[k], out++);
			break;
		case 3:
			if (stoa_receiver_pop(receiver, numbers, sizeof *numbers, NULL) == STOA_OK)
				assert_int_equal(numbers[0], out++);
			break;
		default:
			if (stoa_receiver_take(receiver, &message, &stoa_now))
				break;
			assert_int_equal(message.size, message.count * sizeof *numbers);
			assert_int_equal(message.deliveries, 1);
			for (size_t k = 0; k < message.count; k++)
				assert_int_equal(((const uint64_t *)message.bytes)[k], out++);
			ok(stoa_receiver_release(receiver, &message));
		}
	}
	assert_true(out > 10000);
	while (pop_number(receiver) == (int64_t)out)
		out++;
	assert_int_equal(in, out);
	assert_int_equal(stat_of(&place).held, 0);
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(receiver));
	end_place(&place);
}

static void the_rest_of_a_parcel_is_its_receivers(void **state)
{
	struct place place = new_packed(8);
	struct stoa_receiver *one = new_receiver(&place), *other = new_receiver(&place);
	struct stoa_sender *sender = new_sender(&place);

	(void)state;
	push_numbers(sender, 0, 3);
	assert_int_equal(pop_number(one), 0);
	assert_int_equal(pop_number(other), -STOA_EMPTY);
	assert_int_equal(stat_of(&place).held, 1);
	assert_int_equal(stat_of(&place).length, 0);
	push_numbers(sender, 10, 1);
	assert_int_equal(pop_number(one), 1);
	assert_int_equal(pop_number(other), 10);
	assert_int_equal(pop_number(one), 2);
	assert_int_equal(stat_of(&place).held, 0);
	assert_int_equal(pop_number(one), -STOA_EMPTY);
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(one));
	ok(stoa_receiver_close(other));
	end_place(&place);
}

static void who_closes_gives_the_rest_to_others(void **state)
{
	struct place place = new_packed(8);
	struct stoa_receiver *one = new_receiver(&place), *other = new_receiver(&place);
	struct stoa_sender *sender = new_sender(&place);
	struct stoa_message message;

	(void)state;
	push_numbers(sender, 0, 4);
	push_numbers(sender, 4, 4);
	ok(pop_numbers(one, 0, 2));
	ok(stoa_receiver_close(one));
	assert_int_equal(stat_of(&place).redelivered, 1);
	ok(stoa_receiver_take(other, &message, &stoa_now));
	assert_int_equal(message.count, 2);
	assert_int_equal(message.size, 16);
	assert_int_equal(message.deliveries, 2);
	assert_int_equal(message.flags, STOA_REDELIVERED);
	assert_int_equal(message.id, 0);
	assert_int_equal(((const uint64_t *)message.bytes)[0], 2);
	ok(stoa_receiver_return(other, &message));
	ok(pop_numbers(other, 2, 1));
	ok(stoa_receiver_take(other, &message, &stoa_now));
	assert_int_equal(message.count, 1);
	assert_int_equal(message.deliveries, 3);
	ok(stoa_receiver_release(other, &message));
	ok(pop_numbers(other, 4, 4));
	assert_int_equal(pop_number(other), -STOA_EMPTY);
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(other));
	end_place(&place);
}

static void a_receiver_with_one_hold_goes_on_in_its_parcel(void **state)
{
	struct stoa_queue_config config = packed(8, sizeof(uint64_t));
	struct stoa_receiver *receiver;
	struct stoa_message message;
	struct stoa_sender *sender;
	struct place place;

	(void)state;
	config.holds = 1;
	place = new_place(&config);
	receiver = new_receiver(&place);
	sender = new_sender(&place);
	push_numbers(sender, 0, 9);
	ok(pop_numbers(receiver, 0, 3));
	ok(stoa_receiver_take(receiver, &message, &stoa_now));
	assert_int_equal(message.count, 1);
	assert_int_equal(pop_number(receiver), -ENOBUFS);
	ok(stoa_receiver_return(receiver, &message));
	ok(pop_numbers(receiver, 3, 1)); /* its own orphan, taken back */
	ok(pop_numbers(receiver, 4, 2));
	ok(stoa_receiver_take(receiver, &message, &stoa_now));
	ok(stoa_receiver_return(receiver, &message));
	ok(pop_numbers(receiver, 6, 1)); /* this one, too, in parts */
	ok(pop_numbers(receiver, 7, 2));
	assert_int_equal(pop_number(receiver), -STOA_EMPTY);
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(receiver));
	end_place(&place);
}

static void a_message_that_does_not_fit_stays_where_it_is(void **state)
{
	struct stoa_queue_config config = packed(8, 40);
	struct place place = new_place(&config);
	struct stoa_receiver *receiver = new_receiver(&place);
	struct stoa_sender *sender = new_sender(&place);
	uint8_t in[3 * 24], out[3 * 50];
	size_t sizes[3] = { 0 }, done;

	(void)state;
	fill(in, sizeof in, 5);
	ok(stoa_sender_push_many(sender, in, 24, 3, &done));
	assert_int_equal(stoa_receiver_pop(receiver, out, 23, sizes), -EMSGSIZE);
	assert_int_equal(sizes[0], 24);
	assert_int_equal(stat_of(&place).length, 1);
	ok(stoa_receiver_pop(receiver, out, 24, NULL));
	assert_memory_equal(out, in, 24);
	sizes[0] = 0;
	assert_int_equal(stoa_receiver_pop_many(receiver, out, 23, sizes, 2, &done), -EMSGSIZE);
	assert_int_equal(sizes[0], 24);
	ok(stoa_receiver_pop_many(receiver, out, 50, sizes, 3, &done));
	assert_int_equal(done, 2);
	assert_memory_equal(out, in + 24, 24);
	assert_memory_equal(out + 50, in + 48, 24);
	assert_int_equal(sizes[1], 24);
	assert_int_equal(stoa_sender_push_many(sender, in, 41, 1, &done), -EMSGSIZE);
	ok(stoa_sender_push_many(sender, NULL, 0, 6, &done));
	ok(stoa_receiver_pop(receiver, NULL, 0, sizes));
	assert_int_equal(sizes[0], 0);
	ok(stoa_receiver_pop_many(receiver, NULL, 0, NULL, 9, &done));
	assert_int_equal(done, 5);
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(receiver));
	end_place(&place);
}

/* ---- deaths ---- */

struct scene {
	struct place place;
	struct stoa_receiver *inherited;
	struct atom64 step;
};

/* Receives six messages, 4 + 2 of 4, and waits for its death. */
static int receive_a_part(void *context)
{
	struct scene *scene = context;
	struct stoa_receiver *receiver;
	uint64_t numbers[6];
	size_t done;

	if (stoa_receiver_open(scene->place.queue, &receiver) ||
	    stoa_receiver_pop_many(receiver, numbers, sizeof *numbers, NULL, 5, &done) || done != 5 ||
	    stoa_receiver_pop(receiver, numbers, sizeof *numbers, NULL))
		return 1;
	atom64_store_seq(&scene->step, 1);
	sleep_ms(PATIENCE_MS);
	return 2;
}

static void the_rest_of_a_dead_receivers_parcel_comes_and_nothing_twice(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);

	(void)state;
	for (uint32_t on_death = STOA_REDELIVER; on_death <= STOA_DISCARD; on_death++) {
		struct stoa_queue_config config = packed(4, sizeof(uint64_t));
		struct stoa_sender *sender;

		config.on_death = on_death;
		scene->place = new_place(&config);
		sender = new_sender(&scene->place);
		for (uint64_t round = 1; round <= 5; round++) {
			struct stoa_receiver *receiver;
			pid_t pid;

			assert_int_equal(push_numbers(sender, 0, 12), 12);
			atom64_store_seq(&scene->step, 0);
			pid = child_start(receive_a_part, scene);
			assert_true(await_count(&scene->step, 1));
			assert_int_equal(stat_of(&scene->place).held, 1);
			assert_int_equal(stat_of(&scene->place).length, 1);
			child_kill(pid);
			receiver = new_receiver(&scene->place);
			assert_int_equal(stoa_segment_reap(scene->place.segment), 1);
			if (on_death == STOA_REDELIVER)
				ok(pop_numbers(receiver, 6, 2));
			ok(pop_numbers(receiver, 8, 4));
			assert_int_equal(pop_number(receiver), -STOA_EMPTY);
			assert_int_equal(stat_of(&scene->place).discarded,
			                 on_death == STOA_DISCARD ? round : 0);
			ok(stoa_receiver_close(receiver));
		}
		ok(stoa_sender_close(sender));
		end_place(&scene->place);
	}
}

static int go_on_as_a_child(void *context)
{
	struct scene *scene = context;

	return pop_number(scene->inherited) == -STOA_EMPTY ? 0 : 1;
}

static void a_child_leaves_its_parents_parcel_alone(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);
	struct stoa_sender *sender;

	(void)state;
	scene->place = new_packed(8);
	scene->inherited = new_receiver(&scene->place);
	sender = new_sender(&scene->place);
	push_numbers(sender, 0, 4);
	ok(pop_numbers(scene->inherited, 0, 1));
	assert_int_equal(in_child(go_on_as_a_child, scene), 0);
	ok(pop_numbers(scene->inherited, 1, 3));
	assert_int_equal(stat_of(&scene->place).redelivered, 0);
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(scene->inherited));
	end_place(&scene->place);
}

/* ---- shutdown, waiting ---- */

static void a_drain_waits_for_the_rest_of_a_parcel(void **state)
{
	struct place place = new_packed(8);
	struct stoa_receiver *one = new_receiver(&place), *other = new_receiver(&place);
	struct stoa_sender *sender = new_sender(&place);
	size_t done;

	(void)state;
	push_numbers(sender, 0, 4);
	ok(pop_numbers(one, 0, 2));
	ok(stoa_queue_shutdown(place.queue, STOA_DRAIN));
	assert_int_equal(stoa_sender_push_many(sender, "12345678", 1, 8, &done), STOA_CLOSED);
	assert_int_equal(done, 0);
	assert_int_equal(pop_number(other), -STOA_EMPTY);
	ok(pop_numbers(one, 2, 2));
	assert_int_equal(pop_number(other), -STOA_CLOSED);
	assert_int_equal(pop_number(one), -STOA_CLOSED);
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(one));
	ok(stoa_receiver_close(other));
	end_place(&place);
}

static void an_end_at_once_discards_the_rest_of_a_parcel(void **state)
{
	struct place place = new_packed(8);
	struct stoa_receiver *receiver = new_receiver(&place);
	struct stoa_sender *sender = new_sender(&place);

	(void)state;
	push_numbers(sender, 0, 8);
	ok(pop_numbers(receiver, 0, 2));
	ok(stoa_queue_shutdown(place.queue, STOA_NOW));
	assert_int_equal(stat_of(&place).discarded, 1);
	assert_int_equal(stat_of(&place).held, 1);
	assert_int_equal(pop_number(receiver), -STOA_CLOSED);
	assert_int_equal(stat_of(&place).discarded, 2);
	assert_int_equal(stat_of(&place).held, 0);
	assert_int_equal(pop_number(receiver), -STOA_CLOSED);
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(receiver));
	end_place(&place);
}

static int receive_one_parcel(void *context)
{
	struct scene *scene = context;
	struct stoa_receiver *receiver;
	struct stoa_message message;
	struct timespec deadline = in_ms(PATIENCE_MS);

	if (stoa_receiver_open(scene->place.queue, &receiver) ||
	    stoa_receiver_take(receiver, &message, &deadline) || message.count != PACK)
		return 1;
	return stoa_receiver_release(receiver, &message) || stoa_receiver_close(receiver) ? 2 : 0;
}

static void each_parcel_of_a_batch_wakes_a_receiver(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);
	struct stoa_sender *sender;
	pid_t pids[3];

	(void)state;
	scene->place = new_packed(8);
	sender = new_sender(&scene->place);
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < LENGTH(pids); i++)
			pids[i] = child_start(receive_one_parcel, scene);
		while (stat_of(&scene->place).receivers < LENGTH(pids))
			sleep_ms(1);
		assert_int_equal(push_numbers(sender, 0, 3 * PACK), 3 * PACK);
		for (size_t i = 0; i < LENGTH(pids); i++)
			assert_int_equal(child_end(pids[i]), 0);
		assert_int_equal(stat_of(&scene->place).length, 0);
	}
	ok(stoa_sender_close(sender));
	end_place(&scene->place);
}

/* ---- shapes, damage ---- */

static void pack_is_a_part_of_the_shape(void **state)
{
	struct stoa_queue_config config = packed(8, 8), info = { .struct_size = sizeof info };
	struct place place = new_place(&config);
	struct stoa_queue *queue;
	uint64_t small, large;

	(void)state;
	ok(stoa_queue_info(place.queue, &info));
	assert_int_equal(info.pack, PACK);
	config.pack = PACK + 1;
	assert_int_equal(stoa_queue_open(place.segment, "queue", &config, &queue), -EPROTOTYPE);
	assert_int_equal(stoa_queue_create(place.segment, "queue", &config, &queue), -EPROTOTYPE);
	config.pack = 1025;
	assert_int_equal(stoa_queue_footprint(&config, &small), -EINVAL);
	config.pack = 1024;
	config.message_size = 1ull << 38;
	assert_int_equal(stoa_queue_footprint(&config, &small), -EOVERFLOW);
	config.message_size = 8;
	config.senders = config.receivers = STOA_ONE; /* where it changes nothing */
	ok(stoa_queue_footprint(&config, &large));
	config.pack = 0;
	ok(stoa_queue_footprint(&config, &small));
	assert_int_equal(small, large);
	end_place(&place);
}

static void without_pack_a_batch_is_so_many_messages(void **state)
{
	struct place place = new_queue(topologies[0], 64, sizeof(uint64_t));
	struct stoa_queue_config info = { .struct_size = sizeof info };
	struct stoa_receiver *receiver = new_receiver(&place);
	struct stoa_sender *sender = new_sender(&place);

	(void)state;
	ok(stoa_queue_info(place.queue, &info));
	assert_int_equal(info.pack, 1);
	assert_int_equal(push_numbers(sender, 0, 10), 10);
	assert_int_equal(stat_of(&place).length, 10);
	ok(pop_numbers(receiver, 0, 4));
	assert_int_equal(stat_of(&place).held, 0);
	ok(pop_numbers(receiver, 4, 6));
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(receiver));
	end_place(&place);
}

static void damaged_parcels_are_refused(void **state)
{
	const struct {
		uint64_t size, consumed;
	} damage[] = {
		{ parcel_size(8, PACK), PACK },
		{ parcel_size(8, PACK), UINT64_MAX },
		{ parcel_size(8, PACK), 1ull << 32 },
		{ parcel_size(8, PACK + 1), 0 },
		{ parcel_size(8, 65536), 0 },
		{ parcel_size(9, PACK), 0 },
		{ parcel_size((1ull << 48) - 1, 1), 0 },
		{ UINT64_MAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(damage); i++) {
		struct place place = new_packed(2);
		const struct xring *xring = &place.queue->view.xring;
		struct stoa_receiver *receiver = new_receiver(&place);
		struct stoa_sender *sender = new_sender(&place);
		uint64_t numbers[2 * PACK];
		size_t done;

		push_numbers(sender, 0, 2 * PACK);
		for (uint32_t block = 0; block < xring->exchange.blocks; block++) {
			atom64_store_seq(&xring_trailer_of(xring, block)->size, damage[i].size);
			atom64_store_seq(&xring_trailer_of(xring, block)->consumed, damage[i].consumed);
		}
		for (int again = 0; again < 3; again++) {
			assert_int_equal(pop_number(receiver), -EBADMSG);
			assert_int_equal(stoa_receiver_pop_many(receiver, numbers, 8, NULL, 2 * PACK, &done),
			                 -EBADMSG);
			assert_int_equal(done, 0);
		}
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_goes_in_parcels_of_up_to_pack_messages),
		cmocka_unit_test(capacity_is_exactly_so_many_parcels),
		cmocka_unit_test(single_messages_and_batches_come_in_order_however_they_are_asked_for),
		cmocka_unit_test(the_rest_of_a_parcel_is_its_receivers),
		cmocka_unit_test(who_closes_gives_the_rest_to_others),
		cmocka_unit_test(a_receiver_with_one_hold_goes_on_in_its_parcel),
		cmocka_unit_test(a_message_that_does_not_fit_stays_where_it_is),
		cmocka_unit_test(the_rest_of_a_dead_receivers_parcel_comes_and_nothing_twice),
		cmocka_unit_test(a_child_leaves_its_parents_parcel_alone),
		cmocka_unit_test(a_drain_waits_for_the_rest_of_a_parcel),
		cmocka_unit_test(an_end_at_once_discards_the_rest_of_a_parcel),
		cmocka_unit_test(each_parcel_of_a_batch_wakes_a_receiver),
		cmocka_unit_test(pack_is_a_part_of_the_shape),
		cmocka_unit_test(without_pack_a_batch_is_so_many_messages),
		cmocka_unit_test(damaged_parcels_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
