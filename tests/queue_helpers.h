/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue_helpers.h - what the tests of queues share.
 *
 * Whatever asserts is for the main thread of the main process alone.
 */
#ifndef STOA_TEST_QUEUE_HELPERS_H
#define STOA_TEST_QUEUE_HELPERS_H

#include "support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <stoa.h>

#include "atomic.h"
#include "os.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define MS 1000000ull
#define LARGEST 5000

#define ok(rc) assert_int_equal(rc, 0)

struct topology {
	uint32_t senders, receivers;
};

static const struct topology topologies[] __attribute__((unused)) = {
	{ STOA_MANY, STOA_MANY },
	{ STOA_ONE, STOA_MANY },
	{ STOA_MANY, STOA_ONE },
	{ STOA_ONE, STOA_ONE },
};

/* A queue in an anonymous segment of its own. */
struct place {
	struct stoa_segment *segment;
	struct stoa_queue *queue;
	uint64_t message_size;
};

static inline struct stoa_queue_config shape(struct topology topology, uint64_t capacity,
                                             uint64_t message_size)
{
	return (struct stoa_queue_config){
		.struct_size = sizeof(struct stoa_queue_config),
		.capacity = capacity,
		.message_size = message_size,
		.senders = topology.senders,
		.receivers = topology.receivers,
		.handles = 16,
	};
}

static inline struct stoa_segment *new_segment(uint64_t bytes, uint32_t participants)
{
	struct stoa_segment_config config = { .struct_size = sizeof config,
		                              .bytes = bytes,
		                              .participants = participants };
	struct stoa_segment *segment = NULL;

	ok(stoa_segment_create(NULL, &config, &segment));
	return segment;
}

static inline struct place new_place(const struct stoa_queue_config *config)
{
	struct place place = { .message_size = config->message_size };
	uint64_t bytes;

	ok(stoa_queue_footprint(config, &bytes));
	place.segment = new_segment(bytes, 32);
	ok(stoa_queue_create(place.segment, "queue", config, &place.queue));
	return place;
}

static inline struct place new_queue(struct topology topology, uint64_t capacity, uint64_t message_size)
{
	struct stoa_queue_config config = shape(topology, capacity, message_size);

	return new_place(&config);
}

static inline void end_place(struct place *place)
{
	ok(stoa_queue_close(place->queue));
	ok(stoa_segment_close(place->segment));
}

static inline struct stoa_sender *new_sender(const struct place *place)
{
	struct stoa_sender *sender = NULL;

	ok(stoa_sender_open(place->queue, &sender));
	return sender;
}

static inline struct stoa_receiver *new_receiver(const struct place *place)
{
	struct stoa_receiver *receiver = NULL;

	ok(stoa_receiver_open(place->queue, &receiver));
	return receiver;
}

static inline struct stoa_queue_stat stat_of(const struct place *place)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };

	ok(stoa_queue_stat(place->queue, &stat));
	return stat;
}

static inline struct timespec in_ms(int64_t ms)
{
	return stoa_deadline(ms * 1000000);
}

/* ---- messages: size and bytes follow from a tag ---- */

static inline size_t size_of(const struct place *place, uint64_t tag)
{
	return place->message_size - tag % (place->message_size + 1);
}

static inline void fill(void *bytes, size_t size, uint64_t tag)
{
	uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++)
		at[i] = (uint8_t)(tag * 31 + i * 7 + (i >> 8));
}

static inline bool is_filled(const void *bytes, size_t size, uint64_t tag)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++) {
		if (at[i] != (uint8_t)(tag * 31 + i * 7 + (i >> 8)))
			return false;
	}
	return true;
}

static inline int push(const struct place *place, struct stoa_sender *sender, uint64_t tag)
{
	uint8_t bytes[LARGEST + 1];
	size_t size = size_of(place, tag);

	fill(bytes + 1, size, tag); /* an odd address: pushed bytes need no alignment */
	return stoa_sender_push(sender, bytes + 1, size);
}

/* 0 where the next message is `tag`, another outcome as it is, -EBADMSG where it is another one. */
static inline int pop_is(const struct place *place, struct stoa_receiver *receiver, uint64_t tag)
{
	uint8_t bytes[LARGEST + 1];
	size_t size = SIZE_MAX;
	int rc = stoa_receiver_pop(receiver, bytes + 1, LARGEST, &size);

	if (rc)
		return rc;
	return size == size_of(place, tag) && is_filled(bytes + 1, size, tag) ? 0 : -EBADMSG;
}

static inline int pop_any(struct stoa_receiver *receiver)
{
	uint8_t bytes[LARGEST];
	size_t size;

	return stoa_receiver_pop(receiver, bytes, sizeof bytes, &size);
}

static inline bool message_is(const struct place *place, const struct stoa_message *message, uint64_t tag)
{
	return message->size == size_of(place, tag) && is_filled(message->bytes, message->size, tag) &&
	       (uintptr_t)message->bytes % 64 == 0;
}

/* ---- signals ---- */

static volatile sig_atomic_t signals_handled __attribute__((unused));

static inline void count_signal(int number)
{
	(void)number;
	signals_handled++;
}

static inline void handle_signals(int flags)
{
	struct sigaction action = { .sa_handler = count_signal, .sa_flags = flags };

	signals_handled = 0;
	sigaction(SIGUSR1, &action, NULL);
}

/* A child that sends SIGUSR1 to its parent, again and again, until it is killed. */
static inline int poke_parent(void *context)
{
	(void)context;
	for (int i = 0; i < 1000; i++) {
		sleep_ms(5);
		if (kill(getppid(), SIGUSR1))
			break;
	}
	return 0;
}

/* ---- counters that processes share ---- */

static inline uint64_t count_of(struct atom64 *counter)
{
	return atom64_load_seq(counter);
}

/* Until the counter is at least `count`; false after PATIENCE_MS. */
static inline bool await_count(struct atom64 *counter, uint64_t count)
{
	uint64_t end = os_now_ns() + PATIENCE_MS * MS;

	while (atom64_load_seq(counter) < count) {
		if (os_now_ns() > end)
			return false;
		os_sleep_ns(MS / 5);
	}
	return true;
}

static inline uint64_t below(uint64_t *seed, uint64_t limit)
{
	return (random_next(seed) >> 16) % limit;
}

#endif
