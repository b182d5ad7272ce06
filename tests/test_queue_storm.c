/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues in a storm of kills.  Senders, receivers and reapers are killed at random moments and replaced at
 * once; reapers are also stopped in the middle, and go on much later.
 *
 * Each sender writes down, in memory that all share, what it is about to push and what was pushed; each
 * receiver what it has taken, before it acknowledges.  So at the end every message whose push returned 0
 * must have been received, every message at most once without the flag that says "perhaps not for the
 * first time", and nothing that was never tried; and the queue must be as large as it was.
 */
#include "queue_helpers.h"

#define SENDERS 3
#define RECEIVERS 3
#define REAPERS 2 /* the last one is stopped and goes on, again and again */
#define ROOM 1000000 /* messages of one sender; then the storm is over */
#define STORM_MS 1500

enum {
	NOT_TRIED = 0,
	TRIED = 1,
	PUSHED = 2
};

struct storm {
	struct place place;
	struct topology topology;
	bool discard;
	struct atom64 next[SENDERS]; /* number of the next message */
	struct atom64 taken;
	struct atom32 wrong; /* the last thing that went wrong */
	struct atom32 stop;
	uint8_t pushed[SENDERS][ROOM];
	uint8_t first[SENDERS][ROOM]; /* deliveries without the flag */
	uint8_t again[SENDERS][ROOM]; /* deliveries with it */
};

struct member {
	struct storm *storm;
	uint32_t number;
	uint64_t seed;
};

static int wrong(struct storm *storm, unsigned what)
{
	atom32_store_seq(&storm->wrong, what);
	return 1;
}

/* A place may be taken for a moment: by who was just killed, until the one who reaps it has done so. */
static bool try_again(int rc, int *tries)
{
	if ((rc != -EBUSY && rc != -EUSERS) || ++*tries > 5000)
		return false;
	os_sleep_ns(MS);
	return true;
}

static int storm_sender(void *context)
{
	struct member *me = context;
	struct storm *storm = me->storm;
	struct stoa_sender *sender;
	int rc, tries = 0;

	while ((rc = stoa_sender_open(storm->place.queue, &sender)) != 0) {
		if (!try_again(rc, &tries))
			return wrong(storm, 100 + (unsigned)-rc);
	}
	while (!atom32_load_seq(&storm->stop)) {
		uint64_t n = atom64_load_seq(&storm->next[me->number]), message[3] = { me->number, n, ~n };
		void *bytes;

		if (n == ROOM) {
			sleep_ms(1);
			continue;
		}
		elem8_store_rlx(&storm->pushed[me->number][n], TRIED);
		atom64_store_seq(&storm->next[me->number], n + 1); /* no number is tried by two */
		if (random_next(&me->seed) % 2) {
			while ((rc = stoa_sender_push(sender, message, sizeof message)) == STOA_FULL &&
			       !atom32_load_seq(&storm->stop))
				os_yield();
			if (rc == STOA_FULL)
				break;
		} else {
			struct timespec soon = in_ms(200);

			if (stoa_sender_reserve(sender, sizeof message, &bytes))
				return wrong(storm, 2);
			memcpy(bytes, message, sizeof message);
			rc = stoa_sender_commit(sender, bytes, sizeof message, &soon);
			if (rc == STOA_TIMEOUT && stoa_sender_abort(sender, bytes) == 0)
				continue; /* surely not sent: stays TRIED, which is as good */
		}
		if (rc)
			return wrong(storm, 3);
		elem8_store_rlx(&storm->pushed[me->number][n], PUSHED);
	}
	return stoa_sender_close(sender) ? wrong(storm, 4) : 0;
}

/* Writes down what was taken; false where it cannot be. */
static bool write_down(struct storm *storm, const struct stoa_message *message)
{
	const uint64_t *words = message->bytes;

	if (message->size != 24 || words[0] >= SENDERS || words[1] >= ROOM || words[2] != ~words[1])
		return false;
	if (elem8_load_rlx(&storm->pushed[words[0]][words[1]]) == NOT_TRIED)
		return false;
	if ((message->deliveries > 1) != (message->flags == STOA_REDELIVERED) || message->deliveries == 0)
		return false;
	elem8_add_seq(&(message->flags ? storm->again : storm->first)[words[0]][words[1]], 1);
	atom64_add_seq(&storm->taken, 1);
	return true;
}

