/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues: shapes, names, copies, waiting; every topology.  Leases, shutdown, death and the rest:
 * test_queue_*.c.
 */
#include "queue_helpers.h"

#include "event.h"
#include "object.h"

static const uint64_t capacities[] = { 1, 2, 3, 7, 1000 };
static const uint64_t sizes[] = { 1, 3, 8, 31, 32, 33, 48, 49, 63, 64, 65, 257, 4096, LARGEST };

/* ---- shapes ---- */

static void a_config_of_zeros_takes_the_defaults(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20, 0);
	struct stoa_queue_config info = { .struct_size = sizeof info }, zeros = { 0 };
	struct stoa_queue *queue, *same;

	(void)state;
	ok(stoa_queue_create(segment, "queue", NULL, &queue));
	ok(stoa_queue_info(queue, &info));
	assert_int_equal(info.capacity, 1024);
	assert_int_equal(info.message_size, 64);
	assert_int_equal(info.senders, STOA_MANY);
	assert_int_equal(info.receivers, STOA_MANY);
	assert_int_equal(info.handles, 64);
	assert_int_equal(info.holds, 4);
	assert_int_equal(info.on_death, STOA_REDELIVER);
	assert_int_equal(info.flags, 0);
	ok(stoa_queue_create(segment, "queue", &zeros, &same));
	ok(stoa_queue_close(same));
	ok(stoa_queue_open(segment, "queue", &info, &same));
	ok(stoa_queue_close(same));
	ok(stoa_queue_open(segment, "queue", NULL, &same));
	ok(stoa_queue_close(same));
	ok(stoa_queue_close(queue));
	ok(stoa_segment_close(segment));
}

static void nonsense_in_a_config_is_refused(void **state)
{
	static const struct {
		struct stoa_queue_config config;
		int rc;
	} wrong[] = {
		{ { .senders = 2 }, -EINVAL },
		{ { .receivers = 7 }, -EINVAL },
		{ { .on_death = 2 }, -EINVAL },
		{ { .flags = 2 }, -EINVAL },
		{ { .flags = 0x20 }, -EINVAL },
		{ { .handles = 16385 }, -EINVAL },
		{ { .holds = 4097 }, -EINVAL },
		{ { .handles = 16384, .holds = 4096 }, -EOVERFLOW },
		{ { .capacity = UINT64_MAX }, -EOVERFLOW },
		{ { .capacity = 1ull << 24 }, -EOVERFLOW },
		{ { .message_size = UINT64_MAX }, -EOVERFLOW },
		{ { .message_size = 1ull << 60 }, -EOVERFLOW },
		{ { .capacity = UINT64_MAX, .senders = STOA_ONE, .receivers = STOA_ONE }, -EOVERFLOW },
		{ { .capacity = 1ull << 24, .message_size = 65, .senders = STOA_ONE, .receivers = STOA_ONE },
		  -EOVERFLOW },
		{ { .message_size = 1ull << 40, .senders = STOA_ONE, .receivers = STOA_ONE }, -EOVERFLOW },
	};
	struct stoa_segment *segment = new_segment(1 << 20, 0);
	struct stoa_segment_info info = { .struct_size = sizeof info };
	struct stoa_queue *queue;
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < LENGTH(wrong); i++) {
		struct stoa_queue_config config = wrong[i].config;

		config.struct_size = sizeof config;
		assert_int_equal(stoa_queue_create(segment, "queue", &config, &queue), wrong[i].rc);
		assert_int_equal(stoa_queue_footprint(&config, &bytes), wrong[i].rc);
	}
	assert_int_equal(stoa_queue_open(segment, "queue", NULL, &queue), -ENOENT);
	ok(stoa_segment_info(segment, &info));
	assert_int_equal(info.objects_published, 0);
	ok(stoa_segment_close(segment));
}

static void names_are_checked(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20, 0);
	struct stoa_queue_config config = shape(topologies[0], 4, 8);
	char name[65] = "";
	struct stoa_queue *queue;

	(void)state;
	memset(name, 'n', 64);
	assert_int_equal(stoa_queue_create(segment, "", &config, &queue), -EINVAL);
	assert_int_equal(stoa_queue_create(segment, NULL, &config, &queue), -EINVAL);
	assert_int_equal(stoa_queue_create(segment, name, &config, &queue), -ENAMETOOLONG);
	assert_int_equal(stoa_queue_open(segment, "", &config, &queue), -EINVAL);
	assert_int_equal(stoa_queue_open(segment, NULL, &config, &queue), -EINVAL);
	assert_int_equal(stoa_queue_open(segment, name, &config, &queue), -ENAMETOOLONG);
	assert_int_equal(stoa_queue_open(segment, "nobody", &config, &queue), -ENOENT);
	name[63] = '\0';
	ok(stoa_queue_create(segment, name, &config, &queue));
	ok(stoa_queue_close(queue));
	ok(stoa_queue_open(segment, name, NULL, &queue));
	ok(stoa_queue_close(queue));
	ok(stoa_segment_close(segment));
}

