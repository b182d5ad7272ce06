/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * watch.c - descriptors for epoll.
 *
 * A queue wakes those who sleep on an event word, and a futex is no descriptor.  So a
 * process that asks for a descriptor gets an eventfd, and one helper thread that
 * keeps all eventfds of the process as their queues are:
 *
 *   the queue has nothing   the eventfd is cleared; the helper has announced itself at the event
 *                           word and sleeps on it
 *   the queue has something the eventfd is set; the helper looks again every 10 ms, since
 *                           nobody tells it when the last message has gone
 *
 * So the descriptor is level-triggered.  Where it is this process that takes the last
 * message, the call that finds nothing corrects the eventfd at once (watch_correct()), so a loop of
 * epoll_wait() and pop until STOA_EMPTY never spins.
 *
 * The list of watches is this process's alone, under a mutex.  In a forked child the thread
 * does not exist: the child starts with an empty list, and only closes its parent's eventfds.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "queue.h"

#define WATCHES_AT_ONCE 127 /* of os_futex_wait_any(), besides the control word */
#define LOOK_AGAIN_NS 10000000ull
#define SLICE_NS 100000000ull
#define EVENTS (STOA_READABLE | STOA_WRITABLE)

struct watch {
	struct stoa_queue *queue;
	unsigned events;
	int fd;
	bool set;
	uint64_t fork_epoch;
	struct xring_cursor cursors[2];
	struct watch *of_queue; /* next of the same queue */
	struct watch *next;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct watch *watches;
static bool running;
static struct atom32 control; /* moves when the list has changed */

/* Whether a receiver that opens the SPSC ring would find what the last one left. */
static bool is_abandoned(const struct queue_view *view)
{
	return view->shape.on_death == STOA_REDELIVER &&
	       role_of(atom64_load_acq(&view->shared->sole[QUEUE_RECEIVES])) == ROLE_FREE; /* [Q3] */
}

bool queue_has(const struct queue_view *view, unsigned events, struct xring_cursor cursors[2])
{
	unsigned closing = queue_closing(view);

	if ((closing & STOA_NOW) || (closing && (events & STOA_WRITABLE)))
		return true;
	if (events & STOA_READABLE) {
		if (view->spsc ? ring_readable(&view->ring, is_abandoned(view))
		               : xring_readable(&view->xring, &cursors[0]) ||
		                         exchange_any_orphan(&view->xring.exchange))
			return true;
	}
	if (closing) /* drained, but for leases that may come back */
		return queue_drained(view) == STOA_CLOSED;
	if (events & STOA_WRITABLE)
		return view->spsc ? ring_writable(&view->ring) : xring_writable(&view->xring, &cursors[1]);
	return false;
}

/* Makes the eventfd what the queue is.  Under the mutex. */
static void correct(struct watch *watch)
{
	bool has = queue_has(&watch->queue->view, watch->events, watch->cursors);

	if (has == watch->set)
		return;
	if (has)
		os_eventfd_set(watch->fd);
	else
		os_eventfd_clear(watch->fd);
	watch->set = has;
}

static void before_fork(void)
{
	pthread_mutex_lock(&mutex); /* so that the child finds the list whole */
}

static void after_fork(void)
{
	pthread_mutex_unlock(&mutex);
}

static void in_child(void)
{
	watches = NULL;
	running = false;
	pthread_mutex_unlock(&mutex);
}

static void handle_forks(void)
{
	pthread_atfork(before_fork, after_fork, in_child);
}

static void lock(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, handle_forks);
	pthread_mutex_lock(&mutex);
}

static void tell_helper(void)
{
	atom32_add_seq(&control, 1);
	os_futex_wake(&control, 1);
}

/* ---- the helper ---- */

struct sleep_list {
	struct atom32 *words[WATCHES_AT_ONCE + 1];
	uint32_t expected[WATCHES_AT_ONCE + 1];
	unsigned count;
	bool again; /* somebody must be looked at soon, whatever happens */
};

static void announce(struct watch *watch, struct sleep_list *list, struct event_word *event)
{
	if (list->count == WATCHES_AT_ONCE + 1) {
		list->again = true;
		return;
	}
	list->expected[list->count] = event_announce(event);
	list->words[list->count++] = &event->word;
	if (watch->queue->view.spsc)
		os_fence_all(); /* where it fails, a slice must do */
}

/*
 * The helper was perhaps woken in the place of somebody who would take the message (or the room): the
 * wake-up goes on to the next one who sleeps there.
 */
static void pass_on(const struct watch *watch)
{
	struct queue_layout *shared = watch->queue->view.shared;

	if (watch->events & STOA_READABLE)
		event_wake_one(&shared->readable);
	if (watch->events & STOA_WRITABLE)
		event_wake_one(&shared->writable);
}

