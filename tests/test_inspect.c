/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds what, who waits, what lies in a queue: told without disturbing anybody. */
#include "queue_helpers.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "queue.h"

/* ---- holders ---- */

struct heard {
	uint32_t count, by_role[STOA_ROLE_PARTY + 1];
	struct stoa_holder_info last[STOA_ROLE_PARTY + 1]; /* of each role */
	int answer;
};

static int hear(void *context, const struct stoa_holder_info *holder)
{
	struct heard *heard = context;

	heard->count++;
	if (holder->role <= STOA_ROLE_PARTY) {
		heard->by_role[holder->role]++;
		heard->last[holder->role] = *holder;
	}
	return heard->answer;
}

/* Of the only object in the segment. */
static struct heard holders(struct stoa_segment *segment)
{
	struct heard heard = { 0 };

	ok(stoa_segment_holders(segment, 0, hear, &heard));
	return heard;
}

static void a_queue_tells_who_sends_and_who_receives(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 4, 100);
		struct stoa_sender *sender;
		struct stoa_receiver *receiver;
		struct heard heard;

		assert_int_equal(holders(place.segment).count, 0);
		ok(stoa_sender_open(place.queue, &sender));
		ok(stoa_receiver_open(place.queue, &receiver));
		heard = holders(place.segment);
		assert_int_equal(heard.count, 2);
		assert_int_equal(heard.by_role[STOA_ROLE_SENDER], 1);
		assert_int_equal(heard.by_role[STOA_ROLE_RECEIVER], 1);
		assert_int_equal(heard.last[STOA_ROLE_RECEIVER].participant, 0);
		assert_int_equal(heard.last[STOA_ROLE_RECEIVER].held, 0);
		stoa_sender_close(sender);
		stoa_receiver_close(receiver);
		assert_int_equal(holders(place.segment).count, 0);
		end_place(&place);
	}
}

static void a_lease_is_counted_and_its_mark_stays_as_long_as_it_is_held(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 4, 100);
		struct stoa_message message = { 0 };
		struct stoa_sender *sender;
		struct stoa_receiver *receiver;
		struct stoa_holder_info first, same, next;

		ok(stoa_sender_open(place.queue, &sender));
		ok(stoa_receiver_open(place.queue, &receiver));
		ok(stoa_sender_push(sender, "a", 1));
		ok(stoa_sender_push(sender, "b", 1));
		ok(stoa_receiver_take(receiver, &message, NULL));
		first = holders(place.segment).last[STOA_ROLE_RECEIVER];
		assert_int_equal(first.held, 1);
		ok(stoa_sender_push(sender, "c", 1));
		same = holders(place.segment).last[STOA_ROLE_RECEIVER];
		assert_int_equal(same.mark, first.mark);
		ok(stoa_receiver_release(receiver, &message));
		assert_int_equal(holders(place.segment).last[STOA_ROLE_RECEIVER].held, 0);
		ok(stoa_receiver_take(receiver, &message, NULL));
		next = holders(place.segment).last[STOA_ROLE_RECEIVER];
		assert_int_equal(next.held, 1);
		assert_int_not_equal(next.mark, first.mark);
		ok(stoa_receiver_release(receiver, &message));
		stoa_sender_close(sender);
		stoa_receiver_close(receiver);
		end_place(&place);
	}
}

static int take_and_wait(void *context)
{
	struct place *place = context;
	struct stoa_receiver *receiver;
	struct stoa_message message;

	if (stoa_receiver_open(place->queue, &receiver) || stoa_receiver_take(receiver, &message, NULL))
		return 1;
	for (;;)
		pause();
}

static void await_lease(struct stoa_segment *segment)
{
	for (int i = 0; i < PATIENCE_MS && !holders(segment).last[STOA_ROLE_RECEIVER].held; i++)
		sleep_ms(1);
}

