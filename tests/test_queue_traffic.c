/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues in traffic: processes and threads at both ends.  Every message comes exactly once, whole, and in its
 * sender's order; a stopped process stops nobody.
 */
#include "queue_helpers.h"

#include <inttypes.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define ENDS 4
#define MESSAGES (16 << 20) /* of one sender, at most: a test by time must not run out of them */
#define MESSAGE_SIZE 120

struct traffic {
	struct place place;
	uint64_t messages;  /* of each sender */
	struct atom32 stop; /* senders: no more */
	struct atom32 wrong;
	struct atom64 opened;
	struct atom64 sent[ENDS];
	struct atom64 received, received_by[ENDS];
	uint8_t seen[ENDS][MESSAGES];
};

enum manner {
	BLOCKING,
	IN_PLACE,
	TRYING
};

struct member {
	struct traffic *traffic;
	uint32_t number;
	enum manner manner;
};

/* A message tells its sender and number, and its size and bytes follow from these. */
static size_t make_message(uint8_t *bytes, uint32_t sender, uint32_t number)
{
	size_t size = 8 + (number * 13 + sender) % (MESSAGE_SIZE - 7);

	memcpy(bytes, &sender, 4);
	memcpy(bytes + 4, &number, 4);
	fill(bytes + 8, size - 8, number ^ sender);
	return size;
}

static bool is_message(const uint8_t *bytes, size_t size, uint32_t *sender, uint32_t *number)
{
	if (size < 8 || size > MESSAGE_SIZE)
		return false;
	memcpy(sender, bytes, 4);
	memcpy(number, bytes + 4, 4);
	return *sender < ENDS && *number < MESSAGES &&
	       size == 8 + (*number * 13 + *sender) % (MESSAGE_SIZE - 7) &&
	       is_filled(bytes + 8, size - 8, *number ^ *sender);
}

static int send_message(struct stoa_sender *sender, enum manner manner, const uint8_t *bytes, size_t size)
{
	void *at;
	int rc;

	if (manner == BLOCKING)
		return stoa_sender_send(sender, bytes, size, NULL);
	if (manner == IN_PLACE) {
		rc = stoa_sender_reserve(sender, MESSAGE_SIZE, &at);
		if (rc == 0) {
			memcpy(at, bytes, size);
			rc = stoa_sender_commit(sender, at, size, NULL);
		}
		return rc;
	}
	while ((rc = stoa_sender_push(sender, bytes, size)) == STOA_FULL)
		os_yield();
	return rc;
}

static int send_all(void *context)
{
	struct member *me = context;
	struct traffic *traffic = me->traffic;
	struct stoa_sender *sender;

	if (stoa_sender_open(traffic->place.queue, &sender))
		return 1;
	atom64_add_seq(&traffic->opened, 1);
	for (uint32_t i = 0; i < traffic->messages && !atom32_load_seq(&traffic->stop); i++) {
		uint8_t bytes[MESSAGE_SIZE];
		size_t size = make_message(bytes, me->number, i);

		if (send_message(sender, me->manner, bytes, size))
			return 2;
		atom64_add_seq(&traffic->sent[me->number], 1);
	}
	return stoa_sender_close(sender) ? 3 : 0;
}

static int receive_message(struct stoa_receiver *receiver, enum manner manner, uint8_t *bytes, size_t *size)
{
	struct stoa_message message;
	int rc;

	if (manner == BLOCKING)
		return stoa_receiver_recv(receiver, bytes, MESSAGE_SIZE, size, NULL);
	if (manner == IN_PLACE) {
		rc = stoa_receiver_take(receiver, &message, NULL);
		if (rc == 0) {
			*size = message.size <= MESSAGE_SIZE ? message.size : 0;
			memcpy(bytes, message.bytes, *size);
			rc = stoa_receiver_release(receiver, &message);
		}
		return rc;
	}
	while ((rc = stoa_receiver_pop(receiver, bytes, MESSAGE_SIZE, size)) == STOA_EMPTY)
		os_yield();
	return rc;
}

static int receive_all(void *context)
{
	struct member *me = context;
	struct traffic *traffic = me->traffic;
	struct stoa_receiver *receiver;
	uint32_t next[ENDS] = { 0 };
	int rc;

	if (stoa_receiver_open(traffic->place.queue, &receiver))
		return 1;
	atom64_add_seq(&traffic->opened, 1);
	for (;;) {
		uint8_t bytes[MESSAGE_SIZE];
		uint32_t sender = 0, number = 0;
		size_t size = 0;

		rc = receive_message(receiver, me->manner, bytes, &size);
		if (rc == STOA_CLOSED)
			break;
		if (rc || !is_message(bytes, size, &sender, &number) || number < next[sender] ||
		    elem8_add_seq(&traffic->seen[sender][number], 1) != 0) {
			atom32_add_seq(&traffic->wrong, 1);
			return 2;
		}
		next[sender] = number + 1;
		atom64_add_seq(&traffic->received, 1);
		atom64_add_seq(&traffic->received_by[me->number], 1);
	}
	return stoa_receiver_close(receiver) ? 3 : 0;
}