static void null_arguments_are_refused(void **state)
{
	struct place place = new_queue(topologies[0], 4, 8);
	struct stoa_sender *sender = new_sender(&place);
	struct stoa_receiver *receiver = new_receiver(&place);
	struct stoa_queue_stat stat;
	struct stoa_queue_config info;
	struct stoa_message message;
	struct stoa_queue *queue;
	uint64_t length;
	uint8_t bytes[8];
	size_t done;
	void *at;

	(void)state;
	assert_int_equal(stoa_queue_create(NULL, "queue", NULL, &queue), -EINVAL);
	assert_int_equal(stoa_queue_create(place.segment, "other", NULL, NULL), -EINVAL);
	assert_int_equal(stoa_queue_open(NULL, "queue", NULL, &queue), -EINVAL);
	assert_int_equal(stoa_queue_open(place.segment, "queue", NULL, NULL), -EINVAL);
	assert_int_equal(stoa_queue_info(NULL, &info), -EINVAL);
	assert_int_equal(stoa_queue_info(place.queue, NULL), -EINVAL);
	assert_int_equal(stoa_queue_footprint(NULL, NULL), -EINVAL);
	assert_int_equal(stoa_queue_shutdown(NULL, STOA_DRAIN), -EINVAL);
	assert_int_equal(stoa_queue_shutdown(place.queue, 0), -EINVAL);
	assert_int_equal(stoa_queue_shutdown(place.queue, 3), -EINVAL);
	assert_int_equal(stoa_queue_stat(NULL, &stat), -EINVAL);
	assert_int_equal(stoa_queue_stat(place.queue, NULL), -EINVAL);
	assert_int_equal(stoa_queue_length(NULL, &length), -EINVAL);
	assert_int_equal(stoa_queue_length(place.queue, NULL), -EINVAL);
	assert_int_equal(stoa_sender_open(NULL, &sender), -EINVAL);
	assert_int_equal(stoa_sender_open(place.queue, NULL), -EINVAL);
	assert_int_equal(stoa_receiver_open(NULL, &receiver), -EINVAL);
	assert_int_equal(stoa_receiver_open(place.queue, NULL), -EINVAL);
	assert_int_equal(stoa_sender_push(NULL, bytes, 8), -EINVAL);
	assert_int_equal(stoa_sender_push(sender, NULL, 8), -EINVAL);
	assert_int_equal(stoa_sender_send(NULL, bytes, 8, &stoa_now), -EINVAL);
	assert_int_equal(stoa_sender_send(sender, NULL, 8, &stoa_now), -EINVAL);
	assert_int_equal(stoa_sender_push_many(NULL, bytes, 1, 1, &done), -EINVAL);
	assert_int_equal(stoa_sender_push_many(sender, NULL, 1, 1, &done), -EINVAL);
	assert_int_equal(stoa_sender_push_many(sender, bytes, 1, 1, NULL), -EINVAL);
	assert_int_equal(stoa_sender_reserve(NULL, 1, &at), -EINVAL);
	assert_int_equal(stoa_sender_reserve(sender, 1, NULL), -EINVAL);
	assert_int_equal(stoa_sender_commit(NULL, bytes, 1, NULL), -EINVAL);
	assert_int_equal(stoa_sender_commit(sender, NULL, 1, NULL), -EINVAL);
	assert_int_equal(stoa_sender_abort(NULL, bytes), -EINVAL);
	assert_int_equal(stoa_sender_abort(sender, NULL), -EINVAL);
	assert_int_equal(stoa_receiver_pop(NULL, bytes, 8, NULL), -EINVAL);
	assert_int_equal(stoa_receiver_pop(receiver, NULL, 8, NULL), -EINVAL);
	assert_int_equal(stoa_receiver_recv(NULL, bytes, 8, NULL, &stoa_now), -EINVAL);
	assert_int_equal(stoa_receiver_recv(receiver, NULL, 8, NULL, &stoa_now), -EINVAL);
	assert_int_equal(stoa_receiver_pop_many(NULL, bytes, 8, NULL, 1, &done), -EINVAL);
	assert_int_equal(stoa_receiver_pop_many(receiver, NULL, 8, NULL, 1, &done), -EINVAL);
	assert_int_equal(stoa_receiver_pop_many(receiver, bytes, 8, NULL, 1, NULL), -EINVAL);
	assert_int_equal(stoa_receiver_take(NULL, &message, &stoa_now), -EINVAL);
	assert_int_equal(stoa_receiver_take(receiver, NULL, &stoa_now), -EINVAL);
	assert_int_equal(stoa_receiver_release(NULL, &message), -EINVAL);
	assert_int_equal(stoa_receiver_release(receiver, NULL), -EINVAL);
	assert_int_equal(stoa_receiver_return(NULL, &message), -EINVAL);
	assert_int_equal(stoa_receiver_return(receiver, NULL), -EINVAL);
	assert_int_equal(stoa_queue_fd(NULL, STOA_READABLE), -EINVAL);
	assert_int_equal(stoa_queue_fd(place.queue, 0), -EINVAL);
	assert_int_equal(stoa_queue_fd(place.queue, 4), -EINVAL);
	ok(stoa_sender_close(NULL));
	ok(stoa_receiver_close(NULL));
	ok(stoa_queue_close(NULL));
	assert_int_equal(stat_of(&place).sent, 0);
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(receiver));
	end_place(&place);
}

