/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run_feed.c - lines that others send, of stoa run --queue.
 *
 * Segment NAME with its queue is either there already, or made here, or left by a pool that was killed.  In
 * the last two cases the queue lives until stdin has ended and all that is in it is done.  The boss takes
 * messages under leases, hands them out as it does with the lines of stdin, and acknowledges each when all
 * units that have something of it are done.  If the boss dies they go to another pool at the same queue, or
 * wait for the next one.
 *
 * A receiver holds only so many leases as its queue allows, so there are as many receivers as it takes to
 * keep all workers busy, or as there are places for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gather.h"
#include "run.h"
#include "target.h"

#define FEED "lines"
#define FEED_CAPACITY 256
#define FEED_MESSAGE 4096
#define FEED_HOLDS 16
#define OTHERS 100 /* who send, at once */

/* ---- opening ---- */

static struct stoa_queue_config shape_of_feed(const struct run *run)
{
	const uint64_t longest = run->longest - !run->each;

	return (struct stoa_queue_config){
		.struct_size = sizeof(struct stoa_queue_config),
		.capacity = FEED_CAPACITY,
		.message_size = longest < FEED_MESSAGE ? longest : FEED_MESSAGE,
		.holds = FEED_HOLDS,
	};
}

static int make(struct run *run, uint64_t besides)
{
	const struct stoa_queue_config queue = shape_of_feed(run);
	struct stoa_segment_config segment = {
		.struct_size = sizeof segment,
		.participants = run_people(run) + OTHERS,
		.flags = STOA_EXCLUSIVE | STOA_UNLINK_LAST,
	};
	int rc = stoa_queue_footprint(&queue, &segment.bytes);

	segment.bytes += besides;
	if (!rc)
		rc = stoa_segment_create(run->name, &segment, &run->feed.segment);
	if (!rc)
		rc = stoa_queue_create(run->feed.segment, FEED, &queue, &run->feed.queue);
	run->feed.made = run->feed.ends_with_stdin = rc == 0;
	return rc;
}

/* The queue that is called so, or else the only one.  NULL: there is none; malloc'd. */
static char *name_of_queue(const struct stoa_segment *segment)
{
	struct stoa_object_info info = { .struct_size = sizeof info };
	char *name = NULL;
	unsigned queues = 0;

	for (uint32_t i = 0; stoa_segment_object(segment, i, &info) == 0; i++) {
		if (info.kind != STOA_KIND_QUEUE)
			continue;
		if (queues++ == 0 || strcmp(info.name, FEED) == 0) {
			free(name);
			name = must_have(strdup(info.name));
		}
	}
	if (queues > 1 && strcmp(name, FEED) != 0) {
		free(name);
		name = NULL;
	}
	return name;
}

/* The dead are reaped; nobody but us is there, and it goes with the last. */
static bool is_deserted(struct stoa_segment *segment)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };

	return stoa_segment_reap(segment) >= 0 && stoa_segment_info(segment, &info) == 0 &&
	       info.participants_alive == 1 && (info.flags & STOA_UNLINK_LAST);
}

/* It closes with its senders: it is closed, or has units that nobody took. */
static bool had_senders(struct stoa_queue *units)
{
	struct stoa_receiver *receiver;
	uint8_t nothing;
	size_t size;
	int rc = stoa_receiver_open(units, &receiver);

	if (rc)
		return false;
	rc = stoa_receiver_pop(receiver, &nothing, 0, &size);
	stoa_receiver_close(receiver);
	return rc == STOA_CLOSED || rc == -EMSGSIZE;
}

/* The pool that made it is dead: its queue of units has lost who sent, or it has not come to that. */
static bool is_orphan(struct stoa_segment *segment)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	struct stoa_queue *units;
	bool dead;
	int rc = stoa_segment_reap(segment);

	if (rc >= 0)
		rc = stoa_queue_open(segment, RUN_UNITS, NULL, &units);
	if (rc)
		return rc == -ENOENT && is_deserted(segment);
	rc = stoa_queue_stat(units, &stat);
	dead = rc == 0 && stat.senders == 0 && (had_senders(units) || is_deserted(segment));
	stoa_queue_close(units);
	return dead;
}

static int join(struct run *run)
{
	struct stoa_segment *segment = run->feed.segment;
	struct stoa_object_info first = { .struct_size = sizeof first };
	const struct stoa_queue_config shape = shape_of_feed(run);
	char *name = name_of_queue(segment);
	int rc;

	if (name)
		rc = stoa_queue_open(segment, name, NULL, &run->feed.queue);
	else if (stoa_segment_object(segment, 0, &first) == -ENOENT && is_deserted(segment))
		rc = stoa_queue_create(segment, FEED, &shape, &run->feed.queue); /* killed before it did */
	else
		return complain(run->name, "it has no queue that is called \"" FEED "\", and not just one");
	free(name);
	run->feed.ends_with_stdin = rc == 0 && is_orphan(segment);
	return rc ? complain_write(run->name, rc) : STATUS_OK;
}

