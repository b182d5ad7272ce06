/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SPSC ring: order and contents; what a dead receiver had not acknowledged comes to its successor, and
 * a dead sender's ring goes on; a drain loses nothing.
 */
#include "ring_world.h"

#include "scenarios.h"

#define VALUES 8u

struct ring_shape {
	unsigned capacity, size; /* above 64 bytes: blocks behind numbers */
	unsigned pushes, pops;
	bool reserve, take; /* reserve and commit, take and release */
	bool mortal_sender, mortal_receiver, drain;
	bool own_fences; /* os_fence_all() fails */
};

static struct world {
	const struct ring_shape *shape;
	struct ring ring;
	struct ring_sender sender, next_sender;
	struct ring_receiver receiver, next_receiver;
	uint8_t pushed[VALUES], refused[VALUES], got[VALUES], again[VALUES], acknowledged[VALUES];
	uint64_t last;
	bool closed;
	struct atom64 told;
	_Alignas(64) uint8_t memory[4096];
} w;

static int push_one(struct ring_sender *sender, uint64_t value)
{
	int rc;

	if (w.shape->reserve) {
		explore_set(ring_reserved(sender, 0), value);
		rc = ring_commit(sender, 0, sizeof value);
	} else {
		rc = ring_push(sender, &value, sizeof value);
	}
	w.pushed[value] += rc == STOA_OK;
	w.refused[value] += rc != STOA_OK;
	explore_check(rc == STOA_OK || rc == STOA_FULL || rc == STOA_CLOSED, "push says %d", rc);
	return rc;
}

static void note(uint64_t value, uint32_t deliveries)
{
	explore_check(value > 0 && value < VALUES, "nobody sent %llu", (unsigned long long)value);
	explore_check(deliveries > 1 || value > w.last, "%d after %d", (int)value, (int)w.last);
	w.last = value > w.last ? value : w.last;
	if (deliveries > 1)
		w.again[value]++;
	else
		w.got[value]++;
}

static int pop_one(struct ring_receiver *receiver, bool drain)
{
	struct ring_message message = { .deliveries = 1 };
	uint64_t value = 0, size;
	uint32_t k = 0;
	int rc;

	if (w.shape->take)
		rc = ring_take(receiver, drain, &k, &message);
	else
		rc = ring_pop(receiver, &value, sizeof value, drain, &size);
	explore_check(rc == STOA_OK || rc == STOA_EMPTY || (rc == STOA_CLOSED && drain), "pop says %d", rc);
	if (rc != STOA_OK)
		return rc;
	if (w.shape->take)
		value = explore_get(message.bytes);
	note(value, message.deliveries);
	if (w.shape->take)
		ring_release(receiver, k);
	w.acknowledged[value]++;
	return rc;
}

static void send(void *unused)
{
	(void)unused;
	for (unsigned i = 1; i <= w.shape->pushes; i++)
		push_one(&w.sender, i);
}

static void receive(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < w.shape->pops; i++)
		pop_one(&w.receiver, false);
}

static void receive_and_drain(void *unused)
{
	int rc;

	(void)unused;
	pop_one(&w.receiver, false);
	ring_world_drain(w.ring.queue);
	do
		rc = pop_one(&w.receiver, true);
	while (rc == STOA_OK);
	w.closed = rc == STOA_CLOSED;
}

/* ---- who only looks ---- */

/* One lap has gone by, its messages released out of order, so that marks are left; two wait. */
static void leave_marks(void)
{
	struct ring_message message;
	uint32_t first, second;

	for (uint64_t v = 1; v <= 2; v++)
		push_one(&w.sender, v);
	ring_take(&w.receiver, false, &first, &message);
	ring_take(&w.receiver, false, &second, &message);
	ring_release(&w.receiver, second);
	ring_release(&w.receiver, first);
	for (uint64_t v = 3; v <= 4; v++)
		push_one(&w.sender, v);
}

static void take_two(void *unused)
{
	struct ring_message message;
	uint32_t k;

	(void)unused;
	ring_take(&w.receiver, false, &k, &message);
	ring_take(&w.receiver, false, &k, &message);
}

static void give_one_back(void *unused)
{
	(void)unused;
	ring_return(&w.receiver, 0);
	atom64_store_rel(&w.told, 1);
}

static void look(void *unused)
{
	struct ring_stat stat;

	(void)unused;
	explore_check(ring_stat(&w.ring, &stat) == 0, "the ring makes no sense");
	explore_check(stat.sent == 4 && stat.unread + stat.held == 2, "%d sent, %d unread and %d held of 2",
	              (int)stat.sent, (int)stat.unread, (int)stat.held);
}

static void look_for_returned(void *unused)
{
	(void)unused;
	if (atom64_load_acq(&w.told))
		explore_check(ring_readable(&w.ring, false), "what was given back is not to be had");
}

static void make_ring(void);

static void make_watched(void (*receiver)(void *), void (*looker)(void *))
{
	explore_state(&w, sizeof w);
	w.shape = explore_parameters();
	make_ring();
	leave_marks();
	explore_name(&w.ring.shared->taken, 8, 1, "taken");
	explore_name(w.ring.marks, 4, w.shape->capacity, "marks");
	explore_thread("receiver", receiver, NULL);
	explore_thread("looker", looker, NULL);
}

static void watched(void)
{
	make_watched(take_two, look);
}

