/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole queues in a segment, over either ring: senders and receivers that are opened, closed and killed, a
 * shutdown beside them, and receivers that wait.
 *
 * Each process sends its own numbers.  What was sent is received once, in order, at most; whoever drains the
 * queue in the end gets all that nobody has had, unless it was shut down at once.
 */
#include <errno.h>

#include <stoa/queue.h>

#include "scenarios.h"
#include "segment_world.h"

#define VALUES 16u

struct queue_shape {
	uint32_t senders, receivers, flags, handles;
	unsigned how;      /* STOA_DRAIN, STOA_NOW: somebody shuts it down; 0: nobody does */
	unsigned messages; /* of each sender */
	void (*threads[3])(void *);
	bool mortal[3];
};

static struct world {
	const struct queue_shape *shape;
	struct stoa_queue *queues[EXPLORE_PROCESSES_MAX + 1];
	struct stoa_sender *senders[EXPLORE_PROCESSES_MAX + 1];
	struct stoa_receiver *receivers[EXPLORE_PROCESSES_MAX + 1];
	int pushed[VALUES]; /* what push said; -EINPROGRESS: it was killed in it; 1 more: not tried */
	uint8_t got[VALUES];
	uint64_t last[EXPLORE_PROCESSES_MAX + 1];
	uint32_t shut; /* step behind the shutdown */
} w;

static unsigned self(void)
{
	return explore_own_process();
}

/* ---- what processes do ---- */

static void send_all(void *unused)
{
	(void)unused;
	for (unsigned n = 0; n < w.shape->messages; n++) {
		uint64_t value = self() * 4 + n;
		uint32_t begun = explore_now();

		w.pushed[value] = -EINPROGRESS;
		w.pushed[value] = stoa_sender_push(w.senders[self()], &value, sizeof value);
		explore_check(w.pushed[value] >= 0, "push says %d", w.pushed[value]);
		explore_check(!w.shut || begun <= w.shut || w.pushed[value] == STOA_CLOSED,
		              "a push after the shutdown says %d", w.pushed[value]);
	}
}

static void note(uint64_t value, size_t size)
{
	explore_check(size == sizeof value && value < VALUES && w.pushed[value] != 1, "nobody sent %llu",
	              (unsigned long long)value);
	explore_check(++w.got[value] == 1, "%llu came twice", (unsigned long long)value);
	explore_check(value > w.last[value / 4], "%llu came after %llu", (unsigned long long)value,
	              (unsigned long long)w.last[value / 4]);
	w.last[value / 4] = value;
}

static int receive_one(const struct timespec *deadline)
{
	uint64_t value;
	size_t size;
	int rc = stoa_receiver_recv(w.receivers[self()], &value, sizeof value, &size, deadline);

	if (rc == STOA_OK)
		note(value, size);
	return rc;
}

static void receive_some(void *unused)
{
	(void)unused;
	for (unsigned n = 0; n < w.shape->messages; n++)
		receive_one(&stoa_now);
}

/* Until the queue is closed: so long as somebody lives who could send, that is. */
static void receive_all(void *unused)
{
	int rc;

	(void)unused;
	while ((rc = receive_one(NULL)) == STOA_OK)
		;
	explore_check(rc == STOA_CLOSED, "a receiver that waits is told %d", rc);
}

static void shut_down(void *unused)
{
	(void)unused;
	explore_check(stoa_queue_shutdown(w.queues[self()], w.shape->how) == 0, "no shutdown");
	w.shut = explore_now();
}

static void send_and_close(void *unused)
{
	send_all(unused);
	stoa_sender_close(w.senders[self()]);
}

static void open_and_close(void *unused)
{
	struct stoa_sender *sender;
	int rc = stoa_sender_open(w.queues[self()], &sender);

	(void)unused;
	explore_check(rc == 0 || rc == -EBUSY || rc == -EUSERS, "no sender: %d", rc);
	if (!rc)
		stoa_sender_close(sender);
}

/* ---- worlds ---- */

static void open_handles(unsigned process)
{
	void (*does)(void *) = process > 1 ? w.shape->threads[process - 2] : NULL;

	explore_process(process);
	explore_check(stoa_queue_open(segment_world_own(), "q", NULL, &w.queues[process]) == 0, "no queue");
	if (does == send_all || does == send_and_close)
		explore_check(stoa_sender_open(w.queues[process], &w.senders[process]) == 0, "no sender");
	if (does == receive_some || does == receive_all)
		explore_check(stoa_receiver_open(w.queues[process], &w.receivers[process]) == 0,
		              "no receiver");
}

