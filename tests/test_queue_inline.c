/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short way of stoa/inline.h: it and the long way are one queue, whatever mixture of calls and sizes
 * comes, and it is never taken where something stands against it.
 */
#include "queue_helpers.h"

#include <sys/wait.h>

#include <stoa/inline.h>

static const uint64_t capacities[] = { 1, 2, 3, 7, 64 };
static const uint64_t sizes[] = { 1, 8, 24, 33, 64, 65 };

/* ---- a model ---- */

struct model {
	struct place place;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	uint64_t capacity, sent, received, seed;
	struct stoa_message lease;
	bool leased, odd;
};

/* A message's size is a property of its number: now and then another one than message_size. */
static size_t length_of(const struct model *model, uint64_t number)
{
	size_t largest = model->place.message_size;

	return model->odd && number % 5 == 3 ? number % largest : largest;
}

static int push_one(struct model *model, uint64_t number)
{
	size_t size = length_of(model, number);
	uint8_t bytes[LARGEST];

	fill(bytes, size, number);
	return below(&model->seed, 2) ? stoa_sender_push_inline(model->sender, bytes, size)
	                              : stoa_sender_push(model->sender, bytes, size);
}

static void push_some(struct model *model)
{
	for (uint64_t n = below(&model->seed, 10); n; n--) {
		int rc = push_one(model, model->sent);

		if (rc == STOA_FULL) { /* a lease keeps its place, and those behind it */
			assert_true(model->leased || model->sent - model->received == model->capacity);
			return;
		}
		assert_int_equal(rc, STOA_OK);
		model->sent++;
		assert_true(model->sent - model->received <= model->capacity);
	}
}

/* As many of one size as come one behind the other. */
static void push_many(struct model *model)
{
	size_t size = length_of(model, model->sent), count = 0, most = below(&model->seed, 9) + 1, done;
	uint8_t bytes[10 * 65];
	int rc;

	while (count < most && length_of(model, model->sent + count) == size) {
		fill(bytes + count * size, size, model->sent + count);
		count++;
	}
	rc = stoa_sender_push_many(model->sender, bytes, size, count, &done);
	assert_true(rc == STOA_FULL ? done < count : rc == STOA_OK && done == count);
	model->sent += done;
	assert_true(model->sent - model->received <= model->capacity);
}

static void expect(struct model *model, const void *bytes, size_t size)
{
	assert_true(model->received < model->sent);
	assert_int_equal(size, length_of(model, model->received));
	assert_true(is_filled(bytes, size, model->received));
	model->received++;
}

static void pop_some(struct model *model)
{
	uint8_t bytes[LARGEST];
	size_t size = 0;

	for (uint64_t n = below(&model->seed, 10); n; n--) {
		int rc = below(&model->seed, 2)
		                 ? stoa_receiver_pop_inline(model->receiver, bytes, sizeof bytes, &size)
		                 : stoa_receiver_pop(model->receiver, bytes, sizeof bytes, &size);

		assert_int_equal(rc, model->received == model->sent ? STOA_EMPTY : STOA_OK);
		if (rc == STOA_OK)
			expect(model, bytes, size);
	}
}

static void pop_many(struct model *model)
{
	size_t lengths[9], done, count = below(&model->seed, 9) + 1;
	size_t room = model->place.message_size + below(&model->seed, 2);
	uint8_t bytes[9 * 66];
	int rc = stoa_receiver_pop_many(model->receiver, bytes, room, lengths, count, &done);
	uint64_t there = model->sent - model->received;

	assert_int_equal(rc, there ? STOA_OK : STOA_EMPTY);
	assert_int_equal(done, there < count ? there : count);
	for (size_t i = 0; i < done; i++)
		expect(model, bytes + i * room, lengths[i]);
}

static void lease_or_release(struct model *model)
{
	if (model->leased) {
		ok(stoa_receiver_release(model->receiver, &model->lease));
		model->leased = false;
	} else if (stoa_receiver_take(model->receiver, &model->lease, &stoa_now) == STOA_OK) {
		model->leased = true;
		expect(model, model->lease.bytes, model->lease.size);
	}
}

static void any_mixture_of_ways_is_one_queue(void **state)
{
	static void (*const acts[])(struct model *) = { push_some, push_many,        pop_some,  pop_many,
		                                        push_some, lease_or_release, push_many, pop_many };

	(void)state;
	for (size_t i = 0; i < LENGTH(topologies) * LENGTH(capacities) * LENGTH(sizes) * 2; i++) {
		struct topology topology = topologies[i / 2 % LENGTH(topologies)];
		struct model model = {
			.capacity = capacities[i / 2 / LENGTH(topologies) % LENGTH(capacities)],
			.odd = i % 2,
			.seed = i,
		};

		model.place = new_queue(topology, model.capacity,
		                        sizes[i / 2 / LENGTH(topologies) / LENGTH(capacities)]);
		model.sender = new_sender(&model.place);
		model.receiver = new_receiver(&model.place);
		for (int act = 0; act < 400; act++)
			acts[below(&model.seed, LENGTH(acts))](&model);
		if (model.leased)
			lease_or_release(&model);
		ok(stoa_sender_close(model.sender));
		ok(stoa_receiver_close(model.receiver));
		end_place(&model.place);
	}
}

/* ---- what stands against the short way ---- */

struct pair {
	struct place place;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
};

static struct pair new_pair(void)
{
	struct pair pair = { .place = new_queue((struct topology){ STOA_ONE, STOA_ONE }, 8, 8) };

