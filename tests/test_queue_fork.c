/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues and fork(): handles become the child's own at their first use; places of ONE, reservations and
 * leases stay the parent's.
 */
#include "queue_helpers.h"

struct family {
	struct place place;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	struct stoa_message message;
	void *bytes;
	struct atom64 step;
};

static struct family *new_family(struct topology topology)
{
	struct stoa_queue_config config = shape(topology, 8, 100);
	struct family *family = shared_memory(sizeof *family);

	config.holds = 2;
	family->place = new_place(&config);
	family->sender = new_sender(&family->place);
	family->receiver = new_receiver(&family->place);
	return family;
}

static void end_family(struct family *family)
{
	ok(stoa_sender_close(family->sender));
	ok(stoa_receiver_close(family->receiver));
	end_place(&family->place);
}

/* In a child: 0, or the line of the first thing that is not as it should be (256 and more are cut off). */
#define EXPECT(condition)                                                                                    \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			return __LINE__ % 250 + 1;                                                           \
	} while (0)

static int use_inherited_ends(void *context)
{
	struct family *family = context;
	bool one_sends, one_receives;
	struct stoa_queue_config info = { .struct_size = sizeof info };

	EXPECT(stoa_queue_info(family->place.queue, &info) == 0);
	one_sends = info.senders == STOA_ONE;
	one_receives = info.receivers == STOA_ONE;
	EXPECT(push(&family->place, family->sender, 1) == (one_sends ? -EBUSY : 0));
	EXPECT(push(&family->place, family->sender, 2) == (one_sends ? -EBUSY : 0));
	EXPECT(stoa_sender_reserve(family->sender, 1, &family->bytes) == (one_sends ? -EBUSY : 0));
	EXPECT(pop_is(&family->place, family->receiver, 0) == (one_receives ? -EBUSY : 0));
	if (!one_sends && !one_receives)
		EXPECT(pop_is(&family->place, family->receiver, 1) == 0);
	EXPECT(stoa_sender_close(family->sender) == 0);
	EXPECT(stoa_receiver_close(family->receiver) == 0);
	EXPECT(stoa_queue_close(family->place.queue) == 0);
	EXPECT(stoa_segment_close(family->place.segment) == 0);
	return 0;
}

static void inherited_ends_of_many_are_the_childs_own_and_those_of_one_are_not(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct family *family = new_family(topologies[t]);
		bool one_sends = topologies[t].senders == STOA_ONE,
		     one_receives = topologies[t].receivers == STOA_ONE;

		ok(push(&family->place, family->sender, 0));
		assert_int_equal(in_child(use_inherited_ends, family), 0);
		/* the parent's go on as they were, whatever the child closed */
		ok(push(&family->place, family->sender, 3));
		if (one_receives)
			ok(pop_is(&family->place, family->receiver, 0));
		if (!one_sends && one_receives)
			ok(pop_is(&family->place, family->receiver, 1));
		if (!one_sends)
			ok(pop_is(&family->place, family->receiver, 2));
		ok(pop_is(&family->place, family->receiver, 3));
		assert_int_equal(pop_any(family->receiver), STOA_EMPTY);
		assert_int_equal(stat_of(&family->place).senders, 1);
		assert_int_equal(stat_of(&family->place).receivers, 1);
		end_family(family);
	}
}

static int end_what_the_parent_holds(void *context)
{
	struct family *family = context;
	struct stoa_message message = family->message, copy = message;
	struct stoa_queue_config info = { .struct_size = sizeof info };
	void *own;

	EXPECT(stoa_queue_info(family->place.queue, &info) == 0);
	for (int round = 0; round < 2; round++) { /* before and after the child's first use */
		EXPECT(stoa_sender_commit(family->sender, family->bytes, 5, &stoa_now) == -ESTALE);
		EXPECT(stoa_sender_abort(family->sender, family->bytes) == -ESTALE);
		EXPECT(stoa_receiver_release(family->receiver, &message) == -ESTALE);
		EXPECT(stoa_receiver_return(family->receiver, &message) == -ESTALE);
		EXPECT(memcmp(&message, &copy, sizeof copy) == 0);
		EXPECT(push(&family->place, family->sender, 1) == (info.senders == STOA_ONE ? -EBUSY : 0));
		EXPECT(pop_any(family->receiver) == (info.receivers == STOA_ONE ? -EBUSY : 0));
	}
	if (info.senders == STOA_MANY) { /* and all `holds` blocks are free in the child */
		EXPECT(stoa_sender_reserve(family->sender, 5, &own) == 0 && own != family->bytes);
		EXPECT(stoa_sender_commit(family->sender, own, 5, &stoa_now) == 0);
		EXPECT(stoa_sender_reserve(family->sender, 5, &own) == 0);
		EXPECT(stoa_sender_reserve(family->sender, 5, &own) == 0);
	}
	EXPECT(stoa_sender_close(family->sender) == 0); /* aborts nothing of the parent's */
	EXPECT(stoa_receiver_close(family->receiver) == 0);
	return 0;
}

