/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * inspect.c - who holds what, and who waits: looks at the words of every kind, and writes none.
 *
 * A holder is whoever a word names: the role words of handles, the two `sole` words of an SPSC ring, permits,
 * seats, the word of a lock.  Each of them changes with every claim, and so does a slot's intent with every lease;
 * a mark is made of these words.
 */
#include <errno.h>

#include <stoa/array.h>
#include <stoa/inspect.h>

#include "queue.h"
#include "sync.h"
#include "value.h"

struct telling {
	int (*each)(void *context, const struct stoa_holder_info *holder);
	void *context;
};

static int tell(const struct telling *telling, uint32_t role, uint32_t participant, uint64_t held,
                uint64_t mark)
{
	struct stoa_holder_info holder = {
		.struct_size = sizeof holder,
		.role = role,
		.participant = participant,
		.held = held,
		.mark = mark,
	};

	return telling->each(telling->context, &holder);
}

/* Another number for another set of words. */
static uint64_t mix(uint64_t mark, uint64_t word)
{
	return (mark ^ word) * 0x100000001b3u;
}

/* ---- handles ---- */

/* Whether the slot may hold a message that is not acknowledged. */
static bool leases(uint64_t intent, uint64_t orphan)
{
	if (intent_kind(intent) == INTENT_TAKE)
		return !(intent & INTENT_ACKNOWLEDGED);
	return intent_kind(intent) == INTENT_REDELIVER && orphan_state(orphan) == ORPHAN_RETAKEN &&
	       orphan_lap(orphan) == intent_got(intent);
}

static int handle_holds(const struct exchange *exchange, uint32_t i, const struct telling *telling)
{
	static const uint32_t roles[] = {
		[ROLE_SENDER] = STOA_ROLE_SENDER,
		[ROLE_RECEIVER] = STOA_ROLE_RECEIVER,
		[ROLE_WRITER] = STOA_ROLE_WRITER,
	};
	uint64_t role = atom64_load_acq(&exchange_handle(exchange, i)->role);
	uint64_t held = 0, mark = mix(0, role);

	if (role_of(role) < ROLE_SENDER || role_of(role) > ROLE_WRITER)
		return 0;
	for (uint32_t k = 0; role_of(role) == ROLE_RECEIVER && k < exchange->holds; k++) {
		struct exchange_slot *slot = exchange_slot(exchange, i, k);
		uint64_t intent = atom64_load_acq(&slot->intent), orphan = atom64_load_acq(&slot->orphan);

		if (!leases(intent, orphan))
			continue;
		held++;
		mark = mix(mix(mark, intent), atom64_load_acq(&slot->wraps) + k);
	}
	return tell(telling, roles[role_of(role)], role_owner(role), held, mark);
}

static int handles_hold(const struct exchange *exchange, const struct telling *telling)
{
	int rc = 0;

	for (uint32_t i = 0; i < exchange->handle_count && !rc; i++)
		rc = handle_holds(exchange, i, telling);
	return rc;
}

/* ---- the SPSC ring ---- */

/* What its receiver holds: the same places as ring_stat(), and which they are. */
static uint64_t ring_leases(const struct ring *ring, uint64_t *mark)
{
	uint64_t released = atom64_load_acq(&ring->shared->released);
	uint64_t taken = atom64_load_acq(&ring->shared->taken), held = 0;

	if (taken < released || taken - released > ring->capacity)
		return 0;
	for (uint64_t p = released; p < taken; p++) {
		uint32_t word = atom32_load_acq(&ring->marks[p % ring->capacity]);

		if (word == MARK_ACKNOWLEDGED || (word & MARK_RETURNED))
			continue;
		held++;
		*mark = mix(*mark, p);
	}
	return held;
}

