/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parcels, in whole queues: receivers that take a part of one, close, are killed, beside others.
 *
 * The sender's parcels have two messages each, numbered through.  Each message is received once, at most;
 * who is killed in a call may have had what it asked for there, and no more; a parcel is sent whole or not
 * at all.  Who is told that a drained queue is closed has been told that no later call gets anything.
 */
#include <errno.h>

#include "atomic.h"
#include "queue_world.h"
#include "scenarios.h"
#include "segment_world.h"

#define PACK 2u
#define VALUES (2 * PACK)

struct parcel_shape {
	uint32_t on_death, holds;
	unsigned waiting; /* messages sent before, in parcels */
	unsigned how;     /* shut down before */
	void (*threads[THREADS_MAX])(void *);
	bool mortal[THREADS_MAX];
};

static struct world {
	const struct parcel_shape *shape;
	uint8_t got[VALUES];
	uint32_t sent;                                /* messages; of parcels of which push_many() said so */
	uint32_t offered;                             /* the rest: it was killed in the call */
	uint32_t in_doubt[EXPLORE_PROCESSES_MAX + 1]; /* messages that its call may have had */
	struct atom64 shut;                           /* STOA_NOW has been said */
	uint32_t closed; /* step behind the first receiver's being told so, of a drained queue */
} w;

static unsigned self(void)
{
	return explore_own_process();
}

/* ---- what processes do ---- */

static void send_parcels(unsigned messages)
{
	uint64_t values[VALUES];
	size_t done;

	for (uint64_t v = 0; v < messages; v++)
		values[v] = v;
	w.offered = messages;
	explore_check(stoa_sender_push_many(own_sender(), values, sizeof *values, messages, &done) >= 0,
	              "no push");
	w.sent = (uint32_t)done;
	w.offered = 0;
}

static void send_all(void *unused)
{
	(void)unused;
	send_parcels(VALUES);
}

static void note(uint64_t value)
{
	explore_check(value < w.sent + w.offered, "nobody sent %llu", (unsigned long long)value);
	explore_check(++w.got[value] == 1, "%llu came twice", (unsigned long long)value);
}

/* Up to `count` messages, which are one's that come one after the other. */
static int receive(size_t count, const struct timespec *deadline)
{
	uint64_t values[VALUES];
	size_t done = 1;
	bool late = atom64_load_acq(&w.shut);
	uint32_t begun;
	int rc;

	explore_invoke();
	begun = explore_now();
	w.in_doubt[self()] = (uint32_t)count;
	if (!deadline)
		rc = stoa_receiver_recv(own_receiver(), values, sizeof *values, NULL, NULL);
	else if (count == 1)
		rc = stoa_receiver_pop(own_receiver(), values, sizeof *values, NULL);
	else
		rc = stoa_receiver_pop_many(own_receiver(), values, sizeof *values, NULL, count, &done);
	w.in_doubt[self()] = 0;
	explore_check(rc == STOA_OK || rc == STOA_EMPTY || rc == STOA_CLOSED, "a receiver is told %d", rc);
	explore_check(!late || rc == STOA_CLOSED, "a receiver is told %d after the shutdown", rc);
	for (size_t i = 0; rc == STOA_OK && i < done; i++)
		note(values[i]);
	explore_check(rc != STOA_OK || !w.closed || begun <= w.closed, "a message came after the end");
	if (rc == STOA_CLOSED && w.shape->how == STOA_DRAIN && !w.closed) {
		w.closed = explore_now();
		explore_respond();
	}
	return rc;
}

static void pop_one(void *unused)
{
	(void)unused;
	receive(1, &stoa_now);
}

static void pop_two(void *unused)
{
	pop_one(unused);
	pop_one(unused);
}

static void pop_many(void *unused)
{
	(void)unused;
	receive(VALUES - 1, &stoa_now);
}

static void pop_and_close(void *unused)
{
	pop_one(unused);
	close_own_receiver();
}

static void pop_and_close_and_wait(void *unused)
{
	pop_and_close(unused);
	explore_check(stoa_receiver_open(own_queue(), &queue_world.receivers[self()]) == 0, "no receiver");
	while (receive(1, NULL) == STOA_OK)
		;
}

