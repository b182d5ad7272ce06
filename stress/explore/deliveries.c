/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SPSC ring: what a message says of how often it came, and everybody who looks of where it is, while its
 * receiver gives it back and takes it again, is killed, and its successors, too.
 */
#include "ring_world.h"

#include "scenarios.h"

struct deliveries_shape {
	bool discard; /* STOA_DISCARD */
	bool beside;  /* it stays leased, while the next one is received */
};

static struct world {
	const struct deliveries_shape *shape;
	struct ring ring;
	struct ring_sender sender;
	struct ring_receiver receivers[3];
	unsigned begun, had; /* deliveries: those that are certain, too */
	bool held;           /* by the first receiver, and not about to be given back */
	_Alignas(64) uint8_t memory[2048];
} w;

static uint32_t take(struct ring_receiver *receiver)
{
	struct ring_message message;
	uint32_t k;

	w.begun++;
	explore_check(ring_take(receiver, false, &k, &message) == STOA_OK, "the message is lost");
	w.had++;
	explore_check(message.deliveries >= w.had && message.deliveries <= w.begun,
	              "it comes for the %uth time, and says %u", w.had, message.deliveries);
	w.begun = w.had = message.deliveries;
	return k;
}

static void look(bool held)
{
	struct ring_stat stat;

	explore_check(ring_stat(&w.ring, &stat) == 0, "the ring makes no sense");
	explore_check(stat.held == held && stat.unread == !held, "%d held, %d unread", (int)stat.held,
	              (int)stat.unread);
	explore_check(ring_readable(&w.ring, false) == !held, "a descriptor says the contrary");
}

static void take_and_return(void *unused)
{
	uint32_t k = take(&w.receivers[0]);

	(void)unused;
	look(true);
	ring_return(&w.receivers[0], k);
	look(false);
	take(&w.receivers[0]);
	w.held = true;
	look(true);
}

/* One at a time, and several at once. */
static void receive_beside(void *unused)
{
	struct ring_receiver *receiver = &w.receivers[0];
	uint64_t value[2], size;

	(void)unused;
	take(receiver);
	w.held = true;
	explore_check(ring_pop(receiver, value, 8, false, &size) == STOA_OK, "the second one is lost");
	if (ring_pop_many(receiver, value, 8, 2) == 0)
		explore_check(ring_pop(receiver, value, 8, false, &size) == STOA_OK, "the third one is lost");
	explore_check(ring_push(&w.sender, value, 8) == STOA_FULL, "pushed over what is leased");
	look(true);
}

static void set_up(void)
{
	struct stoa_queue_config config = { .capacity = 1, .message_size = 8, .holds = 1 };
	uint64_t value = 0;

	explore_state(&w, sizeof w);
	w.shape = explore_parameters();
	config.capacity = w.shape->beside ? 3 : 1;
	ring_world_make(&w.ring, &config, w.memory, sizeof w.memory);
	ring_sender_open(&w.sender, &w.ring);
	ring_receiver_open(&w.receivers[0], &w.ring, w.shape->discard);
	while (value++ < config.capacity)
		explore_check(ring_push(&w.sender, &value, sizeof value) == STOA_OK, "no room");
	explore_mortal("receiver", w.shape->beside ? receive_beside : take_and_return, NULL);
}

/* A successor, who dies before it takes anything, and that one's. */
static void check(void)
{
	uint64_t discarded;

	ring_receiver_open(&w.receivers[1], &w.ring, w.shape->discard);
	discarded = atom64_load_seq(&w.ring.shared->discarded);
	explore_check(!w.shape->discard || !w.held || discarded == 1, "it was held, and is not discarded");
	if (w.shape->beside)
		take(&w.receivers[1]);
	if (discarded || w.shape->beside)
		return;
	look(false);
	ring_receiver_open(&w.receivers[2], &w.ring, w.shape->discard);
	look(false);
	take(&w.receivers[2]);
}

#define DELIVERIES(id, words, ...)                                                                           \
	{                                                                                                    \
		.name = "deliveries/" id, .about = words, .set_up = set_up, .check = check, .crashes = 1,    \
		.parameters = &(const struct deliveries_shape)                                               \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario deliveries_scenarios[] = {
	DELIVERIES("redeliver", "given back, taken again, inherited twice", .discard = false),
	DELIVERIES("discard", "given back, taken again, or discarded", .discard = true),
	DELIVERIES("beside", "leased, while the next ones are received", .beside = true),
	{ 0 },
};