static struct traffic *new_traffic(struct topology topology, uint64_t capacity, uint64_t messages)
{
	struct traffic *traffic = shared_memory(sizeof *traffic);

	traffic->messages = messages;
	traffic->place = new_queue(topology, capacity, MESSAGE_SIZE);
	return traffic;
}

/* All that was sent was received, and nothing is left. */
static void end_traffic(struct traffic *traffic, uint32_t senders)
{
	struct stoa_queue_stat stat = stat_of(&traffic->place);
	uint64_t sent = 0;

	assert_int_equal(atom32_load_seq(&traffic->wrong), 0);
	for (uint32_t i = 0; i < senders; i++) {
		uint64_t count = count_of(&traffic->sent[i]);

		for (uint64_t n = 0; n < count; n++) {
			if (traffic->seen[i][n] != 1)
				fail_msg("message %" PRIu64 " of sender %" PRIu32 ": received %d times", n, i,
				         traffic->seen[i][n]);
		}
		sent += count;
	}
	assert_int_equal(count_of(&traffic->received), sent);
	assert_int_equal(stat.sent, sent);
	assert_int_equal(stat.received, sent);
	assert_int_equal(stat.length, 0);
	assert_int_equal(stat.held, 0);
	assert_int_equal(stat.senders, 0);
	assert_int_equal(stat.receivers, 0);
	assert_int_equal(stat.redelivered, 0);
	end_place(&traffic->place);
	munmap(traffic, sizeof *traffic);
}

static void run_processes(struct topology topology, uint64_t capacity, uint32_t senders, uint32_t receivers,
                          uint64_t messages, enum manner manner)
{
	struct traffic *traffic = new_traffic(topology, capacity, messages);
	struct member members[2 * ENDS];
	pid_t pids[2 * ENDS];

	for (uint32_t i = 0; i < senders + receivers; i++) {
		members[i] = (struct member){ .traffic = traffic, .manner = manner };
		members[i].number = i < senders ? i : i - senders;
		pids[i] = child_start(i < senders ? send_all : receive_all, &members[i]);
	}
	for (uint32_t i = 0; i < senders; i++)
		assert_int_equal(child_end(pids[i]), 0);
	ok(stoa_queue_shutdown(traffic->place.queue, STOA_DRAIN));
	for (uint32_t i = senders; i < senders + receivers; i++)
		assert_int_equal(child_end(pids[i]), 0);
	end_traffic(traffic, senders);
}

static void *send_all_thread(void *context)
{
	return (void *)(intptr_t)send_all(context);
}

static void *receive_all_thread(void *context)
{
	return (void *)(intptr_t)receive_all(context);
}

static void run_threads(struct topology topology, uint64_t capacity, uint32_t senders, uint32_t receivers,
                        uint64_t messages, enum manner manner)
{
	struct traffic *traffic = new_traffic(topology, capacity, messages);
	struct member members[2 * ENDS];
	pthread_t threads[2 * ENDS];
	void *rc;

	for (uint32_t i = 0; i < senders + receivers; i++) {
		members[i] = (struct member){ .traffic = traffic, .manner = manner };
		members[i].number = i < senders ? i : i - senders;
		assert_int_equal(pthread_create(&threads[i], NULL,
		                                i < senders ? send_all_thread : receive_all_thread,
		                                &members[i]),
		                 0);
	}
	for (uint32_t i = 0; i < senders + receivers; i++) {
		if (i == senders)
			ok(stoa_queue_shutdown(traffic->place.queue, STOA_DRAIN));
		pthread_join(threads[i], &rc);
		assert_null(rc);
	}
	end_traffic(traffic, senders);
}

static const struct {
	struct topology topology;
	uint32_t senders, receivers;
} crowds[] = {
	{ { STOA_MANY, STOA_MANY }, 1, 1 }, { { STOA_MANY, STOA_MANY }, 2, 2 },
	{ { STOA_MANY, STOA_MANY }, 4, 4 }, { { STOA_MANY, STOA_MANY }, 4, 1 },
	{ { STOA_MANY, STOA_MANY }, 1, 4 }, { { STOA_ONE, STOA_MANY }, 1, 3 },
	{ { STOA_MANY, STOA_ONE }, 3, 1 },  { { STOA_ONE, STOA_ONE }, 1, 1 },
};
static const uint64_t capacities[] = { 1, 2, 3, 1024 };