static void any_other_shape_is_another_queue(void **state)
{
	const struct stoa_queue_config base = {
		.struct_size = sizeof base, .capacity = 10, .message_size = 20, .handles = 5, .holds = 3
	};
	struct stoa_queue_config other[9];
	struct stoa_segment *segment = new_segment(1 << 20, 0);
	struct stoa_queue *queue, *same;

	(void)state;
	for (size_t i = 0; i < LENGTH(other); i++)
		other[i] = base;
	other[0].capacity = 11;
	other[1].message_size = 21;
	other[2].senders = STOA_ONE;
	other[3].receivers = STOA_ONE;
	other[4].handles = 6;
	other[5].holds = 4;
	other[6].on_death = STOA_DISCARD;
	other[7].flags = STOA_CLOSE_WITH_SENDERS;
	other[8].capacity = 0; /* the default, which is another one */
	ok(stoa_queue_create(segment, "queue", &base, &queue));
	for (size_t i = 0; i < LENGTH(other); i++) {
		assert_int_equal(stoa_queue_create(segment, "queue", &other[i], &same), -EPROTOTYPE);
		assert_int_equal(stoa_queue_open(segment, "queue", &other[i], &same), -EPROTOTYPE);
	}
	ok(stoa_queue_create(segment, "queue", &base, &same));
	ok(stoa_queue_close(same));
	other[0] = base;
	other[0].flags = STOA_EXCLUSIVE;
	assert_int_equal(stoa_queue_create(segment, "queue", &other[0], &same), -EEXIST);
	ok(stoa_queue_open(segment, "queue", &base, &same));
	ok(stoa_queue_close(same));
	ok(stoa_queue_close(queue));
	ok(stoa_segment_close(segment));
}

static void another_kind_of_object_is_no_queue(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20, 0);
	struct stoa_value *value;
	struct stoa_queue *queue;

	(void)state;
	ok(stoa_value_create(segment, "value", NULL, &value));
	assert_int_equal(stoa_queue_create(segment, "value", NULL, &queue), -EPROTOTYPE);
	assert_int_equal(stoa_queue_open(segment, "value", NULL, &queue), -EPROTOTYPE);
	ok(stoa_value_close(value));
	ok(stoa_queue_create(segment, "queue", NULL, &queue));
	assert_int_equal(stoa_value_open(segment, "queue", NULL, &value), -EPROTOTYPE);
	ok(stoa_queue_close(queue));
	ok(stoa_segment_close(segment));
}

static void a_segment_of_the_footprint_holds_the_queue_and_not_one_more(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		for (size_t c = 0; c < LENGTH(capacities); c++) {
			for (size_t s = 0; s < LENGTH(sizes); s++) {
				struct stoa_queue_config config = shape(topologies[t], capacities[c],
				                                        sizes[s]);
				struct stoa_segment_info info = { .struct_size = sizeof info };
				struct stoa_segment *segment;
				struct stoa_queue *queue;
				uint64_t bytes, before;

				ok(stoa_queue_footprint(&config, &bytes));
				assert_int_equal(bytes % 64, 0);
				assert_true(bytes >= capacities[c] * sizes[s]);
				segment = new_segment(bytes, 2);
				ok(stoa_segment_info(segment, &info));
				before = info.free_bytes;
				assert_true(before >= bytes);
				ok(stoa_queue_create(segment, "queue", &config, &queue));
				ok(stoa_segment_info(segment, &info));
				assert_int_equal(before - info.free_bytes, bytes);
				ok(stoa_queue_close(queue));
				ok(stoa_segment_close(segment));
			}
		}
	}
}

static void a_queue_larger_than_the_segment_finds_no_space(void **state)
{
	struct stoa_queue_config config = shape(topologies[0], 1 << 20, 64);
	struct stoa_segment *segment = new_segment(4096, 0);
	struct stoa_queue *queue;

	(void)state;
	assert_int_equal(stoa_queue_create(segment, "queue", &config, &queue), -ENOSPC);
	assert_int_equal(stoa_queue_open(segment, "queue", NULL, &queue), -ENOENT);
	ok(stoa_segment_close(segment));
}

