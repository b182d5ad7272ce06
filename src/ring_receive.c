/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * ring_receive.c - the receiver's half of the SPSC ring: copies, leases, and what a dead receiver left.  The
 * essay is at the head of ring.c.
 */
#include "ring_half.h"

#include "os.h"

static inline bool is_acknowledged(const struct ring *ring, uint64_t position)
{
	return atom32_load_rlx(mark(ring, position)) == MARK_ACKNOWLEDGED; /* relaxed: the receiver's own */
}

static void count(struct atom64 *counter, uint64_t more)
{
	atom64_store_rlx(counter, atom64_load_rlx(counter) + more); /* relaxed: one writer, a statistic */
}

static void choose_way_out(struct ring_receiver *receiver)
{
	allow_short_way(&receiver->hot, &receiver->ring,
	                !receiver->fenced && !receiver->sizes_vary &&
	                        (!receiver->open || DEFECT(DEFECT_LEASE_PASSED)));
}

static inline void release_to(struct ring_receiver *receiver, uint64_t position)
{
	receiver->released = position;
	/* [Q2] release; pairs with room_for_one(): the messages have been read. */
	atom64_store_rel(&receiver->ring.shared->released, position);
	look_fence(receiver->fenced);
}

/* Goes over what is acknowledged from `position` on. */
static void release_from(struct ring_receiver *receiver, uint64_t position)
{
	while (position < receiver->hot.position && is_acknowledged(&receiver->ring, position))
		position++;
	release_to(receiver, position);
}

/* Discards what a dead receiver had taken, and counts it once, whoever dies meanwhile. */
static void discard_at(const struct ring *ring, uint64_t position, uint32_t word)
{
	uint64_t count = atom64_load_acq(&ring->shared->discarded);

	if (!(word & MARK_DISCARDING)) {
		word = MARK_DISCARDING | (count & MARK_COUNT);
		if (!DEFECT(DEFECT_DISCARD_UNMARKED))
			atom32_store_rel(mark(ring, position), word);
	}
	if ((count & MARK_COUNT) == (word & MARK_COUNT))
		atom64_store_rel(&ring->shared->discarded, count + 1);
	atom32_store_rel(mark(ring, position), MARK_ACKNOWLEDGED);
}

/* What the last receiver had not acknowledged in [released, taken). */
static void inherit(struct ring_receiver *receiver, uint64_t taken, bool discard)
{
	const struct ring *ring = &receiver->ring;

	for (uint64_t p = receiver->released; p + DEFECT(DEFECT_SUCCESSOR_SHORT) < taken; p++) {
		uint32_t word = atom32_load_acq(mark(ring, p)), deliveries = word & MARK_COUNT;

		receiver->hot.position = p + 1;
		if (word == MARK_ACKNOWLEDGED || (DEFECT(DEFECT_SUCCESSOR_FAR) && word == 0))
			continue;
		if (discard && !(word & MARK_RETURNED)) {
			discard_at(ring, p, word);
			continue;
		}
		if (receiver->open == ring->holds) { /* more than a receiver can hold: corrupt, or reshaped */
			receiver->hot.position = p;
			break;
		}
		receiver->holds[receiver->open++] = (struct ring_hold){
			.position = p,
			.state = RING_RETURNED,
			.deliveries = deliveries ? deliveries : 1,
		};
		/* From now on it waits, for everybody who looks. */
		if (!DEFECT(DEFECT_INHERITED_UNMARKED))
			atom32_store_rel(mark(ring, p), (deliveries ? deliveries : 1) | MARK_RETURNED);
	}
	receiver->returned = receiver->open;
	release_from(receiver, receiver->released);
}

int ring_receiver_open(struct ring_receiver *receiver, const struct ring *ring, bool discard)
{
	/* Acquire: the last receiver's words, where it died. */
	uint64_t released = atom64_load_acq(&ring->shared->released);
	uint64_t taken = atom64_load_acq(&ring->shared->taken);

	*receiver = (struct ring_receiver){
		.hot = hot_end(ring, released),
		.ring = *ring,
		.released = released,
		.fenced = os_fence_register() != 0,
	};
	if (taken > released && taken - released > ring->capacity)
		return -EBADMSG;
	receiver->holds = calloc(ring->holds, sizeof *receiver->holds);
	if (!receiver->holds || (ring->stride % STOA_LINE && stage(ring, &receiver->staging))) {
		ring_receiver_close(receiver);
		return -ENOMEM;
	}
	inherit(receiver, taken, discard);
	receiver->hot.limit = receiver->hot.position;
	receiver->hot.lap = receiver->hot.position - receiver->hot.position % ring->capacity;
	go_on(&receiver->hot, 0);
	choose_way_out(receiver);
	return 0;
}

void ring_receiver_close(struct ring_receiver *receiver)
{
	free(receiver->holds);
	free(receiver->staging);
	receiver->holds = NULL;
	receiver->staging = NULL;
}