static void reservations_and_leases_stay_the_parents(void **state)
{
	(void)state;
	for (size_t t = 0; t < LENGTH(topologies); t++) {
		struct family *family = new_family(topologies[t]);
		bool one_sends = topologies[t].senders == STOA_ONE,
		     one_receives = topologies[t].receivers == STOA_ONE;
		uint64_t rest = one_sends ? (one_receives ? 2 : 0) : (one_receives ? 5 : 3);

		for (uint64_t tag = 0; tag < 3; tag++)
			ok(push(&family->place, family->sender, tag));
		ok(stoa_receiver_take(family->receiver, &family->message, NULL));
		ok(stoa_sender_reserve(family->sender, 5, &family->bytes));
		memcpy(family->bytes, "fives", 5);
		assert_int_equal(in_child(end_what_the_parent_holds, family), 0);
		assert_true(message_is(&family->place, &family->message, 0));
		ok(stoa_receiver_release(family->receiver, &family->message));
		while (rest-- > 0)
			ok(pop_any(family->receiver));
		assert_int_equal(pop_any(family->receiver), STOA_EMPTY);
		ok(stoa_sender_commit(family->sender, family->bytes, 5, NULL));
		ok(stoa_receiver_take(family->receiver, &family->message, NULL));
		assert_int_equal(family->message.size, 5);
		assert_memory_equal(family->message.bytes, "fives", 5);
		ok(stoa_receiver_release(family->receiver, &family->message));
		end_family(family);
	}
}

static int take_and_die(void *context)
{
	struct family *family = context;
	struct stoa_message message;

	EXPECT(stoa_receiver_take(family->receiver, &message, NULL) == 0);
	atom64_store_seq(&family->step, 1);
	sleep_ms(PATIENCE_MS);
	return 1;
}

static void what_a_killed_child_held_comes_back_to_its_parent(void **state)
{
	(void)state;
	for (size_t t = 0; t < 2; t++) { /* receivers: MANY */
		struct family *family = new_family(topologies[t]);
		struct timespec deadline = in_ms(5000);
		struct stoa_message message;
		pid_t pid;

		ok(push(&family->place, family->sender, 0));
		pid = child_start(take_and_die, family);
		assert_true(await_count(&family->step, 1));
		assert_int_equal(pop_any(family->receiver), STOA_EMPTY);
		child_kill(pid);
		ok(stoa_receiver_take(family->receiver, &message, &deadline));
		assert_int_equal(message.deliveries, 2);
		assert_true(message_is(&family->place, &message, 0));
		ok(stoa_receiver_release(family->receiver, &message));
		end_family(family);
	}
}

static int grandchild(void *context)
{
	struct family *family = context;

	EXPECT(push(&family->place, family->sender, 2) == 0);
	EXPECT(pop_is(&family->place, family->receiver, 0) == 0);
	return 0;
}

static int child_with_a_child(void *context)
{
	struct family *family = context;

	EXPECT(push(&family->place, family->sender, 1) == 0);
	EXPECT(in_child(grandchild, family) == 0);
	EXPECT(pop_is(&family->place, family->receiver, 1) == 0);
	return 0;
}

static void forks_of_forks_are_processes_like_others(void **state)
{
	struct family *family = new_family(topologies[0]);

	(void)state;
	ok(push(&family->place, family->sender, 0));
	for (int round = 0; round < 20; round++) {
		assert_int_equal(in_child(child_with_a_child, family), 0);
		ok(pop_is(&family->place, family->receiver, 2));
		ok(push(&family->place, family->sender, 0));
	}
	assert_true(stoa_segment_reap(family->place.segment) >= 0); /* they never closed what they had */
	assert_int_equal(stat_of(&family->place).senders, 1);
	assert_int_equal(stat_of(&family->place).receivers, 1);
	assert_int_equal(stat_of(&family->place).held, 0);
	end_family(family);
}

static int take_over(void *context)
{
	struct family *family = context;
	uint64_t tag;

	for (int i = 0; i < PATIENCE_MS && push(&family->place, family->sender, 7) == -EBUSY; i++)
		sleep_ms(1);
	for (tag = 0; tag < 3; tag++)
		EXPECT(pop_is(&family->place, family->receiver, tag) == 0);
	EXPECT(pop_is(&family->place, family->receiver, 7) == 0);
	EXPECT(stoa_sender_close(family->sender) == 0);
	EXPECT(stoa_receiver_close(family->receiver) == 0);
	return 0;
}