static void a_read_only_segment_shows_and_does_nothing(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 4, 8), view = place;
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver;

		ok(push(&place, sender, 0));
		ok(stoa_segment_open_fd(stoa_segment_fd(place.segment), STOA_READ_ONLY, &view.segment));
		ok(stoa_queue_open(view.segment, "queue", NULL, &view.queue));
		assert_int_equal(stat_of(&view).length, 1);
		assert_int_equal(stat_of(&view).sent, 1);
		assert_int_equal(stat_of(&view).senders, 1);
		assert_int_equal(stoa_sender_open(view.queue, &sender), -EACCES);
		assert_int_equal(stoa_receiver_open(view.queue, &receiver), -EACCES);
		assert_int_equal(stoa_queue_shutdown(view.queue, STOA_NOW), -EACCES);
		assert_int_equal(stoa_queue_fd(view.queue, STOA_READABLE), -EACCES);
		assert_int_equal(stoa_queue_create(view.segment, "another", NULL, &view.queue), -EACCES);
		end_place(&view);
		ok(stoa_sender_close(sender));
		end_place(&place);
	}
}

static void ends_outlive_the_handles_that_they_came_from(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 4, 8);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);

		end_place(&place);
		for (uint64_t tag = 0; tag < 10; tag++) {
			ok(push(&place, sender, tag));
			ok(pop_is(&place, receiver, tag));
		}
		ok(stoa_sender_close(sender));
		assert_int_equal(pop_any(receiver), STOA_EMPTY);
		ok(stoa_receiver_close(receiver));
	}
}

/* ---- ends ---- */

static void an_end_of_one_has_one_at_a_time(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 4, 8);
		bool one_sends = topologies[t].senders == STOA_ONE,
		     one_receives = topologies[t].receivers == STOA_ONE;
		struct stoa_sender *sender = new_sender(&place), *second = NULL;
		struct stoa_receiver *receiver = new_receiver(&place), *other = NULL;

		assert_int_equal(stoa_sender_open(place.queue, &second), one_sends ? -EBUSY : 0);
		assert_int_equal(stoa_receiver_open(place.queue, &other), one_receives ? -EBUSY : 0);
		assert_int_equal(stat_of(&place).senders, one_sends ? 1 : 2);
		assert_int_equal(stat_of(&place).receivers, one_receives ? 1 : 2);
		ok(push(&place, sender, 1));
		ok(stoa_sender_close(sender));
		ok(stoa_sender_close(second));
		ok(stoa_receiver_close(receiver));
		ok(stoa_receiver_close(other));
		assert_int_equal(stat_of(&place).senders, 0);
		assert_int_equal(stat_of(&place).receivers, 0);
		sender = new_sender(&place);
		ok(push(&place, sender, 2));
		receiver = new_receiver(&place);
		ok(pop_is(&place, receiver, 1));
		ok(pop_is(&place, receiver, 2));
		ok(stoa_receiver_close(receiver));
		ok(stoa_sender_close(sender));
		end_place(&place);
	}
}

static void handles_are_counted_and_come_back(void **state)
{
	struct stoa_queue_config config = shape(topologies[0], 4, 8);
	struct stoa_sender *senders[3], *more;
	struct stoa_receiver *receiver;
	struct place place;

	(void)state;
	config.handles = 4;
	place = new_place(&config);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 3; i++)
			senders[i] = new_sender(&place);
		receiver = new_receiver(&place);
		assert_int_equal(stoa_sender_open(place.queue, &more), -EUSERS);
		assert_int_equal(stoa_receiver_open(place.queue, &receiver), -EUSERS);
		for (int i = 0; i < 3; i++) {
			ok(push(&place, senders[i], (uint64_t)i));
			ok(stoa_sender_close(senders[i]));
		}
		for (uint64_t tag = 0; tag < 3; tag++)
			ok(pop_is(&place, receiver, tag));
		ok(stoa_receiver_close(receiver));
	}
	end_place(&place);
}

/* ---- copies ---- */

static void length_is_that_of_stat(const struct place *place, int rc)
{
	uint64_t length = UINT64_MAX;

	assert_int_equal(stoa_queue_length(place->queue, &length), rc);
	assert_int_equal(length, stat_of(place).length);
}

static void full_and_empty_are_exact_in_every_topology(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		for (size_t c = 0; c < LENGTH(capacities); c++) {
			for (size_t s = 0; s < LENGTH(sizes); s++) {
				struct place place = new_queue(topologies[t], capacities[c], sizes[s]);
				struct stoa_sender *sender = new_sender(&place);
				struct stoa_receiver *receiver = new_receiver(&place);
				uint64_t sent = 0, received = 0;

				for (int lap = 0; lap < 2; lap++) {
					assert_int_equal(pop_any(receiver), STOA_EMPTY);
					for (uint64_t i = 0; i < capacities[c]; i++)
						ok(push(&place, sender, sent++));
					assert_int_equal(push(&place, sender, sent), STOA_FULL);
					length_is_that_of_stat(&place, STOA_FULL);
					assert_int_equal(stat_of(&place).length, capacities[c]);
					ok(pop_is(&place, receiver, received++));
					ok(push(&place, sender, sent++));
					assert_int_equal(push(&place, sender, sent), STOA_FULL);
					while (received < sent)
						ok(pop_is(&place, receiver, received++));
				}
				assert_int_equal(stat_of(&place).sent, sent);
				assert_int_equal(stat_of(&place).received, sent);
				assert_int_equal(stat_of(&place).length, 0);
				assert_int_equal(stat_of(&place).held, 0);
				ok(stoa_sender_close(sender));
				ok(stoa_receiver_close(receiver));
				end_place(&place);
			}
		}
	}
}