static void the_dead_hold_what_they_held_until_they_are_reaped(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 4, 100);
		struct stoa_sender *sender;
		struct stoa_participant_info participant = { .struct_size = sizeof participant };
		struct stoa_holder_info holder;
		pid_t pid;

		ok(stoa_sender_open(place.queue, &sender));
		ok(stoa_sender_push(sender, "a", 1));
		pid = child_start(take_and_wait, &place);
		await_lease(place.segment);
		child_kill(pid);
		holder = holders(place.segment).last[STOA_ROLE_RECEIVER];
		assert_int_equal(holder.held, 1);
		ok(stoa_segment_participant(place.segment, holder.participant, &participant));
		assert_int_equal(participant.pid, pid);
		assert_false(participant.alive);
		assert_int_equal(stoa_segment_reap(place.segment), 1);
		assert_int_equal(holders(place.segment).by_role[STOA_ROLE_RECEIVER], 0);
		stoa_sender_close(sender);
		end_place(&place);
	}
}

static void locks_permits_and_writers_are_told(void **state)
{
	struct stoa_semaphore_config permits = { .struct_size = sizeof permits,
		                                 .flags = STOA_PERMITS_RETURN,
		                                 .maximum = 3 };
	struct stoa_value_config bytes = { .struct_size = sizeof bytes, .size = 24 };
	struct stoa_segment *segment = new_segment(1 << 16, 8);
	struct stoa_lock *lock;
	struct stoa_semaphore *semaphore;
	struct stoa_value *value;
	struct stoa_holder_info before;
	struct heard heard = { 0 };
	char buffer[24] = { 0 };

	(void)state;
	ok(stoa_lock_create(segment, "lock", NULL, &lock));
	ok(stoa_semaphore_create(segment, "semaphore", &permits, &semaphore));
	ok(stoa_value_create(segment, "value", &bytes, &value));
	ok(stoa_segment_holders(segment, 0, hear, &heard));
	assert_int_equal(heard.count, 0);
	ok(stoa_lock_acquire(lock, NULL));
	ok(stoa_segment_holders(segment, 0, hear, &heard));
	assert_int_equal(heard.by_role[STOA_ROLE_OWNER], 1);
	before = heard.last[STOA_ROLE_OWNER];
	ok(stoa_lock_release(lock));
	ok(stoa_lock_acquire(lock, NULL));
	ok(stoa_segment_holders(segment, 0, hear, &heard));
	assert_int_not_equal(heard.last[STOA_ROLE_OWNER].mark, before.mark);
	ok(stoa_semaphore_wait(semaphore, NULL));
	ok(stoa_semaphore_wait(semaphore, NULL));
	ok(stoa_segment_holders(segment, 1, hear, &heard));
	assert_int_equal(heard.by_role[STOA_ROLE_PERMIT], 2);
	ok(stoa_value_store(value, buffer));
	ok(stoa_segment_holders(segment, 2, hear, &heard));
	assert_int_equal(heard.by_role[STOA_ROLE_WRITER], 1);
	ok(stoa_lock_release(lock));
	stoa_value_close(value);
	stoa_semaphore_close(semaphore);
	stoa_lock_close(lock);
	stoa_segment_close(segment);
}

static int arrive(void *context)
{
	return stoa_barrier_wait(context, NULL);
}

static void who_has_arrived_at_a_barrier_is_told(void **state)
{
	struct stoa_barrier_config config = { .struct_size = sizeof config, .parties = 2 };
	struct stoa_segment *segment = new_segment(1 << 16, 8);
	struct stoa_barrier *barrier;
	pid_t pid;

	(void)state;
	ok(stoa_barrier_create(segment, "barrier", &config, &barrier));
	pid = child_start(arrive, barrier);
	for (int i = 0; i < PATIENCE_MS && !holders(segment).count; i++)
		sleep_ms(1);
	assert_int_equal(holders(segment).by_role[STOA_ROLE_PARTY], 1);
	ok(stoa_barrier_wait(barrier, NULL));
	assert_int_equal(child_end(pid), 0);
	assert_int_equal(holders(segment).count, 0); /* of the round before */
	stoa_barrier_close(barrier);
	stoa_segment_close(segment);
}

static void a_listener_ends_the_walk(void **state)
{
	struct place place = new_queue(topologies[0], 4, 100);
	struct stoa_sender *senders[3];
	struct heard heard = { .answer = 7 };

	(void)state;
	for (int i = 0; i < 3; i++)
		ok(stoa_sender_open(place.queue, &senders[i]));
	assert_int_equal(stoa_segment_holders(place.segment, 0, hear, &heard), 7);
	assert_int_equal(heard.count, 1);
	for (int i = 0; i < 3; i++)
		stoa_sender_close(senders[i]);
	end_place(&place);
}