static void pop_and_release(void *unused)
{
	struct stoa_message message;
	uint64_t values[PACK];
	uint32_t count;

	pop_one(unused);
	if (stoa_receiver_take(own_receiver(), &message, &stoa_now) != STOA_OK)
		return;
	count = message.count;
	explore_check(count <= PACK && message.size == count * sizeof *values, "%u messages of %zu bytes",
	              count, message.size);
	for (uint32_t i = 0; i < count; i++)
		values[i] = explore_get((const uint64_t *)message.bytes + i);
	w.in_doubt[self()] = count;
	explore_check(stoa_receiver_release(own_receiver(), &message) == 0, "release fails");
	w.in_doubt[self()] = 0;
	for (uint32_t i = 0; i < count; i++)
		note(values[i]);
}

static void pop_and_return(void *unused)
{
	struct stoa_message message;

	pop_one(unused);
	if (stoa_receiver_take(own_receiver(), &message, &stoa_now) == STOA_OK)
		explore_check(stoa_receiver_return(own_receiver(), &message) == 0, "return fails");
	pop_one(unused);
}

static void wait_for_one(void *unused)
{
	(void)unused;
	receive(1, NULL);
}

static void receive_all(void *unused)
{
	(void)unused;
	while (receive(1, NULL) == STOA_OK)
		;
}

static void shut_down(void *unused)
{
	(void)unused;
	explore_check(stoa_queue_shutdown(own_queue(), STOA_NOW) == 0, "no shutdown");
	atom64_store_rel(&w.shut, 1);
}

static void reap(void *unused)
{
	(void)unused;
	stoa_segment_reap(segment_world_own());
}

/* What the dead held is to be had. */
static void reap_and_pop(void *unused)
{
	reap(unused);
	pop_two(unused);
}

/* ---- worlds ---- */

static void open_handles(unsigned process)
{
	void (*does)(void *) = process > 1 ? w.shape->threads[process - 2] : NULL;

	queue_world_open(process);
	if (process == 1 || does == send_all)
		queue_world_open_sender(process);
	else if (does != reap && does != shut_down)
		queue_world_open_receiver(process);
}

static void set_up(void)
{
	const struct parcel_shape *shape = explore_parameters();
	struct stoa_queue_config config = {
		.struct_size = sizeof config,
		.capacity = 2,
		.message_size = sizeof(uint64_t),
		.handles = 4,
		.holds = shape->holds ? shape->holds : 1,
		.on_death = shape->on_death,
		.pack = PACK,
	};

	explore_process(1);
	explore_state(&w, sizeof w);
	w.shape = shape;
	queue_world_make(&config, queue_world_threads(shape->threads) + 1);
	open_handles(1);
	if (shape->waiting)
		send_parcels(shape->waiting);
	stoa_sender_close(queue_world.senders[1]);
	queue_world_start(shape->threads, shape->mortal, open_handles);
	if (shape->how == STOA_DRAIN)
		explore_check(stoa_queue_shutdown(queue_world.queues[1], STOA_DRAIN) == 0, "no shutdown");
}

/* Process 1 gets what is left.  A parcel that was offered in a call that did not return is there whole, or
 * not at all. */
static void check(void)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	unsigned lost = 0, doubt = 0;

	segment_world_audit(0);
	for (unsigned p = 2; p <= THREADS_MAX + 1; p++)
		doubt += explore_process_ended(p) ? w.in_doubt[p] : 0;
	queue_world_close_receivers();
	while (receive(1, &stoa_now) == STOA_OK)
		;
	explore_check(stoa_queue_stat(queue_world.queues[1], &stat) == 0 && !stat.held,
	              "%d are held by nobody", (int)stat.held);
	for (unsigned v = 0; v < VALUES; v++)
		lost += v < w.sent && !w.got[v];
	for (unsigned v = 0; v < VALUES && w.offered && !doubt && !w.shape->on_death; v += PACK)
		explore_check(w.got[v] == w.got[v + 1], "half of a parcel was sent");
	if (w.shape->on_death == STOA_DISCARD || w.shape->how == STOA_NOW)
		explore_check(lost <= doubt + PACK * stat.discarded, "%u lost, %d discarded", lost,
		              (int)stat.discarded);
	else
		explore_check(lost <= doubt, "%u lost", lost);
	explore_outcome("%u %u %u %u", w.got[0], w.got[1], w.got[2], w.got[3]);
}