/* Nothing at next, and the queue drains: STOA_CLOSED, or STOA_CHANGED to look again. */
static int ask_closed(struct ring_receiver *receiver)
{
	struct atom64 *verdict = &receiver->ring.shared->verdict;
	uint64_t ask = verdict_word(receiver->hot.position, VERDICT_ASK);
	uint64_t word = atom64_load_seq(verdict);
	uint64_t answer = verdict_word(receiver->hot.position, VERDICT_CLOSED);

	if (verdict_of(word) == VERDICT_CLOSED)
		return STOA_CLOSED;
	if (word != ask && !atom64_cas_seq(verdict, &word, ask))
		return STOA_CHANGED;
	if (os_fence_all() != 0)
		os_sleep_ns(1000000); /* time enough for a store that is on its way out of a core */
	if (atom64_load_seq(&receiver->ring.shared->tail) != receiver->hot.position &&
	    !DEFECT(DEFECT_DRAIN_UNLOOKED))
		answer = verdict_word(receiver->hot.position, VERDICT_COMMITTED);
	if (!atom64_cas_seq(verdict, &ask, answer))
		return STOA_CHANGED;
	return verdict_of(answer) == VERDICT_CLOSED ? STOA_CLOSED : STOA_CHANGED;
}

static inline int refresh_tail(struct ring_receiver *receiver)
{
	uint64_t tail = committed(&receiver->ring);

	if (tail - receiver->hot.position > receiver->hot.capacity)
		return -EBADMSG;
	receiver->hot.limit = tail;
	receiver->sizes_vary = atom64_load_rlx(&receiver->ring.shared->sizes_vary); /* relaxed: [Q1] has it */
	choose_way_out(receiver);
	return STOA_OK;
}

/* Whether there is a message for the receiver: STOA_OK, STOA_EMPTY, STOA_CLOSED, -EBADMSG. */
static inline int look_for_one(struct ring_receiver *receiver, bool drain)
{
	while (unlikely(receiver->hot.limit == receiver->hot.position)) {
		int rc = refresh_tail(receiver);

		if (rc != STOA_OK)
			return rc;
		if (receiver->hot.limit != receiver->hot.position)
			break;
		if (!drain)
			return STOA_EMPTY;
		rc = ask_closed(receiver);
		if (rc == STOA_CLOSED)
			return rc;
	}
	return STOA_OK;
}

/* The message at a position, checked: STOA_OK or -EBADMSG. */
static inline int message_at(const struct ring *ring, uint64_t index, const uint8_t **bytes, uint64_t *size)
{
	*bytes = place(ring, index, size);
	return *bytes && *size <= ring->message_size ? STOA_OK : -EBADMSG;
}

/* From here on the message at `index` counts as handed out. */
static void mark_taken(struct ring_receiver *receiver, uint64_t index)
{
	if (DEFECT(DEFECT_TAKEN_EARLY))
		atom64_store_rel(&receiver->ring.shared->taken, receiver->hot.position + 1);
	/* Relaxed: the release of taken publishes it. */
	atom32_store_rlx(&receiver->ring.marks[index], 0);
	atom64_store_rel(&receiver->ring.shared->taken, receiver->hot.position + 1);
}

static void step(struct ring_receiver *receiver)
{
	go_on(&receiver->hot, 1);
	choose_way_out(receiver);
}

/* The first message that was given back; `returned` says that there is one. */
static uint32_t first_returned(const struct ring_receiver *receiver)
{
	const struct ring_hold *holds = receiver->holds;
	uint32_t first = UINT32_MAX;

	for (uint32_t k = 0; k < receiver->ring.holds; k++) {
		if (holds[k].state == RING_RETURNED &&
		    (first == UINT32_MAX || holds[k].position < holds[first].position))
			first = k;
	}
	return first;
}

/* Hands a returned message out again. */
static void lease_again(struct ring_receiver *receiver, uint32_t k)
{
	struct ring_hold *hold = &receiver->holds[k];

	hold->deliveries++;
	if (!DEFECT(DEFECT_AGAIN_UNMARKED))
		atom32_store_rel(mark(&receiver->ring, hold->position), hold->deliveries & MARK_COUNT);
	count(&receiver->ring.shared->redelivered, 1);
	hold->state = RING_LEASED;
	receiver->returned--;
}

/* pop of a message that was given back before */
static int pop_returned(struct ring_receiver *receiver, void *out, uint64_t room, uint64_t *size)
{
	uint32_t k = first_returned(receiver);
	const uint8_t *bytes;
	int rc = message_at(&receiver->ring, receiver->holds[k].position % receiver->ring.capacity, &bytes,
	                    size);

	if (rc != STOA_OK)
		return rc;
	if (*size > room)
		return -EMSGSIZE;
	lease_again(receiver, k);
	if (*size)
		memcpy(out, bytes, *size);
	ring_release(receiver, k);
	return STOA_OK;
}