static void watched_giving(void)
{
	make_watched(give_one_back, look_for_returned);
	take_two(NULL);
}

/* ---- deaths ---- */

static void take_over_sending(void *unused)
{
	(void)unused;
	if (!explore_await_death(0))
		return;
	explore_check(ring_sender_open(&w.next_sender, &w.ring) == 0, "no successor");
	push_one(&w.next_sender, VALUES - 1);
}

static void take_over_receiving(void *unused)
{
	(void)unused;
	if (!explore_await_death(1))
		return;
	explore_check(ring_receiver_open(&w.next_receiver, &w.ring, false) == 0, "no successor");
	pop_one(&w.next_receiver, false);
}

static void make_ring(void)
{
	struct stoa_queue_config config = {
		.capacity = w.shape->capacity,
		.message_size = w.shape->size,
		.holds = 2,
	};

	ring_world_make(&w.ring, &config, w.memory, sizeof w.memory);
	ring_sender_open(&w.sender, &w.ring);
	ring_receiver_open(&w.receiver, &w.ring, false);
}

static void set_up(void)
{
	explore_state(&w, sizeof w);
	w.shape = explore_parameters();
	if (w.shape->own_fences)
		explore_own_fences();
	make_ring();
	(w.shape->mortal_sender ? explore_mortal : explore_thread)("sender", send, NULL);
	(w.shape->mortal_receiver ? explore_mortal : explore_thread)(
		"receiver", w.shape->drain ? receive_and_drain : receive, NULL);
	if (w.shape->mortal_sender)
		explore_thread("next sender", take_over_sending, NULL);
	if (w.shape->mortal_receiver)
		explore_thread("next receiver", take_over_receiving, NULL);
}

/* Who receives in the end: a successor where the receiver was killed. */
static void receive_rest(void)
{
	struct ring_receiver *receiver = &w.receiver;

	if (w.shape->mortal_receiver && explore_is_dead(1)) {
		receiver = &w.next_receiver;
		if (!receiver->ring.shared)
			explore_check(ring_receiver_open(receiver, &w.ring, false) == 0, "no successor");
	}
	while (pop_one(receiver, false) == STOA_OK)
		;
}

static void check(void)
{
	if (!w.closed)
		receive_rest();
	for (unsigned v = 1; v < VALUES; v++) {
		unsigned times = w.got[v] + w.again[v];

		explore_check(!w.pushed[v] || times, "message %u is lost", v);
		explore_check(!w.refused[v] || w.pushed[v] || !times, "message %u was refused, and came", v);
		explore_check(w.got[v] <= 1 && w.acknowledged[v] == (times > 0), "message %u came %u times",
		              v, times);
	}
}

#define RING(id, words, ...)                                                                                 \
	{                                                                                                    \
		.name = "ring/" id, .about = words, .set_up = set_up, .check = check, .crashes = 1,          \
		.parameters = &(const struct ring_shape)                                                     \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario ring_scenarios[] = {
	RING("cap1", "in place", .capacity = 1, .size = 8, .pushes = 3, .pops = 3),
	RING("cap2", "in place", .capacity = 2, .size = 8, .pushes = 4, .pops = 4),
	RING("take", "leases, staged", .capacity = 2, .size = 8, .pushes = 3, .pops = 3, .reserve = true,
	     .take = true),
	RING("blocks", "blocks behind numbers", .capacity = 2, .size = 72, .pushes = 3, .pops = 3),
	RING("blocks/take", "reserved, leased, in blocks", .capacity = 2, .size = 72, .pushes = 3, .pops = 3,
	     .reserve = true, .take = true),
	RING("drain", "a drain against a push", .capacity = 2, .size = 8, .pushes = 2, .drain = true),
	RING("drain/blocks", "a drain against a commit", .capacity = 2, .size = 72, .pushes = 2,
	     .drain = true, .reserve = true),
	RING("own-fences", "a drain against a push, each side making its own fence", .capacity = 2, .size = 8,
	     .pushes = 2, .drain = true, .own_fences = true),
	RING("own-fences/blocks", "the same against a commit", .capacity = 2, .size = 72, .pushes = 2,
	     .drain = true, .reserve = true, .own_fences = true),
	RING("sender", "the sender is killed, another takes over", .capacity = 2, .size = 8, .pushes = 2,
	     .pops = 2, .mortal_sender = true),
	RING("sender/blocks", "the same, in blocks", .capacity = 2, .size = 72, .pushes = 2, .pops = 2,
	     .reserve = true, .take = true, .mortal_sender = true),
	RING("receiver", "the receiver is killed, another takes over", .capacity = 2, .size = 8, .pushes = 2,
	     .pops = 2, .mortal_receiver = true, .take = true),
	RING("receiver/blocks", "the same, in blocks", .capacity = 2, .size = 72, .pushes = 2, .pops = 2,
	     .reserve = true, .take = true, .mortal_receiver = true),
	{ .name = "ring/look",
	  .about = "two are taken, one counts them",
	  .set_up = watched,
	  .parameters = &(const struct ring_shape){ .capacity = 2, .size = 8 } },
	{ .name = "ring/look/returned",
	  .about = "one of two leases is given back, and somebody told",
	  .set_up = watched_giving,
	  .parameters = &(const struct ring_shape){ .capacity = 2, .size = 8 } },
	{ 0 },
};
