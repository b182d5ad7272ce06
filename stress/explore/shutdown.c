/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole queues in a segment: who is told that something has happened sees it in the next call.  A message was
 * given back; the queue was shut down, by one or by two; and it is not shut down while there is always a
 * sender, though not the same one.  And whoever sleeps is woken by the short way of an exchange ring: here
 * nobody wakes up by himself.
 */
#include "queue_world.h"
#include "scenarios.h"

#define PEOPLE 3u
#define BEGIN_NS 1000000000ull /* when an execution begins: explore_run.c */

struct shutdown_shape {
	unsigned how; /* STOA_DRAIN, STOA_NOW; 0: none */
	uint32_t flags;
	void (*prepare)(void);
	void (*threads[PEOPLE - 1])(void *); /* of the processes 2 and 3 */
};

static struct world {
	const struct shutdown_shape *shape;
	struct stoa_message lease;
	struct atom64 told;
} w;

static void tell(void)
{
	atom64_store_rel(&w.told, 1);
}

static int pop(void)
{
	uint64_t value;

	return stoa_receiver_pop(own_receiver(), &value, sizeof value, NULL);
}

static void push(unsigned process, unsigned count)
{
	explore_process(process);
	if (!queue_world.senders[process])
		queue_world_open_sender(process);
	for (uint64_t value = 1; value <= count; value++)
		explore_check(stoa_sender_push(queue_world.senders[process], &value, sizeof value) == 0,
		              "no room");
}

/* ---- a message comes back ---- */

static void lease_one(void)
{
	push(1, 1);
	queue_world_open_receiver(2);
	explore_check(stoa_receiver_take(queue_world.receivers[2], &w.lease, &stoa_now) == 0,
	              "nothing there");
	queue_world_open_receiver(3);
}

static void give_back(void *unused)
{
	(void)unused;
	explore_check(stoa_receiver_return(queue_world.receivers[2], &w.lease) == 0, "not given back");
	tell();
}

static void look_for_it(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < 3; i++) {
		bool told = atom64_load_acq(&w.told);
		int rc = pop();

		explore_check(rc == STOA_OK || (rc == STOA_EMPTY && !told),
		              "a message has come back, and pop says %d", rc);
		if (rc == STOA_OK)
			return;
	}
}

/* ---- somebody sleeps ---- */

static void sleep_at(struct event_word *event, int (*attempt)(void), int nothing)
{
	int rc;

	while ((rc = attempt()) == nothing) {
		uint32_t announced = event_announce(event);

		rc = attempt();
		if (rc != nothing)
			break;
		event_wait(event, announced, UINT64_MAX);
	}
	explore_check(rc == STOA_OK, "woken, and told %d", rc);
}

static int push_one(void)
{
	uint64_t value = 1;

	return stoa_sender_push(own_sender(), &value, sizeof value);
}

static void sleep_for_room(void *unused)
{
	(void)unused;
	sleep_at(&own_queue()->view.shared->writable, push_one, STOA_FULL);
}

static void sleep_for_message(void *unused)
{
	(void)unused;
	sleep_at(&own_queue()->view.shared->readable, pop, STOA_EMPTY);
}

static void push_once(void *unused)
{
	(void)unused;
	explore_check(push_one() == STOA_OK, "no room");
}

static void pop_once(void *unused)
{
	(void)unused;
	explore_check(pop() == STOA_OK, "nothing there");
}

/* The receiver has looked for what came back: from now on it goes the short way. */
static void nothing_there(void)
{
	push(2, 0);
	queue_world_open_receiver(3);
	explore_check(pop() == STOA_EMPTY, "something there");
}

static void no_room(void)
{
	nothing_there();
	push(1, 2);
}

/* ---- shut down ---- */

/* Two messages; the receiver has looked for what came back: from now on it goes the short way. */
static void two_messages(void)
{
	push(1, 2);
	queue_world_open_receiver(3);
	explore_check(pop() == STOA_OK, "nothing there");
}

static void shut_down(void *unused)
{
	(void)unused;
	explore_check(stoa_queue_shutdown(own_queue(), w.shape->how) == 0, "no shutdown");
	tell();
}

