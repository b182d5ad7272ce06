/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue.c - one face over both rings: the object and its handles.  Who has its ends, its own end and its dead are
 * in queue_roles.c, waiting in queue_wait.c, descriptors in watch.c; senders in sender.c, receivers in receiver.c.
 *
 * Words of queue_layout, and who writes them
 *   closing    anybody, by compare-and-swap; bits are only ever added
 *   orphans    whoever filled an orphan cell: one more
 *   readable   event word: a message was committed, or came back, or the queue was shut down
 *   writable   event word: a place became free, or the queue was shut down
 *              In both EVENT_LONG_WAY is set before `closing`, and for good: the short ways look there alone.
 *   sole[2]    the role of a STOA_ONE end: its holder, and after its death anybody, by
 *              compare-and-swap
 *
 * The role table.  In the exchange ring the handles' role words say who sends and who
 * receives; in the SPSC ring the two words `sole` do.  STOA_ONE takes its word of
 * `sole` first, then a handle.
 *
 * STOA_CLOSE_WITH_SENDERS.  Nobody counts senders up and down, since a count cannot be
 * repaired after a death.  Instead the role table is read: if a sender was ever there
 * (a bit in `closing`) and none whose owner lives is there now, the queue drains.  Whoever
 * closes a sender, reaps, or has waited for a slice looks.  Two readings with the same
 * generations in between are one moment.
 *
 * Shutdown.  STOA_DRAIN and STOA_NOW are bits in `closing`; senders look before each push, on the short way at
 * the bit in `readable` that comes before them.
 * How a drain ends exactly, although a sender may be stopped behind that look, is
 * the rings' business: the closed frontier of xring.c, the verdict of ring.c.
 *
 * Death.  What a participant held in a queue is settled by queue_settle(): its slots by
 * exchange_settle(), its STOA_ONE places at once, so that a successor need not wait
 * for a reaper that was stopped; its handles, which such a reaper may still look at,
 * later, by queue_release().
 */
#include "queue.h"

#include <errno.h>
#include <stdlib.h>

#define DEFAULT_CAPACITY 1024
#define DEFAULT_MESSAGE_SIZE 64
#define DEFAULT_HANDLES 64
#define DEFAULT_HOLDS 4
#define HANDLES_MAX 16384
#define HOLDS_MAX 4096
#define PACK_MAX 1024

/* See stoa/inline.h. */
extern STOA_API const char stoa_inline_form_1;
const char stoa_inline_form_1 = 1;

/* ---- shape ---- */

struct plan {
	bool spsc;
	struct ring_layout ring;
	struct xring_layout xring;
	uint64_t bytes;
};

static int plan_shape(const struct stoa_queue_config *shape, struct plan *plan)
{
	if (shape->pack > PACK_MAX || shape->senders > STOA_ONE || shape->receivers > STOA_ONE ||
	    shape->on_death > STOA_DISCARD || shape->handles > HANDLES_MAX || shape->holds > HOLDS_MAX ||
	    (shape->flags & ~(uint32_t)(STOA_EXCLUSIVE | STOA_CLOSE_WITH_SENDERS)))
		return -EINVAL;
	plan->spsc = shape->senders == STOA_ONE && shape->receivers == STOA_ONE;
	if (plan->spsc)
		return ring_plan(shape, sizeof(struct queue_layout), &plan->ring, &plan->bytes);
	return xring_plan(shape, sizeof(struct queue_layout), &plan->xring, &plan->bytes);
}

/* A caller's config with its defaults filled in. */
static int shape_of(const struct stoa_queue_config *config, struct stoa_queue_config *shape)
{
	int rc = config_copy(shape, sizeof *shape, config);

	if (rc)
		return rc;
	shape->struct_size = sizeof *shape;
	shape->capacity = shape->capacity ? shape->capacity : DEFAULT_CAPACITY;
	shape->message_size = shape->message_size ? shape->message_size : DEFAULT_MESSAGE_SIZE;
	shape->handles = shape->handles ? shape->handles : DEFAULT_HANDLES;
	shape->holds = shape->holds ? shape->holds : DEFAULT_HOLDS;
	shape->pack = shape->pack ? shape->pack : 1;
	return 0;
}