/* ---- waiting ---- */

static int receive(void *context)
{
	struct place *place = context;
	struct stoa_receiver *receiver;
	char byte;
	int rc = stoa_receiver_open(place->queue, &receiver);

	rc = rc ? rc : stoa_receiver_recv(receiver, &byte, 1, NULL, NULL);
	return rc ? 1 : stoa_receiver_close(receiver);
}

static void who_waits_is_announced_at_its_word(void **state)
{
	struct place place = new_queue(topologies[0], 4, 100);
	struct stoa_wait_info wait = { .struct_size = sizeof wait };
	struct stoa_sender *sender;
	uint32_t word;
	pid_t pid;

	(void)state;
	ok(stoa_segment_wait(place.segment, 0, 0, &wait));
	assert_int_equal(wait.what, STOA_WAIT_READABLE);
	assert_false(wait.announced);
	pid = child_start(receive, &place);
	for (int i = 0; i < PATIENCE_MS && !wait.announced; i++) {
		sleep_ms(1);
		ok(stoa_segment_wait(place.segment, 0, 0, &wait));
	}
	assert_true(wait.announced);
	assert_int_equal(pread(stoa_segment_fd(place.segment), &word, sizeof word, (off_t)wait.offset),
	                 sizeof word);
	assert_int_equal(word & 1, 1);
	assert_int_equal(word >> 2, wait.wakes);
	ok(stoa_segment_wait(place.segment, 0, 1, &wait));
	assert_int_equal(wait.what, STOA_WAIT_WRITABLE);
	assert_false(wait.announced);
	assert_int_equal(stoa_segment_wait(place.segment, 0, 2, &wait), -ENOENT);
	ok(stoa_sender_open(place.queue, &sender));
	ok(stoa_sender_push(sender, "a", 1));
	assert_int_equal(child_end(pid), 0);
	stoa_sender_close(sender);
	end_place(&place);
}

static void every_kind_but_arrays_has_a_word_to_wait_at(void **state)
{
	struct stoa_array_config numbers = { .struct_size = sizeof numbers, .count = 3 };
	struct stoa_wait_info wait = { .struct_size = sizeof wait };
	struct stoa_segment *segment = new_segment(1 << 16, 8);
	struct stoa_value *value;
	struct stoa_array *array;
	struct stoa_event *event;

	(void)state;
	ok(stoa_value_create(segment, "value", NULL, &value));
	ok(stoa_array_create(segment, "array", &numbers, &array));
	ok(stoa_event_create(segment, "event", NULL, &event));
	ok(stoa_segment_wait(segment, 0, 0, &wait));
	assert_int_equal(wait.what, STOA_WAIT_CHANGED);
	assert_int_equal(stoa_segment_wait(segment, 1, 0, &wait), -ENOENT);
	ok(stoa_segment_wait(segment, 2, 0, &wait));
	assert_int_equal(stoa_segment_wait(segment, 3, 0, &wait), -ENOENT);
	assert_int_equal(stoa_segment_wait(segment, 1 << 20, 0, &wait), -ENOENT);
	stoa_value_close(value);
	stoa_array_close(array);
	stoa_event_close(event);
	stoa_segment_close(segment);
}

/* ---- peeking ---- */

