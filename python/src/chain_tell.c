/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * chain_tell.c - how a chain stands, its end, its tasks, its descriptor.
 */
#include "chain_parts.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LOOKS 100
#define SLICE_NS 100000000ll
#define TICK_NS 100000000l

/* ---- stat ---- */

static void sum_up(struct stoa_queue_stat *sum, const struct stoa_queue_stat *stat)
{
	sum->length += stat->length;
	sum->held += stat->held;
	sum->sent += stat->sent;
	sum->received += stat->received;
	sum->redelivered += stat->redelivered;
	sum->discarded += stat->discarded;
	sum->senders = stat->senders;
	sum->receivers = stat->receivers;
	sum->shutdown = stat->shutdown;
	sum->capacity = stat->capacity;
	sum->message_size = stat->message_size;
}

/* What is asked of each ring: its numbers, or its length alone. */
typedef int look_function(const struct stoa_queue *queue, struct stoa_queue_stat *stat);

static int look_at_length(const struct stoa_queue *queue, struct stoa_queue_stat *stat)
{
	int rc = stoa_queue_length(queue, &stat->length);

	return rc < 0 ? rc : 0;
}

static int stat_ring(struct chain *chain, uint32_t number, look_function *look, struct stoa_queue_stat *sum)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	bool had = has_ring(chain, number);
	struct ring *ring;
	int rc = get_ring(chain, number, false, &ring);

	if (rc)
		return rc;
	rc = look(ring->queue, &stat);
	if (!had)
		forget_ring(chain, number);
	ring_leave(ring);
	if (rc == 0)
		sum_up(sum, &stat);
	return rc;
}

/* As chain_stat(); STOA_CHANGED where rings have come or gone meanwhile. */
static int stat_once(struct chain *chain, look_function *look, struct stoa_queue_stat *sum)
{
	uint64_t tail = load_tail(chain);
	struct finished before, after;
	int rc = chain->closed ? -ESHUTDOWN : stoa_value_load(chain->finished, &before);

	if (rc)
		return rc;
	*sum = (struct stoa_queue_stat){ .struct_size = sizeof *sum };
	for (uint64_t k = before.first; rc == 0 && k <= NUMBER(tail); k++) {
		if (!in_finished(&before, (uint32_t)k))
			rc = stat_ring(chain, (uint32_t)k, look, sum);
	}
	if (chain->closed)
		return -ESHUTDOWN;
	if (rc)
		return rc == -ENOENT ? STOA_CHANGED : rc;
	rc = stoa_value_load(chain->finished, &after);
	sum->sent += after.sent; /* less what was discarded */
	sum->received += after.sent;
	return rc                                                                   ? rc
	       : memcmp(&before, &after, sizeof before) || load_tail(chain) != tail ? STOA_CHANGED
	                                                                            : 0;
}

/* STOA_CHANGED: it grows and shrinks all the time, and the numbers are of several moments. */
static int stat_rings(struct chain *chain, look_function *look, struct stoa_queue_stat *stat)
{
	int rc = STOA_CHANGED;

	for (int i = 0; rc == STOA_CHANGED && i < LOOKS; i++)
		rc = stat_once(chain, look, stat);
	return rc;
}

int chain_stat(struct chain *chain, struct stoa_queue_stat *stat)
{
	if (chain->closed)
		return -ESHUTDOWN;
	return chain->unbounded ? stat_rings(chain, stoa_queue_stat, stat)
	                        : stoa_queue_stat(chain->send->queue, stat);
}

int chain_length(struct chain *chain, uint64_t *length)
{
	struct stoa_queue_stat stat = { 0 };
	int rc;

	if (chain->closed)
		return -ESHUTDOWN;
	if (!chain->unbounded)
		return stoa_queue_length(chain->send->queue, length);
	rc = stat_rings(chain, look_at_length, &stat);
	*length = stat.length;
	return rc;
}

/* ---- shutdown ---- */

/* No ring comes any more: the number of the last one. */
static int shut_tail(struct chain *chain, uint32_t *last)
{
	uint64_t tail = load_tail(chain), desired;
	int rc = STOA_CHANGED;

	while (rc == STOA_CHANGED && !(tail & SHUT)) {
		desired = tail | SHUT;
		rc = stoa_array_compare_exchange(chain->words, CHAIN_TAIL, &tail, &desired);
	}
	*last = NUMBER(tail);
	return rc == STOA_CHANGED ? 0 : rc;
}

int chain_shutdown(struct chain *chain, unsigned how)
{
	uint32_t last, number;
	uint64_t k;
	int rc;

	if (chain->closed)
		return -ESHUTDOWN;
	if (!chain->unbounded)
		return stoa_queue_shutdown(chain->send->queue, how);
	rc = shut_tail(chain, &last);
	for (k = how == STOA_NOW ? next_unfinished(chain, 0, last) : last; rc == 0 && k <= last; k++) {
		struct ring *ring;
		bool had;

		number = (uint32_t)k;
		had = has_ring(chain, number);
		if (is_finished(chain, number))
			continue;
		rc = get_ring(chain, number, false, &ring);
		if (rc == -ENOENT && number != last) {
			if (!is_gone(chain, number, rc))
				k = last - 1; /* it has vanished, and so may all up to the last one have */
			rc = 0;
			continue;
		}
		if (rc == 0) {
			rc = stoa_queue_shutdown(ring->queue, how);
			if (!had)
				forget_ring(chain, number);
			ring_leave(ring);
		}
	}
	return rc;
}