static int pop_long(struct ring_receiver *receiver, void *out, uint64_t room, bool drain, uint64_t *size)
{
	const uint8_t *bytes;
	uint64_t index;
	int rc;

	if (unlikely(receiver->returned))
		return pop_returned(receiver, out, room, size);
	rc = look_for_one(receiver, drain);
	if (rc != STOA_OK)
		return rc;
	index = index_of(&receiver->hot);
	rc = message_at(&receiver->ring, index, &bytes, size);
	if (unlikely(rc != STOA_OK))
		return rc;
	if (unlikely(*size > room))
		return -EMSGSIZE;
	if (receiver->open)
		mark_taken(receiver, index);
	else if (DEFECT(DEFECT_RELEASED_EARLY))
		release_to(receiver, receiver->hot.position + 1);
	if (*size)
		memcpy(out, bytes, *size);
	step(receiver);
	if (!receiver->open)
		release_to(receiver, receiver->hot.position);
	else
		atom32_store_rel(&receiver->ring.marks[index], MARK_ACKNOWLEDGED);
	return STOA_OK;
}

int ring_pop(struct ring_receiver *receiver, void *out, uint64_t room, bool drain, uint64_t *size)
{
	int rc = stoa_hot_pop(&receiver->hot, out, room, size);

	return likely(rc != STOA_HOT_LONG) ? STOA_OK : pop_long(receiver, out, room, drain, size);
}

size_t ring_pop_many(struct ring_receiver *receiver, void *out, uint64_t room, size_t count)
{
	struct stoa_hot_end *hot = &receiver->hot;
	size_t n = room >= hot->size && short_way_open(STOA_HOT_WRITABLE(hot)) ? run_of(hot, count) : 0;

	if (!n)
		return 0;
	if (DEFECT(DEFECT_RUN_RELEASED_EARLY))
		release_to(receiver, hot->position + n);
	copy_run(out, room, hot->at, hot->stride, hot->size, n);
	go_on(hot, n);
	release_to(receiver, hot->position);
	return n;
}

static uint32_t idle_hold(const struct ring_receiver *receiver)
{
	uint32_t k = 0;

	while (k < receiver->ring.holds && receiver->holds[k].state != RING_IDLE)
		k++;
	return k;
}

/* Fills in what the lease of hold k shows; stages it where its place is not aligned. */
static int show(const struct ring_receiver *receiver, uint32_t k, struct ring_message *message)
{
	const struct ring *ring = &receiver->ring;
	const struct ring_hold *hold = &receiver->holds[k];
	const uint8_t *bytes;
	int rc = message_at(ring, hold->position % ring->capacity, &bytes, &message->size);

	if (rc != STOA_OK)
		return rc;
	if (receiver->staging)
		bytes = memcpy(receiver->staging + (size_t)k * IN_PLACE_MAX, bytes, message->size);
	message->bytes = bytes;
	message->position = hold->position;
	message->deliveries = hold->deliveries;
	return STOA_OK;
}

int ring_take(struct ring_receiver *receiver, bool drain, uint32_t *k, struct ring_message *message)
{
	int rc;

	if (receiver->returned) {
		*k = first_returned(receiver);
		lease_again(receiver, *k);
		return show(receiver, *k, message);
	}
	*k = idle_hold(receiver);
	if (*k == receiver->ring.holds)
		return -ENOBUFS;
	rc = look_for_one(receiver, drain);
	if (rc != STOA_OK)
		return rc;
	if (!receiver->open)
		receiver->released = receiver->hot.position;
	receiver->holds[*k] = (struct ring_hold){ .position = receiver->hot.position, .deliveries = 1 };
	mark_taken(receiver, index_of(&receiver->hot));
	rc = show(receiver, *k, message);
	if (rc != STOA_OK)
		return rc;
	receiver->holds[*k].state = RING_LEASED;
	receiver->open++;
	step(receiver);
	return STOA_OK;
}

void ring_release(struct ring_receiver *receiver, uint32_t k)
{
	struct ring_hold *hold = &receiver->holds[k];

	hold->state = RING_IDLE;
	receiver->open--;
	if (hold->position == receiver->released || DEFECT(DEFECT_LEASE_FREED))
		release_from(receiver, hold->position + 1);
	else
		atom32_store_rel(mark(&receiver->ring, hold->position), MARK_ACKNOWLEDGED);
	choose_way_out(receiver);
}

void ring_return(struct ring_receiver *receiver, uint32_t k)
{
	struct ring_hold *hold = &receiver->holds[k];

	atom32_store_rel(mark(&receiver->ring, hold->position),
	                 (hold->deliveries & MARK_COUNT) | MARK_RETURNED);
	hold->state = RING_RETURNED;
	receiver->returned++;
}