/* The child takes both ends of ONE over when its parent has closed them. */
static void a_child_gets_the_ends_of_one_when_the_parent_has_closed_them(void **state)
{
	(void)state;
	for (size_t t = 1; t < LENGTH(topologies); t++) {
		struct family *family = new_family(topologies[t]);
		pid_t pid;

		if (topologies[t].senders == STOA_MANY) { /* its push would not wait for us */
			end_family(family);
			continue;
		}
		for (uint64_t tag = 0; tag < 3; tag++)
			ok(push(&family->place, family->sender, tag));
		pid = child_start(take_over, family);
		sleep_ms(20);
		ok(stoa_receiver_close(family->receiver));
		ok(stoa_sender_close(family->sender));
		assert_int_equal(child_end(pid), 0);
		end_place(&family->place);
	}
}

static int send_with_the_last_sender(void *context)
{
	struct family *family = context;

	atom64_store_seq(&family->step, 1);
	if (push(&family->place, family->sender, 1))
		return 1;
	atom64_store_seq(&family->step, 2);
	sleep_ms(PATIENCE_MS);
	return 2;
}

static void an_adopted_sender_counts_for_a_queue_that_closes_with_its_senders(void **state)
{
	struct family *family = shared_memory(sizeof *family);
	struct stoa_queue_config config = shape(topologies[0], 8, 100);
	struct timespec deadline;
	pid_t pid;

	(void)state;
	config.flags = STOA_CLOSE_WITH_SENDERS;
	family->place = new_place(&config);
	family->sender = new_sender(&family->place);
	family->receiver = new_receiver(&family->place);
	pid = child_start(send_with_the_last_sender, family);
	assert_true(await_count(&family->step, 2));
	ok(stoa_sender_close(family->sender));
	assert_int_equal(stat_of(&family->place).shutdown, 0);
	ok(pop_is(&family->place, family->receiver, 1));
	child_kill(pid);
	deadline = in_ms(5000);
	assert_int_equal(stoa_receiver_recv(family->receiver, NULL, 0, NULL, &deadline), STOA_CLOSED);
	ok(stoa_receiver_close(family->receiver));
	end_place(&family->place);
}

struct crowd {
	struct place place;
	struct stoa_receiver *receivers[6];
	struct stoa_sender *senders[6];
};

static int use_all_that_are_open(void *context)
{
	struct crowd *crowd = context;

	for (unsigned i = 0; i < LENGTH(crowd->senders); i++) {
		if (!crowd->senders[i])
			continue;
		EXPECT(push(&crowd->place, crowd->senders[i], 1) == 0);
		EXPECT(pop_is(&crowd->place, crowd->receivers[i], 1) == 0);
	}
	EXPECT(stat_of(&crowd->place).senders == 6 && stat_of(&crowd->place).receivers == 6);
	return 0;
}

/* Whichever were closed before: those in the middle of the list, its head, its end. */
static void every_inherited_end_is_found_out(void **state)
{
	struct stoa_queue_config config = shape(topologies[0], 8, 8);
	struct crowd crowd = { .place = new_place(&config) };

	(void)state;
	for (unsigned i = 0; i < LENGTH(crowd.senders); i++) {
		crowd.senders[i] = new_sender(&crowd.place);
		crowd.receivers[i] = new_receiver(&crowd.place);
		ok(push(&crowd.place, crowd.senders[i], 0)); /* from now on by the short way */
		ok(pop_is(&crowd.place, crowd.receivers[i], 0));
	}
	for (unsigned i = 0; i < LENGTH(crowd.senders); i += i == 0 ? 2 : 3) { /* 0, 2, 5 */
		ok(stoa_sender_close(crowd.senders[i]));
		ok(stoa_receiver_close(crowd.receivers[i]));
		crowd.senders[i] = NULL;
	}
	assert_int_equal(stat_of(&crowd.place).senders, 3);
	assert_int_equal(in_child(use_all_that_are_open, &crowd), 0);
	for (unsigned i = 0; i < LENGTH(crowd.senders); i++) {
		if (!crowd.senders[i])
			continue;
		ok(stoa_sender_close(crowd.senders[i]));
		ok(stoa_receiver_close(crowd.receivers[i]));
	}
	end_place(&crowd.place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inherited_ends_of_many_are_the_childs_own_and_those_of_one_are_not),
		cmocka_unit_test(reservations_and_leases_stay_the_parents),
		cmocka_unit_test(what_a_killed_child_held_comes_back_to_its_parent),
		cmocka_unit_test(forks_of_forks_are_processes_like_others),
		cmocka_unit_test(a_child_gets_the_ends_of_one_when_the_parent_has_closed_them),
		cmocka_unit_test(an_adopted_sender_counts_for_a_queue_that_closes_with_its_senders),
		cmocka_unit_test(every_inherited_end_is_found_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