static void messages_are_shown_in_order_and_stay(void **state)
{
	(void)state;
	for (size_t t = 0; t < 2 * LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t / 2], 5, t % 2 ? 300 : 24);
		struct stoa_peek_cursor cursor = { { 0, 0 } };
		struct stoa_peek_info info = { .struct_size = sizeof info };
		struct stoa_sender *sender;
		struct stoa_receiver *receiver;
		char out[24];
		size_t size;

		ok(stoa_sender_open(place.queue, &sender));
		ok(stoa_receiver_open(place.queue, &receiver));
		for (int lap = 0; lap < 3; lap++) {
			for (size_t i = 0; i < 5; i++)
				ok(stoa_sender_push(sender, "abcdefgh", i * 2));
			cursor = (struct stoa_peek_cursor){ { 0, 0 } };
			for (size_t i = 0; i < 5; i++) {
				ok(stoa_queue_peek(place.queue, &cursor, out, 3, &info));
				assert_int_equal(info.size, i * 2);
				assert_int_equal(info.copied, i * 2 < 3 ? i * 2 : 3);
				assert_memory_equal(out, "abcdefgh", info.copied);
				assert_int_equal(info.id, (size_t)lap * 5 + i);
				assert_int_equal(info.deliveries, 0);
			}
			assert_int_equal(stoa_queue_peek(place.queue, &cursor, out, 3, &info), STOA_EMPTY);
			for (size_t i = 0; i < 5; i++) {
				ok(stoa_receiver_pop(receiver, out, sizeof out, &size));
				assert_int_equal(size, i * 2);
			}
		}
		stoa_sender_close(sender);
		stoa_receiver_close(receiver);
		end_place(&place);
	}
}

static void what_is_held_is_not_shown_and_what_came_back_is_shown_first(void **state)
{
	(void)state;
	for (size_t t = 0; t < 2 * LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t / 2], 5, t % 2 ? 300 : 24);
		struct stoa_peek_cursor cursor = { { 0, 0 } }, again = { { 0, 0 } };
		struct stoa_peek_info info = { .struct_size = sizeof info };
		struct stoa_message message = { 0 };
		struct stoa_sender *sender;
		struct stoa_receiver *receiver;
		char out[8];

		ok(stoa_sender_open(place.queue, &sender));
		ok(stoa_receiver_open(place.queue, &receiver));
		ok(stoa_sender_push(sender, "a", 1));
		ok(stoa_sender_push(sender, "b", 1));
		ok(stoa_receiver_take(receiver, &message, NULL));
		ok(stoa_queue_peek(place.queue, &cursor, out, sizeof out, &info));
		assert_int_equal(out[0], 'b');
		assert_int_equal(stoa_queue_peek(place.queue, &cursor, out, sizeof out, &info), STOA_EMPTY);
		ok(stoa_receiver_return(receiver, &message));
		ok(stoa_queue_peek(place.queue, &again, out, sizeof out, &info));
		assert_int_equal(out[0], 'a');
		assert_int_equal(info.deliveries, 1);
		assert_int_equal(info.id, message.id);
		ok(stoa_queue_peek(place.queue, &again, out, sizeof out, &info));
		assert_int_equal(out[0], 'b');
		stoa_sender_close(sender);
		stoa_receiver_close(receiver);
		end_place(&place);
	}
}

static void of_a_parcel_what_nobody_has_received_is_shown(void **state)
{
	struct stoa_queue_config config = shape(topologies[0], 5, 7);
	struct stoa_peek_info info = { .struct_size = sizeof info };
	struct stoa_peek_cursor cursor = { { 0, 0 } };
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	struct place place;
	char out[28];
	size_t done;

	(void)state;
	config.pack = 4;
	place = new_place(&config);
	sender = new_sender(&place);
	receiver = new_receiver(&place);
	ok(stoa_sender_push_many(sender, "1111111222222233333334444444555", 7, 4, &done));
	ok(stoa_sender_push(sender, "alone", 5));
	for (int left = 4; left; left--) {
		cursor = (struct stoa_peek_cursor){ { 0, 0 } };
		ok(stoa_queue_peek(place.queue, &cursor, out, sizeof out, &info));
		assert_int_equal(info.count, left);
		assert_int_equal(info.size, 7 * left);
		assert_int_equal(info.copied, info.size);
		assert_int_equal(info.id, 0);
		assert_int_equal(info.deliveries, 4 - left);
		assert_memory_equal(out, &"1111111222222233333334444444"[28 - info.size], info.size);
		ok(stoa_queue_peek(place.queue, &cursor, out, sizeof out, &info));
		assert_int_equal(info.count, 1);
		assert_memory_equal(out, "alone", 5);
		assert_int_equal(stoa_queue_peek(place.queue, &cursor, out, sizeof out, &info), STOA_EMPTY);
		ok(stoa_receiver_pop(receiver, out, sizeof out, NULL));
		ok(stoa_receiver_close(receiver)); /* which gives the rest back */
		receiver = new_receiver(&place);
	}
	ok(stoa_receiver_close(receiver));
	ok(stoa_sender_close(sender));
	end_place(&place);
}