static void pop_to_the_end(void *unused)
{
	bool got = false;

	(void)unused;
	for (unsigned i = 0; i < 3; i++) {
		bool told = atom64_load_acq(&w.told);
		int rc = pop();

		if (told && (got || w.shape->how == STOA_NOW))
			explore_check(rc == STOA_CLOSED, "the queue is closed, and pop says %d", rc);
		else
			explore_check(rc == (got ? STOA_EMPTY : STOA_OK) || rc == STOA_CLOSED, "pop says %d",
			              rc);
		got |= rc == STOA_OK;
	}
	explore_check(got || w.shape->how == STOA_NOW, "a drain loses a message");
}

static void shut_down_at_once(void *unused)
{
	(void)unused;
	explore_check(stoa_queue_shutdown(own_queue(), STOA_NOW) == 0, "no shutdown");
}

static void shut_down_slowly(void *unused)
{
	(void)unused;
	explore_check(stoa_queue_shutdown(own_queue(), STOA_DRAIN) == 0, "no shutdown");
}

/* ---- senders that come and go ---- */

/* In the handles' order: none, process 2's, process 3's. */
static void leave_a_gap(void)
{
	for (unsigned process = 1; process <= PEOPLE; process++)
		push(process, 0);
	explore_process(1);
	stoa_sender_close(queue_world.senders[1]);
}

/* There is one of this process all the time, first behind the gap, then in it. */
static void fill_the_gap(void *unused)
{
	struct stoa_sender *next;

	(void)unused;
	explore_check(stoa_sender_open(queue_world.queues[2], &next) == 0, "no handle");
	stoa_sender_close(queue_world.senders[2]);
}

static void leave(void *unused)
{
	(void)unused;
	stoa_sender_close(queue_world.senders[3]);
}

/* ---- worlds ---- */

static void set_up(void)
{
	struct stoa_queue_config config = {
		.struct_size = sizeof config,
		.capacity = 2,
		.message_size = sizeof(uint64_t),
		.handles = 4,
		.holds = 1,
	};

	explore_process(1);
	explore_state(&w, sizeof w);
	w.shape = explore_parameters();
	config.flags = w.shape->flags;
	queue_world_make(&config, PEOPLE);
	for (unsigned process = 1; process <= PEOPLE; process++) {
		queue_world_open(process);
		/* Who finds nothing does not look after the dead on the way: no time passes. */
		atom64_store_rlx(&queue_world.queues[process]->looked, BEGIN_NS);
	}
	explore_name(&w.told, 8, 1, "told");
	if (w.shape->prepare)
		w.shape->prepare();
	explore_process(2);
	explore_thread("one", w.shape->threads[0], NULL);
	explore_process(3);
	explore_thread("other", w.shape->threads[1], NULL);
}

static void check(void)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };

	explore_process(1);
	explore_check(stoa_queue_stat(queue_world.queues[1], &stat) == 0, "no stat");
	explore_check(stat.shutdown == w.shape->how, "shut down: %u", stat.shutdown);
}

#define SHUTDOWN(id, words, ...)                                                                             \
	{                                                                                                    \
		.name = "queue/" id, .about = words, .set_up = set_up, .check = check,                       \
		.parameters = &(const struct shutdown_shape)                                                 \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario shutdown_scenarios[] = {
	SHUTDOWN("told/returned", "a message is given back, and somebody told", .prepare = lease_one,
	         .threads = { give_back, look_for_it }),
	SHUTDOWN("wake/room", "a sender sleeps until there is room", .prepare = no_room,
	         .threads = { sleep_for_room, pop_once }),
	SHUTDOWN("wake/message", "a receiver sleeps until there is a message", .prepare = nothing_there,
	         .threads = { push_once, sleep_for_message }),
	SHUTDOWN("told/drain", "a drain begins, and somebody is told", .how = STOA_DRAIN,
	         .prepare = two_messages, .threads = { shut_down, pop_to_the_end }),
	SHUTDOWN("told/now", "shut down at once, and somebody told", .how = STOA_NOW, .prepare = two_messages,
	         .threads = { shut_down, pop_to_the_end }),
	SHUTDOWN("both-ways", "one drains, one shuts down at once", .how = STOA_NOW,
	         .threads = { shut_down_at_once, shut_down_slowly }),
	SHUTDOWN("come-go", "there is always a sender, though not the same one",
	         .flags = STOA_CLOSE_WITH_SENDERS, .prepare = leave_a_gap,
	         .threads = { fill_the_gap, leave }),
	{ 0 },
};
