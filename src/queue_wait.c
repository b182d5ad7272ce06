/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue_wait.c - waiting for a queue, and the look after the dead that goes with it.
 */
#include "queue.h"

#include <errno.h>

#define NOW_AND_THEN_NS 50000000ull

void queue_orphaned(const struct queue_view *view)
{
	/* [Q4] release; pairs with the acquire loads of the epoch by receivers: the orphan cell first. */
	if (!DEFECT(DEFECT_ORPHAN_UNTOLD))
		atom64_add_seq(&view->shared->orphans, 1);
	event_wake_all(&view->shared->readable);
}

void queue_look_after(struct stoa_queue *queue)
{
	atom64_store_rlx(&queue->looked, os_now_coarse_ns()); /* relaxed: private, a matter of how often */
	participant_reap_once(queue->object.segment);
	queue_drain_if_alone(&queue->view);
	/* Who filled it may have been stopped before it told anybody. */
	if (!queue->view.spsc && exchange_any_orphan(&queue->view.xring.exchange))
		atom64_add_seq(&queue->view.shared->orphans, 1);
}

void queue_now_and_then(struct stoa_queue *queue)
{
	if (os_now_coarse_ns() - atom64_load_rlx(&queue->looked) >= NOW_AND_THEN_NS) /* relaxed: as above */
		queue_look_after(queue);
}

static bool never_waits(const struct timespec *deadline)
{
	return deadline && deadline->tv_sec == 0 && deadline->tv_nsec == 0;
}

static int spin(const struct attempt *attempt)
{
	int rc = attempt->nothing;

	for (int i = 0; i < EVENT_SPINS && rc == attempt->nothing; i++) {
		cpu_pause();
		rc = attempt->fn(attempt->context);
	}
	return rc;
}

int queue_wait(struct stoa_queue *queue, struct event_word *event, const struct attempt *attempt,
               const struct timespec *deadline)
{
	int rc = attempt->fn(attempt->context);
	uint64_t slice = 0, until;

	if (rc != attempt->nothing || never_waits(deadline))
		return rc;
	until = os_timespec_ns(deadline);
	rc = os_now_ns() < until ? spin(attempt) : rc;
	while (rc == attempt->nothing) {
		uint32_t announced;

		if (os_now_ns() >= until)
			return STOA_TIMEOUT;
		announced = event_announce(event);
		/* Where others publish by plain stores: into the SPSC ring, or an acknowledgement that ends a
		 * drain.  Where it fails, a slice of the wait must do. */
		if (queue->view.spsc || queue_closing(&queue->view))
			os_fence_all();
		rc = attempt->fn(attempt->context);
		if (rc != attempt->nothing)
			break;
		rc = event_wait(event, announced, event_slice(&slice, until));
		if (rc == -EINTR)
			return rc;
		if (rc == -ETIMEDOUT)
			queue_look_after(queue);
		rc = attempt->fn(attempt->context);
	}
	return rc;
}