static void the_length_counts_what_came_back_and_tells_where_there_is_no_room(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 3, 8);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		struct stoa_message message;
		bool spsc = topologies[t].senders == STOA_ONE && topologies[t].receivers == STOA_ONE;

		length_is_that_of_stat(&place, 0);
		for (uint64_t i = 0; i < 3; i++)
			ok(push(&place, sender, i));
		length_is_that_of_stat(&place, STOA_FULL);
		ok(stoa_receiver_take(receiver, &message, NULL));
		assert_int_equal(stat_of(&place).length, 2);
		length_is_that_of_stat(&place, spsc ? STOA_FULL : 0); /* where a lease keeps its place */
		ok(stoa_receiver_return(receiver, &message));
		assert_int_equal(stat_of(&place).length, 3);
		length_is_that_of_stat(&place, spsc ? STOA_FULL : 0);
		assert_int_equal(push(&place, sender, 3), spsc ? STOA_FULL : 0);
		length_is_that_of_stat(&place, STOA_FULL);
		ok(pop_any(receiver)); /* what came back: that had no place */
		length_is_that_of_stat(&place, spsc ? 0 : STOA_FULL);
		while (pop_any(receiver) == 0)
			length_is_that_of_stat(&place, 0);
		while (push(&place, sender, 4) == 0)
			;
		length_is_that_of_stat(&place, STOA_FULL);
		ok(stoa_queue_shutdown(place.queue, STOA_NOW));
		length_is_that_of_stat(&place, 0);
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

static void large_queues_and_large_messages_are_exact_too(void **state)
{
	static const uint64_t shapes[][2] = { { 100003, 16 }, { 3, 1 << 20 } };
	uint8_t *bytes = calloc(2, 1 << 20);

	(void)state;
	for (size_t t = 0; t < 2 * LENGTH(topologies); t++) {
		uint64_t capacity = shapes[t % 2][0], size = shapes[t % 2][1], sent = 0, received = 0;
		struct place place = new_queue(topologies[t / 2], capacity, size);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		size_t got;

		for (int lap = 0; lap < 2; lap++) {
			int rc;

			for (;; sent++) {
				memcpy(bytes, &sent, 8);
				memcpy(bytes + size - 8, &sent, 8);
				rc = stoa_sender_push(sender, bytes, size);
				if (rc)
					break;
			}
			assert_int_equal(rc, STOA_FULL);
			assert_int_equal(sent - received, capacity);
			for (; stoa_receiver_pop(receiver, bytes, size, &got) == 0; received++) {
				assert_int_equal(got, size);
				assert_memory_equal(bytes, &received, 8);
				assert_memory_equal(bytes + size - 8, &received, 8);
			}
			assert_int_equal(received, sent);
		}
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
	free(bytes);
}

static void a_message_of_one_byte_too_many_is_refused(void **state)
{
	static const uint8_t bytes[LARGEST + 1];

	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		for (size_t s = 0; s < LENGTH(sizes); s++) {
			struct place place = new_queue(topologies[t], 2, sizes[s]);
			struct stoa_sender *sender = new_sender(&place);
			void *at;
			size_t done = 9;

			assert_int_equal(stoa_sender_push(sender, bytes, sizes[s] + 1), -EMSGSIZE);
			assert_int_equal(stoa_sender_send(sender, bytes, sizes[s] + 1, NULL), -EMSGSIZE);
			assert_int_equal(stoa_sender_push_many(sender, bytes, sizes[s] + 1, 1, &done),
			                 -EMSGSIZE);
			assert_int_equal(done, 0);
			assert_int_equal(stoa_sender_reserve(sender, sizes[s] + 1, &at), -EMSGSIZE);
			assert_int_equal(stoa_sender_push(sender, bytes, SIZE_MAX), -EMSGSIZE);
			ok(stoa_sender_push(sender, bytes, sizes[s]));
			assert_int_equal(stat_of(&place).sent, 1);
			ok(stoa_sender_close(sender));
			end_place(&place);
		}
	}
}

static void a_message_longer_than_the_room_stays_first_in_line(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 4, 100);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		size_t size, sizes_many[2] = { 0 }, done;
		uint8_t bytes[100];

		ok(push(&place, sender, 1)); /* 99 bytes */
		ok(push(&place, sender, 2));
		for (size_t room = 0; room < 99; room += 7) {
			size = 0;
			assert_int_equal(stoa_receiver_pop(receiver, bytes, room, &size), -EMSGSIZE);
			assert_int_equal(size, 99);
			size = 0;
			assert_int_equal(stoa_receiver_recv(receiver, bytes, room, &size, NULL), -EMSGSIZE);
			assert_int_equal(size, 99);
			assert_int_equal(stoa_receiver_pop(receiver, bytes, room, NULL), -EMSGSIZE);
			assert_int_equal(stoa_receiver_pop_many(receiver, bytes, room, sizes_many, 1, &done),
			                 -EMSGSIZE);
			assert_int_equal(done, 0);
			assert_int_equal(sizes_many[0], 99);
		}
		assert_int_equal(stat_of(&place).length, 2);
		ok(pop_is(&place, receiver, 1));
		ok(pop_is(&place, receiver, 2));
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