#define PEEKED 30000 /* bytes: all of them the low byte of the number in the first eight */

static void fill_all(uint8_t *bytes, uint64_t number)
{
	memset(bytes, (int)number, PEEKED);
	memcpy(bytes, &number, sizeof number);
}

static bool all_same(const uint8_t *bytes, uint64_t *number)
{
	memcpy(number, bytes, sizeof *number);
	for (size_t i = sizeof *number; i < PEEKED; i++) {
		if (bytes[i] != (uint8_t)*number)
			return false;
	}
	return true;
}

static int pass_on_for_ever(void *context)
{
	struct place *place = context;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	uint8_t bytes[PEEKED];

	if (stoa_sender_open(place->queue, &sender) || stoa_receiver_open(place->queue, &receiver))
		return 1;
	for (uint64_t number = 0;; number++) {
		fill_all(bytes, number);
		if (stoa_sender_push(sender, bytes, sizeof bytes) == STOA_FULL &&
		    (stoa_receiver_pop(receiver, bytes, sizeof bytes, NULL) ||
		     (fill_all(bytes, number), stoa_sender_push(sender, bytes, sizeof bytes))))
			return 2;
	}
}

static void what_is_shown_under_full_traffic_is_whole_and_in_order(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 3, PEEKED);
		uint64_t shown = 0, last = 0;
		pid_t pid = child_start(pass_on_for_ever, &place);
		uint64_t end = os_now_ns() + PATIENCE_MS * MS;

		while (shown < 2000 && os_now_ns() < end) {
			struct stoa_peek_cursor cursor = { { 0, 0 } };
			struct stoa_peek_info info = { .struct_size = sizeof info };
			uint8_t bytes[PEEKED];
			uint64_t number, first = UINT64_MAX;
			int rc;

			while ((rc = stoa_queue_peek(place.queue, &cursor, bytes, sizeof bytes, &info)) ==
			       0) {
				assert_int_equal(info.size, PEEKED);
				assert_true(all_same(bytes, &number));
				assert_int_equal(number, info.id);
				assert_true(!shown ||
				            number >= last); /* the same may be shown in the next walk */
				shown++;
				first = first == UINT64_MAX ? number : first;
			}
			assert_int_equal(rc, STOA_EMPTY);
			last = first == UINT64_MAX ? last : first;
		}
		assert_int_equal(child_kill(pid), CHILD_SIGNAL + SIGKILL);
		assert_true(shown > 0);
		end_place(&place);
	}
}

static void a_read_only_segment_tells_all_of_it(void **state)
{
	const char *name = test_name("read-only");
	struct stoa_segment *segment, *looked;
	struct stoa_queue *queue, *same;
	struct stoa_sender *sender;
	struct stoa_peek_cursor cursor = { { 0, 0 } };
	struct stoa_peek_info info = { .struct_size = sizeof info };
	struct stoa_segment_info what = { .struct_size = sizeof what };
	struct stoa_object_info object = { .struct_size = sizeof object };
	struct heard heard = { 0 };
	char out[4];

	(void)state;
	ok(stoa_segment_create(name, NULL, &segment));
	ok(stoa_queue_create(segment, "queue", NULL, &queue));
	ok(stoa_sender_open(queue, &sender));
	ok(stoa_sender_push(sender, "abc", 3));
	ok(stoa_segment_open(name, STOA_READ_ONLY, &looked));
	ok(stoa_segment_info(looked, &what));
	assert_true(what.created_ns > 1500000000ull * 1000 * MS);
	ok(stoa_segment_object(looked, 0, &object));
	assert_true(object.offset > 0 && object.offset + object.bytes <= what.total_bytes);
	ok(stoa_segment_holders(looked, 0, hear, &heard));
	assert_int_equal(heard.count, 1);
	ok(stoa_queue_open(looked, "queue", NULL, &same));
	ok(stoa_queue_peek(same, &cursor, out, sizeof out, &info));
	assert_memory_equal(out, "abc", 3);
	stoa_queue_close(same);
	stoa_segment_close(looked);
	stoa_sender_close(sender);
	stoa_queue_close(queue);
	stoa_segment_close(segment);
	ok(stoa_segment_unlink(name));
}