static int storm_receiver(void *context)
{
	struct member *me = context;
	struct storm *storm = me->storm;
	struct stoa_receiver *receiver;
	struct stoa_message messages[4];
	int rc, tries = 0;

	while ((rc = stoa_receiver_open(storm->place.queue, &receiver)) != 0) {
		if (!try_again(rc, &tries))
			return wrong(storm, 300 + (unsigned)-rc);
	}
	while (!atom32_load_seq(&storm->stop)) {
		struct timespec soon = in_ms(50);
		int count = 1 + (int)below(&me->seed, 4), got = 0;

		while (got < count &&
		       (rc = stoa_receiver_take(receiver, &messages[got], got ? &stoa_now : &soon)) == 0) {
			if (!write_down(storm, &messages[got++]))
				return wrong(storm, 5);
		}
		if (rc && rc != STOA_TIMEOUT && rc != STOA_EMPTY && rc != -ENOBUFS)
			return wrong(storm, 600 + (unsigned)-rc);
		while (got-- > 0) {
			if (below(&me->seed, 8) == 0)
				rc = stoa_receiver_return(receiver, &messages[got]);
			else
				rc = stoa_receiver_release(receiver, &messages[got]);
			if (rc)
				return wrong(storm, 7);
		}
	}
	return stoa_receiver_close(receiver) ? wrong(storm, 8) : 0;
}

static int storm_reaper(void *context)
{
	struct member *me = context;
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };

	while (!atom32_load_seq(&me->storm->stop)) {
		if (stoa_segment_reap(me->storm->place.segment) < 0)
			return wrong(me->storm, 9);
		if (stoa_queue_stat(me->storm->place.queue, &stat) < 0)
			return wrong(me->storm, 10);
	}
	return 0;
}

/* ---- afterwards ---- */

static void take_the_rest(struct storm *storm)
{
	struct stoa_receiver *receiver = new_receiver(&storm->place);
	uint64_t end = os_now_ns() + PATIENCE_MS * MS;
	struct stoa_message message;

	for (;;) {
		struct timespec soon = in_ms(300);
		int rc = stoa_receiver_take(receiver, &message, &soon);

		assert_true(os_now_ns() < end);
		if (rc == STOA_TIMEOUT && stat_of(&storm->place).length == 0 &&
		    stat_of(&storm->place).held == 0)
			break;
		if (rc == STOA_TIMEOUT)
			continue;
		ok(rc);
		assert_true(write_down(storm, &message));
		ok(stoa_receiver_release(receiver, &message));
	}
	ok(stoa_receiver_close(receiver));
}

static void check_messages(struct storm *storm)
{
	uint64_t lost = 0, twice = 0, pushed = 0;

	for (uint32_t i = 0; i < SENDERS; i++) {
		for (uint64_t n = 0; n < count_of(&storm->next[i]); n++) {
			unsigned first = storm->first[i][n], again = storm->again[i][n];

			pushed += storm->pushed[i][n] == PUSHED;
			lost += storm->pushed[i][n] == PUSHED && first + again == 0;
			twice += first > 1;
		}
	}
	assert_true(pushed > 0);
	assert_int_equal(twice, 0);
	if (storm->discard) /* those that were taken, and not written down before the kill */
		assert_true(lost <= stat_of(&storm->place).discarded);
	else
		assert_int_equal(lost, 0);
}

static void check_the_queue_is_whole(struct storm *storm, const struct stoa_queue_config *config)
{
	struct stoa_receiver *receivers[16];
	struct stoa_sender *senders[16], *more;
	uint32_t count = config->senders == STOA_ONE ? 1 : config->handles;
	struct stoa_queue_stat stat;

	while (stoa_segment_reap(storm->place.segment) > 0)
		;
	stat = stat_of(&storm->place);
	assert_int_equal(stat.senders, 0);
	assert_int_equal(stat.receivers, 0);
	assert_int_equal(stat.sent, stat.received);
	for (uint32_t i = 0; i < count; i++)
		senders[i] = new_sender(&storm->place);
	assert_int_equal(stoa_sender_open(storm->place.queue, &more),
	                 config->senders == STOA_ONE ? -EBUSY : -EUSERS);
	for (uint32_t i = 1; i < count; i++)
		ok(stoa_sender_close(senders[i]));
	count = config->receivers == STOA_ONE ? 1 : config->handles - 1;
	for (uint32_t i = 0; i < count; i++)
		receivers[i] = new_receiver(&storm->place);
	for (int lap = 0; lap < 3; lap++) {
		for (uint64_t tag = 0; tag < config->capacity; tag++)
			ok(push(&storm->place, senders[0], tag));
		assert_int_equal(push(&storm->place, senders[0], 0), STOA_FULL);
		for (uint64_t tag = 0; tag < config->capacity; tag++)
			ok(pop_is(&storm->place, receivers[tag % count], tag));
		assert_int_equal(pop_any(receivers[0]), STOA_EMPTY);
	}
	for (uint32_t i = 0; i < count; i++)
		ok(stoa_receiver_close(receivers[i]));
	ok(stoa_sender_close(senders[0]));
}