static void a_message_of_no_bytes_is_a_message(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 2, 65);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		size_t size = 5;

		ok(stoa_sender_push(sender, NULL, 0));
		ok(stoa_sender_push(sender, "x", 0));
		assert_int_equal(stoa_sender_push(sender, NULL, 0), STOA_FULL);
		ok(stoa_receiver_pop(receiver, NULL, 0, &size));
		assert_int_equal(size, 0);
		ok(stoa_receiver_pop(receiver, NULL, 0, NULL));
		assert_int_equal(stoa_receiver_pop(receiver, NULL, 0, NULL), STOA_EMPTY);
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

static void many_go_and_come_until_one_does_not(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 5, 70);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		uint8_t in[8 * 70], out[8 * 80];
		size_t lengths[8] = { 0 }, done = 9;

		for (uint64_t i = 0; i < 8; i++)
			fill(in + i * 70, 70, i);
		ok(stoa_sender_push_many(sender, NULL, 0, 0, &done));
		assert_int_equal(done, 0);
		ok(stoa_sender_push_many(sender, in, 70, 3, &done));
		assert_int_equal(done, 3);
		assert_int_equal(stoa_sender_push_many(sender, in + 3 * 70, 70, 5, &done), STOA_FULL);
		assert_int_equal(done, 2);
		assert_int_equal(stoa_sender_push_many(sender, in, 70, 1, &done), STOA_FULL);
		assert_int_equal(done, 0);
		ok(stoa_receiver_pop_many(receiver, NULL, 0, NULL, 0, &done));
		assert_int_equal(done, 0);
		ok(stoa_receiver_pop_many(receiver, out, 80, lengths, 2, &done));
		assert_int_equal(done, 2);
		ok(stoa_receiver_pop_many(receiver, out + 2 * 80, 80, lengths + 2, 6, &done));
		assert_int_equal(done, 3);
		for (uint64_t i = 0; i < 5; i++) {
			assert_int_equal(lengths[i], 70);
			assert_true(is_filled(out + i * 80, 70, i));
		}
		assert_int_equal(stoa_receiver_pop_many(receiver, out, 80, lengths, 2, &done), STOA_EMPTY);
		assert_int_equal(done, 0);
		/* the second is too long for its room: the first comes */
		ok(stoa_sender_push(sender, in, 10));
		ok(stoa_sender_push(sender, in, 11));
		ok(stoa_receiver_pop_many(receiver, out, 10, NULL, 8, &done));
		assert_int_equal(done, 1);
		assert_int_equal(stoa_receiver_pop_many(receiver, out, 10, lengths, 8, &done), -EMSGSIZE);
		assert_int_equal(lengths[0], 11);
		ok(stoa_queue_shutdown(place.queue, STOA_DRAIN));
		assert_int_equal(stoa_sender_push_many(sender, in, 70, 2, &done), STOA_CLOSED);
		assert_int_equal(done, 0);
		ok(stoa_receiver_pop_many(receiver, out, 80, NULL, 8, &done));
		assert_int_equal(done, 1);
		assert_int_equal(stoa_receiver_pop_many(receiver, out, 80, NULL, 8, &done), STOA_CLOSED);
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

/* ---- waiting ---- */

static void a_deadline_that_has_passed_is_one_try(void **state)
{
	const struct timespec passed[] = { { .tv_nsec = 1 }, in_ms(-1000), { .tv_sec = -5 } };

	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 1, 70);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		struct stoa_message message;
		uint8_t bytes[70] = { 0 };
		void *at;

		ok(stoa_sender_reserve(sender, 9, &at));
		assert_int_equal(stoa_receiver_recv(receiver, bytes, 70, NULL, &stoa_now), STOA_EMPTY);
		assert_int_equal(stoa_receiver_take(receiver, &message, &stoa_now), STOA_EMPTY);
		for (size_t i = 0; i < LENGTH(passed); i++) {
			assert_int_equal(stoa_receiver_recv(receiver, bytes, 70, NULL, &passed[i]),
			                 STOA_TIMEOUT);
			assert_int_equal(stoa_receiver_take(receiver, &message, &passed[i]), STOA_TIMEOUT);
			ok(stoa_sender_send(sender, bytes, 9, &passed[i]));
			assert_int_equal(stoa_sender_send(sender, bytes, 9, &passed[i]), STOA_TIMEOUT);
			assert_int_equal(stoa_sender_commit(sender, at, 9, &passed[i]), STOA_TIMEOUT);
			ok(stoa_receiver_recv(receiver, bytes, 70, NULL, &passed[i]));
		}
		ok(stoa_sender_send(sender, bytes, 9, &stoa_now));
		assert_int_equal(stoa_sender_send(sender, bytes, 9, &stoa_now), STOA_FULL);
		assert_int_equal(stoa_sender_commit(sender, at, 9, &stoa_now), STOA_FULL);
		ok(stoa_receiver_take(receiver, &message, &stoa_now));
		ok(stoa_receiver_release(receiver, &message));
		ok(stoa_sender_commit(sender, at, 9, &stoa_now));
		assert_int_equal(stat_of(&place).sent, 5);
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