/* ---- tasks ---- */

static int tasks_sent(struct chain *chain, uint64_t *sent)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	int rc = chain_stat(chain, &stat);

	*sent = stat.sent - stat.discarded;
	return rc < 0 ? rc : 0;
}

int chain_task_done(struct chain *chain)
{
	uint64_t done, more;
	int rc = chain->closed || !chain->done ? -ESHUTDOWN : stoa_value_load(chain->done, &done);

	while (rc == 0) {
		if (done >= chain->sent_at_least) {
			rc = tasks_sent(chain, &chain->sent_at_least);
			if (rc || done >= chain->sent_at_least)
				return rc ? rc : STOA_FULL;
		}
		more = done + 1;
		rc = stoa_value_compare_exchange(chain->done, &done, &more);
		if (rc != STOA_CHANGED)
			return rc;
		rc = 0;
	}
	return rc;
}

struct joining {
	struct stoa_value *done;
	uint64_t seen;
};

static int wait_for_more(void *context, const struct timespec *deadline)
{
	struct joining *joining = context;

	return stoa_value_wait(joining->done, &joining->seen, deadline);
}

int chain_join(struct chain *chain, const struct timespec *deadline)
{
	struct joining joining;
	uint64_t sent;
	int rc;

	if (chain->closed || !chain->done)
		return -ESHUTDOWN;
	/* A handle of its own: another thread may close the chain. */
	rc = stoa_value_open(chain->segment, chain->done_name, NULL, &joining.done);
	if (rc)
		return rc;
	for (;;) {
		const struct timespec *until = deadline;
		struct timespec slice;
		bool again = wait_slice(&until, &slice, SLICE_NS); /* tasks may be discarded, too */

		rc = stoa_value_load(joining.done, &joining.seen);
		rc = rc ? rc : tasks_sent(chain, &sent);
		if (rc || joining.seen >= sent)
			break;
		rc = deadline == &stoa_now ? STOA_TIMEOUT : call_waiting(wait_for_more, &joining, until);
		if (rc < 0 || (rc == STOA_TIMEOUT && !again))
			break;
	}
	stoa_value_close(joining.done);
	return rc;
}

/* ---- descriptor ---- */

/*
 * Readable when one of the rings is that this process knows of, and, every 100 ms, for no reason: while a
 * ring is drained and somebody holds a message of it, its descriptor is silent, and nobody says that the
 * chain goes on.
 */
static int make_poll(struct chain *chain)
{
	const struct itimerspec tick = {
		.it_interval.tv_nsec = TICK_NS,
		.it_value.tv_nsec = TICK_NS,
	};
	struct epoll_event event = { .events = EPOLLIN };

	chain->poll = epoll_create1(EPOLL_CLOEXEC);
	chain->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	chain->poll_pid = (long)getpid();
	if (chain->poll < 0 || chain->timer < 0 || timerfd_settime(chain->timer, 0, &tick, NULL) ||
	    epoll_ctl(chain->poll, EPOLL_CTL_ADD, chain->timer, &event))
		return -errno;
	for (uint32_t i = 0; i < chain->lingering_count; i++)
		chain_watch(chain, chain->lingering[i], true);
	if (chain->receive)
		chain_watch(chain, chain->receive, true);
	return 0;
}

int chain_fd(struct chain *chain)
{
	if (chain->closed)
		return -ESHUTDOWN;
	if (!chain->unbounded)
		return stoa_queue_fd(chain->send->queue, STOA_READABLE);
	if (chain->poll < 0 || chain->poll_pid != (long)getpid()) {
		int rc = chain->receive ? 0 : chain_start_receive(chain);

		chain_end_poll(chain); /* the parent's, before fork() */
		rc = rc ? rc : make_poll(chain);
		if (rc) {
			chain_end_poll(chain);
			return rc;
		}
	}
	return chain->poll;
}

void chain_watch(const struct chain *chain, const struct ring *ring, bool more)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd;

	if (chain->poll < 0 || chain->poll_pid != (long)getpid())
		return;
	fd = stoa_queue_fd(ring->queue, STOA_READABLE);
	if (fd >= 0)
		epoll_ctl(chain->poll, more ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &event);
}

void chain_tick(const struct chain *chain)
{
	uint64_t ticks;

	if (chain->timer < 0 || chain->poll_pid != (long)getpid()) /* a child leaves its parent's to that */
		return;
	if (read(chain->timer, &ticks, sizeof ticks) < 0)
		return; /* nothing has ticked */
}

void chain_end_poll(struct chain *chain)
{
	if (chain->poll >= 0)
		close(chain->poll);
	if (chain->timer >= 0)
		close(chain->timer);
	chain->poll = chain->timer = -1;
}
