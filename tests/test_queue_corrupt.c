/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues whose bytes are nonsense, by accident or by a hostile hand: every call returns, something it may
 * return, and touches nothing else.  A call that loops is ended by the alarm, one that goes astray by the
 * kernel.
 */
#include "queue_helpers.h"

#include "object.h"

#define ROUNDS 4000
#define MESSAGE 70

static const uint64_t extremes[] = {
	0,   1,     2,          3,          4,          7,          8,          64,
	255, 65535, UINT32_MAX, 1ull << 24, 1ull << 26, 1ull << 38, 1ull << 63, UINT64_MAX,
};

static uint64_t garbage(uint64_t *seed)
{
	uint64_t random = random_next(seed);

	switch (random >> 60 & 3) {
	case 0:
		return extremes[random % LENGTH(extremes)];
	case 1:
		return random & 0xff00000003000007ull; /* tame: blocks that there are, laps far apart */
	default:
		return random_next(seed);
	}
}

static struct object_handle *object_of(const struct place *place)
{
	return (struct object_handle *)place->queue;
}

/* Overwrites some words from `first` on, most of them at the front, where there is no payload. */
static void spoil(const struct place *place, uint64_t first, uint64_t count, uint64_t *seed)
{
	struct object_handle *object = object_of(place);
	uint64_t words = object->room / 8 - first;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t at = below(seed, below(seed, 2) ? words : words / 8 + 1);

		elem64_store_rlx((uint64_t *)object->start + first + at, garbage(seed));
	}
}

static bool may_answer(int rc, const int *others, size_t count)
{
	if (rc == 0 || rc == STOA_CLOSED || rc == -EBADMSG || rc == -EINVAL)
		return true;
	for (size_t i = 0; i < count; i++) {
		if (rc == others[i])
			return true;
	}
	return false;
}

#define MAY(rc, ...)                                                                                         \
	do {                                                                                                 \
		const int others_[] = { __VA_ARGS__ };                                                       \
		int rc_ = (rc);                                                                              \
		if (!may_answer(rc_, others_, LENGTH(others_)))                                              \
			fail_msg("line %d: unexpected answer %d", __LINE__, rc_);                            \
	} while (0)

static void send_something(struct stoa_sender *sender, uint64_t *seed)
{
	uint8_t bytes[4 * MESSAGE] = { 0 };
	struct timespec soon = stoa_deadline(100000);
	size_t done = 0, size = below(seed, MESSAGE + 1);
	void *at;

	switch (below(seed, 4)) {
	case 0:
		MAY(stoa_sender_push(sender, bytes, size), STOA_FULL, -ENOBUFS);
		break;
	case 1:
		MAY(stoa_sender_send(sender, bytes, size, &soon), STOA_TIMEOUT, -ENOBUFS);
		break;
	case 2:
		MAY(stoa_sender_push_many(sender, bytes, MESSAGE, 4, &done), STOA_FULL, -ENOBUFS);
		assert_true(done <= 4);
		break;
	default:
		if (stoa_sender_reserve(sender, size, &at) == 0) {
			memset(at, 0x77, size);
			MAY(stoa_sender_commit(sender, at, size, &stoa_now), STOA_FULL,
			    -EMSGSIZE); /* one block in two places */
			if (below(seed, 2))
				MAY(stoa_sender_abort(sender, at), -EINVAL);
		}
	}
}