static bool same_shape(const struct stoa_queue_config *a, const struct stoa_queue_config *b)
{
	return a->capacity == b->capacity && a->message_size == b->message_size && a->senders == b->senders &&
	       a->receivers == b->receivers && a->handles == b->handles && a->holds == b->holds &&
	       a->on_death == b->on_death && a->pack == b->pack &&
	       (a->flags & ~(uint32_t)STOA_EXCLUSIVE) == (b->flags & ~(uint32_t)STOA_EXCLUSIVE);
}

static struct ring_layout *ring_shared(struct queue_layout *shared)
{
	return (struct ring_layout *)(shared + 1);
}

static struct xring_layout *xring_shared(struct queue_layout *shared)
{
	return (struct xring_layout *)(shared + 1);
}

/* The plan is computed anew, never read: nothing in the object but its shape is trusted. */
static int view_over(struct queue_view *view, const struct plan *plan)
{
	struct queue_layout *shared = view->shared;

	view->spsc = plan->spsc;
	if (!plan->spsc)
		return xring_view(&view->xring, &view->shape, shared, xring_shared(shared), &plan->xring);
	ring_view(&view->ring, &view->shape, shared, ring_shared(shared), &plan->ring);
	return 0;
}

int queue_view_open(struct queue_view *view, struct stoa_segment *segment, void *start, uint64_t room)
{
	struct queue_layout *shared = start, seen;
	struct plan plan;

	if (room < sizeof *shared)
		return -EBADMSG;
	/* Read once, whoever may scribble there. */
	copy_racy_out(&seen, shared, offsetof(struct queue_layout, closing));
	*view = (struct queue_view){
		.segment = segment,
		.shared = shared,
		.shape = {
			.struct_size = sizeof view->shape,
			.capacity = seen.capacity,
			.message_size = seen.message_size,
			.senders = seen.senders,
			.receivers = seen.receivers,
			.handles = seen.handles,
			.holds = seen.holds,
			.on_death = seen.on_death,
			.flags = seen.flags,
			.pack = seen.pack,
		},
	};
	if (!view->shape.capacity || !view->shape.message_size || !view->shape.handles ||
	    !view->shape.holds || !view->shape.pack)
		return -EBADMSG;
	if (plan_shape(&view->shape, &plan) != 0 || plan.bytes > room)
		return -EBADMSG;
	return view_over(view, &plan) == 0 ? 0 : -EBADMSG;
}

/* ---- create, open, close ---- */

struct build {
	const struct stoa_queue_config *shape;
	const struct plan *plan;
};

static void build(void *start, void *context)
{
	const struct build *what = context;
	const struct stoa_queue_config *shape = what->shape;
	struct queue_layout *shared = start;
	struct queue_view view = { .shared = shared, .shape = *shape };

	shared->object = (struct object_header){
		.kind = STOA_KIND_QUEUE,
		.header_bytes = sizeof *shared,
		.bytes = what->plan->bytes,
	};
	shared->senders = shape->senders;
	shared->receivers = shape->receivers;
	shared->capacity = shape->capacity;
	shared->message_size = shape->message_size;
	shared->handles = shape->handles;
	shared->holds = shape->holds;
	shared->on_death = shape->on_death;
	shared->flags = shape->flags & ~(uint32_t)STOA_EXCLUSIVE;
	shared->pack = shape->pack;
	if (what->plan->spsc)
		*ring_shared(shared) = what->plan->ring;
	else
		*xring_shared(shared) = what->plan->xring;
	view_over(&view, what->plan); /* cannot fail: the plan was made from this shape */
	if (view.spsc)
		ring_format(&view.ring);
	else
		xring_format(&view.xring);
}

static int open_handle(struct object_handle *object, void *context)
{
	struct stoa_queue *queue = (struct stoa_queue *)object;

	(void)context;
	atom64_store_rlx(&queue->looked, os_now_coarse_ns()); /* relaxed: nobody else has the handle yet */
	return queue_view_open(&queue->view, object->segment, object->start, object->room);
}

