/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SPSC ring's short way (stoa/inline.h) beside the long one: runs of messages under one store of tail,
 * one message of another size, after which sizes are looked at; and a drain in the middle of a run.
 */
#include "ring_world.h"

#include "scenarios.h"

#define MESSAGES 6u

struct short_shape {
	unsigned capacity, messages, run; /* so many at once */
	unsigned odd;                     /* this one has another size; 0: none */
	bool drain;
};

static struct world {
	const struct short_shape *shape;
	struct ring ring;
	struct ring_sender sender;
	struct ring_receiver receiver;
	uint64_t sent, received; /* numbers, from 1 on */
	bool refused, closed;
	_Alignas(64) uint8_t memory[2048];
} w;

static void send(void *unused)
{
	uint64_t run[MESSAGES];
	size_t done;

	(void)unused;
	for (uint64_t n = 1; n <= w.shape->messages; n += done) {
		uint64_t size = n == w.shape->odd ? 4 : 8;
		size_t count = 0;
		int rc;

		while (count < w.shape->run && n + count <= w.shape->messages &&
		       (count == 0 || (size == 8 && n + count != w.shape->odd))) {
			run[count] = n + count;
			count++;
		}
		rc = ring_push_many(&w.sender, run, size, count, &done);
		w.sent += done;
		explore_check(rc == STOA_OK ? done == count : rc == STOA_FULL || rc == STOA_CLOSED,
		              "push says %d", rc);
		w.refused = rc == STOA_CLOSED;
		if (rc != STOA_OK)
			return;
	}
}

static void expect(uint64_t value, uint64_t size)
{
	w.received++;
	explore_check(size == (w.received == w.shape->odd ? 4 : 8), "message %d has %d bytes",
	              (int)w.received, (int)size);
	explore_check((uint32_t)value == w.received, "%d is there in place of %d", (int)value,
	              (int)w.received);
}

static int receive_some(bool drain)
{
	uint64_t values[MESSAGES] = { 0 }, size = 0;
	size_t n = ring_pop_many(&w.receiver, values, 8, w.shape->run);
	int rc = STOA_OK;

	for (size_t i = 0; i < n; i++)
		expect(values[i], 8);
	if (n == 0) {
		rc = ring_pop(&w.receiver, values, 8, drain, &size);
		if (rc == STOA_OK)
			expect(values[0], size);
	}
	return rc;
}

static void receive(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < w.shape->messages; i++)
		receive_some(false);
	if (!w.shape->drain)
		return;
	ring_world_drain(w.ring.queue);
	while (receive_some(true) == STOA_OK)
		;
	w.closed = true;
}

static void set_up(void)
{
	struct stoa_queue_config config = { .message_size = 8, .holds = 2 };

	explore_state(&w, sizeof w);
	w.shape = explore_parameters();
	config.capacity = w.shape->capacity;
	ring_world_make(&w.ring, &config, w.memory, sizeof w.memory);
	ring_sender_open(&w.sender, &w.ring);
	ring_receiver_open(&w.receiver, &w.ring, false);
	explore_thread("sender", send, NULL);
	explore_thread("receiver", receive, NULL);
}

static void check(void)
{
	while (!w.closed && receive_some(false) == STOA_OK)
		;
	explore_check(w.received == w.sent, "%d sent, %d received", (int)w.sent, (int)w.received);
}

#define SHORT(id, words, ...)                                                                                \
	{                                                                                                    \
		.name = "ring/short/" id, .about = words, .set_up = set_up, .check = check,                  \
		.parameters = &(const struct short_shape)                                                    \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario ring_short_scenarios[] = {
	SHORT("runs", "two at once", .capacity = 2, .messages = 5, .run = 2),
	SHORT("wrap", "runs that do not fit the ring", .capacity = 3, .messages = 5, .run = 2),
	SHORT("sizes", "the third is shorter", .capacity = 2, .messages = 4, .run = 2, .odd = 3),
	SHORT("drain", "a drain in the middle of a run", .capacity = 4, .messages = 4, .run = 2,
	      .drain = true),
	SHORT("drain/sizes", "and of sizes that vary", .capacity = 2, .messages = 3, .run = 1, .odd = 2,
	      .drain = true),
	{ 0 },
};