static void check_participants_are_back(const struct storm *storm)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };
	struct stoa_participant_info participant = { .struct_size = sizeof participant };

	ok(stoa_segment_info(storm->place.segment, &info));
	assert_int_equal(info.participants_alive, 1);
	for (uint32_t i = 0, there = 0; i < info.participants; i++) {
		there += stoa_segment_participant(storm->place.segment, i, &participant) == 0;
		assert_true(there <= 1);
	}
}

/* ---- the storm ---- */

static void blow(struct topology topology, uint64_t capacity, bool discard, uint64_t seed)
{
	struct stoa_queue_config config = shape(topology, capacity, 24);
	uint32_t senders = topology.senders == STOA_ONE ? 1 : SENDERS;
	uint32_t receivers = topology.receivers == STOA_ONE ? 1 : RECEIVERS;
	uint32_t all = senders + receivers + REAPERS;
	struct member members[SENDERS + RECEIVERS + REAPERS];
	pid_t pids[SENDERS + RECEIVERS + REAPERS];
	child_fn *fns[SENDERS + RECEIVERS + REAPERS];
	static struct storm *storm;
	uint64_t end, bytes, kills = 0;
	bool stopped = false; /* the reaper: it withholds what one of the dead had, and nothing else */
	unsigned strange = 0; /* ends of children; nothing is asserted before all have ended */

	if (!storm)
		storm = shared_memory(sizeof *storm);
	memset(storm, 0, sizeof *storm);
	config.handles = all;
	config.on_death = discard ? STOA_DISCARD : STOA_REDELIVER;
	storm->topology = topology;
	storm->discard = discard;
	storm->place.message_size = 24;
	ok(stoa_queue_footprint(&config, &bytes));
	storm->place.segment = new_segment(bytes, all + 3);
	ok(stoa_queue_create(storm->place.segment, "queue", &config, &storm->place.queue));
	for (uint32_t i = 0; i < all; i++) {
		members[i] = (struct member){ .storm = storm, .number = i, .seed = seed + i };
		fns[i] = i < senders ? storm_sender : i < senders + receivers ? storm_receiver : storm_reaper;
		pids[i] = child_start(fns[i], &members[i]);
	}
	end = os_now_ns() + STORM_MS * MS;
	while (os_now_ns() < end && !atom32_load_seq(&storm->wrong) && count_of(&storm->next[0]) < ROOM) {
		uint32_t i = (uint32_t)below(&seed, all);

		os_sleep_ns(below(&seed, 4 * MS));
		if (i == all - 1 && below(&seed, 4)) {
			stopped = !stopped;
			kill(pids[i], stopped ? SIGSTOP : SIGCONT);
			continue;
		}
		stopped = stopped && i != all - 1;
		strange += child_kill(pids[i]) != CHILD_SIGNAL + SIGKILL;
		members[i].seed = random_next(&seed);
		pids[i] = child_start(fns[i], &members[i]);
		kills++;
	}
	atom32_store_seq(&storm->stop, 1);
	for (uint32_t i = 0; i < all; i++) {
		kill(pids[i], SIGCONT);
		strange += child_end(pids[i]) != 0;
	}
	assert_int_equal(atom32_load_seq(&storm->wrong), 0);
	assert_int_equal(strange, 0);
	assert_true(kills > 20);
	take_the_rest(storm);
	check_messages(storm);
	check_the_queue_is_whole(storm, &config);
	check_participants_are_back(storm);
	end_place(&storm->place);
}

static void a_storm_over_many_and_many_loses_nothing(void **state)
{
	(void)state;
	blow(topologies[0], 4, false, 0x1111);
	blow(topologies[0], 64, false, 0x2222);
}

static void a_storm_over_one_and_many_loses_nothing(void **state)
{
	(void)state;
	blow(topologies[1], 3, false, 0x3333);
}

static void a_storm_over_many_and_one_loses_nothing(void **state)
{
	(void)state;
	blow(topologies[2], 1, false, 0x4444);
}

static void a_storm_over_one_and_one_loses_nothing(void **state)
{
	(void)state;
	blow(topologies[3], 5, false, 0x5555);
}

static void a_storm_that_discards_counts_what_is_lost(void **state)
{
	(void)state;
	blow(topologies[0], 4, true, 0x6666);
	blow(topologies[3], 4, true, 0x7777);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_storm_over_many_and_many_loses_nothing),
		cmocka_unit_test(a_storm_over_one_and_many_loses_nothing),
		cmocka_unit_test(a_storm_over_many_and_one_loses_nothing),
		cmocka_unit_test(a_storm_over_one_and_one_loses_nothing),
		cmocka_unit_test(a_storm_that_discards_counts_what_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