static void set_up(void)
{
	static const char *const names[] = { "one", "two", "three" };
	const struct queue_shape *shape = explore_parameters();
	struct stoa_queue_config config = {
		.struct_size = sizeof config,
		.capacity = 1,
		.message_size = sizeof(uint64_t),
		.senders = shape->senders,
		.receivers = shape->receivers,
		.handles = shape->handles,
		.holds = 1,
		.flags = shape->flags,
	};
	unsigned threads = 0;
	struct stoa_queue *first;

	while (threads < 3 && shape->threads[threads])
		threads++;
	explore_process(1);
	explore_state(&w, sizeof w);
	w.shape = shape;
	for (unsigned v = 0; v < VALUES; v++)
		w.pushed[v] = 1;
	segment_world_make(threads + 1, 1, 8192, threads + 1);
	explore_process(1);
	explore_check(stoa_queue_create(segment_world_own(), "q", &config, &first) == 0, "no queue");
	for (unsigned t = 0; t < threads; t++) {
		open_handles(t + 2);
		(shape->mortal[t] ? explore_mortal : explore_thread)(names[t], shape->threads[t], NULL);
	}
	open_handles(1);
}

/* Process 1 gets what is left.  Nothing is missing, unless it was shut down at once. */
static void check(void)
{
	segment_world_audit(0);
	explore_process(1);
	for (unsigned p = 2; p <= 4; p++) {
		explore_process(p);
		if (w.receivers[p] && !explore_process_ended(p))
			stoa_receiver_close(w.receivers[p]);
	}
	explore_process(1);
	explore_check(stoa_receiver_open(w.queues[1], &w.receivers[1]) == 0, "the receiver's place is lost");
	while (receive_one(&stoa_now) == STOA_OK)
		;
	for (unsigned v = 0; v < VALUES; v++) {
		explore_check(w.pushed[v] != STOA_OK || w.shape->how == STOA_NOW || w.got[v] == 1,
		              "%u is lost", v);
		explore_check(!w.got[v] || w.pushed[v] == STOA_OK || w.pushed[v] == -EINPROGRESS,
		              "%u was refused, and came", v);
	}
	explore_outcome("%d %d %d, %u %u", w.pushed[8], w.pushed[9], w.pushed[12], w.got[8], w.last[3] != 0);
}

/* All handles can be had again, though the slot of the dead one has a new owner. */
static void check_handles(void)
{
	struct stoa_sender *sender;

	segment_world_audit(0);
	explore_process(5); /* takes the slot of the dead one, and nothing of what that had */
	segment_world_open();
	explore_process(1);
	for (unsigned n = 0; n < (w.shape->senders == STOA_ONE ? 1 : w.shape->handles); n++)
		explore_check(stoa_sender_open(w.queues[1], &sender) == 0, "handle %u is lost", n);
	explore_check(stoa_sender_open(w.queues[1], &sender) != 0, "one handle too many");
}

#define QUEUE(id, words, deaths, checks, ...)                                                                \
	{                                                                                                    \
		.name = "queue/" id, .about = words, .set_up = set_up, .check = checks, .crashes = deaths,   \
		.parameters = &(const struct queue_shape)                                                    \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}
#define SOLE .senders = STOA_ONE, .receivers = STOA_ONE

const struct explore_scenario queue_scenarios[] = {
	QUEUE("drain", "one sends, one receives, one shuts down: nothing is lost", 0, check, .handles = 3,
	      .how = STOA_DRAIN, .messages = 1, .threads = { send_all, receive_some, shut_down }),
	QUEUE("drain/1p1c", "the same over the SPSC ring", 0, check, SOLE, .handles = 3, .how = STOA_DRAIN,
	      .messages = 1, .threads = { send_all, receive_some, shut_down }),
	QUEUE("now", "shut down at once: nothing is sent after", 0, check, .handles = 3, .how = STOA_NOW,
	      .messages = 1, .threads = { send_all, receive_some, shut_down }),
	QUEUE("now/1p1c", "the same over the SPSC ring", 0, check, SOLE, .handles = 3, .how = STOA_NOW,
	      .messages = 1, .threads = { send_all, receive_some, shut_down }),
	QUEUE("last-sender", "the last sender closes, one waits", 0, check, .handles = 3, .messages = 1,
	      .flags = STOA_CLOSE_WITH_SENDERS, .threads = { send_and_close, receive_all }),
	QUEUE("last-sender/killed", "the last sender is killed, one waits", 1, check, .handles = 3,
	      .messages = 1, .flags = STOA_CLOSE_WITH_SENDERS, .threads = { send_and_close, receive_all },
	      .mortal = { true }),
	QUEUE("last-sender/1p1c", "the same over the SPSC ring", 1, check, SOLE, .handles = 3, .messages = 1,
	      .flags = STOA_CLOSE_WITH_SENDERS, .threads = { send_and_close, receive_all },
	      .mortal = { true }),
	QUEUE("handles", "two want the only handle", 0, check_handles, .handles = 1,
	      .threads = { open_and_close, open_and_close }),
	QUEUE("handles/killed", "one is killed while it opens or closes", 1, check_handles, .handles = 2,
	      .threads = { open_and_close, open_and_close }, .mortal = { true }),
	QUEUE("handles/one", "the place of the only sender", 1, check_handles, .senders = STOA_ONE,
	      .handles = 2, .threads = { open_and_close, open_and_close }, .mortal = { true }),
	{ 0 },
};