/* A handle on the queue at `start`, which must have the shape, where one is asked for. */
static int handle_on(struct stoa_segment *segment, void *start, uint64_t room,
                     const struct stoa_queue_config *shape, struct stoa_queue **queue)
{
	struct object_handle *object;
	int rc = object_handle_get(segment, start, room, sizeof **queue, open_handle, NULL, &object);

	if (rc)
		return rc;
	if (shape && !same_shape(shape, &((struct stoa_queue *)object)->view.shape)) {
		queue_put((struct stoa_queue *)object);
		return -EPROTOTYPE;
	}
	*queue = (struct stoa_queue *)object;
	return 0;
}

int stoa_queue_create(struct stoa_segment *segment, const char *name, const struct stoa_queue_config *config,
                      struct stoa_queue **queue)
{
	struct stoa_queue_config shape;
	struct plan plan;
	struct build what = { .shape = &shape, .plan = &plan };
	struct object_request request = {
		.name = name,
		.kind = STOA_KIND_QUEUE,
		.build = build,
		.context = &what,
	};
	uint64_t room;
	void *start;
	int rc;

	if (!segment || !queue)
		return -EINVAL;
	rc = shape_of(config, &shape);
	rc = rc ? rc : plan_shape(&shape, &plan);
	if (rc)
		return rc;
	request.bytes = plan.bytes;
	rc = object_create_or_open(segment, &request, shape.flags & STOA_EXCLUSIVE, &start, &room);
	return rc ? rc : handle_on(segment, start, room, &shape, queue);
}

int stoa_queue_open(struct stoa_segment *segment, const char *name, const struct stoa_queue_config *expect,
                    struct stoa_queue **queue)
{
	struct stoa_queue_config shape;
	uint64_t room;
	void *start;
	int rc;

	if (!segment || !queue)
		return -EINVAL;
	rc = shape_of(expect, &shape);
	rc = rc ? rc : object_open(segment, name, STOA_KIND_QUEUE, &start, &room);
	return rc ? rc : handle_on(segment, start, room, expect ? &shape : NULL, queue);
}

void queue_reference(struct stoa_queue *queue)
{
	struct object_handle *same;

	/* Cannot fail: the handle is open. */
	object_handle_get(queue->object.segment, queue->object.start, queue->object.room, sizeof *queue,
	                  open_handle, NULL, &same);
}

void queue_put(struct stoa_queue *queue)
{
	if (!object_handle_put(&queue->object))
		return;
	watch_end(queue);
	object_handle_free(&queue->object);
}

int stoa_queue_close(struct stoa_queue *queue)
{
	if (queue)
		queue_put(queue);
	return 0;
}

int stoa_queue_info(const struct stoa_queue *queue, struct stoa_queue_config *info)
{
	if (!queue || !info)
		return -EINVAL;
	return info_copy(info, &queue->view.shape, sizeof queue->view.shape);
}

int stoa_queue_footprint(const struct stoa_queue_config *config, uint64_t *bytes)
{
	struct stoa_queue_config shape;
	struct plan plan;
	int rc;

	if (!bytes)
		return -EINVAL;
	rc = shape_of(config, &shape);
	rc = rc ? rc : plan_shape(&shape, &plan);
	if (rc == 0)
		*bytes = plan.bytes;
	return rc;
}

/* ---- what senders and receivers share: fork ---- */

static void close_in_child(struct fork_hook *hook)
{
	if (!DEFECT(DEFECT_FORK_UNSEEN))
		*((struct short_way *)hook)->queue = (uint8_t *)&ring_long_way;
}

void short_way_begin(struct short_way *way, uint8_t **queue)
{
	*queue = (uint8_t *)&ring_long_way;
	way->queue = queue;
	way->hook.in_child = close_in_child;
	fork_hook_add(&way->hook);
}

void short_way_end(struct short_way *way)
{
	fork_hook_remove(&way->hook);
}

int queue_keep(struct kept **list, uint8_t **memory)
{
	struct kept *kept;

	if (!*memory)
		return 0;
	kept = malloc(sizeof *kept);
	if (!kept)
		return -ENOMEM;
	*kept = (struct kept){ .memory = *memory, .next = *list };
	*list = kept;
	*memory = NULL;
	return 0;
}

void queue_keep_end(struct kept **list)
{
	while (*list) {
		struct kept *kept = *list;

		*list = kept->next;
		free(kept->memory);
		free(kept);
	}
}