typedef void run_crowd(struct topology topology, uint64_t capacity, uint32_t senders, uint32_t receivers,
                       uint64_t messages, enum manner manner);

/* Every crowd at every capacity, in every manner. */
static void run_all(run_crowd *run)
{
	alarm(120);
	for (size_t i = 0; i < LENGTH(crowds); i++) {
		for (size_t c = 0; c < LENGTH(capacities); c++) {
			uint64_t messages = (capacities[c] < 100 ? 2000 : 20000) / crowds[i].senders;

			for (enum manner manner = BLOCKING; manner <= TRYING; manner++)
				run(crowds[i].topology, capacities[c], crowds[i].senders, crowds[i].receivers,
				    messages, manner);
		}
	}
	alarm(0);
}

static void every_message_comes_once_among_processes(void **state)
{
	(void)state;
	run_all(run_processes);
}

static void every_message_comes_once_among_threads(void **state)
{
	(void)state;
	run_all(run_threads);
}

/* ---- who looks on ---- */

struct passing {
	struct place place;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	struct atom32 stop;
	int rc;
};

/* There are one or two messages in the queue, always. */
static void *pass_on(void *context)
{
	struct passing *passing = context;

	while (!passing->rc && !atom32_load_acq(&passing->stop)) {
		passing->rc = push(&passing->place, passing->sender, 0);
		if (!passing->rc)
			passing->rc = pop_any(passing->receiver);
	}
	return NULL;
}

static void a_ring_with_room_is_never_said_to_be_full(void **state)
{
	struct passing passing = { .place = new_queue((struct topology){ STOA_ONE, STOA_ONE }, 3, 8) };
	pthread_t thread;
	uint64_t length;
	int rc = 0;

	(void)state;
	passing.sender = new_sender(&passing.place);
	passing.receiver = new_receiver(&passing.place);
	ok(push(&passing.place, passing.sender, 0));
	assert_int_equal(pthread_create(&thread, NULL, pass_on, &passing), 0);
	for (int i = 0; i < 300000 && rc == 0; i++)
		rc = stoa_queue_length(passing.place.queue, &length);
	atom32_store_rel(&passing.stop, 1);
	pthread_join(thread, NULL);
	ok(rc);
	ok(passing.rc);
	ok(stoa_sender_close(passing.sender));
	ok(stoa_receiver_close(passing.receiver));
	end_place(&passing.place);
}

/* ---- ends that come and go ---- */

struct visitor {
	struct place *place;
	struct atom64 *sent, *received;
	int rc;
};

static void *visit(void *context)
{
	struct visitor *me = context;

	for (int i = 0; i < 400 && !me->rc; i++) {
		struct stoa_receiver *receiver;
		struct stoa_sender *sender;
		struct stoa_message message;
		int rc = stoa_sender_open(me->place->queue, &sender);

		me->rc = rc ? rc : stoa_receiver_open(me->place->queue, &receiver);
		if (me->rc)
			break;
		if (stoa_sender_push(sender, "", 0) == STOA_OK)
			atom64_add_seq(me->sent, 1);
		if (i % 3 == 0) /* left to somebody by the close */
			stoa_receiver_take(receiver, &message, &stoa_now);
		else if (stoa_receiver_pop(receiver, NULL, 0, NULL) == STOA_OK)
			atom64_add_seq(me->received, 1);
		stoa_sender_close(sender);
		stoa_receiver_close(receiver);
	}
	return NULL;
}

static void ends_come_and_go_in_many_threads(void **state)
{
	struct stoa_queue_config config = shape(topologies[0], 4, MESSAGE_SIZE);
	struct atom64 sent = { 0 }, received = { 0 };
	struct visitor visitors[ENDS];
	struct stoa_receiver *receiver;
	pthread_t threads[ENDS];
	struct place place;

	(void)state;
	config.handles = 5 * ENDS; /* messages that a close left behind keep some for a while */
	place = new_place(&config);
	for (int i = 0; i < ENDS; i++) {
		visitors[i] = (struct visitor){ .place = &place, .sent = &sent, .received = &received };
		assert_int_equal(pthread_create(&threads[i], NULL, visit, &visitors[i]), 0);
	}
	for (int i = 0; i < ENDS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(visitors[i].rc, 0);
	}
	receiver = new_receiver(&place);
	while (stoa_receiver_pop(receiver, NULL, 0, NULL) == STOA_OK)
		atom64_add_seq(&received, 1);
	assert_int_equal(count_of(&received), count_of(&sent));
	assert_int_equal(stat_of(&place).sent, count_of(&sent));
	assert_int_equal(stat_of(&place).senders, 0);
	assert_int_equal(stat_of(&place).held, 0);
	ok(stoa_receiver_close(receiver));
	end_place(&place);
}