	pair.sender = new_sender(&pair.place);
	pair.receiver = new_receiver(&pair.place);
	return pair;
}

static void end_pair(struct pair *pair)
{
	ok(stoa_sender_close(pair->sender));
	ok(stoa_receiver_close(pair->receiver));
	end_place(&pair->place);
}

static void a_closed_queue_is_closed_the_short_way_too(void **state)
{
	uint64_t number = 1, out = 0;
	size_t size = 0;

	(void)state;
	for (unsigned how = STOA_DRAIN; how <= STOA_NOW; how++) {
		struct pair pair = new_pair();

		ok(stoa_sender_push_inline(pair.sender, &number, 8));
		ok(stoa_sender_push_inline(pair.sender, &number, 8));
		ok(stoa_receiver_pop_inline(pair.receiver, &out, 8, &size));
		ok(stoa_queue_shutdown(pair.place.queue, how));
		assert_int_equal(stoa_sender_push_inline(pair.sender, &number, 8), STOA_CLOSED);
		if (how == STOA_DRAIN)
			ok(stoa_receiver_pop_inline(pair.receiver, &out, 8, &size));
		assert_int_equal(stoa_receiver_pop_inline(pair.receiver, &out, 8, &size), STOA_CLOSED);
		end_pair(&pair);
	}
}

static void a_size_or_a_room_that_is_wrong_is_refused(void **state)
{
	volatile size_t beyond = SIZE_MAX; /* which the compiler shall not know */
	struct pair pair = new_pair();
	uint64_t number[2] = { 1 }, out = 0;
	size_t size = 0;

	(void)state;
	assert_int_equal(stoa_sender_push_inline(pair.sender, number, 9), -EMSGSIZE);
	assert_int_equal(stoa_sender_push_inline(pair.sender, number, beyond), -EMSGSIZE);
	ok(stoa_sender_push_inline(pair.sender, number, 8));
	assert_int_equal(stoa_receiver_pop_inline(pair.receiver, &out, 7, &size), -EMSGSIZE);
	assert_int_equal(size, 8);
	ok(stoa_receiver_pop_inline(pair.receiver, &out, 8, NULL));
	assert_int_equal(out, 1);
	end_pair(&pair);
}

static void a_push_needs_a_hold_the_short_way_too(void **state)
{
	struct pair pair = new_pair();
	uint64_t number = 1;
	void *bytes[4];

	(void)state;
	for (int k = 0; k < 4; k++)
		ok(stoa_sender_reserve(pair.sender, 8, &bytes[k]));
	assert_int_equal(stoa_sender_push_inline(pair.sender, &number, 8), -ENOBUFS);
	ok(stoa_sender_abort(pair.sender, bytes[2]));
	ok(stoa_sender_push_inline(pair.sender, &number, 8));
	for (int k = 0; k < 4; k++) {
		if (k != 2)
			ok(stoa_sender_abort(pair.sender, bytes[k]));
	}
	end_pair(&pair);
}

/* The ends are the parent's: a child has none of its own, however it asks. */
static void a_child_does_not_get_an_inherited_end_the_short_way(void **state)
{
	struct pair pair = new_pair();
	uint64_t number = 1, out = 0;
	int status;
	pid_t pid;

	(void)state;
	ok(stoa_sender_push_inline(pair.sender, &number, 8));
	pid = fork();
	if (pid == 0)
		_exit(stoa_sender_push_inline(pair.sender, &number, 8) == -EBUSY &&
		      stoa_receiver_pop_inline(pair.receiver, &out, 8, NULL) == -EBUSY);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_int_equal(stat_of(&pair.place).length, 1);
	ok(stoa_receiver_pop_inline(pair.receiver, &out, 8, NULL));
	end_pair(&pair);
}

/* ---- waiting ---- */

#define MANY 20000

static int send_all(void *context)
{
	struct stoa_sender *sender = context;

	for (uint64_t n = 1; n <= MANY; n++) {
		int rc = stoa_sender_push_inline(sender, &n, 8);

		if (rc == STOA_FULL)
			rc = stoa_sender_send(sender, &n, 8, NULL);
		if (rc)
			return 1;
	}
	return 0;
}

static void who_sleeps_is_woken_by_the_short_way(void **state)
{
	struct place place = new_queue((struct topology){ STOA_ONE, STOA_ONE }, 4, 8);
	struct stoa_receiver *receiver;
	struct stoa_sender *sender;
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(stoa_sender_open(place.queue, &sender) || send_all(sender));
	receiver = new_receiver(&place);
	for (uint64_t n = 1, out; n <= MANY; n++) {
		struct timespec deadline = in_ms(PATIENCE_MS);
		int rc = stoa_receiver_pop_inline(receiver, &out, 8, NULL);

		if (rc == STOA_EMPTY)
			rc = stoa_receiver_recv(receiver, &out, 8, NULL, &deadline);
		assert_int_equal(rc, STOA_OK);
		assert_int_equal(out, n);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	ok(stoa_receiver_close(receiver));
	end_place(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_mixture_of_ways_is_one_queue),
		cmocka_unit_test(a_closed_queue_is_closed_the_short_way_too),
		cmocka_unit_test(a_size_or_a_room_that_is_wrong_is_refused),
		cmocka_unit_test(a_push_needs_a_hold_the_short_way_too),
		cmocka_unit_test(a_child_does_not_get_an_inherited_end_the_short_way),
		cmocka_unit_test(who_sleeps_is_woken_by_the_short_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