/* Looks at one watch, and puts down what to sleep on until it may change. */
static void look_at(struct watch *watch, struct sleep_list *list)
{
	struct queue_layout *shared = watch->queue->view.shared;
	bool was_set = watch->set;

	correct(watch);
	if (!watch->set) {
		if (watch->events & STOA_READABLE)
			announce(watch, list, &shared->readable);
		if (watch->events & STOA_WRITABLE)
			announce(watch, list, &shared->writable);
		correct(watch);
	}
	if (watch->set && !was_set)
		pass_on(watch);
	list->again |= watch->set;
}

static void *help(void *unused)
{
	struct sleep_list list;
	uint64_t since_reap = 0;

	(void)unused;
	pthread_mutex_lock(&mutex);
	while (watches) {
		uint64_t now = os_now_ns();
		int rc;

		list = (struct sleep_list){ .count = 1 };
		list.words[0] = &control;
		list.expected[0] = atom32_load_seq(&control);
		for (struct watch *watch = watches; watch; watch = watch->next) {
			if (now - since_reap >= SLICE_NS)
				queue_look_after(watch->queue);
			look_at(watch, &list);
		}
		if (now - since_reap >= SLICE_NS)
			since_reap = now;
		pthread_mutex_unlock(&mutex);
		rc = os_futex_wait_any(list.words, list.expected, list.count,
		                       os_now_ns() + (list.again ? LOOK_AGAIN_NS : SLICE_NS));
		if (rc != 0 && rc != -ETIMEDOUT && rc != -EINTR)
			os_sleep_ns(LOOK_AGAIN_NS); /* before Linux 5.16, or a queue was unmapped just now */
		pthread_mutex_lock(&mutex);
	}
	running = false;
	pthread_mutex_unlock(&mutex);
	return NULL;
}

/* Under the mutex. */
static int start_helper(void)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	pthread_t thread;
	int rc;

	if (running)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are the program's own threads' */
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	rc = -pthread_create(&thread, &attributes, help, NULL);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	running = rc == 0;
	return rc;
}

/* ---- descriptors ---- */

static struct watch *find(struct stoa_queue *queue, unsigned events)
{
	struct watch *watch = queue->watches;

	while (watch && (watch->events != events || watch->fork_epoch != stoa_fork_epoch))
		watch = watch->of_queue;
	return watch;
}

/* Under the mutex. */
static int make(struct stoa_queue *queue, unsigned events, struct watch **made)
{
	struct watch *watch = calloc(1, sizeof *watch);
	int rc;

	if (!watch)
		return -ENOMEM;
	*watch = (struct watch){
		.queue = queue,
		.events = events,
		.fork_epoch = stoa_fork_epoch,
		.fd = os_eventfd(),
	};
	if (watch->fd < 0) {
		rc = watch->fd;
		free(watch);
		return rc;
	}
	if (!queue->view.spsc) {
		xring_start_receive(&queue->view.xring, &watch->cursors[0]);
		xring_start_send(&queue->view.xring, &watch->cursors[1]);
	}
	watch->next = watches;
	watches = watch;
	rc = start_helper();
	if (rc) {
		watches = watch->next;
		os_close(watch->fd);
		free(watch);
		return rc;
	}
	correct(watch);
	watch->of_queue = queue->watches;
	queue->watches = watch;
	atom32_store_rel(&queue->watched, 1);
	tell_helper();
	*made = watch;
	return 0;
}

int stoa_queue_fd(struct stoa_queue *queue, unsigned events)
{
	struct watch *watch;
	int rc = 0;

	if (!queue || !events || (events & ~(unsigned)EVENTS))
		return -EINVAL;
	if (queue->object.segment->read_only)
		return -EACCES;
	lock();
	watch = find(queue, events);
	if (!watch)
		rc = make(queue, events, &watch);
	if (rc == 0)
		rc = watch->fd;
	pthread_mutex_unlock(&mutex);
	return rc;
}

void watch_correct(struct stoa_queue *queue)
{
	/* Relaxed: who has just asked for a descriptor is served by the helper. */
	if (likely(!atom32_load_rlx(&queue->watched)))
		return;
	lock();
	for (struct watch *watch = queue->watches; watch; watch = watch->of_queue) {
		if (watch->fork_epoch == stoa_fork_epoch && watch->set) {
			correct(watch);
			if (!watch->set)
				tell_helper(); /* to sleep on the event word again */
		}
	}
	pthread_mutex_unlock(&mutex);
}

void watch_end(struct stoa_queue *queue)
{
	if (!queue->watches)
		return;
	lock();
	while (queue->watches) {
		struct watch *watch = queue->watches;
		struct watch **link = &watches;

		queue->watches = watch->of_queue;
		while (*link && *link != watch)
			link = &(*link)->next;
		if (*link)
			*link = watch->next;
		os_close(watch->fd);
		free(watch);
	}
	tell_helper();
	pthread_mutex_unlock(&mutex);
}