static void receive_something(struct stoa_receiver *receiver, uint64_t *seed)
{
	uint8_t bytes[4 * MESSAGE + 1];
	struct timespec soon = stoa_deadline(100000);
	struct stoa_message message;
	size_t done = 0, size = 0, sizes[4];
	int rc;

	bytes[sizeof bytes - 1] = 0x5a;
	switch (below(seed, 4)) {
	case 0:
		MAY(stoa_receiver_pop(receiver, bytes + 3 * MESSAGE, MESSAGE, &size), STOA_EMPTY, -EMSGSIZE,
		    -ENOBUFS);
		break;
	case 1:
		MAY(stoa_receiver_recv(receiver, bytes + 3 * MESSAGE + 60, 10, &size, &soon), STOA_TIMEOUT,
		    -EMSGSIZE, -ENOBUFS);
		break;
	case 2:
		MAY(stoa_receiver_pop_many(receiver, bytes, MESSAGE, sizes, 4, &done), STOA_EMPTY, -EMSGSIZE,
		    -ENOBUFS);
		assert_true(done <= 4);
		break;
	default:
		rc = stoa_receiver_take(receiver, &message, &stoa_now);
		MAY(rc, STOA_EMPTY, -ENOBUFS);
		if (rc)
			break;
		assert_true(message.size <= MESSAGE);
		memcpy(bytes, message.bytes, message.size);
		if (below(seed, 2))
			ok(stoa_receiver_release(receiver, &message));
		else if (below(seed, 2))
			ok(stoa_receiver_return(receiver, &message));
	}
	assert_int_equal(bytes[sizeof bytes - 1], 0x5a);
}

/* Every call once or more, on a queue that may be full of nonsense. */
static void use(const struct place *place, struct stoa_sender *sender, struct stoa_receiver *receiver,
                uint64_t *seed)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	struct stoa_queue_config info = { .struct_size = sizeof info };

	for (int i = 0; i < 6; i++) {
		if (sender)
			send_something(sender, seed);
		if (receiver)
			receive_something(receiver, seed);
	}
	MAY(stoa_queue_stat(place->queue, &stat), -EBADMSG);
	ok(stoa_queue_info(place->queue, &info));
	assert_true(stoa_segment_reap(place->segment) >= 0);
	if (below(seed, 4) == 0)
		ok(stoa_queue_shutdown(place->queue, STOA_DRAIN));
}

static void try_all(const struct place *place, uint64_t *seed)
{
	struct stoa_receiver *receiver = NULL;
	struct stoa_sender *sender = NULL;

	MAY(stoa_sender_open(place->queue, &sender), -EBUSY, -EUSERS);
	MAY(stoa_receiver_open(place->queue, &receiver), -EBUSY, -EUSERS);
	use(place, sender, receiver, seed);
	ok(stoa_sender_close(sender));
	ok(stoa_receiver_close(receiver));
}

/* ---- under open handles ---- */

static void nonsense_under_open_ends_is_survived(void **state)
{
	uint64_t seed = 0x10203;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct place place = new_queue(topologies[round % 4], 1 + below(&seed, 9), MESSAGE);
		struct stoa_sender *sender = new_sender(&place);
		struct stoa_receiver *receiver = new_receiver(&place);
		int descriptor = round % 16 == 0 ? stoa_queue_fd(place.queue, STOA_READABLE) : 0;

		assert_true(descriptor >= 0);
		for (uint64_t tag = 0; tag < below(&seed, 5); tag++)
			push(&place, sender, tag);
		alarm(20);
		for (int i = 0; i < 3; i++) {
			spoil(&place, 8, 1 + below(&seed, 12),
			      &seed); /* the shape itself is read when it is opened */
			use(&place, sender, receiver, &seed);
		}
		ok(stoa_sender_close(sender));
		ok(stoa_receiver_close(receiver));
		try_all(&place, &seed);
		end_place(&place);
		alarm(0);
	}
}

/* ---- opened anew ---- */

