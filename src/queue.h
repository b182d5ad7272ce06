/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue.h - what the files of a queue, its senders and its receivers know of each other.
 */
#ifndef STOA_QUEUE_INTERNAL_H
#define STOA_QUEUE_INTERNAL_H

#include <stoa/queue.h>

#include "event.h"
#include "fork.h"
#include "object.h"
#include "os.h"
#include "parcel.h"
#include "participant.h"
#include "ring.h"
#include "xring.h"

/* A queue in a segment, its numbers checked and copied. */
struct queue_view {
	struct stoa_segment *segment;
	struct queue_layout *shared;
	struct stoa_queue_config shape; /* every member set */
	bool spsc;
	union {
		struct ring ring;   /* spsc */
		struct xring xring; /* else */
	};
};

struct stoa_queue {
	struct object_handle object; /* first */
	struct queue_view view;
	struct watch *watches; /* watch.c, under its mutex */
	struct atom32 watched; /* there are some; private to the process */
	struct atom64 looked;  /* when somebody last looked after the dead, ns; private to the process */
};

int queue_view_open(struct queue_view *view, struct stoa_segment *segment, void *start, uint64_t room);

/* One more user of the handle, and one less. */
void queue_reference(struct stoa_queue *queue);
void queue_put(struct stoa_queue *queue);

/* Whether an exchange carries a parcel, which may be of several messages. */
static inline bool queue_packs(const struct queue_view *view)
{
	return !view->spsc && view->shape.pack > 1;
}

/* 0, STOA_DRAIN or STOA_NOW. */
static inline unsigned queue_closing(const struct queue_view *view)
{
	return atom64_load_acq(&view->shared->closing) & CLOSING_HOW;
}

/*
 * The short way of a handle, which looks at the words of `*queue`: the queue's, or ring_long_way.  It is
 * closed in every child after fork(), until the handle is the child's own; so no call on it has to look at
 * the epoch.
 */
struct short_way {
	struct fork_hook hook; /* first */
	uint8_t **queue;
};
void short_way_begin(struct short_way *way, uint8_t **queue);
void short_way_end(struct short_way *way);

/*
 * Private memory that a parent's reservations and leases point into.  In a forked child they are
 * refused, but their bytes stay readable until the handle is closed.
 */
struct kept {
	void *memory;
	struct kept *next;
};
int queue_keep(struct kept **list, uint8_t **memory); /* moves it there; 0 or -ENOMEM */
void queue_keep_end(struct kept **list);

/* ---- queue_roles.c ---- */

/* The sender's or the receiver's place of a STOA_ONE end.  0, -EBUSY, or another errno. */
enum queue_end { QUEUE_SENDS = 0, QUEUE_RECEIVES = 1 };
int queue_claim_sole(const struct queue_view *view, enum queue_end end, uint32_t self, uint64_t *word);
void queue_release_sole(const struct queue_view *view, enum queue_end end, uint64_t word);
/* A handle of the exchange ring, after reaping if need be.  0, -EUSERS, or another errno. */
int queue_claim_handle(const struct queue_view *view, enum queue_end end, uint32_t self, uint32_t *handle,
                       uint64_t *role_word, struct slot *slots);

/* A sender was opened: STOA_CLOSE_WITH_SENDERS counts from now on. */
void queue_had_sender(const struct queue_view *view);
/* The last sender may have gone: then drains, where the queue is to close with its senders. */
void queue_drain_if_alone(const struct queue_view *view);
/* The queue drains and has no message to give: whether none can come any more, STOA_CLOSED or
 * STOA_EMPTY. */
int queue_drained(const struct queue_view *view);

/* Called by reap.c; see participant.h. */
int queue_settle(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot);
void queue_release(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot);

/* ---- queue_wait.c ---- */

/* A message came into an orphan cell. */
void queue_orphaned(const struct queue_view *view);
/* Reaps, and sees whether the last sender has died. */
void queue_look_after(struct stoa_queue *queue);
/* The same, if nobody of this process has done so for a while: for callers who never wait. */
void queue_now_and_then(struct stoa_queue *queue);

/*
 * Waits until `attempt` answers something else than `nothing` (STOA_EMPTY, STOA_FULL): that, or
 * `nothing` where the deadline is stoa_now, STOA_TIMEOUT, -EINTR.
 */
struct attempt {
	int (*fn)(void *context);
	void *context;
	int nothing;
};
int queue_wait(struct stoa_queue *queue, struct event_word *event, const struct attempt *attempt,
               const struct timespec *deadline);

/* ---- watch.c: descriptors ---- */

/* Whether a descriptor for `events` would be readable. */
bool queue_has(const struct queue_view *view, unsigned events, struct xring_cursor cursors[2]);
/* A receiver found nothing (a sender no room): the descriptors that say otherwise are corrected. */
void watch_correct(struct stoa_queue *queue);
void watch_end(struct stoa_queue *queue);

#endif