static void a_wait_ends_at_its_deadline_and_not_before(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 1, 8);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		struct timespec deadline = in_ms(130); /* some slices */
		struct stoa_message message;
		uint8_t bytes[8] = { 0 };

		assert_int_equal(stoa_receiver_recv(receiver, bytes, 8, NULL, &deadline), STOA_TIMEOUT);
		assert_true(os_now_ns() >= os_timespec_ns(&deadline));
		deadline = in_ms(15);
		assert_int_equal(stoa_receiver_take(receiver, &message, &deadline), STOA_TIMEOUT);
		assert_true(os_now_ns() >= os_timespec_ns(&deadline));
		ok(stoa_sender_send(sender, bytes, 8, NULL));
		deadline = in_ms(130);
		assert_int_equal(stoa_sender_send(sender, bytes, 8, &deadline), STOA_TIMEOUT);
		assert_true(os_now_ns() >= os_timespec_ns(&deadline));
		ok(stoa_receiver_recv(receiver, bytes, 8, NULL, NULL));
		assert_int_equal(pop_any(receiver), STOA_EMPTY); /* what timed out was not done */
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

static void a_signal_handler_ends_a_wait_and_nothing_was_done(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * LENGTH(topologies); i++) {
		struct place place = new_queue(topologies[i / 2], 1, 8);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		struct stoa_message message;
		uint8_t bytes[8] = { 0 };
		pid_t poker;

		handle_signals(i % 2 ? SA_RESTART : 0);
		poker = child_start(poke_parent, NULL);
		assert_int_equal(stoa_receiver_recv(receiver, bytes, 8, NULL, NULL), -EINTR);
		assert_int_equal(stoa_receiver_take(receiver, &message, NULL), -EINTR);
		ok(stoa_sender_push(sender, bytes, 8));
		assert_int_equal(stoa_sender_send(sender, bytes, 8, NULL), -EINTR);
		assert_int_equal(stat_of(&place).sent, 1);
		assert_true(signals_handled >= 3);
		child_kill(poker);
		ok(stoa_receiver_recv(receiver, bytes, 8, NULL, NULL));
		assert_int_equal(pop_any(receiver), STOA_EMPTY);
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
	signal(SIGUSR1, SIG_DFL);
}

struct waiting {
	struct place place;
	int ready;
};

static int receive_one_without_deadline(void *context)
{
	struct waiting *waiting = context;
	struct stoa_receiver *receiver;
	uint8_t bytes[8];

	if (stoa_receiver_open(waiting->place.queue, &receiver))
		return 1;
	set_word(&waiting->ready, 1);
	if (stoa_receiver_recv(receiver, bytes, 8, NULL, NULL))
		return 2;
	return stoa_receiver_close(receiver) ? 3 : 0;
}

static int send_one_without_deadline(void *context)
{
	struct waiting *waiting = context;
	struct stoa_sender *sender;

	if (stoa_sender_open(waiting->place.queue, &sender))
		return 1;
	set_word(&waiting->ready, 1);
	if (stoa_sender_send(sender, "eight...", 8, NULL))
		return 2;
	return stoa_sender_close(sender) ? 3 : 0;
}

static void who_waits_without_a_deadline_is_woken(void **state)
{
	struct waiting *waiting = shared_memory(sizeof *waiting);

	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct stoa_sender *sender;
		struct stoa_receiver *receiver;
		pid_t pid;

		waiting->place = new_queue(topologies[t], 1, 8);
		waiting->ready = 0;
		pid = child_start(receive_one_without_deadline, waiting);
		assert_true(await_word(&waiting->ready, 1));
		sleep_ms(150); /* well into its slices */
		sender = new_sender(&waiting->place);
		ok(push(&waiting->place, sender, 0));
		assert_int_equal(child_end(pid), 0);
		ok(push(&waiting->place, sender, 0));
		ok(stoa_sender_close(sender));
		waiting->ready = 0;
		pid = child_start(send_one_without_deadline, waiting);
		assert_true(await_word(&waiting->ready, 1));
		sleep_ms(150);
		receiver = new_receiver(&waiting->place);
		ok(pop_is(&waiting->place, receiver, 0));
		assert_int_equal(child_end(pid), 0);
		ok(pop_any(receiver));
		ok(stoa_receiver_close(receiver));
		end_place(&waiting->place);
	}
}

/* ---- waking: seen by the event words, where somebody has announced that it sleeps ---- */