static int ring_holds(const struct queue_view *view, const struct telling *telling)
{
	for (unsigned end = QUEUE_SENDS; end <= QUEUE_RECEIVES; end++) {
		uint64_t role = atom64_load_acq(&view->shared->sole[end]), held = 0, mark = mix(0, role);
		int rc;

		if (role_of(role) == ROLE_FREE)
			continue;
		if (end == QUEUE_RECEIVES)
			held = ring_leases(&view->ring, &mark);
		rc = tell(telling, end == QUEUE_SENDS ? STOA_ROLE_SENDER : STOA_ROLE_RECEIVER,
		          role_owner(role), held, mark);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- all kinds ---- */

static int queue_holders(struct stoa_segment *segment, void *start, uint64_t room,
                         const struct telling *telling)
{
	struct queue_view view;
	int rc = queue_view_open(&view, segment, start, room);

	if (rc)
		return rc;
	return view.spsc ? ring_holds(&view, telling) : handles_hold(&view.xring.exchange, telling);
}

static int cell_holders(void *start, uint64_t room, const struct telling *telling)
{
	struct value_cell cell;
	int rc = cell_view(&cell, start, room);

	return rc ? rc : handles_hold(&cell.exchange, telling);
}

static int value_holders(uint32_t kind, void *start, uint64_t room, const struct telling *telling)
{
	const struct array_layout *array = start;
	const struct value_layout *value = start;

	if (kind == STOA_KIND_VALUE) {
		if (room < sizeof *value)
			return -EBADMSG;
		return elem32_load_rlx(&value->type) == STOA_BYTES ? cell_holders(start, room, telling) : 0;
	}
	if (room < sizeof *array)
		return -EBADMSG;
	if (!(elem32_load_rlx(&array->flags) & STOA_ATOMIC_RANGES))
		return 0;
	return cell_holders((uint8_t *)start + sizeof *array, room - sizeof *array, telling);
}

static int sync_holders(void *start, uint64_t room, const struct telling *telling)
{
	struct sync sync;
	uint64_t word;
	int rc = 0;

	if (!sync_view(start, room, &sync))
		return -EBADMSG;
	word = atom64_load_seq(&sync.shared->word);
	if (sync.kind == STOA_KIND_LOCK && (word & 3) == LOCK_HELD)
		return tell(telling, STOA_ROLE_OWNER, word >> 2 & 0xffff, 1, word);
	for (uint32_t i = 0; i < sync.cell_count && !rc; i++) {
		uint64_t cell = atom64_load_seq(&sync.cells[i]);

		if (sync.kind == STOA_KIND_SEMAPHORE && (cell & 0xff) == PERMIT_HELD)
			rc = tell(telling, STOA_ROLE_PERMIT, cell >> 8 & 0xffff, 1, mix(i, cell));
		else if (sync.kind == STOA_KIND_BARRIER && (cell & 3) == SEAT_TAKEN &&
		         ((cell >> 18 ^ word) & ((1u << ROUND_BITS) - 1)) == 0)
			rc = tell(telling, STOA_ROLE_PARTY, cell >> 2 & 0xffff, 1, mix(i, cell));
	}
	return rc;
}

int stoa_segment_holders(struct stoa_segment *segment, uint32_t index,
                         int (*each)(void *context, const struct stoa_holder_info *holder), void *context)
{
	const struct telling telling = { each, context };
	uint32_t kind;
	uint64_t room;
	void *start;
	int rc;

	if (!segment || !each)
		return -EINVAL;
	rc = object_at(segment, index, &kind, &start, &room);
	if (rc)
		return rc;
	if (kind == STOA_KIND_QUEUE)
		return queue_holders(segment, start, room, &telling);
	if (kind == STOA_KIND_VALUE || kind == STOA_KIND_ARRAY)
		return value_holders(kind, start, room, &telling);
	return sync_holders(start, room, &telling);
}

/* ---- event words ---- */

static int wait_at(const struct stoa_segment *segment, const struct event_word *event, uint32_t what,
                   struct stoa_wait_info *info)
{
	uint32_t word = atom32_load_seq(&event->word);
	struct stoa_wait_info own = {
		.what = what,
		.announced = word & EVENT_SOMEBODY,
		.wakes = word >> 2, /* behind the two bits: event.h */
		.offset = (uint64_t)((const uint8_t *)&event->word - segment->base),
	};

	return info_copy(info, &own, sizeof own);
}

int stoa_segment_wait(const struct stoa_segment *segment, uint32_t index, uint32_t n,
                      struct stoa_wait_info *info)
{
	uint32_t kind;
	uint64_t room;
	void *start;
	int rc;

	if (!segment || !info)
		return -EINVAL;
	rc = object_at(segment, index, &kind, &start, &room);
	if (rc)
		return rc;
	if (kind == STOA_KIND_ARRAY || n > (kind == STOA_KIND_QUEUE))
		return -ENOENT;
	if (kind == STOA_KIND_QUEUE) {
		const struct queue_layout *queue = start;

		if (room < sizeof *queue)
			return -EBADMSG;
		return wait_at(segment, n ? &queue->writable : &queue->readable,
		               n ? STOA_WAIT_WRITABLE : STOA_WAIT_READABLE, info);
	}
	if (kind == STOA_KIND_VALUE) {
		const struct value_layout *value = start;

		return room < sizeof *value ? -EBADMSG
		                            : wait_at(segment, &value->changed, STOA_WAIT_CHANGED, info);
	}
	if (room < sizeof(struct sync_layout))
		return -EBADMSG;
	return wait_at(segment, &((const struct sync_layout *)start)->changed, STOA_WAIT_CHANGED, info);
}