static void nonsense_is_opened_as_far_as_it_goes(void **state)
{
	uint64_t seed = 0x40506;
	int refused = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct place place = new_queue(topologies[round % 4], 1 + below(&seed, 9), MESSAGE);
		int rc;

		if (round % 2) /* the shape */
			elem64_store_rlx((uint64_t *)object_of(&place)->start + below(&seed, 8),
			                 garbage(&seed));
		else
			spoil(&place, 8, 1 + below(&seed, 30), &seed);
		ok(stoa_queue_close(place.queue));
		alarm(20);
		rc = stoa_queue_open(place.segment, "queue", NULL, &place.queue);
		MAY(rc, -EBADMSG, -EPROTOTYPE);
		assert_true(stoa_segment_reap(place.segment) >= 0);
		if (rc == 0) {
			struct stoa_queue_config info = { .struct_size = sizeof info };

			ok(stoa_queue_info(place.queue, &info));
			if (info.message_size == MESSAGE) /* else the sizes of the calls above do not fit */
				try_all(&place, &seed);
			ok(stoa_queue_close(place.queue));
		} else {
			refused++;
		}
		ok(stoa_segment_close(place.segment));
		alarm(0);
	}
	assert_true(refused > 0);
}

static void a_queue_of_nothing_but_noise_is_survived(void **state)
{
	uint64_t seed = 0x70809;

	(void)state;
	for (int round = 0; round < ROUNDS / 4; round++) {
		struct place place = new_queue(topologies[round % 4], 1 + below(&seed, 9), MESSAGE);
		struct object_handle *object = object_of(&place);

		for (uint64_t i = 8; i < object->room / 8; i++)
			elem64_store_rlx((uint64_t *)object->start + i, garbage(&seed));
		alarm(20);
		try_all(&place, &seed);
		end_place(&place);
		alarm(0);
	}
}

/* ---- what the dead left, spoilt ---- */

struct scene {
	struct place place;
	struct atom64 step;
};

static int hold_and_wait(void *context)
{
	struct scene *scene = context;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	struct stoa_message message;
	void *at;

	if (stoa_sender_open(scene->place.queue, &sender) ||
	    stoa_receiver_open(scene->place.queue, &receiver))
		return 1;
	if (push(&scene->place, sender, 0) || push(&scene->place, sender, 1) ||
	    stoa_receiver_take(receiver, &message, NULL) || stoa_sender_reserve(sender, 1, &at))
		return 2;
	atom64_store_seq(&scene->step, 1);
	sleep_ms(PATIENCE_MS);
	return 3;
}

static void the_dead_are_reaped_out_of_nonsense(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);
	uint64_t seed = 0xa0b0c;

	(void)state;
	for (int round = 0; round < 300; round++) {
		pid_t pid;

		scene->place = new_queue(topologies[round % 4], 4, MESSAGE);
		atom64_store_seq(&scene->step, 0);
		pid = child_start(hold_and_wait, scene);
		assert_true(await_count(&scene->step, 1));
		child_kill(pid);
		spoil(&scene->place, 8, 1 + below(&seed, 20), &seed);
		alarm(20);
		assert_true(stoa_segment_reap(scene->place.segment) >= 0);
		try_all(&scene->place, &seed);
		end_place(&scene->place);
		alarm(0);
	}
}

/* ---- a hostile hand that writes all the time ---- */

static int scribble(void *context)
{
	struct scene *scene = context;
	uint64_t seed = (uint64_t)getpid() * 77 + 1;

	for (;;)
		spoil(&scene->place, 8, 64, &seed);
	return 0;
}

static void a_hand_that_writes_all_the_time_is_survived(void **state)
{
	struct scene *scene = shared_memory(sizeof *scene);
	uint64_t seed = 0xd0e0f;

	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		uint64_t end = os_now_ns() + 700 * MS;
		pid_t pid;

		scene->place = new_queue(topologies[t], 1 + t * 5, MESSAGE);
		pid = child_start(scribble, scene);
		alarm(60);
		while (os_now_ns() < end)
			try_all(&scene->place, &seed);
		alarm(0);
		child_kill(pid);
		end_place(&scene->place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nonsense_under_open_ends_is_survived),
		cmocka_unit_test(nonsense_is_opened_as_far_as_it_goes),
		cmocka_unit_test(a_queue_of_nothing_but_noise_is_survived),
		cmocka_unit_test(the_dead_are_reaped_out_of_nonsense),
		cmocka_unit_test(a_hand_that_writes_all_the_time_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