static int open_receivers(struct run *run)
{
	struct stoa_queue_config shape = { .struct_size = sizeof shape };
	struct feed *feed = &run->feed;
	uint64_t most;
	int rc = stoa_queue_info(feed->queue, &shape);

	if (!rc && shape.message_size > run->longest - !run->each)
		rc = complain(run->name, "its messages may have %llu bytes, and that is more than --longest",
		              (unsigned long long)shape.message_size);
	if (rc > 0)
		return rc;
	feed->holds = shape.holds;
	most = (run->capacity + feed->holds - 1) / feed->holds;
	if (shape.receivers == STOA_ONE)
		most = 1;
	feed->receivers = must_have(calloc(most, sizeof *feed->receivers));
	feed->held = must_have(calloc(most, sizeof *feed->held));
	while (!rc && feed->count < most) {
		rc = stoa_receiver_open(feed->queue, &feed->receivers[feed->count]);
		feed->count += rc == 0;
	}
	if (rc == -EUSERS && feed->count)
		rc = 0; /* fewer will do */
	feed->fd = rc ? rc : stoa_queue_fd(feed->queue, STOA_READABLE);
	return feed->fd < 0 ? complain_write(run->name, feed->fd) : STATUS_OK;
}

int run_feed_open(struct run *run, uint64_t besides)
{
	int rc = stoa_segment_open(run->name, 0, &run->feed.segment), status = STATUS_OK;

	if (rc == 0)
		status = join(run);
	else if (rc == -ENOENT)
		rc = make(run, besides);
	if (rc)
		return complain_write(run->name, rc);
	return status ? status : open_receivers(run);
}

/* ---- taking ---- */

static int receiver_with_room(const struct feed *feed)
{
	for (uint32_t i = 0; i < feed->count; i++) {
		if (feed->held[i] < feed->holds)
			return (int)i;
	}
	return -1;
}

bool run_feed_may_take(const struct feed *feed)
{
	return feed->fd >= 0 && !feed->ended && (feed->lease || receiver_with_room(feed) >= 0);
}

static void let_go(struct feed *feed, struct lease *lease, bool done)
{
	lease->undone |= !done;
	if (--lease->units)
		return;
	for (uint32_t i = 0; i < feed->count; i++)
		feed->held[i] -= feed->receivers[i] == lease->receiver;
	(lease->undone ? stoa_receiver_return : stoa_receiver_release)(lease->receiver, &lease->message);
	free(lease);
}

static uint64_t messages_of(const struct lease *lease)
{
	return lease->message.count ? lease->message.count : 1;
}

static bool take(struct run *run)
{
	struct feed *feed = &run->feed;
	int which = receiver_with_room(feed), rc;
	struct lease *lease;

	if (which < 0 || feed->ended)
		return false;
	lease = must_have(calloc(1, sizeof *lease));
	lease->receiver = feed->receivers[which];
	do {
		rc = stoa_receiver_take(lease->receiver, &lease->message, &stoa_now);
	} while (rc == -EINTR);
	if (rc == 0) {
		lease->units = 1;
		feed->held[which]++;
		feed->lease = lease;
		feed->at = 0;
		return true;
	}
	free(lease);
	feed->ended = rc == STOA_CLOSED;
	if (rc < 0) {
		complain_write(run->name, rc);
		run->broken = true;
	}
	return false;
}

bool run_feed_next(struct run *run, const void **line, size_t *size, struct lease **lease)
{
	struct feed *feed = &run->feed;

	if (feed->fd < 0)
		return false;
	if (feed->lease && feed->at == messages_of(feed->lease)) {
		let_go(feed, feed->lease, true);
		feed->lease = NULL;
	}
	if (!feed->lease && !take(run))
		return false;
	*size = feed->lease->message.size / messages_of(feed->lease);
	*line = (const uint8_t *)feed->lease->message.bytes + feed->at++ * *size;
	*lease = feed->lease;
	return true;
}

void run_feed_shut(struct run *run)
{
	if (run->feed.ends_with_stdin)
		stoa_queue_shutdown(run->feed.queue, STOA_DRAIN);
}

/* ---- leases ---- */

void run_claim(struct claim **claims, struct lease *lease)
{
	struct claim *claim;

	if (!lease || (*claims && (*claims)->lease == lease))
		return;
	claim = must_have(malloc(sizeof *claim));
	*claim = (struct claim){ .lease = lease, .next = *claims };
	lease->units++;
	*claims = claim;
}

void run_settle_claims(struct run *run, struct claim *claims, bool done)
{
	while (claims) {
		struct claim *next = claims->next;

		let_go(&run->feed, claims->lease, done);
		free(claims);
		claims = next;
	}
}

void run_feed_close(struct run *run)
{
	struct feed *feed = &run->feed;

	if (feed->lease)
		let_go(feed, feed->lease, feed->at == messages_of(feed->lease));
	for (uint32_t i = 0; i < feed->count; i++)
		stoa_receiver_close(feed->receivers[i]);
	free(feed->receivers);
	free(feed->held);
	stoa_queue_close(feed->queue);
	stoa_segment_close(feed->segment);
}