/* ---- stopped processes ---- */

static void stop_process(pid_t pid)
{
	int status;

	kill(pid, SIGSTOP);
	while (waitpid(pid, &status, WUNTRACED) < 0 && errno == EINTR)
		;
}

/*
 * Two at each end that is MANY, one of which is stopped at random moments, so often; the others go on, which
 * at capacity 1 they could not if it had anything of the ring in its hands.
 */
static void stop_at_random(struct topology topology, enum manner manner, int rounds, uint64_t seed)
{
	uint32_t senders = topology.senders == STOA_ONE ? 1 : 2,
		 receivers = topology.receivers == STOA_ONE ? 1 : 2;
	struct traffic *traffic = new_traffic(topology, 1, MESSAGES);
	struct member members[4];
	bool stuck = false;
	pid_t pids[4];

	for (uint32_t i = 0; i < senders + receivers; i++) {
		members[i] = (struct member){ .traffic = traffic, .manner = manner };
		members[i].number = i < senders ? i : i - senders;
		pids[i] = child_start(i < senders ? send_all : receive_all, &members[i]);
	}
	assert_true(await_count(&traffic->opened, senders + receivers));
	for (int round = 0; round < rounds && !stuck; round++) {
		/* a sender, a receiver, or one of each, where there are others */
		bool sender = senders > 1 && (receivers == 1 || below(&seed, 3) != 0);
		bool receiver = receivers > 1 && (!sender || below(&seed, 2));

		os_sleep_ns(below(&seed, MS));
		if (sender)
			stop_process(pids[0]);
		if (receiver)
			stop_process(pids[senders]);
		stuck = !await_count(&traffic->received, count_of(&traffic->received) + 20);
		kill(pids[0], SIGCONT);
		kill(pids[senders], SIGCONT);
	}
	atom32_store_seq(&traffic->stop, 1);
	for (uint32_t i = 0; i < senders; i++)
		assert_int_equal(child_end(pids[i]), 0);
	ok(stoa_queue_shutdown(traffic->place.queue, STOA_DRAIN));
	for (uint32_t i = senders; i < senders + receivers; i++)
		assert_int_equal(child_end(pids[i]), 0);
	assert_false(stuck);
	end_traffic(traffic, senders);
}

static void a_stopped_process_stops_nobody(void **state)
{
	(void)state;
	alarm(120);
	for (size_t t = 0; t < 3; t++) {
		for (enum manner manner = BLOCKING; manner <= TRYING; manner++)
			stop_at_random(topologies[t], manner, 120, 77 + t);
	}
	alarm(0);
}

/* The end of a queue of ONE is stopped, and goes on as if nothing had been. */
static void a_stopped_end_of_one_goes_on(void **state)
{
	struct traffic *traffic = new_traffic(topologies[3], 1, MESSAGES);
	struct member member = { .traffic = traffic };
	uint64_t seed = 5;
	pid_t pids[2];

	(void)state;
	alarm(120);
	pids[0] = child_start(send_all, &member);
	pids[1] = child_start(receive_all, &member);
	assert_true(await_count(&traffic->opened, 2));
	for (int round = 0; round < 100; round++) {
		int which = round % 2;

		os_sleep_ns(below(&seed, MS));
		stop_process(pids[which]);
		os_sleep_ns(below(&seed, MS));
		kill(pids[which], SIGCONT);
		assert_true(await_count(&traffic->received, count_of(&traffic->received) + 5));
	}
	atom32_store_seq(&traffic->stop, 1);
	assert_int_equal(child_end(pids[0]), 0);
	ok(stoa_queue_shutdown(traffic->place.queue, STOA_DRAIN));
	assert_int_equal(child_end(pids[1]), 0);
	end_traffic(traffic, 1);
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_comes_once_among_threads),
		cmocka_unit_test(a_ring_with_room_is_never_said_to_be_full),
		cmocka_unit_test(every_message_comes_once_among_processes),
		cmocka_unit_test(ends_come_and_go_in_many_threads),
		cmocka_unit_test(a_stopped_process_stops_nobody),
		cmocka_unit_test(a_stopped_end_of_one_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