/* ---- nonsense ---- */

static void nonsense_is_refused(void **state)
{
	struct place place = new_queue(topologies[0], 4, 100);
	struct stoa_peek_cursor cursor = { { 0, 0 } };
	struct stoa_peek_info info = { .struct_size = sizeof info };
	struct heard heard = { 0 };
	char out[4];

	(void)state;
	assert_int_equal(stoa_segment_holders(NULL, 0, hear, &heard), -EINVAL);
	assert_int_equal(stoa_segment_holders(place.segment, 0, NULL, NULL), -EINVAL);
	assert_int_equal(stoa_segment_holders(place.segment, 1, hear, &heard), -ENOENT);
	assert_int_equal(stoa_segment_holders(place.segment, UINT32_MAX, hear, &heard), -ENOENT);
	assert_int_equal(stoa_segment_wait(NULL, 0, 0, NULL), -EINVAL);
	assert_int_equal(stoa_segment_wait(place.segment, 0, 0, NULL), -EINVAL);
	assert_int_equal(stoa_queue_peek(NULL, &cursor, out, 4, &info), -EINVAL);
	assert_int_equal(stoa_queue_peek(place.queue, NULL, out, 4, &info), -EINVAL);
	assert_int_equal(stoa_queue_peek(place.queue, &cursor, NULL, 4, &info), -EINVAL);
	assert_int_equal(stoa_queue_peek(place.queue, &cursor, out, 4, NULL), -EINVAL);
	assert_int_equal(stoa_queue_peek(place.queue, &cursor, NULL, 0, &info), STOA_EMPTY);
	end_place(&place);
}

static void a_message_of_a_size_that_cannot_be_is_damage(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct place place = new_queue(topologies[t], 4, 100);
		const struct queue_view *view = &place.queue->view;
		struct stoa_peek_cursor cursor = { { 0, 0 } };
		struct stoa_peek_info info = { .struct_size = sizeof info };
		struct stoa_sender *sender;
		char out[4];

		ok(stoa_sender_open(place.queue, &sender));
		ok(stoa_sender_push(sender, "a", 1));
		if (view->spsc)
			atom64_store_seq((struct atom64 *)view->ring.sizes, 101ull << BLOCK_BITS);
		else
			for (uint32_t b = 0; b < view->xring.exchange.blocks; b++)
				atom64_store_seq(
					(struct atom64 *)(void *)((uint8_t *)xring_payload(&view->xring, b) +
				                                  view->xring.trailer_offset +
				                                  offsetof(struct xring_trailer, size)),
					101);
		assert_int_equal(stoa_queue_peek(place.queue, &cursor, out, sizeof out, &info), -EBADMSG);
		stoa_sender_close(sender);
		end_place(&place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_tells_who_sends_and_who_receives),
		cmocka_unit_test(a_lease_is_counted_and_its_mark_stays_as_long_as_it_is_held),
		cmocka_unit_test(the_dead_hold_what_they_held_until_they_are_reaped),
		cmocka_unit_test(locks_permits_and_writers_are_told),
		cmocka_unit_test(who_has_arrived_at_a_barrier_is_told),
		cmocka_unit_test(a_listener_ends_the_walk),
		cmocka_unit_test(who_waits_is_announced_at_its_word),
		cmocka_unit_test(every_kind_but_arrays_has_a_word_to_wait_at),
		cmocka_unit_test(messages_are_shown_in_order_and_stay),
		cmocka_unit_test(what_is_held_is_not_shown_and_what_came_back_is_shown_first),
		cmocka_unit_test(of_a_parcel_what_nobody_has_received_is_shown),
		cmocka_unit_test(what_is_shown_under_full_traffic_is_whole_and_in_order),
		cmocka_unit_test(a_read_only_segment_tells_all_of_it),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(a_message_of_a_size_that_cannot_be_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
