/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping at the SPSC ring's short way: who finds nothing, or no room, announces itself, makes everybody pass
 * a fence, looks once more, and sleeps; the other end, which has no fence between its store and its look, wakes
 * it.  Nobody sleeps for ever.
 */
#include "ring_world.h"

#include "event.h"
#include "os.h"
#include "scenarios.h"

struct wake_shape {
	unsigned capacity, messages;
	unsigned odd; /* this one has another size; 0: none */
};

static struct world {
	const struct wake_shape *shape;
	struct ring ring;
	struct ring_sender sender;
	struct ring_receiver receiver;
	uint64_t received;
	_Alignas(64) uint8_t memory[2048];
} w;

static uint64_t size_of(uint64_t number)
{
	return number == w.shape->odd ? 4 : 8;
}

static int push(uint64_t number)
{
	int rc = stoa_hot_push(&w.sender.hot, &number, size_of(number));

	if (rc == STOA_OK) /* it has looked, and nobody slept */
		return rc;
	rc = rc == STOA_HOT_LOOK ? ring_pushed(&w.sender) : ring_push(&w.sender, &number, size_of(number));
	if (rc == STOA_OK)
		event_wake_one(&w.ring.queue->readable);
	return rc;
}

static int pop(void)
{
	uint64_t value = 0, size = 0;
	size_t length = 0;
	int rc = stoa_hot_pop(&w.receiver.hot, &value, sizeof value, &length);

	size = length;
	if (rc == STOA_HOT_LONG) {
		rc = ring_pop(&w.receiver, &value, sizeof value, false, &size);
		if (rc != STOA_OK)
			return rc;
		event_wake_one(&w.ring.queue->writable);
	} else if (rc == STOA_HOT_LOOK) {
		event_wake_one(&w.ring.queue->writable);
	}
	w.received++;
	explore_check(value == w.received && size == size_of(value), "%d of %d bytes in place of %d",
	              (int)value, (int)size, (int)w.received);
	return STOA_OK;
}

static void send(void *unused)
{
	(void)unused;
	for (uint64_t n = 1; n <= w.shape->messages;) {
		uint32_t announced;

		if (push(n) == STOA_OK) {
			n++;
			continue;
		}
		announced = event_announce(&w.ring.queue->writable);
		os_fence_all();
		if (push(n) == STOA_OK)
			n++;
		else
			event_wait(&w.ring.queue->writable, announced, UINT64_MAX);
	}
}

static void receive(void *unused)
{
	(void)unused;
	while (w.received < w.shape->messages) {
		uint32_t announced;

		if (pop() == STOA_OK)
			continue;
		announced = event_announce(&w.ring.queue->readable);
		os_fence_all();
		if (pop() != STOA_OK)
			event_wait(&w.ring.queue->readable, announced, UINT64_MAX);
	}
}

static void set_up(void)
{
	struct stoa_queue_config config = { .message_size = 8, .holds = 1 };

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
	explore_check(w.received == w.shape->messages, "%d received", (int)w.received);
}

#define WAKE(id, words, ...)                                                                                 \
	{                                                                                                    \
		.name = "ring/wake/" id, .about = words, .set_up = set_up, .check = check, .bounded = true,  \
		.preemptions = 3, .stale = 2, .parameters = &(const struct wake_shape)                       \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario ring_wake_scenarios[] = {
	WAKE("empty", "a receiver that finds nothing sleeps", .capacity = 2, .messages = 2),
	WAKE("full", "a sender that finds no room sleeps, too", .capacity = 1, .messages = 2),
	WAKE("sizes", "and the message that it waits to send is shorter", .capacity = 1, .messages = 2,
	     .odd = 2),
	{ 0 },
};
