/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole queues in a segment, over either ring: senders and receivers that are opened, closed and killed, a
 * shutdown beside them, and receivers that wait.
 *
 * Each process sends its own numbers.  What was sent is received once, in order, at most; whoever drains the
 * queue in the end gets all that nobody has had, unless it was shut down at once.  Who is told that the queue
 * is closed has been told that nobody gets anything any more.
 */
#include <errno.h>

#include "atomic.h"
#include "queue_world.h"
#include "scenarios.h"
#include "segment_world.h"

#define VALUES 16u

struct queue_shape {
	uint32_t senders, receivers, flags, handles, capacity, on_death;
	unsigned how;      /* STOA_DRAIN, STOA_NOW: somebody shuts it down; 0: nobody does */
	unsigned messages; /* of each sender */
	unsigned waiting;  /* that process 1 has sent before */
	bool first;        /* the handle of process 1 was the first, and is free */
	bool drained;      /* it was shut down before, too */
	void (*threads[THREADS_MAX])(void *);
	bool mortal[THREADS_MAX];
};

static struct world {
	const struct queue_shape *shape;
	int pushed[VALUES]; /* what push said; -EINPROGRESS: it was killed in it; 1 more: not tried */
	uint8_t got[VALUES];
	uint64_t last[EXPLORE_PROCESSES_MAX + 1];
	bool shut;                             /* the shutdown has returned */
	bool knows[EXPLORE_PROCESSES_MAX + 1]; /* the process, at its latest call, that it was shut down */
	uint32_t closed;                       /* step behind the first receiver's being told */
	/* It receives, or releases: a message may be got and not noted. */
	bool in_doubt[EXPLORE_PROCESSES_MAX + 1];
	uint64_t told;      /* plain: written before the shutdown */
	struct atom64 done; /* somebody's, for whoever looks */
	bool over;          /* all threads have ended */
} w;

static unsigned self(void)
{
	return explore_own_process();
}

/* ---- what processes do ---- */

/* A call begins: at which step. */
static uint32_t begin(void)
{
	if (w.over)
		return UINT32_MAX;
	explore_invoke();
	w.knows[self()] = w.shape->how && atom64_load_acq(&w.done);
	return explore_now();
}