#define PARCEL(id, words, deaths, ...)                                                                       \
	{                                                                                                    \
		.name = "parcel/" id, .about = words, .set_up = set_up, .check = check, .crashes = deaths,   \
		.parameters = &(const struct parcel_shape)                                                   \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario parcel_scenarios[] = {
	PARCEL("part", "one receives a parcel in parts or is killed, another gets the rest", 1, .waiting = 2,
	       .threads = { pop_two, reap_and_pop }, .mortal = { true }),
	PARCEL("part/discard", "the same, and the rest is discarded", 1, .on_death = STOA_DISCARD,
	       .waiting = 2, .threads = { pop_two, reap_and_pop }, .mortal = { true }),
	PARCEL("part/two", "two receive two parcels in parts, either may be killed", 1, .waiting = 4,
	       .threads = { pop_two, reap_and_pop }, .mortal = { true, true }),
	PARCEL("run", "one receives over the end of a parcel, and is killed", 1, .waiting = 4,
	       .threads = { pop_many, reap_and_pop }, .mortal = { true }),
	PARCEL("close", "one receives a part and closes or is killed, another receives", 1, .waiting = 2,
	       .threads = { pop_and_close, reap_and_pop }, .mortal = { true }),
	PARCEL("take", "one takes the rest in place or is killed, another receives", 1, .waiting = 2,
	       .threads = { pop_and_release, reap_and_pop }, .mortal = { true }),
	PARCEL("return", "one gives the rest back and receives it, or another, or is killed", 1, .waiting = 2,
	       .threads = { pop_and_return, reap_and_pop }, .mortal = { true }),
	PARCEL("send", "one sends two parcels and is killed, another receives", 1,
	       .threads = { send_all, pop_two }, .mortal = { true }),
	PARCEL("drain", "one receives a drained queue in parts or is killed, another waits for the end", 1,
	       .waiting = 2, .how = STOA_DRAIN, .threads = { pop_two, receive_all }, .mortal = { true }),
	PARCEL("drain/close", "one closes in a parcel of a drained queue, two wait for the end", 0,
	       .waiting = 2, .how = STOA_DRAIN, .threads = { pop_and_close, receive_all }),
	PARCEL("drain/again", "one closes in its parcel, opens and waits for the end, as another does", 0,
	       .waiting = 2, .how = STOA_DRAIN, .threads = { pop_and_close_and_wait, receive_all }),
	PARCEL("now/kill", "one receives in parts or is killed, another shuts down at once, a third reaps", 1,
	       .waiting = 2, .how = STOA_NOW, .threads = { pop_two, shut_down, reap }, .mortal = { true }),
	PARCEL("now/two", "one closes in its parcel, another receives, a third shuts down at once", 0,
	       .waiting = 2, .how = STOA_NOW, .threads = { pop_and_close, pop_two, shut_down }),
	PARCEL("now", "one receives in parts, another shuts down at once", 0, .waiting = 2, .how = STOA_NOW,
	       .threads = { pop_two, shut_down }),
	{ .name = "parcel/reapers",
	  .about = "one is killed in its parcel, two reap",
	  .set_up = set_up,
	  .check = check,
	  .crashes = 1,
	  .bounded = true,
	  .preemptions = 1,
	  .stale = 1,
	  .parameters = &(const struct parcel_shape){ .waiting = 2,
	                                              .threads = { pop_two, reap, reap },
	                                              .mortal = { true } } },
	{ .name = "parcel/chain",
	  .about = "one is killed in a parcel, who goes on there, too, a third gets the rest",
	  .set_up = set_up,
	  .check = check,
	  .crashes = 2,
	  .bounded = true,
	  .preemptions = 1,
	  .large = true,
	  .parameters = &(const struct parcel_shape){ .waiting = 2,
	                                              .threads = { pop_two, reap_and_pop, reap_and_pop },
	                                              .mortal = { true, true } } },
	{ .name = "parcel/wake",
	  .about = "two wait, and get a parcel each of one batch",
	  .set_up = set_up,
	  .check = check,
	  .bounded = true,
	  .preemptions = 1,
	  .stale = 1,
	  .parameters = &(const struct parcel_shape){ .threads = { send_all, wait_for_one, wait_for_one } } },
	{ 0 },
};