static struct queue_layout *layout_of(const struct place *place)
{
	return ((struct object_handle *)place->queue)->start;
}

static uint32_t announced_at(struct event_word *event)
{
	return event_announce(event);
}

/* Whether who announced itself would be awake now. */
static bool was_woken(struct event_word *event, uint32_t announced)
{
	return atom32_load_seq(&event->word) >> 1 != announced >> 1;
}

static void every_change_wakes_who_waits_for_it(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 2, 70);
		struct event_word *readable = &layout_of(&place)->readable,
				  *writable = &layout_of(&place)->writable;
		bool spsc = topologies[t].senders == STOA_ONE && topologies[t].receivers == STOA_ONE;
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		struct stoa_message message;
		uint8_t bytes[4 * 70] = { 0 };
		uint32_t before;
		size_t done;
		void *at;

		before = announced_at(readable);
		ok(push(&place, sender, 0));
		assert_true(was_woken(readable, before));
		before = announced_at(readable);
		ok(stoa_sender_reserve(sender, 1, &at));
		assert_false(was_woken(readable, before));
		ok(stoa_sender_commit(sender, at, 1, NULL));
		assert_true(was_woken(readable, before));
		before = announced_at(writable);
		ok(pop_any(receiver));
		assert_true(was_woken(writable, before));
		before = announced_at(writable);
		ok(stoa_receiver_take(receiver, &message, NULL));
		if (spsc) /* where a lease keeps its place */
			before = announced_at(writable);
		if (spsc)
			ok(stoa_receiver_release(receiver, &message));
		assert_true(was_woken(writable, before));
		if (!spsc) {
			before = announced_at(readable);
			ok(stoa_receiver_return(receiver, &message));
			assert_true(was_woken(readable, before));
			ok(pop_any(receiver));
		}
		before = announced_at(readable);
		ok(stoa_sender_push_many(sender, bytes, 70, 2, &done));
		assert_true(was_woken(readable, before));
		before = announced_at(readable);
		assert_int_equal(stoa_receiver_pop(receiver, bytes, 1, NULL),
		                 -EMSGSIZE); /* for one with more room */
		assert_true(spsc || was_woken(readable, before));
		before = announced_at(writable);
		ok(stoa_receiver_pop_many(receiver, bytes, 70, NULL, 2, &done));
		assert_true(was_woken(writable, before));
		before = announced_at(readable);
		done = announced_at(writable);
		ok(stoa_queue_shutdown(place.queue, STOA_DRAIN));
		assert_true(was_woken(readable, before));
		assert_true(was_woken(writable, (uint32_t)done));
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

static void nobody_is_woken_where_nobody_waits(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 2, 70);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		struct timespec soon = in_ms(1);

		assert_int_equal(stoa_receiver_recv(receiver, NULL, 0, NULL, &soon), STOA_TIMEOUT);
		for (uint64_t tag = 0; tag < 5; tag++) { /* the first push finds out that the bit is stale */
			ok(push(&place, sender, tag));
			assert_false(atom32_load_seq(&layout_of(&place)->readable.word) & 1);
			ok(pop_is(&place, receiver, tag));
			assert_int_equal(atom32_load_seq(&layout_of(&place)->writable.word), 0);
		}
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		end_place(&place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_config_of_zeros_takes_the_defaults),
		cmocka_unit_test(nonsense_in_a_config_is_refused),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(null_arguments_are_refused),
		cmocka_unit_test(any_other_shape_is_another_queue),
		cmocka_unit_test(another_kind_of_object_is_no_queue),
		cmocka_unit_test(a_segment_of_the_footprint_holds_the_queue_and_not_one_more),
		cmocka_unit_test(a_queue_larger_than_the_segment_finds_no_space),
		cmocka_unit_test(a_read_only_segment_shows_and_does_nothing),
		cmocka_unit_test(ends_outlive_the_handles_that_they_came_from),
		cmocka_unit_test(an_end_of_one_has_one_at_a_time),
		cmocka_unit_test(handles_are_counted_and_come_back),
		cmocka_unit_test(full_and_empty_are_exact_in_every_topology),
		cmocka_unit_test(the_length_counts_what_came_back_and_tells_where_there_is_no_room),
		cmocka_unit_test(large_queues_and_large_messages_are_exact_too),
		cmocka_unit_test(a_message_of_one_byte_too_many_is_refused),
		cmocka_unit_test(a_message_longer_than_the_room_stays_first_in_line),
		cmocka_unit_test(a_message_of_no_bytes_is_a_message),
		cmocka_unit_test(many_go_and_come_until_one_does_not),
		cmocka_unit_test(a_deadline_that_has_passed_is_one_try),
		cmocka_unit_test(a_wait_ends_at_its_deadline_and_not_before),
		cmocka_unit_test(a_signal_handler_ends_a_wait_and_nothing_was_done),
		cmocka_unit_test(who_waits_without_a_deadline_is_woken),
		cmocka_unit_test(every_change_wakes_who_waits_for_it),
		cmocka_unit_test(nobody_is_woken_where_nobody_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