static void send_all(void *unused)
{
	(void)unused;
	for (unsigned n = 0; n < w.shape->messages; n++) {
		uint64_t value = self() * 4 + n;

		begin();
		w.pushed[value] = -EINPROGRESS;
		w.pushed[value] = stoa_sender_push(own_sender(), &value, sizeof value);
		explore_check(w.pushed[value] >= 0, "push says %d", w.pushed[value]);
		explore_check(!w.knows[self()] || w.pushed[value] == STOA_CLOSED,
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

static void note_closed(void)
{
	if (!w.closed) {
		w.closed = explore_now();
		explore_respond();
	}
	if (w.shape->how)
		explore_check(explore_get(&w.told) == 1, "closed, and nobody has closed it");
}

/* What a receiver is told that asked at step `begun`. */
static void expect(int rc, uint32_t begun)
{
	bool at_once = w.shape->how == STOA_NOW && (w.over ? w.shut : w.knows[self()]);

	explore_check(rc != STOA_OK || !w.closed || begun <= w.closed, "a message came after the end");
	explore_check(!at_once || rc == STOA_CLOSED, "a receiver is told %d after the shutdown", rc);
	if (rc == STOA_CLOSED)
		note_closed();
}

static int receive_one(const struct timespec *deadline)
{
	uint32_t begun = begin();
	uint64_t value;
	size_t size;
	int rc;

	w.in_doubt[self()] = true;
	if (deadline) /* now: the short way */
		rc = stoa_receiver_pop(own_receiver(), &value, sizeof value, &size);
	else
		rc = stoa_receiver_recv(own_receiver(), &value, sizeof value, &size, NULL);
	w.in_doubt[self()] = false;
	expect(rc, begun);
	if (rc == STOA_OK)
		note(value, size);
	return rc;
}

static bool take_one(struct stoa_message *message)
{
	uint32_t begun = begin();
	int rc = stoa_receiver_take(own_receiver(), message, &stoa_now);

	expect(rc, begun);
	return rc == STOA_OK;
}

static void take_and_release(void *unused)
{
	struct stoa_message message;
	uint64_t value;

	(void)unused;
	if (!take_one(&message))
		return;
	value = explore_get(message.bytes);
	w.in_doubt[self()] = true;
	explore_check(stoa_receiver_release(own_receiver(), &message) == 0, "release fails");
	w.in_doubt[self()] = false;
	note(value, sizeof value);
}

static void take_and_return(void *unused)
{
	struct stoa_message message;

	(void)unused;
	if (take_one(&message))
		explore_check(stoa_receiver_return(own_receiver(), &message) == 0, "return fails");
	atom64_store_rel(&w.done, 1);
}

/* There is one message, and whoever has done gave it back. */
static void receive_what_is_back(void *unused)
{
	(void)unused;
	if (receive_one(&stoa_now) == STOA_EMPTY && atom64_load_acq(&w.done))
		explore_check(receive_one(&stoa_now) == STOA_OK, "what came back is not to be had");
}

static void take_and_keep(void *unused)
{
	struct stoa_message message;

	(void)unused;
	take_one(&message);
	explore_pause();
}

static void reap(void *unused)
{
	(void)unused;
	stoa_segment_reap(segment_world_own());
}

static void take_and_close(void *unused)
{
	struct stoa_message message;

	(void)unused;
	take_one(&message);
	close_own_receiver();
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

static void receive_and_close(void *unused)
{
	receive_some(unused);
	close_own_receiver();
}

/* Where there is a place for it. */
static void open_and_receive(void *unused)
{
	int rc = stoa_receiver_open(own_queue(), &queue_world.receivers[self()]);

	explore_check(rc == 0 || rc == -EBUSY, "no receiver: %d", rc);
	if (!rc)
		receive_some(unused);
}

static void shut_down(void *unused)
{
	(void)unused;
	explore_set(&w.told, 1);
	explore_check(stoa_queue_shutdown(own_queue(), w.shape->how) == 0, "no shutdown");
	w.shut = true;
	atom64_store_rel(&w.done, 1);
}

static void send_and_close(void *unused)
{
	send_all(unused);
	stoa_sender_close(own_sender());
}

static void drain(void *unused)
{
	(void)unused;
	explore_check(stoa_queue_shutdown(own_queue(), STOA_DRAIN) == 0, "no shutdown");
}

/* Where there is a place for it. */
static void open_and_send(void *unused)
{
	int rc = stoa_sender_open(own_queue(), &queue_world.senders[self()]);

	explore_check(rc == 0 || rc == -EBUSY, "no sender: %d", rc);
	if (!rc)
		send_and_close(unused);
}

static void open_and_stay(void *unused)
{
	(void)unused;
	explore_check(stoa_sender_open(own_queue(), &queue_world.senders[self()]) == 0, "no sender");
	atom64_store_rel(&w.done, 1);
}

static void close_when_done(void *unused)
{
	(void)unused;
	if (atom64_load_acq(&w.done))
		stoa_sender_close(own_sender());
}

static void open_and_close(void *unused)
{
	struct stoa_sender *sender;
	int rc = stoa_sender_open(own_queue(), &sender);

	(void)unused;
	explore_check(rc == 0 || rc == -EBUSY || rc == -EUSERS, "no sender: %d", rc);
	if (!rc)
		stoa_sender_close(sender);
}

/* ---- worlds ---- */

static void open_handles(unsigned process)
{
	void (*does)(void *) = process > 1 ? w.shape->threads[process - 2] : NULL;

	queue_world_open(process);
	if (does == send_all || does == send_and_close || does == close_when_done)
		queue_world_open_sender(process);
	if (does == receive_some || does == receive_all || does == receive_and_close ||
	    does == take_and_release || does == take_and_return || does == take_and_close ||
	    does == take_and_keep || does == receive_what_is_back)
		queue_world_open_receiver(process);
}

/* What was there before the threads began. */
static void send_before(void)
{
	queue_world_open_sender(1);
	for (uint64_t value = 4; value < 4 + w.shape->waiting; value++) {
		w.pushed[value] = stoa_sender_push(queue_world.senders[1], &value, sizeof value);
		explore_check(w.pushed[value] == 0, "no room");
	}
}

static void set_up(void)
{
	const struct queue_shape *shape = explore_parameters();
	struct stoa_queue_config config = {
		.struct_size = sizeof config,
		.capacity = shape->capacity ? shape->capacity : 1,
		.message_size = sizeof(uint64_t),
		.senders = shape->senders,
		.receivers = shape->receivers,
		.handles = shape->handles,
		.holds = 1,
		.on_death = shape->on_death,
		.flags = shape->flags,
	};

	explore_process(1);
	explore_state(&w, sizeof w);
	w.shape = shape;
	for (unsigned v = 0; v < VALUES; v++)
		w.pushed[v] = 1;
	explore_name(&w.told, 8, 1, "told");
	queue_world_make(&config, queue_world_threads(shape->threads) + 1);
	open_handles(1);
	if (shape->waiting || shape->first)
		send_before();
	queue_world_start(shape->threads, shape->mortal, open_handles);
	stoa_sender_close(queue_world.senders[1]);
	if (shape->drained)
		drain(NULL);
}

/* How many messages may be missing: those that the dead were just getting, or held and are counted. */
static unsigned missing(void)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	unsigned most = 0;

	explore_check(stoa_queue_stat(queue_world.queues[1], &stat) == 0, "no stat");
	explore_check(!w.shape->on_death || !stat.held, "%d held by nobody", (int)stat.held);
	for (unsigned p = 2; p <= THREADS_MAX + 1; p++)
		most += explore_process_ended(p) && w.in_doubt[p];
	return most + (w.shape->on_death == STOA_DISCARD ? (unsigned)stat.discarded : 0);
}

static uint32_t shut_how(void)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };

	explore_check(stoa_queue_stat(queue_world.queues[1], &stat) == 0, "no stat");
	return stat.shutdown;
}

/* A sender counts from the moment it has its place. */
static void check_ended(void)
{
	segment_world_audit(0);
	explore_process(1);
	explore_check(!queue_world.queues[1]->view.shared->sole[QUEUE_SENDS].raw || shut_how() == STOA_DRAIN,
	              "the last sender is gone, and the queue is open");
}

static void check_open(void)
{
	segment_world_audit(0);
	explore_process(1);
	explore_check(shut_how() == 0, "a sender is there, and the queue has ended");
}

/* Process 1 gets what is left.  Nothing is missing, unless it was shut down at once. */
static void check(void)
{
	unsigned lost = 0;

	w.over = true;
	segment_world_audit(0);
	queue_world_close_receivers();
	while (receive_one(&stoa_now) == STOA_OK)
		;
	for (unsigned v = 0; v < VALUES; v++) {
		lost += w.pushed[v] == STOA_OK && w.shape->how != STOA_NOW && !w.got[v];
		explore_check(!w.got[v] || w.pushed[v] == STOA_OK || w.pushed[v] == -EINPROGRESS,
		              "%u was refused, and came", v);
	}
	explore_check(!w.shut || shut_how() == w.shape->how, "it is not shut down as it was");
	explore_check(!lost || lost <= missing(), "%u lost", lost);
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
		explore_check(stoa_sender_open(queue_world.queues[1], &sender) == 0, "handle %u is lost", n);
	explore_check(stoa_sender_open(queue_world.queues[1], &sender) != 0, "one handle too many");
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
	QUEUE("last-sender/opening", "the only sender is killed while it opens", 1, check_ended, SOLE,
	      .flags = STOA_CLOSE_WITH_SENDERS, .threads = { open_and_close }, .mortal = { true }),
	QUEUE("last-sender/not", "one opens, then one closes, and so does a third", 0, check_open,
	      .handles = 4, .first = true, .flags = STOA_CLOSE_WITH_SENDERS,
	      .threads = { close_when_done, open_and_stay, send_and_close }),
	QUEUE("drain/now", "one drains it, one shuts it down at once", 0, check, .handles = 3,
	      .how = STOA_NOW, .messages = 1, .waiting = 1, .threads = { drain, receive_some, shut_down }),
	QUEUE("drain/now/1p1c", "the same over the SPSC ring", 0, check, SOLE, .handles = 3, .how = STOA_NOW,
	      .messages = 1, .waiting = 1, .threads = { drain, receive_some, shut_down }),
	QUEUE("relay/sender", "the only sender closes or is killed, another comes", 1, check, SOLE,
	      .capacity = 2, .messages = 1, .threads = { send_and_close, open_and_send }, .mortal = { true }),
	QUEUE("relay/receiver", "the only receiver closes or is killed, another comes", 1, check, SOLE,
	      .capacity = 2, .messages = 1, .waiting = 2, .threads = { receive_and_close, open_and_receive },
	      .mortal = { true }),
	QUEUE("lease/release", "one takes and releases, or is killed; one waits for the end", 1, check,
	      .handles = 3, .messages = 1, .waiting = 1, .drained = true,
	      .threads = { take_and_release, receive_all }, .mortal = { true }),
	QUEUE("lease/return", "one takes and gives back, or is killed; one waits for the end", 1, check,
	      .handles = 3, .messages = 1, .waiting = 1, .drained = true,
	      .threads = { take_and_return, receive_all }, .mortal = { true }),
	QUEUE("lease/back", "one takes and gives back, another is told and looks again", 0, check,
	      .handles = 3, .messages = 1, .waiting = 1,
	      .threads = { take_and_return, receive_what_is_back }),
	QUEUE("lease/close", "one takes and closes, or is killed; one waits for the end", 1, check,
	      .handles = 3, .messages = 1, .waiting = 1, .drained = true,
	      .threads = { take_and_close, receive_all }, .mortal = { true }),
	QUEUE("lease/discard", "the same, and what the dead one held is discarded", 1, check, .handles = 3,
	      .messages = 1, .waiting = 1, .drained = true, .on_death = STOA_DISCARD,
	      .threads = { take_and_release, receive_all }, .mortal = { true }),
	QUEUE("lease/relay", "the only receiver takes and closes or is killed, another comes", 1, check, SOLE,
	      .capacity = 2, .messages = 2, .waiting = 2, .threads = { take_and_close, open_and_receive },
	      .mortal = { true }),
	QUEUE("handles", "two want the only handle", 0, check_handles, .handles = 1,
	      .threads = { open_and_close, open_and_close }),
	QUEUE("handles/killed", "one is killed while it opens or closes", 1, check_handles, .handles = 2,
	      .threads = { open_and_close, open_and_close }, .mortal = { true }),
	QUEUE("handles/one", "the place of the only sender", 1, check_handles, .senders = STOA_ONE,
	      .handles = 2, .threads = { open_and_close, open_and_close }, .mortal = { true }),
	{ .name = "queue/last-sender/late",
	  .about = "the last sender closes or is killed while another comes, one waits",
	  .set_up = set_up,
	  .check = check,
	  .crashes = 1,
	  .bounded = true,
	  .preemptions = 1,
	  .stale = 1,
	  .parameters = &(
		  const struct queue_shape){ .handles = 4,
	                                     .capacity = 2,
	                                     .messages = 1,
	                                     .flags = STOA_CLOSE_WITH_SENDERS,
	                                     .threads = { send_and_close, open_and_send, receive_all },
	                                     .mortal = { true } } },
	{ .name = "queue/lease/reapers",
	  .about = "who has taken one is killed, two reap",
	  .set_up = set_up,
	  .check = check,
	  .crashes = 1,
	  .bounded = true,
	  .preemptions = 1,
	  .stale = 1,
	  .parameters = &(const struct queue_shape){ .handles = 4,
	                                             .messages = 1,
	                                             .waiting = 1,
	                                             .threads = { take_and_keep, reap, reap },
	                                             .mortal = { true } } },
	{ 0 },
};
