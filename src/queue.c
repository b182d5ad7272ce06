/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue.c - one face over both rings: the object, its ends, shutdown, waiting, the
 * dead.  Senders are in sender.c, receivers in receiver.c, descriptors in watch.c.
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
#include <limits.h>
#include <stdlib.h>

#define DEFAULT_CAPACITY 1024
#define DEFAULT_MESSAGE_SIZE 64
#define DEFAULT_HANDLES 64
#define DEFAULT_HOLDS 4
#define HANDLES_MAX 16384
#define HOLDS_MAX 4096
#define PACK_MAX 1024

#define NOW_AND_THEN_NS 50000000ull

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
	uint32_t kind;
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
	rc = object_create(segment, &request, &kind, &start, &room);
	if (rc == -EEXIST && !(shape.flags & STOA_EXCLUSIVE))
		rc = kind == STOA_KIND_QUEUE ? 0 : -EPROTOTYPE;
	return rc ? rc : handle_on(segment, start, room, &shape, queue);
}

int stoa_queue_open(struct stoa_segment *segment, const char *name, const struct stoa_queue_config *expect,
                    struct stoa_queue **queue)
{
	struct stoa_queue_config shape;
	uint32_t entry, kind;
	uint64_t room;
	void *start;
	int rc;

	if (!segment || !queue)
		return -EINVAL;
	rc = shape_of(expect, &shape);
	rc = rc ? rc : object_name_check(name);
	rc = rc ? rc : object_find(segment, name, &entry);
	rc = rc ? rc : object_at(segment, entry, &kind, &start, &room);
	if (rc)
		return rc > 0 ? -ENOENT : rc; /* STOA_EMPTY: corrupt, or not yet marked as published */
	if (kind != STOA_KIND_QUEUE)
		return -EPROTOTYPE;
	return handle_on(segment, start, room, expect ? &shape : NULL, queue);
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

/* ---- ends ---- */

/* See stoa/inline.h. */
extern STOA_API const char stoa_inline_form_1;
const char stoa_inline_form_1 = 1;

int queue_claim_sole(const struct queue_view *view, enum queue_end end, uint32_t self, uint64_t *word)
{
	struct atom64 *sole = &view->shared->sole[end];
	uint32_t role = end == QUEUE_SENDS ? ROLE_SENDER : ROLE_RECEIVER;

	for (int i = 0; i < 2; i++) {
		/* [Q3] acquire; pairs with the compare-and-swap of queue_release_sole(): the ring is as the
		 * last holder, or its reaper, left it. */
		uint64_t before = atom64_load_acq(sole);

		*word = role_next(before, role, self);
		if (role_of(before) == ROLE_FREE && atom64_cas_seq(sole, &before, *word))
			return 0;
		if (i == 0 && role_owner(before) != self)
			participant_reap_all(view->segment); /* what failed may concern another object */
	}
	return -EBUSY;
}

void queue_release_sole(const struct queue_view *view, enum queue_end end, uint64_t word)
{
	atom64_cas_seq(&view->shared->sole[end], &word, role_next(word, ROLE_FREE, 0)); /* [Q3] release */
}

int queue_claim_handle(const struct queue_view *view, enum queue_end end, uint32_t self, uint32_t *handle,
                       uint64_t *role_word, struct slot *slots)
{
	uint32_t role = end == QUEUE_SENDS ? ROLE_SENDER : ROLE_RECEIVER;
	const struct exchange *exchange = &view->xring.exchange;
	bool discard = queue_closing(view) & STOA_NOW; /* nobody takes orphans any more */
	int rc = exchange_claim(exchange, role, self, discard, handle, role_word, slots);

	if (rc != -EUSERS)
		return rc;
	participant_reap_all(view->segment); /* as above */
	return exchange_claim(exchange, role, self, discard, handle, role_word, slots);
}

/* ---- shutdown ---- */

static void add_closing(const struct queue_view *view, uint64_t bits)
{
	struct atom64 *closing = &view->shared->closing;
	uint64_t before = atom64_load_acq(closing);

	if (DEFECT(DEFECT_CLOSING_STORE))
		atom64_store_seq(closing, before | bits);
	while ((before & bits) != bits) {
		if (atom64_cas_seq(closing, &before, before | bits))
			return;
	}
}

void queue_close_with(const struct queue_view *view, unsigned how)
{
	if (!DEFECT(DEFECT_CLOSING_PASSED)) {
		event_close_short_way(&view->shared->readable);
		event_close_short_way(&view->shared->writable);
	}
	add_closing(view, how);
	event_wake_all(&view->shared->readable);
	event_wake_all(&view->shared->writable);
}

int stoa_queue_shutdown(struct stoa_queue *queue, unsigned how)
{
	if (!queue || (how != STOA_DRAIN && how != STOA_NOW))
		return -EINVAL;
	if (queue->object.segment->read_only)
		return -EACCES;
	queue_close_with(&queue->view, how);
	return 0;
}

static bool owner_lives(const struct queue_view *view, uint64_t role)
{
	const struct stoa_segment *segment = view->segment;
	uint32_t slot = role_owner(role);
	uint64_t state;

	if (slot >= segment->participants)
		return false;
	state = atom64_load_acq(&segment_participant(segment, slot)->state);
	return !participant_dead(segment, slot, state >> 8);
}

/* The role words of an end, numbered through; false where there are no more. */
static bool nth_role(const struct queue_view *view, uint32_t n, uint64_t *role)
{
	if (view->spsc) {
		if (n < 2)
			*role = atom64_load_seq(&view->shared->sole[n]);
		return n < 2;
	}
	if (n < view->shape.handles)
		*role = atom64_load_seq(&exchange_handle(&view->xring.exchange, n)->role);
	return n < view->shape.handles;
}

/* How many handles of a role there are whose owner lives, up to `most`; a sum of generations that moves
 * with every change. */
static uint32_t count_living(const struct queue_view *view, uint32_t role, uint32_t most,
                             uint64_t *generations)
{
	uint32_t living = 0;
	uint64_t word;

	*generations = 0;
	for (uint32_t n = 0; living < most && nth_role(view, n, &word); n++) {
		*generations += word >> 24;
		living += role_of(word) == role && owner_lives(view, word);
	}
	return living;
}

void queue_had_sender(const struct queue_view *view)
{
	if (view->shape.flags & STOA_CLOSE_WITH_SENDERS)
		add_closing(view, CLOSING_HAD_SENDERS);
}

void queue_drain_if_alone(const struct queue_view *view)
{
	uint64_t closing = atom64_load_acq(&view->shared->closing), before, after;

	if (!(view->shape.flags & STOA_CLOSE_WITH_SENDERS) || !(closing & CLOSING_HAD_SENDERS) ||
	    (closing & CLOSING_HOW))
		return;
	do {
		if (count_living(view, ROLE_SENDER, 1, &before))
			return;
		if (DEFECT(DEFECT_SENDERS_ONCE))
			break;
		if (count_living(view, ROLE_SENDER, 1, &after))
			return;
	} while (before != after);
	queue_close_with(view, STOA_DRAIN);
}

int queue_drained(const struct queue_view *view)
{
	struct ring_stat stat;

	if (view->shape.on_death == STOA_DISCARD)
		return STOA_CLOSED;
	if (view->spsc)
		return ring_stat(&view->ring, &stat) == 0 && stat.held == 0 ? STOA_CLOSED : STOA_EMPTY;
	if (DEFECT(DEFECT_LEASE_FORGOTTEN))
		return STOA_CLOSED;
	return exchange_held(&view->xring.exchange, NULL) == 0 ? STOA_CLOSED : STOA_EMPTY;
}

/* ---- stat ---- */

static int stat_exchange(const struct queue_view *view, struct stoa_queue_stat *stat)
{
	struct exchange_stat exchange;
	int rc = xring_positions(&view->xring, &stat->sent, &stat->received);

	if (rc)
		return rc;
	exchange_stat(&view->xring.exchange, &exchange);
	rc = exchange_held(&view->xring.exchange, &stat->held);
	if (rc < 0)
		return rc;
	stat->length = stat->sent - stat->received;
	if (stat->length > stat->capacity) /* some were received and others sent between two looks */
		stat->length = stat->capacity;
	stat->length += exchange.orphans;
	stat->redelivered = exchange.redelivered;
	stat->discarded = exchange.discarded;
	return 0;
}

static int stat_ring(const struct queue_view *view, struct stoa_queue_stat *stat)
{
	struct ring_stat ring;
	int rc = ring_stat(&view->ring, &ring);

	if (rc)
		return rc;
	stat->sent = ring.sent;
	stat->received = ring.received;
	stat->length = ring.unread;
	stat->held = ring.held;
	stat->redelivered = ring.redelivered;
	stat->discarded = ring.discarded;
	if (!stat->receivers) { /* what its last receiver held waits for the next one, or for its end */
		*(view->shape.on_death == STOA_DISCARD ? &stat->discarded : &stat->length) += stat->held;
		stat->held = 0;
	}
	return 0;
}

int stoa_queue_stat(const struct stoa_queue *queue, struct stoa_queue_stat *stat)
{
	const struct queue_view *view;
	struct stoa_queue_stat own;
	uint64_t closing, generations;
	int rc;

	if (!queue || !stat)
		return -EINVAL;
	view = &queue->view;
	closing = queue_closing(view);
	own = (struct stoa_queue_stat){
		.capacity = view->shape.capacity,
		.message_size = view->shape.message_size,
		.senders = count_living(view, ROLE_SENDER, UINT32_MAX, &generations),
		.receivers = count_living(view, ROLE_RECEIVER, UINT32_MAX, &generations),
		.shutdown = closing & STOA_NOW ? STOA_NOW : (uint32_t)closing,
	};
	rc = view->spsc ? stat_ring(view, &own) : stat_exchange(view, &own);
	if (rc)
		return rc;
	if (own.shutdown == STOA_NOW) { /* nobody will receive what is there */
		own.discarded += own.length;
		own.length = 0;
	}
	return info_copy(stat, &own, sizeof own);
}

/* ---- waiting ---- */

void queue_orphaned(const struct queue_view *view)
{
	/* [Q4] release; pairs with the acquire load of the epoch in receiver.c: the orphan cell first. */
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

/* ---- fork ---- */

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

/* ---- the dead ---- */

/* A sender counts from the moment it has its role, also if it died before it could say so itself. */
static void count_dead_senders(const struct queue_view *view, uint32_t slot)
{
	uint64_t word;

	for (uint32_t n = 0; nth_role(view, n, &word); n++) {
		if (role_of(word) == ROLE_SENDER && role_owner(word) == slot &&
		    !DEFECT(DEFECT_SENDER_UNCOUNTED))
			queue_had_sender(view);
	}
}

int queue_settle(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot)
{
	struct queue_view view;
	int rc = queue_view_open(&view, segment, start, room);

	if (rc)
		return 0; /* corrupt: nothing in it can be settled */
	count_dead_senders(&view, slot);
	if (!view.spsc) {
		uint32_t orphans;

		rc = exchange_settle(&view.xring.exchange, slot, view.shape.on_death == STOA_DISCARD,
		                     &orphans);
		if (orphans)
			queue_orphaned(&view);
	}
	for (int end = QUEUE_SENDS; rc == 0 && end <= QUEUE_RECEIVES; end++) {
		uint64_t word = atom64_load_seq(&view.shared->sole[end]);

		if (role_of(word) != ROLE_FREE && role_owner(word) == slot && !DEFECT(DEFECT_SOLE_KEPT))
			queue_release_sole(&view, (enum queue_end)end, word);
	}
	queue_drain_if_alone(&view);
	return rc;
}

void queue_release(struct stoa_segment *segment, void *start, uint64_t room, uint32_t slot)
{
	struct queue_view view;

	if (queue_view_open(&view, segment, start, room) == 0 && !view.spsc)
		exchange_free(&view.xring.exchange, slot);
}
